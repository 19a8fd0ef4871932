"""A lineage whose closed runs lie on disk remembers what one in memory does."""

from typing import Any

from contracts.history import Event
from contracts.lineage import Lineage
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
