"""`writ switch`: who may stop a service or some of it, what is stopped, and the drill."""

import json
import threading
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from contracts.answers import Denied
from contracts.performing import GuardedAction
from ledger.clock import format_time, system_clock
from ledger.founding import Founder
from ledger.records import Switch
from tests.guard import shop as shops
from tests.guard.shop import SERVICE, Hands, Shop, found, opened, order_of, paid, payout
from tests.writ.conftest import Run
from writ import drilling

LEDGER = "shop.db"
ROSA = ("--service", "refunds", "--as", "commander", "--reason", "a fire")
PAYOUTS = 'action.tool == "payouts.create"'


@pytest.fixture
def shop(writ: Run, monkeypatch: pytest.MonkeyPatch) -> Generator[Shop]:  # noqa: ARG001
    """The shop with a contract in force since an hour, and a commander without the role."""
    known = shops.founders()
    more = (Founder("deputy", ("commander",), "dan@shop.example"),)
    monkeypatch.setattr(shops, "founders", lambda: (*known, *more))
    found(LEDGER, Hands(format_time(system_clock() - timedelta(hours=1))))
    with opened(LEDGER, system_clock) as shop:
        yield shop


def engaged(writ: Run) -> dict[str | None, Any]:
    """What is engaged, by selector."""
    code, out, err = writ("switch", "status", LEDGER, "--service", "refunds", "--json")
    assert code == 0, err
    return {one["selector"]: one for one in json.loads(out)["switches"] if one["engaged"]}


def test_stopped_and_let_go(writ: Run, shop: Shop) -> None:
    """Some of it with a selector, all of it, safe mode: each is its own, and status tells them."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run)
        code, out, err = writ("switch", "engage", LEDGER, *ROSA, "--where", PAYOUTS, "--yes")
        assert (code, out.startswith("engaged (kill): entry")) == (0, True), err
        denied = run.propose("payouts.create", payout(), evidence=[seen])
        assert isinstance(denied, Denied)
        assert [one.rule for one in denied.objections] == ["recovery.kill-switch"]
        order_of(run)
        assert writ("switch", "engage", LEDGER, *ROSA, "--mode", "safe", "--yes")[0] == 0
        assert {(one["mode"], one["reason"]) for one in engaged(writ).values()} == {
            ("kill", "a fire"),
            ("safe", "a fire"),
        }
        code, out, _ = writ("switch", "status", LEDGER, "--service", SERVICE)
        assert "the whole service: ENGAGED (safe)" in out
        assert f"where {PAYOUTS}: ENGAGED (kill)" in out
        assert "accepted of: incident-commander" in out
        again = writ("switch", "engage", LEDGER, *ROSA, "--where", PAYOUTS, "--yes")
        assert (again[0], "is engaged already" in again[1]) == (0, True)
        code, out, err = writ("switch", "release", LEDGER, *ROSA, "--yes")
        assert (code, f"where {PAYOUTS} is still engaged" in err) == (0, True)
        assert list(engaged(writ)) == [PAYOUTS]
        assert writ("switch", "release", LEDGER, *ROSA, "--where", PAYOUTS, "--yes")[0] == 0
        allowed = run.propose("payouts.create", payout(), evidence=[seen])
        assert isinstance(allowed, GuardedAction)
        allowed.ok(**paid())


@pytest.mark.parametrize(
    ("command", "more", "code", "exit_code"),
    [
        ("engage", ("--as", "deputy"), "switch.role", 4),
        ("engage", ("--as", "agent"), "append.not-entitled", 4),
        ("engage", ("--as", "commander", "--where", "action.tol == 1"), "switch.selector", 2),
        ("engage", ("--as", "commander", "--where", "action.tool =="), "switch.selector", 2),
        ("engage", ("--as", "commander", "--where", "action.tool"), "switch.selector", 2),
        ("engage", ("--as", "commander", "--where", "limits.alone > 1"), "switch.selector", 2),
        ("engage", ("--as", "commander", "--where", "facts.x > 1"), "switch.selector", 2),
        (
            "engage",
            ("--as", "commander", "--where", '"a" in action.selected'),
            "switch.selector",
            2,
        ),
        ("engage", (), "switch.as", 2),
        ("release", ("--as", "commander"), "switch.not-engaged", 4),
        ("release", ("--as", "commander", "--service", "x"), "contract.service", 4),
        ("drill", ("--as", "deputy"), "switch.role", 4),
        ("drill", ("--as", "commander", "--agent", "nobody"), "ledger.identity", 4),
    ],
)
def test_what_would_stop_nothing_is_refused(
    writ: Run, shop: Shop, command: str, more: tuple[str, ...], code: str, exit_code: int
) -> None:
    """Each with its code, before anything is written."""
    before = shop.store.size()
    sure = () if command == "drill" else ("--yes",)
    asked = ("--service", "refunds", "--reason", "r", *sure, *more)
    answer, _, err = writ("switch", command, LEDGER, *asked)
    assert (answer, f"writ: {code}: " in err) == (exit_code, True), err
    assert shop.store.size() == before


def test_a_selector_over_parameters_warns(writ: Run, shop: Shop) -> None:  # noqa: ARG001
    """What it cannot tell of an action stops that too, which nobody expects."""
    where = ("--where", 'params.order == "A-1"')
    code, _, err = writ("switch", "engage", LEDGER, *ROSA, *where, "--yes")
    assert (code, "is stopped too" in err) == (0, True)


def test_a_switch_that_is_not_in_force_is_named(writ: Run, shop: Shop) -> None:
    """It stops nothing, and status says so."""
    client = shop.client("deputy")
    client.submit([client.make(Switch, service=SERVICE, state="engaged", mode="kill", reason="me")])
    code, out, _ = writ("switch", "status", LEDGER, "--service", "refunds")
    assert (code, "the whole service: released" in out, "is not in force" in out) == (0, True, True)
    assert engaged(writ) == {}


def test_a_drill_stops_no_work(writ: Run, shop: Shop) -> None:
    """While another guard works the switch is engaged, seen to stop, and released again."""
    ended, done, denied = threading.Event(), [0], [0]

    def work() -> None:
        with opened(LEDGER, system_clock) as other, other.guard() as guard, guard.run() as run:
            while not ended.is_set():
                found = run.propose("orders.get", {"order": f"A-{done[0]}"})
                if isinstance(found, GuardedAction):
                    found.ok()
                    done[0] += 1
                elif any(one.rule == drilling.RULE for one in found.objections):
                    denied[0] += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        asked = ("--service", "refunds", "--as", "commander")
        code, out, err = writ("switch", "drill", LEDGER, *asked)
    finally:
        ended.set()
        worker.join()
    assert code == 0, err
    assert "stopped by recovery.kill-switch after" in out
    assert (done[0] > 0, denied[0]) == (True, 0)
    assert engaged(writ) == {}
    report = shop.verify()
    assert [one.code for one in report.findings if one.result.value == "violated"] == []
    assert {one.code for one in report.findings if one.action == drilling.TOOL} >= {drilling.RULE}


def test_a_drill_that_finds_it_broken_says_so(
    writ: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is stopped cannot be drilled; a switch that stops nothing fails the drill."""
    asked = ("--service", "refunds", "--as", "commander")
    monkeypatch.setattr(drilling, "SELECTOR", 'action.tool == "another"')
    code, _, err = writ("switch", "drill", LEDGER, *asked)
    assert (code, "writ: drill.failed: " in err) == (1, True), err
    assert engaged(writ) == {}
    shop.switch("engaged")
    code, _, err = writ("switch", "drill", LEDGER, *asked)
    assert (code, "writ: drill.stopped: " in err) == (4, True), err
