"""A record and its bytes as one value: each is the other's, and nothing else makes one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledger.encoded import EncodedRecord
from ledger.encoding import digest, encode
from ledger.errors import EncodingError, RecordError
from ledger.records import (
    MODELS,
    Action,
    Message,
    Money,
    Observation,
    Outcome,
    parse_record,
    read_record,
)
from tests.ledger.strategies import record_values

COMMON: dict[str, Any] = {"nonce": "ab" * 16, "by": "spiffe://example.com/agent"}
RUN = "cd" * 32


@given(record_values)
def test_each_is_the_others(value: dict[str, object]) -> None:
    """What is written from a record is the strict JSON that it was read from, and back."""
    raw = encode(value)
    record = read_record(value)
    assert type(record) in MODELS
    written, read = EncodedRecord.of(record), EncodedRecord.read(raw)
    assert written.raw == read.raw == raw
    assert written.record is record
    assert read.record == record
    assert written.digest == read.digest == digest(raw)


@given(record_values, st.data())
def test_a_record_built_by_name_is_read_back(value: dict[str, object], data: st.DataObject) -> None:
    """As Python builds records (names, tuples, None for absent), the gate finds what was meant."""
    model = type(read_record(value))
    named = {("import_" if name == "import" else name): item for name, item in value.items()}
    absent = sorted(set(model.model_fields) - set(named) - {"v", "kind", "phase"})
    for name in data.draw(st.sets(st.sampled_from(absent))) if absent else ():
        if not model.model_fields[name].is_required():
            named[name] = None
    record = model.model_validate(named)
    assert parse_record(EncodedRecord.of(record).raw) == record


def test_nobody_else_makes_one() -> None:
    """Bytes and a record that somebody else puts together are refused."""
    said = Message(**COMMON, run=RUN, role="user", turn=0)
    with pytest.raises(TypeError, match="made by"):
        EncodedRecord(b"{}", said, object())


def test_no_record_goes_around_validation() -> None:
    """Neither building, nor copying, nor a subclass makes a record that is none."""
    said = Message(**COMMON, run=RUN, role="user", turn=0)
    with pytest.raises(TypeError, match="validation"):
        Message.model_construct(turn="first")
    with pytest.raises(TypeError, match="validation"):
        Money.model_construct(currency=7)
    with pytest.raises(ValidationError):
        said.model_copy(update={"turn": "first"})
    with pytest.raises(ValidationError):
        said.model_copy(update={"unheard": 1})
    assert said.model_copy(update={"turn": 1}).turn == 1
    assert said.model_copy() == said == said.model_copy(deep=True)


def test_a_part_of_a_class_of_its_own_is_validated_again() -> None:
    """An instance of a subclass is not taken for what it is a subclass of."""

    class Gold(Money):
        currency: Any = 79
        purity: int = 24

    with pytest.raises(ValidationError):
        Message(**COMMON, run=RUN, role="user", turn=0, cost=Gold(micros=1))


def test_a_record_of_a_class_of_its_own_is_parsed() -> None:
    """What such a class writes is a record, or it is refused like anybody's bytes."""

    class Louder(Message):
        volume: int | None = None

    quiet = EncodedRecord.of(Louder(**COMMON, run=RUN, role="user", turn=0))
    assert type(quiet.record) is Message
    with pytest.raises(RecordError, match="volume"):
        EncodedRecord.of(Louder(**COMMON, run=RUN, role="user", turn=0, volume=11))


@pytest.mark.parametrize(
    "odd",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "a\0b",
        "\ud800",
        {1: 2},
        {1.5},
        b"bytes",
        [[float("nan")]],
        (2**60,),
        Money(currency="EUR", micros=1),
        type("Text", (str,), {})("x"),
    ],
)
def test_free_json_is_checked_when_it_is_written(odd: object) -> None:
    """What is put into a record's free fields after it was validated is checked all the same."""
    record = Action(**COMMON, run=RUN, tool="pay", params={"amount": 1})
    record.params["amount"] = odd
    with pytest.raises(EncodingError):
        EncodedRecord.of(record)


def test_nesting_is_counted_from_the_record() -> None:
    """A value in a record may be as deep as leaves the record within the limit, and no deeper."""
    deep: list[Any] = []
    for _ in range(62):
        deep = [deep]
    fields: dict[str, Any] = {**COMMON, "run": RUN, "action": RUN, "status": "ok"}
    assert parse_record(EncodedRecord.of(Outcome(**fields, fields=deep)).raw).kind == "outcome"
    with pytest.raises(EncodingError, match="nested"):
        EncodedRecord.of(Outcome(**fields, fields=[deep]))


def test_tuples_are_written_as_arrays() -> None:
    """A tuple in a free field is an array, as it always was."""
    seen = Observation(
        **COMMON, what="order", source="orders", observer="source", fields=({"a": (1, None)},)
    )
    read = parse_record(EncodedRecord.of(seen).raw)
    assert isinstance(read, Observation)
    assert read.fields == [{"a": [1, None]}]
