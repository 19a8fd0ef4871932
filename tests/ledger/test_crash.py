"""Killed while appending, and several writers at once: nothing acknowledged is lost."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ledger import Store
from ledger.client import LedgerClient
from ledger.clock import parse_time
from ledger.entry import leaf_hash
from ledger.records import Message
from ledger.testing import BuiltLedger
from tests.ledger.walk import walk

ROOT = Path(__file__).resolve().parents[2]
RUN = "ab" * 32


def start(founded: BuiltLedger, name: str, *more: str) -> subprocess.Popen[str]:
    """Start a writer as a process of its own."""
    command = [sys.executable, "-m", "tests.ledger.crash_writer", str(founded.path.parent), name]
    return subprocess.Popen([*command, *more], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def acknowledged(process: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Return what a process has said to be durable. Its last line may be cut off by its end."""
    out, _ = process.communicate(timeout=120)
    lines = [line.split() for line in out.split("\n")[:-1]]
    return [(int(words[0]), words[1]) for words in lines if len(words) == 2 and len(words[1]) == 64]


@pytest.mark.parametrize("after", [0.0, 0.02, 0.15, 0.4])
def test_killed_while_appending(founded: BuiltLedger, after: float) -> None:
    """Whenever it dies: the store verifies, has all that was acknowledged, and can be written."""
    process = start(founded, "agent")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.kill()
    durable = acknowledged(process)
    with Store.open(founded.path) as store:
        size = walk(store)
        for index, leaf in durable:
            assert leaf_hash(store.row(index).header).hex() == leaf
    with Store.open(founded.path, writable=True) as store:
        later = "2100-01-01T00:00:00.000000Z"
        assert parse_later(store) < later
        with client_at(founded, store, later) as client:
            client.submit([client.make(Message, run=RUN, role="user", turn=0)])
        assert walk(store) == size + 2


def parse_later(store: Store) -> str:
    """Return the time of the last entry."""
    return store.head()[0].recorded_at


def client_at(founded: BuiltLedger, store: Store, moment: str) -> LedgerClient:
    """Return an agent's client whose clock stands still."""
    return LedgerClient(
        store,
        founded.founded.key("agent"),
        founded.founded.identities["agent"],
        clock=lambda: parse_time(moment),
        head_signer=founded.founded.head_signer(),
    )


def test_processes_take_turns(founded: BuiltLedger) -> None:
    """Several processes write one ledger: one chain, no fork, no false alarm, all of it there."""
    writers = [start(founded, name, "15") for name in ("agent", "importer", "agent")]
    durable = [entry for process in writers for entry in acknowledged(process)]
    assert [process.returncode for process in writers] == [0, 0, 0]
    assert len(durable) == len(set(durable)) == 3 * 30
    with Store.open(founded.path) as store:
        assert walk(store) == 3 + 3 * 30 + 3
        for index, leaf in durable:
            assert leaf_hash(store.row(index).header).hex() == leaf
        assert list(store.checkpoints())[-1][0] == store.size()


def test_threads_take_turns(founded: BuiltLedger, store: Store) -> None:
    """Threads may share a client, and others may have one of their own."""
    shared = founded.client("agent", store, checkpoint_every=5)
    failures: list[BaseException] = []

    def write(client: LedgerClient) -> None:
        try:
            for turn in range(10):
                client.submit([client.make(Message, run=RUN, role="user", turn=turn)])
        except BaseException as error:  # noqa: BLE001  (given to the main thread)
            failures.append(error)

    own = [founded.client("importer", store, checkpoint_every=3) for _ in range(2)]
    threads = [threading.Thread(target=write, args=[client]) for client in (shared, shared, *own)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in (shared, *own):
        client.close()
    assert failures == []
    assert walk(store) == store.size() == 3 + 40 + 3


def test_reading_while_others_write(founded: BuiltLedger) -> None:
    """A reader sees the ledger up to some entry, whole, and never a gap that is none."""
    process = start(founded, "agent", "40")
    while process.poll() is None:
        with Store.open(founded.path) as store:
            indexes = [row.idx for row in store.rows()]
            assert indexes == list(range(len(indexes)))
    acknowledged(process)
    with Store.open(founded.path) as store:
        assert walk(store) == store.size()
