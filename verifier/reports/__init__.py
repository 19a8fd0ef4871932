"""Reports: the same result, written for a person (`text`) or for a program (`json`)."""

from verifier.reports.json import SCHEMA, json_report
from verifier.reports.text import text_report

__all__ = ["SCHEMA", "json_report", "text_report"]
