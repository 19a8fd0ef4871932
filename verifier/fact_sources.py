"""Which records count for a group of facts, as SQL over the tables of a chunk."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from contracts.column_facts import Noting, Source, int_sql, keys_sql
from contracts.column_names import text_literal
from contracts.column_plan import FactAsked, FactGroup
from contracts.column_shapes import Kind, ListOf, Shape, Tagged, options_of
from verifier.fact_state import EXTREMES, Subject

_PLACING: Final = frozenset({"idx", "time", "imported", "allowed", "in_no_run", "tool", "act"})
"""The columns that say where a record stands, beside its scope."""


def narrowed(group: FactGroup, subjects: Mapping[str, Subject], of: str) -> dict[str, Subject]:
    """Return the tables with what a group of facts reads of them, under names of their own."""
    columns = {*_PLACING, f"in_{group.over}", group.at, group.by}
    for one in group.facts:
        columns |= {one.where, one.value, one.reserve}
    return {name: one.narrowed(of, columns) for name, one in subjects.items()}


def read_by(group: FactGroup) -> set[str]:
    """Return the subjects that ask for a group's facts, or count for them."""
    read = {*group.need.subjects, *(one.memory.fact.source for one in group.facts)}
    return read | ({"action", "outcome"} if any(one.reserve for one in group.facts) else set())


def tools_sql(tools: Iterable[str] | None) -> str:
    """Return whether a record belongs to an action of one of these tools; None: to any, or none."""
    if tools is None:
        return "true"
    listed = ", ".join(text_literal(tool) for tool in sorted(tools))
    return f"tool IN ({listed})" if listed else "false"


def sources_of(group: FactGroup, subjects: Mapping[str, Subject]) -> Iterator[Source]:
    """Yield the records that may count for a group, by the table that they stand in."""
    facts: dict[str, dict[int, Noting]] = {}
    for number, one in enumerate(group.facts):
        fact = one.memory.fact
        source = "outcome" if one.reserve else fact.source
        may = [tools_sql(fact.tools or None)]
        if fact.attempts == "allowed":
            may.append("allowed")
        allowed = " AND ".join(may)
        if source in subjects:
            shapes = subjects[source].shapes
            noting = _noting(one, allowed, shapes)
            facts.setdefault(source, {})[number] = noting
        if one.reserve and "action" in subjects:
            shape = subjects["action"].shapes[one.reserve]
            weighs = int_sql(shape, f'"{one.reserve}"')
            noting = Noting(allowed, good=f"({weighs}) IS NOT NULL", adds=weighs, holds=True)
            facts.setdefault("action", {})[number] = noting
    for subject, notings in facts.items():
        held = subjects[subject]
        if not held.table.num_rows:
            continue
        by = group.by
        keys = keys_sql(held.shapes[by], f'"{by}"') if by else ""
        yield Source(held.source, keys, notings)


def _noting(one: FactAsked, may: str, shapes: Mapping[str, Shape]) -> Noting:
    """Return how a record counts for a fact."""
    where = f'"{one.where}"' if one.where else "true"
    if not one.value:
        return Noting(may, where)
    column, shape = f'"{one.value}"', shapes[one.value]
    aggregate = one.memory.fact.aggregate
    if aggregate == "sum":
        number = int_sql(shape, column)
        return Noting(may, where, f"({number}) IS NOT NULL", number)
    if aggregate in EXTREMES:
        return Noting(may, where, _ordered(shape, column))
    return Noting(may, where, f"{column} IS NOT NULL")


def _ordered(shape: Shape, column: str) -> str:
    """Return whether a value has an order: a number that is one, a text, a time."""
    tests: list[str] = []
    for option in options_of(shape):
        tagged = isinstance(shape, Tagged)
        value = f"{column}.v{option.kind.value}" if tagged else column
        there = f"{column}.t = {option.kind.value}" if tagged else f"{column} IS NOT NULL"
        if option.kind in {Kind.INT, Kind.TEXT, Kind.TIME}:
            tests.append(f"({there})")
        elif option.kind is Kind.DOUBLE:
            tests.append(f"({there} AND NOT isnan({value}))")
    return f"({' OR '.join(tests)})" if tests else "false"


def is_list_sql(shape: Shape, column: str) -> str:
    """Return whether a value is a list."""
    if isinstance(shape, Tagged):
        return f"coalesce({column}.t = {Kind.LIST.value}, false)"
    return "true" if isinstance(shape, ListOf) else "false"
