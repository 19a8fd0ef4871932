"""The report for pipelines: one JSON object a line, each with its `type`.

The members are those of the report for programs (`verifier.reports.json`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from verifier.report import Report
from verifier.reports.json import report_body


def jsonl_report(report: Report, envelope: Mapping[str, Any] | None = None) -> str:
    """Return the report as JSON Lines.

    Args:
        report: What was found.
        envelope: What does not follow from the ledger; it is the last line, or absent.
    """
    lines = jsonl_lines(report, envelope)
    # Inside JSON the escape is the character: no reader may take it for the end of a line.
    return "".join(
        json.dumps(line, ensure_ascii=False, sort_keys=True)
        .replace("\x85", "\\u0085")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
        + "\n"
        for line in lines
    )


def jsonl_lines(
    report: Report, envelope: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the lines: head, rules, incidents, findings, what is not proven."""
    body = report_body(report)
    conformance = body["conformance"]
    yield {
        "type": "report",
        "schema": body["schema"],
        "exit_code": body["exit_code"],
        "ledger": body["ledger"],
        "integrity": body["integrity"],
        "conformance": {name: part for name, part in conformance.items() if name != "counts"},
        "against": body["against"],
        "findings": len(body["findings"]),
    }
    yield from ({"type": "rule", **count} for count in conformance["counts"])
    yield from ({"type": "incident", **incident} for incident in body["incidents"])
    yield from ({"type": "finding", **found} for found in body["findings"])
    yield {"type": "not-proven", "not_proven": body["not_proven"]}
    if envelope is not None:
        yield {"type": "envelope", **envelope}
