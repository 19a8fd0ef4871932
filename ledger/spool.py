"""Records that wait on this machine's disk while the ledger is away.

What is in a spool is durable here and nowhere else: it is *spooled*, not recorded. Nobody but this
machine vouches for it, no index or time of the ledger is its, and whoever can write to the folder
can drop it unseen. It is for those who would otherwise have no trace at all.
Source: docs/spec/ledger-format.md, *Spool*.
"""

import errno
import fcntl
import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from ledger.encoded import EncodedRecord
from ledger.encoding import MAX_RECORD, decode, encode
from ledger.errors import LedgerError, SpoolError
from ledger.files import make_private_folder, sync_folder

_LOG = logging.getLogger("writ.ledger")
_MARK = b"WRITSPL1"
_LENGTH = 4
_SUM = 32
_HEAD = len(_MARK) + _LENGTH + _SUM
_SUFFIX = ".spool"


@dataclass(frozen=True, slots=True)
class Spooled:
    """Where a record waits. It is not recorded: only the ledger's receipt says that.

    Attributes:
        record: The record's digest.
        spool: The spool's file.
    """

    record: str
    spool: Path


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What a spool's file holds.

    Attributes:
        path: The file.
        by: The identity that speaks in it; empty where its first frame is damaged.
        since: Size of the ledger when it was begun: none of it was recorded before.
        waiting: Number of records that can be read.
        size: Bytes in the file.
        torn: Bytes at its end that a process was writing when it died: never acknowledged.
        damaged: Where bytes in between cannot be read: from and to, in bytes.
        in_use: Whether a process that lives has it.
    """

    path: Path
    by: str
    since: int
    waiting: int
    size: int
    torn: int
    damaged: tuple[tuple[int, int], ...]
    in_use: bool


class Spool:
    """One process's file of waiting records. The process holds a lock on it as long as it lives.

    Attributes:
        path: The file.
        by: The identity that speaks in it.
        since: Size of the ledger when it was begun.
    """

    def __init__(self, path: Path, descriptor: int, contents: "_Contents") -> None:
        """Take over an open and locked file; use `create` or `adopt`."""
        self.path = path
        self.by, self.since = contents.by, contents.since
        self._descriptor = descriptor
        self._frames = contents.frames
        self._damaged = contents.damaged
        self._end = contents.end
        self._taken = 0
        # Whether there may be bytes after the last frame that was acknowledged.
        self._is_unclean = False

    @classmethod
    def create(cls, folder: Path, by: str, since: int = 0) -> Self:
        """Begin a spool for an identity in a folder, which is made where it is missing.

        Raises:
            SpoolError: It cannot be written there.
        """
        try:
            make_private_folder(folder)
            path, descriptor = _new(folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        spool = cls(path, descriptor, _Contents(by, since, [], (), 0, 0))
        try:
            spool._append(_frame(0, encode({"v": 1, "by": by, "since": since})))
            sync_folder(folder)
        except (SpoolError, OSError) as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(descriptor)
            if isinstance(error, SpoolError):
                raise
            raise _unwritable(path, error) from error
        return spool

    @classmethod
    def adopt(cls, folder: Path, by: str) -> Iterator[Self]:
        """Yield the spools of this identity whose processes are dead. A torn end is cut off.

        One whose process died before it had written whose it is holds nothing, and is removed.

        Raises:
            SpoolError: One of them cannot be read or written.
        """
        for path in _files(folder):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unwritable(path, error) from error
            # A file that was removed in between was emptied: all in it is recorded.
            if not _locked(descriptor) or not os.fstat(descriptor).st_nlink:
                os.close(descriptor)
                continue
            contents = _read(path)
            if contents.by != by:
                if _is_unbegun(path, contents):
                    with suppress(OSError):
                        path.unlink(missing_ok=True)
                os.close(descriptor)
                continue
            try:
                os.ftruncate(descriptor, contents.end)
            except OSError as error:
                os.close(descriptor)
                raise _unwritable(path, error) from error
            yield cls(path, descriptor, contents)

    def waiting(self) -> int:
        """Return the number of records that were not taken out."""
        return len(self._frames) - self._taken

    def add(self, records: Sequence[EncodedRecord]) -> list[Spooled]:
        """Add records. They are durable on this machine when this returns.

        Raises:
            SpoolError: They cannot be written (`spool.full` where the disk is full). None of them
                is kept then, unless the process ends before a disk that fails lets them be
                removed.
        """
        framed, at = bytearray(), self._end
        for one in records:
            framed += _frame(at + len(framed), one.raw)
        self._append(bytes(framed))
        self._frames.extend(one.raw for one in records)
        return [Spooled(one.digest, self.path) for one in records]

    def _append(self, raw: bytes) -> None:
        try:
            if self._is_unclean:
                self._cut()
            written = 0
            while written < len(raw):
                written += os.pwrite(self._descriptor, raw[written:], self._end + written)
            os.fsync(self._descriptor)
        except OSError as error:
            # What was written of it was acknowledged to nobody, and must not be read as waiting.
            # Where it cannot be cut off now it is before anything else is added.
            self._is_unclean = True
            with suppress(OSError):
                self._cut()
            raise _unwritable(self.path, error) from error
        self._end += len(raw)

    def _cut(self) -> None:
        """Cut off what was not acknowledged, on the disk too."""
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)
        self._is_unclean = False

    def first(self, count: int) -> list[bytes]:
        """Return the bytes of the records that wait longest, at most so many."""
        return self._frames[self._taken : self._taken + count]

    def taken(self, count: int) -> None:
        """Take out the records that waited longest: the ledger has them.

        The file is removed once nothing waits in it. Until then it still holds them: whoever finds
        it after a crash asks the ledger which of them it has.
        """
        self._taken += count

    def close(self) -> None:
        """Give the file up: remove it where nothing waits, keep it where something does.

        One with damage in it is kept under another name, for whoever can read more in it. One that
        cannot be removed now is left for whoever adopts it, who finds that all in it is recorded.
        """
        if self._descriptor < 0:
            return
        if self.waiting() == 0:
            try:
                if self._damaged:
                    self.path.replace(self.path.with_suffix(".damaged"))
                else:
                    self.path.unlink(missing_ok=True)
            except OSError as error:
                _LOG.warning("%s: all in it is recorded, but it stays (%s)", self.path, error)
        self.leave()

    def leave(self) -> None:
        """Give the file up as it is, for whoever adopts it."""
        os.close(self._descriptor)
        self._descriptor = -1


def spool_state(folder: Path) -> list[SpoolState]:
    """Say what waits in a folder of spools, changing nothing.

    Raises:
        SpoolError: A file cannot be read.
    """
    states: list[SpoolState] = []
    for path in _files(folder):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            free = _locked(descriptor)
            if not os.fstat(descriptor).st_nlink:
                continue
            found = _read(path)
        finally:
            os.close(descriptor)
        states.append(
            SpoolState(
                path,
                found.by,
                found.since,
                len(found.frames),
                found.size,
                found.size - found.end,
                found.damaged,
                in_use=not free,
            )
        )
    return states


# ------------------------------------------------------------------------------- bytes


@dataclass(frozen=True, slots=True)
class _Contents:
    by: str
    since: int
    frames: list[bytes]
    damaged: tuple[tuple[int, int], ...]
    end: int
    size: int


def _frame(at: int, payload: bytes) -> bytes:
    """Return a payload as it stands at this place in a file: it is whole there, or not at all."""
    return b"".join((_MARK, len(payload).to_bytes(_LENGTH, "big"), _sum(at, payload), payload))


def _sum(at: int, payload: bytes) -> bytes:
    return sha256(at.to_bytes(8, "big") + payload).digest()


def _read(path: Path) -> _Contents:
    """Read a spool's file, past what is damaged in it.

    Raises:
        SpoolError: It cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpoolError(f"{path}: cannot read the spool ({error.strerror})") from error
    found: list[tuple[int, bytes]] = []
    damaged: list[tuple[int, int]] = []
    at = 0
    while at < len(raw):
        payload = _payload(raw, at)
        if payload is not None:
            found.append((at, payload))
            at += _HEAD + len(payload)
            continue
        following = _next_whole(raw, at + 1)
        if following is None:
            break
        damaged.append((at, following))
        at = following
    end = at
    if end < len(raw) and not _is_torn(raw, end):
        damaged.append((end, len(raw)))
        end = len(raw)
    by, since = _opening(found)
    return _Contents(
        by, since, [payload for place, payload in found if place], tuple(damaged), end, len(raw)
    )


def _payload(raw: bytes, at: int) -> bytes | None:
    """Return the payload of the frame at this place; None where there is no whole one."""
    if raw[at : at + len(_MARK)] != _MARK:
        return None
    start = at + _HEAD
    length = _length(raw, at)
    payload = raw[start : start + length]
    if len(payload) != length or length > MAX_RECORD:
        return None
    return payload if raw[start - _SUM : start] == _sum(at, payload) else None


def _length(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at + len(_MARK) : at + len(_MARK) + _LENGTH], "big")


def _next_whole(raw: bytes, at: int) -> int | None:
    """Return where the next whole frame begins."""
    while (at := raw.find(_MARK, at)) >= 0:
        if _payload(raw, at) is not None:
            return at
        at += 1
    return None


def _is_torn(raw: bytes, at: int) -> bool:
    """Tell whether what is left was never finished: cut short, or of blocks that were not written.

    A frame of its full length whose bytes differ was finished, acknowledged, and damaged since.
    """
    rest = raw[at:]
    if not rest.strip(b"\0") or len(rest) < _HEAD:
        return True
    return rest.startswith(_MARK) and at + _HEAD + _length(raw, at) > len(raw)


def _is_unbegun(path: Path, contents: _Contents) -> bool:
    """Tell whether a spool's process died before all of the first frame was on the disk.

    Then nothing in it was ever acknowledged. Another file's bytes are left alone.
    """
    if contents.by or contents.frames or contents.damaged:
        return False
    raw = path.read_bytes()
    return not raw.strip(b"\0") or _MARK.startswith(raw[: len(_MARK)])


def _opening(found: Sequence[tuple[int, bytes]]) -> tuple[str, int]:
    """Return whose spool it is and since when; nobody's where its first frame is lost."""
    if not found or found[0][0] != 0:
        return "", 0
    try:
        value = decode(found[0][1])
        return str(value["by"]), int(value["since"])
    except (LedgerError, KeyError, TypeError, ValueError):
        return "", 0


def _new(folder: Path) -> tuple[Path, int]:
    """Create a spool's file and lock it."""
    while True:
        path = folder / f"{secrets.token_hex(16)}{_SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between these two lines it is unlocked and empty, as if its process had died: who adopts
        # spools may have removed it. What is written to it then would be lost.
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _locked(descriptor: int) -> bool:
    """Take the lock on a file, unless a process that lives has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unwritable(path: Path, error: OSError) -> SpoolError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return SpoolError(
        f"{path}: cannot be written ({error.strerror}): nothing was spooled",
        code="spool.full" if full else "",
    )
