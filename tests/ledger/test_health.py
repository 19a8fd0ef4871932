"""How a ledger is: what is wrong has a code and says what to do, on SQLite and PostgreSQL."""

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger import Store, schema
from ledger.admission import read_authority
from ledger.authority import Delegation, Revocation
from ledger.backup import back_up, restore
from ledger.checkpoint import NoteSignature
from ledger.client import LedgerClient
from ledger.cosignature import line_bytes
from ledger.errors import StoreError
from ledger.founding import authority_record
from ledger.health import Remark, head_health, store_health
from ledger.keys import fingerprint
from ledger.testing import BuiltLedger, build_ledger
from ledger.upgrading import upgrade
from ledger.writers import writer_health
from tests.ledger.copies import fill_beside, make_old, write

# A while after the ledgers of `ledger.testing` were made.
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


def remarks(built: BuiltLedger, now: datetime = NOW) -> list[Remark]:
    """Return all that is said of a ledger."""
    keys = built.founded.keys_dir
    return [
        *store_health(built.path),
        *head_health(built.path, keys / "head.memory", now),
        *writer_health(built.path, keys, now),
    ]


def problems(built: BuiltLedger, now: datetime = NOW) -> set[str]:
    """Return the codes of what is wrong; each says what to do."""
    found = [remark for remark in remarks(built, now) if remark.code]
    assert all(remark.do and remark.text for remark in found)
    return {remark.code for remark in found}


def test_a_good_ledger_has_no_problem(built: BuiltLedger) -> None:
    """All that there is to know is said, and nothing is wrong."""
    assert problems(built) == set()
    topics = {remark.topic for remark in remarks(built)}
    assert topics == {"store", "disk", "heads", "clock", "writers", "keys"}


def execute(path: Path, *statements: str) -> None:
    """Change a store as whoever owns the file can."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def loosen(built: BuiltLedger) -> None:
    """Replace a guard by one that lets everything through."""
    execute(
        built.path,
        "DROP TRIGGER entries_no_delete",
        "CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT 1; END",
    )


def go_back(built: BuiltLedger) -> None:
    """Put back what the store was before a head was signed."""
    old = built.path.with_name("old")
    back_up(built.path, old, lambda _: None)
    write(built.founded)
    restore(old, built.path, lambda _: None, aside=built.path.with_name("aside"))


def swap(built: BuiltLedger) -> None:
    """Put another ledger in its place."""
    other = built.path.parent / "other"
    other.mkdir()
    more = build_ledger(other, seed="other", runs=3)
    back_up(more.path, other / "copy", lambda _: None)
    restore(other / "copy", built.path, lambda _: None, aside=built.path.with_name("aside"))


def seal_openly(built: BuiltLedger) -> None:
    """Let others read a store with sealed values."""
    fill_beside(built.path)
    execute(built.path, "DROP TRIGGER cosignatures_no_delete", "DELETE FROM cosignatures")
    with closing(sqlite3.connect(built.path)) as connection, connection:
        for guard in schema.guards("sqlite", "cosignatures"):
            if "no_delete" in guard:
                connection.execute(guard)
    built.path.chmod(0o644)


def forget_heads(built: BuiltLedger) -> None:
    """Lose all signed heads."""
    execute(built.path, "DROP TRIGGER checkpoints_no_delete", "DELETE FROM checkpoints")


def key(built: BuiltLedger, name: str) -> Path:
    """Return a key's file."""
    return built.founded.keys_dir / f"{name}.pem"


PROBLEMS: Mapping[str, tuple[Callable[[BuiltLedger], object], set[str]]] = {
    "old": (lambda built: make_old(built.path), {"store.old"}),
    "new": (lambda built: execute(built.path, "UPDATE format SET version = 9"), {"store.new"}),
    "guards": (loosen, {"store.guards"}),
    "leftover": (
        lambda built: built.path.with_name("ledger.db.partial").touch(),
        {"store.leftover"},
    ),
    "open": (seal_openly, {"store.mode"}),
    "behind": (go_back, {"head.behind"}),
    "other": (swap, {"head.other", "key.unknown"}),
    "no heads": (forget_heads, {"head.none", "store.guards"}),
    "memory": (
        lambda built: (built.founded.keys_dir / "head.memory").write_bytes(b"x"),
        {"head.memory"},
    ),
    "key mode": (lambda built: key(built, "agent").chmod(0o640), {"key.mode"}),
    "key form": (lambda built: key(built, "agent").write_text("x", "utf-8"), {"key.unusable"}),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_is_wrong_has_a_code(built: BuiltLedger, what: str) -> None:
    """Each problem alone: its code, and no other."""
    make, codes = PROBLEMS[what]
    make(built)
    assert problems(built) == codes


def steward(built: BuiltLedger, store: Store) -> LedgerClient:
    """Return a writer that signs no head, at a time of its own."""
    return LedgerClient(
        store,
        built.founded.key("steward"),
        built.founded.identities["steward"],
        clock=lambda: NOW,
    )


def test_time_tells(built: BuiltLedger) -> None:
    """A clock that went back; entries that stand under no head for long; windows; revocations."""
    assert problems(built, NOW - timedelta(days=1)) == {"clock.behind"}
    with Store.open(built.path, writable=True) as store:
        before = read_authority(store).documents[-1]
        head, *others = before.document.identities
        window = Delegation(
            by="Mara", since="2026-03-01T09:00:00.000000Z", until="2026-03-01T12:00:00.000000Z"
        )
        gone = next(
            entry.key for entry in before.document.keys if entry.identity.endswith("/importer")
        )
        document = before.document.model_copy(
            update={
                "number": 2,
                "previous": before.digest,
                "identities": (head.model_copy(update={"delegated": window}), *others),
                "keys": tuple(entry for entry in before.document.keys if entry.key != gone),
                "revoked": (Revocation(key=fingerprint(bytes.fromhex(gone))),),
            }
        )
        client = steward(built, store)
        client.submit([authority_record(client, document, [built.founded.key("root")])])
    assert problems(built, NOW + timedelta(hours=1)) == {"key.revoked"}
    later = problems(built, NOW + timedelta(days=2))
    assert later == {"key.revoked", "head.late", "writer.window"}


def test_the_age_of_cosignatures(built: BuiltLedger) -> None:
    """By witness: how old, whether it is behind, and whether its clock is ahead."""
    moments = {"slow.example/w": NOW - timedelta(days=3), "fast.example/w": NOW}
    with closing(sqlite3.connect(built.path)) as connection, connection:
        for name, at in moments.items():
            seconds = int(at.timestamp())
            line = NoteSignature(name, b"abcd", seconds.to_bytes(8, "big") + bytes(64))
            connection.execute(
                "INSERT INTO cosignatures VALUES (3, ?, 'ab', ?, ?)",
                (name, seconds, line_bytes(line)),
            )
    assert problems(built) == {"witness.late"}
    said = [remark.text for remark in remarks(built) if remark.topic == "witnesses"]
    assert said[0].startswith("fast.example/w cosigned size 3 0:00:00 ago")
    assert said[1].startswith("slow.example/w cosigned size 3 3 days")
    assert problems(built, NOW - timedelta(minutes=5)) == {"witness.clock", "witness.late"}


def test_without_keys_and_without_space(
    built: BuiltLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not here is said; a full disk is a problem before it is one."""
    said = list(writer_health(built.path, None, NOW))
    assert said[-1].text.startswith("no keys beside it")
    full = shutil.disk_usage(built.path.parent)._replace(free=1000)

    def usage(_: Path) -> object:
        return full

    monkeypatch.setattr("ledger.health.shutil.disk_usage", usage)
    assert problems(built) == {"disk.space"}


def test_a_store_that_is_none() -> None:
    """There is nothing to say of it but that."""
    with pytest.raises(StoreError):
        list(store_health("none.db"))


def test_a_server(location: str, built: BuiltLedger, tmp_path: Path) -> None:
    """Its guards are looked at, and its settings: the one of the tests may lose what it took."""
    back_up(built.path, tmp_path / "a.backup", lambda _: None)
    restore(tmp_path / "a.backup", location, lambda _: None)
    assert codes_of(location) == {"store.not-durable"}
    through = (
        "CREATE OR REPLACE FUNCTION writ_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NEW; END $$"
    )
    for statement in ("ALTER TABLE records DISABLE TRIGGER records_only_added", through):
        engine = schema.open_engine(location, "rw")
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
    [remark] = [each for each in store_health(location) if each.code == "store.guards"]
    assert remark.text.endswith(": records_only_added, writ_entries_refuse")
    make_old(location)
    assert codes_of(location) == {"store.not-durable", "store.guards", "store.old"}
    upgrade(location)
    assert codes_of(location) == {"store.not-durable", "store.guards"}


def codes_of(location: str) -> set[str]:
    """Return the codes of what is wrong with a store."""
    return {remark.code for remark in store_health(location) if remark.code}
