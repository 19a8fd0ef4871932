"""A finding before its place is looked up: what the judging steps hand over.

A draft names entries by index alone. `verifier.places` reads those entries again when the pass is
over, so that judging need not remember what most entries are never asked for.
"""

from dataclasses import dataclass

from contracts.results import Explanation
from contracts.withholding import Hidden
from verifier.findings import Result, Severity


@dataclass(frozen=True, slots=True)
class Draft:
    """What was found at an entry; the members are those of `verifier.findings.Finding`.

    But `hidden`: what is hidden that the result hangs on. It is set by what decides, and is never
    taken from words, because what an agent wrote may stand in them. And `detail`: what tells it
    from others of the same code at the same entry; it enters the id.
    """

    code: str
    index: int
    severity: Severity
    result: Result = Result.VIOLATED
    rule: str = ""
    contract: str = ""
    contract_line: int = 0
    expected: str = ""
    recorded: str = ""
    rests_on: tuple[int, ...] = ()
    says: str = ""
    cites: str = ""
    reason: str = ""
    handled: str = ""
    hidden: Hidden = Hidden.NOTHING
    explanation: Explanation | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OutsideDraft(Draft):
    """What a second source shows that the ledger does not, or otherwise.

    Attributes:
        tool: The tool that the source names, where the entry is not the call's own.
        run: The run that it names, there.
    """

    tool: str = ""
    run: str = ""


# What each check of steps 0 to 9 asks for. Source: docs/spec/report.md, *Codes*.
CHECKS = {
    "trust": "the genesis record and the origin that the trust file pins",
    "genesis": "a genesis record at entry 0",
    "authority": "authority documents that follow each other, signed by enough root keys",
    "checkpoint": "a head signed by a head key of this ledger, kept under its own size",
    "cosignature": "witnesses' lines under the heads as they signed them",
    "unreadable": "a row that the store can read, with bytes in it",
    "record": "the record that its header names, in strict JSON",
    "header": "a header in strict JSON, with the fields of one",
    "index": "the header of this entry",
    "missing": "an entry at every index",
    "stray": "no row that belongs to no entry",
    "link": "a link to the entry before, as it stands",
    "root": "the entries over which the head was signed",
    "tiles": "the tiles of the tree over the entries in the bundle, under its newest head",
    "truncated": "all entries over which a head was signed",
    "submission": "all records of a submission, next to each other, as they were signed",
    "signature": "the writer's signature over these records in this order",
    "number": "the next number of the writer's stream, naming the submission before",
    "seen": "a place after what the writer had seen of this very ledger",
    "entitlement": "a key that may speak for this identity, as this kind, at this place",
    "compromised-key": "a key that nobody but its owner had",
    "governance": "versions published by one, then activated by another, from then on",
    "time": "a time of recording that never goes back",
    "clock": "claimed times as the run says that they are",
    "reference": "references to earlier valid records of the right kind",
    "sealed": "a value that is the one committed to, kept for its own place",
    "lost": "the sealed value, or a record of its erasure",
    "erased-but-present": "nothing of a value that was erased",
    "record-form": "a record of a known kind, with the fields of one",
}


def integrity_draft(
    check: str, index: int, what: str, *, step: int, result: Result = Result.VIOLATED
) -> Draft:
    """Return the draft for a check of steps 0 to 9 that failed."""
    return Draft(
        code=f"integrity.{check}",
        index=index,
        severity=Severity.CRITICAL,
        result=result,
        expected=f"{CHECKS[check]} (step {step})",
        recorded=what,
        reason=what if result is Result.UNDECIDABLE else "",
    )
