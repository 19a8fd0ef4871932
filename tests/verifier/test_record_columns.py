"""A column made of a whole member says what one made of its values one by one says."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.coercion import Unseen, Value, holds_long_list, holds_raw, plain
from contracts.column_shapes import NULL, Record, Tagged, is_whole, loaded
from contracts.member_columns import Many
from verifier.columns import MISSING, Made, column_of
from verifier.record_columns import quick_column

NAMED = frozenset({"a", "b", "A", "raw", "", "größe"})
TEXTS = st.sampled_from(["", "a", "true", "1", "ä🙂", "\x01", "x" * 300, "a\0b", "\ud800"])
NUMBERS = st.sampled_from(
    [
        0,
        1,
        -1,
        2**53 - 1,
        2**63 - 1,
        -(2**63),
        2**63,
        0.0,
        -0.0,
        1.0,
        0.1,
        5e-324,
        math.inf,
        math.nan,
    ]
)
SCALARS = st.none() | st.booleans() | TEXTS | NUMBERS
KEYS = st.sampled_from(["a", "b", "A", "raw", "", "größe", "other"])
ODD = st.just(Unseen("ab", "is sealed, and nobody said what it is"))
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ORDINARY: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"a": st.integers(-9, 9)},
    optional={
        "b": st.lists(st.sampled_from(["x", "y"]), max_size=2) | st.none(),
        "größe": st.fixed_dictionaries({}, optional={"a": st.floats(-1, 1) | st.none()}),
        "other": SCALARS,
    },
)
COLUMNS: st.SearchStrategy[list[Any]] = (
    st.lists(st.none() | VALUES, max_size=5)
    | st.lists(st.none() | ORDINARY, max_size=5)
    | st.lists(st.none() | TEXTS, max_size=5)
    | st.lists(st.none() | NUMBERS, max_size=5)
)
WAYS: list[dict[str, bool]] = [
    {},
    {"recorded": True},
    {"recorded": True, "nulls": True},
    {"recorded": True, "hides_raw": True},
    {"recorded": True, "hides_raw": True, "hides_long": True},
]


def one_by_one(many: Many) -> list[Value]:
    """Return what a condition sees of each value."""
    seen: list[Value] = []
    for one in many.values:
        hidden = (many.hides_raw and holds_raw(one)) or (many.hides_long and holds_long_list(one))
        shown = plain(one) if many.recorded else one
        seen.append(MISSING if hidden or (one is None and not many.nulls) else shown)
    return seen


def held(made: Made) -> list[Any]:
    """Return what a column holds, told apart to the sign of a zero."""
    values = made.array.to_pylist()
    return [None if one is None else repr(loaded(made.shape, one)) for one in values]


def same(quick: Made, slow: Made) -> None:
    """Hold a column against another."""
    assert quick.shape == slow.shape
    assert quick.array.type == slow.array.type
    assert held(quick) == held(slow)
    assert quick.longest >= slow.longest
    assert quick.odd == slow.odd == frozenset()


@settings(max_examples=600, deadline=None)
@given(COLUMNS, st.sampled_from(WAYS))
def test_columns_are_those_of_the_values(values: Sequence[Value], said: dict[str, bool]) -> None:
    """Or none is made: of sealed values, NUL, half signs, infinities, and too large numbers."""
    many = Many(values, **said)
    quick = quick_column(many, NAMED)
    slow = column_of(one_by_one(many), NAMED)
    if quick is not None:
        same(quick, slow)
    else:
        assert not all(one is None or type(one) is bool for one in values) or many.nulls


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | ORDINARY, max_size=6))
def test_ordinary_values_are_made_at_once(values: Sequence[Value]) -> None:
    """Else nothing would be gained, and nobody would see it."""
    many = Many(values, recorded=True)
    quick = quick_column(many, NAMED)
    assert quick is not None
    same(quick, column_of(one_by_one(many), NAMED))


@pytest.mark.parametrize(
    "value",
    [
        "a\0b",
        "\ud800",
        2**63,
        Unseen("ab", "is sealed"),
        {"a": {"b": [1, "a\0b"]}},
        {"a": [[2**64]]},
    ],
)
def test_what_no_column_holds_is_left(value: Value) -> None:
    """The row is found by the way that looks at each."""
    many = Many(["a", value, None], recorded=True)
    assert quick_column(many, NAMED) is None
    assert column_of(one_by_one(many), NAMED).odd == {1}


@pytest.mark.parametrize("value", [{"raw": "YQ=="}, {"other": [{"raw": "YQ=="}]}, [[0] * 257]])
def test_what_is_not_shown_is_left(value: Value) -> None:
    """However deep it stands, and under whatever name."""
    assert (
        quick_column(Many([value], recorded=True, hides_raw=True, hides_long=True), NAMED) is None
    )
    assert quick_column(Many([value], recorded=True), NAMED) is not None


def test_values_of_several_kinds() -> None:
    """They are told apart as ever, at the place where they differ and no further up."""
    many = Many(
        [{"a": {"b": 1, "other": 1}}, {"a": {"b": "x"}}, {"a": {"b": [None]}}], recorded=True
    )
    quick = quick_column(many, NAMED)
    assert quick is not None
    same(quick, column_of(one_by_one(many), NAMED))
    assert isinstance(quick.shape, Record)
    inner = quick.shape.member("a")
    assert isinstance(inner, Record)
    assert isinstance(inner.member("b"), Tagged)
    assert not is_whole(quick.shape)


def test_null_is_no_value_of_a_member_and_one_of_a_list() -> None:
    """A condition sees no members that are null; in a list they hold their place."""
    quick = quick_column(Many([{"a": None}, {"b": [None, None]}], recorded=True), NAMED)
    assert quick is not None
    assert isinstance(quick.shape, Record)
    assert quick.shape.member("a") is None
    assert str(NULL) in str(quick.shape.member("b"))


def test_times() -> None:
    """They are microseconds already."""
    quick = quick_column(Many([1, None, -1], instants=True), NAMED)
    assert quick is not None
    assert quick.array.to_pylist() == [1, None, -1]
    nothing = quick_column(Many([None], instants=True), NAMED)
    assert nothing is not None
    assert nothing.shape == column_of([MISSING]).shape


def test_negative_zero() -> None:
    """It is 0.0 to a condition where it was recorded; what is computed is left as it is."""
    quick = quick_column(Many([-0.0, 0.5], recorded=True), NAMED)
    assert quick is not None
    same(quick, column_of([0.0, 0.5]))
    assert quick_column(Many([-0.0, 0.5]), NAMED) is None
