"""Many callers at once, and the whole process from its start to SIGTERM."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from contracts.answers import Repeated
from contracts.grouped import Wanted
from contracts.guard import Guard
from contracts.performing import GuardedAction
from ledger.checkpoint import parse_checkpoint, parse_note
from ledger.clock import system_clock
from ledger.founding import open_founded
from ledger.store import Store
from tests.guard.shop import SERVICE, Shop, codes, found, order_of, paid, payout
from tests.service.served import serving
from writ.application import answer
from writ.remote import RemoteGuard
from writ.service.problems import ProblemError
from writ.service.sequencer import BusyError, Done, Sequencer
from writ.service.verifications import KEPT, Verifications

CALLERS: Final = 16
PATIENCE: Final = 30


def test_sixteen_callers_at_once(shop: Shop) -> None:
    """Each pays an order of its own and one that all want: it is paid once, and all is decided."""
    with serving(shop) as served:
        guard = served.guard()

        def work(number: int) -> list[bool]:
            with guard.run(goal=f"caller {number}") as run:
                seen = order_of(run, f"A-{number}")
                done: list[bool] = []
                for order in (f"A-{number}", "SHARED"):
                    act = run.propose("payouts.create", payout(order), evidence=[seen])
                    assert isinstance(act, GuardedAction | Repeated)
                    done.append(isinstance(act, GuardedAction))
                    if isinstance(act, GuardedAction):
                        act.ok(**paid(number))
            return done

        with ThreadPoolExecutor(CALLERS) as pool:
            paid_by = list(pool.map(work, range(CALLERS)))
        groups = served.http.get(f"{served.url}/metrics").text
    assert all(own for own, _ in paid_by)
    assert sum(shared for _, shared in paid_by) == 1
    largest = re.findall(r'writ_group_size_bucket\{le="1.0",.*\} (\d+)', groups)
    counted = re.findall(r"writ_group_size_count\{.*\} (\d+)", groups)
    assert int(float(largest[0])) < int(float(counted[0])), "some were recorded together"
    assert codes(shop.verify(), "decision.", "reference.", "integrity.") == []


def test_a_bounded_queue(shop: Shop) -> None:
    """What does not fit is refused at once; what waits is done, in order, before the end."""
    holds, begun = threading.Event(), threading.Event()
    sizes: list[int] = []

    def grouped(guard: Guard, wanted: Sequence[Wanted]) -> list[Done | Exception]:
        begun.set()
        holds.wait(PATIENCE)
        return [ValueError(guard.service) for _ in wanted]

    sequencer = Sequencer(shop.guard(), 3, grouped=grouped, told=sizes.append)
    first = sequencer.submit(Wanted("run", {}))
    begun.wait(PATIENCE)
    waiting: list[Future[Done]] = [sequencer.submit(Wanted("run", {})) for _ in range(3)]
    with pytest.raises(BusyError):
        sequencer.submit(Wanted("run", {}))
    assert waiting[0].cancel()
    holds.set()
    sequencer.close()
    assert sizes == [1, 2]
    assert isinstance(first.exception(), ValueError)
    assert isinstance(waiting[2].exception(), ValueError)
    with pytest.raises(BusyError):
        sequencer.submit(Wanted("run", {}))


def test_sixteen_verifications_are_kept(tmp_path: Path) -> None:
    """Where all of them wait there is room for no more, and at the end none is begun."""
    made = Verifications(str(tmp_path / "none.db"))
    asked = [made.ask() for _ in range(KEPT)]
    with pytest.raises(ProblemError) as busy:
        made.ask()
    assert (busy.value.status, busy.value.code) == (429, "verification.busy")
    made.close()
    assert {one.state for one in asked} == {"failed"}


@pytest.fixture
def real(tmp_path: Path) -> str:
    """Give a shop's ledger by the machine's clock: another process reads it."""
    location = str(tmp_path / "ledger.db")
    found(location, system_clock)
    return location


def test_the_command(real: str) -> None:
    """It serves until SIGTERM, and then all is recorded, and under a signed head."""
    command = [sys.executable, "-m", "writ", "serve", real, "--as", "agent"]
    process = subprocess.Popen(
        [*command, "--commander", "commander", "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        url = _url(process)
        key = open_founded(real).key("agent")
        with httpx.Client() as http:
            assert http.get(f"{url}/readyz").status_code == 200
            guard = RemoteGuard(url, key, SERVICE, client=http)
            with guard.run() as run:
                order_of(run)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0, said
        assert '"route":"/v1/decisions"' in said
    finally:
        process.kill()
        process.communicate()
    with Store.open(real) as store:
        note = store.last_checkpoint()
        assert note is not None
        assert parse_checkpoint(parse_note(note).text).size == store.size()
        assert b'"kind":"stream-close"' in (store.row(store.size() - 1).record or b"")


def _url(process: "subprocess.Popen[str]") -> str:
    """Wait until it listens, and return where."""
    assert process.stderr is not None
    ends, said = time.monotonic() + PATIENCE, ""
    while time.monotonic() < ends:
        line = process.stderr.readline()
        said += line
        if where := re.search(r"running on (http://\S+)", line):
            return where[1]
    raise AssertionError(said)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--as", "nobody"], "ledger.identity"),
        (["--as", "lead"], "serve.role"),
        (["--as", "agent", "--service", "none"], "contract.service"),
        (["--as", "agent", "--listen", "here"], "serve.listen"),
        (["--as", "agent", "--oidc-issuer", "x"], "serve.oidc"),
    ],
)
def test_the_command_says_what_is_wrong(
    real: str, more: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the code that it has everywhere."""
    assert answer(["serve", real, *more]) != 0
    assert f"writ: {code}: " in capsys.readouterr().err
