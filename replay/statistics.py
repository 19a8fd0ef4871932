"""Intervals for rates, means, their differences and ratios: closed forms, no simulation.

Every interval is two-sided at 95 %. None is what the sample cannot say. The sums are exact
(`math.fsum`, integers), so the order of a sample changes no digit. Formulas and sources:
docs/spec/value.md, *Uncertainty*.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LEVEL: Final = 0.95
Z: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
FEW: Final = 10
"""Below so many on either side nothing is said of a difference."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What a mean's interval needs of a sample: size, mean, and variance (of n − 1)."""

    n: int
    mean: float
    variance: float


def sample(values: Sequence[float]) -> Sample:
    """Return size, mean and variance of a sample. Of fewer than two values the variance is 0."""
    n = len(values)
    if not n:
        return Sample(0, 0.0, 0.0)
    mean = math.fsum(values) / n
    spread = math.fsum((value - mean) ** 2 for value in values)
    return Sample(n, mean, spread / (n - 1) if n > 1 else 0.0)


def wilson(count: int, n: int) -> Interval | None:
    """Return the score interval of a rate. Source: Wilson, JASA 22 (1927).

    Example:
        >>> found = wilson(81, 263)
        >>> round(found.low, 4), round(found.high, 4)
        (0.2553, 0.3662)
    """
    if n == 0:
        return None
    middle = 2 * count + Z * Z
    wide = Z * math.sqrt(Z * Z + 4 * count * (1 - count / n))
    whole = 2 * (n + Z * Z)
    return Interval(max(0.0, (middle - wide) / whole), min(1.0, (middle + wide) / whole))


def newcombe(before: tuple[int, int], after: tuple[int, int]) -> Interval | None:
    """Return the interval of the difference of two rates, after − before.

    Both are (count, n). Source: Newcombe, Statistics in Medicine 17 (1998), method 10.

    Example:
        >>> found = newcombe((48, 80), (56, 70))
        >>> round(found.low, 4), round(found.high, 4)
        (0.0524, 0.3339)
    """
    first, second = wilson(*after), wilson(*before)
    if first is None or second is None:
        return None
    p1, p2 = after[0] / after[1], before[0] / before[1]
    low = math.hypot(p1 - first.low, second.high - p2)
    high = math.hypot(first.high - p1, p2 - second.low)
    return Interval(p1 - p2 - low, p1 - p2 + high)


def mean_interval(values: Sample) -> Interval | None:
    """Return the interval of a mean, by Student's t. None for fewer than two values."""
    if values.n < 2:  # noqa: PLR2004 - one value has no spread
        return None
    wide = student(values.n - 1) * math.sqrt(values.variance / values.n)
    return Interval(values.mean - wide, values.mean + wide)


def welch(before: Sample, after: Sample) -> Interval | None:
    """Return the interval of the difference of two means, after − before.

    Source: Welch, Biometrika 34 (1947); degrees of freedom by Satterthwaite.
    """
    if before.n < 2 or after.n < 2:  # noqa: PLR2004
        return None
    a, b = before.variance / before.n, after.variance / after.n
    difference = after.mean - before.mean
    if a + b == 0.0:
        return Interval(difference, difference)
    freedom = (a + b) ** 2 / (a * a / (before.n - 1) + b * b / (after.n - 1))
    wide = student(freedom) * math.sqrt(a + b)
    return Interval(difference - wide, difference + wide)


def fieller(numerators: Sequence[float], denominators: Sequence[float]) -> Interval | None:
    """Return the interval of Σ numerators / Σ denominators, of pairs that were drawn together.

    None where it is unbounded: the denominators' mean is not told from zero, or there are fewer
    than two pairs. Source: Fieller, JRSS B 16 (1954).
    """
    n = len(denominators)
    if n < 2:  # noqa: PLR2004
        return None
    top, bottom = sample(numerators), sample(denominators)
    together = math.fsum(
        (a - top.mean) * (b - bottom.mean) for a, b in zip(numerators, denominators, strict=True)
    ) / (n - 1)
    t = student(n - 1)
    t2 = t * t / n
    # The roots of (top − r·bottom)² = t²·var(top − r·bottom): a·r² − 2·b·r + c = 0.
    a = bottom.mean**2 - t2 * bottom.variance
    b = top.mean * bottom.mean - t2 * together
    c = top.mean**2 - t2 * top.variance
    if a <= 0.0:
        return None
    root = math.sqrt(max(0.0, b * b - a * c))
    return Interval((b - root) / a, (b + root) / a)


def student(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t; degrees of freedom need not be whole.

    Example:
        >>> round(student(10), 4), round(student(1), 3)
        (2.2281, 12.706)
    """
    low, high = 0.0, 2.0
    while _tail(high, freedom) > (1 - LEVEL) / 2:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if _tail(middle, freedom) > (1 - LEVEL) / 2:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _tail(t: float, freedom: float) -> float:
    """Return the probability that Student's t is above `t` ≥ 0."""
    return _beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2


def _beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction.

    Source: Abramowitz and Stegun, 26.5.8.
    """
    if x in {0.0, 1.0}:
        return x
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    found = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 + term * d, 1 + term / c
            d, c = 1 / (d if abs(d) > tiny else tiny), c if abs(c) > tiny else tiny
            found *= c * d
        if abs(c * d - 1) < 1e-15:  # noqa: PLR2004 - what a double can tell
            break
    return found
