"""The demonstration: four weeks of a contracted service, verified, told, and tampered with.

All that it says of the ledger is read from reports and from the verified ledger, and where the
simulated bank has another figure it says so; with another seed it says other things. It fails where
the report is not exactly what was planted.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from verifier.findings import Finding, Result
from verifier.load import VerifiedLedger, open_ledger, verify_ledger
from verifier.people import DUTIES, SERVICE, SWITCH_ROLE
from verifier.report import IntegrityVerdict, Report
from verifier.reports.text import verdict_line
from verifier.trust import Trust, parse_trust
from writ.demo import story
from writ.demo.month import DAYS, RUNS, START, Month, live
from writ.demo.tampering import tamper
from writ.demo.truth import Comparison, compare, read_truth
from writ.errors import CommandError
from writ.output import Step

LEDGER: Final = "refunds.db"
TRUST: Final = "refunds.db.trust.json"
TRUTH: Final = "truth.json"
TAMPERED: Final = "tampered.db"
SEED: Final = "march"
_CLAUSES: Final = ("identity", "scope", "evidence", "policy", "tools", "cost", "recovery")
_OF_PEOPLE: Final = frozenset({DUTIES, SERVICE, SWITCH_ROLE})
_RESULTS: Final = (Result.VIOLATED, Result.UNDECIDABLE, Result.HANDLED)


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody may choose about the demonstration.

    Attributes:
        seed: What happens follows from it.
        runs: How many ordinary cases there are.
        reproducible: Whether keys and nonces follow from the seed too.
    """

    seed: str = SEED
    runs: int = RUNS
    reproducible: bool = False


def fresh_folder(chosen: Path | None) -> Path:
    """Return an empty folder to work in.

    Raises:
        CommandError: The chosen one is not empty.
    """
    if chosen is None:
        return Path(tempfile.mkdtemp(prefix="writ-demo-"))
    chosen.mkdir(parents=True, exist_ok=True)
    if any(chosen.iterdir()):
        raise CommandError(
            "demo.folder", f"{chosen}: is not empty", do="Name a new folder with --dir."
        )
    return chosen


def run(folder: Path, choices: Choices, living: Step, verifying: Step) -> Iterator[str]:
    """Run the demonstration in an empty folder, and yield what it has to say, line by line.

    Args:
        folder: Where it works.
        choices: What was chosen.
        living: Told how many of the days have passed.
        verifying: Told how many of the entries were verified.

    Raises:
        CommandError: Something did not come out as it must: then the demonstration has failed.
    """
    ledger = folder / LEDGER
    since = f"{START.day} {START:%B %Y}"
    yield f"A contracted refund service, live for four weeks from {since} (seed {choices.seed})"
    month = live(
        ledger,
        choices.seed,
        runs=choices.runs,
        reproducible=choices.reproducible,
        progress=living,
    )
    trust = _written(folder, month, choices)
    with open_ledger(ledger, trust, progress=verifying) as verified:
        told = story.read(verified)
        yield from _lived(month, verified)
        bank = {name: -micros for name, micros in month.desk.world.account.items()}
        yield from (f"  {line}" for line in story.economics(told, bank))
        yield ""
        yield "The verdict"
        yield from _verdict(verified.report, month)
        yield ""
        yield "Findings by clause"
        yield from _by_clause(verified.report)
        yield from _compared(_held_against(folder / TRUTH, verified.report), folder / TRUTH)
        yield ""
        yield "The incident"
        for number, line in enumerate(story.incident(told, verified), start=1):
            yield f"  {number:>2}. {line}"
        report = verified.report
    yield ""
    yield "Somebody changes one byte, in a copy, and signs nothing"
    yield from _tampered(report, ledger, folder / TAMPERED, trust)
    yield ""
    yield "Type next"
    yield from _next(ledger, folder, report)


def _written(folder: Path, month: Month, choices: Choices) -> Trust:
    """Write what goes beside the ledger: the trust file, and what must be found."""
    (folder / TRUST).write_text(month.trust, "utf-8")
    about = {
        "about": "What must be found in refunds.db, written down while it was made: result, rule "
        "(or code), entry, version of the contract in force there, run, and the name of what "
        "was done. Violated and undecidable are what they say; handled was denied, held, "
        "escalated or approved in time.",
        "seed": choices.seed,
        "ordinary_cases": choices.runs,
        "runs_in_ledger": month.desk.runs,
    }
    (folder / TRUTH).write_text(month.desk.truth.text(about), "utf-8")
    return parse_trust(month.trust.encode(), TRUST)


def _lived(month: Month, verified: VerifiedLedger) -> Iterator[str]:
    records = verified.report.conformance.records
    yield (
        f"  {month.desk.runs:,} runs in chat, portal and e-mail, two regions, {DAYS} days; "
        f"{verified.report.ledger.size:,} signed records in {month.founded.location}"
    )
    kinds = ("action", "outcome", "observation", "message", "approval")
    yield "  " + ", ".join(f"{records.get(kind, 0):,} {kind}s" for kind in kinds)
    versions = " then ".join(one.version for one in verified.report.conformance.contracts)
    yield f"  under the contract refund-decisioning {versions}"
    yield "  chat and portal pass a gate that decides; e-mail is only recorded, so far"


def _verdict(report: Report, month: Month) -> Iterator[str]:
    yield f"  {verdict_line(report)}"
    total = report.conformance.total()
    yield (
        f"  Conformance: {total.violated:,} violated · {total.undecidable:,} undecidable · "
        f"{total.handled:,} handled (denied, held, escalated or approved) · "
        f"{total.satisfied:,} satisfied"
    )
    people = [found for found in report.findings if found.code in _OF_PEOPLE]
    yield (
        f"  Beside its rules, people: {len(people):,} violated (who activates, who pulls the "
        "switch, who speaks for the service)"
    )
    if report.integrity.verdict is not IntegrityVerdict.HOLDS:
        raise CommandError("demo.failed", "the ledger that was just made does not hold")
    for rule, code in month.desk.truth.refused.items():
        yield (
            f"  A writer whom nobody registered was refused ({code}): {rule} cannot be broken in a "
            "ledger that holds"
        )


def _by_clause(report: Report) -> Iterator[str]:
    yield f"  {'':<10}{'violated':>10}{'undecidable':>13}{'handled':>9}  rules"
    counted: Counter[tuple[str, Result]] = Counter()
    rules: dict[str, set[str]] = {}
    for found in report.findings:
        counted[found.clause, found.result] += 1
        rules.setdefault(found.clause, set()).add(found.rule)

    def line(name: str, clauses: Sequence[str]) -> str:
        sums = [sum(counted[clause, result] for clause in clauses) for result in _RESULTS]
        broken = sum(len(rules.get(clause, ())) for clause in clauses)
        return f"  {name:<10}{sums[0]:>10}{sums[1]:>13}{sums[2]:>9}  {broken}"

    for clause in _CLAUSES:
        yield line(clause, [clause])
    yield line("contract", _CLAUSES)
    # What was decided, and what is missing: no rule of a contract, but a finding about the records.
    others = sorted(set(rules) - set(_CLAUSES))
    for clause in others:
        yield line(clause, [clause])
    yield line("in all", [*_CLAUSES, *others])


def _held_against(truth: Path, report: Report) -> Comparison:
    """Hold the report against what was written down, as anybody else can."""
    return compare(read_truth(truth.read_text("utf-8")), report)


def _compared(comparison: Comparison, truth: Path) -> Iterator[str]:
    yield (
        f"  Planted in {truth.name}: {comparison.right + len(comparison.missed):,}. Found: "
        f"precision {comparison.precision:.2f}, recall {comparison.recall:.2f}"
    )
    if not comparison.exact:
        for name, keys in (("missed", comparison.missed), ("beyond", comparison.beyond)):
            for key in keys[:5]:
                yield f"  {name}: {key}"
        raise CommandError(
            "demo.failed",
            f"{len(comparison.missed)} planted findings were missed, "
            f"and {len(comparison.beyond)} found that nobody planted",
        )


def _violations(report: Report) -> list[Finding]:
    return [found for found in report.findings if found.result is Result.VIOLATED]


def _tampered(report: Report, ledger: Path, copy: Path, trust: Trust) -> Iterator[str]:
    paid = [found for found in _violations(report) if found.action == "payouts.create"]
    done = tamper(ledger, copy, paid[0].index if paid else report.ledger.size - 1)
    yield f"  {copy.name}, entry {done.index:,}: …{done.before}… became …{done.after}…"
    again = verify_ledger(copy, trust)
    broken = again.integrity.broken
    if broken is None or broken.index != done.index:
        raise CommandError("demo.failed", f"the change at entry {done.index} was not named")
    yield f"  {verdict_line(again)}"
    yield f"  Entry {broken.index:,}: {broken.what} (step {broken.step}, {broken.check})"


def _next(ledger: Path, folder: Path, report: Report) -> Iterator[str]:
    writ, trust = _invoked(), folder / TRUST
    if find_spec("streamlit") is None:
        yield "  make app"
    else:
        yield f"  {writ} app {ledger} --trust {trust}"
    yield f"  {writ} verify {ledger} --trust {trust}"
    worst = next(
        (found for found in _violations(report) if found.code == "decision.false-allow"), None
    )
    if worst is not None:
        yield f"  {writ} show {ledger} {worst.id} --trust {trust}"
    yield f"  {writ} verify {folder / TAMPERED} --trust {trust}"


def _invoked() -> str:
    """Return how to call the command that is running, from where it was called."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "writ" else "writ"
