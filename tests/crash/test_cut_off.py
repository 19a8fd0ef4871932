"""Writers on hosts of their own, over TCP: one is cut off in the middle of an append."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ledger.founding import Founded, trust_file
from ledger.store import Store
from tests.crash.netspaces import NET, Network, NoNamespacesError, network
from tests.crash.operations import client_of
from tests.crash.served import on_server
from tests.crash.stopping import ROOT
from tests.ledger.postgresql import NoServerError, kept_server
from tests.ledger.writers import Answer, missing
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

HOSTS = 2
PATIENCE = 20.0
# What a URL may say, here much less patient than what holds where it does not: the server gives a
# host up after three seconds of silence, and the host the server after one.
IMPATIENT = {
    "options": "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2 "
    "-c tcp_user_timeout=3000",
    "tcp_user_timeout": "1000",
    "connect_timeout": "2",
}


# Says how long the server waits for the host that asks.
ASKS = """
import sys
from sqlalchemy import text
from ledger.schema import open_engine
with open_engine(sys.argv[1], "ro").connect() as asked:
    for name in ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout"):
        print(asked.execute(text(f"SHOW tcp_{name}")).scalar())
"""


class Writer:
    """A writer's process on a host, and what it says."""

    def __init__(self, net: Network, host: int, founded: Founded, folder: Path) -> None:
        self.hold = folder / f"hold-{host}"
        url = make_url(founded.location).set(host=net.address(host), query=IMPATIENT)
        far = [sys.executable, "-m", "tests.crash.far", url.render_as_string()]
        self.process = subprocess.Popen(
            [*net.within(host), *far, str(founded.keys_dir), str(self.hold)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as told:
            self.said.extend(line.rstrip("\n") for line in told)

    def answers(self) -> list[Answer]:
        """Return what was acknowledged."""
        told = [line.split() for line in list(self.said) if line[0].isdecimal()]
        return [Answer(int(index), leaf, 0) for index, leaf in told]

    def failures(self) -> list[str]:
        """Return what it failed with."""
        return [line for line in list(self.said) if line.startswith("!")]

    def appends_more(self, more: int = 20) -> None:
        """Wait until it has."""
        wanted = len(self.answers()) + more
        until(lambda: len(self.answers()) >= wanted)

    def end(self) -> int:
        """Tell it to end, and return with which code it does."""
        self.hold.unlink(missing_ok=True)
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self._reader.join()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Give hosts of their own."""
    try:
        with network(HOSTS) as made:
            yield made
    except NoNamespacesError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def url(net: Network) -> Iterator[str]:
    """Give the URL of a server on its host, by a socket that is on no network."""
    listen = ",".join(net.address(host) for host in net.hosts)
    try:
        with kept_server([f"--listen_addresses={listen}"], net.within(None), NET) as server:
            yield server.url
    except NoServerError as error:
        pytest.skip(str(error))


def test_a_host_is_cut_off_and_comes_back(net: Network, url: str, tmp_path: Path) -> None:
    """It does not hold up the other; nothing acknowledged is lost, nothing stands there twice."""
    founded = on_server(url, tmp_path)
    with ExitStack() as stack:
        writers = [Writer(net, host, founded, tmp_path) for host in net.hosts]
        for each in writers:
            stack.callback(each.end)
        one, other = writers
        for each in writers:
            each.appends_more()
        # For less time than anybody gives up after: what was sent is sent again.
        net.cut(0)
        time.sleep(0.3)
        net.mend(0)
        for each in writers:
            each.appends_more()
        # While it holds the ledger's lock, with its append not yet sent.
        one.hold.touch()
        until(lambda: one.said[-1] == "=")
        net.cut(0)
        one.hold.unlink()
        until(lambda: bool(one.failures()))
        other.appends_more()
        net.mend(0)
        for each in writers:
            each.appends_more()
        assert [each.end() for each in writers] == [0, 0]
    # It was cut off while it wrote, or while it read what others had added.
    clear = ("! store.unusable", "! store.unreadable", "! append.stale")
    assert all(said.startswith(clear) for said in one.failures())
    assert other.failures() == []
    whole(founded, [answer for each in writers for answer in each.answers()])


@pytest.mark.parametrize(
    ("query", "waits"), [({}, ["10", "5", "2", "20000"]), (IMPATIENT, ["1", "1", "2", "3000"])]
)
def test_a_server_gives_a_silent_host_up(
    net: Network, url: str, query: dict[str, str], waits: list[str]
) -> None:
    """After twenty seconds, for a writer may hold the lock; what a URL says of that goes first."""
    asked = make_url(url).set(host=net.address(0), query=query).render_as_string()
    command = [*net.within(0), sys.executable, "-c", ASKS, asked]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout.split() == waits


def whole(founded: Founded, answers: list[Answer]) -> None:
    """All is there, once, in one chain that verifies under a head."""
    with Store.open(founded.location, writable=True) as store:
        client_of(founded, "agent", store).checkpoint()
        assert missing(store, answers) == []
    trust = parse_trust(trust_file(founded).encode())
    report = verify_ledger(founded.location, trust, conformance=False)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity
    assert report.integrity.invalid_submissions == 0
    assert report.ledger.checkpoint_size == report.ledger.size
