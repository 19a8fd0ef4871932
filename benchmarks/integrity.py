"""What integrity costs, against one reading of the same store that hashes, and bare signatures.

The ledger is generated: runs of a service in batches of 256 records, or one record at a time, all
signed, linked and under heads, written with bare SQLite. Then, on it:

    batches      steps 0 to 9 against one streaming read that hashes every record and header once
    by two       the same by two processes, as `writ verify --integrity` does it on two processors
    processes    how much quicker two processes are than one
    single       steps 0 to 9 of one-record submissions against checking their signatures alone
    single by two    the same by two processes
    memory       the most that any one process of these verifications holds, in MB
    grown        memory on a ledger of several times as many records, against that

Targets are for one process; what two do is told beside them. Times are by the clock, the shortest
of a few, both sides in turn. Each verification is a process of its own, as the command is.

    python benchmarks/integrity.py [--size RECORDS] [--singles RECORDS] [--grown TIMES] [--json]

It exits with 1 when a target is missed.
"""

import argparse
import hashlib
import json
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger.checkpoint import Checkpoint
from ledger.encoding import digest, encode, from_base64, to_base64
from ledger.entry import HeaderForm, leaf_hash, parse_header
from ledger.founding import create_ledger, default_founders
from ledger.keys import fingerprint, verify_signature
from ledger.merkle import Frontier
from ledger.signing import sign_checkpoint
from ledger.store import Store
from ledger.submission import Submission, signed_text, submission_of, submission_root
from verifier.founding import Founding

SIZE = 1_000_000
SINGLES = 20_000
BATCH = 256
ROUNDS = 2
# A head for every so many submissions.
HEADS = 64
ORIGIN = "bench.example/ledger"
SERVICE = f"spiffe://{ORIGIN}/agent"
GROWN = 5
TARGETS = {"batches": 4.0, "processes": 1.6, "single": 1.15, "memory": 600.0, "grown": 1.1}
AT = "2026-03-01T09:00:00.000000Z"
RUN = """
import sys
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
if __name__ == "__main__":
    report = verify_ledger(sys.argv[1], conformance=False, jobs=int(sys.argv[2]))
    assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity
    assert not report.findings, report.findings
    print(report.ledger.size)
"""


# ------------------------------------------------------------------------ the ledger


def records() -> Iterator[bytes]:
    """Yield the records of runs, without end: each names those before it."""
    number = 0

    def made(kind: str, **fields: object) -> bytes:
        nonlocal number
        number += 1
        own = {"v": 1, "kind": kind, "nonce": f"{number:032x}", "by": SERVICE, "at": AT}
        return encode({**own, **fields})

    while True:
        opened = made("run", phase="opened", service=SERVICE, goal="refund", channel="chat")
        yield opened
        run = digest(opened)
        for turn in range(2):
            said = f"Please look at order A-{number:07}: the parcel came back, and was not paid."
            yield made("message", run=run, role="user", turn=turn, content=said)
            seen = {"order": f"A-{number:07}", "total": {"currency": "EUR", "micros": 12_500_000}}
            order = made(
                "observation",
                run=run,
                what="order",
                source="orders",
                observer="source",
                fields=seen,
            )
            yield order
            params = {"order": f"A-{number:07}", "micros": 12_500_000, "reason": "returned"}
            evidence = [digest(order)]
            action = made(
                "action", run=run, tool="payouts.create", params=params, evidence=evidence
            )
            yield action
            yield made("outcome", run=run, action=digest(action), status="ok")
        yield made("run", phase="closed", run=run, outcome="done")


class Generator:
    """Adds submissions to a ledger that was just founded."""

    def __init__(self, path: Path) -> None:
        founded = create_ledger(
            path, origin=ORIGIN, founders=default_founders("Mara", "Ada"), clock=_clock
        )
        self._key, self._head = founded.key("agent"), founded.key("head")
        self._genesis = founded.genesis
        with Store.open(path) as store:
            self._frontier = Frontier()
            for row in store.rows():
                self._leaf = leaf_hash(row.header)
                self._frontier.append(self._leaf)
        self._number, self._previous = 0, "0" * 64
        self._stream = "ab" * 16

    def submission(self, raws: Sequence[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield index, header and record of a submission's entries."""
        digests = [digest(raw) for raw in raws]
        seen = {"size": self._frontier.size, "leaf": self._leaf.hex()}
        submission = Submission(
            self._genesis,
            fingerprint(self._key.public_key),
            self._stream,
            self._number,
            self._previous,
            self._frontier.size,
            self._leaf.hex(),
            exact=False,
            count=len(raws),
            root=submission_root(digests),
        )
        text = signed_text(submission)
        signature = to_base64(self._key.sign(text))
        opening = {
            "previous": self._previous,
            "seen": seen,
            "exact": False,
            "root": submission.root,
            "signature": signature,
        }
        form = HeaderForm(submission.key, self._stream, self._number, len(raws), AT)
        self._number, self._previous = self._number + 1, digest(text)
        for position, (raw, hashed) in enumerate(zip(raws, digests, strict=True)):
            index, prev = self._frontier.size, self._leaf.hex()
            header = (
                form.following(index, position, prev, hashed)
                if position
                else form.opening(index, prev, hashed, opening)
            )
            self._leaf = leaf_hash(header)
            self._frontier.append(self._leaf)
            yield index, header, raw

    def head(self) -> tuple[int, bytes]:
        """Return the size so far, and a signed head of it."""
        checkpoint = Checkpoint(ORIGIN, self._frontier.size, self._frontier.root())
        return checkpoint.size, sign_checkpoint(checkpoint, self._head)


def _clock() -> datetime:
    """Return the moment that everything here happens at."""
    return datetime.fromisoformat(AT)


def generate(path: Path, size: int, batch: int) -> None:
    """Make a ledger of about this many records."""
    generator, made = Generator(path), records()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        submissions = -(-size // batch)
        for number in range(submissions):
            raws = [next(made) for _ in range(batch)]
            rows = list(generator.submission(raws))
            connection.executemany(
                "INSERT INTO entries VALUES (?, ?)", [(idx, header) for idx, header, _ in rows]
            )
            connection.executemany(
                "INSERT INTO records VALUES (?, ?)", [(idx, raw) for idx, _, raw in rows]
            )
            if number % HEADS == HEADS - 1 or number == submissions - 1:
                connection.execute("INSERT INTO checkpoints VALUES (?, ?)", generator.head())


# ------------------------------------------------------------------------ measuring


def hashed(path: Path) -> float:
    """The peer: read every header and record once, and hash both. Return its seconds."""
    start = time.perf_counter()
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute(
            "SELECT e.header, r.body FROM entries e JOIN records r ON r.idx = e.idx ORDER BY e.idx"
        )
        whole = hashlib.sha256()
        while rows := cursor.fetchmany(BATCH):
            for header, body in rows:
                whole.update(hashlib.sha256(header).digest())
                whole.update(hashlib.sha256(body).digest())
    return time.perf_counter() - start


def verified(path: Path, jobs: int) -> float:
    """Verify in a process of its own; return its seconds without those of starting Python."""
    return _ran(path, jobs) - _started()


def _ran(path: Path, jobs: int) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, _script(path), str(path), str(jobs)], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def _script(path: Path) -> str:
    """Return a file with the program: a process that starts others has to have one."""
    script = path.with_name("run.py")
    script.write_text(RUN, "utf-8")
    return str(script)


def _started() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import verifier.load"], check=True)
    return time.perf_counter() - start


def signatures(path: Path) -> float:
    """The peer of single records: check every signature, with everything for it at hand."""
    work: list[tuple[bytes, bytes, bytes]] = []
    with Store.open(path) as store:
        founding = Founding.read(store, None)
        for row in store.rows():
            header = parse_header(row.header)
            if header.position == 0:
                key = founding.public_key(header.key) or b""
                text = signed_text(submission_of(header, founding.genesis))
                work.append((key, text, from_base64(header.signature or "")))
    start = time.perf_counter()
    for key, text, signature in work:
        verify_signature(key, text, signature)
    return time.perf_counter() - start


def peak() -> float:
    """Return the most that any verification's process held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measured(folder: Path, size: int, singles: int, grown: int) -> dict[str, Any]:
    """Measure, and return seconds, ratios and what was missed."""
    batches, single = folder / "batches.db", folder / "single.db"
    generate(batches, size, BATCH)
    generate(single, singles, 1)
    rounds = [(hashed(batches), verified(batches, 1), verified(batches, 2)) for _ in range(ROUNDS)]
    peer, one, two = (min(times) for times in zip(*rounds, strict=True))
    triples = [
        (signatures(single), verified(single, 1), verified(single, 2)) for _ in range(ROUNDS)
    ]
    bare, alone, both = (min(times) for times in zip(*triples, strict=True))
    found = {
        "batches": one / peer,
        "by two": two / peer,
        "processes": one / two,
        "single": alone / bare,
        "single by two": both / bare,
        "memory": peak(),
    }
    if grown > 1:
        batches.unlink()
        larger = folder / "grown" / "batches.db"
        larger.parent.mkdir()
        generate(larger, grown * size, BATCH)
        verified(larger, 1)
        # The most of all that ran: were it less on the larger ledger, it would be 1.
        found["grown"] = peak() / found["memory"]
    missed = [
        name
        for name, target in TARGETS.items()
        if name in found and (found[name] < target if name == "processes" else found[name] > target)
    ]
    return {
        "benchmark": "integrity",
        "records": size,
        "singles": singles,
        "grown": grown * size,
        "seconds": {
            "peer": peer,
            "one": one,
            "two": two,
            "signatures": bare,
            "single": alone,
            "single two": both,
        },
        "ratios": found,
        "targets": TARGETS,
        "missed": missed,
        "python": platform.python_version(),
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    seconds, ratios = result["seconds"], result["ratios"]
    print(f"{result['records']:,} records in batches of {BATCH}; {result['singles']:,} single ones")
    for name, took in seconds.items():
        print(f"  {name:<14}{took:9.3f} s")
    for name, value in ratios.items():
        verdict = "missed" if name in result["missed"] else "met"
        target = f"   target {TARGETS[name]:g}: {verdict}" if name in TARGETS else ""
        print(f"  {name:<14}{value:9.2f}{target}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Integrity against hashing, and signatures.")
    parser.add_argument("--size", type=int, default=SIZE, help="records in batches")
    parser.add_argument("--singles", type=int, default=SINGLES, help="records one at a time")
    parser.add_argument("--grown", type=int, default=GROWN, help="times as many, for memory")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), chosen.size, chosen.singles, chosen.grown)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
