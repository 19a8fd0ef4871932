"""Integrity of a ledger, and the re-decision of every action in it.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from ledger.testing import build_ledger
    >>> from verifier import verify_ledger
    >>> from verifier.reports import text_report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     built = build_ledger(Path(folder))
    ...     report = verify_ledger(built.path)
    >>> report.integrity.verdict.value
    'holds'
    >>> text_report(report).splitlines()[0]
    'Integrity: HOLDS · trust: self-asserted · 10 entries'

Without a trust file a ledger vouches for itself, and the first line says so. `parse_trust` reads
one; `open_ledger` gives a `VerifiedLedger`, which is what everything built on a ledger takes.
"""

from verifier.errors import NotVerifiedError, SourceError, TrustError, VerifierError
from verifier.findings import Finding
from verifier.load import VerifiedLedger, open_ledger, verify_ledger
from verifier.report import ExitCode, Report
from verifier.trust import Trust, parse_trust

__all__ = [
    "ExitCode",
    "Finding",
    "NotVerifiedError",
    "Report",
    "SourceError",
    "Trust",
    "TrustError",
    "VerifiedLedger",
    "VerifierError",
    "open_ledger",
    "parse_trust",
    "verify_ledger",
]
