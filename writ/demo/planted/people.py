"""What people do that they may not: activate what they run, stop without the role, speak for it."""

from datetime import timedelta
from typing import Final

from ledger.clock import format_time
from ledger.records import Activation, Switch
from writ.demo.desk import Channel, Desk
from writ.demo.people import SERVICE
from writ.demo.session import Session, prompt_digest
from writ.demo.timeline import Steps
from writ.demo.truth import VIOLATED

_SOON: Final = timedelta(minutes=10)


def activated_by_its_runner(desk: Desk) -> Steps:
    """Let an identity of the person who runs the service activate its contract once more."""
    client = desk.people["deputy"]
    made = client.make(
        Activation,
        service=SERVICE,
        version=desk.version,
        digest=desk.current,
        effective_at=format_time(desk.now + _SOON),
        approved_by=(client.by,),
    )
    index = client.submit([made])[0].index
    desk.expect(VIOLATED, "identity.duties", index, "", "activated-by-its-runner")
    yield timedelta(0)


def stopped_without_the_role(desk: Desk) -> Steps:
    """Let somebody pull the switch and release it who may do neither: nothing stops."""
    client = desk.people["night-shift"]
    for state in ("engaged", "released"):
        reason = "something looked odd" if state == "engaged" else "a mistake"
        made = client.make(Switch, service=SERVICE, state=state, mode="kill", reason=reason)
        index = client.submit([made])[0].index
        desk.expect(VIOLATED, "recovery.switch-role", index, "", "stopped-without-the-role")
        yield timedelta(minutes=25)


def opened_by_a_stranger(desk: Desk) -> Steps:
    """Let an agent of another team open a run in the service's name, and do nothing in it."""
    client = desk.people["agent-collections"]
    stranger = Channel("collections", client, None, prompt=prompt_digest("collections"))
    session = Session(desk, stranger, "opened-by-a-stranger")
    session.open("Are there refunds against open invoices?", requester="C-10001", goal="question")
    session.expect(VIOLATED, "identity.service", session.opened_at)
    yield timedelta(minutes=2)
    session.close("answered")
