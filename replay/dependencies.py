"""What rests on what: which later act depends on which earlier one, and why.

An act depends on an earlier one where it is about the same target, where it uses an id that the
earlier one brought forth, where it cites evidence of it, takes it back or takes it up. All of it is
found by looking up targets, ids and digests, in one reading; nothing is compared pair by pair.
Source: docs/spec/rollback.md, *Dependencies*.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, cast

from contracts.history import Event
from contracts.lineage import Lineage, Placed
from replay.history import EXECUTED

_NAMED_ID: Final = re.compile(r"(^|_|-)(id|ids|ref|reference|number|no|key|code|token)$|Id$|Ids$")
_LIKE_ID: Final = re.compile(r"(?=.*[0-9])\S{4,200}")
_TIME_OR_NUMBER: Final = re.compile(r"\d{4}-\d\d-\d\d.*|[+-]?\d+[.,]\d*|\d\d:\d\d.*")
_DEEPEST: Final = 12


class Link(StrEnum):
    """Why a later act depends on an earlier one."""

    TARGET = "same target"
    OUTCOME = "uses its outcome"
    EVIDENCE = "evidence rests on it"
    COMPENSATES = "takes it back"
    RESUMES = "takes it up"


@dataclass(frozen=True, slots=True)
class Edge:
    """That a later act depends on an earlier one. Both are places in `History.acts`."""

    later: int
    earlier: int
    link: Link
    detail: str = ""


Earlier = Sequence[tuple[int, Link, str]]


@dataclass(slots=True)
class Dependencies:
    """Which act depends on which.

    Attributes:
        earlier: By the later act's place: the earlier ones that it depends on, each with why. The
            acts of one target are linked each with the one before it.
    """

    earlier: dict[int, list[tuple[int, Link, str]]] = field(
        default_factory=dict[int, list[tuple[int, Link, str]]]
    )

    def add(self, later: int, earlier: int, link: Link, detail: str = "") -> None:
        """Add an edge, once. Nothing depends on itself or on what comes later."""
        if earlier >= later:
            return
        known = self.earlier.setdefault(later, [])
        if all((one[0], one[1]) != (earlier, link) for one in known):
            known.append((earlier, link, detail))

    def of(self, later: int) -> Earlier:
        """Return what an act depends on."""
        return self.earlier.get(later, ())

    def edges(self) -> Iterator[Edge]:
        """Yield all edges, by the later act."""
        for later in sorted(self.earlier):
            for earlier, link, detail in self.earlier[later]:
                yield Edge(later, earlier, link, detail)

    def with_targets(self, targets: Iterable[tuple[int, str]]) -> "Dependencies":
        """Return these edges with those between acts of the same target.

        Args:
            targets: Place and target of each act that changed something, in order.
        """
        found = Dependencies({later: list(each) for later, each in self.earlier.items()})
        last: dict[str, int] = {}
        for number, target in targets:
            if target:
                if target in last:
                    found.add(number, last[target], Link.TARGET, target)
                last[target] = number
        return found

    def closure(self, numbers: frozenset[int], acts: int) -> frozenset[int]:
        """Return acts and all that depends on them, directly or through others."""
        found = set(numbers)
        for later in range(acts):
            if later not in found and any(one[0] in found for one in self.of(later)):
                found.add(later)
        return frozenset(found)


class Trail:
    """Collects dependencies while a history is read: hand `watch` to `History.of`.

    Attributes:
        dependencies: Those that records state. Those of targets come with `with_targets`.
        outcomes: By an act's place its last outcome, where its tool is one of `kept`.
        identities: What the authority said last of everybody.

    Args:
        kept: The tools whose outcomes are kept.
    """

    def __init__(self, kept: frozenset[str] = frozenset()) -> None:
        self.dependencies = Dependencies()
        self.outcomes: dict[int, Event] = {}
        self.identities: dict[str, Mapping[str, Any]] = {}
        self._kept = kept
        self._numbers: dict[str, int] = {}
        self._observed: dict[str, int] = {}
        self._brought: dict[str, int] = {}
        self._given: dict[int, frozenset[str]] = {}

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Take in an entry."""
        del lineage
        event = placed.event
        if placed.subject == "action":
            self._action(event)
        elif placed.subject == "outcome":
            self._outcome(placed)
        elif placed.subject == "observation" and placed.action is not None:
            number = self._numbers.get(placed.action.event.digest)
            if number is not None:
                self._observed[event.digest] = number

    def number(self, digest: str) -> int | None:
        """Return an act's place, by its record's digest."""
        return self._numbers.get(digest)

    def _action(self, event: Event) -> None:
        record = event.record
        number = self._numbers[event.digest] = len(self._numbers)
        self.identities[record["by"]] = event.identity
        add = self.dependencies.add
        for name, link in (("compensates", Link.COMPENSATES), ("resumes", Link.RESUMES)):
            earlier = self._numbers.get(record.get(name) or "")
            if earlier is not None:
                add(number, earlier, link)
        for digest in record.get("evidence", ()):
            earlier = self._observed.get(digest)
            if earlier is not None:
                add(number, earlier, Link.EVIDENCE)
        given = frozenset(text for text, _ in _leaves(record.get("params"), "", 0))
        for text in sorted(given & self._brought.keys()):
            add(number, self._brought[text], Link.OUTCOME, text)
        target = record.get("target")
        # What an outcome says again is not what it brought forth.
        self._given[number] = given | {target} if isinstance(target, str) else given

    def _outcome(self, placed: Placed) -> None:
        record = placed.event.record
        number = self._numbers.get(record["action"])
        if number is None or record["status"] not in EXECUTED or placed.action is None:
            return
        if placed.action.event.record["tool"] in self._kept:
            self.outcomes[number] = placed.event
        given = self._given.pop(number, frozenset())
        for text, is_id in _leaves(record.get("fields"), "", 0):
            if is_id and text not in given:
                self._brought.setdefault(text, number)


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, bool]]:  # noqa: ANN401
    """Yield the texts and whole numbers within a value, and whether each reads like an id."""
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, each in cast("dict[str, Any]", value).items():
            yield from _leaves(each, key, depth + 1)
    elif isinstance(value, list) and depth < _DEEPEST:
        for each in cast("list[Any]", value):
            yield from _leaves(each, name, depth + 1)
    elif isinstance(value, str) and value:
        yield value, _is_id(value, name)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value), bool(_NAMED_ID.search(name))


def _is_id(text: str, name: str) -> bool:
    if _NAMED_ID.search(name):
        return True
    return bool(_LIKE_ID.fullmatch(text)) and not _TIME_OR_NUMBER.fullmatch(text)
