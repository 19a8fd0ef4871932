"""The formats that a report is written in, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from verifier.report import Report
from verifier.reports.html import IN_FULL as IN_FULL_ON_A_PAGE
from verifier.reports.html import html_report
from verifier.reports.html_findings import UNNAMED, Called
from verifier.reports.json import json_report
from verifier.reports.jsonl import jsonl_report
from verifier.reports.junit import junit_report
from verifier.reports.ocsf import ocsf_report
from verifier.reports.sarif import sarif_report
from verifier.reports.text import IN_FULL, text_report


@dataclass(frozen=True, slots=True)
class Beside:
    """What a report takes in beside what was found. No format takes in all of it.

    Attributes:
        in_full: How many findings of one rule are told; None: as many as the format does.
        envelope: What does not follow from the ledger: `verified_at`, `writ`, `ledger`, `trust`.
        called: How the verification was called.
    """

    in_full: int | None = None
    envelope: Mapping[str, Any] | None = None
    called: Called = UNNAMED

    def first(self, default: int) -> int:
        """Return how many findings of one rule are told, where the format tells `default`."""
        return default if self.in_full is None else self.in_full

    def version(self) -> str:
        """Return the version of this tool; empty where nobody says it."""
        return str((self.envelope or {}).get("writ", ""))


FORMATS: Final[Mapping[str, Callable[[Report, Beside], str]]] = {
    "text": lambda report, beside: text_report(report, beside.first(IN_FULL)),
    "json": lambda report, beside: json_report(report, beside.envelope),
    "jsonl": lambda report, beside: jsonl_report(report, beside.envelope),
    "sarif": lambda report, beside: sarif_report(report, beside.version()),
    "junit": lambda report, beside: junit_report(report, beside.first(IN_FULL)),
    "ocsf": lambda report, beside: ocsf_report(report, beside.version()),
    "html": lambda report, beside: html_report(
        report, beside.first(IN_FULL_ON_A_PAGE), beside.envelope, beside.called
    ),
}
"""Writes a report, by the name of its format. Source: docs/reference/reports.md."""
