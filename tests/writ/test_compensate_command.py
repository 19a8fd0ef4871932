"""`writ compensate`: an action is taken back by a command, under the contract."""

import json
import shlex
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.clock import format_time, system_clock
from tests.guard.shop import CONTRACT, Hands, Shop, codes, found, opened, order_of, paid, payout
from tests.writ.conftest import Run

LEDGER = "shop.db"
AGENT = ("--as", "agent", "--yes")
_APPROVED = """
  approve:
    - {id: back, for: payouts.reverse, when: "true", role: lead}
"""


@pytest.fixture
def shop(writ: Run) -> Generator[Shop]:  # noqa: ARG001  (it makes the folder)
    """The shop with a contract in force since an hour."""
    found(LEDGER, Hands(format_time(system_clock() - timedelta(hours=1))))
    with opened(LEDGER, system_clock) as shop:
        yield shop


def done(shop: Shop) -> str:
    """Pay, and return the action's digest."""
    with shop.guard() as guard, guard.run() as run:
        seen = order_of(run)
        with run.action("payouts.create", payout(), evidence=[seen]) as act:
            act.ok(**paid())
    return act.id


def command(body: str) -> str:
    """A command that runs some Python with the parameters in `given`."""
    Path("tool.py").write_text(
        f"import json, sys, pathlib\ngiven = json.load(sys.stdin)\n{body}\n", "utf-8"
    )
    return shlex.join([sys.executable, "tool.py"])


NOTES = "pathlib.Path('calls').open('a').write(json.dumps(given) + '\\n')"


def calls() -> list[object]:
    """What the command was called with."""
    return [json.loads(line) for line in Path("calls").read_text("utf-8").splitlines()]


def test_taken_back_once(writ: Run, shop: Shop) -> None:
    """With the contract's parameters; the result is recorded; a second time is refused."""
    action = done(shop)
    tool = command(f"{NOTES}\nprint(json.dumps({{'reversal': 'R-1'}}))")
    code, out, err = writ("compensate", LEDGER, action[:12], "--run-command", tool, *AGENT)
    assert (code, 'by payouts.reverse {"payout": "P-1"}' in out) == (0, True), err
    assert calls() == [{"payout": "P-1"}]
    assert len(list(shop.store.records_containing(b'"reversal":"R-1"'))) == 1
    code, _, err = writ("compensate", LEDGER, action, "--run-command", tool, *AGENT)
    assert (code, "writ: compensate.done: " in err, len(calls())) == (4, True, 1)
    assert codes(shop.verify(), "decision", "integrity", "recovery.outcome") == []


def test_a_command_that_fails_is_tried_again_as_the_contract_says(writ: Run, shop: Shop) -> None:
    """Each attempt is recorded, and the exit code says that nothing is taken back."""
    action = done(shop)
    tool = command(f"{NOTES}\nsys.exit(3)")
    code, _, err = writ("compensate", LEDGER, action, "--run-command", tool, *AGENT)
    assert (code, "writ: compensate.failed: " in err, "exit code 3" in err) == (1, True, True)
    assert len(calls()) == 2
    assert len(list(shop.store.records_containing(b'exit code 3"'))) == 2


@pytest.mark.parametrize(
    ("more", "code", "exit_code"),
    [
        (("--run-command", ""), "compensate.command", 2),
        (("--run-command", "'"), "compensate.command", 2),
        (("--run-command", "./not-there"), "compensate.failed", 1),
    ],
)
def test_a_command_that_is_none(
    writ: Run, shop: Shop, more: tuple[str, ...], code: str, exit_code: int
) -> None:
    """Said before it is called, or as the failure that it is."""
    answer, _, err = writ("compensate", LEDGER, done(shop), *more, *AGENT)
    assert (answer, f"writ: {code}: " in err) == (exit_code, True), err


def test_what_cannot_be_taken_back(writ: Run, shop: Shop) -> None:
    """The contract names no way, and says so."""
    done(shop)
    read, _ = next(iter(shop.store.records_containing(b'"tool":"orders.get"')))
    code, _, err = writ("compensate", LEDGER, read, "--run-command", "true", *AGENT)
    assert (code, "writ: guard.irreversible: " in err) == (4, True), err
    code, _, err = writ("compensate", LEDGER, read, "--run-command", "true", "--yes")
    assert (code, "writ: compensate.as: " in err) == (2, True)


def test_a_parameter_that_the_contract_leaves_open(writ: Run, shop: Shop) -> None:
    """It is given along; what the contract computes stands, whatever is given."""
    action = done(shop)
    tool = command(f"{NOTES}\nprint('{{}}')")
    given = ("--param", "note=by hand", "--param", "payout=PO-999999")
    code, _, err = writ("compensate", LEDGER, action, "--run-command", tool, *AGENT, *given)
    assert code == 0, err
    (called,) = calls()
    assert isinstance(called, dict)
    assert called["note"] == "by hand"
    assert called["payout"] == "P-1"
    _, _, err = writ("compensate", LEDGER, action, "--run-command", tool, *AGENT, "--param", "note")
    assert "rollback.param" in err


def test_a_result_in_full_and_one_that_cannot_be_read(writ: Run, shop: Shop) -> None:
    """With --whole it says what it cost; what is no JSON is done all the same, and not repeated."""
    tool = command("print(json.dumps({'cost': {'currency': 'EUR', 'micros': 77}}))")
    asked = ("--run-command", tool, "--whole", *AGENT)
    assert writ("compensate", LEDGER, done(shop), *asked)[0] == 0
    assert len(list(shop.store.records_containing(b'"cost":{"currency":"EUR","micros":77}'))) == 1


def test_no_json_is_done_all_the_same(writ: Run, shop: Shop) -> None:
    """The exit code says that it was done."""
    tool = command("print('reversed!')")
    code, _, err = writ("compensate", LEDGER, done(shop), "--run-command", tool, *AGENT)
    assert (code, "its result is no JSON" in err) == (0, True), err


def test_one_that_people_approve(writ: Run, shop: Shop) -> None:
    """The run stays open for it, and goes on once they have."""
    action = done(shop)
    clock = Hands(format_time(system_clock()))
    with opened(LEDGER, clock) as other:
        other.activate(CONTRACT.replace("1.0.0", "1.1.0").replace("\n  approve:\n", _APPROVED))
    tool = ("--run-command", command(NOTES))
    code, _, err = writ("compensate", LEDGER, action, *tool, *AGENT)
    assert (code, "writ: guard.approval-needed: " in err) == (4, True), err
    proposal = err.split("--resume ")[1].split(".")[0]
    assert writ("approve", LEDGER, proposal, "--as", "lead", "--yes")[0] == 0
    code, _, err = writ("compensate", LEDGER, action, *tool, *AGENT, "--resume", proposal)
    assert (code, calls()) == (0, [{"payout": "P-1"}]), err
    code, _, err = writ("compensate", LEDGER, proposal, *tool, *AGENT, "--resume", action)
    assert code == 4
