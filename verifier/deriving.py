"""The decision on a live action, derived again: what stands against it, and what hangs on that.

Source: docs/spec/contract-language.md, *Decision*.
"""

from collections.abc import Sequence
from dataclasses import replace

from contracts.model import Verdict
from contracts.results import RuleResult
from contracts.withholding import Hidden
from verifier.decisions import Derived, weaker
from verifier.drafts import Draft
from verifier.entries import ValidEntry
from verifier.judging import Judging

# Findings on a decision that hang on the values that rules read.
OVER_SEALED = frozenset(
    f"decision.{what}" for what in ("false-allow", "false-deny", "reasons-differ")
)


def over_sealed(
    found: list[Draft], valid: ValidEntry, current: Judging, against: Sequence[RuleResult]
) -> list[Draft]:
    """Mark what hangs on sealed values that a rule reads, and on nothing else.

    Whoever acts chooses what is sealed: what stands against an action without the rules over sealed
    values stands, and an action that it should not have been allowed by is wrong for certain.
    """
    plain = [result for result in against if result.hidden is not Hidden.SEALED]
    if len(plain) == len(against):
        return found
    least = current.engine.decide(valid.event, plain).effect
    effect = valid.event.record["decision"]["effect"]
    sure = "decision.false-allow" if weaker(effect, least) else ""
    return [
        replace(one, hidden=Hidden.SEALED) if one.code in OVER_SEALED - {sure} else one
        for one in found
    ]


def decision_counts(valid: ValidEntry) -> bool:
    """Return whether this is a live action with a decision: others were decided elsewhere."""
    event = valid.event
    return event.record["kind"] == "action" and "decision" in event.record and not event.imported


def stands_against(result: RuleResult, index: int) -> bool:
    """Return whether a result takes part in the decision on the action at `index`."""
    return (
        result.index == index
        and result.rule.expect is None
        and result.verdict is not Verdict.SATISFIED
    )


def derive(valid: ValidEntry, current: Judging, against: Sequence[RuleResult]) -> Derived:
    """Return the decision on a live action, derived again."""
    rests_on = {index for result in against for index in result.rests_on}
    contract = current.contract
    decision = current.engine.decide(valid.event, against)
    return Derived(decision, contract.version, contract.digest, tuple(sorted(rests_on)))
