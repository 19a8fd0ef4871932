"""Only what was verified can be built on."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from contracts.versions import VersionHistory
from ledger.encoding import decode, encode
from ledger.store import Store
from tests.verifier.forge import Desk
from verifier.entries import BrokenLedgerError
from verifier.errors import NotVerifiedError, SourceError
from verifier.founding import Founding
from verifier.load import VerifiedLedger, open_ledger, verify_ledger
from verifier.rereading import Exactly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger's file."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    return desk.save(tmp_path / "desk.db")


def test_a_verified_ledger_gives_its_valid_entries(path: Path) -> None:
    """Events come in order, with the contracts that judged them."""
    with open_ledger(path) as ledger:
        events = list(ledger.events())
        assert [event.index for event in events] == list(range(ledger.report.ledger.size))
        assert [contract.name for contract in ledger.contracts.values()] == ["desk"]


def test_only_open_ledger_makes_one(path: Path) -> None:
    """The type is a promise, so nobody else can give it."""
    with open_ledger(path) as ledger, pytest.raises(ValueError, match="open_ledger"):
        VerifiedLedger(
            ledger.report, {}, VersionHistory(), {}, cast("Any", None), cast("Any", None)
        )


def test_what_does_not_hold_cannot_be_opened(path: Path) -> None:
    """The error names the entry."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("UPDATE records SET body = x'7b7d' WHERE idx = 4")
    with pytest.raises(NotVerifiedError, match="entry 4"):
        open_ledger(path)


def test_a_ledger_that_changes_later(path: Path) -> None:
    """What was verified is checked again when it is read."""
    with open_ledger(path) as ledger:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TRIGGER records_no_update")
            connection.execute("UPDATE records SET body = x'7b7d' WHERE idx = 4")
        with pytest.raises(BrokenLedgerError, match="entry 4"):
            list(ledger.events())


def test_read_quickly_is_read_exactly(path: Path) -> None:
    """Held against the proof's leaf hashes or checked anew: the events are the same ones."""
    with open_ledger(path) as ledger, Store.open(path) as store:
        quick = list(ledger.events())
        founding = Founding.read(store, None)
        exact = Exactly(store, founding, None, ledger.report.ledger.size)
        assert quick == list(exact.events())
        exact.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entries WHERE idx >= 6",
        "UPDATE entries SET header = replace(header, char(58), char(58)) WHERE idx = 6",
    ],
)
def test_a_ledger_that_was_cut_off_or_rewritten_later(statement: str, path: Path) -> None:
    """A store that is another one by now is said to be so, and where, even if it is sound."""
    with open_ledger(path) as ledger:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TRIGGER entries_no_update")
            connection.execute("DROP TRIGGER entries_no_delete")
            connection.execute("DROP TRIGGER records_no_delete")
            connection.execute("DELETE FROM records WHERE idx >= 6")
            connection.execute(statement)
        with pytest.raises(BrokenLedgerError):
            list(ledger.events())


def test_what_was_kept_of_the_proof_is_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An opened ledger leaves nothing behind, also where it cannot be opened."""
    there = path.parent / "tables"
    there.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(there))
    with open_ledger(path):
        assert len(list(there.iterdir())) == 1
    assert list(there.iterdir()) == []
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("UPDATE records SET body = x'7b7d' WHERE idx = 4")
    with pytest.raises(NotVerifiedError):
        open_ledger(path)
    assert list(there.iterdir()) == []


def test_a_ledger_that_grows_later(path: Path) -> None:
    """What came after the verification is not part of what was verified."""
    longer = Desk()
    longer.paid()
    longer.sign_head()
    longer.paid()
    with open_ledger(path) as ledger:
        size = ledger.report.ledger.size
        with closing(sqlite3.connect(path)) as connection, connection:
            for index in range(size, len(longer.headers)):
                connection.execute(
                    "INSERT INTO entries VALUES (?, ?)", (index, longer.headers[index])
                )
                connection.execute(
                    "INSERT INTO records VALUES (?, ?)", (index, longer.records[index])
                )
        assert len(list(ledger.events())) == size


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but long enough" * 99])
def test_what_is_no_ledger(content: bytes | None, tmp_path: Path) -> None:
    """It is said, and not taken for a broken one."""
    path = tmp_path / "nothing.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError):
        verify_ledger(path)
    with pytest.raises(SourceError):
        open_ledger(path)


def test_checkpoints_that_cannot_be_read(path: Path) -> None:
    """A note that is not stored as bytes breaks the ledger at step 1."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER checkpoints_no_update")
        connection.execute("UPDATE checkpoints SET note = CAST(note AS TEXT)")
    broken = verify_ledger(path).integrity.broken
    assert broken is not None
    assert (broken.step, broken.check) == (1, "checkpoint")


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["DELETE FROM entries WHERE idx = 5"], (5, "missing")),
        (["DELETE FROM records WHERE idx = 5"], (5, "record")),
        (["UPDATE entries SET header = CAST(header AS TEXT) WHERE idx = 5"], (5, "unreadable")),
        (["UPDATE entries SET header = CAST(header AS TEXT) WHERE idx = 0"], (0, "unreadable")),
        (["UPDATE entries SET header = CAST(header AS TEXT) WHERE idx = 1"], (1, "unreadable")),
        (["INSERT INTO records VALUES (99, x'00')"], (99, "stray")),
    ],
)
def test_rows_that_come_and_go(
    statements: list[str], expected: tuple[int, str], path: Path
) -> None:
    """What the store itself notices has an index and a check as well."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    broken = verify_ledger(path).integrity.broken
    assert broken is not None
    assert (broken.index, broken.check) == expected


def test_a_bent_link_before_a_damaged_entry(tmp_path: Path) -> None:
    """Where the entry after cannot be read either, the later of the two neighbours is named."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    desk.headers[5] = encode({**decode(desk.headers[5]), "prev": "ee" * 32})
    desk.headers[6] = b"damaged"
    broken = verify_ledger(desk.save(tmp_path / "desk.db")).integrity.broken
    assert broken is not None
    assert (broken.index, broken.check) == (5, "link")
