"""Public keys: which are accepted, and what they have signed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidSignatureError, KeyFormatError, LedgerError
from ledger.keys import check_public_key, fingerprint, parse_public_key, verify_signature
from ledger.testing import mangle, throwaway_key

VECTORS = (
    Path(__file__).resolve().parents[3]
    / "shared"
    / "vectors"
    / "ed25519"
    / "wycheproof_ed25519.json"
)
P = 2**255 - 19


def vectors() -> list[Any]:
    """Read the published signatures; the test is skipped where there are none."""
    if not VECTORS.is_file():
        missing = pytest.mark.skip(reason="no vectors beside the project")
        return [pytest.param("", {}, marks=missing)]
    groups = json.loads(VECTORS.read_text("utf-8"))["testGroups"]
    return [
        pytest.param(group["publicKey"]["pk"], test, id=str(test["tcId"]))
        for group in groups
        for test in group["tests"]
    ]


@pytest.mark.parametrize(("public_key", "vector"), vectors())
def test_published_signatures(public_key: str, vector: dict[str, str]) -> None:
    """Each signature is accepted or refused as its authors say."""
    message, signature = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["sig"])
    if vector["result"] == "valid":
        verify_signature(bytes.fromhex(public_key), message, signature)
    else:
        with pytest.raises(LedgerError):
            verify_signature(bytes.fromhex(public_key), message, signature)


def encoded(y: int, sign: int = 0) -> bytes:
    """Write a point as a public key: y, with the sign of x in the highest bit."""
    return (y | sign << 255).to_bytes(32, "little")


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize(
    "y",
    [
        0,
        1,
        P - 1,
        P,
        P + 1,
        2**255 - 1,
        # The points of order 8, found by halving: d y⁴ + 2 y² - 1 = 0.
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        P - 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    ],
)
def test_keys_of_small_order_or_other_encodings_are_refused(y: int, sign: int) -> None:
    """A key whose signatures fit other texts or that could be written twice is none."""
    with pytest.raises(KeyFormatError):
        check_public_key(encoded(y, sign))


def test_the_points_of_order_8_are_those() -> None:
    """The constant satisfies the equation of the points whose double has order 4."""
    y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    d = -121665 * pow(121666, -1, P) % P
    assert (d * pow(y, 4, P) + 2 * y * y - 1) % P == 0


def test_what_is_no_point_is_refused() -> None:
    """Y = 2 belongs to no point of the curve."""
    with pytest.raises(KeyFormatError, match="not a point"):
        check_public_key(encoded(2))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    """Another length is refused."""
    with pytest.raises(KeyFormatError, match="32 bytes"):
        check_public_key(b"\1" * length)


@given(st.binary(min_size=1, max_size=8).map(bytes.hex))
def test_an_honest_key_is_accepted(name: str) -> None:
    """Keys made from secrets are fine, and are read from their text."""
    public_key = throwaway_key(name).public_key
    assert parse_public_key(public_key.hex()) == public_key
    assert len(fingerprint(public_key)) == 64


PLAIN = throwaway_key("a").public_key.hex()


@pytest.mark.parametrize("text", [PLAIN.upper(), PLAIN[:-2], "zz" * 32, f"{PLAIN[:2]} {PLAIN[2:]}"])
def test_a_key_is_written_one_way(text: str) -> None:
    """Lowercase, 64 digits, and no spaces between, which Python would pass over."""
    with pytest.raises(KeyFormatError):
        parse_public_key(text)


def test_a_signature_fits_its_text_and_key_only() -> None:
    """Each flipped bit of the signature, another text and another key are refused."""
    key = throwaway_key("a")
    signature = key.sign(b"text")
    verify_signature(key.public_key, b"text", signature)
    for _, spoiled in mangle(signature):
        with pytest.raises(InvalidSignatureError):
            verify_signature(key.public_key, b"text", spoiled)
    with pytest.raises(InvalidSignatureError):
        verify_signature(key.public_key, b"texts", signature)
    with pytest.raises(InvalidSignatureError):
        verify_signature(throwaway_key("b").public_key, b"text", signature)
