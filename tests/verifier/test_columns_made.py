"""Columns made of values hold those values: the same shapes, the same values, and what is odd."""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from contracts.coercion import Unseen, Value, is_list, is_map
from contracts.column_shapes import (
    NEVER,
    SPAN_MAX,
    Never,
    Shape,
    UnfitError,
    joined,
    loaded,
    longest,
    shape_of,
    stored,
)
from verifier.columns import MISSING, Instant, arrow_type, column_of, longest_of

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TEXTS: Final = st.one_of(
    st.sampled_from(("", "x", "A", "a", "true", "1", "it's", "nul\0", "\ud800", "\U0001f600")),
    st.text(max_size=4),
)
NAMES: Final = st.sampled_from(("a", "A", "t", "v1", "idx", "time", "_", "", "a b", 'q"', "ä"))
SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from((0, 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1)),
    st.sampled_from((0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1e308)),
    TEXTS,
    st.datetimes(timezones=st.just(UTC)).map(lambda time: time.replace(fold=0)),
    st.timedeltas(),
    st.sampled_from((timedelta(microseconds=SPAN_MAX), timedelta(microseconds=-SPAN_MAX - 1))),
    st.sampled_from((b"bytes", Unseen("c", "it is sealed"), {1: "a"}, {True: 1, "a": 2})),
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
ROWS: Final = st.lists(st.one_of(VALUES, st.just(MISSING)), max_size=5)


def fitting(value: Value) -> Shape | None:
    """The shape of a value that a column can hold, None of one that it can not."""
    try:
        shape = shape_of(value)
        stored(shape, value)
    except UnfitError:
        return None
    return shape


def spelt(value: Value) -> str:
    """A value in words that only the same value has."""
    if is_map(value):
        return f"{{{sorted((name, spelt(one)) for name, one in value.items())}}}"
    return f"[{', '.join(map(spelt, value))}]" if is_list(value) else repr(value)


@given(rows=ROWS)
def test_a_column_holds_the_values_that_fit(rows: list[Value]) -> None:
    """Its shape is that of all values joined, they come back, and only what does not fit is odd."""
    made = column_of(rows)
    shapes = [NEVER if one is MISSING else fitting(one) for one in rows]
    assert made.odd == {row for row, shape in enumerate(shapes) if shape is None}
    assert made.shape == joined(*(shape for shape in shapes if shape is not None))
    assert made.array.type == arrow_type(made.shape)
    for row, held in enumerate(made.array.to_pylist()):
        if rows[row] is MISSING or row in made.odd:
            assert held is None
        else:
            assert spelt(loaded(made.shape, held)) == spelt(rows[row])


@given(rows=ROWS)
def test_the_longest_list_is_no_longer_than_it_says(rows: list[Value]) -> None:
    """Of a column, and of one that was made elsewhere, no list or map is longer than is said."""
    made = column_of(rows)
    kept = [one for row, one in enumerate(rows) if one is not MISSING and row not in made.odd]
    most = max(map(longest, kept), default=0)
    assert made.longest >= most
    assert longest_of(made.shape, made.array) >= most


@given(rows=ROWS, named=st.frozensets(NAMES))
def test_of_maps_only_the_named_members_are_kept(rows: list[Value], named: frozenset[str]) -> None:
    """What no condition names is in no column, and spoils none."""
    made = column_of(rows, named)
    for row, held in enumerate(made.array.to_pylist()):
        if held is not None:
            assert spelt(loaded(made.shape, held)) == spelt(only(rows[row], named))


def only(value: Value, named: frozenset[str]) -> Value:
    """A value whose maps have only these members."""
    if is_map(value):
        return {name: only(one, named) for name, one in value.items() if name in named}
    return [only(one, named) for one in value] if is_list(value) else value


@given(times=st.lists(st.integers(-(10**15), 10**15), min_size=1))
def test_an_instant_is_a_time(times: list[int]) -> None:
    """Microseconds that are marked as a time make the column that the time itself makes."""
    marked = column_of([Instant(one) for one in times])
    plain = column_of([EPOCH + timedelta(microseconds=one) for one in times])
    assert (marked.shape, marked.array.to_pylist()) == (plain.shape, plain.array.to_pylist())


def test_a_column_of_nothing_has_no_shape() -> None:
    """Where no row has a value there is nothing to tell."""
    made = column_of([MISSING, MISSING])
    assert isinstance(made.shape, Never)
    assert made.array.null_count == len(made.array)
