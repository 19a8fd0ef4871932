"""Signed envelopes of the DSSE format: a payload, its type, and signatures over both.

What an envelope says of its keys is a hint and decides nothing: whoever checks one names the keys.
Both alphabets of base64 are read and unknown members are passed over, as the format demands; what
it leaves open is refused where two readers could take it in two ways.
Source: DSSE 1.0.2, protocol and envelope; docs/spec/attestation.md, *Envelope*.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

from ledger.encoding import encode, from_base64, to_base64
from ledger.errors import EncodingError, InvalidSignatureError
from ledger.keys import SIGNATURE_SIZE, fingerprint, signature_check
from verifier.errors import VerifierError

MAX_ENVELOPE: Final = 4 * 1_048_576
MAX_SIGNATURES: Final = 64
MAX_DEPTH: Final = 32

_URL_SAFE: Final = str.maketrans("-_", "+/")


class EnvelopeError(VerifierError):
    """These bytes are not an envelope, or not JSON that every reader takes in the same way."""

    code = "attestation.malformed"


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope taken apart. Nothing in it has been checked: see `signers`.

    Attributes:
        payload: The bytes that were signed.
        payload_type: What they are; signed too.
        signatures: 64 bytes each, or other bytes that are no signature of ours.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    r"""Return the bytes that are signed: lengths first, so that no part can pass for another.

    Example:
        >>> pae("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_text(
    payload_type: str, payload: bytes, sign: Iterable[tuple[bytes, Callable[[bytes], bytes]]]
) -> str:
    """Return an envelope as JSON on one line, ended by a newline.

    Args:
        payload_type: What the payload is.
        payload: The bytes to sign.
        sign: Public keys, each with what returns its signature over given bytes.

    Raises:
        EncodingError: The envelope would be longer than is ever read.
    """
    message = pae(payload_type, payload)
    signatures = [
        {"keyid": fingerprint(public_key), "sig": to_base64(signer(message))}
        for public_key, signer in sign
    ]
    members = {
        "payload": to_base64(payload),
        "payloadType": payload_type,
        "signatures": signatures,
    }
    return encode(members, MAX_ENVELOPE - 1).decode() + "\n"


def parse_envelope(raw: bytes) -> Envelope:
    """Take an envelope apart.

    Raises:
        EnvelopeError: It is not one.
    """
    members = parse_object(raw)
    signatures = members.get("signatures")
    if not isinstance(signatures, list):
        raise EnvelopeError("not a signed envelope: signatures is no list")
    each = cast("list[object]", signatures)
    if len(each) > MAX_SIGNATURES:
        raise EnvelopeError(f"{len(each)} signatures, and at most {MAX_SIGNATURES} are read")
    return Envelope(
        _bytes_of(members, "payload"),
        _text_of(members, "payloadType"),
        tuple(_signature(one) for one in each),
    )


def signers(envelope: Envelope, keys: Iterable[bytes]) -> frozenset[bytes]:
    """Return those of the keys that signed an envelope, whatever names stand at its signatures.

    Raises:
        KeyFormatError: One of them is refused as a public key.
    """
    message = pae(envelope.payload_type, envelope.payload)
    checks = {key: signature_check(key) for key in keys}
    found: set[bytes] = set()
    for signature in envelope.signatures:
        for key, check in checks.items():
            if len(signature) == SIGNATURE_SIZE and _holds(check, signature, message):
                found.add(key)
    return frozenset(found)


def parse_object(raw: bytes, limit: int = MAX_ENVELOPE) -> dict[str, Any]:
    """Read a JSON object that means the same to every reader.

    Args:
        raw: Its bytes.
        limit: How many are read at most.

    Raises:
        EnvelopeError: Not JSON in UTF-8 or no object; a key stands twice; a number is not an
            integer; nested too deep or too long.
    """
    if len(raw) > limit:
        raise EnvelopeError(f"{len(raw)} bytes, and at most {limit} are read")
    try:
        value: object = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise EnvelopeError("not a JSON object")
    _check_depth(cast("object", value), 0)
    return cast("dict[str, Any]", value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise EnvelopeError(f"the key {twice!r} stands twice: which one counts depends on whom")
    return found


def _no_number(text: str) -> NoReturn:
    raise EnvelopeError(f"{text} is not an integer: readers may take it for different numbers")


def _check_depth(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EnvelopeError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        items: Iterable[object] = cast("Mapping[str, object]", value).values()
    elif isinstance(value, list):
        items = cast("Sequence[object]", value)
    else:
        return
    for item in items:
        _check_depth(item, depth + 1)


def _text_of(members: Mapping[str, Any], name: str) -> str:
    found = members.get(name)
    if not isinstance(found, str):
        raise EnvelopeError(f"not a signed envelope: {name} is no text")
    if not found.isascii():
        raise EnvelopeError(f"not a signed envelope: {name} is not ASCII")
    return found


def _bytes_of(members: Mapping[str, Any], name: str) -> bytes:
    """Return what stands in base64, in one of its alphabets, padded, without stray bits."""
    text = _text_of(members, name)
    mixed = any(one in text for one in "-_") and any(one in text for one in "+/")
    try:
        return from_base64(text if mixed else text.translate(_URL_SAFE))
    except EncodingError as error:
        raise EnvelopeError(f"{name}: {error}") from error


def _signature(one: object) -> bytes:
    if not isinstance(one, dict):
        raise EnvelopeError("not a signed envelope: a signature is no object")
    members = cast("dict[str, object]", one)
    if not isinstance(members.get("keyid", ""), str):
        raise EnvelopeError("not a signed envelope: a keyid is no text")
    return _bytes_of(members, "sig")


def _holds(check: Callable[[bytes, bytes], None], signature: bytes, message: bytes) -> bool:
    try:
        check(signature, message)
    except InvalidSignatureError:
        return False
    return True
