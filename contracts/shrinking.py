"""The smallest history that still fails the same way: without records, fields, differing times.

Delta debugging: halves first, then ever smaller pieces, until no single piece can go. It stops
when its number of tries is used up, so that a large suite of failures still ends.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from contracts.staging import Item, Script, without

TRIES: Final = 400

Fails = Callable[[Script], bool]
"""Whether a script fails in the same way as the one that is made smaller."""

# Without these a record is none, or another one.
_KEPT: Final = frozenset({"kind", "phase", "tool", "what", "role", "state", "mode", "status"})


class _Spent(Exception):  # noqa: N818 - it tells that there is no more to spend, and is no error
    """No tries are left."""


class Shrinking:
    """Makes one script smaller.

    Args:
        script: The script.
        fails: Tells whether a script still fails the same way; one that cannot be played does not.
        tries: How often it may be asked.
    """

    def __init__(self, script: Script, fails: Fails, tries: int = TRIES) -> None:
        self._best = script
        self._fails = fails
        self._left = tries

    def smallest(self) -> Script:
        """Return the smallest script found."""
        try:
            self._records()
            self._fields()
            self._times()
            self._records()
        except _Spent:
            pass
        return self._best

    def _try(self, script: Script) -> bool:
        if self._left <= 0:
            raise _Spent
        self._left -= 1
        if not self._fails(script):
            return False
        self._best = script
        return True

    def _records(self) -> None:
        """Leave out records, those that rest on them too, in ever smaller groups."""
        size = max(1, (len(self._best.items) - 1) // 2)
        while True:
            start = 0
            while start < len(names := _others(self._best)):
                candidate = _without(self._best, names[start : start + size])
                if candidate is None or not self._try(candidate):
                    start += size
            if size == 1:
                return
            size //= 2

    def _fields(self) -> None:
        """Leave out fields of records, and members of these."""
        for name in [item.name for item in self._best.items]:
            item = next((each for each in self._best.items if each.name == name), None)
            for smaller in _smaller(item) if item else ():
                current = next(each for each in self._best.items if each.name == name)
                self._try(_with(self._best, smaller(current)))

    def _times(self) -> None:
        """Move what was given to the moment of what follows it, the last first."""
        for number in reversed(range(len(self._best.given))):
            given = self._best.given
            follower = (*given, self._best.when)[number + 1]
            if given[number].offset != follower.offset:
                self._try(_with(self._best, replace(given[number], offset=follower.offset)))


def _others(script: Script) -> list[str]:
    return [item.name for item in script.items if item is not script.when]


def _without(script: Script, names: Sequence[str]) -> Script | None:
    """Return a script without records; None where the one in question would go with them."""
    left = without(script.items, names)
    if not any(item.name == script.when.name for item in left):
        return None
    at = next(number for number, item in enumerate(left) if item.name == script.when.name)
    return Script(left[:at], left[at], left[at + 1 :])


def _with(script: Script, item: Item) -> Script:
    def put(items: Sequence[Item]) -> tuple[Item, ...]:
        return tuple(item if each.name == item.name else each for each in items)

    return Script(put(script.given), put([script.when])[0], put(script.after))


def _smaller(item: Item) -> Iterator[Callable[[Item], Item]]:
    """Yield ways to make a record smaller, each by one field or member."""
    for field_name, value in item.fields.items():
        if field_name in _KEPT:
            continue
        if isinstance(value, dict):
            for member in cast("dict[str, Any]", value):
                yield partial(_less, field_name=field_name, member=member)
        if field_name != "params":
            yield partial(_less, field_name=field_name)
    if "evidence" in item.references:
        yield _uncited
    for moment in item.moments:
        yield partial(_untimed, moment=moment)


def _less(item: Item, field_name: str, member: str = "") -> Item:
    if not member:
        left = {name: value for name, value in item.fields.items() if name != field_name}
        return replace(item, fields=left)
    value = item.fields.get(field_name, {})
    inner = {name: one for name, one in value.items() if name != member}
    return replace(item, fields={**item.fields, field_name: inner})


def _untimed(item: Item, moment: str) -> Item:
    return replace(item, moments={name: at for name, at in item.moments.items() if name != moment})


def _uncited(item: Item) -> Item:
    left = {name: names for name, names in item.references.items() if name != "evidence"}
    return replace(item, references=left)
