"""What no verification proves. Every report ends with it."""

from verifier.report import Report

ALWAYS = (
    "that what observations say is true: only who recorded them, and that nobody changed them",
    "that nothing acted around the ledger: what was never recorded leaves no trace in it",
    "that what was denied or held was not done all the same: only that no outcome says that it was",
    "that the ledger's clock was right",
    "that the ledger is complete after its newest checkpoint",
)


def not_proven(report: Report) -> tuple[str, ...]:
    """Return what this report leaves open: first what is particular to it."""
    return (*report.integrity.not_excluded, *ALWAYS)
