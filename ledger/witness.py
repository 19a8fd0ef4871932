"""A witness: it signs that a log only ever grew, and so never signs two histories of one.

For each log it remembers the largest head that it has cosigned, and cosigns another only with the
proof that it continues that one. Looking at what it remembers and remembering more is one step,
which one request takes at a time, and what it remembers is on the disk before a signature leaves.
Source: C2SP tlog-witness and tlog-cosignature.
"""

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from ledger.checkpoint import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    SignedNote,
    VerifierKey,
    note_bytes,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_verifier_key,
    signature_line,
)
from ledger.cosignature import check_cosignatures, cosign
from ledger.encoding import digest, from_base64, to_base64
from ledger.errors import EncodingError, LedgerError, MerkleProofError
from ledger.files import in_turn, replace_file, sync_folder
from ledger.merkle import EMPTY_ROOT, HASH_SIZE, check_consistency
from ledger.signing import Signer

MAX_PROOF = 63
# A note, 63 hashes in base64, and the line before them.
MAX_REQUEST = 65_536 + MAX_PROOF * 45 + 64
SIZE_TYPE = "text/x.tlog.size"
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,15})")

Now = Callable[[], int]


class WitnessRefusalError(LedgerError):
    """A witness does not sign; `status` is the answer that C2SP tlog-witness has for it."""

    code = "witness.refused"

    def __init__(self, status: HTTPStatus, message: str, *, size: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.size = size


class WitnessStateError(LedgerError):
    """What a witness remembers is damaged: it cannot know what it has signed."""

    code = "witness.state"


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the witness is said to know, the proof from there, and the note."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


def request_bytes(request: AddCheckpoint) -> bytes:
    """Write the body of `add-checkpoint`."""
    lines = [f"old {request.old_size}", *(to_base64(node) for node in request.proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + request.note


def parse_request(raw: bytes) -> AddCheckpoint:
    """Read the body of `add-checkpoint`.

    Raises:
        WitnessRefusalError: It is none.
    """
    if len(raw) > MAX_REQUEST:
        raise WitnessRefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too large")
    before, gap, note = raw.partition(b"\n\n")
    first, *hashes = before.split(b"\n")
    old = _OLD.fullmatch(first)
    if not gap or old is None or len(hashes) > MAX_PROOF:
        raise _bad("a request is `old SIZE`, at most 63 hashes, an empty line and a checkpoint")
    try:
        proof = tuple(from_base64(line.decode()) for line in hashes)
    except (EncodingError, UnicodeDecodeError) as error:
        raise _bad("a line of the proof is not base64") from error
    if any(len(node) != HASH_SIZE for node in proof):
        raise _bad("a line of the proof is not a hash")
    return AddCheckpoint(int(old[1]), proof, note)


@dataclass(frozen=True, slots=True)
class _State:
    """The last head that was cosigned for a log, and when."""

    checkpoint: Checkpoint
    at: int


class Witness:
    """A witness with its key, its logs, and the folder in which it remembers.

    Several processes may share the folder: a lock for each log takes them in turn.

    Attributes:
        key: The name and public key that it signs with.
    """

    def __init__(
        self, name: str, signer: Signer, folder: Path, logs: Iterable[VerifierKey], now: Now
    ) -> None:
        self.key = VerifierKey(name, signer.public_key, COSIGNATURE)
        self._signer = signer
        self._folder = folder
        self._now = now
        # What of the memory this process knows to be on the disk under its name.
        self._safe: dict[Path, bytes] = {}
        self._logs: dict[str, list[bytes]] = {}
        for log in logs:
            self._logs.setdefault(log.name, []).append(log.public_key)

    def add_checkpoint(self, raw: bytes) -> bytes:
        """Cosign a log's head, if it continues the last one that was cosigned.

        Args:
            raw: The request's body.

        Returns:
            The witness's signature line, with its newline.

        Raises:
            WitnessRefusalError: The head is not cosigned.
            WitnessStateError: What was signed before cannot be read, or what would be signed now
                cannot be remembered (`witness.unwritable`). Nothing is given out.
        """
        request = parse_request(raw)
        checkpoint, note = self._opened(request.note)
        if request.old_size > checkpoint.size:
            raise _bad(f"old {request.old_size} is larger than the checkpoint")
        path = self._path(checkpoint.origin)
        # INVARIANT: between reading what was cosigned last and having the new head on the disk
        # nobody else does either, and no signature leaves before that.
        with _turn(path):
            state = self._state(path)
            known = state.checkpoint.size if state else 0
            if request.old_size != known:
                raise WitnessRefusalError(
                    HTTPStatus.CONFLICT, f"{known} entries were cosigned last", size=known
                )
            _check_growth(request, state.checkpoint if state else None, checkpoint)
            # A clock that went back must not date a head before a smaller one.
            at = max(self._now(), state.at if state else 0)
            text = parse_note(note).text
            line = signature_line(cosign(text, self.key, self._signer.sign, at)).encode()
            replace_file(path, note + line)
            self._safe[path] = note + line
        return line

    def checkpoint(self, origin_hash: str) -> bytes | None:
        """Return the last head cosigned for a log, by the hash of its origin, with both lines.

        Raises:
            WitnessStateError: It cannot be read, or cannot be brought to the disk.
        """
        for origin in self._logs:
            path = self._path(origin)
            if digest(origin.encode()) == origin_hash and path.exists():
                return self._shown(path)
        return None

    def _shown(self, path: Path) -> bytes:
        with _turn(path):
            raw = path.read_bytes()
            # Whoever remembered it may have died before the memory's name was on the disk: shown
            # then and forgotten with the power, another history could follow it.
            if self._safe.get(path) != raw:
                sync_folder(path.parent)
                self._safe[path] = raw
            return raw

    def _path(self, origin: str) -> Path:
        return self._folder / f"{digest(origin.encode())}.head"

    def _opened(self, raw: bytes) -> tuple[Checkpoint, bytes]:
        """Return a log's checkpoint, and its note with no lines but those of the log's keys."""
        try:
            note = parse_note(raw)
            origin = parse_checkpoint(note.text).origin
        except LedgerError as error:
            raise _bad(f"no checkpoint: {error}") from error
        keys = self._logs.get(origin)
        if keys is None:
            raise WitnessRefusalError(HTTPStatus.NOT_FOUND, f"{origin} is no log of this witness")
        try:
            checkpoint = open_checkpoint(raw, origin, keys).checkpoint
        except LedgerError as error:
            raise WitnessRefusalError(HTTPStatus.FORBIDDEN, str(error)) from error
        known = {(origin, VerifierKey(origin, key).key_id) for key in keys}
        lines = tuple(line for line in note.signatures if (line.name, line.key_id) in known)
        return checkpoint, note_bytes(SignedNote(note.text, lines))

    def _state(self, path: Path) -> _State | None:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WitnessStateError(f"{path}: cannot be read ({error.strerror})") from error
        try:
            note = parse_note(raw)
            held = check_cosignatures(note.text, note.signatures, [self.key])
            return _State(parse_checkpoint(note.text), held[-1].at)
        except (LedgerError, IndexError) as error:
            raise WitnessStateError(
                f"{path}: not a head that this witness has cosigned ({error}); put it back from "
                "where it was kept, or retire this witness: it cannot know what it has signed"
            ) from error


@contextmanager
def _turn(path: Path) -> Generator[None]:
    try:
        with in_turn(path):
            yield
    except OSError as error:
        raise WitnessStateError(
            f"{path}: what this witness signs cannot be remembered, so nothing is signed "
            f"({error.strerror or error})",
            code="witness.unwritable",
        ) from error


def _check_growth(request: AddCheckpoint, old: Checkpoint | None, new: Checkpoint) -> None:
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise _unproven("the root of the empty tree is the hash of nothing")
    if old is None or request.old_size == 0:
        if request.proof:
            raise _unproven("every tree continues the empty one: no proof is needed")
        return
    try:
        check_consistency(request.old_size, new.size, request.proof, old.root, new.root)
    except MerkleProofError as error:
        raise _unproven(str(error)) from error


def _unproven(message: str) -> WitnessRefusalError:
    return WitnessRefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _bad(message: str) -> WitnessRefusalError:
    return WitnessRefusalError(HTTPStatus.BAD_REQUEST, message)


def parse_log(text: str) -> VerifierKey:
    """Read a log's verifier key.

    Raises:
        LedgerError: It is none.
    """
    return parse_verifier_key(text, ED25519)
