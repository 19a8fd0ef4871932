"""What an append costs, against the least that its format and its durability cost.

Each round writes the same records through `LedgerClient.submit` and then, into another file, the
same headers and records with bare SQLite: two tables without guards, the same settings, one commit
for each submission. To that is added what the format demands and no writer can leave out: one
signature made and one checked for each submission, timed in the same round. The sum is the floor,
and the client's share of it is what is compared with a target: 1 would be a client that does
nothing else.

    python benchmarks/append.py [--size RECORDS] [--json]

It exits with 1 when a target is missed.
"""

import argparse
import json
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from ledger.client import LedgerClient
from ledger.founding import Founded, create_ledger, default_founders
from ledger.keys import verify_signature
from ledger.records import Action, AnyRecord, Message, Observation
from ledger.signing import Signer
from ledger.store import Store

SIZE = 256
ROUNDS = 12
RUN = "ab" * 32

T = TypeVar("T")
Rows = Sequence[tuple[int, bytes, bytes]]


@dataclass
class Load:
    """One way of writing, and what was measured of it.

    Attributes:
        name: What is printed.
        records: Records in a submission.
        heads: Sign a head once at least so many entries are new.
        target: The least share of the floor.
        client: Seconds of each of the client's submissions.
        bare: The same, of bare SQLite.
        signatures: The same, of the signatures alone.
        fsync: The same, of appending as many bytes to a file and syncing it.
    """

    name: str
    records: int
    heads: int
    target: float
    client: list[float] = field(default_factory=list[float])
    bare: list[float] = field(default_factory=list[float])
    signatures: list[float] = field(default_factory=list[float])
    fsync: list[float] = field(default_factory=list[float])

    @property
    def share(self) -> float:
        """The floor's part of what the client takes."""
        floor = median(self.bare) + median(self.signatures)
        return floor / median(self.client)


def loads() -> list[Load]:
    """Return what is measured. docs/benchmarks.md says where the targets come from."""
    return [
        Load("1 record", 1, 500, 0.1),
        Load("1 record, head signed each time", 1, 1, 0.05),
        Load("3 records", 3, 500, 0.1),
        Load("256 records", 256, 500, 0.05),
        Load("1,024 records", 1_024, 500, 0.05),
    ]


def each_timed(run: Callable[[T], object], given: Sequence[T]) -> list[float]:
    """Return the seconds that each call takes."""
    times: list[float] = []
    for one in given:
        start = time.perf_counter()
        run(one)
        times.append(time.perf_counter() - start)
    return times


def made(client: LedgerClient, number: int) -> AnyRecord:
    """Return a record as agents write them: what was said, what was seen, what is to be done."""
    if number % 3 == 0:
        said = (
            f"Please look at order A-{number:06}: the parcel came back and nothing was paid. " * 2
        )
        return client.make(Message, run=RUN, role="user", turn=number, content=said)
    if number % 3 == 1:
        seen = {"order": f"A-{number:06}", "total": {"currency": "EUR", "micros": 12_500_000}}
        return client.make(
            Observation, run=RUN, what="order", source="orders", observer="source", fields=seen
        )
    params = {"order": f"A-{number:06}", "micros": 12_500_000, "reason": "returned"}
    return client.make(Action, run=RUN, tool="payouts.create", params=params, mode="execute")


class Peer:
    """Bare SQLite, and a bare file."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE entries (idx INTEGER PRIMARY KEY, header BLOB NOT NULL)",
            "CREATE TABLE records (idx INTEGER PRIMARY KEY, body BLOB NOT NULL)",
            "CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note BLOB NOT NULL)",
        ):
            self._connection.execute(statement)
        self._folder = folder

    def close(self) -> None:
        """Give up the database."""
        self._connection.close()

    def write(self, rows: Rows) -> None:
        """Write a submission with one commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO entries VALUES (?, ?)", [(idx, header) for idx, header, _ in rows]
        )
        self._connection.executemany(
            "INSERT INTO records VALUES (?, ?)", [(idx, body) for idx, _, body in rows]
        )
        self._connection.execute("COMMIT")

    def write_with_head(self, rows: Rows) -> None:
        """Write a submission, then a head: in the signer's durable memory, then in the store."""
        self.write(rows)
        memory = self._folder / "memory"
        self.sync(rows, memory.with_suffix(".new"))
        memory.with_suffix(".new").replace(memory)
        descriptor = os.open(self._folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        self._connection.execute("BEGIN IMMEDIATE")
        note = (rows[-1][0] + 1, b"n" * 200)
        self._connection.execute("INSERT INTO checkpoints VALUES (?, ?)", note)
        self._connection.execute("COMMIT")

    def sync(self, rows: Rows, path: Path | None = None) -> None:
        """Append the bytes of one submission to a file, durably."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(path or self._folder / "bare", flags)
        os.write(descriptor, b"".join(header + body for _, header, body in rows))
        os.fsync(descriptor)
        os.close(descriptor)


@dataclass
class Bench:
    """A ledger to write to, and its peer."""

    founded: Founded
    key: Signer
    store: Store
    peer: Peer
    size: int

    def round(self, load: Load) -> None:
        """Measure one load once."""
        client = LedgerClient(
            self.store,
            self.key,
            self.founded.identities["agent"],
            head_signer=self.founded.head_signer(),
            checkpoint_every=load.heads,
        )
        count, start = max(1, self.size // load.records), self.store.size()
        numbers = range(0, count * load.records, load.records)
        given = [[made(client, at + place) for place in range(load.records)] for at in numbers]

        load.client += each_timed(client.submit, given)
        rows = [(row.idx, row.header, row.record or b"") for row in self.store.rows(start)]
        assert len(rows) == count * load.records
        written = [rows[at : at + load.records] for at in numbers]
        write = self.peer.write_with_head if load.heads == 1 else self.peer.write
        load.bare += each_timed(write, written)
        load.fsync += each_timed(self.peer.sync, written)
        load.signatures += each_timed(self._sign, [2 if load.heads == 1 else 1] * count)

    def _sign(self, times: int) -> None:
        """Sign a text of a usual length so many times, and check one signature."""
        text = b"t" * 500
        signatures = [self.key.sign(text) for _ in range(times)]
        verify_signature(self.key.public_key, text, signatures[0])


def measured(folder: Path, size: int) -> dict[str, Any]:
    """Measure, and return medians and shares."""
    founded = create_ledger(
        folder / "bench.db",
        origin="bench.example/ledger",
        founders=default_founders(owner="Ann Owner", approver="Bo Approver"),
    )
    found = loads()
    with (
        Store.open(folder / "bench.db", writable=True) as store,
        closing(Peer(folder)) as peer,
    ):
        bench = Bench(founded, founded.key("agent"), store, peer, size)
        # The loads take turns, so that what else the machine does meets all of them.
        for _ in range(ROUNDS):
            for load in found:
                bench.round(load)
    return {
        "benchmark": "append",
        "loads": [shown(load) for load in found],
        "missed": [load.name for load in found if load.share < load.target],
        "python": platform.python_version(),
        "rounds": ROUNDS,
        "size": size,
        "sqlite": sqlite3.sqlite_version,
    }


def shown(load: Load) -> dict[str, Any]:
    """Return a load as the result has it: medians, in seconds a submission."""
    client = median(load.client)
    return {
        "name": load.name,
        "records": load.records,
        "seconds": {
            "client": client,
            "bare": median(load.bare),
            "signatures": median(load.signatures),
            "fsync": median(load.fsync),
        },
        "submissions_per_second": 1 / client,
        "records_per_second": load.records / client,
        "share": load.share,
        "target": load.target,
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"medians of {result['rounds']} rounds of {result['size']:,} records, in ms a submission")
    print(
        f"  {'':<32}{'client':>9}{'bare':>9}{'signing':>9}{'fsync':>9}{'a second':>10}"
        f"{'records':>10}{'share':>8}{'target':>8}"
    )
    for load in result["loads"]:
        times = "".join(
            f"{load['seconds'][name] * 1_000:9.3f}"
            for name in ("client", "bare", "signatures", "fsync")
        )
        print(
            f"  {load['name']:<32}{times}{load['submissions_per_second']:10,.0f}"
            f"{load['records_per_second']:10,.0f}{load['share']:8.2f}{load['target']:8.2f}"
        )
    for name in result["missed"]:
        print(f"missed: {name}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Appends against bare SQLite and the signatures.")
    parser.add_argument("--size", type=int, default=SIZE, help="records for each load and round")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), chosen.size)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
