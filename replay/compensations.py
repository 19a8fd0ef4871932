"""What could take an act back: the call that the contract in force names, decided as of then.

The call is computed as the guard computes it (`contracts.undoing`) and decided by the guard's
engine on the history as of one time. It is proposed by whoever acted, in a run of its own.
Source: docs/spec/rollback.md, *The compensating call*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from contracts.engine import Engine
from contracts.evaluation import Undecidable
from contracts.history import Event
from contracts.instants import micros, moment, written
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Effect, Tool, Verdict
from contracts.undoing import NoWayBack, taking_back
from contracts.versions import VersionHistory
from contracts.view import Views
from replay.dependencies import Trail
from replay.history import Act, History, Money, Step, money
from verifier.load import VerifiedLedger

HARMLESS: Final = frozenset({"read", "draft", "recommend"})
"""Modes of tools that change nothing outside: there is nothing to take back."""


@dataclass(frozen=True, slots=True)
class Needed:
    """An approval that a call needs: for which rule, by whom, and what the rule says."""

    rule: str
    role: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A compensating call, and what the contract in force decides of it.

    Attributes:
        tool: Its tool.
        params: Its parameters, as the contract computes them, and as they were given.
        effect: The decision: `allow`, `approve`, `escalate` or `deny`.
        approvals: Those that it needs; empty unless the decision is `approve`.
        against: Of a call that is not allowed the rules that stand against it, in words.
        open: Whether nothing stands against it but what cannot be decided.
        cost: What the contract estimates for it, None where it estimates nothing.
    """

    tool: str
    params: Mapping[str, Any]
    effect: str
    approvals: tuple[Needed, ...] = ()
    against: tuple[str, ...] = ()
    open: bool = False
    cost: Money | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """What there is to take an act back, whatever else depends on it.

    Attributes:
        call: The compensating call, None where there is none.
        why: Why there is none, in words.
        stated: The contract says itself that the act cannot be taken back.
        open: Nobody knows: what it would need is not recorded.
        expired: The contract's window is over.
        left: How long the window is still open, in microseconds; None where it has no end.
    """

    call: Call | None = None
    why: str = ""
    stated: bool = False
    open: bool = False
    expired: bool = False
    left: int | None = None


@dataclass(slots=True)
class InForce:
    """The contract of each service in force at a time, with its counters as of then.

    Args:
        versions: Which contract is in force when.
        contracts: The contracts, by digest.
        at: The time, in microseconds since 1970; None for the end of all.
    """

    versions: VersionHistory
    contracts: Mapping[str, Contract]
    at: int | None = None
    _engines: dict[str, Engine] = field(default_factory=dict[str, Engine])
    _ready: bool = False

    def chosen(self) -> dict[str, Contract]:
        """Return the contract of each service; services without one are missing."""
        found: dict[str, Contract] = {}
        for service, all_ in sorted(self.versions.kept()[1].items()):
            last = self.versions.at(service, 2**62 if self.at is None else self.at)
            # What was imported says only in which order contracts came.
            marked = [one for one in all_ if one.imported]
            one = last or (marked[-1] if marked else None)
            if one is not None and one.digest in self.contracts:
                found[service] = self.contracts[one.digest]
        return found

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Count an entry."""
        if not self._ready:
            self._ready = True
            self._engines = {
                service: Engine(contract, lineage=lineage)
                for service, contract in self.chosen().items()
            }
        for engine in self._engines.values():
            engine.take(placed, judge=False)

    def engine(self, service: str) -> Engine | None:
        """Return the engine of a service."""
        return self._engines.get(service)


@dataclass(slots=True)
class Compensations:
    """Says what there is to take acts back, each decided as if it alone were proposed now.

    Args:
        history: The history as of then.
        trail: What was collected while it was read.
        in_force: The contracts in force, which counted that history.
        at: The time, in microseconds since 1970.
        given: Parameters of compensating calls that the contract leaves to whoever proposes them.
    """

    history: History
    trail: Trail
    in_force: InForce
    at: int
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _known: dict[int, Undo] = field(default_factory=dict[int, Undo])
    _runs: dict[str, str] = field(default_factory=dict[str, str])
    _next: int = 0

    def tool(self, act: Act) -> Tool | None:
        """Return the tool of an act as the contract in force knows it."""
        engine = self.in_force.engine(self.service(act))
        return None if engine is None else engine.contract.tools.get(act.tool)

    def service(self, act: Act) -> str:
        """Return the service of an act."""
        run = self.history.runs.get(act.run)
        return "" if run is None else run.said("service")

    def harmless(self, act: Act) -> bool:
        """Return whether an act's tool changes nothing outside, as the contract says."""
        tool = self.tool(act)
        return (tool.mode if tool is not None else act.mode) in HARMLESS

    def undo(self, number: int) -> Undo:
        """Return what there is to take an act back, by its place in the history."""
        if number not in self._known:
            self._known[number] = self._undo(number, self.history.acts[number])
        return self._known[number]

    def _undo(self, number: int, act: Act) -> Undo:
        engine = self.in_force.engine(self.service(act))
        tool = self.tool(act)
        if engine is None:
            return Undo(why="no contract is in force for its service")
        if tool is None:
            return Undo(why=f"the contract in force knows no {act.tool}")
        if not tool.compensation:
            why = tool.irreversible or "the contract names no way back"
            return Undo(why=why, stated=bool(tool.irreversible))
        left: int | None = None
        within = tool.calling.take_back_within
        if within is not None:
            if act.ended_at is None:
                return Undo(why="nobody knows when it was done, and its window ends", open=True)
            left = act.ended_at + within - self.at
            if left <= 0:
                return Undo(why=f"its window of {_length(within)} is over", expired=True)
        return self._called(number, act, engine, left)

    def _called(self, number: int, act: Act, engine: Engine, left: int | None) -> Undo:
        way = taking_back(engine, act.tool, self.trail.outcomes.get(number))
        if isinstance(way, NoWayBack):
            return Undo(why=way.why, open=way.open, left=left)
        params = {**self._left_open(engine.contract, way.tool, way.params), **way.params}
        event = self._proposed(act, engine, way.tool, params)
        decision, against = engine.objected(event)
        rules = {one.rule.id: one.rule for one in against}
        approvals: list[Needed] = []
        objections: list[str] = []
        decided = False
        for reason in decision.reasons:
            rule = rules[reason.rule]
            if reason.effect is Effect.APPROVE:
                approvals.append(Needed(rule.id, rule.role, rule.says))
            elif reason.effect in (Effect.DENY, Effect.ESCALATE):
                objections.append(f"{rule.id}: {rule.says}" if rule.says else rule.id)
                decided = decided or reason.result is Verdict.VIOLATED
        call = Call(
            way.tool,
            params,
            decision.effect.value,
            tuple(approvals) if decision.effect is Effect.APPROVE else (),
            tuple(objections),
            bool(objections) and not decided,
            self._estimate(engine, event),
        )
        return Undo(call, left=left)

    def _left_open(
        self, contract: Contract, tool: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the given parameters that the compensating tool has and the contract leaves."""
        known = contract.tools.get(tool)
        schema = known.schema if known is not None else None
        names: Mapping[str, Any] = {} if schema is None else schema.get("properties", {})
        return {
            name: value
            for name, value in sorted(self.given.items())
            if name not in params and (schema is None or name in names)
        }

    def _proposed(self, act: Act, engine: Engine, tool: str, params: Mapping[str, Any]) -> Event:
        run = self._run(act, engine)
        record: dict[str, Any] = {
            "v": 1,
            "kind": "action",
            "by": act.by,
            "run": run,
            "tool": tool,
            "params": params,
            "compensates": act.digest,
        }
        event = self._event(record)
        known = engine.contract.tools.get(tool)
        if known is not None and known.calling.idempotency:
            key = engine.value(event, known.calling.idempotency)
            if isinstance(key, str | int) and not isinstance(key, Undecidable):
                record["idempotency_key"] = str(key)
        return event

    def _event(self, record: Mapping[str, Any], digest: str = "proposed") -> Event:
        identity = self.trail.identities.get(record["by"], {"registered": False})
        # Beyond every entry: `size` is free, and the engine takes indexes in order.
        return Event(
            self.history.size + self._next, digest, record, written(moment(self.at)), identity
        )

    def _run(self, act: Act, engine: Engine) -> str:
        """Return a run that is opened to take back what somebody did; one for each of them."""
        service = self.service(act)
        key = f"{service}\n{act.by}"
        if key not in self._runs:
            name = f"rollback {len(self._runs)}"
            record = {
                "v": 1,
                "kind": "run",
                "phase": "opened",
                "by": act.by,
                "service": service,
                "goal": "take back what was done",
            }
            event = self._event(record, name)
            self._next += 1
            lineage = engine.world.lineage
            placed = lineage.place(event)
            engine.take(placed, judge=False)
            lineage.remember(placed)
            self._runs[key] = name
        return self._runs[key]

    def _estimate(self, engine: Engine, event: Event) -> Money | None:
        views: Views = engine.world.views
        found = views.part(engine.world.lineage.place(event), "action", "estimate")
        if not isinstance(found, dict):
            return None
        return money(found.get("cost"))


class Watching(Protocol):
    """Whoever wants to see each entry while a ledger is read."""

    def watch(self, placed: Placed, in_force: InForce) -> None:
        """Take in an entry, before it counts. A ledger may be read twice."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A ledger read for a rollback: its history as of a time, and what stands on that."""

    history: History
    trail: Trail
    compensations: Compensations
    at: int


def read(
    ledger: VerifiedLedger,
    at: int | None = None,
    *,
    given: Mapping[str, Any] | None = None,
    watches: Sequence[Watching] = (),
    step: Step | None = None,
) -> Reading:
    """Read a ledger as of a time, in one pass.

    Args:
        ledger: The ledger.
        at: The time, in microseconds since 1970; None for that of its last entry.
        given: Parameters of compensating calls that the contract leaves open.
        watches: Whoever else wants to see each entry, with the contracts that count it.
        step: Called now and then with how many entries were read, and how many there are.
    """
    trail = Trail(
        frozenset(
            name
            for contract in ledger.contracts.values()
            for name, tool in contract.tools.items()
            if tool.compensation
        )
    )
    in_force = InForce(ledger.versions, ledger.contracts, at)
    last = ""

    def watch(placed: Placed, lineage: Lineage) -> None:
        nonlocal last
        for one in watches:
            one.watch(placed, in_force)
        trail.watch(placed, lineage)
        in_force.watch(placed, lineage)
        last = placed.event.recorded_at

    history = History.of(ledger, step, watch=watch, until=at)
    end = (micros(last) or 0) if at is None else at
    again = InForce(ledger.versions, ledger.contracts, end)
    if at is None and again.chosen() != in_force.chosen():
        # A contract is activated that is not in force yet at the end.
        return read(ledger, end, given=given, watches=watches, step=step)
    return Reading(
        history, trail, Compensations(history, trail, in_force, end, dict(given or {})), end
    )


def _length(micros_: int) -> str:
    """Return a length of time in the largest unit that it is a whole number of."""
    seconds = micros_ / 1_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
