"""Calls that look the same: as many are paired as can be, the nearest, whatever their order."""

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.reconciling import pairing
from verifier.reconciling.pairing import Pair, Recorded, Shown, State, pair

TIMES = st.lists(st.integers(1, 30), max_size=4)


def calls(times: list[int]) -> list[Shown]:
    """Return calls of the source at these times."""
    return [Shown(n, at, failed=False) for n, at in enumerate(times)]


def actions(times: list[int]) -> list[Recorded]:
    """Return recorded actions at these times."""
    return [Recorded(100 + n, at, None, State.OK) for n, at in enumerate(times)]


def best(shown: list[int], recorded: list[int], within: int) -> tuple[int, int]:
    """Return how many can be paired, and the least sum of gaps, by trying every way."""
    for count in range(min(len(shown), len(recorded)), 0, -1):
        sums = [
            sum(gaps)
            for mine in combinations(shown, count)
            for others in permutations(recorded, count)
            if max(gaps := [abs(a - b) for a, b in zip(mine, others, strict=True)]) <= within
        ]
        if sums:
            return count, min(sums)
    return 0, 0


@given(shown=TIMES, recorded=TIMES, within=st.integers(0, 12))
def test_no_other_way_pairs_more_or_nearer(
    shown: list[int], recorded: list[int], within: int
) -> None:
    """The pairs are as many as can be, and of all such ways the nearest in sum."""
    found = list(pair(calls(shown), actions(recorded), within))
    gaps = [abs(shown[one.n] - recorded[one.index - 100]) for one in found]
    assert (len(found), sum(gaps)) == best(shown, recorded, within)
    assert len({one.n for one in found}) == len({one.index for one in found}) == len(found)


@given(shown=TIMES, recorded=TIMES, within=st.integers(0, 12))
def test_many_are_paired_as_many(shown: list[int], recorded: list[int], within: int) -> None:
    """Where there are too many to compare all ways, as many are paired."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pairing, "_MOST", -1)
        found = list(pair(calls(shown), actions(recorded), within))
    assert len(found) == best(shown, recorded, within)[0]


@pytest.mark.parametrize(
    ("failed", "states", "chosen"),
    [
        (True, (State.OPEN, State.OK, State.NOT), 2),
        (True, (State.NOT, State.FAILED), 1),
        (False, (State.NOT, State.FAILED), 1),
        (False, (State.FAILED, State.OPEN, State.BOTH), 2),
        (None, (State.NOT, State.FAILED), 1),
    ],
)
def test_without_times_the_end_says_which(
    failed: bool | None,  # noqa: FBT001 - what a source says
    states: tuple[State, ...],
    chosen: int,
) -> None:
    """What ended alike first, then what failed with what was never carried out."""
    recorded = [Recorded(n, None, None, state) for n, state in enumerate(states)]
    assert list(pair([Shown(7, 5, failed)], recorded, 1)) == [Pair(7, chosen, len(states))]


def test_a_denied_action_is_not_what_was_done() -> None:
    """Nearer in time, and yet not it: the one that was carried out is the call."""
    recorded = [Recorded(1, 10, None, State.NOT), Recorded(2, 14, 20, State.OK)]
    assert list(pair([Shown(0, 11, failed=False)], recorded, 60)) == [Pair(0, 2)]
    assert list(pair([Shown(0, 90, failed=False)], recorded, 60)) == []
    assert list(pair([Shown(0, 80, failed=False)], recorded, 60)) == [Pair(0, 2)]
