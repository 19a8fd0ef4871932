"""The service without HTTP: what it was given, what it does for a caller, and how it ends."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from contracts.answers import Answer, GuardError, OutcomeUnrecordedError
from contracts.channel import Recorded
from contracts.grouped import Wanted
from contracts.guard import Guard
from ledger.admission import Admission, Receipt, SignedSubmission
from ledger.client import LedgerClient
from ledger.clock import Clock, system_clock
from ledger.encoding import digest, encode
from ledger.errors import LedgerError
from ledger.store import Store
from writ.service.access import Access, Caller
from writ.service.limits import DEFAULT, Limits
from writ.service.metrics import Metrics
from writ.service.problems import ProblemError
from writ.service.published import Contracts, Tree
from writ.service.runs import CALLER, Outcomes, Run, Runs
from writ.service.sequencer import Sequencer
from writ.service.tokens import Tokens
from writ.service.verifications import Verifications

_LOG: Final = logging.getLogger("writ.service")


@dataclass(frozen=True)
class Config:
    """What a service is given. It ends the clients, and leaves the store open.

    Attributes:
        store: The ledger's store, writable.
        agent: The identity that it records as.
        guards: A guard for each service.
        clients: What the guards write with: ended when the service ends.
        keeper: Signs heads; None where somebody else does.
        clock: The ledger's clock.
        limits: What is taken.
        names: Hosts, with port, that requests may be signed for; none: any.
        tokens: Tells whose token it is; None where tokens are not taken.
        trust: A trust file for verifications.
        head_every: Seconds between two heads, at least.
    """

    store: Store
    agent: str
    guards: Mapping[str, Guard]
    clients: Sequence[LedgerClient] = ()
    keeper: LedgerClient | None = None
    clock: Clock = system_clock
    limits: Limits = DEFAULT
    names: frozenset[str] = frozenset()
    tokens: Tokens | None = None
    trust: Path | None = None
    head_every: float = 1.0


class Service:
    """Decides and records for whoever asks."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.access = Access(config.store, config.clock)
        self.contracts = Contracts(config.store, config.clock)
        self.tree = Tree(config.store)
        self.verifications = Verifications(config.store.location, config.trust)
        self._runs = Runs(config.store, config.agent)
        self._outcomes = Outcomes()
        self._admission = Admission(config.store, config.clock)
        self._admitting = threading.Lock()
        self.sequencers = {
            service: Sequencer(guard, config.limits.queue, told=self.metrics.group(service))
            for service, guard in config.guards.items()
        }
        for service, sequencer in self.sequencers.items():
            self.metrics.watch(service, sequencer.count)
        self._heads = None if config.keeper is None else Heads(config, config.keeper)

    # ------------------------------------------------------------------------------ runs

    def service_named(self, named: str | None) -> str:
        """Return the service that is meant: the only one where none is named.

        Raises:
            ProblemError: It is not guarded here, or has to be named (`request.service`).
        """
        guarded = self.config.guards
        if named is None and len(guarded) == 1:
            return next(iter(guarded))
        if named is None or named not in guarded:
            what = f"name one of the services guarded here: {', '.join(sorted(guarded))}"
            raise ProblemError(422, "request.service", what)
        return named

    async def open_run(
        self, caller: Caller, service: str | None, fields: Mapping[str, Any]
    ) -> Recorded:
        """Open a run for a caller, who stands in its attributes."""
        named = self.service_named(service)
        attributes: Mapping[str, Any] = fields.get("attributes") or {}
        if CALLER in attributes:
            what = f"attributes.{CALLER} is written by the service"
            raise ProblemError(422, "request.reserved", what)
        said: dict[str, Any] = {
            **fields,
            "service": named,
            "attributes": {**attributes, CALLER: caller.identity},
        }
        recorded = await self._record(named, Wanted("run", said))
        self._runs.opened(Run(recorded.digest, named, caller.identity))
        return recorded

    def known_run(self, caller: Caller, run: str) -> Run | None:
        """Return a run that a caller opened or asked for here; the ledger is not asked."""
        known = self._runs.known(run)
        return known if known is not None and known.caller == caller.identity else None

    async def run(self, caller: Caller, run: str) -> Run:
        """Return a run that a caller may use. Raises as `usable` does."""
        known = self.known_run(caller, run)
        if known is not None:
            return known
        return await asyncio.to_thread(self.usable, caller, run)

    def usable(self, caller: Caller, run: str) -> Run:
        """Return a run that a caller may use: its own, or one of the same owner's.

        Raises:
            ProblemError: Nobody opened it here (`guard.reference`), or it is another owner's
                (`run.other`).
        """
        found = self._runs.find(run)
        if found is None or found.service not in self.config.guards:
            what = f"{run[:12]}…: no run was opened under this name through this service"
            raise ProblemError(422, "guard.reference", what)
        if found.caller == caller.identity:
            return found
        if not caller.owner or self.access.owner(found.caller) != caller.owner:
            raise ProblemError(403, "run.other", "the run is another owner's")
        return found

    # ------------------------------------------------------------------ deciding, recording

    async def record(self, run: Run, kind: str, fields: Mapping[str, Any]) -> Recorded:
        """Record what happened in a run."""
        return await self._record(run.service, Wanted(kind, {**fields, "run": run.id}))

    async def _record(self, service: str, wanted: Wanted) -> Recorded:
        return cast("Recorded", await self._done(service, wanted))

    async def _done(self, service: str, wanted: Wanted) -> object:
        future = self.sequencers[service].submit(wanted)
        # Whoever asked may go away: what was handed in is done all the same.
        return await asyncio.shield(asyncio.wrap_future(future))

    async def decide(
        self, caller: Caller, run: Run, fields: Mapping[str, Any]
    ) -> tuple[Answer, Recorded]:
        """Decide about an action and record it."""
        for named in ("resumes", "compensates"):
            if fields.get(named):
                await asyncio.to_thread(self._check_action, caller, run, fields[named])
        wanted = Wanted("action", {**fields, "run": run.id})
        answer, recorded = cast("tuple[Answer, Recorded]", await self._done(run.service, wanted))
        self.metrics.decision(run.service, answer.effect)
        return answer, recorded

    def _check_action(self, caller: Caller, run: Run, action: str) -> None:
        """Refuse to go on with an action of a run that a caller may not use."""
        with contextlib.suppress(GuardError):  # if there is none, the guard says so
            self.usable(caller, self.config.guards[run.service].proposal(action)["run"])

    async def preview(self, run: Run, fields: Mapping[str, Any]) -> Answer:
        """Say what would be decided."""
        guard = self.config.guards[run.service]
        said: dict[str, Any] = {**fields, "run": run.id}
        tool, params = said.pop("tool"), said.pop("params")
        return await asyncio.to_thread(lambda: guard.decide(tool, params, **said))

    async def outcome(self, run: Run, fields: Mapping[str, Any]) -> Recorded:
        """Record how an action ended, once: the same outcome again is answered as before."""
        action, guard = fields["action"], self.config.guards[run.service]
        said = digest(encode(dict(fields)))
        earlier = await asyncio.to_thread(
            self._outcomes.begin, action, run.id, said, guard.unfinished
        )
        if earlier is not None:
            return earlier
        try:
            recorded = await self.record(run, "outcome", fields)
        except OutcomeUnrecordedError:
            # The guard holds it: it must not be said twice.
            raise
        except Exception:
            self._outcomes.forget(action)
            raise
        self._outcomes.end(action, recorded)
        return recorded

    # ----------------------------------------------------------------------------- actions

    def of_action(self, action: str) -> tuple[Guard, Mapping[str, Any]]:
        """Return the guard of an action, and the action's fields.

        Raises:
            GuardError: There is none (`guard.unknown`).
        """
        for guard in self.config.guards.values():
            with contextlib.suppress(GuardError):
                return guard, guard.proposal(action)
        raise GuardError(f"{action[:12]}…: the ledger has no such action", "guard.unknown")

    def admit(self, handed_in: SignedSubmission) -> list[Receipt]:
        """Take in what a caller signed.

        Raises:
            LedgerError: The ledger does not take it.
        """
        with self._admitting, self._admission.open() as turn:
            return turn.admit(handed_in)

    def is_ready(self) -> bool:
        """Return whether the ledger can be read, and binds every service that is guarded."""
        try:
            return all(self.contracts.in_force(service) for service in self.config.guards)
        except LedgerError:
            return False

    # --------------------------------------------------------------------------------- end

    def close(self) -> None:
        """End: what waits is done, outcomes are handed in, streams ended and a last head signed."""
        self.verifications.close()
        for sequencer in self.sequencers.values():
            sequencer.close()
        for guard in self.config.guards.values():
            _ended(guard.close)
        for client in self.config.clients:
            _ended(client.close)
        if self._heads is not None:
            self._heads.close()


class Heads:
    """Signs the ledger's head as it grows, in a thread of its own."""

    def __init__(self, config: Config, keeper: LedgerClient) -> None:
        self._store = config.store
        self._keeper = keeper
        self._every = config.head_every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="heads", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        signed = 0
        while not self._stop.wait(self._every):
            try:
                size = self._store.size()
                if size != signed:
                    self._keeper.checkpoint()
                    signed = size
            except LedgerError as error:
                _LOG.warning("no head was signed: %s", error)

    def close(self) -> None:
        """Sign the last one."""
        self._stop.set()
        self._thread.join()
        _ended(self._keeper.close)


def _ended(end: Callable[[], None]) -> None:
    """End one thing. What goes wrong must not keep the others from their end."""
    try:
        end()
    except (GuardError, LedgerError) as error:
        _LOG.error("at the end: %s", error)
