"""Columns of what records say, made of a whole member at a time and without a call for each value.

What stands in nearly every record is taken: texts, whole numbers, truth values, doubles, and lists
and maps of these, with a list of values for each member that a condition names. Whatever is not of
one kind in all records is made by `verifier.columns`, as far down as that can be told; and of what
no column can hold nothing is made here at all. So the column is the same as that of the values one
by one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.coercion import MAX_LIST, Value, plain
from contracts.column_shapes import (
    BOOL,
    DOUBLE,
    INT,
    NEVER,
    TEXT,
    TIME,
    ListOf,
    Shape,
    record,
)
from contracts.member_columns import Many
from verifier.columns import MISSING, Held, Made, column_of, lists, struct

_NONE: Final = type(None)
_COMPUTE: Any = pc


class UnusualError(Exception):
    """Values of which no column is made here. It never leaves `verifier`."""


def quick_column(many: Many, named: frozenset[str]) -> Made | None:
    """Return the column of a member, None where it has to be made of the values one by one.

    Args:
        many: The values.
        named: The members that conditions name: of maps only these are kept.
    """
    if many.nulls or (many.hides_raw and _hides(many)):
        return None
    maker = _Maker(named, recorded=many.recorded)
    try:
        if many.instants:
            shape: Shape = TIME if _kinds(many.values) else NEVER
            kind = pa.int64() if shape is TIME else pa.bool_()
            return Made(shape, pa.array(many.values, kind), frozenset(), 0)
        shape, array = maker.make(many.values)
    except (UnusualError, OverflowError, UnicodeError, RecursionError):
        return None
    return Made(shape, array, frozenset(), maker.longest)


def _kinds(values: Iterable[Value]) -> set[type[object]]:
    kinds: set[type[object]] = set(map(type, values))
    kinds.discard(_NONE)
    return kinds


def _hides(many: Many) -> bool:
    """Return whether some value holds what is not shown, or may: each is looked at by itself."""
    maps, arrays = _containers(many.values)
    while maps or arrays:
        if any("raw" in one for one in maps):
            return True
        if many.hides_long and any(len(one) > MAX_LIST for one in arrays):
            return True
        maps, arrays = _containers(chain(*[one.values() for one in maps], *arrays))
    return False


def _containers(values: Iterable[object]) -> tuple[list[dict[str, Value]], list[list[Value]]]:
    """Return the maps and the lists among values; what is sealed is neither."""
    held: dict[type[object], list[Any]] = {dict: [], list: []}
    for one in values:
        kind = type(one)
        if kind in held:
            held[kind].append(one)
    return held[dict], held[list]


@dataclass(slots=True)
class _Maker:
    """Makes one column; `longest` is found on the way."""

    named: frozenset[str]
    recorded: bool
    longest: int = 0

    def make(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        """Return the shape and the column of values, None where there is none."""
        kinds = _kinds(values)
        if not kinds:
            return NEVER, pa.nulls(len(values), pa.bool_())
        if len(kinds) > 1:
            return self._one_by_one(values)
        made = _KINDS.get(kinds.pop())
        if made is None:
            raise UnusualError
        return made(self, values)

    def _one_by_one(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        seen = plain if self.recorded else _same
        made = column_of([MISSING if one is None else seen(one) for one in values], self.named)
        if made.odd:
            raise UnusualError
        self.longest = max(self.longest, made.longest)
        return made.shape, made.array

    def bools(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        return BOOL, pa.array(values, pa.bool_())

    def ints(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        return INT, pa.array(values, pa.int64())

    def doubles(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        array: Held = pa.array(values, pa.float64(), from_pandas=False)
        if not _COMPUTE.all(_COMPUTE.is_finite(array)).as_py():
            raise UnusualError
        if self.recorded:
            return DOUBLE, _COMPUTE.add(array, 0.0)
        held = array.drop_null().to_numpy()
        if (np.signbit(held) & (held == 0)).any():
            raise UnusualError
        return DOUBLE, array

    def texts(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        array: Held = pa.array(values, pa.string())
        data = array.buffers()[2]
        if data is not None and b"\0" in memoryview(data)[: _bytes_of(array)].tobytes():
            raise UnusualError
        return TEXT, array

    def arrays(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        items = list(chain.from_iterable([one for one in values if one is not None]))
        if None in items:
            return self._one_by_one(values)
        lengths = [0 if one is None else len(one) for one in values]
        self.longest = max(self.longest, *lengths)
        shape, array = self.make(items)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return ListOf(shape), lists(offsets, array, [one is None for one in values])

    def maps(self, values: Sequence[Value]) -> tuple[Shape, Held]:
        if not self.recorded:
            raise UnusualError  # a member that is null is not one that is missing
        there = [one for one in values if one is not None]
        self.longest = max(self.longest, *map(len, there))
        shapes: dict[str, Shape] = {}
        arrays: dict[str, Held] = {}
        for name in self.named.intersection(chain.from_iterable(there)):
            inner = [None if one is None else one.get(name) for one in values]
            shape, array = self.make(inner)
            # Of a member that is null in every record there is nothing.
            if any(one is not None for one in inner):
                shapes[name], arrays[name] = shape, array
        made = record(shapes, whole=False)
        mask = pa.array([one is None for one in values], pa.bool_())
        return made, struct([(name, arrays[name]) for name, _ in made.members], mask)


def _same(value: Value) -> Value:
    return value


def _bytes_of(array: Held) -> int:
    """Return how many bytes the texts of an array have."""
    return int(np.frombuffer(array.buffers()[1], np.int32, len(array) + 1)[-1])


_KINDS: Final[dict[type[object], Callable[[_Maker, Sequence[Value]], tuple[Shape, Held]]]] = {
    bool: _Maker.bools,
    int: _Maker.ints,
    float: _Maker.doubles,
    str: _Maker.texts,
    list: _Maker.arrays,
    dict: _Maker.maps,
}
