"""Upgrading a store: its entries stay as they are, on SQLite and PostgreSQL."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from ledger import Store, schema
from ledger.errors import StoreError
from ledger.founding import Founded, create_ledger, default_founders
from ledger.upgrading import STEPS, upgrade
from tests.ledger.copies import make_old, rows, write
from tests.ledger.walk import walk


@pytest.fixture
def old(place: str, tmp_path: Path) -> Founded:
    """Give a ledger whose store is of version 1."""
    founders = default_founders("anna@example.com", "bob@example.com")
    founded = create_ledger(
        place, origin="example.com/ledger", founders=founders, keys_dir=tmp_path / "keys"
    )
    make_old(founded.location)
    return founded


def test_an_old_store_is_read_and_not_written(old: Founded) -> None:
    """Until it is upgraded it verifies, and whoever would write is told what to do."""
    with Store.open(old.location) as store:
        assert (store.version, walk(store)) == (1, 3)
    with pytest.raises(StoreError, match="writ upgrade") as caught:
        Store.open(old.location, writable=True)
    assert caught.value.code == "store.old"


def test_an_upgrade_changes_no_entry(old: Founded) -> None:
    """Every byte of entries, records and checkpoints is as it was, and it is written to again."""
    before = rows(old.location)
    assert upgrade(old.location) == 1
    after = rows(old.location)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"cosignatures", "sealed", "subjects"}
    write(old)
    with Store.open(old.location) as store:
        assert (store.version, walk(store)) == (schema.VERSION, 5)


def test_an_upgraded_store_is_as_a_new_one(old: Founded, tmp_path: Path) -> None:
    """The same tables, the same columns, the same guards."""
    upgrade(old.location)
    with Store.create(tmp_path / "new.db"):
        pass
    for place in (old.location, tmp_path / "new.db"):
        engine = schema.open_engine(place, "rw")
        with schema.begin_adding(engine) as connection:
            assert set(inspect(connection).get_table_names()) == set(schema.METADATA.tables)
        added = "INSERT INTO cosignatures VALUES (2, 'w', 'k', 1, '')"
        with schema.begin_adding(engine) as connection:
            connection.execute(text(added))
        for refused in ("UPDATE cosignatures SET size = 3", "DELETE FROM cosignatures"):
            with pytest.raises(DBAPIError, match="added to"), engine.begin() as connection:
                connection.execute(text(refused))
        engine.dispose()


def test_twice_does_nothing(old: Founded) -> None:
    """The second time there is nothing to do, and nothing is done."""
    assert upgrade(old.location) == 1
    after = rows(old.location)
    assert upgrade(old.location) == schema.VERSION
    assert rows(old.location) == after


def test_a_step_that_fails_leaves_the_old_version(
    old: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of an upgrade takes place, or nothing."""
    before = rows(old.location)

    def fail(connection: Connection) -> None:
        whole(connection)
        raise RuntimeError("the power failed")

    whole = STEPS[1]
    monkeypatch.setattr("ledger.upgrading.STEPS", {1: fail})
    with pytest.raises(RuntimeError):
        upgrade(old.location)
    assert rows(old.location) == before
    with Store.open(old.location) as store:
        assert store.version == 1


def test_a_store_of_a_later_version_is_left_alone(old: Founded) -> None:
    """What this program does not know it does not change."""
    upgrade(old.location)
    engine = schema.open_engine(old.location, "rw")
    with schema.begin_adding(engine) as connection:
        connection.execute(text("UPDATE format SET version = 99"))
    engine.dispose()
    with pytest.raises(StoreError, match="newer") as caught:
        upgrade(old.location)
    assert caught.value.code == "store.new"


def test_what_is_no_store_is_no_store_after(tmp_path: Path) -> None:
    """Another database is refused, unchanged; a missing one is not made."""
    engine = create_engine(make_url(f"sqlite:///{tmp_path / 'other.db'}"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE other (a)"))
    engine.dispose()
    with pytest.raises(StoreError, match="not a ledger's store"):
        upgrade(tmp_path / "other.db")
    with pytest.raises(StoreError, match="cannot open"):
        upgrade(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_what_the_database_refuses_has_a_code(tmp_path: Path) -> None:
    """A table that stands in the way is an error that says so, and all stays as it was."""
    with Store.create(tmp_path / "ledger.db"):
        pass
    make_old(tmp_path / "ledger.db")
    engine = schema.open_engine(tmp_path / "ledger.db", "rw")
    with schema.begin_adding(engine) as connection:
        connection.execute(text("CREATE TABLE format (other)"))
    engine.dispose()
    with pytest.raises(StoreError, match="as it was") as caught:
        upgrade(tmp_path / "ledger.db")
    assert caught.value.code == "upgrade.failed"
