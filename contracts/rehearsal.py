"""A scenario played before the guard, and what any engine says of the history that it leaves.

The guard decides the action in question on running counters, before its record counts, as it does
before a tool. Whatever else knows the meaning of a contract can be asked of the same history: it
implements `Judge`, and has to say the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from contracts.decision import Decision
from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract, Verdict
from contracts.results import RuleResult
from contracts.staging import Ledger, Script

PENDING: Final = "pending"
HANDLED: Final = "handled"
NONE: Final = "none"
"""The rule is not asked of the record."""

Results = Mapping[tuple[int, str], str]
"""For an entry and a rule: satisfied, violated, undecidable, pending or handled."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an engine says of a history.

    Attributes:
        results: Of every rule at every entry of which it is asked. An engine that does not list
            what is satisfied says so in `silent`.
        decisions: For the index of an action what was to be decided, where the engine says it.
        objections: What else it has against the recorded decision on an action, by index.
        silent: Whether a rule without a result may be satisfied.
        tells_handled: Whether what was handled is told from what was violated.
    """

    results: Results
    decisions: Mapping[int, Decision] = field(default_factory=dict[int, Decision])
    objections: Mapping[int, Sequence[str]] = field(default_factory=dict[int, Sequence[str]])
    silent: bool = False
    tells_handled: bool = False


class Judge(Protocol):
    """Another way to the same meaning: one contract over a whole history."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        ...

    def judge(self, contract: Contract, events: Sequence[Event]) -> Judgement:
        """Judge a history whose first two entries publish and activate the contract."""
        ...


@dataclass(frozen=True, slots=True)
class Performance:
    """A scenario that was played.

    Attributes:
        events: The history that it leaves.
        indexes: Where each named record stands.
        when: Index of the record in question.
        judgement: What the guard's engine says of all of it.
        decision: The guard's decision, where the record in question is an action.
        slips: What the guard said otherwise before the record counted than after.
    """

    events: Sequence[Event]
    indexes: Mapping[str, int]
    when: int
    judgement: Judgement
    decision: Decision | None
    slips: tuple[str, ...] = ()


def perform(contract: Contract, ledger: Ledger, script: Script) -> Performance:
    """Play a scenario before the guard.

    Args:
        contract: The contract.
        ledger: A new history of it.
        script: The scenario.

    Raises:
        ContractErrors: A record is none that a ledger would hold.
    """
    engine = Engine(contract)
    results: list[RuleResult] = []
    for event in ledger.events:
        results += engine.observe(event)
    for item in script.given:
        results += engine.observe(ledger.add(item))
    proposed = ledger.event(script.when)
    decision, slips = None, tuple[str, ...]()
    if script.when.kind == "action":
        previewed = engine.preview(proposed)
        decision = engine.decide(proposed, previewed)
        event = ledger.add(script.when, decision.as_record())
        observed = engine.observe(event)
        slips = tuple(_slips(event.index, previewed, observed))
    else:
        event = ledger.add(script.when)
        observed = engine.observe(event)
    results += observed
    for item in script.after:
        results += engine.observe(ledger.add(item))
    results += engine.finish()
    decisions = {} if decision is None else {event.index: decision}
    judgement = Judgement(results_of(results), decisions)
    return Performance(ledger.events, ledger.indexes, event.index, judgement, decision, slips)


def results_of(results: Iterable[RuleResult]) -> dict[tuple[int, str], str]:
    """Return results by entry and rule, as scenarios call them."""
    return {(each.index, each.rule.id): result_word(each) for each in results}


def result_word(result: RuleResult) -> str:
    """Return what scenarios call a result: an obligation that is open is pending."""
    open_ = result.verdict is Verdict.UNDECIDABLE and result.reason == PENDING
    return PENDING if open_ else result.verdict.value


def _slips(
    index: int, previewed: Iterable[RuleResult], observed: Iterable[RuleResult]
) -> Iterable[str]:
    """Yield where the guard says something else of an action than the counters it runs into."""
    before = {each.rule.id: each.verdict.value for each in previewed}
    after = {
        each.rule.id: each.verdict.value
        for each in observed
        if each.index == index and each.rule.expect is None
    }
    for rule in sorted(before.keys() | after.keys()):
        first, second = before.get(rule, NONE), after.get(rule, NONE)
        if first != second:
            yield f"{rule}: {first} before it counted, {second} after"


def differing(guard: Judgement, other: Judgement) -> list[str]:
    """Return where another engine says something else than the guard, in words."""
    found: list[str] = []
    for place in sorted(guard.results.keys() | other.results.keys()):
        index, rule = place
        mine = guard.results.get(place, NONE)
        theirs = other.results.get(place, "satisfied" if other.silent and mine != NONE else NONE)
        if mine != theirs and not (theirs == HANDLED and mine in {"violated", "undecidable"}):
            found.append(f"entry {index}, {rule}: {mine} says the guard, {theirs} the other")
    for index, decision in sorted(guard.decisions.items()):
        theirs_too = other.decisions.get(index)
        if theirs_too is not None and theirs_too != decision:
            found.append(
                f"entry {index}: {_told(decision)} decides the guard, {_told(theirs_too)} the other"
            )
        found += [f"entry {index}: {each}" for each in other.objections.get(index, ())]
    return found


def _told(decision: Decision) -> str:
    reasons = ", ".join(f"{each.rule} {each.result}" for each in decision.reasons)
    return f"{decision.effect} ({reasons or 'no reason'})"
