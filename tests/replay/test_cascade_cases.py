"""Cascading, case by case: what is gone with an action, and what stays."""

from typing import Any

import pytest

from contracts.apart import UNKNOWN
from replay.cascade import Cascaded, cascade
from replay.history import History
from tests.reference.histories import contract_of, events_of
from tests.replay.cascading import as_recorded, cascaded, ledger_of

Line = dict[str, Any]
EUR = {"currency": "EUR", "micros": 5}
LEAD = {
    "by": "spiffe://acme.example/kim",
    "identity": {"roles": ["lead"], "owner": "spiffe://acme.example/kim"},
}
BIG: Line = {"id": "big", "when": "params.n > 5"}
DONE: Line = {"count": True, "from": "outcome", "where": 'outcome.status == "ok"'}
MADE: Line = {"count": True, "from": "action"}


def most(fact: str, bound: int) -> Line:
    """A rule that a fact is at most so much."""
    return {"id": fact, "when": f"facts.{fact} > {bound}"}


def pay(name: str, n: int, **more: Any) -> Line:  # noqa: ANN401 - members of a record
    """A payment of so much."""
    return {"action": name, "params": {"n": n, "k": "x"}, **more}


def done(action: str, status: str = "ok", **more: Any) -> Line:  # noqa: ANN401 - the same
    """What came of it."""
    return {"outcome": f"of {action}", "of": action, "status": status, **more}


def cascade_of(facts: Line, rules: list[Line], *lines: Line) -> tuple[Cascaded, dict[int, str]]:
    """Return what cascading says, and the effect on each action that is not allowed."""
    contract = contract_of({"facts": facts, "rules": rules})
    events = events_of([{"opened": "r"}, *lines])
    found, recorded = cascaded(contract, events), as_recorded(contract, events)
    effects = {
        event.index: found.decision(event.index, recorded).effect.value
        for event in events
        if event.record["kind"] == "action"
    }
    return found, {index: one for index, one in effects.items() if one != "allow"}


def test_what_is_denied_leaves_no_outcome_behind() -> None:
    """The second payment was one too many only as long as the first was there."""
    lines = [pay("a", 9), done("a", cost=EUR, value=EUR), pay("b", 1), done("b", value=EUR)]
    found, denied = cascade_of({"done": DONE}, [BIG, most("done", 0)], *lines)
    assert denied == {1: "deny"}
    assert set(found.decisions) == {3}
    assert found.never_happened == {1}
    assert found.contingent == {3}
    assert (found.asked_again, found.decided, found.share) == (1, 2, 0.5)
    assert found.affected == 1
    assert (found.taken_out.executed, found.taken_out.cost) == (1, {"EUR": 5})
    assert (found.remains.done, found.remains.value) == (1, {"EUR": 5})


def test_it_cascades_to_the_end() -> None:
    """One that is gone lets the next through, which stops the one after: as a guard would have."""
    lines = [pay("a", 9), done("a"), pay("b", 1), done("b"), pay("c", 1), done("c")]
    found, denied = cascade_of({"done": DONE}, [BIG, most("done", 0)], *lines)
    assert denied == {1: "deny", 5: "deny"}
    assert found.never_happened == {1, 5}


@pytest.mark.parametrize(("attempts", "left"), [("allowed", {1}), ("all", {1, 2})])
def test_an_attempt_stays_an_attempt(attempts: str, left: set[int]) -> None:
    """What the candidate refuses was asked for all the same; a fact on every attempt counts it."""
    fact = {**MADE, "attempts": attempts}
    _, denied = cascade_of({"made": fact}, [BIG, most("made", 0)], pay("a", 9), pay("b", 1))
    assert set(denied) == left


@pytest.mark.parametrize("effect", ["approve", "escalate"])
def test_what_is_held_and_never_approved_never_happened(effect: str) -> None:
    """Nobody said yes to it, so it was not done."""
    rules = [{**BIG, "effect": effect, "role": "lead"}]
    found, held = cascade_of({}, rules, pay("a", 9), done("a"))
    assert held == {1: effect}
    assert found.never_happened == {1}


def test_approvals_of_what_is_still_held_keep_their_meaning() -> None:
    """It was held, approved and done; it still is."""
    rules = [{**BIG, "effect": "approve", "role": "lead"}]
    lines = [
        pay("a", 9, decision="approve"),
        {"approval": "yes", "of": "a", "verdict": "approve", **LEAD},
        pay("b", 9, resumes="a", decision="allow"),
        done("b"),
    ]
    found, held = cascade_of({}, rules, *lines)
    assert held == {1: "approve"}
    assert not found.never_happened | found.moot | found.contingent


def test_what_takes_up_a_denied_action_is_moot() -> None:
    """Nobody was asked, so nobody approved, and nothing was taken up: all of it is gone."""
    lines = [
        pay("a", 9, decision="approve"),
        {"approval": "yes", "of": "a", "verdict": "approve", **LEAD},
        pay("b", 9, resumes="a", decision="allow"),
        done("b", value=EUR),
        {"action": "c", "tool": "look", "compensates": "b"},
    ]
    facts = {"asked": {"count": True, "from": "approval", "attempts": "all"}, "done": DONE}
    rules = [BIG, {**most("asked", 0), "for": "look"}, {**most("done", 0), "for": "look"}]
    found, denied = cascade_of(facts, rules, *lines)
    assert found.moot == {3, 5}
    assert found.never_happened == {3, 5}
    assert found.taken_out.value == {"EUR": 5}
    # What the candidate says of them as recorded is all that is said of them.
    assert denied == {1: "deny", 3: "deny", 5: "deny"}
    assert found.asked_again == 0


def test_what_was_approved_later_is_known_though_it_is_allowed_at_once() -> None:
    """The same call was done: it stays where it was recorded, and nobody had to wait."""
    lines = [
        pay("a", 3, decision="approve"),
        {"approval": "yes", "of": "a", "verdict": "approve", **LEAD},
        pay("b", 3, resumes="a", decision="allow"),
        done("b"),
        pay("c", 1),
    ]
    found, denied = cascade_of({"done": DONE}, [most("done", 0)], *lines)
    assert found.carried_out == {3}
    assert not found.unknown_outcomes
    assert denied == {5: "deny"}
    assert found.affected == 0
    assert found.contingent == {3, 5}


def test_nobody_knows_what_comes_of_what_was_never_done() -> None:
    """A fact that would count it is undecidable from there; what hangs on it stands, said apart."""
    lines = [pay("a", 1, decision="deny"), done("a", "skipped"), pay("b", 1), done("b")]
    found, effects = cascade_of({"done": DONE}, [most("done", 0)], *lines)
    assert found.unknown_outcomes == {1}
    assert effects == {3: "deny"}
    assert found.decisions[3].why == (("done", f"fact done: record 1: {UNKNOWN}"),)
    assert found.unsure == {3}
    assert not found.never_happened
    assert found.remains.done == 1


def test_what_is_wrong_anyway_is_not_unsure() -> None:
    """An action that another rule denies never happened, whatever is not known."""
    lines = [pay("a", 1, decision="deny"), pay("b", 9), done("b")]
    found, _ = cascade_of({"done": DONE}, [BIG, most("done", 0)], *lines)
    assert not found.unsure
    assert found.never_happened == {2}


def test_a_warning_makes_nothing_unsure() -> None:
    """A rule that only warns decides nothing, and so hides nothing."""
    lines = [pay("a", 1, decision="deny"), pay("b", 1)]
    rule = {**most("done", 0), "effect": "warn"}
    found, _ = cascade_of({"done": DONE}, [rule], *lines)
    assert not found.unsure
    assert set(found.decisions) == {2}


def test_it_is_unknown_for_its_own_key_alone() -> None:
    """Where the action tells the key, other keys stay known; where the outcome does, none does."""
    by_target = {**DONE, "by": "action.target"}
    by_result = {**DONE, "by": "outcome.fields.id", "at": "action.target"}
    lines = [pay("a", 1, decision="deny", target="x"), pay("b", 1, target="y")]
    assert not cascade_of({"done": by_target}, [most("done", 0)], *lines)[0].unsure
    assert cascade_of({"done": by_result}, [most("done", 0)], *lines)[0].unsure == {2}


def test_a_window_ends_what_is_not_known() -> None:
    """It is as if the outcome had come at once: after the window everything is known again."""
    lines = [pay("a", 1, decision="deny", t=0), pay("b", 1, t=4), pay("c", 1, t=9)]
    within = {**DONE, "within": "5s"}
    found, _ = cascade_of({"done": within}, [most("done", 0)], *lines)
    assert found.unsure == {2}
    assert found.asked_again == 1


@pytest.mark.parametrize(("within", "denied"), [({}, {2, 3}), ({"within": "5s"}, {2})])
def test_an_unknown_outcome_weighs_what_the_contract_reserves(
    within: Line, denied: set[int]
) -> None:
    """A fact with `reserve` says itself what an action without outcome weighs, and how long."""
    fact: Line = {"sum": "outcome.value.micros", "from": "outcome", "reserve": "params.n", **within}
    lines = [pay("a", 3, decision="deny", t=0), pay("b", 1, t=4), pay("c", 1, t=9)]
    rule = {"id": "sum", "when": "facts.sum + params.n > 3"}
    found, effects = cascade_of({"sum": fact}, [rule], *lines)
    assert found.unknown_outcomes == {1}
    assert set(effects) == denied
    assert not found.unsure


def test_an_attempt_without_outcome_weighs_for_good() -> None:
    """A fact on every attempt holds what was refused, whose outcome is gone, beyond any window."""
    fact: Line = {"sum": "params.n", "from": "outcome", "reserve": "params.n", "attempts": "all"}
    lines = [pay("a", 9, t=0), done("a", t=1), pay("b", 1, t=9), pay("c", 1, t=20)]
    rule = {"id": "sum", "when": "facts.sum > 5"}
    _, denied = cascade_of({"sum": {**fact, "within": "5s"}}, [BIG, rule], *lines)
    assert set(denied) == {1, 3, 4}


def test_an_outcome_that_was_recorded_is_known_whatever_was_decided() -> None:
    """A payment made against a decision that the candidate would not have taken is one."""
    lines = [pay("a", 1, decision="deny"), done("a"), pay("b", 1)]
    found, denied = cascade_of({"done": DONE}, [most("done", 0)], *lines)
    assert not found.unknown_outcomes
    assert denied == {3: "deny"}


def test_evidence_that_was_never_read_is_no_evidence() -> None:
    """What a denied look would have shown is not there for what rests on it."""
    lines: list[Line] = [
        {"action": "look", "tool": "look", "params": {"n": 9}},
        {"observation": "seen", "of": "look", "what": "kyc"},
        pay("b", 1, evidence=["seen"]),
        {"observation": "other", "what": "kyc"},
        pay("c", 1, evidence=["seen", "other"]),
    ]
    rules = [BIG, {"id": "shown", "for": "pay", "when": "size(evidence) == 0"}]
    found, denied = cascade_of({}, rules, *lines)
    assert denied == {1: "deny", 3: "deny"}
    assert found.asked_again == 2


def test_a_result_that_a_fact_asks_for_is_not_known_either() -> None:
    """A look that was never made may have shown anything; what nobody asks of looks stays known."""
    lines: list[Line] = [{"action": "look", "tool": "look", "decision": "deny"}, pay("b", 1)]
    fact = {"last": "observation.fields.risk", "from": "observation of look", "default": 0}
    found, _ = cascade_of({"risk": fact}, [{**most("risk", 0), "for": "pay"}], *lines)
    assert found.unsure == {2}
    fact["from"] = "observation"
    assert not cascade_of({"risk": fact}, [{**most("risk", 0), "for": "pay"}], *lines)[0].unsure


def test_actions_of_other_services_stand() -> None:
    """The candidate decides for its own service alone, and still sees what others did."""
    other = {"opened": "o", "service": "spiffe://acme.example/ai/other"}
    lines: list[Line] = [other, pay("a", 9, **{"in": "o"}), done("a", **{"in": "o"}), pay("b", 1)]
    found, denied = cascade_of({"done": {**DONE, "over": "ledger"}}, [BIG, most("done", 0)], *lines)
    assert denied == {4: "deny"}
    assert found.never_happened == {4}
    assert (found.decided, found.affected) == (1, 0)


def test_what_takes_up_a_key_again_is_let_through() -> None:
    """A key that a denied call took is free: nothing was done under it."""
    fact = {"count": True, "from": "outcome", "by": "params.k", "reserve": "1", "over": "ledger"}
    lines = [pay("a", 9), done("a"), {"opened": "r2"}, pay("b", 1, **{"in": "r2"})]
    found, denied = cascade_of({"key": fact}, [BIG, most("key", 0)], *lines)
    assert denied == {1: "deny"}
    assert set(found.decisions) == {4}
    assert not found.contingent


def test_a_chain_of_facts_is_followed() -> None:
    """A fact whose `where` reads a fact that differs counts other records."""
    facts = {"done": DONE, "after": {**MADE, "where": "facts.done > 0"}}
    lines = [pay("a", 9), done("a"), pay("b", 1), pay("c", 1)]
    found, denied = cascade_of(facts, [BIG, most("after", 0)], *lines)
    assert denied == {1: "deny"}
    assert set(found.decisions) == {4}
    assert found.affected == 2


def test_an_action_that_the_history_does_not_know_is_refused() -> None:
    """A history of another ledger is a mistake of who asks, and said so."""
    ledger = ledger_of(events_of([{"opened": "r"}, pay("a", 1)]))
    told: list[int] = []
    with pytest.raises(ValueError, match="entry 1 is no act of this history"):
        cascade(ledger, History(), contract_of({}), {}, step=lambda done, _: told.append(done))
    assert told == [0]
