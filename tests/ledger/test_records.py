"""Records: every kind comes back from its bytes, and nothing else is one."""

from typing import Any

import pytest
from hypothesis import given

from ledger.encoding import decode, digest, encode
from ledger.errors import EncodingError, RecordError
from ledger.records import (
    KINDS,
    Action,
    ContractText,
    Genesis,
    ImportSource,
    Message,
    Observation,
    RunOpened,
    parse_record,
    read_record,
    record_bytes,
)
from tests.ledger import strategies

NONCE = "0" * 32
BY = "spiffe://example.com/agent"
RUN = "ab" * 32


@given(strategies.record_values)
def test_reading_and_writing_return_the_bytes(value: dict[str, Any]) -> None:
    """What was stored is what is written again, for every kind and combination of fields."""
    raw = encode(value)
    record = parse_record(raw)
    assert record_bytes(record) == raw
    assert parse_record(record_bytes(record)) == record


def test_every_kind_is_drawn() -> None:
    """The property above leaves no kind out."""
    assert {kind.split()[0] for kind in strategies.KINDS} == KINDS


@given(strategies.record_values)
def test_an_unknown_field_is_refused(value: dict[str, Any]) -> None:
    """A field that the specification does not name is reported, not dropped."""
    with pytest.raises(RecordError) as caught:
        parse_record(encode({**value, "zzz": 1}))
    assert caught.value.code == "record.unknown-field"


@given(strategies.record_values)
def test_null_is_refused_in_every_field(value: dict[str, Any]) -> None:
    """An absent field is absent: there is one way to say so."""
    for name in value:
        with pytest.raises(RecordError):
            parse_record(encode({**value, name: None}))


def message(**changes: object) -> bytes:
    """Write a message's bytes, with changes; None takes a field out."""
    fields = {"v": 1, "kind": "message", "nonce": NONCE, "by": BY, "run": RUN, "role": "user"}
    every = {**fields, "turn": 0, **changes}
    return encode({name: value for name, value in every.items() if value is not None})


def test_the_plain_message_is_one() -> None:
    """What the tests below spoil is fine to begin with."""
    assert parse_record(message()).kind == "message"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"v": 2}, "v"),
        ({"v": None}, "has v"),
        ({"v": True}, "v"),
        ({"v": 1.0}, "v"),
        ({"v": "1"}, "v"),
        ({"nonce": "0" * 31}, "nonce"),
        ({"nonce": "A" * 32}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"by": "agent"}, "by"),
        ({"by": "spiffe://example.com"}, "by"),
        ({"by": "spiffe://example.com/a/../b"}, "segment"),
        ({"by": "spiffe://Example.com/a"}, "by"),
        ({"by": "spiffe://example.com/a\n"}, "by"),
        ({"at": "2026-03-01"}, "at"),
        ({"run": RUN.upper()}, "run"),
        ({"turn": -1}, "turn"),
        ({"turn": 1.0}, "turn"),
        ({"turn": True}, "turn"),
        ({"turn": "0"}, "turn"),
        ({"role": "robot"}, "role"),
        ({"content": 5}, "content"),
        ({"cost": {"currency": "EUR", "micros": 1.0}}, "micros"),
        ({"cost": {"currency": "euro", "micros": 1}}, "currency"),
        ({"tokens": {"input": {}}}, "tokens"),
        ({"name": ""}, "name"),
    ],
)
def test_a_wrong_form_is_refused_by_name(changes: dict[str, object], says: str) -> None:
    """The error names the field; nothing is converted to fit."""
    with pytest.raises(RecordError, match=says) as caught:
        parse_record(message(**changes))
    assert caught.value.code == "record.malformed"


@pytest.mark.parametrize("mark", [False, 1, 1.0, "true"])
def test_a_mark_is_true_or_absent(mark: object) -> None:
    """What only looks like true to Python is refused: it would be another record."""
    value = decode(message(kind="observation", run=None, role=None, turn=None, what="w"))
    with pytest.raises(RecordError, match="self_attested"):
        read_record({**value, "source": "s", "observer": "source", "self_attested": mark})


def test_null_inside_free_fields_is_kept() -> None:
    """Where a record carries somebody's JSON, its nulls are theirs."""
    raw = message(kind="observation", run=None, role=None, turn=None, what="w", source="s")
    value = {**decode(raw), "observer": "source", "fields": {"a": None, "b": [None]}}
    record = parse_record(encode(value))
    assert isinstance(record, Observation)
    assert record.fields == {"a": None, "b": [None]}
    assert record_bytes(record) == encode(value)


def test_null_in_a_part_is_refused() -> None:
    """The named parts of a record have fields of their own, absent or present."""
    with pytest.raises(RecordError, match="input is null"):
        parse_record(message(tokens={"input": None}))


@pytest.mark.parametrize("raw", [b"[]", b"1", b"{}", b'{"v":1}', b'{"kind":[],"v":1}'])
def test_what_is_no_record_is_refused(raw: bytes) -> None:
    """JSON alone is not a record."""
    with pytest.raises(RecordError):
        parse_record(raw)


def test_an_unknown_kind_has_its_code() -> None:
    """A kind from a later version is told from a broken record."""
    with pytest.raises(RecordError, match="'dream' is not a kind") as caught:
        parse_record(message(kind="dream"))
    assert caught.value.code == "record.unknown-kind"


@pytest.mark.parametrize("phase", [None, "paused", 1])
def test_a_run_has_two_phases(phase: object) -> None:
    """A run is opened or closed."""
    with pytest.raises(RecordError, match="phase is opened or closed"):
        read_record({"v": 1, "kind": "run", "phase": phase})


def test_the_bytes_come_first() -> None:
    """A record in another writing of the same JSON is not that record."""
    with pytest.raises(EncodingError):
        parse_record(message().replace(b":", b": ", 1))


def test_absent_is_none_in_python_only() -> None:
    """None given to a model is left out of its bytes."""
    said = Message(nonce=NONCE, by=BY, run=RUN, role="user", turn=0, content=None)
    assert record_bytes(said) == message()


def test_import_has_its_own_name_on_the_wire() -> None:
    """`import` cannot be an attribute's name, and `import_` is no field."""
    source = ImportSource(source="f.jsonl", digest=RUN, line=1, clock="none")
    opened = RunOpened(nonce=NONCE, by=BY, service="s", import_=source)
    raw = record_bytes(opened)
    assert b'"import":{' in raw
    assert parse_record(raw) == opened
    with pytest.raises(RecordError, match="import_"):
        parse_record(raw.replace(b'"import"', b'"import_"'))


def test_a_contract_carries_its_own_digest() -> None:
    """The digest that others refer to is that of the text beside it."""
    made = {"nonce": NONCE, "by": BY, "service": "s", "version": "1", "text": "contract: x"}
    right = ContractText.model_validate({**made, "digest": digest(b"contract: x")})
    assert right.digest == digest(b"contract: x")
    with pytest.raises(ValueError, match="not the hash of text"):
        ContractText.model_validate({**made, "digest": RUN})


@pytest.mark.parametrize(
    ("roots", "threshold", "says"),
    [
        (["bb" * 32, "aa" * 32], 1, "sorted"),
        (["aa" * 32, "aa" * 32], 1, "sorted"),
        (["aa" * 32], 2, "threshold"),
        (["aa" * 32], 0, "threshold"),
    ],
)
def test_genesis_has_roots_in_order(roots: list[str], threshold: int, says: str) -> None:
    """Root keys are written one way, and enough of them exist."""
    fields = {"nonce": NONCE, "by": BY, "origin": "o", "seed": RUN}
    with pytest.raises(ValueError, match=says):
        Genesis.model_validate({**fields, "roots": roots, "threshold": threshold})


def test_records_do_not_change() -> None:
    """A record that was read stays what it is."""
    said = parse_record(message())
    with pytest.raises(ValueError, match="frozen"):
        setattr(said, "nonce", "1" * 32)  # noqa: B010  (a type checker refuses it too)


def test_raw_params_are_an_object() -> None:
    """Parameters that could not be represented are still an object, of one member."""
    action = Action(nonce=NONCE, by=BY, run=RUN, tool="t", params={"raw": "eA=="})
    assert parse_record(record_bytes(action)) == action
