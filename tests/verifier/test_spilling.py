"""A lineage whose closed runs lie on disk remembers what one in memory does."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.coercion import Unseen
from contracts.history import Event
from contracts.lineage import Lineage, Placed
from verifier.bundles import Bundle, packed, unpacked
from verifier.spilling import SpillingLineage

RUN, ACTION, SEEN = "aa" * 32, "bb" * 32, "cc" * 32


def event(index: int, digest: str, kind: str, **fields: Any) -> Event:  # noqa: ANN401 - any record
    """Return an entry."""
    return Event(index, digest, {"kind": kind, **fields}, f"2026-03-01T09:00:{index:02}.000000Z")


OPENED = event(0, RUN, "run", phase="opened", service="s")
ACTED = event(1, ACTION, "action", run=RUN, tool="pay", params={})
OBSERVED = event(2, SEEN, "observation", run=RUN, action=ACTION)
CLOSED = event(3, "dd" * 32, "run", phase="closed", run=RUN)
APPROVED = event(4, "ee" * 32, "approval", action=ACTION)


def remembering(lineage: Lineage, *events: Event) -> None:
    """Make entries part of a history."""
    for one in events:
        lineage.remember(lineage.place(one))


def digests(lineage: Lineage) -> list[list[str]]:
    """Return what is in memory."""
    kept = Lineage.kept(lineage)
    entries = (kept.actions, kept.observations)
    return [
        [run.digest for run in kept.runs],
        *([one.event.digest for one in each] for each in entries),
    ]


def test_what_was_spilled_is_kept() -> None:
    """It is taken into memory again, and named by later entries as ever."""
    lineage = SpillingLineage()
    remembering(lineage, OPENED, ACTED, OBSERVED, CLOSED)
    lineage.spill()
    assert digests(lineage) == [[], [], []]
    kept = lineage.kept()
    assert [run.closed for run in kept.runs] == [CLOSED.record]
    assert digests(lineage) == [[RUN], [ACTION], [SEEN]]
    lineage.spill()
    lineage.expect([APPROVED])
    assert lineage.place(APPROVED).action is not None


def test_what_is_taken_up_is_spilled_with_its_run() -> None:
    """Else an action would be there without the run that it stands in."""
    lineage, before = SpillingLineage(), SpillingLineage()
    remembering(before, OPENED, ACTED, OBSERVED)
    lineage.take_up(before.kept())
    remembering(lineage, CLOSED)
    lineage.spill()
    assert digests(lineage) == [[], [], []]
    lineage.expect([APPROVED])
    placed = lineage.place(APPROVED)
    assert placed.run is not None
    assert placed.run.closed == CLOSED.record


def test_a_closed_run_that_is_taken_up_is_spilled() -> None:
    """It is closed, whenever that was."""
    lineage, before = SpillingLineage(), SpillingLineage()
    remembering(before, OPENED, ACTED, OBSERVED, CLOSED)
    lineage.take_up(before.kept())
    lineage.spill()
    assert digests(lineage) == [[], [], []]


def bundle_of(*events: Event) -> Bundle:
    """Return the run of a history with what belongs to it."""
    lineage = Lineage()
    remembering(lineage, *events)
    kept = lineage.kept()
    by_digest = [
        {one.event.digest: one for one in each} for each in (kept.actions, kept.observations)
    ]
    return kept.runs[0], by_digest[0], by_digest[1]


def parts(placed: Placed) -> tuple[object, ...]:
    """Return what a placed entry is made of: two of them are never equal."""
    action = placed.action and placed.action.event
    return placed.event, placed.subject, placed.time, placed.run, action, placed.selectors


SEALED = replace(ACTED, record={**ACTED.record, "params": Unseen("ab", "is sealed")}, unseen=True)
APART = event(2, SEEN, "observation", action=ACTION)


@pytest.mark.parametrize(
    ("events", "plain"),
    [
        ((OPENED, ACTED, OBSERVED, CLOSED), True),
        ((OPENED, CLOSED, ACTED, OBSERVED), True),
        ((OPENED, ACTED, CLOSED, APART), True),
        ((OPENED, SEALED, OBSERVED, CLOSED), False),
    ],
)
def test_bundles(events: tuple[Event, ...], plain: bool) -> None:  # noqa: FBT001 - a table
    """What was written is read again as it was: what is sealed in it, too."""
    bundle = bundle_of(*events)
    body = packed(bundle)
    assert body.startswith(b"m") is plain
    again = unpacked(body)
    assert again[0] == bundle[0]
    for mine, others in zip(again[1:], bundle[1:], strict=True):
        assert list(mine) == list(others)
        assert list(map(parts, mine.values())) == list(map(parts, others.values()))
    held = [one.event.record.get("params") for one in again[1].values()]
    assert [type(one) for one in held] == [dict if plain else Unseen]
    assert [one.action for one in again[2].values()] == list(again[1].values())[: len(again[2])]


def test_an_action_of_another_run_is_kept_with_what_names_it() -> None:
    """It is that run's, and comes along as a copy."""
    other = event(3, "11" * 32, "action", run="22" * 32, tool="pay", params={})
    lineage = Lineage()
    remembering(lineage, OPENED, event(1, "22" * 32, "run", phase="opened", service="s"), other)
    seen = event(4, SEEN, "observation", run=RUN, action="11" * 32)
    remembering(lineage, seen)
    kept = lineage.kept()
    bundle: Bundle = kept.runs[0], {}, {SEEN: kept.observations[0]}
    again = unpacked(packed(bundle))
    assert again[2][SEEN].action is not None
    assert again[2][SEEN].tool == "pay"


def test_a_run_that_is_written_twice_counts_as_it_was_last() -> None:
    """What came after it was read again is in it, and the first writing is nothing any more."""
    lineage = SpillingLineage()
    remembering(lineage, OPENED, ACTED, CLOSED)
    lineage.spill()
    lineage.expect([OBSERVED])
    remembering(lineage, OBSERVED)
    lineage.spill()
    assert digests(lineage) == [[], [], []]
    assert lineage.runs_by_index() == {OPENED.index: OPENED.digest}
    assert lineage.actions_by_index() == {ACTED.index: ACTED.digest}
    lineage.expect([APPROVED])
    assert [len(each) for each in digests(lineage)] == [1, 1, 1]
    lineage.spill()
    kept = lineage.kept()
    assert [one.event.digest for one in kept.observations] == [OBSERVED.digest]
    assert [run.closed for run in kept.runs] == [CLOSED.record]
