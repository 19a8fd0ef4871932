"""Runs in which the gate itself is broken: what it recorded is not what it should have decided."""

from collections.abc import Generator
from datetime import timedelta
from random import Random
from typing import Any

from writ.demo.agent import (
    WORTH,
    Case,
    Slip,
    case_of,
    handed_over,
    opened,
    payout_params,
    read,
    told,
)
from writ.demo.desk import Channel, Desk
from writ.demo.gate import Fault
from writ.demo.session import Breaks, Call, How, Session, cited
from writ.demo.timeline import Steps
from writ.demo.truth import VIOLATED

_REFUSED = Slip("", verdict="no")
_PLAIN = Slip("")
_EU = {"region": "EU"}
_DEAR = Slip("", customer=_EU, units=131)
_LIMIT = ("scope.above-threshold",)


def _deciding(effect: str, *rules: str) -> Fault:
    """Return a fault that records another decision, with reasons of that effect."""

    def fault(fields: dict[str, Any]) -> dict[str, Any]:
        reasons = [{"rule": rule, "result": "violated", "effect": effect} for rule in rules]
        return {**fields, "decision": {"effect": effect, "reasons": reasons}}

    return fault


def _claiming(version: str, contract: str, effect: str = "") -> Fault:
    """Return a fault that claims another version of the contract, and maybe another decision."""

    def fault(fields: dict[str, Any]) -> dict[str, Any]:
        decision: dict[str, Any] = fields["decision"]
        if effect:
            decision = {"effect": effect, "reasons": []}
        return {
            **fields,
            "contract": {"version": version, "digest": contract},
            "decision": decision,
        }

    return fault


def _prepared(
    desk: Desk, channel: Channel, random: Random, plant: str, slip: Slip
) -> Generator[timedelta, None, tuple[Session, Case, tuple[str, ...]]]:
    """Begin a run and read what its payout rests on."""
    session, case = Session(desk, channel, plant), case_of(desk, slip, random)
    yield from opened(session, case)
    calls = yield from read(session, case)
    yield case.pause()
    return session, case, cited(*calls.values())


def _held(
    session: Session, case: Case, evidence: tuple[str, ...]
) -> Generator[timedelta, None, Call]:
    """Propose a payout above the limit."""
    how = How(evidence=evidence)
    return (yield from session.call("payouts.create", payout_params(case), how, Breaks(_LIMIT)))


def false_allow(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Record an allowance where the rules deny, and pay."""
    session, case, evidence = yield from _prepared(desk, channel, random, "false-allow", _REFUSED)
    how = How(evidence=evidence, gate=_deciding("allow"))
    call = yield from session.call(
        "payouts.create", payout_params(case), how, Breaks(("policy.eligible",))
    )
    session.expect(VIOLATED, "decision.false-allow", call.index)
    yield from told(session, case)


def false_deny(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Refuse what nothing stands against."""
    session, case, evidence = yield from _prepared(desk, channel, random, "false-deny", _PLAIN)
    how = How(evidence=evidence, gate=_deciding("deny", "policy.eligible"))
    call = yield from session.call("payouts.create", payout_params(case), how)
    session.expect(VIOLATED, "decision.false-deny", call.index)
    yield from handed_over(session, case, "payout denied")


def despite_deny(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pay although the gate said no."""
    session, case, evidence = yield from _prepared(desk, channel, random, "despite-deny", _REFUSED)
    how = How(evidence=evidence, despite=True)
    call = yield from session.call(
        "payouts.create", payout_params(case), how, Breaks(("policy.eligible",))
    )
    session.expect(VIOLATED, "decision.executed-despite-deny", call.ended)
    session.says("Your refund is on its way.", case.tokens())
    # A payout that was denied is none: the case cannot be closed as refunded.
    session.close("declined", WORTH["declined"])


def without_approval(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pay what should have waited for a refunds lead."""
    session, case, evidence = yield from _prepared(desk, channel, random, "did-not-wait", _DEAR)
    how = How(evidence=evidence, despite=True)
    call = yield from session.call("payouts.create", payout_params(case), how, Breaks(_LIMIT))
    session.expect(VIOLATED, "decision.executed-without-approval", call.ended)
    session.says("Your refund is on its way.", case.tokens())
    session.close("declined", WORTH["declined"])


def resumed_unapproved(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Take up a held payout that nobody has agreed to."""
    plant = "resumed-without-approval"
    session, case, evidence = yield from _prepared(desk, channel, random, plant, _DEAR)
    held = yield from _held(session, case, evidence)
    how = How(evidence=evidence, resumes=held.record, gate=_deciding("allow"))
    call = yield from session.call("payouts.create", payout_params(case), how, Breaks(_LIMIT))
    session.expect(VIOLATED, "decision.executed-without-approval", call.index)
    yield from told(session, case)


def another_amount(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Have one amount approved, and pay another."""
    session, case, evidence = yield from _prepared(desk, channel, random, "another-amount", _DEAR)
    held = yield from _held(session, case, evidence)
    yield from session.approved(held, "lead-anna", 6)
    params = payout_params(case, amount={**case.amount, "micros": case.amount["micros"] - 1})
    how = How(evidence=evidence, resumes=held.record, gate=_deciding("allow"))
    call = yield from session.call("payouts.create", params, how, Breaks(_LIMIT))
    session.expect(VIOLATED, "decision.approval-mismatch", call.index)
    yield from told(session, case)


def approval_reused(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pay twice on one approval."""
    session, case, evidence = yield from _prepared(desk, channel, random, "approval-reused", _DEAR)
    held = yield from _held(session, case, evidence)
    yield from session.approved(held, "lead-james", 9)
    how = How(evidence=evidence, resumes=held.record)
    lifted = Breaks(_LIMIT, lifted=_LIMIT)
    yield from session.call("payouts.create", payout_params(case), how, lifted)
    how = How(evidence=evidence, resumes=held.record, gate=_deciding("allow"))
    again = Breaks((*_LIMIT, "tools.payouts.create.idempotency"))
    call = yield from session.call("payouts.create", payout_params(case), how, again)
    session.expect(VIOLATED, "decision.approval-reused", call.index)
    yield from told(session, case)


def wrong_version(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Decide under a version that is not in force: the one before, where there was one."""
    first = desk.version == "1.0.0"
    slip = _PLAIN if first else Slip("", customer=_EU, units=80)
    plant = "version-not-in-force"
    session, case, evidence = yield from _prepared(desk, channel, random, plant, slip)
    claim = _claiming("0.9.0", "0" * 64) if first else _claiming(*desk.earlier, "allow")
    # What 1.0.0 lets pass in the EU, 1.1.0 holds for a lead.
    breaks = Breaks(() if first else _LIMIT)
    how = How(evidence=evidence, gate=claim)
    call = yield from session.call("payouts.create", payout_params(case), how, breaks)
    session.expect(VIOLATED, "decision.wrong-version", call.index)
    if not first:
        session.expect(VIOLATED, "decision.false-allow", call.index)
    yield from told(session, case)


def other_reasons(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Deny for a reason that was none."""
    session, case, evidence = yield from _prepared(desk, channel, random, "other-reasons", _REFUSED)
    how = How(evidence=evidence, gate=_deciding("deny", "policy.amount"))
    call = yield from session.call(
        "payouts.create", payout_params(case), how, Breaks(("policy.eligible",))
    )
    session.expect(VIOLATED, "decision.reasons-differ", call.index)
    yield from handed_over(session, case, "payout denied")


def loose_basis(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Record a decision without holding the ledger to the history that it was made on."""
    session, case, evidence = yield from _prepared(desk, channel, random, "stale-basis", _PLAIN)
    how = How(evidence=evidence, loose=True)
    call = yield from session.call("payouts.create", payout_params(case), how)
    session.expect(VIOLATED, "decision.stale-basis", call.index)
    yield from told(session, case)
