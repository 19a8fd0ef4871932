"""SQL that means what CEL means: terms, and the operators that hold for any of them.

A term is an SQL expression of a known shape. Its law: **SQL NULL where CEL has an error**, and
never otherwise; and it can not throw, whatever row it is evaluated for. Every operator here keeps
the law if its operands do.

An operand that is used twice is bound first (`bound`): DuckDB has no `let`, but a lambda over a
list of one element is one, and cheap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contracts.column_names import RefusedError, fresh, text_literal
from contracts.column_shapes import (
    BOOL,
    EMPTY,
    INT,
    INT_MAX,
    INT_MIN,
    NEVER,
    NULL,
    TAG,
    TEXT,
    Kind,
    ListOf,
    Never,
    Plain,
    Record,
    Scalar,
    Shape,
    Tagged,
    field,
    fields,
    joined,
    nesting,
    payload,
    sql_type,
)

MAX_NESTED: Final = 4
"""How deep lists may stand in lists for them to be compared: the database takes twice as long to
read a lambda that stands in another one."""
MAX_SQL: Final = 60_000
"""A longer expression costs more to plan than asking CEL about every row."""


SHORT: Final = 240
"""To compute so little twice costs less than a lambda."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a list can be: so many times the longest list of the row, and so many more."""

    times: int = 1
    more: int = 0

    def at(self, longest: int) -> int:
        """Return the length where the row's longest list has this length."""
        return self.times * longest + self.more


@dataclass(frozen=True, slots=True)
class Term:
    """An SQL expression.

    Attributes:
        sql: The expression.
        shape: What it gives where it is not NULL.
        simple: It is a name, a field of one or a literal: writing it twice costs nothing.
        sure: It is never NULL.
        length: How long it can be, if it is a list; None where nobody knows.
        inner: How long a list within it can be, at any depth.
    """

    sql: str
    shape: Shape
    simple: bool = False
    sure: bool = False
    length: Length | None = Length()
    inner: Length | None = Length()

    def __post_init__(self) -> None:
        if len(self.sql) > MAX_SQL:
            raise RefusedError("its SQL would be too long")

    @property
    def kind(self) -> Kind | None:
        """The kind of its values, where they have one."""
        return None if isinstance(self.shape, Tagged | Never) else self.shape.kind


# -------------------------------------------------------------------------------- making


def nothing(shape: Shape) -> Term:
    """Return the term that is an error in every row."""
    return Term(f"CAST(NULL AS {sql_type(shape)})", shape, simple=True)


def flag(*, value: bool) -> Term:
    """Return a bool."""
    return Term("true" if value else "false", BOOL, simple=True, sure=True)


def member(holder: str, name: str) -> str:
    """Return a field of a struct."""
    return f"struct_extract({holder}, '{name}')"


def bound(term: Term, use: Callable[[Term], Term]) -> Term:
    """Return what is made of a term that is used more than once."""
    if term.simple:
        return use(term)
    if len(term.sql) <= SHORT and "lambda" not in term.sql:
        return replace(use(replace(term, simple=True)), simple=False)
    name = fresh()
    inner = use(replace(term, sql=name, simple=True))
    sql = f"list_transform([{term.sql}], lambda {name}: {inner.sql})[1]"
    return replace(inner, sql=sql, simple=False)


def all_bound(terms: Sequence[Term], use: Callable[[list[Term]], Term]) -> Term:
    """Return what is made of several terms that are used more than once."""
    if not terms:
        return use([])
    return bound(terms[0], lambda one: all_bound(terms[1:], lambda rest: use([one, *rest])))


def where_known(terms: Sequence[Term], result: Term) -> Term:
    """Return a term that is an error as soon as one of some others, all simple, is one."""
    tests = [f"{one.sql} IS NOT NULL" for one in terms if not one.sure]
    if not tests:
        return result
    sql = f"CASE WHEN {' AND '.join(tests)} THEN {result.sql} END"
    return replace(result, sql=sql, simple=False, sure=False)


# -------------------------------------------------------------------------------- shapes


def lifted(term: Term, shape: Shape) -> Term:
    """Return a term as another shape that holds all its values."""
    return replace(_lifted(term, shape), length=term.length, inner=term.inner)


def _lifted(term: Term, shape: Shape) -> Term:
    if isinstance(term.shape, Never):
        return nothing(shape)
    if term.shape == shape or sql_type(term.shape) == sql_type(shape):
        return replace(term, shape=shape)
    if isinstance(shape, Tagged) and not isinstance(term.shape, Tagged):
        return bound(term, lambda one: _tagged(one, shape))
    if isinstance(shape, ListOf) and isinstance(term.shape, ListOf):
        name = fresh()
        inner = lifted(Term(name, term.shape.item, simple=True, sure=True), shape.item)
        sql = f"list_transform({term.sql}, lambda {name}: {inner.sql})"
        return replace(term, sql=sql, shape=shape, simple=False)
    return bound(term, lambda one: _rebuilt(one, shape))


def _tagged(term: Term, shape: Tagged) -> Term:
    parts = [f'"{TAG}" := CAST({term.kind} AS UTINYINT)']
    for option in shape.options:
        if option.kind is Kind.NULL:
            continue
        name = payload(option.kind)
        held = lifted(term, option) if option.kind is term.kind else nothing(option)
        parts.append(f'"{name}" := {held.sql}')
    made = Term(f"struct_pack({', '.join(parts)})", shape, sure=True)
    return where_known([term], made)


def _rebuilt(term: Term, shape: Shape) -> Term:
    """Return a struct with more fields, or fields of more kinds."""
    if not isinstance(shape, Record | Tagged) or not isinstance(term.shape, Record | Tagged):
        raise RefusedError("a value of a shape that it can not have")
    known = dict(fields(term.shape))
    parts = [f'"{TAG}" := {member(term.sql, TAG)}'] if isinstance(shape, Tagged) else []
    for name, wanted in fields(shape):
        held = nothing(wanted)
        if name in known:
            held = lifted(Term(member(term.sql, name), known[name], simple=True), wanted)
        parts.append(f'"{name}" := {held.sql}')
    made = Term(f"struct_pack({', '.join(parts)})", shape, sure=True)
    return where_known([term], made)


def over(term: Term, use: Callable[[Term], Term]) -> Term:
    """Return what is made of a term, for each kind that it may have."""
    if not isinstance(term.shape, Tagged):
        return use(term)
    return bound(term, lambda one: _by_kind(one, use))


def _by_kind(term: Term, use: Callable[[Term], Term]) -> Term:
    made: list[tuple[Kind, Term]] = []
    for option in term.shape.options if isinstance(term.shape, Tagged) else ():
        found = use(_part(term, option))
        if not isinstance(found.shape, Never):
            made.append((option.kind, found))
    if not made:
        return nothing(NEVER)
    shape = joined(*(one.shape for _, one in made))
    arms: dict[str, list[Kind]] = {}
    for kind, one in made:
        arms.setdefault(lifted(one, shape).sql, []).append(kind)
    tag = member(term.sql, TAG)
    written = [
        f"WHEN {tag} IN ({', '.join(str(one.value) for one in kinds)}) THEN {sql}"
        for sql, kinds in arms.items()
    ]
    return either(f"CASE {' '.join(written)} END", shape, [one for _, one in made])


def _part(term: Term, option: Plain) -> Term:
    if option.kind is Kind.NULL:
        return Term("true", NULL, simple=True, sure=True)
    # It is NULL in rows of another kind, where nothing that is made of it is taken.
    sql = member(term.sql, payload(option.kind))
    return replace(term, sql=sql, shape=option, simple=True, sure=True)


def over_both(left: Term, right: Term, use: Callable[[Term, Term], Term]) -> Term:
    """Return what is made of two terms, for each two kinds that they may have."""
    return over(left, lambda one: over(right, lambda two: use(one, two)))


def either(sql: str, shape: Shape, terms: Sequence[Term]) -> Term:
    """Return what is one of several terms, and so as long as the longest of them."""
    length = longest_of(*(one.length for one in terms))
    return Term(sql, shape, length=length, inner=longest_of(*(one.inner for one in terms)))


def within(terms: Sequence[Term]) -> Length | None:
    """Return how long a list within what is made of some terms can be."""
    return longest_of(Length(), *(length for one in terms for length in (one.length, one.inner)))


def item_of(term: Term, sql: str, shape: Shape) -> Term:
    """Return a part of a list or map."""
    return Term(sql, shape, length=term.inner, inner=term.inner)


def longest_of(*lengths: Length | None) -> Length | None:
    """Return a length that none of some exceeds."""
    known = [one for one in lengths if one is not None]
    if len(known) < len(lengths):
        return None
    return Length(max(one.times for one in known), max(one.more for one in known))


# --------------------------------------------------------------------------------- logic


def truth(term: Term) -> Term:
    """Return a term as a bool: what is none is an error."""
    if term.kind is Kind.BOOL:
        return term
    if isinstance(term.shape, Tagged):
        return over(term, lambda one: one if one.kind is Kind.BOOL else nothing(NEVER))
    return nothing(BOOL)


def truth_sql(term: Term) -> str:
    """Return the SQL of a term as a bool."""
    found = truth(term)
    return nothing(BOOL).sql if isinstance(found.shape, Never) else found.sql


def choice(test: Term, yes: Term, no: Term) -> Term:
    """Return `test ? yes : no`. There is no ELSE: a test without value chooses nothing."""
    shape = joined(yes.shape, no.shape)
    first, second = lifted(yes, shape).sql, lifted(no, shape).sql
    sql = f"CASE {truth_sql(test)} WHEN true THEN {first} WHEN false THEN {second} END"
    return either(sql, shape, [yes, no])


# ----------------------------------------------------------------------------- comparing


def same(left: Term, right: Term) -> Term:
    """Return CEL's equality: across kinds it is false, across numbers by value."""
    return over_both(left, right, lambda one, two: all_bound([one, two], _same_bound))


def _same_bound(pair: list[Term]) -> Term:
    left, right = pair
    if isinstance(left.shape, Never) or isinstance(right.shape, Never):
        return nothing(NEVER)
    if is_number(left) and is_number(right):
        return compared("=", left, right)
    if left.kind is not right.kind:
        return where_known(pair, flag(value=False))
    if isinstance(left.shape, ListOf) and isinstance(right.shape, ListOf):
        return _same_lists(left, right)
    if isinstance(left.shape, Record) and isinstance(right.shape, Record):
        return _same_records(left, left.shape, right, right.shape)
    return Term(f"({left.sql} = {right.sql})", BOOL, sure=left.sure and right.sure)


def is_number(term: Term) -> bool:
    """Return whether a term's values are numbers."""
    return term.kind in {Kind.INT, Kind.DOUBLE}


def compared(operator: str, left: Term, right: Term) -> Term:
    """Return a comparison of two simple terms of one kind, or of two numbers.

    CEL compares an int with a double as doubles, and NaN with nothing; DuckDB holds NaN to be
    equal to itself and greater than all else.
    """
    first, second = left.sql, right.sql
    if left.kind is not right.kind:
        first, second = f"CAST({first} AS DOUBLE)", f"CAST({second} AS DOUBLE)"
    sure = left.sure and right.sure
    wild = [one.sql for one in (left, right) if isinstance(one.shape, Scalar) and one.shape.wild]
    if not wild:
        return Term(f"({first} {operator} {second})", BOOL, sure=sure)
    tests = " AND ".join([f"{first} {operator} {second}", *(f"NOT isnan({one})" for one in wild)])
    return where_known([left, right], Term(f"({tests})", BOOL, sure=True))


def _same_lists(left: Term, right: Term) -> Term:
    pair = name = fresh()
    first, second = _item(left), _item(right)
    if min(nesting(first), nesting(second)) > MAX_NESTED:
        raise RefusedError("lists in lists in lists, compared")
    if isinstance(first, Never) or isinstance(second, Never):
        return Term(f"(len({left.sql}) = len({right.sql}))", BOOL, sure=left.sure and right.sure)
    inner = same(
        Term(f"{pair}[1]", first, simple=True, sure=True),
        Term(f"{pair}[2]", second, simple=True, sure=True),
    )
    pairs = f"list_zip({left.sql}, {right.sql})"
    each = f"list_transform({pairs}, lambda {name}: coalesce({inner.sql}, false))"
    sql = f"(len({left.sql}) = len({right.sql}) AND NOT list_contains({each}, false))"
    return where_known([left, right], Term(sql, BOOL, sure=True))


def _item(term: Term) -> Shape:
    return term.shape.item if isinstance(term.shape, ListOf) else NEVER


def _same_records(left: Term, first: Record, right: Term, second: Record) -> Term:
    whole_only(first, "compares")
    whole_only(second, "compares")
    tests = ["true"]
    for name in sorted({name for name, _ in (*first.members, *second.members)}):
        one, two = selected(left, name), selected(right, name)
        if isinstance(one.shape, Never) or isinstance(two.shape, Never):
            there = two if isinstance(one.shape, Never) else one
            tests.append("true" if isinstance(there.shape, Never) else f"({there.sql} IS NULL)")
        else:
            # Of two members, both or none must be there: what is not compares to NULL.
            equal = same(one, two).sql
            absent = f"({one.sql} IS NULL AND {two.sql} IS NULL)"
            tests.append(f"coalesce({equal}, {absent})")
    return where_known([left, right], Term(f"({' AND '.join(tests)})", BOOL, sure=True))


_ORDERED = frozenset({Kind.BOOL, Kind.INT, Kind.DOUBLE, Kind.TEXT, Kind.TIME, Kind.SPAN})


def ordered(operator: str, left: Term, right: Term) -> Term:
    """Return one of `<`, `<=`, `>`, `>=`: an error across kinds that are not both numbers."""

    def use(pair: list[Term]) -> Term:
        one, two = pair
        fits = one.kind is two.kind or (is_number(one) and is_number(two))
        return compared(operator, one, two) if fits and one.kind in _ORDERED else nothing(NEVER)

    return over_both(left, right, lambda one, two: _compared_once([one, two], use))


def _compared_once(pair: list[Term], use: Callable[[list[Term]], Term]) -> Term:
    """Return a comparison: of plain scalars each is read once, and need not be bound."""
    if all(isinstance(one.shape, Scalar) and not one.shape.wild for one in pair):
        return replace(use(pair), simple=False)
    return all_bound(pair, use)


# ------------------------------------------------------------------------- lists and maps


def whole_only(shape: Record, what: str) -> None:
    """Refuse what needs all members of a map where only some are columns."""
    if not shape.whole:
        raise RefusedError(f"{what} a map of which only the members named in conditions are kept")


def selected(term: Term, name: str) -> Term:
    """Return a member: an error where there is none, or where the term is no map."""

    def use(holder: Term) -> Term:
        if not isinstance(holder.shape, Record):
            return nothing(NEVER)
        shape = holder.shape.member(name)
        if shape is None:
            return nothing(NEVER)
        found = item_of(holder, member(holder.sql, field(name)), shape)
        return replace(found, simple=holder.simple)

    return over(term, use)


def holds(term: Term, name: str) -> Term:
    """Return whether a map has a member: an error where the term is no map."""

    def use(holder: Term) -> Term:
        if not isinstance(holder.shape, Record):
            return nothing(NEVER)
        if holder.shape.member(name) is None:
            return where_known([holder], flag(value=False))
        there = Term(f"({member(holder.sql, field(name))} IS NOT NULL)", BOOL, sure=True)
        return where_known([holder], there)

    return over(term, lambda one: bound(one, use))


def keys(term: Term, shape: Record) -> Term:
    """Return a map's keys, in no order that means anything. The term must be simple."""
    whole_only(shape, "goes through")
    name = fresh()
    there = [
        f"CASE WHEN {member(term.sql, field(key))} IS NOT NULL THEN {text_literal(key)} END"
        for key, _ in shape.members
    ]
    listed = f"list_filter([{', '.join(there)}], lambda {name}: {name} IS NOT NULL)"
    sql = listed if there else "CAST([] AS VARCHAR[])"
    known = Term(sql, ListOf(TEXT), sure=True, length=Length(0, len(there)))
    return where_known([term], known)


def known_items(term: Term) -> Term:
    """Return a list that is an error where one of its elements is. The term must be simple."""
    name = fresh()
    missing = f"list_transform({term.sql}, lambda {name}: {name} IS NULL)"
    sql = f"CASE WHEN NOT list_contains({missing}, true) THEN {term.sql} END"
    return replace(term, sql=sql, simple=False, sure=False)


def listed(items: Sequence[Term]) -> Term:
    """Return a list of terms: an error where one of them is."""
    shape = joined(*(one.shape for one in items))
    if isinstance(shape, Tagged) and not any(isinstance(one.shape, Tagged) for one in items):
        raise RefusedError("a list of elements of different types")
    inner = ", ".join(lifted(one, shape).sql for one in items)
    made = Term(
        f"CAST([{inner}] AS {sql_type(shape)}[])",
        ListOf(shape),
        simple=len(inner) <= SHORT and all(one.simple and one.sure for one in items),
        sure=True,
        length=Length(0, len(items)),
        inner=within(items),
    )
    if any(isinstance(one.shape, Never) for one in items):
        return nothing(ListOf(shape))
    return made if all(one.sure for one in items) else bound(made, known_items)


def mapped(entries: Sequence[tuple[str, Term]]) -> Term:
    """Return a map of named terms: an error where one of them is."""
    if any(isinstance(one.shape, Never) for _, one in entries):
        return nothing(NEVER)

    def use(values: list[Term]) -> Term:
        pairs = zip((name for name, _ in entries), values, strict=True)
        parts = [f'"{field(name)}" := {one.sql}' for name, one in sorted(pairs, key=_by_name)]
        shape = Record(tuple(sorted((name, one.shape) for name, one in entries)))
        packed = ", ".join(parts or [f'"{EMPTY}" := true'])
        made = Term(f"struct_pack({packed})", shape, sure=True, inner=within(values))
        return where_known(values, made)

    return all_bound([one for _, one in entries], use)


def _by_name(entry: tuple[str, Term]) -> str:
    return entry[0]


def ranged(sql: str, low: int = INT_MIN, high: int = INT_MAX, shape: Shape = INT) -> Term:
    """Return a HUGEINT, or a BIGINT, as an int, an error where it is out of range.

    Every int of CEL fits in 64 bits, so sums and products of two fit in HUGEINT's 128. The cast
    sees only what is in range: what it reads is the test's result.
    """
    if len(sql) <= SHORT and "lambda" not in sql:
        tested = f"CASE WHEN {sql} BETWEEN {low} AND {high} THEN {sql} END"
        return Term(f"CAST({tested} AS BIGINT)", shape)
    name = fresh()
    tested = f"CASE WHEN {name} BETWEEN {low} AND {high} THEN {name} END"
    return Term(f"CAST(list_transform([{sql}], lambda {name}: {tested})[1] AS BIGINT)", shape)
