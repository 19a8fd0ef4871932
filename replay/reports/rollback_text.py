"""A rollback for people at a terminal."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from replay.reports.rollback_tables import (
    classes_table,
    conflicts_table,
    curve_table,
    entities_table,
    plan_table,
    reasons_table,
    scopes_table,
)
from replay.reports.rollback_words import LIMITS, basis, lead, title
from replay.rollback_answer import Answer
from replay.tables import Table, as_text

SHOWN: Final = 12
"""Rows of a table that are shown; JSON has all."""


def text_rollback(answer: Answer) -> str:
    """Return the report as text, ended by a newline."""
    return "\n".join(_lines(answer))


def _lines(answer: Answer) -> Iterator[str]:
    yield f"Rollback: {title(answer)}"
    for line in lead(answer):
        yield f"  {line}"
    yield f"  {basis(answer)}"
    yield ""
    yield as_text(classes_table(answer))
    for table in (plan_table, conflicts_table, reasons_table, entities_table):
        made = table(answer)
        if made.rows:
            yield as_text(_cut(made))
    yield as_text(scopes_table(answer))
    curve = curve_table(answer)
    if curve.rows:
        yield as_text(_thinned(curve))
    yield "What this does not prove"
    yield from (f"  - {limit}" for limit in LIMITS)
    yield ""


def _cut(table: Table) -> Table:
    left = len(table.rows) - SHOWN
    if left <= 0:
        return table
    note = f"and {left:,} more: --format json has all"
    return replace(table, rows=table.rows[:SHOWN], note=note)


def _thinned(table: Table) -> Table:
    """Return about ten rows of a curve, evenly, with the last one."""
    step = max(1, len(table.rows) // 10)
    return replace(table, rows=tuple(reversed(table.rows[::-1][::step])))
