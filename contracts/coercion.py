"""From a recorded value to what a condition sees of it: nulls dropped, −0.0 made 0.0, numbers as the tool's schema says.

Source: docs/spec/contract-language.md, *Views*.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

MAX_LIST = 256
"""CEL has a budget of iterations: a longer list in params or in a fact is not shown at all."""

MAX_EXACT = 2**53 - 1
"""Beyond it a double no longer names one integer."""

Coercion = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """Return the value without null members, and with 0.0 for −0.0."""
    if isinstance(value, float):
        return value or 0.0
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {name: plain(item) for name, item in members.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[Any]", value)]
    return value


def holds_raw(value: Any) -> bool:
    """Return True where a value, or any value within it, could not be represented and came as `{"raw": …}`."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        if len(members) == 1 and isinstance(members.get("raw"), str):
            return True
        return any(holds_raw(item) for item in members.values())
    if isinstance(value, list | tuple):
        return any(holds_raw(item) for item in cast("list[Any]", value))
    return False


def holds_long_list(value: Any) -> bool:
    """Return True where a value is, or holds, a list longer than a condition can see."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return any(holds_long_list(item) for item in members.values())
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return len(items) > MAX_LIST or any(holds_long_list(item) for item in items)
    return False


def coercion(schema: Any, root: Any = None, seen: frozenset[str] = frozenset()) -> Coercion:
    """Return what makes of a plain value the numbers that a JSON Schema says.

    A schema that refers to itself is followed once around: deeper values stay as they are.

    Args:
        schema: The JSON Schema of the value.
        root: The whole schema, in which local references are found; `schema` when absent.
        seen: The references that were followed to come here.
    """
    root = schema if root is None else root
    if not isinstance(schema, Mapping):
        return _same
    rules = cast("Mapping[str, Any]", schema)
    reference = rules.get("$ref")
    if isinstance(reference, str):
        target = None if reference in seen else _pointed(root, reference)
        return coercion(target, root, seen | {reference})
    for union in ("anyOf", "oneOf"):
        if branches := rules.get(union):
            others = [branch for branch in branches if branch != {"type": "null"}]
            return coercion(others[0], root, seen) if len(others) == 1 else _same
    return _by_type(rules, root, seen)


def single_type(rules: Mapping[str, Any]) -> str:
    """Return the one type beside null that a JSON Schema's `type` names, else nothing."""
    kind = rules.get("type")
    if isinstance(kind, list):
        others = [one for one in cast("list[Any]", kind) if one != "null"]
        kind = others[0] if len(others) == 1 else None
    return kind if isinstance(kind, str) else ""


def _by_type(rules: Mapping[str, Any], root: Any, seen: frozenset[str]) -> Coercion:
    kind = single_type(rules)
    if kind == "number":
        return _to_double
    if kind == "integer":
        return _to_int
    if kind == "array" or (not kind and "items" in rules):
        return _each(coercion(rules.get("items"), root, seen))
    if kind == "object" or (not kind and "properties" in rules):
        properties: Mapping[str, Any] = rules.get("properties", {})
        known = {name: coercion(one, root, seen) for name, one in properties.items()}
        return _members(known, coercion(rules.get("additionalProperties"), root, seen))
    return _same


def _pointed(root: Any, reference: str) -> Any:
    """Return what a local reference (`#/$defs/money`) names, None where it names nothing."""
    if not reference.startswith("#"):
        return None
    value = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _same(value: Any) -> Any:
    return value


def _to_double(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _to_int(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT:
        return int(value)
    return value


def _each(item: Coercion) -> Coercion:
    if item is _same:
        return _same

    def apply(value: Any) -> Any:
        return [item(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value

    return apply


def _members(known: Mapping[str, Coercion], other: Coercion) -> Coercion:
    every = dict(known)
    if other is _same and all(one is _same for one in known.values()):
        return _same

    def apply(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        members = cast("dict[str, Any]", value)
        return {name: every.get(name, other)(item) for name, item in members.items()}

    return apply
