"""What guards decided is what a verifier comes to; and a guard that errs would be found out."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.answers import Allowed
from contracts.guard import Guard
from contracts.performing import GuardedAction
from contracts.standing import Standing
from ledger.client import LedgerClient
from ledger.clock import format_time, parse_time
from tests.guard.shop import Hands, Shop, codes, order_of, paid, payout
from tests.guard.worker import SECOND, step
from verifier.engines import Engines
from verifier.load import verify_ledger


def played(shop: Shop, hands: Hands, seed: int, guards: list[Guard]) -> None:
    """Play random steps, in turns of several guards, with time passing and a new version."""
    chance, held = random.Random(seed), list[str]()
    runs = [guard.run(goal="random") for guard in guards]
    for number in range(24):
        step(shop, chance, chance.choice(runs), held)
        hands.pass_(seconds=chance.choice((0, 1, 600, 1800)))
        if number == 16:
            shop.activate(SECOND)
    for run in runs:
        run.close()


@pytest.mark.parametrize("seed", range(2))
def test_random_histories(seed: int, shop: Shop, hands: Hands) -> None:
    """Decisions and reasons equal those that are derived again, by both engines."""
    played(shop, hands, seed, [shop.guard(), shop.guard()])
    shop.verify()
    for engines in (Engines.ROWS, Engines.COLUMNS):
        report = verify_ledger(shop.store.location, engines=engines)
        assert not codes(report, "decision", "integrity"), engines


def stale(patched: pytest.MonkeyPatch) -> None:
    """Decide on what was known before the last entries."""

    def unread(_self: Standing, _size: int, _leaf: str) -> None: ...

    patched.setattr(Standing, "catch_up", unread)


def submitted(patched: pytest.MonkeyPatch) -> None:
    """Decide on the last entry, and let others come between."""
    hand_in = LedgerClient._hand_in  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def handed_in(self: LedgerClient, turn: Any, records: Any, seen: Any, *, exact: bool) -> Any:  # noqa: ANN401
        assert exact in {True, False}
        return hand_in(self, turn, records, seen, exact=False)

    patched.setattr(LedgerClient, "_hand_in", handed_in)


def late(patched: pytest.MonkeyPatch) -> None:
    """Decide as of another time than is recorded."""
    rule = Guard._ruled  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def ruled(self: Guard, fields: Any, now: str) -> Any:  # noqa: ANN401
        earlier = Hands()
        earlier.now = parse_time(now)
        earlier.pass_(minutes=-50)
        return rule(self, fields, format_time(earlier()))

    patched.setattr(Guard, "_ruled", ruled)


def lenient(patched: pytest.MonkeyPatch) -> None:
    """Leave out a reason."""
    rule = Standing.rule

    def ruled(self: Standing, proposed: Any) -> Any:  # noqa: ANN401
        found = rule(self, proposed)
        fewer = replace(found.decision, reasons=found.decision.reasons[:-1])
        return replace(found, decision=fewer)

    patched.setattr(Standing, "rule", ruled)


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        (stale, {"decision.false-allow"}),
        (submitted, {"decision.stale-basis"}),
        (late, {"decision.false-allow"}),
        (lenient, {"decision.reasons-differ"}),
    ],
    ids=["an old head", "not exact", "another time", "a reason left out"],
)
def test_a_mistake_is_found(
    mistake: Callable[[pytest.MonkeyPatch], None],
    expected: set[str],
    shop: Shop,
    hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A guard that decides otherwise than it should has findings against it."""
    guard, other = shop.guard(), shop.guard()
    run = guard.run(goal="refund")
    order = order_of(run)
    told = guard.decide("payouts.create", payout(), run=run.id, evidence=[order.digest])
    assert isinstance(told, Allowed)
    with monkeypatch.context() as patched:
        mistake(patched)
        hands.pass_(minutes=61)
        if mistake is stale:
            assert not other.unfinished()  # it reads on: it knows the run
            order = order_of(other.attach(run.id))
            act = other.attach(run.id).propose("payouts.create", payout(), evidence=[order])
            assert isinstance(act, GuardedAction)
            patched.setattr(guard, "_get_ready", lambda: None)
            _knows(guard, run.id, order.digest)
        found = run.propose("payouts.create", payout(), evidence=[order])
        if isinstance(found, GuardedAction):
            found.ok(**paid())
        else:
            assert expected.isdisjoint({"decision.false-allow"}), found
    run.close()
    assert expected <= set(codes(shop.verify(), "decision"))


def _knows(guard: Guard, run: str, order: str) -> None:
    """Let a guard know the evidence and nothing after it."""
    standing: Any = guard._standing  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    standing.read_on(standing._follower._store.size() - 1)  # noqa: SLF001
    assert standing.action(order) is None, run
