"""The spool: what was acknowledged is read back, torn or damaged as the file may be."""

import errno
import fcntl
import os
import resource
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.encoded import EncodedRecord
from ledger.errors import SpoolError
from ledger.records import Message
from ledger.spool import Spool, spool_state

BY = "spiffe://example.com/agent"


def said(number: int, text: str = "") -> EncodedRecord:
    """Encode a message."""
    fields: dict[str, Any] = {"nonce": f"{number:032x}", "by": BY, "run": "ab" * 32}
    return EncodedRecord.of(Message(**fields, role="user", turn=number, content=text or None))


def left(folder: Path, count: int, since: int = 0) -> tuple[Path, list[bytes]]:
    """Leave a spool behind, as a process that dies does: its lock goes, its file stays."""
    spool = Spool.create(folder, BY, since)
    records = [said(number, "x" * number) for number in range(count)]
    for one in records:
        spool.add([one])
    path = spool.path
    spool.leave()
    return path, [one.raw for one in records]


def adopted(folder: Path) -> list[bytes]:
    """Adopt what is there and return it, removing nothing."""
    found: list[bytes] = []
    for spool in Spool.adopt(folder, BY):
        found += spool.first(spool.waiting())
        spool.leave()
    return found


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 2000), min_size=1, max_size=3), max_size=5), st.integers(0))
def test_what_is_added_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]], since: int
) -> None:
    """Groups of records, in order, from another process's point of view."""
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool.create(folder, BY, since % 2**53)
    records = [[said(size, "y" * size) for size in group] for group in groups]
    for group in records:
        receipts = spool.add(group)
        assert [one.record for one in receipts] == [one.digest for one in group]
    state = spool_state(folder)[0]
    assert (state.waiting, state.since, state.by) == (sum(map(len, groups)), since % 2**53, BY)
    assert (state.torn, state.damaged, state.in_use) == (0, (), True)
    assert list(Spool.adopt(folder, BY)) == []
    spool.leave()
    assert not spool_state(folder)[0].in_use
    assert adopted(folder) == [one.raw for group in records for one in group]


def test_wherever_it_is_cut_off_the_frames_before_are_there(tmp_path: Path) -> None:
    """A process that dies while it writes leaves a torn end, which is cut off and no damage."""
    path, records = left(tmp_path, 3)
    raw = path.read_bytes()
    ends = [raw.rfind(record) + len(record) for record in records]
    for length in range(raw.find(records[0]) - 44, len(raw)):
        path.write_bytes(raw[:length])
        whole = sum(length >= end for end in ends)
        state = spool_state(tmp_path)[0]
        assert (state.waiting, state.damaged) == (whole, ())
        assert adopted(tmp_path) == records[:whole]
        assert path.stat().st_size == length - state.torn
    path.write_bytes(raw + bytes(4096))
    assert (spool_state(tmp_path)[0].torn, adopted(tmp_path)) == (4096, records)


def test_whatever_bit_flips_it_is_reported_and_the_rest_is_there(tmp_path: Path) -> None:
    """A record is given as it was, or not at all; damage is named, and the file is kept."""
    path, records = left(tmp_path, 3)
    raw = path.read_bytes()
    first = raw.find(records[0]) - 44
    for offset in range(first, len(raw)):
        path.write_bytes(raw[:offset] + bytes([raw[offset] ^ 4]) + raw[offset + 1 :])
        state = spool_state(tmp_path)[0]
        assert state.waiting == 2, offset
        assert state.damaged or state.torn, offset
        found = adopted(tmp_path)
        assert [record for record in records if record in found] == found
    path.write_bytes(raw[: first + 50] + b"?" + raw[first + 51 :])
    (spool,) = Spool.adopt(tmp_path, BY)
    assert spool.first(9) == records[1:]
    spool.taken(2)
    spool.close()
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes()[first : first + 9] == raw[first : first + 9]


def test_frames_cannot_change_places(tmp_path: Path) -> None:
    """A frame is whole at its own place only."""
    path, _ = left(tmp_path, 0)
    spool = next(Spool.adopt(tmp_path, BY))
    start = path.stat().st_size
    spool.add([said(1)])
    middle = path.stat().st_size
    spool.add([said(2)])
    spool.leave()
    raw = path.read_bytes()
    path.write_bytes(raw[:start] + raw[middle:] + raw[start:middle])
    assert adopted(tmp_path) == []
    assert spool_state(tmp_path)[0].damaged


@contextmanager
def disk_full_at(size: int) -> Generator[None]:
    """Let no file grow beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    """What does not fit is refused in full; what was there stays, and there is room again later."""
    spool = Spool.create(tmp_path, BY)
    spool.add([said(0)])
    size = spool.path.stat().st_size
    with disk_full_at(size + 100), pytest.raises(SpoolError, match="nothing was spooled") as raised:
        spool.add([said(1, "z" * 500)])
    assert raised.value.code == "spool.full"
    assert spool.path.stat().st_size == size
    spool.add([said(2)])
    assert spool.first(9) == [said(0).raw, said(2).raw]
    with disk_full_at(1), pytest.raises(SpoolError):
        Spool.create(tmp_path, BY)
    assert list(tmp_path.iterdir()) == [spool.path]


def test_an_empty_spool_is_removed_and_a_full_one_kept(tmp_path: Path) -> None:
    """Closing keeps what waits."""
    spool = Spool.create(tmp_path, BY)
    spool.add([said(0), said(1)])
    spool.taken(1)
    spool.close()
    spool.close()
    assert adopted(tmp_path) == [said(0).raw, said(1).raw]
    (again,) = Spool.adopt(tmp_path, BY)
    again.taken(2)
    again.close()
    assert list(tmp_path.iterdir()) == []


def test_another_identitys_spool_is_left_alone(tmp_path: Path) -> None:
    """Nobody records what somebody else said; and a file that is no spool is nobody's."""
    left(tmp_path, 2)
    (tmp_path / "odd.spool").write_bytes(b"hello")
    assert list(Spool.adopt(tmp_path, "spiffe://example.com/other")) == []
    assert sorted(state.waiting for state in spool_state(tmp_path)) == [0, 2]
    assert {state.by for state in spool_state(tmp_path)} == {"", BY}


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpoolError, match="nothing was spooled"):
        Spool.create(tmp_path / "file", BY)
    (tmp_path / "folder.spool").mkdir()
    with pytest.raises(SpoolError, match=os.strerror(errno.EISDIR)):
        list(Spool.adopt(tmp_path, BY))
    with pytest.raises(SpoolError, match=os.strerror(errno.EISDIR)):
        spool_state(tmp_path)


@pytest.mark.parametrize("left_there", [b"", bytes(100), b"WR", b"WRITSPL1"])
def test_one_that_was_never_begun_is_removed(tmp_path: Path, left_there: bytes) -> None:
    """Its process died before it said whose it is: nothing in it was acknowledged to anybody."""
    path = tmp_path / f"{'0' * 32}.spool"
    path.write_bytes(left_there)
    assert adopted(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_just_created_may_be_taken_for_such_a_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process adopts between its creation and its lock: it is created again."""
    lock = fcntl.flock
    taken: list[int] = []

    def late(descriptor: int, how: int) -> None:
        if not taken:
            taken.append(descriptor)
            assert adopted(tmp_path) == []
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    spool = Spool.create(tmp_path, BY)
    one = said(1)
    spool.add([one])
    spool.leave()
    assert adopted(tmp_path) == [one.raw]


def test_a_folder_that_cannot_be_synced_has_no_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk may say so only then: it is an error with a code, and nothing is left behind."""
    sync = os.fsync

    def full(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and list(tmp_path.iterdir()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpoolError) as caught:
        Spool.create(tmp_path, BY)
    assert caught.value.code == "spool.full"
    assert list(tmp_path.iterdir()) == []


def test_one_that_cannot_be_removed_is_given_up_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All in it is recorded: that it stays is said, and stops nobody."""
    spool = Spool.create(tmp_path, BY)

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "unlink", failing)
    spool.close()
    assert "all in it is recorded, but it stays" in caplog.text
    assert [state.in_use for state in spool_state(tmp_path)] == [False]
