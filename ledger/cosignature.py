"""Cosignatures: a witness's word that a head was the largest that it had seen, and when.

A cosignature is a line of the note that it stands under. What is signed is the note's text behind a
line that says what this is, and one that says when, in seconds since 1970.
Source: C2SP tlog-cosignature; docs/spec/ledger-format.md, *Checkpoint*.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ledger.checkpoint import (
    COSIGNATURE,
    MAX_NOTE,
    NoteSignature,
    VerifierKey,
    parse_note,
    parse_signature_line,
    signature_line,
)
from ledger.errors import InvalidSignatureError, NoteError
from ledger.keys import SIGNATURE_SIZE, verify_signature

# A witness's clock may be this many seconds ahead of the one that its age is measured by.
SKEW = 300
_TIME_SIZE = 8
_LAST_TIME = 2**63 - 1

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that holds.

    Attributes:
        witness: Whose it is.
        at: When the witness signed, in seconds since 1970.
        line: The signature line.
    """

    witness: VerifierKey
    at: int
    line: NoteSignature


def cosigned_bytes(text: str, at: int) -> bytes:
    """Return what a witness signs.

    Raises:
        ValueError: The time is not one: 1 to 2^63 - 1.
    """
    if not 0 < at <= _LAST_TIME:
        raise ValueError(f"{at} is no time that a cosignature can carry")
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def cosign(text: str, witness: VerifierKey, sign: Sign, at: int) -> NoteSignature:
    """Return a witness's line under a checkpoint.

    Args:
        text: The checkpoint's text, with its extension lines and last newline.
        witness: The witness.
        sign: Signs with the witness's key.
        at: Seconds since 1970.
    """
    signature = sign(cosigned_bytes(text, at))
    return NoteSignature(witness.name, witness.key_id, at.to_bytes(_TIME_SIZE, "big") + signature)


def check_cosignature(text: str, line: NoteSignature, witness: VerifierKey) -> Cosignature:
    """Check that a line is this witness's, under this checkpoint.

    Raises:
        InvalidSignatureError: It is not.
    """
    if (line.name, line.key_id) != (witness.name, witness.key_id):
        raise InvalidSignatureError(f"the cosignature of {line.name} is not of {witness.name}")
    if witness.kind != COSIGNATURE or len(line.signature) != _TIME_SIZE + SIGNATURE_SIZE:
        raise InvalidSignatureError(f"the cosignature of {line.name} does not have 72 bytes")
    at = int.from_bytes(line.signature[:_TIME_SIZE], "big")
    if not 0 < at <= _LAST_TIME:
        raise InvalidSignatureError(f"the cosignature of {line.name} carries no time")
    verify_signature(witness.public_key, cosigned_bytes(text, at), line.signature[_TIME_SIZE:])
    return Cosignature(witness, at, line)


def check_cosignatures(
    text: str, lines: Iterable[NoteSignature], witnesses: Iterable[VerifierKey]
) -> list[Cosignature]:
    """Check the lines of the witnesses that are known; the others' are passed over.

    Raises:
        InvalidSignatureError: A known witness's line does not hold.
    """
    known = by_line(witnesses)
    return [
        check_cosignature(text, line, known[line.name, line.key_id])
        for line in lines
        if (line.name, line.key_id) in known
    ]


def by_line(witnesses: Iterable[VerifierKey]) -> Mapping[tuple[str, bytes], VerifierKey]:
    """Return witnesses by what their lines begin with."""
    return {(witness.name, witness.key_id): witness for witness in witnesses}


def parse_lines(raw: bytes) -> list[NoteSignature]:
    """Read signature lines as a witness answers them: each with its newline, and nothing else.

    Raises:
        NoteError: They are not.
    """
    if not raw.endswith(b"\n") or len(raw) > MAX_NOTE:
        raise NoteError("not signature lines: each ends with a newline, and they are few")
    return [parse_line(line) for line in raw[:-1].split(b"\n")]


def with_lines(note: bytes, lines: Iterable[bytes]) -> bytes:
    """Return a note with further signature lines, each as it is kept: without its newline.

    A line that the note has already is not repeated.

    Raises:
        NoteError: The note or a line is malformed.
    """
    whole = parse_note(note)
    found = list(whole.signatures)
    for raw in lines:
        line = parse_line(raw)
        if line not in found:
            found.append(line)
    return note + "".join(signature_line(line) for line in found[len(whole.signatures) :]).encode()


def parse_line(raw: bytes) -> NoteSignature:
    """Read a line as it is kept, without its newline.

    Raises:
        NoteError: It is not one.
    """
    try:
        return parse_signature_line(raw.decode())
    except UnicodeDecodeError as error:
        raise NoteError("a signature line is UTF-8, and this is not") from error


def line_bytes(line: NoteSignature) -> bytes:
    """Write a line as it is kept, without its newline."""
    return signature_line(line)[:-1].encode()
