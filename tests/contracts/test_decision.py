"""Decisions, and the approvals that lift rules."""

from typing import Any

import pytest

from contracts.decision import Decision, Reason, decide
from contracts.engine import Engine
from contracts.model import Effect, Rule, Verdict
from contracts.results import RuleResult
from tests.reference.histories import OWNER, contract_of, events_of

Line = dict[str, Any]
KIM = "spiffe://acme.example/kim"
LEAD: Line = {"roles": ["lead"], "owner": "kim"}
LARGE: Line = {"id": "large", "when": "params.n > 5", "effect": "approve", "role": "lead"}


def test_nothing_against_it_is_allow() -> None:
    """No rules, or only satisfied ones, allow."""
    assert decide(contract_of({}), []) == Decision(Effect.ALLOW)


def test_the_worst_effect_decides_and_reasons_keep_the_contracts_order() -> None:
    """Warnings are reasons that change nothing; a result of an unknown rule comes last."""
    ids = ("d", "w", "e", "ok", "duty")
    contract = contract_of({"rules": [{"id": one, "when": "true"} for one in ids]})

    def result(rule: Rule, verdict: Verdict = Verdict.VIOLATED) -> RuleResult:
        return RuleResult(3, rule, verdict)

    found = decide(
        contract,
        [
            result(Rule("other", "policy", "action")),
            result(Rule("e", "policy", "action", effect=Effect.ESCALATE)),
            result(Rule("w", "policy", "action", effect=Effect.WARN), Verdict.UNDECIDABLE),
            result(Rule("d", "policy", "action", undecidable=Effect.ALLOW), Verdict.UNDECIDABLE),
            result(Rule("ok", "policy", "action"), Verdict.SATISFIED),
        ],
    )
    assert found == Decision(
        Effect.DENY,
        (
            Reason("d", Verdict.UNDECIDABLE, Effect.ALLOW),
            Reason("w", Verdict.UNDECIDABLE, Effect.WARN),
            Reason("e", Verdict.VIOLATED, Effect.ESCALATE),
            Reason("other", Verdict.VIOLATED, Effect.DENY),
        ),
    )
    assert decide(contract, [result(Rule("d", "policy", "action"))]).as_record() == {
        "effect": "deny",
        "reasons": [{"effect": "deny", "result": "violated", "rule": "d"}],
    }


def effect_of(*lines: Line, rule: Line = LARGE) -> str:
    """The effect for the last action of a history in which a call waits for approval."""
    contract = contract_of({"rules": [rule]})
    engine = Engine(contract)
    proposed: Line = {"action": "p", "params": {"n": 9}, "decision": "approve"}
    events = events_of([{"opened": "r", "requester": "rita"}, proposed, *lines])
    for event in events[:-1]:
        engine.observe(event)
    before = engine.decide(events[-1], engine.preview(events[-1]))
    after = engine.decide(events[-1], engine.observe(events[-1]))
    assert before == after
    return str(after.effect)


def approval(**members: Any) -> Line:  # noqa: ANN401 - members of an approval
    """An approval of the waiting call by somebody who may give it."""
    return {"approval": "y", "of": "p", "by": KIM, "identity": LEAD, **members}


def resumed(**members: Any) -> Line:  # noqa: ANN401 - members of an action
    """The waiting call once more."""
    return {"action": "q", "params": {"n": 9}, "resumes": "p", **members}


def test_an_approval_lifts_its_rule() -> None:
    """Without one the call waits; with one it is allowed, and the rule stays among the reasons."""
    assert effect_of(resumed()) == "approve"
    assert effect_of(approval(), resumed()) == "allow"
    assert effect_of(approval(rule="large"), resumed()) == "allow"
    assert effect_of(approval(), resumed(resumes="nobody")) == "approve"
    assert effect_of(approval(), {"action": "q", "params": {"n": 9}}) == "approve"


@pytest.mark.parametrize(
    "members",
    [
        {"params": {"n": 10}},
        {"params": {"n": 9.0}},
        {"tool": "look"},
        {"target": "x"},
        {"in": "other"},
    ],
)
def test_an_approval_is_for_that_call_alone(members: Line) -> None:
    """Another tool, another parameter (5 is not 5.0), target or run is another call."""
    other: Line = {"opened": "other", "requester": "rita"}
    assert effect_of(approval(), other, resumed(**members)) == "approve"


@pytest.mark.parametrize(
    "members",
    [
        {"verdict": "refuse"},
        {"rule": "another"},
        {"identity": {**LEAD, "roles": ["clerk"]}},
        {"identity": {**LEAD, "registered": False}},
        {"identity": {**LEAD, "owner": OWNER}},
        {"identity": {**LEAD, "owner": "rita"}},
        {"by": "rita"},
        {"by": "spiffe://acme.example/ai/desk"},
        {"identity": {**LEAD, "delegated": {"by": "spiffe://acme.example/ai/desk"}}},
        {"identity": {**LEAD, "delegated": {"by": OWNER}}},
        {"identity": {**LEAD, "delegated": {"by": "rita"}}},
        {"expires_at": 3},
        {"expires_at": 2.5},
    ],
)
def test_not_every_approval_lifts(members: Line) -> None:
    """Who has a stake, holds no role, speaks of another rule, or has let it run out, lifts none."""
    assert effect_of(approval(**members), resumed()) == "approve"


@pytest.mark.parametrize(("by", "effect"), [(KIM, "approve"), ("kim", "approve"), ("lee", "allow")])
def test_whoever_delegated_who_acts_does_not_approve(by: str, effect: str) -> None:
    """What is done on somebody's behalf is theirs: another person looks at it."""
    acting = {"owner": "dora", "delegated": {"by": by}}
    assert effect_of(approval(), resumed(identity=acting)) == effect


def test_a_delegate_of_somebody_else_approves() -> None:
    """An approver may act on behalf of whoever has no stake in the action."""
    assert effect_of(approval(identity={**LEAD, "delegated": {"by": "lee"}}), resumed()) == "allow"


def test_an_approval_lasts_as_long_as_it_and_the_rule_say() -> None:
    """At its expiry it has run out; the rule's own time counts from the approval."""
    assert effect_of(approval(expires_at=3.000001), resumed()) == "allow"
    rule = {**LARGE, "within": "5s"}
    assert effect_of(approval(t=2), resumed(t=6.999999), rule=rule) == "allow"
    assert effect_of(approval(t=2), resumed(t=7), rule=rule) == "approve"


def test_a_claimed_time_never_proves_that_an_approval_still_holds() -> None:
    """An imported action under a live approval: what cannot be compared has passed."""
    run: Line = {"opened": "i", "import": "claimed", "at": 0}
    proposed: Line = {"action": "w", "in": "i", "params": {"n": 9}, "at": 1}
    action: Line = {"action": "z", "in": "i", "params": {"n": 9}, "resumes": "w", "at": 2}
    for members, effect in (({}, "allow"), ({"expires_at": 99}, "approve")):
        given = {**approval(**members), "of": "w"}
        assert effect_of(run, proposed, given, action) == effect


def test_an_approver_may_change_his_mind() -> None:
    """What he said last holds; what another said stays."""
    withdrawn = approval(approval="n", verdict="withdraw")
    assert effect_of(approval(), withdrawn, resumed()) == "approve"
    assert effect_of(withdrawn, approval(), resumed()) == "allow"
    assert effect_of(approval(), {**withdrawn, "rule": "another"}, resumed()) == "allow"
    assert effect_of(approval(), {**withdrawn, "by": KIM + "2"}, resumed()) == "allow"


def test_an_approval_is_used_up_by_the_first_resume() -> None:
    """A second resume needs a second approval."""
    first = resumed(action="q1")
    assert effect_of(approval(), first, resumed()) == "approve"
    assert effect_of(approval(), first, approval(approval="y2"), resumed()) == "allow"


def test_only_approval_can_be_lifted() -> None:
    """A rule that denies, and a result that is undecidable, stay as they are."""
    assert effect_of(approval(), resumed(), rule={**LARGE, "effect": "deny"}) == "deny"
    assert effect_of(approval(), resumed(), rule={**LARGE, "when": "params.x"}) == "deny"
