"""What a full verification costs: integrity, and every record decided again, on refund runs.

The ledger is one of `benchmarks.refund_ledgers`: a month of the demonstration, over and over.
Measured are:

    whole        full verification by one process against one streaming read of the same store that
                 hashes every record and header once
    by two       the same by two processes, as `writ verify` does it on two processors
    toolkit      records a second of that by two, against those of `verify_integrity` of
                 `agent-governance-toolkit`, which checks its chain in memory and nothing else
    conformance  entries whose integrity is proved, read again and judged on counters row by row, as
                 the guard does it, against the same by column. Both sides read, decode and hash
                 every entry, judge it, compare decisions and write out what was found; the proof is
                 in neither
    grown        full verification by one process of several times as many, against this
    memory       what all processes of a verification by two hold at their highest, in MB, each at
                 its own
    flat         memory of one process on the larger ledger against that on this one

Times are by the clock, the shortest of a few, the sides in turn; each verification is a process of
its own, and its time is without Python's start. Stages are timed by themselves, so that it is seen
where the time goes. The toolkit does not live beside the versions of libraries that Writ needs, so
it is asked in an environment of its own: `python -m venv DIR; DIR/bin/pip install
agent-governance-toolkit-core`, then `--peer DIR/bin/python` (or WRIT_BENCH_PEER).

    python -m benchmarks.verify [--size RECORDS | --ledger FILE] [--grown TIMES] [--grown-ledger
        FILE] [--rows RECORDS] [--rounds N] [--peer PYTHON] [--json]

It exits with 1 when a target is missed or could not be measured.
"""

import argparse
import hashlib
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.refund_ledgers import long_ledger

SIZE: Final = 1_000_000
GROWN: Final = 5
ROUNDS: Final = 2
ROWS: Final = 200_000
"""Entries that are judged row by row: more of them take as long each."""
TOOLKIT: Final = 100_000
"""Entries of the toolkit's log: each is an object in memory."""
AT_MOST: Final = {"whole": 4.0, "grown": 5.5, "memory": 1500.0, "flat": 1.1}
AT_LEAST: Final = {"toolkit": 1.0, "conformance": 5.0}

# Run in a process of its own with a ledger, what is asked, and how many processes or entries; it
# prints seconds and the most that was held.
RUN: Final = """
import json, resource, sys, tempfile, time
from pathlib import Path
from ledger.store import Store
from verifier import leaves
from verifier.engines import Engines
from verifier.load import verify_ledger
from verifier.onward import LEAVES, How, Judged
from verifier.ordinary import proved, uncollected
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

def trust(path):
    held = Path(f"{path}.trust.json")
    return parse_trust(held.read_bytes(), str(held)) if held.exists() else None

def verified(path, jobs):
    start = time.perf_counter()
    report = verify_ledger(path, trust(path), jobs=jobs)
    took = time.perf_counter() - start
    assert report.integrity.verdict is not IntegrityVerdict.BROKEN, report.integrity
    return took, report.ledger.size, len(report.findings)

def staged(path, stage, stop):
    with tempfile.TemporaryDirectory() as folder, Store.open(path) as store:
        start = time.perf_counter()
        found = proved(store, trust(path), folder=Path(folder))
        if stage == "proof":
            return time.perf_counter() - start, found.size, 0
        held = leaves.Proved(Path(folder) / LEAVES)
        engines = Engines.ROWS if stage == "rows" else Engines.COLUMNS
        judged = Judged(store, found.founding, found.size, Path(folder), held, How(engines))
        stop = whole(store, min(stop or found.size, found.size))
        start = time.perf_counter()
        if stage == "reading":
            with uncollected():
                for _ in judged.reading.entries(stop):
                    pass
            return time.perf_counter() - start, stop, 0
        judged.observe(stop)
        judged.reading.size = stop
        findings = len(judged.finish().findings)
        took = time.perf_counter() - start
        held.close()
        return took, stop, findings

def whole(store, stop):
    while stop < store.size() and b'"position":0,' not in store.row(stop).header:
        stop += 1
    return stop

if __name__ == "__main__":
    path, asked, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    whole_ledger = asked == "verify"
    done = verified(path, number) if whole_ledger else staged(path, asked, number)
    took, size, findings = done
    mine, others = (resource.getrusage(who).ru_maxrss / 1024
                    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    held = mine + others * (number - 1 if whole_ledger else 0)
    print(json.dumps({"seconds": took, "size": size, "findings": findings, "held": held}))
"""

PEER: Final = """
import sys, time
from agentmesh.governance.audit import AuditLog
log = AuditLog()
for number in range(int(sys.argv[1])):
    log.log(
        event_type="action", agent_did="did:mesh:agent", action="payouts.create",
        resource="orders", trace_id="ab" * 16, outcome="success",
        data={"order": f"A-{number:06}", "micros": 12_500_000, "reason": "returned"},
    )
start = time.perf_counter()
assert log.verify_integrity()[0]
print(time.perf_counter() - start)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process of a benchmark said: seconds, entries, findings, and MB that were held."""

    seconds: float
    size: int
    findings: int
    held: float


def hashed(path: Path) -> float:
    """Return what it takes to read every header and record once and hash both."""
    start = time.perf_counter()
    whole = hashlib.sha256()
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute(
            "SELECT e.header, r.body FROM entries e JOIN records r ON r.idx = e.idx ORDER BY e.idx"
        )
        while rows := cursor.fetchmany(256):
            for header, body in rows:
                whole.update(hashlib.sha256(header).digest())
                whole.update(hashlib.sha256(body).digest())
    return time.perf_counter() - start


def run(path: Path, asked: str, number: int) -> Run:
    """Do what is asked in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        # Processes that are begun anew look for the script that began them.
        script.write(RUN)
        script.flush()
        arguments = [sys.executable, script.name, str(path), asked, str(number)]
        done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, env=environment)
    return Run(**json.loads(done.stdout))


def toolkit(python: str) -> float | None:
    """Return how many entries a second the toolkit checks; None where it cannot be asked."""
    try:
        done = subprocess.run(
            [python, "-W", "ignore", "-c", PEER, str(TOOLKIT)], check=True, stdout=subprocess.PIPE
        )
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"the toolkit cannot be asked: {error}", file=sys.stderr)
        return None
    return TOOLKIT / float(done.stdout)


def measured(path: Path, larger: Path | None, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure, and return seconds, ratios and what was missed."""
    peers, ones, twos, others = list[float](), list[Run](), list[Run](), list[float | None]()
    for _ in range(chosen.rounds):
        peers.append(hashed(path))
        ones.append(run(path, "verify", 1))
        twos.append(run(path, "verify", 2))
        others.append(toolkit(chosen.peer) if chosen.peer else None)
    one, two = (min(each, key=lambda one: one.seconds) for each in (ones, twos))
    columns, rows = (run(path, name, chosen.rows) for name in ("columns", "rows"))
    assert (columns.size, columns.findings) == (rows.size, rows.findings)
    stages = {name: run(path, name, 0) for name in ("proof", "reading")}
    found = {
        "whole": one.seconds / min(peers),
        "by two": two.seconds / min(peers),
        "conformance": rows.seconds / columns.seconds,
        "memory": max(each.held for each in twos),
    }
    rates = [one for one in others if one is not None]
    if rates:
        found["toolkit"] = two.size / two.seconds / max(rates)
    if larger is not None:
        grown = run(larger, "verify", 1)
        found["grown"] = grown.seconds / one.seconds / (grown.size / one.size / GROWN)
        found["flat"] = grown.held / max(each.held for each in ones)
    return {
        "benchmark": "verify",
        "entries": one.size,
        "findings": one.findings,
        "seconds": {
            "peer": min(peers),
            "one": one.seconds,
            "two": two.seconds,
            "columns": columns.seconds,
            "rows": rows.seconds,
            **{name: each.seconds for name, each in stages.items()},
            "judging": one.seconds - sum(each.seconds for each in stages.values()),
        },
        "judged": columns.size,
        "held": {"one": max(each.held for each in ones), "two": found["memory"]},
        "toolkit_per_second": max(rates, default=None),
        "entries_per_second": two.size / two.seconds,
        "ratios": found,
        "targets": {**AT_MOST, **AT_LEAST},
        "missed": missed(found),
        "python": platform.python_version(),
    }


def missed(found: dict[str, float]) -> list[str]:
    """Return the targets that were missed, or not measured."""
    over = [name for name, most in AT_MOST.items() if found.get(name, most + 1) > most]
    under = [name for name, least in AT_LEAST.items() if found.get(name, 0.0) < least]
    return over + under


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"{result['entries']:,} entries, {result['findings']:,} findings")
    for name, took in result["seconds"].items():
        print(f"  {name:<14}{took:9.2f} s")
    for name, value in result["ratios"].items():
        verdict = "missed" if name in result["missed"] else "met"
        target = result["targets"].get(name)
        print(f"  {name:<14}{value:9.2f}" + (f"   target {target:g}: {verdict}" if target else ""))
    print(f"  {result['entries_per_second']:,.0f} entries a second by two processes")
    unmeasured = sorted(set(result["missed"]) - result["ratios"].keys())
    if unmeasured:
        print(f"  not measured: {', '.join(unmeasured)}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Full verification against hashing and others.")
    parser.add_argument("--size", type=int, default=SIZE, help="records, at least")
    parser.add_argument("--ledger", type=Path, help="a ledger that there is, to be measured")
    parser.add_argument("--grown", type=int, default=GROWN, help="times as many; 0: not measured")
    parser.add_argument("--grown-ledger", type=Path, help="one that there is, for that")
    parser.add_argument("--rows", type=int, default=ROWS, help="entries judged row by row")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peer", default=os.environ.get("WRIT_BENCH_PEER", ""))
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, larger = chosen.ledger, chosen.grown_ledger
        if path is None:
            path = Path(folder) / "bench.db"
            long_ledger(path, chosen.size)
        if larger is None and chosen.grown and chosen.ledger is None:
            larger = Path(folder) / "grown.db"
            long_ledger(larger, chosen.grown * chosen.size)
        result = measured(path, larger, chosen)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
