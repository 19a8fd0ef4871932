"""The filter: what goes into an address comes out of it, and nonsense in one is passed over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import moment, written
from dashboards.filters import (
    DEFAULT_STATES,
    DEFAULTS,
    FACETS,
    FIRST,
    LAST,
    MOST_MARKED,
    SORTS,
    Filter,
    time_of,
)
from dashboards.words import REVIEWS, STATES

NAMES = sorted(set(FACETS) - {"result", "review", "severity"})
CHOICES = st.dictionaries(
    st.sampled_from(NAMES),
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3).map(tuple),
)
STATE_CHOICES = st.lists(st.sampled_from(STATES), max_size=4).map(tuple)


REVIEW_CHOICES = st.lists(st.sampled_from(REVIEWS), max_size=4).map(tuple)


def _with(
    chosen: dict[str, tuple[str, ...]], states: tuple[str, ...], reviews: tuple[str, ...]
) -> Mapping[str, Any]:
    found = {**chosen, "result": states, "review": reviews}
    return {name: values for name, values in found.items() if values}


MOMENTS = st.integers(FIRST, LAST).map(moment)
TIMES = st.one_of(st.just(""), MOMENTS.map(lambda at: time_of(at.isoformat())))
FILTERS = st.builds(
    Filter,
    chosen=st.builds(_with, CHOICES, STATE_CHOICES, REVIEW_CHOICES),
    search=st.text(max_size=10),
    sort=st.sampled_from(sorted(SORTS)),
    page=st.integers(1, 99_999),
    since=TIMES,
    until=TIMES,
    marked=st.lists(st.from_regex(r"F-[0-9a-f]{16}", fullmatch=True), unique=True).map(
        lambda ids: tuple(ids)[:MOST_MARKED]
    ),
)


@given(FILTERS)
def test_an_address_opens_the_same(chosen: Filter) -> None:
    """Whoever is sent the address sees what its sender saw."""
    again = Filter.of(chosen.parameters())
    assert Filter.unpacked(chosen.packed()) == again
    assert {name: set(kept) for name, kept in again.chosen.items()} == {
        name: set(kept) for name, kept in chosen.chosen.items()
    }
    assert (again.search, again.sort, again.page) == (chosen.search, chosen.sort, chosen.page)
    assert (again.since, again.until) == (chosen.since, chosen.until)
    assert again.marked == chosen.marked


def test_nothing_asked_for_is_what_matters() -> None:
    """Violated and undecidable, and not settled; the rest is asked for by name."""
    plain = Filter.of({})
    assert plain.chosen == DEFAULTS
    assert plain.chosen["review"] == ("open", "acknowledged")
    assert plain.parameters() == {}
    assert not plain.narrowed
    assert plain.states == DEFAULT_STATES


def test_marks_are_kept_and_narrow_nothing() -> None:
    """On every way through the inbox; nonsense is none, and there is an end to them."""
    ids = [f"F-{number:016x}" for number in range(MOST_MARKED + 5)]
    asked = Filter.of({"marked": ["", "F-1", ids[1], "<b>", ids[0], ids[1]]})
    assert asked.marked == (ids[1], ids[0])
    assert not asked.narrowed
    assert asked.at_page(2).within("I-1").outside().between("2026-03-01", "").marked == asked.marked
    assert asked.marking(ids[1]).marked == (ids[0],)
    assert asked.marking(ids[2]).marked == (ids[1], ids[0], ids[2])
    assert len(Filter.of({"marked": ids}).marked) == MOST_MARKED
    assert Filter.of({"marked": ids}).marking("F-" + "f" * 16).marked == tuple(ids[:MOST_MARKED])


def test_no_result_chosen_is_all_of_them() -> None:
    """An emptied facet keeps everything, and stands in the address as empty."""
    everything = Filter.of({"result": [""], "review": [""]})
    assert everything.chosen == {}
    assert everything.states == STATES
    assert everything.parameters() == {"result": [""], "review": [""]}
    assert everything.narrowed


@given(MOMENTS)
def test_a_window_is_written_as_the_ledger_writes_times(at: datetime) -> None:
    """So that texts can be compared, and no moment is lost on the way through an address."""
    since, until = Filter({}).between(at.isoformat(), "").window
    assert (since, until) == (written(at), "")
    assert Filter.of(Filter({}).between("", at.isoformat()).parameters()).window == (
        "",
        written(at),
    )


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2026-02-30",
        "0999-12-31",
        "10000-01-01",
        "2026-03-01T25:00:00Z",
        "2026-03-01T09:00:00",
        "9" * 99,
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    """An address is anybody's text."""
    assert time_of(text) == ""
    assert not Filter.of({"since": [text], "until": [text]}).narrowed


def test_nonsense_is_passed_over() -> None:
    """An address is anybody's text."""
    odd = Filter.of({"page": ["-3"], "sort": ["; DROP TABLE"], "unknown": ["x"], "q": []})
    assert (odd.page, odd.sort, odd.search) == (1, "severity", "")
    assert Filter.of({"page": ["9" * 5_000]}).page == 1
    asked = {"result": ["no such"], "review": ["gone"], "severity": ["worst", "high"]}
    assert Filter.of(asked).chosen == {"severity": ("high",)}
    assert Filter.of({"page": ["0"]}).page == 1
    assert odd.at_page(7).page == 7
