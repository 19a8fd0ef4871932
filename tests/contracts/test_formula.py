"""The least that decides a condition, and what would have to change: on random formulas."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.formula import (
    Choice,
    Every,
    Formula,
    Not,
    Part,
    Some,
    best,
    changes,
    deciding,
    formula,
    parts,
    undecided,
    value,
)

NAMES = ("a.x", "b.y", "c.z", "d.w")
PART = st.sampled_from(NAMES).map(Part)
FORMULAS = st.recursive(
    PART,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: Every(tuple(each))),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: Some(tuple(each))),
        st.tuples(inner, inner, inner).map(lambda each: Choice(*each)),
    ),
    max_leaves=8,
)
KNOWN = st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from([True, False, None])))


def text(asked: Formula) -> str:
    """Write a formula as a condition."""
    if isinstance(asked, Part):
        return asked.text
    if isinstance(asked, Not):
        return f"!({text(asked.inner)})"
    if isinstance(asked, Choice):
        return f"(({text(asked.test)}) ? ({text(asked.yes)}) : ({text(asked.no)}))"
    sign = " && " if isinstance(asked, Every) else " || "
    return "(" + sign.join(f"({text(one)})" for one in asked.inner) + ")"


def results(asked: Formula, known: dict[str, bool | None], free: set[str]) -> set[bool | None]:
    """Return all that a formula can be where some parts may be anything."""
    names = sorted(free)
    return {
        value(asked, {**known, **dict(zip(names, values, strict=True))})
        for values in product((True, False, None), repeat=len(names))
    }


@given(FORMULAS)
def test_a_condition_reads_back_as_the_formula_that_it_was_written_from(asked: Formula) -> None:
    """Nothing is lost between a condition's text and its formula."""
    assert formula(text(asked)) == asked


@given(FORMULAS, KNOWN)
def test_what_decides_decides_whatever_the_rest_is_and_nothing_less_does(
    asked: Formula, known: dict[str, bool | None]
) -> None:
    """Every value of the other parts gives the same result."""
    found = value(asked, known)
    for wanted in (True, False):
        sets = deciding(asked, known, wanted)
        assert bool(sets) is (found is wanted)
        for chosen in sets:
            assert results(asked, known, set(parts(asked)) - chosen) == {wanted}


@given(FORMULAS, KNOWN)
def test_the_smallest_set_is_as_small_as_any_that_decides_part_by_part(
    asked: Formula, known: dict[str, bool | None]
) -> None:
    """No smaller choice of parts gives the result by itself."""
    found = value(asked, known)
    if found is None:
        return
    names = sorted(set(parts(asked)))
    least = best(deciding(asked, known, found), len)
    # What is unknown stays so: no smaller choice of parts gives the result by itself.
    for size in range(len(least)):
        for mask in product((False, True), repeat=len(names)):
            if sum(mask) == size:
                shown = {name: known[name] for name, on in zip(names, mask, strict=True) if on}
                assert value(asked, shown) is None


@given(FORMULAS, KNOWN)
def test_a_change_does_what_it_says_and_the_first_is_the_smallest(
    asked: Formula, known: dict[str, bool | None]
) -> None:
    """Each way out, taken, leads out."""
    for wanted in (True, False):
        ways = changes(asked, known, wanted)
        for way in ways:
            assert value(asked, {**known, **dict(way)}) is wanted
        if value(asked, known) is wanted:
            assert ways[0] == frozenset()
        if ways:
            assert len(ways[0]) == min(len(way) for way in ways)


@given(FORMULAS, KNOWN)
def test_what_is_undecided_is_undecided_by_its_own_parts(
    asked: Formula, known: dict[str, bool | None]
) -> None:
    """What is told to be unknown is unknown."""
    found = set(undecided(asked, known))
    assert bool(found) is (value(asked, known) is None)
    assert all(known[name] is None for name in found)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("!a.x", Not(Part("a.x"))),
        ("!a.x == b.y", Part("!a.x == b.y")),
        ("!evidence.exists(e, e.x || e.y)", Not(Part("evidence.exists(e, e.x || e.y)"))),
        ("a.x in [1, 2] && b.y", Every((Part("a.x in [1, 2]"), Part("b.y")))),
        ("(a.x ? 1 : 2) > 1", Part("(a.x ? 1 : 2) > 1")),
        ('a.x == "b && c"', Part('a.x == "b && c"')),
    ],
)
def test_what_is_a_part(condition: str, expected: Formula) -> None:
    """A comparison, a macro and a member are parts; what joins them is not."""
    assert formula(condition) == expected
