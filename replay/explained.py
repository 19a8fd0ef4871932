"""Why a contract decides an action as it does, in full: every rule that stands against it.

It is asked on counters, with all of history before the action. Source: docs/spec/whatif.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.decision import Decision
from contracts.engine import Engine
from contracts.history import Event
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Verdict
from contracts.results import RuleResult


@dataclass(frozen=True, slots=True)
class Explained:
    """What one contract says of one action.

    Attributes:
        name: What the contract is called.
        decision: The decision.
        against: The results of the rules that are not satisfied, with their explanations.
    """

    name: str
    decision: Decision
    against: tuple[RuleResult, ...]


def explained(
    events: Iterable[Event], index: int, contracts: Sequence[tuple[str, Contract]]
) -> list[Explained]:
    """Decide an action by contracts, and say why.

    Args:
        events: The ledger's valid entries, in order; those after the action are not read.
        index: The action's entry.
        contracts: The contracts, each with its name; those of another service say nothing.
    """
    lineage = Lineage()
    engines = [(name, Engine(contract, lineage=lineage)) for name, contract in contracts]
    for event in events:
        placed = lineage.place(event)
        if event.index == index:
            return [_said(name, engine, placed) for name, engine in engines]
        cited = lineage.cited(event.record) if placed.subject == "action" else ()
        for _, engine in engines:
            engine.take(placed, cited, judge=False)
        lineage.remember(placed)
    return []


def _said(name: str, engine: Engine, placed: Placed) -> Explained:
    engine.explain()
    results = engine.preview(placed.event)
    decision = engine.decide(placed.event, results)
    against = tuple(one for one in results if one.verdict is not Verdict.SATISFIED)
    return Explained(name, decision, against)


def as_words(found: Sequence[Explained], says: Mapping[str, str]) -> Iterator[str]:
    """Yield what is explained, line by line.

    Args:
        found: What each contract says.
        says: What is said before it, by the contract's name.
    """
    for one in found:
        yield f"{one.name}: {one.decision.effect}{says.get(one.name, '')}"
        for result in one.against:
            effect = next(
                (each.effect for each in one.decision.reasons if each.rule == result.rule.id), ""
            )
            yield f"  {result.rule.id} ({result.verdict}, {effect}): {result.rule.says}"
            if result.reason:
                yield f"    cannot be decided: {result.reason}"
            explanation = result.explanation
            if explanation is not None:
                yield from (f"    because {each}" for each in explanation.because)
                yield from (f"    would hold if {each}" for each in explanation.would)
        if not one.against:
            yield "  nothing stands against it"
