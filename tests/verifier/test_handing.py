"""A verification that is handed on: the same ledger, and nothing on the store's word."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contracts.withholding import Mark
from ledger.bundle_writing import write_bundle
from ledger.store import Store
from tests.verifier.forge import SERVICE, Desk
from verifier import handing, load
from verifier.entries import BrokenLedgerError
from verifier.errors import NotVerifiedError, SourceError
from verifier.load import open_ledger, taken_over
from verifier.rereading import Proven


class _Other(Desk):
    """The same desk in another ledger."""

    def make(self, kind: str, name: str, **fields: object) -> bytes:
        """Return a record; genesis has a seed of its own."""
        own = {"seed": "01" * 32} if kind == "genesis" else {}
        return super().make(kind, name, **{**fields, **own})


def _not_quickly(*_: object) -> None:
    """Prove nothing: all is read exactly."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger's file."""
    return _saved(tmp_path / "desk.db", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a verification is left."""
    made = tmp_path / "left"
    made.mkdir()
    return made


def _saved(path: Path, payouts: int) -> Path:
    desk = Desk()
    for amount in range(payouts):
        desk.paid(5 + amount)
    desk.sign_head()
    return desk.save(path)


def _left(path: Path, folder: Path) -> None:
    with open_ledger(path) as ledger:
        ledger.hand_over(folder)


def test_who_takes_over_has_the_same_ledger(path: Path, folder: Path) -> None:
    """Report, contracts, entries; as often as one likes, after the first has gone."""
    with open_ledger(path) as ledger:
        assert ledger.versions.activations(SERVICE)
        first = ledger.report, ledger.contracts, dict(ledger.texts), list(ledger.events())
        ledger.hand_over(folder)
    for _ in range(2):
        with taken_over(path, folder) as again:
            there = again.report, again.contracts, dict(again.texts), list(again.events())
            assert there == first
            assert again.versions.activations(SERVICE) == ledger.versions.activations(SERVICE)


def test_a_bundle_is_taken_over_too(path: Path, folder: Path, tmp_path: Path) -> None:
    """What it holds back is told of again, in its place."""
    bundle = tmp_path / "some.zip"
    with Store.open(path) as store:
        write_bundle(store, bundle, lambda index: index != store.size() - 2)
    with open_ledger(bundle) as ledger:
        marks: list[Mark] = []
        first = ledger.report, list(ledger.events(marks.append)), marks
        ledger.hand_over(folder)
    with taken_over(bundle, folder) as again:
        told: list[Mark] = []
        there = again.report, list(again.events(told.append)), told
    assert len(marks) == 1
    assert there == first


def test_a_ledger_that_grew_is_read_as_far_as_it_was_verified(path: Path, folder: Path) -> None:
    """What came later was not verified, and is not read."""
    _left(path, folder)
    path.unlink()
    _saved(path, 3)
    with taken_over(path, folder) as again:
        size = again.report.ledger.size
        assert [event.index for event in again.events()] == list(range(size))
        with Store.open(path) as store:
            assert store.size() > size


def test_a_store_that_was_changed_since_is_refused(path: Path, folder: Path) -> None:
    """Each entry is held against the leaf that was proved, in whatever process."""
    _left(path, folder)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("UPDATE records SET body = x'7b7d' WHERE idx = 6")
    with taken_over(path, folder) as again, pytest.raises(BrokenLedgerError, match="entry 6"):
        list(again.events())


def test_who_could_write_is_as_it_was(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is called compromised later, back to before, takes nothing out of the past."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    path.unlink()
    desk.save(path)
    monkeypatch.setattr(load, "_opened_quickly", _not_quickly)
    with open_ledger(path) as ledger:
        before = list(ledger.events())
        ledger.hand_over(folder)
    assert len(before) == len(desk.headers)
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent", since=5)))
    desk.sign_head()
    path.unlink()
    desk.save(path)
    with taken_over(path, folder) as again:
        assert list(again.events()) == before
    with open_ledger(path) as anew:
        assert len(list(anew.events())) < len(before)


def test_another_ledger_is_refused(path: Path, folder: Path) -> None:
    """What was verified says nothing of it, whatever it is called."""
    _left(path, folder)
    path.unlink()
    other = _Other()
    other.paid()
    other.sign_head()
    other.save(path)
    with pytest.raises(NotVerifiedError, match="another ledger"):
        taken_over(path, folder)


def test_where_nothing_was_left_nothing_is_taken_over(path: Path, folder: Path) -> None:
    """Neither without a verification, nor without its ledger, nor from any other file."""
    with pytest.raises(OSError, match=handing.FILE):
        taken_over(path, folder)
    _left(path, folder)
    path.unlink()
    with pytest.raises(SourceError):
        taken_over(path, folder)
    (folder / handing.FILE).write_bytes(b"\x80\x04N.")
    with pytest.raises(TypeError, match="no verification"):
        taken_over(path, folder)


def test_a_proof_goes_along(path: Path, folder: Path) -> None:
    """Where integrity was proved nothing is checked the slow way again."""
    with open_ledger(path) as ledger:
        ledger.hand_over(folder)
    with Store.open(path) as store:
        assert isinstance(handing.handed(folder).reading(store, folder), Proven)
