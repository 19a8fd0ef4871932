"""Operations in processes that are stopped at a counted point of what they do to their files.

With WRIT_CRASH_ALL set every point is tried, else of many points only some: the first and the last,
and of those before and after a sync, a renaming or a removal a few, spread evenly.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.disk import RENAME, SYNC, UNLINK, read_log
from tests.crash.killable import FAILED

ROOT = Path(__file__).resolve().parents[2]
SHIM = Path(__file__).with_name("shim.c")
KILLED = -9
# How many points of one operation are tried where not all of them are.
SOME = 6


class NoCompilerError(Exception):
    """There is no C compiler here to make the shim with."""


def compiled(folder: Path) -> Path:
    """Compile the shim into a folder.

    Raises:
        NoCompilerError: There is none.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        raise NoCompilerError("stopping a process at a counted point takes Linux and a C compiler")
    made = folder / "shim.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-w", "-o", str(made), str(SHIM)], check=True
    )
    return made


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation ended.

    Attributes:
        code: Its exit code.
        said: What it said, each with how many points it had passed then.
        points: How many points it passed.
    """

    code: int
    said: tuple[tuple[int, str], ...]
    points: int

    @property
    def failure(self) -> str:
        """What it failed with: the error's code, name and message; empty where it did not."""
        return next((text[2:] for _, text in self.said if text.startswith("! ")), "")

    @property
    def acknowledged(self) -> tuple[str, ...]:
        """What it said to be done."""
        return self.acknowledged_by(self.points)

    def acknowledged_by(self, point: int) -> tuple[str, ...]:
        """Return what it had said to be done when it had passed a point, and none after."""
        return tuple(
            text for at, text in self.said if at <= point and not text.startswith(("!", "#"))
        )


class Stopper:
    """Does operations in processes of their own, which it can stop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self,
        operation: str,
        folder: Path,
        *,
        at: int = 0,
        error: int = 0,
        lasting: bool = False,
        log: Path | None = None,
        sockets: bool = False,
    ) -> Ended:
        """Do an operation in a folder.

        Args:
            operation: Its name.
            folder: Where its files are: what it does elsewhere is not counted.
            at: The point before which it is stopped; 0 for none.
            error: The error number that the call fails with; 0 kills the process.
            lasting: Whether all later calls fail too.
            log: Where to write down what took place.
            sockets: Whether what it sends is counted, and not what it does to files.
        """
        order = {
            "operation": operation,
            "folder": str(folder),
            "watch": "socket:" if sockets else str(folder),
            "at": at,
            "error": error,
            "lasting": int(lasting),
            "log": "" if log is None else str(log),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        said = tuple(
            (int(count), text)
            for count, _, text in (line.partition(" ") for line in answer["said"])
        )
        points = next((count for count, text in said if text == "#"), at)
        assert answer["code"] in {0, FAILED, KILLED}, answer
        return Ended(answer["code"], said, points)


@contextmanager
def stopper(folder: Path) -> Generator[Stopper]:
    """Start the program that does operations.

    Raises:
        NoCompilerError: The shim cannot be made.
    """
    environment = {**os.environ, "LD_PRELOAD": str(compiled(folder))}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.killable"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Stopper(process)
        assert process.stdin is not None
        process.stdin.close()


def chosen(points: int, some: int = SOME, around: Iterable[int] = ()) -> Sequence[int]:
    """Return the points to try, of 1 to `points`.

    Args:
        points: How many there are.
        some: How many of them, where not all are tried.
        around: Points before and after which something is decided: these go first.
    """
    if os.environ.get("WRIT_CRASH_ALL") or points <= some:
        return range(1, points + 1)
    telling = {1, points, *around, *(point + 1 for point in around)}
    of = sorted(point for point in telling if 1 <= point <= points)
    if len(of) < some:
        of = list(range(1, points + 1))
    return sorted({of[place * (len(of) - 1) // (some - 1)] for place in range(some)})


def deciding(log: Path) -> list[int]:
    """Return the points of a log that bring something to the disk, or a name to a file."""
    return [step.point for step in read_log(log) if step.kind in {SYNC, RENAME, UNLINK}]
