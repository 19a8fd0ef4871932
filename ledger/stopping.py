"""The stop: what has every append of a ledger refused after a witness was found ahead of its store.

It is a file beside the head signer's memory, outside the store, so that a store that was put back
does not take it along. Whoever takes it back leaves what it said, and how it ended, beside it.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger.clock import format_time
from ledger.encoding import decode, encode
from ledger.errors import InconsistentHeadError, KeyFileError, LedgerError
from ledger.files import in_turn, replace_file, sync_folder

_OVERRIDDEN = "overridden-"


@dataclass(frozen=True, slots=True)
class Overridden:
    """A stop that somebody took back without the store having what the witness says.

    Attributes:
        path: Where it is kept.
        reason: What they gave as their reason.
        at: When, as the ledger writes times.
    """

    path: Path
    reason: str
    at: str


class Stop:
    """The stop of a ledger, by the head signer's memory that it lies beside."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._path = memory.with_suffix(".stopped")

    def set(self, why: str, note: bytes = b"") -> None:
        """Have every append refused, in every process with this memory.

        Args:
            why: What a witness says.
            note: The head that the witness showed, if it did. It was checked.

        Raises:
            KeyFileError: It could not be written down (`head.unwritable`).
        """
        raw = encode({"v": 1, "why": why, "note": note.decode()})
        with turn(self._memory):
            replace_file(self._path, raw)

    def resolve(self) -> None:
        """Take it back: the store has what the witness says. What it said is kept beside it.

        Raises:
            KeyFileError: It could not be (`head.unwritable`).
        """
        with turn(self._memory):
            if self._path.exists():
                self._path.replace(self._path.with_suffix(".resolved"))
                sync_folder(self._path.parent)

    def override(self, reason: str, at: datetime) -> Path | None:
        """Take it back on somebody's word: the witness is wrong.

        Returns:
            Where what it said, the reason and the time are kept; None where there was no stop.

        Raises:
            KeyFileError: It could not be (`head.unwritable`).
        """
        with turn(self._memory):
            if not self._path.exists():
                return None
            # A damaged record may be anything, such as zeros, which strict JSON has no text for.
            said = self._path.read_bytes().decode(errors="replace").replace("\0", "\ufffd")
            kept = self._memory.with_suffix(f".{_OVERRIDDEN}{at:%Y%m%dT%H%M%S%fZ}")
            if kept.exists():
                raise KeyFileError(f"{kept} is there already", code="head.unwritable")
            value = {"v": 1, "stop": said, "reason": reason, "at": format_time(at)}
            # INVARIANT: the evidence is on the disk before the stop goes. Whoever dies in between
            # leaves both, and appends are still refused.
            replace_file(kept, encode(value))
            self._path.unlink()
            sync_folder(self._path.parent)
            return kept

    def overridden(self) -> list[Overridden]:
        """Return the stops that were taken back on somebody's word, the oldest first."""
        pattern = f"{self._memory.stem}.{_OVERRIDDEN}*"
        return [_read(path) for path in sorted(self._memory.parent.glob(pattern))]

    def said(self) -> tuple[str, bytes] | None:
        """Return why appends are stopped, and the head that a witness showed; None if they are not.

        A record of a stop that cannot be read is one all the same.
        """
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            value = decode(raw)
            return str(value["why"]), str(value["note"]).encode()
        except (LedgerError, TypeError, KeyError):
            return f"{self._path} says so, and is damaged", b""

    def refuse(self) -> None:
        """Refuse to go on while there is one.

        Raises:
            InconsistentHeadError: There is (`head.witness-ahead`).
        """
        found = self.said()
        if found is not None:
            raise InconsistentHeadError(
                f"{found[0]}. Nothing is appended until the right store is back: restore it, then "
                "run `writ witness resolve`",
                code="head.witness-ahead",
            )


def _read(path: Path) -> Overridden:
    """Return what a record of an override says: one that cannot be read is one all the same."""
    try:
        value = decode(path.read_bytes())
        return Overridden(path, str(value["reason"]), str(value["at"]))
    except (LedgerError, OSError, TypeError, KeyError):
        return Overridden(path, "its record is damaged", "")


@contextmanager
def turn(memory: Path) -> Generator[None]:
    """Hold the lock beside a head signer's memory, to change what lies there.

    Raises:
        KeyFileError: What lies there could not be changed (`head.unwritable`).
    """
    try:
        with in_turn(memory):
            yield
    except OSError as error:
        raise KeyFileError(
            f"{memory}: what this head key signs cannot be remembered, so nothing is "
            f"signed ({error.strerror or error})",
            code="head.unwritable",
        ) from error
