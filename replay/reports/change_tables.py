"""The answer of `writ change` as tables: all comparisons, decisions, and the rules that moved."""

from typing import Final

from replay.change import Change, short
from replay.change_measures import Changed, Compared, Effect, Tells
from replay.tables import UNSAID, Cell, Column, Kind, Table, amount, number

_CHANGE: Final = (
    Column("service", "Service"),
    Column("attribute", "What changed"),
    Column("before", "From"),
    Column("after", "To"),
    Column("entry", "Entry", Kind.COUNT),
)


def _change(change: Change) -> tuple[Cell, ...]:
    return change.service, change.attribute, change.before, change.after, change.index


def tables(found: Changed) -> list[Table]:
    """Return all tables: a row a comparison, a decision and a rule of each change."""
    return [_changes(found), _comparisons(found), _decisions(found), _rules(found)]


def _changes(found: Changed) -> Table:
    columns = (
        *_CHANGE,
        Column("channels", "Channels"),
        Column("runs_before", "Runs before", Kind.COUNT),
        Column("runs_after", "Runs after", Kind.COUNT),
        Column("beside", "Also changed"),
    )
    rows = tuple(
        (
            *_change(each.change),
            ", ".join(each.change.channels),
            len(each.change.runs[0]),
            len(each.change.runs[1]),
            "; ".join(each.change.beside),
        )
        for each in found.effects
    )
    return Table("changes", "Changes", columns, rows)


def _comparisons(found: Changed) -> Table:
    columns = (
        *_CHANGE,
        Column("measure", "Measure"),
        Column("unit", "in"),
        Column("n_before", "n before", Kind.COUNT),
        Column("n_after", "n after", Kind.COUNT),
        Column("value_before", "Before", Kind.NUMBER),
        Column("value_after", "After", Kind.NUMBER),
        Column("difference_low", "from", Kind.NUMBER),
        Column("difference_high", "to", Kind.NUMBER),
        Column("tells", "Tells"),
    )
    rows = tuple(
        (
            *_change(each.change),
            one.measure,
            one.unit,
            *one.n,
            one.before,
            one.after,
            one.interval.low if one.interval else None,
            one.interval.high if one.interval else None,
            one.tells.value,
        )
        for each in found.effects
        for one in each.compared
    )
    return Table("comparisons", "Before and after", columns, rows)


def _decisions(found: Changed) -> Table:
    columns = (
        *_CHANGE,
        Column("decision", "Decision"),
        Column("actions_before", "Actions before", Kind.COUNT),
        Column("actions_after", "Actions after", Kind.COUNT),
    )
    rows = tuple(
        (*_change(each.change), name or "(none)", *counts)
        for each in found.effects
        for name, counts in each.decisions.items()
    )
    return Table("decisions", "Decisions", columns, rows)


def _rules(found: Changed) -> Table:
    columns = (
        *_CHANGE,
        Column("rule", "Rule"),
        Column("findings_before", "Findings before", Kind.COUNT),
        Column("findings_after", "Findings after", Kind.COUNT),
    )
    rows = tuple((*_change(each.change), *moved) for each in found.effects for moved in each.rules)
    return Table("rules", "Rules whose findings moved most", columns, rows)


# ---------------------------------------------------------------------------- for people


def people_table(effect: Effect) -> Table:
    """Return one change's comparisons, with the difference and its interval in one cell."""
    columns = (
        Column("measure", "Measure"),
        Column("before", "Before"),
        Column("after", "After"),
        Column("difference", "Difference (95 %)"),
        Column("n", "n"),
        Column("tells", "Tells"),
    )
    rows = tuple(
        (
            one.measure,
            figure(one, one.before),
            figure(one, one.after),
            _difference(one),
            f"{one.n[0]:,} and {one.n[1]:,}",
            one.tells.value if one.tells is Tells.NOTHING else one.tells.value.upper(),
        )
        for one in effect.compared
    )
    return Table("comparisons", "", columns, rows)


def figure(one: Compared, value: float | None) -> str:
    """Return a rate in percent, an amount in its currency, or a number."""
    if value is None:
        return UNSAID
    if one.unit == "share":
        return f"{value * 100:.1f} %"
    return number(round(value, 4)) if one.unit == "number" else f"{amount(value)} {one.unit}"


def _difference(one: Compared) -> str:
    if one.interval is None or one.before is None or one.after is None:
        return UNSAID
    values = (one.after - one.before, one.interval.low, one.interval.high)
    middle, low, high = (_signed(one, value) for value in values)
    return f"{middle} ({low} to {high})"


def _signed(one: Compared, value: float) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    if one.unit == "share":
        return f"{sign}{abs(value) * 100:.1f}"
    return sign + (amount(abs(value)) if one.unit != "number" else f"{abs(value):.3g}")


def decided(effect: Effect) -> str:
    """Return the decisions before and after in a line."""
    sides = [
        ", ".join(f"{counts[side]:,} {name or 'without'}" for name, counts in _some(effect))
        for side in (0, 1)
    ]
    return f"Decisions of actions: {sides[0]}; then {sides[1]}."


def _some(effect: Effect) -> list[tuple[str, tuple[int, int]]]:
    return [(name, counts) for name, counts in effect.decisions.items() if any(counts)]


def moved(effect: Effect) -> str:
    """Return the rules that moved most in a line; empty where none was broken."""
    rules = ", ".join(f"{rule} {before:,} → {after:,}" for rule, before, after in effect.rules)
    return f"Findings by rule, before → after: {rules}." if rules else ""


def called(change: Change) -> str:
    """Return a change in a line: what, where, since when, and over how many runs."""
    before, after = change.runs
    return (
        f"{change.name} · {short(change.service)} · {', '.join(change.channels)} · from entry "
        f"{change.index:,} · {len(before):,} runs before, {len(after):,} after"
    )
