"""From the results of an action's rules to one decision: pure and total."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from contracts.model import Contract, Effect, Verdict
from contracts.results import RuleResult

_WORST_LAST = (Effect.ALLOW, Effect.APPROVE, Effect.ESCALATE, Effect.DENY)


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that was not satisfied, and what that did to the decision."""

    rule: str
    result: Verdict
    effect: Effect


@dataclass(frozen=True, slots=True)
class Decision:
    """The worst effect of the rules that were not satisfied, and all of them in order."""

    effect: Effect
    reasons: tuple[Reason, ...] = ()

    def as_record(self) -> dict[str, object]:
        """Return the decision as an `action` record carries it."""
        return {
            "effect": self.effect.value,
            "reasons": [
                {
                    "effect": reason.effect.value,
                    "result": reason.result.value,
                    "rule": reason.rule,
                }
                for reason in self.reasons
            ],
        }


def decide(
    contract: Contract, results: Iterable[RuleResult], lifted: Collection[str] = ()
) -> Decision:
    """Return the decision on an action.

    Args:
        contract: The contract whose rules they are.
        results: The results of the rules for the action. Those of obligations take no part: they
            are known only later.
        lifted: The ids of the `approve` rules that an approval lifts.

    Returns:
        `allow` where nothing stands against it. A warning is a reason and never more.
    """
    reasons = [
        Reason(result.rule.id, result.verdict, _effect(result, lifted))
        for result in results
        if result.verdict is not Verdict.SATISFIED and result.rule.expect is None
    ]
    if not reasons:
        return Decision(Effect.ALLOW)
    order = {rule.id: number for number, rule in enumerate(contract.rules)}
    reasons.sort(key=lambda reason: order.get(reason.rule, len(order)))
    effects = [reason.effect for reason in reasons if reason.effect is not Effect.WARN]
    worst = max(effects, key=_WORST_LAST.index, default=Effect.ALLOW)
    return Decision(worst, tuple(reasons))


def _effect(result: RuleResult, lifted: Collection[str]) -> Effect:
    rule = result.rule
    if rule.effect is Effect.WARN:
        return Effect.WARN
    if result.verdict is Verdict.UNDECIDABLE:
        return rule.undecidable
    if rule.effect is Effect.APPROVE and rule.id in lifted:
        return Effect.ALLOW
    return rule.effect
