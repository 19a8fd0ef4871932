"""Signed tree heads: a C2SP checkpoint in a C2SP signed note.

The note's text is the origin, the size and the root; a signature line names the key and carries
its signature over that text. Signatures of keys that one does not know are passed over, as the
format demands; one of a known key must hold.
Source: C2SP signed-note and tlog-checkpoint; docs/spec/ledger-format.md, *Checkpoint*.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ledger.encoding import MAX_INTEGER, from_base64, to_base64
from ledger.errors import EncodingError, InvalidSignatureError, NoteError
from ledger.keys import SIGNATURE_SIZE, check_public_key, verify_signature
from ledger.merkle import HASH_SIZE

MAX_NOTE = 65_536
# Types of signature: a plain one over the note's text, and a witness's with a time.
ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
_KEY_ID_SIZE = 4
_BODY = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[^\n]+)\n")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE = re.compile(r"— (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/=]+)")
# The name of a key in a signature line: no white space and no plus sign (C2SP signed-note).
_VERIFIER_KEY = re.compile(
    r"(?P<name>[^\s+\x00-\x1f\x7f]{1,255})\+(?P<id>[0-9a-f]{8})\+(?P<material>[A-Za-z0-9+/=]+)"
)
_KINDS = {ED25519: "a log's key is asked for", COSIGNATURE: "a witness's key is asked for"}
_ORIGIN = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which ledger, how many entries, and the root over their leaf hashes."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name, its four-byte id, and the signature."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note taken apart. Nothing in it has been checked: see `open_checkpoint`."""

    text: str
    signatures: tuple[NoteSignature, ...]


_OPENED: Final = object()


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that a known head key signed. Only `open_checkpoint` makes one."""

    checkpoint: Checkpoint
    key: bytes
    note: bytes
    _seal: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self._seal is not _OPENED:
            raise ValueError("a verified checkpoint comes from open_checkpoint")


def check_origin(origin: str) -> None:
    """Refuse an origin that cannot name a key.

    Raises:
        NoteError: Empty, longer than 255 characters, or with white space, control characters or a
            plus sign.
    """
    if not _ORIGIN.fullmatch(origin):
        raise NoteError(
            f"{origin!r} cannot be an origin: write a name like example.com/ledger, "
            "without spaces and plus signs"
        )


def key_id(name: str, public_key: bytes, kind: int = ED25519) -> bytes:
    """Return the four bytes by which a signature line names a key and its type of signature."""
    named = name.encode() + b"\n" + bytes([kind]) + public_key
    return hashlib.sha256(named).digest()[:_KEY_ID_SIZE]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key as others are told it: under a name, and for one type of signature."""

    name: str
    public_key: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """The four bytes that signature lines carry."""
        return key_id(self.name, self.public_key, self.kind)

    def __str__(self) -> str:
        """Write it as C2SP signed-note does: name, key id, and type with public key."""
        material = to_base64(bytes([self.kind]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{material}"


def parse_verifier_key(text: str, kind: int) -> VerifierKey:
    """Read a verifier key of one type of signature.

    Raises:
        NoteError: It is not one, or of another type.
        KeyFormatError: What it holds is refused as a public key.
    """
    found = _VERIFIER_KEY.fullmatch(text)
    if found is None:
        raise NoteError(f"not a verifier key, NAME+KEYID+BASE64: {text[:80]!r}")
    try:
        material = from_base64(found["material"])
    except EncodingError as error:
        raise NoteError(f"verifier key of {found['name']}: {error}") from error
    if material[:1] != bytes([kind]):
        raise NoteError(
            f"verifier key of {found['name']}: is not of signature type {kind:#04x}: "
            + _KINDS.get(kind, "")
        )
    check_public_key(material[1:])
    key = VerifierKey(found["name"], material[1:], kind)
    if str(key) != text:
        raise NoteError(f"verifier key of {found['name']}: its key id is not that of its key")
    return key


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Write the text that is signed.

    Raises:
        NoteError: The origin cannot be one.
    """
    check_origin(checkpoint.origin)
    return f"{checkpoint.origin}\n{checkpoint.size}\n{to_base64(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint. Extension lines are refused: this ledger writes none.

    Raises:
        NoteError: It is not one.
    """
    found = _BODY.fullmatch(text)
    if found is None:
        raise NoteError("a checkpoint is three lines: origin, size, root")
    check_origin(found["origin"])
    try:
        root = from_base64(found["root"])
    except EncodingError as error:
        raise NoteError(f"the checkpoint's root: {error}") from error
    if len(root) != HASH_SIZE or int(found["size"]) > MAX_INTEGER:
        raise NoteError("the checkpoint's root is not a hash, or its size is beyond 2^53 - 1")
    return Checkpoint(found["origin"], int(found["size"]), root)


def signature_line(line: NoteSignature) -> str:
    """Write one signature line, with its newline."""
    return f"— {line.name} {to_base64(line.key_id + line.signature)}\n"


def note_bytes(note: SignedNote) -> bytes:
    """Write a signed note."""
    lines = [signature_line(line) for line in note.signatures]
    return "".join([note.text, "\n", *lines]).encode()


def parse_note(raw: bytes) -> SignedNote:
    """Take a signed note apart.

    Raises:
        NoteError: It is not one. The text is everything before the last empty line.
    """
    if len(raw) > MAX_NOTE:
        raise NoteError(f"a note of {len(raw)} bytes, and at most {MAX_NOTE} are read")
    try:
        content = raw.decode()
    except UnicodeDecodeError as error:
        raise NoteError("a note is UTF-8, and this is not") from error
    if _CONTROL.search(content):
        raise NoteError("a note holds no control characters but newline")
    text, gap, tail = content.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise NoteError("a note is a text, an empty line, and signature lines")
    return SignedNote(
        text + "\n", tuple(parse_signature_line(line) for line in tail[:-1].split("\n"))
    )


def parse_signature_line(line: str) -> NoteSignature:
    """Read one signature line, without its newline.

    Raises:
        NoteError: It is not one.
    """
    found = _SIGNATURE_LINE.fullmatch(line)
    if found is None:
        raise NoteError(f"not a signature line: {line[:80]!r}")
    try:
        raw = from_base64(found["signature"])
    except EncodingError as error:
        raise NoteError(f"signature line of {found['name']}: {error}") from error
    if len(raw) <= _KEY_ID_SIZE:
        raise NoteError(f"signature line of {found['name']}: no signature in it")
    return NoteSignature(found["name"], raw[:_KEY_ID_SIZE], raw[_KEY_ID_SIZE:])


def open_checkpoint(raw: bytes, origin: str, keys: Iterable[bytes]) -> VerifiedCheckpoint:
    """Read a note and check that a head key of this ledger signed it.

    Args:
        raw: The note.
        origin: The ledger's origin, as the auditor knows it.
        keys: Public keys that may sign this ledger's heads.

    Raises:
        NoteError: Malformed, or of another origin.
        InvalidSignatureError: No known key signed it, or the signature of one does not hold.
    """
    note = parse_note(raw)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise NoteError(f"a checkpoint of {checkpoint.origin}, not of {origin}")
    known = {key_id(origin, key): key for key in keys}
    signer: bytes | None = None
    for line in note.signatures:
        if line.name == origin and line.key_id in known:
            if len(line.signature) != SIGNATURE_SIZE:
                raise InvalidSignatureError("the head's signature does not have 64 bytes")
            verify_signature(known[line.key_id], note.text.encode(), line.signature)
            signer = known[line.key_id]
    if signer is None:
        raise InvalidSignatureError(f"no head key of {origin} that is known has signed this note")
    return VerifiedCheckpoint(checkpoint, signer, raw, _OPENED)
