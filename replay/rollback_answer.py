"""What a rollback comes to: the plan, its scopes compared, and how far it had got when."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.model import Contract
from replay.choosing import Choosing
from replay.compensations import Reading
from replay.dependencies import Link
from replay.exposure import Amount, Blast, blast
from replay.history import Act, History
from replay.rollback import AT_STAKE, Class, Plan, Rollback
from replay.scopes import Scope, compared, reach


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a report says.

    Attributes:
        asked: What was chosen, in words.
        at: As of when, in microseconds since 1970.
        scope: How far the plan reaches.
        plan: The plan of that scope.
        scopes: The plan of every scope.
        blast: How far the acts of the scope had got when.
        links: How many dependencies there are between acts of the scope and others, by kind.
        chosen: How many executed acts were chosen.
        undecided: Of how many the condition has no value.
        contracts: The contract of each service that the plan stands on.
        history: The history as of then.
    """

    asked: str
    at: int
    scope: Scope
    plan: Plan
    scopes: Mapping[Scope, Plan]
    blast: Blast
    links: Mapping[Link, int]
    chosen: int
    undecided: int
    contracts: Mapping[str, Contract]
    history: History

    @property
    def changed(self) -> Amount:
        """What changed something, taken back since or not."""
        return Amount.of(act.value for act in self.plan.of((*AT_STAKE, Class.DONE)))

    def run_of(self, act: Act) -> str:
        """Return the run of an act as its source calls it."""
        run = self.history.runs.get(act.run)
        return act.run if run is None else run.name


def answer(
    reading: Reading,
    choosing: Choosing,
    scope: Scope = Scope.ACTIONS,
    *,
    asked: str = "",
    pulled: int | None = None,
) -> Answer:
    """Return what a rollback of the chosen acts comes to.

    Args:
        reading: The ledger as it was read, with `choosing` watching.
        choosing: Chooses.
        scope: How far the plan reaches.
        asked: What was chosen, in words.
        pulled: When the kill switch is thought to have been pulled, in microseconds since 1970.

    Raises:
        NotFoundError: What was named is not there.
    """
    rollback = Rollback.of(reading)
    chosen = choosing.chosen(reading.history)
    plans = compared(rollback, chosen)
    numbers = reach(rollback, chosen, scope)
    links = dict.fromkeys(Link, 0)
    for edge in rollback.dependencies.edges():
        if edge.earlier in numbers or edge.later in numbers:
            links[edge.link] += 1
    plan = plans[scope]
    services = sorted({reading.compensations.service(plan.acts[one.number]) for one in plan.fates})
    in_force = reading.compensations.in_force.chosen()
    return Answer(
        asked=asked,
        at=reading.at,
        scope=scope,
        plan=plan,
        scopes=plans,
        blast=blast(plan.of((*AT_STAKE, Class.DONE)), pulled),
        links=links,
        chosen=len(chosen),
        undecided=choosing.undecided,
        contracts={name: in_force[name] for name in services if name in in_force},
        history=reading.history,
    )
