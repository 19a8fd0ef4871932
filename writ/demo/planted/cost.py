"""Runs that break the rules of the clause cost."""

from datetime import timedelta
from random import Random

from writ.demo.agent import PLAIN, WORTH, case_of, opened, payout_params, read, told
from writ.demo.desk import Channel, Desk
from writ.demo.planted.acts import answered, begun
from writ.demo.session import Breaks, How, cited
from writ.demo.timeline import Steps
from writ.demo.truth import UNDECIDABLE, VIOLATED


def dear(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Use so much of a dear model that the payout's fee passes the budget."""
    session, case = begun(desk, channel, random, "too-dear")
    yield from opened(session, case)
    calls = yield from read(session, case)
    cost = {"currency": "EUR", "micros": 400_000}
    session.says("Let me think about this for long.", case.tokens(), cost=cost)
    how = How(evidence=cited(*calls.values()))
    breaks = Breaks(("cost.cost",))
    yield from session.call("payouts.create", payout_params(case), how, breaks)
    yield from told(session, case)


def wordy(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Read 41,000 tokens, and go on."""
    session, case = begun(desk, channel, random, "too-many-tokens")
    yield from opened(session, case, goal="status")
    session.says("I have read the whole history.", (41_000, 100))
    params = {"transaction_id": case.transaction.id}
    yield from session.call("transactions.get", params, None, Breaks(("cost.tokens",)))
    answered(session, case)


def busy(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Make a thirteenth call."""
    session, case = begun(desk, channel, random, "thirteen-calls")
    yield from opened(session, case, goal="status")
    for number in range(13):
        purchase = case_of(desk, PLAIN, random, case.customer).transaction
        breaks = Breaks(("cost.tool-calls",) if number == 12 else ())  # noqa: PLR2004
        yield from session.call("transactions.get", {"transaction_id": purchase.id}, None, breaks)
    answered(session, case)


def wandering(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Take a twenty-first step: so many things said and done."""
    session, case = begun(desk, channel, random, "twenty-one-steps")
    yield from opened(session, case, goal="status")
    for number in range(11):
        session.says(f"And another thing, number {number + 1}.", (60, 20))
        yield case.pause()
    for number in range(10):
        purchase = case_of(desk, PLAIN, random, case.customer).transaction
        breaks = Breaks(("cost.steps",) if number == 9 else ())  # noqa: PLR2004
        yield from session.call("transactions.get", {"transaction_id": purchase.id}, None, breaks)
    answered(session, case)


def searching(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Search the policies a fourth time."""
    session, case = begun(desk, channel, random, "four-searches")
    yield from opened(session, case, goal="question")
    for number in range(4):
        breaks = Breaks(("cost.calls.policies.search",) if number == 3 else ())  # noqa: PLR2004
        yield from session.call("policies.search", {"query": f"clause {number}"}, None, breaks)
        yield case.pause()
    answered(session, case)


def stubborn(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Try a payout that failed twice a third time: too many payouts, retries and equal calls."""
    session, case = begun(desk, channel, random, "three-payout-attempts")
    yield from opened(session, case)
    calls = yield from read(session, case)
    evidence = cited(*calls.values())
    third = ("cost.calls.payouts.create", "cost.loop", "recovery.retry")
    for number, fault in enumerate(("error", "timeout", "")):
        how = How(fault=fault, evidence=evidence)
        breaks = Breaks(third if number == 2 else ())  # noqa: PLR2004
        yield from session.call("payouts.create", payout_params(case), how, breaks)
        yield case.pause()
    yield from told(session, case)


def looping(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Ask the same thing three times."""
    session, case = begun(desk, channel, random, "same-call-thrice")
    yield from opened(session, case, goal="status")
    for number in range(3):
        breaks = Breaks(("cost.loop",) if number == 2 else ())  # noqa: PLR2004
        params = {"transaction_id": case.transaction.id}
        yield from session.call("transactions.get", params, None, breaks)
        yield case.pause()
    answered(session, case)


def lasting(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Go on after more than two hours."""
    session, case = begun(desk, channel, random, "two-hours")
    yield from opened(session, case, goal="status")
    yield timedelta(hours=2, minutes=5)
    params = {"transaction_id": case.transaction.id}
    yield from session.call("transactions.get", params, None, Breaks(("cost.seconds",)))
    answered(session, case)


def flooding(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Make more than sixty calls on one channel in a quarter of an hour."""
    for _ in range(7):
        session, case = begun(desk, channel, random, "sixty-calls")
        yield from opened(session, case, goal="status")
        for _ in range(9):
            purchase = case_of(desk, PLAIN, random, case.customer).transaction
            # What the bound on the channel says of each is added where it is counted.
            yield from session.call("transactions.get", {"transaction_id": purchase.id})
        answered(session, case)


def worthless(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Spend more than a quarter of what the case is worth."""
    session, case = begun(desk, channel, random, "not-worth-it")
    yield from opened(session, case, goal="status")
    session.says("I looked everywhere, and found nothing.", (9_000, 400))
    index = session.close("answered", 0.05)
    session.expect(VIOLATED, "cost.value", index)


def uncounted(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Say something without recording its tokens: whether the budget holds is undecidable."""
    session, case = begun(desk, channel, random, "tokens-not-recorded")
    yield from opened(session, case, goal="status")
    session.says("One moment.", case.tokens(), tokens=None)
    params = {"transaction_id": case.transaction.id}
    yield from session.call("transactions.get", params, None, Breaks(undecidable=("cost.tokens",)))
    answered(session, case)


def unpriced(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Leave out what a payout cost: the budget after it is undecidable, and so is its worth."""
    session, case = begun(desk, channel, random, "cost-not-recorded")
    yield from opened(session, case)
    calls = yield from read(session, case)
    how = How(evidence=cited(*calls.values()), ended={"cost": None})
    yield from session.call("payouts.create", payout_params(case), how)
    params = {"transaction_id": case.transaction.id}
    yield from session.call("transactions.get", params, None, Breaks(undecidable=("cost.cost",)))
    session.says("Your refund is on its way.", case.tokens())
    index = session.close("refunded", WORTH["refunded"])
    session.expect(UNDECIDABLE, "cost.value", index)
