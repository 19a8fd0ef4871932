"""Quick forms accept what the models accept, and opening headers what the header's model does."""

import re
from datetime import date
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding import SEALED_MARK, decode, encode
from ledger.entry import Header, header_bytes, parse_header
from ledger.errors import LedgerError
from ledger.records import parse_record
from tests.ledger.strategies import headers, record_values, values
from verifier.errors import UnusualError
from verifier.forms import NAMED, QUICK, TIME, form_of, said
from verifier.span import opening

ODD = st.one_of(
    values,
    st.sampled_from(
        [None, True, 1, 0, -1, 1.0, 2**53 - 1, "", "source", "opened", "closed", "ab" * 32, []]
    ),
    st.sampled_from(
        [
            "2026-02-29T00:00:00.000000Z",
            "2026-02-30T00:00:00.000000Z",
            "2024-02-29T00:00:00.000000Z",
            "2026-04-31T00:00:00.000000Z",
            "2026-04-30T23:59:59.999999Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01T00:00:00.000000Z\n",
            "spiffe://a.b/c",
            "spiffe://a.b/../c",
            "spiffe://a.b/.c",
            "spiffe://a.b/c\n",
        ]
    ),
)


def expected(raw: bytes) -> tuple[str, list[bytes | None]] | None:
    """Return what the model says of these bytes: kind and fields, or that it is no record."""
    try:
        parse_record(raw)
    except LedgerError:
        return None
    value: dict[str, Any] = decode(raw)
    kind = value.get("phase", "") if value["kind"] == "run" else value["kind"]
    names = NAMED.get(kind, ("by",))
    return kind, [encode(value[name]).strip(b'"') if name in value else None for name in names]


def compared(raw: bytes) -> None:
    """Compare what is read with what the models say, the quick forms of all kinds included."""
    right = expected(raw)
    for kind in QUICK:
        form = form_of(kind)
        found = None if form is None else form(raw)
        assert found is None or (kind, list(found)) == right
    if SEALED_MARK in raw:
        return
    try:
        kind, named = said(raw)
    except LedgerError:
        assert right is None
    else:
        assert (kind, list(named)) == right


@given(value=record_values)
def test_every_record_is_read(value: dict[str, object]) -> None:
    """What the models make is read, and as the models do."""
    compared(encode(value))


@given(value=record_values, data=st.data())
def test_a_changed_record_is_what_its_model_says(
    value: dict[str, object], data: st.DataObject
) -> None:
    """A field taken away, added, or with another value, also one deeper."""
    plain: dict[str, Any] = decode(encode(value))
    name = data.draw(st.sampled_from([*sorted(plain), "extra", "import", "at", "run"]))
    held = plain.get(name)
    if isinstance(held, dict) and held and data.draw(st.booleans()):
        inner = cast("dict[str, Any]", held)
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(ODD)
    elif data.draw(st.booleans()):
        plain.pop(name, None)
    else:
        plain[name] = data.draw(ODD)
    compared(encode(plain))


@given(value=record_values, data=st.data())
def test_changed_bytes_are_what_the_model_says(
    value: dict[str, object], data: st.DataObject
) -> None:
    """Any byte, a piece that is there twice, or one that is missing."""
    raw = encode(value)
    first = data.draw(st.integers(0, len(raw)))
    last = data.draw(st.integers(0, len(raw)))
    pieces = [
        b"",
        b" ",
        b",",
        b"\\",
        b"\n",
        b"\xff",
        b"\xc3\xa9",
        b"\\u0000",
        b"\\n",
        b"1",
        b"null",
    ]
    compared(raw[:first] + data.draw(st.sampled_from(pieces)) + raw[last:])


TEXTS = [
    b"a",
    b"\xc3\xa9",
    b"\xff",
    b"\\n",
    b"\\/",
    b"\\u00e9",
    b"\\u0000",
    b"\\u0001",
    b"\t",
    b"\x7f",
]
PARTS = [
    b"{}",
    b'{"a":1,"a":1}',
    b'{"b":1,"a":1}',
    b'{"a": 1}',
    b'{"a":null}',
    b'{"a":9007199254740993}',
    b'{"a":1.0}',
    b'{"a":1e400}',
    b'{"a":"\\u0000"}',
    b'{"a":"\xff"}',
    b'{"a":{}},"resumes":{}',
    b'{"a":1},"mode":"x","params":{}',
    b'{"a":' * 63 + b"1" + b"}" * 63,
    b'{"a":' * 64 + b"1" + b"}" * 64,
]
START = b'"by":"spiffe://a.b/c","'
NONCE = b'","nonce":"' + b"ab" * 16 + b'",'
RUN = b'"run":"' + b"cd" * 32 + b'",'


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_read_as_the_model_does(text: bytes) -> None:
    """Escapes, bytes that are no text, and what has to be escaped."""
    said_so = b'{%bcontent":"%b","kind":"message%b"role":"user",%b"turn":0,"v":1}'
    compared(said_so % (START, text, NONCE, RUN))
    compared(b'{%bkind":"action%b"params":{},%b"tool":"%b","v":1}' % (START, NONCE, RUN, text))


@pytest.mark.parametrize("part", PARTS)
def test_free_parts_are_read_as_the_model_does(part: bytes) -> None:
    """What an expression cannot say is read strictly, wherever it ends."""
    compared(b'{%bkind":"action%b"params":%b,%b"tool":"t","v":1}' % (START, NONCE, part, RUN))


@pytest.mark.parametrize("length", [1, 200, 255, 256, 1500, 2033, 2034, 5000])
def test_lengths_are_those_of_the_model(length: int) -> None:
    """Identities and names may be long, and not longer."""
    name = b"n" * length
    compared(b'{"by":"spiffe://a.b/%b","kind":"stream-close%b"v":1}' % (name, NONCE))
    raw = b'{%bkind":"action%b"params":{},%b"tool":"%b","v":1}'
    compared(raw % (START, NONCE, RUN, name))
    compared(raw % (START, NONCE, RUN, b"\xc3\xa9" * length))


@pytest.mark.parametrize("month_and_day", ["02-28", "02-29", "02-30", "03-01", "04-31"])
def test_every_day_of_every_year_is_told(month_and_day: str) -> None:
    """The expression and the calendar agree on which days there are, from the year 1000 on."""
    form = re.compile(TIME)
    for year in range(1000, 10_000):
        said = f"{year}-{month_and_day}"
        try:
            date.fromisoformat(said)
        except ValueError:
            assert not form.fullmatch(f"{said}T00:00:00.000000Z"), said
        else:
            assert form.fullmatch(f"{said}T00:00:00.000000Z"), said


def test_each_kind_of_operation_has_a_quick_form() -> None:
    """Were a model changed in a way that is not known here, this would say so."""
    for kind in QUICK:
        assert form_of(kind) is not None, kind


@given(header=headers())
def test_an_opening_header_is_read(header: Header) -> None:
    """What the model writes at position 0 is accepted, if its time and numbers are ordinary."""
    raw = header_bytes(header)
    try:
        found = opening(raw)
    except UnusualError:
        size = header.seen.size if header.seen else 0
        large = max(header.index, header.number, size) >= 10**15
        unusual = header.position > 0 or header.recorded_at[0] == "0" or large
        zeros = header.previous == "0" * 64
        assert unusual or zeros != (header.number == 0)
        return
    assert found.record == header.record
    assert header.position == 0


@given(header=headers(), data=st.data())
def test_a_changed_header_is_never_accepted_alone(header: Header, data: st.DataObject) -> None:
    """Whatever the expression accepts, the model accepts."""
    raw = bytearray(header_bytes(header))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    try:
        found = opening(bytes(raw))
    except UnusualError:
        return
    try:
        parsed = parse_header(bytes(raw))
    except LedgerError as error:
        raise AssertionError(raw) from error
    assert (parsed.index, parsed.signature) == (int(found.first), found.signature)
