"""Reports: the same result, for a person, a program, a pipeline or a browser, by format."""

from verifier.reports.formats import FORMATS, Beside
from verifier.reports.html_findings import Called
from verifier.reports.json import SCHEMA, json_report
from verifier.reports.text import text_report

__all__ = ["FORMATS", "SCHEMA", "Beside", "Called", "json_report", "text_report"]
