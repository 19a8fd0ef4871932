"""What replay costs, against one verification of the same ledger.

The ledger is one of `benchmarks.refund_ledgers`: a month of the demonstration, over and over.
Measured are, each as its time over that of one full verification by one process:

    limits       what-if of ten candidates that differ in a limit: the ledger is read as acts and
                 runs, judged again by the contract in force and by all ten, and weighed
    facts        the same of ten candidates in which a fact counts otherwise: another window, or
                 another scope, each its own
    cascading    what one candidate with a lower limit stops taken out, with all that follows: the
                 share of actions that were decided again is told. No target is named for its time

Opening the ledger is in neither side: whoever asks has verified it. Times are by the clock, the
shortest of a few, the sides in turn, each in a process of its own without Python's start. Targets
are held against the clock; what the processor was at work stands beside it, which says more where
others are at work on the machine.

    python -m benchmarks.replay [--size RECORDS | --ledger FILE] [--rounds N] [--only PART] [--json]

It exits with 1 when a target is missed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.refund_ledgers import long_ledger

SIZE: Final = 1_000_000
ROUNDS: Final = 1
AT_MOST: Final = {"limits": 1.0, "facts": 4.0}

# Run in a process of its own with a ledger and what is asked; it prints seconds and what was found.
RUN: Final = """
import json, os, sys, time
from pathlib import Path
from contracts.loading import load_contract
from replay.as_recorded import judged_while_read
from replay.cascade import cascade
from replay.candidates import Candidate, changed, in_force_last, read_set
from replay.run_choice import Choice, chosen_acts
from replay.supposed import supposed
from replay.whatif import what_if
from verifier.load import open_ledger, verify_ledger
from verifier.trust import parse_trust

SWEEP = "policy.limits.EU.auto_approve_micros=60e6..150e6:10"
FACT = '''
  of_customer:
    sum: outcome.value.micros
    from: outcome of payouts.create
    where: outcome.status == "ok" && outcome.value.currency == "EUR"
    over: %s
    by: params.customer
    within: %dd
'''
RULE = '''
  - id: of-customer
    for: payouts.create
    when: facts.of_customer > 300000000
    says: Too much to one customer.
'''

class Watch:
    def __init__(self):
        self.start, self.before = time.perf_counter(), self.work()
    def work(self):
        return sum(os.times()[:4])
    def stopped(self):
        return time.perf_counter() - self.start, self.work() - self.before

def trust(path):
    held = Path(f"{path}.trust.json")
    return parse_trust(held.read_bytes(), str(held)) if held.exists() else None

def candidates(ledger, part):
    service = next(iter(ledger.contracts.values())).service
    text = ledger.texts[in_force_last(ledger, service)]
    if part == "limits":
        return [changed(text, [one], one.value) for one in read_set(SWEEP).changes()]
    made = []
    for number in range(10):
        over = ("ledger", "service")[number % 2]
        own = text.replace("\\nfacts:", "\\nfacts:" + FACT.rstrip() % (over, 3 + number * 3))
        made.append(load_contract(own.replace("\\nrules:", "\\nrules:" + RULE.rstrip())))
    return made

path, part = sys.argv[1], sys.argv[2]
if part == "verification":
    watch = Watch()
    report = verify_ledger(path, trust(path))
    took, work = watch.stopped()
    print(json.dumps({"seconds": took, "processor": work, "entries": report.ledger.size}))
elif part == "cascading":
    with open_ledger(path, trust(path)) as ledger:
        made = supposed(candidates(ledger, "limits")[0], ledger)
        history, judged = judged_while_read(ledger, [made])
        watch = Watch()
        found = cascade(ledger, history, made, judged.candidates[0])
        took, work = watch.stopped()
    print(json.dumps({"seconds": took, "processor": work, "decided": found.decided,
                      "asked_again": found.asked_again, "share": found.share,
                      "never_happened": len(found.never_happened)}))
else:
    with open_ledger(path, trust(path)) as ledger:
        made = [supposed(one, ledger) for one in candidates(ledger, part)]
        named = [Candidate(f"{number}", one) for number, one in enumerate(made)]
        watch = Watch()
        history, judged = judged_while_read(ledger, made)
        again, _ = watch.stopped()
        found = what_if(history, ledger.report, judged, named, chosen_acts(history, Choice()))
        took, work = watch.stopped()
    flips = [one.tally.flips for one in found.compared]
    print(json.dumps({"seconds": took, "processor": work, "weighed": took - again,
                      "acts": len(history.acts), "flips": flips}))
"""


def run(path: Path, part: str) -> dict[str, Any]:
    """Do one part in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        # A process without a script passes for a person's, and its database draws how far it is.
        script.write(RUN)
        script.flush()
        arguments = [sys.executable, script.name, str(path), part]
        done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def what_if(part: str) -> Callable[[Path], dict[str, Any]]:
    """Return what measures a kind of what-if."""
    return lambda path: run(path, part)


PARTS: Final[Mapping[str, Callable[[Path], dict[str, Any]]]] = {
    "limits": what_if("limits"),
    "facts": what_if("facts"),
    "cascading": what_if("cascading"),
}
"""What is measured against one verification, by name; each says at least its `seconds`."""


def measured(path: Path, parts: Mapping[str, Any], rounds: int) -> dict[str, Any]:
    """Measure, and return seconds, ratios and what was missed."""
    rows: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for name in ("verification", *parts):
            found = run(path, name) if name == "verification" else parts[name](path)
            if name not in rows or found["seconds"] < rows[name]["seconds"]:
                rows[name] = found
    whole = rows["verification"]["seconds"]
    work = rows["verification"]["processor"]
    ratios = {name: rows[name]["seconds"] / whole for name in parts}
    return {
        "benchmark": "replay",
        "entries": rows["verification"]["entries"],
        "parts": rows,
        "ratios": ratios,
        "processor_ratios": {name: rows[name]["processor"] / work for name in parts},
        "targets": AT_MOST,
        "missed": [
            name for name, most in AT_MOST.items() if name in ratios and ratios[name] > most
        ],
        "python": platform.python_version(),
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"{result['entries']:,} entries")
    for name, row in result["parts"].items():
        more = ", ".join(
            _told(key, value) for key, value in row.items() if key not in {"seconds", "entries"}
        )
        print(f"  {name:<14}{row['seconds']:9.2f} s   {more}")
    for name, value in result["ratios"].items():
        most = result["targets"].get(name)
        verdict = "missed" if name in result["missed"] else "met"
        beside = "no target" if most is None else f"target {most:g}: {verdict}"
        work = result["processor_ratios"][name]
        print(f"  {name:<14}{value:9.2f}   {beside} (of the processor's time: {work:.2f})")


def _told(key: str, value: object) -> str:
    if not isinstance(value, float):
        return f"{key} {value}"
    return f"{key} {value:.1%}" if key == "share" else f"{key} {value:.1f} s"


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Replay against one verification.")
    parser.add_argument("--size", type=int, default=SIZE, help="records, at least")
    parser.add_argument("--ledger", type=Path, help="a ledger that there is, to be measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=sorted(PARTS), help="one part")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    parts = {chosen.only: PARTS[chosen.only]} if chosen.only else PARTS
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.ledger
        if path is None:
            path = Path(folder) / "bench.db"
            long_ledger(path, chosen.size)
        result = measured(path, parts, chosen.rounds)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
