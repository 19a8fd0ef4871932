"""Rules that never bite, always bite, or cannot both be kept: over the edges of their conditions.

Every combination of values at which the conditions can change their answer is tried on a call that
conforms to its tool's schema. Only rules are looked into of whose conditions it is known that those
values stand for all others (`contracts.covering`), and only where there are few enough
combinations: about all others nothing is said. An undecidable result speaks neither for nor against
a rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations, product
from math import prod
from typing import Final

from contracts.assignments import MISSING, Side, Space
from contracts.boundaries import ELEMENT, distinct
from contracts.coercion import Value
from contracts.covering import Covering
from contracts.model import Contract, Effect, Rule, Verdict
from contracts.samples import Path
from contracts.stated import Decider

MOST: Final = 8_000
"""How many combinations are tried for a rule, or for two."""

SCHEMA: Final = "tools.schema"
_CONSTANT: Final = frozenset({"", "true", "false"})


class Fault(StrEnum):
    """What is wrong."""

    NEVER = "never"
    ALWAYS = "always"
    CLASH = "clash"


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """A rule, or two, that cannot do what they are for.

    Attributes:
        fault: `never` violated, `always` violated, or two that are never both satisfied.
        rule: The rule; of two the later one.
        other: The earlier one of two.
        tools: For calls of these.
    """

    fault: Fault
    rule: Rule
    tools: tuple[str, ...]
    other: Rule | None = None


def inconsistencies(contract: Contract, rules: Sequence[Rule]) -> Iterator[Inconsistency]:
    """Yield what is wrong with some of a contract's rules, by themselves and by twos.

    Args:
        contract: A contract whose conditions were checked.
        rules: Those to look into, in the contract's order.
    """
    sound: list[Rule] = []
    for rule in rules:
        if not _looked_into(rule):
            continue
        tools = rule.tools or tuple(contract.tools)
        said = {tool: _verdicts(contract, (rule,), tool) for tool in tools}
        heard = {tool: found for tool, found in said.items() if found}
        always = tuple(tool for tool, found in heard.items() if (Verdict.SATISFIED,) not in found)
        if (
            heard
            and len(heard) == len(said)
            and not any((Verdict.VIOLATED,) in found for found in heard.values())
        ):
            yield Inconsistency(Fault.NEVER, rule, tools)
        elif always:
            yield Inconsistency(Fault.ALWAYS, rule, always)
        elif rule.effect is Effect.DENY:
            sound.append(rule)
    for one, two in combinations(sound, 2):
        yield from _clash(contract, one, two)


def _clash(contract: Contract, one: Rule, two: Rule) -> Iterator[Inconsistency]:
    tools = [
        tool for tool in one.tools or tuple(contract.tools) if not two.tools or tool in two.tools
    ]
    both = (Verdict.SATISFIED, Verdict.SATISFIED)
    found: list[str] = []
    for tool in tools:
        said = _verdicts(contract, (one, two), tool, sharing=True)
        if said and both not in said:
            found.append(tool)
    if found:
        yield Inconsistency(Fault.CLASH, two, tuple(found), one)


def _looked_into(rule: Rule) -> bool:
    if rule.subject != "action" or rule.expect is not None:
        return False
    return rule.when not in _CONSTANT or rule.unless not in _CONSTANT


def _verdicts(
    contract: Contract, rules: tuple[Rule, ...], tool: str, *, sharing: bool = False
) -> set[tuple[Verdict, ...]]:
    """Return which verdicts the rules have together; none where that is not sure to be all."""
    needed = Covering(contract, tool, rules).values()
    if needed is None:
        return set()
    schema = tuple(rule for rule in contract.rules if rule.id == SCHEMA)
    small = replace(contract, rules=(*rules, *schema))
    labels = {fact.name: fact.name for fact in contract.facts}
    side = Side(Decider(small), labels)
    space = Space((side,), tool, {fact.name: fact for fact in contract.facts})
    read = [set(space.varied(space.reads[0].get(rule.id, ()))) for rule in rules]
    if sharing and not set[Path].intersection(*read) and not _pooled(space, read):
        return set()
    places = sorted(set[Path]().union(*read))
    tried = {place: _tried(space.values[place], needed, place) for place in places}
    if not {_general(place) for place in places} >= set(needed):
        return set()
    if prod(len(values) for values in tried.values()) > MOST:
        return set()
    base, said = space.first(), set[tuple[Verdict, ...]]()
    for values in product(*tried.values()):
        situation = space.situation({**base, **dict(zip(places, values, strict=True))})
        results = {one.rule.id: one.verdict for one in side.decider.judge(situation)}
        if results.pop(SCHEMA, Verdict.SATISFIED) is Verdict.SATISFIED:
            together = tuple(results[rule.id] for rule in rules)
            if Verdict.UNDECIDABLE not in together:
                said.add(together)
    return said


def _tried(known: list[Value], needed: Mapping[Path, list[Value]], place: Path) -> list[Value]:
    """Return the values that cover a place, and that it has none where that may be."""
    values = needed.get(_general(place))
    return distinct([*values, *[one for one in known if one is MISSING]]) if values else known


def _general(place: Path) -> Path:
    """Return a place of one kind of evidence as conditions name it."""
    return ("evidence", ELEMENT, *place[2:]) if place[0] == "evidence" else place


def _pooled(space: Space, read: list[set[Path]]) -> bool:
    """Return whether two rules hold different places against the same values."""
    pools = [
        {pool for place in places if (pool := space.found.pool_of(place)) is not None}
        for places in read
    ]
    return bool(set[Path].intersection(*pools))
