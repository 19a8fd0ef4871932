"""What a rollback costs: reading, and a plan over everything, against one full verification.

The ledger is one of `benchmarks.refund_ledgers`: a month of the demonstration, over and over.
Measured are:

    whole       the ledger read as acts and runs, with the counters of the contract in force and
                each compensating call computed on the way; then what depends on what, a class for
                every executed action, its call decided by the engine, and the order of the plan.
                Against one full verification of the same ledger by one process
    plan        the part of it that follows the reading, against the same
    reading     the other part
    rollback    what is not reading the ledger as acts and runs, which every command of replay does
    opening     the verification that a command of replay begins with, against the same

Windows are taken to be open for all of the ledger: else a plan over months would decide hardly any
call. Times are by the clock; each side runs in a process of its own, the shortest of a few, and
without Python's start.

    python -m benchmarks.rollback_plan [--size RECORDS | --ledger FILE] [--rounds N] [--json]

It exits with 1 when the target (`whole` at most 1) is missed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.refund_ledgers import long_ledger

SIZE: Final = 1_000_000
ROUNDS: Final = 1
AT_MOST: Final = {"whole": 1.0}

# Run in a process of its own with a ledger and what is asked; it prints seconds and what was found.
RUN: Final = """
import json, resource, sys, time
from dataclasses import replace
from pathlib import Path
from replay.history import History
from replay.rollback_reading import read
from verifier.load import open_ledger, verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

def trust(path):
    held = Path(f"{path}.trust.json")
    return parse_trust(held.read_bytes(), str(held)) if held.exists() else None

def windowless(contract):
    tools = {
        name: replace(tool, calling=replace(tool.calling, take_back_within=None))
        for name, tool in contract.tools.items()
    }
    # The demonstration's own rule of the window is one of its contract, not of its compensation.
    rules = tuple(rule for rule in contract.rules if rule.id != "recovery.reversal-window")
    return replace(contract, tools=tools, rules=rules)

def planned(path):
    start = time.perf_counter()
    opened = open_ledger(path, trust(path))
    opening = time.perf_counter() - start
    for digest, contract in opened.contracts.items():
        opened.contracts[digest] = windowless(contract)
    start = time.perf_counter()
    History.of(opened)
    history = time.perf_counter() - start
    start = time.perf_counter()
    made = read(opened, given={"reason": "benchmark"})
    reading = time.perf_counter() - start
    start = time.perf_counter()
    plan = made.rollback().plan(range(len(made.history.acts)))
    took = time.perf_counter() - start
    kinds = {str(kind): amount.acts for kind, amount in plan.amounts.items() if amount.acts}
    return {
        "seconds": {
            "opening": opening, "history": history, "reading": reading, "plan": took,
        },
        "acts": len(made.history.acts),
        "steps": len(plan.steps),
        "kinds": kinds,
    }

def verified(path):
    start = time.perf_counter()
    report = verify_ledger(path, trust(path))
    took = time.perf_counter() - start
    assert report.integrity.verdict is not IntegrityVerdict.BROKEN, report.integrity
    return {"seconds": {"verify": took}, "entries": report.ledger.size}

if __name__ == "__main__":
    found = (verified if sys.argv[2] == "verify" else planned)(sys.argv[1])
    found["held"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))
"""


def run(path: Path, asked: str) -> dict[str, Any]:
    """Do what is asked in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        # Processes that are begun anew look for the script that began them.
        script.write(RUN)
        script.flush()
        arguments = [sys.executable, script.name, str(path), asked]
        done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(path: Path, rounds: int) -> dict[str, Any]:
    """Measure, and return seconds, ratios and what was missed."""
    seconds: dict[str, float] = {}
    plan: dict[str, Any] = {}
    verified: dict[str, Any] = {}
    for _ in range(rounds):
        verified, plan = run(path, "verify"), run(path, "plan")
        for name, took in {**verified["seconds"], **plan["seconds"]}.items():
            seconds[name] = min(took, seconds.get(name, took))
    whole = seconds["verify"]
    own = max(0.0, seconds["reading"] - seconds["history"]) + seconds["plan"]
    found = {
        "rollback": own / whole,
        "plan": seconds["plan"] / whole,
        "reading": seconds["reading"] / whole,
        "whole": (seconds["plan"] + seconds["reading"]) / whole,
        "opening": seconds["opening"] / whole,
    }
    return {
        "benchmark": "rollback",
        "entries": verified["entries"],
        "actions": plan["acts"],
        "steps": plan["steps"],
        "kinds": plan["kinds"],
        "seconds": seconds,
        "held": {"verify": verified["held"], "plan": plan["held"]},
        "ratios": found,
        "targets": AT_MOST,
        "missed": [name for name, most in AT_MOST.items() if found[name] > most],
        "python": platform.python_version(),
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(
        f"{result['entries']:,} entries, {result['actions']:,} actions, {result['steps']:,} steps"
    )
    for name, took in result["seconds"].items():
        print(f"  {name:<10}{took:9.2f} s")
    for name, value in result["ratios"].items():
        verdict = "missed" if name in result["missed"] else "met"
        target = result["targets"].get(name)
        print(f"  {name:<10}{value:9.2f}" + (f"   target {target:g}: {verdict}" if target else ""))
    print(f"  held: {result['held']['verify']:,.0f} MB and {result['held']['plan']:,.0f} MB")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="A rollback plan against one verification.")
    parser.add_argument("--size", type=int, default=SIZE, help="records, at least")
    parser.add_argument("--ledger", type=Path, help="a ledger that there is, to be measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.ledger
        if path is None:
            path = Path(folder) / "bench.db"
            long_ledger(path, chosen.size)
        result = measured(path, chosen.rounds)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
