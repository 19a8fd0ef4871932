"""The whole answer of `writ rollback`, as data that every form of it is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replay.blast_radius import Blast, blast
from replay.exposure import Amount
from replay.history import Act, AsOf, History
from replay.in_force import Binding
from replay.pacing import Pace, paced
from replay.rollback import Plan
from replay.rollback_classes import EXECUTED, Class, Fate
from replay.rollback_reading import Reading
from replay.run_choice import ChosenActs
from replay.scopes import Compared, Scope, compared
from verifier.report import Report

_END = AsOf()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        asked: The selection in words; empty for the whole ledger.
        as_of: Nothing later exists.
        scope: How far the plan reaches.
        pulled: When the kill switch is thought to have been pulled, in microseconds since 1970.
        by_target: Whether a later change of the same target keeps an earlier one.
    """

    asked: tuple[str, ...] = ()
    as_of: AsOf = _END
    scope: Scope = Scope.CHOSEN
    pulled: int | None = None
    by_target: bool = True


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What was asked of which ledger, and what a rollback comes to.

    Attributes:
        report: The verification that it rests on.
        question: What was asked.
        at: As of when, in microseconds since 1970.
        chosen: What was chosen, and of how many actions that could not be asked.
        plan: The plan of the scope that was asked for.
        scopes: The plan of every scope.
        blast: How far the acts of the scope had got when.
        pace: What becomes of the plan if all its calls are made at once.
        bindings: The contract in force of each service that the plan is about.
        sealed: How many later acts hide what they use.
        history: The history as of then.
        waiting: By the act's place the entry of a proposal to take it back that waits for people.
    """

    report: Report
    question: Question
    at: int
    chosen: ChosenActs
    plan: Plan
    scopes: Sequence[Compared]
    blast: Blast
    pace: Pace
    bindings: Mapping[str, Binding]
    sealed: int
    history: History
    waiting: Mapping[int, int]

    @property
    def through(self) -> list[Fate]:
        """The plan's steps that the contract's bounds let through at once, in order."""
        let = frozenset(self.pace.through)
        return [fate for fate in self.plan.steps if fate.number in let]

    def act(self, fate: Fate) -> Act:
        """Return the act that a fate is of."""
        return self.plan.acts[fate.number]

    def run_of(self, act: Act) -> str:
        """Return the run of an act as its source calls it."""
        run = self.history.runs.get(act.run)
        return act.run if run is None else run.name

    def by_tool(self) -> dict[str, dict[Class, Amount]]:
        """Return what the executed acts come to, by tool and class."""
        found: dict[str, dict[Class, Amount]] = {}
        for fate in self.plan.fates:
            if fate.kind in EXECUTED:
                act = self.act(fate)
                found.setdefault(act.tool, {}).setdefault(fate.kind, Amount()).add(act)
        return dict(sorted(found.items()))


def rolled_back(
    reading: Reading, report: Report, chosen: ChosenActs, question: Question
) -> RolledBack:
    """Return what a rollback of the chosen acts of a verified ledger comes to.

    Args:
        reading: The ledger as it was read; nothing else is to be asked of it afterwards.
        report: Its verification.
        chosen: Which acts.
        question: What is asked of them.
    """
    rollback = reading.rollback(by_target=question.by_target)
    acts = reading.history.acts
    places = {reading.history.place(act.digest) for act in chosen.acts}
    numbers = frozenset(number for number in places if number is not None)
    scopes = list(compared(rollback, numbers))
    plan = next(one.plan for one in scopes if one.scope is question.scope)
    services = sorted({reading.compensations.service(acts[one.number]) for one in plan.fates})
    bindings = reading.compensations.in_force.bindings
    first = min((fate.number for fate in plan.fates), default=len(acts))
    return RolledBack(
        report=report,
        question=question,
        at=reading.at,
        chosen=chosen,
        plan=plan,
        scopes=scopes,
        blast=blast(plan.of(EXECUTED), question.pulled),
        pace=paced(plan, reading.compensations),
        bindings={name: bindings[name] for name in services if name in bindings},
        sealed=sum(number > first for number in reading.trail.sealed),
        history=reading.history,
        waiting={number: acts[by].index for number, by in rollback.settled.waiting.items()},
    )
