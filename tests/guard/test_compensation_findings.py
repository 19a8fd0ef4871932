"""A compensation that fails is found, until one of the same action has succeeded."""

from collections.abc import Generator
from pathlib import Path

import pytest

from contracts.calling import ToolFailedError
from contracts.guarded import GuardedRun
from tests.guard.shop import Hands, Shop, found, opened, order_of, paid, payout

RULE = "recovery.compensation.payouts.reverse"


@pytest.fixture
def clock() -> Hands:
    """The shop's clock."""
    return Hands()


@pytest.fixture
def shop(tmp_path: Path, clock: Hands) -> Generator[Shop]:
    """The shop."""
    location = str(tmp_path / "shop.db")
    found(location, clock)
    with opened(location, clock) as shop:
        yield shop


def done(run: GuardedRun, order: str, number: int) -> str:
    """Pay, and return the action."""
    with run.action("payouts.create", payout(order), evidence=[order_of(run, order)]) as act:
        act.ok(**paid(number))
    return act.id


def fails(**_: object) -> None:
    """The bank says no."""
    raise ToolFailedError("the account is empty", cost={"currency": "EUR", "micros": 0})


def works(**_: object) -> None:
    """The bank takes it back."""


def results(shop: Shop) -> list[tuple[str, str]]:
    """What is found of the rule: result and reason."""
    report = shop.verify()
    return [(one.result.value, one.reason) for one in report.findings if one.rule == RULE]


def test_a_compensation_that_fails_is_a_finding(shop: Shop, clock: Hands) -> None:
    """One at each failed attempt: pending for its time, and violated once that has passed."""
    with shop.guard() as guard, guard.run() as run:
        action = done(run, "A-1", 1)
        with pytest.raises(ToolFailedError):
            run.compensate(action, fails)
        assert results(shop) == [("undecidable", "pending")] * 2
        clock.pass_(hours=73)
        order_of(run, "A-2")
        assert results(shop) == [("violated", "")] * 2


def test_what_is_taken_back_after_all_is_none(shop: Shop) -> None:
    """In another run too; that of another action does not count."""
    with shop.guard() as guard:
        with guard.run() as run:
            first, second = done(run, "A-1", 1), done(run, "A-2", 2)
            with pytest.raises(ToolFailedError):
                run.compensate(first, fails)
        with guard.run() as run:
            run.compensate(second, works)
            assert len(results(shop)) == 2
        with guard.run() as run:
            run.compensate(first, works)
            assert results(shop) == []
