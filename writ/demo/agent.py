"""What a channel's agent does when it follows the policy, and the one refund it is all about.

`refund` is the whole of a refund; a `Slip` says in what a refund departs from it. The other
functions are the rest of a desk's day: questions, refusals, cases for people.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from ledger.clock import format_time
from writ.demo.desk import Channel, Desk
from writ.demo.session import Breaks, Call, How, Session, cited
from writ.demo.timeline import Steps
from writ.demo.world import Customer, Transaction

# What a case is worth to Acme, in euros: the time of a person that it did not take.
WORTH: Final = {"refunded": 6.5, "declined": 4.0, "answered": 2.5, "escalated": 1.0, "stopped": 0.0}
# Sentence S3 of the policy, in units of the region's currency.
_LIMITS: Final = {("1.0.0", "EU"): 100, ("1.1.0", "EU"): 60}
_US_LIMIT = 150
_OPENINGS: Final = {
    "refund": (
        "Hello, my parcel came damaged. I would like my money back.",
        "I returned this last week and have heard nothing. Please refund it.",
        "The size is wrong and I do not want another one. Refund, please.",
        "It stopped working after two days. I want a refund.",
        "I was charged for something that I had cancelled.",
    ),
    "status": (
        "Where is my order?",
        "Has this been paid? My bank shows nothing.",
        "When was this sent, please?",
    ),
    "question": (
        "How long can I give something back?",
        "Do you pay back damaged goods?",
        "How do I get my money when I send this back?",
    ),
    "reversal": ("We paid this by mistake. Take it back, please.",),
}


@dataclass(frozen=True, slots=True)
class Slip:
    """In what a refund departs from the policy, and what must be found for it.

    Attributes:
        name: The plant's name.
        violated: Rules that the payout breaks.
        undecidable: Rules that cannot be decided about the payout.
        late: Rules that the payout's outcome breaks.
        customer: What is special about the customer.
        units: The price; 0 for some small one.
        days: The age of the purchase; 0 for some small one.
        verdict: What the eligibility service says.
        params: What differs in the payout's parameters.
        unread: What is not read: kinds of evidence.
        uncited: What is read and not cited.
        old: By kind, how many hours ago it was really read.
        seen: By kind, what differs in the observation.
        fault: What the payout interface does wrong.
        ended: What differs in the payout's outcome.
        told: Whether the customer is told.
        opening: What differs in the run's opening.
        every: What each action of the run breaks.
    """

    name: str
    violated: tuple[str, ...] = ()
    undecidable: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    customer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    units: float = 0
    days: int = 0
    verdict: str = "yes"
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unread: frozenset[str] = frozenset()
    uncited: frozenset[str] = frozenset()
    old: Mapping[str, int] = field(default_factory=dict[str, int])
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    fault: str = ""
    ended: Mapping[str, Any] = field(default_factory=dict[str, Any])
    told: bool = True
    opening: Mapping[str, Any] = field(default_factory=dict[str, Any])
    every: Breaks = field(default_factory=Breaks)


PLAIN: Final = Slip("refund")


@dataclass(frozen=True, slots=True)
class Case:
    """What a customer comes with.

    Attributes:
        customer: Who.
        transaction: Which purchase.
        random: What differs from case to case without mattering.
    """

    customer: Customer
    transaction: Transaction
    random: Random

    @property
    def amount(self) -> dict[str, Any]:
        """What was paid, as money."""
        return {"currency": self.customer.currency, "micros": self.transaction.micros}

    def tokens(self) -> tuple[int, int]:
        """Return what a step of the model takes: tokens read and written."""
        return self.random.randint(900, 4_200), self.random.randint(40, 260)

    def pause(self) -> timedelta:
        """Return how long the model thinks, or a customer types."""
        return timedelta(milliseconds=self.random.randint(700, 9_000))


def case_of(desk: Desk, slip: Slip, random: Random, customer: Customer | None = None) -> Case:
    """Make a case that a slip can happen in, and let the tools know of it."""
    customer = customer or desk.world.customer(**slip.customer)
    transaction = desk.world.transaction(customer, desk.now, units=slip.units, days=slip.days)
    desk.services.know(transaction, slip.verdict)
    return Case(customer, transaction, random)


def limit_units(version: str, region: str) -> int:
    """Return up to what amount a refund needs nobody's agreement."""
    return _LIMITS.get((version, region), _US_LIMIT)


def payout_params(case: Case, **other: object) -> dict[str, Any]:
    """Return the parameters of the payout that a case is about."""
    return {
        "transaction_id": case.transaction.id,
        "customer": case.customer.id,
        "amount": case.amount,
        "method": "original",
        "reason": "refund asked for, policy applies",
        **other,
    }


def opened(
    session: Session, case: Case, *, goal: str = "refund", **fields: object
) -> Generator[timedelta, None, None]:
    """Begin a run with what the customer said."""
    text = f"{case.random.choice(_OPENINGS[goal])} Order {case.transaction.id}."
    session.open(text, requester=case.customer.id, goal=goal, **fields)
    yield case.pause()


def read(
    session: Session, case: Case, slip: Slip = PLAIN
) -> Generator[timedelta, None, dict[str, Call]]:
    """Read what a payout rests on; return the calls by kind of evidence."""
    one = case.transaction.id
    wanted = {
        "customer": ("customers.get", {"customer": case.customer.id}),
        "transaction": ("transactions.get", {"transaction_id": one}),
        "policy": (
            "policies.search",
            {"query": f"refund within {case.transaction.days(session.desk.now)} days"},
        ),
        "eligibility": ("eligibility.check", {"transaction_id": one}),
    }
    calls: dict[str, Call] = {}
    for kind, (tool, params) in wanted.items():
        if kind in slip.unread:
            continue
        seen = dict(slip.seen.get(kind, {}))
        if kind in slip.old:
            at = session.desk.now - timedelta(hours=slip.old[kind])
            seen["observed_at"] = format_time(at)
        calls[kind] = yield from session.call(tool, params, How(seen=seen), slip.every)
        if calls[kind].status not in {"ok", "error", "timeout"}:
            return calls
    return calls


def refund(desk: Desk, channel: Channel, case: Case, slip: Slip = PLAIN) -> Steps:
    """Handle a claim from its first word to its last."""
    session = Session(desk, channel, slip.name)
    yield from opened(session, case, **slip.opening)
    calls = yield from read(session, case, slip)
    if len(calls) + len(slip.unread) < 4:  # noqa: PLR2004 - something stopped it
        yield from stopped(session, case)
        return
    yield case.pause()
    params = payout_params(case, **slip.params)
    how = How(
        fault=slip.fault,
        evidence=cited(*(call for kind, call in calls.items() if kind not in slip.uncited)),
        ended=slip.ended,
    )
    breaks = Breaks(
        (*slip.every.violated, *slip.violated),
        (*slip.every.undecidable, *slip.undecidable),
        slip.late,
    )
    paid = yield from session.call("payouts.create", params, how, breaks)
    if paid.status == "ok":
        yield from told(session, case, slip)
        return
    yield from handed_over(session, case, f"payout {paid.status}", slip.every)


def told(session: Session, case: Case, slip: Slip = PLAIN) -> Generator[timedelta, None, None]:
    """Tell the customer that it is paid, and end."""
    yield case.pause()
    if slip.told:
        session.says("Your refund is on its way, to the account it was paid from.", case.tokens())
    session.close("refunded", WORTH["refunded"])


def handed_over(
    session: Session, case: Case, why: str, every: Breaks | None = None
) -> Generator[timedelta, None, None]:
    """Hand a case over to a person, and end."""
    params = {"reason": why, "transaction_id": case.transaction.id}
    call = yield from session.call("cases.escalate", params, How(), every or Breaks())
    if call.status not in {"ok", "error", "timeout"}:
        yield from stopped(session, case)
        return
    session.says("A colleague will look at this and write to you.", case.tokens())
    session.took("spiffe://acme.example/desk", case.random.randint(4, 18))
    session.close("escalated", WORTH["escalated"])


def stopped(session: Session, case: Case) -> Generator[timedelta, None, None]:
    """End a run that may do nothing: the text is a fixed one, no model is asked."""
    yield case.pause()
    session.says("We cannot handle refunds at the moment. Please come back later.")
    session.close("stopped", WORTH["stopped"])


# ------------------------------------------------------------------------ the ordinary day


def approved_refund(desk: Desk, channel: Channel, case: Case) -> Steps:
    """Handle a claim above the limit: propose it, have a lead agree, do it."""
    session = Session(desk, channel, "approval")
    yield from opened(session, case)
    calls = yield from read(session, case)
    if len(calls) < 4:  # noqa: PLR2004 - something stopped it
        yield from stopped(session, case)
        return
    params, evidence = payout_params(case), cited(*calls.values())
    rule = ("scope.above-threshold",)
    held = yield from session.call("payouts.create", params, How(evidence=evidence), Breaks(rule))
    if held.status != "approve":
        yield from handed_over(session, case, f"payout {held.status}")
        return
    session.says("A colleague has to agree to this. One moment, please.", case.tokens())
    agrees = case.random.random() < 0.85  # noqa: PLR2004
    lead = case.random.choice(("lead-anna", "lead-james"))
    verdict = "approve" if agrees else "refuse"
    yield from session.approved(held, lead, case.random.randint(2, 40), verdict)
    if not agrees:
        session.says("My colleague does not agree to this refund, for now.", case.tokens())
        session.close("declined", WORTH["declined"])
        return
    how = How(evidence=evidence, resumes=held.record)
    paid = yield from session.call("payouts.create", params, how, Breaks(rule, lifted=rule))
    if paid.status == "ok":
        yield from told(session, case)
    else:
        yield from handed_over(session, case, f"payout {paid.status}")


def status_question(desk: Desk, channel: Channel, case: Case, *, fault: str = "") -> Steps:
    """Say how a purchase stands. A read that fails is tried once more."""
    session = Session(desk, channel, "status")
    yield from opened(session, case, goal="status")
    params = {"transaction_id": case.transaction.id}
    call = yield from session.call("transactions.get", params, How(fault=fault))
    if call.status in {"error", "timeout"}:
        yield case.pause()
        call = yield from session.call("transactions.get", params)
    if call.status != "ok":
        yield from stopped(session, case)
        return
    session.says("Your order was paid and has been sent.", case.tokens())
    session.close("answered", WORTH["answered"])


def policy_question(desk: Desk, channel: Channel, case: Case) -> Steps:
    """Say what the policy says."""
    session = Session(desk, channel, "question")
    yield from opened(session, case, goal="question")
    params = {"query": case.random.choice(("time limit", "damaged goods", "how it is paid back"))}
    call = yield from session.call("policies.search", params)
    if call.status != "ok":
        yield from stopped(session, case)
        return
    session.says("The policy says this: a purchase is paid back within its time.", case.tokens())
    session.close("answered", WORTH["answered"])


def late_claim(desk: Desk, channel: Channel, case: Case) -> Steps:
    """Decline what the policy does not allow, without trying it."""
    session = Session(desk, channel, "late-claim")
    yield from opened(session, case)
    params = {"transaction_id": case.transaction.id}
    call = yield from session.call("transactions.get", params)
    if call.status != "ok":
        yield from stopped(session, case)
        return
    session.says("I am sorry: the time for a refund of this order has passed.", case.tokens())
    session.close("declined", WORTH["declined"])


def case_for_people(desk: Desk, channel: Channel, case: Case) -> Steps:
    """Hand over what the agent knows is not for it."""
    session = Session(desk, channel, "for-people")
    yield from opened(session, case)
    call = yield from session.call("customers.get", {"customer": case.customer.id})
    if call.status != "ok":
        yield from stopped(session, case)
        return
    yield from handed_over(session, case, "more than this channel may decide")
