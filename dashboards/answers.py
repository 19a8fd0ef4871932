"""Answers of replay, as pages show them: sentences in memory, tables in a file, rows by the page.

An answer may have a row for each action of a long ledger. Its tables go into a database file as
soon as they are made; whoever shows one of them asks for a page of it. Tables are those that
`replay.reports` gives to every form of an answer, so a page says what the command says.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from dashboards.filling import CHUNK, connected
from dashboards.filters import PAGE_SIZE
from replay.tables import Cell, Kind, Table, as_csv
from verifier.rereading import Folder

FILE: Final = "answer.duckdb"
# Of each kind of column; amounts are whole micro-units unless a table has a mean among them.
_TYPES: Final[Mapping[Kind, pa.DataType]] = {
    Kind.TEXT: pa.string(),
    Kind.COUNT: pa.int64(),
    Kind.MICROS: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.SHARE: pa.float64(),
}
IN_A_FILE: Final = 200_000
"""Rows of a table that somebody takes along."""
PLACE: Final = "#"
"""The column that says in which order a table's rows were made: no table has one of that name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out, without the rows of its tables.

    Attributes:
        size: How many entries the ledger had that was asked.
        root: The root over them, which says which ledger it was.
        headline: The answer in a line.
        sentences: The answer in full.
        limits: What it does not prove.
        basis: What was asked of what.
        tables: By name: columns, title and note, without rows.
        file: Of an export: what it wrote, in the answer's folder; empty.
    """

    size: int
    root: str
    headline: str
    sentences: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    basis: str = ""
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    file: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a table.

    Attributes:
        table: Its columns and these rows.
        total: How many rows there are on all pages.
        page: The page that these are, which may be an earlier one than was asked for.
        pages: How many pages there are.
    """

    table: Table
    total: int
    page: int
    pages: int

    def records(self) -> list[dict[str, Cell]]:
        """Return the rows as objects by the columns' names."""
        names = [column.name for column in self.table.columns]
        return [dict(zip(names, row, strict=True)) for row in self.table.rows]


class Writing:
    """Writes an answer's tables into a new database file. It is to be closed.

    Args:
        folder: Where the file goes.

    Attributes:
        tables: Those that were written, without their rows.
    """

    def __init__(self, folder: Path) -> None:
        self._connection = connected(folder / FILE)
        self.tables: dict[str, Table] = {}

    def write(self, tables: Iterable[Table]) -> None:
        """Write tables that are made already."""
        for table in tables:
            self.stream(replace(table, rows=()), table.rows)

    def stream(self, table: Table, rows: Iterable[Sequence[Cell]]) -> None:
        """Write a table whose rows are made while they are written.

        Args:
            table: Its name and columns.
            rows: The rows, each with a cell for each column.
        """
        left = iter(rows)
        chunk = list(islice(left, CHUNK))
        types = [
            pa.float64()
            if column.kind is Kind.MICROS and any(isinstance(row[at], float) for row in chunk)
            else _TYPES[column.kind]
            for at, column in enumerate(table.columns)
        ]
        names = [column.name for column in table.columns]
        first = 0
        for each in chain([chunk], _chunks(left)):
            made = _arrow(names, types, each, first)
            _insert(self._connection, table.name, made, new=not first)
            first += len(each)
        self.tables[table.name] = table

    def close(self) -> None:
        """Finish the file."""
        self._connection.close()


def _chunks(left: Iterator[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _arrow(
    names: Sequence[str], types: Sequence[pa.DataType], rows: Sequence[Sequence[Cell]], first: int
) -> pa.Table:
    arrays: list[pa.Array[Any]] = [pa.array(range(first, first + len(rows)), pa.int64())]
    arrays += [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(types)]
    return pa.Table.from_arrays(arrays, names=[PLACE, *names])


def _insert(connection: duckdb.DuckDBPyConnection, name: str, made: pa.Table, *, new: bool) -> None:
    connection.register("incoming", made)
    # Names of tables and columns are replay's own, here and below.
    begin = f'CREATE TABLE "{name}" AS' if new else f'INSERT INTO "{name}"'
    connection.execute(f"{begin} SELECT * FROM incoming")
    connection.unregister("incoming")


class Stored:
    """An answer whose tables lie in a file.

    Args:
        answer: The answer.
        folder: Where the file lies; it goes with this.

    Attributes:
        answer: The same.
        folder: The folder's path.
    """

    def __init__(self, answer: Answer, folder: Folder) -> None:
        self.answer = answer
        self._held = folder
        self.folder = Path(folder.name)
        path = self.folder / FILE
        self._connection = connected(path, read_only=True) if path.exists() else None
        self._lock = threading.Lock()

    def part(
        self,
        name: str,
        where: str = "true",
        values: Sequence[object] = (),
        *,
        page: int = 1,
        size: int = PAGE_SIZE,
        order: str = "",
    ) -> Part:
        """Return a page of a table.

        Args:
            name: The table.
            where: Which rows, as SQL of the caller's own; `values` stand for its question marks.
            values: These.
            page: From 1.
            size: Rows of a page.
            order: Other than as the rows were made: SQL of the caller's own.
        """
        table = self.answer.tables[name]
        total = self.number(f'SELECT count(*) FROM "{name}" WHERE {where}', *values)
        pages = max(-(-total // size), 1)
        page = min(max(page, 1), pages)
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        ordered = f'{order}, "{PLACE}"' if order else f'"{PLACE}"'
        rows = self.rows(
            f'SELECT {columns} FROM "{name}" WHERE {where} ORDER BY {ordered} LIMIT ? OFFSET ?',
            *values,
            size,
            (page - 1) * size,
        )
        return Part(replace(table, rows=tuple(rows)), total, page, pages)

    def all(self, name: str, most: int = 1_000) -> Part:
        """Return the first rows of a table, `most` of them: for what is short, and for charts."""
        return self.part(name, size=most)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query gives. Values stand for its question marks."""
        if self._connection is None:
            raise LookupError("this answer has no tables")
        # Several people look at once, each in a thread: a cursor is for one of them.
        with self._lock:
            cursor = self._connection.cursor()
        with cursor:
            return cursor.execute(query, list(values)).fetchall()

    def number(self, query: str, *values: object) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(query, *values)[0][0])

    def csv(self, name: str) -> bytes:
        """Return a table as CSV, its first `IN_A_FILE` rows."""
        return as_csv(self.all(name, IN_A_FILE).table).encode()

    def close(self) -> None:
        """Give the file back."""
        if self._connection is not None:
            self._connection.close()
        self._held.cleanup()
