"""Keys that this process never sees: in a token, or with a key service.

The library securesystemslib speaks to them (extra `kms`). A key file then holds no key but where
it is, and which one it has to be:

    writ-key: hsm:2?label=ledger
    public: <64 hex digits>

Nothing that a token or a service answers is used before it was checked against that public key.
Source: docs/spec/ledger-format.md, *Keys outside the ledger*.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ledger.errors import InvalidSignatureError, KeyFileError, KeyFormatError
from ledger.keys import fingerprint, parse_public_key, verify_signature
from ledger.passphrase import Passphrase, from_environment
from ledger.signing import FileKey, Signer

_LIBRARY = "securesystemslib.signer"
_MARK = b"writ-key:"
_FORM = re.compile(r"writ-key: ([a-z0-9]+:[\x21-\x7e]*)\npublic: ([0-9a-f]{64})\n?")
_MAX_BYTES = 8192
_WRITABLE_BY_OTHERS = 0o022


class LibrarySigner(Protocol):
    """What is used of the library's signers."""

    @property
    def public_key(self) -> Any:  # noqa: ANN401  (the library's own type, absent without the extra)
        """The key, with `keytype`, `scheme` and `keyval`."""
        ...

    def sign(self, payload: bytes) -> Any:  # noqa: ANN401  (the same)
        """Return what has the hex digits of the signature in `signature`."""
        ...


class ExternalKey:
    """A key behind securesystemslib, of which each signature is checked before it is used."""

    def __init__(self, signer: LibrarySigner, public_key: bytes, name: str) -> None:
        """Take up a signer of the library.

        Raises:
            KeyFileError: Its key is of another kind, or not the one that it has to be.
        """
        key = signer.public_key
        kind = f"{key.keytype}/{key.scheme}"
        if kind != "ed25519/ed25519" or key.keyval.get("public") != public_key.hex():
            raise KeyFileError(
                f"{name}: the key there is {kind}, and has to be the Ed25519 key "
                f"{fingerprint(public_key)}",
                code="key.other",
            )
        self._signer = signer
        self._public_key = public_key
        self._name = name

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature over exactly `message`, checked.

        Raises:
            KeyFileError: Nobody signed, or it is not this key's signature.
        """
        try:
            signature = bytes.fromhex(self._signer.sign(message).signature)
        except Exception as error:  # noqa: BLE001 - the library passes on whatever its parts raise
            raise _unreached(self._name, error) from None
        try:
            verify_signature(self._public_key, message, signature)
        except InvalidSignatureError as error:
            raise KeyFileError(
                f"{self._name}: what it returned is not a signature by the key "
                f"{fingerprint(self._public_key)}",
                code="key.signature",
            ) from error
        return signature


def load_key(path: Path, passphrase: Passphrase = from_environment) -> Signer:
    """Read a key file: one that holds a key, or one that says where it is.

    Args:
        path: Where the file lies.
        passphrase: Asked for the file's passphrase, or for the token's PIN.

    Raises:
        KeyFileError: It cannot be used.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES)
        mode = path.stat().st_mode
    except OSError as error:
        raise KeyFileError(f"{path}: cannot read the key ({error.strerror})") from error
    if not raw.startswith(_MARK):
        return FileKey.load(path, passphrase)
    if mode & _WRITABLE_BY_OTHERS:
        raise KeyFileError(f"{path}: other users can change this file; run chmod 600 on it")
    found = _FORM.fullmatch(raw.decode("utf-8", "replace"))
    if found is None:
        raise KeyFileError(
            f"{path}: two lines, writ-key: URI and public: 64 hex digits, and no more"
        )
    try:
        public_key = parse_public_key(found[2])
    except KeyFormatError as error:
        raise KeyFileError(f"{path}: {error}") from error
    return _external(path, found[1], public_key, passphrase)


def _external(path: Path, uri: str, public_key: bytes, passphrase: Passphrase) -> ExternalKey:
    try:
        library = import_module(_LIBRARY)
    except ImportError as error:
        raise KeyFileError(
            f"{path}: names a key outside; install writ[kms] to reach it", code="key.no-kms"
        ) from error
    keyval = {"public": public_key.hex()}
    key = library.SSlibKey(fingerprint(public_key), "ed25519", "ed25519", keyval)

    def secret(_name: str) -> str:
        return passphrase(path).decode()

    try:
        signer = library.Signer.from_priv_key_uri(uri, key, secret)
    except KeyFileError:
        raise
    except Exception as error:  # noqa: BLE001 - the library passes on whatever its parts raise
        raise _unreached(str(path), error) from None
    return ExternalKey(signer, public_key, str(path))


def _unreached(name: str, error: Exception) -> KeyFileError:
    # Only the kind of the error: its text may hold what was entered.
    return KeyFileError(
        f"{name}: the key outside cannot be used ({type(error).__name__})", code="key.unreached"
    )
