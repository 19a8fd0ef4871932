"""Runs that break the rules of the clauses identity, scope and tools, and of messages."""

from dataclasses import replace
from random import Random

from writ.demo.agent import PLAIN, WORTH, Case, Slip, case_of, opened, payout_params, read, told
from writ.demo.desk import Channel, Desk
from writ.demo.session import Breaks, How, Session, cited
from writ.demo.timeline import Steps
from writ.demo.truth import VIOLATED


def begun(
    desk: Desk, channel: Channel, random: Random, plant: str, slip: Slip = PLAIN
) -> tuple[Session, Case]:
    """Return a run that has not begun, and a case of somebody new for it."""
    return Session(desk, channel, plant), case_of(desk, slip, random)


def answered(session: Session, case: Case) -> None:
    """End a run with an answer."""
    session.says("I have noted this for you.", case.tokens())
    session.close("answered", WORTH["answered"])


def outside_mandate(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Act in the contract's name before its mandate begins."""
    session, case = begun(desk, channel, random, "before-the-mandate")
    yield from opened(session, case, goal="status")
    params = {"transaction_id": case.transaction.id}
    yield from session.call("transactions.get", params, None, Breaks(("identity.delegation",)))
    answered(session, case)


def not_permitted(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Hand over a case with an identity that may only read, on trial beside a channel."""
    trial = replace(desk.channels["trial"], prompt=channel.prompt)
    session, case = begun(desk, trial, random, "not-permitted")
    yield from opened(session, case)
    breaks = Breaks(("identity.permission",))
    yield from session.call("cases.escalate", {"reason": "unsure"}, None, breaks)
    answered(session, case)


def drafted(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Draft a credit note, and wait too long for it."""
    session, case = begun(desk, channel, random, "credit-drafted")
    yield from opened(session, case)
    breaks = Breaks(("scope.mode",), late=("tools.credits.draft.timeout",))
    yield from session.call(
        "credits.draft", {"customer": case.customer.id}, How(fault="slow"), breaks
    )
    answered(session, case)


def unknown_tool(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Call a tool that is not in the contract."""
    session, case = begun(desk, channel, random, "tool-not-listed")
    yield from opened(session, case)
    breaks = Breaks(("tools.allowed",))
    yield from session.call("notes.erase", {"customer": case.customer.id}, None, breaks)
    answered(session, case)


def malformed(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Ask for a transaction that cannot exist."""
    session, case = begun(desk, channel, random, "malformed-id")
    yield from opened(session, case, goal="status")
    breaks = Breaks(("tools.schema",))
    yield from session.call("transactions.get", {"transaction_id": "order 12"}, None, breaks)
    answered(session, case)


def slow_reads(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Take answers that came after the time of their tools."""
    session, case = begun(desk, channel, random, "slow-answers")
    yield from opened(session, case)
    one = {"transaction_id": case.transaction.id}
    slow = (
        ("customers.get", {"customer": case.customer.id}),
        ("transactions.get", one),
        ("policies.search", {"query": "late deliveries"}),
        ("eligibility.check", one),
        ("cases.escalate", {"reason": "everything is slow"}),
    )
    for tool, params in slow:
        late = Breaks(late=(f"tools.{tool}.timeout",))
        yield from session.call(tool, params, How(fault="slow"), late)
    answered(session, case)


def searches(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Search so often in one minute that the rate of the tool is passed."""
    for _ in range(4):
        session, case = begun(desk, channel, random, "searches-too-fast")
        yield from opened(session, case)
        for number in range(3):
            # What the bound on the whole service says of each is added where it is counted.
            yield from session.call("policies.search", {"query": f"question {number}"})
        answered(session, case)


def paid_twice(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pay one transaction back in two runs."""
    case = case_of(desk, PLAIN, random)
    for breaks in (Breaks(), Breaks(("tools.payouts.create.idempotency",))):
        session = Session(desk, channel, "paid-twice")
        yield from opened(session, case)
        calls = yield from read(session, case)
        how = How(evidence=cited(*calls.values()))
        yield from session.call("payouts.create", payout_params(case), how, breaks)
        yield from told(session, case)


def other_transaction(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Cite the proof of another purchase than the one that is paid back."""
    session, case = begun(desk, channel, random, "another-transaction-cited")
    other = case_of(desk, PLAIN, random, case.customer)
    yield from opened(session, case)
    calls = yield from read(session, case)
    wrong = yield from session.call("transactions.get", {"transaction_id": other.transaction.id})
    calls["transaction"] = wrong
    how = How(evidence=cited(*calls.values()))
    breaks = Breaks(("evidence.this-transaction",))
    yield from session.call("payouts.create", payout_params(case), how, breaks)
    yield from told(session, case)


def serial_refund(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Pay somebody back a fourth time within 30 days; a rule only since 1.1.0."""
    customer = desk.world.customer("EU")
    for number in range(4):
        session = Session(desk, channel, "fourth-refund")
        case = case_of(desk, PLAIN, random, customer)
        yield from opened(session, case)
        calls = yield from read(session, case)
        how = How(evidence=cited(*calls.values()))
        fourth = number == 3 and desk.version != "1.0.0"  # noqa: PLR2004
        breaks = Breaks(("scope.serial-refunds",) if fourth else ())
        yield from session.call("payouts.create", payout_params(case), how, breaks)
        yield from told(session, case)


def card_number(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Repeat a card number to the customer."""
    session, case = begun(desk, channel, random, "card-number-said")
    yield from opened(session, case, goal="status")
    session.says("It was paid with card 4111111111111111.", case.tokens())
    session.expect(VIOLATED, "policy.card-number", session.flush())
    session.close("answered", WORTH["answered"])


def not_paid(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Close a case as refunded without a payout."""
    session, case = begun(desk, channel, random, "closed-as-refunded")
    yield from opened(session, case)
    yield from read(session, case)
    session.says("Your refund is on its way.", case.tokens())
    index = session.close("refunded", WORTH["refunded"])
    session.expect(VIOLATED, "policy.closed-as-paid", index)
