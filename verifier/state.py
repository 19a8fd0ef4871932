"""What an auditor keeps of a verification, so that the next one reads only what is new.

A folder of the auditor's own. The file `state` says up to which signed head a ledger was verified,
and what its later entries are compared with; the tables that it names hold the leaf hashes, and
what can be pointed at. It is checked whole before anything of it is used, and replaced in one step:
whoever is killed leaves the old state or the new one. It keeps nobody from writing another state
who can write in the folder: like a trust file it is worth what its place is worth.
Source: docs/spec/ledger-format.md, *Verification*; docs/adr/0019.
"""

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from ledger.encoding import digest, encode
from ledger.errors import LedgerError
from ledger.files import in_turn, replace_file, sync_folder
from ledger.merkle import HASH_SIZE
from verifier.errors import StateError
from verifier.trust import Digest, Pin, Trust

# The version says what is kept and what was checked: whoever changes a step raises it.
FORMAT = "writ/verifier-state/v1"
JUDGED = "judged"
"""The table that holds what is known of conformance."""
_NAME = "state"
_TABLES = "tables-"
_OWN = frozenset({_NAME, f"{_NAME}.lock", f"{_NAME}.new"})
_AT_ONCE = 1 << 20
_PIN = "the head up to which it was verified before"
_AGAIN = "name another folder, or remove this one, to verify from the start"

Natural = Annotated[int, Field(ge=0)]


class Verified(BaseModel):
    """A ledger in which nothing was wrong up to a signed head, and what comes after it needs.

    Attributes:
        genesis: Digest of the genesis record.
        origin: The ledger's origin line.
        note: The head.
        size: Its size.
        submissions: How many there were.
        latest: When the last entry was recorded.
        streams: Key, stream, last number, digest of its text, whether closed.
        spoke: The last index at which each key wrote.
        governance: Index, header and record of what has to be known of earlier governance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    genesis: Digest
    origin: str
    note: str
    size: Annotated[int, Field(ge=1)]
    submissions: Natural
    latest: str
    streams: tuple[tuple[Digest, str, Natural, Digest, bool], ...]
    spoke: dict[str, Natural]
    governance: tuple[tuple[Natural, str, str], ...]

    def head(self) -> Checkpoint:
        """Return what the head says.

        Raises:
            NoteError: It is none.
        """
        return parse_checkpoint(parse_note(self.note.encode()).text)


class _Kept(BaseModel):
    """The content of the file `state`: what is known, for which trust, and the tables' digests."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    trust: str
    verified: Verified
    folder: Annotated[str, Field(pattern=rf"^{_TABLES}[0-9a-f]{{32}}$")]
    files: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], tuple[Natural, Digest]]


class State:
    """An auditor's state of one ledger, while it is used. `State.open` makes one.

    Attributes:
        verified: What it holds now; None before the first verification.
        work: A folder with a copy of its tables, to be added to.
        began: The size from which this verification goes on.
        ordinary: Whether it could; else all was read again, exactly.
        judged_from: The entry from which records were decided again; None where none were.
        why: Why that is the first one although others were decided before.
    """

    def __init__(self, folder: Path, trust: Trust | None) -> None:
        self._folder = folder
        self._trust = trust_digest(trust)
        self.work = folder / f"{_TABLES}{token_hex(16)}"
        self._kept = self._read()
        self.verified = self._kept.verified if self._kept else None
        self.began = self.verified.size if self.verified else 0
        self.ordinary = True
        self.judged_from: int | None = None
        self.why = ""

    @classmethod
    @contextmanager
    def open(cls, folder: Path, trust: Trust | None) -> Generator["State"]:
        """Take up a state, or begin one; of several verifications one at a time has it.

        Args:
            folder: Where it lies; it is made where there is none.
            trust: What the verification rests on.

        Raises:
            StateError: It is damaged (`state.damaged`), of another trust file or format, or the
                folder holds something else (`state.other`); or it cannot be written
                (`state.unwritable`).
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_others(folder)
            with in_turn(folder / _NAME):
                state = cls(folder, trust)
                try:
                    state._begin()
                    yield state
                finally:
                    state._tidy()
        except OSError as error:
            what = f"{error.filename or folder}: the state cannot be used ({error.strerror})"
            raise StateError(what, code="state.unwritable") from error

    def pins(self) -> tuple[Pin, ...]:
        """Return the head that the ledger must still contain, if one was verified."""
        return (Pin(_PIN, self.verified.note),) if self.verified and self.began else ()

    def check_ledger(self, genesis: str, origin: str) -> None:
        """Refuse another ledger.

        Raises:
            StateError: The state is of another one (`state.other`).
        """
        known = self.verified
        if known is not None and (known.genesis, known.origin) != (genesis, origin):
            raise StateError(
                f"{self._folder}: a state of {known.origin} with genesis {known.genesis}, and this "
                f"ledger is {origin} with genesis {genesis}; {_AGAIN}",
                code="state.other",
            )

    def judged(self) -> bytes | None:
        """Return what is kept of conformance, None where that is nothing."""
        if JUDGED not in self.lengths():
            return None
        return (self.work / JUDGED).read_bytes()

    def lengths(self) -> dict[str, int]:
        """Return how long the tables are that are kept now."""
        files = self._kept.files if self._kept else {}
        return {name: length for name, (length, _) in files.items()}

    def damaged(self, what: str) -> StateError:
        """Return the error that something in it is not what is kept there."""
        return _damaged(self._folder, what)

    def keep(self, verified: Verified, lengths: Mapping[str, int]) -> None:
        """Replace the state, once all of a ledger was verified.

        What is kept of conformance stays where nothing else is said: it is of an earlier head.

        Args:
            verified: What is known up to its last head.
            lengths: How much of each table belongs to that.

        Raises:
            OSError: It cannot be written. The state is as it was.
        """
        lengths = {JUDGED: self.lengths().get(JUDGED, 0), **lengths}
        files = {name: _cut(self.work / name, length) for name, length in lengths.items() if length}
        for path in self.work.iterdir():
            if path.name not in files:
                path.unlink()
        sync_folder(self.work)
        sync_folder(self._folder)
        sync_folder(self._folder.parent)
        kept = _Kept(trust=self._trust, verified=verified, folder=self.work.name, files=files)
        body = kept.model_dump_json().encode()
        replace_file(self._folder / _NAME, f"{FORMAT}\n{digest(body)}\n".encode() + body)
        self._kept, self.verified = kept, verified

    def said(self) -> str:
        """Return what whoever asked for the verification has to know of it."""
        if self.judged_from is None or not self.ordinary:
            return self._said(self.began)
        which = f"records were decided again from entry {self.judged_from:,} on"
        which = which if self.judged_from else "all records were decided again"
        said = f"{self._said(min(self.began, self.judged_from))}; {which}"
        return f"{said}: {self.why}" if self.why else said

    def _said(self, unread: int) -> str:
        kept = f"{self._folder}: {self.verified.size if self.verified else 0:,} entries are kept"
        if not self.ordinary:
            why = "something in it is out of the ordinary, or is not what it was"
            return f"{kept}, as before; all of the ledger was read, exactly: {why}"
        if self.verified is None:
            return f"{self._folder}: nothing is kept: no head ends with a submission"
        if unread:
            return f"{kept} as verified; the first {unread:,} were not read again"
        return f"{kept} as verified; all of the ledger was read"

    def _begin(self) -> None:
        """Copy the tables, and hold each against its digest."""
        self._tidy()
        self.work.mkdir(mode=0o700)
        if self._kept is not None:
            folder = self._folder / self._kept.folder
            for name, (length, expected) in self._kept.files.items():
                self._copy(folder / name, length, expected)

    def _tidy(self) -> None:
        """Remove the tables that are not those kept: of whoever was killed, or is done."""
        for path in self._folder.glob(f"{_TABLES}*"):
            if self._kept is None or path.name != self._kept.folder:
                shutil.rmtree(path)

    # --------------------------------------------------------------------------- reading

    def _read(self) -> _Kept | None:
        """Read what is kept, and hold it against itself and the trust file."""
        try:
            raw = (self._folder / _NAME).read_bytes()
        except FileNotFoundError:
            return None
        kept = _parsed(self._folder, raw)
        try:
            head = kept.verified.head()
        except LedgerError as error:
            raise _damaged(self._folder, str(error)) from error
        known = kept.verified
        if (head.size, head.origin) != (known.size, known.origin):
            raise _damaged(self._folder, "its head is of another size or origin")
        if kept.files.get("leaves", (0, ""))[0] != known.size * HASH_SIZE:
            raise _damaged(self._folder, "it has not one leaf hash for each entry")
        if kept.trust != self._trust:
            raise StateError(
                f"{self._folder}: a state for another trust file: another ledger, or others whom "
                f"it trusts; {_AGAIN}",
                code="state.other",
            )
        return kept

    def _copy(self, path: Path, length: int, expected: str) -> None:
        """Copy a table to where it is added to, and hold it against its digest on the way."""
        name = path.name
        found, size = sha256(), 0
        try:
            with path.open("rb") as source, (self.work / name).open("wb") as target:
                while chunk := source.read(_AT_ONCE):
                    found.update(chunk)
                    size += target.write(chunk)
        except FileNotFoundError as error:
            raise _damaged(self._folder, f"{name} is not there") from error
        if (size, found.hexdigest()) != (length, expected):
            raise _damaged(self._folder, f"{name} is not as it was written")


def trust_digest(trust: Trust | None) -> str:
    """Return a digest of whom a trust file trusts; empty where there is none.

    Heads that it pins, and the time that ages are measured against, are no part of it: they are
    compared anew in each verification, with all that is kept.
    """
    if trust is None:
        return ""
    said = {
        "genesis": trust.genesis,
        "origin": trust.origin,
        "quorum": trust.quorum,
        "max_age": trust.max_age,
        "witnesses": sorted(f"{one.name} {one.public_key.hex()}" for one in trust.witnesses),
    }
    return digest(encode(said))


def _parsed(folder: Path, raw: bytes) -> _Kept:
    format_, _, rest = raw.partition(b"\n")
    checksum, _, body = rest.partition(b"\n")
    if format_ != FORMAT.encode():
        what = f"{folder}: a state of another format than {FORMAT}, or none; {_AGAIN}"
        raise StateError(what, code="state.other")
    if checksum != digest(body).encode():
        raise _damaged(folder, "its checksum is another")
    try:
        return _Kept.model_validate_json(body)
    except ValidationError as error:
        raise _damaged(folder, "its content is not that of a state") from error


def _damaged(folder: Path, what: str) -> StateError:
    return StateError(f"{folder}: the state is damaged: {what}; {_AGAIN}")


def _refuse_others(folder: Path) -> None:
    """Refuse a folder in which there is something else: it is not the auditor's for this."""
    for path in folder.iterdir():
        if path.name not in _OWN and not path.name.startswith(_TABLES):
            what = f"{folder}: no state: it holds {path.name}; name a folder that is not there yet"
            raise StateError(what, code="state.other")


def _cut(path: Path, length: int) -> tuple[int, str]:
    """Cut a table off where the head is, have it on the disk, and return length and digest."""
    found = sha256()
    with path.open("r+b") as file:
        file.truncate(length)
        while chunk := file.read(_AT_ONCE):
            found.update(chunk)
        os.fsync(file.fileno())
    return length, found.hexdigest()
