"""OCSF: the published schema, which class a finding is of, and whose time it says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.reports.samples import published
from tests.reports.shapes import shape
from verifier.report import Report
from verifier.reports.ocsf import milliseconds, ocsf_report

SHAPE = Path(__file__).parent / "shapes" / "ocsf.txt"


def events_of(report: Report) -> list[dict[str, Any]]:
    """Return the events of a report."""
    return [json.loads(line) for line in ocsf_report(report, "1.0").splitlines()]


@pytest.fixture(scope="module")
def events(reports: Mapping[str, Report]) -> list[dict[str, Any]]:
    """The events of the report with everything."""
    return events_of(reports["everything"])


def test_valid_under_the_published_schema(reports: Mapping[str, Report]) -> None:
    """Every event of every report; the schema allows no attribute that it does not name."""
    schema = json.loads(published("ocsf-1.8.0.schema.json").read_text("utf-8"))
    checks = jsonschema_rs.Draft202012Validator(schema)
    for report in reports.values():
        for event in events_of(report):
            checks.validate(event)


def test_the_shape_is_the_one_that_was_validated(reports: Mapping[str, Report]) -> None:
    """Where the published schema is not at hand: no attribute that was not held against it."""
    known = set(SHAPE.read_text("utf-8").splitlines())
    seen: set[str] = set()
    for report in reports.values():
        for event in events_of(report):
            seen.update(shape(event))
    assert seen == known


def test_each_finding_is_an_event(
    events: list[dict[str, Any]], reports: Mapping[str, Report]
) -> None:
    """Its id is the finding's, its type follows from class and activity."""
    ids = [event["finding_info"]["uid"] for event in events]
    assert ids == [found.id for found in reports["everything"].findings]
    for event in events:
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]


def test_which_class(events: list[dict[str, Any]]) -> None:
    """What concerns the ledger itself is detected; the rest is a matter of compliance."""
    classes = [(event["class_uid"], "compliance" in event) for event in events]
    assert classes == [(2003, True)] * 6 + [(2004, False), (2003, True)]
    assert [event["is_alert"] for event in events if "is_alert" in event] == [True]


def test_what_came_out(events: list[dict[str, Any]]) -> None:
    """Violated fails, undecidable warns, handled passed and is resolved."""
    came = [
        (event["compliance"]["status"], event["status"], event["severity"])
        for event in events
        if "compliance" in event
    ]
    assert came == [
        ("Fail", "New", "High"),
        ("Fail", "New", "High"),
        ("Warning", "New", "High"),
        ("Pass", "Resolved", "Informational"),
        ("Fail", "New", "Critical"),
        ("Warning", "New", "Informational"),
        ("Fail", "New", "Low"),
    ]


def test_the_rule_is_the_control(events: list[dict[str, Any]]) -> None:
    """The policy's sentence is the requirement, the contract's version the standard."""
    compliance = events[0]["compliance"]
    assert compliance["control"] == "policy.p"
    assert compliance["requirements"] == ["S1"]
    assert compliance["standards"] == ["desk@1.0.0"]
    assert compliance["desc"] == "Too much."
    assert events[3]["compliance"]["status_details"] == ["denied by the guard"]


def test_entries_are_evidence_and_resources(events: list[dict[str, Any]]) -> None:
    """What it rests on, and then the entry; entry and run as resources to be looked for."""
    first = events[0]
    assert [one["data"]["entry"] for one in first["evidences"]] == [1, 3, 2]
    assert [one["uid"] for one in first["resources"]] == ["shop.example/ledger#2", "R-1"]
    assert [one["value"] for one in first["observables"]] == [
        "shop.example/ledger#2",
        "R-1",
        "spiffe://shop.example/agent",
    ]


def test_the_time_is_the_entrys(events: list[dict[str, Any]]) -> None:
    """Milliseconds of the ledger's clock; 0, and said so, where there is none."""
    assert events[0]["time"] == 1_772_430_008_895
    assert events[0]["metadata"]["original_time"] == "2026-03-02T05:40:08.895000Z"
    silent = next(event for event in events if not event["unmapped"]["time_known"])
    assert silent["time"] == 0
    assert milliseconds("2026-03-02T05:40:08.999999Z") % 1_000 == 999


def test_integrity_that_cannot_be_decided(reports: Mapping[str, Report]) -> None:
    """It is an event of its own, with the reason: silence is not a pass."""
    (event,) = events_of(reports["undecidable"])
    assert event["compliance"]["control"] == "integrity.verdict"
    assert event["compliance"]["status"] == "Warning"
    assert event["compliance"]["status_details"] == ["no head of this ledger was ever signed"]
    (broken,) = events_of(reports["made broken"])
    assert (broken["class_uid"], broken["severity"]) == (2004, "Critical")


def test_an_event_is_one_line(reports: Mapping[str, Report]) -> None:
    """Whatever was recorded, in letters that every pipeline reads."""
    text = ocsf_report(reports["hostile"])
    assert text.isascii()
    assert len(text.splitlines()) == text.count("\n")
