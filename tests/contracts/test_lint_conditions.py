"""Lint on how conditions run: what is asked of CEL record by record, where, and why."""

import json
from pathlib import Path

import pytest

from contracts import LintMessage, Severity, lint
from contracts.library import contract_text

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")

CONTRACT = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [read]}
policy: {document: {name: p, version: v}, limits: {by: LIMIT, EU: {most: 3}, default: {most: 1}}}
recovery: {kill_switch: {roles: [commander]}}
tools:
  pay: {mode: read, params: {type: object, properties: {id: {type: string}, n: {type: integer}}}}
facts:
  paid: {count: true, from: outcome of pay, where: WHERE, by: KEY}
values: {reversed: run.ref.reverse()}
rules:
  - id: r
    for: pay
    when: facts.paid > limits.most && RULE
"""


def notes(**said: str) -> list[LintMessage]:
    """What lint notes of how conditions run."""
    given = {"LIMIT": "run.ref", "WHERE": 'outcome.status == "ok"', "KEY": "params.id", **said}
    text = CONTRACT.replace(
        "facts.paid > limits.most && RULE",
        json.dumps(f"facts.paid > limits.most && {given.pop('RULE', 'true')}"),
    )
    for name, condition in given.items():
        text = text.replace(name, json.dumps(condition), 1)
    found = lint(text, "c.yaml")
    assert not [one for one in found if one.severity is Severity.ERROR]
    return [one for one in found if one.code == "condition.by-row"]


@pytest.mark.parametrize(
    ("said", "owner", "line", "reason"),
    [
        ({"RULE": "run.ref.matches(params.id)"}, "policy.r", 15, "a pattern that is no literal"),
        ({"RULE": 'values.reversed == "a"'}, "policy.r", 15, "`reverse` with 1 operands"),
        ({"RULE": "size(params) > 1"}, "policy.r", 15, "counts a map of which only"),
        ({"WHERE": "int(outcome.status) == 1"}, "paid", 10, "int() of a text"),
        ({"KEY": "run.ref.trim()"}, "paid", 10, "`trim` with 1 operands"),
        ({"LIMIT": "run.ref.trim()"}, "policy.limits", 5, "`trim` with 1 operands"),
    ],
)
def test_what_runs_by_row(said: dict[str, str], owner: str, line: int, reason: str) -> None:
    """A note at the condition, once, with the reason."""
    (found,) = notes(**said)
    assert found.severity is Severity.NOTE
    assert (found.file, found.line) == ("c.yaml", line)
    assert found.message.startswith(f"a condition of `{owner}` runs record by record")
    assert reason in found.message


def test_what_runs_by_column() -> None:
    """Nothing is said where there is SQL, or may be: an attribute can be an int."""
    assert notes() == []
    assert notes(RULE="int(run.attributes.x) == 1") == []


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        contract_text("refund-decisioning", "1.0.0"),
        contract_text("refund-decisioning", "1.1.0"),
        contract_text("access-granting", "1.0.0"),
        contract_text("payment-approval", "1.0.0"),
        contract_text("customer-record-update", "1.0.0"),
    ],
)
def test_what_clauses_expand_to_runs_by_column(text: str) -> None:
    """No clause writes a condition that an author would have to accept as slow."""
    assert [one for one in lint(text) if one.code == "condition.by-row"] == []


def test_an_unsound_contract_is_not_compiled() -> None:
    """Where a condition has a type error, that alone is said."""
    text = CONTRACT.replace("RULE", "params.n == 'x'").replace("LIMIT", "run.ref")
    text = text.replace("WHERE", "true").replace("KEY", "run.ref.trim()")
    codes = [one.code for one in lint(text)]
    assert "condition.type" in codes
    assert "condition.by-row" not in codes
