"""A disk that is truly full or read-only: said with a code, nothing acknowledged is lost."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.client import LedgerClient
from ledger.errors import LedgerError, SpoolError
from ledger.queue import LedgerQueue
from ledger.records import Message
from ledger.spool import Spool, spool_state
from ledger.store import Store
from tests.crash.mounts import NoMountError, fill, read_only, small_disk
from tests.crash.operations import (
    LEDGER,
    RUN,
    client_of,
    founded_in,
    holds,
    prepared,
    sound,
    verified,
)
from tests.crash.spooling import WAITING, prepared_away, recorded, told

SIZE = 1 << 20
TEXT = "x" * 4_000
# More cannot be written before the disk is full.
MANY = 2 * SIZE // len(TEXT)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a small disk of its own."""
    try:
        with small_disk(tmp_path / "disk", SIZE) as folder:
            yield folder
    except NoMountError as error:
        pytest.skip(str(error))


@contextmanager
def shut(place: Path) -> Generator[None]:
    """Make something read-only, or skip the test."""
    try:
        with read_only(place):
            yield
    except NoMountError as error:
        pytest.skip(str(error))


def message(folder: Path, client: LedgerClient, turn: int) -> Message:
    """Return a message of some length in the ledger's run."""
    run = (folder / RUN).read_text("utf-8")
    return client.make(Message, run=run, role="user", turn=turn, content=TEXT)


def until_it_fails(folder: Path, client: LedgerClient, said: list[str]) -> tuple[str, str]:
    """Append until the ledger fails, noting what is acknowledged."""
    try:
        for turn in range(MANY):
            [receipt] = client.submit([message(folder, client, turn)])
            said.append(f"{receipt.index} {receipt.leaf}")
    except LedgerError as error:
        return error.code, str(error)
    raise AssertionError("the disk did not fill up")


def test_a_ledger_on_a_full_disk(disk: Path) -> None:
    """With its keys there too: it says that the disk is full, and goes on when there is room."""
    prepared(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(SIZE // 4))
    said: list[str] = []
    founded = founded_in(disk)
    with Store.open(founded.location, writable=True) as store:
        client = client_of(founded, "agent", store)
        for _ in range(2):
            code, text = until_it_fails(disk, client, said)
            assert code == "store.unusable"
            assert "disk is full" in text
        assert said
        holds(disk, said)
        ballast.unlink()
        said += [f"{one.index} {one.leaf}" for one in client.retry()]
        [last] = client.submit([message(disk, client, MANY)])
        client.close()
    sound(disk, [*said, f"{last.index} {last.leaf}"])


def test_a_ledger_is_opened_on_a_full_disk(disk: Path) -> None:
    """Not a byte is free: what is there is verified, and nothing is written or lost."""
    prepared(disk)
    size = verified(disk).size
    ballast = fill(disk)
    assert refusal(disk)[0] in {"store.unusable", "head.unwritable"}
    assert verified(disk).size == size
    ballast.unlink()
    sound(disk, ())


def refusal(folder: Path) -> tuple[str, str]:
    """Open a ledger and append to it, and return code and text of what that fails with.

    Not the error: it would hold what was open, and the disk could not be taken away.
    """
    founded = founded_in(folder)
    try:
        with Store.open(founded.location, writable=True) as store:
            client = client_of(founded, "agent", store)
            client.submit([message(folder, client, 0)])
    except LedgerError as error:
        return error.code, str(error)
    raise AssertionError("it was written")


def test_a_spool_on_a_full_disk(disk: Path, tmp_path: Path) -> None:
    """What it acknowledged waits and is recorded once; what found no room was never said to."""
    home = tmp_path / "home"
    home.mkdir()
    prepared_away(home)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(SIZE // 2))
    kept: list[str] = []
    with (
        Store.open(home / LEDGER, writable=True) as store,
        client_of(founded_in(home), "agent", store) as client,
        LedgerQueue(client, when_away="spool", spool=disk / WAITING, retry_every=0.1) as queue,
    ):
        with pytest.raises(SpoolError) as caught:  # noqa: PT012  (how many there is room for)
            for turn in range(MANY):
                kept += ids(queue, [message(home, client, turn)])
        assert caught.value.code == "spool.full"
        assert kept
        ballast.unlink()
        kept += ids(queue, [message(home, client, MANY)])
        told(home, "DROP TRIGGER away")
        assert queue.flush(30)
    there = recorded(home)
    assert [one for one in there if one in kept] == kept
    assert spool_state(disk / WAITING) == []
    sound(home, ())


def ids(queue: LedgerQueue, records: Sequence[Message]) -> list[str]:
    """Hand records in, and return the digests of what is acknowledged."""
    return [one.record for one in queue.submit(list(records)).result(60)]


def test_a_ledger_on_a_read_only_disk(disk: Path) -> None:
    """It is verified as it is, and refuses to be written with a code; then it goes on."""
    prepared(disk)
    size = verified(disk).size
    with shut(disk):
        assert verified(disk).size == size
        assert refusal(disk)[0] in {"store.unusable", "head.unwritable"}
        with pytest.raises(SpoolError, match="ead-only"):
            Spool.create(disk / WAITING, "spiffe://example.com/agent")
    assert verified(disk).size == size
    sound(disk, ())


def test_a_ledger_whose_file_is_read_only(disk: Path) -> None:
    """In a folder that is not: the store says so, and keeps what it has."""
    prepared(disk)
    size = verified(disk).size
    with shut(disk / LEDGER):
        code, text = refusal(disk)
        assert code == "store.unusable"
        assert "readonly" in text
    assert verified(disk).size == size
    sound(disk, ())
