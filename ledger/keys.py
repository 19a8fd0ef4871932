"""Public keys: which bytes are accepted as one, what it is called, and whether it signed.

The library that checks signatures accepts keys of small order, for which a signature over one
text fits others, and several encodings of one key. Both are refused here: what a key has signed
must name one key and one text.
Source: docs/spec/ledger-format.md; RFC 8032 section 5.1.3.
"""

from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.encoding import digest
from ledger.errors import InvalidSignatureError, KeyFormatError

KEY_SIZE = 32
SIGNATURE_SIZE = 64

# The curve of RFC 8032 section 5.1: -x² + y² = 1 + d x² y² modulo p.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# The y of the points of order 8; those of order 1, 2 and 4 have y = 1, -1 and 0.
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


def fingerprint(public_key: bytes) -> str:
    """Return a key's name: the hash of its 32 bytes."""
    return digest(public_key)


@lru_cache(maxsize=4096)
def check_public_key(public_key: bytes) -> None:
    """Refuse what is not a public key in its one encoding.

    Raises:
        KeyFormatError: Wrong length, not canonical, not on the curve, or of small order.
    """
    if len(public_key) != KEY_SIZE:
        raise KeyFormatError(f"a public key has {KEY_SIZE} bytes, not {len(public_key)}")
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if y >= _P:
        raise KeyFormatError("the public key is not canonically encoded")
    if y in _SMALL_ORDER:
        raise KeyFormatError("the public key is of small order: it would fit signatures of others")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise KeyFormatError("the public key is not a point of the curve")


def parse_public_key(text: str) -> bytes:
    """Read a public key from 64 lowercase hexadecimal digits.

    Raises:
        KeyFormatError: It is not written so, or `check_public_key` refuses it.
    """
    try:
        public_key = bytes.fromhex(text)
    except ValueError as error:
        raise KeyFormatError(f"a public key is 64 hexadecimal digits, not {text!r}") from error
    if public_key.hex() != text:
        raise KeyFormatError("a public key is written in lowercase and without spaces")
    check_public_key(public_key)
    return public_key


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check that this key signed exactly these bytes.

    Raises:
        KeyFormatError: The key is refused as a key.
        InvalidSignatureError: It did not sign them.
    """
    signature_check(public_key)(signature, message)


def signature_check(public_key: bytes) -> Callable[[bytes, bytes], None]:
    """Return what checks signatures of this key, given signature and message: for many of them.

    It raises as `verify_signature` does.

    Raises:
        KeyFormatError: The key is refused as a key.
    """
    check_public_key(public_key)
    verify = _loaded(public_key).verify

    def check(signature: bytes, message: bytes) -> None:
        try:
            verify(signature, message)
        except InvalidSignature as error:
            raise InvalidSignatureError(
                f"the key {fingerprint(public_key)} did not sign these bytes"
            ) from error

    return check


@lru_cache(maxsize=4096)
def _loaded(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)
