"""Private keys: the only module that sees one.

Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

import os
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
)
from ledger.errors import KeyFileError
from ledger.files import sync_folder

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
        sync_folder(path.parent)
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
