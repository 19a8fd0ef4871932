"""Quick forms accept what the models accept, and opening headers what the header's model does."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding import decode, encode
from ledger.entry import Header, header_bytes, parse_header
from ledger.errors import LedgerError, RecordError
from ledger.records import read_record
from tests.ledger.strategies import headers, record_values, values
from verifier.forms import QUICK, QUICK_RUNS, checker, well_formed
from verifier.span import UnusualError, opening

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


def accepted(value: dict[str, Any]) -> bool:
    """Return what the model says."""
    try:
        read_record(value)
    except RecordError:
        return False
    return True


@given(value=record_values)
def test_every_record_is_well_formed(value: dict[str, object]) -> None:
    """What the models make is accepted."""
    raw = encode(value)
    assert well_formed(decode(raw), raw)


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
    raw = encode(plain)
    assert well_formed(decode(raw), raw) == accepted(decode(raw))


def test_each_kind_of_operation_has_a_quick_form() -> None:
    """Were a model changed in a way that is not known here, this would say so."""
    for model in (*QUICK.values(), *QUICK_RUNS.values()):
        assert checker(model) is not None, model


@given(header=headers())
def test_an_opening_header_is_read(header: Header) -> None:
    """What the model writes at position 0 is accepted, as far as its time is an ordinary one."""
    raw = header_bytes(header)
    try:
        found = opening(raw)
    except UnusualError:
        unusual = header.position > 0 or header.recorded_at[0] == "0"
        zeros = header.previous == "0" * 64
        assert unusual or header.recorded_at[5:10] == "02-29" or zeros != (header.number == 0)
        return
    assert found["record"] == header.record
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
    assert (parsed.index, parsed.signature) == (int(found["index"]), found["signature"])
