"""What the column engine knows of a value before it reads one: its shape, and how it is stored.

A table has one row a record and one column a variable. A column has no value where the variable
or the member does not exist: to a condition, that is CEL's error. So that null, a wrong type and
absence stay apart, a value whose type is not known beforehand is stored with its kind beside it
(`Tagged`), and no two kinds share a field. Nothing is ever parsed or cast to find out.

Source: docs/adr/0020-conditions-by-column.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Final, TypeAlias, cast

from contracts.coercion import Value, is_list, is_map

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
TIME_MIN: Final = -62_135_596_800_000_000
TIME_MAX: Final = 253_402_300_799_999_999
SPAN_MAX: Final = 9_223_372_036_854_775
"""Microseconds. CEL counts the nanoseconds of a sum of durations in an int."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Kind(IntEnum):
    """The kinds of values that a condition tells apart. The numbers stand in tables."""

    NULL = 0
    BOOL = 1
    INT = 2
    DOUBLE = 3
    TEXT = 4
    TIME = 5
    SPAN = 6
    LIST = 7
    MAP = 8


@dataclass(frozen=True, slots=True)
class Never:
    """The shape of what has no value in any row: an error, or the elements of an empty list."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value of one plain kind. `wild`: a double that may be NaN, infinite or −0.0."""

    kind: Kind
    wild: bool = False


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose elements are of one shape."""

    item: "Shape"

    @property
    def kind(self) -> Kind:
        """A list's kind."""
        return Kind.LIST


@dataclass(frozen=True, slots=True)
class Record:
    """A map of named members, any of which a row may lack.

    `whole`: no row has members beside these, so that a map can be counted, compared and searched.
    Else a row may have others, but none that a condition names.
    """

    members: tuple[tuple[str, "Shape"], ...]
    whole: bool = True

    @property
    def kind(self) -> Kind:
        """A map's kind."""
        return Kind.MAP

    def member(self, name: str) -> "Shape | None":
        """Return a member's shape, None where no row has it."""
        return next((shape for known, shape in self.members if known == name), None)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value of one of several kinds, each at most once, in the order of kinds."""

    options: tuple["Plain", ...]


Plain: TypeAlias = Scalar | ListOf | Record
Shape: TypeAlias = Never | Plain | Tagged

NEVER: Final = Never()
BOOL: Final = Scalar(Kind.BOOL)
INT: Final = Scalar(Kind.INT)
DOUBLE: Final = Scalar(Kind.DOUBLE)
WILD: Final = Scalar(Kind.DOUBLE, wild=True)
TEXT: Final = Scalar(Kind.TEXT)
TIME: Final = Scalar(Kind.TIME)
SPAN: Final = Scalar(Kind.SPAN)
NULL: Final = Scalar(Kind.NULL)


class UnfitError(ValueError):
    """A value that its column can not hold: its row is for CEL."""


def record(members: Mapping[str, Shape], *, whole: bool = True) -> Record:
    """Return a record's shape, its members in the order of their names."""
    return Record(tuple(sorted(members.items())), whole)


def options_of(shape: Shape) -> tuple[Plain, ...]:
    """Return the shapes of each kind that a value may have."""
    if isinstance(shape, Tagged):
        return shape.options
    return () if isinstance(shape, Never) else (shape,)


def joined(*shapes: Shape) -> Shape:
    """Return the shape that holds what each of these holds."""
    found: dict[Kind, Plain] = {}
    for shape in shapes:
        for option in options_of(shape):
            known = found.get(option.kind)
            found[option.kind] = option if known is None else _merged(known, option)
    if not found:
        return NEVER
    options = tuple(found[kind] for kind in sorted(found))
    return options[0] if len(options) == 1 else Tagged(options)


def _merged(left: Plain, right: Plain) -> Plain:
    if isinstance(left, ListOf) and isinstance(right, ListOf):
        return ListOf(joined(left.item, right.item))
    if isinstance(left, Record) and isinstance(right, Record):
        members = dict(left.members)
        for name, shape in right.members:
            members[name] = joined(members.get(name, NEVER), shape)
        return record(members, whole=left.whole and right.whole)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar(left.kind, left.wild or right.wild)
    raise AssertionError("shapes of one kind are of one class")


def nesting(shape: Shape) -> int:
    """Return how many lists stand within one another in a shape."""
    if isinstance(shape, ListOf):
        return 1 + nesting(shape.item)
    inner = [one for _, one in shape.members] if isinstance(shape, Record) else []
    inner = list(shape.options) if isinstance(shape, Tagged) else inner
    return max(map(nesting, inner), default=0)


def is_whole(shape: Shape) -> bool:
    """Return whether a column of this shape holds all of its values."""
    if isinstance(shape, Record):
        return shape.whole and all(is_whole(one) for _, one in shape.members)
    if isinstance(shape, ListOf):
        return is_whole(shape.item)
    return not isinstance(shape, Tagged) or all(map(is_whole, shape.options))


def kind_of(value: Value) -> Kind:
    """Return the kind of a plain value. Raises `UnfitError` for what has none."""
    if is_map(value):
        return Kind.MAP
    python: type[object] = type(cast("object", value))
    found = KINDS_OF.get(python)
    if found is None:
        raise UnfitError(f"a value of the Python type {python.__name__}")
    return found


KINDS_OF: Final[Mapping[type[object], Kind]] = {
    type(None): Kind.NULL,
    bool: Kind.BOOL,
    int: Kind.INT,
    float: Kind.DOUBLE,
    str: Kind.TEXT,
    datetime: Kind.TIME,
    timedelta: Kind.SPAN,
    list: Kind.LIST,
}
"""The kinds of Python's types; a map is told by more than its type."""


def shape_of(value: Value, named: frozenset[str] | None = None) -> Shape:
    """Return the shape of one value.

    Args:
        value: A plain value.
        named: The members that conditions name; of maps only these are kept, so that a map with
            thousands of keys is no column of thousands. None: all of them.

    Raises:
        UnfitError: It holds what no column can.
    """
    kind = kind_of(value)
    if kind is Kind.MAP:
        if not all(isinstance(name, str) for name in value):
            raise UnfitError("a map whose keys are no texts")
        kept = {name: one for name, one in value.items() if named is None or name in named}
        members = {name: shape_of(one, named) for name, one in kept.items()}
        return record(members, whole=named is None)
    if kind is Kind.LIST:
        return ListOf(joined(*(shape_of(one, named) for one in value)))
    wild = kind is Kind.DOUBLE and (not math.isfinite(value) or str(value) == "-0.0")
    return Scalar(kind, wild)


# ------------------------------------------------------------------------------- storage

_TYPES: dict[Kind, str] = {
    Kind.NULL: "BOOLEAN",
    Kind.BOOL: "BOOLEAN",
    Kind.INT: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.TIME: "BIGINT",
    Kind.SPAN: "BIGINT",
}
TAG: Final = "t"
EMPTY: Final = "_"
"""The field of a record that has no members: a struct without fields can not be stored."""


def field(name: str) -> str:
    """Return the name under which a member is stored.

    DuckDB tells names apart without regard to case; CEL does not. What is no small letter or
    digit is written as its code point, so no two members share a field.
    """
    if not name:
        return "_0_"
    return "".join(
        letter
        if letter in "abcdefghijklmnopqrstuvwxyz0123456789"
        else "__"
        if letter == "_"
        else f"_{ord(letter):x}_"
        for letter in name
    )


def payload(kind: Kind) -> str:
    """Return the field of a tagged value that holds values of a kind."""
    return f"v{kind.value}"


def fields(shape: Record | Tagged) -> list[tuple[str, Shape]]:
    """Return the fields of a struct beside the tag, with their shapes."""
    if isinstance(shape, Tagged):
        return [(payload(one.kind), one) for one in shape.options if one.kind is not Kind.NULL]
    return [(field(name), one) for name, one in shape.members]


def sql_type(shape: Shape) -> str:
    """Return DuckDB's type of a shape. Times and durations are microseconds."""
    if isinstance(shape, ListOf):
        return f"{sql_type(shape.item)}[]"
    if isinstance(shape, Record | Tagged):
        inner = [f'"{name}" {sql_type(one)}' for name, one in fields(shape)]
        if isinstance(shape, Tagged):
            inner.insert(0, f'"{TAG}" UTINYINT')
        if not inner:
            inner.append(f'"{EMPTY}" BOOLEAN')
        return f"STRUCT({', '.join(inner)})"
    return "BOOLEAN" if isinstance(shape, Never) else _TYPES[shape.kind]


def stored(shape: Shape, value: Value) -> Any:  # noqa: ANN401 - what Arrow takes for the column
    """Return a plain value as its column holds it.

    Raises:
        UnfitError: The shape is not the value's.
    """
    kind = kind_of(value)
    if isinstance(shape, Tagged):
        option = next((one for one in shape.options if one.kind is kind), None)
        if option is None:
            raise UnfitError(f"a {kind.name.lower()} where none was expected")
        held = {} if kind is Kind.NULL else {payload(kind): stored(option, value)}
        return {TAG: kind.value, **held}
    if isinstance(shape, Never) or shape.kind is not kind:
        raise UnfitError(f"a {kind.name.lower()} where none was expected")
    if isinstance(shape, ListOf):
        return [stored(shape.item, one) for one in value]
    if isinstance(shape, Record):
        return _stored_members(shape, value)
    return _stored_scalar(shape, value)


def _stored_members(shape: Record, value: Mapping[str, Value]) -> dict[str, Any]:
    made: dict[str, Any] = {} if shape.members else {EMPTY: True}
    for name, one in value.items():
        inner = shape.member(name)
        if inner is not None:
            made[field(name)] = stored(inner, one)
        elif shape.whole:
            raise UnfitError("a member that was not expected")
    return made


def _stored_scalar(shape: Scalar, value: Value) -> Any:  # noqa: ANN401 - a plain value
    if shape.kind is Kind.NULL:
        return True
    if shape.kind is Kind.TIME:
        return (value - _EPOCH) // _MICROSECOND
    if shape.kind is Kind.SPAN:
        return _bounded(value // _MICROSECOND, SPAN_MAX)
    if shape.kind is Kind.INT and not INT_MIN <= value <= INT_MAX:
        raise UnfitError("an integer of more than 64 bits")
    if shape.kind is Kind.TEXT and not is_storable(value):
        raise UnfitError("a text with NUL in it, or half a sign")
    if shape.kind is Kind.DOUBLE and not shape.wild and shape_of(value) == WILD:
        raise UnfitError("a double that is not plain")
    return value


def is_storable(text: str) -> bool:
    """Return whether a column can hold a text: not NUL, nor what UTF-8 can not say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _bounded(value: int, most: int) -> int:
    if abs(value) > most:
        raise UnfitError("a duration that CEL can not add")
    return value


def loaded(shape: Shape, held: Any) -> Value:  # noqa: ANN401 - what DuckDB gives
    """Return the plain value that a column holds. The column must have one."""
    if isinstance(shape, Tagged):
        kind = Kind(held[TAG])
        option = next(one for one in shape.options if one.kind is kind)
        return None if kind is Kind.NULL else loaded(option, held[payload(kind)])
    if isinstance(shape, ListOf):
        return [loaded(shape.item, one) for one in held]
    if isinstance(shape, Record):
        there = ((name, one, held[field(name)]) for name, one in shape.members)
        return {name: loaded(one, inner) for name, one, inner in there if inner is not None}
    if isinstance(shape, Never) or shape.kind is Kind.NULL:
        return None
    if shape.kind is Kind.TIME:
        return _EPOCH + timedelta(microseconds=held)
    return timedelta(microseconds=held) if shape.kind is Kind.SPAN else held


def longest(value: Value) -> int:
    """Return the length of the longest list or map in a value."""
    if is_map(value):
        return max([len(value), *(longest(one) for one in value.values())])
    return max([len(value), *map(longest, value)]) if is_list(value) else 0
