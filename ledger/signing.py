"""Private keys: the only module that sees one, and the passphrases that some lie under.

Neither stands in any message, log or repr: what goes wrong is said of the file, never of what it
holds or of what was entered.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
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
from ledger.files import create_private, replace_file, sync_folder

_OTHERS = 0o077

# The file format stretches a passphrase by little: it has to be long in itself.
MIN_PASSPHRASE, MAX_PASSPHRASE = 12, 1000
PASSPHRASE, PASSPHRASE_FILE = "WRIT_PASSPHRASE", "WRIT_PASSPHRASE_FILE"

# Gives the passphrase of the file that it is called with, when it is needed and not before.
Passphrase = Callable[[Path], bytes]


class Signer(Protocol):
    """Whatever holds an Ed25519 key: a file, a token, a key service."""

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature over exactly `message`."""
        ...


def from_environment(path: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the passphrase that the environment names, in a variable or in a file of its own.

    Raises:
        KeyFileError: There is none (`key.passphrase-missing`), there are two, or its file is open
            to other users.
    """
    return passphrase_in(environment, PASSPHRASE, path)


def passphrase_in(environment: Mapping[str, str], variable: str, path: Path) -> bytes:
    """Return the passphrase for `path` in this variable, or in the file that `…_FILE` names.

    Raises:
        KeyFileError: As for `from_environment`.
    """
    given, file = environment.get(variable), environment.get(f"{variable}_FILE")
    if given is not None and file is not None:
        raise KeyFileError(
            f"{variable} and {variable}_FILE are both set: keep one", code="key.passphrase"
        )
    if given is not None:
        return os.fsencode(given)
    if file is not None:
        return _passphrase_of(Path(file), variable)
    raise KeyFileError(
        f"{path}: is under a passphrase; set {variable} or {variable}_FILE, or run this "
        "at a terminal to be asked for it",
        code="key.passphrase-missing",
    )


def _passphrase_of(file: Path, variable: str) -> bytes:
    try:
        if file.stat().st_mode & _OTHERS:
            raise KeyFileError(
                f"{file}: other users can reach this passphrase; run chmod 600 on it",
                code="key.passphrase",
            )
        with file.open("rb") as opened:
            return opened.read(MAX_PASSPHRASE + 2).removesuffix(b"\n").removesuffix(b"\r")
    except OSError as error:
        raise KeyFileError(
            f"{file}: cannot read the passphrase that {variable}_FILE names ({error.strerror})",
            code="key.passphrase",
        ) from error


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
        pem = _pem(private_key, path, passphrase)
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
        private_key = _opened(path, pem, passphrase)
        if not isinstance(private_key, Ed25519PrivateKey):
            raise KeyFileError(f"{path}: a private key, but not one for Ed25519")
        return cls(private_key, path)

    def rewrite(self, passphrase: Passphrase | None) -> None:
        """Put the file under another passphrase, or under none, in one step.

        Raises:
            KeyFileError: It cannot be written, or the passphrase is too short to be one.
        """
        pem = _pem(self._private_key, self.path, passphrase)
        try:
            replace_file(self.path, pem)
        except OSError as error:
            raise KeyFileError(f"{self.path}: cannot write it ({error.strerror})") from error


def _pem(private_key: Ed25519PrivateKey, path: Path, passphrase: Passphrase | None) -> bytes:
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        secret = passphrase(path)
        if not MIN_PASSPHRASE <= len(secret) <= MAX_PASSPHRASE:
            raise KeyFileError(
                f"{path}: a passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} bytes",
                code="key.passphrase",
            )
        encryption = BestAvailableEncryption(secret)
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _opened(path: Path, pem: bytes, passphrase: Passphrase) -> object:
    if b"ENCRYPTED" not in pem:
        try:
            return load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path}: not a private key in PEM") from error
    secret = passphrase(path)
    try:
        return load_pem_private_key(pem, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without its cause: what a library says of a passphrase is not ours to pass on.
        raise KeyFileError(
            f"{path}: another passphrase, or the file is damaged", code="key.passphrase-wrong"
        ) from None


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
