"""Where output goes: data to stdout or a file, messages and progress to stderr."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, TextIO, cast

from writ.errors import CommandError

# A bar for what is over before anybody reads it is noise.
PATIENCE_SECONDS: Final = 1.0

Step = Callable[[int, int], None]


# What moves a terminal's cursor or turns the order of letters round, and is no text: recorded by
# anybody, it could hide a verdict. Inside JSON, which is most of what is written here, the escape
# means the character that it stands for.
_SPEAKS_TO_TERMINALS: Final = {
    one: f"\\u{one:04x}"
    for one in (
        *(one for one in range(0x20) if chr(one) not in "\n\t"),
        *range(0x7F, 0xA0),
        *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}


def harmless(text: str) -> str:
    r"""Return a text in which nothing speaks to the terminal.

    Example:
        >>> harmless("paid\x1b[2K")
        'paid\\u001b[2K'
    """
    return text.translate(_SPEAKS_TO_TERMINALS)


def data(text: str, out: Path | None = None) -> None:
    """Write a command's result: to `out`, or to stdout. `text` ends with a newline.

    Whoever closes stdout early has seen enough: that is no failure, and the answer stays the same.

    Raises:
        CommandError: `out` cannot be written, or there is no stdout.
    """
    text = harmless(text)
    if out is None:
        _to_stdout(text)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(
            "output.unwritable", f"{out}: {error.strerror}", do="Name another file with --out."
        ) from error


def _to_stdout(text: str) -> None:
    # None where the process was started without one, whatever its type says.
    if cast("TextIO | None", sys.stdout) is None:
        raise CommandError(
            "output.closed", "there is no stdout to write to", do="Redirect it to a file."
        )
    _write(sys.stdout, text)


def message(text: str) -> None:
    """Write a line for the person at the terminal."""
    if cast("TextIO | None", sys.stderr) is not None:
        _write(sys.stderr, harmless(text) + "\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # What is still in the buffer must go somewhere when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
