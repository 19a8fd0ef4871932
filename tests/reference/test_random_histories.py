"""Over random contracts and histories the engine's running counters mean what scanning means."""

import json
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engine import Engine
from contracts.history import Event
from contracts.loading import load_contract
from contracts.model import Contract, Verdict
from contracts.results import RuleResult
from contracts.versions import VersionHistory
from tests.reference.histories import SERVICE, contract_of, document_of, events_of
from tests.reference.naive import Naive, in_force
from tests.reference.random_cases import FOCUSES, Line, cases
from tests.reference.random_governance import approval_cases, switch_cases, version_cases
from tests.reference.random_limits import limit_cases
from tests.reference.test_vectors import asked, shown, typed
from tests.reference.views import UndecidableError

EXAMPLES: Final = 3.5
"""How many times the profile's examples each focus gets: 2,100 in all where it says 100."""


def by_scanning(contract: Contract, events: list[Event]) -> dict[tuple[int, str], str]:
    """Every verdict and every fact that rules read, from the reference."""
    found: dict[tuple[int, str], str] = {}
    for result in Naive(contract, events).results():
        pending = " pending" if result.reason == "pending" else ""
        found[result.index, result.rule] = f"{result.verdict}{pending}"
        for name, value in result.facts.items():
            if not isinstance(value, UndecidableError):
                found[result.index, f"{result.rule} reads {name}"] = typed(shown(value))
    return found


def by_counting(contract: Contract, events: list[Event]) -> dict[tuple[int, str], str]:
    """The same from the engine."""
    engine = Engine(contract)
    results: list[RuleResult] = []
    for event in events:
        decided = engine.decided(event) if event.record["kind"] == "action" else None
        found_here = engine.observe(event)
        # What the guard asks for in short is what the results say at length.
        assert decided is None or decided == engine.decide(event, found_here)
        results += found_here
    results += engine.finish()
    found: dict[tuple[int, str], str] = {}
    for result in results:
        place = result.index, result.rule.id
        assert place not in found
        pending = result.verdict is Verdict.UNDECIDABLE and result.reason == "pending"
        found[place] = f"{result.verdict}{' pending' * pending}"
        for name, value in result.facts.items():
            found[result.index, f"{result.rule.id} reads {name}"] = typed(shown(value))
    return found


@pytest.mark.parametrize("focus", FOCUSES)
@settings(max_examples=int(EXAMPLES * settings().max_examples))
@given(data=st.data())
def test_counting_is_scanning(focus: str, data: st.DataObject) -> None:
    """Engine and reference give the same verdict for each rule and the same value for each fact."""
    assert_counting_is_scanning(data.draw(cases(focus)))


@settings(max_examples=2 * settings().max_examples)
@given(case=limit_cases())
def test_limits_are_those_of_the_reference(case: Line) -> None:
    """Over any levels and fallbacks a rule has the same limit, or none for either."""
    assert_counting_is_scanning(case)


def assert_counting_is_scanning(case: Line) -> None:
    """The engine says of a case what the reference says, rule by rule and fact by fact."""
    assert_same(case, asked(case))


def assert_same(case: Line, contract: Contract) -> None:
    """The same for a contract of any making."""
    events = events_of(case["history"])
    counted, scanned = by_counting(contract, events), by_scanning(contract, events)
    differing = {
        f"{index} {what}": {
            "engine": counted.get((index, what)),
            "naive": scanned.get((index, what)),
        }
        for index, what in sorted(counted.keys() | scanned.keys())
        if counted.get((index, what)) != scanned.get((index, what))
    }
    assert not differing, json.dumps({**case, "differing": differing}, indent=1)


@settings(max_examples=2 * settings().max_examples)
@given(case=switch_cases())
def test_switches_are_those_of_the_reference(case: Line) -> None:
    """What the clause `recovery` expands to stops the same actions for both."""
    document = document_of({"tools": {"look": {"mode": "read"}}})
    whole = {**document, "recovery": case["recovery"]}
    assert_same(case, load_contract(json.dumps(whole)))


@given(case=approval_cases())
def test_the_engine_decides_as_the_reference(case: Line) -> None:
    """Every action gets the same effect for the same reasons, approvals and all."""
    contract, events = contract_of(case["contract"]), events_of(case["history"])
    engine, naive = Engine(contract), Naive(contract, events)
    for event in events:
        decided = engine.decided(event) if event.record["kind"] == "action" else None
        results = engine.observe(event)
        if event.record["kind"] == "action":
            decision = engine.decide(event, results)
            assert decided == decision
            reasons = [(one.rule, one.result, one.effect) for one in decision.reasons]
            told = json.dumps({**case, "at": event.index}, indent=1)
            assert (decision.effect, reasons) == naive.decision(event), told


@given(case=version_cases())
def test_versions_in_force_are_those_of_the_reference(case: Line) -> None:
    """Every action stands under the same version."""
    events = events_of(case["history"])
    views, versions = Naive(contract_of({}), events).facts.views, VersionHistory()
    for event in events:
        if event.record["kind"] == "action":
            found = versions.in_force(SERVICE, event)
            told = json.dumps({**case, "at": event.index}, indent=1)
            assert found == in_force(views, event), told
        versions.observe(event)
