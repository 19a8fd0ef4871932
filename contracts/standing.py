"""What a guard knows of its service: the contract in force, its counters, and what is open.

All of it is read from the ledger, entry by entry, so that every guard of a service, in whatever
process, stands on the same. Source: docs/spec/guard.md.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from contracts.decision import Decision
from contracts.engine import Engine
from contracts.errors import ContractErrors, ContractsError, SnapshotError
from contracts.follower import Follower, HistoryChangedError, Rows
from contracts.history import Event
from contracts.instants import micros
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.results import RuleResult
from contracts.snapshots import restored, restored_versions, snapshot, versions_snapshot
from contracts.undoing import NoWayBack, TakingBack, taking_back
from contracts.versions import VersionHistory
from ledger.encoded import EncodedRecord
from ledger.encoding import decode
from ledger.errors import LedgerError, StoreError
from ledger.files import replace_file
from ledger.records import Action, AnyRecord

_LOG: Final = logging.getLogger("writ.guard")
SNAPSHOT: Final = "writ/standing/v1"
MOST_WHILE_LOCKED: Final = 500
"""How many entries are counted while the ledger is locked, and everybody else waits, at most."""


class NotReadyError(Exception):
    """What is in force has to be read from the ledger's beginning first, with nobody waiting."""


class NoContractError(Exception):
    """No contract binds the service now, or none that this version can read."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision on a proposed action, and what it was taken under.

    Attributes:
        contract: The contract in force.
        version: Its version, as it was activated.
        event: The action as it was proposed.
        decision: The decision.
        against: The results of the rules that did not hold.
    """

    contract: Contract
    version: str
    event: Event
    decision: Decision
    against: tuple[RuleResult, ...]


class Standing:
    """The contract of one service in one ledger, and its counters.

    Args:
        store: The ledger's store.
        service: The service.
        kept: A file in which what is known is kept from one start to the next.

    Attributes:
        open: By digest, the service's allowed live actions that have no outcome yet.
        done: By digest, the entry of the outcome of each that has one.
    """

    def __init__(self, store: Rows, service: str, kept: Path | None = None) -> None:
        self._store = store
        self._service = service
        self._kept = kept
        self._begin()
        if kept is not None and kept.exists():
            try:
                self.take_up(kept.read_text("utf-8"))
            except (ContractsError, LedgerError, OSError, UnicodeDecodeError) as error:
                _LOG.warning("%s: is not used, and the ledger is read whole (%s)", kept, error)

    def keep(self) -> None:
        """Write what is known to its file, for the next start. What fails there is only slower."""
        if self._kept is not None and (text := self.snapshot()):
            try:
                replace_file(self._kept, text.encode())
            except OSError as error:
                _LOG.warning("%s: what is known was not kept (%s)", self._kept, error)

    def _begin(self) -> None:
        self._follower = Follower(self._store)
        self._versions = VersionHistory()
        self._texts: dict[str, str] = {}
        self._contracts: list[int] = []
        self._engines: dict[str, Engine] = {}
        self._unreadable: dict[str, str] = {}
        self.open: dict[str, Event] = {}
        self.done: dict[str, int] = {}
        self._grants: dict[str, tuple[str, ...] | None] = {}
        self._switch: Event | None = None
        self._is_ready = False
        self._assumed = False

    @property
    def size(self) -> int:
        """How many entries were read."""
        return self._follower.size

    @property
    def latest(self) -> str:
        """When the last entry was recorded."""
        return self._follower.latest

    # --------------------------------------------------------------------------- snapshots

    def snapshot(self) -> str:
        """Return what is known, for a start that does not read the ledger from its beginning.

        Empty where no contract is in force, or counters hold what cannot be written.
        """
        if not self._engines or not self._is_ready:
            return ""
        state = {
            "format": SNAPSHOT,
            "service": self._service,
            "follower": self._follower.kept(),
            "contracts": self._contracts,
            "open": {digest: event.index for digest, event in self.open.items()},
            "done": self.done,
            "switch": None if self._switch is None else self._switch.index,
        }
        try:
            state["versions"] = versions_snapshot(self._versions)
            state["engines"] = {name: snapshot(one) for name, one in self._engines.items()}
        except SnapshotError:
            return ""
        body = json.dumps(state, sort_keys=True)
        return f"{sha256(body.encode()).hexdigest()}\n{body}\n"

    def take_up(self, text: str) -> None:
        """Go on from what was known: the ledger is held against it first.

        Raises:
            SnapshotError: It is damaged, of another version, service or ledger, or rests on what is
                not valid any more. Nothing of it is known then.
            LedgerError: The store cannot be read.
        """
        try:
            self._take_up(_state_of(text, self._service))
        except (LookupError, TypeError, ValueError, AttributeError, HistoryChangedError) as error:
            self._begin()
            raise SnapshotError(f"it is not of this ledger: {error}", "snapshot.other") from error
        except BaseException:
            self._begin()
            raise

    def _take_up(self, state: Mapping[str, Any]) -> None:
        texts = {index: self._store.row(index).record or b"" for index in state["contracts"]}
        for index, raw in texts.items():
            record: Mapping[str, Any] = decode(raw)
            self._contracts.append(index)
            if record["service"] == self._service:
                self._texts[record["digest"]] = record["text"]
        for digest, kept in state["engines"].items():
            contract = load_contract(self._texts[digest], f"contract {digest[:12]}")
            self._engines[digest] = restored(contract, kept)
        lineage = next(iter(self._engines.values())).world.lineage.kept()
        self._follower.go_on_from(state["follower"], lineage, state["contracts"])
        self._versions = restored_versions(state["versions"])
        self.done = dict(state["done"])
        self.open = {digest: self.event_at(index) for digest, index in state["open"].items()}
        switch = state["switch"]
        self._switch = None if switch is None else self.event_at(switch)

    # --------------------------------------------------------------------------- reading

    def read_on(self, size: int) -> None:
        """Read the ledger on, up to a size, while nobody waits: as long as it takes.

        Raises:
            LedgerError: The store cannot be read.
        """
        try:
            self._take(self._follower.read_on(size))
        except HistoryChangedError:
            self._begin()
            self._take(self._follower.read_on(size))

    def prepare(self, now: str) -> None:
        """Have the counters of what is in force now, and of what will be, before they are needed.

        Args:
            now: The time, as the ledger writes it.
        """
        self._is_ready = True
        time = micros(now) or 0
        current = self._versions.at(self._service, time)
        later = self._versions.after(self._service, time)
        wanted = {one.digest for one in (current, *later) if one is not None}
        for digest in wanted - self._engines.keys() - self._unreadable.keys():
            self._build(digest)
        for digest in self._engines.keys() - wanted:
            del self._engines[digest]

    def catch_up(self, size: int, leaf: str) -> None:
        """Read the last few entries, while the ledger is locked.

        Args:
            size: How many entries the ledger has.
            leaf: Leaf hash of the last of them, hex.

        Raises:
            NotReadyError: They are too many, or what was read before does not hold any more.
            LedgerError: The store cannot be read.
        """
        if not 0 <= size - self.size <= MOST_WHILE_LOCKED:
            raise NotReadyError
        try:
            self._take(self._follower.read_on(size))
        except HistoryChangedError as error:
            self._begin()
            raise NotReadyError from error
        if self._follower.leaf != leaf:
            # Another ledger is where this one was, and as long.
            self._begin()
            raise NotReadyError
        if not self._is_ready:
            # Something was activated: its counters are made with nobody waiting.
            raise NotReadyError

    def assume(self, record: EncodedRecord, now: str, key: str) -> None:
        """Count a record as the next entry, which it will be if all goes well.

        Args:
            record: The record.
            now: When it will have been recorded.
            key: Fingerprint of the key that signs for it.
        """
        self._assumed = True
        self._take(iter([self._follower.assume(record, now, key)]))

    def confirm(self, leaf: str) -> None:
        """Take it that what was assumed is recorded; `leaf` is the last leaf hash then."""
        if self._assumed:
            self._follower.leaf = leaf
            self._assumed = False

    def forget_assumed(self) -> None:
        """Begin anew where something was assumed that was not recorded, or nobody knows."""
        if self._assumed:
            self._begin()

    def _take(self, events: Iterator[Event]) -> None:
        try:
            for event in events:
                self._versions.observe(event)
                self._note(event)
                self._is_ready = self._is_ready and event.record["kind"] != "activation"
                for engine in self._engines.values():
                    # Actions were judged when they were proposed: here they count.
                    engine.observe(event, judge=False)
        except StoreError:
            # Between two submissions: all that was read before was taken.
            raise
        except BaseException:
            # Somebody may have pressed a key: an entry was read, and not counted by all.
            self._begin()
            raise

    def _note(self, event: Event) -> None:
        """Keep what the guard itself is asked for: texts, and what became of actions."""
        record = event.record
        kind = record["kind"]
        if kind == "contract":
            self._contracts.append(event.index)
            if record["service"] == self._service:
                self._texts[record["digest"]] = record["text"]
        elif kind == "action" and self._may_be_done(event):
            self.open[event.digest] = event
        elif kind == "switch" and record["service"] == self._service:
            self._switch = event if "selector" not in record else self._switch
        elif kind == "outcome" and self.open.pop(record["action"], None) is not None:
            self.done[record["action"]] = event.index

    def _may_be_done(self, event: Event) -> bool:
        """Return whether an event is an action of this service that was allowed, and no claim."""
        return not event.imported and _allowed(event.record) and self._is_ours(event.record)

    def _is_ours(self, record: Mapping[str, Any]) -> bool:
        run = self._follower.run(record["run"])
        return run is not None and run.service == self._service

    def _build(self, digest: str) -> None:
        """Make the counters of a contract from all of history."""
        try:
            contract = load_contract(self._texts[digest], f"contract {digest[:12]}")
        except ContractErrors as errors:
            self._unreadable[digest] = str(errors.errors[0])
            return
        engine = Engine(contract)
        for event in Follower(self._store).read_on(self.size):
            engine.observe(event, judge=False)
        self._engines[digest] = engine

    # -------------------------------------------------------------------------- deciding

    def proposed(self, digest: str, raw: bytes, now: str) -> Event:
        """Return an action as it will be read, if it is recorded next."""
        return self._follower.event(self.size, digest, raw, now)

    def rule(self, proposed: Event) -> Ruling:
        """Decide on a proposed action, as the next entry.

        Raises:
            NoContractError: Nothing is in force that can be read.
            NotReadyError: Its counters are not there yet.
        """
        version, contract = self.in_force(proposed.recorded_at)
        decision, against = self._engines[contract.digest].objected(proposed)
        return Ruling(contract, version, proposed, decision, tuple(against))

    def problem(self, record: AnyRecord, digest: str) -> str:
        """Return why a record would be part of no history: what it names is not there."""
        run = self._follower.run_of(record)
        if run is not None and run.service != self._service:
            return f"its run is one of {run.service}, and this guard is of {self._service}"
        if isinstance(record, Action):
            granted = self.grant_of(record.run)
            if granted is not None and record.tool not in granted:
                return f"its run was granted {', '.join(granted) or 'no tool'}, and nothing else"
        return self._follower.problem(record, digest)

    def grant_of(self, run: str) -> tuple[str, ...] | None:
        """Return the tools that a run was granted; None where it was granted none in particular.

        Raises:
            LedgerError: The store cannot be read.
        """
        if run not in self._grants:
            index = self._follower.index_of(run)
            said = None if index is None else self.event_at(index).record.get("grant")
            self._grants[run] = None if said is None else tuple(said)
        return self._grants[run]

    def event_at(self, index: int) -> Event:
        """Return an entry that was read before, as it was read.

        Raises:
            LedgerError: The store cannot be read.
        """
        return self._follower.again(index)

    def action(self, digest: str) -> Event | None:
        """Return an action of the service by its digest."""
        index = self._follower.index_of(digest)
        if index is None:
            return None
        event = self.event_at(index)
        return event if event.record["kind"] == "action" and self._is_ours(event.record) else None

    def key(self, contract: Contract, tool: str, params: Mapping[str, Any], now: str) -> str:
        """Return the idempotency key of a call, as the contract computes it; empty without one."""
        event = Event(self.size, "", {"kind": "action", "tool": tool, "params": params}, now)
        text = contract.tools[tool].calling.idempotency
        value = self._engines[contract.digest].value(event, text)
        return str(value) if isinstance(value, str | int) else ""

    def switched(self, begins: str) -> bool:
        """Return whether the service's last switch is engaged, with a reason that begins so."""
        last = self._switch
        return (
            last is not None
            and last.record["state"] == "engaged"
            and last.record["reason"].startswith(begins)
        )

    def taking_back(self, action: Event, now: str) -> TakingBack | str:
        """Return the call that takes an action back, or why there is none.

        Args:
            action: The action's entry.
            now: The time: the contract in force now says how.
        """
        engine = self._engines[self.in_force(now)[1].digest]
        at = self.done.get(action.digest)
        found = taking_back(
            engine, action.record["tool"], None if at is None else self.event_at(at)
        )
        return found.why if isinstance(found, NoWayBack) else found

    def in_force(self, now: str) -> tuple[str, Contract]:
        """Return version and contract in force at a time.

        Raises:
            NoContractError: Nothing is in force that can be read.
            NotReadyError: Its counters are not there yet.
        """
        found = self._versions.at(self._service, micros(now) or 0)
        if found is None:
            raise NoContractError(f"no contract is in force for {self._service}")
        return found.version, self._engine(found.digest).contract

    def _engine(self, digest: str) -> Engine:
        if digest in self._unreadable:
            raise NoContractError(
                f"the contract in force for {self._service} cannot be read by this version of "
                f"Writ: {self._unreadable[digest]}"
            )
        if digest not in self._engines:
            raise NotReadyError
        engine = self._engines[digest]
        if engine.contract.service != self._service:
            raise NoContractError(
                f"the contract in force for {self._service} is that of {engine.contract.service}"
            )
        return engine


def _state_of(text: str, service: str) -> Mapping[str, Any]:
    """Return what a snapshot says.

    Raises:
        SnapshotError: It is none of this version and service, or is damaged.
    """
    digest, _, body = text.rstrip("\n").partition("\n")
    if sha256(body.encode(errors="surrogatepass")).hexdigest() != digest:
        raise SnapshotError("its digest is another", "snapshot.damaged")
    state: Mapping[str, Any] = json.loads(body)
    if (state.get("format"), state.get("service")) != (SNAPSHOT, service):
        raise SnapshotError(f"it is not of {service}, or of another version", "snapshot.version")
    return state


def _allowed(record: Mapping[str, Any]) -> bool:
    decision = record.get("decision")
    return decision is None or decision["effect"] == "allow"
