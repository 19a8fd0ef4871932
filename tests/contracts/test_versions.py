"""Which version was in force: published, activated, effective, and in this order."""

from typing import Any

import pytest

from contracts.lineage import Lineage
from contracts.versions import VersionHistory
from tests.reference.histories import SERVICE, digest_of, events_of

Line = dict[str, Any]


def in_force(*lines: Line) -> str | None:
    """The version in force for the last line, an action."""
    events = events_of([{"opened": "r"}, *lines])
    history = VersionHistory()
    for event in events[:-1]:
        history.observe(event)
    found = history.in_force(SERVICE, events[-1])
    if found is None:
        return None
    assert found[1] == digest_of(f"text of {found[0]}")
    return found[0]


def published(version: str) -> Line:
    """A contract in the ledger from its beginning."""
    return {"contract": version, "t": 1}


def activated(version: str, at: float, **members: Any) -> Line:  # noqa: ANN401 - more members
    """An activation that is recorded at 2 seconds."""
    return {"activation": version, "effective_at": at, "t": 2, **members}


def test_the_greatest_effective_time_that_has_come_wins() -> None:
    """An activation is in force from its effective time on, to the microsecond."""
    both = (published("1"), published("2"), activated("1", 5), activated("2", 8))
    assert in_force(*both, {"action": "a", "t": 4.999999}) is None
    assert in_force(*both, {"action": "a", "t": 5}) == "1"
    assert in_force(*both, {"action": "a", "t": 8}) == "2"
    assert in_force(*both, activated("1", 8), {"action": "a", "t": 9}) == "1"


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_of_two_for_one_time_the_later_entry_wins(order: tuple[str, str]) -> None:
    """Also where both were recorded at once, as in one submission."""
    both = [published("1"), published("2"), *[activated(one, 5) for one in order]]
    assert in_force(*both, {"action": "a", "t": 5}) == order[1]
    assert in_force(*both, activated(order[0], 4), {"action": "a", "t": 5}) == order[1]


@pytest.mark.parametrize(
    "activation",
    [
        activated("3", 3),
        activated("1", 3, digest="0" * 64),
        activated("1", 1.999999),
        activated("1", 3, service="spiffe://acme.example/other"),
        activated("1", 1, imported=True),
    ],
)
def test_what_is_no_valid_activation_is_never_in_force(activation: Line) -> None:
    """Unpublished, another digest, backdated, another service's, or for imports only."""
    assert in_force(published("1"), activation, {"action": "a", "t": 9}) is None


def test_an_activation_whose_time_cannot_be_read_is_none() -> None:
    """Nothing is guessed."""
    event = events_of([activated("1", 3)])[0]
    history = VersionHistory()
    history.observe(events_of([published("1")])[0])
    record = {**event.record, "effective_at": "soon"}
    history.observe(type(event)(1, event.digest, record, event.recorded_at))
    assert history.activations(SERVICE) == ()


def test_a_version_belongs_to_its_first_text() -> None:
    """Publishing another text under the same version changes nothing."""
    again = {**published("1"), "digest": "0" * 64}
    lines = (published("1"), again, activated("1", 3))
    assert in_force(*lines, {"action": "a", "t": 9}) == "1"
    assert in_force(published("1"), again, activated("1", 3, digest="0" * 64), {"action": "a"}) is (
        None
    )


def test_imported_actions_have_activations_of_their_own() -> None:
    """Marked ones first, the last by index; without any, the others by claimed time or order."""
    run: Line = {"opened": "i", "import": "claimed", "at": 0, "t": 1}
    none: Line = {"opened": "i", "import": "none", "t": 1}
    action: Line = {"action": "a", "in": "i", "at": 6, "t": 9}
    both = (published("1"), published("2"), activated("1", 5), activated("2", 8))
    marked = activated("1", 0, imported=True)
    assert in_force(run, *both, action) == "1"
    assert in_force(none, *both, action) == "2"
    assert in_force(none, *both, marked, action) == "1"
    assert in_force(none, *both, marked, {"action": "b", "t": 9}) == "2"


def test_a_lineage_may_be_shared() -> None:
    """Who places the entries anyway need not do it twice."""
    lineage = Lineage()
    run, action = events_of([{"opened": "i"}, {"action": "a", "in": "i"}])
    VersionHistory(lineage).observe(run)
    assert lineage.place(action).run is not None
