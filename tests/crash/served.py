"""An append to a ledger on a server, to be stopped at what it sends."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger.entry import leaf_hash
from ledger.founding import Founded, create_ledger, default_founders, open_founded
from ledger.records import Message
from ledger.store import Store
from tests.crash.operations import Operation, Say, client_of
from tests.ledger.walk import walk

URL = "url"
RUN = "ab" * 32


def on_server(location: str, folder: Path) -> Founded:
    """Found a ledger on a server, with its keys and its URL in a folder."""
    founders = default_founders("anna@example.com", "bob@example.com")
    founded = create_ledger(
        location, origin="example.com/ledger", founders=founders, keys_dir=folder / "keys"
    )
    (folder / URL).write_text(location, "utf-8")
    return founded


def append_there(folder: Path, say: Say) -> None:
    """Append one record, then several, and close."""
    founded = open_founded((folder / URL).read_text("utf-8"), folder / "keys")
    with Store.open(founded.location, writable=True) as store:
        client = client_of(founded, "agent", store)
        for count in (1, 3):
            records = [
                client.make(Message, run=RUN, role="user", turn=turn) for turn in range(count)
            ]
            for receipt in client.submit(records):
                say(f"{receipt.index} {receipt.leaf}")
        client.close()


def whole_there(folder: Path, said: Sequence[str]) -> None:
    """All that was acknowledged is there, and every byte is what was signed and hashed."""
    with Store.open((folder / URL).read_text("utf-8")) as store:
        assert walk(store) == store.size()
        for index, leaf in (text.split() for text in said):
            assert leaf_hash(store.row(int(index)).header).hex() == leaf


def nothing(folder: Path) -> None:
    """Prepare nothing: the server is not in the folder."""
    del folder


SERVED: Mapping[str, Operation] = {
    "append-to-server": Operation(nothing, append_there, whole_there)
}
