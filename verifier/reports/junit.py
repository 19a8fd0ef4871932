"""The report as JUnit XML: for continuous integration and whatever else shows test results.

A suite for integrity, one for each contract that judged something, one for what no rule of a
contract says. A rule that was violated is a failure, one that cannot be decided is skipped: so is
one that had nothing to judge, for silence is not a pass. What maps to what is in
docs/reference/reports.md. Times are 0: the report is about a ledger, not about this run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

from verifier.findings import Finding, Result, shortened
from verifier.report import IntegrityVerdict, JudgedContract, Report, RuleCount
from verifier.reports.codes import BESIDE_RULES, STEP_OF, STEPS
from verifier.reports.limits import not_proven
from verifier.reports.text import IN_FULL, place, printable
from verifier.reports.words import named, state, told

NOT_JUDGED: Final = "nothing was judged"


@dataclass(slots=True)
class _Case:
    """A test case: failed or skipped with a message, or passed."""

    name: str
    classname: str
    failure: str = ""
    skipped: str = ""
    lines: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Suite:
    """A test suite, with what is known of it as properties."""

    name: str
    cases: list[_Case]
    properties: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def count(self, what: str) -> int:
        return sum(bool(getattr(case, what)) for case in self.cases)


def junit_report(report: Report, in_full: int = IN_FULL) -> str:
    """Return the report as JUnit XML, ended by a newline.

    Args:
        report: What was found.
        in_full: How many findings of a case are told; the rest are counted.
    """
    by_rule: dict[tuple[str, str], list[Finding]] = {}
    for found in report.findings:
        by_rule.setdefault((found.contract, found.rule), []).append(found)
    suites = [_integrity(report, in_full)]
    suites.extend(
        _contract(report, judged, by_rule, in_full) for judged in report.conformance.contracts
    )
    suites.append(_beside(report, in_full))
    root = ET.Element("testsuites", {"name": "writ verify", **_totals(suites)})
    root.extend(_element(suite) for suite in suites)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _totals(suites: Iterable[_Suite]) -> dict[str, str]:
    suites = list(suites)
    return {
        "tests": str(sum(len(suite.cases) for suite in suites)),
        "failures": str(sum(suite.count("failure") for suite in suites)),
        "errors": "0",
        "time": "0",
    }


def _element(suite: _Suite) -> ET.Element:
    element = ET.Element(
        "testsuite",
        name=_xml(suite.name),
        tests=str(len(suite.cases)),
        failures=str(suite.count("failure")),
        errors="0",
        skipped=str(suite.count("skipped")),
        time="0",
    )
    if suite.properties:
        properties = ET.SubElement(element, "properties")
        for name, value in suite.properties:
            ET.SubElement(properties, "property", name=_xml(name), value=_xml(value))
    for case in suite.cases:
        shown = ET.SubElement(
            element, "testcase", name=_xml(case.name), classname=_xml(case.classname), time="0"
        )
        text = "\n".join(map(_xml, case.lines))
        if case.failure:
            failure = ET.SubElement(shown, "failure", message=_xml(case.failure), type="violated")
            failure.text = text
        elif case.skipped:
            skipped = ET.SubElement(shown, "skipped", message=_xml(case.skipped))
            skipped.text = text
        elif text:
            ET.SubElement(shown, "system-out").text = text
    return element


def _xml(text: str) -> str:
    """Return a line that XML can hold: controls are written as escapes."""
    return printable(text)


# --------------------------------------------------------------------------- integrity


def _integrity(report: Report, in_full: int) -> _Suite:
    integrity, ledger = report.integrity, report.ledger
    by_step: dict[int, list[Finding]] = {}
    for found in report.findings:
        if found.clause == "integrity":
            by_step.setdefault(_step(found), []).append(found)
    cases = [_verdict(report)]
    for number, words in enumerate(STEPS):
        case = _Case(f"step {number}: {words}", "integrity")
        _judge(case, by_step.get(number, []), in_full)
        if integrity.broken is not None and not case.failure:
            case.skipped = f"the ledger is broken at entry {integrity.broken.index}"
        cases.append(case)
    properties = [
        ("verdict", integrity.verdict.value),
        ("trust", integrity.trust),
        ("exit_code", str(int(report.exit_code()))),
        ("origin", ledger.origin),
        ("genesis", ledger.genesis),
        ("size", str(ledger.size)),
        ("root", ledger.root),
        ("checkpoint.size", str(ledger.checkpoint_size)),
        *((f"not_proven.{number}", limit) for number, limit in enumerate(not_proven(report), 1)),
    ]
    return _Suite("integrity", cases, properties)


def _step(found: Finding) -> int:
    return STEP_OF[found.code.partition(".")[2]]


def _verdict(report: Report) -> _Case:
    integrity = report.integrity
    case = _Case("the ledger holds", "integrity", lines=list(integrity.not_excluded))
    if integrity.broken is not None:
        broken = integrity.broken
        case.failure = (
            f"broken at entry {broken.index}: {broken.what} (step {broken.step}, {broken.check})"
        )
    elif integrity.verdict is IntegrityVerdict.UNDECIDABLE:
        case.skipped = f"undecidable: {'; '.join(integrity.reasons)}"
    return case


# ------------------------------------------------------------------------- conformance


def _contract(
    report: Report,
    judged: JudgedContract,
    by_rule: dict[tuple[str, str], list[Finding]],
    in_full: int,
) -> _Suite:
    suite = _Suite(f"{named(judged, judged.digest)} for {judged.service}", [])
    suite.properties = [
        ("digest", judged.digest),
        ("service", judged.service),
        ("judged", str(judged.judged)),
    ]
    for count in report.conformance.counts:
        if count.contract == judged.digest:
            found = by_rule.get((count.contract, count.rule), [])
            suite.cases.append(_rule(count, named(judged, judged.digest), found, in_full))
            suite.properties.extend(_numbers(count))
    return suite


def _rule(count: RuleCount, contract: str, findings: list[Finding], in_full: int) -> _Case:
    tally = count.tally
    case = _Case(count.rule, contract)
    judged = tally.satisfied + tally.violated + tally.undecidable + tally.handled
    if tally.violated:
        case.failure = f"{tally.violated:,} of {judged:,} violated: {count.says or count.rule}"
    elif tally.undecidable:
        case.skipped = f"{tally.undecidable:,} of {judged:,} undecidable: {_why(count)}"
    elif not judged:
        case.skipped = "it had nothing to judge"
    case.lines = list(_told(findings, in_full))
    return case


def _why(count: RuleCount) -> str:
    reasons = sorted(count.tally.reasons.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{times:,}× {shortened(reason)}" for reason, times in reasons[:3])


def _numbers(count: RuleCount) -> Iterator[tuple[str, str]]:
    for name in ("satisfied", "violated", "undecidable", "handled"):
        yield f"{count.rule}.{name}", str(getattr(count.tally, name))


def _beside(report: Report, in_full: int) -> _Suite:
    """Return the suite of what no rule of a contract in force says."""
    counted = {(count.contract, count.rule) for count in report.conformance.counts}
    codes: dict[str, list[Finding]] = {code: [] for code in BESIDE_RULES}
    for found in report.findings:
        if found.clause != "integrity" and (found.contract, found.rule) not in counted:
            codes.setdefault(found.code, []).append(found)
    cases: list[_Case] = []
    for code, findings in codes.items():
        case = _Case(code, "beside rules")
        _judge(case, findings, in_full, BESIDE_RULES.get(code, ""))
        if not report.conformance.performed and not findings:
            case.skipped = NOT_JUDGED
        cases.append(case)
    return _Suite("decisions, coverage and people", cases)


# ----------------------------------------------------------------------------- findings


def _judge(case: _Case, findings: list[Finding], in_full: int, says: str = "") -> None:
    """Fail or skip a case by what was found: advice fails nothing, and what was handled passed."""
    states = Counter(state(found) for found in findings)
    violated, open_, advice = states["violated"], states["undecidable"], states["advice"]
    asks = f": {says}" if says else ""
    if violated:
        case.failure = f"{violated:,} violated{asks}"
    elif open_:
        case.skipped = f"{open_:,} undecidable{asks}"
    elif advice:
        case.skipped = f"{advice:,} for advice{asks}"
    case.lines = list(_told(findings, in_full))


def _told(findings: list[Finding], in_full: int) -> Iterator[str]:
    """Yield the first findings in words: violations first, then by entry."""
    ordered = sorted(findings, key=lambda found: list(Result).index(found.result))
    for found in ordered[:in_full]:
        yield f"{found.id} {found.result.value} at {place(found)}"
        for label, text in told(found):
            yield f"  {label}: {shortened(text)}"
    if len(ordered) > in_full:
        yield f"and {len(ordered) - in_full:,} more"
