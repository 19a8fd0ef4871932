"""Violations, decisions, cost and value before and after a change, and what that can tell.

Rates are of runs and not of actions: the actions of a run hang together.
Source: docs/spec/value.md, *Changes*.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from replay.change import Change, Mixed, changes
from replay.history import History, Money
from replay.rates import Rates
from replay.run_choice import Chosen
from replay.statistics import FEW, Interval, newcombe, sample, welch
from replay.worth import Worth, worths
from verifier.findings import Finding, Result, Severity
from verifier.report import Report

ENOUGH: Final = 30
"""With fewer on a side, an interval that holds zero says that there are too few."""
RULES: Final = 5
"""Rules that are named, of those whose violations changed most."""
DECISIONS: Final = ("allow", "approve", "escalate", "deny", "")


class Tells(StrEnum):
    """What a comparison says."""

    ROSE = "rose"
    FELL = "fell"
    NOTHING = "no difference shown"
    TOO_FEW = "too few to tell"
    UNRECORDED = "not recorded on one side"


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure before and after.

    Attributes:
        measure: Which.
        unit: `share`, `number`, or a currency (amounts are in micro-units).
        n: How many runs on each side.
        before: The rate or mean; None where there is none.
        after: The same.
        interval: Of the difference, after − before; None where it cannot be told.
        tells: What that says.
    """

    measure: str
    unit: str
    n: tuple[int, int]
    before: float | None
    after: float | None
    interval: Interval | None
    tells: Tells


@dataclass(frozen=True, slots=True)
class Effect:
    """A change with all that was compared.

    `decisions` counts actions before and after by decision, the empty one for those without;
    `rules` has the findings of the rules that changed most a run: before and after.
    """

    change: Change
    compared: tuple[Compared, ...]
    decisions: Mapping[str, tuple[int, int]]
    rules: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """The whole answer of `writ change`."""

    report: Report
    asked: tuple[str, ...]
    chosen: Chosen
    rates: Rates
    effects: tuple[Effect, ...]
    mixed: tuple[Mixed, ...]

    @property
    def comparisons(self) -> int:
        """How many comparisons could have shown a difference."""
        return sum(one.interval is not None for each in self.effects for one in each.compared)


def changed(
    history: History, report: Report, chosen: Chosen, *, rates: Rates, asked: Sequence[str] = ()
) -> Changed:
    """Compare the chosen runs of a verified ledger before and after each change."""
    found, mixed = changes(worths(history, rates, chosen.runs))
    broken = violations(history, report.findings)
    effects = tuple(_effect(change, broken) for change in found)
    return Changed(report, tuple(asked), chosen, rates, effects, tuple(mixed))


def violations(history: History, findings: Iterable[Finding]) -> dict[str, Counter[str]]:
    """Return, by run, how often which rule was violated; advice is none."""
    named: dict[str, list[str]] = {}
    for run in history.runs.values():
        named.setdefault(run.said("ref"), []).append(run.digest)
    found: dict[str, Counter[str]] = {}
    for one in findings:
        if one.result is Result.VIOLATED and one.severity is not Severity.ADVICE and one.run:
            digest = _run(history, named.get(one.run, ()), one)
            found.setdefault(digest, Counter())[one.rule] += 1
    return found


def _run(history: History, named: Sequence[str], finding: Finding) -> str:
    """Return a finding's run: a digest, or of those with that reference the last before it."""
    if finding.run in history.runs:
        return finding.run
    before = [digest for digest in named if history.runs[digest].index <= finding.index]
    return before[-1] if before else ""


def _effect(change: Change, broken: Mapping[str, Counter[str]]) -> Effect:
    before, after = change.runs
    compared = [
        *_rates(before, after, broken),
        _mean(
            "calls a run",
            "number",
            [float(len(one.acts)) for one in before],
            [float(len(one.acts)) for one in after],
        ),
        *_amounts("cost a run", before, after, lambda one: one.cost),
        *_amounts("value a run", before, after, lambda one: one.value),
    ]
    counts = [Counter(act.decision for one in side for act in one.acts) for side in change.runs]
    return Effect(
        change=change,
        compared=tuple(compared),
        decisions={name: (counts[0][name], counts[1][name]) for name in DECISIONS},
        rules=_rules(change, broken),
    )


def _rates(
    before: Sequence[Worth], after: Sequence[Worth], broken: Mapping[str, Counter[str]]
) -> Iterator[Compared]:
    """Yield the rates of runs; those of decisions are of the runs with a recorded decision."""
    yield _rate("runs with a violation", before, after, lambda one: one.run.digest in broken)
    first, second = _with_decisions(before), _with_decisions(after)
    if first or second:
        yield _rate("runs with a denial", first, second, _decided("deny"))
        yield _rate("runs held for approval", first, second, _decided("approve"))
        yield _rate("runs escalated", first, second, _decided("escalate"))
    yield _rate("runs that succeeded", before, after, lambda one: one.succeeded)


def _with_decisions(runs: Sequence[Worth]) -> list[Worth]:
    return [one for one in runs if any(act.decision for act in one.acts)]


def _decided(effect: str) -> Callable[[Worth], bool]:
    return lambda worth: any(act.decision == effect for act in worth.acts)


def _rate(
    name: str, before: Sequence[Worth], after: Sequence[Worth], holds: Callable[[Worth], bool]
) -> Compared:
    counts = [(sum(map(holds, side)), len(side)) for side in (before, after)]
    first, second = (count / n if n else None for count, n in counts)
    n = counts[0][1], counts[1][1]
    return Compared(name, "share", n, first, second, *_told(n, newcombe(*counts)))


def _amounts(
    name: str,
    before: Sequence[Worth],
    after: Sequence[Worth],
    of: Callable[[Worth], Money | None],
) -> list[Compared]:
    """Compare what runs say in full and in one currency; each currency by itself."""
    sides: list[dict[str, list[float]]] = [{}, {}]
    for found, side in zip(sides, (before, after), strict=True):
        for money in filter(None, map(of, side)):
            found.setdefault(money.currency, []).append(float(money.micros))
    currencies = sorted({*sides[0], *sides[1]})
    return [
        _mean(name, currency, sides[0].get(currency, []), sides[1].get(currency, []))
        for currency in currencies
    ]


def _mean(name: str, unit: str, before: Sequence[float], after: Sequence[float]) -> Compared:
    first, second = sample(before), sample(after)
    n = first.n, second.n
    return Compared(
        name,
        unit,
        n,
        first.mean if first.n else None,
        second.mean if second.n else None,
        *_told(n, welch(first, second)),
    )


def _told(n: tuple[int, int], interval: Interval | None) -> tuple[Interval | None, Tells]:
    """Say what an interval of a difference tells, and drop it where it tells nothing."""
    if not min(n):
        return None, Tells.UNRECORDED
    if interval is None or min(n) < FEW:
        return None, Tells.TOO_FEW
    if interval.low > 0:
        return interval, Tells.ROSE
    if interval.high < 0:
        return interval, Tells.FELL
    return interval, Tells.NOTHING if min(n) >= ENOUGH else Tells.TOO_FEW


def _rules(change: Change, broken: Mapping[str, Counter[str]]) -> tuple[tuple[str, int, int], ...]:
    """Return the rules whose findings a run changed most, the greatest change first."""
    sides = [
        sum((broken.get(one.run.digest, Counter()) for one in side), Counter[str]())
        for side in change.runs
    ]
    n = [len(side) for side in change.runs]
    moved = sorted(
        {*sides[0], *sides[1]},
        key=lambda rule: (-abs(sides[1][rule] / n[1] - sides[0][rule] / n[0]), rule),
    )
    return tuple((rule, sides[0][rule], sides[1][rule]) for rule in moved[:RULES])
