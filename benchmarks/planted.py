"""Whether the verifier finds what was planted, all of it and nothing else: precision and recall.

A ledger of random refund runs is made from a seed, with random mistakes planted in it against every
rule of the contract. The report is held against what was planted, entry by entry and rule by rule.
Both engines must write the same report, byte for byte; and on a small ledger of its own every
result must be that of the naive reference.

    python benchmarks/planted.py [--size RUNS] [--scanned RUNS] [--seed TEXT] [--json]

It exits with 1 when precision or recall of any rule is not 1, when a rule or a mutation was never
planted, when a mutation does not break what it says, or when two reports or results differ.
"""

import argparse
import json
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.planting.desk import contracts
from benchmarks.planting.generating import MUTATIONS, generate
from benchmarks.planting.likeness import LIKENESS
from benchmarks.planting.scanned import differences
from benchmarks.planting.truth import RESULTS, Comparison, Expected, Truth, compare
from verifier.engines import Engines
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict, Report
from verifier.reports.json import json_report
from verifier.trust import parse_trust

SIZE, SCANNED = 10_000, 60
BESIDE = {"identity.registered": "integrity.entitlement"}
"""What no ledger that holds can break, and what is found of somebody who tries."""
SHOWN = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """What was planted, and what each engine found.

    Attributes:
        truth: What was planted.
        reports: By engine, what was found.
        seconds: What took how long, of the processor.
    """

    truth: Truth
    reports: Mapping[str, Report]
    seconds: Mapping[str, float]

    @property
    def report(self) -> Report:
        """The report, which must be the same of both."""
        return self.reports[Engines.COLUMNS.value]


def held(folder: Path, size: int, seed: str) -> Held:
    """Generate a ledger in a folder, and verify it with both engines."""
    path, seconds = folder / "planted.db", dict[str, float]()
    truth = _timed(seconds, "generate", lambda: generate(path, seed, size))
    trust = parse_trust(path.with_name(f"{path.name}.trust.json").read_bytes(), "trust")
    reports = {
        engine.value: _timed(
            seconds, engine.value, partial(verify_ledger, path, trust, engines=engine)
        )
        for engine in (Engines.COLUMNS, Engines.ROWS)
    }
    assert reports[Engines.COLUMNS.value].integrity.verdict is IntegrityVerdict.HOLDS
    return Held(truth, reports, seconds)


def _timed(seconds: dict[str, float], name: str, run: Callable[[], T]) -> T:
    start = time.process_time()
    found = run()
    seconds[name] = time.process_time() - start
    return found


def never_planted(expected: Iterable[Expected]) -> list[str]:
    """Return the rules, and what else is compared of channels, that nothing was planted against."""
    planted = {one.rule for one in expected}
    rules = {rule.id for contract in contracts().values() for rule in contract.rules} | {*LIKENESS}
    return sorted(rule for rule in rules if BESIDE.get(rule, rule) not in planted)


def summed(found: Held, seed: str) -> dict[str, Any]:
    """Compare, and return what came out. `failed` says whether anything is not as it must be."""
    truth, report = found.truth, found.report
    compared = compare(truth.expected, report)
    wrong = {
        "missed": compared.missed,
        "beyond": compared.beyond,
        "contradictions": truth.contradictions,
        "rules never planted": never_planted(truth.expected),
        "mutations never planted": sorted({one.name for one in MUTATIONS} - truth.plants.keys()),
    }
    same = len({json_report(one) for one in found.reports.values()}) == 1
    return {
        "benchmark": "planted",
        "seed": seed,
        "runs": truth.runs,
        "entries": report.ledger.size,
        "mutations": len(truth.plants),
        "plants": truth.plants.total(),
        "rules": _rules(compared),
        "wrong": {name: list(some[:SHOWN]) for name, some in wrong.items() if some},
        "same_reports": same,
        "seconds": dict(found.seconds),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "python": platform.python_version(),
        "failed": not compared.exact or any(wrong.values()) or not same,
    }


def _rules(compared: Comparison) -> dict[str, Any]:
    return {
        rule: {
            "planted": line.planted.total(),
            "found": line.found.total(),
            "precision": line.precision(),
            "recall": line.recall(),
            "by_result": {name: [line.planted[name], line.found[name]] for name in RESULTS},
        }
        for rule, line in {**compared.lines, "all": compared.whole}.items()
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(
        f"{result['runs']:,} runs, {result['entries']:,} entries; {result['mutations']} mutations "
        f"planted {result['plants']:,} times (seed {result['seed']})"
    )
    print(f"{'planted / found':<40}{''.join(f'{name:>16}' for name in RESULTS)} precision recall")
    for rule, line in result["rules"].items():
        pairs = "".join(f"{f'{one:,} / {two:,}':>16}" for one, two in line["by_result"].values())
        print(f"{rule:<40}{pairs} {line['precision']:9.4f} {line['recall']:6.4f}")
    for name, some in result["wrong"].items():
        for one in some:
            print(f"  {name}: {one}")
    seconds = ", ".join(f"{name} {taken:.1f} s" for name, taken in result["seconds"].items())
    print(f"{seconds}; at most {result['peak_mb']:,} MB")
    print(f"both engines wrote {'the same report' if result['same_reports'] else 'two reports'}")
    if result["scanned"]:
        differ = len(result["differing"])
        print(f"{result['scanned']:,} results of the naive reference; {differ} of engines differ")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="What was planted against what is found.")
    parser.add_argument("--size", type=int, default=SIZE, help="runs, at least")
    parser.add_argument(
        "--scanned", type=int, default=SCANNED, help="runs for the naive reference; 0: none"
    )
    parser.add_argument("--seed", default="planted", help="what is planted follows from it")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = summed(held(Path(folder), chosen.size, chosen.seed), chosen.seed)
        compared, differing = 0, list[str]()
        if chosen.scanned:
            compared, differing = differences(Path(folder), chosen.seed, chosen.scanned)
    failed = result["failed"] or bool(differing)
    result |= {"scanned": compared, "differing": differing[:SHOWN], "failed": failed}
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
