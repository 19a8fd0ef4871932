"""Copies of a store: whole, durable, made while others write, and put back."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Store
from ledger.backup import PARTIAL, back_up, restore, sealed_values
from ledger.errors import KeyFileError, StoreError
from ledger.founding import Founded, create_ledger, default_founders
from ledger.merkle import root
from ledger.remembered import Relation, head_of, relation, remembered_note
from ledger.testing import BuiltLedger, build_ledger
from tests.ledger.copies import fill_beside, make_old, rows, write
from tests.ledger.walk import walk


@pytest.fixture
def kept(place: str, tmp_path: Path) -> Founded:
    """Give a ledger with all that a store can hold."""
    founders = default_founders("anna@example.com", "bob@example.com")
    founded = create_ledger(
        place, origin="example.com/ledger", founders=founders, keys_dir=tmp_path / "keys"
    )
    write(founded)
    fill_beside(founded.location)
    return founded


def whole(place: str) -> None:
    """Check a copy as whoever makes one does."""
    with Store.open(place) as store:
        assert walk(store) > 0


def test_a_copy_has_all_of_it(kept: Founded, tmp_path: Path) -> None:
    """Every row, in one file that only its owner can read, whatever the store is kept in."""
    out = tmp_path / "copies" / "a.backup"
    out.parent.mkdir()
    back_up(kept.location, out, whole)
    assert rows(out) == rows(kept.location)
    assert [path.name for path in out.parent.iterdir()] == ["a.backup"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sealed_values(out) == sealed_values(kept.location) == 1


def test_a_copy_put_back_is_the_ledger(kept: Founded, tmp_path: Path) -> None:
    """It has every row, and is written to again by whoever wrote before."""
    out, again = tmp_path / "a.backup", tmp_path / "again.db"
    back_up(kept.location, out, whole)
    restore(out, again, whole)
    assert rows(again) == rows(kept.location)
    moved = Founded(str(again), kept.origin, kept.genesis, kept.keys_dir, kept.identities)
    write(moved)
    with Store.open(again) as store:
        assert walk(store) == 3 + 2 + 2


def test_a_copy_goes_to_a_server(location: str, tmp_path: Path) -> None:
    """From a file into an empty database, which then takes the guards with it; not into another."""
    built = build_ledger(tmp_path)
    fill_beside(built.path)
    out = tmp_path / "a.backup"
    back_up(built.path, out, whole)
    restore(out, location, whole)
    assert rows(location) == rows(built.path)
    with pytest.raises(StoreError, match="not empty") as caught:
        restore(out, location, whole)
    assert caught.value.code == "restore.exists"
    founded = built.founded
    moved = Founded(location, founded.origin, founded.genesis, founded.keys_dir, founded.identities)
    write(moved)
    with Store.open(location) as store:
        assert walk(store) == store.size()


def test_a_copy_of_an_old_store(kept: Founded, tmp_path: Path) -> None:
    """What came with a later version is not in it, and is not missed."""
    make_old(kept.location)
    before = rows(kept.location)
    back_up(kept.location, tmp_path / "a.backup", whole)
    after = rows(tmp_path / "a.backup")
    assert {name: after[name] for name in before} == before
    assert sealed_values(tmp_path / "a.backup") == 0


def test_nothing_is_overwritten(built: BuiltLedger, tmp_path: Path) -> None:
    """Neither a copy by a copy nor a ledger by one, even if it appears in between."""
    out = tmp_path / "a.backup"
    out.write_bytes(b"mine")
    with pytest.raises(StoreError, match="already") as caught:
        back_up(built.path, out, whole)
    assert (caught.value.code, out.read_bytes()) == ("backup.exists", b"mine")
    late = tmp_path / "late.backup"
    with pytest.raises(StoreError, match="already"):
        back_up(built.path, late, lambda _: void(late.write_bytes(b"mine")))
    assert late.read_bytes() == b"mine"
    with pytest.raises(StoreError, match="already") as caught:
        restore(built.path, built.path, whole)
    assert caught.value.code == "restore.exists"


def void(_: object) -> None:
    """Return nothing."""


def test_a_copy_that_fails_its_check_is_none(built: BuiltLedger, tmp_path: Path) -> None:
    """What the check raises comes out, and no file is left."""

    def refuse(place: str) -> None:
        raise ZeroDivisionError(place)

    with pytest.raises(ZeroDivisionError, match=PARTIAL):
        back_up(built.path, tmp_path / "a.backup", refuse)
    assert list(tmp_path.glob("a.backup*")) == []


def test_what_a_dead_process_left_is_removed(built: BuiltLedger, tmp_path: Path) -> None:
    """A half-made copy of before is no hindrance, and no part of the new one."""
    out = tmp_path / "a.backup"
    for end in (PARTIAL, f"{PARTIAL}-journal", f"{PARTIAL}-wal"):
        out.with_name(out.name + end).write_bytes(b"half")
    back_up(built.path, out, whole)
    assert rows(out) == rows(built.path)
    assert list(tmp_path.glob(f"*{PARTIAL}*")) == []


def test_what_was_erased_is_not_copied(built: BuiltLedger, tmp_path: Path) -> None:
    """A value that was deleted before is in no free page of the copy."""
    secret = b"the customer's passport number" * 200
    with closing(sqlite3.connect(built.path)) as connection, connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(
            "INSERT INTO sealed VALUES (?, ?, 'a', 'carol', ?)", ("c" * 64, "d" * 64, secret)
        )
    with closing(sqlite3.connect(built.path)) as connection, connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("DELETE FROM sealed")
    assert secret[:30] in built.path.read_bytes()
    back_up(built.path, tmp_path / "a.backup", whole)
    assert secret[:30] not in (tmp_path / "a.backup").read_bytes()


def test_a_copy_is_of_one_moment(kept: Founded, tmp_path: Path) -> None:
    """While another process writes, each copy is whole, and of what had been acknowledged."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def writer() -> None:
        try:
            while not stop.is_set():
                write(kept, 3)
        except BaseException as error:  # noqa: BLE001  (given to the main thread)
            failures.append(error)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        for number in range(6):
            with Store.open(kept.location) as store:
                known = store.size()
            out = tmp_path / f"{number}.backup"
            back_up(kept.location, out, whole)
            with Store.open(out) as store:
                assert store.size() >= known
    finally:
        stop.set()
        thread.join()
    assert failures == []


def test_a_store_is_replaced_and_kept(built: BuiltLedger, tmp_path: Path) -> None:
    """The copy is in its place, the old one under the other name, with all that was in its log."""
    out, aside = tmp_path / "a.backup", tmp_path / "aside.db"
    back_up(built.path, out, whole)
    write(built.founded, 2)
    later = rows(built.path)
    built.path.chmod(0o640)
    restore(out, built.path, whole, aside=aside)
    assert rows(built.path) == rows(out)
    assert rows(aside) == later
    assert stat.S_IMODE(built.path.stat().st_mode) == 0o640


def test_a_store_in_use_is_not_replaced(built: BuiltLedger, tmp_path: Path) -> None:
    """Whoever has it open would go on writing to what is no more there."""
    out, aside = tmp_path / "a.backup", tmp_path / "aside.db"
    back_up(built.path, out, whole)
    before = rows(built.path)
    with Store.open(built.path, writable=True) as store:
        store.head()
        with pytest.raises(StoreError, match="in use") as caught:
            restore(out, built.path, whole, aside=aside)
    assert caught.value.code == "restore.busy"
    assert rows(built.path) == before
    assert not aside.exists()


def test_a_damaged_store_is_kept_with_its_log(built: BuiltLedger, tmp_path: Path) -> None:
    """What cannot be opened any more is evidence too, and its log is not taken for the copy's."""
    out, aside = tmp_path / "a.backup", tmp_path / "aside.db"
    back_up(built.path, out, whole)
    built.path.write_bytes(b"damaged" * 1000)
    log = built.path.with_name("ledger.db-wal")
    log.write_bytes(b"log")
    restore(out, built.path, whole, aside=aside)
    assert rows(built.path) == rows(out)
    assert aside.read_bytes() == b"damaged" * 1000
    assert aside.with_name("aside.db-wal").read_bytes() == b"log"


@pytest.mark.parametrize("place", ["no/such/a.backup", "file/a.backup"])
def test_where_no_copy_can_be(built: BuiltLedger, tmp_path: Path, place: str) -> None:
    """A folder that is none is named, with a code."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        back_up(built.path, tmp_path / place, whole)
    assert caught.value.code == "backup.failed"


def test_what_is_no_store_is_not_copied(tmp_path: Path) -> None:
    """Neither backed up nor restored, and nothing is left of it."""
    (tmp_path / "other").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        back_up(tmp_path / "other", tmp_path / "a.backup", whole)
    with pytest.raises(StoreError):
        restore(tmp_path / "other", tmp_path / "ledger.db", whole)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


# ---------------------------------------------------------------------- what is remembered


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> BuiltLedger:
    """Give a ledger that no test of this module changes."""
    return build_ledger(tmp_path_factory.mktemp("lasting"))


@given(kept=st.integers(0, 12), cut=st.integers(1, 12))
def test_a_store_and_a_head(kept: int, cut: int, lasting: BuiltLedger) -> None:
    """It goes on from the head, or is behind it, or is another's: told apart at every size."""
    with Store.open(lasting.path) as store:
        leaves = list(store.leaves())
        _, note = list(store.checkpoints())[-1]
        size = min(cut, len(leaves))
        head = head_of(note)
        true = type(head)(head.origin, size, root(leaves[:size]))
        assert relation(store, true) is Relation.CONTAINS
        beyond = type(head)(head.origin, len(leaves) + 1 + kept, head.root)
        assert relation(store, beyond) is Relation.BEHIND
        other = type(head)(head.origin, size, root(leaves[: size - 1]))
        assert relation(store, other) is Relation.OTHER


def test_what_the_head_signer_remembers(built: BuiltLedger, tmp_path: Path) -> None:
    """The note is the last one that was signed; a missing memory and a damaged one have codes."""
    memory = built.founded.keys_dir / "head.memory"
    with Store.open(built.path) as store:
        assert remembered_note(memory) == list(store.checkpoints())[-1][1]
    with pytest.raises(KeyFileError) as caught:
        remembered_note(tmp_path / "none")
    assert caught.value.code == "head.no-memory"
    for wrong in (b"", b"{}", b'{"note":"x"}', b'{"note":1}', b"[]"):
        (tmp_path / "wrong").write_bytes(wrong)
        with pytest.raises(KeyFileError) as caught:
            remembered_note(tmp_path / "wrong")
        assert caught.value.code == "head.memory"
