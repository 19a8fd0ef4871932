"""SARIF: the standard's schema, what maps to what, and that nobody's text leads anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from sarif_pydantic import Sarif

from tests.reports.samples import AT, many, published
from tests.reports.shapes import shape
from verifier.report import Report
from verifier.reports.sarif import FINGERPRINT, sarif_report

SHAPE = Path(__file__).parent / "shapes" / "sarif.txt"


def run_of(report: Report) -> dict[str, Any]:
    """Return the one run of a report."""
    log = json.loads(sarif_report(report, "1.0"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    found: dict[str, Any] = run
    return found


@pytest.fixture(scope="module")
def run(reports: Mapping[str, Report]) -> dict[str, Any]:
    """The run of the report with everything."""
    return run_of(reports["everything"])


def results(run: dict[str, Any]) -> dict[str, Any]:
    """Return results by their finding's id."""
    return {result["partialFingerprints"][FINGERPRINT]: result for result in run["results"]}


def test_valid_under_the_standards_schema(reports: Mapping[str, Report]) -> None:
    """Every report is a valid log, hostile ones included."""
    schema = json.loads(published("sarif-schema-2.1.0.json").read_text("utf-8"))
    checks = jsonschema_rs.Draft4Validator(schema, validate_formats=True)
    for report in reports.values():
        checks.validate(json.loads(sarif_report(report, "1.0")))


def test_a_library_reads_it_as_the_standards_objects(reports: Mapping[str, Report]) -> None:
    """Nothing is lost on the way through its models: each result with its rule and its path."""
    for report in reports.values():
        log = json.loads(sarif_report(report, "1.0"))
        (read,) = Sarif.model_validate(log).runs
        (wrote,) = log["runs"]
        assert [one.rule_id for one in read.results or []] == [
            one["ruleId"] for one in wrote["results"]
        ]
        assert [bool(one.code_flows) for one in read.results or []] == [
            bool(one.get("codeFlows")) for one in wrote["results"]
        ]


def test_the_shape_is_the_one_that_was_validated(reports: Mapping[str, Report]) -> None:
    """Where the standard's schema is not at hand: no member that was not held against it."""
    known = set(SHAPE.read_text("utf-8").splitlines())
    seen: set[str] = set()
    for report in reports.values():
        seen.update(shape(json.loads(sarif_report(report, "1.0"))))
    assert seen == known


def test_each_finding_is_a_result_of_its_rule(run: dict[str, Any]) -> None:
    """The number of the rule is its place among the rules, and ids are not repeated."""
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert len(run["results"]) == 8
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_kinds_and_levels(run: dict[str, Any]) -> None:
    """What fails has a level; what cannot be decided is for review, and has none."""
    levels = [(result["kind"], result["level"]) for result in run["results"]]
    assert levels == [
        ("fail", "error"),
        ("fail", "error"),
        ("review", "none"),
        ("fail", "note"),
        ("fail", "error"),
        ("review", "none"),
        ("fail", "error"),
        ("fail", "note"),
    ]


def test_what_was_handled_is_suppressed(run: dict[str, Any]) -> None:
    """By what handled it, and nothing else is."""
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert [result["suppressions"] for result in suppressed] == [
        [{"kind": "external", "status": "accepted", "justification": "denied by the guard"}]
    ]


def test_a_rule_says_what_it_says_and_cites(run: dict[str, Any]) -> None:
    """The newest contract's words, its effect as the level, the line in each version."""
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    rule = rules["policy.p"]
    assert rule["name"] == "PolicyP"
    assert rule["shortDescription"]["text"] == "policy.p says."
    assert rule["help"]["text"] == "The policy's sentence: S1"
    assert rule["defaultConfiguration"]["level"] == "warning"  # it escalates, in the newest
    assert [one["line"] for one in rule["properties"]["contracts"]] == [7, 7]
    assert rules["decision.false-allow"]["defaultConfiguration"]["level"] == "error"
    assert rules["scope.quiet"]["defaultConfiguration"]["level"] == "warning"


def test_where_a_result_stands(run: dict[str, Any]) -> None:
    """At the contract's line, and at the entry."""
    first = run["results"][0]
    (location,) = first["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "contract:desk@1.0.0", "index": 0},
        "region": {"startLine": 7},
    }
    (entry,) = location["logicalLocations"]
    assert entry["fullyQualifiedName"] == "shop.example/ledger#2"
    assert entry["properties"] == {"run": "R-1"}
    beside = next(one for one in run["results"] if one["ruleId"] == "integrity.time")
    assert "physicalLocation" not in beside["locations"][0]


def test_the_path_ends_at_the_entry(run: dict[str, Any]) -> None:
    """Before it, in index order, what it rests on; the order in time is by number."""
    (flow,) = run["results"][0]["codeFlows"]
    steps = flow["threadFlows"][0]["locations"]
    named = [step["location"]["logicalLocations"][0]["name"] for step in steps]
    assert named == ["entry 1", "entry 3", "entry 2"]
    assert [step["executionOrder"] for step in steps] == [1, 3, 2]
    assert steps[-1]["importance"] == "essential"
    assert steps[-1]["executionTimeUtc"] == AT
    assert "observation from crm" in steps[0]["location"]["message"]["text"]


def test_an_explanation_decides_the_path(reports: Mapping[str, Report]) -> None:
    """Its sentences are in the message, its facts are the state at the entry."""
    result = run_of(reports["explained"])["results"][0]
    assert "the limit is 100.00 EUR" in result["message"]["text"]
    assert "an approval by refunds-lead before it" in result["message"]["text"]
    (last,) = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert last["state"] == {"limits.auto": {"text": "100000000"}}


def test_the_answer_and_the_integrity(reports: Mapping[str, Report]) -> None:
    """The exit code, the verdict, and what is not proven; broken is an error of its own."""
    run = run_of(reports["made broken"])
    assert run["invocations"][0]["exitCode"] == 1
    assert run["properties"]["integrity"]["broken"]["index"] == 3
    assert len(run["properties"]["notProven"]) == 5
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("integrity.record", "error")
    ]
    open_ = run_of(reports["undecidable"])["invocations"][0]
    assert open_["exitCode"] == 3
    assert [one["level"] for one in open_["toolExecutionNotifications"]] == ["warning"]


def test_what_was_recorded_is_text(reports: Mapping[str, Report]) -> None:
    """No placeholder, and no link that a viewer would draw."""
    for result in run_of(reports["hostile"])["results"]:
        words = result["message"]["text"]
        assert "](" not in words
        assert words.replace("{{", "").replace("}}", "").count("{") == 0


def test_it_is_the_same_bytes(reports: Mapping[str, Report]) -> None:
    """There is no time in it but the ledger's."""
    assert sarif_report(reports["violated"]) == sarif_report(reports["violated"])


def test_a_long_report_is_written() -> None:
    """Every finding is in it."""
    assert len(results(run_of(many(500)))) == 500
