"""The report for programs. Its fields are fixed in docs/spec/report.md.

INVARIANT: all but `envelope` is a function of the ledger's bytes and the trust file, byte for byte.
"""

import json
from collections.abc import Mapping
from typing import Any

from verifier.findings import Finding
from verifier.incidents import Incident
from verifier.report import Compared, Conformance, Integrity, Report, RuleCount
from verifier.reports.limits import not_proven

SCHEMA = "writ/report/v1"


def json_report(report: Report, envelope: Mapping[str, Any] | None = None) -> str:
    """Return the report as one JSON document, ended by a newline.

    Args:
        report: What was found.
        envelope: What does not follow from the ledger: when and with which version it was
            verified. Absent: no `envelope` member, so that two reports can be compared as they are.
    """
    body = report_body(report)
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def report_body(report: Report, *, findings: bool = True) -> dict[str, Any]:
    """Return the report as plain data, without its envelope, and with its findings where asked."""
    ledger = report.ledger
    return {
        "schema": SCHEMA,
        "exit_code": int(report.exit_code()),
        "ledger": {
            "origin": ledger.origin,
            "genesis": ledger.genesis,
            "size": ledger.size,
            "root": ledger.root,
            "checkpoint": {"size": ledger.checkpoint_size, "root": ledger.checkpoint_root},
        },
        "integrity": _integrity(report.integrity),
        "conformance": _conformance(report.conformance),
        "against": [_compared(one) for one in report.against],
        "findings": [finding_body(found) for found in report.findings] if findings else [],
        "incidents": [incident_body(one) for one in report.incidents],
        "not_proven": list(not_proven(report)),
    }


def finding_body(found: Finding) -> dict[str, Any]:
    """Return one finding as plain data, every member always there."""
    return {
        "id": found.id,
        "code": found.code,
        "clause": found.clause,
        "rule": found.rule,
        "result": found.result.value,
        "severity": found.severity.value,
        "index": found.index,
        "run": found.run,
        "action": found.action,
        "identity": found.identity,
        "expected": found.expected,
        "recorded": found.recorded,
        "rests_on": [
            {
                "index": basis.index,
                "kind": basis.kind,
                "source": basis.source,
                "snapshot": basis.snapshot,
            }
            for basis in found.rests_on
        ],
        "uses_snapshot": found.uses_snapshot,
        "contract": found.contract,
        "contract_line": found.contract_line,
        "says": found.says,
        "cites": found.cites,
        "reason": found.reason,
        "handled": found.handled,
        "at": found.at,
        "explanation": {
            "because": list(found.explanation.because),
            "facts": [{"path": path, "value": value} for path, value in found.explanation.facts],
            "entries": list(found.explanation.entries),
            "would": list(found.explanation.would),
        },
    }


def incident_body(incident: Incident) -> dict[str, Any]:
    """Return one incident as plain data, every member always there."""
    return {
        "id": incident.id,
        "code": incident.code,
        "rule": incident.rule,
        "severity": incident.severity.value,
        "run": incident.run,
        "identity": incident.identity,
        "first": incident.first,
        "last": incident.last,
        "since": incident.since,
        "until": incident.until,
        "findings": list(incident.findings),
    }


def _integrity(integrity: Integrity) -> dict[str, Any]:
    broken = integrity.broken
    return {
        "verdict": integrity.verdict.value,
        "trust": integrity.trust,
        "broken": None
        if broken is None
        else {
            "index": broken.index,
            "step": broken.step,
            "check": broken.check,
            "what": broken.what,
        },
        "reasons": list(integrity.reasons),
        "not_excluded": list(integrity.not_excluded),
        "submissions": integrity.submissions,
        "invalid": {
            "submissions": integrity.invalid_submissions,
            "records": integrity.invalid_records,
        },
        "sealed": {state.value: count for state, count in integrity.sealed.items()},
    }


def _conformance(conformance: Conformance) -> dict[str, Any]:
    total = conformance.total()
    return {
        "performed": conformance.performed,
        "contracts": [
            {
                "name": judged.name,
                "version": judged.version,
                "digest": judged.digest,
                "service": judged.service,
                "judged": judged.judged,
            }
            for judged in conformance.contracts
        ],
        "records": dict(conformance.records),
        "total": {
            "satisfied": total.satisfied,
            "violated": total.violated,
            "undecidable": total.undecidable,
            "handled": total.handled,
        },
        "counts": [_count(count) for count in conformance.counts],
    }


def _compared(compared: Compared) -> dict[str, Any]:
    return {
        "name": compared.name,
        "kind": compared.kind,
        "digest": compared.digest,
        "performed": compared.performed,
        "calls": compared.calls,
        "matched": compared.matched,
        "missed": compared.missed,
        "uncovered": compared.uncovered,
        "outside": compared.outside,
        "runs": compared.runs,
        "first": compared.first,
        "last": compared.last,
    }


def _count(count: RuleCount) -> dict[str, Any]:
    tally = count.tally
    return {
        "contract": count.contract,
        "rule": count.rule,
        "clause": count.clause,
        "effect": count.effect,
        "line": count.line,
        "says": count.says,
        "cites": count.cites,
        "satisfied": tally.satisfied,
        "violated": tally.violated,
        "undecidable": tally.undecidable,
        "handled": tally.handled,
        "reasons": dict(tally.reasons),
    }
