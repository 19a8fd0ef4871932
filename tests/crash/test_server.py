"""On PostgreSQL: the client killed at what it sends, and the server's processes killed."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import StoreError
from ledger.founding import Founded
from ledger.records import Message
from ledger.store import Store
from tests.crash.operations import client_of
from tests.crash.served import RUN, on_server, whole_there
from tests.crash.stopping import KILLED, Stopper, chosen

NAME = "append-to-server"


def test_killed_at_what_it_sends(stop: Stopper, location: str, tmp_path: Path) -> None:
    """Whatever the server heard last: all that was acknowledged is there, and work goes on."""
    on_server(location, tmp_path)
    whole = stop.run(NAME, tmp_path, sockets=True)
    assert whole.code == 0, whole.failure
    said = list(whole.acknowledged)
    # How often it sends differs a little from time to time: the last few points need not be there.
    for at in chosen(whole.points * 9 // 10, 12):
        ended = stop.run(NAME, tmp_path, at=at, sockets=True)
        assert ended.code == KILLED, (at, ended)
        said += ended.acknowledged
        whole_there(tmp_path, said)
    last = stop.run(NAME, tmp_path, sockets=True)
    assert last.code == 0, last.failure
    whole_there(tmp_path, [*said, *last.acknowledged])


@pytest.mark.skipif(
    bool(os.environ.get("WRIT_TEST_POSTGRES")), reason="only the tests' own server is killed"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="the server's processes may be another user's")
@pytest.mark.parametrize("after", [0.05, 0.2, 0.35])
def test_the_server_dies(location: str, tmp_path: Path, after: float) -> None:
    """A process of the server is killed, so that it recovers: nothing acknowledged is missing."""
    founded = on_server(location, tmp_path)
    said: list[str] = []
    ends: list[StoreError] = []
    writer = threading.Thread(target=write_until_it_fails, args=[founded, said, ends])
    writer.start()
    while not said:
        time.sleep(0.01)
    time.sleep(after)
    for process in processes(location):
        # The others end by themselves once one of them is gone, perhaps before their turn.
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    writer.join()
    assert [error.code for error in ends] == ["store.unusable"]
    wait_for(location)
    whole_there(tmp_path, said)
    with (
        Store.open(location, writable=True) as store,
        client_of(founded, "agent", store) as client,
    ):
        client.submit([client.make(Message, run=RUN, role="user", turn=0)])
    whole_there(tmp_path, said)


def write_until_it_fails(founded: Founded, said: list[str], ends: list[StoreError]) -> None:
    """Append, noting what is acknowledged, until the store fails."""
    try:
        with Store.open(founded.location, writable=True) as store:
            client = client_of(founded, "agent", store)
            while True:
                made = client.make(Message, run=RUN, role="user", turn=0)
                said.extend(f"{one.index} {one.leaf}" for one in client.submit([made]))
    except StoreError as error:
        ends.append(error)


def processes(location: str) -> list[int]:
    """Return the server's processes that serve this database, without the one that answers."""
    engine = create_engine(make_url(location))
    with engine.connect() as connection:
        asked = (
            "SELECT pid FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        found = [row[0] for row in connection.execute(text(asked))]
    engine.dispose()
    return found


def wait_for(location: str) -> None:
    """Wait until the server has recovered."""
    deadline = time.monotonic() + 30
    while True:
        engine = create_engine(make_url(location))
        try:
            with engine.connect():
                return
        except SQLAlchemyError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        finally:
            engine.dispose()
