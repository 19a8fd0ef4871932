"""A file's lines, plain or gzip, in bounded memory, and with an end."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from verifier.reconciling.problems import refused

_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most.

    Attributes:
        line: Bytes of a line, or of a document that stands on several.
        cell: Characters of a table's cell.
        free: Bytes that a compressed file may unpack to in any case.
        ratio: How often its size it may unpack to beyond that.
    """

    line: int = 64 * 1_048_576
    cell: int = 1_048_576
    free: int = 1_073_741_824
    ratio: int = 200


LIMITS: Final = Limits()


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file as it stands.

    Raises:
        AgainstError: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise refused("unreadable", str(path), f"{error.strerror}; name a file") from error


def beginning(path: Path, length: int = 65_536) -> bytes:
    """Return the first bytes of a file, unpacked.

    Raises:
        AgainstError: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return _unpacked(stream).read(length)
    except (OSError, EOFError, zlib.error) as error:
        raise refused("unreadable", str(path), f"it cannot be read ({error})") from error


def read_lines(path: Path, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers from 1 and their line ends.

    Raises:
        AgainstError: A line, or what is unpacked, is longer than the limits; the file ends too
            early or cannot be read.
    """
    number = size = 0
    try:
        packed = path.stat().st_size
        with path.open("rb") as stream:
            unpacked = _unpacked(stream)
            most = limits.free + (0 if unpacked is stream else limits.ratio * packed)
            while line := unpacked.readline(limits.line + 1):
                number, size = number + 1, size + len(line)
                if len(line) > limits.line:
                    what = f"the line has more than {limits.line:,} bytes: split the file"
                    raise refused("line-too-long", f"{path}:{number}", what)
                if unpacked is not stream and size > most:
                    what = f"{packed:,} bytes unpack to more than {most:,}: unpack it yourself"
                    raise refused("bomb", f"{path}:{number}", what)
                yield number, line
    except EOFError as error:
        what = "the gzip stream ends too early: fetch the file again"
        raise refused("truncated", f"{path}:{number}", what) from error
    except (OSError, zlib.error) as error:
        raise refused(
            "unreadable", f"{path}:{number}", f"it cannot be read on ({error})"
        ) from error


def _unpacked(stream: BinaryIO) -> BinaryIO:
    zipped = stream.read(len(_GZIP)) == _GZIP
    stream.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if zipped else stream


def text_of(path: Path, number: int, raw: bytes) -> str:
    """Return a line as text.

    Raises:
        AgainstError: It is not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} of the line is not UTF-8: save the file as UTF-8"
        raise refused("not-utf8", f"{path}:{number}", what) from error
