"""Authority documents are found where stewards wrote, and elsewhere when that cannot be told."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from ledger import admission, stewards
from ledger.admission import Admission, read_authority
from ledger.authority import AuthorityHistory, Document, KeyEntry, Revocation
from ledger.client import LedgerClient
from ledger.errors import NotEntitledError
from ledger.founding import authority_record
from ledger.keys import fingerprint
from ledger.records import AnyRecord, Message, Switch
from ledger.signing import MemoryKey
from ledger.stewards import authority_by_stewards
from ledger.store import Store
from ledger.testing import BuiltLedger

RUN = "ab" * 32


def found(store: Store) -> AuthorityHistory | None:
    """Return what is found where stewards wrote."""
    with store.writing() as writer:
        return authority_by_stewards(writer, writer.head()[0].size)


def followed(store: Store, **changes: object) -> Document:
    """Return the document after the last one, with changes."""
    last = read_authority(store).documents[-1]
    number = last.document.number + 1
    return last.document.model_copy(update={"number": number, "previous": last.digest, **changes})


def rotated(built: BuiltLedger, store: Store) -> LedgerClient:
    """Give the steward another key, and return who writes with it."""
    identity = built.founded.identities["steward"]
    new, before = MemoryKey.from_seed(b"n" * 32), built.founded.key("steward").public_key
    document = followed(store)
    keys = [entry for entry in document.keys if entry.key != before.hex()]
    keys.append(KeyEntry(key=new.public_key.hex(), identity=identity, use="write"))
    revoked = (*document.revoked, Revocation(key=fingerprint(before)))
    document = document.model_copy(update={"keys": tuple(keys), "revoked": revoked})
    steward = built.client("steward", store)
    steward.submit([authority_record(steward, document, [built.founded.key("root")])])
    return LedgerClient(store, new, identity, clock=built.clock, random=built.random)


def said(client: LedgerClient, count: int) -> Sequence[AnyRecord]:
    """Return messages."""
    return [
        client.make(Message, run=RUN, role="user", turn=turn, content="hello")
        for turn in range(count)
    ]


def test_documents_are_found_where_stewards_wrote(founded: BuiltLedger, store: Store) -> None:
    """Also those of a key that an earlier document named, and several in one submission."""
    agent = founded.client("agent", store)
    agent.submit(said(agent, 20))
    assert found(store) == read_authority(store)
    steward = rotated(founded, store)
    agent.submit(said(agent, 20))
    first = followed(store)
    record = authority_record(steward, first, [founded.founded.key("root")])
    switch = steward.make(
        Switch, service="shop", state="engaged", mode="kill", reason='a "kind":"authority" in it'
    )
    steward.submit([switch, record])
    steward.submit([authority_record(steward, followed(store), [founded.founded.key("root")])])
    authority = found(store)
    assert authority is not None
    assert len(authority.documents) == 4
    assert authority == read_authority(store)
    assert found(store) == authority


def test_going_on_from_what_is_known(founded: BuiltLedger, store: Store) -> None:
    """What was folded before is not read again."""
    known = read_authority(store), store.size()
    rotated(founded, store)
    with store.writing() as writer:
        assert authority_by_stewards(writer, store.size(), known) == read_authority(store)


def test_a_cache_that_has_lost_a_submission_is_not_asked(
    founded: BuiltLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that it does not know of is found all the same, and the revoked key refused."""
    monkeypatch.setattr(admission, "_SEARCHED", 0)
    with Store.open(founded.path, writable=True) as store:
        rotated(founded, store)
        agent = founded.client("agent", store)
        agent.submit(said(agent, 2))
    old = founded.founded.key("steward")
    with closing(sqlite3.connect(founded.path)) as connection:
        connection.execute("DELETE FROM streams WHERE key = ?", [fingerprint(old.public_key)])
        connection.commit()
    with Store.open(founded.path, writable=True) as store:
        assert found(store) is None
        identity = founded.founded.identities["steward"]
        steward = LedgerClient(store, old, identity, clock=founded.clock)
        switch = steward.make(Switch, service="s", state="engaged", mode="kill", reason="late")
        with pytest.raises(NotEntitledError, match="revoked"):
            steward.submit([switch])


def test_the_gate_asks_it_where_there_is_much_to_search(
    founded: BuiltLedger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes by what it says; where stewards wrote much, all records are searched instead."""
    rotated(founded, store)
    monkeypatch.setattr(admission, "_SEARCHED", 0)
    expected = read_authority(store)

    def no_search(*_: object) -> AuthorityHistory:
        raise AssertionError("it was searched")

    with monkeypatch.context() as patched:
        patched.setattr(admission, "read_authority", no_search)
        with Admission(store, founded.clock).open() as turn:
            assert turn.authority == expected
    monkeypatch.setattr(stewards, "_MOST", 0)
    assert found(store) is None
    with Admission(store, founded.clock).open() as turn:
        assert turn.authority == expected


def test_what_is_no_ledger_is_left_to_the_search(store: Store) -> None:
    """It says what is wrong; here nothing is."""
    with store.writing() as writer:
        assert authority_by_stewards(writer, 7) is None
