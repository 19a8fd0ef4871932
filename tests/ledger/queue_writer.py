"""A program that hands in through a queue until it is killed: `FOLDER SPOOL COUNT [TAKEN]`.

It prints `recorded DIGEST` or `spooled DIGEST` for each record that was acknowledged. With TAKEN it
kills itself when so many groups of spooled records have been recorded, before that is noted.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from ledger.admission import Receipt
from ledger.client import LedgerClient
from ledger.founding import open_founded
from ledger.queue import LedgerQueue
from ledger.records import Message
from ledger.spool import Spool
from ledger.store import Store


def killing(times: int) -> None:
    """Die at the given call of `Spool.taken`, before it does anything."""
    taken, calls = Spool.taken, iter(range(times, 0, -1))

    def die(spool: Spool, count: int) -> None:
        if next(calls) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        taken(spool, count)

    setattr(Spool, "taken", die)  # noqa: B010  (a method, which is assigned to nowhere else)


def acknowledged(queue: LedgerQueue, client: LedgerClient, count: int) -> Iterator[str]:
    """Hand in, and tell each answer."""
    for turn in range(count):
        said = client.make(Message, run="ab" * 32, role="user", turn=turn)
        (answer,) = queue.submit([said]).result(60)
        yield f"{'recorded' if isinstance(answer, Receipt) else 'spooled'} {answer.record}\n"


def main(folder: str, spool: str, count: int, times: int) -> None:
    """Hand in, saying what was acknowledged and how."""
    founded = open_founded(Path(folder) / "ledger.db")
    with Store.open(founded.location, writable=True) as store:
        client = LedgerClient(
            store,
            founded.key("agent"),
            founded.identities["agent"],
            head_signer=founded.head_signer(),
            checkpoint_every=100,
        )
        if times:
            killing(times)
        queue = LedgerQueue(client, when_away="spool", spool=Path(spool), retry_every=0.05)
        with queue:
            for line in acknowledged(queue, client, count):
                sys.stdout.write(line)
                sys.stdout.flush()
            sys.stdout.write("done\n")
            sys.stdout.flush()
            queue.flush(30)
        client.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0)
