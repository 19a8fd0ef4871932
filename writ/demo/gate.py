"""The gate before the tools: decide under the contract in force, and record the decision.

The decision is taken while the ledger's lock is held, on exactly the history that it follows. What
is read is only what the ledger holds, so that a verifier comes to the same decision from it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts.decision import Decision
from contracts.engine import Engine
from contracts.history import Event
from contracts.loading import load_contract
from contracts.versions import VersionHistory
from ledger.admission import Receipt, read_authority
from ledger.client import LedgerClient
from ledger.clock import Clock, format_time
from ledger.encoding import decode, digest
from ledger.entry import parse_header
from ledger.records import Action, record_bytes
from ledger.rows import Head
from ledger.store import Store

ALLOW: Final = "allow"

Fault = Callable[[dict[str, Any]], dict[str, Any]]
"""What a broken gate makes of an action's fields, the decision among them."""


class NoContractError(ValueError):
    """Nothing is in force for a service: no action can be decided."""


class Gate:
    """The gate of one service, for all its channels in this process.

    Args:
        store: The ledger's store.
        service: The service.
        clock: The ledger's clock.
    """

    def __init__(self, store: Store, service: str, clock: Clock) -> None:
        self._store = store
        self._service = service
        self._clock = clock
        self._authority = read_authority(store)
        self._identities: dict[str, Mapping[str, Any]] = {}
        self._versions = VersionHistory()
        self._texts: dict[str, str] = {}
        self._engine: Engine | None = None
        self._read = 0

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

        def prepare(head: Head, time: str) -> list[Action]:
            self._catch_up(head.size)
            full = self._decided(head.size, client, fields, time)
            if fault is not None:
                full = fault(full)
            decided.append(full["decision"]["effect"])
            return [client.make(Action, **full)]

        if loose:
            now = format_time(self._clock())
            return client.submit(prepare(self._store.head()[0], now))[0], decided[0]
        return client.append(prepare)[0], decided[0]

    def _decided(
        self, index: int, client: LedgerClient, fields: Mapping[str, Any], time: str
    ) -> dict[str, Any]:
        raw = record_bytes(client.make(Action, **fields))
        proposed = self._event(index, raw, time)
        found = self._versions.in_force(self._service, proposed)
        if found is None:
            raise NoContractError(f"no contract is in force for {self._service}")
        version, contract = found
        engine = self._engine_of(contract)
        decision: Decision = engine.decided(proposed)
        return {
            **fields,
            "contract": {"version": version, "digest": contract},
            "decision": decision.as_record(),
        }

    def _engine_of(self, contract: str) -> Engine:
        """Return the engine of a contract: a new one takes up the whole history first."""
        if self._engine is None or self._engine.contract.digest != contract:
            self._engine = Engine(load_contract(self._texts[contract]))
            for event in self._events(0, self._read):
                self._engine.observe(event, judge=False)
        return self._engine

    def _catch_up(self, size: int) -> None:
        for event in self._events(self._read, size):
            self._versions.observe(event)
            if event.record["kind"] == "contract":
                self._texts[event.record["digest"]] = event.record["text"]
            if self._engine is not None:
                # Actions of this gate were judged when they were proposed.
                self._engine.observe(event, judge=False)
        self._read = size

    def _events(self, start: int, stop: int) -> list[Event]:
        return [
            self._event(row.idx, row.record or b"", parse_header(row.header).recorded_at)
            for row in self._store.rows(start, stop, strays=False)
        ]

    def _event(self, index: int, raw: bytes, recorded_at: str) -> Event:
        record: Any = decode(raw)
        return Event(index, digest(raw), record, recorded_at, self._identity(record["by"], index))

    def _identity(self, by: str, index: int) -> Mapping[str, Any]:
        # One authority document, from the founding on: who somebody is does not change here.
        if by not in self._identities:
            self._identities[by] = self._authority.identity_at(index, by)
        return self._identities[by]
