"""Private keys: the only module that sees one.

A head signer signs what the ledger is, so it must never sign two histories. It keeps its last
signed head and the edge of that tree beside its key, outside the store and the store's backups,
and signs only what continues them.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

import fcntl
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ledger.checkpoint import (
    Checkpoint,
    NoteSignature,
    SignedNote,
    checkpoint_text,
    key_id,
    note_bytes,
    open_checkpoint,
)
from ledger.encoding import decode, encode
from ledger.errors import InconsistentHeadError, KeyFileError, LedgerError
from ledger.merkle import Frontier

_OTHERS = 0o077

ReadHead = Callable[[], tuple[int, bytes]]
ReadLeaves = Callable[[int, int], Iterable[bytes]]


class Signer(Protocol):
    """Whatever holds an Ed25519 key: a file, a token, a key service."""

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature over exactly `message`."""
        ...


class MemoryKey:
    """A key that lives in this process only."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self._public_key = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def from_seed(cls, seed: bytes) -> "MemoryKey":
        """Make the key of these 32 secret bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature over exactly `message`."""
        return self._private_key.sign(message)


class FileKey(MemoryKey):
    """A key in a file: PKCS#8 in PEM, readable by its owner alone.

    Attributes:
        path: Where it lies.
    """

    def __init__(self, private_key: Ed25519PrivateKey, path: Path) -> None:
        super().__init__(private_key)
        self.path = path

    @classmethod
    def create(cls, path: Path, seed: bytes) -> "FileKey":
        """Write a new key, made of 32 secret random bytes, to a file that must not exist yet.

        Raises:
            KeyFileError: There is something at `path`, or it cannot be written.
        """
        private_key = Ed25519PrivateKey.from_private_bytes(seed)
        pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise KeyFileError(
                f"{path}: cannot write a new key there ({error.strerror})"
            ) from error
        _sync_folder(path.parent)
        return cls(private_key, path)

    @classmethod
    def load(cls, path: Path) -> "FileKey":
        """Read a key.

        Raises:
            KeyFileError: Missing, not an Ed25519 key in PEM, or open to other users of the machine.
        """
        try:
            mode, pem = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"{path}: cannot read the key ({error.strerror})") from error
        if mode & _OTHERS:
            raise KeyFileError(f"{path}: other users can reach this key; run chmod 600 on it")
        try:
            private_key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise KeyFileError(f"{path}: not a private key in PEM without password") from error
        if not isinstance(private_key, Ed25519PrivateKey):
            raise KeyFileError(f"{path}: a private key, but not one for Ed25519")
        return cls(private_key, path)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the note: the checkpoint's text with the signer's line, under the name of the origin.

    Prefer `HeadSigner`: this signs whatever it is given.

    Raises:
        NoteError: The origin cannot be one.
    """
    text = checkpoint_text(checkpoint)
    line = NoteSignature(
        checkpoint.origin,
        key_id(checkpoint.origin, signer.public_key),
        signer.sign(text.encode()),
    )
    return note_bytes(SignedNote(text, (line,)))


@dataclass(frozen=True, slots=True)
class _Memory:
    """The last head signed (empty before the first), and the edge of its tree."""

    note: bytes
    frontier: Frontier


class HeadSigner:
    """Signs the ledger's heads, and remembers the last one so as never to contradict it.

    Several processes may share the key and its memory: a lock on a file beside it takes them in
    turn.
    """

    def __init__(self, signer: Signer, origin: str, memory: Path) -> None:
        """Take up the memory at a path.

        Raises:
            KeyFileError: There is none (`head.no-memory`), or it does not hold a head that this
                key signed (`head.memory`).
        """
        self._signer = signer
        self._origin = origin
        self._path = memory
        # What was read last, and the bytes it was read from.
        self._known: tuple[bytes, _Memory] | None = None
        self.last_size()

    @classmethod
    def create(cls, signer: Signer, origin: str, memory: Path) -> "HeadSigner":
        """Begin a memory for a new ledger. It must not exist yet.

        Raises:
            KeyFileError: There is something at `memory`.
        """
        if memory.exists():
            raise KeyFileError(f"{memory}: this signer has signed heads before; keep its memory")
        _write(memory, _Memory(b"", Frontier()))
        return cls(signer, origin, memory)

    @property
    def public_key(self) -> bytes:
        """The head key's 32 raw bytes."""
        return self._signer.public_key

    def last_size(self) -> int:
        """Return the size of the last head that was signed; 0 before the first."""
        return self._read().frontier.size

    def check(self, head: ReadHead, leaves: ReadLeaves) -> None:
        """Check that a store continues the last signed head.

        Args:
            head: Gives the store's size, and the root that it says it has.
            leaves: Gives the store's leaf hashes from the first to before the second index.

        Raises:
            InconsistentHeadError: It does not.
        """
        with self._turn():
            self._grown(self._read(), *head(), leaves)

    def sign(self, head: ReadHead, leaves: ReadLeaves) -> bytes:
        """Sign the head of a store, after checking it as `check` does.

        Returns:
            The signed note. For the same head the same note, however often it is asked for.

        Raises:
            InconsistentHeadError: The store does not continue the last signed head. Nothing was
                signed.
        """
        # The head is read while no other process can sign, so it is never older than the last
        # signed one.
        with self._turn():
            memory = self._read()
            size, root = head()
            frontier = self._grown(memory, size, root, leaves)
            if memory.note and size == memory.frontier.size:
                return memory.note
            note = sign_checkpoint(Checkpoint(self._origin, size, frontier.root()), self._signer)
            # INVARIANT: a head leaves this function only once it is remembered. If the process
            # dies after this line, the head was never shown to anybody and is given out at the
            # next call.
            memory = _Memory(note, frontier)
            self._known = _write(self._path, memory), memory
            return note

    def _grown(
        self,
        memory: _Memory,
        size: int,
        root: bytes,
        leaves: ReadLeaves,
    ) -> Frontier:
        known = memory.frontier.size
        if size < known:
            raise InconsistentHeadError(
                f"the store has {size} entries and a head of {known} was signed: "
                "entries are lost, or the store was restored from an old backup"
            )
        frontier = memory.frontier.copy()
        frontier.extend(leaves(known, size))
        if frontier.size != size or frontier.root() != root:
            raise InconsistentHeadError(
                f"the store's history does not continue the head of {known} entries that was signed"
            )
        return frontier

    def _read(self) -> _Memory:
        try:
            raw = self._path.read_bytes()
            # Other processes sign too, so the file is read each time. Bytes that were read or
            # written before need no second check.
            if self._known is None or self._known[0] != raw:
                self._known = raw, self._opened(raw)
            return self._known[1]
        except FileNotFoundError as error:
            raise KeyFileError(
                f"{self._path}: the memory of what this head key has signed is missing; "
                "put it back from where the key was kept",
                code="head.no-memory",
            ) from error
        except (LedgerError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise KeyFileError(
                f"{self._path}: not the memory of this head key ({error})", code="head.memory"
            ) from error

    def _opened(self, raw: bytes) -> _Memory:
        memory = decode(raw)
        note = memory["note"].encode()
        frontier = Frontier.from_bytes(bytes.fromhex(memory["frontier"]))
        if note:
            self._check_note(note, frontier)
        return _Memory(note, frontier)

    def _check_note(self, note: bytes, frontier: Frontier) -> None:
        head = open_checkpoint(note, self._origin, [self.public_key]).checkpoint
        if (head.size, head.root) != (frontier.size, frontier.root()):
            raise ValueError("the tree's edge is not that of the head")

    @contextmanager
    def _turn(self) -> Generator[None]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write(path: Path, memory: _Memory) -> bytes:
    """Replace the memory in one step: if the process dies, the old or the new one is there.

    Returns:
        What stands in it.
    """
    raw = encode(
        {"v": 1, "note": memory.note.decode(), "frontier": memory.frontier.to_bytes().hex()}
    )
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    _sync_folder(path.parent)
    return raw


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
