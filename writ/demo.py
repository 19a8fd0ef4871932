"""The demonstration: import, verify, explain, tamper, notice.

All that it says about the ledger is read from reports: with other samples it says other things.
"""

import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contracts import load_contract
from ledger.importers.profile_reading import load_profile
from ledger.importers.report import ImportReport
from ledger.store import Store
from verifier.findings import Finding, Result, Severity
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict, Report
from verifier.reports.text import verdict_line
from verifier.trust import parse_trust
from writ.commands.contract import contract_text
from writ.commands.importing import import_files
from writ.errors import CommandError
from writ.keeping import hand_out_trust, in_force, opened_or_founded

LEDGER = "desk.db"
TAMPERED = "tampered.db"


@dataclass(frozen=True, slots=True)
class Samples:
    """The files that the demonstration works on."""

    conversations: Path
    contract: Path
    profile: Path
    policy: Path


@dataclass(frozen=True, slots=True)
class Tampering:
    """What was done to the copy: a byte of one entry's record, in place."""

    index: int
    before: str
    after: str


def samples() -> Samples:
    """Find the samples: in the repository, or in the installed package.

    Raises:
        CommandError: They are in neither.
    """
    package = Path(__file__).resolve().parent
    for folder in (package.parent / "data" / "samples", package / "_samples"):
        if (folder / "conversations.jsonl").is_file():
            return Samples(
                folder / "conversations.jsonl",
                folder / "contract.yaml",
                folder / "profile.yaml",
                folder / "policy.md",
            )
    raise CommandError(
        "demo.samples",
        "the samples are not where they should be",
        do="Run it in a clone of the repository, or install Writ again.",
    )


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


def run(folder: Path) -> Iterator[str]:
    """Run the demonstration in an empty folder, and yield what it has to say, line by line.

    Raises:
        CommandError: Something did not come out as it must: then the demonstration has failed.
    """
    given, ledger = samples(), folder / LEDGER
    yield f"1. Import {given.conversations.name}: what an agent did, as somebody recorded it"
    imported, trust = _imported(given, ledger)
    yield from _told(imported, ledger)
    yield ""
    yield "2. Verify: every byte, then every action again under the contract that was in force"
    report = verify_ledger(ledger, parse_trust(trust.read_bytes(), str(trust)))
    yield f"   {verdict_line(report)}"
    yield from _judged(report)
    yield ""
    yield "3. What broke, where, and why"
    yield from _explained(report, given.policy)
    yield ""
    yield "4. Somebody changes one byte, in a copy, and signs nothing"
    yield from _tampered(report, ledger, folder / TAMPERED, trust)
    yield ""
    yield "Now you"
    yield from _next(given, ledger, folder / TAMPERED, trust, report)


def _imported(given: Samples, ledger: Path) -> tuple[ImportReport, Path]:
    text = contract_text(given.contract)
    contract = load_contract(text, given.contract.name)
    profile = load_profile(given.profile)
    founded = opened_or_founded(str(ledger), profile.service, None)
    in_force(founded, contract, text)
    report, note = import_files(founded, [given.conversations], profile, [contract], None)
    return report, hand_out_trust(founded, note, Path(f"{founded.location}.trust.json"))


def _told(report: ImportReport, ledger: Path) -> Iterator[str]:
    yield (
        f"   {report.runs} conversations became {report.records} signed records in {ledger}: "
        f"{report.messages} messages, {report.actions} actions, {report.outcomes} outcomes, "
        f"{report.observations} observations"
    )
    problems = sum(report.problem_counts.values())
    yield f"   {problems} things in it did not fit" if problems else "   Everything in it fitted"


def _judged(report: Report) -> Iterator[str]:
    total = report.conformance.total()
    yield (
        f"   Conformance: {total.violated} violated · {total.undecidable} undecidable · "
        f"{total.satisfied} satisfied"
    )
    if report.integrity.verdict is not IntegrityVerdict.HOLDS:
        raise CommandError("demo.failed", "the ledger that was just made does not hold")


def _explained(report: Report, policy: Path) -> Iterator[str]:
    for number, found in enumerate(_violations(report), start=1):
        yield f"   ({number}) In conversation {found.run}, entry {found.index}: {found.action}"
        yield f"       {found.says}"
        yield f"       Rule {found.rule}, line {found.contract_line} of the contract, asks for"
        yield f"         {found.expected}"
        yield "       and the ledger shows"
        yield f"         {found.recorded}"
        if sentence := _sentence(policy, found.cites):
            yield f"       The policy says, {found.cites}: {sentence}"
        for basis in found.rests_on:
            yield f"       It rests on entry {basis.index}, {basis.kind} {basis.source}".rstrip()
    undecidable = [
        found
        for found in report.findings
        if found.result is Result.UNDECIDABLE and found.severity is not Severity.ADVICE
    ]
    if undecidable:
        yield f"   {len(undecidable)} results are undecidable: said, and never counted as a pass."


def _violations(report: Report) -> list[Finding]:
    return [found for found in report.findings if found.result is Result.VIOLATED]


def _sentence(policy: Path, cites: str) -> str:
    """Return the sentence that a rule cites, where the policy's text has it under that name."""
    if not cites or not policy.is_file():
        return ""
    found = re.search(rf"^- {re.escape(cites)}\. (.+)$", policy.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _tampered(report: Report, ledger: Path, copy: Path, trust: Path) -> Iterator[str]:
    violations = _violations(report)
    done = tamper(ledger, copy, violations[0].index if violations else report.ledger.size - 1)
    yield f"   {copy.name}, entry {done.index}: …{done.before}… became …{done.after}…"
    again = verify_ledger(copy, parse_trust(trust.read_bytes(), str(trust)))
    broken = again.integrity.broken
    if broken is None or broken.index != done.index:
        raise CommandError("demo.failed", f"the change at entry {done.index} was not named")
    yield f"   {verdict_line(again)}"
    yield f"   Entry {broken.index}: {broken.what} (step {broken.step}, {broken.check})"


def tamper(ledger: Path, copy: Path, index: int) -> Tampering:
    """Copy a ledger, and change one digit of one record in the copy's file.

    Args:
        ledger: The ledger.
        copy: Where the copy goes.
        index: The entry whose record is changed.

    Raises:
        CommandError: The record does not lie in one piece in the file.
    """
    with (
        closing(sqlite3.connect(ledger)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    with Store.open(copy) as store:
        record = store.row(index).record or b""
    # The digits of what was done come first in a reader's mind, those of the nonce will do.
    found = re.search(rb'"params":\{[^}]*?(\d)', record) or re.search(rb"(\d)", record)
    raw = bytearray(copy.read_bytes())
    start = raw.find(record)
    if found is None or not record or start < 0:
        raise CommandError("demo.failed", f"entry {index} does not lie in one piece in {copy}")
    at = found.start(1)
    before = record[max(at - 16, 0) : at + 16].decode("utf-8", "replace")
    raw[start + at] = ord("0") + (record[at] - ord("0") + 1) % 10
    after = bytes(raw[start + max(at - 16, 0) : start + at + 16]).decode("utf-8", "replace")
    copy.write_bytes(bytes(raw))
    return Tampering(index, before, after)


def _next(given: Samples, ledger: Path, copy: Path, trust: Path, report: Report) -> Iterator[str]:
    writ, first = _invoked(), next(iter(_violations(report)), None)
    yield f"   {writ} verify {ledger} --trust {trust}"
    yield f"   {writ} verify {copy} --trust {trust}"
    if first is not None:
        yield f"   {writ} show {ledger} {first.id} --trust {trust}"
        yield f"   {writ} contract explain {given.contract} --rule {first.rule}"
        yield f"   {writ} proof {ledger} {first.index} --out {ledger.with_name('entry.tlog-proof')}"


def _invoked() -> str:
    """Return how to call the command that is running, from where it was called."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "writ" else "writ"
