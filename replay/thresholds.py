"""Had runs been stopped once they cost too much of what they were worth.

A run is stopped after the first step at which its cost so far is more than z times its value, if a
step follows. What the later steps cost is saved; the value that was not there yet is lost.
Source: docs/spec/value.md, *Thresholds*.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from contracts.model import Contract
from replay.history import History
from replay.worth import PEOPLE, Item, Worth

SHOWN: Final = 60
"""Points of a curve that are kept, spread evenly over all."""


@dataclass(frozen=True, slots=True)
class Point:
    """A threshold: cost saved and value lost in micro-units, and how many runs were stopped.

    `ratio` is the threshold; infinity stops only runs that are worth nothing.
    """

    ratio: float
    saved: int
    lost: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Curve:
    """All thresholds of one currency.

    Attributes:
        currency: Of cost and value.
        runs: How many runs it is taken over.
        left_out: How many it is not: without a full cost or a value, or in other currencies.
        cost: What those runs cost in all; `value` what they were worth.
        points: From the highest threshold to the lowest.
        knee: Which point is furthest from the chord; None where there is no curve.
    """

    currency: str
    runs: int
    left_out: int
    cost: int
    value: int
    points: tuple[Point, ...]
    knee: int | None


@dataclass(frozen=True, slots=True)
class Own:
    """What the threshold of a contract itself would have done, over the runs under it.

    `over` runs ended above it; those that passed it before their last step are stopped in `point`.
    """

    contract: str
    version: str
    runs: int
    over: int
    currency: str
    point: Point


@dataclass(frozen=True, slots=True)
class _Steps:
    """A run: after each step but the last its cost, that without people, and the value there.

    `cost` is that of the whole run, `whole` the same without people.
    """

    costs: tuple[int, ...]
    asked: tuple[int, ...]
    kept: tuple[int, ...]
    cost: int
    whole: int
    value: int

    def stopped(self, at: int) -> tuple[int, int]:
        """Return cost saved and value lost when stopped after a step."""
        return self.cost - self.costs[at], self.value - self.kept[at]


def curves(worths: Sequence[Worth]) -> list[Curve]:
    """Return the curve of each currency in which runs say cost and value, in order of names."""
    runs: dict[str, list[_Steps]] = {}
    for worth in worths:
        currency = _currency(worth)
        if currency:
            runs.setdefault(currency, []).append(_steps(worth))
    return [_curve(name, runs[name], len(worths)) for name in sorted(runs)]


def _currency(worth: Worth) -> str:
    """Return the one currency of cost and value; empty where there is not one."""
    cost, value = worth.cost, worth.value
    if cost is None or value is None or cost.currency != value.currency:
        return ""
    return cost.currency


def _steps(worth: Worth) -> _Steps:
    """Return a run's steps: its calls and what fell on none, by the entry of each."""
    whole: dict[int, int] = {act.index: 0 for act in worth.acts}
    asked = dict(whole)
    for item in worth.costs:
        place = item.act if item.act in whole else item.index
        whole[place] = whole.get(place, 0) + item.money.micros
        asked[place] = asked.get(place, 0) + (item.what != PEOPLE) * item.money.micros
    places = sorted(whole)[:-1]
    return _Steps(
        costs=tuple(accumulate(whole[place] for place in places)),
        asked=tuple(accumulate(asked[place] for place in places)),
        kept=tuple(
            sum(item.money.micros for item in worth.values if _there(item, place))
            for place in places
        ),
        cost=sum(item.money.micros for item in worth.costs),
        whole=sum(asked.values()),
        value=sum(item.money.micros for item in worth.values),
    )


def _there(item: Item, place: int) -> bool:
    """Say whether a value was there after a step: a run's own is there when it closes."""
    return item.what == "outcome" and item.act <= place


def _breaks(run: _Steps) -> Iterator[tuple[float, int]]:
    """Yield below which threshold the run is stopped where, from the highest on.

    A run that is worth nothing is stopped by every threshold as soon as it costs anything.
    """
    found: list[tuple[float, int]] = []
    highest = 0.0
    for at, cost in enumerate(run.costs):
        if cost <= 0:
            continue
        reached = cost / run.value if run.value > 0 else math.inf
        if reached > highest:
            highest = reached
            found.append((reached, at))
    yield from reversed(found)


def _curve(currency: str, runs: Sequence[_Steps], all_runs: int) -> Curve:
    changes: list[tuple[float, int, int, int]] = []
    for run in runs:
        saved = lost = 0
        first = 1
        for below, at in _breaks(run):
            now = run.stopped(at)
            changes.append((below, now[0] - saved, now[1] - lost, first))
            (saved, lost), first = now, 0
    points = _summed(changes)
    kept = _thinned(points)
    return Curve(
        currency=currency,
        runs=len(runs),
        left_out=all_runs - len(runs),
        cost=sum(run.cost for run in runs),
        value=sum(run.value for run in runs),
        points=kept,
        knee=knee([(point.lost, point.saved) for point in kept]),
    )


def _summed(changes: list[tuple[float, int, int, int]]) -> list[Point]:
    """Return the points: at each threshold what all changes above it come to."""
    changes.sort(key=lambda change: -change[0])
    saved = lost = stopped = place = 0
    points: list[Point] = []
    for ratio in (math.inf, *sorted({c[0] for c in changes if c[0] < math.inf}, reverse=True), 0.0):
        while place < len(changes) and (changes[place][0] > ratio or changes[place][0] == math.inf):
            saved, lost = saved + changes[place][1], lost + changes[place][2]
            stopped += changes[place][3]
            place += 1
        points.append(Point(ratio, saved, lost, stopped))
    return points


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    if len(points) <= SHOWN:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[round(place * last / (SHOWN - 1))] for place in range(SHOWN))


def knee(points: Sequence[tuple[float, float]]) -> int | None:
    """Return which point lies furthest above the chord from the first to the last.

    Both axes count in parts of their extent. None where the ends have no extent, or nothing lies
    above; of equals the first. Source: the Kneedle idea, Satopää et al., ICDCSW (2011).

    Example:
        >>> knee([(0, 0), (1, 8), (10, 10)])
        1
    """
    if len(points) < 3:  # noqa: PLR2004 - two ends, and something between
        return None
    (x0, y0), (x1, y1) = points[0], points[-1]
    wide, tall = x1 - x0, y1 - y0
    if wide <= 0 or tall <= 0:
        return None
    # Not divided by either extent: whole numbers stay exact, so equals are equal.
    above = [(y - y0) * wide - (x - x0) * tall for x, y in points]
    best = max(range(len(above)), key=lambda place: (above[place], -place))
    return best if above[best] > 0 else None


# -------------------------------------------------------------------- the contract's own


def owned(history: History, worths: Sequence[Worth]) -> list[Own]:
    """Return what each contract's `cost_per_value_max` would have done, in order of versions.

    Whether a run has passed it is asked as the contract asks it: people's time is no cost there.
    What is saved is all that the later steps cost.
    """
    found: list[Own] = []
    under: dict[tuple[str, str], list[Worth]] = {}
    for worth in worths:
        currency = _currency(worth)
        if currency and worth.run.contract:
            under.setdefault((worth.run.contract, currency), []).append(worth)
    for (digest, currency), runs in under.items():
        contract = history.contracts.get(digest)
        if contract is not None and contract.cost_per_value_max is not None:
            found.append(_own(contract, contract.cost_per_value_max, currency, runs))
    return sorted(found, key=lambda one: (one.contract, one.version, one.currency))


def _own(contract: Contract, bound: float, currency: str, runs: Sequence[Worth]) -> Own:
    saved = lost = stopped = over = 0
    for steps in map(_steps, runs):
        over += steps.whole > bound * steps.value
        passed = (at for at, cost in enumerate(steps.asked) if cost > bound * steps.value)
        at = next(passed, None)
        if at is not None:
            more, less = steps.stopped(at)
            saved, lost, stopped = saved + more, lost + less, stopped + 1
    point = Point(bound, saved, lost, stopped)
    return Own(contract.name, contract.version, len(runs), over, currency, point)
