"""What cascading means, worked out the long way: the whole engine over the history that is left.

The candidate decides each action on an engine that is fed only what would be there. Nothing here
knows of dirty keys, of what was decided before, or of a second memory.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from contracts.apart import UNKNOWN
from contracts.case import Case, Groups
from contracts.counters import Entry
from contracts.decision import decide
from contracts.engine import Engine
from contracts.evaluation import Condition, Undecidable
from contracts.facts import UNKEYED, FactMemory, Note, keys_of
from contracts.history import Event
from contracts.lineage import Placed
from contracts.model import Contract, Effect, Verdict
from contracts.withholding import Hidden
from replay.cascade import Cascaded, cascade
from replay.history import Act, History
from replay.redecided import Redecided
from tests.uncounted import uncounted
from verifier.load import VerifiedLedger


def ledger_of(events: Sequence[Event]) -> VerifiedLedger:
    """Return what replay reads of a ledger with these entries."""
    size = events[-1].index + 1 if events else 0
    report = SimpleNamespace(ledger=SimpleNamespace(size=size))
    return cast(
        "VerifiedLedger",
        SimpleNamespace(report=report, contracts={}, events=lambda: iter(events)),
    )


def said(engine: Engine, event: Event) -> Redecided:
    """Return what an engine says of the next action."""
    decision, results = engine.objected(event)
    told = {one.rule.id: one.reason for one in results if one.verdict is Verdict.UNDECIDABLE}
    why = tuple((one.rule, told[one.rule]) for one in decision.reasons if one.rule in told)
    return Redecided(event.index, decision.effect, decision.reasons, why)


def read_by(engine: Engine, event: Event) -> dict[str, str]:
    """Return what each rule for the next action reads of history: its facts, and evidence."""
    world = engine.world
    placed = world.lineage.place(event)
    plan = engine.plan(placed)
    case, found = Case(world, placed, plan.groups), dict[str, str]()
    of_limits = {name for by in world.limits_by for name in by.reads.facts}
    for each in plan.decisive:
        limited = any("limits" in one.reads.members for one in each.conditions)
        names = {*each.facts, *(of_limits if limited else ())}
        values = [(name, case.fact(name).reason, case.fact(name).value) for name in sorted(names)]
        cited = [one.event.index for one in case.cited()] if each.cites_evidence else []
        found[each.rule.id] = repr((values, cited))
    lifted = engine.approvals.lifted(engine.contract, placed, world.lineage)
    return {**found, "": repr(sorted(lifted))}


def as_recorded(contract: Contract, events: Sequence[Event]) -> dict[int, Redecided]:
    """Return what a contract says of each action on the facts as they happened."""
    engine, found = Engine(contract), dict[int, Redecided]()
    for event in events:
        if event.record["kind"] == "action":
            decided = said(engine, event)
            if decided != Redecided(event.index, Effect.ALLOW):
                found[event.index] = decided
        engine.observe(event, judge=False)
    return found


def cascaded(
    contract: Contract, events: Sequence[Event], chosen: AbstractSet[int] | None = None
) -> Cascaded:
    """Return what is under test, over these entries."""
    ledger = ledger_of(events)
    history = History.of(ledger)
    return cascade(ledger, history, contract, as_recorded(contract, events), chosen=chosen)


@dataclass
class Naive:
    """A history that is run again, entry by entry."""

    contract: Contract
    events: Sequence[Event]
    decisions: dict[int, Redecided] = field(default_factory=dict[int, Redecided])
    never: set[int] = field(default_factory=set[int])
    moot: set[int] = field(default_factory=set[int])
    unknown: set[int] = field(default_factory=set[int])
    carried: set[int] = field(default_factory=set[int])
    unsure: set[int] = field(default_factory=set[int])
    read: dict[int, dict[str, str]] = field(default_factory=dict[int, dict[str, str]])

    def __post_init__(self) -> None:
        self.engine = Engine(self.contract)
        self.history = History.of(ledger_of(self.events))
        self._effects: dict[str, str] = {}
        for event in self.events:
            self._take(event)

    def _take(self, event: Event) -> None:
        kind = event.record["kind"]
        if kind == "action":
            self._action(event)
        elif "action" not in event.record or self._stands(event):
            self.engine.observe(event, judge=False)

    def _act(self, digest: str | None) -> Act | None:
        return self.history.act(digest) if digest else None

    def _stands(self, event: Event) -> bool:
        """Return whether what belongs to an action is there at all."""
        act = self._act(event.record["action"])
        assert act is not None
        if act.index in self.moot:
            return False
        if event.record["kind"] == "outcome":
            return act.index not in self.never | self.unknown
        if event.record["kind"] == "observation":
            return act.index not in self.never
        effect, before = self._effects.get(act.digest, ""), act.decision or "allow"
        return effect in {"", before, "approve", "escalate"}

    def _carrier(self, act: Act) -> Act | None:
        """Return the action that carries out a held one, as recorded."""
        for one in self.history.acts:
            call = (one.tool, one.run, one.target, one.call) == (
                *(act.tool, act.run, act.target),
                act.call,
            )
            if one.resumes == act.digest and call and one.decision in {"", "allow"}:
                return one
        return None

    def _action(self, event: Event) -> None:
        act = self._act(event.digest)
        assert act is not None
        done = act.status not in {"", "skipped"}
        held, back = self._act(act.resumes), self._act(act.compensates)
        if (back is not None and back.index in self.never) or (
            held is not None
            and (
                held.index in self.moot
                or (self._effects.get(held.digest) == "deny" and held.decision != "deny")
            )
        ):
            self.moot.add(act.index)
            if done or act.decision in {"", "allow"}:
                self.never.add(act.index)
            return
        run = self.history.runs.get(act.run)
        if run is None or run.said("service") != self.contract.service:
            self.engine.observe(event, judge=False)
            return
        if held is not None and self._effects.get(held.digest) == "at once":
            first = self._carrier(held)
            if first is not None and first.index == act.index:
                self.carried.add(act.index)
                self.engine.observe(event, judge=False)
                return
        decided = said(self.engine, event)
        self.decisions[event.index] = decided
        against = self.engine.objected(event)[1]
        known = [
            one
            for one in against
            if one.hidden is not Hidden.NEVER_DONE or one.rule.effect is Effect.WARN
        ]
        lifted = self.engine.approvals.lifted(
            self.contract, self.engine.world.lineage.place(event), self.engine.world.lineage
        )
        best = decide(self.contract, known, lifted).effect
        self.read[event.index] = read_by(self.engine, event)
        if len(known) < len(against) and best is Effect.ALLOW:
            self.unsure.add(act.index)
            self.engine.observe(event, judge=False)
            return
        self._let_count(event, act, decided.effect.value, done=done)

    def _let_count(self, event: Event, act: Act, effect: str, *, done: bool) -> None:
        before = act.decision or "allow"
        self._effects[act.digest] = effect
        if effect == "allow" and before != "allow" and self._carrier(act) is not None:
            self._effects[act.digest] = "at once"
            self.engine.observe(event, judge=False)
            return
        if effect != "allow" and (done or before == "allow"):
            self.never.add(act.index)
        if effect != before:
            record = {**event.record, "decision": {"effect": effect}}
            event = replace(event, record=record)
        unknown = effect == "allow" and before != "allow" and not done
        notes = self._unknown(event) if unknown else []
        if unknown:
            self.unknown.add(act.index)
        self.engine.observe(event, judge=False)
        for memory, settles, note in notes:
            if settles:
                memory.apply(Note("", (), None, None, settles=event.digest))
            memory.apply(note)

    def _unknown(self, event: Event) -> list[tuple[FactMemory, bool, Note]]:
        """Return what to add for an action of which nobody knows what came."""
        placed = self.engine.world.lineage.place(event)
        found: list[tuple[FactMemory, bool, Note]] = []
        for memory in self.engine.world.facts.values():
            source, tools = memory.fact.source, memory.fact.tools
            if source not in {"outcome", "observation"} or (tools and placed.tool not in tools):
                continue
            if source == "observation" and not tools:
                continue
            ours = placed.run is not None and placed.run.opened["service"] == self.contract.service
            scope = placed.scope(memory.fact.over)
            if scope is None or not (ours or memory.fact.over not in {"run", "service"}):
                continue
            note = (
                self._aging(memory, placed, scope)
                if memory.fact.reserve
                else self._spoiling(memory, placed, scope)
            )
            if note is not None:
                found.append((memory, bool(memory.fact.reserve), note))
        return found

    def _untimed(self, memory: FactMemory, placed: Placed) -> bool:
        wide = placed.event.imported and memory.fact.over != "run"
        return memory.fact.within is not None and (placed.time is None or wide)

    def _aging(self, memory: FactMemory, placed: Placed, scope: str) -> Note | None:
        if memory.fact.within is None:
            return None
        held = memory.note(Case(self.engine.world, placed, Groups((), (), 0)))
        if held is None or held.entry is None:
            return None
        lasting = self._untimed(memory, placed)
        entry = held.entry
        if lasting and not entry.reason:
            why = "it has no event time"
            if placed.time is not None:
                why = "it is imported, and its time is proven within its run only"
            entry = Entry(entry.index, None, why)
        return Note(scope, held.keys, entry, placed.time, lasting)

    def _spoiling(self, memory: FactMemory, placed: Placed, scope: str) -> Note | None:
        own = memory.fact.source
        case = Case(self.engine.world, placed, Groups((), (), 0))

        def asked(one: Condition) -> Any:  # noqa: ANN401 - any value
            return (
                Undecidable(UNKNOWN, Hidden.NEVER_DONE)
                if own in one.reads.members
                else case.ask(one)
            )

        if memory.where is not None and asked(memory.where) is False:
            return None
        keys = keys_of(asked(memory.by)) if memory.by is not None else (UNKEYED,)
        if memory.by is not None and isinstance(asked(memory.by), Undecidable):
            keys = Undecidable(UNKNOWN, Hidden.NEVER_DONE)
        entry = Entry(placed.event.index, None, UNKNOWN, Hidden.NEVER_DONE)
        lasting = self._untimed(memory, placed)
        return Note(
            scope, None if isinstance(keys, Undecidable) else keys, entry, placed.time, lasting
        )


def assert_same(contract: Contract, events: Sequence[Event]) -> Cascaded:
    """Cascading says what the long way says, of every action; return what it says."""
    found = cascaded(contract, events)
    with uncounted():
        recorded: Mapping[int, Redecided] = as_recorded(contract, events)
        naive, before = Naive(contract, events), read_as_recorded(contract, events)
    assert found.moot == naive.moot
    assert found.carried_out == naive.carried
    assert found.unknown_outcomes == naive.unknown
    assert found.unsure == naive.unsure
    assert {index: found.decision(index, recorded) for index in naive.decisions} == naive.decisions
    assert found.never_happened == naive.never
    assert found.asked_again == sum(before[one] != read for one, read in naive.read.items())
    return found


def read_as_recorded(contract: Contract, events: Sequence[Event]) -> dict[int, dict[str, str]]:
    """Return what the rules read of each action on the facts as they happened."""
    engine, found = Engine(contract), dict[int, dict[str, str]]()
    for event in events:
        if event.record["kind"] == "action":
            found[event.index] = read_by(engine, event)
        engine.observe(event, judge=False)
    return found
