"""The ledger cannot be reached, or does not answer: nothing is called, and nothing is forgotten."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.answers import (
    Allowed,
    OutcomeUnrecordedError,
    Repeated,
    UnrecordedError,
)
from contracts.guard import Guard
from contracts.performing import GuardedAction
from ledger.client import LedgerClient
from ledger.errors import LedgerError, StoreError
from ledger.transaction import Transaction
from tests.guard.doubles import Failing
from tests.guard.shop import SERVICE, Hands, Shop, codes, found, opened, order_of, paid, payout
from tests.ledger.postgresql import NoServerError, Server, kept_server


@pytest.fixture
def store(shop: Shop) -> Failing:
    """Give the shop's store, to fail when a test says so."""
    return Failing(shop.store)


@pytest.fixture
def guard(shop: Shop, store: Failing) -> Guard:
    """Give a guard on the store that fails."""
    keys = shop.founded
    client = LedgerClient(
        store,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        keys.key("agent"),
        keys.identities["agent"],
        clock=shop.clock,
    )
    return Guard(client, store, SERVICE, clock=shop.clock)  # pyright: ignore[reportArgumentType]


def _fails(store: Failing, error: Exception) -> None:
    """Fail as the ledger does."""
    store.before = 1
    raise error


def pays(**_: object) -> dict[str, str]:
    """Be a tool that pays."""
    return {"payout": "P-1"}


def never(**_: object) -> None:
    """Be a tool that must not be called."""
    raise AssertionError("called")


@pytest.mark.parametrize("fails", ["before", "after"])
def test_nothing_is_called_that_was_not_recorded(
    fails: str, shop: Shop, store: Failing, guard: Guard
) -> None:
    """Written or not, it was not done, and holds neither its key nor what it reserved."""
    with guard.run(goal="refund") as run:
        order = order_of(run)
        setattr(store, fails, 1)
        with pytest.raises(UnrecordedError, match="is not done"):
            run.call(never, "payouts.create", payout(), evidence=[order])
        done = run.call(pays, "payouts.create", payout(), evidence=[order])
        assert done == {"payout": "P-1"}
        assert not guard.unfinished()
    assert not codes(shop.verify(), "decision", "integrity", "tools", "recovery")


def test_ending_what_was_begun_in_vain_can_fail_too(
    shop: Shop, store: Failing, guard: Guard
) -> None:
    """It is an error like any other that the ledger is away, and is made up for later."""
    with guard.run(goal="refund") as run:
        order = order_of(run)
        for failures in ({"after": 1}, {"before": 1}, {"after": 2}):
            for name, many in failures.items():
                setattr(store, name, many)
            with pytest.raises(UnrecordedError):
                run.propose("payouts.create", payout(), evidence=[order])
        store.after = store.before = 0
        assert not guard.unfinished()
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
    assert not codes(shop.verify(), "decision", "integrity", "tools", "recovery")


def test_what_may_yet_be_committed_is_waited_for(store: Failing, guard: Guard) -> None:
    """A server may commit when nobody waits for its answer any more: its lock says when."""
    with guard.run(goal="refund") as run:
        order = order_of(run)
        store.before = 1
        with pytest.raises(UnrecordedError):
            run.propose("payouts.create", payout(), evidence=[order])
        before = store.heads
        guard.unfinished()
        guard.unfinished()
        assert store.heads == before + 1


@pytest.mark.parametrize("fails", ["before", "after"])
def test_an_outcome_is_held_until_the_ledger_is_back(
    fails: str, shop: Shop, store: Failing, guard: Guard
) -> None:
    """What was done is recorded later, once, whether or not it had been written."""
    with guard.run(goal="refund") as run:
        order = order_of(run)
        act = run.propose("payouts.create", payout(), evidence=[order])
        assert isinstance(act, GuardedAction)
        setattr(store, fails, 2)
        with pytest.raises(OutcomeUnrecordedError, match="is held"):
            act.ok(**paid())
        with pytest.raises(ValueError, match="one outcome"):
            act.ok(**paid())
        assert guard.settle() == (1 if fails == "before" else 0)
        store.before = store.after = 0
        assert guard.settle() == 0
        again = run.propose("payouts.create", payout(), evidence=[order])
        assert isinstance(again, Repeated)
        assert again.outcome is not None
        assert again.outcome["fields"] == {"payout": "P-1"}
        assert not guard.unfinished()
    assert not codes(shop.verify(), "decision", "integrity", "coverage.outcome", "recovery")


def test_the_next_decision_hands_in_what_is_held(shop: Shop, store: Failing, guard: Guard) -> None:
    """An error of the tool is told even where its outcome could not be recorded."""
    with guard.run(goal="refund") as run:
        act = run.propose("orders.get", {"order": "A-1"})
        assert isinstance(act, GuardedAction)
        with pytest.raises(RuntimeError) as raised:
            act.perform(lambda: _fails(store, RuntimeError("x")))
        assert "is held" in raised.value.__notes__[0]
        order_of(run)
        assert not guard.unfinished()
    assert not codes(shop.verify(), "decision", "integrity", "coverage.outcome", "recovery")


def test_a_guard_says_at_its_end_what_is_not_recorded(
    shop: Shop, store: Failing, guard: Guard
) -> None:
    """Who leaves with outcomes in hand is told, unless something else is to be heard of."""
    run = guard.run()
    act = run.propose("orders.get", {"order": "A-1"})
    assert isinstance(act, GuardedAction)
    store.before = 100
    with pytest.raises(OutcomeUnrecordedError):
        act.ok()
    with pytest.raises(OutcomeUnrecordedError):
        guard.close()
    with pytest.raises(KeyError), guard:
        raise KeyError
    with pytest.raises(UnrecordedError):
        run.close()
    with pytest.raises(UnrecordedError):
        guard.run()
    store.before = 0
    with guard:
        run.close()
    assert not codes(shop.verify(), "decision", "integrity", "recovery")


def test_what_the_run_raised_is_heard_of(store: Failing, guard: Guard) -> None:
    """That the run's end could not be recorded does not hide why it ended."""
    with pytest.raises(KeyError) as raised, guard.run():
        _fails(store, KeyError())
    assert "not recorded" in raised.value.__notes__[0]


def test_a_clock_that_is_set_back(shop: Shop, hands: Hands) -> None:
    """A ledger that waits for its clock takes in nothing; what was done is held until then."""
    with shop.guard() as guard, guard.run() as run:
        act = run.propose("orders.get", {"order": "A-1"})
        assert isinstance(act, GuardedAction)
        hands.pass_(seconds=-1)
        order_of(run)  # a second is a correction: it is recorded at the time of the last entry
        hands.pass_(minutes=-5)
        with pytest.raises(OutcomeUnrecordedError):
            act.ok(fields={"found": True})
        with pytest.raises(LedgerError, match="clock"):
            run.call(never, "orders.get", {"order": "A-2"})
        hands.pass_(minutes=6)
        assert guard.settle() == 0
        assert not guard.unfinished()
        order_of(run, "A-3")
    assert not codes(shop.verify(), "decision", "integrity", "recovery", "coverage.outcome")


def test_clocks_of_two_processes_that_differ(shop: Shop, hands: Hands) -> None:
    """A guard behind the last entry decides as of that entry's time, and so does a verifier."""
    late = Hands()
    late.now = hands.now - timedelta(milliseconds=900)
    client = LedgerClient(
        shop.store, shop.founded.key("agent"), shop.founded.identities["agent"], clock=late
    )
    with shop.guard() as ahead, ahead.run() as run:
        order = order_of(run)
        behind = Guard(client, shop.store, SERVICE, clock=late)
        told = behind.decide("payouts.create", payout(), run=run.id, evidence=[order.digest])
        act = behind.attach(run.id).propose("payouts.create", payout(), evidence=[order])
        assert isinstance(told, Allowed)
        assert isinstance(act, GuardedAction)
        act.ok(**paid())
    assert not codes(shop.verify(), "decision", "integrity", "evidence")


# ------------------------------------------------------------------------------ real stores


def test_a_file_that_another_process_locks(shop: Shop, impatient: Callable[[], None]) -> None:
    """Nothing is called while somebody else holds the ledger for longer than one waits."""
    guard = shop.guard()
    run = guard.run()
    impatient()
    with closing(sqlite3.connect(shop.store.location, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnrecordedError):
            run.call(never, "orders.get", {"order": "A-1"})
        other.execute("ROLLBACK")
    order_of(run)
    run.close()
    assert not codes(shop.verify(), "decision", "integrity", "recovery")


def test_a_file_that_is_removed(ledger: str, hands: Hands) -> None:
    """A ledger that is not there any more takes in nothing, and once it is back it goes on."""
    folder = Path(ledger).parent
    with opened(ledger, hands) as shop:
        guard = shop.guard()
        run = guard.run()
        shop.store.close()
        away = folder.rename(folder.with_name("away"))
        with pytest.raises((UnrecordedError, StoreError)):
            run.call(never, "orders.get", {"order": "A-1"})
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)
        order_of(run)
        run.close()
        assert not codes(shop.verify(), "decision", "integrity", "recovery")


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that may be stopped."""
    try:
        with kept_server() as started:
            yield started
    except NoServerError as error:
        pytest.skip(str(error))


def test_a_server_that_is_stopped(server: Server, hands: Hands, tmp_path: Path) -> None:
    """In the middle of a run: nothing is called, what was done is held, and then it goes on."""
    keys = tmp_path / "keys"
    url = server.url.replace("postgresql://", "postgresql+psycopg://")
    found(url, hands, keys)
    with opened(url, hands, keys) as shop, shop.guard() as guard, guard.run() as run:
        act = run.propose("orders.get", {"order": "A-1"})
        assert isinstance(act, GuardedAction)
        server.stop_at_once()
        with pytest.raises(OutcomeUnrecordedError):
            act.ok(fields={"found": True})
        with pytest.raises(UnrecordedError):
            run.call(never, "orders.get", {"order": "A-2"})
        server.start()
        order_of(run)
        assert not guard.unfinished()
    with opened(url, hands, keys) as shop:
        assert not codes(shop.verify(), "decision", "integrity", "recovery", "coverage.outcome")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_is_ended(
    when: str, location: str, hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended before or after the commit, while an action is recorded: none stays open for good."""
    keys, commit, once = tmp_path / "keys", Transaction.commit, threading.Event()
    found(location, hands, keys)

    def ended(self: Transaction) -> None:
        if once.is_set():
            commit(self)
            return
        once.set()
        if when == "after":
            commit(self)
        self.run("SELECT pg_terminate_backend(pg_backend_pid())")

    with opened(location, hands, keys) as shop, shop.guard() as guard, guard.run() as run:
        order = order_of(run)
        with monkeypatch.context() as patched:
            patched.setattr(Transaction, "commit", ended)
            with pytest.raises(UnrecordedError):
                run.call(never, "payouts.create", payout(), evidence=[order])
        assert once.is_set()
        assert not guard.unfinished()
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
    with opened(location, hands, keys) as shop:
        assert not codes(shop.verify(), "decision", "integrity", "recovery", "tools")


def test_a_ledger_that_grows_too_quickly(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot read on while the ledger is locked does nothing, and says so."""
    guard = shop.guard()
    with guard.run() as run:
        with monkeypatch.context() as patched:
            patched.setattr("contracts.standing.MOST_WHILE_LOCKED", -1)
            with pytest.raises(UnrecordedError, match="more quickly"):
                run.call(never, "orders.get", {"order": "A-1"})
        order_of(run)
    assert not codes(shop.verify(), "decision", "integrity")
