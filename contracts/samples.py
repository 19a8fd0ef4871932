"""Values that a JSON Schema admits, and values at its edges: for examples of a call.

A sample is a proposal and never a promise: whether parameters conform is asked of the schema's own
check (`contracts.view`), and one that does not conform is an example of that.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.coercion import Value, is_list, is_map, pointed, single_type

Path = tuple[str, ...]

LONGEST: Final = 4_096
"""No text or list of an example is longer: a schema may allow gigabytes."""

_DEPTH: Final = 8
_ONE_OF: Final = {"d": "0", "w": "a", "s": " ", "S": "a", "D": "a", "W": "-"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One place in a tool's parameters that is not an object of known members.

    Attributes:
        path: Where it is, from the parameters on.
        schema: Its schema.
        required: Whether it is there in every call that conforms.
    """

    path: Path
    schema: Mapping[str, Any]
    required: bool


def leaves(schema: Value) -> Iterator[Leaf]:
    """Yield the places of a schema of parameters, in its order."""
    if is_map(schema):
        yield from _leaves(schema, schema, (), required=True)


def _leaves(
    schema: Mapping[str, Any], root: Value, path: Path, *, required: bool
) -> Iterator[Leaf]:
    schema = _resolved(schema, root)
    properties = schema.get("properties")
    if not is_map(properties) or len(path) > _DEPTH:
        if path:
            yield Leaf(path, schema, required)
        return
    needed = schema.get("required", [])
    for name, inner in properties.items():
        mine = required and name in needed
        if is_map(inner):
            yield from _leaves(inner, root, (*path, name), required=mine)
        else:
            yield Leaf((*path, name), {}, mine)


def _resolved(schema: Mapping[str, Any], root: Value) -> Mapping[str, Any]:
    for _ in range(_DEPTH):
        reference = schema.get("$ref")
        target = pointed(root, reference) if isinstance(reference, str) else None
        if not is_map(target):
            break
        schema = target
    return schema


def edges(schema: Mapping[str, Any], depth: int = 0) -> list[Value]:
    """Return values at a schema's edges, those that it admits first."""
    if "const" in schema:
        return [schema["const"]]
    if is_list(schema.get("enum")):
        return list(schema["enum"])
    for union in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(union)
        if is_list(branches) and depth < _DEPTH:
            return [
                one for branch in branches if is_map(branch) for one in edges(branch, depth + 1)
            ]
    return _of_type(schema, depth)


def _of_type(schema: Mapping[str, Any], depth: int) -> list[Value]:
    kind = single_type(schema)
    if kind in {"integer", "number"}:
        return _numbers(schema, whole=kind == "integer")
    if kind == "array":
        return _lists(schema, depth)
    simple: dict[str, list[Value]] = {"boolean": [True, False], "object": [_whole(schema, depth)]}
    return _texts(schema) if kind == "string" else simple.get(kind, [])


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> list[Value]:
    step = schema.get("multipleOf", 1) if whole else 0.5
    given = [schema[key] for key in ("minimum", "maximum") if _number(schema.get(key))]
    beyond = [schema[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in schema]
    for key, direction in (("exclusiveMinimum", 1), ("exclusiveMaximum", -1)):
        if _number(schema.get(key)):
            given.append(schema[key] + direction * step)
    over = [schema[key] - step for key in ("minimum",) if _number(schema.get(key))]
    over += [schema[key] + step for key in ("maximum",) if _number(schema.get(key))]
    found = [*given, *([] if given else [step]), *over, *[one for one in beyond if _number(one)]]
    return [int(one) if whole and float(one).is_integer() else one for one in found]


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(schema: Mapping[str, Any]) -> list[Value]:
    pattern = schema.get("pattern")
    sample = matching(pattern) if isinstance(pattern, str) else None
    least, most = schema.get("minLength", 0), schema.get("maxLength", LONGEST + 1)
    base = sample if sample is not None else "x" * min(max(1, least), LONGEST)
    lengths = [one for one in (least, least - 1, most, most + 1) if 0 <= one <= LONGEST]
    sized = [] if sample is not None else ["x" * one for one in lengths]
    other = [] if pattern is None else [f"{base}-"]
    return list(dict.fromkeys([base, *sized, *other]))


def _lists(schema: Mapping[str, Any], depth: int) -> list[Value]:
    items = schema.get("items")
    inner = edges(items, depth + 1) if is_map(items) and depth < _DEPTH else []
    inner = inner or ["x"]
    least, most = schema.get("minItems", 0), schema.get("maxItems", LONGEST + 1)
    lengths = [one for one in (least, least - 1, most, most + 1) if 0 <= one <= LONGEST]
    found = [[one] for one in inner] + [[inner[0]] * one for one in lengths]
    good = [one for one in found if least <= len(one) <= most]
    return good + [one for one in found if one not in good]


def _whole(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made = {
        name: edges(inner, depth + 1)[:1]
        for name, inner in properties.items()
        if is_map(inner) and depth < _DEPTH
    }
    return {name: values[0] for name, values in made.items() if values}


# -------------------------------------------------------------------------- patterns


def matching(pattern: str) -> str | None:
    """Return a short text that a regular expression matches, None where none was made.

    Example:
        >>> matching("^T-[0-9]{6}$"), matching("(EU|US)+"), matching("(?=x)y")
        ('T-000000', 'EU', None)
    """
    try:
        text, _ = _alternatives(pattern, 0)
        return text if re.search(pattern, text) else None
    except (re.error, IndexError, ValueError):
        return None


def _alternatives(pattern: str, at: int) -> tuple[str, int]:
    """Read up to the end of a group; the first alternative is the one that is taken."""
    taken: str | None = None
    text = ""
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            taken, text, at = text if taken is None else taken, "", at + 1
            continue
        atom, at = _atom(pattern, at)
        count, at = _count(pattern, at)
        text += atom * count
    return text if taken is None else taken, at


def _atom(pattern: str, at: int) -> tuple[str, int]:
    sign = pattern[at]
    if sign in "^$":
        return "", at + 1
    if sign == "(":
        if pattern.startswith("(?", at) and not pattern.startswith("(?:", at):
            raise ValueError(pattern)
        text, end = _alternatives(pattern, at + (3 if pattern.startswith("(?:", at) else 1))
        return text, end + 1
    if sign == "[":
        return _of_class(pattern, at + 1)
    if sign == "\\":
        return _ONE_OF.get(pattern[at + 1], pattern[at + 1]), at + 2
    return ("a" if sign == "." else sign), at + 1


def _of_class(pattern: str, at: int) -> tuple[str, int]:
    end = pattern.index("]", at + 1)
    inside = pattern[at:end]
    if inside.startswith("^"):
        return next(one for one in "xa0 -" if re.match(f"[{inside}]", one)), end + 1
    if inside.startswith("\\"):
        return _ONE_OF.get(inside[1], inside[1]), end + 1
    return inside[0], end + 1


def _count(pattern: str, at: int) -> tuple[int, int]:
    """Return how often the atom before is taken: as seldom as may be, but once where it may."""
    if at < len(pattern) and pattern[at] in "*+?":
        lazy = pattern.startswith("?", at + 1)
        return 1, at + (2 if lazy else 1)
    counted = re.compile(r"\{(\d+)(,\d*)?\}").match(pattern, at)
    if counted is None:
        return 1, at
    return min(int(counted[1]), LONGEST), counted.end()
