"""Several decisions in one commit: each is taken on all before it, as if it were recorded alone."""

from typing import Any

import pytest

from contracts.answers import Denied, GuardError, Repeated, UnrecordedError
from contracts.grouped import ACTION, Wanted
from contracts.guarded import GuardedRun
from ledger.client import LedgerClient
from ledger.errors import RecordError, StoreError
from tests.guard.shop import Shop, codes, order_of, paid, payout


def pay(run: GuardedRun, evidence: str, order: str, micros: int = 20_000_000) -> Wanted:
    """Return a payout that is wanted."""
    fields = {"run": run.id, "tool": "payouts.create", "params": payout(order, micros)}
    return Wanted(ACTION, {**fields, "evidence": [evidence]})


def test_each_is_decided_on_all_before_it(shop: Shop) -> None:
    """A second call under one key sees the first in its own submission; so does a budget."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run).digest
        orders = ["A-1", "A-1", "A-2", "A-3", "A-4", "A-5", "A-6"]
        before = shop.store.size()
        given = guard.group([pay(run, seen, order) for order in orders])
        answers: list[Any] = [one[0] for one in given if isinstance(one, tuple)]
        effects = [answer.effect for answer in answers]
        assert effects == ["allow", "deny", "allow", "allow", "allow", "allow", "deny"]
        assert isinstance(answers[1], Repeated)
        assert answers[1].earlier == answers[0].action
        assert isinstance(answers[-1], Denied)
        assert [one.index for one in answers] == list(range(before, before + len(orders)))
        for number, answer in enumerate(answers):
            if answer.effect == "allow":
                said = {"action": answer.action, "run": run.id, "status": "ok"}
                guard.record("outcome", {**said, **paid(number)})
    assert codes(shop.verify(), "decision", "integrity") == []


def test_what_happened_goes_with_what_is_decided(shop: Shop) -> None:
    """Messages, observations and outcomes stand between decisions, in their order."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run).digest
        message = {"run": run.id, "role": "user", "turn": 0, "content": "please"}
        given = guard.group([Wanted("message", message), pay(run, seen, "A-1")])
        assert not any(isinstance(one, Exception) for one in given)
        decided = given[1]
        assert isinstance(decided, tuple)
        assert decided[0].index == decided[1].index
        outcome = {"action": decided[1].digest, "run": run.id, "status": "ok", **paid()}
        assert not isinstance(guard.group([Wanted("outcome", outcome)])[0], Exception)
    assert codes(shop.verify(), "decision", "integrity", "recovery") == []


def test_an_error_keeps_no_other_from_being_recorded(shop: Shop) -> None:
    """What is malformed, or names what is not there, has its error; the others are recorded."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run).digest
        wrong = Wanted(ACTION, {"run": run.id, "tool": "payouts.create", "parameters": {}})
        lost = Wanted("message", {"run": "ab" * 32, "role": "user", "turn": 0})
        given = guard.group([wrong, pay(run, seen, "A-1"), lost, Wanted("?", {})])
        assert isinstance(given[0], RecordError)
        assert isinstance(given[1], tuple)
        assert isinstance(given[2], GuardError)
        assert isinstance(given[3], ValueError)
        guard.abandon(given[1][0].action, "a test")
    assert codes(shop.verify(), "decision", "integrity") == []


def test_nothing_to_record_is_no_submission(shop: Shop) -> None:
    """A group of which nothing is left writes nothing."""
    with shop.guard() as guard:
        before = shop.store.size()
        assert guard.group([]) == []
        assert [type(one) for one in guard.group([Wanted("?", {})] * 2)] == [ValueError] * 2
        assert shop.store.size() == before


def test_a_ledger_that_fails_takes_none_of_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was assumed is forgotten: the next decision is on the ledger as it is."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run).digest
        with monkeypatch.context() as broken:

            def fails(*_: object, **__: object) -> None:
                raise StoreError("gone")

            broken.setattr(LedgerClient, "_hand_in", fails)
            given = guard.group([pay(run, seen, "A-1"), pay(run, seen, "A-2")])
            assert [type(one) for one in given] == [UnrecordedError] * 2
        given = guard.group([pay(run, seen, "A-1"), pay(run, seen, "A-1")])
        answers = [one[0] for one in given if isinstance(one, tuple)]
        assert [one.effect for one in answers] == ["allow", "deny"]
        guard.abandon(answers[0].action, "a test")
    assert codes(shop.verify(), "decision", "integrity") == []
