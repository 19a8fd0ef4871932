"""What a contract says of its own time, set aside where it judges an action of another time.

A mandate that begins with a contract, and the policy document that it names, cannot be kept by what
was done before. Whoever asks what a later contract would have said of an action does not ask that.
Source: docs/spec/timeline.md, *Of its own time*.
"""

from collections.abc import Iterable
from typing import Final

from contracts.model import Verdict
from contracts.results import RuleResult

OWN_TIME: Final = frozenset({"identity.delegation", "policy.document"})
"""Rules in which a contract holds a record against its own mandate, and its own document."""


def set_aside(then: Iterable[RuleResult], other: Iterable[RuleResult]) -> frozenset[str]:
    """Return the rules of another contract that only say that it is not of the action's time.

    They hold under the contract in force then, whose mandate and document were those of the time.

    Args:
        then: The results of the action under the contract in force then.
        other: Its results under the other one.
    """
    held = {
        one.rule.id for one in then if one.rule.id in OWN_TIME and one.verdict is Verdict.SATISFIED
    }
    return frozenset(
        one.rule.id for one in other if one.rule.id in held and one.verdict is not Verdict.SATISFIED
    )
