"""Each form by itself: whatever byte is changed, a check that covers it fails."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import LedgerError, Store, parse_header, parse_record
from ledger.authority import AuthorityHistory
from ledger.encoding import digest
from ledger.entry import leaf_hash
from ledger.keys import verify_signature
from ledger.records import Authority, Genesis
from ledger.rows import Row
from ledger.submission import signed_text, submission_of
from ledger.testing import BuiltLedger, build_ledger, mangle, throwaway_key
from tests.ledger.walk import walk


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltLedger:
    """Give a ledger that the tests of this file only read."""
    return build_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def rows(built: BuiltLedger) -> list[Row]:
    """Give its rows."""
    with Store.open(built.path) as store:
        return list(store.rows())


def test_every_byte_of_a_header_is_in_its_leaf(rows: list[Row]) -> None:
    """A changed header is refused, or has another leaf hash."""
    for row in rows:
        for _, spoiled in mangle(row.header):
            assert leaf_hash(spoiled) != leaf_hash(row.header)


def test_every_byte_of_a_record_is_in_its_digest(rows: list[Row]) -> None:
    """A changed record is refused, or is not the one that its header names."""
    for row in rows:
        expected = parse_header(row.header).record
        for _, spoiled in mangle(row.record or b""):
            assert digest(spoiled) != expected


def test_every_byte_of_a_signed_text_counts(rows: list[Row]) -> None:
    """No other text fits the signature."""
    key = throwaway_key("writer")
    text = signed_text(submission_of(parse_header(rows[0].header), "ab" * 32))
    signature = key.sign(text)
    for _, spoiled in mangle(text):
        with pytest.raises(LedgerError):
            verify_signature(key.public_key, spoiled, signature)


def test_every_byte_of_an_authority_document_counts(rows: list[Row]) -> None:
    """Whatever is changed in it, its roots have not signed it."""
    genesis, authority = (parse_record(row.record or b"") for row in rows[:2])
    assert isinstance(genesis, Genesis)
    assert isinstance(authority, Authority)
    history = AuthorityHistory.of(genesis)
    for _, spoiled in mangle(authority.document.encode(), bits=(0,)):
        record = authority.model_copy(update={"document": spoiled.decode()})
        with pytest.raises(LedgerError):
            history.fold(1, record)


REPLACE = (
    "UPDATE entries SET header = ? WHERE idx = ?",
    "UPDATE records SET body = ? WHERE idx = ?",
)
MOVE = (
    "DELETE FROM entries WHERE idx = ?",
    "DELETE FROM records WHERE idx = ?",
    "UPDATE entries SET idx = 1000 WHERE idx = ?",
    "UPDATE records SET idx = 1000 WHERE idx = ?",
    "INSERT INTO entries SELECT 1000, header FROM entries WHERE idx = ?",
    "INSERT INTO records SELECT 1000, body FROM records WHERE idx = ?",
)


def changes(rows: list[Row]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield statements that change one stored byte, or one row, of a store."""
    for row in rows:
        for statement, raw in zip(REPLACE, (row.header, row.record or b""), strict=True):
            for at in range(row.idx % 7, len(raw), 61):
                spoiled = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
                yield statement, (spoiled, row.idx)
        for statement in MOVE:
            yield statement, (row.idx,)


def test_every_change_of_the_tables_is_noticed(built: BuiltLedger, rows: list[Row]) -> None:
    """Whatever byte or row of entries and records is changed, the store does not verify."""
    with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = built.path.read_bytes()
    for statement, values in changes(rows):
        with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
            connection.execute(statement, values)
        assert not verifies(built.path), (statement, values)
        restore(built.path, whole)
    assert verifies(built.path)


def verifies(path: Path) -> bool:
    """Tell whether the small verifier finds a store whole."""
    try:
        with Store.open(path) as store:
            last = list(store.checkpoints())[-1][0]
            return walk(store) == last
    except (LedgerError, AssertionError):
        return False


def restore(path: Path, whole: bytes) -> None:
    """Put a store back as it was."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(whole)
