"""The gate before the simulated tools: a guard whose failures can be shown.

It decides as `contracts.guard` does, on the same standing. But what it records can be altered,
which a guard lets nobody do.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts.standing import Standing
from ledger.admission import Receipt
from ledger.client import LedgerClient
from ledger.clock import Clock, format_time
from ledger.encoding import digest
from ledger.records import Action, record_bytes
from ledger.rows import Head
from ledger.store import Store

ALLOW: Final = "allow"

Fault = Callable[[dict[str, Any]], dict[str, Any]]
"""What a broken gate makes of an action's fields, the decision among them."""


class Gate:
    """The gate of one service, for all its channels in this process.

    Args:
        store: The ledger's store.
        service: The service.
        clock: The ledger's clock.
    """

    def __init__(self, store: Store, service: str, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._standing = Standing(store, service)

    def act(
        self,
        client: LedgerClient,
        fields: Mapping[str, Any],
        fault: Fault | None = None,
        *,
        loose: bool = False,
    ) -> tuple[Receipt, str]:
        """Decide about an action, and record it with the decision.

        Args:
            client: Who acts.
            fields: Fields of the `action` record, without contract and decision.
            fault: Alters what is recorded, where a gate that is broken is to be shown.
            loose: Does not hold the ledger to the history that was decided on: the same.

        Returns:
            Where it was recorded, and the effect of the decision.

        Raises:
            NoContractError: Nothing is in force.
            LedgerError: The ledger does not take it.
        """
        decided: list[str] = []

        def prepare(head: Head, now: str) -> list[Action]:
            self._standing.read_on(head.size)
            self._standing.prepare(now)
            full = self._decided(client, fields, now)
            if fault is not None:
                full = fault(full)
            decided.append(full["decision"]["effect"])
            return [client.make(Action, **full)]

        if loose:
            now = format_time(self._clock())
            return client.submit(prepare(self._store.head()[0], now))[0], decided[0]
        return client.append(prepare)[0], decided[0]

    def _decided(self, client: LedgerClient, fields: Mapping[str, Any], now: str) -> dict[str, Any]:
        raw = record_bytes(client.make(Action, **fields))
        ruling = self._standing.rule(self._standing.proposed(digest(raw), raw, now))
        return {
            **fields,
            "contract": {"version": ruling.version, "digest": ruling.contract.digest},
            "decision": ruling.decision.as_record(),
        }
