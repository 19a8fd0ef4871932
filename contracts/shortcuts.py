"""Shortcuts: the plain part of a condition, answered without handing its record to CEL.

Most conditions compare a member with a constant, and most of their cost is not CEL's evaluation but
the conversion of what they read. A shortcut answers such a condition from the plain values at
once. It is not a second CEL: it knows a few operators on operands of one known type, and whatever
else there is (a missing member, a mix of types, an overflow, a function that it does not know)
makes it `UNSURE`. Then CEL is asked, and gives the value or the error and its words. A shortcut can
therefore be slow but not wrong, as long as the few cases that it does answer are CEL's; a test
holds them against CEL on random trees.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from contracts.coercion import MAX_LIST, Value, is_list, is_map
from contracts.operations import (
    COMPARISONS,
    KEYS,
    OF_ONE,
    OF_TWO,
    UNSURE,
    Kinds,
    duration,
    timestamp,
)
from contracts.trees import KIND, Node

FACTS: Final = "facts"
LIMITS: Final = "limits"

MAX_FOLDS: Final = 16
"""CEL's budget of iterations is for a whole expression: 16 lists of 256 elements keep far from it.
"""

Key: TypeAlias = tuple[str, str]


class Frame(Protocol):
    """A record at its place in history, as a shortcut reads it. What is not there is `UNSURE`."""

    def part(self, key: Key) -> Value:
        """Return a member of a variable: `("action", "tool")`."""
        ...

    def has(self, key: Key) -> Value:
        """Return whether a variable that is there has a member."""
        ...

    def limit(self, name: str, level: int, /) -> Value:
        """Return a limit, for a condition that may see so many facts."""
        ...

    def known(self, name: str, level: int, /) -> Value:
        """Return the value of a fact, for a condition that may see so many facts."""
        ...

    def whole(self, root: str) -> Value:
        """Return a variable as a whole."""
        ...


class OnlyViews:
    """A frame of variables that are maps and all there; there are no facts and limits in it."""

    __slots__ = ("_views",)

    def __init__(self, views: Mapping[str, Value]) -> None:
        self._views = views

    def part(self, key: Key) -> Value:
        """Return a member of a variable."""
        holder = self._views.get(key[0])
        return holder.get(key[1], UNSURE) if is_map(holder) else UNSURE

    def has(self, key: Key) -> Value:
        """Return whether a variable that is there has a member."""
        holder = self._views.get(key[0])
        return key[1] in holder if is_map(holder) else UNSURE

    def limit(self, _name: str, _level: int, /) -> Value:
        """Return nothing: there are no limits."""
        return UNSURE

    def known(self, _name: str, _level: int, /) -> Value:
        """Return nothing: there are no facts."""
        return UNSURE

    def whole(self, root: str) -> Value:
        """Return a variable as a whole."""
        return self._views.get(root, UNSURE)


Shortcut: TypeAlias = Callable[[Frame, Value], Value]
"""What answers: of a record, and of the element that a macro such as `exists` is at."""


def shortcut(tree: Node | None, level: int, roots: frozenset[str]) -> Shortcut | None:
    """Return what may answer a condition, None where it never could.

    Args:
        tree: The condition's tree.
        level: How many of the contract's facts it may see.
        roots: The variables that there are.
    """
    if tree is None:
        return None
    made = _Maker(level, roots).make(tree, "")
    return None if made is _unsure else made


def _unsure(_frame: Frame, _item: Value) -> Value:
    return UNSURE


class _Maker:
    """Makes shortcuts of one condition's nodes. `own` is the variable of the macro around."""

    def __init__(self, level: int, roots: frozenset[str]) -> None:
        self._level = level
        self._roots = roots
        self._folds = 0

    def make(self, node: Node, own: str) -> Shortcut:
        kind: str = node.WhichOneof(KIND) or ""
        if kind == "const_expr":
            return _constant(node.const_expr)
        if kind == "ident_expr":
            return self._name(node.ident_expr.name, own)
        if kind == "select_expr":
            return self._select(node.select_expr, own)
        if kind == "call_expr":
            return self._call(node.call_expr, own)
        if kind == "list_expr":
            return self._list(node.list_expr, own)
        return self._fold(node.comprehension_expr, own) if kind == "comprehension_expr" else _unsure

    # -------------------------------------------------------------------------- reading

    def _name(self, name: str, own: str) -> Shortcut:
        if name == own:
            return lambda _, item: item
        if name in self._roots and name not in {FACTS, LIMITS}:
            return lambda frame, _: frame.whole(name)
        return _unsure

    def _select(self, node: Node, own: str) -> Shortcut:
        name: str = node.field
        operand = node.operand
        root: str = operand.ident_expr.name if operand.WhichOneof(KIND) == "ident_expr" else ""
        if root and root != own:
            return self._member(root, name, has=node.test_only)
        inner = self.make(operand, own)
        if inner is _unsure:
            return _unsure
        return _holds(inner, name) if node.test_only else _member_of(inner, name)

    def _member(self, root: str, name: str, *, has: bool) -> Shortcut:
        level, key = self._level, (root, name)
        if root not in self._roots or (has and root in {FACTS, LIMITS}):
            return _unsure
        if root == FACTS:
            return lambda frame, _: frame.known(name, level)
        if root == LIMITS:
            return lambda frame, _: frame.limit(name, level)
        if has:
            return lambda frame, _: frame.has(key)
        return lambda frame, _: frame.part(key)

    # -------------------------------------------------------------------------- calling

    def _call(self, node: Node, own: str) -> Shortcut:
        name: str = node.function
        given = [node.target, *node.args] if node.HasField("target") else list(node.args)
        if name == "@in":
            return self._within(given, own)
        if name == "_[_]":
            return self._index(given, own)
        if name in _CONSTRUCTORS and given[0].WhichOneof(KIND) == "const_expr":
            return _literal(_CONSTRUCTORS[name](given[0].const_expr.string_value))
        operands = [self.make(one, own) for one in given]
        if name in _LOGIC and operands[0] is not _unsure:
            return _LOGIC[name](*operands)
        if _unsure in operands:
            return _unsure
        return _applied(name, operands)

    def _within(self, given: list[Node], own: str) -> Shortcut:
        one = self.make(given[0], own)
        if one is _unsure:
            return _unsure
        if given[1].WhichOneof(KIND) == "list_expr":
            literals = _literals(given[1].list_expr)
            return _unsure if literals is None else _one_of(one, *literals)
        many = self.make(given[1], own)
        return _unsure if many is _unsure else _of_two(OF_TWO["@in"], one, many)

    def _index(self, given: list[Node], own: str) -> Shortcut:
        """Return a table's lookup, `{"EUR": outcome.cost.micros}[outcome.cost.currency]`."""
        if given[0].WhichOneof(KIND) != "struct_expr" or given[0].struct_expr.message_name:
            return _unsure
        entries = given[0].struct_expr.entries
        if any(one.optional_entry or not _is_text(one.map_key) for one in entries):
            return _unsure
        names = [one.map_key.const_expr.string_value for one in entries]
        values = [self.make(one.value, own) for one in entries]
        key = self.make(given[1], own)
        if _unsure in (key, *values) or len(set(names)) < len(names):
            return _unsure
        return _looked_up(dict(zip(names, values, strict=True)), key)

    def _list(self, node: Node, own: str) -> Shortcut:
        made = [self.make(one, own) for one in node.elements]
        if _unsure in made or node.optional_indices:
            return _unsure

        def answer(frame: Frame, item: Value) -> Value:
            found = [one(frame, item) for one in made]
            return UNSURE if UNSURE in found else found

        return answer

    # --------------------------------------------------------------------------- macros

    def _fold(self, node: Node, own: str) -> Shortcut:
        """Return `exists` or `all`: macros are folds, and told apart by their step."""
        self._folds += 1
        name: str = node.accu_var
        step, start = node.loop_step.call_expr, node.accu_init
        kinds = (start.WhichOneof(KIND), node.result.ident_expr.name, len(step.args))
        if own or node.iter_var2 or kinds != ("const_expr", name, 2) or self._folds > MAX_FOLDS:
            return _unsure
        begin = (step.function, start.const_expr.WhichOneof(KIND), start.const_expr.bool_value)
        if begin not in _MACROS or step.args[0].ident_expr.name != name:
            return _unsure
        over, test = self.make(node.iter_range, own), self.make(step.args[1], node.iter_var)
        if _unsure in (over, test):
            return _unsure
        return _searched(over, test, _MACROS[begin])


# A step and what it begins with, and what element decides at once.
_MACROS: dict[tuple[str, str, bool], bool] = {
    ("_||_", "bool_value", False): True,
    ("_&&_", "bool_value", True): False,
}


# ----------------------------------------------------------------------------- values


def _constant(node: Node) -> Shortcut:
    kind: str = node.WhichOneof(KIND) or ""
    if kind not in {"bool_value", "int64_value", "double_value", "string_value"}:
        return _unsure
    return _Constant(getattr(node, kind))


class _Constant:
    """A literal: an object, so that what is made of it can see that it is one."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __call__(self, _frame: Frame, _item: Value) -> Value:
        return self.value


def _is_text(node: Node) -> bool:
    return bool(node.const_expr.WhichOneof(KIND) == "string_value")


def _literals(node: Node) -> tuple[frozenset[Value], type[object]] | None:
    """Return the literals of a list and their one type, None where it holds anything else."""
    made = [_constant(one.const_expr) for one in node.elements if one.WhichOneof(KIND)]
    values = [one.value for one in made if isinstance(one, _Constant)]
    kinds: set[type[object]] = {type(one) for one in values}
    if len(values) < len(node.elements) or len(kinds) != 1 or not kinds <= KEYS:
        return None
    return frozenset(values), kinds.pop()


def _literal(value: Value) -> Shortcut:
    return _unsure if value is UNSURE else _Constant(value)


_CONSTRUCTORS: Mapping[str, Callable[[str], Value]] = {
    "timestamp": timestamp,
    "duration": duration,
}


def _member_of(inner: Shortcut, name: str) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        value = inner(frame, item)
        return value.get(name, UNSURE) if is_map(value) else UNSURE

    return answer


def _holds(inner: Shortcut, name: str) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        value = inner(frame, item)
        return name in value if is_map(value) else UNSURE

    return answer


def _looked_up(table: Mapping[str, Shortcut], key: Shortcut) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        # CEL makes the whole table first: an entry without value spoils it.
        made = {name: one(frame, item) for name, one in table.items()}
        wanted = key(frame, item)
        if type(wanted) is not str or UNSURE in made.values():
            return UNSURE
        return made.get(wanted, UNSURE)

    return answer


def _one_of(one: Shortcut, literals: frozenset[Value], kind: type[object]) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        value = one(frame, item)
        return value in literals if type(value) is kind else UNSURE

    return answer


def _searched(over: Shortcut, test: Shortcut, decisive: bool) -> Shortcut:  # noqa: FBT001 - a value
    def answer(frame: Frame, item: Value) -> Value:
        values = over(frame, item)
        if not is_list(values) or len(values) > MAX_LIST:
            return UNSURE
        for each in values:
            found = test(frame, each)
            if found is decisive:
                return decisive
            if found is not (not decisive):
                return UNSURE
        return not decisive

    return answer


# -------------------------------------------------------------------------------- logic


def _and(left: Shortcut, right: Shortcut) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        first = left(frame, item)
        if first is not True:
            return False if first is False else UNSURE
        second = right(frame, item)
        return second if second is True or second is False else UNSURE

    return answer


def _or(left: Shortcut, right: Shortcut) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        first = left(frame, item)
        if first is not False:
            return True if first is True else UNSURE
        second = right(frame, item)
        return second if second is True or second is False else UNSURE

    return answer


def _choice(test: Shortcut, yes: Shortcut, no: Shortcut) -> Shortcut:
    def answer(frame: Frame, item: Value) -> Value:
        found = test(frame, item)
        if found is True:
            return yes(frame, item)
        return no(frame, item) if found is False else UNSURE

    return answer


_LOGIC: Mapping[str, Callable[..., Shortcut]] = {"_&&_": _and, "_||_": _or, "_?_:_": _choice}


# ---------------------------------------------------------------------------- operators


def _applied(name: str, operands: list[Shortcut]) -> Shortcut:
    """Return an operator or function on its operands."""
    if name in COMPARISONS:
        return _compared(*COMPARISONS[name], *operands)
    if len(operands) == 1 and name in OF_ONE:
        return _of_one(OF_ONE[name], operands[0])
    if len(operands) > 1 and name in OF_TWO:
        return _of_two(OF_TWO[name], *operands)
    return _unsure


def _compared(
    compare: Callable[[Any, Any], bool],
    kinds: Kinds,
    left: Shortcut,
    right: Shortcut,
) -> Shortcut:
    if isinstance(right, _Constant):
        return _compared_with(compare, kinds, left, right.value)

    def answer(frame: Frame, item: Value) -> Value:
        first, second = left(frame, item), right(frame, item)
        alike = type(first) is type(second) and type(first) in kinds
        return compare(first, second) if alike else UNSURE

    return answer


def _compared_with(
    compare: Callable[[Any, Any], bool],
    kinds: Kinds,
    left: Shortcut,
    constant: object,
) -> Shortcut:
    kind: type[object] = type(constant)
    if kind not in kinds:
        return _unsure

    def answer(frame: Frame, item: Value) -> Value:
        value = left(frame, item)
        return compare(value, constant) if type(value) is kind else UNSURE

    return answer


def _of_one(apply: Callable[[Value], Value], inner: Shortcut) -> Shortcut:
    return lambda frame, item: apply(inner(frame, item))


def _of_two(apply: Callable[[Value, Value], Value], left: Shortcut, right: Shortcut) -> Shortcut:
    return lambda frame, item: apply(left(frame, item), right(frame, item))
