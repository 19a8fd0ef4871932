"""One record at its place in history, as conditions see it: its variables, and the facts as of it.

Everything is made when first read and kept for the rest of the record: a fact that no rule reads
costs nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.coercion import Value, is_map, plain
from contracts.evaluation import (
    Condition,
    Evaluator,
    Undecidable,
    Whys,
    condition,
    explained,
    no_key,
)
from contracts.facts import FactMemory, FactResult
from contracts.instants import for_cel
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Limits
from contracts.operations import UNSURE, settled
from contracts.run_views import identity_view, run_view
from contracts.scanning import NOTHING, Reads
from contracts.shortcuts import Key
from contracts.unseen import Touch, cut
from contracts.view import ABSENT, Absent, Views
from contracts.withholding import Hidden, Withholding

OWN_SCOPES = ("run", "service")
"""Scopes that hold no record of another service's run."""

_NOT_THERE = Absent("it is no map here")

MADE_WHOLE = frozenset({"identity", "params", "evidence"})
"""Variables that are not made member by member."""


class World:
    """What all records of one contract's engine share: views, lineage, facts, limits."""

    def __init__(self, contract: Contract, evaluator: Evaluator) -> None:
        self.contract = contract
        self.evaluator = evaluator
        # Whether any record of this history holds sealed values that are not disclosed.
        self.unseen = False
        self.views = Views(contract, evaluator)
        self.lineage = Lineage()
        self.withholding = Withholding()
        self.facts = {
            fact.name: FactMemory(fact, level, evaluator, self.withholding)
            for level, fact in enumerate(contract.facts)
        }
        self.top = len(contract.facts)
        self.limits_by = tuple(condition(evaluator, by, self.top) for by in contract.limits.by)
        names = frozenset[str]().union(*(by.reads.facts for by in self.limits_by))
        self.limits_level = max((self.level(name) + 1 for name in names), default=0)
        for name, memory in self.facts.items():
            behind = self.behind([name])
            memory.rests_on_facts = len(behind) > 1
            memory.kinds = memory.kinds.union(*(self.facts[one].kinds for one in behind))

    def wide(self) -> frozenset[str]:
        """Return the facts that runs of other services can matter to.

        Those of a scope beyond run and service, and whatever these read on the way: nothing else
        that another service's run remembers is ever asked for.
        """
        beyond = [each for each in self.facts.values() if each.fact.over not in OWN_SCOPES]
        return self.behind(each.fact.name for each in beyond)

    def behind(self, names: Iterable[str]) -> frozenset[str]:
        """Return facts with all that they read, directly or through others and the limits."""
        found: set[str] = set()
        left = [*names, *(name for by in self.limits_by for name in by.reads.facts)]
        while left:
            name = left.pop()
            if name in found or name not in self.facts:
                continue
            found.add(name)
            left.extend(self.facts[name].names)
        return frozenset(found)

    def level(self, fact: str) -> int:
        """Return how many facts are declared before this one; all, for a name that is none."""
        known = self.facts.get(fact)
        return self.top if known is None else known.level


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Conditions that are asked of one set of variables, which is made once a record."""

    reads: Reads
    level: int


class Groups:
    """Which conditions share a set of variables, for records of one kind and tool.

    Those without facts share one: they can be asked at any time. A rule's conditions share
    another, with all facts that rules read. A condition on facts that is not a rule's has one of
    its own: the facts that it sees end before it.
    """

    def __init__(self, rules: Iterable[Condition], others: Iterable[Condition], top: int) -> None:
        self._of: dict[int, Group] = {}
        self._keep: list[Condition] = []
        self._share(list(rules), top)
        self._share([each for each in others if each.is_plain], 0)

    def _share(self, conditions: list[Condition], level: int) -> None:
        reads = NOTHING
        for each in conditions:
            reads |= each.reads
        group = Group(reads, level)
        self._of.update({id(each): group for each in conditions})
        self._keep.extend(conditions)  # an id names a condition only while it lives

    def of(self, asked: Condition) -> Group:
        """Return the group in which a condition is asked."""
        group = self._of.get(id(asked))
        if group is None:
            group = self._of[id(asked)] = Group(asked.reads, asked.level)
            self._keep.append(asked)
        return group


@dataclass(frozen=True, slots=True)
class _Bound:
    """A group's variables, ready; and why some of them, or some facts, are not there."""

    binding: Any
    missing: Whys
    failed: Whys


class Case:
    """One record at its place in history."""

    __slots__ = (
        "_answers",
        "_bound",
        "_cited",
        "_facts",
        "_groups",
        "_limits",
        "_params",
        "_parts",
        "_wholes",
        "_world",
        "placed",
    )

    def __init__(
        self,
        world: World,
        placed: Placed,
        groups: Groups,
        cited: Sequence[Placed] | None = None,
    ) -> None:
        self._world = world
        self._groups = groups
        # Where more of history is known already, what it cites was looked up at its place.
        self._cited = cited
        self._bound: dict[int, _Bound] = {}
        self._answers: dict[str, Value] = {}
        self._facts: dict[str, FactResult] = {}
        self._params: Any = None
        self._limits: Any = None
        self._parts: dict[Key, Value] = {}
        self._wholes: dict[str, Value] = {}
        self.placed = placed

    def ask(self, asked: Condition) -> Value:
        """Return the condition's value, or `Undecidable` with the reason."""
        if not asked.is_plain:
            return self._asked(asked)
        # Many facts ask the same of a record, `message.role == "user"` say: it is answered once.
        if asked.text not in self._answers:
            self._answers[asked.text] = self._asked(asked)
        return self._answers[asked.text]

    def _asked(self, asked: Condition) -> Value:
        if asked.shortcut is not None:
            value = settled(asked.shortcut(self, None))
            if value is not UNSURE:
                return value
        if self._world.unseen:
            return self._asked_alone(asked)
        group = self._groups.of(asked)
        bound = self._bound.get(id(group))
        if bound is None:
            bound = self._bound[id(group)] = self._bind(group)
        value = asked.program.run(bound.binding)
        if isinstance(value, Undecidable):
            return explained(asked.text, value.reason, bound.missing, bound.failed)
        return value

    def _asked_alone(self, asked: Condition) -> Value:
        """Ask a condition of variables of its own: of sealed values each may see something else."""
        reasons: dict[str, str] = {}
        bound = self._bind(Group(asked.reads, asked.level), asked.touches, reasons)
        value = asked.program.run(bound.binding)
        if not isinstance(value, Undecidable):
            return value
        missing = no_key(value.reason)
        if missing in reasons:
            return Undecidable(reasons[missing], Hidden.SEALED)
        return explained(asked.text, value.reason, bound.missing, bound.failed)

    def fact(self, name: str) -> FactResult:
        """Return a fact as of the record."""
        found = self._facts.get(name)
        if found is None:
            memory = self._world.facts.get(name)
            found = FactResult(None, "not declared") if memory is None else memory.read(self)
            self._facts[name] = found
        return found

    def variable(self, root: str, members: Iterable[str] | None, level: int) -> Value:
        """Return a variable with the members that are read, or `Absent` with the reason.

        Args:
            root: The variable's name.
            members: The members that are read, None for all.
            level: How many of the contract's facts its condition may see.
        """
        placed = self.placed
        if root == "params":
            if self._params is None:
                self._params = self._world.views.params(placed)
            return self._params
        if root == "limits":
            return self._limits_at(level)
        if root == placed.subject and root != "action":
            return self._world.views.record(placed, members)
        return self._around(root, members)

    def _around(self, root: str, members: Iterable[str] | None) -> Value:
        """Return a variable that says what the record belongs to or who wrote it."""
        if root == "action":
            return self._world.views.action(self.placed, members)
        if root == "run":
            return self._run(members)
        if root == "identity":
            return identity_view(self.placed.event.identity)
        if root == "evidence" and self.placed.subject == "action":
            return self._world.views.cited(self.cited())
        return Absent(f"there is no {root} for {self.placed.subject}")

    def _run(self, members: Iterable[str] | None) -> Value:
        if self.placed.run is None:
            return Absent(f"run: this {self.placed.subject} stands in no run")
        return run_view(self.placed.run, members)

    # ------------------------------------------------------------- what shortcuts read

    def part(self, key: Key) -> Value:
        """Return a member of a variable but `facts` and `limits`; `UNSURE` where it is absent."""
        value = self._parts.get(key)
        if value is None:
            value = self._part(key)
        return UNSURE if type(value) is Absent else value

    def has(self, key: Key) -> Value:
        """Return whether a variable that is there has a member."""
        value = self._part(key)
        if isinstance(value, Absent):
            return False if value is ABSENT else UNSURE
        return True

    def _part(self, key: Key) -> Value:
        """Return a member, or `Absent`, once made: many rules read the same few."""
        value = self._parts.get(key)
        if value is None:
            root, name = key
            if root in MADE_WHOLE:
                holder = self.whole(root)
                value = holder.get(name, ABSENT) if is_map(holder) else _NOT_THERE
            else:
                value = self._world.views.part(self.placed, root, name)
            self._parts[key] = value
        return value

    def whole(self, root: str) -> Value:
        """Return a variable as a whole."""
        if root not in self._wholes:
            value = self.variable(root, None, 0)
            self._wholes[root] = UNSURE if isinstance(value, Absent) else value
        return self._wholes[root]

    def limit(self, name: str, level: int) -> Value:
        """Return a limit, for a condition that may see so many facts."""
        value = self._limits_at(level)
        return value.get(name, UNSURE) if is_map(value) else UNSURE

    def known(self, name: str, level: int) -> Value:
        """Return the value of a fact, for a condition that may see so many facts."""
        if self._world.level(name) >= level:
            return UNSURE
        result = self.fact(name)
        return UNSURE if result.reason else result.value

    def cited(self) -> Sequence[Placed]:
        """Return the observations that the action cites."""
        if self._cited is None:
            self._cited = self._world.lineage.cited(self.placed.record)
        return self._cited

    def _bind(
        self, group: Group, touched: Sequence[Touch] = (), reasons: dict[str, str] | None = None
    ) -> _Bound:
        values: dict[str, Any] = {}
        missing: dict[str, Undecidable] = {}
        failed: dict[str, Undecidable] = {}
        for root, members in group.reads.members.items():
            value = self.variable(root, members, group.level)
            if reasons is not None and not isinstance(value, Absent):
                value = _seen(value, root, touched, reasons)
            if isinstance(value, Absent):
                missing[root] = Undecidable(value.reason, value.hidden)
            else:
                values[root] = value if root == "params" else for_cel(value)
        if group.reads.facts:
            values["facts"] = self._known_facts(group, failed)
        return _Bound(self._world.evaluator.bind(values), missing, failed)

    def _known_facts(self, group: Group, failed: dict[str, Undecidable]) -> dict[str, Value]:
        known: dict[str, Any] = {}
        for name in sorted(group.reads.facts):
            if self._world.level(name) >= group.level:
                failed[name] = Undecidable("not declared before it is read")
                continue
            result = self.fact(name)
            if result.reason:
                failed[name] = Undecidable(result.reason, result.hidden)
            else:
                known[name] = for_cel(result.value)
        return known

    def _limits_at(self, level: int) -> Value:
        if self._world.limits_level > level:
            return Absent("limits: they rest on a fact that is declared later")
        if self._limits is None:
            self._limits = Absent("limits: they rest on themselves")
            self._limits = self._chosen_limits()
        return self._limits

    def _chosen_limits(self) -> Value:
        values = [self.ask(by) for by in self._world.limits_by]
        for value in values:
            # A case that cannot be told must not fall back: the general limit may be the wider one.
            if isinstance(value, Undecidable):
                return Absent(f"limits: {value.reason}", value.hidden)
        return limits_for(self._world.contract.limits, values)


def limits_for(limits: Limits, values: Sequence[Value]) -> Value:
    """Return the variable `limits` where the cases are these, or `Absent` with the reason."""
    if not limits.levels:
        return plain(dict(limits.plain))
    told = ", ".join(repr(value) for value in values)
    if not all(isinstance(value, str) for value in values):
        return Absent(f"limits: no case for {told}: a case is a string")
    listed = zip(limits.levels, values, strict=True)
    chosen = [limits.default, *(level.cases.get(value) for level, value in reversed([*listed]))]
    if all(one is None for one in chosen):
        return Absent(f"limits: no case for {told}, and no default")
    return plain({name: value for one in chosen if one for name, value in one.items()})


def _seen(value: Value, root: str, touched: Sequence[Touch], reasons: dict[str, str]) -> Value:
    """Return a variable without the sealed values that a condition would read."""
    found = cut(value, root, touched)
    if found.value is None:
        return Absent(found.reasons[root], Hidden.SEALED)
    reasons.update(found.reasons)
    return found.value
