"""Branches: the operands of a condition."""

import pytest

from contracts.branches import branches_of, operands
from tests.contracts.scenes import contract


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.x", ["a.x"]),
        ("a.x && b.y || c.z", ["a.x", "b.y", "c.z"]),
        ("!(a.x || b.y)", ["a.x", "b.y"]),
        ("(a.x)", ["a.x"]),
        ("a.x ? b.y : c.z", ["a.x", "b.y", "c.z"]),
        ("a.x ? b.y : c.z ? d.w : e.v", ["a.x", "b.y", "c.z", "d.w", "e.v"]),
        ("(a.x && b.y ? 1 : 2) > 1", ["a.x", "b.y", "(a.x && b.y ? 1 : 2) > 1"]),
        ("list.exists(e, e.x && e.y) && b.y", ["list.exists(e, e.x && e.y)", "b.y"]),
        ('a.x == "&& ||" && b.y', ['a.x == "&& ||"', "b.y"]),
        ("size(a.x) > (b.y ? 1 : 0) || c.z", ["b.y", "size(a.x) > (b.y ? 1 : 0)", "c.z"]),
    ],
)
def test_a_condition_is_cut_at_its_own_operators(text: str, expected: list[str]) -> None:
    """Operators within texts, functions and macros are none of the condition's own."""
    assert list(operands(text)) == expected


def test_only_conditions_with_operators_have_branches() -> None:
    """A single comparison is covered by the rule's own results."""
    of = [(branch.rule.id, branch.text) for branch in branches_of(contract())]
    assert ("policy.bounded", "params.amount < 0") in of
    assert not [rule for rule, _ in of if rule == "policy.looked"]
