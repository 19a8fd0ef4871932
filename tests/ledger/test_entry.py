"""Headers: one line for each record, and its hash."""

import hashlib

import pytest
from hypothesis import given

from ledger.encoding import MAX_HEADER, decode, encode
from ledger.entry import Header, HeaderForm, header_bytes, leaf_hash, parse_header
from ledger.errors import EncodingError, HeaderError
from tests.ledger.strategies import headers


@given(headers())
def test_writing_and_reading_return_the_header(header: Header) -> None:
    """A header comes back from its bytes, and the bytes from it."""
    raw = header_bytes(header)
    assert parse_header(raw) == header
    assert header_bytes(parse_header(raw)) == raw
    assert len(raw) <= MAX_HEADER


@given(headers())
def test_the_submission_stands_at_position_0_alone(header: Header) -> None:
    """A field of the submission is neither missing at position 0 nor present later."""
    value = decode(header_bytes(header))
    if header.position == 0:
        for name in ("previous", "seen", "exact", "root", "signature"):
            with pytest.raises(HeaderError):
                parse_header(encode({key: value[key] for key in value if key != name}))
    else:
        with pytest.raises(HeaderError):
            parse_header(encode({**value, "exact": True}))


@given(headers())
def test_the_quick_form_writes_the_same(header: Header) -> None:
    """What is written from a template is what the encoder writes, at every position."""
    form = HeaderForm(header.key, header.stream, header.number, header.count, header.recorded_at)
    if header.position:
        raw = form.following(header.index, header.position, header.prev, header.record)
    else:
        opening = {
            name: value
            for name, value in decode(header_bytes(header)).items()
            if name in {"previous", "seen", "exact", "root", "signature"}
        }
        raw = form.opening(header.index, header.prev, header.record, opening)
    assert raw == header_bytes(header)


def header(**changes: object) -> bytes:
    """Write a plain header's bytes, with changes."""
    value = {
        "v": 1,
        "index": 5,
        "prev": "aa" * 32,
        "recorded_at": "2026-03-01T09:00:00.000000Z",
        "record": "bb" * 32,
        "key": "cc" * 32,
        "stream": "dd" * 16,
        "number": 0,
        "position": 1,
        "count": 2,
    }
    return encode({**value, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"index": -1},
        {"index": 5.0},
        {"prev": None},
        {"prev": "AA" * 32},
        {"recorded_at": "2026-03-01T09:00:00Z"},
        {"stream": "dd"},
        {"position": 2},
        {"count": 0},
        {"count": 1025},
        {"extra": 1},
        {"seen": {"size": 1, "leaf": "ee" * 32}},
    ],
)
def test_a_wrong_form_is_refused(changes: dict[str, object]) -> None:
    """Strict JSON alone is not a header."""
    assert parse_header(header()).index == 5
    with pytest.raises(HeaderError):
        parse_header(header(**changes))


@pytest.mark.parametrize("seen", [{"size": 0, "leaf": "ee" * 32}, {"size": 1, "leaf": "0" * 64}])
def test_zeros_stand_for_nothing_seen(seen: object) -> None:
    """An empty ledger has no last leaf, and any other has one."""
    signature = "A" * 86 + "=="
    opening = {"previous": "0" * 64, "exact": False, "root": "ff" * 32, "signature": signature}
    parse_header(header(**opening, position=0, seen={"size": 1, "leaf": "ee" * 32}))
    with pytest.raises(HeaderError, match="64 zeros"):
        parse_header(header(**opening, position=0, seen=seen))


@pytest.mark.parametrize("raw", [b"[]", b"{}", b"1"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    """Other JSON is refused as such."""
    with pytest.raises(HeaderError):
        parse_header(raw)


def test_a_header_has_its_own_limit() -> None:
    """A header longer than 65,535 bytes is refused before it is read."""
    with pytest.raises(EncodingError, match="65535"):
        parse_header(b" " * 65_536)


def test_the_leaf_hash_is_rfc_6962s() -> None:
    """One zero byte, then the line without newline."""
    assert leaf_hash(b"x") == hashlib.sha256(b"\0x").digest()
