"""Where output goes: data to stdout or a file, messages and progress to stderr."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from writ.errors import CommandError

# A bar for what is over before anybody reads it is noise.
PATIENCE_SECONDS: Final = 1.0

Step = Callable[[int, int], None]


def data(text: str, out: Path | None = None) -> None:
    """Write a command's result: to `out`, or to stdout. `text` ends with a newline.

    Raises:
        CommandError: `out` cannot be written.
    """
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(
            "output.unwritable", f"{out}: {error.strerror}", do="Name another file with --out."
        ) from error


def message(text: str) -> None:
    """Write a line for the person at the terminal."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def coloured() -> bool:
    """Return whether stderr may be coloured: a terminal, and nobody said NO_COLOR."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def progress(title: str) -> Generator[Step]:
    """Show how far something is: only on a terminal, and only when it takes its time.

    Yields:
        A function to call with how much is done and how much there is (0: nobody knows).
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with _Bar(title) as bar:
        yield bar.step


class _Bar:
    """A bar that appears after `PATIENCE_SECONDS` and leaves nothing behind."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, no_color=not coloured())
        self._bar = Progress(console=console, transient=True)
        self._task = self._bar.add_task(title, total=None)
        self._since = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._bar.stop()

    def step(self, done: int, total: int) -> None:
        if not self._shown:
            if time.monotonic() - self._since < PATIENCE_SECONDS:
                return
            self._bar.start()
            self._shown = True
        self._bar.update(self._task, completed=done, total=total or None)
