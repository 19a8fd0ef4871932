"""The report as OCSF events, one JSON object a line: for security lakes and event pipelines.

Each finding is an event: of the class Detection Finding where the ledger itself is concerned
(`integrity.*`), else Compliance Finding. Source: Open Cybersecurity Schema Framework 1.8.0. What
maps to what is in docs/reference/reports.md. No time is the wall clock's.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from ledger.clock import parse_time
from verifier.findings import Basis, Finding, Result, Severity, finding_id
from verifier.report import IntegrityVerdict, JudgedContract, Report
from verifier.reports.words import contracts, named, of_entry, path, sentence, told

VERSION: Final = "1.8.0"
COMPLIANCE: Final = (2003, "Compliance Finding")
DETECTION: Final = (2004, "Detection Finding")
SEVERITIES: Final = {
    Severity.CRITICAL: (5, "Critical"),
    Severity.HIGH: (4, "High"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.LOW: (2, "Low"),
    Severity.ADVICE: (1, "Informational"),
}
# Of the check: what came out. Of the finding: whether anybody has to do something about it.
CHECKED: Final = {
    Result.VIOLATED: (3, "Fail"),
    Result.UNDECIDABLE: (2, "Warning"),
    Result.HANDLED: (1, "Pass"),
}
NEW: Final = (1, "New")
RESOLVED: Final = (4, "Resolved")


def ocsf_report(report: Report, version: str = "") -> str:
    """Return the report as events, one a line.

    Args:
        report: What was found.
        version: The version of this tool; empty: not said.
    """
    return "".join(
        json.dumps(event, ensure_ascii=True, sort_keys=True) + "\n"
        for event in ocsf_events(report, version)
    )


def ocsf_events(report: Report, version: str = "") -> Iterator[dict[str, Any]]:
    """Yield the events: one for an integrity that cannot be decided, then one for each finding."""
    product: dict[str, Any] = {"name": "Writ", "vendor_name": "Writ"}
    if version:
        product["version"] = version
    if report.integrity.verdict is IntegrityVerdict.UNDECIDABLE:
        yield _event(report, _undecided(report), product, None)
    known = contracts(report)
    for found in report.findings:
        yield _event(report, found, product, known.get(found.contract))


def _undecided(report: Report) -> Finding:
    """Return what cannot be decided of the bytes, as a finding at the end of what was read."""
    code = "integrity.verdict"
    at = max((found.at for found in report.findings), default="")
    return Finding(
        id=finding_id(report.ledger.genesis, code, code, report.ledger.size),
        code=code,
        clause="integrity",
        rule=code,
        result=Result.UNDECIDABLE,
        severity=Severity.MEDIUM,
        index=max(report.ledger.size - 1, 0),
        expected="a ledger whose integrity can be decided",
        reason="; ".join(report.integrity.reasons),
        at=at,
    )


def _event(
    report: Report, found: Finding, product: dict[str, Any], judged: JudgedContract | None
) -> dict[str, Any]:
    bytes_concerned = found.clause == "integrity" and found.result is Result.VIOLATED
    number, name = DETECTION if bytes_concerned else COMPLIANCE
    severity, severity_name = SEVERITIES[found.severity]
    status, status_name = RESOLVED if found.result is Result.HANDLED else NEW
    origin = report.ledger.origin
    event: dict[str, Any] = {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": number,
        "class_name": name,
        "type_uid": number * 100 + 1,
        "type_name": f"{name}: Create",
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "time": milliseconds(found.at),
        "message": sentence(found),
        "metadata": _metadata(found, product, origin),
        "finding_info": _info(found, judged, origin),
        "evidences": [_evidence(basis, origin) for basis in path(found)],
        "resources": _resources(found, origin),
        "observables": _observables(found, origin),
        "unmapped": _unmapped(found, report),
    }
    if bytes_concerned:
        event["is_alert"] = True
    else:
        event["compliance"] = _compliance(found, judged)
    return event


def milliseconds(at: str) -> int:
    """Return a time of the ledger as milliseconds since 1970; 0 where there is none.

    Example:
        >>> milliseconds("1970-01-01T00:00:01.500000Z")
        1500
    """
    if not at:
        return 0
    moment = parse_time(at)
    return int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000


def _metadata(found: Finding, product: dict[str, Any], origin: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "version": VERSION,
        "product": product,
        "uid": found.id,
        "event_code": found.code,
    }
    if origin:
        metadata["log_name"] = origin
    if found.at:
        metadata["original_time"] = found.at
    return metadata


def _info(found: Finding, judged: JudgedContract | None, origin: str) -> dict[str, Any]:
    info: dict[str, Any] = {
        "uid": found.id,
        "title": f"{found.code}: {found.result.value}",
        "desc": "\n".join(f"{label}: {text}" for label, text in told(found)),
        "types": [found.clause],
        "analytic": {"name": found.rule, "uid": found.code, "type_id": 1, "type": "Rule"},
    }
    if judged is not None:
        info["analytic"]["version"] = judged.version
    if origin:
        info["data_sources"] = [origin]
    if found.at:
        info["first_seen_time"] = info["last_seen_time"] = milliseconds(found.at)
    return info


def _compliance(found: Finding, judged: JudgedContract | None) -> dict[str, Any]:
    status, status_name = CHECKED[found.result]
    compliance: dict[str, Any] = {
        "control": found.rule,
        "status_id": status,
        "status": status_name,
        "status_code": found.result.value,
    }
    if found.says:
        compliance["desc"] = found.says
    if found.cites:
        compliance["requirements"] = [found.cites]
    if found.contract:
        compliance["standards"] = [named(judged, found.contract)]
    if details := [text for text in (found.reason, found.handled) if text]:
        compliance["status_details"] = details
    return compliance


def _evidence(basis: Basis, origin: str) -> dict[str, Any]:
    return {
        "uid": f"{origin}#{basis.index}",
        "name": of_entry(basis),
        "data": {
            "entry": basis.index,
            "kind": basis.kind,
            "source": basis.source,
            "snapshot": basis.snapshot,
        },
    }


def _resources(found: Finding, origin: str) -> list[dict[str, Any]]:
    resources = [
        {
            "uid": f"{origin}#{found.index}",
            "name": f"entry {found.index}",
            "type": "Ledger entry",
        }
    ]
    if found.run:
        resources.append({"uid": found.run, "name": f"run {found.run}", "type": "Run"})
    return resources


def _observables(found: Finding, origin: str) -> list[dict[str, Any]]:
    place = f"{origin}#{found.index}"
    shown = [
        {"name": "resources[0].uid", "type_id": 10, "type": "Resource UID", "value": place},
    ]
    if found.run:
        shown.append(
            {"name": "resources[1].uid", "type_id": 10, "type": "Resource UID", "value": found.run}
        )
    if found.identity:
        shown.append(
            {
                "name": "unmapped.identity",
                "type_id": 4,
                "type": "User Name",
                "value": found.identity,
            }
        )
    return shown


def _unmapped(found: Finding, report: Report) -> dict[str, Any]:
    """Return what the schema has no place for."""
    unmapped: dict[str, Any] = {
        "result": found.result.value,
        "handled": found.handled,
        "identity": found.identity,
        "action": found.action,
        "contract": found.contract,
        "contract_line": found.contract_line,
        "genesis": report.ledger.genesis,
        "time_known": bool(found.at),
    }
    read = found.explanation.facts
    if read:
        unmapped["facts"] = [{"path": path, "value": value} for path, value in read]
    return unmapped
