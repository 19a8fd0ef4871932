"""A program that appends until it is killed: `crash_writer.py FOLDER NAME [COUNT]`.

It prints the index of each record once the append has returned. With COUNT it ends by itself.
"""

import sys
from pathlib import Path

from ledger.client import LedgerClient
from ledger.founding import open_founded
from ledger.records import Message
from ledger.store import Store


def main(folder: str, name: str, count: int) -> None:
    """Append as one of a ledger's identities, saying which records are durable."""
    path = Path(folder) / "ledger.db"
    founded = open_founded(path)
    with Store.open(path, writable=True) as store:
        client = LedgerClient(
            store, founded.key(name), founded.identities[name], head_signer=founded.head_signer()
        )
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        turn = 0
        while turn != count:
            said = client.make(Message, run="ab" * 32, role="user", turn=turn)
            for receipt in client.submit([said] * (1 + turn % 3)):
                sys.stdout.write(f"{receipt.index} {receipt.leaf}\n")
            sys.stdout.flush()
            turn += 1
        client.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else -1)
