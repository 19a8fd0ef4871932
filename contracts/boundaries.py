"""Where conditions change their answer: the values that they compare, and the values next to them.

Each condition is read as the tree that CEL made of it. What is compared with one another takes its
values from one pool: a parameter that is held against a fact, which is held against a limit, is
tried at the limit's value, one below and one above. That is no proof: what a condition computes in
another way may change its answer elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from contracts.coercion import Value, is_list
from contracts.evaluation import VARIABLES, shared_evaluator
from contracts.expressions import microseconds
from contracts.instants import moment_of
from contracts.model import Contract, Rule, Tool
from contracts.samples import Path, matching
from contracts.stated import Ago
from contracts.trees import KIND, Node

ELEMENT: Final = "[]"
SIZE: Final = "#"
KIND_OF: Final = "kind"
OTHER: Final = "other"
"""A text that nothing is compared with."""

_COMPARED: Final = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_LOGICAL: Final = frozenset({"_&&_", "_||_", "!_", "@not_strictly_false"})
_SUMS: Final = frozenset({"_+_", "_-_", "-_", "_*_", "_/_", "_%_"})
_MOST_SUMS: Final = 24
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class Operand:
    """What a part of a condition reads: places, constants, and whether it computes with them.

    `place` is set where the part is one place and nothing else.
    """

    places: set[Path] = field(default_factory=set[Path])
    constants: list[Value] = field(default_factory=list[Value])
    computes: bool = False
    place: Path | None = None

    def add(self, other: "Operand") -> None:
        """Take in what another part reads."""
        self.places |= other.places
        self.constants += other.constants
        self.computes = self.computes or other.computes


class Boundaries:
    """The places that conditions read, and the values to try at each.

    Attributes:
        tested: Places that are asked for with `has`.
        containers: Places in which something is looked for with `in`.
        hints: For kinds of evidence, the first values that its members are held against.
    """

    def __init__(self) -> None:
        self._pool: dict[Path, Path] = {}
        self._constants: dict[Path, list[Value]] = {}
        self._computed: set[Path] = set()
        self.tested: set[Path] = set()
        self.containers: set[Path] = set()
        self.hints: dict[str, dict[Path, Value]] = {}

    @property
    def places(self) -> tuple[Path, ...]:
        """Every place that is read, in order."""
        return tuple(sorted(self._pool))

    def read(
        self, contract: Contract, tool: str, text: str, labels: Mapping[str, str]
    ) -> set[Path]:
        """Take in an expression about the calls of a tool, and return the places that it reads."""
        return _Reader(self, contract.tools.get(tool), labels).expression(text)

    def asked(
        self, contract: Contract, tool: str, text: str, labels: Mapping[str, str]
    ) -> set[Path]:
        """Take in a condition, which is true or false, and return the places that it reads."""
        return _Reader(self, contract.tools.get(tool), labels).condition(text)

    def join(self, places: Iterable[Path], constants: Iterable[Value], *, computes: bool) -> None:
        """Let places share one pool, and put constants in it."""
        known = sorted(place for place in set(places) if place[0] in VARIABLES)
        if not known:
            return
        first = self._root(known[0])
        for place in known[1:]:
            root = self._root(place)
            if root != first:
                self._pool[root] = first
                self._constants[first] += self._constants.pop(root)
                if root in self._computed:
                    self._computed.add(first)
        self._constants[first] += list(constants)
        if computes:
            self._computed.add(first)

    def _root(self, place: Path) -> Path:
        self._pool.setdefault(place, place)
        self._constants.setdefault(place, []) if self._pool[place] == place else None
        while self._pool[place] != place:
            place = self._pool[place]
        return place

    def pool(self, place: Path) -> list[Value]:
        """Return the constants of a place's pool."""
        return list(self._constants[self._root(place)]) if place in self._pool else []

    def pool_of(self, place: Path) -> Path | None:
        """Return the place that a place's pool goes by, None where nothing reads the place."""
        return self._root(place) if place in self._pool else None

    def values(self, place: Path) -> list[Value]:
        """Return the values to try at a place: constants, and those next to them."""
        if place not in self._pool:
            return []
        root = self._root(place)
        constants = self._constants[root]
        found: list[Value] = [near for one in constants for near in _near(one)]
        if root in self._computed:
            found += _sums(constants)
        if any(isinstance(one, str) for one in constants):
            found.append(OTHER)
        return distinct(found)


def distinct(values: Iterable[Value]) -> list[Value]:
    """Return values once each, in order; 1, 1.0 and true are three values."""
    found: dict[tuple[str, str], Value] = {}
    for one in values:
        found.setdefault((type(one).__name__, repr(one)), one)
    return list(found.values())


def _near(value: Value) -> list[Value]:
    if isinstance(value, bool):
        return [value, not value]
    if isinstance(value, int):
        return [value, value + 1, value - 1]
    if isinstance(value, float):
        step = max(abs(value) * 1e-6, 1e-6)
        return [value, value + step, value - step]
    if isinstance(value, datetime):
        return [value, value + _MICROSECOND, value - _MICROSECOND]
    if isinstance(value, timedelta):
        ago = value // _MICROSECOND
        return [Ago(ago), Ago(ago + 1), Ago(max(ago - 1, 0))]
    return [value]


def _sums(constants: list[Value]) -> list[Value]:
    """Return sums and differences of two constants: where a sum meets its bound."""
    whole = [one for one in distinct(constants) if isinstance(one, int) and type(one) is int]
    pairs = [(one, two) for one in whole[:_MOST_SUMS] for two in whole[:_MOST_SUMS] if one != two]
    twice = [2 * one for one in whole[:_MOST_SUMS]]
    sums = [one + two for one, two in pairs if one < two] + twice
    return [
        *[near for one, two in pairs for near in (one - two, one - two + 1) if near >= 0],
        *[near for one in distinct(sums) for near in (one, one + 1) if near >= 0],
    ]


def place_values(contract: Contract) -> Iterator[tuple[Path, Value]]:
    """Yield each limit's place with each value that some case gives it."""
    limits = contract.limits
    cases = [limits.plain, *(case for level in limits.levels for case in level.cases.values())]
    cases += [] if limits.default is None else [limits.default]
    for case in cases:
        for name, value in case.items():
            yield from ((("limits", name), one) for one in (value if is_list(value) else [value]))


def boundaries(
    contract: Contract,
    tool: str,
    rules: Iterable[Rule],
    labels: Mapping[str, str],
    found: Boundaries,
) -> dict[str, set[Path]]:
    """Take in rules of a contract for a tool, and return the places that each of them reads."""
    for place, value in place_values(contract):
        found.join([place], [value], computes=False)
    by: set[Path] = set()
    for level in contract.limits.levels:
        mine = found.read(contract, tool, level.by, labels)
        found.join(mine, level.cases, computes=False)
        by |= mine
    read: dict[str, set[Path]] = {}
    for rule in rules:
        mine = set[Path]()
        for text in (rule.when, rule.unless):
            mine |= found.asked(contract, tool, text, labels) if text else set()
        if any(place[0] == "limits" for place in mine):
            mine |= by
        read[rule.id] = mine
    return read


class _Reader:
    """Reads conditions of one contract, for calls of one tool."""

    def __init__(self, found: Boundaries, tool: Tool | None, labels: Mapping[str, str]) -> None:
        self._found = found
        self._labels = labels
        estimates = (tool.estimate_cost, tool.estimate_value) if tool else ("", "")
        self._aliases: dict[Path, str] = {
            ("action", "target"): tool.target if tool else "",
            ("action", "estimate", "cost", "micros"): estimates[0],
            ("action", "estimate", "value", "micros"): estimates[1],
        }
        self._read: set[Path] = set()

    def condition(self, text: str) -> set[Path]:
        self._truth(self._whole(text))
        return self._read

    def expression(self, text: str) -> set[Path]:
        self._whole(text)
        return self._read

    def _whole(self, text: str) -> Operand:
        tree = shared_evaluator().compile(text).tree()
        if tree is None:
            return Operand()
        return self._operand(tree, {})

    def _truth(self, found: Operand) -> None:
        """What stands as a condition by itself is true or false."""
        if found.place is not None:
            self._found.join([found.place], [True], computes=False)

    def _operand(self, node: Node, own: Mapping[str, Path]) -> Operand:
        kind = node.WhichOneof(KIND)
        if kind == "const_expr":
            constant = node.const_expr
            return Operand(constants=[getattr(constant, constant.WhichOneof(KIND))])
        if kind in {"ident_expr", "select_expr"}:
            return self._selected(node, own)
        if kind == "call_expr":
            return self._call(node.call_expr, own)
        if kind == "comprehension_expr":
            return self._fold(node.comprehension_expr, own)
        merged = Operand()
        for part in _parts(node):
            merged.add(self._operand(part, own))
        return merged

    def _selected(self, node: Node, own: Mapping[str, Path]) -> Operand:
        place = place_of(node, own)
        if place is None:
            operand = self._operand(node.select_expr.operand, own)
            return Operand(operand.places, operand.constants, computes=True)
        if place[0] == "facts" and len(place) > 1:
            place = ("facts", self._labels.get(place[1], place[1]), *place[2:])
        if node.WhichOneof(KIND) == "select_expr" and node.select_expr.test_only:
            self._found.tested.add(place)
            self._note(place)
            return Operand()
        if expression := self._aliases.get(place):
            inner = shared_evaluator().compile(expression).tree()
            return Operand() if inner is None else self._operand(inner, {})
        self._note(place)
        return Operand({place}, place=place)

    def _note(self, place: Path) -> None:
        if place[0] in VARIABLES:
            self._read.add(place)
            self._found.join([place], [], computes=False)

    def _call(self, call: Node, own: Mapping[str, Path]) -> Operand:
        name = call.function
        arguments = [*([call.target] if call.HasField("target") else []), *call.args]
        if name == "_[_]" and (place := _place_of_index(call, own)) is not None:
            self._note(place)
            return Operand({place}, place=place)
        operands = [self._operand(one, own) for one in arguments]
        if name in _LOGICAL:
            for one in operands:
                self._truth(one)
            return Operand()
        merged = Operand()
        if name == "_?_:_":
            self._truth(operands.pop(0))
        for one in operands:
            merged.add(one)
        if name in _COMPARED or name == "@in":
            self._compared(name, operands, merged)
            return Operand()
        return self._computed(name, operands, merged)

    def _compared(self, name: str, operands: list[Operand], merged: Operand) -> None:
        if name == "@in" and operands[1].place is not None:
            self._found.containers.add(operands[1].place)
        self._found.join(merged.places, merged.constants, computes=merged.computes)

    def _computed(self, name: str, operands: list[Operand], merged: Operand) -> Operand:
        if name in {"timestamp", "duration"}:
            merged.constants = [_timed(name, one) for one in merged.constants]
            merged.place = operands[0].place
            return merged
        if name == "size" and operands[0].place is not None:
            sized = (*operands[0].place, SIZE)
            self._note(sized)
            return Operand({sized}, place=sized)
        if name in {"int", "double", "string", "dyn"}:
            merged.place = operands[0].place
            return merged
        if name == "-_":
            merged.constants = [-one for one in merged.constants if isinstance(one, int | float)]
            return merged
        if name in _SUMS:
            merged.computes = True
            return merged
        self._texts(name, merged)
        return Operand(merged.places, computes=True)

    def _texts(self, name: str, merged: Operand) -> None:
        """A function of texts answers yes for its own constant, or for what matches it."""
        texts = [one for one in merged.constants if isinstance(one, str)]
        samples = [matching(one) if name == "matches" else one for one in texts]
        self._found.join(merged.places, [one for one in samples if one], computes=False)

    def _fold(self, fold: Node, own: Mapping[str, Path]) -> Operand:
        over = place_of(fold.iter_range, own)
        within = self._operand(fold.iter_range, own) if over is None else Operand()
        if over is not None:
            if over[0] == "facts" and len(over) > 1:
                over = ("facts", self._labels.get(over[1], over[1]), *over[2:])
            self._note(over)
        inner = {**own, fold.accu_var: ("",)}
        if over is not None:
            inner[fold.iter_var] = (*over, ELEMENT)
        if over == ("evidence",):
            self._hint(fold.loop_step, inner)
        step = self._operand(fold.loop_step, inner)
        self._truth(step)
        step.add(within)
        return Operand({one for one in step.places if one[0]}, step.constants, computes=True)

    def _hint(self, node: Node, own: Mapping[str, Path]) -> None:
        """Note what one search through the evidence asks of one kind: it is met together."""
        said = dict(_equalities(node, own))
        kind = said.pop(("evidence", ELEMENT, KIND_OF), None)
        if isinstance(kind, str):
            self._read.add(("evidence", ELEMENT, KIND_OF, kind))
            known = self._found.hints.setdefault(kind, {})
            for place, value in said.items():
                known.setdefault(place, value)


def _equalities(node: Node, own: Mapping[str, Path]) -> Iterator[tuple[Path, Value]]:
    if node.WhichOneof(KIND) != "call_expr":
        return
    call = node.call_expr
    if call.function in {"_==_", "@in"}:
        place = place_of(call.args[0], own)
        values = list(_constants(call.args[1]))
        if place is not None and values:
            yield place, values[0]
        return
    for part in call.args:
        yield from _equalities(part, own)


def _constants(node: Node) -> Iterator[Value]:
    kind = node.WhichOneof(KIND)
    if kind == "const_expr":
        yield getattr(node.const_expr, node.const_expr.WhichOneof(KIND))
    elif kind == "list_expr":
        for one in node.list_expr.elements:
            yield from _constants(one)


def _parts(node: Node) -> list[Node]:
    if node.WhichOneof(KIND) == "list_expr":
        return list(node.list_expr.elements)
    if node.WhichOneof(KIND) == "struct_expr":
        return [entry.value for entry in node.struct_expr.entries]
    return []


def place_of(node: Node, own: Mapping[str, Path]) -> Path | None:
    """Return the place that a chain of selections names, None where it is no such chain.

    Args:
        node: A part of a condition.
        own: The places that its own variables stand for.
    """
    kind = node.WhichOneof(KIND)
    if kind == "ident_expr":
        name: str = node.ident_expr.name
        return own.get(name, (name,))
    if kind == "select_expr":
        holder = place_of(node.select_expr.operand, own)
        return None if holder is None else (*holder, str(node.select_expr.field))
    return None


def _place_of_index(call: Node, own: Mapping[str, Path]) -> Path | None:
    holder, key = place_of(call.args[0], own), list(_constants(call.args[1]))
    if holder is None or len(key) != 1 or not isinstance(key[0], str):
        return None
    return (*holder, str(key[0]))


def _timed(name: str, constant: Value) -> Value:
    if not isinstance(constant, str):
        return constant
    if name == "timestamp":
        return moment_of(constant) or constant
    try:
        return timedelta(microseconds=microseconds(constant))
    except (KeyError, ValueError):
        return constant
