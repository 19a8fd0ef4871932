"""Records that waited in a spool and were then refused: kept beside it, each with the reason.

One that is refused must not hold up all that wait behind it, and must not vanish either: it was
acknowledged as spooled. A file `<the spool's name>.refused` has one line of strict JSON for each.
Source: docs/spec/ledger-format.md, *Spool*.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.encoding import MAX_RECORD, decode, digest, encode, to_base64
from ledger.errors import EncodingError, LedgerError, SpoolError
from ledger.files import sync_folder

SUFFIX = ".refused"
# A record's text inside another one, of which each character may need six.
_MAX_LINE = 8 * MAX_RECORD


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that the ledger refused after it had waited.

    Attributes:
        path: The file that keeps it.
        record: The record's digest.
        code: Why it was refused, as a code.
        why: The same in words.
    """

    path: Path
    record: str
    code: str
    why: str


def set_aside(spool: Path, raw: bytes, error: LedgerError) -> SetAside:
    """Keep a refused record beside its spool, durably; one that is there already is not repeated.

    Args:
        spool: The spool's file.
        raw: The record's bytes.
        error: What the ledger said.

    Raises:
        SpoolError: It cannot be kept there.
    """
    path = spool.with_suffix(SUFFIX)
    # What is quoted in a message may be anything, and a line of strict JSON holds no U+0000.
    kept = SetAside(path, digest(raw), error.code, str(error).replace("\0", "\ufffd"))
    try:
        before = path.read_bytes() if path.exists() else b""
        if any(one.record == kept.record for one in _lines(path, before)):
            return kept
        # What a process was writing when it died is a line by itself, which says nothing.
        torn = b"" if before.endswith(b"\n") or not before else b"\n"
        _add(path, torn + _line(kept, raw))
        sync_folder(path.parent)
    except OSError as failed:
        raise SpoolError(
            f"{path}: cannot keep what the ledger refused ({failed.strerror})"
        ) from failed
    return kept


def all_set_aside(folder: Path) -> list[SetAside]:
    """Return what was set aside in a folder of spools, changing nothing.

    Raises:
        SpoolError: A file cannot be read.
    """
    found: list[SetAside] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found += _lines(path, path.read_bytes())
        except OSError as error:
            raise SpoolError(f"{path}: cannot be read ({error.strerror})") from error
    return found


def _line(kept: SetAside, raw: bytes) -> bytes:
    line = {"code": kept.code, "record": kept.record, "why": kept.why}
    try:
        return encode({**line, "text": raw.decode()}, _MAX_LINE) + b"\n"
    except (UnicodeDecodeError, EncodingError):
        return encode({**line, "base64": to_base64(raw)}, _MAX_LINE) + b"\n"


def _lines(path: Path, raw: bytes) -> Iterator[SetAside]:
    for line in raw.splitlines():
        try:
            value = decode(line, _MAX_LINE)
            yield SetAside(path, value["record"], value["code"], value["why"])
        except (LedgerError, TypeError, KeyError):
            continue


def _add(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
