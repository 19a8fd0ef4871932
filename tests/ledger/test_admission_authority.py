"""The gate and what it remembers of authority: windows of time, and stores put back in place."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ledger.admission import Admission, read_authority
from ledger.authority import Delegation, Document
from ledger.client import LedgerClient
from ledger.clock import format_time, parse_time
from ledger.errors import NotEntitledError
from ledger.founding import authority_record
from ledger.records import Message
from ledger.store import Store
from ledger.testing import BuiltLedger
from verifier.load import verify_ledger

RUN = "ab" * 32


def followed(store: Store, **changes: object) -> Document:
    """Return the document after the last one, with changes."""
    last = read_authority(store).documents[-1]
    number = last.document.number + 1
    return last.document.model_copy(update={"number": number, "previous": last.digest, **changes})


def applied(built: BuiltLedger, store: Store, document: Document) -> None:
    """Have the root sign a document and the steward append it."""
    with built.client("steward", store) as steward:
        steward.submit([authority_record(steward, document, [built.founded.key("root")])])


def copied(source: Path, target: Path) -> None:
    """Write one database's content over another's, in the same file."""
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()


def documents(gate: Admission) -> int:
    """Return how many documents the gate goes by."""
    with gate.open() as turn:
        assert turn.authority is not None
        return len(turn.authority.documents)


@pytest.mark.parametrize("grown", [False, True], ids=["smaller", "grown again"])
def test_a_store_put_back_in_place(founded: BuiltLedger, tmp_path: Path, *, grown: bool) -> None:
    """What was folded past the end of the older store is forgotten; a longer one is told apart."""
    old = tmp_path / "old.db"
    with Store.open(founded.path, writable=True) as store:
        gate = Admission(store, founded.clock)
        copied(founded.path, old)
        applied(founded, store, followed(store))
        assert documents(gate) == 2
        if grown:
            with Store.open(old, writable=True) as other:
                client = LedgerClient(
                    other, founded.founded.key("agent"), founded.founded.identities["agent"]
                )
                for turn in range(5):
                    client.submit([client.make(Message, run=RUN, role="user", turn=turn)])
        copied(old, founded.path)
        assert documents(gate) == 1


def test_a_delegation_is_kept_by_the_gate_and_the_verifier(founded: BuiltLedger) -> None:
    """Inside its window an agent writes; after it the gate refuses, and so would the verifier."""
    name = founded.founded.identities["agent"]
    with Store.open(founded.path, writable=True) as store:
        now = parse_time(founded_at(store))
        window = Delegation(
            by="boss@example.com",
            since=format_time(now),
            until=format_time(now + timedelta(hours=1)),
        )
        document = followed(store)
        people = tuple(
            one.model_copy(update={"delegated": window}) if one.id == name else one
            for one in document.identities
        )
        applied(founded, store, document.model_copy(update={"identities": people}))
        at = now + timedelta(minutes=30)

        def clock() -> datetime:
            return at

        key = founded.founded.key("agent")
        agent = LedgerClient(store, key, name, clock=clock, random=founded.random)
        agent.submit([agent.make(Message, run=RUN, role="user", turn=0)])
        at = now + timedelta(hours=1)
        with pytest.raises(NotEntitledError, match=r"has ended \(authority.delegation\)"):
            agent.submit([agent.make(Message, run=RUN, role="user", turn=1)])
        agent.close()
    assert verify_ledger(founded.path).integrity.verdict == "holds"


def founded_at(store: Store) -> str:
    """Return when the last entry was recorded."""
    return store.head()[0].recorded_at
