"""What follows a decision beyond its answer: who is told, and that a service is contained."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from contracts.answers import Answer, ApprovalNeeded, Denied, Escalated
from ledger.admission import Receipt
from ledger.errors import LedgerError
from ledger.records import AnyRecord, Switch

CONTAINMENT: Final = "recovery.containment"
CONTAINED: Final = "containment"
"""How the reason of a switch begins that a guard has pulled."""

_MOST_SAID: Final = 1_000
_LOG: Final = logging.getLogger("writ.guard")


class Commander(Protocol):
    """Writes for an identity that may pull the kill switch."""

    def make(self, model: type[Switch], /, **fields: object) -> Switch:
        """Build a record."""
        ...

    def submit(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Write records durably."""
        ...


class Notices:
    """Tells and stops.

    Args:
        service: The service.
        when_held: Told of each action that waits for people.
        commander: Pulls the switch; None: nobody does.
    """

    def __init__(
        self,
        service: str,
        when_held: Callable[[Answer], None] | None,
        commander: Commander | None,
    ) -> None:
        self._service = service
        self._when_held = when_held
        self._commander = commander

    def tell(self, answer: Answer) -> None:
        """Tell of an action that waits. What goes wrong there must not undo what is recorded."""
        if self._when_held is None or not isinstance(answer, ApprovalNeeded | Escalated):
            return
        try:
            self._when_held(answer)
        except Exception:  # noqa: BLE001 - whatever it is, the action stands in the ledger
            _LOG.exception("%s: nobody was told of %s", self._service, answer.action)

    def contain(self, answer: Answer, *, contained: bool) -> None:
        """Put the service into safe mode once its containment is reached, if we may.

        Args:
            answer: A decision.
            contained: Whether it is in safe mode for that already.
        """
        found = [one for one in answer.objections if one.rule == CONTAINMENT]
        reached = isinstance(answer, Denied) and any(one.result == "violated" for one in found)
        if not reached or contained or self._commander is None:
            return
        switch = self._commander.make(
            Switch,
            service=self._service,
            state="engaged",
            mode="safe",
            reason=f"{CONTAINED}: {found[0]}"[:_MOST_SAID],
        )
        try:
            self._commander.submit([switch])
        except LedgerError as error:
            # The action is denied already, and the next one will be as long as the window holds.
            _LOG.error("containment was reached, and the switch could not be pulled: %s", error)
