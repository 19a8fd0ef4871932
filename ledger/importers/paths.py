"""Paths: how a profile names a place in a source's JSON.

The form is fixed in ``docs/spec/import-profile.md``, *Paths*: keys joined by dots, in double quotes
where they need it; a number picks from a list; ``*`` stands for every member.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

_KEY = re.compile(r'"(?P<quoted>[^"\x00]*)"|(?P<plain>[A-Za-z0-9_-]+)|(?P<star>\*)')


class _Absent:
    """The type of `ABSENT`, so that a JSON null can be told from nothing at all."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""What a look-up gives where there is nothing: never None, which JSON can hold."""


class PathError(ValueError):
    """A text that is not a path."""


@dataclass(frozen=True, slots=True)
class Path:
    """A place in JSON.

    Attributes:
        keys: The keys from the outside in; None stands for ``*``.
    """

    keys: tuple[str | None, ...]

    def __str__(self) -> str:
        return ".".join(_written(key) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Const:
    """A value that stands in the profile itself, wherever a path may stand."""

    value: object


Where: TypeAlias = Path | Const


def _written(key: str | None) -> str:
    if key is None:
        return "*"
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'


def parse_path(text: str, *, star: bool = False) -> Path:
    """Read a path.

    Args:
        text: The path as written.
        star: Whether ``*`` may stand in it.

    Raises:
        PathError: The text is not a path; the message says where and why.

    >>> parse_path('metadata."policy name".0').keys
    ('metadata', 'policy name', '0')
    """
    keys: list[str | None] = []
    at = 0
    while True:
        found = _KEY.match(text, at)
        if found is None:
            why = 'expected a key, "a key in quotes"' + (" or *" if star else "")
            raise PathError(f"{why} at character {at + 1} of {text!r}")
        if found["star"] and not star:
            raise PathError(f"* may only stand in `each`, not in {text!r}")
        keys.append(None if found["star"] else found["quoted"] or found["plain"] or "")
        at = found.end()
        if at == len(text):
            return Path(tuple(keys))
        if text[at] != ".":
            raise PathError(f"expected a dot at character {at + 1} of {text!r}")
        at += 1


def json_object(value: object) -> Mapping[str, object] | None:
    """Return ``value`` if it is a JSON object, else None."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def json_list(value: object) -> Sequence[object] | None:
    """Return ``value`` if it is a JSON list, else None."""
    return cast("Sequence[object]", value) if isinstance(value, list) else None


def look(where: Where, root: object) -> object:
    """Return what stands at ``where`` below ``root``, or `ABSENT`.

    A path with ``*`` gives the first value that it finds.
    """
    if isinstance(where, Const):
        return where.value
    return next((value for _, value in look_each(where, root)), ABSENT)


def look_each(path: Path, root: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield ``(names, value)`` for every value at ``path`` below ``root``, in the source's order.

    ``names`` holds the key or position, as text, under which each ``*`` found its member.

    >>> list(look_each(parse_path("a.*.b", star=True), {"a": [{"b": 1}, {}, {"b": 2}]}))
    [(('0',), 1), (('2',), 2)]
    """
    found: list[tuple[tuple[str, ...], object]] = [((), root)]
    for key in path.keys:
        found = [
            (names if key is not None else (*names, name), member)
            for names, value in found
            for name, member in _members(value, key)
        ]
    yield from found


def _members(value: object, key: str | None) -> Iterator[tuple[str, object]]:
    """Yield the member of ``value`` under ``key``, or all of them for ``*``."""
    if (members := json_object(value)) is not None:
        if key is None:
            yield from members.items()
        elif key in members:
            yield key, members[key]
    elif (elements := json_list(value)) is not None:
        if key is None:
            yield from ((str(place), element) for place, element in enumerate(elements))
        # isascii: there are digits, in other scripts, that int() would also take
        elif key.isascii() and key.isdigit() and int(key) < len(elements):
            yield key, elements[int(key)]
