"""Files to lines: plain or gzip, whole or torn, in bounded memory.

What cannot be read is reported where it stands, and what stands before it is still given.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ledger.importers.problems import ImporterError, Problems, Reporter

CHUNK = 65_536
MAX_LINE = 64 * 1_048_576  # bytes; a conversation is held whole, and no memory is promised for more

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a source.

    Attributes:
        number: From 1.
        raw: Its bytes, without the line end.
        torn: The file could not be read to this line's end.
    """

    number: int
    raw: bytes
    torn: bool = False


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the file as it stands (compressed, if it is).

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_lines(path: Path, problems: Problems, limit: int = MAX_LINE) -> Iterator[Line]:
    """Yield the lines of a file that are not blank.

    Args:
        path: The file; gzip is told by its first bytes, not by its name.
        problems: Takes what could not be read.
        limit: Most bytes of a line; a longer one is reported and passed over.
    """
    lines = _Lines(path.name, problems, limit)
    try:
        with path.open("rb") as stream:
            for chunk in _chunks(stream):
                yield from lines.feed(chunk)
    except EOFError:
        yield from lines.end(torn=True)
        lines.report("truncated-gzip", "the gzip stream ends too early: fetch the file again")
        return
    except (OSError, zlib.error) as error:
        yield from lines.end(torn=True)
        lines.report("unreadable", f"the file cannot be read on ({error}): fetch it again")
        return
    yield from lines.end(torn=False)
    if lines.number == 0:
        lines.report("empty-file", "the file holds no line")


def read_whole(path: Path, limit: int = 16 * MAX_LINE) -> bytes:
    """Return a file's bytes, uncompressed.

    Raises:
        ImporterError: It cannot be read, or not to its end (`import.snapshot-unreadable`), or is
            too long to be held (`import.snapshot-too-large`).
    """
    try:
        with path.open("rb") as stream:
            raw = bytearray()
            for chunk in _chunks(stream):
                raw += chunk
                if len(raw) > limit:
                    break
    except (OSError, EOFError, zlib.error) as error:
        raise ImporterError(
            f"{path.name}: the snapshot cannot be read ({error}); nothing was imported",
            code="import.snapshot-unreadable",
        ) from error
    if len(raw) > limit:
        raise ImporterError(
            f"{path.name}: the snapshot is longer than {limit} bytes: split it",
            code="import.snapshot-too-large",
        )
    return bytes(raw)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file, uncompressed if it is gzip."""
    zipped = stream.read(len(_GZIP)) == _GZIP
    stream.seek(0)
    if not zipped:
        while chunk := stream.read(CHUNK):
            yield chunk
        return
    with gzip.GzipFile(fileobj=stream) as unzipped:
        # read1 gives what there is before it fails: read would lose up to a chunk of it.
        while chunk := unzipped.read1(CHUNK):
            yield chunk


class _Lines:
    """Cuts chunks into lines."""

    def __init__(self, name: str, problems: Problems, limit: int) -> None:
        self.number = 0
        self._name = name
        self._problems = problems
        self._limit = limit
        self._held = bytearray()
        self._dropped = 0  # bytes of the line being read that went over the limit

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Take a chunk and yield the lines that it ends."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._hold(part)
            yield from self.end(torn=False, last=False)
        self._hold(rest)

    def end(self, *, torn: bool, last: bool = True) -> Iterator[Line]:
        """End the line being read, if there is one."""
        if last and not self._held and not self._dropped:
            return
        self.number += 1
        raw = bytes(self._held).removesuffix(b"\r")
        self._held.clear()
        if self._dropped:
            length, self._dropped = self._dropped, 0
            message = f"the line has {length} bytes, and at most {self._limit} are read"
            Reporter(self._problems, self._name, self.number)("line-too-long", message, "nothing")
        elif raw.strip():
            yield Line(self.number, raw, torn)

    def report(self, code: str, message: str) -> None:
        """Report something about the file at the place where reading stopped."""
        report = Reporter(self._problems, self._name, self.number)
        report(code, message, "the lines before" if self.number else "nothing")

    def _hold(self, part: bytes) -> None:
        if self._dropped:
            self._dropped += len(part)
        elif len(self._held) + len(part) > self._limit:
            self._dropped = len(self._held) + len(part)
            self._held.clear()
        else:
            self._held += part
