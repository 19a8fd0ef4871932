"""Records that wait on this machine while the ledger is away: none is lost, none recorded twice."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.client import LedgerClient
from ledger.entry import parse_header
from ledger.errors import SpoolError
from ledger.queue import LedgerQueue
from ledger.spool import spool_state
from ledger.store import Store
from tests.crash.operations import (
    LEDGER,
    Operation,
    Say,
    client_of,
    founded_in,
    prepared,
    said_in,
    sound,
)

WAITING = "waiting"
# What is spooled before the operation begins, a digest each line, in order.
KEPT = "kept"
_AWAY = "CREATE TRIGGER away BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'away'); END"
_BACK = "DROP TRIGGER IF EXISTS away"


def told(folder: Path, statement: str) -> None:
    """Have the ledger refuse every append, as a failing disk does, or be back."""
    with closing(sqlite3.connect(folder / LEDGER)) as connection:
        connection.execute(statement)


def prepared_away(folder: Path) -> None:
    """Make a ledger that is away."""
    prepared(folder)
    told(folder, _AWAY)
    (folder / KEPT).touch()


@contextmanager
def queue_in(folder: Path, retry_every: float) -> Generator[tuple[LedgerQueue, LedgerClient]]:
    """Open a queue of the agent's, with a spool."""
    with (
        Store.open(folder / LEDGER, writable=True) as store,
        client_of(founded_in(folder), "agent", store) as client,
        LedgerQueue(
            client, when_away="spool", spool=folder / WAITING, retry_every=retry_every
        ) as queue,
    ):
        yield queue, client


def spool_some(folder: Path, say: Say) -> None:
    """Hand in while the ledger is away: one record, then several."""
    with queue_in(folder, retry_every=60) as (queue, client):
        for turn, count in enumerate((1, 3)):
            records = [said_in(folder, client, turn) for _ in range(count)]
            for kept in queue.submit(records).result(60):
                say(f"spooled {kept.record}")


def prepared_to_drain(folder: Path) -> None:
    """Leave a spool behind of which a part is recorded: its process died before it noted that."""
    prepared_away(folder)
    with queue_in(folder, retry_every=60) as (queue, client):
        records = [said_in(folder, client, turn) for turn in range(4)]
        kept = [one.record for one in queue.submit(records).result(60)]
    (folder / KEPT).write_text("\n".join(kept), "utf-8")
    told(folder, _BACK)
    with (
        Store.open(folder / LEDGER, writable=True) as store,
        client_of(founded_in(folder), "agent", store) as client,
    ):
        client.submit(records[:2])


def drain(folder: Path, say: Say) -> None:
    """Take over what was left behind, and record it."""
    with queue_in(folder, retry_every=0.1) as (queue, _):
        if not queue.flush(2):
            raise SpoolError("some of it still waits", code="spool.waiting")
    say("drained")


def once_each(folder: Path, said: Sequence[str]) -> None:
    """What was spooled waits or is recorded; then it is recorded, once and in order."""
    told(folder, _BACK)
    kept = (folder / KEPT).read_text("utf-8").split()
    kept += [text.split()[1] for text in said if text.startswith("spooled")]
    if "drained" in said:
        assert set(kept) <= set(recorded(folder))
    drain(folder, lambda _: None)
    there = recorded(folder)
    assert len(there) == len(set(there))
    assert [one for one in there if one in kept] == kept
    assert spool_state(folder / WAITING) == []
    sound(folder, ())


def recorded(folder: Path) -> list[str]:
    """Return the digests of what is recorded, in order."""
    with Store.open(folder / LEDGER) as store:
        return [parse_header(row.header).record for row in store.rows()]


SPOOLS: Mapping[str, Operation] = {
    "spool": Operation(prepared_away, spool_some, once_each),
    "drain": Operation(prepared_to_drain, drain, once_each),
}
