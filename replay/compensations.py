"""What could take an act back: the call that the contract in force names, decided as of a time.

The call is computed as the guard computes it (`contracts.undoing`), while the ledger is read, and
decided by the guard's engine on the history as of that time, as if it alone were proposed then.
Source: docs/spec/rollback.md, *The compensating call*.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from contracts.decision import Decision
from contracts.engine import Engine
from contracts.history import Event
from contracts.instants import moment, written
from contracts.lineage import Lineage, Placed
from contracts.model import Effect, Tool, Verdict
from contracts.results import RuleResult
from contracts.undoing import NoWayBack, TakingBack, taking_back
from replay.history import Act, History, Money, money
from replay.in_force import InForce

OK: Final = "ok"
_STOPS: Final = frozenset({Effect.DENY, Effect.ESCALATE})
_PASSING: Final = re.compile(
    r"recovery\.(containment|kill-switch)|cost\.throttle\..*|tools\..*\.(rate|breaker)"
)
PROPOSED: Final = "proposed"
"""The digest of a call that is not in the ledger."""


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
        params: Its parameters, as the contract computes them and as they were given.
        target: What it is about, as that tool's contract says; empty.
        key: Its idempotency key; empty where the contract computes none.
        effect: The decision: `allow`, `approve`, `escalate` or `deny`.
        approvals: Those that it needs; empty unless the decision is `approve`.
        against: Of a call that is not allowed the rules that stand against it, in words.
        rules: The ids of those rules.
        undecided: Whether nothing stands against it but what cannot be decided.
        cost: What the contract estimates for it, None where it estimates nothing.
        attempts: How often it may be tried.
        earlier: The entry of the very same call, made before: nothing else stands against this one.
    """

    tool: str
    params: Mapping[str, Any]
    effect: str
    target: str = ""
    key: str = ""
    approvals: tuple[Needed, ...] = ()
    against: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    undecided: bool = False
    cost: Money | None = None
    attempts: int = 1
    earlier: int = -1

    @property
    def allowed(self) -> bool:
        """Whether it may be made, people having approved it where they have to."""
        return self.effect in {Effect.ALLOW, Effect.APPROVE}

    @property
    def passing(self) -> bool:
        """Whether what stands against it passes: a bound on a window, or a switch."""
        return bool(self.rules) and all(_PASSING.fullmatch(rule) for rule in self.rules)


class Calls:
    """Computes, while a ledger is read, what could take each act back: hand `watch` to the reading.

    Attributes:
        found: By an act's record digest the call, or why there is none.
        identities: What the authority said last of everybody who acted.

    Args:
        in_force: The contracts, which count the same entries before.
    """

    def __init__(self, in_force: InForce) -> None:
        self.found: dict[str, TakingBack | NoWayBack] = {}
        self.identities: dict[str, Mapping[str, Any]] = {}
        self._in_force = in_force

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Take in an entry."""
        del lineage
        if placed.subject == "action":
            self.identities[placed.record["by"]] = placed.event.identity
        elif placed.subject == "outcome" and placed.record["status"] == OK:
            self._done(placed)

    def _done(self, placed: Placed) -> None:
        service = "" if placed.run is None else str(placed.run.opened.get("service", ""))
        tool = self._in_force.tool(service, placed.tool)
        engine = self._in_force.engine(service)
        if engine is not None and tool is not None and tool.compensation:
            way = taking_back(engine, placed.tool, placed.event)
            self.found[placed.record["action"]] = way


@dataclass(slots=True)
class Compensations:
    """Decides compensating calls, each as if it alone were proposed at a time.

    Args:
        history: The history as of then.
        calls: What was computed while it was read.
        in_force: The contracts in force, which counted that history.
        at: The time, in microseconds since 1970.
        given: Parameters of compensating calls that the contract leaves to whoever proposes them.
    """

    history: History
    calls: Calls
    in_force: InForce
    at: int
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _known: dict[str, Call] = field(default_factory=dict[str, Call])
    _runs: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    _next: int = 0

    def service(self, act: Act) -> str:
        """Return the service of an act."""
        run = self.history.runs.get(act.run)
        return "" if run is None else run.said("service")

    def tool(self, act: Act) -> Tool | None:
        """Return the tool of an act as the contract in force knows it."""
        return self.in_force.tool(self.service(act), act.tool)

    def way(self, act: Act) -> TakingBack | NoWayBack:
        """Return the call that takes an act back, undecided, or why there is none."""
        found = self.calls.found.get(act.digest)
        return NoWayBack("it has no outcome that says so", open=True) if found is None else found

    def call(self, act: Act, way: TakingBack) -> Call:
        """Return the call that takes an act back, decided."""
        found = self._known.get(act.digest)
        if found is None:
            found = self._known[act.digest] = self._decided(act, way)
        return found

    def _decided(self, act: Act, way: TakingBack) -> Call:
        service = self.service(act)
        engine = self.in_force.engine(service)
        if engine is None:
            raise LookupError(f"nothing decides for {service}")
        params = {**self._left_open(service, way), **way.params}
        run = self._run(service, act.by, engine)
        event = self.proposed(act, way.tool, params, run, engine)
        decision, against = engine.objected(event)
        view = _Viewed(engine, event)
        return Call(
            tool=way.tool,
            params=params,
            effect=decision.effect.value,
            target=view.target,
            key=event.record.get("idempotency_key", ""),
            approvals=_needed(decision, against),
            against=_against(decision, against),
            rules=tuple(each.rule for each in decision.reasons if each.effect in _STOPS),
            undecided=_undecided(decision),
            cost=view.cost,
            attempts=way.attempts,
            earlier=_earlier(way.tool, decision, against),
        )

    def _left_open(self, service: str, way: TakingBack) -> dict[str, Any]:
        """Return the given parameters that the compensating tool has and the contract leaves."""
        known = self.in_force.tool(service, way.tool)
        schema = known.schema if known is not None else None
        names: Mapping[str, Any] = {} if schema is None else schema.get("properties", {})
        return {
            name: value
            for name, value in sorted(self.given.items())
            if name not in way.params and (schema is None or name in names)
        }

    def proposed(
        self, act: Act, tool: str, params: Mapping[str, Any], run: str, engine: Engine
    ) -> Event:
        """Return a call as the entry that proposing it would make."""
        record: dict[str, Any] = {
            "v": 1,
            "kind": "action",
            "by": act.by,
            "run": run,
            "tool": tool,
            "params": params,
            "compensates": act.digest,
        }
        known = engine.contract.tools.get(tool)
        if known is not None:
            record["mode"] = known.mode
            if known.calling.idempotency:
                key = engine.value(self.event(record), known.calling.idempotency)
                if isinstance(key, str | int):
                    record["idempotency_key"] = str(key)
        return self.event(record)

    def event(self, record: Mapping[str, Any], digest: str = PROPOSED) -> Event:
        """Return a record as the next entry, at the time as of which is asked."""
        identity = self.calls.identities.get(record["by"], {"registered": False})
        # Beyond every entry: `size` is free, and an engine takes indexes in order.
        index = self.history.size + self._next
        return Event(index, digest, record, written(moment(self.at)), identity)

    def _run(self, service: str, by: str, engine: Engine) -> str:
        """Return the run in which somebody's acts are taken back; nothing else is in it."""
        if (service, by) not in self._runs:
            self._runs[service, by] = self.opened(service, by, engine)
        return self._runs[service, by]

    def opened(self, service: str, by: str, engine: Engine) -> str:
        """Open a run that is not in the ledger, and let it count."""
        name = f"rollback {self._next}"
        record = {
            "v": 1,
            "kind": "run",
            "phase": "opened",
            "by": by,
            "service": service,
            "goal": "take back what was done",
        }
        self.count(self.event(record, name), engine)
        return name

    def count(self, event: Event, engine: Engine) -> None:
        """Let an entry count that is not in the ledger."""
        self._next += 1
        lineage = engine.world.lineage
        placed = lineage.place(event)
        engine.take(placed, judge=False)
        lineage.remember(placed)


class _Viewed:
    """What the contract computes of a proposed call: its target and its cost."""

    def __init__(self, engine: Engine, event: Event) -> None:
        placed = engine.world.lineage.place(event)
        target = engine.world.views.part(placed, "action", "target")
        estimate = engine.world.views.part(placed, "action", "estimate")
        self.target = target if isinstance(target, str) else ""
        said = cast("dict[str, Any]", estimate) if isinstance(estimate, dict) else {}
        self.cost = money(said.get("cost"))


def _needed(decision: Decision, against: Sequence[RuleResult]) -> tuple[Needed, ...]:
    if decision.effect is not Effect.APPROVE:
        return ()
    rules = {one.rule.id: one.rule for one in against}
    return tuple(
        Needed(reason.rule, rules[reason.rule].role, rules[reason.rule].says)
        for reason in decision.reasons
        if reason.effect is Effect.APPROVE
    )


def _against(decision: Decision, against: Sequence[RuleResult]) -> tuple[str, ...]:
    """Return the rules for which a call is not allowed: what they say, or why nobody can tell."""
    said = {one.rule.id: one.reason or one.rule.says for one in against}
    return tuple(
        f"{reason.rule}: {said[reason.rule]}" if said.get(reason.rule) else reason.rule
        for reason in decision.reasons
        if reason.effect in _STOPS
    )


def _undecided(decision: Decision) -> bool:
    stopping = [each for each in decision.reasons if each.effect in _STOPS]
    return bool(stopping) and all(each.result is Verdict.UNDECIDABLE for each in stopping)


def _earlier(tool: str, decision: Decision, against: Sequence[RuleResult]) -> int:
    """Return the entry of the same call made before, where nothing else stands against this one."""
    stopping = [
        each.rule for each in decision.reasons if each.effect not in {Effect.WARN, Effect.ALLOW}
    ]
    if stopping != [f"tools.{tool}.idempotency"]:
        return -1
    found = next((one for one in against if one.rule.id == stopping[0]), None)
    decided = found is not None and found.verdict is Verdict.VIOLATED and found.rests_on
    return found.rests_on[-1] if found is not None and decided else -1
