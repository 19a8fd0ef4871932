"""Conditions as columns of one statement, in which what they have in common is computed once.

Two things are common. A part that several conditions join by `&&`, `||` and `!` has the same text
in each, and is selected once, below them. And several `exists` and `all` over the same list, which
ask much the same of its elements: these are one walk. It computes for each element what any of
them asks, and from this an integer in which each of them has two bits: that the element decides it,
and that its test is an error. By `bit_or` over the elements the list has the bits of all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.column_terms import member

MOST: Final = 31
"""How many macros have two bits each in an integer of 64."""

_PLACE: Final = re.compile(r"\{(\d+)\}")


@dataclass(frozen=True, slots=True)
class Walk:
    """An `exists` or `all` that stands by itself.

    Attributes:
        many: The list.
        item: The name of an element.
        decides: What one element is enough for: true of `exists`, false of `all`.
        leaves: What the test of an element joins.
        form: How it joins them.
    """

    many: str
    item: str
    decides: bool
    leaves: tuple[str, ...]
    form: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a condition joins: an expression by itself, which may be a walk."""

    sql: str
    walk: Walk | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A condition over parts, and how it joins them: `({0} AND NOT {1})`."""

    parts: tuple[Part, ...]
    form: str


def filled(form: str, texts: Sequence[str]) -> str:
    """Return a form with texts at its places."""
    return _PLACE.sub(lambda found: texts[int(found[1])], form)


def selection(conditions: Mapping[str, Joined], source: str) -> str:
    """Return the statement that selects conditions, each under its name, from a table or query."""
    names: dict[Part, str] = {}
    selected: list[str] = []
    for name, one in conditions.items():
        texts = [names.setdefault(part, f"p{len(names)}") for part in one.parts]
        selected.append(f"{filled(one.form, texts)} AS {name}")
    walks = Walks(one.walk for one in names if one.walk is not None)
    parts = [f"{walks.answer(part)} AS {name}" for part, name in names.items()]
    below = ", ".join(["*", *walks.selected()])
    return (
        f"SELECT {', '.join(selected)} FROM "
        f"(SELECT {', '.join(parts) or '1'} FROM (SELECT {below} FROM {source}))"
    )


class Walks:
    """The walks of one statement."""

    def __init__(self, walks: Iterable[Walk]) -> None:
        lists: dict[tuple[str, str], list[Walk]] = {}
        for one in walks:
            lists.setdefault((one.many, one.item), []).append(one)
        self._groups = [
            some[first : first + MOST]
            for some in lists.values()
            if len(some) > 1
            for first in range(0, len(some), MOST)
        ]
        self._places = {
            one: (f"walk{number}", 1 << 2 * place)
            for number, group in enumerate(self._groups)
            for place, one in enumerate(group)
        }

    def selected(self) -> Iterable[str]:
        """Return the columns of the walks."""
        for number, group in enumerate(self._groups):
            yield f"list_bit_or({self._bits(group)}) AS walk{number}"

    def _bits(self, group: Sequence[Walk]) -> str:
        """Return the list of each element's bits, after 0: an empty list decides nothing."""
        many, item = group[0].many, group[0].item
        leaves: dict[str, str] = {}
        bits: list[str] = []
        for one in group:
            names = [leaves.setdefault(leaf, f"l{len(leaves)}") for leaf in one.leaves]
            test = filled(one.form, [member(item, name) for name in names])
            decisive = test if one.decides else f"(NOT {test})"
            bit = self._places[one][1]
            bits.append(f"coalesce(CAST({decisive} AS BIGINT) * {bit}, {2 * bit})")
        held = ", ".join(f"{name} := {leaf}" for leaf, name in leaves.items())
        asked = f"list_transform({many}, lambda {item}: struct_pack({held}))"
        return (
            f"([CAST(0 AS BIGINT)] || list_transform({asked}, lambda {item}: {' | '.join(bits)}))"
        )

    def answer(self, part: Part) -> str:
        """Return a part's SQL over the columns of the walks."""
        walk = part.walk
        if walk is None or walk not in self._places:
            return part.sql
        name, bit = self._places[walk]
        yes, no = ("true", "false") if walk.decides else ("false", "true")
        decided, known = f"({name} & {bit}) <> 0", f"({name} & {2 * bit}) = 0"
        return f"CASE WHEN {decided} THEN {yes} WHEN {known} THEN {no} END"
