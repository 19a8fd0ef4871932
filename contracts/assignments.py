"""What can be varied in a call of a tool: each place with the values to try, and back to a call.

The places are those that the rules of one or two contracts read, and those of the tool's schemas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final

from contracts.boundaries import ELEMENT, KIND_OF, OTHER, SIZE, Boundaries, boundaries, distinct
from contracts.coercion import MAX_LIST, Value, is_list
from contracts.instants import SECOND, micros, written
from contracts.model import Contract, Fact
from contracts.samples import Path, edges, leaves
from contracts.stated import Ago, Decider, Situation

MOST: Final = 32
"""How many values are tried at one place at most."""

_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_MEMBERS: Final = ("channel", "turn", "call_id", "idempotency_key", "resumes", "compensates")
_EMPTY: Final[Mapping[str, Value]] = {"count": 0, "sum": 0, "seen": False, "list": []}
_STATED: Final = "target", "estimate"
# What a fact with this key is asked for: a list, and one answer for each member.
_SELECTED: Final = "action.selected"


class Missing:
    """That a place has no value."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()
Assignment = Mapping[Path, Value]


@dataclass(frozen=True)
class Side:
    """One contract that is asked: its decider, and the common names of its facts."""

    decider: Decider
    labels: Mapping[str, str]

    @property
    def contract(self) -> Contract:
        """The contract."""
        return self.decider.contract


class Space:
    """The calls of one tool, as far as the rules of some contracts tell them apart.

    Args:
        sides: The contracts.
        tool: The tool.
        facts: Each fact by its common name.
        pinned: Facts that are only ever empty: two contracts mean different things by them.
    """

    def __init__(
        self,
        sides: Iterable[Side],
        tool: str,
        facts: Mapping[str, Fact],
        pinned: Iterable[str] = (),
    ) -> None:
        self.tool = tool
        self.found = Boundaries()
        self._facts = facts
        self._pinned = frozenset(pinned)
        self.reads: list[dict[str, set[Path]]] = []
        self.values: dict[Path, list[Value]] = {}
        self._lists: set[Path] = set()
        sides = tuple(sides)
        for side in sides:
            rules = side.decider.rules(tool)
            self.reads.append(boundaries(side.contract, tool, rules, side.labels, self.found))
        schemas = [one.contract.tools[tool].schema for one in sides if tool in one.contract.tools]
        self._params(schemas)
        self.kinds = tuple(
            dict.fromkeys(
                one
                for one in self.found.pool(("evidence", ELEMENT, "kind"))
                if isinstance(one, str)
            )
        )
        if not self.kinds and any(place[0] == "evidence" for place in self.found.places):
            # Evidence of some kind, which no condition asks for.
            self.kinds = (OTHER,)
        for place in self.found.places:
            self._place(place)
        for kind in self.kinds:
            self._observation(kind)
        self.values.setdefault(("action", "time"), [_NOON])
        # A place that has members of its own has no value beside them.
        for place in [one for one in self.values if self._has_members(one)]:
            del self.values[place]

    # ------------------------------------------------------------------------ places

    def _params(self, schemas: list[Mapping[str, Any] | None]) -> None:
        known: dict[Path, list[Value]] = {}
        everywhere: dict[Path, int] = {}
        for schema in schemas:
            for leaf in leaves(schema):
                place = ("params", *leaf.path)
                known.setdefault(place, []).extend(edges(leaf.schema))
                everywhere[place] = everywhere.get(place, 0) + leaf.required
        for place, values in known.items():
            plain = [one for one in values if isinstance(one, str | int | float)]
            self.found.join([place], plain, computes=False)
            required = everywhere[place] == len(schemas)
            tried = distinct([*values, *self.found.values(place)]) or ["x"]
            more = [MISSING] if everywhere[place] else []
            self.values[place] = (
                [*tried[:MOST], *more]
                if required or everywhere[place]
                else [MISSING, *tried[:MOST]]
            )

    def _place(self, place: Path) -> None:
        if ELEMENT in place or place[-1] == SIZE or not place[1:]:
            if ELEMENT in place and place[0] in {"facts", "params"}:
                self._lists.add(place[: place.index(ELEMENT)])
            return
        tried = self.found.values(place)[:MOST]
        if place[0] == "params" and not any(_overlap(place, one) for one in self.values):
            self.values[place] = [*(tried or UNTOLD), MISSING]
        elif place[0] == "facts":
            self._fact(place)
        elif place[0] == "run" and place[1] not in {
            "id",
            "service",
            "imported",
            "outcome",
            "value",
        }:
            self.values[place] = _run_values(place, tried)
        elif place[0] == "identity" and place[1] in {"registered", "roles", "permissions", "owner"}:
            self.values[place] = self._identity(place, tried)
        elif place[0] == "action":
            self._action(place, tried)

    def _action(self, place: Path, tried: list[Value]) -> None:
        if place[1] == "time":
            times = [one for one in tried if isinstance(one, datetime)]
            self.values[place] = times or [_NOON]
        elif place[1] in _MEMBERS or (place[1] in _STATED and place[-1] != "estimate"):
            self.values[place] = [MISSING, *(tried or [OTHERWISE])]

    def _identity(self, place: Path, tried: list[Value]) -> list[Value]:
        if place[1] == "registered":
            return [True, False]
        if place[1] in {"roles", "permissions"}:
            return [MISSING, *[[one] for one in tried if isinstance(one, str)], []]
        return [*(tried or UNTOLD[:2]), MISSING]

    def _fact(self, place: Path) -> None:
        fact = self._facts.get(place[1])
        if fact is None or len(place) > 2 + (fact.aggregate == "last") * 8:
            return
        listed = fact.aggregate == "list" or fact.at == _SELECTED
        empty = fact.default if fact.default is not None else _EMPTY.get(fact.aggregate, MISSING)
        tried = [one for one in self.found.values(place) if not isinstance(one, datetime)]
        sized = [one for one in self.found.values((*place, SIZE)) if isinstance(one, int)]
        if sized or (place in self._lists) or listed:
            elements = self.found.values((*place, ELEMENT)) or self.found.values(place) or [True]
            sizes = [[elements[0]] * one for one in sized if 0 <= one <= MAX_LIST]
            self.values[place] = distinct([[], *sizes, *[[one] for one in elements]])[:MOST]
        elif place[1] in self._pinned and empty is not MISSING:
            self.values[place] = [empty]
        elif fact.aggregate in {"count", "sum"}:
            low = [one for one in tried if isinstance(one, int) and one >= 0]
            self.values[place] = distinct([0, *low])[:MOST]
        elif fact.aggregate == "seen":
            self.values[place] = [False, True]
        elif empty is not MISSING:
            self.values[place] = distinct([empty, *(tried or UNTOLD)])[:MOST]
        else:
            self.values[place] = [*(tried or UNTOLD)[:MOST], MISSING]

    def _observation(self, kind: str) -> None:
        hints = self.found.hints.get(kind, {})
        self.values["evidence", kind, "present"] = [True, False]
        for place in self.found.places:
            if place[:2] != ("evidence", ELEMENT) or place[2:] in {(), ("kind",), ("fields",)}:
                continue
            tried = self.found.values(place)
            if place[2:] in {("time",), ("observed_at",)}:
                ages = [one for one in tried if isinstance(one, Ago)]
                values: list[Value] = [Ago(SECOND), *ages]
            elif place[2:] == ("self_attested",):
                values = [False, True]
            elif place[2:] == ("digest",):
                values = ["0" * 64, MISSING]
            else:
                first = [hints[place]] if place in hints else []
                values = distinct([*first, *tried]) or list(UNTOLD)
                values = [*values[:MOST], MISSING] if place in self.found.tested else values[:MOST]
            self.values["evidence", kind, *place[2:]] = values

    def _has_members(self, place: Path) -> bool:
        return any(len(one) > len(place) and _overlap(one, place) for one in self.values)

    # -------------------------------------------------------------------- assignments

    def first(self) -> dict[Path, Value]:
        """Return the first value of each place: what is as ordinary as can be."""
        return {place: values[0] for place, values in self.values.items()}

    def varied(self, places: Iterable[Path]) -> list[Path]:
        """Return the places here that a condition reads by reading these."""
        wanted = set(places)
        params = ("action", "conforms") in wanted
        # A search through the evidence for one kind reads observations of that kind alone.
        kinds = {one[3] for one in wanted if one[:3] == (*_ELEMENT, KIND_OF) and one[3:]}
        return [
            place
            for place in self.values
            if (params and place[0] == "params")
            or (
                (place[0] != "evidence" or not kinds or place[1] in kinds)
                and any(_overlap(place, _own(place, one)) for one in wanted)
            )
        ]

    def situation(self, chosen: Assignment) -> Situation:
        """Return the call that an assignment describes."""
        parts: dict[str, dict[str, Any]] = {
            root: _nested(chosen, root) for root in ("params", "facts", "run", "identity", "action")
        }
        time = parts["action"].pop("time")
        evidence = [
            observation
            for kind in self.kinds
            if (observation := _nested(chosen, "evidence").get(kind, {})).pop("present", False)
            and observation.setdefault("what", kind)
        ]
        stated = Situation(
            self.tool,
            parts["params"],
            micros(written(time)) or 0,
            parts["facts"],
            tuple(evidence),
            parts["run"],
            {"registered": True, **parts["identity"]},
        )
        return replace(stated, more=parts["action"])


OTHERWISE: Final = "x"
UNTOLD: Final = (OTHERWISE, "y", 1, 2)
"""What is tried where no condition says what a place may hold: two of each, so that they differ."""

_ELEMENT: Final = ("evidence", ELEMENT)


def _own(place: Path, wanted: Path) -> Path:
    """Return what a condition reads, as the place here that it may be."""
    if wanted[0] == "evidence" and place[0] == "evidence":
        if wanted in {_ELEMENT, _ELEMENT[:1]} or wanted[2] == KIND_OF:
            return (*place[:2], "present")
        return (*place[:2], *wanted[2:])
    return tuple(one for one in wanted if one not in {ELEMENT, SIZE})


def _run_values(place: Path, tried: list[Value]) -> list[Value]:
    if place[1] == "time":
        ages = [one for one in tried if isinstance(one, Ago)]
        return [Ago(SECOND), *ages]
    if place[-1] in {"policy", "attributes"}:
        return []
    return [*(tried or UNTOLD[:2]), MISSING]


def _overlap(one: Path, other: Path) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _nested(chosen: Assignment, root: str) -> dict[str, Any]:
    """Return the members of one variable as a map of maps."""
    made: dict[str, Any] = {}
    for place, value in chosen.items():
        if place[0] == root and value is not MISSING:
            holder: dict[str, Any] = reduce(
                lambda inner, step: inner.setdefault(step, {}), place[1:-1], made
            )
            holder[place[-1]] = list(value) if is_list(value) else value
    return made
