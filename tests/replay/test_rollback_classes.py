"""Each class of an executed action, and each way in which a later one depends on an earlier one."""

from typing import Any

import pytest

from contracts.loading import load_contract
from replay.compensations import Call
from replay.dependencies import Link
from replay.history import AsOf
from replay.in_force import compensating
from replay.rollback import Plan, length
from replay.rollback_classes import Class, Fate
from replay.rollback_reading import read
from tests.replay.shop_world import CONTRACT, WINDOW, Told

_NOW = AsOf()
PAY: dict[str, Any] = {"customer": "C-1001", "currency": "EUR", "micros": 1_000_000}


def plan_of(
    told: Told,
    *places: int,
    by_target: bool = True,
    as_of: AsOf = _NOW,
    given: dict[str, Any] | None = None,
) -> Plan:
    """Return the plan over some acts, by their places; without any over all."""
    rollback = read(told.ledger(), as_of, given=given).rollback(by_target=by_target)
    return rollback.plan(places or range(len(rollback.history.acts)))


def fate_of(
    told: Told,
    place: int = 0,
    *,
    by_target: bool = True,
    as_of: AsOf = _NOW,
    given: dict[str, Any] | None = None,
) -> Fate:
    """Return the fate of one act that is chosen alone."""
    (fate,) = plan_of(told, place, by_target=by_target, as_of=as_of, given=given).fates
    return fate


def call_of(fate: Fate) -> Call:
    """Return the call that takes an act back."""
    assert fate.call is not None
    return fate.call


def test_one_call_that_is_allowed_makes_an_act_reversible() -> None:
    """The contract names the tool and computes the parameters; nobody has to approve it."""
    told = Told()
    told.do("pay", PAY)
    fate = fate_of(told)
    call = call_of(fate)
    assert fate.kind is Class.REVERSIBLE
    assert (call.tool, call.effect, call.target) == ("take", "allow", "P-0001")
    assert dict(call.params) == {"payment": "P-0001", "large": False}
    assert call.key == "P-0001"
    assert call.cost is not None
    assert (call.cost.currency, call.cost.micros) == ("EUR", 1_000)
    assert fate.left == WINDOW * 1_000_000


def test_who_has_to_approve_makes_it_compensable() -> None:
    """A call that people have to approve is in the plan, with the rule and the role."""
    told = Told()
    told.do("pay", {**PAY, "micros": 5_000_000})
    plan = plan_of(told)
    (fate,) = plan.fates
    (needed,) = call_of(fate).approvals
    assert fate.kind is Class.COMPENSABLE
    assert (needed.rule, needed.role, needed.says) == (
        "scope.large",
        "refunds-lead",
        "Needs a lead.",
    )
    assert plan.approvals == {"refunds-lead": 1}
    assert plan.costs == ({"EUR": 1_000}, 0)


def test_what_goes_first_makes_it_compensable() -> None:
    """An order that another rests on is taken back only after that one."""
    told = Told()
    first = told.do("order", {})
    told.do("order", {"after": first.said["order_id"]})
    plan = plan_of(told)
    assert [fate.kind for fate in plan.fates] == [Class.COMPENSABLE, Class.REVERSIBLE]
    assert [fate.number for fate in plan.steps] == [1, 0]
    assert plan.fates[0].after == (1,)


@pytest.mark.parametrize(
    ("later", "link"),
    [
        ("mail", Link.OUTCOME),
        ("ship", Link.OUTCOME),
    ],
)
def test_whoever_uses_its_outcome_keeps_it(later: str, link: Link) -> None:
    """What is not chosen and rests on an act keeps it, and is named with the id that it uses."""
    told = Told()
    order = told.do("order", {})
    told.do(later, {"order": order.said["order_id"]})
    fate = fate_of(told)
    (conflict,) = fate.conflicts
    assert fate.kind is Class.BLOCKED
    assert (conflict.by, conflict.link, conflict.detail) == (1, link, "O-0001")
    assert conflict.direct


def test_a_later_change_of_the_same_target_keeps_it() -> None:
    """Nobody knows what a change did to what was there, so the later one goes first or keeps it."""
    told = Told()
    told.do("limit", {"customer": "C-1001", "to": 5})
    told.do("limit", {"customer": "C-1002", "to": 5})
    told.do("limit", {"customer": "C-1001", "to": 7})
    fate = fate_of(told)
    assert fate.kind is Class.BLOCKED
    assert [(one.by, one.link) for one in fate.conflicts] == [(2, Link.TARGET)]
    assert fate_of(told, by_target=False).kind is Class.REVERSIBLE


def test_evidence_of_a_later_reading_keeps_it() -> None:
    """A reading of the target changes nothing, and whoever cites it rests on what it saw."""
    told = Told()
    told.do("limit", {"customer": "C-1001", "to": 5})
    look = told.do("look", {"customer": "C-1001"})
    seen = told.observe("limit", action=look.digest, ref="C-1001", fields=look.said)
    assert fate_of(told).kind is Class.REVERSIBLE
    told.do("key", {"customer": "C-1002"}, evidence=[seen])
    fate = fate_of(told)
    (conflict,) = fate.conflicts
    assert fate.kind is Class.BLOCKED
    assert (conflict.by, conflict.link, conflict.direct) == (2, Link.TARGET, False)


def test_evidence_that_is_no_tools_result_keeps_what_it_is_of() -> None:
    """An observation of an order from elsewhere rests on whoever placed the order."""
    told = Told()
    order = told.do("order", {})
    seen = told.observe("order", ref=order.said["order_id"], fields={"open": True})
    told.do("key", {"customer": "C-1001"}, evidence=[seen])
    (conflict,) = fate_of(told).conflicts
    assert (conflict.by, conflict.link, conflict.detail) == (1, Link.EVIDENCE, "O-0001")


def test_its_own_result_as_evidence_keeps_it() -> None:
    """Whoever cites what a call gave rests on that call."""
    told = Told()
    limit = told.do("limit", {"customer": "C-1001", "to": 5})
    seen = told.observe("limit", action=limit.digest, ref="C-1001", fields={})
    told.do("key", {"customer": "C-1002"}, evidence=[seen])
    (conflict,) = fate_of(told).conflicts
    assert (conflict.by, conflict.link) == (1, Link.EVIDENCE)


def test_an_id_that_was_there_before_was_not_brought_forth() -> None:
    """What an outcome says again, or what anybody said before, makes nobody depend on it."""
    told = Told()
    told.opened(requester="C-1002")
    told.do("limit", {"customer": "C-1001", "to": 5})
    told.do("key", {"customer": "C-1002"})
    told.do("mail", {"order": told.do("order", {}).said["order_id"]})
    assert fate_of(told).kind is Class.REVERSIBLE


def test_what_was_taken_back_over_it_keeps_it() -> None:
    """Its own undo would bring back what the earlier one, taken back since, had made of it."""
    told = Told()
    first = told.do("limit", {"customer": "C-1001", "to": 5})
    told.do("limit", {"customer": "C-1001", "to": 7})
    told.undo(first)
    fate = fate_of(told, 1)
    assert fate.kind is Class.BLOCKED
    assert [(one.by, one.link) for one in fate.conflicts] == [(2, Link.ORDER)]
    assert fate_of(told).kind is Class.TAKEN_BACK


def test_what_was_taken_back_keeps_nothing() -> None:
    """A later change that is gone is as if it had never been."""
    told = Told()
    told.do("limit", {"customer": "C-1001", "to": 5})
    told.undo(told.do("limit", {"customer": "C-1001", "to": 7}))
    plan = plan_of(told)
    kinds = [fate.kind for fate in plan.fates]
    assert kinds == [Class.REVERSIBLE, Class.TAKEN_BACK, Class.COMPENSATION]
    assert plan.fates[1].why == f"by entry {plan.acts[2].index}"


def test_what_took_back_a_compensation_lets_an_act_stand_again() -> None:
    """Undoing the undoing of a change is the change."""
    told = Told()
    first = told.do("limit", {"customer": "C-1001", "to": 5})
    back = told.undo(first)
    told.do("limit", {"customer": "C-1001", "to": 5}, undoes=back.digest)
    assert fate_of(told).kind is Class.REVERSIBLE


def test_a_window_ends() -> None:
    """At the very end of its window an act cannot be taken back any more."""
    told = Told()
    told.do("pay", PAY)
    told.wait(WINDOW - 1)
    told.observe("time")
    assert fate_of(told).kind is Class.REVERSIBLE
    told.wait(1)
    told.observe("time")
    fate = fate_of(told)
    assert fate.kind is Class.EXPIRED
    assert fate.why == "its window of 1 min is over"


def test_what_the_contract_calls_irreversible_is_governed() -> None:
    """A contract that says that there is no way back governs it; one that says nothing does not."""
    told = Told()
    order = told.do("order", {})
    told.do("mail", {"order": order.said["order_id"]})
    told.do("key", {"customer": "C-1002"})
    plan = plan_of(told, 1, 2)
    mail, key = plan.fates
    assert (mail.kind, mail.why, mail.ungoverned) == (
        Class.IRREVERSIBLE,
        "what is sent is sent",
        False,
    )
    assert (key.kind, key.ungoverned) == (Class.IRREVERSIBLE, True)
    assert (plan.tolerated.acts, plan.ungoverned.acts) == (2, 1)


def test_a_tool_that_the_contract_does_not_know_is_not_governed() -> None:
    """A tool that is gone from the contract has no undo now."""
    told = Told(CONTRACT.replace("  key: {mode: execute, target: params.customer}\n", ""))
    told.do("key", {"customer": "C-1001"})
    fate = fate_of(told)
    assert (fate.kind, fate.ungoverned) == (Class.IRREVERSIBLE, True)
    assert fate.why == "the contract in force does not know the tool"


def test_a_service_without_a_contract_is_not_governed() -> None:
    """Where no contract is in force nothing says how anything is taken back."""
    told = Told()
    told.opened(service="spiffe://shop.example/other")
    told.do("pay", PAY)
    fate = fate_of(told)
    assert (fate.kind, fate.ungoverned) == (Class.IRREVERSIBLE, True)
    assert fate.why == "no contract is in force for its service"


def test_what_the_contract_in_force_denies_is_refused() -> None:
    """A compensation must itself be allowed: else the act stays, and the rule is named."""
    told = Told()
    told.do("limit", {"customer": "C-shut", "to": 5})
    fate = fate_of(told)
    assert fate.kind is Class.REFUSED
    assert fate.why == "policy.account-shut: This account is shut."


@pytest.mark.parametrize("ends", ["timeout", "abandoned", ""])
def test_nobody_knows_whether_it_was_done(ends: str) -> None:
    """A call that timed out, or has no outcome, is neither taken back nor taken for nothing."""
    told = Told()
    told.do("pay", PAY, ends=ends, real=False)
    plan = plan_of(told)
    (fate,) = plan.fates
    assert fate.kind is Class.UNDECIDABLE
    assert "nobody knows whether it was done" in fate.why
    assert plan.residual.unvalued == 1
    assert plan.residual.estimated == {"EUR": 1_000_000}
    assert not plan.residual.micros


def test_what_may_be_done_keeps_what_it_would_rest_on() -> None:
    """A later call of which nobody knows the end keeps an earlier one as if it was done."""
    told = Told()
    told.do("limit", {"customer": "C-1001", "to": 5})
    told.do("limit", {"customer": "C-1001", "to": 7}, ends="timeout", real=False)
    plan = plan_of(told)
    assert [fate.kind for fate in plan.fates] == [Class.BLOCKED, Class.UNDECIDABLE]


def test_an_attempt_to_take_it_back_that_nobody_knows_the_end_of() -> None:
    """Whether it stands is not known, so it is not taken back a second time."""
    told = Told()
    pay = told.do("pay", PAY)
    told.undo(pay, ends="timeout", real=True)
    fate = fate_of(told)
    assert fate.kind is Class.UNDECIDABLE
    assert "was to take it back" in fate.why


def test_what_failed_and_what_was_denied_have_nothing_to_undo() -> None:
    """A failure is taken at its word; what was denied was never executed."""
    told = Told()
    told.do("pay", PAY, ends="error")
    told.do("pay", PAY, ends="", real=False, decision={"effect": "deny", "reasons": []})
    plan = plan_of(told)
    assert [fate.kind for fate in plan.fates] == [Class.FAILED]
    assert plan.never == 1
    assert plan.executed.acts == 0


def test_the_same_call_made_before_takes_it_back() -> None:
    """A reversal that does not say what it reverses is found by its idempotency key."""
    told = Told()
    pay = told.do("pay", PAY)
    told.do("take", {"payment": pay.said["payment"], "large": False})
    fate = fate_of(told)
    assert fate.kind is Class.TAKEN_BACK
    assert "the same call was done at entry" in fate.why


def test_the_same_call_made_before_without_an_end() -> None:
    """A reversal that is still open may or may not take it back."""
    told = Told()
    pay = told.do("pay", PAY)
    told.do("take", {"payment": pay.said["payment"], "large": False}, ends="", real=False)
    fate = fate_of(told)
    assert fate.kind is Class.UNDECIDABLE
    assert "nobody knows what came of it" in fate.why


def test_nothing_later_exists() -> None:
    """As of an entry, what came after it neither keeps nor takes back anything."""
    told = Told()
    limit = told.do("limit", {"customer": "C-1001", "to": 5})
    entry = len(told.events) - 1
    told.undo(limit)
    told.do("limit", {"customer": "C-1001", "to": 7})
    assert fate_of(told, as_of=AsOf(entry=entry)).kind is Class.REVERSIBLE
    assert fate_of(told).kind is Class.TAKEN_BACK


def test_a_later_time_than_the_last_entry_is_that_time() -> None:
    """Whoever asks as of next week is told what the windows are then."""
    told = Told()
    told.do("pay", PAY)
    reading = read(told.ledger())
    later = AsOf(time=reading.at + WINDOW * 1_000_000)
    assert fate_of(told).kind is Class.REVERSIBLE
    assert fate_of(told, as_of=later).kind is Class.EXPIRED


def test_parameters_that_the_contract_leaves_open_are_given() -> None:
    """What the contract computes holds; what it leaves and the tool has comes from whoever asks."""
    schema = (
        "    params: {type: object, required: [payment, large, reason],\n"
        "      properties: {payment: {}, large: {}, reason: {type: string}}}\n"
    )
    target = "    target: params.payment\n"
    told = Told(CONTRACT.replace(target, target + schema))
    told.do("pay", PAY)
    assert fate_of(told).kind is Class.REFUSED
    given = {"reason": "paid twice", "payment": "P-9999", "other": 1}
    fate = fate_of(told, given=given)
    assert fate.kind is Class.REVERSIBLE
    assert dict(call_of(fate).params) == {
        "reason": "paid twice",
        "payment": "P-0001",
        "large": False,
    }


def test_a_parameter_that_cannot_be_computed_leaves_it_open() -> None:
    """Without the id of the payment nobody knows what to take back."""
    told = Told(CONTRACT.replace("outcome.fields.payment", "outcome.fields.receipt"))
    told.do("pay", PAY)
    fate = fate_of(told)
    assert fate.kind is Class.UNDECIDABLE
    assert "cannot be given `payment`" in fate.why


def test_less_of_a_contract_decides_the_same() -> None:
    """Only rules and facts that no compensating call can meet are left out."""
    whole = load_contract(CONTRACT, "contract")
    part = compensating(whole)
    assert part is not None
    kept = {rule.id for rule in part.rules}
    assert {"scope.large", "policy.account-shut", "tools.take.idempotency"} <= kept
    assert not any(rule.expect for rule in part.rules)
    assert len(part.facts) < len(whole.facts)


def test_a_contract_that_takes_nothing_back_counts_nothing() -> None:
    """There is nothing to decide where no tool names a compensation."""
    tools = CONTRACT.index("tools:")
    bare = load_contract(CONTRACT[:tools] + "tools: {take: {mode: execute}}\n", "contract")
    assert compensating(bare) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(72 * 3_600, "3 d"), (86_400, "1 d"), (5_400, "90 min"), (45, "45 s")]
)
def test_lengths_of_time_are_said_in_a_unit(seconds: int, said: str) -> None:
    """A length is read at a glance."""
    assert length(seconds * 1_000_000) == said


def test_what_was_imported_has_its_own_time() -> None:
    """As of an imported entry windows are open as they were; as of the import they are over."""
    bound = "  throttle:\n    - {over: identity, calls: 22, within: 1h}\n"
    assert bound in CONTRACT
    told = Told(CONTRACT.replace(bound, ""), imported=True)
    told.do("pay", PAY)
    entry = len(told.events) - 1
    fate = fate_of(told, as_of=AsOf(entry=entry))
    assert (fate.kind, fate.left) == (Class.REVERSIBLE, WINDOW * 1_000_000)
    assert fate_of(told).kind is Class.EXPIRED


def test_a_bound_cannot_be_held_against_claimed_times() -> None:
    """What claims its times may have been in the window, or not: the call cannot be decided."""
    told = Told(imported=True)
    told.do("pay", PAY)
    fate = fate_of(told, as_of=AsOf(entry=len(told.events) - 1))
    assert fate.kind is Class.UNDECIDABLE
    assert "cost.throttle.1" in fate.why


def test_what_has_no_time_has_no_open_window() -> None:
    """Nobody can say whether a window is over of which nobody knows the beginning."""
    told = Told(imported=True, clock="none")
    told.do("pay", PAY)
    fate = fate_of(told)
    assert fate.kind is Class.UNDECIDABLE
    assert "nobody recorded when it was done" in fate.why
