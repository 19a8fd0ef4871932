"""The guard: it decides before a tool is called, and records the decision before the tool runs.

    from contracts.guard import Guard

    with Guard(client, store, service) as guard, guard.run(goal="refund an order") as run:
        with run.action("payouts.create", params, evidence=[order]) as act:
            act.ok(fields=pay(**params))

A decision is taken while the ledger is locked, on exactly the history that its record follows, and
at the time that is recorded: a verifier comes to the same decision from the ledger alone. Guards
share what they know through the ledger and in no other way, so that limits hold across processes.
Where nothing can be decided or recorded, nothing is done.
Source: docs/spec/guard.md.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self, cast

from contracts.answers import (
    Answer,
    Denied,
    GuardError,
    OutcomeUnrecordedError,
    UngovernedError,
    UnrecordedError,
    answer_of,
    observed,
    repeated,
)
from contracts.channel import Recorded
from contracts.grouped import (
    ACTION,
    KINDS,
    Given,
    Group,
    Wanted,
    as_record,
    inherited,
    recorded,
)
from contracts.guarded import GuardedRun
from contracts.history import Event
from contracts.notices import CONTAINED, Notices
from contracts.recording import Stored, Writer
from contracts.standing import NoContractError, NotReadyError, Ruling, Standing
from contracts.undoing import TakingBack
from ledger.admission import Receipt
from ledger.client import LedgerClient
from ledger.clock import Clock, format_time, system_clock
from ledger.encoded import EncodedRecord
from ledger.encoding import digest
from ledger.errors import LedgerError, RefusedError, StoreError
from ledger.records import (
    Action,
    AnyRecord,
    ContractVersion,
    Outcome,
    record_bytes,
)
from ledger.rows import Head

_LOG: Final = logging.getLogger("writ.guard")
# Each time more was written while nobody was locked out; then it is read with everybody waiting.
_TRIES: Final = 8
# What of an action's record is not said again when it is proposed once more.
_OWN: Final = frozenset(
    {"v", "kind", "nonce", "by", "at", "contract", "decision", "resumes", "idempotency_key", "mode"}
)


class Guard:
    """The guard of one service in one process. Safe to share between threads.

    Args:
        client: Writes for whoever acts. The guard does not close it.
        store: The same ledger's store.
        service: The service whose contract binds.
        observe: Tools that are only recorded so far, and refused nothing: what would have been
            decided is in the answer, and not in the ledger. With "*" all of them.
        clock: The ledger's clock.
        when_held: Told of each action that waits for people, once that is recorded.
        commander: Writes for an identity that may pull the kill switch. With one, the guard puts
            the service into safe mode when the contract's containment is reached.
        snapshot: A file that `close` keeps the counters in, so that the next start reads only what
            came after. It lies where the key lies, and is protected like it.

    Raises:
        LedgerError: The ledger cannot be read.
    """

    stands: ClassVar[type[Standing]] = Standing
    """What knows the contract in force."""

    def __init__(
        self,
        client: Writer,
        store: Stored,
        service: str,
        *,
        observe: Collection[str] = (),
        clock: Clock = system_clock,
        when_held: Callable[[Answer], None] | None = None,
        commander: LedgerClient | None = None,
        snapshot: Path | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._service = service
        self._observed = frozenset(observe)
        self._clock = clock
        self._notices = Notices(service, when_held, commander)
        self._standing = self.stands(store, service, snapshot)
        # One decision at a time: the ledger takes one at a time anyhow.
        self._turn = threading.RLock()
        self._unsettled: list[Outcome] = []
        self._doubtful: set[str] = set()
        self._get_ready()

    @property
    def service(self) -> str:
        """The service whose contract binds."""
        return self._service

    # -------------------------------------------------------------------------------- runs

    def run(self, **fields: object) -> GuardedRun:
        """Open a run, to be closed when the block ends.

        Args:
            **fields: Of the record, such as `goal`, `requester`, `channel`, `parent`, `model`, and
                `grant`: the tools that it may use at most. A child has its parent's, or fewer.

        Raises:
            UnrecordedError: The ledger could not record it.
            GuardError: The grant is wider than its parent's (`guard.grant`).
            LedgerError: A field is unknown or of the wrong form.
        """
        said = {name: value for name, value in fields.items() if value is not None}
        if "parent" in said:
            with self._turn:
                self._standing.read_on(self._store.size())
                wider = self._standing.grant_of(str(said["parent"]))
            said |= inherited(wider, said.get("grant"))
        opened = self.record("run", {"service": self._service, **said})
        return GuardedRun(self, opened.digest)

    def attach(self, run: str, *, turn: int = 0) -> GuardedRun:
        """Return a run that was opened before, here or in another process, to go on with it."""
        return GuardedRun(self, run, turn)

    # ---------------------------------------------------------------------------- recording

    def record(self, kind: str, fields: Mapping[str, Any]) -> Recorded:
        """Record what happened: `run`, `run.closed`, `message`, `observation` or `outcome`.

        Raises:
            ValueError: Another kind.
            UnrecordedError: The ledger could not; for an outcome `OutcomeUnrecordedError`.
            LedgerError: A field is unknown or of the wrong form, or the ledger refuses it.
        """
        if kind == "run.closed" and self._unsettled:
            # What was done in a run is said before its end.
            self.settle()
        made = self._happened(kind, fields)
        try:
            receipt = self._client.submit([made])[0]
        except (StoreError, RefusedError) as error:
            if isinstance(made, Outcome):
                raise self._held(made, error) from error
            if isinstance(error, RefusedError):
                raise
            raise UnrecordedError(f"not recorded: {error}") from error
        self._read_ahead()
        return recorded(receipt)

    def _held(self, outcome: Outcome, error: Exception) -> OutcomeUnrecordedError:
        """Hold an outcome: it was done, and a clock may be set right as a server may come back."""
        self._unsettled.append(outcome)
        return OutcomeUnrecordedError(
            f"the outcome of {outcome.action[:12]}… is held until the ledger takes it: {error}"
        )

    def _read_ahead(self) -> None:
        """Count what was just recorded, so that the next decision need not, unless one is taken."""
        if self._turn.acquire(blocking=False):
            try:
                with suppress(StoreError):  # the next decision says so
                    self._standing.read_on(self._store.size())
            finally:
                self._turn.release()

    def settle(self) -> int:
        """Hand in what could not be recorded of outcomes, and end what may have been begun in vain.

        It is done before each decision, too.

        Returns:
            How many outcomes still wait: 0 once all are recorded.
        """
        with self._turn:
            waiting: list[Outcome] = []
            while self._unsettled:
                try:
                    self._settle_one(self._unsettled[0])
                except (StoreError, RefusedError) as error:
                    _LOG.warning("an outcome is not recorded: %s", error)
                    if isinstance(error, StoreError):
                        break
                    # It alone may be refused: the others need not wait for it.
                    waiting.append(self._unsettled[0])
                del self._unsettled[0]
            self._unsettled[:0] = waiting
            return len(self._unsettled)

    def _settle_one(self, outcome: Outcome) -> None:
        """Record an outcome, unless the ledger has it: nobody was told whether it was written."""
        self._standing.read_on(self._store.head()[0].size)
        if outcome.action in self._standing.open:
            self._client.submit([outcome])

    # ----------------------------------------------------------------------------- deciding

    def decide(self, tool: str, params: Mapping[str, Any], **fields: object) -> Answer:
        """Say what would be decided about an action now. Nothing is recorded, and nothing reserved.

        Raises:
            UngovernedError: No contract binds the service.
            LedgerError: A field is unknown or of the wrong form, or the ledger cannot be read.
        """
        with self._turn:
            self._get_ready()
            try:
                ruling, _ = self._ruled(
                    {"tool": tool, "params": dict(params), **fields}, self._now()
                )
            except NoContractError as error:
                raise UngovernedError(f"{error}: nothing may be done") from error
            return answer_of(ruling)

    def propose(self, fields: Mapping[str, Any]) -> tuple[Answer, Recorded]:
        """Decide about an action, and record it with the decision.

        Raises:
            UngovernedError: No contract binds the service, or none that can be read.
            UnrecordedError: The ledger could not record it. Nothing may be done.
            GuardError: What the action names is not in the ledger (`guard.reference`).
            LedgerError: A field is unknown or of the wrong form, or the ledger refuses it.
        """
        (given,) = self.group([Wanted(ACTION, fields)])
        if isinstance(given, Exception):
            raise given
        return cast("tuple[Answer, Recorded]", given)

    def group(self, wanted: Sequence[Wanted]) -> list[Given]:
        """Record several things with one commit, in order, each decided on all before it.

        What cannot be recorded keeps no other from it: an error stands in its place.

        Args:
            wanted: At most 1,024 of them.
        """
        group = Group(wanted)
        with self._turn:
            self.settle()
            try:
                receipts = self._appended(group)
            except (StoreError, RefusedError, UnrecordedError) as error:
                return [
                    group.errors.get(place) or self._lost(group, place, error)
                    for place in range(len(wanted))
                ]
            given = self._answered(group, receipts)
            for one in given:
                if isinstance(one, tuple):
                    self._notices.contain(one[0], contained=self._standing.switched(CONTAINED))
        for one in given:
            if isinstance(one, tuple):
                self._notices.tell(one[0])
        return given

    def _appended(self, group: Group) -> list[Receipt]:
        """Append what is decided; where reading on takes long, read beforehand: others wait."""
        if self._doubtful:
            self._get_ready()
        for _ in range(_TRIES):
            try:
                receipts = self._client.append(lambda head, now: self._prepared(group, head, now))
            except NotReadyError:
                self._standing.forget_assumed()
                self._get_ready()
            except BaseException:
                # What was assumed to be recorded was not, or nobody knows.
                self._standing.forget_assumed()
                raise
            else:
                self._standing.confirm(receipts[-1].leaf if receipts else "")
                return receipts
        raise UnrecordedError("the ledger grows more quickly than it can be read: try again")

    def _prepared(self, group: Group, head: Head, now: str) -> list[EncodedRecord]:
        """Decide all of a group, as the entries that follow a head."""
        self._standing.catch_up(head.size, head.leaf)
        group.begin()
        for place, one in enumerate(group.wanted):
            try:
                record, ruling = self._made(one, now)
            except NoContractError as error:
                group.errors[place] = UngovernedError(f"{error}: nothing may be done")
            except (GuardError, LedgerError, ValueError) as error:
                group.errors[place] = error
            else:
                group.add(place, record, ruling)
                if ruling is not None:
                    self._doubtful.add(record.digest)
                if len(group.wanted) > 1:
                    self._standing.assume(record, now, self._client.key)
        return group.records

    def _made(self, wanted: Wanted, now: str) -> tuple[EncodedRecord, Ruling | None]:
        """Return a record as the next entry, and where it is an action the ruling on it."""
        if wanted.kind == ACTION:
            ruling, draft = self._ruled(wanted.fields, now)
            decision = None if self._only_observes(draft.tool) else as_record(ruling)
            return EncodedRecord.of(draft.model_copy(update={"decision": decision})), ruling
        made = EncodedRecord.of(self._happened(wanted.kind, wanted.fields))
        if problem := self._standing.problem(made.record, made.digest):
            raise GuardError(f"{wanted.kind}: {problem}", "guard.reference")
        return made, None

    def _happened(self, kind: str, said: Mapping[str, Any]) -> AnyRecord:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        return cast("AnyRecord", self._client.make(KINDS[kind], **said))

    def _only_observes(self, tool: str) -> bool:
        return not self._observed.isdisjoint({tool, "*"})

    def _answered(self, group: Group, receipts: Sequence[Receipt]) -> list[Given]:
        """Return what became of each of a group that was recorded."""
        given: dict[int, Given] = dict(group.errors)
        for place, ruling, receipt in zip(group.places, group.rulings, receipts, strict=True):
            self._doubtful.discard(receipt.record)
            where = recorded(receipt)
            given[place] = where if ruling is None else (self._answer(ruling, receipt), where)
        return [given[place] for place in range(len(group.wanted))]

    def _answer(self, ruling: Ruling, receipt: Receipt) -> Answer:
        answer = replace(answer_of(ruling), action=receipt.record, index=receipt.index)
        if self._only_observes(answer.tool):
            return observed(answer)
        return self._repeated(answer, ruling) if isinstance(answer, Denied) else answer

    def _lost(self, group: Group, place: int, error: Exception) -> Exception:
        """Return the error of what could not be recorded with its group; hold it if it is done."""
        made = dict(zip(group.places, group.records, strict=True)).get(place)
        if made is not None and isinstance(made.record, Outcome):
            return self._held(made.record, error)
        return group.wanted[place].unrecorded(error) if isinstance(error, StoreError) else error

    def _get_ready(self) -> None:
        """Read the ledger on, and have the counters of what is in force, and of what will be."""
        if self._doubtful:
            self._end_doubtful()
        self._standing.read_on(self._store.size())
        self._standing.prepare(self._now())

    def _now(self) -> str:
        return max(format_time(self._clock()), self._standing.latest)

    def _end_doubtful(self) -> None:
        """End the actions that are in the ledger although it failed while they were recorded.

        Nobody was told, so that no tool was called. The ledger's lock is waited for: who holds it
        for us, somewhere on a server, may yet commit.
        """
        self._standing.read_on(self._store.head()[0].size)
        for action in self._doubtful & self._standing.open.keys():
            run = self._standing.open[action].record["run"]
            said = {"action": action, "run": run, "status": "skipped"}
            self._client.submit([self._client.make(Outcome, **said)])
        self._doubtful.clear()

    def _ruled(self, fields: Mapping[str, Any], now: str) -> tuple[Ruling, Action]:
        """Return the ruling on an action as the next entry, and its record but for the decision."""
        version, contract = self._standing.in_force(now)
        tool = contract.tools.get(str(fields.get("tool")))
        draft = self._client.make(
            Action,
            **{"mode": tool.mode if tool else None, **fields},
            contract=ContractVersion(version=version, digest=contract.digest),
        )
        if draft.idempotency_key is None and tool is not None and tool.calling.idempotency:
            key = self._standing.key(contract, draft.tool, draft.params, now)
            draft = draft.model_copy(update={"idempotency_key": key or None})
        raw = record_bytes(draft)
        proposed = self._standing.proposed(digest(raw), raw, now)
        if problem := self._standing.problem(draft, proposed.digest):
            raise GuardError(f"{draft.tool}: {problem}", "guard.reference")
        return self._standing.rule(proposed), draft

    def _repeated(self, answer: Denied, ruling: Ruling) -> Answer:
        """Return what came of the call before, where nothing else stands against this one."""
        rule = f"tools.{answer.tool}.idempotency"
        against = [one for one in answer.objections if one.effect not in {"warn", "allow"}]
        if [one.rule for one in against] != [rule] or against[0].reason:
            return answer
        found = self._standing.event_at(against[0].rests_on[-1])
        return repeated(
            answer,
            found,
            ruling.event.record.get("idempotency_key", ""),
        )

    # -------------------------------------------------------------------- what was recorded

    def proposal(self, action: str) -> Mapping[str, Any]:
        """Return the fields of an action that was proposed, to propose it once more.

        Raises:
            GuardError: There is no such action of this service (`guard.unknown`).
        """
        record = self._action(action).record
        return {name: value for name, value in record.items() if name not in _OWN}

    def taking_back(self, action: str) -> TakingBack:
        """Return the call that takes an action back, as the contract in force says.

        Raises:
            GuardError: There is no such action (`guard.unknown`), or it cannot be taken back
                (`guard.irreversible`).
            UngovernedError: No contract binds the service.
        """
        with self._turn:
            event = self._action(action)
            try:
                found = self._standing.taking_back(event, self._now())
            except NoContractError as error:
                raise UngovernedError(f"{error}: nothing may be done") from error
        if isinstance(found, str):
            raise GuardError(found, "guard.irreversible")
        return found

    def unfinished(self) -> Mapping[str, Event]:
        """Return the allowed live actions that have no outcome: being done now, or never ended.

        Each holds what it reserved, and its idempotency key, until it has an outcome: see
        `abandon`.
        """
        with self._turn:
            self._get_ready()
            return dict(self._standing.open)

    def abandon(self, action: str, why: str) -> Recorded:
        """Record that nobody will say what came of an action: whoever did it is gone.

        Raises:
            GuardError: It has its outcome, or there is no such action (`guard.unknown`).
        """
        event = self.unfinished().get(action)
        if event is None:
            raise GuardError(f"{action[:12]}…: no allowed action without outcome", "guard.unknown")
        said = {"action": action, "run": event.record["run"], "status": "abandoned", "error": why}
        return self.record("outcome", said)

    def _action(self, digest_: str) -> Event:
        with self._turn:
            self._get_ready()
            event = self._standing.action(digest_)
        if event is None:
            raise GuardError(f"{digest_[:12]}…: the ledger has no such action", "guard.unknown")
        return event

    # ---------------------------------------------------------------------------------- end

    def close(self) -> None:
        """Hand in what waits.

        Raises:
            OutcomeUnrecordedError: The ledger still does not take it.
        """
        waiting = self.settle()
        self._read_ahead()
        self._standing.keep()
        if waiting:
            raise OutcomeUnrecordedError(f"{waiting} outcomes are not recorded")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.settle()
