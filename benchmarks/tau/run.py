"""How well contracts written from a prose policy judge real agent runs that nobody here wrote.

    python benchmarks/tau/run.py --transcripts DIR --labels FILE [--snapshot DIR] [--json]

Every transcript file (`*.jsonl`, `*.jsonl.gz`) is imported into one fresh ledger, under the
contract and profile of the policy that its conversations name (`metadata.policy`).
The ledger is verified, and for each of the benchmark's rules the runs with a finding are compared
with the runs that the label file names, before and after adjudication.

A label `P22_bag_allowance:x` says that the offending call was executed, `:b` that the tool refused
it. A finding counts as executed when the action that it stands at has an outcome `ok`. Only
executed violations are compared; labels without a suffix are compared as they are.

Exit codes: 0 every target met · 1 a target missed · 2 usage.
"""

import argparse
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.encoding import decode, digest
from ledger.store import Store

HERE = Path(__file__).resolve().parent
RULE = re.compile(r"(?:^|[.-])([A-Z]\d\d)(?:-|$)")
# Clause rules that the language brings along, under the benchmark's name for them.
BUILT_IN = {"tools.allowed": "T01", "tools.schema": "T02", "cost.loop": "L01"}
TARGETS = ("P20", "P22", "P24", "P25", "P28", "P29", "P34", "C01", "P02", "P12", "I01", "K01")
RECALL, PRECISION = 0.95, 0.9


@dataclass
class Score:
    """Runs by what the label says and what the verifier found, for one rule."""

    both: set[str] = field(default_factory=set[str])
    found_only: set[str] = field(default_factory=set[str])
    labelled_only: set[str] = field(default_factory=set[str])
    undecidable: set[str] = field(default_factory=set[str])

    def as_dict(self, runs: int) -> dict[str, Any]:
        """Counts and ratios; a ratio with nothing to divide by is null."""
        tp, fp, fn = len(self.both), len(self.found_only), len(self.labelled_only)
        return {
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": runs - tp - fp - fn,
            "undecidable": len(self.undecidable),
            "recall": tp / (tp + fn) if tp + fn else None,
            "precision": tp / (tp + fp) if tp + fp else None,
            "true_positives": sorted(self.both),
            "false_positives": sorted(self.found_only),
            "false_negatives": sorted(self.labelled_only),
        }


def conversations(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the conversations of a file; what cannot be read is the importer's to report."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        try:
            for line in lines:
                try:
                    value = json.loads(line)
                except ValueError:
                    continue
                if isinstance(value, dict):
                    yield value
        except (EOFError, OSError):
            return


def policies(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Sort transcript files by the policy that their conversations name, one a file."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        names = {c.get("metadata", {}).get("policy") for c in conversations(path)}
        if len(names) != 1 or None in names:
            sys.exit(
                f"{path}: conversations must name one policy in metadata.policy, found {names}"
            )
        found[names.pop()].append(path)
    return dict(found)


def writ(*arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a user would. Exits when it fails in a way that is not expected."""
    done = subprocess.run(
        [sys.executable, "-m", "writ", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    if done.returncode not in codes:
        sys.exit(
            f"writ {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done


def import_all(by_policy: Mapping[str, list[Path]], ledger: Path, snapshot: Path | None) -> None:
    """Imports every policy's files under its contract and profile."""
    for policy, files in sorted(by_policy.items()):
        version, domain = policy.split("-", 1)
        folder = HERE / version / domain
        contracts, profiles = (
            sorted(folder.glob("contract-*.yaml")),
            sorted(folder.glob("profile-*.yaml")),
        )
        if not contracts or not profiles:
            sys.exit(f"no contract or profile for policy {policy} in {folder}")
        options = [f for c in contracts for f in ("--contract", str(c))]
        options += ["--ledger", str(ledger), "--profile", str(profiles[0])]
        options += ["--snapshot", str(snapshot)] if snapshot else []
        writ("import", "transcripts", *map(str, files), *options, codes=(0, 1))


def outcomes(ledger: Path) -> dict[int, str]:
    """Return the outcome's status at the index of each action, and at its own."""
    at: dict[str, int] = {}
    status: dict[int, str] = {}
    for row in Store.open(str(ledger)).rows():
        if row.record is None:  # verification has named it
            continue
        record = decode(row.record)
        if record["kind"] == "action":
            at[digest(row.record)] = row.idx
        elif record["kind"] == "outcome":
            status[row.idx] = record["status"]
            status[at[record["action"]]] = record["status"]
    return status


def rule_id(rule: str) -> str | None:
    """The benchmark's id in a rule's id, or that of a built-in rule."""
    if rule in BUILT_IN:
        return BUILT_IN[rule]
    named = RULE.search(rule)
    return named.group(1) if named else None


def findings(
    report: Mapping[str, Any], status: Mapping[int, str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the runs with an executed violation, and those with an undecidable result, by rule."""
    violated: dict[str, set[str]] = defaultdict(set)
    undecidable: dict[str, set[str]] = defaultdict(set)
    for finding in report["findings"]:
        name = rule_id(finding.get("rule") or "")
        if name is None:
            continue
        if finding["result"] == "undecidable":
            undecidable[name].add(finding["run"])
        elif finding["result"] == "violated" and executed(name, finding, status):
            violated[name].add(finding["run"])
    return violated, undecidable


def executed(name: str, finding: Mapping[str, Any], status: Mapping[int, str]) -> bool:
    """Say whether the call was carried out; rules on faults and turns do not ask."""
    return name.startswith(("K", "X", "L", "T")) or status.get(finding["index"], "ok") == "ok"


def labels(path: Path) -> tuple[set[str], dict[str, set[str]]]:
    """All run ids, and the runs with each rule's executed violation."""
    runs: set[str] = set()
    by_rule: dict[str, set[str]] = defaultdict(set)
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            runs.add(row["id"])
            for label in filter(None, row["violated"].split(";")):
                name, _, suffix = label.partition(":")
                if suffix in {"", "x"}:
                    by_rule[name.split("_")[0]].add(row["id"])
    return runs, by_rule


def adjudicated(by_rule: Mapping[str, set[str]], path: Path | None) -> dict[str, set[str]]:
    """Return the labels with an adjudicator's corrections (id, rule, violated: yes or no)."""
    corrected = {rule: set(runs) for rule, runs in by_rule.items()}
    if path is None:
        return corrected
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            runs = corrected.setdefault(row["rule"], set())
            if row["violated"] == "yes":
                runs.add(row["id"])
            else:
                runs.discard(row["id"])
    return corrected


def scores(
    runs: set[str],
    truth: Mapping[str, set[str]],
    found: Mapping[str, set[str]],
    undecidable: Mapping[str, set[str]],
) -> dict[str, dict[str, Any]]:
    """One score a rule that a label or a finding names, over the runs that were imported."""
    result: dict[str, dict[str, Any]] = {}
    for rule in sorted({*truth, *found, *undecidable}):
        said, seen = truth.get(rule, set()) & runs, found.get(rule, set()) & runs
        score = Score(said & seen, seen - said, said - seen, undecidable.get(rule, set()) & runs)
        result[rule] = score.as_dict(len(runs))
    return result


def short(after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The targets that are missed. A rule that no run breaks and no finding names is met."""
    missed: list[str] = []
    for rule in TARGETS:
        score = after.get(rule, {})
        recall, precision = score.get("recall"), score.get("precision")
        if (recall is not None and recall < RECALL) or (
            precision is not None and precision < PRECISION
        ):
            missed.append(rule)
    return missed


def table(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a rule, before and after adjudication; targets are marked."""
    lines = [
        "| rule | TP | FP | FN | TN | TP' | FP' | FN' | TN' | undecidable | recall' | precision' |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rule in sorted({*before, *after}):
        b, a = before[rule], after[rule]
        cells = [f"**{rule}**" if rule in TARGETS else rule]
        cells += [str(s[k]) for s in (b, a) for k in ("tp", "fp", "fn", "tn")]
        cells += [str(a["undecidable"])]
        cells += ["–" if a[k] is None else f"{a[k]:.2f}" for k in ("recall", "precision")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--transcripts", type=Path, required=True, metavar="DIR")
    parser.add_argument("--labels", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--snapshot",
        type=Path,
        metavar="DIR",
        help="record snapshots (default: DIR/../db where it exists)",
    )
    parser.add_argument(
        "--adjudication", type=Path, metavar="FILE", default=HERE / "adjudication.csv"
    )
    parser.add_argument(
        "--no-snapshot", action="store_true", help="judge on what the runs themselves observed"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the ledger and the report there"
    )
    parser.add_argument("--size", type=int, metavar="N", help="only the first N transcript files")
    parser.add_argument("--json", action="store_true", help="one last line of JSON")
    chosen = parser.parse_args()
    if not chosen.transcripts.is_dir() or not chosen.labels.is_file():
        parser.error("--transcripts must be a folder and --labels a file")
    beside = chosen.transcripts.resolve().parent / "db"
    if chosen.snapshot is None and beside.is_dir() and not chosen.no_snapshot:
        chosen.snapshot = beside
    return chosen


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Imports, verifies and compares; returns what is printed."""
    files = sorted(
        p for p in chosen.transcripts.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz"))
    )[: chosen.size]
    ledger, out = folder / "tau.db", folder / "report.json"
    started = time.perf_counter()
    import_all(policies(files), ledger, chosen.snapshot)
    imported = time.perf_counter()
    trust = folder / "tau.db.trust.json"
    writ(
        "verify",
        str(ledger),
        "--trust",
        str(trust),
        "--format",
        "json",
        "--out",
        str(out),
        codes=(0, 1, 3),
    )
    verified = time.perf_counter()
    report = json.loads(out.read_text())
    report = report.get("body", report)
    runs = {c["id"] for path in files for c in conversations(path) if "id" in c}
    labelled, by_rule = labels(chosen.labels)
    found, undecidable = findings(report, outcomes(ledger))
    adjudication = (
        chosen.adjudication if chosen.adjudication and chosen.adjudication.is_file() else None
    )
    before = scores(runs & labelled, by_rule, found, undecidable)
    after = scores(runs & labelled, adjudicated(by_rule, adjudication), found, undecidable)
    for rule in {*before, *after}:
        empty = Score().as_dict(len(runs & labelled))
        before.setdefault(rule, empty)
        after.setdefault(rule, empty)
    return {
        "integrity": report["integrity"]["verdict"],
        "runs": len(runs),
        "entries": report["ledger"]["size"],
        "seconds": {
            "import": round(imported - started, 1),
            "verify": round(verified - imported, 1),
        },
        "before": before,
        "after": after,
        "targets": {
            "rules": TARGETS,
            "recall": RECALL,
            "precision": PRECISION,
            "missed": short(after),
        },
    }


def print_differences(result: Mapping[str, Any]) -> None:
    """Print the runs in which findings and labels differ, for the rules with a target."""
    for moment in ("before", "after"):
        for rule in TARGETS:
            score = result[moment].get(rule, {})
            for kind in ("false_positives", "false_negatives"):
                if score.get(kind):
                    print(f"{moment} adjudication, {rule}, {kind}: {', '.join(score[kind])}")


def main() -> int:
    """Runs the benchmark; see the module's docstring."""
    chosen = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(chosen, folder)
    runs, entries = result["runs"], result["entries"]
    print(f"{runs} runs, {entries} entries, integrity {result['integrity']}, {result['seconds']}")
    print(table(result["before"], result["after"]))
    print(f"Targets after adjudication ('): recall ≥ {RECALL}, precision ≥ {PRECISION} for:")
    print("  " + ", ".join(TARGETS))
    print_differences(result)
    missed = result["targets"]["missed"]
    print("missed: " + ", ".join(missed) if missed else "every target met")
    if chosen.json:
        print(json.dumps(result))
    return 1 if missed or result["integrity"] != "holds" else 0


if __name__ == "__main__":
    sys.exit(main())
