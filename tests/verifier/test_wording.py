"""What a rule read is said in the words of its condition."""

from typing import Any

import pytest

from contracts.model import Rule, Verdict
from contracts.results import RuleResult
from verifier.wording import recorded


def result(
    condition: str, facts: dict[str, Any], said: str, verdict: Verdict = Verdict.VIOLATED
) -> RuleResult:
    """Return a result of a rule with one condition."""
    rule = Rule(id="policy.r", clause="policy", subject="action", unless=condition)
    return RuleResult(1, rule, verdict, facts=facts, recorded=said)


@pytest.mark.parametrize(
    ("condition", "facts", "said", "expected"),
    [
        (
            'facts.order.status == "open" && params.a > 1',
            {"order": {"id": "x" * 500, "status": "done"}},
            'params.a = 5, facts.order = {"id": "xxx…',
            'params.a = 5, facts.order.status = "done"',
        ),
        ("facts.said.matches('yes')", {"said": "no"}, 'facts.said = "no"', 'facts.said = "no"'),
        ("facts.order.gone == 1", {"order": {"id": 1}}, "", 'facts.order = {"id": 1}'),
        ("facts.missing == 1 || facts.n == 2", {"n": 3}, "facts.n = 3", "facts.n = 3"),
        ("helped", {"n": 3}, "facts.n = 3", "facts.n = 3"),
        ("params.a == 1", {}, "params.a = 2", "params.a = 2"),
    ],
)
def test_the_members_that_a_rule_names(
    condition: str, facts: dict[str, Any], said: str, expected: str
) -> None:
    """Of a record that is a fact, only what the condition asks for is shown."""
    assert recorded(result(condition, facts, said)) == expected


def test_what_is_undecidable_is_left_as_it_is() -> None:
    """The engine says which fact has no value, and why."""
    one = result("facts.n > 1", {"n": 1}, "facts.m = none (because)", Verdict.UNDECIDABLE)
    assert recorded(one) == "facts.m = none (because)"


def test_the_order_of_a_map_does_not_show() -> None:
    """CEL hands maps out in an order of its own, another one each time: a report has one."""
    one = {"order": {"b": 1, "a": 2}}
    other = {"order": {"a": 2, "b": 1}}
    said = [recorded(result("facts.order == {}", facts, "")) for facts in (one, other)]
    assert said[0] == said[1]
