"""Delegations are for a time: the quick verification and the exact one agree on its edges."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.authority import Delegation, Document, document_text
from ledger.encoding import digest
from tests.verifier.forge import Desk, identity
from tests.verifier.test_ordinary import agreed, exact

SINCE, UNTIL = "2026-03-01T10:00:00.000000Z", "2026-03-01T11:00:00.000000Z"
BEFORE, LAST = "2026-03-01T09:59:59.999999Z", "2026-03-01T10:59:59.999999Z"
WITHIN, AFTER = "2026-03-01T10:30:00.000000Z", "2026-03-01T11:00:00.000001Z"
LATER = "2026-03-01T12:00:00.000000Z"
TIMES = (BEFORE, SINCE, WITHIN, LAST, UNTIL, AFTER, LATER)


@dataclass(frozen=True, slots=True)
class Edge:
    """When somebody who acts for another writes what, and whether that is within the time.

    Attributes:
        times: Of what is written, one after the other.
        entitled: Whether the ledger is sound.
        closes: Whether the last record ends the stream, which is allowed at any time.
    """

    times: tuple[str, ...]
    entitled: bool
    closes: bool = False


EDGES = (
    Edge((BEFORE,), entitled=False),
    Edge((SINCE,), entitled=True),
    Edge((WITHIN,), entitled=True),
    Edge((LAST,), entitled=True),
    Edge((UNTIL,), entitled=False),
    Edge((AFTER,), entitled=False),
    Edge((SINCE, WITHIN, LAST), entitled=True),
    Edge((BEFORE, WITHIN, LAST), entitled=False),
    Edge((SINCE, WITHIN, UNTIL), entitled=False),
    Edge((BEFORE,), entitled=True, closes=True),
    Edge((UNTIL,), entitled=True, closes=True),
    Edge((SINCE, LAST, LATER), entitled=True, closes=True),
    Edge((SINCE, UNTIL, LATER), entitled=False, closes=True),
)


def delegated(desk: Desk, since: str, until: str) -> Document:
    """Return the next document: the reviewer acts for somebody for a time."""
    window = Delegation(by="Dora", since=since, until=until)
    return desk.document.model_copy(
        update={
            "number": desk.document.number + 1,
            "previous": digest(document_text(desk.document).encode()),
            "identities": tuple(
                one.model_copy(update={"delegated": window})
                if one.id == identity("reviewer")
                else one
                for one in desk.document.identities
            ),
        }
    )


def delegate(desk: Desk, since: str, until: str, at: str | None = None) -> None:
    """Append such a document."""
    document = delegated(desk, since, until)
    desk.submit("steward", desk.authority(document), at=at)
    desk.document = document


def write(desk: Desk, at: str, *, closes: bool = False) -> None:
    """Let the reviewer write something, or end its stream."""
    kind = {"state": "open", "finding": "F"}
    made = (
        desk.make("stream-close", "reviewer") if closes else desk.make("review", "reviewer", **kind)
    )
    desk.submit("reviewer", made, at=at)


def at_edge(edge: Edge) -> Desk:
    """Return a ledger in which somebody writes at these times."""
    desk = Desk()
    delegate(desk, SINCE, UNTIL)
    for place, at in enumerate(edge.times):
        write(desk, at, closes=edge.closes and place == len(edge.times) - 1)
    desk.sign_head()
    return desk


@pytest.mark.parametrize("edge", EDGES)
def test_the_edges_of_a_window(edge: Edge, tmp_path: Path) -> None:
    """From its first moment to before its last: the quick way proves just what is within."""
    desk = at_edge(edge)
    path = desk.save(tmp_path / "l.db")
    codes = {one.code for one in exact(path, desk.trust()).findings}
    assert codes == (set() if edge.entitled else {"integrity.entitlement"})
    assert agreed(desk, path) is edge.entitled


@pytest.mark.parametrize(
    ("second", "entitled"),
    [((SINCE, LATER), True), ((LAST, LATER), True), ((AFTER, LATER), False)],
)
def test_a_window_that_is_moved(second: tuple[str, str], tmp_path: Path, *, entitled: bool) -> None:
    """The window counts that is in force at the entry, not the one before it."""
    desk = Desk()
    delegate(desk, SINCE, UNTIL)
    write(desk, WITHIN)
    delegate(desk, *second, at=LAST)
    write(desk, UNTIL)
    desk.sign_head()
    path = desk.save(tmp_path / "l.db")
    said = exact(path, desk.trust())
    assert bool(said.findings) is not entitled
    # The quick way may leave a window that was moved to the exact one; it never says otherwise.
    agreed(desk, path)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.tuples(st.sampled_from(("write", "close", "delegate")), st.sampled_from(TIMES)),
        min_size=1,
        max_size=6,
    ),
    windows=st.lists(
        st.tuples(st.sampled_from(TIMES[:3]), st.sampled_from(TIMES[3:])), min_size=7, max_size=7
    ),
)
def test_any_windows_are_judged_alike(
    tmp_path: Path, seed: int, steps: list[tuple[str, str]], windows: list[tuple[str, str]]
) -> None:
    """Whatever is delegated when, and written when: one report, however it is cut into spans."""
    desk = Desk()
    delegate(desk, *windows.pop())
    for what, at in sorted(steps, key=lambda step: step[1]):
        if what == "delegate":
            delegate(desk, *windows.pop(), at=at)
        else:
            write(desk, at, closes=what == "close")
    desk.sign_head()
    path = tmp_path / f"{seed}.db"
    path.unlink(missing_ok=True)
    agreed(desk, desk.save(path), spans=(2, 100))
