"""Statements for the driver itself, on a server: what is committed, and what is not said to be."""

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from ledger import schema
from ledger.errors import StoreError
from ledger.store import Store
from ledger.transaction import adding, reading

NOTE = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
SIZES = "SELECT size FROM checkpoints ORDER BY size"


@pytest.fixture
def engine(location: str) -> Iterator[Engine]:
    """Give connections to an empty store."""
    Store.create(location).close()
    engine = schema.open_engine(location, "rw")
    yield engine
    engine.dispose()


def sizes(engine: Engine) -> list[int]:
    """Return what is committed."""
    with reading(engine) as asked:
        return [size for (size,) in asked.all(SIZES)]


def test_what_the_block_adds_is_there_when_it_ends(engine: Engine) -> None:
    """And not before: who reads meanwhile sees none of it."""
    with adding(engine) as transaction:
        transaction.run(NOTE, 1, b"one")
        assert transaction.all(SIZES) == [(1,)]
        assert sizes(engine) == []
    assert sizes(engine) == [1]


def test_a_block_that_raises_adds_nothing(engine: Engine) -> None:
    """And the connection serves whoever is next, through SQLAlchemy too."""

    def change_its_mind() -> None:
        with adding(engine) as transaction:
            transaction.run(NOTE, 1, b"one")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        change_its_mind()
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO checkpoints (size, note) VALUES (2, 'two')")
        # It has begun a transaction, as SQLAlchemy expects: nothing is committed by itself.
        connection.rollback()
    assert sizes(engine) == []


def test_the_last_statement_to_fail_is_raised(engine: Engine) -> None:
    """Nobody waits for its answer but the end of the block."""

    def add_out_of_order() -> None:
        with adding(engine) as transaction:
            transaction.run(NOTE, 2, b"two")
            transaction.run(NOTE, 1, b"one")

    with pytest.raises(psycopg.errors.RaiseException):
        add_out_of_order()
    assert sizes(engine) == []


def test_a_failure_that_is_passed_over_is_not_acknowledged(engine: Engine) -> None:
    """A server answers COMMIT with ROLLBACK, and no error, where a statement failed before."""
    drivers: list[Any] = []

    def take_note(driver: object, *_: object) -> None:
        drivers.append(driver)

    event.listen(engine, "checkout", take_note)

    def pass_over_it() -> None:
        with adding(engine) as transaction:
            transaction.run(NOTE, 1, b"one")
            with suppress(psycopg.Error):
                transaction.all("SELECT 1 / 0")
            # Until it is asked to go on after the failure, the server passes over COMMIT as well.
            with suppress(psycopg.Error), drivers[-1].pipeline():
                pass

    with pytest.raises(StoreError, match="answered ROLLBACK"):
        pass_over_it()
    assert sizes(engine) == []


def test_reading_keeps_what_is_prepared(engine: Engine) -> None:
    """Statements that are asked often are kept prepared, also by who reads in between."""
    for _ in range(8):
        assert sizes(engine) == []
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%size%'")
        assert cursor.fetchall() == [(1,)]
