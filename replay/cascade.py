"""What if, cascading: a candidate decides, and what it does not let through never happened.

An action that the candidate does not let through leaves no outcome; facts that counted it are
others from there on; and every later action whose rules read them is decided again. This would be
a fixed point over the changed (fact, scope, key) pairs. One pass in index order reaches it:

    A fact as of entry i is a function of the records before i, and whether, and how, a record j
    counts is a function of the decisions on actions up to j (a record that belongs to an action
    stands after it). So the decision on an action at i depends on decisions at j < i alone. By
    induction over i there is one assignment of decisions in which each is what the contract says
    on the history that the others leave: decide in index order, let each record count as decided,
    and go on. Whatever order of asking again reaches a fixed point reaches this one, and none
    asks an action more than once.

An action is asked again only where one of its rules reads a fact that has another value than as
recorded, or evidence that is gone: its decision is a function of these, of its own record, and of
approvals of what it takes up, which stay where it is not moot. Source: docs/spec/cascading.md.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from contracts.history import Event
from contracts.lineage import Placed
from contracts.model import Contract, Effect
from replay.contingent import Fates
from replay.dirty_keys import TwoHistories
from replay.history import Act, History, Step
from replay.redecided import Redecided
from verifier.load import VerifiedLedger

EVERY = 512


@dataclass(frozen=True, slots=True)
class Totals:
    """Actions that were carried out, and what they cost and moved: micro-units by currency.

    Attributes:
        executed: How many were carried out, whatever came of them.
        done: How many of these did it.
        cost: What their outcomes say that they cost.
        value: What their outcomes say that they were worth or moved.
    """

    executed: int = 0
    done: int = 0
    cost: Mapping[str, int] = field(default_factory=dict[str, int])
    value: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Cascaded:
    """What a candidate comes to where what it does not let through never happened.

    Attributes:
        decisions: The decisions that differ from the candidate's own as recorded, by entry.
        never_happened: Actions that happened as recorded, and do not: outcome, results, cost and
            value are taken out.
        moot: Actions that nobody would have asked for: they take up what was denied, or take back
            what never happened. Nothing was decided again of them.
        carried_out: Actions that carry out a held one which the candidate lets through at once;
            they stand as recorded.
        unknown_outcomes: Actions let through that were never done: nobody knows their outcome.
        unsure: Actions whose decision hangs on such an outcome. `decisions` says what the contract
            makes of what is undecidable; but they are neither taken out nor let through on that
            account, and stand as they were recorded.
        contingent: Actions after one in their run that flipped or never happened: the agent would
            have seen another answer.
        affected: How many (fact, scope, key) pairs differ somewhere from what was recorded.
        asked_again: How many actions were decided again.
        decided: How many actions the candidate decides.
        remains: What was carried out and still is.
        taken_out: What was carried out and is not.
    """

    decisions: Mapping[int, Redecided]
    never_happened: frozenset[int]
    moot: frozenset[int]
    carried_out: frozenset[int]
    unknown_outcomes: frozenset[int]
    unsure: frozenset[int]
    contingent: frozenset[int]
    affected: int
    asked_again: int
    decided: int
    remains: Totals
    taken_out: Totals

    @property
    def share(self) -> float:
        """The share of the actions that were decided again; 0 where there are none."""
        return self.asked_again / self.decided if self.decided else 0.0

    def decision(self, index: int, recorded: Mapping[int, Redecided]) -> Redecided:
        """Return the decision on an action.

        Args:
            index: Its entry.
            recorded: What `cascade` was given.
        """
        found = self.decisions.get(index) or recorded.get(index)
        return Redecided(index, Effect.ALLOW) if found is None else found


def cascade(
    ledger: VerifiedLedger,
    history: History,
    candidate: Contract,
    recorded: Mapping[int, Redecided],
    *,
    chosen: AbstractSet[int] | None = None,
    step: Step | None = None,
) -> Cascaded:
    """Decide the actions of a candidate's service under it, and what follows from that again.

    Args:
        ledger: The ledger.
        history: What was done in it.
        candidate: The contract.
        recorded: What it says of each action on the facts as they happened, by entry; an action
            that is not there is allowed without any reason.
        chosen: The entries of the actions that it decides; all others stand as they were recorded.
            None: all actions of its service.
        step: Called now and then with how many entries were read, and how many there are.

    Raises:
        BrokenLedgerError: The store was changed since it was verified.
    """
    running = _Cascade(history, candidate, recorded, chosen)
    return running.over(ledger.events(), step or (lambda _, __: None))


class _Cascade:
    """One pass."""

    def __init__(
        self,
        history: History,
        candidate: Contract,
        recorded: Mapping[int, Redecided],
        chosen: AbstractSet[int] | None,
    ) -> None:
        self._history = history
        self._service = candidate.service
        self._recorded = recorded
        self._chosen = chosen
        self._two = TwoHistories(candidate)
        self._fates = Fates(history)
        self._decisions: dict[int, Redecided] = {}
        self._unsure: set[int] = set()
        self._mine: set[int] = set()
        self._asked_again = 0

    def over(self, events: Iterable[Event], step: Callable[[int, int], None]) -> Cascaded:
        """Take in all entries, and return what they come to."""
        for number, event in enumerate(events):
            self._take(event)
            if number % EVERY == 0:
                step(number, self._history.size)
        fates = self._fates
        mine = [act for act in self._history.acts if act.index in self._mine and act.executed]
        return Cascaded(
            decisions=self._decisions,
            never_happened=frozenset(fates.never_happened),
            moot=frozenset(fates.moot),
            carried_out=frozenset(fates.carried_out),
            unknown_outcomes=frozenset(fates.unknown),
            unsure=frozenset(self._unsure),
            contingent=frozenset(fates.contingent),
            affected=self._two.affected,
            asked_again=self._asked_again,
            decided=len(self._mine),
            remains=_totals(act for act in mine if act.index not in fates.never_happened),
            taken_out=_totals(act for act in mine if act.index in fates.never_happened),
        )

    def _take(self, event: Event) -> None:
        placed = self._two.place(event)
        if placed.subject == "action":
            other = self._action(placed)
        else:
            other = self._fates.belonging(placed)
        if placed.subject:
            self._two.feed(placed, other, unheard=event.index in self._fates.unknown)
        self._two.remember(placed, other)

    def _action(self, placed: Placed) -> Placed | None:
        """Return an action as it would stand in the ledger, None where nobody asked for it."""
        act = self._history.act(placed.event.digest)
        if act is None:
            raise ValueError(f"entry {placed.event.index} is no act of this history")
        mine = self._decides(placed)
        if mine:
            self._mine.add(act.index)
        self._fates.meet(act)
        if self._fates.follows(act):
            return None
        if not mine or self._fates.carries_out(act):
            return placed
        return self._fates.decided(placed, act, self._effect(placed))

    def _decides(self, placed: Placed) -> bool:
        run = placed.run
        ours = run is not None and run.opened.get("service") == self._service
        return ours and (self._chosen is None or placed.event.index in self._chosen)

    def _effect(self, placed: Placed) -> Effect | None:
        """Return what is decided, None where nobody can know."""
        index = placed.event.index
        recorded = self._recorded.get(index)
        evidence = self._fates.evidence(self._two.cited(placed))
        again = self._two.again(placed, evidence, recorded)
        if again is None:
            return Effect.ALLOW if recorded is None else recorded.effect
        self._asked_again += 1
        if again.said != (recorded or Redecided(index, Effect.ALLOW)):
            self._decisions[index] = again.said
        if again.open:
            self._unsure.add(index)
            return None
        return again.said.effect


def _totals(acts: Iterable[Act]) -> Totals:
    executed = done = 0
    cost: dict[str, int] = {}
    value: dict[str, int] = {}
    for act in acts:
        executed += 1
        done += act.done
        for sums, amount in ((cost, act.cost), (value, act.value)):
            if amount is not None:
                sums[amount.currency] = sums.get(amount.currency, 0) + amount.micros
    return Totals(executed, done, cost, value)
