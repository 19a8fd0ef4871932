"""Answers in the background: here and in a process of its own, and what comes of trouble."""

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboards import working
from dashboards.answers import Answer, Stored
from dashboards.asking import Asked, Over, ValueAsked
from dashboards.opening import Problem
from dashboards.preparing import Asked as Opening
from dashboards.preparing import Tell
from dashboards.working import Apart, Bench, Here, Question
from tests.dashboards.replay_visits import the_till
from verifier.errors import SourceError

SECONDS = 120.0
ASKED = ValueAsked()


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Opening:
    """The till, as it is opened."""
    path = the_till().save(tmp_path_factory.mktemp("till") / "till.db")
    return Opening(str(path), the_till().trust())


def answered(bench: Bench, asked: Asked = ASKED) -> Stored:
    """Return an answer."""
    found = Question(bench, asked).wait(SECONDS)
    assert isinstance(found, Stored), found
    return found


def test_both_ways_give_the_same(opening: Opening) -> None:
    """Another process says the same; it keeps the ledger for the next question, and ends."""
    here, apart = Bench(opening, working.APART - 1), Bench(opening, working.APART)
    one, other = answered(here), answered(apart)
    assert one.answer == other.answer
    for name in one.answer.tables:
        assert one.all(name) == other.all(name)
    # An error comes out of another process as it went in: code, words, and what to do.
    again = Question(apart, ValueAsked(over=Over(run="no such run"))).wait(SECONDS)
    assert isinstance(again, Problem)
    assert (again.code, again.do) == ("ask.run", "The Run page lists those there are.")
    assert answered(apart).answer == one.answer
    folder = one.folder
    assert folder.is_dir()
    one.close()
    assert not folder.exists()
    for each in (other, here, apart):
        each.close()


def test_a_process_that_ended_meanwhile_is_begun_again(
    opening: Opening, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After a while without questions, or killed: the next question is answered all the same."""
    place = Apart(opening)
    place.ask(ASKED, tmp_path, _quiet)
    process = place.process
    assert process is not None
    process.kill()
    (tmp_path / "again").mkdir()
    assert place.ask(ASKED, tmp_path / "again", _quiet).headline
    place.close()
    monkeypatch.setattr(working, "PROGRAM", "import os, signal; os.kill(os.getpid(), 9)")
    with pytest.raises(SourceError, match="without an answer"):
        place.ask(ASKED, tmp_path, _quiet)


def test_a_process_whose_asker_is_gone_ends_without_a_word(
    opening: Opening, tmp_path: Path
) -> None:
    """It was in the middle of an answer when the app ended, and its folder with it."""
    asked = pickle.dumps((opening, "")) + pickle.dumps((ASKED, str(tmp_path / "gone")))
    ended = subprocess.run(
        [sys.executable, "-c", working.PROGRAM],
        input=asked,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr


def _quiet(_part: str, _share: float) -> None:
    return None


class _Slow(Here):
    """Takes as long as somebody wants the answer."""

    def __init__(self, begun: threading.Event) -> None:
        self._begun = begun
        self.closed = 0

    def ask(self, asked: Asked, folder: Path, tell: Tell) -> Answer:
        """Tell that it has begun, again and again."""
        del asked, folder
        self._begun.set()
        while True:
            tell("slowly", 0.5)
            time.sleep(0.01)

    def close(self) -> None:
        """Count how often."""
        self.closed += 1


def test_a_question_can_be_stopped_and_another_waits_for_it(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time; whoever waits is told so, and what is held goes once nobody asks."""
    begun = threading.Event()
    bench = Bench(opening, 1)
    place = _Slow(begun)
    monkeypatch.setattr(bench, "_place", place)
    first = Question(bench, ASKED)
    assert begun.wait(SECONDS)
    second = Question(bench, ASKED)
    assert _until(lambda: second.part == "waiting for another question")
    assert (first.part, first.share) == ("slowly", 0.5)
    bench.close()
    assert not place.closed
    for one in (second, first):
        one.stop()
        found = one.wait(SECONDS)
        assert isinstance(found, Problem)
        assert found.code == "ask.stopped"
    assert _until(lambda: place.closed > 0)


def _until(true: Callable[[], bool]) -> bool:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.01)
    return False
