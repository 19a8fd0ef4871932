"""Which candidates no other one beats: more prevented, less blocked, less asked of people."""

from collections.abc import Sequence

Price = tuple[int, int, int]
"""Prevented, blocked, asked of people."""


def front(prices: Sequence[Price]) -> list[bool]:
    """Return of each whether no other is at least as good in all three and better in one.

    Example:
        >>> front([(5, 1, 0), (5, 2, 0), (6, 9, 9)])
        [True, False, True]
    """
    goods = [(prevented, -blocked, -people) for prevented, blocked, people in prices]
    return [not any(_beats(other, mine) for other in goods) for mine in goods]


def _beats(other: Price, mine: Price) -> bool:
    return other != mine and all(a >= b for a, b in zip(other, mine, strict=True))
