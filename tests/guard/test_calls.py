"""Calls of tools: within a time, as functions and as coroutines, cancelled, and taken back."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import pytest

from contracts.answers import (
    ActionRefusedError,
    ApprovalNeededError,
    Denied,
    DeniedError,
    EscalatedError,
    GuardError,
    OutcomeUnrecordedError,
    ToolTimeoutError,
)
from contracts.calling import acall, call, outcome_fields
from contracts.guard import Guard
from contracts.guarded import GuardedRun, current_run
from contracts.performing import GuardedAction
from contracts.tooling import tool
from ledger.encoding import decode
from ledger.errors import LedgerError
from tests.guard.shop import Shop, codes, order_of, paid, payout

T = TypeVar("T")
THREAD: ContextVar[str] = ContextVar("THREAD", default="unset")


@pytest.fixture
def guard(shop: Shop) -> Guard:
    """Give the shop's guard."""
    return shop.guard()


@pytest.fixture
def run(guard: Guard) -> Iterator[GuardedRun]:
    """Give a run of the shop's service."""
    with guard.run(goal="refund") as opened:
        yield opened


def outcomes(shop: Shop) -> list[dict[str, Any]]:
    """Return the outcomes in the ledger."""
    return [decode(raw) for _, raw in shop.store.records_containing(b'"kind":"outcome"')]


def statuses(shop: Shop) -> list[str]:
    """Return how actions ended."""
    return [str(one["status"]) for one in outcomes(shop)]


def whole(shop: Shop, guard: Guard) -> None:
    """Nothing is open, and the ledger has nothing against the guard."""
    assert not guard.unfinished()
    assert not codes(shop.verify(), "decision", "integrity", "coverage.outcome")


def timed_out(**_: object) -> None:
    """Be a tool that answers far too late."""
    time.sleep(1.2)


def answering(made: Callable[[], T]) -> Callable[..., T]:
    """Return a tool that answers what is made, whatever it is given."""

    def answers(**_: object) -> T:
        return made()

    return answers


def divides(**_: object) -> int:
    """Be a tool that fails."""
    return 1 // 0


# ------------------------------------------------------------------------------- plain calls


def test_a_tool_that_hangs(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """It is left alone once the contract's time is over, and that is recorded."""
    order = order_of(run)
    with pytest.raises(ToolTimeoutError, match=r"no answer in 0\.5 s"):
        run.call(timed_out, "payouts.create", payout(), evidence=[order])
    assert statuses(shop) == ["ok", "timeout"]
    whole(shop, guard)


def test_a_tool_that_fails(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """What it raises is recorded and goes on."""
    with pytest.raises(ZeroDivisionError):
        run.call(divides, "orders.get", {"order": "A-1"})
    assert outcomes(shop)[0]["error"].startswith("ZeroDivisionError")
    whole(shop, guard)


def test_a_tool_says_that_it_took_too_long_itself(shop: Shop, run: GuardedRun) -> None:
    """That is a timeout too, and is its own error."""

    def slow(**_: object) -> None:
        raise TimeoutError("upstream")

    with pytest.raises(TimeoutError, match="upstream") as raised:
        run.call(slow, "orders.get", {"order": "A-1"})
    assert not isinstance(raised.value, ToolTimeoutError)
    assert statuses(shop) == ["timeout"]


def test_what_comes_in_the_last_moment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that ends just as its time does has ended."""
    kept = cast("Callable[[Any], int]", Future.result)

    def late(self: Future[int], timeout: float | None = None) -> int:
        if timeout is None:
            return kept(self)
        kept(self)
        raise TimeoutError

    monkeypatch.setattr(Future, "result", late)
    assert call(lambda: 7, 1.0, "tool") == 7


def test_context_goes_along(run: GuardedRun) -> None:
    """A tool in a thread of its own sees the caller's context, and the run."""
    THREAD.set("mine")
    seen = run.call(
        answering(lambda: {"said": THREAD.get(), "run": current_run().id}),
        "orders.get",
        {"order": "A"},
    )
    assert seen == {"said": "mine", "run": run.id}


def test_what_cannot_be_recorded_was_done_all_the_same(
    shop: Shop, guard: Guard, run: GuardedRun
) -> None:
    """A result that no record can hold is no failure of the tool: it must not be called again."""
    order = order_of(run)
    with pytest.raises(KeyError):
        run.call(
            answering(dict), "orders.get", {"order": "A-1"}, says=lambda _: dict[str, Any]()["x"]
        )
    with pytest.raises((TypeError, LedgerError)):
        run.call(answering(lambda: {"x": object()}), "payouts.create", payout(), evidence=[order])
    assert statuses(shop) == ["ok", "ok", "ok"]
    again = run.propose("payouts.create", payout(), evidence=[order])
    assert isinstance(again, Denied)
    assert "tools.payouts.create.idempotency" in [one.rule for one in again.objections]
    whole(shop, guard)


def test_a_block_that_says_something_wrong(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """An outcome of the wrong form is an error, and how it ended is recorded all the same."""
    with pytest.raises(LedgerError), run.action("orders.get", {"order": "A-1"}) as act:
        act.ok(bogus=1)
    with pytest.raises(ValueError, match="one outcome"):
        act.ok()
    assert statuses(shop) == ["ok"], "how it ended was said"
    assert outcomes(shop)[0]["error"].startswith("RecordError")
    whole(shop, guard)


def test_two_threads_end_one_action(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """It has one outcome, whoever comes first."""
    act = run.propose("orders.get", {"order": "A-1"})
    assert isinstance(act, GuardedAction)
    barrier, refused = threading.Barrier(8), list[ValueError]()

    def end() -> None:
        barrier.wait()
        try:
            act.ok()
        except ValueError as error:
            refused.append(error)

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert statuses(shop) == ["ok"]
    whole(shop, guard)


# ------------------------------------------------------------------------------- coroutines


def test_coroutines(shop: Shop, guard: Guard) -> None:
    """Blocks, calls and decorated functions, all awaited."""

    @tool("orders.get")
    async def get(order: str) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"order": order, "run": current_run().id}

    async def agent() -> None:
        async with guard.run(goal="refund") as run:
            assert await get("A-1") == {"order": "A-1", "run": run.id}
            async with run.action("orders.get", {"order": "A-2"}) as act:
                act.ok(fields={"found": True})
            async with run.action("orders.get", {"order": "A-3"}):
                pass
            with pytest.raises(DeniedError):
                async with run.action("payouts.create", payout(method="cash")):
                    raise AssertionError("entered")
            with pytest.raises(ZeroDivisionError):
                await run.acall(fails, "orders.get", {"order": "A-4"})
            held = await asyncio.to_thread(lambda: run.propose("cases.open", {"why": "x"}))
            assert isinstance(held, GuardedAction)
            held.end("skipped")
        with pytest.raises(KeyError):
            async with guard.run():
                raise KeyError

    async def fails(**_: object) -> None:
        raise ZeroDivisionError

    asyncio.run(agent())
    assert statuses(shop) == ["ok", "ok", "ok", "error", "skipped"]
    whole(shop, guard)


def test_a_coroutine_that_hangs(shop: Shop, guard: Guard) -> None:
    """It is cancelled once the contract's time is over."""
    cancelled: list[bool] = []

    async def hangs(**_: object) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def slow(**_: object) -> None:
        raise TimeoutError("upstream")

    async def agent() -> None:
        async with guard.run() as run:
            order = order_of(run)
            with pytest.raises(TimeoutError, match="upstream"):
                await run.acall(slow, "orders.get", {"order": "A-1"})
            with pytest.raises(ToolTimeoutError):
                await run.acall(hangs, "payouts.create", payout(), evidence=[order])

    asyncio.run(agent())
    assert cancelled
    assert statuses(shop) == ["ok", "timeout", "timeout"]
    whole(shop, guard)
    assert asyncio.run(acall(lambda: asyncio.sleep(0, 7), None, "tool")) == 7


def test_a_task_that_is_cancelled_while_it_calls(shop: Shop, guard: Guard) -> None:
    """Nobody knows what the tool did: the action was abandoned."""

    async def agent() -> None:
        started = asyncio.Event()

        async def hangs(**_: object) -> None:
            started.set()
            await asyncio.sleep(60)

        async with guard.run() as run:
            task = asyncio.create_task(run.acall(hangs, "orders.get", {"order": "A-1"}))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(agent())
    assert statuses(shop) == ["abandoned"]
    whole(shop, guard)


async def acting(how: str, run: GuardedRun) -> None:
    """Call a tool in a block or as a call; it must not come to that."""
    if how == "call":
        await run.acall(anever, "orders.get", {"order": "A-1"})
        return
    async with run.action("orders.get", {"order": "A-1"}):
        raise AssertionError("entered")


async def anever(**_: object) -> None:
    """Be a tool that must not be called."""
    raise AssertionError("called")


@pytest.mark.parametrize("when", ["while deciding", "as it was decided"])
@pytest.mark.parametrize("how", ["block", "call"])
def test_a_task_that_is_cancelled_while_its_action_is_decided(
    how: str, when: str, shop: Shop, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The action is recorded and never begun: it is ended, and holds nothing."""
    decided, goes_on = threading.Event(), threading.Event()
    propose: Callable[[Any], Any] = guard.propose

    def slowly(fields: Any) -> Any:  # noqa: ANN401
        found = propose(fields)
        decided.set()
        if when == "while deciding":
            assert goes_on.wait(10)
        return found

    async def agent() -> None:
        async with guard.run() as run:
            monkeypatch.setattr(guard, "propose", slowly)
            task = asyncio.create_task(acting(how, run))
            for _ in range(5):
                await asyncio.sleep(0)
            # It is in its thread by now, and the loop hears of nothing meanwhile.
            assert decided.wait(10)
            time.sleep(0.05)  # noqa: ASYNC251
            task.cancel()
            asyncio.get_running_loop().call_later(0.05, goes_on.set)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(agent())
    assert statuses(shop) == ["skipped"]
    whole(shop, guard)


# -------------------------------------------------------------------------------- decorators


def test_decorated_functions(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """Arguments by name are the parameters, defaults and further ones too."""
    order = order_of(run)

    @tool("payouts.create", fields=lambda _: {"evidence": [order]}, says=lambda _: paid())
    def pay(order: str, micros: int = 5, **more: str) -> dict[str, Any]:
        return {"order": order, "micros": micros, **more}

    with pytest.raises(DeniedError, match="schema"):
        pay("A-1", how="original")
    assert pay("A-1", method="original") == {"order": "A-1", "micros": 5, "method": "original"}
    assert pay.__name__ == "pay"
    assert pay("A-1", method="original") == {"payout": "P-1"}, "what was recorded of it"
    whole(shop, guard)


def test_a_function_whose_arguments_have_no_names() -> None:
    """Their values would stand under no name in the ledger: it cannot be a tool."""
    with pytest.raises(TypeError, match="by name"):

        @tool("orders.get")
        def _many(*orders: str) -> None: ...

    with pytest.raises(TypeError, match="by name"):

        @tool("orders.get")
        def _placed(order: str, /) -> None: ...


def test_outside_a_run() -> None:
    """A guarded tool is called in a run, or not at all."""

    @tool("orders.get")
    def get(order: str) -> None:
        raise AssertionError(order)

    with pytest.raises(GuardError, match="within"):
        get("A-1")


def test_what_is_recorded_of_results() -> None:
    """Maps as they are, nothing of nothing, the rest under a name."""
    assert outcome_fields(None) == {}
    assert outcome_fields({"a": 1}) == {"fields": {"a": 1}}
    assert outcome_fields(3) == {"fields": {"result": 3}}


# ---------------------------------------------------------------------- refusals and fallback


def test_refusals_carry_every_reason(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """Each kind of refusal is an error of its own, with the answer in it."""
    order = order_of(run)
    cases: list[tuple[dict[str, Any], type[ActionRefusedError], str]] = [
        (payout(method="cash"), DeniedError, "scope.cash"),
        (payout(micros=200_000_000), ApprovalNeededError, "scope.large"),
        (payout("VIP-1"), EscalatedError, "scope.vip"),
    ]
    for params, error, rule in cases:
        with pytest.raises(error) as raised, run.action("payouts.create", params, evidence=[order]):
            raise AssertionError("entered")
        assert rule in [one.rule for one in raised.value.answer.objections]
        assert rule in str(raised.value)
    whole(shop, guard)


def test_fallback(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """Where the contract names one: when it is denied, and when it fails; not when held."""
    order = order_of(run)

    def instead(_: Any, error: Exception) -> str:  # noqa: ANN401
        if isinstance(error, DeniedError):
            run.call(answering(lambda: None), "cases.open", {"why": "denied"})
        return type(error).__name__

    def pays(**_: object) -> None:
        raise ConnectionError

    def asked(**params: Any) -> Any:  # noqa: ANN401
        return run.call(pays, "payouts.create", params, evidence=[order], fallback=instead)

    assert asked(**payout(method="cash")) == "DeniedError"
    with pytest.raises(ApprovalNeededError):
        asked(**payout(micros=200_000_000))
    with pytest.raises(ConnectionError):
        run.call(pays, "orders.get", {"order": "A-1"}, fallback=instead)
    assert asked(**payout()) == "ConnectionError"

    async def agent() -> None:
        async def ainstead(_: Any, error: Exception) -> str:  # noqa: ANN401
            return type(error).__name__

        async def apays(**_: object) -> None:
            raise ConnectionError

        async with guard.run() as other:
            seen = await asyncio.to_thread(lambda: order_of(other, "A-2"))
            large = payout("A-2", micros=200_000_000)
            with pytest.raises(ApprovalNeededError):
                await other.acall(
                    apays, "payouts.create", large, evidence=[seen], fallback=ainstead
                )
            said = await other.acall(
                apays, "payouts.create", payout("A-2"), evidence=[seen], fallback=ainstead
            )
            assert said == "ConnectionError"

    asyncio.run(agent())
    whole(shop, guard)


# -------------------------------------------------------------------------------- taking back


def test_taking_back(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """By the tool and parameters that the contract names, as often as a call may be repeated."""
    order = order_of(run)
    with run.action("payouts.create", payout(), evidence=[order]) as act:
        with pytest.raises(GuardError, match="no outcome"):
            run.compensate(act, answering(lambda: None))
        act.ok(**paid())
    tried: list[str] = []

    def back(payout: str) -> dict[str, str]:
        tried.append(payout)
        if len(tried) == 1:
            raise ConnectionError
        return {"back": payout}

    assert run.compensate(act, back) == {"back": "P-1"}
    assert tried == ["P-1", "P-1"]
    with pytest.raises(DeniedError, match="idempotency"):
        run.compensate(act.id, back)
    with run.action("payouts.create", payout("A-2"), evidence=[order_of(run, "A-2")]) as act:
        act.ok(**paid(2))
    assert run.compensate(act, back) == {"back": "P-2"}
    assert run.compensate(act.id, back) == {"back": "P-2"}, "once, by its key"
    assert tried == ["P-1", "P-1", "P-2"]
    with pytest.raises(GuardError, match="cannot be taken back"):
        run.compensate(guard_action(run), back)
    whole(shop, guard)


def guard_action(run: GuardedRun) -> GuardedAction:
    """Return an action that the contract names no way back from."""
    with run.action("orders.get", {"order": "A-9"}) as act:
        act.ok()
    return act


def test_taking_back_fails(shop: Shop, guard: Guard, run: GuardedRun) -> None:
    """The last error is the caller's; a refusal is not tried again."""
    order = order_of(run)
    with run.action("payouts.create", payout(), evidence=[order]) as act:
        act.ok(**paid())

    def fails(**_: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        run.compensate(act, fails)
    shop.switch("engaged")
    with pytest.raises(DeniedError):
        run.compensate(act, fails)
    shop.switch("released")
    with run.action("payouts.create", payout("A-2"), evidence=[order]) as other:
        other.ok()
    with pytest.raises(GuardError, match="cannot be given"):
        run.compensate(other, fails)
    whole(shop, guard)


def test_what_was_taken_back_is_not_taken_back_again(
    run: GuardedRun, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only its outcome could not be recorded, the call was made."""
    order = order_of(run)
    with run.action("payouts.create", payout(), evidence=[order]) as act:
        act.ok(**paid())
    tried: list[str] = []
    record = guard.record

    def away(kind: str, fields: Any) -> Any:  # noqa: ANN401
        if kind == "outcome":
            raise OutcomeUnrecordedError("away")
        return record(kind, fields)

    with monkeypatch.context() as patched:
        patched.setattr(guard, "record", away)
        with pytest.raises(OutcomeUnrecordedError):
            run.compensate(act, answering(lambda: tried.append("P-1")))
    assert tried == ["P-1"]
