"""The stop: it holds until it is taken back, and what it said is never lost on the way."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InconsistentHeadError, KeyFileError
from ledger.stopping import Stop

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def stop(tmp_path: Path) -> Stop:
    """A ledger's stop, beside a memory."""
    return Stop(tmp_path / "head.memory")


@given(
    why=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    note=st.text("ab\n—", max_size=30),
)
def test_what_is_set_is_said(tmp_path_factory: pytest.TempPathFactory, why: str, note: str) -> None:
    """In every process with that memory: nothing of it is kept in the object."""
    memory = tmp_path_factory.mktemp("stop") / "head.memory"
    Stop(memory).set(why, note.encode())
    assert Stop(memory).said() == (why, note.encode())
    with pytest.raises(InconsistentHeadError) as caught:
        Stop(memory).refuse()
    assert caught.value.code == "head.witness-ahead"


def test_resolved(stop: Stop, tmp_path: Path) -> None:
    """What it said stays beside it; a second time changes nothing."""
    stop.set("because")
    stop.resolve()
    stop.resolve()
    stop.refuse()
    assert b"because" in (tmp_path / "head.resolved").read_bytes()
    assert stop.overridden() == []


def test_overridden(stop: Stop, tmp_path: Path) -> None:
    """Each is kept, with reason and time, also of a stop whose record is damaged."""
    assert stop.override("none", NOW) is None
    stop.set("first", b"note")
    first = stop.override("a fool", NOW)
    assert first is not None
    assert "first" in first.read_text("utf-8")
    stop.refuse()
    (tmp_path / "head.stopped").write_bytes(b"\xff{\0\0")
    later = NOW + timedelta(seconds=1)
    assert stop.override("a knave", later) is not None
    assert [(one.reason, one.at) for one in stop.overridden()] == [
        ("a fool", "2026-03-01T09:00:00.000000Z"),
        ("a knave", "2026-03-01T09:00:01.000000Z"),
    ]
    first.write_bytes(b"{")
    assert [one.reason for one in stop.overridden()] == ["its record is damaged", "a knave"]


def test_evidence_is_not_written_over(stop: Stop) -> None:
    """At the very time of another: refused, and appends stay stopped."""
    stop.set("first")
    stop.override("a fool", NOW)
    stop.set("second")
    with pytest.raises(KeyFileError, match="already") as caught:
        stop.override("again", NOW)
    assert caught.value.code == "head.unwritable"
    assert stop.said() == ("second", b"")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(1, 5))
def test_killed_while_it_is_overridden(
    stop: Stop, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write to the disk: the stop still stands, or its evidence is kept."""
    stop.set("because")
    left = [step]
    real_fsync, real_unlink = os.fsync, Path.unlink

    def counted() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def fsync(descriptor: int) -> None:
        counted()
        real_fsync(descriptor)

    def unlink(path: Path) -> None:
        counted()
        real_unlink(path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(Killed):
        stop.override("a fool", NOW)
    monkeypatch.undo()
    assert stop.said() is not None or [one.reason for one in stop.overridden()] == ["a fool"]
    assert (stop.said() is not None) == (step < 4)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It is said with a code: a stop that is not on the disk is none."""
    stop = Stop(tmp_path / "missing" / "head.memory")
    changes: list[Callable[[], object]] = [
        lambda: stop.set("x"),
        stop.resolve,
        lambda: stop.override("x", NOW),
    ]
    for change in changes:
        with pytest.raises(KeyFileError) as caught:
            change()
        assert caught.value.code == "head.unwritable"
