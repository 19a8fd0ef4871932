"""Passphrases that key files lie under: where they come from, and the files that they lock.

A passphrase stands in no message, log or repr, nor does what it locks: what goes wrong is said of
the file. It is never taken from a flag, which others on the machine could read. The file is
ordinary PKCS#8 in PEM, which other tools open.
Source: docs/spec/ledger-format.md, *Keys outside the ledger*; docs/adr/0018.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.errors import KeyFileError

_OTHERS = 0o077

# The file format stretches a passphrase by little: it has to be long in itself.
MIN_PASSPHRASE, MAX_PASSPHRASE = 12, 1000
PASSPHRASE = "WRIT_PASSPHRASE"  # noqa: S105  (a variable's name)

# Gives the passphrase of the file that it is called with, when it is needed and not before.
Passphrase = Callable[[Path], bytes]


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


def asked(path: Path, passphrase: Passphrase) -> bytes:
    """Return the passphrase that a file is to be put under.

    Raises:
        KeyFileError: There is none, or it is too short to be one (`key.passphrase`).
    """
    secret = passphrase(path)
    if not MIN_PASSPHRASE <= len(secret) <= MAX_PASSPHRASE:
        raise KeyFileError(
            f"{path}: a passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} bytes",
            code="key.passphrase",
        )
    return secret


def locked(
    private_key: Ed25519PrivateKey | X25519PrivateKey, path: Path, passphrase: Passphrase | None
) -> bytes:
    """Return the PEM of a key for the file at `path`, under its passphrase or under none.

    Raises:
        KeyFileError: The passphrase is too short to be one, or too long.
    """
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = BestAvailableEncryption(asked(path, passphrase))
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def unlocked(path: Path, pem: bytes, passphrase: Passphrase) -> object:
    """Return the key in a PEM, of whatever kind. The passphrase is asked for where it needs one.

    Raises:
        KeyFileError: It is none, or under another passphrase (`key.passphrase-wrong`).
    """
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
        raise wrong_passphrase(path) from None


def wrong_passphrase(path: Path) -> KeyFileError:
    """Return what is said where a file does not open, or opens to another key."""
    return KeyFileError(
        f"{path}: another passphrase, or the file is damaged", code="key.passphrase-wrong"
    )
