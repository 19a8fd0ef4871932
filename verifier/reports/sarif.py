"""The report as SARIF 2.1.0: for code scanning, editors and whatever else reads static analysis.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0 with Errata 01. What maps to what is
in docs/reference/reports.md. It holds no time of its own: the same report gives the same bytes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from verifier.findings import Basis, Finding, Result, Severity
from verifier.report import ExitCode, Report, RuleCount
from verifier.reports.json import report_body
from verifier.reports.words import SEVERITIES, contracts, named, of_entry, path, sentence

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT: Final = "writFindingId/v1"
LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.ADVICE: "note",
}
# What a rule's result is when it is violated, by its effect.
EFFECT_LEVELS: Final = {"deny": "error", "escalate": "warning", "approve": "warning"}
# Viewers that sort by a number take this one.
SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.ADVICE: "0.0",
}
ANSWERS: Final = {
    ExitCode.HOLDS: "the ledger holds, and nothing counts against it",
    ExitCode.VIOLATED: "the ledger is broken, or a rule was violated",
    ExitCode.UNDECIDABLE: "no violation, but something that matters is undecidable",
}


def sarif_report(report: Report, version: str = "") -> str:
    """Return the report as a SARIF log with one run, ended by a newline.

    Args:
        report: What was found.
        version: The version of this tool; empty: not said.
    """
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_Run(report, version).body()]}
    return json.dumps(log, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


class _Run:
    """One run: its rules get their numbers first, so that results can name them."""

    def __init__(self, report: Report, version: str) -> None:
        self._report = report
        self._version = version
        self._contracts = contracts(report)
        self._artifacts = {digest: number for number, digest in enumerate(self._contracts)}
        self._rules = dict(_descriptors(report))
        self._numbers = {code: number for number, code in enumerate(self._rules)}

    def body(self) -> dict[str, Any]:
        report = self._report
        driver: dict[str, Any] = {"name": "Writ", "rules": list(self._rules.values())}
        if self._version:
            driver["version"] = self._version
        run: dict[str, Any] = {
            "tool": {"driver": driver},
            "invocations": [_invocation(report)],
            "artifacts": [self._artifact(digest) for digest in self._contracts],
            "results": [self._result(found) for found in report.findings],
            "columnKind": "unicodeCodePoints",
            "properties": _properties(report),
        }
        if report.ledger.origin:
            run["automationDetails"] = {"id": f"writ/verify/{report.ledger.origin}/"}
        return run

    def _artifact(self, digest: str) -> dict[str, Any]:
        judged = self._contracts[digest]
        return {
            "location": {"uri": self._uri(digest)},
            "description": {"text": plain(f"the contract {judged.name} {judged.version}")},
            "properties": {"digest": digest, "service": judged.service, "judged": judged.judged},
        }

    def _uri(self, digest: str) -> str:
        return f"contract:{quote(named(self._contracts.get(digest), digest), safe='@')}"

    def _result(self, found: Finding) -> dict[str, Any]:
        fails = found.result is not Result.UNDECIDABLE
        result: dict[str, Any] = {
            "ruleId": found.code,
            "ruleIndex": self._numbers[found.code],
            # The standard: a level other than none is for what fails.
            "kind": "fail" if fails else "review",
            "level": LEVELS[found.severity] if fails else "none",
            "message": {"text": plain(sentence(found))},
            "locations": [self._location(found)],
            "partialFingerprints": {FINGERPRINT: found.id},
            "codeFlows": [_code_flow(found, self._report.ledger.origin)],
            "properties": _particulars(found),
        }
        if found.result is Result.HANDLED:
            result["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": found.handled}
            ]
        return result

    def _location(self, found: Finding) -> dict[str, Any]:
        place = Basis(found.index, "")
        location: dict[str, Any] = {
            "logicalLocations": [_logical(place, self._report.ledger.origin, found.run)]
        }
        if found.contract:
            artifact: dict[str, Any] = {"uri": self._uri(found.contract)}
            if found.contract in self._artifacts:
                artifact["index"] = self._artifacts[found.contract]
            location["physicalLocation"] = {"artifactLocation": artifact}
            if found.contract_line:
                location["physicalLocation"]["region"] = {"startLine": found.contract_line}
        return location


def plain(text: str) -> str:
    r"""Return a text as SARIF writes it where it is text and nothing else.

    Braces are doubled, as the standard asks for. What would be a link gets a space: what somebody
    recorded must lead nobody anywhere.

    Example:
        >>> plain("[pay](https://example.org) {0}")
        '[pay] (https://example.org) {{0}}'
    """
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _descriptors(report: Report) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield one descriptor for each code: of rules first, then of what has no rule."""
    counts: dict[str, list[RuleCount]] = {}
    for count in report.conformance.counts:
        counts.setdefault(count.rule, []).append(count)
    worst: dict[str, Finding] = {}
    for found in report.findings:
        known = worst.setdefault(found.code, found)
        if SEVERITIES.index(found.severity) < SEVERITIES.index(known.severity):
            worst[found.code] = found
    for code, group in counts.items():
        yield code, _descriptor(code, group, worst.get(code))
    for code in sorted(set(worst) - set(counts)):
        yield code, _descriptor(code, [], worst[code])


def _descriptor(code: str, counts: list[RuleCount], worst: Finding | None) -> dict[str, Any]:
    """Return what is to be known of a rule; of its versions the newest says it."""
    newest = counts[-1] if counts else None
    says = newest.says if newest else worst.expected if worst else ""
    cites = newest.cites if newest else worst.cites if worst else ""
    level = (
        EFFECT_LEVELS.get(newest.effect, "note")
        if newest
        else LEVELS[worst.severity]
        if worst
        else "note"
    )
    clause = code.partition(".")[0]
    properties: dict[str, Any] = {"tags": ["security", clause], "clause": clause}
    if worst is not None:
        properties["security-severity"] = SCORES[worst.severity]
    if counts:
        properties["contracts"] = [_of_version(count) for count in counts]
    help_ = f"The policy's sentence: {cites}" if cites else "No sentence of a policy is cited."
    return {
        "id": code,
        "name": "".join(part[:1].upper() + part[1:] for part in re.split(r"\W+", code)),
        "shortDescription": {"text": plain(says or code)},
        "help": {"text": plain(help_)},
        "defaultConfiguration": {"level": level},
        "properties": properties,
    }


def _of_version(count: RuleCount) -> dict[str, Any]:
    tally = count.tally
    return {
        "contract": count.contract,
        "line": count.line,
        "effect": count.effect,
        "satisfied": tally.satisfied,
        "violated": tally.violated,
        "undecidable": tally.undecidable,
        "handled": tally.handled,
    }


def _invocation(report: Report) -> dict[str, Any]:
    code = report.exit_code()
    said = [
        {"level": "warning", "message": {"text": plain(reason)}}
        for reason in report.integrity.reasons
    ]
    invocation: dict[str, Any] = {
        "executionSuccessful": True,
        "exitCode": int(code),
        "exitCodeDescription": ANSWERS[code],
    }
    if said:
        invocation["toolExecutionNotifications"] = said
    return invocation


def _properties(report: Report) -> dict[str, Any]:
    """Return what SARIF has no place for, as the report for programs has it."""
    body = report_body(report, findings=False)
    conformance = body["conformance"]
    return {
        "schema": body["schema"],
        "ledger": body["ledger"],
        "integrity": body["integrity"],
        "conformance": {
            name: conformance[name] for name in ("performed", "contracts", "records", "total")
        },
        "notProven": body["not_proven"],
    }


def _particulars(found: Finding) -> Mapping[str, Any]:
    """Return the finding's members that stand nowhere else."""
    return {
        "result": found.result.value,
        "severity": found.severity.value,
        "index": found.index,
        "run": found.run,
        "action": found.action,
        "identity": found.identity,
        "at": found.at,
        "contract": found.contract,
        "usesSnapshot": found.uses_snapshot,
    }


def _code_flow(found: Finding, origin: str) -> dict[str, Any]:
    """Return the path to a finding: the entries that it rests on, and then its own."""
    steps = path(found)
    # The path ends at the entry itself; what was recorded after it (an outcome) keeps its place in
    # time by its number.
    times = {basis.index: rank for rank, basis in enumerate(sorted(steps, key=_index), start=1)}
    flow = [
        {
            "executionOrder": times[basis.index],
            "importance": "important",
            "location": {
                "logicalLocations": [_logical(basis, origin)],
                "message": {"text": plain(of_entry(basis))},
            },
        }
        for basis in steps
    ]
    last = flow[-1]
    last["importance"] = "essential"
    if found.at:
        last["executionTimeUtc"] = found.at
    read = found.explanation.facts
    if read:
        last["state"] = {path: {"text": plain(value)} for path, value in read}
    return {"threadFlows": [{"locations": flow}]}


def _index(basis: Basis) -> int:
    return basis.index


def _logical(basis: Basis, origin: str, run: str = "") -> dict[str, Any]:
    location: dict[str, Any] = {
        "name": f"entry {basis.index}",
        "fullyQualifiedName": f"{origin}#{basis.index}",
        "kind": basis.kind or "entry",
    }
    if run:
        location["properties"] = {"run": run}
    return location
