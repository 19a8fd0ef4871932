"""A clock that goes back, on each kind of store: a second is clamped, more is refused."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.client import LedgerClient
from ledger.clock import format_time
from ledger.entry import parse_header
from ledger.errors import ClockError
from ledger.founding import Founded, create_ledger, default_founders
from ledger.records import Message
from ledger.store import Store
from tests.ledger.behind import RUN, appended, behind
from tests.ledger.walk import walk

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = format_time(NOON)
JUST_MORE = 1.000001


@pytest.fixture
def founded(place: str, tmp_path: Path) -> Founded:
    """Give a ledger that was founded before noon."""
    return create_ledger(
        place,
        origin="example.com/ledger",
        founders=default_founders("anna@example.com", "bob@example.com"),
        keys_dir=tmp_path / "keys",
        clock=lambda: NOON - timedelta(hours=1),
    )


def times(store: Store) -> list[str]:
    """Return when the ledger says that each entry was written."""
    return [parse_header(row.header).recorded_at for row in store.rows()]


def test_the_clock_of_a_writer_goes_back(founded: Founded) -> None:
    """By a second: its entries have the last one's time. By more: refused, until it is right."""
    moment = NOON
    with Store.open(founded.location, writable=True) as store:
        client = LedgerClient(
            store,
            founded.key("agent"),
            founded.identities["agent"],
            clock=lambda: moment,
            head_signer=founded.head_signer(),
        )
        assert appended(client, store) == NOW
        moment = NOON - timedelta(seconds=1)
        assert appended(client, store) == NOW
        moment, size = NOON - timedelta(seconds=JUST_MORE), store.size()
        record = client.make(Message, run=RUN, role="user", turn=1)
        with pytest.raises(ClockError, match="set the clock right") as caught:
            client.submit([record])
        assert caught.value.code == "append.clock"
        with pytest.raises(ClockError):
            client.append(lambda _head, _time: [record])
        assert store.size() == size
        assert client.retry() == []
        moment = NOON + timedelta(microseconds=1)
        assert appended(client, store) == format_time(moment)
        client.close()
        assert walk(store) == store.size()
        assert times(store) == sorted(times(store))


def test_the_clocks_of_two_writers_differ(founded: Founded) -> None:
    """Each is held against the last entry, whoever wrote it, and none writes an earlier time."""
    with (
        Store.open(founded.location, writable=True) as one,
        Store.open(founded.location, writable=True) as other,
    ):
        right = behind(founded, one, NOW, 0)
        a_little, far = behind(founded, other, NOW, 1), behind(founded, other, NOW, JUST_MORE)
        # Whoever comes first may be behind: nothing says so yet.
        assert appended(far, other) < appended(a_little, other) < appended(right, one) == NOW
        assert appended(a_little, other) == NOW
        with pytest.raises(ClockError):
            appended(far, other)
        assert appended(right, one) == NOW
        assert walk(one) == one.size()
        assert times(one) == sorted(times(one))


def test_the_clock_of_another_host_is_behind(founded: Founded) -> None:
    """Two processes: the one that is behind by more than a second writes nothing."""
    with Store.open(founded.location, writable=True) as store:
        assert appended(behind(founded, store, NOW, 0), store) == NOW
        size = store.size()
        command = [sys.executable, "-m", "tests.ledger.behind", founded.location]
        command += [str(founded.keys_dir), NOW, "1", str(JUST_MORE), "3600"]
        told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        assert told.stdout.split() == [NOW, "append.clock", "append.clock"]
        assert store.size() == size + 1
        assert appended(behind(founded, store, NOW, 0), store) == NOW
        assert walk(store) == store.size()
