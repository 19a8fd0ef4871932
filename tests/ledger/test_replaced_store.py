"""A store whose file is replaced while it is written: no receipt is given for a lost file."""

import shutil
import threading
from pathlib import Path

import pytest

from ledger.client import LedgerClient
from ledger.errors import StoreError
from ledger.records import Message
from ledger.store import Store
from ledger.testing import BuiltLedger

RUN = "ab" * 32


def writer(founded: BuiltLedger, store: Store) -> LedgerClient:
    """Return a client without a head signer, whose memory would notice as well."""
    return LedgerClient(
        store,
        founded.founded.key("agent"),
        founded.founded.identities["agent"],
        clock=founded.clock,
        random=founded.random,
    )


def said(client: LedgerClient, turn: int) -> None:
    """Append a message."""
    client.submit([client.make(Message, run=RUN, role="user", turn=turn)])


@pytest.fixture
def copy(founded: BuiltLedger, tmp_path: Path) -> Path:
    """Give a copy of the new ledger's file."""
    with Store.open(founded.path, writable=True):
        pass
    return Path(shutil.copy(founded.path, tmp_path / "copy.db"))


def test_a_file_that_was_renamed_over(founded: BuiltLedger, copy: Path) -> None:
    """Appending stops, and goes on only where the ledger is opened again."""
    with Store.open(founded.path, writable=True) as store:
        client = writer(founded, store)
        said(client, 0)
        size = store.size()
        copy.rename(founded.path)
        for _ in range(2):
            with pytest.raises(StoreError, match="open the ledger again") as caught:
                said(client, 1)
            assert caught.value.code == "store.replaced"
        assert store.size() == size
    with Store.open(founded.path, writable=True) as store:
        said(writer(founded, store), 0)


def test_a_file_that_was_removed(founded: BuiltLedger) -> None:
    """There is no name for what would be written."""
    with Store.open(founded.path, writable=True) as store:
        client = writer(founded, store)
        said(client, 0)
        founded.path.unlink()
        with pytest.raises(StoreError) as caught:
            said(client, 1)
    assert caught.value.code == "store.replaced"


def test_another_connection_is_no_way_around(founded: BuiltLedger, copy: Path) -> None:
    """A thread that opens its own connection, to the new file, is refused as well."""
    caught: list[str] = []
    with Store.open(founded.path, writable=True) as store, store.writing():
        mine = founded.path.rename(founded.path.with_name("mine.db"))
        copy.rename(founded.path)

        def write() -> None:
            try:
                store.head()
            except StoreError as error:
                caught.append(error.code)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert caught == ["store.replaced"]
        mine.rename(founded.path)


def test_replaced_just_before_the_commit(founded: BuiltLedger, copy: Path) -> None:
    """What went into the lost file is not acknowledged."""
    with Store.open(founded.path, writable=True) as store:
        client = writer(founded, store)

        def prepare(_head: object, _time: str) -> list[Message]:
            copy.rename(founded.path)
            return [client.make(Message, run=RUN, role="user", turn=0)]

        with pytest.raises(StoreError) as caught:
            client.append(prepare)
    assert caught.value.code == "store.replaced"
