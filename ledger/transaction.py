"""Statements for the driver itself: reading, and the transaction that adds to a ledger.

An append is a few small statements. Through SQLAlchemy each of them costs ten times what it costs
the database, and together more than the durable commit; so SQLAlchemy opens the connections and
keeps them, and what is said on one is plain. A server is asked twice for each append: for the lock
and where the ledger ends, and to add and commit.
Source: docs/spec/ledger-format.md, *Store*.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

from ledger import schema
from ledger.errors import StoreError
from ledger.files import NamedFile

# How each driver wants a place for a value to be written. Here it is written `?`.
_PLACES = {"sqlite": "?", "postgresql": "%s"}
_ROWS = 256
_SPAN = (
    "SELECT e.idx, e.header, r.body FROM entries e LEFT JOIN records r ON r.idx = e.idx "
    "WHERE e.idx >= ? AND e.idx < ? ORDER BY e.idx"
)
# What a server answers when it committed. In a transaction of which a statement failed it answers
# ROLLBACK, and calls that no error.
_COMMITTED = "COMMIT"
# Seconds between two attempts to take SQLite's lock; and what of an error's code is its kind.
_POLL = 0.003
_PRIMARY = 0xFF
# Rows of one statement: several in one take half the time of as many statements.
_GROUPS = (256, 32, 4, 1)


class Transaction:
    """Statements on one connection. None holds a `?` but as the place of a value."""

    def __init__(self, connection: PoolProxiedConnection, place: str) -> None:
        self._connection = connection
        self._cursor: DBAPICursor = connection.cursor()
        self._place = place

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite that is asked."""
        return self._place == "?"

    def all(self, query: str, *values: object) -> Sequence[Sequence[Any]]:
        """Return all rows of a query."""
        self.run(query, *values)
        return self._cursor.fetchall()

    def each(self, query: str, *values: object) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query that may have many. Others may be asked in between."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(query.replace("?", self._place), values)
            while found := cursor.fetchmany(_ROWS):
                yield from found
        finally:
            cursor.close()

    def run(self, statement: str, *values: object) -> None:
        """Execute one statement."""
        self._cursor.execute(statement.replace("?", self._place), values)

    def commit(self) -> None:
        """Have what was done last. Of a server it is known only when its answers were waited for.

        The driver's own way to commit would wait for an answer more.
        """
        self.run("COMMIT")

    def refuse_undone(self) -> None:
        """Refuse to go on where the answer to `commit` is that there was nothing left of it.

        Raises:
            StoreError: A statement failed, somebody passed over it, and so all was undone.
        """
        said = getattr(self._cursor, "statusmessage", _COMMITTED)
        if said != _COMMITTED:
            raise StoreError(f"the database answered {said} to COMMIT: nothing was written")

    def run_for(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute one statement for each of these rows, in order."""
        self._cursor.executemany(statement.replace("?", self._place), rows)

    def insert(self, table: str, indexes: range, values: Sequence[bytes]) -> None:
        """Insert rows of an index and bytes into one of SQLite's tables of these, in order.

        With statements of a few sizes, which the driver keeps prepared.

        Args:
            table: Its name, and in brackets the names of its two columns.
            indexes: The index of each row.
            values: The bytes of each row.
        """
        places: list[object] = [None] * (2 * len(values))
        # Of bytes the driver asks each time whether they adapt themselves, which they never do, and
        # an error is made of it: twice what a row's insertion costs. Of these it does not ask.
        places[::2], places[1::2] = indexes, [bytearray(value) for value in values]
        at = 0
        for size, statement in _statements(table):
            while len(values) - at >= size:
                self._cursor.execute(statement, places[2 * at : 2 * (at + size)])
                at += size


@cache
def _statements(table: str) -> Sequence[tuple[int, str]]:
    """Return statements that insert so many rows into a table, those of most rows first."""
    return [
        (size, f"INSERT INTO {table} VALUES {', '.join(['(?, ?)'] * size)}")  # noqa: S608  (table is a name of ours)
        for size in _GROUPS
    ]


@contextmanager
def reading(engine: Engine) -> Generator[Transaction]:
    """Ask without waiting for anybody.

    Raises:
        Exception: One of `failures`.
    """
    with _connected(engine) as connection:
        yield Transaction(connection, _PLACES[engine.dialect.name])


def spanned(asked: Transaction, start: int, stop: int) -> Sequence[Sequence[Any]]:
    """Return index, header and record from `start` to before `stop`; None where no record is."""
    return asked.all(_SPAN, start, stop)


def nothing_outside(asked: Transaction, start: int, end: int) -> bool:
    """Return whether no row stands at `end` or after it, before 0, or nowhere.

    From `start` on no record stands between two either: tables that were made otherwise can hold
    one there.
    """
    if asked.all("SELECT count(*) FROM records WHERE idx >= ?", start)[0][0] != end - start:
        return False
    return not any(
        asked.all(f"SELECT 1 FROM {table} WHERE {outside} LIMIT 1", *values)  # noqa: S608  (names of ours)
        for table in ("entries", "records")
        for outside, *values in (("idx >= ?", end), ("idx < 0",), ("idx IS NULL",))
    )


@contextmanager
def adding(engine: Engine) -> Generator[Transaction]:
    """Hold the ledger's one lock: all is committed when the block ends, nothing if it raises.

    Raises:
        StoreError: The store's file is not the one under its name any more.
        Exception: One of `failures`. After a failed commit it is not known whether it took place.
    """
    with _connected(engine) as connection:
        transaction = Transaction(connection, _PLACES[engine.dialect.name])
        with _pipelined(connection):
            if transaction.is_sqlite:
                _take_turn(transaction)
            else:
                for statement in ("BEGIN", *schema.LOCK[engine.dialect.name]):
                    transaction.run(statement)
            _check_place(connection)
            yield transaction
            transaction.commit()
        # INVARIANT: here a server has answered to all of it. If the process dies before, nobody
        # knows whether it was committed, and nobody was told that it was.
        transaction.refuse_undone()
        # What was committed into a file that has lost its name is in no ledger that others see.
        _check_place(connection)


def _check_place(connection: PoolProxiedConnection) -> None:
    """Refuse to write where another file has the store's name by now, or none has."""
    file = connection.info.get(schema.FILE)
    if isinstance(file, NamedFile) and not file.is_there():
        raise StoreError(
            f"{file.path}: the store's file was removed or replaced while it was open, and what "
            "this process writes would be in no ledger; open the ledger again",
            code="store.replaced",
        )


def _take_turn(transaction: Transaction) -> None:
    """Begin on SQLite, asking every few milliseconds while another writer has the lock.

    SQLite asks by itself too, but where it was built without a fine clock only once a second: then
    sixteen writers together append twelve times a second.
    """
    deadline = time.monotonic() + schema.PATIENCE
    transaction.run("PRAGMA busy_timeout = 0")
    try:
        while not _begun(transaction, deadline):
            time.sleep(_POLL * (0.5 + random.random()))  # noqa: S311  (nobody gains by guessing)
    finally:
        transaction.run(f"PRAGMA busy_timeout = {schema.PATIENCE * 1000}")


def _begun(transaction: Transaction, deadline: float) -> bool:
    try:
        transaction.run(*schema.LOCK["sqlite"])
    except sqlite3.OperationalError as error:
        busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
        if not busy or time.monotonic() > deadline:
            raise
        return False
    return True


def _pipelined(connection: PoolProxiedConnection) -> AbstractContextManager[object]:
    """Send statements to a server without waiting for each one's answer.

    They are executed one after the other all the same, each seeing what those before it left. What
    is asked is waited for; a statement that fails undoes the transaction, and is raised when the
    next answer is waited for, at the end at the latest.
    """
    pipeline: Callable[[], AbstractContextManager[object]] | None = getattr(
        connection.driver_connection, "pipeline", None
    )
    return nullcontext() if pipeline is None else pipeline()


@contextmanager
def _connected(engine: Engine) -> Generator[PoolProxiedConnection]:
    connection = engine.raw_connection()
    try:
        schema.begin_by_hand(connection)
        yield connection
    except failures(engine):
        # Nobody knows what state it is in: the server may be gone. The next one is a new one. It is
        # rolled back first: as long as somebody keeps the error, and with it the cursor, a
        # connection to a file is not truly closed, and would go on holding the ledger's lock.
        with suppress(*failures(engine)):
            connection.rollback()
        connection.invalidate()
        raise
    finally:
        # What was not committed is rolled back as the pool takes the connection back.
        connection.close()


def failures(engine: Engine) -> tuple[type[Exception], ...]:
    """Return what a failing database raises: its driver's errors, and the pool's."""
    return SQLAlchemyError, engine.dialect.loaded_dbapi.Error
