"""Views as a table: one row a record, one column a variable, for conditions that run by column."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from contracts.coercion import Value
from contracts.column_shapes import (
    EMPTY,
    TAG,
    Kind,
    ListOf,
    Never,
    Record,
    Shape,
    Tagged,
    fields,
    longest,
    stored,
)

LONGEST = "longest"
"""The column that says how long the longest list or map of a row is."""

_TYPES: dict[Kind, pa.DataType] = {
    Kind.NULL: pa.bool_(),
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.int64(),
    Kind.SPAN: pa.int64(),
}


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
