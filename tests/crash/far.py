"""A writer on another host: appends over the network, whatever becomes of that.

    python -m tests.crash.far LOCATION KEYS HOLD

It says a line for each append: where it is and its leaf; or what it failed with, after a `!`.
While there is a file HOLD it stays in the middle of an append, and says `=`. It ends when its
input does.
"""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ledger.client import LedgerClient
from ledger.errors import RefusedError, StoreError
from ledger.founding import open_founded
from ledger.records import Message, RunOpened
from ledger.rows import Head
from ledger.store import Store
from ledger.testing import SERVICE


def say(text: str) -> None:
    """Say a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write(client: LedgerClient, hold: Path, done: threading.Event) -> None:
    """Append until told to end."""
    [run] = client.submit([client.make(RunOpened, service=SERVICE)])
    say(f"{run.index} {run.leaf}")

    def prepare(_: Head, _time: str) -> Sequence[Message]:
        if hold.exists():
            say("=")
        while hold.exists():
            time.sleep(0.01)
        return [client.make(Message, run=run.record, role="user", turn=0)]

    while not done.is_set():
        try:
            receipts = client.retry() if client.is_unsettled else client.append(prepare)
        except RefusedError as error:
            # It was decided on a head that is not the last one any more, and was not written.
            say(f"! {error.code} {error}")
            continue
        except StoreError as error:
            say(f"! {error.code} {error}")
            time.sleep(0.1)
            continue
        for one in receipts:
            say(f"{one.index} {one.leaf}")
    client.close()


def main() -> None:
    """Append until the input ends."""
    location, keys, hold = sys.argv[1:]
    founded, done = open_founded(location, Path(keys)), threading.Event()

    def wait() -> None:
        sys.stdin.read()
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    with Store.open(location, writable=True) as store:
        agent = LedgerClient(store, founded.key("agent"), founded.identities["agent"])
        write(agent, Path(hold), done)


if __name__ == "__main__":
    main()
