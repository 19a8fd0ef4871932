"""Looking for one call that contracts decide differently: over edges, one at a time, then together.

The search begins with a call that every rule of both contracts is content with, where there is one,
so that a difference is not hidden behind a third rule. It then changes what the rule in question
reads, and repairs what that breaks elsewhere. It is bounded and finds what is at an edge; that it
finds nothing proves nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, product
from typing import Final

from contracts.assignments import Assignment, Side, Space
from contracts.coercion import Value
from contracts.model import Effect, Verdict
from contracts.results import RuleResult
from contracts.samples import Path
from contracts.stated import Ago, Outcome, Situation

MOST_TRIED: Final = 1_500
"""How many calls are tried for one rule."""

_MOST_REPAIRS: Final = 8
_MOST_STEPS: Final = 40
_MOST_SIDEWAYS: Final = 12
_MOST_TOGETHER: Final = 3

Accept = Callable[[Situation], bool]


@dataclass(frozen=True, slots=True)
class Span:
    """That contracts differ alike at each value that was tried from one to another.

    Attributes:
        place: What is varied, all else equal.
        least: The least value of the row.
        most: The greatest.
        opens: True where no greater value was tried, so that nothing is known to end the row.
    """

    place: Path
    least: Value
    most: Value
    opens: bool


@dataclass(frozen=True, slots=True)
class Witness:
    """A call that two contracts decide differently, as really deciding it showed.

    Attributes:
        situation: The call, with everything that it was decided on.
        outcomes: What becomes of it, before and after.
        reasons: Ids of the rules that were not satisfied, before and after.
        reads: The places that matter to the rule that differs, with their values.
        spans: For places with an order, where else the two differ in this same way.
    """

    situation: Situation
    outcomes: tuple[Outcome, Outcome]
    reasons: tuple[tuple[str, ...], tuple[str, ...]]
    reads: tuple[tuple[Path, Value], ...]
    spans: tuple[Span, ...] = ()


class Search:
    """The search over the calls of one tool."""

    def __init__(self, before: Side, after: Side, space: Space) -> None:
        self._sides = (before, after)
        self._space = space
        self._base: dict[Path, Value] | None = None
        # Rules that decided anyway where the last rule that was asked for differed.
        self.hidden: tuple[str, ...] = ()

    def base(self) -> dict[Path, Value]:
        """Return a call that as many rules as possible are content with, on both sides."""
        if self._base is None:
            self._base = self._repaired(self._space.first(), lambda _: True)
        return self._base

    def places(self, rule: str) -> set[Path]:
        """Return what a rule reads, in either contract."""
        return {place for reads in self._space.reads for place in reads.get(rule, ())}

    def witness(self, rule: str, accept: Accept = lambda _: True) -> Witness | None:
        """Return a call on which this rule makes the decisions differ, None where none was found.

        The rule is to blame for it: without it the contract that it speaks up in would have decided
        otherwise.
        """
        places = self._space.varied(self.places(rule))
        self.hidden = ()
        repairs = 0
        best: tuple[int, Assignment] | None = None
        for chosen in self._near(places):
            if not self._differs(rule, chosen) or not accept(self._space.situation(chosen)):
                continue
            found: Assignment = chosen
            # What no call satisfies, nothing repairs.
            if set(self._others(rule, chosen)) - self._hopeless():
                repairs += 1
                found = self._repaired(
                    chosen,
                    lambda one: self._differs(rule, one) and accept(self._space.situation(one)),
                    rule,
                )
            cost = self._cost(found, rule)
            if not self._blames(rule, found):
                self.hidden = self._others(rule, found)
            elif best is None or cost < best[0]:
                best = (cost, found)
            if (best and not best[0]) or repairs > _MOST_REPAIRS:
                break
        return None if best is None else self._told(rule, best[1], places)

    # ---------------------------------------------------------------------- candidates

    def _near(self, places: list[Path]) -> Iterator[Assignment]:
        """Yield the base, then what differs from it in one place, in two, in three."""
        base = self.base()
        tried = 1
        yield base
        for together in range(1, _MOST_TOGETHER + 1):
            for chosen in combinations(places, together):
                others = [
                    [one for one in self._space.values[place] if one != base[place]]
                    for place in chosen
                ]
                for values in product(*others):
                    yield {**base, **dict(zip(chosen, values, strict=True))}
                    tried += 1
                    if tried > MOST_TRIED:
                        return

    # -------------------------------------------------------------------------- asking

    def _results(self, side: Side, chosen: Assignment) -> list[RuleResult]:
        return side.decider.judge(self._space.situation(chosen))

    def _broken(self, side: Side, chosen: Assignment) -> list[str]:
        return [
            one.rule.id
            for one in self._results(side, chosen)
            if one.verdict is not Verdict.SATISFIED and one.rule.effect is not Effect.WARN
        ]

    def _cost(self, chosen: Assignment, but: str = "") -> int:
        return sum(one != but for side in self._sides for one in self._broken(side, chosen))

    def _differs(self, rule: str, chosen: Assignment) -> bool:
        situation = self._space.situation(chosen)
        said = [_said(side.decider.judge(situation, {rule}), rule) for side in self._sides]
        return said[0] != said[1]

    def _blames(self, rule: str, chosen: Assignment) -> bool:
        """Return whether the decisions differ, and this rule is heard wherever it speaks up."""
        outcomes: list[Outcome] = []
        for side in self._sides:
            results = self._results(side, chosen)
            outcomes.append(side.decider.outcome_of(results))
            rest = [one for one in results if one.rule.id != rule]
            if _said(results, rule) and side.decider.outcome_of(rest) == outcomes[-1]:
                return False
        return outcomes[0] != outcomes[1]

    def _hopeless(self) -> set[str]:
        base = self.base()
        return {one for side in self._sides for one in self._broken(side, base)}

    def _others(self, rule: str, chosen: Assignment) -> tuple[str, ...]:
        broken = {one for side in self._sides for one in self._broken(side, chosen)}
        return tuple(sorted(broken - {rule}))

    def _outcomes(self, chosen: Assignment) -> tuple[Outcome, Outcome]:
        situation = self._space.situation(chosen)
        before, after = (side.decider.outcome(situation) for side in self._sides)
        return before, after

    # ------------------------------------------------------------------------ repairing

    def _repaired(
        self, chosen: Assignment, keep: Callable[[Assignment], bool], but: str = ""
    ) -> dict[Path, Value]:
        """Change what unsatisfied rules read, one place at a time, while that leaves fewer."""
        now = dict(chosen)
        cost = self._cost(now, but)
        for _ in range(_MOST_STEPS):
            better = self._step(now, cost, keep, but) if cost else None
            if better is None:
                break
            now, cost = better
        return now

    def _step(
        self, now: dict[Path, Value], cost: int, keep: Callable[[Assignment], bool], but: str
    ) -> tuple[dict[Path, Value], int] | None:
        """Return a change that leaves fewer rules unsatisfied, or two of which only both do."""
        sideways: list[dict[Path, Value]] = []
        for candidate, new in self._moves(now, but):
            if new <= cost and keep(candidate):
                if new < cost:
                    return candidate, new
                sideways.append(candidate)
        for first in sideways[:_MOST_SIDEWAYS]:
            for candidate, new in self._moves(first, but):
                if new < cost and keep(candidate):
                    return candidate, new
        return None

    def _moves(self, now: dict[Path, Value], but: str) -> Iterator[tuple[dict[Path, Value], int]]:
        """Yield each change of one place that an unsatisfied rule reads, with what it leaves."""
        places: dict[Path, None] = {}
        for number, side in enumerate(self._sides):
            for rule in self._broken(side, now):
                if rule != but:
                    reads = self._space.reads[number].get(rule, ())
                    places.update(dict.fromkeys(self._space.varied(reads)))
        for place in places:
            for value in self._space.values[place]:
                if value != now[place]:
                    candidate = {**now, place: value}
                    yield candidate, self._cost(candidate, but)

    # -------------------------------------------------------------------------- telling

    def _told(self, rule: str, chosen: Assignment, places: list[Path]) -> Witness:
        told, spans = dict(chosen), list[Span]()
        outcomes = self._outcomes(chosen)
        for place in places:
            span = self._span(rule, told, place, outcomes)
            if span is not None:
                told[place] = span.least
                spans.append(span)
        situation = self._space.situation(told)
        reasons = tuple(tuple(self._broken(side, told)) for side in self._sides)
        telling = [place for place in places if self._matters(rule, told, place)]
        reads = tuple((place, told[place]) for place in telling or places)
        return Witness(situation, outcomes, (reasons[0], reasons[1]), reads, tuple(spans))

    def _matters(self, rule: str, told: Assignment, place: Path) -> bool:
        """Return whether some other value here would take the difference away."""
        others = [{**told, place: one} for one in self._space.values[place] if one != told[place]]
        return not all(self._differs(rule, one) for one in others)

    def _span(
        self, rule: str, told: Assignment, place: Path, outcomes: tuple[Outcome, Outcome]
    ) -> Span | None:
        """Return the row of values around a place's own at which the two differ alike."""
        if _order(told[place]) is None:
            return None
        tried = sorted(
            (one for one in self._space.values[place] if _order(one) is not None), key=_order_of
        )
        differs = [self._differs(rule, {**told, place: one}) for one in tried]
        if all(differs):
            return None
        same = [
            differing and self._outcomes({**told, place: one}) == outcomes
            for one, differing in zip(tried, differs, strict=True)
        ]
        low = high = tried.index(told[place])
        while low and same[low - 1]:
            low -= 1
        while high + 1 < len(tried) and same[high + 1]:
            high += 1
        return Span(place, tried[low], tried[high], high + 1 == len(tried))


def _said(results: list[RuleResult], rule: str) -> tuple[object, ...]:
    """Return all of a rule's result that can matter to a decision; one that is not there allows."""
    for one in results:
        if one.rule.id != rule:
            continue
        if one.verdict is Verdict.VIOLATED:
            return one.rule.effect, one.rule.role, one.rule.within
        if one.verdict is Verdict.UNDECIDABLE and one.rule.undecidable is not Effect.ALLOW:
            return (one.rule.undecidable,)
    return ()


def _order(value: Value) -> float | None:
    if isinstance(value, Ago):
        return value.micros
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _order_of(value: Value) -> float:
    return _order(value) or 0
