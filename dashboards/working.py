"""Answers of replay in the background: one at a time for a ledger, in a process of its own.

To read a long ledger and judge it takes minutes, and a page must not wait for that in silence.
A question is asked in a thread; of a ledger that is not short another process answers it, which
keeps the verified ledger for the next question, and ends when nobody has asked for a while: what
it took of the memory is then given back.
"""

import os
import pickle
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from dashboards.answering import answer
from dashboards.answers import Answer, Stored
from dashboards.asking import Asked, AskedError
from dashboards.opening import Later, Problem
from dashboards.preparing import Asked as Opening
from dashboards.preparing import Tell
from dashboards.replaying import Desk
from dashboards.tables import VERIFIED, Temporary
from verifier.errors import SourceError
from verifier.rereading import Folder

APART: Final = 5_000
"""From so many entries on, another process answers: pages stay quick meanwhile."""
LONG: Final = 50_000
"""From so many entries on, a page asks only when somebody says so: it takes minutes."""
IDLE_SECONDS: Final = 300.0
"""So long a process waits for the next question."""
RESULT: Final = "answer.pickle"
DONE: Final = "done"
PROGRAM: Final = (
    "from dashboards.preparing import take_exit; take_exit(); "
    "from dashboards.working import main; main()"
)
_POLL: Final = 0.2


class StoppedError(Exception):
    """Whoever asked does not want the answer any more."""

    code = "ask.stopped"
    do = "Ask again where the answer is wanted after all."


class Place(Protocol):
    """Where questions are answered."""

    def ask(self, asked: Asked, folder: Path, tell: Tell) -> Answer:
        """Answer a question; whatever `tell` raises ends that."""
        ...

    def close(self) -> None:
        """Give back what was held for the next question."""
        ...


@dataclass(slots=True)
class Here:
    """In this process."""

    desk: Desk

    def ask(self, asked: Asked, folder: Path, tell: Tell) -> Answer:
        """Answer a question."""
        return answer(self.desk, asked, folder, tell)

    def close(self) -> None:
        """Close the ledger."""
        self.desk.close()


class Apart:
    """In a process of its own, which is begun when something is asked.

    Args:
        opening: The ledger and its trust file's content.
        verified: Where its verification was left; without one it is verified there.

    Attributes:
        process: The one that runs; None before the first question, and after it was ended.
    """

    def __init__(self, opening: Opening, verified: str = "") -> None:
        self._desk = opening, verified
        self.process: subprocess.Popen[bytes] | None = None
        # What it puts aside lies in here, and goes with it, however it ends.
        self._aside: Temporary | None = None

    def ask(self, asked: Asked, folder: Path, tell: Tell) -> Answer:
        """Answer a question.

        Raises:
            Exception: What it raised there.
            SourceError: The process ended without an answer.
        """
        kept = self.process is not None and self.process.poll() is None
        if not self._heard(asked, folder, tell) and kept:
            # It had waited long enough for a question and ended, just as one came.
            self._heard(asked, folder, tell)
        return self._answer(folder / RESULT)

    def close(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        aside, self._aside = self._aside, None
        if process is not None:
            process.kill()
            process.communicate()
        if aside is not None:
            aside.cleanup()

    def _heard(self, asked: Asked, folder: Path, tell: Tell) -> bool:
        """Ask, and return whether there is an answer."""
        process = self._begun()
        try:
            with suppress(BrokenPipeError):
                _send(process.stdin, (asked, str(folder)))
            _listen(process.stdout, tell)
        except BaseException:
            self.close()
            raise
        there = (folder / RESULT).exists()
        if not there:
            self.close()
        return there

    def _begun(self) -> "subprocess.Popen[bytes]":
        if self.process is None or self.process.poll() is not None:
            self.close()
            self._aside = Temporary()
            path = os.pathsep.join(filter(None, sys.path))
            self.process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "TMPDIR": self._aside.name},
            )
            with suppress(BrokenPipeError):
                _send(self.process.stdin, self._desk)
        return self.process

    def _answer(self, path: Path) -> Answer:
        if not path.exists():
            raise SourceError(
                "the process that answers ended without an answer: the machine may have too "
                "little memory",
                code="app.answering",
            )
        # Our own process wrote it, in a folder of ours.
        found = pickle.loads(path.read_bytes())  # noqa: S301
        path.unlink()
        if isinstance(found, Exception):
            raise found
        if not isinstance(found, Answer):
            raise TypeError(f"{type(found).__name__} is no answer")
        return found


class Bench:
    """Answers the questions about one ledger, one at a time.

    Args:
        opening: The ledger and its trust file's content.
        size: How many entries it has.
        left: The folder with its tables and its verification, which stays as long as this.
    """

    def __init__(self, opening: Opening, size: int, left: Folder | None = None) -> None:
        self._left = left
        verified = str(Path(left.name) / VERIFIED) if left is not None else ""
        self._place: Place = (
            Apart(opening, verified) if size >= APART else Here(Desk(opening, verified))
        )
        self._busy = threading.Lock()
        self._unwanted = False

    def ask(self, asked: Asked, folder: Path, tell: Tell) -> Answer:
        """Answer a question once those before it are answered."""
        while not self._busy.acquire(timeout=_POLL):
            tell("waiting for another question", 0.0)
        try:
            return self._place.ask(asked, folder, tell)
        finally:
            self._busy.release()
            if self._unwanted:
                self.close()

    def close(self) -> None:
        """Want it no more: what is held is given back as soon as nothing is asked."""
        self._unwanted = True
        if self._busy.acquire(blocking=False):
            try:
                self._place.close()
            finally:
                self._busy.release()


class Question(Later[Stored | Problem]):
    """A question under way, which says how far it is.

    Args:
        bench: Who answers it.
        asked: The question.

    Attributes:
        asked: The same.
        part: What it is at.
        share: How much of the whole is done, from 0 to 1.
    """

    def __init__(self, bench: Bench, asked: Asked) -> None:
        self.asked = asked
        self.part = "beginning"
        self.share = 0.0
        self._bench = bench
        self._stopped = threading.Event()
        super().__init__(self._answered)

    def stop(self) -> None:
        """Want the answer no more."""
        self._stopped.set()

    def _answered(self) -> Stored | Problem:
        folder = Temporary()
        try:
            found = self._bench.ask(self.asked, Path(folder.name), self._tell)
        except (AskedError, StoppedError) as error:
            folder.cleanup()
            return Problem(error.code, str(error), error.do)
        except BaseException:
            folder.cleanup()
            raise
        return Stored(found, folder)

    def _tell(self, part: str, share: float) -> None:
        if self._stopped.is_set():
            raise StoppedError("it was stopped")
        self.part, self.share = part, min(max(share, 0.0), 1.0)


def _send(pipe: IO[bytes] | None, what: object) -> None:
    if pipe is None:
        raise ValueError("the process was begun without an entrance")
    pickle.dump(what, pipe)
    pipe.flush()


def _listen(said: IO[bytes] | None, tell: Tell) -> None:
    for line in said or ():
        share, _, part = line.decode().strip().partition(" ")
        if share == DONE:
            return
        tell(part, float(share))


def main() -> None:
    """Answer what standard input asks for, one question after the other, until it ends.

    How far it is stands on standard output; an answer in the folder that was named.
    """
    given = sys.stdin.buffer
    desk = Desk(*pickle.load(given))  # noqa: S301 - from whoever began this process
    while True:
        # Whoever began this process removes what it put aside.
        idle = threading.Timer(IDLE_SECONDS, os._exit, (0,))
        idle.daemon = True
        idle.start()
        try:
            asked, folder = pickle.load(given)  # noqa: S301
        except EOFError:
            desk.close()
            return
        finally:
            idle.cancel()
        try:
            _answer_into(desk, asked, Path(folder))
            _say(DONE)
        except (BrokenPipeError, FileNotFoundError):
            # Whoever asked is gone, and took the folder along: there is nobody to be told.
            os._exit(0)


def _answer_into(desk: Desk, asked: Asked, folder: Path) -> None:
    said = [0.0]

    def tell(part: str, share: float) -> None:
        # Often enough to be read, and seldom enough to cost nothing.
        if time.monotonic() - said[0] > _POLL:
            said[0] = time.monotonic()
            _say(f"{share:.4f} {part}")

    try:
        found: Answer | Exception = answer(desk, asked, folder, tell)
    except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
        found = error
    written = folder / f"{RESULT}.new"
    written.write_bytes(pickle.dumps(found))
    written.rename(folder / RESULT)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
