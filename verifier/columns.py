"""Views as columns: one row a record, one column a variable, for conditions that run by column.

A column is made of values of one member at a time, over all rows: what shape it has is read off
the values themselves, so that no value is cast and none is lost. A row that holds what no column
can (a sealed value that is not disclosed, a text with NUL in it, an integer of more than 64 bits)
is *odd*: its conditions are asked of CEL.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.coercion import Value
from contracts.column_shapes import (
    BOOL,
    DOUBLE,
    EMPTY,
    INT,
    INT_MAX,
    INT_MIN,
    KINDS_OF,
    NEVER,
    NULL,
    SPAN,
    SPAN_MAX,
    TAG,
    TEXT,
    TIME,
    WILD,
    Kind,
    ListOf,
    Never,
    Plain,
    Record,
    Shape,
    Tagged,
    fields,
    is_storable,
    longest,
    payload,
    record,
    stored,
)
from contracts.column_shapes import field as field_name

LONGEST = "longest"
"""The column that says how long the longest list or map of a row is."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_TYPES: dict[Kind, pa.DataType] = {
    Kind.NULL: pa.bool_(),
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.int64(),
    Kind.SPAN: pa.int64(),
}


Held: TypeAlias = Any
"""A pyarrow array. Of which type is known when there are values, and not before."""
Places: TypeAlias = Any
"""A NumPy array of whole numbers, or of truth values."""


class Missing:
    """That a row has no such value."""

    __slots__ = ()


class Instant(int):
    """A time as microseconds since 1970: it need not become a datetime on its way to a column."""

    __slots__ = ()


MISSING: Final = Missing()


def arrow_type(shape: Shape) -> pa.DataType:
    """Return the type of a column that holds values of a shape."""
    if isinstance(shape, ListOf):
        return pa.list_(arrow_type(shape.item))
    if isinstance(shape, Record | Tagged):
        inner = [pa.field(name, arrow_type(one)) for name, one in fields(shape)]
        if isinstance(shape, Tagged):
            inner.insert(0, pa.field(TAG, pa.uint8()))
        return pa.struct(inner or [pa.field(EMPTY, pa.bool_())])
    return pa.bool_() if isinstance(shape, Never) else _TYPES[shape.kind]


def view_table(shapes: Mapping[str, Shape], rows: Iterable[Mapping[str, Value]]) -> pa.Table:
    """Return views as a table: a variable that a row lacks is null in it.

    Raises:
        contracts.column_shapes.UnfitError: A view has what its shape does not.
    """
    held: list[dict[str, Any]] = []
    for views in rows:
        made = {name: stored(shapes[name], value) for name, value in views.items()}
        held.append({**made, LONGEST: max(map(longest, views.values()), default=0)})
    schema = [pa.field(name, arrow_type(shape)) for name, shape in shapes.items()]
    return pa.Table.from_pylist(held, pa.schema([*schema, pa.field(LONGEST, pa.int64())]))


# ------------------------------------------------------------------- from values to columns


@dataclass(frozen=True, slots=True)
class Made:
    """A column of values.

    Attributes:
        shape: The shape that holds them all.
        array: One element a row; null where a row has none, or is odd.
        odd: The rows that hold what a column can not.
        longest: The length of the longest list or map in any row.
    """

    shape: Shape
    array: Held
    odd: frozenset[int]
    longest: int


def column_of(values: Sequence[Value], named: frozenset[str] | None = None) -> Made:
    """Make a column of plain values, `MISSING` where a row has none.

    Args:
        values: One a row. Times may be `Instant`s.
        named: The members that conditions name: of maps only these are kept. None: all of them.
    """
    maker = _Maker(named)
    shape, array = maker.make(values, np.arange(len(values)))
    if maker.odd:
        # What an odd row holds beside the value that no column takes is no one's business.
        kept = [MISSING if row in maker.odd else one for row, one in enumerate(values)]
        again = _Maker(named)
        shape, array = again.make(kept, np.arange(len(kept)))
    return Made(shape, array, frozenset(maker.odd), maker.longest)


@dataclass(slots=True)
class _Maker:
    """Makes one column; `odd` and `longest` are found on the way."""

    named: frozenset[str] | None
    odd: set[int] = field(default_factory=set[int])
    longest: int = 0

    def make(self, values: Sequence[Value], rows: Places) -> tuple[Shape, Held]:
        """Return the shape and the column of values, each of which stands in one of `rows`."""
        kinds: set[type[object]] = set(map(type, values))
        kinds.discard(Missing)
        unknown = kinds - _KINDS.keys()
        if unknown:
            self._note(values, rows, lambda value: type(value) in unknown)
            values = [MISSING if type(one) in unknown else one for one in values]
            kinds -= unknown
        if not kinds:
            return NEVER, pa.nulls(len(values), pa.bool_())
        if len({_KINDS[one] for one in kinds}) == 1:
            return self._of_kind(_KINDS[next(iter(kinds))], values, rows)
        return self._tagged(sorted({_KINDS[one] for one in kinds}), values, rows)

    def _note(self, values: Sequence[Value], rows: Places, wrong: Callable[[Value], bool]) -> None:
        self.odd.update(
            int(row)
            for row, one in zip(rows, values, strict=True)
            if one is not MISSING and wrong(one)
        )

    def _of_kind(self, kind: Kind, values: Sequence[Value], rows: Places) -> tuple[Plain, Held]:
        made: tuple[Plain, Held] = getattr(self, f"_{kind.name.lower()}")(values, rows)
        return made

    def _tagged(
        self, kinds: Sequence[Kind], values: Sequence[Value], rows: Places
    ) -> tuple[Shape, Held]:
        found = [None if one is MISSING else _KINDS[type(one)] for one in values]
        options: list[Plain] = []
        arrays = [pa.array(found, pa.uint8())]
        names = [TAG]
        for kind in kinds:
            mine = [
                one if known is kind else MISSING for one, known in zip(values, found, strict=True)
            ]
            shape, array = self._of_kind(kind, mine, rows)
            options.append(shape)
            if kind is not Kind.NULL:
                arrays.append(array)
                names.append(payload(kind))
        mask = pa.array([one is None for one in found], pa.bool_())
        return Tagged(tuple(options)), pa.StructArray.from_arrays(arrays, names, mask=mask)

    # ---------------------------------------------------------------------------- scalars

    def _null(self, values: Sequence[Value], _rows: Places) -> tuple[Plain, Held]:
        return NULL, pa.array([None if one is MISSING else True for one in values], pa.bool_())

    def _bool(self, values: Sequence[Value], _rows: Places) -> tuple[Plain, Held]:
        return BOOL, pa.array(_nones(values), pa.bool_())

    def _int(self, values: Sequence[Value], rows: Places) -> tuple[Plain, Held]:
        held = _nones(values)
        try:
            return INT, pa.array(held, pa.int64())
        except OverflowError:
            self._note(values, rows, lambda one: not INT_MIN <= one <= INT_MAX)
            fit = [one if one is not None and INT_MIN <= one <= INT_MAX else None for one in held]
            return INT, pa.array(fit, pa.int64())

    def _double(self, values: Sequence[Value], _rows: Places) -> tuple[Plain, Held]:
        held = _nones(values)
        wild = any(
            one is not None
            and (not math.isfinite(one) or (one == 0.0 and math.copysign(1, one) < 0))
            for one in held
        )
        return WILD if wild else DOUBLE, pa.array(held, pa.float64(), from_pandas=False)

    def _text(self, values: Sequence[Value], rows: Places) -> tuple[Plain, Held]:
        held = _nones(values)
        if not is_storable("\x01".join([one for one in held if one])):
            self._note(values, rows, lambda one: not is_storable(one))
            held = [one if one is not None and is_storable(one) else None for one in held]
        return TEXT, pa.array(held, pa.string())

    def _time(self, values: Sequence[Value], _rows: Places) -> tuple[Plain, Held]:
        held = [
            None
            if one is MISSING
            else int(one)
            if type(one) is Instant
            else (one - _EPOCH) // _MICROSECOND
            for one in values
        ]
        return TIME, pa.array(held, pa.int64())

    def _span(self, values: Sequence[Value], rows: Places) -> tuple[Plain, Held]:
        held = [None if one is MISSING else one // _MICROSECOND for one in values]
        if any(one is not None and abs(one) > SPAN_MAX for one in held):
            self._note(values, rows, lambda one: abs(one // _MICROSECOND) > SPAN_MAX)
            held = [one if one is not None and abs(one) <= SPAN_MAX else None for one in held]
        return SPAN, pa.array(held, pa.int64())

    # ------------------------------------------------------------------------- containers

    def _list(self, values: Sequence[Value], rows: Places) -> tuple[Plain, Held]:
        lengths = np.fromiter(
            (0 if one is MISSING else len(one) for one in values), np.int64, len(values)
        )
        self.longest = max(self.longest, int(lengths.max(initial=0)))
        flat = [item for one in values if one is not MISSING for item in one]
        shape, items = self.make(flat, np.repeat(rows, lengths))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return ListOf(shape), lists(offsets, items, [one is MISSING for one in values])

    def _map(self, values: Sequence[Value], rows: Places) -> tuple[Plain, Held]:
        names: set[str] = set()
        if any(one is not MISSING and _oddly_keyed(one) for one in values):
            self._note(values, rows, _oddly_keyed)
            values = [MISSING if one is MISSING or _oddly_keyed(one) else one for one in values]
        for one in values:
            if one is not MISSING:
                names.update(one)
                self.longest = max(self.longest, len(one))
        if self.named is not None:
            names &= self.named
        members: dict[str, Shape] = {}
        arrays: dict[str, Held] = {}
        for name in names:
            inner = [MISSING if one is MISSING else one.get(name, MISSING) for one in values]
            members[name], arrays[name] = self.make(inner, rows)
        shape = record(members, whole=self.named is None)
        mask = pa.array([one is MISSING for one in values], pa.bool_())
        return shape, struct([(name, arrays[name]) for name, _ in shape.members], mask)


def struct(members: Sequence[tuple[str, Held]], mask: Held) -> Held:
    """Return maps with these members as they are stored."""
    if not members:
        return pa.StructArray.from_arrays([pa.array([True] * len(mask))], [EMPTY], mask=mask)
    names = [field_name(name) for name, _ in members]
    return pa.StructArray.from_arrays([array for _, array in members], names, mask=mask)


def members_column(
    parts: Mapping[str, Made], there: Sequence[bool], *, whole: bool
) -> tuple[Record, Held]:
    """Return a variable that was made member by member.

    Args:
        parts: Its members.
        there: Of each row, whether it has the variable.
        whole: Whether it has no member beside these.
    """
    shape = record({name: part.shape for name, part in parts.items()}, whole=whole)
    mask = pa.array([not one for one in there], pa.bool_())
    return shape, struct([(name, parts[name].array) for name, _ in shape.members], mask)


def lists(offsets: Places, items: Held, missing: Sequence[bool]) -> Held:
    """Return lists of these items, each from its offset to the next; null where one is missing."""
    begins: Held = pa.array(offsets, pa.int32())
    return pa.ListArray.from_arrays(begins, items, mask=pa.array(missing, pa.bool_()))


def together(arrays: Sequence[Held]) -> Held:
    """Return arrays of one type, one after the other."""
    return pa.concat_arrays(arrays)


def nulls(count: int, kind: pa.DataType) -> Held:
    """Return an array of nothing but null."""
    return pa.array([None] * count, kind)


def places_of(known: Places, wanted: Places) -> Places:
    """Return where numbers stand among ascending ones; where one is not there, any place."""
    places: Any = np
    return places.minimum(places.searchsorted(known, wanted), len(known) - 1)


def taken(array: Held, places: Places, missing: Places) -> Held:
    """Return an array's elements at some places, null where one is missing."""
    return array.take(pa.array(places, pa.int64(), mask=np.asarray(missing, bool)))


def _nones(values: Sequence[Value]) -> list[Any]:
    return [None if one is MISSING else one for one in values]


def longest_of(shape: Shape, array: Held) -> int:
    """Return a length that no list or map of a column exceeds."""
    if isinstance(shape, ListOf):
        lengths: Held = pc
        most = lengths.max(lengths.list_value_length(array)).as_py() or 0
        return max(int(most), longest_of(shape.item, array.flatten()))
    if isinstance(shape, Record | Tagged):
        inner = [longest_of(one, array.field(name)) for name, one in fields(shape)]
        return max([len(shape.members) if isinstance(shape, Record) else 0, *inner])
    return 0


def _oddly_keyed(value: Mapping[object, Value]) -> bool:
    """Return whether a map has keys that are no texts, as one that CEL made may have."""
    return not all(isinstance(name, str) for name in value)


_KINDS: Final[Mapping[type[object], Kind]] = {**KINDS_OF, Instant: Kind.TIME, dict: Kind.MAP}
