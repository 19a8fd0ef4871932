"""Cascading, over random contracts and histories: one pass says what the long way says."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from contracts.engine import Engine
from contracts.model import Contract, Rule
from replay.cascade import Totals
from replay.history import History
from tests.reference.histories import SERVICE, contract_of, events_of
from tests.replay.cascading import as_recorded, assert_same, cascaded, ledger_of, said
from tests.replay.random_cascades import cascades

Line = dict[str, Any]
FEW = settings().max_examples // 2
NOBODY = Rule(id="policy.nobody", clause="policy", subject="action", when="true")


def both(case: Line) -> tuple[Contract, list[Any]]:
    """Return the contract and the history of a case."""
    return contract_of(case["contract"]), events_of(case["history"])


@settings(max_examples=2 * settings().max_examples)
@given(case=cascades())
def test_one_pass_is_the_whole_engine_over_what_is_left(case: Line) -> None:
    """Each decision, each fate, and how many were asked again, are those of a full rerun."""
    assert_same(*both(case))


@settings(max_examples=FEW)
@given(case=cascades())
def test_the_same_ledger_and_candidate_give_the_same(case: Line) -> None:
    """Nothing hangs on the order of a set, or on what was asked before."""
    contract, events = both(case)
    assert cascaded(contract, events) == cascaded(contract, events)


@settings(max_examples=FEW)
@given(case=cascades())
def test_the_contract_that_decided_changes_nothing(case: Line) -> None:
    """Where each decision is the contract's own, cascading under it is what was recorded."""
    contract, events = both(case)
    # What reads the decision on the action itself has no decision of its own to be compared with.
    rules = tuple(rule for rule in contract.rules if "action.decision" not in rule.when)
    contract = replace(contract, rules=rules)
    events = decided_by(contract, events)
    found = cascaded(contract, events)
    assert (found.decisions, found.affected, found.asked_again) == ({}, 0, 0)
    left = (found.never_happened, found.moot, found.unknown_outcomes, found.carried_out)
    assert left == (frozenset(), frozenset(), frozenset(), frozenset())
    assert (found.contingent, found.share) == (frozenset(), 0)


def decided_by(contract: Contract, events: list[Any]) -> list[Any]:
    """Return a history whose guard held this contract, and whose tools heeded it."""
    engine, found = Engine(contract), list[Any]()
    held: set[str] = set()
    for event in events:
        made, record = event, event.record
        if record["kind"] == "action":
            decided = said(engine, event)
            decision = {"effect": decided.effect.value}
            made = replace(event, record={**record, "decision": decision})
            held |= set() if decision["effect"] == "allow" else {event.digest}
        elif record["kind"] == "outcome" and record["action"] in held:
            made = replace(event, record={**record, "status": "skipped"})
        elif record["kind"] == "run" and record["phase"] == "opened":
            made = replace(event, record={**record, "service": SERVICE})
        engine.observe(made, judge=False)
        found.append(made)
    return found


@settings(max_examples=FEW)
@given(case=cascades())
def test_where_nothing_is_allowed_nothing_was_done(case: Line) -> None:
    """Every action that was carried out never happened: no outcome, no cost, no value is left."""
    contract, events = both(case)
    found = cascaded(replace(contract, rules=(*contract.rules, NOBODY)), events)
    history = History.of(ledger_of(events))
    ours = {run for run in history.runs if history.runs[run].said("service") == SERVICE}
    done = {act.index for act in history.acts if act.run in ours and act.executed}
    assert done <= found.never_happened
    assert found.remains == Totals()
    assert found.taken_out.executed == len(done)
    assert not found.unknown_outcomes
    assert not found.unsure


@settings(max_examples=FEW)
@given(case=cascades())
def test_rules_that_read_no_history_cascade_into_nothing(case: Line) -> None:
    """Where no rule reads facts or evidence, each action is decided as it is as recorded."""
    contract, events = both(case)
    engine = Engine(contract)
    plain = tuple(
        each.rule
        for each in engine.rules
        if not each.facts
        and not each.cites_evidence
        and not any("limits" in one.reads.members for one in each.conditions)
        and each.rule.effect != "approve"
    )
    found = cascaded(replace(contract, rules=plain), events)
    assert (found.decisions, found.asked_again) == ({}, 0)


@settings(max_examples=FEW)
@given(case=cascades())
def test_actions_that_are_not_chosen_stand(case: Line) -> None:
    """A candidate that decides nothing changes nothing, whatever it says."""
    contract, events = both(case)
    nothing = cascaded(replace(contract, rules=(NOBODY,)), events, frozenset())
    assert (nothing.decided, nothing.never_happened, nothing.affected) == (0, frozenset(), 0)


@settings(max_examples=FEW)
@given(case=cascades())
def test_what_is_counted_is_part_of_what_there_is(case: Line) -> None:
    """Shares and sets are of the actions that the candidate decides; totals add up."""
    contract, events = both(case)
    found, recorded = cascaded(contract, events), as_recorded(contract, events)
    assert 0 <= found.share <= 1
    assert (
        found.asked_again
        >= len(found.decisions)
        >= len(
            [one for one in found.decisions if found.decision(one, recorded) != recorded.get(one)]
        )
    )
    assert not found.never_happened & found.unknown_outcomes
    assert not found.unsure & (found.never_happened | found.unknown_outcomes)
    acts = [act for act in History.of(ledger_of(events)).acts if act.executed]
    assert found.remains.executed + found.taken_out.executed <= len(acts)
