"""A rollback as one page with charts."""

from dataclasses import replace

from contracts.instants import moment
from replay.charts import Words, bars, line
from replay.exposure import Amount
from replay.pages import Chart, Part, Section, page
from replay.reports.rollback_tables import (
    classes_table,
    conflicts_table,
    currencies,
    curve_table,
    entities_table,
    plan_table,
    reasons_table,
    scopes_table,
    time_of,
)
from replay.reports.rollback_words import LIMITS, basis, lead, title
from replay.rollback import STAYS, TAKEN
from replay.rollback_answer import Answer
from replay.tables import MICROS, Table, amount

ROWS = 200
"""Rows of a table that a page has."""


def html_rollback(answer: Answer) -> str:
    """Return the report as one page, ended by a newline."""
    sections = [
        Section("What could be undone", [*_classes(answer), classes_table(answer)]),
        Section("The plan", [_whole(plan_table(answer), "Nothing can be taken back.")]),
        Section(
            "What stays",
            [
                _whole(reasons_table(answer), "Nothing stays."),
                _whole(entities_table(answer), "No entity is left with anything."),
                _whole(conflicts_table(answer), "There are no conflicts."),
            ],
        ),
        Section("How far to reach", [scopes_table(answer)]),
        Section("Blast radius", _curve(answer)),
    ]
    return page(
        title(answer),
        sections,
        asked=basis(answer),
        lead=list(lead(answer)),
        limits=LIMITS,
    )


def _whole(table: Table, none: str) -> Part:
    if not table.rows:
        return none
    left = len(table.rows) - ROWS
    if left <= 0:
        return table
    return replace(table, rows=table.rows[:ROWS], note=f"and {left:,} more, in JSON")


def _classes(answer: Answer) -> list[Part]:
    """Return a chart for each currency: what each class is worth."""
    found: list[Part] = []
    for name in currencies(answer):
        items = [
            (kind.value, worth.micros[name] / MICROS, f"{name} {amount(worth.micros[name])}")
            for kind, worth in answer.plan.amounts.items()
            if kind in (*TAKEN, *STAYS) and worth.micros.get(name)
        ]
        if items:
            words = Words(
                f"classes-{name.lower()}",
                f"At stake in {name}, by class",
                "What can be taken back, and what stays.",
                name,
            )
            found.append(Chart(bars(items, words)))
    return found


def _curve(answer: Answer) -> list[Part]:
    curve = answer.blast.curve
    if not curve:
        return ["Nobody knows when the actions were done."]
    begin = curve[0].at
    found: list[Part] = []

    def drawn(name: str, heading: str, of: "dict[int, float]") -> None:
        pulled = answer.blast.pulled
        points = [((at - begin) / 3.6e9, value, "") for at, value in sorted(of.items())]
        marks = [] if pulled is None or pulled.at not in of else [sorted(of).index(pulled.at)]
        points = [
            (x, y, time_of(answer.blast.pulled.at) if answer.blast.pulled and n in marks else "")
            for n, (x, y, _) in enumerate(points)
        ]
        words = Words(
            name,
            heading,
            "What had been done by then: what a kill switch pulled then would not have prevented.",
            f"hours after {moment(begin):%Y-%m-%d %H:%M} UTC",
            heading,
        )
        found.append(Chart(line(points, words, marks=marks)))

    radii = list(curve)
    if answer.blast.pulled is not None and answer.blast.pulled.at >= begin:
        radii = [one for one in radii if one.at != answer.blast.pulled.at]
        radii.append(answer.blast.pulled)
    drawn("blast-entities", "Entities", {one.at: float(one.entities) for one in radii})
    for name in sorted({name for one in radii for name in one.amount.micros}):
        values = {one.at: _units(one.amount, name) for one in radii}
        drawn(f"blast-{name.lower()}", f"Value in {name}", values)
    found.append(curve_table(answer))
    return found


def _units(found: Amount, name: str) -> float:
    return found.micros.get(name, 0) / MICROS
