"""Thresholds: against a plain recount of every run, and never saving less when stopping sooner."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.history import History
from replay.rates import Rates
from replay.thresholds import SHOWN, curves, knee, owned
from replay.worth import Worth, worths
from tests.contracts.expanded import SMALL, contract_of
from tests.replay.histories import Made, eur, histories

NONE = Rates()


def stopped(worth: Worth, ratio: float) -> tuple[int, int, int] | None:
    """Walk one run and stop it as the definition says: cost saved, value lost, 1 where stopped."""
    cost, value = worth.cost, worth.value
    if cost is None or value is None or cost.currency != value.currency:
        return None
    steps = sorted(
        {act.index for act in worth.acts} | {item.index for item in worth.costs if item.act < 0}
    )
    spent = 0
    for step in steps[:-1]:
        spent += sum(
            item.money.micros
            for item in worth.costs
            if (item.act if item.act >= 0 else item.index) == step
        )
        passed = spent > 0 if value.micros <= 0 else spent / value.micros > ratio
        if passed and spent > 0:
            there = sum(
                item.money.micros
                for item in worth.values
                if item.what == "outcome" and item.act <= step
            )
            return cost.micros - spent, value.micros - there, 1
    return 0, 0, 0


@given(histories())
def test_a_curve_says_what_a_recount_of_every_run_says(history: History) -> None:
    """At each of its points, for each currency."""
    found = worths(history, NONE)
    for curve in curves(found):
        mine = [w for w in found if w.cost and w.value and w.cost.currency == curve.currency]
        for point in curve.points:
            each = [one for one in (stopped(w, point.ratio) for w in mine) if one is not None]
            sums = tuple(sum(one[place] for one in each) for place in range(3))
            assert (point.saved, point.lost, point.stopped) == sums
            assert curve.runs == len(each)


@given(histories())
def test_a_lower_threshold_saves_no_less_and_stops_no_fewer(history: History) -> None:
    """Saved cost and lost value fall as the threshold rises."""
    for curve in curves(worths(history, NONE)):
        ratios = [point.ratio for point in curve.points]
        assert ratios == sorted(ratios, reverse=True)
        for before, after in zip(curve.points, curve.points[1:], strict=False):
            assert before.saved <= after.saved <= curve.cost
            assert before.lost <= after.lost
            assert before.stopped <= after.stopped <= curve.runs


def test_a_long_curve_is_thinned_between_its_ends() -> None:
    """The highest and the lowest threshold stay; what is left is in order."""
    made = Made()
    for number in range(200):
        run = made.run()
        made.act(run, cost=eur(10 + number))
        made.act(run, cost=eur(50))
        made.close(run, eur(1000))
    (curve,) = curves(worths(made.history, NONE))
    assert len(curve.points) == SHOWN
    assert (curve.points[0].ratio, curve.points[-1].ratio) == (math.inf, 0.0)
    assert curve.points[-1].stopped == 200
    assert curve.points[-1].saved == 200 * 50


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([(0, 0), (1, 9), (10, 10)], 1),
        ([(0, 0), (5, 1), (10, 10)], None),
        ([(0, 0), (10, 10)], None),
        ([(0, 0), (0, 5), (0, 10)], None),
        ([(0, 0), (2, 6), (4, 8), (10, 10)], 1),
        ([], None),
    ],
)
def test_the_knee_is_furthest_above_the_chord(
    points: list[tuple[float, float]], found: int | None
) -> None:
    """Of equals the first; where nothing lies above there is none."""
    assert knee(points) == found


def test_a_contracts_own_threshold_is_asked_as_the_contract_asks_it() -> None:
    """People's time is no cost there, and yet is saved; a run that ends above it is counted."""
    contract = contract_of(SMALL + "cost: {value: {cost_per_value_max: 0.5}}\n")
    assert contract.cost_per_value_max == 0.5
    made = Made()
    made.history.contracts[contract.digest] = contract
    for fee, minutes in ((60, 40), (50, 900), (10, 900)):
        run = made.run(version=contract.version, contract=contract.digest)
        made.act(run, cost=eur(fee))
        made.people(run, 1, eur(minutes))
        made.close(run, eur(100))
    ends = made.run(version=contract.version, contract=contract.digest)
    made.act(ends, cost=eur(90))
    made.close(ends, eur(100))
    (own,) = owned(made.history, worths(made.history, NONE))
    assert (own.runs, own.over) == (4, 2)
    assert (own.point.stopped, own.point.saved, own.point.lost) == (1, 40, 100)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=8))
def test_a_knee_lies_between_the_ends(points: list[tuple[int, int]]) -> None:
    """It is never an end, and scaling both axes does not move it."""
    ordered = sorted(points)
    found = knee(ordered)
    assert found is None or 0 < found < len(ordered) - 1
    assert knee([(4 * x, 8 * y) for x, y in ordered]) == found
