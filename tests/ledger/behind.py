"""A writer on a host whose clock is behind: a process of its own.

    python -m tests.ledger.behind LOCATION KEYS NOW SECONDS...

It appends one record with a clock that stands still so many seconds before NOW, one client each,
and prints the time that the entry has, or the code of what was refused.
"""

import sys
from datetime import timedelta
from pathlib import Path

from ledger.client import LedgerClient
from ledger.clock import parse_time
from ledger.entry import parse_header
from ledger.errors import RefusedError
from ledger.founding import Founded, open_founded
from ledger.records import Message
from ledger.store import Store

RUN = "ab" * 32


def behind(founded: Founded, store: Store, now: str, seconds: float) -> LedgerClient:
    """Return a writer whose clock stands still, so many seconds before a moment."""
    moment = parse_time(now) - timedelta(seconds=seconds)
    return LedgerClient(
        store,
        founded.key("agent"),
        founded.identities["agent"],
        clock=lambda: moment,
        head_signer=founded.head_signer(),
    )


def appended(client: LedgerClient, store: Store) -> str:
    """Append a record, and return when the ledger says that was."""
    [receipt] = client.submit([client.make(Message, run=RUN, role="user", turn=0)])
    return parse_header(store.row(receipt.index).header).recorded_at


def main() -> None:
    """Append with each of these clocks."""
    location, keys, now, *offsets = sys.argv[1:]
    founded = open_founded(location, Path(keys))
    with Store.open(location, writable=True) as store:
        for seconds in map(float, offsets):
            try:
                said = appended(behind(founded, store, now, seconds), store)
            except RefusedError as error:
                said = error.code
            sys.stdout.write(f"{said}\n")


if __name__ == "__main__":
    main()
