"""Runs that break the rules of the clause recovery."""

from datetime import timedelta
from random import Random

from writ.demo.agent import PLAIN, Slip, case_of, opened, payout_params, read, refund, told
from writ.demo.desk import Channel, Desk
from writ.demo.planted.acts import answered, begun
from writ.demo.session import Breaks, Call, How, Session, cited
from writ.demo.timeline import Steps

_STOPPED = Slip("through-the-switch")


def outage(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Go on paying after the third failure in ten minutes."""
    for fault in ("error", "timeout", "error", ""):
        case = case_of(desk, PLAIN, random)
        session = Session(desk, channel, "paying-through-an-outage")
        yield from opened(session, case)
        calls = yield from read(session, case)
        how = How(fault=fault, evidence=cited(*calls.values()))
        paid = yield from session.call("payouts.create", payout_params(case), how)
        if paid.status == "ok":
            yield from told(session, case)
        else:
            answered(session, case)


def flood_of_payouts(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pay seventeen customers in one hour."""
    for _ in range(17):
        case = case_of(desk, PLAIN, random)
        session = Session(desk, channel, "seventeen-customers")
        yield from opened(session, case)
        calls = yield from read(session, case)
        how = How(evidence=cited(*calls.values()))
        yield from session.call("payouts.create", payout_params(case), how)
        yield from told(session, case)
        yield timedelta(minutes=2, seconds=10)


def no_outcome(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Begin a call whose end nobody records."""
    session, case = begun(desk, channel, random, "no-outcome")
    yield from opened(session, case, goal="status")
    params = {"transaction_id": case.transaction.id}
    call = yield from session.call("transactions.get", params, How(unended=True))
    session.expect("violated", "recovery.outcome", call.index)
    answered(session, case)


def retried(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Repeat a read that failed for a second time: one retry is allowed."""
    session, case = begun(desk, channel, random, "retried-twice")
    yield from opened(session, case, goal="status")
    params = {"transaction_id": case.transaction.id}
    third = Breaks(("cost.loop", "recovery.retry"))
    for fault, breaks in (("error", Breaks()), ("error", Breaks()), ("", third)):
        yield from session.call("transactions.get", params, How(fault=fault), breaks)
        yield case.pause()
    answered(session, case)


def taken_back(session: Session, payout: Call, breaks: Breaks, fault: str = "") -> Steps:
    """Take a payout back in an open run."""
    params = {"payout_id": payout.fields["payout_id"], "reason": "paid by mistake"}
    how = How(fault=fault, compensates=payout.record)
    yield from session.call("payouts.reverse", params, how, breaks)


def reversed_twice(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Take a payout back, slowly, and then again."""
    session, case = begun(desk, channel, random, "reversed-twice")
    yield from opened(session, case)
    calls = yield from read(session, case)
    how = How(evidence=cited(*calls.values()))
    paid = yield from session.call("payouts.create", payout_params(case), how)
    yield from taken_back(
        session, paid, Breaks(late=("tools.payouts.reverse.timeout",)), fault="slow"
    )
    again = Breaks(("tools.payouts.reverse.idempotency",))
    yield from taken_back(session, paid, again)
    yield from told(session, case)


def reversed_late(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Take a payout back after more than three days."""
    session, case = begun(desk, channel, random, "reversed-too-late")
    yield from opened(session, case)
    calls = yield from read(session, case)
    how = How(evidence=cited(*calls.values()))
    paid = yield from session.call("payouts.create", payout_params(case), how)
    yield from told(session, case)
    yield timedelta(hours=73)
    second = Session(desk, channel, "reversed-too-late")
    yield from opened(second, case, goal="reversal")
    yield from taken_back(second, paid, Breaks(("recovery.reversal-window",)))
    answered(second, case)


def through_the_switch(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Read and pay although the service is stopped; what each breaks is added where it is kept."""
    yield from refund(desk, channel, case_of(desk, PLAIN, random), _STOPPED)


def drill(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pull the switch to see that it works; one channel does not look."""
    desk.flip("engaged", "kill", "drill: does everything stop?")
    yield timedelta(minutes=1)
    yield from through_the_switch(desk, channel, random)
    desk.flip("released", "kill", "drill over")


def drill_in_safe_mode(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Go into safe mode; one channel pays all the same."""
    desk.flip("engaged", "safe", "drill: does it only read?")
    yield timedelta(minutes=1)
    yield from through_the_switch(desk, channel, random)
    desk.flip("released", "safe", "drill over")
