"""Contracts judged as one decide what each of them decides by itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract, Effect, Verdict
from replay.as_recorded import Rejudging
from replay.merging import apart, merged
from replay.redecided import Redecided
from tests.reference.histories import contract_of, events_of
from tests.reference.random_cases import FOCUSES, LIMITS, Line, cases
from tests.reference.random_governance import approval_cases
from tests.reference.random_limits import limit_cases
from verifier.engines import Engines

pytestmark = pytest.mark.hypothesis


def naive(contract: Contract, events: Sequence[Event]) -> list[Redecided]:
    """Decide every action on an engine of its own, whole and row by row."""
    engine = Engine(contract)
    found: list[Redecided] = []
    for event in events:
        placed = engine.world.lineage.place(event)
        results = [one for one in engine.observe(event) if one.index == event.index]
        service = placed.run.opened["service"] if placed.run else ""
        if event.record["kind"] != "action" or service != contract.service:
            continue
        decision = engine.decide(event, results)
        if decision.effect is not Effect.ALLOW:
            reasons = {one.rule.id: one.reason for one in results}
            undecidable = (
                one.rule for one in decision.reasons if one.result is Verdict.UNDECIDABLE
            )
            why = tuple((rule, reasons[rule]) for rule in undecidable)
            found.append(Redecided(event.index, decision.effect, decision.reasons, why))
    return found


def again(
    contracts: Sequence[Contract], events: Sequence[Event], engines: Engines, *, alone: bool = False
) -> list[list[Redecided]]:
    """Decide every action by all of them, merged or each apart."""
    made = apart(contracts) if alone else merged(contracts)
    judging = Rejudging({}, contracts, engines, made)
    for event in events:
        judging.add(event)
    return [list(one.values()) for one in judging.finish().candidates]


Change = Callable[[Line, st.DataObject], Line]


def other_limits(text: Line, data: st.DataObject) -> Line:
    """Say other values, or tell cases apart otherwise."""
    return {**text, "limits": data.draw(st.sampled_from([text.get("limits", {}), *LIMITS]))}


def other_effect(text: Line, data: st.DataObject) -> Line:
    """Have a rule do something else."""
    effect = data.draw(st.sampled_from(["deny", "approve", "escalate", "warn"]))
    more: dict[str, Any] = {"effect": effect} | ({"role": "lead"} if effect == "approve" else {})
    return {**text, "rules": [{**rule, **more} for rule in text.get("rules", [])]}


def fewer_rules(text: Line, _data: st.DataObject) -> Line:
    """Leave the first rule out."""
    return {**text, "rules": text.get("rules", [])[1:]}


def other_facts(text: Line, data: st.DataObject) -> Line:
    """Have facts of the same names count otherwise."""
    over = data.draw(st.sampled_from(["run", "ledger", "identity", "service"]))
    facts = {
        name: {key: value for key, value in fact.items() if key != "reference"} | {"over": over}
        for name, fact in text.get("facts", {}).items()
    }
    return {**text, "facts": facts}


CHANGES: tuple[Change, ...] = (other_limits, other_effect, fewer_rules, other_facts)


def variants(case: Line, data: st.DataObject) -> list[Contract]:
    """Draw contracts that differ from the case's in one or two ways, and it itself."""
    texts = [case["contract"]]
    for _ in range(data.draw(st.integers(1, 3))):
        text = data.draw(st.sampled_from(texts))
        texts.append(data.draw(st.sampled_from(CHANGES))(text, data))
    return [replace(contract_of(text), digest=f"{n}") for n, text in enumerate(texts)]


FOCUSED = st.sampled_from(FOCUSES).flatmap(cases) | limit_cases() | approval_cases()


@given(FOCUSED, st.data())
@settings(max_examples=80)
def test_merged_on_counters_is_each_by_itself(case: Line, data: st.DataObject) -> None:
    """Effects, reasons and why something cannot be decided, against the whole engine."""
    contracts, events = variants(case, data), events_of(case["history"])
    expected = [naive(one, events) for one in contracts]
    assert again(contracts, events, Engines.ROWS) == expected
    assert again(contracts, events, Engines.ROWS, alone=True) == expected


@given(FOCUSED, st.data())
@settings(max_examples=8)
def test_merged_by_column_is_each_by_itself(case: Line, data: st.DataObject) -> None:
    """Columns give the same as counters."""
    contracts, events = variants(case, data), events_of(case["history"])
    assert again(contracts, events, Engines.COLUMNS) == [naive(one, events) for one in contracts]
