"""A saga: what was done is taken back, last first, and nothing is passed over in silence."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from contracts.answers import ActionRefusedError, ToolTimeoutError
from contracts.calling import ToolFailedError
from contracts.guarded import GuardedRun
from contracts.saga import Saga, saga
from tests.guard.shop import (
    Hands,
    Shop,
    codes,
    found,
    opened,
    order_of,
    paid,
    payout,
)


@pytest.fixture
def shop(tmp_path: Path) -> Generator[Shop]:
    """The shop."""
    location = str(tmp_path / "shop.db")
    clock = Hands()
    found(location, clock)
    with opened(location, clock) as shop:
        yield shop


class Bank:
    """Pays, and takes back; what it was asked is kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: set[str] = set()

    def pay(self, order: str, **_: object) -> str:
        """Pay."""
        self.asked.append(f"pay {order}")
        if order in self.fails:
            raise ToolFailedError(f"no way to {order}", cost={"currency": "EUR", "micros": 0})
        return order

    def reverse(self, payout: str) -> None:
        """Take back."""
        self.asked.append(f"reverse {payout}")
        if payout in self.fails:
            raise ConnectionError(f"no way back for {payout}")


def says(order: str) -> dict[str, Any]:
    """What the outcome records."""
    return {**paid(), "fields": {"payout": f"P-{order}"}}


def pay(steps: Saga, bank: Bank, run: GuardedRun, order: str, **more: Any) -> None:  # noqa: ANN401
    """One step."""
    said: dict[str, Any] = {"undo": bank.reverse, "says": says, "evidence": [order_of(run, order)]}
    steps.do(bank.pay, "payouts.create", payout(order), **{**said, **more})


def test_where_all_goes_well_nothing_is_taken_back(shop: Shop) -> None:
    """And each step gives what its tool gave."""
    bank = Bank()
    with shop.guard() as guard, guard.run() as run, saga(run) as steps:
        pay(steps, bank, run, "A")
        pay(steps, bank, run, "B")
    assert bank.asked == ["pay A", "pay B"]
    assert len(steps.done) == 2


def test_taken_back_last_first(shop: Shop) -> None:
    """By the contract's tool and parameters; guarded and recorded, and the first error goes on."""
    bank = Bank()
    bank.fails = {"C"}
    with shop.guard() as guard, guard.run() as run:

        def work() -> None:
            with saga(run) as steps:
                for order in "ABC":
                    pay(steps, bank, run, order)

        with pytest.raises(ToolFailedError, match="no way to C"):
            work()
    assert bank.asked == ["pay A", "pay B", "pay C", "reverse P-B", "reverse P-A"]
    assert [action.tool for action in run.actions][-2:] == ["payouts.reverse"] * 2
    assert codes(shop.verify(), "decision", "integrity") == []


def test_what_fails_at_that_is_raised_too(shop: Shop) -> None:
    """Tried again as the contract says; the others are taken back all the same."""
    bank = Bank()
    bank.fails = {"P-B"}
    done: list[Saga] = []
    with shop.guard() as guard, guard.run() as run:

        def work() -> None:
            with saga(run) as steps:
                done.append(steps)
                pay(steps, bank, run, "A")
                pay(steps, bank, run, "B")
                raise RuntimeError("the third step")

        with pytest.raises(ExceptionGroup, match="1 of 2 steps were not taken back") as raised:
            work()
    (steps,) = done
    assert bank.asked[2:] == ["reverse P-B", "reverse P-B", "reverse P-A"]
    first, second = raised.value.exceptions
    assert (str(first), str(second)) == ("the third step", "no way back for P-B")
    assert second.__notes__ == [f"payouts.create was not taken back: {steps.done[1].action}"]
    assert [step.action for step in steps.undone] == [steps.done[0].action]


def test_what_is_left_is_said(shop: Shop) -> None:
    """A step with nothing that takes it back, one that timed out, one that was done before."""
    bank = Bank()
    with shop.guard() as guard:
        with guard.run() as run, saga(run) as steps:
            pay(steps, bank, run, "A")

        def late(**_: object) -> None:
            raise ToolTimeoutError("payouts.create: no answer in 0.5 s")

        def work(run: GuardedRun) -> None:
            with saga(run) as steps:
                pay(steps, bank, run, "A")
                pay(steps, bank, run, "B", undo=None)
                seen = [order_of(run, "C")]
                steps.do(late, "payouts.create", payout("C"), undo=bank.reverse, evidence=seen)

        with guard.run() as run, pytest.raises(TimeoutError) as raised:
            work(run)
    assert bank.asked == ["pay A", "pay B"]
    notes = "\n".join(raised.value.__notes__)
    for said in ("was done before this saga", "nothing that takes it back", "may have been done"):
        assert said in notes


def test_a_step_that_is_refused_takes_back_what_was_done(shop: Shop) -> None:
    """The contract's no is a failure like any other; also an interruption takes back."""
    bank = Bank()
    with shop.guard() as guard, guard.run() as run:

        def refused() -> None:
            with saga(run) as steps:
                pay(steps, bank, run, "A")
                steps.do(bank.pay, "payouts.create", payout("B", method="cash"), undo=bank.reverse)

        with pytest.raises(ActionRefusedError, match="cash"):
            refused()
        assert bank.asked == ["pay A", "reverse P-A"]
        bank.fails = {"P-D"}

        def interrupted() -> None:
            with saga(run) as steps:
                pay(steps, bank, run, "D")
                raise KeyboardInterrupt

        with pytest.raises(BaseExceptionGroup) as raised:
            interrupted()
        assert isinstance(raised.value.exceptions[0], KeyboardInterrupt)
