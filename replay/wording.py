"""Recorded values, times and counts in words, as a timeline tells them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contracts.coercion import Unseen, is_list, is_map
from contracts.reasons import lasting
from replay.history import Money, money
from replay.tables import UNSAID, amount

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONG: Final = 80
"""How many letters of one recorded text stand in a line."""
FEW: Final = 8
"""So many entries, members or kinds of things are named in a line; the rest is counted."""


def flat(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - any JSON
    """Return a recorded value in a line: amounts in units, and what is sealed stays so.

    Example:
        >>> flat({"amount": {"micros": 12500000, "currency": "EUR"}, "id": "T-1"})
        'amount 12.50 EUR, id T-1'
    """
    if isinstance(value, Unseen):
        return "(sealed)"
    if is_map(value):
        as_money = money(value)
        if as_money is not None:
            return paid(as_money)
        inner = ", ".join(_member(name, one, depth + 1) for name, one in _some(value))
        more = f", and {len(value) - FEW} more" if len(value) > FEW else ""
        return f"({inner}{more})" if depth else inner + more
    if is_list(value):
        more = f", and {len(value) - FEW} more" if len(value) > FEW else ""
        return f"[{', '.join(flat(one, depth + 1) for one in value[:FEW])}{more}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return UNSAID if value is None else cut(str(value))


def _member(name: str, value: Any, depth: int) -> str:  # noqa: ANN401 - any JSON
    is_amount = name.endswith("micros") and type(value) is int
    return f"{name} {amount(value) if is_amount else flat(value, depth)}"


def _some(given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return list(given.items())[:FEW]


def cut(text: str, most: int = LONG) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def paid(one: Money) -> str:
    """Return an amount with its currency."""
    return f"{amount(one.micros)} {one.currency}"


def sums(found: Mapping[str, int]) -> str:
    """Return sums by currency, side by side: never added."""
    if not found:
        return UNSAID
    return " and ".join(f"{amount(micros)} {name}" for name, micros in found.items())


def when(time: int | None) -> str:
    """Return a time in UTC by the second; a dash where there is none."""
    if time is None:
        return UNSAID
    return f"{EPOCH + timedelta(microseconds=time):%Y-%m-%d %H:%M:%S}"


def clock(time: int | None) -> str:
    """Return the time of day."""
    return UNSAID if time is None else when(time)[11:]


def short(identity: str) -> str:
    """Return the last part of an identity."""
    return identity.rpartition("/")[2] or identity


def after(since: int | None, until: int | None) -> str:
    """Return how long something took, or that nobody can say."""
    if since is None or until is None or until < since:
        return ""
    return f"after {brief(until - since)}"


def brief(micros: int) -> str:
    """Return a length of time, seconds to the hundredth.

    Example:
        >>> brief(2_345_678), brief(3_700_000_000)
        ('2.35s', '1h 1m')
    """
    return lasting(micros if micros >= 60_000_000 else round(micros, -4))  # noqa: PLR2004


def count(number: int, noun: str) -> str:
    """Return a number of things.

    Example:
        >>> count(1, "step"), count(1200, "step")
        ('1 step', '1,200 steps')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(names: list[str]) -> str:
    """Return the first few of names, and how many more there are."""
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
