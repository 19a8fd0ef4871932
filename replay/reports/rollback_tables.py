"""The tables of a rollback. Source: docs/spec/rollback.md, *The report*."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from contracts.instants import moment
from replay.exposure import Amount, by_entity
from replay.history import Act
from replay.rollback import AT_STAKE, STAYS, TAKEN, Class, Fate
from replay.rollback_answer import Answer
from replay.tables import Cell, Column, Kind, Table, amount

_MEANS: Final = {
    Class.REVERSIBLE: "the contract allows its compensation, and nothing later rests on it",
    Class.COMPENSABLE: "as well, once what rests on it is taken back: the plan does that before",
    Class.BLOCKED: "something later rests on it, and stays",
    Class.REFUSED: "the contract in force does not allow its compensation",
    Class.EXPIRED: "the time in which it could be taken back is over",
    Class.IRREVERSIBLE: "the contract says so, or names no way back",
    Class.UNKNOWN: "whether it was done, or whether it can be taken back, is not recorded",
    Class.DONE: "it was taken back before",
    Class.UNDO: "it took something back",
    Class.HARMLESS: "it only read or proposed, or it failed",
}


def time_of(at: int | None) -> str:
    """Return a time as reports write it, to the second; empty where there is none."""
    return "" if at is None else f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"


def money_of(found: Amount) -> str:
    """Return amounts in words: each currency by itself, and how many have none recorded.

    Example:
        >>> money_of(Amount(3, {"EUR": 12_500_000}, 1))
        'EUR 12.50 (1 without a recorded value)'
    """
    told = [f"{name} {amount(value)}" for name, value in sorted(found.micros.items())]
    words = " + ".join(told) or "no recorded value"
    if found.unvalued and told:
        words += f" ({found.unvalued:,} without a recorded value)"
    return words


def currencies(answer: Answer) -> list[str]:
    """Return the currencies of what was chosen."""
    found: set[str] = set()
    for plan in answer.scopes.values():
        for each in plan.amounts.values():
            found |= each.micros.keys()
    return sorted(found)


def _money_columns(names: Iterable[str], what: str = "", word: str = "") -> list[Column]:
    return [Column(f"{what}{name.lower()}_micros", f"{word}{name}", Kind.MICROS) for name in names]


def _cells(found: Amount, names: Iterable[str]) -> list[Cell]:
    """Return an amount by currency; None where nothing was recorded in it."""
    return [found.micros.get(name) for name in names]


def classes_table(answer: Answer) -> Table:
    """Return what the acts are, by class."""
    names = currencies(answer)
    rows = tuple(
        (kind.value, found.acts, *_cells(found, names), found.unvalued, _MEANS[kind])
        for kind, found in answer.plan.amounts.items()
        if found.acts
    )
    columns = (
        Column("class", "Class"),
        Column("actions", "Actions", Kind.COUNT),
        *_money_columns(names),
        Column("unvalued", "No value", Kind.COUNT),
        Column("meaning", "What it means"),
    )
    return Table("classes", "What could be undone", columns, rows)


def plan_table(answer: Answer) -> Table:
    """Return the plan: each call, in the order in which they are made."""
    rows: list[tuple[Cell, ...]] = []
    for place, (act, fate) in enumerate(answer.plan.calls(), start=1):
        call, left = fate.call, fate.left
        if call is None:
            continue
        approvals = ", ".join(f"{one.role} ({one.rule})" for one in call.approvals)
        cost = None if call.cost is None else call.cost.micros
        rows.append(
            (
                place,
                act.index,
                act.tool,
                act.target,
                call.tool,
                _json(call.params),
                approvals,
                cost,
                "" if call.cost is None else call.cost.currency,
                *_value(act),
                None if left is None else round(left / 3.6e9, 1),
            )
        )
    columns = (
        Column("step", "Step", Kind.COUNT),
        Column("entry", "Entry", Kind.COUNT),
        Column("takes_back", "Takes back"),
        Column("target", "Target"),
        Column("tool", "By"),
        Column("params", "Parameters"),
        Column("approvals", "Approvals"),
        Column("cost_micros", "Cost", Kind.MICROS),
        Column("cost_currency", "in"),
        Column("value_micros", "Value", Kind.MICROS),
        Column("value_currency", "in"),
        Column("hours_left", "Hours left", Kind.NUMBER),
    )
    return Table("plan", "The plan, in this order", columns, tuple(rows))


def actions_table(answer: Answer) -> Table:
    """Return every act of the scope that was executed, and what becomes of it."""
    steps = {number: place for place, number in enumerate(answer.plan.steps, start=1)}
    rows = tuple(
        (
            act.index,
            answer.run_of(act),
            act.by,
            act.tool,
            act.target,
            act.version,
            time_of(act.ended_at),
            fate.kind.value,
            int(fate.tolerated),
            *_value(act),
            steps.get(fate.number),
            "" if fate.call is None else fate.call.tool,
            "" if fate.call is None else _json(fate.call.params),
            why(answer, fate),
            None if fate.conflict is None else answer.plan.acts[fate.conflict.by].index,
        )
        for fate in answer.plan.fates
        for act in [answer.plan.acts[fate.number]]
    )
    names = "entry run identity tool target version done_at class tolerated value_micros"
    names += " value_currency step compensation params why blocked_by"
    kinds = {
        "entry": Kind.COUNT,
        "tolerated": Kind.COUNT,
        "value_micros": Kind.MICROS,
        "step": Kind.COUNT,
        "blocked_by": Kind.COUNT,
    }
    columns = tuple(
        Column(name, name.replace("_", " "), kinds.get(name, Kind.TEXT)) for name in names.split()
    )
    return Table("actions", "Every action", columns, rows)


def why(answer: Answer, fate: Fate) -> str:
    """Return why an act has its class, in words; empty where the class says it."""
    if fate.conflict is None:
        return fate.why
    found = fate.conflict
    detail = f" {found.detail}" if found.detail else ""
    through = "" if found.direct else ", through others"
    by = answer.plan.acts[found.by]
    return f"{found.link.value}{detail}: {by.tool} at entry {by.index}{through}"


def conflicts_table(answer: Answer) -> Table:
    """Return what keeps acts from being taken back: blocked ones, and refused calls."""
    rows = tuple(
        (act.index, act.tool, act.target, fate.kind.value, *_value(act), why(answer, fate))
        for fate in answer.plan.fates
        if fate.kind in (Class.BLOCKED, Class.REFUSED)
        for act in [answer.plan.acts[fate.number]]
    )
    columns = (
        Column("entry", "Entry", Kind.COUNT),
        Column("tool", "Action"),
        Column("target", "Target"),
        Column("class", "Class"),
        Column("value_micros", "Value", Kind.MICROS),
        Column("value_currency", "in"),
        Column("why", "Because"),
    )
    return Table("conflicts", "Conflicts", columns, rows)


def reasons_table(answer: Answer) -> Table:
    """Return why what stays does, by how often."""
    counted = Counter(
        (fate.kind, answer.plan.acts[fate.number].tool, _kind_of_why(fate))
        for fate in answer.plan.fates
        if fate.kind in STAYS
    )
    order = sorted(counted, key=lambda one: (-counted[one], one[0].value, one[1], one[2]))
    rows = tuple((kind.value, tool, counted[kind, tool, said], said) for kind, tool, said in order)
    columns = (
        Column("class", "Class"),
        Column("tool", "Action"),
        Column("actions", "Actions", Kind.COUNT),
        Column("why", "Because"),
    )
    return Table("reasons", "Why what stays does", columns, rows)


def _kind_of_why(fate: Fate) -> str:
    return fate.why if fate.conflict is None else fate.conflict.link.value


def entities_table(answer: Answer) -> Table:
    """Return the residual by entity, the greatest first."""
    names = currencies(answer)
    stays = by_entity(answer.plan.of(STAYS))
    taken = by_entity(answer.plan.of(TAKEN))
    rows = tuple(
        (
            name or "(no target)",
            found.acts,
            *_cells(found, names),
            found.unvalued,
            taken[name].acts if name in taken else 0,
        )
        for name, found in stays.items()
    )
    columns = (
        Column("entity", "Entity"),
        Column("actions", "Stay", Kind.COUNT),
        *_money_columns(names),
        Column("unvalued", "No value", Kind.COUNT),
        Column("taken_back", "Taken back", Kind.COUNT),
    )
    return Table("residual", "Residual exposure by entity", columns, rows)


def scopes_table(answer: Answer) -> Table:
    """Return what each scope comes to."""
    names = currencies(answer)
    rows = tuple(
        (
            scope.value,
            len(plan.of(AT_STAKE)),
            len(plan.steps),
            *_cells(plan.recovered, names),
            plan.residual.acts,
            *_cells(plan.residual, names),
            plan.amounts[Class.BLOCKED].acts,
            plan.tolerated.acts,
        )
        for scope, plan in answer.scopes.items()
    )
    columns = (
        Column("scope", "Scope"),
        Column("at_stake", "At stake", Kind.COUNT),
        Column("steps", "Calls", Kind.COUNT),
        *_money_columns(names, "recovered_", "Back "),
        Column("residual", "Stay", Kind.COUNT),
        *_money_columns(names, "residual_", "Stays "),
        Column("blocked", "Blocked", Kind.COUNT),
        Column("tolerated", "Tolerated", Kind.COUNT),
    )
    return Table("scopes", "How far to reach", columns, rows)


def curve_table(answer: Answer) -> Table:
    """Return how far the acts had got when."""
    names = sorted({name for one in answer.blast.curve for name in one.amount.micros})
    rows = tuple(
        (
            time_of(one.at),
            one.amount.acts,
            one.entities,
            one.runs,
            *_cells(one.amount, names),
            one.amount.unvalued,
        )
        for one in answer.blast.curve
    )
    columns = (
        Column("stopped_at", "Stopped at"),
        Column("actions", "Actions", Kind.COUNT),
        Column("entities", "Entities", Kind.COUNT),
        Column("runs", "Runs", Kind.COUNT),
        *_money_columns(names),
        Column("unvalued", "No value", Kind.COUNT),
    )
    return Table("blast", "Blast radius, had all been stopped then", columns, rows)


def tables(answer: Answer) -> Sequence[Table]:
    """Return all tables, as JSON has them."""
    return (
        classes_table(answer),
        plan_table(answer),
        conflicts_table(answer),
        reasons_table(answer),
        entities_table(answer),
        scopes_table(answer),
        curve_table(answer),
        actions_table(answer),
    )


def _value(act: Act) -> tuple[Cell, Cell]:
    return (None, "") if act.value is None else (act.value.micros, act.value.currency)


def _json(params: object) -> str:
    return json.dumps(params, ensure_ascii=False, sort_keys=True, default=str)
