"""The time that two versions have in common, and that it is said where they have none."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from replay.overlaps import overlaps
from tests.replay.histories import DAY, Made


def made(days: Sequence[tuple[str, int | None]]) -> Made:
    """Open a run of a version on each of these days."""
    history = Made()
    for version, day in days:
        history.run(day=day, version=version)
    return history


def test_two_versions_side_by_side_share_what_both_have() -> None:
    """From the later first run to the earlier last one, both counted."""
    days = [("1", 0), ("1", 2), ("2", 1), ("1", 4), ("2", 3), ("2", 9), ("", 5), ("3", None)]
    (one,) = overlaps(made(days).history.runs.values(), lambda run: run.version)
    assert (one.first, one.second, one.is_some) == ("1", "2", True)
    assert (one.since // DAY, one.until // DAY) == (1, 4)
    assert one.runs == (2, 2)


def test_versions_one_after_the_other_share_nothing() -> None:
    """There is no time of which both could be asked."""
    days: list[tuple[str, int | None]] = [("1", 0), ("1", 2), ("2", 3), ("2", 9)]
    (one,) = overlaps(made(days).history.runs.values(), lambda run: run.version)
    assert not one.is_some
    assert one.runs == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("123"), st.integers(0, 9)), max_size=12))
def test_every_run_in_common_is_within_both(days: list[tuple[str, int]]) -> None:
    """Each pair once; a time in common is one in which neither has ended nor not yet begun."""
    found = list(overlaps(made([*days]).history.runs.values(), lambda run: run.version))
    versions = {version for version, _ in days}
    assert len(found) == len(versions) * (len(versions) - 1) // 2
    for one in found:
        assert not one.is_some or one.since <= one.until
        of = [version for version, _ in days]
        for name, count in zip((one.first, one.second), one.runs, strict=True):
            assert count <= of.count(name)


def test_a_version_around_another_has_no_time_in_common_with_it() -> None:
    """It stopped while the other ran: none of its runs is of that time."""
    days = [("1", 0), ("2", 3), ("2", 4), ("1", 9)]
    (one,) = overlaps(made(days).history.runs.values(), lambda run: run.version)
    assert one.runs == (0, 2)
    assert not one.is_some
