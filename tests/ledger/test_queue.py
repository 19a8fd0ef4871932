"""The queue: bounded, in order, and with a stated choice for when the ledger is away."""

import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from ledger import Store, parse_header
from ledger.admission import Receipt
from ledger.client import LedgerClient
from ledger.errors import (
    EncodingError,
    NotEntitledError,
    QueueFullError,
    SpoolRefusedError,
    StoreError,
)
from ledger.founding import Founded, create_ledger, default_founders
from ledger.queue import LedgerQueue
from ledger.records import Action, Decision, Message, Observation
from ledger.spool import Spooled, spool_state
from ledger.testing import BuiltLedger
from tests.ledger.walk import walk

ROOT = Path(__file__).resolve().parents[2]
RUN = "ab" * 32


def said(client: LedgerClient, turn: int = 0) -> Message:
    """Build a message."""
    return client.make(Message, run=RUN, role="user", turn=turn)


def turns(store: Store) -> list[str]:
    """Return the digests of all records, in the ledger's order."""
    return [parse_header(row.header).record for row in store.rows()]


@contextmanager
def away(path: Path) -> Generator[None]:
    """Make every append to a store in a file fail, as a failing disk does."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER away BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'away'); END"
        )
        try:
            yield
        finally:
            connection.execute("DROP TRIGGER away")


def test_what_waits_is_written_together_and_in_order(founded: BuiltLedger, store: Store) -> None:
    """Many threads hand in; each gets its own receipts; there are fewer submissions."""
    client = founded.client("agent", store, checkpoint_every=100)
    answers: dict[int, list[Receipt | Spooled]] = {}
    with LedgerQueue(client) as queue:

        def hand_in(thread: int) -> None:
            for turn in range(20):
                records = [said(client, turn), said(client, turn + 1)]
                answers[100 * thread + turn] = list(queue.submit(records).result(60))

        threads = [threading.Thread(target=hand_in, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert queue.flush(5)
    receipts = [one for answer in answers.values() for one in answer if isinstance(one, Receipt)]
    assert len(receipts) == 160
    for answer in answers.values():
        first, second = answer
        assert isinstance(first, Receipt)
        assert isinstance(second, Receipt)
        assert second.index == first.index + 1
    headers = [parse_header(row.header) for row in store.rows(3)]
    for receipt in receipts:
        assert headers[receipt.index - 3].record == receipt.record
    assert len({header.number for header in headers}) < 80
    assert walk(store) == 3 + 160


def test_one_that_is_refused_does_not_refuse_the_others(founded: BuiltLedger, store: Store) -> None:
    """Records of several who hand in share a submission, and not a refusal."""
    client = founded.client("agent", store)
    other = said(client).model_copy(update={"by": "spiffe://example.com/other"})
    with LedgerQueue(client) as queue:
        with store.writing():
            # While the ledger's lock is held here, all of these come to wait.
            tickets = [queue.submit([one]) for one in (said(client), said(client), other)]
            tickets += [queue.submit([said(client)])]
        assert isinstance(tickets[0].result(60)[0], Receipt)
        assert isinstance(tickets[1].result(60)[0], Receipt)
        with pytest.raises(NotEntitledError):
            tickets[2].result(60)
        assert isinstance(tickets[3].result(60)[0], Receipt)
    assert walk(store) == 3 + 3


def test_it_holds_so_much_and_no_more(founded: BuiltLedger, store: Store) -> None:
    """At capacity it blocks, or raises; a ticket that was cancelled is not written."""
    client = founded.client("agent", store)
    with LedgerQueue(client, capacity=3) as queue:
        with pytest.raises(ValueError, match="1 to"):
            queue.submit([])
        with pytest.raises(ValueError, match="1 to"):
            queue.submit([said(client)] * 4)
        with pytest.raises(EncodingError):
            queue.submit([client.make(Action, run=RUN, tool="pay", params={"x": {1: 2}})])
        with store.writing():
            first = queue.submit([said(client)])
            while not first.running():
                pass
            second = queue.submit([said(client), said(client)])
            with pytest.raises(QueueFullError):
                queue.submit([said(client)], timeout=0)
            with pytest.raises(QueueFullError):
                queue.submit([said(client)], timeout=0.05)
            assert second.cancel()
        third = queue.submit([said(client)])
        assert len(third.result(60)) == len(first.result(60)) == 1
    assert walk(store) == 3 + 2
    with pytest.raises(ValueError, match="closed"):
        queue.submit([said(client)])


def test_a_spool_is_chosen_with_its_folder(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """Which of both it is, is said."""
    client = founded.client("agent", store)
    with pytest.raises(ValueError, match="folder"):
        LedgerQueue(client, when_away="spool")
    with pytest.raises(ValueError, match="folder"):
        LedgerQueue(client, spool=tmp_path)
    with pytest.raises(ValueError, match="one record"):
        LedgerQueue(client, capacity=0)


def test_refused_while_the_ledger_is_away(founded: BuiltLedger, store: Store) -> None:
    """Fail closed: the ticket says so, nothing is kept, and all goes on when it is back."""
    client = founded.client("agent", store)
    with LedgerQueue(client) as queue:
        with away(founded.path), pytest.raises(StoreError, match="away"):
            queue.submit([said(client)]).result(60)
        assert queue.spooled() == 0
        assert isinstance(queue.submit([said(client)]).result(60)[0], Receipt)
    assert walk(store) == 3 + 1


def test_spooled_while_the_ledger_is_away(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """Kept here, told apart from recorded, recorded in order when it is back, and once."""
    client = founded.client("agent", store)
    folder = tmp_path / "spool"
    with LedgerQueue(client, when_away="spool", spool=folder, retry_every=0.02) as queue:
        before = queue.submit([said(client)]).result(60)
        with away(founded.path):
            kept = [queue.submit([said(client, turn)]).result(60)[0] for turn in range(5)]
            assert all(isinstance(one, Spooled) for one in kept)
            assert queue.spooled() == 5
            assert not queue.flush(0.1)
            assert spool_state(folder)[0].waiting == 5
        assert queue.flush(60)
        assert queue.spooled() == 0
        after = queue.submit([said(client)]).result(60)
    assert turns(store)[3:] == [one.record for one in [*before, *kept, *after]]
    assert list(folder.iterdir()) == []
    assert walk(store) == 3 + 7


def test_a_decision_is_never_spooled(founded: BuiltLedger, store: Store, tmp_path: Path) -> None:
    """What was decided on the ledger as it was is recorded there, or not done."""
    client = founded.client("agent", store)
    decision = Decision(effect="allow", reasons=())
    decided = client.make(Action, run=RUN, tool="pay", params={}, decision=decision)
    sealed = client.make(Action, run=RUN, tool="pay", params={"to": {"sealed": RUN}})
    seen = client.make(Observation, run=RUN, what="x", source="y", observer="source")
    with LedgerQueue(client, when_away="spool", spool=tmp_path / "s", retry_every=0.02) as queue:
        with away(founded.path):
            with pytest.raises(SpoolRefusedError, match="decided"):
                queue.submit([decided]).result(60)
            assert isinstance(queue.submit([seen]).result(60)[0], Spooled)
            with pytest.raises(SpoolRefusedError, match="sealed"):
                queue.submit([sealed]).result(60)
        assert queue.flush(60)


def test_what_cannot_be_recorded_now_stays(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """Closed while the ledger is away; the next process of this identity takes over."""
    client = founded.client("agent", store)
    folder = tmp_path / "spool"
    with away(founded.path):
        with LedgerQueue(client, when_away="spool", spool=folder) as queue:
            kept = queue.submit([said(client), said(client)]).result(60)
        assert [state.waiting for state in spool_state(folder)] == [2]
        assert not spool_state(folder)[0].in_use
    other = founded.client("importer", store)
    with LedgerQueue(other, when_away="spool", spool=folder):
        pass
    assert [state.waiting for state in spool_state(folder)] == [2]
    again = founded.client("agent", store)
    with LedgerQueue(again, when_away="spool", spool=folder) as queue:
        assert queue.flush(60)
        last = queue.submit([said(again)]).result(60)
    assert turns(store)[3:] == [one.record for one in [*kept, *last]]
    assert spool_state(folder) == []


# -------------------------------------------------------------------------------- killed


def run_writer(
    founded: BuiltLedger, folder: Path, count: int, taken: int = 0
) -> subprocess.Popen[str]:
    """Start a writer as a process of its own."""
    command = [sys.executable, "-m", "tests.ledger.queue_writer", str(founded.path.parent)]
    return subprocess.Popen(
        [*command, str(folder), str(count), str(taken)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(lines: str) -> list[tuple[str, str]]:
    """Return what a process has acknowledged. Its last line may be cut off by its end."""
    words = [line.split() for line in lines.split("\n")[:-1]]
    return [(one[0], one[1]) for one in words if len(one) == 2 and len(one[1]) == 64]


def test_killed_while_spooling(founded: BuiltLedger, store: Store, tmp_path: Path) -> None:
    """All that was acknowledged as spooled is recorded by whoever comes after, in order, once."""
    folder = tmp_path / "spool"
    with away(founded.path):
        process = run_writer(founded, folder, 10_000)
        assert process.stdout is not None
        head = "".join(process.stdout.readline() for _ in range(25))
        process.kill()
        rest, _ = process.communicate(timeout=60)
    kept = told(head + rest)
    assert {how for how, _ in kept} == {"spooled"}
    client = founded.client("agent", store)
    with LedgerQueue(client, when_away="spool", spool=folder) as queue:
        assert queue.flush(60)
    recorded = turns(store)[3:]
    assert recorded[: len(kept)] == [record for _, record in kept]
    assert len(recorded) == len(set(recorded)) <= len(kept) + 1
    assert walk(store) == store.size()


@pytest.mark.parametrize("taken", [1, 2])
def test_killed_between_recording_and_noting_it(
    founded: BuiltLedger, store: Store, tmp_path: Path, taken: int
) -> None:
    """What was recorded just before it died is not recorded again."""
    folder = tmp_path / "spool"
    # More than one submission holds, so that the second group is another one.
    with away(founded.path):
        client = founded.client("agent", store)
        with LedgerQueue(client, when_away="spool", spool=folder) as queue:
            tickets = [queue.submit([said(client, turn)] * 1) for turn in range(1100)]
            kept = [one.record for ticket in tickets for one in ticket.result(60)]
    process = run_writer(founded, folder, 3, taken)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -9
    assert turns(store)[3:] == kept[: 1024 if taken == 1 else 1100]
    process = run_writer(founded, folder, 3)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    after = [record for _, record in told(out)]
    recorded = turns(store)[3:]
    assert recorded[:1100] == kept
    assert set(after) <= set(recorded)
    assert max(Counter(recorded).values()) == 1
    assert spool_state(folder) == []


# ------------------------------------------------------------------------------ PostgreSQL


@contextmanager
def server_away(location: str) -> Generator[None]:
    """Let nobody connect to a database, and end who is connected."""
    url = make_url(location).set(drivername="postgresql+psycopg")
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    allow = f"ALTER DATABASE {url.database} WITH ALLOW_CONNECTIONS"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'"  # noqa: S608  (a name that the test made)
    with engine.connect() as connection:
        connection.execute(text(f"{allow} false"))
        connection.execute(text(end))
        try:
            yield
        finally:
            connection.execute(text(f"{allow} true"))
    engine.dispose()


def test_a_server_that_goes_away_and_comes_back(location: str, tmp_path: Path) -> None:
    """Connections break, records are spooled, and recorded in order when it takes them again."""
    founded: Founded = create_ledger(
        location,
        origin="example.com/ledger",
        founders=default_founders("anna@example.com", "bob@example.com"),
        keys_dir=tmp_path / "keys",
    )
    folder = tmp_path / "spool"
    with Store.open(location, writable=True) as store:
        client = LedgerClient(
            store,
            founded.key("agent"),
            founded.identities["agent"],
            head_signer=founded.head_signer(),
            checkpoint_every=0,
        )
        with LedgerQueue(client, when_away="spool", spool=folder, retry_every=0.05) as queue:
            before = queue.submit([said(client)]).result(60)
            with server_away(location):
                kept = [queue.submit([said(client, turn)]).result(60)[0] for turn in range(5)]
                assert all(isinstance(one, Spooled) for one in kept)
            assert queue.flush(60)
            after = queue.submit([said(client)]).result(60)
        assert turns(store)[3:] == [one.record for one in [*before, *kept, *after]]
        client.close()
        assert walk(store) == store.size()
