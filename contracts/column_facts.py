"""Facts by column: running counters as prefix sums over a table of what records add to them.

Two tables go in. `notes`: what each record adds to the facts of a group, in one scope and under one
key. `asking`: the records that ask for them, each with its scope, its key and its time. Both are
put in one order, and what stands before an asking record is summed up to it. A window is the
difference of two such sums: that up to the record, and that up to the beginning of its window.

What a note says of fact number N of its group:

    nN  1 where the record counts (or how many it stands for: a chunk begins with what came before)
    sN  what it adds to a sum
    eN  1 where it spoils the fact
    rN, qN  what it adds to, or takes from, what is reserved; and to how many reservations spoil it
    mN  for `min` and `max`: the value's place among all, the one that wins first
    kN  for `min` and `max`: the value's kind

Values themselves never pass through here: `last`, `min`, `max` and `list` answer with the entries
that they are made of.
Source: docs/adr/0023-facts-by-column.md; docs/spec/contract-language.md, *Facts*.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.coercion import MAX_LIST
from contracts.column_names import fresh
from contracts.column_shapes import (
    INT_MAX,
    INT_MIN,
    Kind,
    ListOf,
    Shape,
    Tagged,
    options_of,
    payload,
)

NOWHERE: Final = -1
"""The scope of records that stand in no run."""

BEFORE: Final = -1
"""The index of what is carried over from before the chunk."""

_MARKS: Final = {Kind.BOOL: "b:", Kind.INT: "i:", Kind.TEXT: "s:"}


def keys_sql(shape: Shape, value: str) -> str:
    """Return the distinct keys that a value says, as texts, in order of first occurrence.

    NULL where it says none, or something that is no key. `b:`, `i:` and `s:` tell kinds apart.
    """
    cases: list[str] = []
    for option in options_of(shape):
        held = f"{value}.{payload(option.kind)}" if isinstance(shape, Tagged) else value
        if isinstance(option, ListOf):
            made = _listed(option.item, held)
        elif option.kind in _MARKS:
            made = f"[{_marked(option.kind, held)}]"
        else:
            made = "NULL"
        test = f"{value}.t = {option.kind.value}" if isinstance(shape, Tagged) else "true"
        cases.append(f"WHEN {value} IS NOT NULL AND {test} THEN {made}")
    return f"CAST(CASE {' '.join(cases)} END AS VARCHAR[])" if cases else "CAST(NULL AS VARCHAR[])"


def _marked(kind: Kind, held: str) -> str:
    text = held if kind is Kind.TEXT else f"CAST({held} AS VARCHAR)"
    return f"('{_MARKS[kind]}' || {text})"


def _listed(item: Shape, held: str) -> str:
    options = options_of(item)
    if not options:
        return "[]"  # no list in this column has an element
    one, every, other, place = fresh(), fresh(), fresh(), fresh()
    cases: list[str] = []
    for option in options:
        value = f"{one}.{payload(option.kind)}" if isinstance(item, Tagged) else one
        test = f"{one}.t = {option.kind.value}" if isinstance(item, Tagged) else "true"
        if option.kind in _MARKS and not isinstance(option, ListOf):
            cases.append(f"WHEN {test} THEN {_marked(option.kind, value)}")
    if not cases:
        return f"CASE WHEN len({held}) = 0 THEN [] END"
    texts = f"list_transform({held}, lambda {one}: CASE {' '.join(cases)} END)"
    # An element that is no key makes the whole none. Of equal ones the first counts.
    distinct = (
        f"list_filter({every}, lambda {other}, {place}: list_position({every}, {other}) = {place})"
    )
    bad = f"len(list_filter({every}, lambda {other}: {other} IS NULL)) > 0"
    keys = f"CASE WHEN {bad} THEN NULL ELSE {distinct} END"
    return f"list_transform([{texts}], lambda {every}: {keys})[1]"


def int_sql(shape: Shape, value: str) -> str:
    """Return a value where it is an int, else NULL."""
    if isinstance(shape, Tagged):
        if not any(one.kind is Kind.INT for one in shape.options):
            return "CAST(NULL AS BIGINT)"
        return f"CASE WHEN {value}.t = {Kind.INT.value} THEN {value}.{payload(Kind.INT)} END"
    is_int = any(one.kind is Kind.INT for one in options_of(shape))
    return value if is_int else "CAST(NULL AS BIGINT)"


# ------------------------------------------------------------------------------- a group


@dataclass(frozen=True, slots=True)
class Counted:
    """One fact of a group, as its statement needs it.

    Attributes:
        aggregate: count, seen, sum, min, max, last or list.
        reserve: Whether open actions count.
        skip: Whether records that would spoil it are passed over.
    """

    aggregate: str
    reserve: bool = False
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """The records of one subject that may count for a group.

    Attributes:
        table: The name of their table.
        key: SQL of the keys (a list of texts), or nothing where the group has no key.
        facts: By number of fact: how it counts.
    """

    table: str
    key: str
    facts: "dict[int, Noting]"


@dataclass(frozen=True, slots=True)
class Noting:
    """How the records of a table count for one fact.

    Attributes:
        may: SQL of whether a record can count at all: its tool, its attempt.
        where: SQL of the fact's `where`.
        good: SQL of whether its value is one that the aggregate takes.
        adds: SQL of the int that it adds to a sum, or reserves.
        holds: Whether it is an action that is reserved.
    """

    may: str
    where: str = "true"
    good: str = "true"
    adds: str = "0"
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """What all facts of a group have in common.

    Attributes:
        scope: The column of the scope.
        within: The window in microseconds, None where there is none.
        own_clock: Whether the scope is a run: imported times count in it.
        reference: Whether records in no run count for every run.
    """

    scope: str
    within: int | None
    own_clock: bool
    reference: bool


def notes_sql(group: Grouping, facts: Sequence[Counted], sources: Sequence[Source]) -> str:
    """Return the statement whose rows are the notes of a chunk, and those that last (`lasts`)."""
    parts = [_noted(group, facts, source) for source in sources]
    return " UNION ALL BY NAME ".join(parts)


def _noted(group: Grouping, facts: Sequence[Counted], source: Source) -> str:
    scope = f'"{group.scope}"'
    if group.reference:
        scope = f"coalesce({scope}, CASE WHEN in_no_run THEN {NOWHERE} END)"
    untimed = "false"
    if group.within is not None:
        untimed = '"time" IS NULL' if group.own_clock else '("time" IS NULL OR imported)'
    keys = source.key or "['']"
    columns: list[str] = []
    for number, noting in source.facts.items():
        columns += _counting(number, facts[number], noting, untimed)
    inner = f"SELECT *, {scope} AS note_scope, {keys} AS note_keys FROM {source.table}"
    # A key that is an error spoils the fact under every key: NULL is all of them.
    unnested = (
        "SELECT *, note_keys IS NULL AS keyless, "
        f"unnest(coalesce(note_keys, [NULL])) AS note_key FROM ({inner}) "
        "WHERE note_scope IS NOT NULL"
    )
    some = " OR ".join(
        f"n{number} <> 0 OR e{number} <> 0 OR lasts{number} OR holds{number}"
        for number in source.facts
    )
    made = (
        f'SELECT idx, note_scope AS scope, note_key AS "key", "time", act, {", ".join(columns)} '
        f"FROM ({unnested})"
    )
    return f"SELECT * FROM ({made}) WHERE {some}"


def _counting(number: int, fact: Counted, noting: Noting, untimed: str) -> Iterator[str]:
    where = "true" if noting.holds else noting.where
    good = f"coalesce(({where}) AND ({noting.good}), false) AND NOT keyless"
    entry = f"({noting.may}) AND ({where}) IS DISTINCT FROM false"
    if fact.skip:
        entry = f"{entry} AND {good}"
    if noting.holds:
        yield f"0 AS n{number}"
        yield f"0 AS e{number}"
        yield f"false AS lasts{number}"
        yield f"({entry}) AS holds{number}"
        yield f"CASE WHEN {entry} AND {good} THEN {noting.adds} ELSE 0 END AS r{number}"
        yield f"CASE WHEN {entry} AND NOT ({good}) THEN 1 ELSE 0 END AS q{number}"
        return
    yield f"CASE WHEN {entry} AND {good} AND NOT {untimed} THEN 1 ELSE 0 END AS n{number}"
    yield f"CASE WHEN {entry} AND NOT ({good}) AND NOT {untimed} THEN 1 ELSE 0 END AS e{number}"
    yield f"({entry} AND {untimed}) AS lasts{number}"
    yield f"false AS holds{number}"
    if fact.aggregate == "sum":
        yield (
            f"CASE WHEN {entry} AND {good} AND NOT {untimed} THEN CAST({noting.adds} AS HUGEINT) "
            f"ELSE 0 END AS s{number}"
        )


def ended_sql(numbers: Sequence[int]) -> str:
    """Return the notes that end reservations: at the first outcome of each reserved action.

    It reads `held` and `ended`.
    """
    taken = ", ".join(f"-r{number} AS r{number}, -q{number} AS q{number}" for number in numbers)
    return (
        f'SELECT ended.idx AS idx, held.scope AS scope, held."key" AS "key", held.act AS act, '
        f"true AS ends, {taken} FROM held JOIN ended USING (act)"
    )


@dataclass(frozen=True, slots=True)
class Present:
    """What there is in a group's notes: what there is not need not be summed.

    Attributes:
        errors: The facts that some note spoils.
        reserved: The facts that some note reserves for.
    """

    errors: frozenset[int]
    reserved: frozenset[int]


def facts_sql(group: Grouping, facts: Sequence[Counted], present: Present) -> str:
    """Return the statement that sums up to each row of `asking`.

    Its rows are those of `asking` (`ask`, `whose`, `scope`, `key`, `timeless`). Its columns for
    fact number N: `cN` how many records count, `sN` their sum, `eN` how many spoil it, `rN` and
    `qN` what is reserved, `iN` the entry of the last value, `mN` the place of the least or greatest
    value among all, `aN` and `zN` the least and greatest kind, `fN` how many counted before the
    window.
    """
    passed = ", ".join(_passed(facts, present))
    upper = (
        f'SELECT idx, scope, "key", ask, whose, timeless, side, {passed}, '
        f"sum(side) OVER p AS place{''.join(_kept(group, facts))} FROM ("
        f'SELECT * EXCLUDE ("time") FROM notes UNION ALL BY NAME '
        'SELECT idx, scope, "key", ask, whose, timeless, 0 AS side FROM asking) '
        'WINDOW p AS (PARTITION BY scope, "key" ORDER BY idx, side ROWS UNBOUNDED PRECEDING)'
    )
    if group.within is None:
        columns = ", ".join(_unwindowed(facts, present))
        return f'SELECT ask, whose, scope, "key", timeless, {columns} FROM ({upper}) WHERE side = 0'
    before = ", ".join(_before(facts, present))
    lower = (
        f'SELECT ask, scope, "key", side, {before}, sum(there) OVER p AS lo_place FROM ('
        'SELECT * EXCLUDE (idx), "time" AS moment, 1 AS there FROM notes UNION ALL BY NAME '
        f'SELECT scope, "key", ask, "time" - {group.within} AS moment, 2 AS side, 0 AS there '
        "FROM asking) "
        'WINDOW p AS (PARTITION BY scope, "key" ORDER BY moment, side ROWS UNBOUNDED PRECEDING)'
    )
    joined = (
        f'SELECT hi.*, lo.* EXCLUDE (ask, scope, "key", side) FROM ({upper}) AS hi LEFT JOIN '
        f"(SELECT * FROM ({lower}) WHERE side = 2) AS lo ON hi.ask = lo.ask"
    )
    if any(one.aggregate in _EXTREMES for one in facts):
        # Only of the rows that ask is the frame's beginning known; of the others nobody asks. Notes
        # are numbered, and rows that ask are not: of these not all times are of one clock.
        framed = ", ".join(_framed(facts))
        joined = (
            f"SELECT *, {framed} FROM (SELECT *, "
            "greatest(coalesce(place - lo_place - 1, 0), 0) AS back "
            f'FROM ({joined})) WINDOW f AS (PARTITION BY scope, "key" ORDER BY place '
            "RANGE BETWEEN back PRECEDING AND CURRENT ROW)"
        )
    columns = ", ".join(_windowed(facts, present))
    return f'SELECT ask, whose, scope, "key", timeless, {columns} FROM ({joined}) WHERE side = 0'


_EXTREMES: Final = frozenset({"min", "max"})


def _passed(facts: Sequence[Counted], present: Present) -> Iterator[str]:
    """Yield what is summed up to each row."""
    for number, fact in enumerate(facts):
        yield f"coalesce(sum(n{number}) OVER p, 0) AS hi_c{number}"
        if fact.aggregate == "sum":
            yield f"coalesce(sum(s{number}) OVER p, 0) AS hi_s{number}"
        if fact.aggregate == "last":
            yield f"max(CASE WHEN n{number} > 0 THEN idx END) OVER p AS hi_i{number}"
        if fact.aggregate in _EXTREMES:
            yield f"min(m{number}) OVER p AS hi_m{number}"
            yield f"min(k{number}) OVER p AS hi_a{number}"
            yield f"max(k{number}) OVER p AS hi_z{number}"
        if number in present.errors:
            yield f"coalesce(sum(e{number}) OVER p, 0) AS hi_e{number}"
        if number in present.reserved:
            yield f"coalesce(sum(r{number}) OVER p, 0) AS hi_r{number}"
            yield f"coalesce(sum(q{number}) OVER p, 0) AS hi_q{number}"


def _kept(group: Grouping, facts: Sequence[Counted]) -> Iterator[str]:
    """Yield what a frame needs of each row."""
    if group.within is not None:
        for number, fact in enumerate(facts):
            if fact.aggregate in _EXTREMES:
                yield f", m{number}, k{number}"


def _before(facts: Sequence[Counted], present: Present) -> Iterator[str]:
    """Yield what is summed up to the beginning of each row's window."""
    for number, fact in enumerate(facts):
        yield f"coalesce(sum(n{number}) OVER p, 0) AS lo_c{number}"
        if fact.aggregate == "sum":
            yield f"coalesce(sum(s{number}) OVER p, 0) AS lo_s{number}"
        if number in present.errors:
            yield f"coalesce(sum(e{number}) OVER p, 0) AS lo_e{number}"


def _framed(facts: Sequence[Counted]) -> Iterator[str]:
    for number, fact in enumerate(facts):
        if fact.aggregate in _EXTREMES:
            extremes = {"m": f"min(m{number})", "a": f"min(k{number})", "z": f"max(k{number})"}
            for name, sql in extremes.items():
                yield f"CASE WHEN place > lo_place THEN {sql} OVER f END AS in_{name}{number}"


def _unwindowed(facts: Sequence[Counted], present: Present) -> Iterator[str]:
    for number, fact in enumerate(facts):
        yield f"{_clamped(f'hi_c{number}')} AS c{number}"
        yield f"CAST(0 AS BIGINT) AS f{number}"
        if fact.aggregate == "sum":
            yield f"hi_s{number} AS s{number}"
        if number in present.errors:
            yield f"{_clamped(f'hi_e{number}')} AS e{number}"
        yield from _either_way(number, fact, present, "hi")


def _windowed(facts: Sequence[Counted], present: Present) -> Iterator[str]:
    for number, fact in enumerate(facts):
        # A record without a clock in common sees all of it, and takes it for an error.
        seen = f"CASE WHEN timeless THEN hi_c{number} ELSE hi_c{number} - lo_c{number} END"
        yield f"{_clamped(seen)} AS c{number}"
        yield f"{_clamped(f'lo_c{number}')} AS f{number}"
        if fact.aggregate == "sum":
            yield f"hi_s{number} - lo_s{number} AS s{number}"
        if number in present.errors:
            lost = f"CASE WHEN timeless THEN hi_e{number} ELSE hi_e{number} - lo_e{number} END"
            yield f"{_clamped(lost)} AS e{number}"
        yield from _either_way(number, fact, present, "in")


def _either_way(number: int, fact: Counted, present: Present, extreme: str) -> Iterator[str]:
    if fact.aggregate == "last":
        yield f"hi_i{number} AS i{number}"
    if fact.aggregate in _EXTREMES:
        for name in ("m", "a", "z"):
            yield f"{extreme}_{name}{number} AS {name}{number}"
    if number in present.reserved:
        yield f"hi_r{number} AS r{number}"
        yield f"{_clamped(f'hi_q{number}')} AS q{number}"


def _clamped(value: str) -> str:
    """Return a HUGEINT as a BIGINT: what is beyond is the greatest or the least one."""
    return f"CAST(greatest(least({value}, {INT_MAX}), {INT_MIN}) AS BIGINT)"


def listed_sql(number: int) -> str:
    """Return the statement for a list: `whose`, and the entries that its values are of, in order.

    It reads `answers`, the rows of `facts_sql`.
    """
    return (
        "SELECT whose, list(idx ORDER BY idx) AS entries FROM "
        '(SELECT whose, scope, "key", '
        f"unnest(range(f{number} + 1, f{number} + c{number} + 1)) AS place "
        f"FROM answers WHERE c{number} <= {MAX_LIST}) JOIN "
        '(SELECT scope, "key", idx, row_number() OVER (PARTITION BY scope, "key" ORDER BY idx) '
        f'AS place FROM notes WHERE n{number} > 0) USING (scope, "key", place) GROUP BY whose'
    )


def own_sql(numbers: Sequence[int]) -> str:
    """Return the statement for what an outcome's own action reserves: it is not counted twice.

    It reads `asking`, `held` (what is reserved, by action) and `ended` (by action, its first
    outcome).
    """
    sums = ", ".join(
        f"sum(held.r{number}) AS own_r{number}, sum(held.q{number}) AS own_q{number}"
        for number in numbers
    )
    return (
        f"SELECT whose, {sums} FROM asking JOIN held ON asking.act = held.act "
        'AND asking.scope = held.scope AND (held."key" = asking."key" OR held."key" IS NULL) '
        "LEFT JOIN ended ON ended.act = held.act "
        "WHERE held.idx < asking.idx AND coalesce(ended.idx, asking.idx) >= asking.idx "
        "GROUP BY whose"
    )
