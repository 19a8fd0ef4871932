"""Over random contracts and histories the engine's running counters mean what scanning means."""

import json
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract, Verdict
from tests.reference.histories import events_of
from tests.reference.naive import Naive
from tests.reference.random_cases import FOCUSES, Line, cases
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
    results = [result for event in events for result in engine.observe(event)] + engine.finish()
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
    case: Line = data.draw(cases(focus))
    contract, events = asked(case), events_of(case["history"])
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
