"""What is at stake: values by currency and by entity, and how they grew over time.

Two currencies are never added, and what has no recorded value is counted, not taken for zero.
Source: docs/spec/rollback.md, *Exposure*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from replay.history import Act, Money

POINTS: Final = 120
"""How many points a curve has at most."""


@dataclass(slots=True)
class Amount:
    """Acts, and what they were worth: micro-units by currency, and how many have no value."""

    acts: int = 0
    micros: dict[str, int] = field(default_factory=dict[str, int])
    unvalued: int = 0

    def add(self, value: Money | None) -> None:
        """Count one more act."""
        self.acts += 1
        if value is None:
            self.unvalued += 1
        else:
            self.micros[value.currency] = self.micros.get(value.currency, 0) + value.micros

    @classmethod
    def of(cls, values: Iterable[Money | None]) -> "Amount":
        """Count acts."""
        found = cls()
        for value in values:
            found.add(value)
        return found


@dataclass(frozen=True, slots=True)
class Radius:
    """What was touched up to a time.

    Attributes:
        at: In microseconds since 1970.
        entities: How many targets; acts without one are in none.
        runs: How many runs.
        amount: The acts, and their value.
    """

    at: int
    entities: int
    runs: int
    amount: Amount


@dataclass(frozen=True, slots=True)
class Blast:
    """How far acts had got when, as if all had been stopped then.

    Attributes:
        curve: By time, at most `POINTS` of them, the last one with all.
        pulled: What was touched by the time that was asked for; None where none was.
        prevented: What came later.
        untimed: The acts of which nobody knows when: they are in no point.
    """

    curve: tuple[Radius, ...]
    pulled: Radius | None
    prevented: Amount | None
    untimed: int


def blast(acts: Sequence[Act], pulled: int | None = None) -> Blast:
    """Return how far acts had got when.

    Args:
        acts: What changed something, in index order.
        pulled: When the kill switch is thought to have been pulled, in microseconds since 1970:
            what was recorded to have been done at that very time still was.
    """
    timed = sorted(
        ((when, act) for act in acts if (when := _when(act)) is not None),
        key=lambda one: (one[0], one[1].index),
    )
    wanted = {len(timed) * (n + 1) // POINTS for n in range(POINTS)} if timed else set[int]()
    entities, runs, amount = set[str](), set[str](), Amount()
    curve: list[Radius] = []
    at_pulled: Radius | None = None if pulled is None else Radius(pulled, 0, 0, Amount())
    later = Amount()
    for number, (when, act) in enumerate(timed, start=1):
        if act.target:
            entities.add(act.target)
        runs.add(act.run)
        amount.add(act.value)
        if number in wanted:
            curve.append(_radius(when, entities, runs, amount))
        if pulled is not None and when <= pulled:
            at_pulled = (
                _radius(pulled, entities, runs, amount)
                if _last(timed, number, pulled)
                else at_pulled
            )
        elif pulled is not None:
            later.add(act.value)
    return Blast(tuple(curve), at_pulled, None if pulled is None else later, len(acts) - len(timed))


def _last(timed: Sequence[tuple[int, Act]], number: int, pulled: int) -> bool:
    return number == len(timed) or timed[number][0] > pulled


def _when(act: Act) -> int | None:
    return act.time if act.ended_at is None else act.ended_at


def _radius(at: int, entities: set[str], runs: set[str], amount: Amount) -> Radius:
    copied = Amount(amount.acts, dict(amount.micros), amount.unvalued)
    return Radius(at, len(entities), len(runs), copied)


def by_entity(acts: Iterable[Act]) -> dict[str, Amount]:
    """Return what acts come to by target, the greatest first; empty text for those without one."""
    found: dict[str, Amount] = {}
    for act in acts:
        found.setdefault(act.target, Amount()).add(act.value)
    order = sorted(found, key=lambda name: (-max(found[name].micros.values(), default=0), name))
    return {name: found[name] for name in order}
