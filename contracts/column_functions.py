"""CEL's operators and functions on terms of known kinds, as SQL.

Each entry knows operands of certain kinds; of any other kinds CEL has no overload, so the result
is an error in every row. What is not in the table is refused with its name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from contracts.column_names import RefusedError, fresh, int_literal, text_literal
from contracts.column_shapes import (
    BOOL,
    DOUBLE,
    INT,
    INT_MIN,
    NEVER,
    SPAN,
    SPAN_MAX,
    TEXT,
    TIME,
    TIME_MAX,
    TIME_MIN,
    WILD,
    Kind,
    ListOf,
    Record,
    Scalar,
    joined,
)
from contracts.column_terms import (
    Length,
    Term,
    all_bound,
    compared,
    flag,
    holds,
    is_number,
    item_of,
    lifted,
    longest_of,
    nothing,
    ordered,
    over,
    over_both,
    ranged,
    same,
    selected,
    truth_sql,
    where_known,
    whole_only,
)

Function = Callable[[Sequence[Term]], Term]

SECOND: Final = 1_000_000
_ERROR: Final = nothing(NEVER)
_MOST_DOUBLE = "9223372036854775807.0e0"


def function(name: str, operands: Sequence[Term]) -> Term:
    """Return a call of one of CEL's functions or operators.

    Raises:
        RefusedError: It does not run by column.
    """
    made = _TABLE.get((name, len(operands)))
    if made is None:
        raise RefusedError(f"`{name.strip('_')}` with {len(operands)} operands")
    return made(operands)


# ------------------------------------------------------------------------- kinds of operands

Kinds = tuple[Kind, ...]


def _overloads(table: Mapping[Kinds, Callable[..., Term]]) -> Function:
    """Return a function of simple operands that looks up what to do by their kinds."""

    def apply(operands: Sequence[Term]) -> Term:
        return _spread(list(operands), [])

    def _spread(left: list[Term], done: list[Term]) -> Term:
        if not left:
            return _found(done)
        return over(left[0], lambda one: _spread(left[1:], [*done, one]))

    def _found(operands: list[Term]) -> Term:
        kinds = tuple(one.kind for one in operands)
        made = next((apply for wanted, apply in table.items() if wanted == kinds), None)
        if made is None:
            return nothing(NEVER)
        return all_bound(operands, lambda ready: made(*ready))

    return apply


def _plain(template: str, shape: Scalar) -> Callable[..., Term]:
    """Return SQL that is NULL where an operand is, and nowhere else."""

    def apply(*operands: Term) -> Term:
        sql = template.format(*(one.sql for one in operands))
        return Term(sql, shape, sure=all(one.sure for one in operands))

    return apply


def _within(template: str, low: int, high: int, shape: Scalar) -> Callable[..., Term]:
    """Return integer arithmetic whose result must be in a range."""
    return lambda *operands: ranged(
        template.format(*(f"CAST({one.sql} AS HUGEINT)" for one in operands)), low, high, shape
    )


def _near(template: str, low: int, high: int, shape: Scalar) -> Callable[..., Term]:
    """Return a sum or difference of times and durations, whose result must be in a range.

    No such sum comes near 64 bits: each is microseconds, of at most some 300,000 years.
    """
    return lambda *operands: ranged(
        template.format(*(one.sql for one in operands)), low, high, shape
    )


def _int(template: str) -> Callable[..., Term]:
    return lambda *operands: ranged(
        template.format(*(f"CAST({one.sql} AS HUGEINT)" for one in operands))
    )


def _time(template: str) -> Callable[..., Term]:
    return _within(template, TIME_MIN, TIME_MAX, TIME)


# ------------------------------------------------------------------------------- arithmetic


def _remainder(left: Term, right: Term) -> Term:
    # The quotient of the least int and -1 is out of range, and CEL says so of the remainder too.
    sql = (
        f"CASE WHEN {right.sql} <> -1 OR {left.sql} > {INT_MIN} THEN "
        f"CAST({left.sql} AS HUGEINT) % nullif(CAST({right.sql} AS HUGEINT), 0) END"
    )
    return ranged(sql)


def _chained(left: Term, right: Term) -> Term:
    shape = joined(left.shape, right.shape)
    lengths = [left.length, right.length]
    known = [one for one in lengths if one is not None]
    total = Length(sum(one.times for one in known), sum(one.more for one in known))
    sql = f"({lifted(left, shape).sql} || {lifted(right, shape).sql})"
    return Term(
        sql,
        shape,
        length=total if len(known) == len(lengths) else None,
        inner=longest_of(left.inner, right.inner),
    )


_TEXTS = (Kind.TEXT, Kind.TEXT)
_INTS = (Kind.INT, Kind.INT)
_DOUBLES = (Kind.DOUBLE, Kind.DOUBLE)

_ARITHMETIC: Mapping[str, Mapping[Kinds, Callable[..., Term]]] = {
    "_+_": {
        _INTS: _int("({} + {})"),
        _DOUBLES: _plain("({} + {})", WILD),
        _TEXTS: _plain("({} || {})", TEXT),
        (Kind.LIST, Kind.LIST): _chained,
        (Kind.TIME, Kind.SPAN): _near("({} + {})", TIME_MIN, TIME_MAX, TIME),
        (Kind.SPAN, Kind.TIME): _near("({} + {})", TIME_MIN, TIME_MAX, TIME),
        (Kind.SPAN, Kind.SPAN): _near("({} + {})", -SPAN_MAX, SPAN_MAX, SPAN),
    },
    "_-_": {
        _INTS: _int("({} - {})"),
        _DOUBLES: _plain("({} - {})", WILD),
        (Kind.TIME, Kind.TIME): _near("({} - {})", -SPAN_MAX, SPAN_MAX, SPAN),
        (Kind.TIME, Kind.SPAN): _near("({} - {})", TIME_MIN, TIME_MAX, TIME),
        (Kind.SPAN, Kind.SPAN): _near("({} - {})", -SPAN_MAX, SPAN_MAX, SPAN),
    },
    "_*_": {_INTS: _int("({} * {})"), _DOUBLES: _plain("({} * {})", WILD)},
    "_/_": {_INTS: _int("({} // nullif({}, 0))"), _DOUBLES: _plain("({} / {})", WILD)},
    "_%_": {_INTS: _remainder},
}
_NEGATED: Mapping[Kinds, Callable[..., Term]] = {
    (Kind.INT,): _int("(0 - {})"),
    (Kind.DOUBLE,): _plain("(- {})", WILD),
}

# ------------------------------------------------------------------------------ conversions


def _itself(one: Term) -> Term:
    return one


def _to_int(one: Term) -> Term:
    # CEL refuses both ends of the range: what is in between is truncated exactly.
    tested = f"CASE WHEN {one.sql} > -{_MOST_DOUBLE} AND {one.sql} < {_MOST_DOUBLE} "
    return Term(f"CAST(trunc({tested}THEN {one.sql} END) AS BIGINT)", INT)


def _refused(what: str) -> Callable[..., Term]:
    def apply(*_operands: Term) -> Term:
        raise RefusedError(what)

    return apply


_CONVERSIONS: Mapping[str, Mapping[Kinds, Callable[..., Term]]] = {
    "int": {
        (Kind.INT,): _itself,
        (Kind.DOUBLE,): _to_int,
        # The checker refuses it, and the evaluator does not: of a view's member it sees no type.
        (Kind.BOOL,): _plain("CAST({} AS BIGINT)", INT),
        (Kind.TEXT,): _refused("int() of a text"),
        # Division truncates: a time before 1970 is counted from the end of its second.
        (Kind.TIME,): _plain("(({0} - (({0} % 1000000) + 1000000) % 1000000) // 1000000)", INT),
    },
    "double": {
        (Kind.DOUBLE,): _itself,
        (Kind.INT,): _plain("CAST({} AS DOUBLE)", DOUBLE),
        (Kind.TEXT,): _refused("double() of a text"),
    },
    "string": {
        (Kind.TEXT,): _itself,
        (Kind.INT,): _plain("CAST({} AS VARCHAR)", TEXT),
        (Kind.BOOL,): _plain("CAST({} AS VARCHAR)", TEXT),
        (Kind.DOUBLE,): _refused("string() of a double"),
        (Kind.TIME,): _refused("string() of a timestamp"),
        (Kind.SPAN,): _refused("string() of a duration"),
    },
    "bool": {(Kind.BOOL,): _itself, (Kind.TEXT,): _refused("bool() of a text")},
    "timestamp": {
        (Kind.TIME,): _itself,
        (Kind.INT,): _time("({} * 1000000)"),
        (Kind.TEXT,): _refused("timestamp() of a text that is no literal"),
    },
    "duration": {
        (Kind.SPAN,): _itself,
        (Kind.INT,): _refused("duration() of an int"),
        (Kind.TEXT,): _refused("duration() of a text that is no literal"),
    },
}

# --------------------------------------------------------------------- lists, maps and texts


def _size(operands: Sequence[Term]) -> Term:
    def use(one: Term) -> Term:
        if isinstance(one.shape, Record):
            return _count_members(one, one.shape)
        if one.kind is Kind.TEXT:
            return Term(f"CAST(length({one.sql}) AS BIGINT)", INT, sure=one.sure)
        if one.kind is Kind.LIST:
            return Term(f"CAST(len({one.sql}) AS BIGINT)", INT, sure=one.sure)
        return nothing(NEVER)

    return over(operands[0], use)


def _count_members(one: Term, shape: Record) -> Term:
    whole_only(shape, "counts")

    def use(ready: list[Term]) -> Term:
        there = [selected(ready[0], name) for name, _ in shape.members]
        counted = [f"CAST({each.sql} IS NOT NULL AS BIGINT)" for each in there]
        total = Term(" + ".join([int_literal(0), *counted]), INT, sure=True)
        return where_known(ready, total)

    return all_bound([one], use)


def _in(operands: Sequence[Term]) -> Term:
    one, many = operands
    return over_both(one, many, lambda left, right: all_bound([left, right], _in_bound))


_KEYS_OF_OTHERS = frozenset({Kind.INT, Kind.BOOL, Kind.DOUBLE})


def _in_bound(pair: list[Term]) -> Term:
    one, many = pair
    if isinstance(many.shape, Record):
        if one.kind is Kind.TEXT:
            return _has_key(one, many, many.shape)
        return where_known(pair, flag(value=False)) if one.kind in _KEYS_OF_OTHERS else _ERROR
    if not isinstance(many.shape, ListOf) or one.kind is None:
        return _ERROR
    if many.shape.item == one.shape and one.shape in {BOOL, INT, TEXT, TIME, SPAN, DOUBLE}:
        found = Term(f"list_contains({many.sql}, {one.sql})", BOOL, sure=True)
        return where_known(pair, found)
    name = fresh()
    equal = same(one, Term(name, many.shape.item, simple=True, sure=True))
    if equal.shape != BOOL:  # there is no element
        return where_known(pair, flag(value=False))
    each = f"list_transform({many.sql}, lambda {name}: {equal.sql})"
    return where_known(pair, Term(f"list_contains({each}, true)", BOOL, sure=True))


def _has_key(one: Term, many: Term, shape: Record) -> Term:
    whole_only(shape, "searches")
    arms = [f"WHEN {text_literal(name)} THEN {holds(many, name).sql}" for name, _ in shape.members]
    found = f"coalesce(CASE {one.sql} {' '.join(arms)} END, false)" if arms else "false"
    return where_known([one, many], Term(found, BOOL, sure=True))


def _index(operands: Sequence[Term]) -> Term:
    holder, place = operands
    return over_both(holder, place, lambda one, two: all_bound([one, two], _index_bound))


def _index_bound(pair: list[Term]) -> Term:
    holder, place = pair
    if isinstance(holder.shape, ListOf) and is_number(place):
        return _element(holder, holder.shape, place)
    if isinstance(holder.shape, Record) and place.kind is Kind.TEXT:
        return _by_key(holder, holder.shape, place)
    return _ERROR


def _element(holder: Term, shape: ListOf, place: Term) -> Term:
    # DuckDB counts from 1, and negative places from the end: what is below 0 must find nothing.
    tests = [f"{place.sql} BETWEEN 0 AND 1000000000"]
    number = place.sql
    if place.kind is Kind.DOUBLE:
        tests.append(f"{place.sql} = floor({place.sql})")
    sql = f"CAST(CASE WHEN {' AND '.join(tests)} THEN {number} END AS BIGINT) + 1"
    return item_of(holder, f"list_extract({holder.sql}, {sql})", shape.item)


def _by_key(holder: Term, shape: Record, place: Term) -> Term:
    whole_only(shape, "looks up a key in")
    if not shape.members:
        return _ERROR
    found = [(name, selected(holder, name)) for name, _ in shape.members]
    result = joined(*(one.shape for _, one in found))
    arms = [f"WHEN {text_literal(name)} THEN {lifted(one, result).sql}" for name, one in found]
    return item_of(holder, f"CASE {place.sql} {' '.join(arms)} END", result)


_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_AT = "substring({0}, least({1}, 1000000000) + 1, {2})"


def _char_at(text: Term, place: Term) -> Term:
    taken = _AT.format(text.sql, place.sql, "1")
    sql = f"CASE WHEN {place.sql} BETWEEN 0 AND length({text.sql}) THEN {taken} END"
    return Term(sql, TEXT)


def _rest(text: Term, start: Term) -> Term:
    taken = _AT.format(text.sql, start.sql, f"length({text.sql})")
    sql = f"CASE WHEN {start.sql} BETWEEN 0 AND length({text.sql}) THEN {taken} END"
    return Term(sql, TEXT)


_TEXT_FUNCTIONS: Mapping[tuple[str, int], Mapping[Kinds, Callable[..., Term]]] = {
    ("startsWith", 2): {_TEXTS: _plain("starts_with({}, {})", BOOL)},
    ("endsWith", 2): {_TEXTS: _plain("ends_with({}, {})", BOOL)},
    ("contains", 2): {_TEXTS: _plain("contains({}, {})", BOOL)},
    ("indexOf", 2): {_TEXTS: _plain("(CAST(strpos({}, {}) AS BIGINT) - 1)", INT)},
    ("lowerAscii", 1): {(Kind.TEXT,): _plain(f"translate({{}}, '{_UPPER}', '{_LOWER}')", TEXT)},
    ("upperAscii", 1): {(Kind.TEXT,): _plain(f"translate({{}}, '{_LOWER}', '{_UPPER}')", TEXT)},
    ("charAt", 2): {(Kind.TEXT, Kind.INT): _char_at},
    ("substring", 2): {(Kind.TEXT, Kind.INT): _rest},
    # cel-expr-python 0.1.3 has an error where the end is the text's own, against CEL's definition.
    ("substring", 3): {
        (Kind.TEXT, Kind.INT, Kind.INT): _refused(
            "substring() with an end, which the library errs in"
        )
    },
}

# ------------------------------------------------------------------------------------ times


def _part_of_time(template: str) -> Mapping[Kinds, Callable[..., Term]]:
    return {(Kind.TIME,): _plain(f"CAST({template} AS BIGINT)", INT)}


def _clock(unit: int, within: int, parts: str) -> Mapping[Kinds, Callable[..., Term]]:
    """Return a part of the day of a time, and the whole number of units of a duration."""
    day = 86_400 * SECOND
    of_day = f"((({{0}} % {day}) + {day}) % {day})"
    of_span = f"({{0}} // {unit})" if not parts else f"({{0}} // {unit} % {within})"
    return {
        (Kind.TIME,): _plain(f"({of_day} // {unit} % {within})", INT),
        (Kind.SPAN,): _plain(of_span, INT),
    }


_TIME_FUNCTIONS: Mapping[str, Mapping[Kinds, Callable[..., Term]]] = {
    "getFullYear": _part_of_time("year(make_timestamp({}))"),
    "getMonth": _part_of_time("month(make_timestamp({})) - 1"),
    "getDate": _part_of_time("day(make_timestamp({}))"),
    "getDayOfMonth": _part_of_time("day(make_timestamp({})) - 1"),
    "getDayOfYear": _part_of_time("dayofyear(make_timestamp({})) - 1"),
    "getDayOfWeek": _part_of_time("dayofweek(make_timestamp({}))"),
    "getHours": _clock(3_600 * SECOND, 24, ""),
    "getMinutes": _clock(60 * SECOND, 60, ""),
    "getSeconds": _clock(SECOND, 60, ""),
    "getMilliseconds": _clock(1_000, 1_000, "of a second"),
}

# ------------------------------------------------------------------------------------- math


def _extreme(operator: str) -> Callable[..., Term]:
    def apply(left: Term, right: Term) -> Term:
        result = joined(left.shape, right.shape)
        first, second = lifted(left, result), lifted(right, result)
        better = compared(operator, right, left)
        # Of equals the first is kept.
        sql = f"CASE {better.sql} WHEN true THEN {second.sql} WHEN false THEN {first.sql} END"
        return Term(sql, result)

    return apply


def _extremes(operator: str) -> Mapping[Kinds, Callable[..., Term]]:
    made = _extreme(operator)
    wild = _refused("the greatest or least of doubles that may be NaN")

    def apply(left: Term, right: Term) -> Term:
        return wild() if WILD in {left.shape, right.shape} else made(left, right)

    numbers = (Kind.INT, Kind.DOUBLE)
    return {(one, two): apply for one in numbers for two in numbers}


_ROUNDED = {"ceil": "ceil({})", "floor": "floor({})", "trunc": "trunc({})"}

# ------------------------------------------------------------------------------------ table


def _comparison(sign: str) -> Function:
    return lambda operands: ordered(sign, operands[0], operands[1])


def _not(operands: Sequence[Term]) -> Term:
    return Term(f"(NOT {truth_sql(operands[0])})", BOOL)


def _equal(operands: Sequence[Term]) -> Term:
    return same(operands[0], operands[1])


def _unequal(operands: Sequence[Term]) -> Term:
    return Term(f"(NOT {truth_sql(same(operands[0], operands[1]))})", BOOL)


def _and(operands: Sequence[Term]) -> Term:
    return Term(f"({' AND '.join(map(truth_sql, operands))})", BOOL)


def _or(operands: Sequence[Term]) -> Term:
    return Term(f"({' OR '.join(map(truth_sql, operands))})", BOOL)


_TABLE: dict[tuple[str, int], Function] = {
    ("_&&_", 2): _and,
    ("_||_", 2): _or,
    ("!_", 1): _not,
    ("_==_", 2): _equal,
    ("_!=_", 2): _unequal,
    **{(f"_{sign}_", 2): _comparison(sign) for sign in ("<", "<=", ">", ">=")},
    ("@in", 2): _in,
    ("_[_]", 2): _index,
    ("size", 1): _size,
    ("dyn", 1): lambda operands: operands[0],
    ("-_", 1): _overloads(_NEGATED),
    **{(name, 2): _overloads(table) for name, table in _ARITHMETIC.items()},
    **{(name, 1): _overloads(table) for name, table in _CONVERSIONS.items()},
    **{key: _overloads(table) for key, table in _TEXT_FUNCTIONS.items()},
    **{(name, 1): _overloads(table) for name, table in _TIME_FUNCTIONS.items()},
    ("math.@max", 2): _overloads(_extremes(">")),
    ("math.@min", 2): _overloads(_extremes("<")),
    **{
        (f"math.{name}", 1): _overloads({(Kind.DOUBLE,): _plain(template, WILD)})
        for name, template in _ROUNDED.items()
    },
}
