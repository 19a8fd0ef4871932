"""The store: only added to, read in order, and damage named by its index."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger import Store
from ledger.client import LedgerClient
from ledger.entry import leaf_hash
from ledger.errors import MissingEntryError, StoreError, StrayRowError, UnreadableEntryError
from ledger.merkle import Frontier, root
from ledger.records import Message, Outcome, parse_record
from ledger.rows import Added, Head, StreamState
from ledger.testing import BuiltLedger, build_ledger
from tests.ledger.walk import walk


@contextmanager
def unguarded(path: Path) -> Generator[sqlite3.Connection]:
    """Open a store as somebody who owns the file: without its triggers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


def test_what_was_written_is_read(built: BuiltLedger) -> None:
    """Rows, headers, leaves and single entries agree, and the whole store verifies."""
    with Store.open(built.path) as store:
        rows = list(store.rows())
        assert [row.idx for row in rows] == list(range(store.size()))
        assert list(store.headers()) == [(row.idx, row.header) for row in rows]
        assert list(store.rows(4)) == rows[4:]
        assert [store.row(row.idx) for row in rows] == rows
        leaves = [leaf_hash(row.header) for row in rows]
        assert list(store.leaves()) == leaves
        assert list(store.leaves(2, 5)) == leaves[2:5]
        assert walk(store) == len(rows)


def test_records_are_found(built: BuiltLedger) -> None:
    """By bytes in them, and by their digest."""
    with Store.open(built.path) as store:
        found = list(store.records_containing(b'"kind":"action"'))
        assert [index for index, _ in found] == [6]
        assert list(store.records_containing(b'"kind":"action"', 7)) == []
        outcome = parse_record(store.row(7).record or b"")
        assert isinstance(outcome, Outcome)
        assert store.index_of(outcome.action) == 6
        assert store.index_of("ab" * 32) is None


def test_reading_spans_chunks(tmp_path: Path) -> None:
    """More rows than are fetched at once come without gap or repetition."""
    built = build_ledger(tmp_path, runs=60)
    with Store.open(built.path) as store:
        assert [row.idx for row in store.rows()] == list(range(store.size()))
        assert store.size() > 256
        assert walk(store) == store.size()


@pytest.mark.parametrize("location", ["missing.db", "sqlite:///missing.db"])
def test_reading_creates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    """Opening a store that is not there is an error and leaves no file."""
    monkeypatch.chdir(tmp_path)
    for writable in (False, True):
        with pytest.raises(StoreError, match="cannot open"):
            Store.open(location, writable=writable)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    """Another file, another database, and a database that is none of ours."""
    (tmp_path / "text").write_text("not a database, but long enough to look at" * 20)
    with pytest.raises(StoreError, match="cannot open"):
        Store.open(tmp_path / "text")
    with closing(sqlite3.connect(tmp_path / "other")) as connection:
        connection.execute("CREATE TABLE things (x)")
    with pytest.raises(StoreError, match="no table"):
        Store.open(tmp_path / "other")
    with pytest.raises(StoreError, match="already"):
        Store.create(tmp_path / "other")
    with pytest.raises(StoreError, match="cannot create"):
        Store.create(tmp_path / "no such folder" / "ledger.db")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("mysql://host/db", "SQLite or PostgreSQL"),
        ("sqlite://", "needs a file"),
        ("://", "not the URL"),
    ],
)
def test_other_databases_are_refused(location: str, says: str) -> None:
    """By URL: SQLite with a file, or PostgreSQL."""
    with pytest.raises(StoreError, match=says):
        Store.open(location)


def test_a_store_can_be_read_by_url(built: BuiltLedger) -> None:
    """A path and its URL are the same store."""
    with Store.open(f"sqlite:///{built.path}") as store:
        assert walk(store) == store.size()


def test_reading_does_not_write(built: BuiltLedger) -> None:
    """A store that was opened for reading cannot be written to."""
    with Store.open(built.path) as store, pytest.raises(StoreError, match="writable=True"):
        store.add_checkpoint(1, b"note")


def test_a_store_that_may_not_be_written_can_be_read(
    built: BuiltLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a medium without place for the log's index the file alone is read."""
    connect, asked = sqlite3.connect, list[str]()

    def refusing(name: str, **settings: Any) -> sqlite3.Connection:  # noqa: ANN401
        asked.append(name)
        if "immutable" not in name:
            raise sqlite3.OperationalError("unable to open database file")
        connection: sqlite3.Connection = connect(name, **settings)
        return connection

    monkeypatch.setattr(sqlite3, "connect", refusing)
    with Store.open(built.path) as store:
        assert walk(store) == store.size()
    assert "immutable=1" in asked[-1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET header = x'00' WHERE idx = 3",
        "UPDATE records SET idx = 99 WHERE idx = 3",
        "UPDATE checkpoints SET note = x'00'",
        "DELETE FROM entries WHERE idx = 3",
        "DELETE FROM records",
        "DELETE FROM checkpoints",
        "INSERT OR REPLACE INTO entries VALUES (3, x'00')",
        "INSERT OR REPLACE INTO checkpoints VALUES (4, x'00')",
        "INSERT INTO entries VALUES (99, x'00')",
        "INSERT INTO entries VALUES (-1, x'00')",
        "INSERT INTO records VALUES (99, x'00')",
        "INSERT INTO checkpoints VALUES (1, x'00')",
    ],
)
def test_the_tables_are_only_added_to(built: BuiltLedger, statement: str) -> None:
    """Whoever writes by mistake, with or without REPLACE, is refused."""
    with closing(sqlite3.connect(built.path)) as connection:
        connection.execute("PRAGMA recursive_triggers = ON")
        with pytest.raises(sqlite3.DatabaseError, match="added to"):
            connection.execute(statement)
    with Store.open(built.path) as store:
        walk(store)


def test_the_settings_make_appends_durable(
    built: BuiltLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that was acknowledged survives the loss of power."""
    connect, made = sqlite3.connect, list[sqlite3.Connection]()

    def noting(name: str, **settings: Any) -> sqlite3.Connection:  # noqa: ANN401
        made.append(connect(name, **settings))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", noting)
    with Store.open(built.path, writable=True):
        names = ("journal_mode", "synchronous", "recursive_triggers")
        found = [made[-1].execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    assert found == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("statement", "error", "index"),
    [
        ("DELETE FROM entries WHERE idx = 3", MissingEntryError, 3),
        ("DELETE FROM entries WHERE idx = 0", MissingEntryError, 0),
        ("UPDATE entries SET idx = 99 WHERE idx = 9", MissingEntryError, 9),
        ("UPDATE entries SET idx = -5 WHERE idx = 9", StrayRowError, -5),
        ("UPDATE entries SET header = CAST(header AS TEXT) WHERE idx = 3", UnreadableEntryError, 3),
        ("UPDATE entries SET header = 5 WHERE idx = 3", UnreadableEntryError, 3),
        ("UPDATE entries SET header = CAST(x'ff' AS TEXT) WHERE idx = 3", UnreadableEntryError, 3),
        ("UPDATE records SET body = CAST(body AS TEXT) WHERE idx = 3", UnreadableEntryError, 3),
        ("UPDATE records SET body = CAST(x'ff' AS TEXT) WHERE idx = 3", UnreadableEntryError, 3),
        ("INSERT INTO records VALUES (50, x'00')", StrayRowError, 50),
        ("UPDATE records SET idx = -5 WHERE idx = 3", StrayRowError, -5),
        ("DELETE FROM entries WHERE idx = 9", StrayRowError, 9),
    ],
)
def test_damage_has_its_index(
    built: BuiltLedger, statement: str, error: type[StoreError], index: int
) -> None:
    """All entries before the damage are given, then an error with its index."""
    with unguarded(built.path) as connection:
        connection.execute(statement)
    given: list[int] = []
    with Store.open(built.path) as store, pytest.raises(error) as caught:
        given.extend(row.idx for row in store.rows())
    assert caught.value.index == index
    assert given == list(range(len(given)))
    assert len(given) >= min(max(index, 0), 9)


def test_who_follows_entry_by_entry_can_leave_strays_to_others(built: BuiltLedger) -> None:
    """Without the look for strays the entries are the same; the look alone says what is wrong."""
    with unguarded(built.path) as connection:
        connection.execute("INSERT INTO records VALUES (50, x'00')")
    with Store.open(built.path) as store:
        rows = list(store.rows(2, 5, strays=False))
        assert [row.idx for row in rows] == [2, 3, 4]
        with pytest.raises(StrayRowError):
            list(store.rows(2, 5))


def test_a_missing_record_is_a_row_without_one(built: BuiltLedger) -> None:
    """What the store does not have is for the verifier to judge."""
    with unguarded(built.path) as connection:
        connection.execute("DELETE FROM records WHERE idx = 3")
    with Store.open(built.path) as store:
        rows = list(store.rows())
        assert [row.idx for row in rows if row.record is None] == [3]
        assert store.row(3).record is None


def test_any_page_may_be_destroyed(tmp_path: Path) -> None:
    """Whatever page is overwritten, reading gives bytes or a typed error, and never another one."""
    built = build_ledger(tmp_path, runs=8)
    with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    whole = built.path.read_bytes()
    with Store.open(built.path) as store:
        expected = {row.idx: row for row in store.rows()}
    seen: set[str] = set()
    for at in range(0, len(whole), page):
        built.path.write_bytes(whole[:at] + b"\xa5" * page + whole[at + page :])
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        seen.add(read_all(built.path, len(expected)))
    assert {"StoreError", "UnreadableEntryError", "whole"} <= seen


def read_all(path: Path, size: int) -> str:
    """Read a store that may be damaged; say how that went."""
    try:
        with Store.open(path) as store:
            list(store.checkpoints())
            count = sum(1 for _ in store.rows())
            list(store.leaves())
            store.size()
    except StoreError as error:
        return type(error).__name__
    return "whole" if count == size else "shorter"


def test_a_checkpoint_that_is_no_bytes_is_refused(built: BuiltLedger) -> None:
    """Checkpoints are bytes, like all else."""
    with unguarded(built.path) as connection:
        connection.execute("UPDATE checkpoints SET note = CAST(note AS TEXT)")
    with Store.open(built.path) as store, pytest.raises(StoreError, match="not stored as bytes"):
        list(store.checkpoints())


def test_a_store_whose_size_is_no_number_is_refused(built: BuiltLedger) -> None:
    """A table was replaced by one of another form."""
    with unguarded(built.path) as connection:
        connection.execute("ALTER TABLE entries RENAME TO gone")
        connection.execute("CREATE TABLE entries (idx TEXT, header BLOB)")
        connection.execute("INSERT INTO entries VALUES ('x', x'00')")
    with Store.open(built.path) as store, pytest.raises(StoreError):
        list(store.rows())


def test_checkpoints_only_grow(built: BuiltLedger) -> None:
    """An older or equal head is passed over."""
    with Store.open(built.path, writable=True) as store:
        before = list(store.checkpoints())
        store.add_checkpoint(before[-1][0], b"another")
        store.add_checkpoint(1, b"older")
        assert list(store.checkpoints()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE head SET frontier = x'00'",
        "UPDATE head SET frontier = zeroblob(40)",
        "UPDATE streams SET idx = idx + 1",
        "DELETE FROM head",
        "DELETE FROM streams",
        "UPDATE head SET size = 3",
        "UPDATE head SET leaf = 'ab'",
        "DROP TABLE head",
        "DROP TABLE streams",
    ],
)
def test_caches_are_made_again(built: BuiltLedger, statement: str) -> None:
    """Whatever happens to the caches, the next append follows the entries."""
    with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
        connection.execute(statement)
    with Store.open(built.path, writable=True) as store:
        head, frontier = store.head()
        assert frontier.root() == root(store.leaves())
        assert head.size == store.size()
        with built.client("agent", store) as client:
            client.submit([said(client)])
    with Store.open(built.path) as store:
        assert walk(store) == store.size()


def test_rebuilt_streams_are_the_ones_that_were(built: BuiltLedger) -> None:
    """The cache of streams follows from the entries alone."""
    with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
        query = "SELECT * FROM streams ORDER BY idx"
        before = connection.execute(query).fetchall()
        connection.execute("UPDATE head SET size = 0")
        with Store.open(built.path, writable=True) as store:
            store.head()
        assert connection.execute(query).fetchall() == before


def add_and_fail(store: Store) -> None:
    """Write, and then ask for what is not there."""
    with store.writing() as writer:
        writer.add_checkpoint(99, b"note")
        writer.header(99)


def test_a_failing_block_writes_nothing(built: BuiltLedger) -> None:
    """The lock's block is all or nothing."""
    with Store.open(built.path, writable=True) as store:
        before = list(store.checkpoints())
        with pytest.raises(MissingEntryError):
            add_and_fail(store)
        assert list(store.checkpoints()) == before


def test_a_failing_database_is_a_store_error(built: BuiltLedger) -> None:
    """A caller that knows nothing of databases gets an error that it knows."""
    with unguarded(built.path) as connection:
        connection.execute("DROP TABLE checkpoints")
        connection.execute("CREATE TABLE checkpoints (other)")
    with Store.open(built.path, writable=True) as store:
        with pytest.raises(StoreError, match="cannot be written"):
            store.add_checkpoint(99, b"note")
        with pytest.raises(StoreError, match="cannot be read"):
            list(store.checkpoints())


def said(client: LedgerClient) -> Message:
    """Return a message of a client's identity."""
    return client.make(Message, run="ab" * 32, role="user", turn=0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE head SET frontier = x'00'",
        "UPDATE streams SET idx = idx + 1",
        "UPDATE streams SET text = 'ab'",
        "DELETE FROM head",
        "DELETE FROM streams",
    ],
)
def test_caches_are_made_again_while_the_store_is_open(built: BuiltLedger, statement: str) -> None:
    """A process that remembers where it left the ledger does not rely on the caches either."""
    with Store.open(built.path, writable=True) as store, built.client("agent", store) as client:
        client.submit([said(client)])
        with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
            connection.execute(statement)
        client.submit([said(client)])
        client.submit([said(client)])
    with Store.open(built.path, writable=True) as store:
        head, frontier = store.head()
        assert frontier.root() == root(store.leaves())
        assert head.size == walk(store) == store.size()


def test_what_is_remembered_is_only_what_was_committed(built: BuiltLedger) -> None:
    """A transaction that failed leaves the process where the ledger is."""
    with Store.open(built.path, writable=True) as store, built.client("agent", store) as client:
        client.submit([said(client)])
        before = store.head()[0]
        with pytest.raises(ZeroDivisionError):
            add_and_divide(store)
        assert store.head()[0] == before
        client.submit([said(client)])
        assert walk(store) == store.size()


def add_and_divide(store: Store) -> None:
    """Add an entry, and fail before it is committed."""
    with store.writing() as writer:
        head, frontier = writer.head()
        frontier.append(b"\1" * 32)
        state = StreamState("ab" * 32, "ab" * 16, 0, head.size, 1, "ab" * 32, closed=False)
        added = Added(head.size, [b"{}"], [b"{}"])
        writer.add(added, Head(head.size + 1, "ab" * 32, head.recorded_at), frontier, state)
        raise ZeroDivisionError


def test_a_wrong_edge_is_noticed_when_a_head_is_signed(built: BuiltLedger) -> None:
    """A cached tree that is not that of the entries is made again, and the right head signed."""
    with Store.open(built.path, writable=True) as store:
        client = built.client("agent", store)
        wrong = Frontier()
        for _ in range(store.size()):
            wrong.append(b"\1" * 32)
        with closing(sqlite3.connect(built.path, isolation_level=None)) as connection:
            connection.execute("UPDATE head SET frontier = ?", [wrong.to_bytes()])
        # Another process, which signs no heads, takes it for the ledger's and goes on from it.
        with Store.open(built.path, writable=True) as other:
            key, name = built.founded.key("importer"), built.founded.identities["importer"]
            unsigned = LedgerClient(other, key, name, clock=built.clock)
            unsigned.submit([said(unsigned)])
            assert other.head()[1].root() != root(other.leaves())
        client.checkpoint()
        assert store.head()[1].root() == root(store.leaves())
        client.submit([said(client)])
        client.close()
    with Store.open(built.path) as store:
        assert list(store.checkpoints())[-1][0] == store.size() == walk(store)
