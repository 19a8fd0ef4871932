"""From a recorded value to what a condition sees of it.

Nulls are dropped, −0.0 is 0.0, and numbers are what the tool's schema says.
Source: docs/spec/contract-language.md, *Views*.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeGuard

Value: TypeAlias = Any
"""What a condition reads or answers: JSON, or a time. Its type is known only when it is there."""

MAX_LIST = 256
"""CEL has a budget of iterations: a longer list in params or in a fact is not shown at all."""

MAX_EXACT = 2**53 - 1
"""Beyond it a double no longer names one integer."""

Coercion = Callable[[Any], Any]


class Unseen(dict[str, Any]):
    """A sealed value that is not disclosed: it is there, and nothing can be read of it.

    It looks as it stands in the record, `{"sealed": commitment}`, to whoever writes it out; to a
    condition it is no map and nothing else.
    """

    __slots__ = ("reason",)

    def __init__(self, commitment: str, reason: str) -> None:
        super().__init__(sealed=commitment)
        self.reason = reason


SEALED = "is sealed, and "
"""How the reason begins of what is undecidable because of such a value."""


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return True for a list; what it holds is not known."""
    return isinstance(value, list)


def is_map(value: object) -> TypeGuard[dict[str, Any]]:
    """Return True for a JSON object."""
    return isinstance(value, dict) and not isinstance(value, Unseen)


# Of these, what a condition sees is what was recorded; a float may be −0.0.
_AS_THEY_ARE = frozenset((str, int, bool))


def is_flat(value: Value) -> bool:
    """Return True for an object of texts, integers and truth values alone: it is seen as it is.

    Nearly all parameters are. They need not be searched for what is seen otherwise, as `{"raw": …}`
    is.
    """
    # A subclass of a dict is a sealed value.
    if not is_map(value) or type(value) is not dict:
        return False
    return _AS_THEY_ARE.issuperset(map(type, value.values())) and set(value) != {"raw"}


def plain(value: Value) -> Value:
    """Return the value without null members, and with 0.0 for −0.0."""
    if isinstance(value, float):
        return value or 0.0
    if is_map(value):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if is_list(value):
        return [plain(item) for item in value]
    return value


def holds_raw(value: Value) -> bool:
    """Return True where a value, or one within it, could not be represented: `{"raw": …}`."""
    if is_map(value):
        if len(value) == 1 and isinstance(value.get("raw"), str):
            return True
        return any(holds_raw(item) for item in value.values())
    return is_list(value) and any(holds_raw(item) for item in value)


def holds_long_list(value: Value) -> bool:
    """Return True where a value is, or holds, a list longer than a condition can see."""
    if is_map(value):
        return any(holds_long_list(item) for item in value.values())
    if is_list(value):
        return len(value) > MAX_LIST or any(holds_long_list(item) for item in value)
    return False


def coercion(schema: Value, root: Value = None, seen: frozenset[str] = frozenset()) -> Coercion:
    """Return what makes of a plain value the numbers that a JSON Schema says.

    A schema that refers to itself is followed once around: deeper values stay as they are.

    Args:
        schema: The JSON Schema of the value.
        root: The whole schema, in which local references are found; `schema` when absent.
        seen: The references that were followed to come here.
    """
    root = schema if root is None else root
    if not is_map(schema):
        return _same
    rules = schema
    reference = rules.get("$ref")
    if isinstance(reference, str):
        target = None if reference in seen else pointed(root, reference)
        return coercion(target, root, seen | {reference})
    for union in ("anyOf", "oneOf"):
        if branches := rules.get(union):
            others = [branch for branch in branches if branch != {"type": "null"}]
            return coercion(others[0], root, seen) if len(others) == 1 else _same
    return _by_type(rules, root, seen)


def single_type(rules: Mapping[str, Value]) -> str:
    """Return the one type beside null that a JSON Schema's `type` names, else nothing."""
    kind = rules.get("type")
    if is_list(kind):
        others = [one for one in kind if one != "null"]
        kind = others[0] if len(others) == 1 else None
    return kind if isinstance(kind, str) else ""


def _by_type(rules: Mapping[str, Value], root: Value, seen: frozenset[str]) -> Coercion:
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


def pointed(root: Value, reference: str) -> Value:
    """Return what a local reference (`#/$defs/money`) names, None where it names nothing."""
    if not reference.startswith("#"):
        return None
    value = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if is_map(value) else None
    return value


def _same(value: Value) -> Value:
    return value


def _to_double(value: Value) -> Value:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _to_int(value: Value) -> Value:
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT:
        return int(value)
    return value


def _each(item: Coercion) -> Coercion:
    if item is _same:
        return _same

    def apply(value: Value) -> Value:
        return [item(one) for one in value] if is_list(value) else value

    return apply


def _members(known: Mapping[str, Coercion], other: Coercion) -> Coercion:
    every = dict(known)
    if other is _same and all(one is _same for one in known.values()):
        return _same

    def apply(value: Value) -> Value:
        if not is_map(value):
            return value
        return {name: every.get(name, other)(item) for name, item in value.items()}

    return apply
