"""What is missing: ends that nobody recorded, a contract that nobody gave."""

from datetime import timedelta
from random import Random

from ledger.records import Action, RunClosed, RunOpened
from writ.demo.agent import opened
from writ.demo.desk import Channel, Desk
from writ.demo.planted.acts import begun
from writ.demo.session import How
from writ.demo.timeline import Steps
from writ.demo.truth import UNDECIDABLE, VIOLATED

OTHER_SERVICE = "spiffe://acme.example/ai/address-changes"


def left_open(desk: Desk, channel: Channel, random: Random) -> Steps:
    """Stop in the middle of a call: whether it will end is not known."""
    session, case = begun(desk, channel, random, "left-open")
    yield from opened(session, case, goal="status")
    params = {"transaction_id": case.transaction.id}
    call = yield from session.call("transactions.get", params, How(unended=True))
    session.expect(UNDECIDABLE, "coverage.run-unclosed", session.opened_at)
    session.expect(UNDECIDABLE, "recovery.outcome", call.index)


def without_contract(desk: Desk) -> Steps:
    """Act for a service that has no contract, and record no end."""
    client, ref, plant = desk.people["agent-addresses"], desk.ref(), "no-contract"
    run = client.submit([client.make(RunOpened, service=OTHER_SERVICE, ref=ref)])[0].record
    action = client.make(Action, run=run, tool="addresses.change", params={"customer": "C-10001"})
    index = client.submit([action])[0].index
    desk.expect(UNDECIDABLE, "coverage.no-contract", index, ref, plant)
    desk.expect(VIOLATED, "coverage.outcome-missing", index, ref, plant)
    client.submit([client.make(RunClosed, run=run, outcome="completed")])
    yield timedelta(0)
