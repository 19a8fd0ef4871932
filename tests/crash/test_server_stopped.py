"""A server that is stopped at once, in the middle of appends, and started again."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.entry import leaf_hash
from ledger.errors import StoreError
from ledger.founding import Founded, trust_file
from ledger.records import Message, RunOpened
from ledger.store import Store
from ledger.testing import SERVICE
from tests.crash.operations import client_of
from tests.crash.served import on_server, whole_there
from tests.ledger.postgresql import NoServerError, Server, kept_server
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

WRITERS = 2
STOPS = 2
PATIENCE = 30.0


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that may be stopped: nobody else uses it."""
    try:
        with kept_server() as started:
            yield started
    except NoServerError as error:
        pytest.skip(str(error))


@dataclass
class Writing:
    """What writers have said, until they are told to end."""

    said: list[str] = field(default_factory=list[str])
    failures: list[StoreError] = field(default_factory=list[StoreError])
    done: threading.Event = field(default_factory=threading.Event)

    def until_done(self, founded: Founded) -> None:
        """Append one record after the other with one client, whatever the server does."""
        with Store.open(founded.location, writable=True) as store:
            client = client_of(founded, "agent", store)
            [run] = client.submit([client.make(RunOpened, service=SERVICE)])
            turn = 0
            while not self.done.is_set():
                try:
                    made = client.make(Message, run=run.record, role="user", turn=turn)
                    receipts = client.retry() if client.is_unsettled else client.submit([made])
                except StoreError as error:
                    self.failures.append(error)
                    time.sleep(0.05)
                    continue
                turn += 1
                self.said += [f"{one.index} {one.leaf}" for one in receipts]
            client.close()


def wait_for_more(of: Sequence[object], more: int) -> None:
    """Wait until there are so many more of them than now, but not for ever."""
    wanted, deadline = len(of) + more, time.monotonic() + PATIENCE
    while len(of) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def nothing_missing(founded: Founded, said: Sequence[str]) -> None:
    """All that was acknowledged is there, while others write on."""
    with Store.open(founded.location) as store:
        for index, leaf in (text.split() for text in said):
            assert leaf_hash(store.row(int(index)).header).hex() == leaf


def test_the_server_is_stopped_at_once(server: Server, tmp_path: Path) -> None:
    """Nothing acknowledged is missing; the error is clear; the same writers go on, once each."""
    founded = on_server(server.url, tmp_path)
    writing = Writing()
    threads = [threading.Thread(target=writing.until_done, args=[founded]) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(STOPS):
            wait_for_more(writing.said, 20)
            server.stop_at_once()
            wait_for_more(writing.failures, WRITERS)
            server.start()
            nothing_missing(founded, writing.said.copy())
            wait_for_more(writing.said, 20)
    finally:
        writing.done.set()
        for thread in threads:
            thread.join()
    # It was gone while somebody wrote, or read what others had added.
    assert {error.code for error in writing.failures} <= {"store.unusable", "store.unreadable"}
    said = ("cannot be written (", "cannot be read (", "cannot read it (")
    assert all(any(words in str(error) for words in said) for error in writing.failures)
    whole_there(tmp_path, writing.said)
    assert len(set(writing.said)) == len(writing.said)
    report = verify_ledger(server.url, parse_trust(trust_file(founded).encode()), conformance=False)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity
    assert report.integrity.invalid_submissions == 0
    # Genesis and its stream's end, and of each writer the end of its stream: all else was
    # acknowledged, and stands there once.
    assert report.ledger.size == len(writing.said) + 3 + WRITERS + WRITERS
