"""`writ pending` and `writ approve`: people see what waits, and say their word on it."""

import json
import sys
from collections.abc import Generator
from datetime import timedelta
from typing import Any, cast

import pytest
import typer

from contracts.answers import Refusal
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.clock import format_time, system_clock
from tests.guard.shop import SERVICE, Hands, Shop, codes, found, opened, order_of, paid, payout
from tests.writ.conftest import Run

LEDGER = "shop.db"


@pytest.fixture
def shop(writ: Run) -> Generator[Shop]:  # noqa: ARG001  (it makes the folder)
    """The shop with a contract in force since an hour."""
    found(LEDGER, Hands(format_time(system_clock() - timedelta(hours=1))))
    with opened(LEDGER, system_clock) as shop:
        yield shop


def held(run: GuardedRun, order: str = "A-1") -> str:
    """Propose a payout that a lead has to approve."""
    asked = payout(order, 150_000_000)
    return cast("Refusal", run.propose("payouts.create", asked, evidence=[order_of(run)])).action


def listed(writ: Run, *more: object) -> list[dict[str, Any]]:
    """What waits."""
    code, out, err = writ("pending", LEDGER, "--json", *more)
    assert code == 0, err
    return list(json.loads(out)["actions"])


def test_from_held_to_paid(writ: Run, shop: Shop) -> None:
    """Listed in words with the command to type; approved; resumed; and nothing is wrong with it."""
    with shop.guard() as guard, guard.run(goal="refund A-1", requester="C-1") as run:
        proposal = held(run)
        code, out, err = writ("pending", LEDGER)
        assert code == 0, err
        for said in (
            f"HELD  payouts.create  150.00  {SERVICE}",
            "“refund A-1”, asked for by C-1",
            "evidence  order A-1 from orders-db (entry ",
            "scope.large: an approval by lead, for 3600 s",
            f"writ approve shop.db {proposal[:16]} --as NAME",
        ):
            assert said in out
        asked = ("--as", "lead", "--yes", "--expires-in", "30m", "--reason", "I saw the order")
        code, out, err = writ("approve", LEDGER, proposal[:10], *asked)
        assert (code, "approved: entry" in out, "nothing is done yet" in err) == (0, True, True), (
            err
        )
        (one,) = listed(writ, "--service", "refunds")
        assert (one["ready"], one["asks"][0]["words"][0]["reason"]) == (True, "I saw the order")
        assert "ready     all is approved" in writ("pending", LEDGER)[1]
        action = run.resume(proposal)
        assert isinstance(action, GuardedAction)
        action.ok(**paid())
    assert writ("pending", LEDGER)[1] == "nothing waits\n"
    code, _, err = writ("approve", LEDGER, proposal, "--as", "lead", "--yes")
    assert (code, "approval.not-held: " in err, "it was resumed" in err) == (4, True, True)
    assert codes(shop.verify(), "decision", "integrity") == []


@pytest.mark.parametrize(
    ("more", "code", "exit_code"),
    [
        (("--as", "clerk"), "approval.role", 4),
        (("--as", "agent"), "append.not-entitled", 4),
        (("--as", "lead", "--rule", "scope.other"), "approval.rule", 4),
        (("--as", "lead", "--expires-at", "2020-01-01T00:00:00Z"), "approval.expired", 4),
        (("--as", "lead", "--expires-at", "tomorrow"), "approval.expiry", 2),
        (("--as", "lead", "--expires-in", "soon"), "approval.expiry", 2),
        (("--as", "lead", "--withdraw"), "approval.nothing-given", 4),
        (("--as", "lead", "--withdraw", "--refuse"), "approval.verdict", 2),
        (("--as", "nobody"), "ledger.identity", 4),
        ((), "approval.as", 2),
    ],
)
def test_what_would_lift_nothing_is_refused(
    writ: Run, shop: Shop, more: tuple[str, ...], code: str, exit_code: int
) -> None:
    """Each with its code, and nothing is written."""
    with shop.guard() as guard, guard.run(requester="C-1") as run:
        proposal = held(run)
        before = shop.store.size()
        answer, _, err = writ("approve", LEDGER, proposal, "--yes", *more)
        assert (answer, f"writ: {code}: " in err) == (exit_code, True), err
        assert shop.store.size() == before


def test_who_asked_for_it_does_not_approve_it(writ: Run, shop: Shop) -> None:
    """By the contract's own rule: here the requester is the person behind the lead."""
    with shop.guard() as guard, guard.run(requester="lea@shop.example") as run:
        proposal = held(run)
        code, _, err = writ("approve", LEDGER, proposal, "--as", "lead", "--yes")
        assert (code, "approval.stake: " in err, "who asked for it" in err) == (4, True, True)


def test_refused_and_withdrawn(writ: Run, shop: Shop) -> None:
    """A refusal stands with its reason; an approval is taken back by who gave it."""
    with shop.guard() as guard, guard.run() as run:
        proposal = held(run)
        entry = str(shop.store.size() - 1)
        lead = ("--as", "lead", "--yes")
        assert writ("approve", LEDGER, entry, *lead)[0] == 0
        code, out, _ = writ("approve", LEDGER, entry, *lead, "--withdraw")
        assert (code, "withdrawn: entry" in out) == (0, True)
        assert not isinstance(run.resume(proposal), GuardedAction)
        assert writ("approve", LEDGER, entry, *lead, "--refuse", "--reason", "no")[0] == 0
        (one,) = listed(writ)
        assert [word["verdict"] for word in one["asks"][0]["words"]] == ["refuse"]
        assert "refuse, entry" in writ("pending", LEDGER)[1]


def test_what_is_no_held_action(writ: Run, shop: Shop) -> None:
    """One that was allowed, one that was escalated, and none at all."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run)
        done = run.actions[0].id
        vip = run.propose("payouts.create", payout("VIP-1"), evidence=[seen])
        for action, code in (
            (done, "approval.not-held"),
            (cast("Refusal", vip).action, "approval.not-held"),
            ("ffffffffffffffffffff", "approval.unknown"),
        ):
            answer, _, err = writ("approve", LEDGER, action, "--as", "lead", "--yes")
            assert (answer, f"writ: {code}: " in err) == (4, True), err
        assert "ESCALATED  payouts.create" in writ("pending", LEDGER)[1]


def test_nothing_is_said_unasked(writ: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal --yes is needed; at one, no is no."""
    with shop.guard() as guard, guard.run() as run:
        proposal = held(run)
        before = shop.store.size()
        code, out, err = writ("approve", LEDGER, proposal, "--as", "lead")
        assert (code, "approval.confirm" in err, '"micros": 150000000' in out) == (2, True, True)

        def no(*_: object, **__: object) -> None:
            raise typer.Abort

        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(typer, "confirm", no)
        assert writ("approve", LEDGER, proposal, "--as", "lead")[0] == 130
        assert shop.store.size() == before
