"""Many processes, each with a guard of its own on one ledger: they decide as one would."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.performing import GuardedAction
from ledger.clock import format_time, system_clock
from ledger.encoding import decode
from ledger.store import Store
from tests.guard.processes import Agent, Tool, together, tool_server
from tests.guard.shop import CONTRACT, SERVICE, Hands, codes, found, opened, order_of, paid, payout
from verifier.engines import Engines
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict

MANY = 8
BUDGET = 3_000_000
ESTIMATE = 250_000
RACE = """
contract: race
version: 2.0.0
identity: {service: spiffe://shop.example/ai/refunds, owner: mara@shop.example, permissions: [buy]}
scope: {modes: [execute]}
policy: {document: {name: policy, version: "1"}}
tools:
  buy:
    mode: execute
    permission: buy
    params: {type: object}
    target: params.n
    estimate: {cost: "250000", value: "250000"}
    irreversible: bought is bought
LIMIT
"""
PER_RUN = "cost: {per_run: {cost_micros: 3000000, currency: EUR}}"
CONTAINED = "recovery: {containment: {over: service, within: 1h, value_micros: 3000000}}"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Give the folder of the ledger's keys."""
    return tmp_path / "keys"


@pytest.fixture
def tool() -> Iterator[Tool]:
    """Give a tool server."""
    with tool_server() as started:
        yield started


def ordered(location: str, keys: Path, task: str, many: int = MANY, **more: Any) -> list[Any]:  # noqa: ANN401
    """Return an order for each of many processes."""
    return [
        {
            "location": location,
            "keys": str(keys),
            "service": SERVICE,
            "task": task,
            "seed": seed,
            **more,
        }
        for seed in range(many)
    ]


def earlier(location: str, keys: Path, text: str = CONTRACT) -> None:
    """Found the shop's ledger, an hour ago, so that its contract is in force."""
    clock = Hands(format_time(system_clock() - timedelta(hours=1)))
    found(location, clock, keys)
    if text != CONTRACT:
        with opened(location, clock, keys) as shop:
            shop.activate(text)


def checked(location: str, keys: Path) -> None:
    """Verify with both engines: no decision differs, and nothing is wrong with the ledger."""
    with opened(location, system_clock, keys) as shop:
        shop.verify()
    for engines in (Engines.ROWS, Engines.COLUMNS):
        report = verify_ledger(location, engines=engines)
        assert report.integrity.verdict is IntegrityVerdict.HOLDS
        assert not codes(report, "decision", "integrity", "coverage.no-contract"), engines


def actions(location: str) -> list[dict[str, Any]]:
    """Return the actions in a ledger."""
    with Store.open(location) as store:
        return [decode(raw) for _, raw in store.records_containing(b'"kind":"action"')]


def test_decisions_are_those_that_a_verifier_comes_to(place: str, keys: Path) -> None:
    """Random work of eight processes, with violations, approvals, switches and a new version."""
    earlier(place, keys)
    orders = ordered(place, keys, "work", runs=2, steps=6)
    orders[3]["activates"] = True
    together(orders)
    effects = {one["decision"]["effect"] for one in actions(place)}
    # Whether anything is held or handed over hangs on who pulls a switch when, in eight processes.
    assert {"allow", "deny"} <= effects <= {"allow", "approve", "escalate", "deny"}
    assert {one["contract"]["version"] for one in actions(place)} == {"1.0.0", "1.1.0"}
    checked(place, keys)


@pytest.mark.parametrize("limit", ["per run", "of the service"])
def test_estimates_never_exceed_a_budget(limit: str, place: str, keys: Path) -> None:
    """Eight processes race for it, and each allowed call overshoots by what it took too much."""
    earlier(place, keys, RACE.replace("LIMIT", PER_RUN if limit == "per run" else CONTAINED))
    with opened(place, system_clock, keys) as shop:
        run = shop.guard().run(goal="race")
    money = {"currency": "EUR", "micros": 300_000}
    more: dict[str, Any] = {"run": run.id} if limit == "per run" else {}
    buys: dict[str, Any] = {"tool": "buy", "params": {}, "n": True, "takes": 0.01, "times": 4}
    says = {"cost": money, "value": money}
    said = [
        one
        for lines in together(ordered(place, keys, "race", says=says, **buys, **more))
        for one in lines
    ]
    allowed = [one for one in said if "allowed" in one]
    refused = [one["rules"] for one in said if "refused" in one]
    assert refused
    assert all(rules == [_rule(limit)] for rules in refused)
    assert len(allowed) * ESTIMATE <= BUDGET
    # Each took 50,000 more than was estimated: by that of the calls that were open at once it may
    # be exceeded, and by no more.
    assert len(allowed) * 300_000 <= BUDGET + MANY * 50_000
    assert (len(allowed) + 1) * 300_000 > BUDGET
    checked(place, keys)


def _rule(limit: str) -> str:
    return "cost.cost" if limit == "per run" else "recovery.containment"


def test_open_estimates_fill_a_budget(keys: Path, tmp_path: Path) -> None:
    """Calls of which nobody says what came of them hold what was estimated, to the last."""
    place = str(tmp_path / "ledger.db")
    earlier(place, keys, RACE.replace("LIMIT", CONTAINED))
    orders = ordered(place, keys, "race", times=3, tool="buy", params={}, n=True, ends=False)
    said = [one for lines in together(orders) for one in lines]
    assert len([one for one in said if "allowed" in one]) == BUDGET // ESTIMATE
    checked(place, keys)


def test_one_key_is_used_once(place: str, keys: Path, tool: Tool) -> None:
    """By eight processes at once, and after: the tool is called once, and they hear of that."""
    earlier(place, keys)
    with opened(place, system_clock, keys) as shop, shop.guard() as guard, guard.run() as run:
        order = order_of(run)
        orders = ordered(
            place,
            keys,
            "race",
            times=2,
            tool="payouts.create",
            params=payout(),
            n=False,
            run=run.id,
            evidence=[order.digest],
            url=tool.url,
            takes=0.05,
            says=paid(),
        )
        said = [one for lines in together(orders) for one in lines]
        assert len([one for one in said if "allowed" in one]) == 1
        assert len(tool.calls) == 1
        others = [one for one in said if "refused" in one]
        assert {one["refused"] for one in others} <= {"Repeated", "Denied"}
        told = [one["outcome"] for one in others if one["outcome"]]
        assert all(one["fields"] == {"payout": "P-1"} for one in told)
        later = together(orders[:1])[0]
        assert later
        assert all("refused" in one for one in later)
        assert len(tool.calls) == 1
    checked(place, keys)


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_killed(after: Any, place: str, keys: Path, tool: Tool) -> None:  # noqa: ANN401
    """Who is killed leaves its key held until somebody says that nobody will end the call."""
    earlier(place, keys)
    order = {**ordered(place, keys, "stop", 1)[0], "after": after, "url": tool.url}
    agent = Agent(order)
    agent.go()
    said = agent.hears()
    agent.kill()
    assert len(tool.calls) == int(after)
    with opened(place, system_clock, keys) as shop, shop.guard() as guard:
        assert list(guard.unfinished()) == [said["action"]]
        run = guard.attach(said["run"])
        seen = order_of(run)
        again = run.propose("payouts.create", payout(), evidence=[seen])
        assert not isinstance(again, GuardedAction)
        assert [one.rule for one in again.objections] == ["tools.payouts.create.idempotency"]
        guard.abandon(said["action"], "its process was killed")
        run.close()
        with guard.run(goal="anew") as other:
            cited = [order_of(other).digest]
            told = guard.decide("payouts.create", payout(), run=other.id, evidence=cited)
        # Nobody knows what it cost either, so that the contract's containment cannot be decided.
        assert [one.rule for one in told.objections] == ["recovery.containment"]
        assert not guard.unfinished()
    checked(place, keys)
