"""The published schema of reports: what the code writes, and nothing else."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import pytest

from verifier.report import Report
from verifier.reports.json import json_report, report_body
from verifier.reports.jsonl import jsonl_lines, jsonl_report
from verifier.reports.schema import PUBLISHED, report_schema, schema_text

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reference" / PUBLISHED
ENVELOPE = {
    "verified_at": "2026-03-02T05:40:08.895000Z",
    "writ": "1",
    "ledger": "a.db",
    "trust": "",
}


def of_line() -> dict[str, Any]:
    """Return the schema of a line."""
    schema = report_schema()
    return {"$schema": schema["$schema"], "$ref": "#/$defs/Line", "$defs": schema["$defs"]}


def test_the_published_schema_is_current() -> None:
    """docs/reference/report.schema.json is what the code says today."""
    assert DOCUMENT.read_text("utf-8") == schema_text(), (
        "the report changed: run `python -m verifier.reports.schema`"
    )


def test_it_is_a_schema() -> None:
    """It is valid under the metaschema of its dialect."""
    jsonschema_rs.meta.validate(report_schema())


def test_every_report_is_valid(reports: Mapping[str, Report]) -> None:
    """Of real ledgers, and with everything in it; with an envelope and without."""
    checks = jsonschema_rs.validator_for(report_schema())
    for report in reports.values():
        for envelope in (None, ENVELOPE):
            checks.validate(json.loads(json_report(report, envelope)))


def test_every_line_is_valid(reports: Mapping[str, Report]) -> None:
    """A line says what it is; the head counts the findings; the envelope comes last."""
    checks = jsonschema_rs.validator_for(of_line())
    for name in ("everything", "made broken", "undecidable", "violated", "broken", "headless"):
        report = reports[name]
        lines = [json.loads(line) for line in jsonl_report(report, ENVELOPE).splitlines()]
        for line in lines:
            checks.validate(line)
        kinds = [line["type"] for line in lines]
        assert kinds[0] == "report"
        assert kinds[-2:] == ["not-proven", "envelope"]
        assert lines[0]["findings"] == kinds.count("finding") == len(report.findings)
        assert kinds.count("rule") == len(report.conformance.counts)


def test_lines_hold_what_the_report_holds(reports: Mapping[str, Report]) -> None:
    """Put together again they are the report for programs."""
    report = reports["everything"]
    head, *lines = jsonl_lines(report)
    of_kind: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        of_kind.setdefault(line.pop("type"), []).append(line)
    assert head.pop("type") == "report"
    head["conformance"] = {**head["conformance"], "counts": of_kind["rule"]}
    whole = {
        **head,
        "findings": of_kind["finding"],
        "incidents": of_kind["incident"],
        **of_kind["not-proven"][0],
    }
    assert whole == report_body(report)


def test_a_line_is_one_line(reports: Mapping[str, Report]) -> None:
    """Whatever was recorded, no reader sees a line end in it."""
    text = jsonl_report(reports["hostile"])
    assert len(text.splitlines()) == text.count("\n")


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield where the objects of a document stand."""
    if isinstance(value, dict):
        yield path
        for name, member in cast("dict[str, object]", value).items():
            yield from places(member, (*path, name))
    if isinstance(value, list):
        for number, item in enumerate(cast("list[object]", value)):
            yield from places(item, (*path, number))


# Of these any member is a name and a count.
OPEN = {"reasons", "records", "sealed"}


def test_no_member_is_left_out_and_none_is_unknown(reports: Mapping[str, Report]) -> None:
    """Each object of a report is closed: one member less, or one more, and it is refused."""
    checks = jsonschema_rs.validator_for(report_schema())
    body = report_body(reports["everything"])
    assert checks.is_valid(body)
    for path in places(body):
        if path and path[-1] in OPEN:
            continue
        for change in ("less", "more"):
            spoiled: Any = deepcopy(body)
            place = spoiled
            for step in path:
                place = place[step]
            if change == "more":
                place["unknown"] = 1
            else:
                place.pop(min(place))
            assert not checks.is_valid(spoiled), (path, change)


def undescribed(schema: object, path: str = "") -> Iterator[str]:
    """Yield each member that says nothing of itself."""
    if not isinstance(schema, dict):
        return
    members = cast("dict[str, Any]", schema)
    for name, inner in members.get("properties", {}).items():
        if not inner.get("description"):
            yield f"{path}/{name}"
    for name, inner in members.items():
        yield from undescribed(inner, f"{path}/{name}")


def test_every_member_is_described() -> None:
    """The schema says of every member what it is."""
    assert list(undescribed(report_schema())) == []


@pytest.mark.parametrize("name", ["violated", "broken", "headless"])
def test_findings_say_when(reports: Mapping[str, Report], name: str) -> None:
    """The time is the entry's; a broken ledger gives none."""
    for found in reports[name].findings:
        assert bool(found.at) == (name != "broken")


def test_counts_say_what_a_rule_cites(reports: Mapping[str, Report]) -> None:
    """As the contract does: a rule that was never broken says it too."""
    counts = report_body(reports["violated"])["conformance"]["counts"]
    cited = {count["rule"]: count["cites"] for count in counts}
    assert cited["policy.looked"] == "P1"
    assert cited["policy.small"] == ""
