"""Operators on plain values as CEL has them, or `UNSURE`.

Each knows operands of one type, where Python's operator and CEL's are the same; of any other
operands, and where CEL would overflow, it says `UNSURE`, and CEL is asked.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contracts.coercion import Value, is_list, is_map


class Unsure:
    """That a shortcut has no answer."""

    __slots__ = ()


UNSURE: Final = Unsure()

Kinds = frozenset[type[object]]

KEYS: Final[Kinds] = frozenset({bool, int, str})
_SETTLED: Final[Kinds] = frozenset({bool, int, float, str, datetime})
_ORDERED: Final[Kinds] = frozenset({int, float, str, datetime, timedelta})
_EQUAL: Final[Kinds] = _ORDERED | {bool}
_ADDED: Final[Kinds] = frozenset({int, float, str})
_SUBTRACTED: Final[Kinds] = frozenset({int, float, datetime})
_NUMBERS: Final[Kinds] = frozenset({int, float})

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1

# Only whole units, and times without a fraction: CEL reads more, and is asked for it.
_DURATION = re.compile(r"(\d{1,7})([smh])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def settled(value: Value) -> Value:
    """Return what a shortcut answered as CEL would give it, or `UNSURE`."""
    if type(value) in _SETTLED:
        return value
    if is_list(value) and all(type(one) in KEYS for one in value):
        return list(value)
    return UNSURE


def timestamp(text: str) -> Value:
    """Return the time that a literal names."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _TIME.fullmatch(text) else UNSURE
    except ValueError:
        return UNSURE


def duration(text: str) -> Value:
    """Return the duration that a literal names."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return UNSURE
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def within(value: Value, values: Value) -> Value:
    """Return whether a list holds a value."""
    if type(value) not in KEYS or not is_list(values):
        return UNSURE
    # 1, 1.0 and true are equal in Python, and not all of them in CEL.
    return value in values if all(type(one) is type(value) for one in values) else UNSURE


def _not(value: Value) -> Value:
    return not value if value is True or value is False else UNSURE


def _size(value: Value) -> Value:
    sized = isinstance(value, str) or is_list(value) or is_map(value)
    return len(value) if sized else UNSURE


def _double(value: Value) -> Value:
    return float(value) if type(value) in _NUMBERS else UNSURE


def _moment(value: Value) -> Value:
    return value if type(value) is datetime else UNSURE


def _plus(left: Value, right: Value) -> Value:
    if type(left) is not type(right) or type(left) not in _ADDED:
        return UNSURE
    return _in_range(left + right)


def _minus(left: Value, right: Value) -> Value:
    if type(left) is not type(right) or type(left) not in _SUBTRACTED:
        return UNSURE
    return _in_range(left - right)


def _times(left: Value, right: Value) -> Value:
    if type(left) is not type(right) or type(left) not in _NUMBERS:
        return UNSURE
    return _in_range(left * right)


def _in_range(value: Value) -> Value:
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        return UNSURE
    return value


def _on_texts(ask: Callable[[str, str], bool]) -> Callable[[Value, Value], Value]:
    def apply(left: Value, right: Value) -> Value:
        return ask(left, right) if type(left) is str and type(right) is str else UNSURE

    return apply


COMPARISONS: Final[Mapping[str, tuple[Callable[[Any, Any], bool], Kinds]]] = {
    "_==_": (operator.eq, _EQUAL),
    "_!=_": (operator.ne, _EQUAL),
    "_<_": (operator.lt, _ORDERED),
    "_<=_": (operator.le, _ORDERED),
    "_>_": (operator.gt, _ORDERED),
    "_>=_": (operator.ge, _ORDERED),
}
"""Each comparison, and the types that it compares with themselves."""

OF_ONE: Final[Mapping[str, Callable[[Value], Value]]] = {
    "!_": _not,
    "size": _size,
    "double": _double,
    "timestamp": _moment,
}
OF_TWO: Final[Mapping[str, Callable[[Value, Value], Value]]] = {
    "@in": within,
    "_+_": _plus,
    "_-_": _minus,
    "_*_": _times,
    "startsWith": _on_texts(str.startswith),
    "endsWith": _on_texts(str.endswith),
    "contains": _on_texts(lambda text, part: part in text),
}
