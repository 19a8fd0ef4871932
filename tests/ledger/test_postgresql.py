"""The store on PostgreSQL: the same promises.

The server is the one that WRIT_TEST_POSTGRES names (a URL such as postgresql://user@host), or one
that the tests start themselves.
"""

import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from ledger import Store, check_proof, make_proof
from ledger.client import LedgerClient
from ledger.errors import MissingEntryError, StoreError
from ledger.founding import Founded, create_ledger, default_founders
from ledger.records import Message
from tests.ledger.walk import walk

RUN = "ab" * 32


@pytest.fixture
def founded(location: str, tmp_path: Path) -> Founded:
    """Give a new ledger on the server."""
    founders = default_founders("anna@example.com", "bob@example.com")
    return create_ledger(
        location, origin="example.com/ledger", founders=founders, keys_dir=tmp_path / "keys"
    )


def client_of(founded: Founded, name: str, store: Store) -> LedgerClient:
    """Return a writer for one of the ledger's identities."""
    return LedgerClient(
        store, founded.key(name), founded.identities[name], head_signer=founded.head_signer()
    )


def test_a_ledger_on_a_server_is_whole(founded: Founded) -> None:
    """Written, read, proved, and signed heads over all of it."""
    with Store.open(founded.location, writable=True) as store:
        with client_of(founded, "agent", store) as client, client.batch() as batch:
            for turn in range(1500):
                batch.add(client.make(Message, run=RUN, role="user", turn=turn))
        assert walk(store) == 3 + 1500 + 1
        note = list(store.checkpoints())[-1][1]
        proven = check_proof(make_proof(store, 700, note), founded.genesis)
        assert proven.index == 700
        assert store.index_of(proven.digest) == 700
        with pytest.raises(MissingEntryError):
            store.row(5000)


def test_a_ledger_is_not_founded_twice(founded: Founded, tmp_path: Path) -> None:
    """A database that holds a ledger is taken."""
    founders = default_founders("anna@example.com", "bob@example.com")
    with pytest.raises(StoreError, match="already"):
        create_ledger(
            founded.location, origin="example.com/x", founders=founders, keys_dir=tmp_path / "more"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET header = ''",
        "UPDATE records SET idx = 99 WHERE idx = 1",
        "DELETE FROM checkpoints",
        "DELETE FROM entries WHERE idx = 1",
        "TRUNCATE records",
        "INSERT INTO entries VALUES (99, '')",
        "INSERT INTO records VALUES (99, '')",
        "INSERT INTO checkpoints VALUES (1, '')",
        "INSERT INTO entries VALUES (1, '') ON CONFLICT (idx) DO UPDATE SET header = ''",
    ],
)
def test_the_tables_are_only_added_to(founded: Founded, statement: str) -> None:
    """Whoever writes by mistake is refused."""
    engine = create_engine(make_url(founded.location))
    with engine.begin() as connection, pytest.raises(DBAPIError, match="added to"):
        connection.execute(text(statement))
    engine.dispose()
    with Store.open(founded.location) as store:
        assert walk(store) == 3


def test_writers_take_turns(founded: Founded) -> None:
    """Several stores opened on one server write one chain."""
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with (
                Store.open(founded.location, writable=True) as store,
                client_of(founded, name, store) as client,
            ):
                for turn in range(8):
                    client.submit([client.make(Message, run=RUN, role="user", turn=turn)])
        except BaseException as error:  # noqa: BLE001  (given to the main thread)
            failures.append(error)

    names = ("agent", "importer", "agent")
    threads = [threading.Thread(target=write, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Store.open(founded.location) as store:
        assert walk(store) == 3 + 3 * 9


def test_caches_are_made_again(founded: Founded) -> None:
    """The caches follow from the entries here too."""
    engine = create_engine(make_url(founded.location))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM streams"))
        connection.execute(text("DELETE FROM head"))
    engine.dispose()
    with Store.open(founded.location, writable=True) as store:
        assert store.head()[0].size == 3
        with client_of(founded, "agent", store) as client:
            client.submit([client.make(Message, run=RUN, role="user", turn=0)])
        assert walk(store) == 5


def test_a_server_that_is_not_there_is_named() -> None:
    """An error that the caller knows, without the password in it."""
    with pytest.raises(StoreError, match="cannot open") as caught:
        Store.open("postgresql://nobody:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)
