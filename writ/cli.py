"""The command line's way in: everything else is imported where an interruption is answered."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Final, TextIO

# As in verifier.report.ExitCode, which may not be there yet when somebody presses Ctrl-C.
INTERRUPTED: Final = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What stands after `writ` on the command line.

    Returns:
        The exit code.
    """
    try:
        from writ.application import answer

        return answer(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("writ: interrupted\n")
        return INTERRUPTED


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    _write_everything(sys.stdout)
    _write_everything(sys.stderr)
    sys.exit(run(sys.argv[1:]))


def _write_everything(stream: TextIO) -> None:
    """Let no character that a ledger holds be one that the output has no place for.

    A terminal keeps its own encoding; files and pipes are UTF-8 whatever the locale says, so that
    a report or a proof is the same bytes everywhere.
    """
    # None where the process was started without this stream, whatever its type says.
    if isinstance(stream, TextIOWrapper):
        encoding = stream.encoding if stream.isatty() else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
