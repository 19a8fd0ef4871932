"""Intervals against published examples, and what a sample must not be made to say."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.statistics import (
    Sample,
    fieller,
    mean_interval,
    newcombe,
    sample,
    student,
    welch,
    wilson,
)

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (5, 2.5706), (10, 2.2281), (30, 2.0423), (120, 1.9799)],
)
def test_students_quantiles_are_those_of_the_table(freedom: int, quantile: float) -> None:
    """The usual printed table, to its four digits; for many degrees it is the normal's."""
    assert student(freedom) == pytest.approx(quantile, abs=6e-5)
    assert student(1e7) == pytest.approx(1.95996, abs=1e-4)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(count: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998a), table I, method 3."""
    found = wilson(count, n)
    assert found is not None
    assert [found.low, found.high] == pytest.approx([low, high], abs=6e-5)


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_newcombes_interval_is_the_published_one(
    after: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe (1998b), table II, method 10."""
    found = newcombe(before, after)
    assert found is not None
    assert [found.low, found.high] == pytest.approx([low, high], abs=6e-5)


def test_welchs_interval_is_that_of_the_published_example() -> None:
    """Two samples of 15 and 10: the difference and its degrees of freedom, worked by hand.

    a = 12/15, b = 30/10: freedom = 3.8² / (0.8²/14 + 3²/9) = 13.8088, t = 2.1474.
    """
    found = welch(Sample(15, 20.0, 12.0), Sample(10, 26.0, 30.0))
    assert found is not None
    assert student(3.8**2 / (0.8**2 / 14 + 9 / 9)) == pytest.approx(2.1474, abs=2e-3)
    assert (found.high - found.low) / 2 == pytest.approx(2.1474 * math.sqrt(3.8), abs=5e-3)
    assert (found.high + found.low) / 2 == pytest.approx(6.0)


def test_fiellers_interval_holds_its_ratio_and_says_where_it_cannot_tell() -> None:
    """A denominator that may be zero has no bounded interval."""
    assert fieller([1.0, 2.0, 3.0], [1.0, -1.0, 0.1]) is None
    assert fieller([1.0], [1.0]) is None
    exact = fieller([20.0, 22.0, 24.0], [10.0, 11.0, 12.0])
    assert exact is not None
    assert [exact.low, exact.high] == pytest.approx([2, 2])


def test_fiellers_interval_covers_as_often_as_it_says() -> None:
    """Of 600 samples with a known ratio, about 95 % of the intervals hold it."""
    draw = random.Random(8)
    held = 0
    for _ in range(600):
        bottom = [draw.gauss(10, 3) for _ in range(25)]
        top = [2 * value + draw.gauss(0, 4) for value in bottom]
        found = fieller(top, bottom)
        assert found is not None
        held += found.low <= 2 <= found.high
    assert 0.93 <= held / 600 <= 0.97


def test_fiellers_interval_of_constant_denominators_is_that_of_the_mean() -> None:
    """Divided by a constant, a ratio's uncertainty is the numerator's alone."""
    values = [3.0, 5.0, 4.0, 8.0, 2.0, 6.0]
    found, plain = fieller(values, [2.0] * 6), mean_interval(sample(values))
    assert found is not None
    assert plain is not None
    assert [found.low, found.high] == pytest.approx([plain.low / 2, plain.high / 2])


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=30), st.randoms())
def test_the_order_of_a_sample_changes_no_digit(
    pairs: list[tuple[float, float]], shuffle: random.Random
) -> None:
    """Reports are equal byte for byte, in whatever order runs were read."""
    again = list(pairs)
    shuffle.shuffle(again)

    def found(of: list[tuple[float, float]]) -> object:
        tops, bottoms = [a for a, _ in of], [b for _, b in of]
        return sample(tops), fieller(tops, bottoms), mean_interval(sample(bottoms))

    assert found(pairs) == found(again)


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_rate_lies_in_its_interval(count: int, n: int) -> None:
    """And the interval lies between 0 and 1, however few there are."""
    count = min(count, n)
    found = wilson(count, n)
    assert found is not None
    assert 0 <= found.low <= count / n + 1e-12
    assert count / n - 1e-12 <= found.high <= 1


def test_nothing_is_said_of_nothing() -> None:
    """Without a sample there is no interval."""
    assert wilson(0, 0) is None
    assert newcombe((0, 0), (1, 2)) is None
    assert mean_interval(sample([1.0])) is None
    assert welch(sample([1.0]), sample([1.0, 2.0])) is None
    assert sample([]) == Sample(0, 0.0, 0.0)
