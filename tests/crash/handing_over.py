"""Another head key takes over, and is stopped at every point."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger.admission import read_authority
from ledger.client import LedgerClient
from ledger.founding import authority_record
from ledger.handover import hand_over
from ledger.signing import FileKey
from ledger.store import Store
from tests.crash.operations import Operation, Say, client_of, founded_in, holds, prepared, sound

NEXT_HEAD = "next.pem"


def prepared_to_hand_over(folder: Path) -> None:
    """Make a ledger whose authority names another head key since its last head."""
    prepared(folder)
    founded = founded_in(folder)
    new = FileKey.create(folder / NEXT_HEAD, bytes([7]) * 32).public_key.hex()
    with Store.open(founded.location, writable=True) as store:
        before = read_authority(store).documents[-1]
        keys = tuple(
            entry.model_copy(update={"key": new}) if entry.use == "head" else entry
            for entry in before.document.keys
        )
        document = before.document.model_copy(
            update={
                "number": before.document.number + 1,
                "previous": before.digest,
                "keys": keys,
            }
        )
        client = LedgerClient(store, founded.key("steward"), founded.identities["steward"])
        client.submit([authority_record(client, document, [founded.key("root")])])
        client.close()


def take_over(folder: Path, say: Say) -> None:
    """Hand the heads over to the new key, and let it sign one."""
    founded = founded_in(folder)
    hand_over(founded, folder / NEXT_HEAD)
    say("handed over")
    with Store.open(founded.location, writable=True) as store:
        client_of(founded, "agent", store).checkpoint()
        say(f"head {store.size()}")


def taken_over(folder: Path, said: Sequence[str]) -> None:
    """It is done again, or was done; the old key's file is kept; all heads verify."""
    holds(folder, said)
    take_over(folder, lambda _: None)
    assert (folder / "ledger.db.keys" / "head.before-2.pem").exists()
    sound(folder, ())


HANDING_OVER: Mapping[str, Operation] = {
    "head-key": Operation(prepared_to_hand_over, take_over, taken_over)
}
