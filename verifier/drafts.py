"""A finding before its place is looked up: what the judging steps hand over.

A draft names entries by index alone. `verifier.places` reads those entries again when the pass is
over, so that judging need not remember what most entries are never asked for.
"""

from dataclasses import dataclass

from verifier.findings import Result, Severity


@dataclass(frozen=True, slots=True)
class Draft:
    """What was found at an entry; the members are those of `verifier.findings.Finding`."""

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


def integrity_draft(
    check: str, index: int, what: str, *, step: int, result: Result = Result.VIOLATED
) -> Draft:
    """Return the draft for a check of steps 0 to 9 that failed."""
    return Draft(
        code=f"integrity.{check}",
        index=index,
        severity=Severity.CRITICAL,
        result=result,
        expected=f"step {step} of the verification passes: {check}",
        recorded=what,
        reason=what if result is Result.UNDECIDABLE else "",
    )
