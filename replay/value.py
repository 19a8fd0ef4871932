"""Value: what runs cost, what they were worth, and what one successful outcome cost.

Sums keep currencies apart; ratios are taken over the runs that recorded what they need, with how
many those are. Formulas: docs/spec/value.md.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from replay.history import Act, Run
from replay.statistics import FEW, Interval, fieller
from replay.worth import NOWHERE, Call, Item, Recorded, Worth, calls, totals

UNSAID: Final = "(not recorded)"
NO_CALL: Final = "(no call)"
SECOND: Final = 1_000_000


def day(run: Run) -> str:
    """Return the day in UTC on which a run was opened; empty where it has no time."""
    if run.time is None:
        return ""
    return datetime.fromtimestamp(run.time // SECOND, UTC).date().isoformat()


DIMENSIONS: Final[Mapping[str, Callable[[Run], str]]] = {
    "service": lambda run: run.said("service"),
    "version": lambda run: run.version,
    "channel": lambda run: run.said("channel"),
    "day": day,
    "model": lambda run: run.said("model"),
    "prompt": lambda run: run.said("prompt_digest"),
    "tools": lambda run: run.said("tools_digest"),
    "workflow": lambda run: run.said("workflow"),
    "domain": lambda run: run.said("domain"),
    "identity": lambda run: run.said("by"),
    "outcome": lambda run: run.outcome,
}
"""What runs can be grouped by; `tool` groups calls and stands apart."""
TOOL: Final = "tool"
GROUPINGS: Final = (*DIMENSIONS, TOOL)
USUAL: Final = ("service", "version", "channel", TOOL, "day")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of sums over `n` runs, with its interval at 95 %.

    `value` is None where there is nothing to divide by, and `interval` where the sample does not
    bound it (too few runs, or a denominator not told from zero).
    """

    value: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True, slots=True)
class Group:
    """The measures of some runs. Amounts are in micro-units by currency, in the order of names.

    Attributes:
        key: What they have in common; empty for all.
        runs: How many.
        closed: How many of them were closed.
        succeeded: How many count as a successful outcome.
        recorded: How many have their cost recorded in full, partly, or not at all.
        valued: How many have a value recorded.
        costs: By kind (messages, fees, people), then currency.
        values: What counts as value.
        worth: How many of those that succeeded were closed with a value.
        tokens: Read and written, as far as recorded: for `counted` runs in full, for
            `partly_counted` in part.
        minutes: Of people.
        per_success: Cost per successful outcome, by the cost's currency.
        per_cost: Value per unit of cost, by the currency of both.
        left_out: Runs that `per_success` and `per_cost` had to leave out.
    """

    key: str
    runs: int
    closed: int
    succeeded: int
    recorded: Mapping[Recorded, int]
    valued: int
    costs: Mapping[str, Mapping[str, int]]
    values: Mapping[str, int]
    worth: int
    tokens: tuple[int, int]
    counted: int
    partly_counted: int
    minutes: float
    per_success: Mapping[str, Ratio]
    per_cost: Mapping[str, Ratio]
    left_out: tuple[int, int]

    @property
    def cost(self) -> dict[str, int]:
        """The whole cost by currency."""
        sums: dict[str, int] = {}
        for kind in self.costs.values():
            for currency, micros in kind.items():
                sums[currency] = sums.get(currency, 0) + micros
        return dict(sorted(sums.items()))


@dataclass(slots=True)
class Calls:
    """Some calls: how many, their fees, and their shares of the messages' cost, by currency.

    `priced` are those of which any cost is recorded, `feeless` those called without a recorded fee.
    """

    count: int = 0
    priced: int = 0
    executed: int = 0
    done: int = 0
    feeless: int = 0
    fees: dict[str, int] = field(default_factory=dict[str, int])
    shares: dict[str, int] = field(default_factory=dict[str, int])
    people: dict[str, int] = field(default_factory=dict[str, int])
    values: dict[str, int] = field(default_factory=dict[str, int])
    stated: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, act: Act, priced: Container[int]) -> None:
        """Count a call; `priced` has the calls of which a cost is recorded."""
        self.count += 1
        self.priced += act.index in priced
        self.executed += act.executed
        self.done += act.done
        self.feeless += act.executed and act.cost is None

    def pay(self, item: Item) -> None:
        """Add a cost."""
        kind = {"fees": self.fees, "messages": self.shares, "people": self.people}[item.what]
        _add(kind, item)

    def currencies(self) -> list[str]:
        """Return the currencies that occur, in order."""
        kinds = (self.fees, self.shares, self.people, self.values, self.stated)
        return sorted({currency for kind in kinds for currency in kind})


def _add(sums: dict[str, int], item: Item) -> None:
    money = item.money
    sums[money.currency] = sums.get(money.currency, 0) + money.micros


# ------------------------------------------------------------------------------- groups


def grouped(worths: Sequence[Worth], by: str) -> list[Group]:
    """Return the measures of each group of runs, in the order of their keys.

    Raises:
        KeyError: `by` is not in `DIMENSIONS`.
    """
    key = DIMENSIONS[by]
    groups: dict[str, list[Worth]] = defaultdict(list)
    for worth in worths:
        groups[key(worth.run) or UNSAID].append(worth)
    return [measured(groups[name], name) for name in sorted(groups)]


def measured(worths: Sequence[Worth], key: str = "") -> Group:
    """Return the measures of some runs."""
    runs = [worth.run for worth in worths]
    items = [item for worth in worths for item in worth.costs]
    kinds = sorted({item.what for item in items})
    per_success, out = _per_success(worths)
    per_cost, out_both = _per_cost(worths)
    return Group(
        key=key,
        runs=len(worths),
        closed=sum(run.closed >= 0 for run in runs),
        succeeded=sum(worth.succeeded for worth in worths),
        recorded={each: sum(w.recorded is each for w in worths) for each in Recorded},
        valued=sum(worth.valued for worth in worths),
        costs={kind: totals(item for item in items if item.what == kind) for kind in kinds},
        values=totals(item for worth in worths for item in worth.values),
        tokens=(sum(run.tokens[0] for run in runs), sum(run.tokens[1] for run in runs)),
        worth=sum(worth.succeeded and worth.own for worth in worths),
        counted=sum(any(run.tokens) and not run.uncounted for run in runs),
        partly_counted=sum(any(run.tokens) and run.uncounted > 0 for run in runs),
        minutes=sum(run.minutes for run in runs),
        per_success=per_success,
        per_cost=per_cost,
        left_out=(out, out_both),
    )


def _per_success(worths: Sequence[Worth]) -> tuple[dict[str, Ratio], int]:
    """Return cost per success by currency, and how many runs do not say enough."""
    pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for worth in worths:
        cost = worth.cost
        if cost is not None:
            pairs[cost.currency].append((cost.micros, int(worth.succeeded)))
    return _ratios(pairs), len(worths) - sum(map(len, pairs.values()))


def _per_cost(worths: Sequence[Worth]) -> tuple[dict[str, Ratio], int]:
    """Return value per cost where both are of one currency, and how many runs have not both."""
    pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for worth in worths:
        cost, value = worth.cost, worth.value
        if cost is not None and value is not None and cost.currency == value.currency:
            pairs[cost.currency].append((value.micros, cost.micros))
    return _ratios(pairs), len(worths) - sum(map(len, pairs.values()))


def _ratios(pairs: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, Ratio]:
    return {currency: ratio(pairs[currency]) for currency in sorted(pairs)}


def ratio(pairs: Sequence[tuple[int, int]]) -> Ratio:
    """Return Σ first / Σ second of pairs, one a run, with its interval."""
    bottom = sum(second for _, second in pairs)
    if bottom <= 0:
        return Ratio(None, None, len(pairs))
    found = sum(first for first, _ in pairs) / bottom
    if len(pairs) < FEW:
        return Ratio(found, None, len(pairs))
    interval = fieller([float(a) for a, _ in pairs], [float(b) for _, b in pairs])
    return Ratio(found, interval, len(pairs))


# -------------------------------------------------------------------------------- calls


def by_tool(worths: Iterable[Worth]) -> dict[str, Calls]:
    """Return calls by tool, in the order of names; `(no call)` has what belongs to none.

    A run's own value belongs to no call. What outcomes say beside it is `stated` and not counted.
    """
    found: dict[str, Calls] = defaultdict(Calls)
    for worth in worths:
        priced = {item.act for item in worth.costs}
        for act in worth.acts:
            found[act.tool].take(act, priced)
        for item in worth.costs:
            found[item.tool or NO_CALL].pay(item)
        for item in worth.values:
            _add(found[item.tool or NO_CALL].values, item)
        for item in worth.stated:
            _add(found[item.tool].stated, item)
    return {name: found[name] for name in sorted(found)}


def attempts(worths: Iterable[Worth]) -> dict[Call, Calls]:
    """Return calls by what became of them, each kind once, in the order of `Call`."""
    found = {each: Calls() for each in Call}
    for worth in worths:
        became: dict[int, Call] = {}
        priced = {item.act for item in worth.costs}
        for act, kind in calls(worth):
            became[act.index] = kind
            found[kind].take(act, priced)
        for item in worth.costs:
            if item.act != NOWHERE:
                found[became[item.act]].pay(item)
    return found


@dataclass(slots=True)
class Kth:
    """What the k-th calls of runs added, by currency.

    `runs` had so many calls; of them `costed` say their cost in full and in that currency, and
    `valued` say a value in it. Cost is that of the former, value that of the latter.
    """

    k: int
    runs: int = 0
    cost: dict[str, int] = field(default_factory=dict[str, int])
    value: dict[str, int] = field(default_factory=dict[str, int])
    costed: dict[str, int] = field(default_factory=dict[str, int])
    valued: dict[str, int] = field(default_factory=dict[str, int])


def marginal(worths: Iterable[Worth]) -> list[Kth]:
    """Return what the k-th call of a run added, for k from 1.

    A run's own value falls on its last call, which is what the run had been waiting for. What falls
    on no call (people's time, messages without one, the value of a run without calls) is left out.
    """
    found: list[Kth] = []
    for worth in worths:
        while len(found) < len(worth.acts):
            found.append(Kth(len(found) + 1))
        if worth.acts:
            _along(worth, found[: len(worth.acts)])
    return found


def _along(worth: Worth, found: Sequence[Kth]) -> None:
    """Add a run's calls to those that were as far along."""
    place = {act.index: number for number, act in enumerate(worth.acts)}
    costs = worth.costs if worth.recorded is Recorded.FULL else ()
    in_cost, in_value = totals(costs), totals(worth.values)
    for each in found:
        each.runs += 1
        for currency in in_cost:
            each.costed[currency] = each.costed.get(currency, 0) + 1
        for currency in in_value:
            each.valued[currency] = each.valued.get(currency, 0) + 1
    for item in costs:
        if item.act != NOWHERE:
            _add(found[place[item.act]].cost, item)
    for item in worth.values:
        _add(found[place.get(item.act, -1)].value, item)
