"""The verifier as an engine of scenarios: what it says, and what it objects to."""

from collections.abc import Sequence
from typing import Any

from contracts.history import Event
from contracts.rehearsal import Judgement, Performance, differing, perform
from contracts.staging import Ledger, script_of
from tests.contracts.scenes import CONTRACT, contract, suite
from verifier.rehearsal import Verifying


def performed(scenario: str) -> Performance:
    """A scenario of the desk, played before the guard."""
    read, made = suite(scenario), contract()
    return perform(made, Ledger(made, CONTRACT, read), script_of(read, 0))


def judged(events: Sequence[Event]) -> Judgement:
    """What the verifier says of a history."""
    return Verifying().judge(contract(), events)


LARGE = """\
  - scenario: large
    given: [begun, looked]
    when: {use: pay, with: {amount: 200}}
    then: {}
"""


def test_what_the_guard_held_is_handled() -> None:
    """It is told from what was done against a rule, and is no disagreement with the guard."""
    performance = performed(LARGE)
    found = judged(performance.events)
    assert found.results[performance.when, "scope.large"] == "handled"
    assert differing(performance.judgement, found) == []


def test_what_was_done_all_the_same_is_violated() -> None:
    """An outcome of a held action says that the tool was called."""
    performance = performed(LARGE.replace("    then", "    after: {outcome: pay}\n    then"))
    found = judged(performance.events)
    assert found.results[performance.when, "scope.large"] == "violated"


def test_a_decision_that_the_ledger_does_not_bear_out_is_objected_to() -> None:
    """A recorded decision is derived again, and the difference is a finding on it."""
    performance = performed(LARGE)
    *before, action = performance.events
    record: dict[str, Any] = {**action.record, "decision": {"effect": "allow", "reasons": []}}
    changed = Event(action.index, action.digest, record, action.recorded_at, action.identity)
    (said,) = judged([*before, changed]).objections[action.index]
    assert said.startswith("decision.false-allow")
    assert differing(performance.judgement, judged([*before, changed]))


def test_a_record_that_no_ledger_would_take_is_objected_to() -> None:
    """A run that is closed twice is no history, whatever the guard makes of it."""
    performance = performed(
        """\
  - scenario: closed twice
    given: [begun, {close: case}]
    when: {close: case}
    then: {}
"""
    )
    assert "its run is closed already" in judged(performance.events).objections[performance.when][0]
