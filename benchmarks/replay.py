"""What replay costs, against one verification of the same ledger.

The ledger is one of `benchmarks.refund_ledgers`: a month of the demonstration, over and over.
Measured are, each as its time over that of one full verification by one process:

    limits       what-if of ten candidates that differ in a limit: the ledger is read as acts and
                 runs, judged again by the contract in force and by all ten, and weighed
    facts        the same of ten candidates in which a fact counts otherwise: another window, or
                 another scope, each its own
    cascading    what one candidate with a lower limit stops taken out, with all that follows: the
                 share of actions that were decided again is told. No target is named for its time
    rollback     a plan over everything: the ledger read as acts and runs, with the counters of the
                 contract in force and each compensating call computed on the way; then what depends
                 on what, a class for every executed action, its call decided by the engine, and the
                 order of the plan. Windows are taken to be open for all of the ledger: else a plan
                 over months would decide hardly any call

Opening the ledger is in no part: whoever asks has verified it. How long that took is told as
`opening`. Verification and the parts are two processes, one after the other; the parts follow each
other on one opened ledger. Times are by the clock, the shortest of a few. Targets are held against
the clock; what the processor was at work stands beside it, which says more where others are at
work on the machine.

    python -m benchmarks.replay [--size RECORDS | --ledger FILE] [--rounds N] [--only PART] [--json]

`--only` may be given several times. It exits with 1 when a target is missed.
"""

import argparse
import gc
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.refund_ledgers import long_ledger
from contracts.loading import load_contract
from contracts.model import Contract
from replay.as_recorded import judged_while_read
from replay.candidates import Candidate, Sweep, changed, in_force_last, read_set
from replay.cascade import cascade
from replay.rollback_reading import read
from replay.run_choice import Choice, chosen_acts
from replay.supposed import supposed
from replay.whatif import what_if
from verifier.load import VerifiedLedger, open_ledger, verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import Trust, parse_trust

SIZE: Final = 1_000_000
ROUNDS: Final = 1
CANDIDATES: Final = 10
AT_MOST: Final = {"limits": 1.0, "facts": 4.0, "rollback": 1.0}
SWEEP: Final = f"policy.limits.EU.auto_approve_micros=60e6..150e6:{CANDIDATES}"
FACT: Final = """
  of_customer:
    sum: outcome.value.micros
    from: outcome of payouts.create
    where: outcome.status == "ok" && outcome.value.currency == "EUR"
    over: %s
    by: params.customer
    within: %dd
"""
RULE: Final = """
  - id: of-customer
    for: payouts.create
    when: facts.of_customer > 300000000
    says: Too much to one customer.
"""
# The demonstration's own rule of the window is one of its contract, not of its compensation.
WINDOW_RULE: Final = "recovery.reversal-window"

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """Seconds since it was made, by the clock and of the processor."""

    start: float = field(default_factory=time.perf_counter)
    before: float = field(default_factory=lambda: sum(os.times()[:4]))

    def stopped(self) -> Found:
        """Return both, and the most memory that this process has held, in MB."""
        return {
            "seconds": time.perf_counter() - self.start,
            "processor": sum(os.times()[:4]) - self.before,
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


# ------------------------------------------------------------------- what is measured


def verification(path: Path) -> Found:
    """Verify a ledger."""
    watch = Watch()
    report = verify_ledger(path, _trust(path))
    found = watch.stopped()
    if report.integrity.verdict is IntegrityVerdict.BROKEN:
        raise ValueError(f"{path}: {report.integrity}")
    return found | {"entries": report.ledger.size}


def limits(ledger: VerifiedLedger) -> Found:
    """Judge history by candidates with other limits."""
    return _what_if(ledger, _limited(ledger))


def facts(ledger: VerifiedLedger) -> Found:
    """Judge history by candidates that count otherwise."""
    return _what_if(ledger, _counting(_text(ledger)))


def cascading(ledger: VerifiedLedger) -> Found:
    """Take out what one candidate stops, with all that follows."""
    made = supposed(_limited(ledger)[0], ledger)
    history, judged = judged_while_read(ledger, [made])
    watch = Watch()
    found = cascade(ledger, history, made, judged.candidates[0])
    return watch.stopped() | {
        "decided": found.decided,
        "asked_again": found.asked_again,
        "share": found.share,
        "never_happened": len(found.never_happened),
    }


def rollback(ledger: VerifiedLedger) -> Found:
    """Plan to take everything back."""
    kept = dict(ledger.contracts)
    ledger.contracts.update({digest: _windowless(one) for digest, one in kept.items()})
    watch = Watch()
    made = read(ledger, given={"reason": "benchmark"})
    reading = watch.stopped()["seconds"]
    plan = made.rollback().plan(range(len(made.history.acts)))
    found = watch.stopped()
    ledger.contracts.update(kept)
    return found | {
        "reading": reading,
        "acts": len(made.history.acts),
        "steps": len(plan.steps),
        "kinds": {str(kind): amount.acts for kind, amount in plan.amounts.items() if amount.acts},
    }


PARTS: Final[Mapping[str, Callable[[VerifiedLedger], Found]]] = {
    "limits": limits,
    "facts": facts,
    "cascading": cascading,
    "rollback": rollback,
}
"""What is measured against one verification, by name."""


def _what_if(ledger: VerifiedLedger, candidates: Sequence[Contract]) -> Found:
    made = [supposed(one, ledger) for one in candidates]
    named = [Candidate(f"{number}", one) for number, one in enumerate(made)]
    watch = Watch()
    history, judged = judged_while_read(ledger, made)
    again = watch.stopped()["seconds"]
    found = what_if(history, ledger.report, judged, named, chosen_acts(history, Choice()))
    took = watch.stopped()
    return took | {
        "weighed": took["seconds"] - again,
        "acts": len(history.acts),
        "flips": [one.tally.flips for one in found.compared],
    }


def _text(ledger: VerifiedLedger) -> str:
    service = next(iter(ledger.contracts.values())).service
    return ledger.texts[in_force_last(ledger, service)]


def _limited(ledger: VerifiedLedger) -> list[Contract]:
    text, swept = _text(ledger), read_set(SWEEP)
    assert isinstance(swept, Sweep)
    return [changed(text, [one], one.value) for one in swept.changes()]


def _counting(text: str) -> list[Contract]:
    made: list[Contract] = []
    for number in range(CANDIDATES):
        over = ("ledger", "service")[number % 2]
        own = text.replace("\nfacts:", "\nfacts:" + FACT.rstrip() % (over, 3 + number * 3))
        made.append(load_contract(own.replace("\nrules:", "\nrules:" + RULE.rstrip())))
    return made


def _windowless(contract: Contract) -> Contract:
    tools = {
        name: replace(tool, calling=replace(tool.calling, take_back_within=None))
        for name, tool in contract.tools.items()
    }
    rules = tuple(rule for rule in contract.rules if rule.id != WINDOW_RULE)
    return replace(contract, tools=tools, rules=rules)


def _trust(path: Path) -> Trust | None:
    held = Path(f"{path}.trust.json")
    return parse_trust(held.read_bytes(), str(held)) if held.exists() else None


# ------------------------------------------------------------------------- processes


def do(path: Path, names: Sequence[str]) -> None:
    """Do parts in this process, and print a line of JSON for each as soon as it is done."""
    if "verification" in names:
        print(json.dumps(["verification", verification(path)]), flush=True)
        return
    watch = Watch()
    with open_ledger(path, _trust(path)) as ledger:
        print(json.dumps(["opening", watch.stopped()]), flush=True)
        for name in names:
            # What the part before left behind is its own.
            gc.collect()
            print(json.dumps([name, PARTS[name](ledger)]), flush=True)


def done(path: Path, names: Sequence[str]) -> Iterator[tuple[str, Found]]:
    """Do parts in a process of its own; yield what is found as soon as each is done."""
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "benchmarks.replay", "--ledger", str(path)]
    command += [f"--do={name}" for name in names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, text=True) as process:
        for line in process.stdout or ():
            name, found = json.loads(line)
            sys.stderr.write(f"{name}: {found['seconds']:.1f} s\n")
            yield name, found
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def measured(path: Path, parts: Sequence[str], rounds: int) -> Found:
    """Measure, and return seconds, ratios and what was missed."""
    rows: dict[str, Found] = {}
    for _ in range(rounds):
        for asked in (["verification"], parts):
            for name, found in done(path, asked):
                if name not in rows or found["seconds"] < rows[name]["seconds"]:
                    rows[name] = found
    whole = rows["verification"]
    ratios = {name: rows[name]["seconds"] / whole["seconds"] for name in parts}
    return {
        "benchmark": "replay",
        "entries": whole["entries"],
        "parts": rows,
        "ratios": ratios,
        "processor_ratios": {name: rows[name]["processor"] / whole["processor"] for name in parts},
        "targets": AT_MOST,
        "missed": [name for name, most in AT_MOST.items() if ratios.get(name, 0.0) > most],
        "python": platform.python_version(),
    }


def told(result: Found) -> None:
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
    if key == "megabytes":
        return f"at most {value:,.0f} MB"
    return f"{key} {value:.1%}" if key == "share" else f"{key} {value:.1f} s"


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Replay against one verification.")
    parser.add_argument("--size", type=int, default=SIZE, help="records, at least")
    parser.add_argument("--ledger", type=Path, help="a ledger that there is, to be measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", action="append", choices=sorted(PARTS), help="a part")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    parser.add_argument("--do", action="append", default=[], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.do:
        do(chosen.ledger, chosen.do)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.ledger
        if path is None:
            path = Path(folder) / "bench.db"
            long_ledger(path, chosen.size)
        result = measured(path.absolute(), chosen.only or list(PARTS), chosen.rounds)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
