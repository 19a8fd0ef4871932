"""The answer of `writ rollback` as text, JSON and a page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from replay.blast_radius import Radius
from replay.charts import Words, bars, line
from replay.pages import Chart, Part, Section, page
from replay.reports.rollback_tables import (
    class_table,
    conflict_table,
    plan_table,
    residual_table,
    scope_table,
    tables,
)
from replay.reports.rollback_words import (
    basis,
    headline,
    limits,
    sentences,
    sums,
    time_of,
    tolerated,
)
from replay.rollback_classes import EXECUTED
from replay.rolled_back import RolledBack
from replay.tables import MICROS, Table, amount, as_objects, as_text
from verifier.reports.text import printable

SCHEMA: Final = "writ/rollback/v1"
SHOWN: Final = 15
"""Rows of a table in a text; the other forms have all."""
ON_A_PAGE: Final = 150
"""Rows of a table on a page."""
_HOUR: Final = 3_600_000_000

_PEOPLE: Final = {
    "plan": "step entry tool target currency value_micros class call params decision approvals",
    "scopes": "scope executed steps approvals currency recovered_micros taken_back_micros "
    "residual_micros residual collateral collateral_micros",
    "conflicts": "entry tool target by by_tool link detail direct",
}
"""Columns that people see in a text, where those are not all."""


def rollback_text(found: RolledBack) -> str:
    """Return the answer as text, ended by a newline."""
    head = [
        tolerated(found),
        f"Rollback: {headline(found)}",
        basis(found),
        "",
        *sentences(found),
    ]
    shown = [as_text(_for_people(table, SHOWN)) for table in _people_tables(found)]
    closing = ["What this does not prove", *(f"  - {each}" for each in limits(found))]
    return "\n".join(["\n".join(head) + "\n", *shown, "\n".join(closing) + "\n"])


def _people_tables(found: RolledBack) -> Iterator[Table]:
    """Yield the tables that people read, without those that are empty."""
    yield class_table(found)
    for table in (plan_table(found), residual_table(found), conflict_table(found)):
        if table.rows:
            yield table
    if found.plan.executed.acts:
        yield scope_table(found)


def _for_people(table: Table, most: int) -> Table:
    """Return the columns that people see, and no more rows than they read; no empty class."""
    if table.name == "classes":
        table = replace(table, rows=tuple(row for row in table.rows if row[1]))
    names = _PEOPLE.get(table.name, "").split()
    places = [
        place for place, column in enumerate(table.columns) if not names or column.name in names
    ]
    return _cut(
        replace(
            table,
            columns=tuple(table.columns[place] for place in places),
            rows=tuple(tuple(row[place] for place in places) for row in table.rows),
        ),
        most,
    )


def _cut(table: Table, most: int) -> Table:
    """Return a table with so many rows at most, and say how many there are."""
    if len(table.rows) <= most:
        return table
    more = f"{len(table.rows) - most:,} more rows: --format csv --table {table.name} has all."
    return replace(table, rows=table.rows[:most], note=f"{more} {table.note}".strip())


def rollback_json(found: RolledBack, envelope: Mapping[str, Any] | None = None) -> str:
    """Return the answer as one JSON document, ended by a newline; amounts are in micro-units."""
    body = _body(found)
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _body(found: RolledBack) -> dict[str, Any]:
    ledger, plan = found.report.ledger, found.plan
    return {
        "schema": SCHEMA,
        "ledger": {"origin": ledger.origin, "genesis": ledger.genesis, "size": ledger.size},
        "trust": found.report.integrity.trust,
        "asked": list(found.question.asked),
        "scope": found.question.scope.value,
        "by_target": found.question.by_target,
        "as_of": time_of(found.at),
        "contracts": {
            service: {
                "contract": one.contract.name,
                "version": one.version,
                "digest": one.contract.digest,
            }
            for service, one in found.bindings.items()
        },
        "tolerated": {
            "actions": plan.tolerated.acts,
            "of": plan.executed.acts,
            "value_micros": plan.tolerated.micros,
            "unsaid": plan.ungoverned.acts,
        },
        "executed_micros": plan.executed.micros,
        "recovered_micros": plan.recovered.micros,
        "residual_micros": plan.residual.micros,
        "approvals": plan.approvals,
        "at_once": {
            "tried": found.pace.tried,
            "allowed": found.pace.allowed,
            "against": dict(found.pace.against),
        },
        "undecided": found.chosen.undecided,
        "timeless": found.chosen.timeless,
        "tables": {table.name: as_objects(table) for table in tables(found)},
        "headline": headline(found),
        "sentences": [tolerated(found), *sentences(found)],
        "not_proven": limits(found),
    }


def rollback_html(found: RolledBack) -> str:
    """Return the answer as one HTML document, ended by a newline."""
    by_name = {table.name: _for_people(table, ON_A_PAGE) for table in tables(found)}
    stays = [*_given(by_name["residual"]), *_given(by_name["conflicts"])]
    sections = [
        Section("By class", [*_classes(found), by_name["classes"]]),
        Section("What stays", stays or ["Nothing."]),
        Section("Scopes", [*_scopes(found), by_name["scopes"]]),
        Section("Had it been stopped", [*_blast(found), by_name["blast"]]),
        Section("The calls", _given(by_name["plan"]) or ["There is none."]),
        Section("Tools", [by_name["tools"]]),
    ]
    return page(
        f"Rollback: {headline(found)}",
        sections,
        asked=f"writ rollback · {basis(found)}",
        lead=[tolerated(found), *sentences(found)],
        limits=limits(found),
    )


def _given(table: Table) -> list[Part]:
    return [table] if table.rows else []


def _classes(found: RolledBack) -> Iterator[Part]:
    """Yield bars of the executed actions: of their value by currency, or else of how many."""
    plan = found.plan
    for currency in sorted(plan.executed.micros):
        items = [
            (
                kind.value,
                plan.amounts[kind].micros.get(currency, 0) / MICROS,
                f"{amount(plan.amounts[kind].micros.get(currency, 0))} {currency}",
            )
            for kind in EXECUTED
            if plan.amounts[kind].micros.get(currency)
        ]
        if items:
            yield _bars(f"classes-{currency}", f"Executed value by class, in {currency}", items)
    if not plan.executed.micros and plan.executed.acts:
        counts = [
            (kind.value, float(plan.amounts[kind].acts), f"{plan.amounts[kind].acts:,}")
            for kind in EXECUTED
            if plan.amounts[kind].acts
        ]
        yield _bars("classes", "Executed actions by class", counts)


def _scopes(found: RolledBack) -> Iterator[Part]:
    for currency in sorted(found.plan.executed.micros):
        items: list[tuple[str, float, str]] = []
        for one in found.scopes:
            back = one.plan.recovered.micros.get(currency, 0)
            said = f"{amount(back)} {currency}"
            items.append((one.scope.value, back / MICROS, said))
        if any(value for _, value, _ in items):
            yield _bars(f"scopes-{currency}", f"Recovered by scope, in {currency}", items)


def _bars(name: str, title: str, items: list[tuple[str, float, str]]) -> Chart:
    says = "; ".join(f"{label}: {said}" for label, _, said in items)
    return Chart(bars(items, Words(name, title, says)))


def _blast(found: RolledBack) -> Iterator[Part]:
    """Yield curves over the hours since the first action: value by currency, and entities."""
    curve = found.blast.curve
    if not curve:
        yield "Nothing was executed at a time that is recorded."
        return
    first = curve[0].at
    for currency in sorted(found.plan.executed.micros):
        values = [one.done.micros.get(currency, 0) / MICROS for one in curve]
        title = f"Value that was out when the switch is pulled, in {currency}"
        yield _curve(found, f"blast-{currency}", title, values, currency)
    entities = [float(one.entities) for one in curve]
    if any(entities):
        yield _curve(found, "blast-entities", "Entities touched by then", entities, "entities")
    yield f"Hours are counted from {time_of(first)}, the first action."


def _curve(found: RolledBack, name: str, title: str, values: list[float], y: str) -> Chart:
    curve = found.blast.curve
    first, pulled = curve[0].at, found.blast.pulled
    marks: list[int] = []
    points = [
        ((one.at - first) / _HOUR, value, "") for one, value in zip(curve, values, strict=True)
    ]
    if pulled is not None:
        before = [place for place, one in enumerate(curve) if one.at <= pulled.at]
        if before:
            place = before[-1]
            points[place] = (points[place][0], points[place][1], _pulled(pulled))
            marks = [place]
    says = f"{title}: from {values[0]:,.2f} to {values[-1]:,.2f} {y}."
    words = Words(name, title, says, "hours since the first action", printable(y))
    return Chart(line(points, words, marks=marks))


def _pulled(pulled: Radius) -> str:
    return f"pulled here: {sums(pulled.prevented) or pulled.prevented.acts} prevented"
