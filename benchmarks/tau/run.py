"""How well contracts written from a prose policy judge real agent runs that nobody here wrote.

    python benchmarks/tau/run.py --transcripts DIR --labels FILE [--snapshot DIR] [--json]

Every transcript file (`*.jsonl`, `*.jsonl.gz`) is imported into one fresh ledger, under the
contract and profile of the policy that its conversations name (`metadata.policy`).
The ledger is verified, and for each of the benchmark's rules the runs with a finding are compared
with the runs that the label file names, before and after adjudication (benchmarks/tau/scoring.py).
`--engines both` decides every record on columns as well; the reports must be the same bytes.

Exit codes: 0 every target met · 1 a target missed · 2 usage.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.tau.scoring import (
    MACRO,
    MEANING,
    MECHANICAL,
    PRECISION,
    RECALL,
    TARGETS,
    Compared,
    adjudicated,
    answers,
    compared,
    labels,
    macro,
    reading,
    short,
)
from ledger.encoding import decode, digest
from ledger.store import Store

HERE = Path(__file__).resolve().parent


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


def ratio(value: float | None) -> str:
    """Two decimals, or a dash where there is nothing to divide by."""
    return "–" if value is None else f"{value:.2f}"


def table(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a rule, before and after adjudication; those with a target of their own are bold."""
    names = ("TP", "FP", "FN", "TN", "recall", "precision")
    corrected = tuple(f"{name}'" for name in names)
    lines = [
        "| " + " | ".join(("rule", *names, *corrected, "undecidable")) + " |",
        "|---|" + "---|" * 13,
    ]
    for rule in sorted(before):
        cells = [f"**{rule}**" if rule in TARGETS else rule]
        for score in (before[rule], after[rule]):
            cells += [str(score[k]) for k in ("tp", "fp", "fn", "tn")]
            cells += [ratio(score[k]) for k in ("recall", "precision")]
        cells.append(ratio(after[rule]["undecidable_share"]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speaks(score: Mapping[str, Any]) -> bool:
    """Say whether a score has anything but true negatives."""
    return any(score[k] for k in ("tp", "fp", "fn", "undecidable"))


def file_tables(files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table a file, of the rules that say something there; the others have only TN."""
    for name, scored in sorted(files.items()):
        before, after = scored["before"], scored["after"]
        told = [r for r in before if speaks(before[r]) or speaks(after[r])]
        yield f"\n{name}: {scored['runs']} runs; only true negatives: " + (
            ", ".join(sorted(before.keys() - told)) or "none"
        )
        yield table({r: before[r] for r in told}, {r: after[r] for r in told})


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
    parser.add_argument(
        "--engines", choices=("auto", "both"), default="auto", help="both: rows and columns agree"
    )
    parser.add_argument("--json", action="store_true", help="one last line of JSON")
    chosen = parser.parse_args()
    if not chosen.transcripts.is_dir() or not chosen.labels.is_file():
        parser.error("--transcripts must be a folder and --labels a file")
    beside = chosen.transcripts.resolve().parent / "db"
    if chosen.snapshot is None and beside.is_dir() and not chosen.no_snapshot:
        chosen.snapshot = beside
    return chosen


def verify(ledger: Path, out: Path, engine: str) -> float:
    """Verify a ledger into a JSON report; return the seconds."""
    started = time.perf_counter()
    options = ["--engine", engine, "--format", "json", "--out", str(out)]
    writ("verify", str(ledger), "--trust", f"{ledger}.trust.json", *options, codes=(0, 1, 3))
    return time.perf_counter() - started


def body(report: Path) -> bytes:
    """Return a JSON report without its envelope, which has the time and the places of files."""
    value = json.loads(report.read_text("utf-8"))
    del value["envelope"]
    return json.dumps(value).encode()


def verified(ledger: Path, engines: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the report and the seconds of each engine that was asked.

    Exits when the reports of two engines differ by a byte; their envelopes are not compared.
    """
    out = ledger.with_name("report.json")
    if engines == "auto":
        seconds = {"verify": verify(ledger, out, "auto")}
    else:
        by_column = ledger.with_name("report-columns.json")
        seconds = {"rows": verify(ledger, out, "rows")}
        seconds["columns"] = verify(ledger, by_column, "columns")
        if body(out) != body(by_column):
            sys.exit(f"the engines differ: {out} and {by_column}")
    report = json.loads(out.read_text("utf-8"))
    return report.get("body", report), seconds


def score(
    files: Mapping[str, set[str]], facts: Compared, labelled: Path, adjudication: Path | None
) -> dict[str, Any]:
    """Return the scores over all runs and over each file's, and how the labels were corrected."""
    known, by_rule = labels(labelled)
    said = answers(adjudication)
    truth = {"before": by_rule, "after": adjudicated(by_rule, said)}
    runs = {run for ids in files.values() for run in ids} & known
    whole = {moment: facts.scores(is_so, runs) for moment, is_so in truth.items()}
    return {
        **whole,
        "files": {
            name: {"runs": len(ids & known)}
            | {m: facts.scores(is_so, ids & known, named=False) for m, is_so in truth.items()}
            for name, ids in files.items()
        },
        "reading": reading(whole["before"], said),
        "macro": {
            moment: {
                "mechanical": macro(scores, MECHANICAL),
                "meaning": macro(scores, MEANING),
                "all": macro(scores, (*MECHANICAL, *MEANING)),
            }
            for moment, scores in whole.items()
        },
    }


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Imports, verifies and compares; returns what is printed."""
    paths = sorted(
        p for p in chosen.transcripts.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz"))
    )[: chosen.size]
    by_policy = policies(paths)
    ledger = folder / "tau.db"
    started = time.perf_counter()
    import_all(by_policy, ledger, chosen.snapshot)
    seconds = {"import": time.perf_counter() - started}
    report, taken = verified(ledger, chosen.engines)
    files = {p.name: {c["id"] for c in conversations(p) if "id" in c} for p in paths}
    contract_of = {
        run: "-".join(reversed(policy.split("-", 1)))
        for policy, under in by_policy.items()
        for path in under
        for run in files[path.name]
    }
    facts = compared(report, outcomes(ledger), contract_of)
    adjudication = (
        chosen.adjudication if chosen.adjudication and chosen.adjudication.is_file() else None
    )
    result = score(files, facts, chosen.labels, adjudication)
    return {
        "integrity": report["integrity"]["verdict"],
        "runs": len(contract_of),
        "entries": report["ledger"]["size"],
        "seconds": {name: round(value, 1) for name, value in (seconds | taken).items()},
        **result,
        "targets": {
            "rules": TARGETS,
            "recall": RECALL,
            "precision": PRECISION,
            "macro": MACRO,
            "mechanical": MECHANICAL,
            "meaning": MEANING,
            "missed": short(result["after"]),
        },
    }


def print_differences(result: Mapping[str, Any]) -> None:
    """Print the runs in which findings and labels differ."""
    for moment in ("before", "after"):
        for rule, scored in sorted(result[moment].items()):
            for kind in ("false_positives", "false_negatives"):
                if scored[kind]:
                    print(f"{moment} adjudication, {rule}, {kind}: {', '.join(scored[kind])}")


def print_means(result: Mapping[str, Any]) -> None:
    """Print how much was read, and the means before and after it."""
    for rule, counts in sorted(result["reading"].items()):
        print(
            f"{rule}: {counts['read']} runs read, among them {counts['disagreements_read']}"
            f" of the {counts['disagreements']} in dispute"
        )
    for moment, means in result["macro"].items():
        for rules, mean in means.items():
            print(
                f"macro {moment} adjudication, {rules}: recall {ratio(mean['recall'])} over"
                f" {len(mean['recall_over'])} rules, precision {ratio(mean['precision'])} over"
                f" {len(mean['precision_over'])}; in neither: {', '.join(mean['in_neither'])}"
            )


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
    print("\n".join(file_tables(result["files"])))
    print_differences(result)
    print_means(result)
    print(f"Targets after adjudication ('): macro over mechanical rules ≥ {MACRO};")
    print(f"  recall ≥ {RECALL}, precision ≥ {PRECISION} for {', '.join(TARGETS)}")
    missed = result["targets"]["missed"]
    print("missed: " + ", ".join(missed) if missed else "every target met")
    if chosen.json:
        print(json.dumps(result))
    return 1 if missed or result["integrity"] != "holds" else 0


if __name__ == "__main__":
    sys.exit(main())
