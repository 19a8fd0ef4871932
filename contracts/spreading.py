"""The numbers that stand for all others: between constants, and where a sum meets a bound."""

from collections.abc import Iterable, Mapping
from itertools import pairwise, product
from typing import Final, TypeAlias

from contracts.samples import Path

MOST_ENDS: Final = 200
"""Where a sum has more ends than this, nothing is sure."""

Number: TypeAlias = int | float


def whole_between(constants: list[Number], many: int) -> list[Number]:
    """Return whole numbers: as many as are asked for below, above and between constants."""
    known = sorted({int(one // 1) for one in constants}) or [0]
    found = [one + step for one in known for step in range(-many, many + 1)]
    return sorted(set(found))


def between(constants: list[Number], many: int) -> list[Number]:
    """Return constants, and as many numbers as are asked for below, above and between them."""
    known = sorted(set(constants)) or [0]
    found = list(known)
    for low, high in pairwise(known):
        if many == 1 and isinstance(low, int) and high - low > 1:
            found.append(low + 1)
        else:
            found += [low + (high - low) * step / (many + 1) for step in range(1, many + 1)]
    for step in range(1, many + 1):
        found += [known[0] - step, known[-1] + step]
    return sorted(found)


def ends(
    terms: Mapping[Path, int], bounds: Iterable[Number], constants: list[Number]
) -> dict[Path, list[Number]] | None:
    """Return the ends of places, and what makes their sum meet each bound where others are so.

    None where that is not known: of numbers that are not whole, and of too many.
    """
    if not all(type(one) is int for one in (*bounds, *constants)):
        return None
    known = whole_between(constants, 1)
    found: dict[Path, list[Number]] = {}
    for place, times in terms.items():
        others = [other for one, other in terms.items() if one != place]
        if len(known) ** len(others) * 3 > MOST_ENDS * 10:
            return None
        rests = {
            sum(other * one for other, one in zip(others, chosen, strict=True))
            for chosen in product(known, repeat=len(others))
        }
        met = {times * (one - rest) for one in bounds for rest in rests}
        mine = {*known, *(one + step for one in met for step in (-1, 0, 1))}
        if len(mine) > MOST_ENDS:
            return None
        found[place] = sorted(mine)
    return found
