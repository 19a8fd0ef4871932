"""Values as JSON, and back as they were.

JSON has no times, durations, bytes, infinities or sealed values, readers round its large integers,
and its keys are texts. Each of these is written as an object with the key `$`, which says what it
is. Objects have their keys in order, so that one value has one text.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import orjson

from contracts.coercion import MAX_EXACT, Unseen, Value, is_list, is_map
from contracts.errors import SnapshotError

MARK: Final = "$"
"""The key of an object that stands for something else."""
_OF: Final = "of"
_OPTIONS: Final = orjson.OPT_SORT_KEYS
_AS_THEY_ARE: Final = frozenset({str, bool, type(None)})
_TEXTS: Final = frozenset({str})
_MICROSECOND: Final = timedelta(microseconds=1)


def written_out(value: Value) -> bytes:
    """Return a packed value as JSON with its keys in order.

    Raises:
        SnapshotError: A text in it is no Unicode (`snapshot.value`).
    """
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise SnapshotError(f"a value that JSON cannot hold: {error}", "snapshot.value") from error


def is_plain(value: Value) -> bool:
    """Return whether JSON holds a value as it is, which nearly all are."""
    kind = cast("type[object]", type(value))
    if kind in _AS_THEY_ARE:
        return True
    if kind is int:
        return bool(-MAX_EXACT <= value <= MAX_EXACT)
    if kind is list:
        return all(map(is_plain, value))
    if kind is dict:
        names = set(map(type, value))
        return names <= _TEXTS and MARK not in value and all(map(is_plain, value.values()))
    return kind is float and math.isfinite(value)


def packed(value: Value) -> Value:
    """Return a value in what JSON can hold; the very value where that is it.

    Example:
        >>> packed({"n": 2**64, "x": [float("inf"), -0.0]})
        {'n': {'$': 'int', 'of': '10000000000000000'}, 'x': [{'$': 'float', 'of': 'inf'}, -0.0]}

    Raises:
        SnapshotError: It is of a type that no record and no condition has (`snapshot.value`).
    """
    if is_plain(value):
        return value
    kind = cast("type[object]", type(value))
    pack = _PACKS.get(kind)
    if pack is not None:
        return pack(value)
    if isinstance(value, Mapping):
        return _packed_map(value)  # pyright: ignore[reportUnknownArgumentType]
    raise SnapshotError(f"a value of the type {kind.__name__}", "snapshot.value")


def unpacked(value: Value) -> Value:
    """Return what `packed` was given.

    Raises:
        ValueError: Nothing is written so.
        KeyError: The same.
        TypeError: The same.
    """
    if is_map(value):
        if MARK in value:
            return _UNPACKS[value[MARK]](value[_OF])
        return {name: unpacked(item) for name, item in value.items()}
    if is_list(value):
        return [unpacked(item) for item in value]
    return value


def _marked(kind: str, value: Value) -> dict[str, Value]:
    return {MARK: kind, _OF: value}


def _packed_int(value: int) -> Value:
    # In decimal, Python refuses to write very long ones.
    return value if abs(value) <= MAX_EXACT else _marked("int", f"{value:x}")


def _packed_map(value: Mapping[Value, Value]) -> Value:
    if MARK not in value and all(type(name) is str for name in value):
        return {name: packed(item) for name, item in value.items()}
    pairs = [[packed(name), packed(item)] for name, item in value.items()]
    return _marked("map", sorted(pairs, key=lambda pair: written_out(pair[0])))


def _unpacked_map(pairs: list[list[Value]]) -> dict[Value, Value]:
    return {unpacked(name): unpacked(item) for name, item in pairs}


_PACKS: Final[Mapping[type[object], Callable[[Any], Value]]] = {
    int: _packed_int,
    float: lambda value: _marked("float", repr(value)),
    list: lambda value: [packed(item) for item in value],
    dict: _packed_map,
    tuple: lambda value: _marked("tuple", [packed(item) for item in value]),
    Unseen: lambda value: _marked("unseen", [value["sealed"], value.reason]),
    datetime: lambda value: _marked("time", value.isoformat()),
    timedelta: lambda value: _marked("duration", _packed_int(value // _MICROSECOND)),
    bytes: lambda value: _marked("bytes", value.hex()),
}
_UNPACKS: Final[Mapping[str, Callable[[Any], Value]]] = {
    "int": lambda text: int(text, 16),
    "float": float,
    "map": _unpacked_map,
    "tuple": lambda items: tuple(unpacked(item) for item in items),
    "unseen": lambda pair: Unseen(*pair),
    "time": datetime.fromisoformat,
    "duration": lambda micros: unpacked(micros) * _MICROSECOND,
    "bytes": bytes.fromhex,
}
