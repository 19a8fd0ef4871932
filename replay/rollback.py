"""What could be undone of some acts, as of a time: a class for each, a plan, and what stays.

Whatever rests on an act is taken back before it, or keeps it from being taken back. Nothing is
executed here. Source: docs/spec/rollback.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from contracts.undoing import NoWayBack
from replay.compensations import Call, Compensations
from replay.dependencies import Dependencies, Link, Trail, dependencies
from replay.exposure import Amount
from replay.history import Act, History
from replay.rollback_classes import (
    ABANDONED,
    EXECUTED,
    PLANNED,
    RESIDUAL,
    TIMEOUT,
    Class,
    Conflict,
    Fate,
    Settled,
    attempted,
    settled,
)

FEW: Final = 5
"""Of what keeps an act, and of what waits for it, so many are named."""
_PASSING: Final = frozenset({Class.NO_EFFECT, Class.TAKEN_BACK})
"""These changed nothing that stands: what rests on one of them rests on what it rests on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What could be undone of a selection.

    Attributes:
        acts: Those of the history.
        fates: Of each act of the selection that was executed, or may have been, in order.
        steps: The fates of the acts that are taken back, in the order in which they are.
        amounts: By class what the acts come to; every class is there.
        never: How many of the selection were never executed.
    """

    acts: Sequence[Act]
    fates: tuple[Fate, ...]
    steps: tuple[Fate, ...]
    amounts: Mapping[Class, Amount]
    never: int = 0

    def of(self, kinds: Iterable[Class]) -> list[Act]:
        """Return the acts of some classes, in order."""
        wanted = frozenset(kinds)
        return [self.acts[fate.number] for fate in self.fates if fate.kind in wanted]

    def amount(self, *kinds: Class) -> Amount:
        """Return what acts of some classes come to."""
        return Amount.sum(self.amounts[kind] for kind in kinds)

    @property
    def executed(self) -> Amount:
        """What was done: it is recovered, was taken back before, or is residual."""
        return self.amount(*EXECUTED)

    @property
    def recovered(self) -> Amount:
        """What the plan takes back."""
        return self.amount(*PLANNED)

    @property
    def residual(self) -> Amount:
        """What stays, whatever is done."""
        return self.amount(*RESIDUAL)

    @property
    def tolerated(self) -> Amount:
        """What had no undo at all."""
        return self.amount(Class.IRREVERSIBLE)

    @property
    def ungoverned(self) -> Amount:
        """The part of that for which the contract does not even say so."""
        return Amount.of(self.acts[fate.number] for fate in self.fates if fate.ungoverned)

    @property
    def costs(self) -> tuple[dict[str, int], int]:
        """What the calls are estimated to cost, by currency, and how many have no estimate."""
        sums, without = dict[str, int](), 0
        for fate in self.steps:
            cost = None if fate.call is None else fate.call.cost
            if cost is None:
                without += 1
            else:
                sums[cost.currency] = sums.get(cost.currency, 0) + cost.micros
        return dict(sorted(sums.items())), without

    @property
    def approvals(self) -> dict[str, int]:
        """How many approvals the calls need, by role."""
        found: dict[str, int] = {}
        for fate in self.steps:
            for one in () if fate.call is None else fate.call.approvals:
                found[one.role] = found.get(one.role, 0) + 1
        return dict(sorted(found.items()))


@dataclass(slots=True)
class Rollback:
    """Makes plans over one history.

    Attributes:
        history: The history.
        dependencies: What depends on what in it.
        settled: What no plan changes.
        compensations: Decides what could take an act back.
    """

    history: History
    dependencies: Dependencies
    settled: Settled
    compensations: Compensations
    _ended: frozenset[int] | None = None

    @classmethod
    def of(
        cls, history: History, trail: Trail, compensations: Compensations, *, by_target: bool = True
    ) -> "Rollback":
        """Prepare plans over a history that was read.

        Args:
            history: The history.
            trail: What was collected while it was read.
            compensations: Decides what could take an act back.
            by_target: Whether a later change of the same target keeps an earlier one.
        """
        fixed = settled(history, compensations)
        found = dependencies(history.acts, trail, fixed.standing, by_target=by_target)
        return cls(history, found, fixed, compensations)

    def plan(self, selection: Iterable[int]) -> Plan:
        """Return what could be undone of a selection.

        Args:
            selection: Places in the history, in any order.
        """
        chosen = frozenset(selection)
        planning = _Planning(self, chosen)
        fates = planning.fates()
        never = sum(not attempted(self.history.acts[number]) for number in chosen)
        amounts = {kind: Amount() for kind in Class}
        for fate in fates:
            amounts[fate.kind].add(self.history.acts[fate.number])
        return Plan(self.history.acts, fates, planning.ordered(fates), amounts, never)

    def alone(self, number: int) -> Fate:
        """Return what becomes of an act whatever depends on it."""
        act, kind = self.history.acts[number], self.settled.kinds[number]
        if kind is not None:
            return Fate(number, kind, self._taken(number) if kind is Class.TAKEN_BACK else "")
        unknown = self._unknown(number, act)
        if unknown:
            return Fate(number, Class.UNDECIDABLE, unknown)
        tool = self.compensations.tool(act)
        if tool is None or not tool.compensation:
            stated = tool.irreversible if tool is not None else ""
            return Fate(
                number, Class.IRREVERSIBLE, stated or self._nothing(act), ungoverned=not stated
            )
        within, left = tool.calling.take_back_within, None
        if within is not None:
            if act.ended_at is None:
                why = "nobody recorded when it was done, and its window ends"
                return Fate(number, Class.UNDECIDABLE, why)
            left = act.ended_at + within - self.compensations.at
            if left <= 0:
                why = f"its window of {length(within)} is over"
                return Fate(number, Class.EXPIRED, why)
        return self._callable(number, act, left)

    def _callable(self, number: int, act: Act, left: int | None) -> Fate:
        way = self.compensations.way(act)
        if isinstance(way, NoWayBack):
            return Fate(number, Class.UNDECIDABLE, way.why, left=left)
        call = self.compensations.call(act, way)
        if call.allowed:
            return Fate(number, Class.REVERSIBLE, call=call, left=left)
        if call.earlier >= 0:
            return self._repeated(number, call, left)
        kind = Class.UNDECIDABLE if call.undecided else Class.REFUSED
        return Fate(number, kind, "; ".join(call.against), call=call, left=left)

    def _repeated(self, number: int, call: Call, left: int | None) -> Fate:
        """Return the fate of an act whose compensating call was made before, without saying so."""
        if self._ended is None:
            self._ended = frozenset(act.ended for act in self.history.acts if act.done)
        if call.earlier in self._ended:
            why = f"the same call was done at entry {call.earlier}, and does not say what it undoes"
            return Fate(number, Class.TAKEN_BACK, why, call=call)
        why = f"the same call was made at entry {call.earlier}, and nobody knows what came of it"
        return Fate(number, Class.UNDECIDABLE, why, call=call, left=left)

    def _unknown(self, number: int, act: Act) -> str:
        """Return why nobody knows whether an act stands; empty where it does."""
        if act.status == TIMEOUT:
            return "it timed out: nobody knows whether it was done"
        if act.status == ABANDONED:
            return "it was abandoned: nobody knows whether it was done"
        if not act.executed:
            return "it has no outcome: nobody knows whether it was done"
        if number in self.settled.trying:
            by = self.history.acts[self.settled.trying[number]].index
            return f"entry {by} was to take it back, and nobody knows what came of that"
        return ""

    def _taken(self, number: int) -> str:
        return f"by entry {self.history.acts[self.settled.undone[number]].index}"

    def _nothing(self, act: Act) -> str:
        """Return why an act has no undo, where the contract says nothing of it."""
        service = self.compensations.service(act)
        if service not in self.compensations.in_force.bindings:
            return "no contract is in force for its service"
        if self.compensations.tool(act) is None:
            return "the contract in force does not know the tool"
        return "the contract names no compensation"


@dataclass(slots=True)
class _Planning:
    """One plan, made from the end of the history to its beginning."""

    rollback: Rollback
    chosen: frozenset[int]
    kept: dict[int, list[Conflict]] = field(default_factory=dict[int, list[Conflict]])
    after: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    joined: dict[int, int] = field(default_factory=dict[int, int])

    def fates(self) -> tuple[Fate, ...]:
        """Return the fate of each chosen act that was executed, in order."""
        earlier = self.rollback.dependencies.earlier
        found: list[Fate] = []
        for number in sorted(self.chosen | earlier.keys(), reverse=True):
            fate = self._fate(number) if number in self.chosen else None
            if fate is not None:
                found.append(fate)
            if number in earlier:
                self._pass_on(number, fate)
        found.reverse()
        return tuple(found)

    def ordered(self, fates: Sequence[Fate]) -> tuple[Fate, ...]:
        """Return what is taken back, in an order in which nothing goes before what rests on it.

        What hangs together is taken back from its last act to its first. Of what does not, those
        come first of which some window ends first.
        """
        steps = [fate for fate in fates if fate.kind in PLANNED]
        urgency: dict[int, float] = {}
        last: dict[int, int] = {}
        for fate in steps:
            root = self._root(fate.number)
            left = inf if fate.left is None else fate.left
            urgency[root] = min(left, urgency.get(root, inf))
            last[root] = fate.number

        def order(fate: Fate) -> tuple[float, int, int]:
            root = self._root(fate.number)
            return urgency[root], -last[root], -fate.number

        return tuple(sorted(steps, key=order))

    def _fate(self, number: int) -> Fate | None:
        rollback = self.rollback
        act = rollback.history.acts[number]
        if not attempted(act):
            return None
        fate = rollback.alone(number)
        if fate.kind is not Class.REVERSIBLE:
            return fate
        conflicts = self.kept.get(number, [])
        held = rollback.dependencies.held.get(number)
        if held is not None:
            conflicts = [Conflict(held[0], Link.ORDER, held[1]), *conflicts]
        after = self.after.get(number, ())
        alone = not after and fate.call is not None and not fate.call.approvals
        kind = Class.REVERSIBLE if alone else Class.COMPENSABLE
        return Fate(
            number,
            Class.BLOCKED if conflicts else kind,
            call=fate.call,
            left=fate.left,
            conflicts=tuple(conflicts),
            after=tuple(after),
        )

    def _pass_on(self, number: int, fate: Fate | None) -> None:
        """Tell what an act depends on whether it stays, or is taken back before."""
        kinds = self.rollback.settled.kinds
        if fate is not None and fate.kind in PLANNED:
            self._undone(number, [number])
        elif (kinds[number] if fate is None else fate.kind) in _PASSING:
            if number in self.after:
                self._undone(number, self.after[number])
            if number in self.kept:
                self._stays(number, self.kept[number], direct=False)
        elif number in self.rollback.settled.standing.changed:
            self._stays(number, [Conflict(number, Link.TARGET)], direct=True)

    def _undone(self, number: int, steps: Sequence[int]) -> None:
        for earlier, _, _ in self.rollback.dependencies.of(number):
            known = self.after.setdefault(earlier, [])
            known += [step for step in steps if step not in known][: FEW - len(known)]
            self.joined[self._root(earlier)] = self._root(number)

    def _stays(self, number: int, why: Sequence[Conflict], *, direct: bool) -> None:
        for earlier, link, detail in self.rollback.dependencies.of(number):
            known = self.kept.setdefault(earlier, [])
            named = {one.by for one in known}
            for one in why:
                if len(known) < FEW and one.by not in named:
                    known.append(Conflict(one.by, link, detail, direct))

    def _root(self, number: int) -> int:
        """Return what stands for all that hangs together with an act."""
        root = number
        while (up := self.joined.get(root, root)) != root:
            root = up
        while (up := self.joined.get(number, number)) != root:
            self.joined[number], number = root, up
        return root


def length(micros: int) -> str:
    """Return a length of time in the largest unit that it is at least one of.

    Example:
        >>> length(72 * 3_600_000_000), length(90_000_000), length(5_400_000_000)
        ('3 d', '90 s', '90 min')
    """
    seconds = micros / 1_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
