"""What can be carried away of a run: an evidence bundle, or a report in one file.

Both are without personal data unless somebody asks for all of it. A record is signed as a whole, so
that nothing can be taken out of one: a bundle holds back whole records, and what hangs on them is
undecidable for whoever verifies it. Source: docs/spec/ledger-format.md, *Bundles*.
"""

import json
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from dashboards.answers import Answer
from dashboards.asking import AskedError, ExportAsked
from dashboards.preparing import Tell
from dashboards.redaction import redacted
from dashboards.replaying import READ, Desk, whose
from dashboards.timelines import told
from ledger.bundle_writing import write_bundle
from ledger.source import Source
from replay.reports.timeline_html import timeline_html
from verifier.load import VerifiedLedger, open_source
from verifier.selection import Selection, select

BUNDLE: Final = "bundle"
HTML: Final = "html"
HELD_BACK: Final = frozenset({"message", "observation"})
"""Kinds of record that a redacted bundle holds back: what was said, and read from sources."""
WRITING: Final = "writing"
_NAMES: Final = {BUNDLE: "evidence.zip", HTML: "report.html"}


def answer_export(desk: Desk, asked: ExportAsked, folder: Path, tell: Tell) -> Answer:
    """Write a bundle or a report of a run, or of a finding.

    Raises:
        AskedError: There is no such run or finding.
        LedgerError: It cannot be written.
    """
    ledger = desk.ledger(tell)
    name = _NAMES[asked.kind]
    if asked.kind == BUNDLE:
        said = _bundle(desk, ledger, asked, folder / name, tell)
    else:
        said = _report(desk, asked, folder / name, tell)
    return Answer(
        size=ledger.report.ledger.size,
        root=ledger.report.ledger.root,
        headline=said,
        basis=whose(ledger, asked.over.said()),
        file=name,
    )


def _report(desk: Desk, asked: ExportAsked, out: Path, tell: Tell) -> str:
    found = told(desk, asked.over, tell)
    out.write_text(timeline_html(found if asked.full else redacted(found)), "utf-8")
    return f"{len(found.steps):,} steps in {len(found.runs):,} runs"


def _bundle(desk: Desk, ledger: VerifiedLedger, asked: ExportAsked, out: Path, tell: Tell) -> str:
    tell(WRITING, READ)
    with closing(open_source(desk.asked.ledger)) as source:
        selection = _selected(source, desk, ledger, asked)
        held = frozenset[int]() if asked.full else _personal(source, selection)
        written = write_bundle(source, out, lambda index: index in selection and index not in held)
    kept = written.size - written.withheld
    return f"{kept:,} of {written.size:,} records; the others are withheld"


def _selected(source: Source, desk: Desk, ledger: VerifiedLedger, asked: ExportAsked) -> Selection:
    over = asked.over
    if over.run:
        found = select(source, desk.asked.trust, [over.run])
        if over.run not in found.runs:
            raise AskedError("ask.run", f"there is no run {over.run!r} in this ledger")
        return found
    found = select(source, desk.asked.trust, (), lambda _: False)
    for index in _indexes(ledger, over.incident):
        if index < len(found.chosen):
            found.chosen[index] = 1
    return found


def _indexes(ledger: VerifiedLedger, finding: str) -> Iterable[int]:
    """Return where a finding stands, and what it rests on."""
    for one in ledger.report.findings:
        if one.id == finding:
            return {one.index, *(basis.index for basis in one.rests_on)}
    raise AskedError("ask.incident", f"this ledger has no finding {finding!r}")


def _personal(source: Source, selection: Selection) -> frozenset[int]:
    """Return which of the chosen records are of a kind that is held back."""
    return frozenset(
        row.idx
        for row in source.rows(stop=len(selection.chosen))
        if row.idx in selection and row.record is not None and _kind(row.record) in HELD_BACK
    )


def _kind(record: bytes) -> str:
    try:
        return str(json.loads(record).get("kind", ""))
    except (ValueError, AttributeError):
        # What cannot be read as a record is nobody's words; a verification wants to see it.
        return ""
