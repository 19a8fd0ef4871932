"""The shapes of what a condition sees, as far as the contract itself says them.

The engine on columns takes shapes from the records of a chunk. Before there is a record, this is
the one place that says which are to be expected: the members of each kind of record, the JSON
Schemas of tools, the limits, and facts by aggregate and value, all as the type check has them
(`contracts.conditions`). Of maps only the members are kept that the condition names, as there.

What has no type beforehand (open fields, attributes, parameters without a schema) is taken for any
of the plain kinds, and its place is named.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from contracts.column_shapes import (
    BOOL,
    DOUBLE,
    INT,
    NEVER,
    SPAN,
    TEXT,
    TIME,
    ListOf,
    Plain,
    Record,
    Scalar,
    Shape,
    joined,
    record,
    shape_of,
)
from contracts.conditions import Checker, Seat, seats_of
from contracts.descriptors import DYN, LIST_OF, OBJECT, TIMESTAMP, TypeBook
from contracts.evaluation import VARIABLES, shared_evaluator
from contracts.model import Contract
from contracts.scanning import FACTS, Reads, reads
from contracts.trees import KIND, Node, names_in
from contracts.unseen import ANY, How, touches

PLAIN: Final[tuple[Scalar, ...]] = (BOOL, INT, DOUBLE, TEXT)
"""What a value of no known type is taken for."""

_SCALARS: Final[Mapping[str, Plain]] = {
    "bool": BOOL,
    "int": INT,
    "double": DOUBLE,
    "string": TEXT,
    "duration": SPAN,
    TIMESTAMP: TIME,
}
_OF_CEL: Final = {
    "BOOL": "bool",
    "INT": "int",
    "DOUBLE": "double",
    "STRING": "string",
    "DURATION": "duration",
    "TIMESTAMP": TIMESTAMP,
}
_LISTED: Final = frozenset({"@in", "size", "join"})
_NEVER_WHOLE: Final = frozenset({"params", "identity", "evidence", FACTS})
"""Variables of which only named members are kept, even where they are asked for as a whole."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a condition sees.

    Attributes:
        shapes: The shape of each variable; `NEVER` for one that its records do not have.
        open: The places that it reads and whose type is not known beforehand.
    """

    shapes: Mapping[str, Shape]
    open: tuple[str, ...]


@dataclass(slots=True)
class _Place:
    """What a condition does at one place of a variable, and below it."""

    read: bool = False
    inner: "dict[str, _Place]" = field(default_factory=dict[str, "_Place"])

    def at(self, path: Iterable[str]) -> "_Place":
        found = self
        for step in path:
            found = found.inner.setdefault(step, _Place())
        return found

    def members(self) -> "dict[str, _Place]":
        return {name: one for name, one in self.inner.items() if not _is_element(name)}

    def elements(self) -> "list[_Place]":
        return [one for name, one in self.inner.items() if _is_element(name)]


def _is_element(step: str) -> bool:
    return step == ANY or step.lstrip("-").isdigit()


class DeclaredShapes:
    """The shapes of one contract's conditions."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._checker = Checker(contract)
        self._defaults = {fact.name: fact.default for fact in contract.facts}

    def seen(
        self,
        text: str,
        seats: Iterable[tuple[str, tuple[str, ...]]],
        *,
        rule: bool,
        level: int,
        plain: tuple[Scalar, ...] = PLAIN,
    ) -> Declared:
        """Return what a condition sees.

        Args:
            text: The condition.
            seats: The kinds of record that it is asked of, each with its tools (none: all).
            rule: Whether it stands in a rule; else in a fact.
            level: How many of the contract's facts it may see.
            plain: What a value of no known type is taken for.
        """
        tree = shared_evaluator().compile(text).tree()
        read = reads(text, VARIABLES)
        asked = _Asked(self._checker.types, tree, read, plain)
        shapes: dict[str, Shape] = dict.fromkeys(VARIABLES, NEVER)
        facts: dict[str, Shape] = {}
        for subject, tools in seats:
            for seat in seats_of(subject, tools, rule=rule):
                for name, shape in self._of_seat(asked, seat, read, level):
                    root, _, fact = name.partition(".")
                    held = facts if fact else shapes
                    held[fact or root] = joined(held.get(fact or root, NEVER), shape)
        shapes[FACTS] = record(facts, whole=False)
        return Declared(shapes, tuple(dict.fromkeys(asked.open)))

    def _of_seat(
        self, asked: "_Asked", seat: Seat, read: Reads, level: int
    ) -> Iterator[tuple[str, Shape]]:
        for name, kind in self._checker.variables(seat, read, level).items():
            root, _, fact = name.partition(".")
            if fact:
                default = self._defaults[fact]
                known = NEVER if default is None else shape_of(default, asked.named)
                yield name, joined(asked.shape(kind.name(), (root, fact)), known)
            elif root == "limits":
                yield root, self._limits()
            elif root in read.members:
                yield root, asked.variable(root, kind.name())

    def _limits(self) -> Shape:
        limits = self._contract.limits
        cases = [limits.plain, *(case for one in limits.levels for case in one.cases.values())]
        cases += [] if limits.default is None else [limits.default]
        return joined(*(shape_of(dict(case)) for case in cases))


class _Asked:
    """One condition: what it does with its variables, and what that says of their shapes."""

    def __init__(
        self, types: TypeBook, tree: Node | None, read: Reads, plain: tuple[Scalar, ...]
    ) -> None:
        self._types = types
        self._read = read
        self._plain = plain
        self.named = names_in(tree)
        self.open: list[str] = []
        self._places = _Place()
        for one in touches(tree, frozenset(VARIABLES)):
            place = self._places.at(one.path)
            place.read = place.read or one.how is How.READS
            if one.how is How.WALKS:
                place.at((ANY,))
        nodes = [] if tree is None else list(_nodes(tree))
        self._lost = any(map(_is_lost, nodes))
        self._listed = any(map(_asks_lists, nodes))

    def variable(self, root: str, kind: str) -> Shape:
        """Return the shape of a variable of a CEL type."""
        whole = self._read.members.get(root, ()) is None and root not in _NEVER_WHOLE
        found = self.shape(kind, (root,), whole=whole)
        return Record(found.members, whole) if isinstance(found, Record) else found

    def shape(self, kind: str, path: tuple[str, ...], *, whole: bool = False) -> Shape:
        """Return the shape of what stands at a path and has a CEL type."""
        return self._of(self._named(kind), self._places.at(path), ".".join(path), whole=whole)

    def _named(self, kind: str) -> str:
        """Return the name that the contract's own types have for one of CEL's."""
        if kind.startswith("LIST<"):
            return LIST_OF + self._named(kind.removeprefix("LIST<").removesuffix(">"))
        if kind.startswith("MAP<"):
            return OBJECT
        return _OF_CEL.get(kind, kind if kind in self._types.members else DYN)

    def _of(self, kind: str, place: _Place, path: str, *, whole: bool = False) -> Shape:
        if kind in _SCALARS:
            return _SCALARS[kind]
        if kind.startswith(LIST_OF):
            inner = kind.removeprefix(LIST_OF)
            return ListOf(self._joined(inner, place.elements() or [_Place()], f"{path}[]"))
        members = self._types.members.get(kind)
        if members is not None:
            kept = {
                name: self._of(one, place.inner.get(name, _Place()), f"{path}.{name}")
                for name, one in members.items()
                if whole or name in self.named
            }
            return record({**self._members(place, path, members), **kept}, whole=False)
        if kind == OBJECT:
            return joined(record(self._members(place, path), whole=False), self._unlisted())
        return self._open(place, path)

    def _joined(self, kind: str, places: Iterable[_Place], path: str) -> Shape:
        return joined(*(self._of(kind, one, path) for one in places))

    def _members(self, place: _Place, path: str, known: Container[str] = ()) -> dict[str, Shape]:
        """Return the members that are selected here and that no type knows."""
        return {
            name: self._of(DYN, one, f"{path}.{name}")
            for name, one in place.members().items()
            if name not in known
        }

    def _open(self, place: _Place, path: str) -> Shape:
        """Return what stands for a value of no known type, as it is used."""
        options: list[Shape] = []
        if elements := place.elements():
            options.append(ListOf(self._joined(DYN, elements, f"{path}[]")))
        if members := self._members(place, path):
            options.append(record(members, whole=False))
        if place.read or not options:
            options += [*self._plain, *([ListOf(joined(*self._plain))] if self._listed else [])]
            options.append(self._unlisted())
        if place.read:
            self.open.append(path)
        return joined(*options)

    def _unlisted(self) -> Shape:
        """Return what may be selected from values that macros and choices hand on."""
        if not self._lost:
            return NEVER
        inner = record(dict.fromkeys(self.named, joined(*self._plain)), whole=False)
        return record(dict.fromkeys(self.named, joined(*self._plain, inner)), whole=False)


def _nodes(node: Node) -> Iterator[Node]:
    """Yield every part of a condition."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        for part, value in one.ListFields():
            if part.message_type is not None:
                waiting.extend([value] if hasattr(value, "ListFields") else value)


def _is_lost(node: Node) -> bool:
    """Return whether a part selects from a value that was chosen or made on the way."""
    if node.DESCRIPTOR.name == "Select":
        holder = node.operand
    elif node.DESCRIPTOR.name == "Call" and node.function == "_[_]":
        holder = node.args[0]
    elif node.DESCRIPTOR.name == "Fold":
        holder = node.iter_range
    else:
        return False
    return holder.WhichOneof(KIND) in {"call_expr", "comprehension_expr"} and (
        holder.call_expr.function != "_[_]"
    )


def _asks_lists(node: Node) -> bool:
    """Return whether a part is about lists, so that a value of no known type may be one."""
    name = node.DESCRIPTOR.name
    return name == "List" or (name == "Call" and node.function in _LISTED)
