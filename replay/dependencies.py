"""What rests on what: which later act depends on which earlier one, and why.

An act depends on an earlier one that changed the same target, that brought forth an id which it
uses, or whose result it cites as evidence. All of it is looked up by target, id and entry in one
reading: nothing is compared pair by pair. Source: docs/spec/rollback.md, *Dependencies*.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import Any, Final, cast

from contracts.lineage import Lineage, Placed
from replay.history import EXECUTED, Act

_NAMED: Final = re.compile(r"(?:^|[_-])(?:id|ids|ref|reference|number|no|key|code|token)$|Ids?$")
_LIKE: Final = re.compile(r"(?=\D*\d)[^\s]{3,120}")
_NO_ID: Final = re.compile(r"\d{4}-\d\d(?:-\d\d.*)?|[+-]?\d*[.,]?\d+%?|\d\d:\d\d.*")
_DEEPEST: Final = 12
_BEFORE: Final = -1
"""Of an id that was there before anything in the ledger brought it forth."""


class Link(StrEnum):
    """Why a later act depends on an earlier one."""

    TARGET = "same target"
    OUTCOME = "uses its outcome"
    EVIDENCE = "evidence rests on it"
    ORDER = "taken back out of order"


Earlier = tuple[int, Link, str]
"""An act that another depends on, by place; why; and by what: the target or the id."""


@dataclass(slots=True)
class Dependencies:
    """Which act depends on which, by places in `History.acts`.

    Attributes:
        earlier: By the later act what it depends on. Acts of one target are linked each with the
            last one before it that changed it.
        held: By an act the later compensation that was done over it: an earlier act of the same
            target was taken back when this one stood already.
    """

    earlier: dict[int, list[Earlier]] = field(default_factory=dict[int, list[Earlier]])
    held: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])

    def add(self, later: int, earlier: int, link: Link, detail: str = "") -> None:
        """Add that an act depends on another, once. Nothing depends on what comes later."""
        if earlier >= later:
            return
        known = self.earlier.setdefault(later, [])
        if all((one[0], one[1]) != (earlier, link) for one in known):
            known.append((earlier, link, detail))

    def of(self, later: int) -> Sequence[Earlier]:
        """Return what an act depends on."""
        return self.earlier.get(later, ())

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.earlier.values())) + len(self.held)


class Trail:
    """Collects what records state while a history is read: hand `watch` to `History.of`.

    Attributes:
        uses: By the later act those whose ids it uses.
        observed: By the entry of an observation the act that it is the result of.
        free: Observations that are no act's result: entry, what they are of, and the act that
            brought that forth, -1 where none did.
        sealed: The acts whose parameters are hidden: what they use is not known.

    Args:
        harmless: Tools that change nothing, by service.
    """

    def __init__(self, harmless: Mapping[str, Collection[str]]) -> None:
        self.uses: dict[int, list[tuple[int, str]]] = {}
        self.observed: dict[int, int] = {}
        self.free: list[tuple[int, str, int]] = []
        self.sealed: set[int] = set()
        self._harmless = harmless
        self._numbers: dict[str, int] = {}
        self._ids: dict[str, int] = {}

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Take in an entry."""
        del lineage
        if placed.subject == "action":
            self._action(placed)
        elif placed.subject == "outcome":
            self._outcome(placed)
        elif placed.subject == "observation":
            self._observation(placed)
        elif placed.subject == "run.opened":
            self._know(_leaves(placed.record))

    def number(self, action: str) -> int | None:
        """Return an act's place, by its record's digest."""
        return self._numbers.get(action)

    def _know(self, leaves: Iterable[tuple[str, bool]]) -> None:
        ids = self._ids
        for text, is_id in leaves:
            if is_id and text not in ids:
                ids[text] = _BEFORE

    def _action(self, placed: Placed) -> None:
        number = self._numbers[placed.event.digest] = len(self._numbers)
        record, ids = placed.record, self._ids
        if placed.event.unseen:
            self.sealed.add(number)
        leaves = _leaves({"params": record.get("params"), "target_id": record.get("target")})
        for text, is_id in leaves:
            found = ids.get(text)
            if found is None and is_id:
                ids[text] = _BEFORE
            elif found is not None and found >= 0:
                self.uses.setdefault(number, []).append((found, text))

    def _outcome(self, placed: Placed) -> None:
        record = placed.record
        number = self._numbers.get(record["action"])
        if number is None or record["status"] not in EXECUTED:
            return
        leaves = _leaves(record.get("fields"))
        service = "" if placed.run is None else placed.run.opened.get("service", "")
        if placed.tool in self._harmless.get(service, ()):
            self._know(leaves)
            return
        ids = self._ids
        for text, is_id in leaves:
            if is_id and text not in ids:
                ids[text] = number

    def _observation(self, placed: Placed) -> None:
        index, record = placed.event.index, placed.record
        if placed.action is not None:
            number = self._numbers.get(placed.action.event.digest)
            if number is not None:
                self.observed[index] = number
        else:
            ref = str(record.get("ref") or "")
            self.free.append((index, ref, self._ids.get(ref, _BEFORE)))
        self._know(_leaves({"fields": record.get("fields"), "ref": record.get("ref")}))


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a history still stands, by place.

    Attributes:
        changed: The acts that changed something, or may have, and were not taken back.
        reads: The acts that were done and changed nothing.
        undone: The acts that were taken back, each with what took it back last.
    """

    changed: Collection[int]
    reads: Collection[int]
    undone: Mapping[int, int]


def dependencies(
    acts: Sequence[Act], trail: Trail, standing: Standing, *, by_target: bool = True
) -> Dependencies:
    """Return what depends on what.

    Args:
        acts: Those of the history.
        trail: What was collected while it was read.
        standing: What of it stands.
        by_target: Whether a later change of the same target depends on an earlier one.
    """
    linking = _Linking(acts, trail)
    for number in range(len(acts)):
        linking.stated(number)
        if by_target:
            linking.target(number, standing)
    found = linking.found
    if by_target:
        found.held = _held(acts, standing)
    return found


class _Linking:
    """Goes through a history once, from its beginning."""

    def __init__(self, acts: Sequence[Act], trail: Trail) -> None:
        self.found = Dependencies()
        self._acts = acts
        self._trail = trail
        # By target the last act that changed it.
        self._last: dict[str, int] = {}
        # Of observations that are nobody's result: the acts that they rest on.
        self._rests: dict[int, list[Earlier]] = {}
        self._next = 0

    def stated(self, number: int) -> None:
        """Link an act with what its record says that it rests on."""
        act, trail = self._acts[number], self._trail
        while self._next < len(trail.free) and trail.free[self._next][0] < act.index:
            self._rest(*trail.free[self._next])
            self._next += 1
        for user, text in trail.uses.get(number, ()):
            self.found.add(number, user, Link.OUTCOME, text)
        for entry in act.evidence:
            earlier = trail.observed.get(entry)
            if earlier is not None:
                self.found.add(number, earlier, Link.EVIDENCE, self._acts[earlier].tool)
            for one in self._rests.get(entry, ()):
                self.found.add(number, *one)

    def target(self, number: int, standing: Standing) -> None:
        """Link an act with the last one that changed the same target."""
        target, changed = self._acts[number].target, number in standing.changed
        if not target or not (changed or number in standing.reads):
            return
        if target in self._last:
            self.found.add(number, self._last[target], Link.TARGET, target)
        if changed:
            self._last[target] = number

    def _rest(self, entry: int, ref: str, brought: int) -> None:
        """Say what an observation rests on: who changed what it is of, who brought that forth."""
        found = {number for number in (self._last.get(ref, _BEFORE), brought) if number >= 0}
        self._rests[entry] = [(number, Link.EVIDENCE, ref) for number in sorted(found)]


def _held(acts: Sequence[Act], standing: Standing) -> dict[int, tuple[int, str]]:
    """Return the acts that stood already when an earlier one of their target was taken back."""
    pairs: dict[str, list[tuple[int, int]]] = {}
    for number, by in standing.undone.items():
        if acts[number].target:
            pairs.setdefault(acts[number].target, []).append((number, by))
    if not pairs:
        return {}
    latest: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}
    for target, some in pairs.items():
        some.sort()
        upto = list(accumulate(((by, number) for number, by in some), max))
        latest[target] = [number for number, _ in some], upto
    found: dict[int, tuple[int, str]] = {}
    for number in standing.changed:
        target = acts[number].target
        if target not in latest:
            continue
        places, upto = latest[target]
        before = bisect_left(places, number)
        if before and upto[before - 1][0] > number:
            found[number] = upto[before - 1][0], target
    return found


def _leaves(value: Any) -> Iterator[tuple[str, bool]]:  # noqa: ANN401 - any JSON value
    """Yield the texts and whole numbers within a value, and whether each reads like an id."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        one, name, depth = waiting.pop()
        if isinstance(one, str):
            if one:
                yield one, _is_id(one, name)
        elif isinstance(one, bool):
            continue
        elif isinstance(one, int):
            yield str(one), bool(_NAMED.search(name))
        elif depth < _DEEPEST and isinstance(one, dict):
            members = cast("dict[str, Any]", one)
            waiting += [(each, key, depth + 1) for key, each in members.items()]
        elif depth < _DEEPEST and isinstance(one, list):
            waiting += [(each, name, depth + 1) for each in cast("Sequence[Any]", one)]


def _is_id(text: str, name: str) -> bool:
    if _LIKE.fullmatch(text):
        return not _NO_ID.fullmatch(text) or bool(_NAMED.search(name))
    return bool(_NAMED.search(name)) and " " not in text and len(text) > 1
