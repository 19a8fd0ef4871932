"""The seven clauses at work on a tool server, call by call, and what an auditor says afterwards."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contracts.answers import (
    Allowed,
    Answer,
    ApprovalNeeded,
    Denied,
    Escalated,
    GuardError,
    Repeated,
    ToolTimeoutError,
)
from contracts.channel import Recorded
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from tests.guard.processes import Tool, tool_server
from tests.guard.shop import CONTRACT, Hands, Shop, codes, order_of, paid, payout


@pytest.fixture
def tool() -> Iterator[Tool]:
    """Give a tool server."""
    with tool_server() as started:
        yield started


def calls(tool: Tool, path: str = "/pay") -> Callable[..., dict[str, Any]]:
    """Return a function that calls the tool server."""

    def call(**params: object) -> dict[str, Any]:
        with urllib.request.urlopen(tool.url + path, json.dumps(params).encode()) as answer:  # noqa: S310 - loopback
            found: dict[str, Any] = json.load(answer)
        return found

    return call


def costs(found: dict[str, Any]) -> dict[str, Any]:
    """Return what an outcome says of a payout."""
    return {**paid(), "fields": found}


def objected(answer: object) -> list[str]:
    """Return the rules that stand against an action."""
    assert isinstance(answer, Answer)
    return [one.rule for one in answer.objections]


def audited(shop: Shop) -> list[str]:
    """Return what an auditor finds, but for open streams and what was granted and not needed."""
    beside = {"coverage.stream-unclosed", "identity.unused-permission"}
    return [code for code in codes(shop.verify()) if code not in beside]


def pays(run: GuardedRun, tool: Tool, params: dict[str, Any], order: Recorded) -> dict[str, Any]:
    """Pay by the tool server."""
    found: dict[str, Any] = run.call(
        calls(tool), "payouts.create", params, evidence=[order], says=costs
    )
    return found


def test_all_is_well(shop: Shop, tool: Tool) -> None:
    """A call within all clauses reaches the tool, and nobody has anything to say against it."""
    with shop.guard() as guard, guard.run(goal="refund") as run:
        nothing = {"currency": "EUR", "micros": 0}
        run.message("user", "I want my money back", cost=nothing)
        run.message("assistant", "Of course", turn=5, cost=nothing)
        with pytest.raises(TypeError, match="a number"):
            run.message("user", "x", turn="one")
        seen = run.observe("order", "orders-db", ref="A-1", fields={"order": "A-1"})
        assert pays(run, tool, payout(), seen) == {"payout": "P-1"}
        assert run.compensate(run.actions[0], calls(tool, "/back")) == {"payout": "P-2"}
    assert len(tool.calls) == 2
    with pytest.raises(ValueError, match="closed already"):
        run.close()
    assert not audited(shop)


def test_identity(shop: Shop) -> None:
    """A tool whose permission the service does not have is not called."""
    text = _contract().replace("permissions: [orders.read, ", "permissions: [")
    shop.activate(text)
    with shop.guard() as guard, guard.run() as run:
        assert objected(run.propose("orders.get", {"order": "A-1"})) == ["identity.permission"]
    assert not codes(shop.verify(), "decision", "integrity")


def test_scope(shop: Shop, tool: Tool) -> None:
    """What is forbidden, what needs approval, what a person decides, and what is no tool."""
    told: list[Answer] = []
    with shop.guard(when_held=told.append) as guard, guard.run() as run:
        order = order_of(run)
        cash = run.propose("payouts.create", payout(method="cash"), evidence=[order])
        large = run.propose("payouts.create", payout(micros=200_000_000), evidence=[order])
        vip = run.propose("payouts.create", payout("VIP-1"), evidence=[order])
        none = run.propose("accounts.delete", {})
        assert isinstance(cash, Denied)
        assert isinstance(large, ApprovalNeeded)
        assert [one.role for one in large.asks] == ["lead"]
        assert isinstance(vip, Escalated)
        assert isinstance(none, Denied)
        assert told == [large, vip]
        shop.approve(large.action, "clerk")
        assert isinstance(run.resume(large.action), ApprovalNeeded)
        shop.approve(large.action)
        with run.resumed(large.action) as act:
            act.ok(**costs(calls(tool)(**payout())))
        again = run.resume(large.action)
        assert not isinstance(again, GuardedAction)
        with pytest.raises(ValueError, match="another run"), guard.run() as other:
            other.resume(large.action)
    assert len(tool.calls) == 1
    assert not codes(shop.verify(), "decision", "integrity")


def test_somebody_who_is_told_fails(shop: Shop) -> None:
    """What goes wrong in telling people does not undo what is recorded."""

    def told(_: Answer) -> None:
        raise RuntimeError

    with shop.guard(when_held=told) as guard, guard.run() as run:
        order = order_of(run)
        held = run.propose("payouts.create", payout("VIP-1"), evidence=[order])
        assert isinstance(held, Escalated)
    assert not codes(shop.verify(), "decision", "integrity")


def test_evidence(shop: Shop, hands: Hands) -> None:
    """Without it, or with what is too old, nothing is paid."""
    with shop.guard() as guard, guard.run() as run:
        assert objected(run.propose("payouts.create", payout())) == ["evidence.order.missing"]
        order = order_of(run)
        hands.pass_(minutes=61)
        old = objected(run.propose("payouts.create", payout(), evidence=[order]))
        assert [rule for rule in old if rule.startswith("evidence.order")]
        with pytest.raises(GuardError, match="names no valid observation"):
            run.propose("payouts.create", payout(), evidence=["ab" * 32])
    assert not codes(shop.verify(), "decision", "integrity")


def test_tools(shop: Shop, tool: Tool) -> None:
    """Parameters of the wrong form, a tool that fails and one that hangs, and the breaker."""
    with shop.guard() as guard:
        with guard.run() as run:
            wrong = run.propose("orders.get", {"order": 7})
            assert objected(wrong) == ["tools.schema"]
        for number in range(3):
            with guard.run() as run:
                order = order_of(run, f"A-{number}")
                params = payout(f"A-{number}")
                if number == 0:
                    tool.answers.clear()
                    with pytest.raises(ToolTimeoutError):
                        pays(run, tool, params, order)
                    tool.answers.set()
                else:
                    act = run.propose("payouts.create", params, evidence=[order])
                    if isinstance(act, GuardedAction):
                        with pytest.raises(urllib.error.HTTPError):
                            act.perform(calls(tool, "/fails"), costs)
        with guard.run() as run:
            order = order_of(run, "A-9")
            found = run.propose("payouts.create", payout("A-9"), evidence=[order])
            assert isinstance(found, Denied)
    assert len(tool.calls) >= 1
    assert not codes(shop.verify(), "decision", "integrity")


def test_a_duplicate_delivery(shop: Shop, tool: Tool) -> None:
    """The same request twice: the tool is called once, and the second hears what came of it."""
    with shop.guard() as guard, guard.run() as run:
        order = order_of(run)
        assert pays(run, tool, payout(), order) == {"payout": "P-1"}
        assert pays(run, tool, payout(), order) == {"payout": "P-1"}
        again = run.propose("payouts.create", payout(), evidence=[order])
        assert isinstance(again, Repeated)
        assert (again.key, again.earlier) == ("A-1", run.actions[1].id)
        open_ = run.propose("payouts.create", payout("A-2"), evidence=[order_of(run, "A-2")])
        assert isinstance(open_, GuardedAction)
        waits = run.propose("payouts.create", payout("A-2"), evidence=[order])
        assert isinstance(waits, Repeated | Denied)
        if isinstance(waits, Repeated):
            assert waits.outcome is None
            assert waits.earlier == open_.id
        open_.ok(**paid(2))
    assert len(tool.calls) == 1
    assert not codes(shop.verify(), "decision", "integrity")


def test_cost(shop: Shop) -> None:
    """A run has so much to spend, so many calls, and the same call only so often."""
    with shop.guard() as guard, guard.run() as run:
        for _ in range(3):
            order_of(run)
        assert objected(run.propose("orders.get", {"order": "A-1"})) == ["cost.loop"]
        for number in range(8):
            order = order_of(run, f"B-{number}")
            found = run.propose("payouts.create", payout(f"B-{number}"), evidence=[order])
            if isinstance(found, GuardedAction):
                found.ok(**paid(number))
            else:
                assert number == 5
                assert "cost.calls.payouts.create" in objected(found)
                break
    assert not codes(shop.verify(), "decision", "integrity")


def test_the_kill_switch_during_a_call(shop: Shop, tool: Tool) -> None:
    """What was begun ends and is recorded; nothing is begun until it is released."""
    tool.answers.clear()
    with shop.guard() as guard, guard.run() as run:
        done: list[object] = []
        thread = threading.Thread(
            target=lambda: done.append(run.call(calls(tool), "orders.get", {"order": "A-1"}))
        )
        thread.start()
        while not tool.calls:
            thread.join(0.005)
        shop.switch("engaged")
        killed = run.propose("orders.get", {"order": "A-2"})
        assert objected(killed) == ["recovery.kill-switch"]
        tool.answers.set()
        thread.join()
        assert done == [{"payout": "P-1"}]
        shop.switch("released")
        order_of(run, "A-2")
        shop.switch("engaged", "safe")
        assert isinstance(run.propose("payouts.create", payout()), Denied)
        order_of(run, "A-3")
        shop.switch("released", "safe")
    assert not codes(shop.verify(), "decision", "integrity", "coverage.outcome")


def test_containment(shop: Shop) -> None:
    """Once the service has done too much it is denied, and the guard that may pulls the switch."""
    shop.activate(_contract().replace("value_micros: 1000000000", "value_micros: 30000000"))
    with shop.guard(commander=shop.client("commander")) as guard, guard.run() as run:
        order = order_of(run)
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
        for number in (2, 3):
            seen = order_of(run, f"A-{number}")
            found = run.propose("payouts.create", payout(f"A-{number}"), evidence=[seen])
            assert "recovery.containment" in objected(found)
    switches = list(shop.store.records_containing(b'"kind":"switch"'))
    assert len(switches) == 1
    assert not codes(shop.verify(), "decision", "integrity")


def test_a_commander_who_may_not(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """That the switch could not be pulled is said, and the action is denied all the same."""
    shop.activate(_contract().replace("value_micros: 1000000000", "value_micros: 10"))
    with shop.guard(commander=shop.client("clerk")) as guard, guard.run() as run:
        found = run.propose("payouts.create", payout(), evidence=[order_of(run)])
        assert "recovery.containment" in objected(found)
    assert "could not be pulled" in caplog.text
    assert not codes(shop.verify(), "decision", "integrity")


def test_two_approvals_race(shop: Shop) -> None:
    """Two who may approve do so at once, and two resume at once: it is done once."""
    with shop.guard() as guard, guard.run() as run:
        order = order_of(run)
        held = run.propose("payouts.create", payout(micros=200_000_000), evidence=[order])
        assert isinstance(held, ApprovalNeeded)
        barrier, found = threading.Barrier(2), list[object]()

        def resumes(name: Guard) -> None:
            barrier.wait()
            shop.approve(held.action)
            found.append(name.attach(run.id).resume(held.action))

        threads = [threading.Thread(target=resumes, args=(one,)) for one in (guard, shop.guard())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        allowed = [one for one in found if isinstance(one, GuardedAction)]
        assert (len(found), len(allowed)) == (2, 1)
        allowed[0].ok(**paid())
    assert not codes(shop.verify(), "decision", "integrity")


# ---------------------------------------------------------------------------------- observing


@pytest.mark.parametrize("which", ["payouts.create", "*"])
def test_observing(which: str, shop: Shop) -> None:
    """Nothing is refused and no decision recorded; nobody is told, and no switch is pulled."""
    shop.activate(_contract().replace("value_micros: 1000000000", "value_micros: 10"))
    told: list[Answer] = []
    more: dict[str, Any] = {"when_held": told.append, "commander": shop.client("commander")}
    with shop.guard(observe=[which], **more) as guard, guard.run() as run:
        order = order_of(run)
        for params in (payout(method="cash"), payout("VIP-1"), payout(micros=200_000_000)):
            found = run.propose("payouts.create", params, evidence=[order])
            assert isinstance(found, GuardedAction)
            assert isinstance(found.answer, Allowed)
            assert found.answer.effect != "allow"
            found.ok(**paid())
    assert not told
    assert not list(shop.store.records_containing(b'"kind":"switch"'))
    recorded = [json.loads(raw) for _, raw in shop.store.records_containing(b'"kind":"action"')]
    assert [one["tool"] for one in recorded if "decision" in one] == (
        [] if which == "*" else ["orders.get"]
    )
    assert not codes(shop.verify(), "decision", "integrity")


def test_what_is_recorded_has_a_kind(shop: Shop) -> None:
    """A guard records what happens in runs, and nothing else."""
    guard = shop.guard()
    with pytest.raises(ValueError, match="is none of"):
        guard.record("activation", {})
    with pytest.raises(GuardError, match="no such action"):
        guard.proposal("ab" * 32)
    assert guard.service == shop.guard().service


def _contract() -> str:
    return CONTRACT.replace("version: 1.0.0", "version: 2.0.0")
