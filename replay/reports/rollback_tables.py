"""The answer of `writ rollback` as tables: what every form of it shows, and CSV and Parquet hold.

Amounts of two currencies stand in two rows, or in a column of their own with the currency beside.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from contracts.instants import moment, written
from replay.exposure import Amount, by_entity
from replay.history import Act
from replay.reports.rollback_words import MEANS
from replay.rollback_classes import RESIDUAL, Class, Fate
from replay.rolled_back import RolledBack
from replay.scopes import SAYS
from replay.tables import Cell, Column, Kind, Table

SECOND: Final = 1_000_000
_VALUE: Final = (
    Column("currency", "in"),
    Column("value_micros", "Value", Kind.MICROS),
)


def tables(found: RolledBack) -> list[Table]:
    """Return all tables, the plan first."""
    return [
        plan_table(found),
        class_table(found),
        tool_table(found),
        residual_table(found),
        conflict_table(found),
        scope_table(found),
        blast_table(found),
        action_table(found),
    ]


def _time(micros: int | None) -> str:
    return "" if micros is None else written(moment(micros))


def _value(act: Act) -> tuple[Cell, Cell]:
    return ("", None) if act.value is None else (act.value.currency, act.value.micros)


def _rows(part: Amount) -> Iterator[tuple[Cell, Cell]]:
    """Yield currency and sum, at least one row."""
    yield from sorted(part.micros.items())
    if not part.micros:
        yield "", None


def plan_table(found: RolledBack) -> Table:
    """Return the plan's calls in the order in which they are made."""
    columns = (
        Column("step", "Step", Kind.COUNT),
        Column("entry", "Takes back", Kind.COUNT),
        Column("run", "Run"),
        Column("tool", "Tool"),
        Column("target", "Target"),
        *_VALUE,
        Column("class", "Class"),
        Column("call", "Call"),
        Column("params", "Parameters"),
        Column("call_target", "Its target"),
        Column("idempotency_key", "Key"),
        Column("decision", "Decision"),
        Column("approvals", "Needs"),
        Column("cost_currency", "in"),
        Column("cost_micros", "Cost", Kind.MICROS),
        Column("window_seconds", "Window left, s", Kind.NUMBER),
        Column("after", "After"),
        Column("proposed", "Proposed at", Kind.COUNT),
    )
    rows = tuple(_step(found, number, fate) for number, fate in enumerate(found.plan.steps, 1))
    note = "In this order; nothing goes before what depends on it. Each call is decided alone."
    return Table("plan", "The plan", columns, rows, note)


def _step(found: RolledBack, number: int, fate: Fate) -> tuple[Cell, ...]:
    act, call = found.act(fate), fate.call
    if call is None:
        raise LookupError(f"act {fate.number} has no call")
    cost = ("", None) if call.cost is None else (call.cost.currency, call.cost.micros)
    return (
        number,
        act.index,
        found.run_of(act),
        act.tool,
        act.target,
        *_value(act),
        fate.kind.value,
        call.tool,
        json.dumps(call.params, ensure_ascii=False, sort_keys=True, default=str),
        call.target,
        call.key,
        call.effect,
        "; ".join(f"{one.role} ({one.rule})" for one in call.approvals),
        *cost,
        None if fate.left is None else fate.left / SECOND,
        _entries(found, fate.after),
        found.waiting.get(fate.number),
    )


def _entries(found: RolledBack, places: Sequence[int]) -> str:
    return ", ".join(str(found.plan.acts[place].index) for place in places)


def class_table(found: RolledBack) -> Table:
    """Return what the chosen actions come to by class; every class is there."""
    columns = (
        Column("class", "Class"),
        Column("actions", "Actions", Kind.COUNT),
        *_VALUE,
        Column("unvalued", "No value rec.", Kind.COUNT),
        Column("means", "Means"),
    )
    rows = tuple(
        (kind.value, part.acts, *sums, part.unvalued, MEANS[kind])
        for kind, part in found.plan.amounts.items()
        for sums in _rows(part)
    )
    note = (
        "The last three are apart from what was executed and in no sum. A row a currency: counts "
        "are repeated."
    )
    return Table("classes", "What becomes of the actions", columns, rows, note)


def tool_table(found: RolledBack) -> Table:
    """Return the executed actions by tool and class, and which had no undo at all."""
    columns = (
        Column("tool", "Tool"),
        Column("class", "Class"),
        Column("actions", "Actions", Kind.COUNT),
        *_VALUE,
        Column("unvalued", "No value rec.", Kind.COUNT),
    )
    rows = tuple(
        (tool, kind.value, classes[kind].acts, *sums, classes[kind].unvalued)
        for tool, classes in found.by_tool().items()
        for kind in Class
        if kind in classes
        for sums in _rows(classes[kind])
    )
    return Table("tools", "By tool", columns, rows)


def residual_table(found: RolledBack) -> Table:
    """Return what stays by entity and currency, the most first."""
    columns = (
        Column("entity", "Entity"),
        *_VALUE,
        Column("actions", "Actions", Kind.COUNT),
        Column("unvalued", "No value rec.", Kind.COUNT),
        Column("classes", "Why"),
    )
    whys: dict[str, set[str]] = {}
    for fate in found.plan.fates:
        if fate.kind in RESIDUAL:
            whys.setdefault(found.act(fate).target, set()).add(fate.kind.value)
    rows = tuple(
        (entity or "(none)", *sums, part.acts, part.unvalued, ", ".join(sorted(whys[entity])))
        for entity, part in by_entity(found.plan.of(RESIDUAL)).items()
        for sums in _rows(part)
    )
    return Table("residual", "Residual exposure by entity", columns, rows)


def conflict_table(found: RolledBack) -> Table:
    """Return what is blocked, and by what."""
    columns = (
        Column("entry", "Blocked", Kind.COUNT),
        Column("tool", "Tool"),
        Column("target", "Target"),
        *_VALUE,
        Column("by", "By entry", Kind.COUNT),
        Column("by_tool", "Which is"),
        Column("link", "Because"),
        Column("detail", "Of"),
        Column("direct", "Directly"),
    )
    acts = found.plan.acts
    rows = tuple(
        (
            found.act(fate).index,
            found.act(fate).tool,
            found.act(fate).target,
            *_value(found.act(fate)),
            acts[one.by].index,
            acts[one.by].tool,
            one.link.value,
            one.detail,
            "yes" if one.direct else "through others",
        )
        for fate in found.plan.fates
        if fate.kind is Class.BLOCKED
        for one in fate.conflicts
    )
    note = "A later action that stays and depends on an earlier one keeps it from being undone."
    return Table("conflicts", "Conflicts", columns, rows, note)


def scope_table(found: RolledBack) -> Table:
    """Return the scopes side by side."""
    columns = (
        Column("scope", "Scope"),
        Column("means", "Takes back"),
        Column("executed", "Executed", Kind.COUNT),
        Column("steps", "Calls", Kind.COUNT),
        Column("approvals", "Approvals", Kind.COUNT),
        Column("currency", "in"),
        Column("recovered_micros", "Recovered", Kind.MICROS),
        Column("taken_back_micros", "Already back", Kind.MICROS),
        Column("residual_micros", "Residual", Kind.MICROS),
        Column("residual", "Actions that stay", Kind.COUNT),
        Column("collateral", "Not chosen, undone", Kind.COUNT),
        Column("collateral_micros", "Their value", Kind.MICROS),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in found.scopes:
        plan = one.plan
        back = plan.amount(Class.TAKEN_BACK)
        rows += [
            (
                one.scope.value,
                SAYS[one.scope],
                plan.executed.acts,
                len(plan.steps),
                sum(plan.approvals.values()),
                currency,
                plan.recovered.micros.get(currency, 0),
                back.micros.get(currency, 0),
                plan.residual.micros.get(currency, 0),
                plan.residual.acts,
                one.collateral.acts,
                one.collateral.micros.get(currency, 0),
            )
            for currency in sorted(plan.executed.micros) or [""]
        ]
    reach = "; ".join(f"{scope.value}: {says}" for scope, says in SAYS.items())
    note = (
        "Recovered, already back and residual add up to what was executed. A row a currency. "
        f"{reach}."
    )
    return Table("scopes", "How far to reach", columns, tuple(rows), note)


def blast_table(found: RolledBack) -> Table:
    """Return how far the actions had got when."""
    columns = (
        Column("time", "Switch pulled at"),
        Column("entry", "Last entry", Kind.COUNT),
        Column("entities", "Entities", Kind.COUNT),
        Column("runs", "Runs", Kind.COUNT),
        Column("done", "Done", Kind.COUNT),
        Column("prevented", "Prevented", Kind.COUNT),
        Column("currency", "in"),
        Column("done_micros", "Done", Kind.MICROS),
        Column("prevented_micros", "Prevented", Kind.MICROS),
    )
    rows = tuple(
        (
            _time(one.at),
            one.entry,
            one.entities,
            one.runs,
            one.done.acts,
            one.prevented.acts,
            currency,
            one.done.micros.get(currency, 0),
            one.prevented.micros.get(currency, 0),
        )
        for one in found.blast.curve
        for currency in sorted(found.plan.executed.micros) or [""]
    )
    return Table("blast", "Blast radius", columns, rows)


def action_table(found: RolledBack) -> Table:
    """Return each chosen action that was executed, or may have been, with its class."""
    columns = (
        Column("entry", "Entry", Kind.COUNT),
        Column("time", "Time"),
        Column("run", "Run"),
        Column("by", "By"),
        Column("tool", "Tool"),
        Column("target", "Target"),
        *_VALUE,
        Column("status", "Outcome"),
        Column("class", "Class"),
        Column("why", "Why"),
        Column("governed", "Contract says so"),
        Column("call", "Call"),
        Column("decision", "Decision"),
    )
    rows = tuple(_action(found, fate) for fate in found.plan.fates)
    return Table("actions", "The actions", columns, rows)


def _action(found: RolledBack, fate: Fate) -> tuple[Cell, ...]:
    act, call = found.act(fate), fate.call
    return (
        act.index,
        _time(act.time),
        found.run_of(act),
        act.by,
        act.tool,
        act.target,
        *_value(act),
        act.status,
        fate.kind.value,
        fate.why,
        "no" if fate.ungoverned else "yes",
        "" if call is None else call.tool,
        "" if call is None else call.effect,
    )
