"""What one run cost and was worth, as recorded: the items that all measures of value sum.

Each amount is one item, so that every grouping of the items adds up to the whole. What is not
recorded makes no item. Source: docs/spec/value.md, *What counts*.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from replay.history import Act, History, Money, Run, Spent
from replay.rates import Rates

MESSAGES: Final = "messages"
FEES: Final = "fees"
PEOPLE: Final = "people"
EXECUTE: Final = "execute"
NOWHERE: Final = -1
"""The act of an item that belongs to no call."""


class Recorded(StrEnum):
    """How much of a run's cost is recorded."""

    FULL = "full"
    PARTLY = "partly"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Item:
    """One amount of a run.

    Attributes:
        what: `messages`, `fees` or `people` for a cost; `run` or `outcome` for a value.
        act: The entry of the call that it falls on, -1 where on none.
        tool: That call's tool; empty.
        index: The entry as of which it counts.
        money: How much, after stated rates.
    """

    what: str
    act: int
    tool: str
    index: int
    money: Money


@dataclass(frozen=True, slots=True)
class Worth:
    """A run with its items.

    Attributes:
        run: The run.
        acts: Its actions, in order.
        costs: What it cost.
        values: What it was worth: one item where its closing says so, else one an outcome.
        recorded: How much of its cost is recorded.
        own: Whether the value is that of its closing.
        stated: What its outcomes say beside the run's own value, and so does not count.
        succeeded: Whether it counts as a successful outcome.
    """

    run: Run
    acts: tuple[Act, ...]
    costs: tuple[Item, ...]
    values: tuple[Item, ...]
    recorded: Recorded
    own: bool
    stated: tuple[Item, ...]
    succeeded: bool

    @property
    def valued(self) -> bool:
        """Whether a value is recorded."""
        return bool(self.values)

    @property
    def cost(self) -> Money | None:
        """The whole cost, None where it is not recorded in full or in more than one currency."""
        return single(self.costs) if self.recorded is Recorded.FULL else None

    @property
    def value(self) -> Money | None:
        """The whole value, None where none is recorded or in more than one currency."""
        return single(self.values)


def single(items: Iterable[Item]) -> Money | None:
    """Return the sum of items of one currency; None where there is none, or more than one."""
    sums = totals(items)
    if len(sums) != 1:
        return None
    ((currency, micros),) = sums.items()
    return Money(currency, micros)


def totals(items: Iterable[Item]) -> dict[str, int]:
    """Return the sums by currency, in the order of their names."""
    sums: dict[str, int] = {}
    for item in items:
        money = item.money
        sums[money.currency] = sums.get(money.currency, 0) + money.micros
    return dict(sorted(sums.items()))


def worths(history: History, rates: Rates, runs: Iterable[Run] | None = None) -> list[Worth]:
    """Return what runs cost and were worth, in index order.

    Args:
        history: The ledger.
        rates: What is stated.
        runs: Which; by default all.
    """
    chosen = history.runs if runs is None else {run.digest: run for run in runs}
    acts: dict[str, list[Act]] = {digest: [] for digest in chosen}
    for act in history.acts:
        if act.run in acts:
            acts[act.run].append(act)
    undone = {act.compensates for act in history.acts if act.compensates and act.done}
    ordered = sorted(chosen.values(), key=lambda run: run.index)
    return [_worth(run, acts[run.digest], undone, rates) for run in ordered]


def _worth(run: Run, acts: list[Act], undone: set[str], rates: Rates) -> Worth:
    costs = (*_messages(run, acts, rates), *_fees(acts, rates), *_people(run, rates))
    lasting = [act for act in acts if act.done and not act.compensates and act.digest not in undone]
    said = tuple(
        Item("outcome", act.index, act.tool, act.ended, rates.convert(act.value))
        for act in lasting
        if act.value is not None
    )
    own = run.value is not None
    values = said
    if run.value is not None:
        values = (Item("run", NOWHERE, "", run.closed, rates.convert(run.value)),)
        succeeded = run.value.micros > 0
    else:
        succeeded = any(act.mode == EXECUTE for act in lasting)
    return Worth(
        run=run,
        acts=tuple(acts),
        costs=costs,
        values=values,
        recorded=_recorded(run, acts, rates, some=bool(costs)),
        own=own,
        stated=said if own else (),
        succeeded=succeeded,
    )


def _recorded(run: Run, acts: list[Act], rates: Rates, *, some: bool) -> Recorded:
    """Say whether all is there that the run, and the contract's estimates, say must cost."""
    if not some:
        return Recorded.NONE
    feeless = any(act.executed and act.cost is None and act.reserved[0] for act in acts)
    unpaid = bool(run.unpaid) and rates.minute is None
    return Recorded.PARTLY if run.unpriced or feeless or unpaid else Recorded.FULL


def _fees(acts: list[Act], rates: Rates) -> Iterator[Item]:
    for act in acts:
        if act.cost is not None:
            yield Item(FEES, act.index, act.tool, act.ended, rates.convert(act.cost))


def _people(run: Run, rates: Rates) -> Iterator[Item]:
    for spent in run.spent:
        if spent.turn < 0:
            yield Item(PEOPLE, NOWHERE, "", spent.index, rates.convert(spent.money))
    for index, minutes in run.unpaid:
        at_rate = rates.time(minutes)
        if at_rate is not None:
            yield Item(PEOPLE, NOWHERE, "", index, at_rate)


def _messages(run: Run, acts: list[Act], rates: Rates) -> Iterator[Item]:
    """Share the cost of each message between the calls that it paid for.

    Those are the calls that it issued, by its turn; else those since the message before it that
    has a cost. Shares differ by a micro at most, the first ones being larger.
    """
    turns: dict[int, list[Act]] = {}
    for act in acts:
        if act.turn >= 0:
            turns.setdefault(act.turn, []).append(act)
    before = run.index
    for spent in run.spent:
        if spent.turn < 0:
            continue
        paid = turns.get(spent.turn) or [
            act for act in acts if before < act.index < spent.index and act.turn < 0
        ]
        before = spent.index
        yield from _shares(spent, paid, rates)


def _shares(spent: Spent, paid: list[Act], rates: Rates) -> Iterator[Item]:
    money = rates.convert(spent.money)
    if not paid:
        yield Item(MESSAGES, NOWHERE, "", spent.index, money)
        return
    share, left = divmod(money.micros, len(paid))
    for place, act in enumerate(paid):
        part = Money(money.currency, share + (place < left))
        yield Item(MESSAGES, act.index, act.tool, act.index, part)


class Call(StrEnum):
    """What became of a call, as far as its price is concerned."""

    DONE = "done"
    REPEATED = "repeated"
    FAILED = "failed"
    DENIED = "denied"
    HELD = "held"
    ESCALATED = "escalated"
    OPEN = "open"


_STOPPED: Final[Mapping[str, Call]] = {
    "deny": Call.DENIED,
    "approve": Call.HELD,
    "escalate": Call.ESCALATED,
}


def calls(worth: Worth) -> Iterator[tuple[Act, Call]]:
    """Yield each call of a run with what became of it: the first that holds, in this order.

    Failed: called, with an error or a timeout. Repeated: called, and the same call had been called
    before in the run. Done: called. Denied, held, escalated: not called, and so decided. Open:
    not called, and allowed or never decided.
    """
    seen: set[str] = set()
    for act in worth.acts:
        if not act.executed:
            yield act, _STOPPED.get(act.decision, Call.OPEN)
            continue
        known = bool(act.call) and act.call in seen
        seen.add(act.call)
        if not act.done:
            yield act, Call.FAILED
        else:
            yield act, Call.REPEATED if known else Call.DONE
