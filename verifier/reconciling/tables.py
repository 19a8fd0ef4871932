"""What the ledger records and what a source shows, as tables on disk: digests and small values.

A source may have millions of calls. Neither side is kept in memory; of arguments a digest is
compared, and their text is looked at only where two differ.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from verifier.reconciling.arguments import MAX_DEPTH, as_text, digest_of, exact, shallow, written
from verifier.reconciling.problems import refused
from verifier.reconciling.seen import Seen

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_AT_ONCE: Final = 8_192
_TEXT: Final = pa.string()
_NUMBER: Final = pa.int64()

Columns: TypeAlias = Mapping[str, pa.DataType]

SHOWN: Final[Columns] = {
    "line": _NUMBER,
    "place": _TEXT,
    "run": _TEXT,
    "tool": _TEXT,
    "call_id": _TEXT,
    "key": _TEXT,
    "args": _TEXT,
    "body": _TEXT,
    "stamp": _NUMBER,
    "failed": pa.bool_(),
}
ACTIONS: Final[Columns] = {
    "idx": _NUMBER,
    "digest": _TEXT,
    "run": _TEXT,
    "tool": _TEXT,
    "call_id": _TEXT,
    "key": _TEXT,
    "exact": _TEXT,
    "loose": _TEXT,
    "body": _TEXT,
    "hidden": _TEXT,
    "stamp": _NUMBER,
    "decision": _TEXT,
}
OUTCOMES: Final[Columns] = {"action": _TEXT, "idx": _NUMBER, "status": _TEXT, "stamp": _NUMBER}
RUNS: Final[Columns] = {"digest": _TEXT, "ref": _TEXT, "idx": _NUMBER}


class Rows:
    """Rows on their way into a table, many at once."""

    def __init__(self, database: "DuckDBPyConnection", table: str, columns: Columns) -> None:
        self._database = database
        self._table = table
        self._columns = columns
        self._held: list[tuple[Any, ...]] = []
        names = {"string": "VARCHAR", "int64": "BIGINT", "bool": "BOOLEAN"}
        declared = ", ".join(f"{name} {names[str(kind)]}" for name, kind in columns.items())
        database.execute(f"CREATE OR REPLACE TABLE {table} ({declared})")

    def add(self, *row: object) -> None:
        """Add a row."""
        self._held.append(row)
        if len(self._held) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._held:
            return
        columns = zip(*self._held, strict=True)
        arrays = {
            name: pa.array(column, kind)
            for (name, kind), column in zip(self._columns.items(), columns, strict=True)
        }
        self._database.register("arriving", pa.table(arrays))
        self._database.execute(f"INSERT INTO {self._table} SELECT * FROM arriving")
        self._database.unregister("arriving")
        self._held.clear()


def load_shown(
    database: "DuckDBPyConnection", table: str, calls: Iterable[Seen], textual: Callable[[], bool]
) -> None:
    """Write the calls that a source shows into a table.

    Args:
        database: The database.
        table: The table's name.
        calls: The calls.
        textual: Tells whether arguments are compared as text; asked once a call was read.

    Raises:
        AgainstError: The source cannot be read, or arguments are nested too deep.
    """
    rows = Rows(database, table, SHOWN)
    for call in calls:
        args, body = None, None
        if call.said:
            if not shallow(call.params):
                what = f"the arguments are nested too deep, more than {MAX_DEPTH} times"
                raise refused("deep", call.place, what)
            args = digest_of(written((as_text if textual() else exact)(call.params)))
            body = written(call.params)
        rows.add(
            call.line,
            call.place,
            call.run,
            call.tool,
            call.call_id,
            call.key,
            args,
            body,
            call.at,
            call.failed,
        )
    rows.flush()


def row_of(database: "DuckDBPyConnection", statement: str) -> tuple[Any, ...]:
    """Return the one row that a statement selects, all of it read."""
    (row,) = database.execute(statement).fetchall()
    return tuple(row)


def rows_of(database: "DuckDBPyConnection", statement: str) -> Iterator[tuple[Any, ...]]:
    """Yield what a statement selects, a few rows at a time; others may be run meanwhile."""
    cursor = database.cursor()
    cursor.execute(statement)
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows
    cursor.close()
