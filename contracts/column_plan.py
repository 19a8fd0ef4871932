"""In which order a contract's conditions and facts are computed by column, and for which records.

A condition that reads no fact can be asked of a whole table at once; one that reads a fact waits
until that fact has its column, and a fact waits for its own conditions. That gives every condition
and every fact a *depth*. Facts of one depth that remember under the same key in the same scope are
computed together. Which records a fact is needed for is found backwards, from the rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.case import World
from contracts.engine import CompiledRule
from contracts.evaluation import Condition
from contracts.facts import FactMemory
from contracts.obligations import Waiting
from contracts.trees import names_in

Tools = frozenset[str]
"""The tools whose records are meant; empty: of all."""


@dataclass(slots=True)
class Need:
    """Which records something is asked of: for each subject its tools, None for all of them."""

    subjects: dict[str, set[str] | None] = field(default_factory=dict[str, "set[str] | None"])

    def add(self, subject: str, tools: Iterable[str]) -> None:
        """Ask it of the records of a subject; without tools, of all of them."""
        wanted = set(tools)
        known = self.subjects.get(subject, set())
        self.subjects[subject] = None if known is None or not wanted else known | wanted

    def join(self, other: "Need") -> None:
        """Ask it of another need's records too."""
        for subject, tools in other.subjects.items():
            if tools is None:
                self.subjects[subject] = None
            else:
                self.add(subject, tools)


@dataclass(slots=True, eq=False)
class Asked:
    """A condition, what it is wanted for, and of which records.

    Attributes:
        condition: The condition.
        truth: Whether its truth is wanted; else its value.
        depth: The stage in which it can be asked.
        need: Of which records.
        name: The name of its column.
    """

    condition: Condition
    truth: bool
    depth: int
    need: Need
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class FactAsked:
    """A fact with the columns of its conditions; empty where it has none."""

    memory: FactMemory
    where: str
    value: str
    reserve: str


@dataclass(slots=True, eq=False)
class FactGroup:
    """Facts that are computed together.

    Attributes:
        depth: The stage after whose conditions they can be computed.
        by: The column of the key on remembered records; empty where there is no key.
        at: The column of the key on records that ask.
        facts: The facts.
        need: The records that ask for any of them.
    """

    depth: int
    by: str
    at: str
    facts: list[FactAsked]
    need: Need

    @property
    def over(self) -> str:
        """Their scope."""
        return self.facts[0].memory.fact.over

    @property
    def within(self) -> int | None:
        """Their window in microseconds."""
        return self.facts[0].memory.fact.within

    @property
    def reference(self) -> bool:
        """Whether records that stand in no run count."""
        return self.facts[0].memory.fact.reference


@dataclass(frozen=True, slots=True, eq=False)
class RuleAsked:
    """A rule with the columns of its conditions; empty where it has none."""

    number: int
    rule: CompiledRule
    when: str
    unless: str


@dataclass(frozen=True, slots=True, eq=False)
class DutyAsked:
    """A rule with `expect`, with the columns of what must follow; empty where there is none.

    Attributes:
        rule: The rule, whose conditions say what opens the duty.
        where: Whether a later record is one that must follow.
        by: The key on that record.
        at: The key on the record that opens the duty.
    """

    rule: RuleAsked
    where: str
    by: str
    at: str


class ColumnPlan:
    """The plan of one contract.

    Attributes:
        asked: Every condition, by stage.
        groups: The groups of facts, by stage.
        rules: The rules.
        duties: What must follow, where a rule says so.
        limits_by: The columns of what limits hang on.
        limits_depth: The first stage whose conditions may read limits.
        limits_need: The records that limits are read for.
        stages: How many stages there are.
    """

    def __init__(
        self, world: World, rules: Sequence[CompiledRule], waiting: Mapping[str, Waiting]
    ) -> None:
        self._world = world
        self._depths: dict[str, int] = {}
        self._by_text: dict[tuple[str, int, bool], Asked] = {}
        self.limits_depth = 0
        if world.limits_by:
            self.limits_depth = 1 + max(self._depth(by) for by in world.limits_by)
        self.limits_need = Need()
        self._needs = {name: Need() for name in world.facts}
        self.rules = [self._rule(number, rule) for number, rule in enumerate(rules)]
        self.duties = [
            self._duty(one, waiting[one.rule.rule.id]) for one in self.rules if one.rule.rule.expect
        ]
        # Where nobody asks for a fact, whatever it would remember makes no difference.
        made = [
            self._fact(memory)
            for memory in reversed(world.facts.values())
            if self._needs[memory.fact.name].subjects
        ]
        self.limits_by = [self._ask(by, self.limits_need, truth=False) for by in world.limits_by]
        every = list(self._by_text.values())
        self.stages = 1 + max((one.depth for one in every), default=0)
        self.asked = [[one for one in every if one.depth == depth] for depth in range(self.stages)]
        self.groups = _grouped(reversed(made), self.stages)

    def member_names(self) -> frozenset[str]:
        """Return every name that may be a member of a map in some condition."""
        trees = (one.condition.program.tree() for stage in self.asked for one in stage)
        return frozenset[str]().union(*map(names_in, trees))

    def named(self) -> dict[str, dict[str, frozenset[str] | None]]:
        """Return, for each subject, which members of which variables are read; None: all."""
        found: dict[str, dict[str, frozenset[str] | None]] = {
            subject: {} for subject in sorted(self._subjects())
        }
        for one in (each for stage in self.asked for each in stage):
            for subject in one.need.subjects:
                for root, members in one.condition.reads.members.items():
                    if root != "limits":
                        known = found[subject].get(root, frozenset())
                        both = None if known is None or members is None else known | members
                        found[subject][root] = both
        return found

    def _subjects(self) -> set[str]:
        """Return the subjects of records that are asked, remembered or waited for."""
        subjects = {one.rule.rule.subject for one in self.rules}
        for expect in (duty.rule.rule.rule.expect for duty in self.duties):
            if expect is not None:
                subjects |= {expect.source, *(["run.closed"] if expect.until else [])}
        for group in (each for groups in self.groups for each in groups):
            subjects |= set(group.need.subjects)
            for fact in group.facts:
                subjects |= {"action", "outcome"} if fact.reserve else {fact.memory.fact.source}
        return subjects

    def _rule(self, number: int, rule: CompiledRule) -> RuleAsked:
        need = Need()
        need.add(rule.rule.subject, rule.rule.tools)
        when = "" if rule.when is None else self._ask(rule.when, need, truth=True)
        unless = "" if rule.unless is None else self._ask(rule.unless, need, truth=True)
        return RuleAsked(number, rule, when, unless)

    def _duty(self, one: RuleAsked, waiting: Waiting) -> DutyAsked:
        opening, following = Need(), Need()
        opening.add(one.rule.rule.subject, one.rule.rule.tools)
        following.add(waiting.expect.source, waiting.expect.tools)
        where = "" if waiting.where is None else self._ask(waiting.where, following, truth=True)
        by = "" if waiting.by is None else self._ask(waiting.by, following, truth=False)
        at = "" if waiting.at is None else self._ask(waiting.at, opening, truth=False)
        return DutyAsked(one, where, by, at)

    def _fact(self, memory: FactMemory) -> "_Planned":
        """Plan a fact, once it is known who asks for it: those that may are declared later."""
        fact, asks = memory.fact, self._needs[memory.fact.name]
        notes, holds = Need(), Need()
        source = "outcome" if fact.reserve else fact.source
        notes.add(source, fact.tools)
        if fact.reserve:
            holds.add("action", fact.tools)
        keyed = Need()
        keyed.join(notes)
        keyed.join(holds)
        where = "" if memory.where is None else self._ask(memory.where, notes, truth=True)
        value = "" if memory.value is None else self._ask(memory.value, notes, truth=False)
        reserve = "" if memory.reserve is None else self._ask(memory.reserve, holds, truth=False)
        by = "" if memory.by is None else self._ask(memory.by, keyed, truth=False)
        at = "" if memory.at is None else self._ask(memory.at, asks, truth=False)
        depth = self._fact_depth(memory)
        # What is reserved stands in no window: of what does, every note has a time.
        apart = bool(fact.reserve) and fact.within is not None
        key = (depth, fact.over, fact.reference, by, at, fact.within, apart)
        return _Planned(key, FactAsked(memory, where, value, reserve), asks)

    def _ask(self, condition: Condition, need: Need, *, truth: bool) -> str:
        """Plan to ask a condition of records, and of them the facts that it reads."""
        for name in condition.reads.facts:
            if self._world.level(name) < condition.level:
                self._needs[name].join(need)
        if "limits" in condition.reads.members and self._sees_limits(condition):
            self.limits_need.join(need)
            for by in self._world.limits_by:
                for name in by.reads.facts:
                    self._needs[name].join(need)
        # A condition that reads nothing of history means the same at every level.
        level = 0 if condition.is_plain else condition.level
        known = self._by_text.get((condition.text, level, truth))
        if known is None:
            name = f"c{len(self._by_text)}"
            known = Asked(condition, truth, self._depth(condition), Need(), name)
            self._by_text[condition.text, level, truth] = known
        known.need.join(need)
        return known.name

    def _sees_limits(self, condition: Condition) -> bool:
        return self._world.limits_level <= condition.level

    def _depth(self, condition: Condition) -> int:
        known = self._world.facts
        depths = [
            1 + self._fact_depth(known[name])
            for name in condition.reads.facts
            if self._world.level(name) < condition.level
        ]
        if "limits" in condition.reads.members and self._sees_limits(condition):
            depths.append(self.limits_depth)
        return max(depths, default=0)

    def _fact_depth(self, memory: FactMemory) -> int:
        name = memory.fact.name
        if name not in self._depths:
            asked = (memory.where, memory.by, memory.at, memory.value, memory.reserve)
            depths = [self._depth(each) for each in asked if each is not None]
            self._depths[name] = max(depths, default=0)
        return self._depths[name]


@dataclass(frozen=True, slots=True)
class _Planned:
    key: tuple[object, ...]
    fact: FactAsked
    need: Need


def _grouped(planned: Iterable[_Planned], stages: int) -> list[list[FactGroup]]:
    """Return the facts, those together that can be computed together."""
    found: dict[tuple[object, ...], FactGroup] = {}
    for one in planned:
        group = found.get(one.key)
        if group is None:
            depth, _, _, by, at, *_ = one.key
            group = found[one.key] = FactGroup(int(str(depth)), str(by), str(at), [], Need())
        group.facts.append(one.fact)
        group.need.join(one.need)
    by_depth: list[list[FactGroup]] = [[] for _ in range(stages)]
    for group in found.values():
        by_depth[group.depth].append(group)
    return by_depth
