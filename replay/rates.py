"""Rates that somebody states: what a unit of a currency, or a minute of a person, is worth.

Nothing is converted without one. Source: docs/spec/value.md, *Currencies*.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from replay.history import Money

MICROS: Final = 1_000_000
_RATE: Final = re.compile(r"([A-Z][A-Z0-9]{2,11})=([A-Z][A-Z0-9]{2,11}):(\d{1,12}(?:\.\d{1,12})?)")
_AMOUNT: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s?([A-Z][A-Z0-9]{2,11})")


class RateError(ValueError):
    """A stated rate cannot be used. `code` is its stable name."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rates:
    """What is stated.

    Attributes:
        into: By currency: the one that it is converted into, and how much of that a unit is.
        minute: What a minute of a person costs where no cost was recorded; None: nobody says.
        stated: The rates as they were written, for the report.
    """

    into: Mapping[str, tuple[str, Fraction]] = field(
        default_factory=dict[str, tuple[str, Fraction]]
    )
    minute: Money | None = None
    stated: tuple[str, ...] = ()

    def convert(self, money: Money) -> Money:
        """Return an amount by its currency's rate, to the nearest micro (half to even)."""
        found = self.into.get(money.currency)
        if found is None:
            return money
        return Money(found[0], round(money.micros * found[1]))

    def time(self, minutes: float) -> Money | None:
        """Return what minutes cost at the stated rate, converted; None where none is stated."""
        if self.minute is None:
            return None
        cost = round(Fraction(minutes) * self.minute.micros)
        return self.convert(Money(self.minute.currency, cost))


def read_rates(rates: Iterable[str] = (), minute: str = "") -> Rates:
    """Read rates as `USD=EUR:0.92` (a dollar is 0.92 euros) and a minute's cost as `0.75EUR`.

    Raises:
        RateError: One is not of that form, is zero, is stated twice, or leads to a currency that
            has a rate itself.

    Example:
        >>> read_rates(["USD=EUR:0.92"]).convert(Money("USD", 50))
        Money(currency='EUR', micros=46)
    """
    into: dict[str, tuple[str, Fraction]] = {}
    written = tuple(rates)
    for text in written:
        found = _RATE.fullmatch(text)
        if found is None or not Fraction(found[3]):
            raise RateError("rate.form", f"--rate: {text!r} is no rate such as USD=EUR:0.92")
        if found[1] in into:
            raise RateError("rate.twice", f"--rate: {found[1]} has two rates")
        into[found[1]] = found[2], Fraction(found[3])
    for source, (target, _) in into.items():
        if target in into:
            raise RateError(
                "rate.chain", f"--rate: {source} leads to {target}, which has a rate itself"
            )
    stated = written if not minute else (*written, f"a minute of a person: {minute}")
    return Rates(into, _minute(minute), stated)


def _minute(text: str) -> Money | None:
    if not text:
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise RateError("rate.minute", f"--minute: {text!r} is no amount such as 0.75EUR")
    return Money(found[2], round(Fraction(found[1]) * MICROS))
