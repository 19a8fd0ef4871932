"""A tool's own log as Parquet: typed columns, nested ones included."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.coercion import Value, is_list, is_map
from contracts.instants import written
from verifier.reconciling.mapping import CallMap
from verifier.reconciling.problems import refused
from verifier.reconciling.rows import Rows
from verifier.reconciling.seen import Seen

_ROWS: Final = 10_000
"""Rows that are in memory at once."""


class ParquetFile:
    """A Parquet file.

    Attributes:
        textual: Never: columns have types.
    """

    textual = False

    def __init__(self, path: Path, reads: CallMap) -> None:
        self._path = path
        self._reads = reads

    def calls(self) -> Iterator[Seen]:
        """Yield the calls in the file's order.

        Raises:
            AgainstError: The file is no such table; the row is named.
        """
        try:
            with pq.ParquetFile(self._path) as table:
                yield from self._rows(table)
        except (pa.ArrowException, OSError, ValueError) as error:
            what = f"no Parquet that can be read ({str(error).splitlines()[0][:200]})"
            raise refused("parquet", str(self._path), what) from error

    def _rows(self, table: pq.ParquetFile) -> Iterator[Seen]:
        schema = table.schema_arrow
        names = [str(name) for name in schema.names]
        rows = Rows(str(self._path), names, self._reads, typed=True)
        times = rows.says["time"]
        number = 0
        for batch in table.iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist(maps_as_pydicts="strict"):
                number += 1
                place = f"{self._path}: row {number}"
                plain = {
                    name: value if name == times else plain_of(value, f"{place}, {name}")
                    for name, value in row.items()
                }
                call = rows.call(number, place, plain)
                if call is not None:
                    yield replace(call, place=f"row {number}")


def plain_of(value: Value, place: str) -> Value:
    """Return a typed value as JSON has it: times in RFC 3339, decimals as numbers.

    Raises:
        AgainstError: JSON has no such value.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        return _number(value, place)
    if is_list(value):
        return [plain_of(one, place) for one in value]
    if is_map(value):
        return _members(value, place)
    if isinstance(value, datetime):
        return written(value) if value.tzinfo else value.replace(tzinfo=UTC).isoformat()[:-6]
    if isinstance(value, date | time):
        return value.isoformat()
    what = f"a column of {type(value).__name__}, which JSON has not: leave it out of the map"
    raise refused("type", place, what)


def _members(value: Mapping[Any, Any], place: str) -> dict[str, Value]:
    if not all(isinstance(name, str) for name in value):
        raise refused("type", place, "a map whose keys are no texts: leave it out of the map")
    return {name: plain_of(one, place) for name, one in value.items()}


def _number(value: float | Decimal, place: str) -> Value:
    if not isfinite(value):
        raise refused("number", place, f"{value} is no number that JSON has: leave the cell empty")
    number = Decimal(value) if isinstance(value, Decimal) else None
    if number is not None and number == number.to_integral_value():
        return int(number)
    return float(value)
