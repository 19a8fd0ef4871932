"""Conditions over records with values that nobody may see: sealed, and not disclosed.

Such a value is there, and is nothing that can be read. CEL has no value for that: so what a
condition would read of it is taken away before CEL is asked, and reading it is an error, which CEL
carries through `&&`, `||` and macros as it does every other. Whatever the condition does not touch
stays as it is.
Source: docs/spec/contract-language.md, *Views*.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from contracts.coercion import Unseen, Value, is_list, is_map
from contracts.trees import KIND, Node
from ledger.encoding import encode

Path = tuple[str, ...]
ANY = "*"
"""A step to whichever element a macro is at."""


class How(Enum):
    """What a condition does at a path."""

    READS = "reads"
    """It takes the value, and all within it."""
    WALKS = "walks"
    """It takes the elements one by one."""
    ASKS = "asks"
    """It asks whether there is a member (`has`)."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One place at which a condition touches a variable: the path from the variable's name on."""

    how: How
    path: Path


def unseen_in(value: Value, path: Path = ()) -> Iterator[tuple[Path, Unseen]]:
    """Yield the values in `value` that nobody may see, with their paths."""
    if isinstance(value, Unseen):
        yield path, value
    elif is_map(value):
        for name, item in value.items():
            yield from unseen_in(item, (*path, name))
    elif is_list(value):
        for place, item in enumerate(value):
            yield from unseen_in(item, (*path, str(place)))


def bare(value: Value) -> Value:
    """Return a value as it stands in the record: what is sealed as its commitment."""
    if isinstance(value, Unseen) or is_map(value):
        return {name: bare(item) for name, item in value.items()}
    return [bare(item) for item in value] if is_list(value) else value


def surely_differ(one: Value, other: Value) -> bool:
    """Tell whether two values differ whatever stands where nobody may see."""
    if isinstance(one, Unseen) or isinstance(other, Unseen):
        return False
    if is_map(one) and is_map(other):
        return set(one) != set(other) or any(surely_differ(one[name], other[name]) for name in one)
    if is_list(one) and is_list(other):
        return len(one) != len(other) or any(map(surely_differ, one, other))
    return encode(one) != encode(other)


# ------------------------------------------------------------------------ what is touched


def touches(tree: Node | None, roots: frozenset[str]) -> tuple[Touch, ...]:
    """Return where a condition touches these variables; all of them whole where it has no tree."""
    if tree is None:
        return tuple(Touch(How.READS, (root,)) for root in sorted(roots))
    found: list[Touch] = []
    _visit(tree, {root: (root,) for root in roots}, found)
    return tuple(dict.fromkeys(found))


Names = Mapping[str, Path]


def _path(node: Node, names: Names) -> Path | None:
    """Return the path that a node names, None where it is no chain of members."""
    kind: str = node.WhichOneof(KIND) or ""
    if kind == "ident_expr":
        return names.get(node.ident_expr.name)
    if kind == "select_expr" and not node.select_expr.test_only:
        inner = _path(node.select_expr.operand, names)
        return None if inner is None else (*inner, str(node.select_expr.field))
    if kind == "call_expr" and node.call_expr.function == "_[_]":
        holder, key = node.call_expr.args
        inner = _path(holder, names)
        step = _step(key)
        return None if inner is None or step is None else (*inner, step)
    return None


def _step(key: Node) -> str | None:
    if key.WhichOneof(KIND) != "const_expr":
        return None
    kind: str = key.const_expr.WhichOneof(KIND) or ""
    return str(getattr(key.const_expr, kind)) if kind in {"string_value", "int64_value"} else None


def _visit(node: Node, names: Names, found: list[Touch]) -> None:
    path = _path(node, names)
    if path is not None:
        found.append(Touch(How.READS, path))
        return
    kind: str = node.WhichOneof(KIND) or ""
    if kind == "select_expr":
        _visit_select(node.select_expr, names, found)
    elif kind == "comprehension_expr":
        _visit_fold(node.comprehension_expr, names, found)
    else:
        for one in _children(node, kind):
            _visit(one, names, found)


def _visit_select(node: Node, names: Names, found: list[Touch]) -> None:
    holder = _path(node.operand, names)
    if holder is not None and node.test_only:
        found.append(Touch(How.ASKS, (*holder, str(node.field))))
    else:
        _visit(node.operand, names, found)


def _visit_fold(node: Node, names: Names, found: list[Touch]) -> None:
    inner = dict(names)
    for name in (node.iter_var, node.iter_var2, node.accu_var):
        inner.pop(name, None)
    path = _path(node.iter_range, names)
    if path is None:
        _visit(node.iter_range, names, found)
    else:
        found.append(Touch(How.WALKS, path))
        inner[node.iter_var2 or node.iter_var] = (*path, ANY)
    _visit(node.accu_init, names, found)
    for one in (node.loop_condition, node.loop_step, node.result):
        _visit(one, inner, found)


def _children(node: Node, kind: str) -> list[Node]:
    if kind == "call_expr":
        call = node.call_expr
        return [*([call.target] if call.HasField("target") else []), *call.args]
    if kind == "list_expr":
        return list(node.list_expr.elements)
    if kind == "struct_expr":
        entries = node.struct_expr.entries
        return [each for one in entries for each in (one.map_key, one.value)]
    return []


# ------------------------------------------------------------------------ what is taken away


@dataclass(frozen=True, slots=True)
class Cut:
    """A variable without what a condition may not read.

    Attributes:
        value: The variable; None where nothing of it may be read.
        reasons: Why each member is not there, by its name.
    """

    value: Value
    reasons: Mapping[str, str]


def cut(value: Value, root: str, touched: Sequence[Touch]) -> Cut:
    """Return a variable as a condition that touches it so may be given it."""
    unseen = list(unseen_in(value))
    if not unseen:
        return Cut(value, {})
    mine = [Touch(one.how, one.path[1:]) for one in touched if one.path[0] == root]
    reasons: dict[str, str] = {}
    gone: set[Path] = set()
    for path, found in unseen:
        where = _taken(value, path, mine)
        if where is None:
            continue
        if not where:
            return Cut(None, {root: found.reason})
        gone.add(where)
        reasons[where[-1]] = found.reason
    return Cut(_without(value, (), gone), reasons)


def _taken(value: Value, path: Path, touched: Sequence[Touch]) -> Path | None:
    """Return what has to go for one unseen value; None where nothing touches it."""
    above = [one for one in touched if len(one.path) < len(path) and _begins(path, one.path)]
    reading = [
        len(one.path)
        for one in above
        # The names of a map's members are taken with the map: none of them may be missing.
        if one.how is How.READS
        or (one.how is How.WALKS and is_map(_at(value, path[: len(one.path)])))
    ]
    if reading:
        where = path[: min(reading)]
    elif any(_begins(one.path, path) and _is_read(one, path) for one in touched):
        where = path
    else:
        return None
    asked = [one.path for one in touched if one.how is How.ASKS]
    # A member of a list cannot be taken out, and one that is asked for must not seem absent.
    while where and (is_list(_at(value, where[:-1])) or any(_same(one, where) for one in asked)):
        where = where[:-1]
    return where


def _is_read(touch: Touch, path: Path) -> bool:
    """Return whether a touch at or below an unseen value needs it; whether it is there is known."""
    return touch.how is not How.ASKS or len(touch.path) > len(path)


def _begins(path: Path, start: Path) -> bool:
    return len(path) >= len(start) and _same(path[: len(start)], start)


def _same(one: Path, other: Path) -> bool:
    if len(one) != len(other):
        return False
    return all(
        ANY in (left, right) or left == right for left, right in zip(one, other, strict=True)
    )


def _at(value: Value, path: Path) -> Value:
    for step in path:
        value = value[int(step)] if is_list(value) else value[step]
    return value


def _without(value: Value, path: Path, gone: set[Path]) -> Value:
    if isinstance(value, Unseen):
        return True  # nothing touches it: only that it is there may matter
    if is_map(value):
        return {
            name: _without(item, (*path, name), gone)
            for name, item in value.items()
            if (*path, name) not in gone
        }
    if is_list(value):
        return [_without(item, (*path, str(place)), gone) for place, item in enumerate(value)]
    return value
