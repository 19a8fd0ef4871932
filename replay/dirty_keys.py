"""Two histories of one ledger under one contract, told apart fact by fact, scope by scope.

The first is as recorded. The second, as it would have been, differs in what some actions did. Both
are fed in one pass; the second remembers by itself only the (fact, scope, key) pairs at which they
differ, and an action is decided again only where a rule reads a fact that has another value in it.
Source: docs/spec/cascading.md.
"""

from collections.abc import Container, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Final

from contracts.apart import Apart, Unheard
from contracts.approvals import ApprovalBook
from contracts.case import Case, Groups
from contracts.decision import decide
from contracts.engine import CompiledRule, Engine, Plan, verdict
from contracts.evaluation import Condition
from contracts.facts import FactMemory, Note
from contracts.history import Event
from contracts.lineage import Placed
from contracts.model import Contract, Effect, Verdict
from contracts.results import RuleResult
from contracts.withholding import Hidden
from replay.redecided import Redecided

OF_ACTIONS: Final = frozenset({"action", "outcome", "observation", "approval"})
"""Records that are gone, or say something else, where an action does not happen."""
ALONE: Final = Groups((), (), 0)


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule that reads something which can differ: its facts, and whether it reads evidence."""

    rule: CompiledRule
    facts: tuple[str, ...]
    evidence: bool


@dataclass(frozen=True, slots=True)
class Again:
    """What the contract says of an action that was asked again.

    `open` is true where it hangs on an outcome that nobody knows: rules that read it are
    undecidable, and nothing else keeps the action from being let through.
    """

    said: Redecided
    open: bool


class TwoHistories:
    """One contract's facts over both histories."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._engine = Engine(contract)
        world = self._engine.world
        self._world = world
        limits = {name for by in world.limits_by for name in by.reads.facts}
        self._limits = frozenset(limits)
        self._evident_limits = any("evidence" in by.reads.members for by in world.limits_by)
        self._rules = {each.rule.id: each for each in self._engine.rules}
        self._parted = self._parting()
        self._watched = self._watching()
        asked = {name for one in self._watched.values() for name in one.facts}
        read = {name for rule in self._watched for name in self._read(self._rules[rule])}
        self._fed = world.behind(asked | read) if read else frozenset[str]()
        self._apart = {
            name: Apart(world.facts[name], world.evaluator, world.withholding)
            for name in sorted(self._parted & self._fed)
        }
        self._approvals = ApprovalBook()
        self._other = copy(world)
        self._other.facts = {**world.facts, **self._apart}
        self._noted = {name: self._behind_note(world.facts[name]) for name in self._fed}
        self._looked_at = {name: self._behind_value(name) for name in self._apart}
        self._memories: dict[int, tuple[FactMemory, ...]] = {}
        self._plans: dict[int, tuple[Watched, ...]] = {}

    @property
    def affected(self) -> int:
        """How many (fact, scope, key) pairs differ, or did."""
        return sum(each.differed for each in self._apart.values())

    def place(self, event: Event) -> Placed:
        """Return the next entry with what it refers to."""
        if event.unseen:
            self._world.unseen = self._other.unseen = True
        return self._world.lineage.place(event)

    def cited(self, placed: Placed) -> list[Placed]:
        """Return the observations that an action cites."""
        return self._world.lineage.cited(placed.record)

    def remember(self, placed: Placed, other: Placed | None) -> None:
        """Make a record part of both histories, once it was fed as `feed` says."""
        self._engine.approvals.remember(placed)
        if other is not None:
            self._approvals.remember(other)
        self._world.lineage.remember(placed)

    # ----------------------------------------------------------------------- deciding

    def again(
        self, placed: Placed, evidence: Sequence[Placed] | None, recorded: Redecided | None
    ) -> Again | None:
        """Return what the contract says of an action in the second history.

        Args:
            placed: The action.
            evidence: What it cites there, where that is not what it cites as recorded.
            recorded: What the contract says of it as recorded; None where nothing is against it.

        Returns:
            None where no rule reads anything that differs: it says the same.
        """
        plan = self._engine.plan(placed)
        watched = self._watched_by(plan)
        unlike = evidence is not None or self._lifted_unlike(placed)
        if not unlike and not any(
            self._stirred(name, placed) for each in watched for name in each.facts
        ):
            return None
        here = Case(self._world, placed, plan.groups)
        there = Case(self._other, placed, ALONE, evidence)
        gone = evidence is not None
        touched = [
            each.rule
            for each in watched
            if (gone and each.evidence)
            or any(self._differs(name, here, there, gone=gone) for name in each.facts)
        ]
        if not touched and not self._lifted_unlike(placed):
            return None
        return self._said(touched, there, recorded)

    def _differs(self, name: str, here: Case, there: Case, *, gone: bool) -> bool:
        """Return whether a fact has another value in the second history."""
        own, *keys = self._looked_at[name]
        if not gone and not any(one.stirs(here.placed) for one in keys):
            # Its key is the same in both: what differs has to stand under that.
            return own.may_differ(here) and _value(here, name) != _value(there, name)
        return _value(here, name) != _value(there, name)

    def _lifted_unlike(self, placed: Placed) -> bool:
        """Return whether approvals lift other rules for an action than as recorded."""
        if "resumes" not in placed.record:
            return False
        known = self._contract, placed, self._world.lineage
        before = self._engine.approvals.lifted(*known)
        return before.keys() != self._approvals.lifted(*known).keys()

    def _said(
        self, touched: Sequence[CompiledRule], case: Case, recorded: Redecided | None
    ) -> Again:
        """Ask rules again; all others say what they say as recorded."""
        ids = {each.rule.id for each in touched}
        results = [] if recorded is None else self._kept(recorded, ids)
        for each in touched:
            said, reason, hidden = verdict(each, case)
            if said is not Verdict.SATISFIED:
                one = RuleResult(case.placed.event.index, each.rule, said, reason, hidden=hidden)
                results.append(one)
        lifted: dict[str, int] = {}
        if any(one.rule.effect is Effect.APPROVE for one in results):
            lifted = self._approvals.lifted(self._contract, case.placed, self._world.lineage)
        decision = decide(self._contract, results, lifted)
        told = {one.rule.id: one.reason for one in results if one.verdict is Verdict.UNDECIDABLE}
        whys = tuple((one.rule, told[one.rule]) for one in decision.reasons if one.rule in told)
        known = [one for one in results if not unknowable(one)]
        hangs = (
            len(known) < len(results)
            and decide(self._contract, known, lifted).effect is Effect.ALLOW
        )
        index = case.placed.event.index
        return Again(Redecided(index, decision.effect, decision.reasons, whys), hangs)

    def _kept(self, recorded: Redecided, but: Container[str]) -> list[RuleResult]:
        """Return the results as recorded of all rules but these."""
        why = dict(recorded.why)
        return [
            RuleResult(
                recorded.index, self._rules[one.rule].rule, one.result, why.get(one.rule, "")
            )
            for one in recorded.reasons
            if one.rule not in but
        ]

    # ------------------------------------------------------------------------ feeding

    def feed(self, placed: Placed, other: Placed | None, *, unheard: bool = False) -> None:
        """Let a record count in both histories.

        Args:
            placed: The record as recorded.
            other: As it stands in the second history: the same where nothing differs, None where
                it is not there.
            unheard: It is an action that is let through there only, and nobody knows what came
                of it.
        """
        plan = self._engine.plan(placed)
        memories = self._memories_of(plan)
        here = Case(self._world, placed, plan.groups)
        there = None if other is None else Case(self._other, other, ALONE)
        notes: list[tuple[FactMemory, Note | None, Note | None]] = []
        for memory in memories:
            note = memory.note(here)
            apart = self._apart.get(memory.fact.name)
            if apart is None or (other is placed and not self._moved(memory, placed)):
                notes.append((memory, note, note))
            elif there is None:
                notes.append((memory, note, None))
            else:
                notes.append(
                    (memory, note, apart.let_through(there) if unheard else apart.note(there))
                )
        spoiling = self._spoiling(other) if unheard and other is not None else []
        now = None if placed.event.imported else placed.time
        for memory, note, mine in notes:
            self._apply(memory, note, mine, now)
        for apart, note in spoiling:
            apart.part(None, note, now)

    def _apply(
        self, memory: FactMemory, note: Note | None, mine: Note | None, now: int | None
    ) -> None:
        apart = self._apart.get(memory.fact.name)
        if apart is not None:
            if mine is not note and repr(mine) != repr(note):
                apart.part(note, mine, now)
            elif note is not None:
                apart.follow(note, now)
        if note is not None:
            memory.apply(note)

    def _spoiling(self, action: Placed) -> list[tuple[Apart, Note]]:
        """Return what is undecidable from an action on whose results nobody knows."""
        found: list[tuple[Apart, Note]] = []
        for subject in ("outcome", "observation"):
            event = replace(action.event, record={"kind": subject, "by": action.record["by"]})
            placed = Placed(event, subject, action.time, action.run, action)
            case = Unheard(self._other, placed, ALONE)
            for memory in self._memories_of(self._engine.plan(placed)):
                apart = self._apart.get(memory.fact.name)
                # What a tool's result is seen in is there only where a fact asks for that tool's.
                known = memory.fact.reserve or (subject == "observation" and not memory.fact.tools)
                note = None if apart is None or known else apart.unheard(case)
                if apart is not None and note is not None:
                    found.append((apart, note))
        return found

    # ----------------------------------------------------------------------- planning

    def _parting(self) -> frozenset[str]:
        """Return the facts that can differ: those of actions, and those that read them."""
        world = self._world
        straight = {name for name, one in world.facts.items() if one.fact.source in OF_ACTIONS}
        return frozenset(name for name in world.facts if world.behind([name]) & straight)

    def _watching(self) -> dict[str, Watched]:
        found: dict[str, Watched] = {}
        for each in self._engine.rules:
            if each.rule.subject != "action" or each.rule.expect is not None:
                continue
            evidence = each.cites_evidence or (
                self._evident_limits
                and any("limits" in one.reads.members for one in each.conditions)
            )
            facts = tuple(sorted(self._read(each) & self._parted))
            if facts or evidence:
                found[each.rule.id] = Watched(each, facts, evidence)
        return found

    def _read(self, each: CompiledRule) -> frozenset[str]:
        return self._behind(each.conditions)

    def _behind(self, conditions: Iterable[Condition | None]) -> frozenset[str]:
        """Return the facts that conditions read, straight or through limits."""
        given = [each for each in conditions if each is not None]
        names = frozenset(name for each in given for name in each.reads.facts)
        limited = any("limits" in each.reads.members for each in given)
        return names | self._limits if limited else names

    def _behind_note(self, memory: FactMemory) -> tuple[str, ...]:
        asked = (memory.where, memory.by, memory.value, memory.reserve)
        return tuple(self._behind(asked) & self._parted)

    def _behind_value(self, name: str) -> tuple[Apart, ...]:
        """Return the memories that a fact's value is read from: its own first, then its keys'."""
        found: set[str] = set()
        left = [name]
        while left:
            one = left.pop()
            if one in self._apart and one not in found:
                found.add(one)
                left.extend(self._behind([self._apart[one].at]))
        return tuple(self._apart[one] for one in (name, *sorted(found - {name})))

    def _memories_of(self, plan: Plan) -> tuple[FactMemory, ...]:
        found = self._memories.get(id(plan))
        if found is None:
            found = tuple(one for one in plan.memories if one.fact.name in self._fed)
            self._memories[id(plan)] = found
        return found

    def _watched_by(self, plan: Plan) -> tuple[Watched, ...]:
        found = self._plans.get(id(plan))
        if found is None:
            ids = [each.rule.id for each in plan.decisive]
            found = tuple(self._watched[one] for one in ids if one in self._watched)
            self._plans[id(plan)] = found
        return found

    def _stirred(self, name: str, placed: Placed) -> bool:
        """Return whether a fact may have another value as of a record."""
        return any(one.stirs(placed) for one in self._looked_at[name])

    def _moved(self, memory: FactMemory, placed: Placed) -> bool:
        """Return whether a record may do something else to a fact, by what its conditions read."""
        return any(self._stirred(name, placed) for name in self._noted[memory.fact.name])


def unknowable(result: RuleResult) -> bool:
    """Return whether a rule that matters is undecidable for an outcome that nobody knows."""
    return result.hidden is Hidden.NEVER_DONE and result.rule.effect is not Effect.WARN


def _value(case: Case, name: str) -> tuple[str, str]:
    found = case.fact(name)
    return found.reason, repr(found.value)
