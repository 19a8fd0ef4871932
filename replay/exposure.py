"""What acts come to: how many, their value by currency, and of how many nobody recorded one.

Two currencies are never added, and what has no recorded value is counted and never taken for zero.
Source: docs/spec/rollback.md, *Value*.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from replay.history import Act, Money


@dataclass(slots=True)
class Amount:
    """Acts, and what they moved.

    Attributes:
        acts: How many.
        micros: Their recorded value, by currency.
        unvalued: How many have no recorded value.
        estimated: What the contract estimated for those, by currency; in no sum.
    """

    acts: int = 0
    micros: dict[str, int] = field(default_factory=dict[str, int])
    unvalued: int = 0
    estimated: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, act: Act) -> None:
        """Count one more act."""
        self.acts += 1
        if act.value is not None:
            _add(self.micros, act.value)
            return
        self.unvalued += 1
        if act.reserved[1] is not None:
            _add(self.estimated, act.reserved[1])

    @classmethod
    def of(cls, acts: Iterable[Act]) -> "Amount":
        """Count acts."""
        found = cls()
        for act in acts:
            found.add(act)
        return found

    @classmethod
    def sum(cls, amounts: Iterable["Amount"]) -> "Amount":
        """Add amounts up, each currency by itself."""
        found = cls()
        for one in amounts:
            found.acts += one.acts
            found.unvalued += one.unvalued
            for mine, its in ((found.micros, one.micros), (found.estimated, one.estimated)):
                for currency, micros in its.items():
                    mine[currency] = mine.get(currency, 0) + micros
        return found

    def less(self, part: "Amount") -> "Amount":
        """Return what is left without a part of it."""
        return Amount(
            self.acts - part.acts,
            _less(self.micros, part.micros),
            self.unvalued - part.unvalued,
            _less(self.estimated, part.estimated),
        )


def _less(whole: dict[str, int], part: dict[str, int]) -> dict[str, int]:
    return {currency: micros - part.get(currency, 0) for currency, micros in whole.items()}


def _add(sums: dict[str, int], money: Money) -> None:
    sums[money.currency] = sums.get(money.currency, 0) + money.micros


def by_entity(acts: Iterable[Act]) -> dict[str, Amount]:
    """Return what acts come to by target, the greatest first; the empty text has those of none."""
    found: dict[str, Amount] = {}
    for act in acts:
        found.setdefault(act.target, Amount()).add(act)

    def order(name: str) -> tuple[int, int, str]:
        amount = found[name]
        return -max(amount.micros.values(), default=0), -amount.acts, name

    return {name: found[name] for name in sorted(found, key=order)}
