"""Every call of an MCP client passes the guard: with the real library, over memory and HTTP."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from tests.guard.shop import Hands, Shop, codes, found, opened, payout
from verifier.findings import Result

pytest.importorskip("fastmcp")

import uvicorn
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from writ.adapters.mcp import RUN, Evidence, GuardMiddleware

CASE = {RUN: "case-1"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Return the shop's ledger under its contract."""
    location, clock = str(tmp_path / "shop.db"), Hands()
    found(location, clock)
    with opened(location, clock) as shop:
        yield shop


class Payments:
    """The shop's payment system: an MCP server that knows nothing of contracts."""

    def __init__(self, shop: Shop) -> None:
        self.paid: list[str] = []
        self.guard = shop.guard()
        self.middleware = GuardMiddleware(
            self.guard,
            {"orders.get": Evidence("order", "orders-db", ref="order")},
            says={"payouts.create": _said},
        )
        self.server = FastMCP("payments", middleware=[self.middleware])
        self.server.tool(self.order, name="orders.get")
        self.server.tool(self.pay, name="payouts.create")
        self.server.tool(self.open_case, name="cases.open")

    def order(self, order: str) -> dict[str, Any]:
        """Return an order."""
        return {"order": order, "micros": 20_000_000}

    async def pay(self, order: str, micros: int, method: str) -> dict[str, Any]:  # noqa: ARG002
        """Pay an order back."""
        if order == "slow":
            await asyncio.sleep(5)
        if order == "broken":
            raise ToolError("the bank is closed")
        self.paid.append(order)
        return {"payout": f"P-{len(self.paid)}", "micros": micros}

    def open_case(self, why: str) -> dict[str, Any]:
        """Hand over to a person."""
        return {"case": why}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run(self.middleware.close())
        self.guard.close()


def _said(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a payout cost, and what left the shop."""
    return {
        "cost": {"currency": "EUR", "micros": 250_000},
        "value": {"currency": "EUR", "micros": result["micros"]},
    }


@pytest.fixture
def payments(shop: Shop) -> Iterator[Payments]:
    """Return the server under contract."""
    with Payments(shop) as payments:
        yield payments


async def called(payments: Payments, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Make calls of one run, one after the other."""
    async with Client(payments.server) as client:
        return [
            await client.call_tool(name, params, meta=CASE, raise_on_error=False)
            for name, params in calls
        ]


READ = ("orders.get", {"order": "A-1"})


def test_a_call_is_decided_made_and_recorded(payments: Payments, shop: Shop) -> None:
    """What was read is cited as evidence, and the payout's outcome has what the tool gave."""
    _, paid = asyncio.run(called(payments, READ, ("payouts.create", payout())))
    assert not paid.is_error
    assert paid.structured_content == {"payout": "P-1", "micros": 20_000_000}
    payments.__exit__()
    report = shop.verify()
    assert codes(report, "decision", "evidence", "tools", "scope", "coverage.run", "recovery") == []
    assert report.conformance.records["outcome"] == 2
    assert report.conformance.records["observation"] == 1


def test_a_refused_call_says_why_and_is_not_made(payments: Payments) -> None:
    """The model reads each rule; the tool is never called."""
    (no,) = asyncio.run(called(payments, ("payouts.create", payout(method="cash"))))
    assert no.is_error
    assert "scope.cash (deny)" in no.content[0].text
    told = no.structured_content["writ"]
    assert told["answer"] == "Denied"
    assert {one["rule"] for one in told["objections"]} == {"scope.cash", "evidence.order.missing"}
    assert payments.paid == []


def test_a_held_call_is_resumed_once_it_is_approved(payments: Payments, shop: Shop) -> None:
    """The same call again goes on with what was approved."""
    large = ("payouts.create", payout(micros=200_000_000))
    _, held = asyncio.run(called(payments, READ, large))
    assert held.is_error
    action = held.structured_content["writ"]["action"]
    assert action in held.content[0].text
    shop.approve(action)
    (paid,) = asyncio.run(called(payments, large))
    assert not paid.is_error
    assert payments.paid == ["A-1"]
    payments.__exit__()
    report = shop.verify()
    assert codes(report, "decision") == []
    assert all(one.result is not Result.VIOLATED for one in report.findings)


def test_the_same_call_again_gives_what_was_recorded(payments: Payments) -> None:
    """Delivered twice, paid once."""
    pay = ("payouts.create", payout())
    _, first, second = asyncio.run(called(payments, READ, pay, pay))
    assert first.structured_content == second.structured_content
    assert payments.paid == ["A-1"]


@pytest.mark.parametrize(("order", "status"), [("slow", "timeout"), ("broken", "error")])
def test_a_failing_tool_has_its_outcome(
    payments: Payments, shop: Shop, order: str, status: str
) -> None:
    """A tool that takes too long, or fails, leaves an outcome that says so."""
    _, failed = asyncio.run(called(payments, READ, ("payouts.create", payout(order))))
    assert failed.is_error
    raw = [raw for _, raw in shop.store.records_containing(b'"kind":"outcome"')]
    assert f'"status":"{status}"'.encode() in raw[-1]


def test_without_a_name_each_call_is_a_run(payments: Payments, shop: Shop) -> None:
    """Where the protocol has no session and the client names no run, nothing is shared."""

    async def calls() -> None:
        async with Client(payments.server) as client:
            for order in ("A-1", "A-2"):
                await client.call_tool("orders.get", {"order": order})

    asyncio.run(calls())
    assert shop.verify().conformance.records["run"] in {3, 4}


def test_over_http_as_in_memory(payments: Payments) -> None:
    """A client on the other side of a socket passes the same guard."""

    async def over_http() -> list[Any]:
        app = payments.server.http_app()
        return await _served(app)

    paid = asyncio.run(over_http())
    assert paid[1].structured_content == {"payout": "P-1", "micros": 20_000_000}
    assert payments.paid == ["A-1"]


async def _served(app: Any) -> list[Any]:  # noqa: ANN401 - an ASGI application
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # it has no event to wait for
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            return [
                await client.call_tool(name, params, meta=CASE)
                for name, params in (READ, ("payouts.create", payout()))
            ]
    finally:
        server.should_exit = True
        await serving


def test_a_guard_that_cannot_decide_lets_nothing_through(payments: Payments, shop: Shop) -> None:
    """The kill switch, pulled from elsewhere, holds for the next call."""
    shop.switch("engaged")
    (no,) = asyncio.run(called(payments, ("cases.open", {"why": "?"})))
    assert "recovery.kill-switch" in no.content[0].text
