"""Whether trying values is sure to cover conditions, and which values those are.

That a rule is never violated can be said only where a handful of values stands for all others. Here
that is known of three forms: places that are held against constants and one another (their order
is all that matters, so that as many values as there are places lie between two constants), one sum
of places that is held against constants (where some value makes it true, one at an end of each
place's range does), and texts that are equal or are not. Limits are constants: each value that some
case gives. Of whatever else a condition does nothing is sure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, TypeAlias

from contracts.boundaries import ELEMENT, KIND_OF, OTHER, distinct, place_of, place_values
from contracts.coercion import Value, is_map
from contracts.evaluation import shared_evaluator
from contracts.model import Contract, Fact, Rule, Tool
from contracts.samples import Leaf, Path, edges, leaves
from contracts.spreading import MOST_ENDS, Number, between, ends, whole_between
from contracts.trees import KIND, Node

_ORDERED: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_EQUAL: Final = frozenset({"_==_", "_!=_"})
_TRUTH: Final = frozenset({"_&&_", "_||_", "!_", "_?_:_"})
# What the tool alone says, or the contract.
_FIXED: Final = frozenset({("action", "tool"), ("action", "mode"), ("run", "service")})
_TEXTS_OF_RUN: Final = frozenset({"goal", "channel", "workflow", "domain", "requester", "ref"})
_LOOKED_IN: Final = frozenset({("identity", "roles"), ("identity", "permissions")})
_OBJECT: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "$schema", "$id", "$defs", "$ref"}
)
_TOLD: Final = frozenset({"title", "description", "default", "examples", "type"})
_NUMBERS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_TEXTS: Final = frozenset({"pattern", "minLength", "maxLength"})

Terms: TypeAlias = frozenset[tuple[Path, int]]


class Unsure(Exception):  # noqa: N818 - an answer, not an error
    """That a condition does what is not known here."""


@dataclass(slots=True)
class _Linear:
    """A sum of places and limits, each so many times, and numbers; or one literal of no number."""

    terms: dict[Path, int] = field(default_factory=dict[Path, int])
    number: Number = 0
    literal: Value = None

    def plus(self, other: "_Linear", times: int) -> "_Linear":
        if self.literal is not None or other.literal is not None:
            raise Unsure
        both = {*self.terms, *other.terms}
        terms = {one: self.terms.get(one, 0) + times * other.terms.get(one, 0) for one in both}
        return _Linear(terms, self.number + times * other.number)


@dataclass(slots=True)
class _Group:
    """Places that are held against one another, directly or over a third."""

    places: set[Path] = field(default_factory=set[Path])
    constants: list[Value] = field(default_factory=list[Value])
    sums: dict[Terms, set[Number]] = field(default_factory=dict[Terms, set[Number]])
    ordered: bool = False

    def add(self, other: "_Group") -> None:
        self.places |= other.places
        self.constants += other.constants
        for terms, bounds in other.sums.items():
            self.sums.setdefault(terms, set()).update(bounds)
        self.ordered = self.ordered or other.ordered


class Covering:
    """The values that cover some rules' conditions for the calls of one tool.

    Args:
        contract: A contract whose conditions were checked.
        tool: The tool.
        rules: Those whose conditions are to be covered together.
    """

    def __init__(self, contract: Contract, tool: str, rules: Iterable[Rule]) -> None:
        self._contract = contract
        self._tool = contract.tools.get(tool)
        self._facts = {fact.name: fact for fact in contract.facts}
        self._limits: dict[Path, list[Value]] = {}
        for place, value in place_values(contract):
            self._limits.setdefault(place, []).append(value)
        self._groups: list[_Group] = []
        self._read: set[Path] = set()
        self._looked: dict[Path, set[Value]] = {}
        self._folds = 0
        self._reads_limits = False
        self._rules = tuple(rules)
        self._leaves = _leaves_of(self._tool)

    def values(self) -> dict[Path, list[Value]] | None:
        """Return the values that each place has to take, None where nothing is sure.

        A place whose list is empty is one that only its presence, or its own kind, matters of.
        """
        try:
            for rule in self._rules:
                for text in (rule.when, rule.unless):
                    if text:
                        self._truth(self._tree(text), {})
            if self._reads_limits:
                for level in self._contract.limits.levels:
                    self._case(level.by, level.cases)
            found: dict[Path, list[Value]] = {place: [] for place in self._read}
            for group in self._groups:
                found |= self._covered(group)
        except Unsure:
            return None
        unclear = any(len(one) > 1 for one in self._looked.values()) or self._folds > 1
        nested = any(one != two and one == two[: len(one)] for one in found for two in found if two)
        mixed = any(found.get(place) for place in self._looked)
        return None if unclear or nested or mixed else found

    # ---------------------------------------------------------------------- reading

    def _tree(self, text: str) -> Node:
        tree = shared_evaluator().compile(text).tree()
        if tree is None:
            raise Unsure
        return tree

    def _case(self, by: str, cases: Iterable[str]) -> None:
        sum_ = self._sum(self._tree(by), {})
        place = _alone(sum_)
        if place is None and (sum_.terms or not isinstance(sum_.literal, str)):
            raise Unsure
        if place is not None:
            self._hold(_Group({place}, list(cases)))

    def _truth(self, node: Node, own: Mapping[str, Path]) -> None:
        """Take in what is true or false."""
        kind = node.WhichOneof(KIND)
        if kind == "call_expr" and node.call_expr.function in _TRUTH:
            for one in node.call_expr.args:
                self._truth(one, own)
        elif kind == "call_expr":
            self._compared(node.call_expr, own)
        elif kind == "comprehension_expr":
            self._fold(node.comprehension_expr, own)
        elif kind == "select_expr" and node.select_expr.test_only:
            self._varied(place_of(node, own))
        elif kind != "const_expr":
            place = _alone(self._sum(node, own))
            if place is not None:
                self._hold(_Group({place}, [True]))

    def _compared(self, call: Node, own: Mapping[str, Path]) -> None:
        name = call.function
        if name == "@in":
            self._within(call, own)
            return
        if name not in _ORDERED | _EQUAL:
            raise Unsure
        one, two = (self._sum(side, own) for side in call.args)
        ordered = name in _ORDERED
        for this, other in ((one, two), (two, one)):
            if this.literal is not None:
                place = _alone(other)
                if other.literal is None and place is None and other.terms:
                    raise Unsure
                if place is not None:
                    self._hold(_Group({place}, [this.literal], ordered=ordered))
                return
        if (first := _alone(one)) and (second := _alone(two)) and first != second:
            self._pair(first, second, ordered=ordered)
        else:
            self._bounded(one.plus(two, -1))

    def _pair(self, first: Path, second: Path, *, ordered: bool) -> None:
        limits = [one for one in (first, second) if one in self._limits]
        places = {first, second} - set(limits)
        if len(places) == 2:  # noqa: PLR2004
            sums: dict[Terms, set[Number]] = {frozenset({(first, 1), (second, -1)}): {0}}
            self._hold(_Group(places, [], sums, ordered))
        elif places:
            self._hold(_Group(places, list(self._limits[limits[0]]), ordered=ordered))

    def _bounded(self, total: _Linear) -> None:
        """A sum of places is held against numbers: those of the text, and of the limits."""
        limits = [one for one in total.terms if one in self._limits]
        places = {one: times for one, times in total.terms.items() if one not in self._limits}
        if any(abs(times) != 1 for times in places.values()):
            raise Unsure
        if not places:
            return
        values = [distinct(self._limits[one]) for one in limits]
        if not all(_is_number(one) for each in values for one in each):
            raise Unsure
        bounds: set[Number] = set()
        for chosen in product(*values):
            more = sum(total.terms[one] * value for one, value in zip(limits, chosen, strict=True))
            bounds.add(-(total.number + more))
            if len(bounds) > MOST_ENDS:
                raise Unsure
        first = places[min(places)]
        bounds = {first * one for one in bounds}
        if len(places) == 1:
            self._hold(_Group(set(places), sorted(bounds), ordered=True))
            return
        terms = frozenset((one, first * times) for one, times in places.items())
        self._hold(_Group(set(places), [], {terms: bounds}, ordered=True))

    def _within(self, call: Node, own: Mapping[str, Path]) -> None:
        one, listed = self._sum(call.args[0], own), call.args[1]
        place = _alone(one)
        if listed.WhichOneof(KIND) == "list_expr":
            members = [self._sum(each, own) for each in listed.list_expr.elements]
            if any(each.terms for each in members):
                raise Unsure
            constants = [each.number if each.literal is None else each.literal for each in members]
        else:
            holder = place_of(listed, own)
            if holder not in self._limits:
                self._looked_for(one, holder)
                return
            self._reads_limits = True
            constants = list(self._limits[holder])
        if place is None and one.terms:
            raise Unsure
        if place is not None:
            self._hold(_Group({place}, constants))

    def _looked_for(self, one: _Linear, holder: Path | None) -> None:
        """A constant is looked for in a list: with it, and without it, is all."""
        fact = self._facts.get(holder[1]) if holder and holder[0] == "facts" else None
        listed = fact is not None and fact.aggregate == "list" and len(holder or ()) == 2  # noqa: PLR2004
        if one.terms or holder is None or not (listed or holder in _LOOKED_IN):
            raise Unsure
        self._read.add(holder)
        literal = one.number if one.literal is None else one.literal
        self._looked.setdefault(holder, set()).add(literal)

    def _fold(self, fold: Node, own: Mapping[str, Path]) -> None:
        """Whether some observation of one kind is such: one that is, or none, tells."""
        step = fold.loop_step
        exists = step.WhichOneof(KIND) == "call_expr" and step.call_expr.function == "_||_"
        if own or place_of(fold.iter_range, own) != ("evidence",) or not exists:
            raise Unsure
        if fold.result.WhichOneof(KIND) != "ident_expr" or fold.iter_var2:
            raise Unsure
        self._folds += 1
        inner = {fold.iter_var: ("evidence", ELEMENT)}
        parts = list(_conjuncts(step.call_expr.args[1]))
        mine = [one for one in parts if _is_kind(one, inner)]
        if len(mine) != 1:
            raise Unsure
        for part in parts:
            if part is not mine[0]:
                self._truth(part, inner)

    def _sum(self, node: Node, own: Mapping[str, Path]) -> _Linear:
        kind = node.WhichOneof(KIND)
        if kind == "const_expr":
            value = getattr(node.const_expr, node.const_expr.WhichOneof(KIND))
            if node.const_expr.WhichOneof(KIND) == "null_value":
                raise Unsure
            return _Linear(number=value) if _is_number(value) else _Linear(literal=value)
        if kind == "call_expr" and node.call_expr.function != "_[_]":
            return self._added(node.call_expr, own)
        place = place_of(node, own)
        alias = "" if place is None else _alias(self._tool, place)
        if alias:
            return self._sum(self._tree(alias), {})
        if place in self._limits:
            self._reads_limits = True
            return _Linear({place: 1})
        if place in _FIXED:
            # It has one value, which no search varies and which is no number.
            return _Linear(literal=OTHER)
        return _Linear({self._varied(place): 1})

    def _added(self, call: Node, own: Mapping[str, Path]) -> _Linear:
        if call.function == "-_":
            return _Linear().plus(self._sum(call.args[0], own), -1)
        if call.function not in {"_+_", "_-_"}:
            raise Unsure
        one, two = (self._sum(side, own) for side in call.args)
        return one.plus(two, 1 if call.function == "_+_" else -1)

    def _varied(self, place: Path | None) -> Path:
        """Return a place that the search can give any value, which is what it may be in a call."""
        if place is None or not self._known(place):
            raise Unsure
        self._read.add(place)
        return place

    def _known(self, place: Path) -> bool:
        root, rest = place[0], place[1:]
        if not rest or ELEMENT in rest[1:]:
            return False
        if root == "params":
            return self._leaves is not None and not any(
                leaf != rest and (leaf[: len(rest)] == rest or rest[: len(leaf)] == leaf)
                for leaf in self._leaves
            )
        if root == "facts":
            return rest[0] in self._facts and len(rest) == 1 and _plain(self._facts[rest[0]])
        if root == "run":
            attribute = rest[0] == "attributes" and len(rest) == 2  # noqa: PLR2004
            return attribute or (len(rest) == 1 and rest[0] in _TEXTS_OF_RUN)
        if root == "evidence":
            return rest[0] == ELEMENT and rest[1:2] in {("fields",), ("source",)}
        return place in {("identity", "registered"), ("identity", "owner"), ("action", "channel")}

    def _hold(self, group: _Group) -> None:
        apart = [one for one in self._groups if not one.places & group.places]
        for one in self._groups:
            if one.places & group.places:
                group.add(one)
        self._groups = [*apart, group]

    # ---------------------------------------------------------------------- values

    def _covered(self, group: _Group) -> dict[Path, list[Value]]:
        group.constants += [one for place in group.places for one in self._own(place)]
        constants = distinct(group.constants)
        many = len(group.places)
        if any(isinstance(one, str) for one in constants):
            if group.ordered or not all(isinstance(one, str) for one in constants):
                raise Unsure
            values = [*constants, *[f"{OTHER}{number or ''}" for number in range(many)]]
            return {place: self._admitted(place, values, many) for place in group.places}
        if any(isinstance(one, bool) for one in constants):
            if not all(isinstance(one, bool) for one in constants) or group.ordered:
                raise Unsure
            return {place: self._admitted(place, [True, False], 1) for place in group.places}
        if not all(_is_number(one) for one in constants):
            raise Unsure
        return self._numbers(group, constants)

    def _numbers(self, group: _Group, constants: list[Any]) -> dict[Path, list[Value]]:
        many = len(group.places)
        places = [place for place in group.places if self._is_whole(place)]
        if all(len(terms) == 2 and bounds == {0} for terms, bounds in group.sums.items()) and all(  # noqa: PLR2004
            sum(times for _, times in terms) == 0 for terms in group.sums
        ):
            whole = whole_between(constants, many)
            either = between(constants if not places else [*constants, *whole], many)
            return {
                place: self._admitted(place, whole if place in places else either, many)
                for place in group.places
            }
        if len(group.sums) > 1 or len(places) < many:
            raise Unsure
        ((terms, bounds),) = group.sums.items()
        met = ends(dict(terms), bounds, constants)
        if met is None:
            raise Unsure
        return {place: self._admitted(place, values, 1) for place, values in met.items()}

    def _own(self, place: Path) -> Iterator[Value]:
        """Yield the ends of what a place may hold at all."""
        fact = self._facts.get(place[1]) if place[0] == "facts" else None
        if fact is not None and fact.aggregate == "count":
            yield 0
        leaf = self._leaf(place)
        if leaf is None:
            return
        if "enum" in leaf.schema or "const" in leaf.schema:
            yield from edges(leaf.schema)
        yield from (leaf.schema[key] for key in sorted(_NUMBERS) if key in leaf.schema)

    def _leaf(self, place: Path) -> Leaf | None:
        known = self._leaves or {}
        return known.get(place[1:]) if place[0] == "params" else None

    def _is_whole(self, place: Path) -> bool:
        if place[0] == "facts":
            return self._facts[place[1]].aggregate in {"count", "sum"}
        leaf = self._leaf(place)
        return leaf is not None and leaf.schema.get("type") == "integer"

    def _admitted(self, place: Path, values: list[Value], many: int) -> list[Value]:
        """Return the values that a place's schema may admit; it has to admit others as well."""
        leaf = self._leaf(place)
        if leaf is None:
            fact = self._facts.get(place[1]) if place[0] == "facts" else None
            counted = fact is not None and fact.aggregate == "count"
            return [one for one in values if not counted or one >= 0]
        schema = leaf.schema
        if "enum" in schema or "const" in schema:
            return edges(schema)
        kind, more = schema.get("type"), set(schema) - _TOLD
        texts = any(isinstance(one, str) for one in values)
        if more - (_NUMBERS if kind in {"integer", "number"} else _TEXTS):
            raise Unsure
        if kind == "string" and more:
            first = edges(schema)[:1]
            if not first or not isinstance(first[0], str) or first[0] in values or many > 1:
                raise Unsure
            if "pattern" in more and first[0] == "x":
                raise Unsure  # perhaps no text that matches was found
            return [*values, *first]
        expected = {"integer": False, "number": False, "boolean": False, "string": True}
        if kind is not None and expected.get(str(kind)) is not texts:
            raise Unsure
        return values


def _leaves_of(tool: Tool | None) -> dict[Path, Leaf] | None:
    """Return the places of a schema that speaks of each by itself, None of any other."""
    if tool is None or tool.schema is None:
        return {}
    if not _plain_object(tool.schema):
        return None
    return {leaf.path: leaf for leaf in leaves(tool.schema)}


def _plain_object(schema: Mapping[str, Any]) -> bool:
    if set(schema) - _OBJECT - _TOLD or is_map(schema.get("additionalProperties")):
        return False
    properties = schema.get("properties")
    inner = properties.values() if is_map(properties) else ()
    return all(_plain_object(one) for one in inner if is_map(one) and "properties" in one)


def _plain(fact: Fact) -> bool:
    return fact.aggregate != "list" and fact.at != "action.selected"


def _alias(tool: Tool | None, place: Path) -> str:
    if tool is None:
        return ""
    said: dict[Path, str] = {
        ("action", "target"): tool.target,
        ("action", "estimate", "cost", "micros"): tool.estimate_cost,
        ("action", "estimate", "value", "micros"): tool.estimate_value,
    }
    return said.get(place, "")


def _alone(one: _Linear) -> Path | None:
    """Return the place that a sum is, None where it is more, or less."""
    places = list(one.terms.items())
    return places[0][0] if len(places) == 1 and places[0][1] == 1 and not one.number else None


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _conjuncts(node: Node) -> Iterator[Node]:
    if node.WhichOneof(KIND) == "call_expr" and node.call_expr.function == "_&&_":
        for one in node.call_expr.args:
            yield from _conjuncts(one)
    else:
        yield node


def _is_kind(node: Node, own: Mapping[str, Path]) -> bool:
    if node.WhichOneof(KIND) != "call_expr" or node.call_expr.function != "_==_":
        return False
    one, two = node.call_expr.args
    return place_of(one, own) == ("evidence", ELEMENT, KIND_OF) and (
        two.WhichOneof(KIND) == "const_expr"
    )
