"""The incident: a new prompt pays serial refunds; it is stopped, and undone as far as it can be.

Under 1.0.0 each of these payouts is in order: the contract has no rule against the fourth refund
to one customer. The bound on payouts in an hour stops the burst, a person stops the service, and
the next version of the contract has the rule that was missing.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from writ.demo.agent import (
    PLAIN,
    Case,
    case_of,
    handed_over,
    opened,
    payout_params,
    read,
    stopped,
    told,
)
from writ.demo.desk import Channel, Desk
from writ.demo.session import Breaks, Call, How, Session, cited, prompt_digest
from writ.demo.timeline import Steps
from writ.demo.world import Customer, Payout

RING: Final = 9
"""How many customers claimed again and again."""
WINDOW: Final = timedelta(hours=72)
_HOUR: Final = timedelta(hours=1)


@dataclass(slots=True)
class Incident:
    """What happened, for the story and for whoever takes it back.

    Attributes:
        ring: The customers who claimed serially.
        paid: Each payout to them, with the action that made it.
        denied: Claims that were denied once the bound was reached.
        reversed: Payouts that were taken back.
        too_late: Payouts whose window had passed.
        returned: Claims of the ring after the new version, handed to a person by its new rule.
        prompt: Digest of the prompt that caused it.
    """

    ring: list[Customer] = field(default_factory=list[Customer])
    paid: list[tuple[Payout, str]] = field(default_factory=list[tuple[Payout, str]])
    denied: int = 0
    reversed: list[Payout] = field(default_factory=list[Payout])
    too_late: list[Payout] = field(default_factory=list[Payout])
    returned: int = 0
    prompt: str = ""


def claims(incident: Incident, start: datetime, random: Random) -> list[tuple[datetime, int]]:
    """Return when which member of the ring claims: a trickle from Friday, a burst on Monday."""
    friday, found = start + timedelta(days=11), list[tuple[datetime, int]]()
    spans = (
        (friday + 18 * _HOUR, 5, 5.0),
        (friday + 33 * _HOUR, 12, 13.0),
        (friday + 57 * _HOUR, 14, 14.0),
        (friday + 80 * _HOUR, 9, 7.5),
        # The burst: word has gone round.
        (friday + 87.7 * _HOUR, 26, 0.9),
    )
    for begin, count, hours in spans:
        for number in range(count):
            share = (number + random.random()) / count
            found.append((begin + share * hours * _HOUR, len(found) % len(incident.ring)))
    return found


def serial_claim(desk: Desk, channel: Channel, incident: Incident, number: int) -> Steps:
    """Claim again; the new prompt pays whatever looks fine by itself."""
    random = Random(f"{incident.ring[number].id}/{len(incident.paid)}/{desk.now}")  # noqa: S311
    customer = incident.ring[number]
    purchase = desk.world.transaction(customer, desk.now, units=random.uniform(71, 98))
    desk.services.know(purchase)
    case = Case(customer, purchase, random)
    session = Session(desk, channel, "serial-claims")
    yield from opened(session, case)
    calls = yield from read(session, case)
    if len(calls) < 4:  # noqa: PLR2004 - something stopped it
        yield from stopped(session, case)
        return
    how = How(evidence=cited(*calls.values()))
    paid = yield from session.call("payouts.create", payout_params(case), how)
    if paid.status == "ok":
        payout = desk.world.payouts[paid.fields["payout_id"]]
        incident.paid.append((payout, paid.record))
        yield from told(session, case)
        return
    incident.denied += 1
    yield from handed_over(session, case, f"payout {paid.status}")


def response(desk: Desk, at: datetime) -> Steps:
    """Stop everything, look, let reading go on; the prompt is taken back."""
    yield max(at - desk.now, timedelta(0))
    desk.flip(
        "engaged", "kill", "payouts reached the hourly bound; the same customers again and again"
    )
    yield timedelta(minutes=75)
    desk.flip(
        "engaged", "safe", "serial refunds since the new prompt; reading and handing over go on"
    )
    yield timedelta(hours=15)
    desk.channels["portal"].prompt = prompt_digest("1")


def released(desk: Desk) -> None:
    """Let the service pay again."""
    desk.flip("released", "safe", "1.1.0 is in force, and the prompt was taken back")


def taking_back(desk: Desk, channel: Channel, incident: Incident, random: Random) -> Steps:
    """Take back what was paid, the oldest first, as fast as the hourly bound lets it be."""
    for number, (payout, action) in enumerate(list(incident.paid)):
        session = Session(desk, channel, "taking-back")
        customer = payout.transaction.customer
        case = Case(customer, payout.transaction, random)
        session.open(
            f"Take back {payout.id}, paid in the incident.",
            requester=customer.id,
            goal="reversal",
            workflow="incident-recovery",
        )
        call = yield from _one(desk, session, payout, action, fault=_fault(number))
        while call.status == "deny" and desk.now - payout.paid_at < WINDOW:
            # The hourly bound is reached: payouts of the day count to it as well.
            yield timedelta(minutes=15)
            call = yield from _one(desk, session, payout, action, fault=_fault(number))
        if call.status == "ok":
            incident.reversed.append(payout)
        elif call.status == "deny":
            incident.too_late.append(payout)
        session.says("Done." if call.status == "ok" else "It stays paid.", case.tokens())
        session.close("reversed" if call.status == "ok" else "not-reversed", 2.0)
        yield timedelta(minutes=5, seconds=random.randint(0, 50))


def _fault(number: int) -> str:
    # Some accounts are empty by then: the bank says no.
    return "error" if number % 11 == 7 else ""  # noqa: PLR2004


def _one(
    desk: Desk, session: Session, payout: Payout, action: str, *, fault: str
) -> Generator[timedelta, None, Call]:
    late = desk.now - payout.paid_at >= WINDOW
    breaks = Breaks(
        violated=("recovery.reversal-window",) if late else (),
        # The bank's no is its last word: nobody tries again within the 72 hours.
        late=("recovery.compensation.payouts.reverse",) if fault else (),
    )
    params = {"payout_id": payout.id, "reason": "paid in the incident of serial refunds"}
    how = How(fault=fault, compensates=action)
    return (yield from session.call("payouts.reverse", params, how, breaks))


def claimed_again(desk: Desk, channel: Channel, incident: Incident, number: int) -> Steps:
    """Claim once more under 1.1.0: its new rule hands the case to a person."""
    customer = incident.ring[number]
    case = case_of(desk, PLAIN, Random(f"{customer.id}/again"), customer)  # noqa: S311
    session = Session(desk, channel, "claimed-again")
    yield from opened(session, case)
    calls = yield from read(session, case)
    how = How(evidence=cited(*calls.values()))
    breaks = Breaks(("scope.serial-refunds",))
    paid = yield from session.call("payouts.create", payout_params(case), how, breaks)
    incident.returned += paid.status == "escalate"
    yield from handed_over(session, case, f"payout {paid.status}")
