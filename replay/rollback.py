"""What could be undone of some acts, as of a time: classes, a plan, and what stays.

Whatever rests on an act is taken back before it; of the rest goes first what is most urgent. Nothing
is executed here. Source: docs/spec/rollback.md.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heappush
from math import inf
from typing import Final

from replay.compensations import Call, Compensations, Reading, Undo
from replay.dependencies import Dependencies, Link
from replay.exposure import Amount
from replay.history import Act, History


class Class(StrEnum):
    """What becomes of an act that was executed, if the plan is followed."""

    REVERSIBLE = "reversible"
    COMPENSABLE = "compensable"
    BLOCKED = "blocked"
    REFUSED = "refused"
    EXPIRED = "expired"
    IRREVERSIBLE = "irreversible"
    UNKNOWN = "unknown"
    DONE = "already compensated"
    UNDO = "compensation"
    HARMLESS = "nothing to undo"


TAKEN: Final = frozenset({Class.REVERSIBLE, Class.COMPENSABLE})
"""The plan takes these back."""
STAYS: Final = (Class.BLOCKED, Class.REFUSED, Class.EXPIRED, Class.IRREVERSIBLE, Class.UNKNOWN)
"""What these did stays as it is: the residual."""
AT_STAKE: Final = (Class.REVERSIBLE, Class.COMPENSABLE, *STAYS)
_NO_REST: Final = frozenset({Link.COMPENSATES, Link.RESUMES})
"""What takes an act back, or takes it up, does not keep it from being taken back."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What keeps an act from being taken back: a later one that depends on it and stays.

    Attributes:
        by: Its place in the history. It may depend on the act through others.
        link: How the next one in between depends on the act; `detail` with what.
        detail: The target or the id.
        direct: Whether there is none in between.
    """

    by: int
    link: Link
    detail: str = ""
    direct: bool = True


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one act.

    Attributes:
        number: Its place in the history.
        kind: Its class.
        why: Why, in words; empty where the class says it all.
        tolerated: It is irreversible, and the contract does not say so: it names no way back.
        call: The compensating call, where there is one.
        left: How long its window is still open, in microseconds; None where it has no end.
        conflict: What keeps it, of a blocked one.
    """

    number: int
    kind: Class
    why: str = ""
    tolerated: bool = False
    call: Call | None = None
    left: int | None = None
    conflict: Conflict | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What could be undone of a selection.

    Attributes:
        acts: Those of the history.
        fates: Of each act of the selection that was executed, in order.
        steps: The acts that are taken back, by place, in the order in which they are.
        amounts: By class what the acts come to; every class is there.
        tolerated: Those of `irreversible` for which the contract names no way back.
        costs: What the calls of the plan are estimated to cost; `unvalued`: not estimated.
    """

    acts: Sequence[Act]
    fates: tuple[Fate, ...]
    steps: tuple[int, ...]
    amounts: Mapping[Class, Amount]
    tolerated: Amount
    costs: Amount

    def calls(self) -> list[tuple[Act, Fate]]:
        """Return the acts that are taken back, in the order in which they are."""
        found = {fate.number: fate for fate in self.fates if fate.kind in TAKEN}
        return [(self.acts[number], found[number]) for number in self.steps]

    def of(self, kinds: Iterable[Class]) -> list[Act]:
        """Return the acts of some classes, in order."""
        wanted = frozenset(kinds)
        return [self.acts[fate.number] for fate in self.fates if fate.kind in wanted]

    @property
    def at_stake(self) -> Amount:
        """What changed something and was not taken back yet."""
        return Amount.of(act.value for act in self.of(AT_STAKE))

    @property
    def recovered(self) -> Amount:
        """What the plan takes back."""
        return Amount.of(act.value for act in self.of(TAKEN))

    @property
    def residual(self) -> Amount:
        """What stays, whatever is done."""
        return Amount.of(act.value for act in self.of(STAYS))


@dataclass(slots=True)
class Rollback:
    """Makes plans over one history.

    Attributes:
        history: The history.
        dependencies: All of it, those of targets too.
    """

    history: History
    dependencies: Dependencies
    _compensations: Compensations
    _kinds: list[Class | None] = field(default_factory=list[Class | None])

    @classmethod
    def of(cls, reading: Reading) -> "Rollback":
        """Prepare plans over a history that was read."""
        made = cls(reading.history, reading.trail.dependencies, reading.compensations)
        made._kinds = made._plain_kinds()
        targets = (
            (number, act.target)
            for number, act in enumerate(reading.history.acts)
            if made._kinds[number] is None
        )
        made.dependencies = reading.trail.dependencies.with_targets(targets)
        return made

    def _plain_kinds(self) -> list[Class | None]:
        """Return the class of each act of which no plan changes it; None of what changed something.

        An act that was not executed has the class of those that changed nothing.
        """
        taken = {act.compensates for act in self.history.acts if act.compensates and act.done}
        found: list[Class | None] = []
        for act in self.history.acts:
            if act.compensates:
                found.append(Class.UNDO if act.done else Class.HARMLESS)
            elif not act.executed or act.status == "error" or self._compensations.harmless(act):
                found.append(Class.HARMLESS)
            elif act.digest in taken:
                found.append(Class.DONE)
            else:
                found.append(None)
        return found

    def changed(self, number: int) -> bool:
        """Return whether an act changed something that was not taken back."""
        return self._kinds[number] is None

    def plan(self, selection: Iterable[int]) -> Plan:
        """Return what could be undone of a selection.

        Args:
            selection: Places in the history, in any order; what was not executed is left out.
        """
        acts = self.history.acts
        chosen = {number for number in selection if acts[number].executed}
        undos = {
            number: self._compensations.undo(number)
            for number in sorted(chosen)
            if self.changed(number)
        }
        holding = _Holding(self.dependencies)
        fates: list[Fate] = []
        for number in range(len(acts) - 1, -1, -1):
            fate = self._fate(number, undos, holding) if number in chosen else None
            if fate is not None:
                fates.append(fate)
            changed = self.changed(number)
            stays = changed and (fate is None or fate.kind not in TAKEN)
            passes = not changed and self._kinds[number] is Class.HARMLESS and acts[number].executed
            holding.pass_on(number, stays=stays, changed=changed, passes=passes)
        fates.reverse()
        return self._summed(fates)

    def _ordered(self, fates: Sequence[Fate]) -> tuple[int, ...]:
        """Return what is taken back in an order in which nothing goes before what rests on it.

        Of those that may go next it is the one whose window, or that of what waits for it, ends
        first; then the last one that was done.
        """
        left = {fate.number: fate.left for fate in fates if fate.kind in TAKEN}
        acts, kinds = self.history.acts, self._kinds
        passing = {
            number
            for number in range(min(left, default=0), len(acts))
            if kinds[number] is Class.HARMLESS and acts[number].executed
        }
        waiting: dict[int, int] = dict.fromkeys(left, 0)
        urgency: dict[int, float] = {}
        for number in sorted([*left, *passing]):
            own = left.get(number)
            urgency[number] = inf if own is None else own
            for earlier in self._resting(number, urgency):
                waiting[earlier] = waiting.get(earlier, 0) + 1
                urgency[number] = min(urgency[number], urgency[earlier])
        # What changed nothing makes nobody wait any longer.
        ready = [
            (number in left, urgency[number], -number)
            for number in urgency
            if not waiting.get(number)
        ]
        heapify(ready)
        steps: list[int] = []
        while ready:
            is_step, _, negative = heappop(ready)
            if is_step:
                steps.append(-negative)
            for earlier in self._resting(-negative, urgency):
                waiting[earlier] -= 1
                if not waiting[earlier]:
                    heappush(ready, (earlier in left, urgency[earlier], -earlier))
        return tuple(steps)

    def _resting(self, later: int, known: Container[int]) -> set[int]:
        """Return those of some acts that an act rests on."""
        return {
            earlier
            for earlier, link, _ in self.dependencies.of(later)
            if earlier in known and link not in _NO_REST
        }

    def _fate(self, number: int, undos: Mapping[int, Undo], holding: "_Holding") -> Fate:
        plain = self._kinds[number]
        act = self.history.acts[number]
        if plain is not None:
            why = "it failed" if plain is Class.HARMLESS and act.status == "error" else ""
            return Fate(number, plain, why)
        if act.status == "timeout":
            return Fate(number, Class.UNKNOWN, "it timed out: nobody knows whether it was done")
        undo = undos[number]
        call = undo.call
        if call is None:
            kind = Class.EXPIRED if undo.expired else Class.IRREVERSIBLE
            kind = Class.UNKNOWN if undo.open else kind
            tolerated = kind is Class.IRREVERSIBLE and not undo.stated
            return Fate(number, kind, undo.why, tolerated)
        if call.effect not in {"allow", "approve"}:
            kind = Class.UNKNOWN if call.open else Class.REFUSED
            why = "; ".join(call.against) or f"the contract in force says {call.effect}"
            return Fate(number, kind, why, call=call, left=undo.left)
        conflict = holding.of.get(number)
        if conflict is not None:
            return Fate(number, Class.BLOCKED, call=call, left=undo.left, conflict=conflict)
        kind = Class.COMPENSABLE if number in holding.used else Class.REVERSIBLE
        return Fate(number, kind, call=call, left=undo.left)

    def _summed(self, fates: Sequence[Fate]) -> Plan:
        acts = self.history.acts
        amounts = {kind: Amount() for kind in Class}
        tolerated, costs = Amount(), Amount()
        for fate in fates:
            value = acts[fate.number].value
            amounts[fate.kind].add(value)
            if fate.tolerated:
                tolerated.add(value)
            if fate.kind in TAKEN and fate.call is not None:
                costs.add(fate.call.cost)
        return Plan(acts, tuple(fates), self._ordered(fates), amounts, tolerated, costs)


@dataclass(slots=True)
class _Holding:
    """What holds earlier acts, while a history is gone through from its end.

    Attributes:
        of: By place, what keeps an act from being taken back.
        used: The acts on which something depends that changed something, taken back or not.
    """

    dependencies: Dependencies
    of: dict[int, Conflict] = field(default_factory=dict[int, Conflict])
    used: set[int] = field(default_factory=set[int])

    def pass_on(self, number: int, *, stays: bool, changed: bool, passes: bool) -> None:
        """Hand on to what an act depends on whether it stays.

        Args:
            number: The act.
            stays: It changed something, and that stays.
            changed: It changed something.
            passes: It changed nothing, and what depends on it depends on what it rests on.
        """
        own = self.of.get(number) if passes else None
        used = changed or (passes and number in self.used)
        if not stays and own is None and not used:
            return
        for earlier, link, detail in self.dependencies.of(number):
            if link in _NO_REST:
                continue
            if used:
                self.used.add(earlier)
            if stays:
                self.of[earlier] = Conflict(number, link, detail)
            elif own is not None:
                self.of.setdefault(earlier, Conflict(own.by, link, detail, direct=False))
