"""Signing keys: the only module that sees one.

None stands in any message, log or repr: what goes wrong is said of the file, never of what it
holds.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.checkpoint import (
    Checkpoint,
    NoteSignature,
    SignedNote,
    checkpoint_text,
    key_id,
    note_bytes,
)
from ledger.errors import KeyFileError
from ledger.files import create_private, replace_file, sync_folder
from ledger.passphrase import Passphrase, from_environment, locked, unlocked

_OTHERS = 0o077


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
    """A key in a file: PKCS#8 in PEM, readable by its owner alone, with or without passphrase.

    Attributes:
        path: Where it lies.
    """

    def __init__(self, private_key: Ed25519PrivateKey, path: Path) -> None:
        super().__init__(private_key)
        self.path = path

    @classmethod
    def create(cls, path: Path, seed: bytes, passphrase: Passphrase | None = None) -> "FileKey":
        """Write a new key, made of 32 secret random bytes, to a file that must not exist yet.

        Args:
            path: Where.
            seed: The secret bytes.
            passphrase: What the file is encrypted under; None: only its mode protects it.

        Raises:
            KeyFileError: There is something at `path`, or it cannot be written, or the passphrase
                is too short to be one.
        """
        private_key = Ed25519PrivateKey.from_private_bytes(seed)
        pem = locked(private_key, path, passphrase)
        try:
            create_private(path, pem)
        except OSError as error:
            raise KeyFileError(
                f"{path}: cannot write a new key there ({error.strerror})"
            ) from error
        sync_folder(path.parent)
        return cls(private_key, path)

    @classmethod
    def load(cls, path: Path, passphrase: Passphrase = from_environment) -> "FileKey":
        """Read a key.

        Args:
            path: Where it lies.
            passphrase: Asked only where the file is under one.

        Raises:
            KeyFileError: Missing, not an Ed25519 key in PEM, open to other users of the machine,
                or under another passphrase (`key.passphrase-wrong`).
        """
        try:
            mode, pem = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"{path}: cannot read the key ({error.strerror})") from error
        if mode & _OTHERS:
            raise KeyFileError(f"{path}: other users can reach this key; run chmod 600 on it")
        private_key = unlocked(path, pem, passphrase)
        if not isinstance(private_key, Ed25519PrivateKey):
            raise KeyFileError(f"{path}: a private key, but not one for Ed25519")
        return cls(private_key, path)

    def rewrite(self, passphrase: Passphrase | None) -> None:
        """Put the file under another passphrase, or under none, in one step.

        Raises:
            KeyFileError: It cannot be written, or the passphrase is too short to be one.
        """
        pem = locked(self._private_key, self.path, passphrase)
        try:
            replace_file(self.path, pem)
        except OSError as error:
            raise KeyFileError(f"{self.path}: cannot write it ({error.strerror})") from error


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the note: the checkpoint's text with the signer's line, under the name of the origin.

    Prefer `ledger.head_signer`: this signs whatever it is given.

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
