"""The result of one rule for one record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.model import Rule, Verdict
from contracts.withholding import Hidden


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a result is what it is.

    Attributes:
        because: Sentences: of all that was read the least that decides it.
        facts: What was read of that, by path, with its value as it is shown.
        entries: The entries that this stands in, ascending; the record's own among them.
        would: What would have satisfied it, each by itself, the least first.
    """

    because: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    entries: tuple[int, ...] = ()
    would: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Whether a rule held for a record, and on what that rests.

    Attributes:
        index: The entry that the result stands at; for an obligation the one that triggered it.
        rule: The rule.
        verdict: Satisfied, violated or undecidable.
        reason: Why it is undecidable; empty otherwise.
        facts: The facts that the rule reads and that have a value, by name.
        rests_on: Indexes of other entries that the result rests on, ascending: of facts the most
            recent ones, cited observations, and what settled an obligation.
        expected: What the rule asks for.
        recorded: What the rule read, where it is not satisfied.
        hidden: What is hidden that it hangs on; not said of obligations, which decide nothing.
        explanation: Why, where it is not satisfied and explanations are asked for.
    """

    index: int
    rule: Rule
    verdict: Verdict
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rests_on: tuple[int, ...] = ()
    expected: str = ""
    recorded: str = ""
    hidden: Hidden = Hidden.NOTHING
    explanation: Explanation | None = field(default=None, compare=False)
