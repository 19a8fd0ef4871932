"""`writ rollback` on a real ledger: what it answers, and what it proposes to the guard."""

import json
import shlex
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.clock import format_time, system_clock
from replay.scopes import Scope
from tests.guard.shop import CONTRACT, Hands, Shop, codes, found, opened, order_of, paid, payout
from tests.writ.conftest import Run
from writ.rollback_options import SCOPES

LEDGER = "shop.db"
AGENT = ("--as", "agent", "--yes")
PAYOUTS = ("--where", 'action.tool == "payouts.create"')
_APPROVED = """
  approve:
    - {id: back, for: payouts.reverse, when: "true", role: lead}
"""
_BOUND = "calls: 3, value_micros: 1000000000"


@pytest.fixture
def shop(writ: Run) -> Generator[Shop]:  # noqa: ARG001  (it makes the folder)
    """The shop with a contract in force since an hour."""
    found(LEDGER, Hands(format_time(system_clock() - timedelta(hours=1))))
    with opened(LEDGER, system_clock) as shop:
        yield shop


def pay(shop: Shop, *numbers: int) -> list[str]:
    """Pay for some orders through the guard, and return the actions' digests."""
    done: list[str] = []
    for number in numbers:
        order = f"A-{number}"
        with shop.guard() as guard, guard.run() as run:
            seen = order_of(run, order)
            with run.action("payouts.create", payout(order), evidence=[seen]) as act:
                act.ok(**paid(number))
        done.append(act.id)
    return done


def asked(writ: Run, *more: str) -> dict[str, Any]:
    """Return the answer as JSON."""
    code, out, err = writ("rollback", LEDGER, *PAYOUTS, *more, "--format", "json")
    assert code == 0, err
    body: dict[str, Any] = json.loads(out)
    return body


def entries(shop: Shop) -> int:
    """Return how many entries the ledger has."""
    return shop.store.size()


def test_the_plan_is_what_the_guard_then_does(writ: Run, shop: Shop) -> None:
    """Every payout is taken back in a world with real balances, and the next answer says so."""
    actions = pay(shop, 1, 2, 3)
    body = asked(writ)
    steps = body["tables"]["plan"]
    assert [step["class"] for step in steps] == ["reversible"] * 3
    assert body["recovered_micros"] == {"EUR": 60_000_000}
    balance = {f"P-{number}": 20_000_000 for number in (1, 2, 3)}

    def take(payout: str) -> dict[str, Any]:
        return {"back": balance.pop(payout)}

    with shop.guard() as guard:
        for step in steps:
            with guard.run() as run:
                action = next(one for one in actions if _entry(shop, one) == step["entry"])
                run.compensate(action, take)
    assert balance == {}
    body = asked(writ)
    assert body["residual_micros"] == {}
    assert body["tables"]["plan"] == []
    assert "could be undone to 100.0 % of 60.00 EUR" in body["headline"]
    assert codes(shop.verify(), "decision", "integrity") == []


def _entry(shop: Shop, digest: str) -> int:
    with shop.guard() as guard:
        event = guard.proposal(digest)
    order = event["params"]["order"]
    mark = json.dumps(order).encode()
    found_at = [
        index
        for index, raw in shop.store.records_containing(b'"tool":"payouts.create"')
        if mark in raw
    ]
    return found_at[0]


def test_what_is_proposed_is_proposed_once(writ: Run, shop: Shop) -> None:
    """The first time each call is decided and left; the second time nothing is written."""
    pay(shop, 1, 2)
    code, _, err = writ("rollback", LEDGER, *PAYOUTS, "--record", *AGENT)
    assert code == 0, err
    assert err.count("payouts.reverse is allowed: writ compensate LEDGER") == 2
    size = entries(shop)
    code, _, err = writ("rollback", LEDGER, *PAYOUTS, "--record", *AGENT)
    assert (code, err.count("proposed already, at entry")) == (0, 2), err
    assert entries(shop) == size
    assert codes(shop.verify(), "decision", "integrity", "recovery.outcome") == []


def test_what_people_approve_is_then_made(writ: Run, shop: Shop) -> None:
    """It waits, is said to wait, is not proposed again, and is made once it is approved."""
    (action,) = pay(shop, 1)
    clock = Hands(format_time(system_clock()))
    with opened(LEDGER, clock) as other:
        other.activate(CONTRACT.replace("1.0.0", "1.1.0").replace("\n  approve:\n", _APPROVED))
    assert asked(writ, "--as-of", "2031-01-01")["approvals"] == {}
    code, out, err = writ("rollback", LEDGER, *PAYOUTS, "--record", *AGENT)
    assert (code, "needs 1 approval (1 by lead)" in out) == (0, True), err
    proposal = err.split("writ approve LEDGER ")[1].split()[0]
    body = asked(writ)
    assert body["tables"]["plan"][0]["proposed"] is not None
    assert "proposed already, and wait" in " ".join(body["sentences"])
    size = entries(shop)
    assert writ("rollback", LEDGER, *PAYOUTS, "--record", *AGENT)[0] == 0
    assert entries(shop) == size
    assert writ("approve", LEDGER, proposal, "--as", "lead", "--yes")[0] == 0
    Path("tool.py").write_text("print('{}')", "utf-8")
    tool = ("--run-command", shlex.join([sys.executable, "tool.py"]))
    code, _, err = writ("compensate", LEDGER, action, *tool, *AGENT, "--resume", proposal)
    assert code == 0, err
    assert asked(writ)["residual_micros"] == {}


def test_what_the_bounds_hold_back_waits(writ: Run, shop: Shop) -> None:
    """No more is proposed at once than the contract lets through, and nothing is denied."""
    clock = Hands(format_time(system_clock()))
    with opened(LEDGER, clock) as other:
        bounded = CONTRACT.replace("value_micros: 1000000000", _BOUND)
        other.activate(bounded.replace("1.0.0", "1.1.0"))
    pay(shop, 1, 2)
    code, out, err = writ("rollback", LEDGER, *PAYOUTS, "--record", *AGENT)
    assert code == 0, err
    assert "Made all at once, 1 of 2 calls would be allowed" in out
    assert "1 more have to wait for the contract's bounds" in err
    assert len(list(shop.store.records_containing(b'"effect":"deny"'))) == 0


def test_nothing_to_propose(writ: Run, shop: Shop) -> None:
    """Where the plan is empty nobody is asked for anything."""
    pay(shop, 1)
    code, _, err = writ("rollback", LEDGER, "--where", "false", "--record", *AGENT)
    assert (code, "nothing is proposed: the plan has no call" in err) == (0, True), err


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--scope", "world"), "rollback.scope"),
        (("--param", "reason"), "rollback.param"),
        (("--as-of", "yesterday"), "value.time"),
        (("--pulled", "soon"), "value.time"),
        (("--record",), "rollback.as"),
        (("--record", "--as-of", "3", *AGENT), "rollback.record"),
        (("--record", "--as", "agent"), "rollback.confirm"),
        (("--run", "R-9"), "run.unknown"),
        (("--incident", "I-9"), "incident.unknown"),
        (("--format", "pdf"), "format.unknown"),
        (("--format", "csv", "--table", "chairs"), "value.table"),
    ],
)
def test_what_cannot_be_asked(writ: Run, shop: Shop, more: tuple[str, ...], code: str) -> None:
    """Said with what to do instead, and nothing is written."""
    pay(shop, 1)
    size = entries(shop)
    answer, _, err = writ("rollback", LEDGER, *more)
    assert (answer, f"writ: {code}: " in err) == (2, True), err
    assert entries(shop) == size


def test_every_format(writ: Run, shop: Shop) -> None:
    """Text to the terminal, tables as CSV and Parquet, a page to a file."""
    pay(shop, 1)
    options = ("--apart", "--param", "note=1", "--pulled", "2026-01-01", "--as-of", "99")
    code, out, _ = writ("rollback", LEDGER, *PAYOUTS, *options)
    assert (code, "shared targets left apart" in out) == (0, True)
    code, out, _ = writ("rollback", LEDGER, "--format", "csv", "--table", "actions")
    assert (code, out.splitlines()[0].startswith("entry,time,run,by,tool")) == (0, True)
    for name in ("plan.parquet", "plan.html"):
        form = name.rpartition(".")[2]
        assert writ("rollback", LEDGER, "--format", form, "--out", name)[0] == 0
        assert Path(name).stat().st_size > 500


def test_the_scopes_are_those_of_replay() -> None:
    """The command knows them without importing it."""
    assert tuple(Scope) == SCOPES
