"""What an append costs, against bare databases and an audit log in memory.

Each submission goes through `LedgerClient.submit`; then the bare driver writes the same headers and
records into a database of its own: two tables without guards, the same settings, one commit. One
after the other, so that what else the machine does meets both. Compared are the medians:

- a batch of 256: the bare `executemany` and commit, divided by the client's time; and records a
  second, divided by those of the audit log of `agent-governance-toolkit`, which keeps its entries
  in memory, signs nothing and syncs nothing;
- one record: one Ed25519 signature, the bare insertion and commit, divided by the client's time.
  Where a sync takes less than a millisecond both sides are given what is missing to one.

The toolkit does not live beside the versions of libraries that Writ needs, so it is asked in an
environment of its own: `python -m venv DIR; DIR/bin/pip install agent-governance-toolkit-core`,
then `--peer DIR/bin/python` (or WRIT_BENCH_PEER).

    python benchmarks/append.py [--size RECORDS] [--rounds N] [--peer PYTHON] [--json]

It exits with 1 when a target is missed or could not be measured.
"""

import argparse
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ledger.client import LedgerClient
from ledger.founding import create_ledger, default_founders
from ledger.records import Action, AnyRecord, Message, Observation
from ledger.signing import Signer
from ledger.store import Store
from tests.ledger.postgresql import NoServerError, throw_away_server

SIZE = 2_048
ROUNDS = 3
RUN = "ab" * 32
FULL_SYNC = 0.001
# A head is signed as often as the command line does it.
HEADS = 10_000

Rows = Sequence[tuple[int, bytes, bytes]]

TABLES = (
    "CREATE TABLE entries (idx {index} PRIMARY KEY, header {bytes} NOT NULL)",
    "CREATE TABLE records (idx {index} PRIMARY KEY, body {bytes} NOT NULL)",
)

# Run by the peer's own Python: for each number on a line it logs so many entries, and prints the
# seconds.
PEER = """
import sys, time
from agentmesh.governance.audit import AuditLog
log = AuditLog()
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    start = time.perf_counter()
    for number in range(count):
        log.log(
            event_type="action", agent_did="did:mesh:agent", action="payouts.create",
            resource="orders", trace_id="ab" * 16,
            data={"order": f"A-{number:06}", "micros": 12_500_000, "reason": "returned"},
        )
    print(time.perf_counter() - start, flush=True)
"""


class Bare(Protocol):
    """A database without a ledger in it."""

    def write(self, rows: Rows) -> None:
        """Write the entries of one submission with one commit."""
        ...

    def close(self) -> None:
        """Give up the database."""
        ...


class BareSqlite:
    """Bare SQLite, with the settings that the store has."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *TABLES):
            self._connection.execute(statement.format(index="INTEGER", bytes="BLOB"))

    def write(self, rows: Rows) -> None:
        """Write the entries of one submission with one commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO entries VALUES (?, ?)", [(idx, header) for idx, header, _ in rows]
        )
        self._connection.executemany(
            "INSERT INTO records VALUES (?, ?)", [(idx, body) for idx, _, body in rows]
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Give up the database."""
        self._connection.close()


class BarePostgresql:
    """Bare psycopg on the same server, in a schema of its own."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)
        self._connection.execute("CREATE SCHEMA bare")
        self._connection.execute("SET search_path TO bare")
        for statement in TABLES:
            self._connection.execute(statement.format(index="BIGINT", bytes="BYTEA").encode())
        self._connection.commit()

    def write(self, rows: Rows) -> None:
        """Write the entries of one submission with one commit."""
        cursor = self._connection.cursor()
        cursor.executemany(
            "INSERT INTO entries VALUES (%s, %s)", [(idx, header) for idx, header, _ in rows]
        )
        cursor.executemany(
            "INSERT INTO records VALUES (%s, %s)", [(idx, body) for idx, _, body in rows]
        )
        self._connection.commit()

    def close(self) -> None:
        """Give up the database."""
        self._connection.close()


class Peer:
    """The audit log in memory, in a process with an environment of its own."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-c", PEER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._line() != "ready":
            _, said = self._process.communicate()
            raise LookupError(said.strip().rpartition("\n")[2] or "it says nothing")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def seconds(self, count: int) -> float:
        """Return what it takes to log so many entries."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@dataclass
class Load:
    """One way of writing, and what was measured of it: seconds of each submission.

    Attributes:
        name: What is printed.
        store: `sqlite` or `postgresql`.
        records: Records in a submission.
        heads: Sign a head once at least so many entries are new.
        target: The least share of the bare database; 0 where it is only told.
        client: Of the client.
        busy: Of the client's processor time.
        bare: Of the bare database.
        sign: Of one signature.
        fsync: Of writing as many bytes to a plain file, and syncing it.
        peer: Of logging as many entries in memory.
    """

    name: str
    store: str
    records: int
    heads: int
    target: float
    client: list[float] = field(default_factory=list[float])
    busy: list[float] = field(default_factory=list[float])
    bare: list[float] = field(default_factory=list[float])
    sign: list[float] = field(default_factory=list[float])
    fsync: list[float] = field(default_factory=list[float])
    peer: list[float] = field(default_factory=list[float])

    @property
    def share(self) -> float:
        """The bare database's part of what the client takes; of one record, with a signature."""
        floor = median(self.bare) + (median(self.sign) if self.records == 1 else 0)
        return floor / median(self.client)

    @property
    def share_synced(self) -> float:
        """The share, were a sync of one record to take a millisecond at least."""
        missing = max(0.0, FULL_SYNC - median(self.fsync)) if self.records == 1 else 0.0
        floor = median(self.bare) + median(self.sign) + missing
        return floor / (median(self.client) + missing) if self.records == 1 else self.share


def loads() -> list[Load]:
    """Return what is measured. docs/benchmarks.md says where the targets come from."""
    return [
        load
        for store in ("sqlite", "postgresql")
        for load in (
            Load("1 record", store, 1, HEADS, 0.6),
            Load("1 record, head each time", store, 1, 1, 0.0),
            Load("3 records", store, 3, HEADS, 0.0),
            Load("256 records", store, 256, HEADS, 0.3),
            Load("1,024 records", store, 1_024, HEADS, 0.0),
        )
    ]


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


def timed(into: list[float], run: Callable[[], object]) -> None:
    """Add the seconds that a call takes."""
    start = time.perf_counter()
    run()
    into.append(time.perf_counter() - start)


@dataclass
class Bench:
    """A ledger to write to, and what it is measured against."""

    folder: Path
    store: Store
    key: Signer
    clients: dict[int, LedgerClient]
    bare: Bare
    peer: Peer | None

    def round(self, load: Load, size: int) -> None:
        """Measure one load for so many records, but at least one submission."""
        client = self.clients[load.heads]
        for _ in range(min(100, max(1, size // load.records))):
            given = [made(client, place) for place in range(load.records)]
            start = self.store.size()
            busy = time.process_time()
            timed(load.client, lambda: client.submit(given))  # noqa: B023  (called at once)
            load.busy.append(time.process_time() - busy)
            rows = [(row.idx, row.header, row.record or b"") for row in self.store.rows(start)]
            assert len(rows) == load.records
            timed(load.bare, lambda: self.bare.write(rows))  # noqa: B023  (called at once)
            timed(load.sign, lambda: self.key.sign(b"t" * 500))
            timed(load.fsync, lambda: self._sync(rows))  # noqa: B023  (called at once)
            if self.peer is not None and load.records > 1:
                load.peer.append(self.peer.seconds(load.records))

    def _sync(self, rows: Rows) -> None:
        """Append the bytes of one submission to a file, durably."""
        descriptor = os.open(self.folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b"".join(header + body for _, header, body in rows))
        os.fsync(descriptor)
        os.close(descriptor)


@contextmanager
def bench_on(store: str, folder: Path, peer: Peer | None) -> Generator[Bench]:
    """Found a ledger in a store of this kind, and make a bare database of the same kind.

    Raises:
        NoServerError: PostgreSQL is not installed.
    """
    with ExitStack() as stack:
        location = str(folder / "bench.db")
        if store == "postgresql":
            location = stack.enter_context(throw_away_server(durable=True))
        bare = BareSqlite(folder) if store == "sqlite" else BarePostgresql(location)
        stack.enter_context(closing(bare))
        founded = create_ledger(
            location,
            origin="bench.example/ledger",
            founders=default_founders(owner="Ann Owner", approver="Bo Approver"),
            keys_dir=folder / "keys",
        )
        opened = stack.enter_context(Store.open(location, writable=True))
        key = founded.key("agent")
        clients = {
            heads: LedgerClient(
                opened,
                key,
                founded.identities["agent"],
                head_signer=founded.head_signer(),
                checkpoint_every=heads,
            )
            for heads in (1, HEADS)
        }
        yield Bench(folder, opened, key, clients, bare, peer)


def measured(size: int, rounds: int, python: str) -> dict[str, Any]:
    """Measure, and return medians and shares."""
    found, skipped = loads(), dict[str, str]()
    with ExitStack() as stack:
        peer = None
        try:
            peer = stack.enter_context(closing(Peer(python)))
        except (LookupError, OSError) as error:
            skipped["audit log in memory"] = str(error)
        for store in ("sqlite", "postgresql"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                bench = stack.enter_context(bench_on(store, folder, peer))
            except NoServerError as error:
                skipped[store] = str(error)
                continue
            # The loads take turns, so that what else the machine does meets all of them.
            for _ in range(rounds):
                for load in found:
                    if load.store == store:
                        bench.round(load, size)
    told = [shown(load) for load in found if load.client]
    return {
        "benchmark": "append",
        "loads": told,
        "missed": [name for load in told for name in load["missed"]] + sorted(skipped),
        "python": platform.python_version(),
        "rounds": rounds,
        "size": size,
        "skipped": skipped,
        "sqlite": sqlite3.sqlite_version,
    }


def shown(load: Load) -> dict[str, Any]:
    """Return a load as the result has it: medians, in seconds a submission."""
    client = median(load.client)
    peer = median(load.peer) if load.peer else None
    times = {
        name: median(getattr(load, name)) for name in ("client", "busy", "bare", "sign", "fsync")
    }
    missed = [f"{load.store}, {load.name}"] if load.share_synced < load.target else []
    # What the audit log in memory is compared with is the batch on SQLite.
    wanted = 2.0 if (load.store, load.records) == ("sqlite", 256) else 0.0
    if peer is not None and peer / client < wanted:
        missed.append(f"{load.store}, {load.name}, against the audit log in memory")
    return {
        "name": load.name,
        "store": load.store,
        "records": load.records,
        "seconds": {**times, "peer": peer},
        "records_per_second": load.records / client,
        "share": load.share,
        "share_synced": load.share_synced,
        "target": load.target,
        "times_peer": None if peer is None else peer / client,
        "target_peer": wanted,
        "missed": missed,
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"medians of {result['rounds']} rounds, in ms a submission")
    print(
        f"  {'':<38}{'client':>9}{'its CPU':>9}{'bare':>9}{'signing':>9}{'fsync':>9}"
        f"{'in memory':>11}{'records/s':>11}{'share':>7}{'at 1 ms':>9}{'target':>8}{'x memory':>10}"
        f"{'target':>8}"
    )
    for load in result["loads"]:
        times = "".join(
            f"{load['seconds'][name] * 1_000:9.3f}"
            for name in ("client", "busy", "bare", "sign", "fsync")
        )
        peer, ratio = load["seconds"]["peer"], load["times_peer"]
        print(
            f"  {load['store'] + ', ' + load['name']:<38}{times}"
            f"{'' if peer is None else f'{peer * 1_000:.3f}':>11}"
            f"{load['records_per_second']:11,.0f}{load['share']:7.2f}{load['share_synced']:9.2f}"
            f"{load['target'] or '':>8}{'' if ratio is None else f'{ratio:.2f}':>10}"
            f"{load['target_peer'] or '':>8}"
        )
    for name, why in result["skipped"].items():
        print(f"not measured: {name}: {why}")
    for name in result["missed"]:
        print(f"missed: {name}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Appends against bare databases and signatures.")
    parser.add_argument("--size", type=int, default=SIZE, help="records for each load and round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--peer",
        default=os.environ.get("WRIT_BENCH_PEER") or sys.executable,
        help="the Python of an environment with agent-governance-toolkit-core",
    )
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    peer = str(chosen.peer)
    result = measured(chosen.size, chosen.rounds, shutil.which(peer) or peer)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
