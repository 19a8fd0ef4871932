"""What others call JSON, time and money is read strictly, or refused."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding import encode
from ledger.importers.paths import json_object
from ledger.importers.texts import (
    clean,
    content_of,
    held,
    holdable,
    micros,
    moment,
    raw,
    read_json,
    read_loosely,
    written,
)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "NaN", "[1,]", "", "[" * 100_000, "9" * 5000])
def test_doubtful_json_is_refused(text: str) -> None:
    """A key twice, NaN, and a nesting or number without end are not read."""
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_lines_are_read_as_most_do() -> None:
    """A line is read even where its JSON is lax, but not without bounds."""
    assert read_loosely('{"a":1,"a":2}') == {"a": 2}
    with pytest.raises(ValueError, match="deep"):
        read_loosely("[" * 100_000)


@pytest.mark.parametrize("value", [2**53, "\0", "\ud800", {"\0": 1}, {"raw": "x"}, [float("nan")]])
def test_what_cannot_be_held_is_wrapped(value: object) -> None:
    """A value that strict JSON has no place for is kept as raw, and can be got back."""
    assert not holdable(value)
    wrapped = held(value)
    encode(wrapped)
    members = json_object(wrapped)
    assert members is not None
    back = json.loads(base64.b64decode(str(members["raw"])))
    assert repr(back) == repr(value)


def test_depth_counts_from_the_record() -> None:
    """A value as deep as strict JSON allows does not fit inside a record."""
    deep: object = 1
    for _ in range(64):
        deep = [deep]
    encode(deep)
    assert not holdable(deep)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON)
def test_whatever_is_held_can_be_written(value: object) -> None:
    """No JSON at all can make a record unwritable."""
    encode({"fields": {"x": held(value)}})


@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_can_be_written(text: str) -> None:
    """Names and messages lose only what no text can have, and keep their length."""
    assert len(clean(text)) == len(text)
    encode(clean(text))


def test_raw_keeps_what_utf8_has_no_word_for() -> None:
    """A lone surrogate survives in base64."""
    kept = base64.b64decode(raw("\ud800")["raw"])
    assert kept.decode("utf-8", "surrogatepass") == "\ud800"


CONTENTS: list[tuple[object, str | None, tuple[str, ...]]] = [
    (None, None, ()),
    ("a", "a", ()),
    ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab", ()),
    ([{"type": "image_url", "image_url": {}}], None, ("image_url",)),
    (["a", {"refusal": "b"}, 7], "ab", ("unknown",)),
    ([], None, ()),
    ({"k": "v"}, '{"k":"v"}', ()),
    (5, "5", ()),
]


@pytest.mark.parametrize(("content", "text", "left"), CONTENTS)
def test_content(content: object, text: str | None, left: tuple[str, ...]) -> None:
    """Content is text, or parts whose text is joined; other parts are named."""
    found = content_of(content)
    assert (found.text, found.left) == (text, left)


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-03-01T10:00:00+01:00", None, "2026-03-01T09:00:00.000000Z"),
        ("2026-03-01T09:00:00Z", None, "2026-03-01T09:00:00.000000Z"),
        ("2026-03-01 09:00:00.1234567", UTC, "2026-03-01T09:00:00.123456Z"),
        ("2026-03-01T09:00", timezone(timedelta(hours=-5)), "2026-03-01T14:00:00.000000Z"),
        (1772355600, None, "2026-03-01T09:00:00.000000Z"),
        (1772355600.25, None, "2026-03-01T09:00:00.250000Z"),
    ],
)
def test_times(value: object, zone: timezone | None, expected: str) -> None:
    """Text with an offset, text in the profile's zone, and seconds are times."""
    assert written(moment(value, zone)) == expected


@pytest.mark.parametrize(
    "value",
    ["2026-03-01T09:00:00", "2026-03-01", "noon", "", "2026-13-01T09:00:00Z", True, None, [], 1e300,
     float("nan"), 1772355600000, "0001-01-01T00:00:00+10:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: object) -> None:
    """No offset without a zone, a date alone, milliseconds for seconds: nothing is guessed."""
    with pytest.raises(ValueError, match=r"."):
        moment(value, None)


def test_written_time_has_four_digits_of_year() -> None:
    """Early years are padded, as RFC 3339 has them."""
    assert written(datetime(33, 1, 1, tzinfo=UTC)) == "0033-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1, 1_000_000),
        (0.0000005, 0),
        (0.0000015, 2),
        (0.029618000000000002, 29618),
        (1e-9, 0),
    ],
)
def test_amounts_are_rounded_half_to_even(value: float, expected: int) -> None:
    """An amount becomes whole micros."""
    assert micros(value) == expected


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), True, "1", None, 1e10])
def test_what_is_no_amount_is_refused(value: object) -> None:
    """Negative, endless and textual amounts are not recorded."""
    with pytest.raises(ValueError, match="amount"):
        micros(value)
