"""The keys of sealed values: one for each data subject, wrapped under one that the store never has.

A sealing key signs nothing, and no check of a ledger needs it: it opens what was sealed, for who
may read it. It lies outside the store, so that a copy of the store alone opens nothing.
Source: docs/spec/ledger-format.md, *Sealed values*.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ledger.boxes import Box, Boxes
from ledger.encoding import SEALED_MARK, decode
from ledger.errors import EncodingError, KeyFileError, SealedFormatError, UnsealedError
from ledger.files import create_private, replace_file, sync_folder
from ledger.passphrase import (
    Passphrase,
    from_environment,
    locked,
    unlocked,
    wrong_passphrase,
)
from ledger.sealed import (
    SALT_SIZE,
    Disclosure,
    Opening,
    Sealed,
    check_opening,
    escaped,
    is_to_be_sealed,
    seal,
    sealed_in,
)

KEY_SIZE = 32
KEY_FILE = "sealing.key"
_NONCE = 12
_ID = 8
_MAX_SUBJECT = 2_048
_OTHERS = 0o077
_MAX_FILE = 8192
_NAMED = re.compile(rb"^writ-sealing-key: ([0-9a-f]{16})\n\Z", re.MULTILINE)
# Values of records that were made and never handed in are forgotten, the oldest first.
_MAX_WAITING = 65_536


class Wrapper(Protocol):
    """Whatever keeps the sealing key: a file, a key service."""

    def wrap(self, key: bytes, subject: str) -> bytes:
        """Return a subject's key as it may lie in the store."""
        ...

    def unwrap(self, wrapped: bytes, subject: str) -> bytes:
        """Return the subject's key again.

        Raises:
            UnsealedError: It was wrapped by another, or for another subject.
        """
        ...


class SealingKey:
    """A sealing key that this process holds: 32 bytes, from a file that only its owner reads."""

    def __init__(self, key: bytes, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        if len(key) != KEY_SIZE:
            raise KeyFileError(f"a sealing key has {KEY_SIZE} bytes", code="seal.key")
        self._aead = ChaCha20Poly1305(key)
        self._random = random
        self.id = _name_of(key)

    @classmethod
    def create(cls, path: Path, key: bytes, passphrase: Passphrase | None = None) -> "SealingKey":
        """Write a new key, 32 secret random bytes, to a file that must not exist yet.

        Args:
            path: Where.
            key: The secret bytes.
            passphrase: What the file is encrypted under; None: only its mode protects it.

        Raises:
            KeyFileError: There is something at `path`, or it cannot be written, or the passphrase
                is too short to be one.
        """
        made = cls(key)
        raw = _file_bytes(path, key, passphrase)
        try:
            create_private(path, raw)
            sync_folder(path.parent)
        except OSError as error:
            raise KeyFileError(
                f"{path}: cannot write a new sealing key there ({error.strerror})", code="seal.key"
            ) from error
        return made

    @classmethod
    def load(cls, path: Path, passphrase: Passphrase = from_environment) -> "SealingKey":
        """Read a key.

        Args:
            path: Where it lies.
            passphrase: Asked only where the file is under one.

        Raises:
            KeyFileError: Missing, not a sealing key, open to other users of the machine, or under
                another passphrase (`key.passphrase-wrong`).
        """
        return cls(_read_key(path, passphrase))

    def wrap(self, key: bytes, subject: str) -> bytes:
        """Return a subject's key as it may lie in the store."""
        nonce = self._random(_NONCE)
        return self.id + nonce + self._aead.encrypt(nonce, key, _of_subject(subject))

    def unwrap(self, wrapped: bytes, subject: str) -> bytes:
        """Return the subject's key again. Raises as `Wrapper.unwrap`."""
        if wrapped[:_ID] != self.id:
            raise UnsealedError("the values were sealed with another sealing key", code="seal.key")
        nonce, sealed = wrapped[_ID : _ID + _NONCE], wrapped[_ID + _NONCE :]
        try:
            return self._aead.decrypt(nonce, sealed, _of_subject(subject))
        except (InvalidTag, ValueError) as error:
            raise UnsealedError("a subject's key was changed, or is another's") from error


def is_sealing_key(path: Path) -> bool:
    """Tell whether a file looks like that of a sealing key, with a passphrase or without."""
    try:
        raw = _read_file(path)
    except KeyFileError:
        return False
    return len(raw) == KEY_SIZE or _NAMED.search(raw) is not None


def relock(path: Path, passphrase: Passphrase, new: Passphrase | None) -> None:
    """Put a sealing key's file under another passphrase, or under none, in one step.

    Raises:
        KeyFileError: As for `SealingKey.load`; or it cannot be written, or the new passphrase is
            too short to be one.
    """
    raw = _file_bytes(path, _read_key(path, passphrase), new)
    try:
        replace_file(path, raw)
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot write it ({error.strerror})", code="seal.key"
        ) from error


def _file_bytes(path: Path, key: bytes, passphrase: Passphrase | None) -> bytes:
    """Return a key's file: its bytes; or, locked, the PEM of an X25519 key, with its name below.

    That kind, so that nobody takes it for a signing key. The name tells another key that a damaged
    file, or a wrong passphrase, could open to: with that one new values would be lost.
    """
    if passphrase is None:
        return key
    pem = locked(X25519PrivateKey.from_private_bytes(key), path, passphrase)
    return pem + f"writ-sealing-key: {_name_of(key).hex()}\n".encode()


def _read_key(path: Path, passphrase: Passphrase) -> bytes:
    raw = _read_file(path)
    named = _NAMED.search(raw)
    if named is None:
        if len(raw) != KEY_SIZE:
            raise KeyFileError(f"{path}: is no sealing key of {KEY_SIZE} bytes", code="seal.key")
        return raw
    found = unlocked(path, raw, passphrase)
    key = found.private_bytes_raw() if isinstance(found, X25519PrivateKey) else b""
    if _name_of(key).hex().encode() != named[1]:
        raise wrong_passphrase(path)
    return key


def _read_file(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE)
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot read the sealing key ({error.strerror})", code="seal.key"
        ) from error
    if mode & _OTHERS:
        raise KeyFileError(
            f"{path}: other users can reach this key; run chmod 600 on it", code="seal.key"
        )
    return raw


def _name_of(key: bytes) -> bytes:
    """Name a key and tell nothing of it: another key is then told from a changed box."""
    return hashlib.sha256(b"writ/sealing-key/v1" + key).digest()[:_ID]


def _of_subject(subject: str) -> bytes:
    return b"writ/subject/v1\n" + subject.encode()


def _of_place(commitment: str, record: str, path: str) -> bytes:
    return f"writ/box/v1\n{record}\n{commitment}\n{path}".encode()


def encrypt(opening: Opening, key: bytes, record: str, nonce: bytes) -> bytes:
    """Return the box of an opening: it opens with this key, in this place of this record."""
    where = _of_place(opening.commitment, record, opening.path)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, opening.salt + opening.value, where)


def decrypt(box: Box, key: bytes) -> Opening:
    """Return what is in a box.

    Raises:
        UnsealedError: Another key, a changed box, or one from another place.
    """
    where = _of_place(box.commitment, box.record, box.path)
    try:
        text = ChaCha20Poly1305(key).decrypt(box.box[:_NONCE], box.box[_NONCE:], where)
    except (InvalidTag, ValueError) as error:
        raise UnsealedError(f"{box.path}: the box does not open in this place") from error
    opening = Opening(box.path, text[:SALT_SIZE], text[SALT_SIZE:])
    check_opening(opening, box.commitment)
    return opening


@dataclass(frozen=True, slots=True)
class _Waiting:
    opening: Opening
    subject: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """The values of a submission's sealed fields, handed in with it and put in boxes with it."""

    _sealing: "Sealing" = field(repr=False)
    _values: Mapping[str, _Waiting] = field(repr=False)

    @property
    def paths(self) -> Mapping[str, str]:
        """Where each commitment's value belongs in its record."""
        return {commitment: one.opening.path for commitment, one in self._values.items()}

    def put(self, boxes: Boxes, records: Mapping[str, str]) -> None:
        """Put the values in boxes, each for the record that its commitment stands in."""
        self._sealing.put(boxes, [(self._values[one], record) for one, record in records.items()])

    def forget(self) -> None:
        """Keep these values in memory no longer: they are durable."""
        self._sealing.forget(self._values)


class Sealing:
    """Seals values on their way into a ledger, and opens them again. Shared between threads.

    Args:
        wrapper: Keeps the sealing key.
        random: Gives that many unguessable bytes.
    """

    def __init__(
        self, wrapper: Wrapper, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._wrapper = wrapper
        self._random = random
        self._waiting: dict[str, _Waiting] = {}
        # What was unwrapped last, and of what: most records are about few people.
        self._known: dict[str, tuple[bytes, bytes]] = {}

    # ------------------------------------------------------------------------- writing

    def sealed(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return a record's fields with a commitment in place of each value to be sealed.

        Raises:
            EncodingError: A value has no strict JSON.
            SealedFormatError: A path or a subject is too long or empty.
        """
        return {
            name: self._sealed(value, f"/{escaped(name)}") if is_to_be_sealed(value) else value
            for name, value in fields.items()
        }

    def _sealed(self, value: object, path: str) -> object:
        if isinstance(value, Sealed):
            return {"sealed": self._take(value, path)}
        if isinstance(value, dict):
            members = cast("dict[str, object]", value)
            return {
                name: self._sealed(item, f"{path}/{escaped(name)}")
                for name, item in members.items()
            }
        if isinstance(value, list | tuple):
            items = cast("Sequence[object]", value)
            return [self._sealed(item, f"{path}/{place}") for place, item in enumerate(items)]
        return value

    def _take(self, value: Sealed, path: str) -> str:
        if not 0 < len(value.subject.encode()) <= _MAX_SUBJECT:
            raise SealedFormatError(f"a subject has 1 to {_MAX_SUBJECT} bytes")
        opening = seal(path, value.value, self._random)
        while len(self._waiting) >= _MAX_WAITING:
            self._waiting.pop(next(iter(self._waiting)), None)
        commitment = opening.commitment
        self._waiting[commitment] = _Waiting(opening, value.subject)
        return commitment

    def parcel(self, records: Sequence[bytes]) -> Parcel | None:
        """Return the values of what is sealed in these records; None where nothing is."""
        found: dict[str, _Waiting] = {}
        for raw in records:
            if SEALED_MARK in raw:
                for _, commitment in sealed_in(decode(raw)):
                    if commitment in self._waiting:
                        found[commitment] = self._waiting[commitment]
        return Parcel(self, found) if found else None

    def put(self, boxes: Boxes, values: Sequence[tuple[_Waiting, str]]) -> None:
        """Put values in boxes for these records, making keys for subjects who have none."""
        made: list[Box] = []
        for waiting, record in values:
            subject, opening = waiting.subject, waiting.opening
            wrapped = boxes.key(subject)
            if wrapped is None:
                key = self._random(KEY_SIZE)
                wrapped = self._wrapper.wrap(key, subject)
                boxes.add_key(subject, wrapped)
            key = self._unwrapped(wrapped, subject)
            box = encrypt(opening, key, record, self._random(_NONCE))
            made.append(Box(opening.commitment, record, opening.path, subject, box))
        boxes.add(made)

    def forget(self, commitments: Mapping[str, Any]) -> None:
        """Forget values that are in their boxes."""
        for commitment in commitments:
            self._waiting.pop(commitment, None)

    # ------------------------------------------------------------------------- reading

    def open(self, box: Box, wrapped: bytes | None) -> Opening:
        """Return what is in a box.

        Args:
            box: The box.
            wrapped: Its subject's key as the store keeps it.

        Raises:
            UnsealedError: There is no key, it is wrapped by another sealing key (`seal.key`), or
                the box does not open in its place.
        """
        if wrapped is None:
            raise UnsealedError(f"{box.path}: the key of its subject is not there")
        opening = decrypt(box, self._unwrapped(wrapped, box.subject))
        try:
            opening.read()
        except EncodingError as error:
            raise UnsealedError(f"{box.path}: what is in the box is not strict JSON") from error
        return opening

    def _unwrapped(self, wrapped: bytes, subject: str) -> bytes:
        known = self._known.get(subject)
        if known is not None and known[0] == wrapped:
            return known[1]
        key = self._wrapper.unwrap(wrapped, subject)
        if len(self._known) >= _MAX_WAITING:
            self._known.clear()
        self._known[subject] = wrapped, key
        return key


def disclosure_of(
    boxes: Boxes, sealing: Sealing, record: str, paths: Sequence[str] = ()
) -> Disclosure:
    """Open values of one record, all or those at these paths, to show them to somebody.

    Raises:
        UnsealedError: There is no box at a path, or one does not open.
    """
    found = {box.path: box for box in boxes.of_record(record)}
    wanted = paths or sorted(found)
    missing = [path for path in wanted if path not in found]
    if missing or not wanted:
        where = f" at {missing[0]}" if missing else ""
        raise UnsealedError(f"record {record} has no sealed value{where} in this store")
    opened = [sealing.open(found[path], boxes.key(found[path].subject)) for path in wanted]
    return Disclosure(record, tuple(opened))
