"""How far acts had got when: what a kill switch, pulled at each moment, would have prevented.

Source: docs/spec/rollback.md, *Blast radius*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from replay.exposure import Amount
from replay.history import Act

POINTS: Final = 120
"""How many points a curve has at most."""


@dataclass(frozen=True, slots=True)
class Radius:
    """What was touched up to a moment, and what came after it.

    Attributes:
        at: The moment, in microseconds since 1970; the acts of that very time are done.
        entry: The last act until then; -1 before the first.
        entities: How many targets were touched by then; acts without one are in none.
        runs: How many runs had acted.
        done: The acts until then, and their value.
        prevented: Those after it.
    """

    at: int
    entry: int
    entities: int
    runs: int
    done: Amount
    prevented: Amount


@dataclass(frozen=True, slots=True)
class Blast:
    """How far acts had got when, as if all had been stopped then.

    Attributes:
        curve: By time, from the first act on, at most `POINTS` of them; the last one has all.
        pulled: The same for the moment that was asked for; None where none was.
        untimed: The acts of which nobody recorded when: they are in no point.
    """

    curve: tuple[Radius, ...]
    pulled: Radius | None
    untimed: int


def blast(acts: Sequence[Act], pulled: int | None = None) -> Blast:
    """Return how far acts had got when.

    Args:
        acts: What changed something, or may have.
        pulled: When the kill switch is thought to have been pulled, in microseconds since 1970.
    """
    timed = sorted(
        (act for act in acts if act.time is not None), key=lambda act: (_time(act), act.index)
    )
    wanted = {-(-len(timed) * number // POINTS) - 1 for number in range(1, POINTS + 1)}
    going = _Going(timed)
    curve: list[Radius] = []
    asked = None if pulled is None else going.radius(pulled)
    for number, act in enumerate(timed):
        going.take(act)
        last = number + 1 == len(timed) or _time(timed[number + 1]) > _time(act)
        if pulled is not None and _time(act) <= pulled:
            asked = going.radius(pulled)
        if number in wanted and (last or number + 1 == len(timed)):
            curve.append(going.radius(_time(act)))
        elif number in wanted:
            # The others of the same moment are done as well.
            wanted.add(number + 1)
    return Blast(tuple(curve), asked, len(acts) - len(timed))


def _time(act: Act) -> int:
    return act.time or 0


class _Going:
    """What was touched so far, going through acts in time."""

    def __init__(self, timed: Sequence[Act]) -> None:
        self._entities = set[str]()
        self._runs = set[str]()
        self._done = Amount()
        self._whole = Amount.of(timed)
        self._entry = -1

    def take(self, act: Act) -> None:
        self._done.add(act)
        self._runs.add(act.run)
        self._entry = act.index
        if act.target:
            self._entities.add(act.target)

    def radius(self, at: int) -> Radius:
        done = Amount.sum([self._done])
        return Radius(
            at, self._entry, len(self._entities), len(self._runs), done, self._whole.less(done)
        )
