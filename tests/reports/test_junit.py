"""JUnit XML: as a reader of test results takes it, and what is a pass, a failure, a skip."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import junitparser as reader

from tests.reports.samples import many
from verifier.drafts import CHECKS
from verifier.report import Report
from verifier.reports.codes import BESIDE_RULES, STEP_OF, STEPS
from verifier.reports.junit import junit_report

# It is typed in part.
LIBRARY: Any = reader
# Of the schema that build servers hold such files against: what an element may hold, in any order.
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "property": set[str](),
    "testcase": {"skipped", "failure", "system-out"},
    "skipped": set[str](),
    "failure": set[str](),
    "system-out": set[str](),
}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "properties": set[str](),
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "skipped": {"message"},
    "failure": {"message", "type"},
    "system-out": set[str](),
}


def tree(report: Report) -> ET.Element:
    """Return the document of a report."""
    return ET.fromstring(junit_report(report))  # noqa: S314 - it is our own


def case_of(report: Report, suite: str, name: str) -> ET.Element:
    """Return a test case by the beginning of its suite's name and its own."""
    for one in tree(report).iter("testsuite"):
        for case in one.iter("testcase"):
            if one.attrib["name"].startswith(suite) and case.attrib["name"] == name:
                return case
    raise LookupError(name)


def test_elements_and_attributes(reports: Mapping[str, Report]) -> None:
    """None that a reader does not know; the counts are those of what is there."""
    for report in reports.values():
        root = tree(report)
        for element in root.iter():
            assert {child.tag for child in element} <= CHILDREN[element.tag]
            assert set(element.attrib) == ATTRIBUTES[element.tag]
        for suite in root:
            cases = suite.findall("testcase")
            assert int(suite.attrib["tests"]) == len(cases)
            assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
            assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
        for name in ("tests", "failures"):
            total = sum(int(suite.attrib[name]) for suite in root)
            assert int(root.attrib[name]) == total


def test_a_reader_of_test_results_takes_it(reports: Mapping[str, Report]) -> None:
    """A library that others read such files with finds the same suites, cases and results."""
    for report in reports.values():
        read = LIBRARY.JUnitXml.fromstring(junit_report(report).encode())
        root = tree(report)
        assert (read.tests, read.failures) == (
            int(root.attrib["tests"]),
            int(root.attrib["failures"]),
        )
        suites = list(read)
        assert [suite.name for suite in suites] == [suite.attrib["name"] for suite in root]
        failed = [
            case.name
            for suite in suites
            for case in suite
            if any(isinstance(one, LIBRARY.Failure) for one in case.result)
        ]
        assert failed == [
            case.attrib["name"]
            for case in root.iter("testcase")
            if case.find("failure") is not None
        ]
        # It writes what it read: nothing was lost on the way.
        again = LIBRARY.JUnitXml.fromstring(read.tostring())
        assert [len(suite) for suite in again] == [len(suite) for suite in suites]


def test_a_violated_rule_fails(reports: Mapping[str, Report]) -> None:
    """With the count in the message, and the first findings in words."""
    case = case_of(reports["everything"], "desk@1.0.0", "policy.p")
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "1 of 8 violated: policy.p says."
    assert "F-0000000000000002 violated at entry 2" in (failure.text or "")
    assert "expected: amount <= 5" in (failure.text or "")
    assert "handled: denied by the guard" in (failure.text or "")


def test_what_cannot_be_decided_is_skipped(reports: Mapping[str, Report]) -> None:
    """With its reasons; so is a rule that had nothing to judge."""
    report = reports["everything"]
    skipped = case_of(report, "desk@1.1.0", "scope.open").find("skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "2 of 2 undecidable: 2× sealed"
    quiet = case_of(report, "desk@1.0.0", "scope.quiet").find("skipped")
    assert quiet is not None
    assert quiet.attrib["message"] == "it had nothing to judge"


def test_counts_are_properties(reports: Mapping[str, Report]) -> None:
    """Of the suite of a contract, by rule and result."""
    suite = next(one for one in tree(reports["everything"]) if one.attrib["name"][:4] == "desk")
    known = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert known["policy.p.satisfied"] == "5"
    assert known["policy.p.handled"] == "1"
    assert known["judged"] == "20"


def test_codes_beside_rules(reports: Mapping[str, Report]) -> None:
    """Each is a case: passed where nothing was found, unless nothing was judged."""
    report = reports["everything"]
    failed = case_of(report, "decisions", "decision.false-allow").find("failure")
    assert failed is not None
    assert failed.attrib["message"].startswith("1 violated: no recorded decision is weaker")
    assert len(case_of(report, "decisions", "decision.false-deny")) == 0
    advice = case_of(report, "decisions", "coverage.run-unclosed").find("skipped")
    assert advice is not None
    assert advice.attrib["message"] == "1 for advice: every run has an end"
    broken = case_of(reports["made broken"], "decisions", "decision.false-deny").find("skipped")
    assert broken is not None
    assert broken.attrib["message"] == "nothing was judged"


def test_steps_of_integrity(reports: Mapping[str, Report]) -> None:
    """The step that broke fails, and the others are not said to have passed."""
    report = reports["made broken"]
    verdict = case_of(report, "integrity", "the ledger holds").find("failure")
    assert verdict is not None
    assert "(step 2, record)" in verdict.attrib["message"]
    suite = next(iter(tree(report)))
    kinds = ["failure" if one.find("failure") is not None else "skipped" for one in suite[2:]]
    assert kinds == ["failure" if number == 2 else "skipped" for number in range(10)]
    holds = next(iter(tree(reports["everything"])))
    failed = [one.attrib["name"] for one in holds if one.find("failure") is not None]
    assert failed == ["step 8: times"]
    open_ = case_of(reports["undecidable"], "integrity", "the ledger holds").find("skipped")
    assert open_ is not None
    assert "no head of this ledger was ever signed" in open_.attrib["message"]


def test_every_check_has_its_step() -> None:
    """A check that nobody gave a step would stop the report."""
    assert set(STEP_OF) == set(CHECKS)
    assert set(STEP_OF.values()) == set(range(len(STEPS)))
    assert all(words for words in BESIDE_RULES.values())


def test_long_reports_are_cut() -> None:
    """The rest is counted."""
    text = junit_report(many(3_000), in_full=2)
    assert "and 998 more" in text
    assert len(text) < 30_000
