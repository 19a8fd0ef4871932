"""Strict JSON: what is accepted is accepted in one form only."""

import base64
import json
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding import (
    MAX_DEPTH,
    MAX_INTEGER,
    call_digest,
    decode,
    digest,
    encode,
    from_base64,
    representable,
    to_base64,
)
from ledger.errors import EncodingError
from tests.ledger.strategies import values

Object = dict[str, Any]


def specified(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """Write a value as the specification says, without the library that the encoder uses."""
    if isinstance(value, dict):
        members = sorted(cast("Object", value).items(), key=lambda member: member[0].encode())
        return "{" + ",".join(f"{specified(k)}:{specified(v)}" for k, v in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(specified(item) for item in cast("list[object]", value)) + "]"
    if isinstance(value, float):
        return specified_double(value)
    if isinstance(value, str):
        return '"' + "".join(specified_character(character) for character in value) + '"'
    return json.dumps(value)


def specified_character(character: str) -> str:
    """Escape a character only where JSON must."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f"}
    short["\r"] = "\\r"
    if character in short:
        return short[character]
    return f"\\u{ord(character):04x}" if character < " " else character


def specified_double(value: float) -> str:
    """Write a double from its shortest digits, which Python's repr has found since 3.1."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0") or "0"
    first = len(digits) - 1 + exponent if value else 0
    minus = "-" if sign else ""
    if -5 <= first < 16:
        if first < 0:
            return f"{minus}0.{'0' * (-first - 1)}{text}"
        whole, rest = text[: first + 1].ljust(first + 1, "0"), text[first + 1 :]
        return f"{minus}{whole}.{rest or '0'}"
    rest = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{rest}e{'+' if first > 0 else '-'}{abs(first)}"


@given(values)
def test_writing_and_reading_return_the_value(value: object) -> None:
    """Encode and decode are a pair: the value comes back, types and all."""
    raw = encode(value)
    assert repr(decode(raw)) == repr(sorted_keys(value))
    assert encode(decode(raw)) == raw


def sorted_keys(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    """Return a value with the keys of its objects in the order of the bytes."""
    if isinstance(value, dict):
        found = cast("Object", value)
        return {key: sorted_keys(found[key]) for key in sorted(found, key=str.encode)}
    if isinstance(value, list):
        return [sorted_keys(item) for item in cast("list[object]", value)]
    return value


@given(values)
def test_the_writing_is_the_specified_one(value: object) -> None:
    """A writer made from the specification alone writes the same bytes."""
    assert encode(value).decode() == specified(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_written_as_specified(value: float) -> None:
    """Every double has the specified form, and reads back to itself, sign of zero included."""
    raw = encode(value)
    assert raw.decode() == specified_double(value)
    assert repr(decode(raw)) == repr(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1e-5, "0.00001"),
        (1e-6, "1e-6"),
        (5e-324, "5e-324"),
        ("\x7f/\x1f\b", '"\x7f/\\u001f\\b"'),
        ({"\U0001f600": 1, "\ue000": 2}, '{"\ue000":2,"\U0001f600":1}'),
    ],
)
def test_borders_of_the_form(value: object, written: str) -> None:
    """The places where writers of JSON differ are as the specification says."""
    assert encode(value).decode() == written


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "encoding.not-json"),
        (b"\xef\xbb\xbf1", "encoding.not-json"),
        (b'{"a":1,"a":1}', "encoding.not-strict"),
        (b'{"b":1,"a":1}', "encoding.not-strict"),
        (b'{"a": 1}', "encoding.not-strict"),
        (b"1\n", "encoding.not-strict"),
        (b"-0", "encoding.not-strict"),
        (b"1.50", "encoding.not-strict"),
        (b"1e5", "encoding.not-strict"),
        (b"1E400", "encoding.not-json"),
        (b"NaN", "encoding.not-json"),
        (b"01", "encoding.not-json"),
        (b'"\\/"', "encoding.not-strict"),
        (b'"\\u00e9"', "encoding.not-strict"),
        (b'"\\u001F"', "encoding.not-strict"),
        (b'"\\ud83d\\ude00"', "encoding.not-strict"),
        (b'"\\ud800"', "encoding.not-json"),
        (b'"\xed\xa0\x80"', "encoding.not-json"),
        (b'"\xff"', "encoding.not-json"),
        (b'"\\u0000"', "encoding.nul"),
        (b'{"\\u0000":1}', "encoding.nul"),
        (b"9007199254740992", "encoding.number"),
        (b"18446744073709551616", "encoding.not-strict"),
        (b"[" * 65 + b"]" * 65, "encoding.depth"),
        (b"[" * 1000 + b'"\\u0000"' + b"]" * 1000, "encoding.depth"),
        (b'[{"a":["\\\\u0000","\\u0000"]}]', "encoding.nul"),
        (b"[" * 5000 + b"]" * 5000, "encoding.not-json"),
    ],
)
def test_other_writings_are_refused(raw: bytes, code: str) -> None:
    """What is JSON to somebody, but not the one writing, is refused with the reason."""
    with pytest.raises(EncodingError) as caught:
        decode(raw)
    assert caught.value.code == code


def test_the_first_difference_is_named() -> None:
    """The error says at which byte the text leaves the strict form."""
    with pytest.raises(EncodingError, match="byte 5") as caught:
        decode(b'{"a": 1}')
    assert caught.value.offset == 5


def test_a_longer_text_differs_at_its_end() -> None:
    """Bytes after the value are a difference too."""
    with pytest.raises(EncodingError) as caught:
        decode(b"[] ")
    assert caught.value.offset == 2


class Text(str):
    """Text that says it is more than text."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "encoding.number"),
        (float("inf"), "encoding.number"),
        (MAX_INTEGER + 1, "encoding.number"),
        (-MAX_INTEGER - 1, "encoding.number"),
        ("\0", "encoding.nul"),
        ({"\0": 1}, "encoding.nul"),
        (("\\u0000", [{"a": "\0"}]), "encoding.nul"),
        ("\ud800", "encoding.surrogate"),
        ({"\udfff": 1}, "encoding.surrogate"),
        (b"bytes", "encoding.type"),
        ({1: 2}, "encoding.type"),
        ({1, 2}, "encoding.type"),
        (Text("x"), "encoding.type"),
        (Decimal(1), "encoding.type"),
    ],
)
def test_values_without_strict_json_are_refused(value: object, code: str) -> None:
    """Nothing is turned into something else to make it fit."""
    with pytest.raises(EncodingError) as caught:
        encode(value)
    assert caught.value.code == code


def nested(depth: int) -> object:
    """Return lists in lists, that many."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_ends_at_its_limit() -> None:
    """Depth 64 is accepted both ways, 65 neither way, and brackets in text do not count."""
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(EncodingError, match="nested deeper"):
        encode(nested(MAX_DEPTH + 1))
    assert decode(encode("[" * 100)) == "[" * 100


def test_length_ends_at_its_limit() -> None:
    """A text of exactly the limit is accepted, one byte more is not, both ways."""
    assert decode(encode("x" * 8, limit=10), limit=10) == "x" * 8
    with pytest.raises(EncodingError, match="11 bytes"):
        encode("x" * 9, limit=10)
    with pytest.raises(EncodingError, match="11 bytes"):
        decode(b'"xxxxxxxxx"', limit=10)


def test_tuples_are_arrays() -> None:
    """Frozen data hold tuples, and JSON has one kind of sequence."""
    assert encode({"a": (1, (2,))}) == b'{"a":[1,[2]]}'


def test_equal_calls_have_equal_digests() -> None:
    """The order in which parameters were given makes no other call; a number's type does."""
    assert call_digest("t", {"a": 1, "b": 2}) == call_digest("t", {"b": 2, "a": 1})
    assert call_digest("t", {"a": 1}) != call_digest("t", {"a": 1.0})
    assert call_digest("t", {}) == digest(b'{"params":{},"tool":"t"}')


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None]}, "text", {"raw": 1}, {"raw": "x", "b": 1}])
def test_what_fits_is_kept(value: object) -> None:
    """A value that strict JSON can hold is recorded as it is."""
    assert representable(value) == value


@pytest.mark.parametrize(
    "value", [{"a": 2**60}, {"a": "\0"}, {"a": "\ud800"}, {"a": float("nan")}, {"raw": "x"}]
)
def test_what_does_not_fit_is_wrapped(value: object) -> None:
    """The wrapped text gives back the value, and no plain value looks like a wrapped one."""
    wrapped = cast("dict[str, str]", representable(value))
    text = base64.b64decode(wrapped["raw"])
    assert repr(json.loads(text)) == repr(value)
    assert encode(wrapped)


@pytest.mark.parametrize("value", [{1, 2}, "x" * 1_048_575])
def test_what_is_not_json_is_not_wrapped(value: object) -> None:
    """What cannot be recorded at all is refused, not hidden in base64."""
    with pytest.raises(EncodingError):
        representable(value)


@given(st.binary(max_size=80))
def test_base64_has_one_writing(raw: bytes) -> None:
    """Bytes come back from base64."""
    assert from_base64(to_base64(raw)) == raw


@pytest.mark.parametrize("text", ["YQ", "YR==", "Y Q=", "YQ==\n", "é", "_-=="])
def test_other_base64_is_refused(text: str) -> None:
    """Missing padding, stray bits, spaces and other alphabets are refused."""
    with pytest.raises(EncodingError) as caught:
        from_base64(text)
    assert caught.value.code == "encoding.base64"
