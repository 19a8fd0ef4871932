"""A plan made all at once: how many of its calls the contract's rates and bounds let through.

Each call of a plan is decided as if it alone were proposed. Here they are decided one after the
other, each counting for those after it, as the guard would at that time.
Source: docs/spec/rollback.md, *All at once*.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from contracts.decision import Decision
from contracts.history import Event
from contracts.model import Effect
from replay.compensations import OK, Call, Compensations
from replay.history import Act
from replay.rollback import Plan

MOST: Final = 2_000
"""Calls that are tried."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What becomes of a plan's calls if all are proposed at the same time, in its order.

    Attributes:
        tried: How many of them were tried, from the first on.
        against: Of the others how many meet which rule; one call may meet several.
        through: The acts whose calls are allowed, by place.
    """

    tried: int
    through: tuple[int, ...]
    against: Mapping[str, int]

    @property
    def allowed(self) -> int:
        """How many of those are allowed, people having approved them where they have to."""
        return len(self.through)


def paced(plan: Plan, compensations: Compensations) -> Pace:
    """Decide a plan's calls one after the other.

    What is let through counts from then on: nothing else is to be asked of these compensations.
    """
    against: Counter[str] = Counter()
    through: list[int] = []
    steps = plan.steps[:MOST]
    for fate in steps:
        if fate.call is None:
            raise LookupError(f"act {fate.number} has no call")
        decision = _proposed(plan.acts[fate.number], fate.call, compensations)
        if decision.effect in {Effect.ALLOW, Effect.APPROVE}:
            through.append(fate.number)
        else:
            against.update(
                reason.rule
                for reason in decision.reasons
                if reason.effect in {Effect.DENY, Effect.ESCALATE}
            )
    return Pace(len(steps), tuple(through), dict(sorted(against.items())))


def _proposed(act: Act, call: Call, compensations: Compensations) -> Decision:
    """Decide a call, in a run of its own, and let it count if it is allowed."""
    service = compensations.service(act)
    engine = compensations.in_force.engine(service)
    if engine is None:
        raise LookupError(f"nothing decides for {service}")
    run = compensations.opened(service, act.by, engine)
    event = compensations.proposed(act, call.tool, call.params, run, engine)
    decision = engine.decided(event)
    if decision.effect in {Effect.ALLOW, Effect.APPROVE}:
        made = _allowed(event, run)
        compensations.count(made, engine)
        record = {"v": 1, "kind": "outcome", "by": act.by, "run": run, "status": OK}
        outcome = compensations.event({**record, "action": made.digest}, f"outcome of {run}")
        compensations.count(outcome, engine)
    return decision


def _allowed(event: Event, run: str) -> Event:
    """Return a proposed call as if people had approved it."""
    record: dict[str, Any] = {**event.record, "decision": {"effect": "allow", "reasons": []}}
    return replace(event, digest=f"call of {run}", record=record)
