"""The answer of `writ value` for people at a terminal: the answer first, then the tables."""

from collections.abc import Iterator, Sequence

from replay.reports.value_tables import INTERVALS, attempt_table, marginal_table, tool_table
from replay.reports.value_words import headline, limits, sentences
from replay.tables import UNSAID, Cell, Column, Kind, Table, amount, as_text, number
from replay.value import Group, Ratio
from replay.valued import Valued
from verifier.reports.text import printable

SHOWN = 12
"""Rows of the marginal curve in a text; the other forms have all."""


def value_text(found: Valued) -> str:
    """Return the answer as text, ended by a newline."""
    asked = "; ".join(found.asked) or "the whole ledger"
    head = [
        f"Value: {headline(found)}",
        (
            f"Of {printable(asked)} · {found.report.ledger.size:,} entries · "
            f"trust: {found.report.integrity.trust}"
        ),
        "",
        *sentences(found),
    ]
    shown = [as_text(table) for table in people_tables(found)]
    closing = ["What this does not prove", *(f"  - {each}" for each in limits(found))]
    return "\n".join(["\n".join(head) + "\n", *shown, "\n".join(closing) + "\n"])


def people_tables(found: Valued, shown: int = SHOWN) -> Iterator[Table]:
    """Yield the tables that people read: ratios and their intervals in one cell."""
    for by, groups in found.groups.items():
        yield people_table(by, groups)
    if found.tools is not None:
        yield tool_table(found)
    yield attempt_table(found)
    if found.marginal:
        yield marginal_table(found.marginal[:shown])


def people_table(by: str, groups: Sequence[Group]) -> Table:
    """Return groups with one row for each currency."""
    columns = (
        Column("key", by.capitalize()),
        Column("runs", "Runs", Kind.COUNT),
        Column("succeeded", "Succeeded", Kind.COUNT),
        Column("currency", "in"),
        Column("cost", "Cost", Kind.MICROS),
        Column("value", "Value", Kind.MICROS),
        Column("cost_per_success", "Cost per success"),
        Column("value_per_cost", "Value per cost"),
        Column("unrecorded", "Cost not recorded", Kind.COUNT),
    )
    rows = [row for group in groups for row in _rows(group)]
    return Table(by, f"By {by}", columns, tuple(rows), INTERVALS)


def _rows(group: Group) -> Iterator[tuple[Cell, ...]]:
    missing = group.left_out[0]
    counts: tuple[Cell, ...] = (group.key, group.runs, group.succeeded)
    currencies = sorted({*group.cost, *group.values})
    for currency in currencies or [""]:
        yield (
            *counts,
            currency,
            group.cost.get(currency),
            group.values.get(currency),
            _ratio(group.per_success.get(currency), money=True),
            _ratio(group.per_cost.get(currency), money=False),
            missing,
        )


def _ratio(found: Ratio | None, *, money: bool) -> str:
    """Return a ratio with its interval, short."""
    if found is None or found.value is None:
        return UNSAID
    show = amount if money else number
    if found.interval is None:
        return f"{show(found.value)} (n = {found.n:,}, too few)"
    between = f"{show(found.interval.low)} to {show(found.interval.high)}"
    return f"{show(found.value)} ({between}, n = {found.n:,})"
