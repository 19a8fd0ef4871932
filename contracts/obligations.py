"""Rules with `expect`: what must follow a record, and whether it did.

A duty is opened at the record that triggers it and settled by a later one: by the record that it
waits for, by the close of its run, or by an event time past its deadline. Source:
docs/spec/contract-language.md, *Rules*.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.case import OWN_SCOPES, Case, World
from contracts.coercion import Value
from contracts.evaluation import Condition, Undecidable, condition
from contracts.facts import UNKEYED, Key, keys_of
from contracts.lineage import RUN_CLOSED, Placed
from contracts.model import Expectation, Rule, Verdict
from contracts.packing import packed, unpacked
from contracts.results import RuleResult
from contracts.withholding import WITHHELD, kind_of_source

PENDING = "pending"


@dataclass(slots=True, eq=False)
class Duty:
    """One thing that must still follow; `maybe` says of a key which record may have been it."""

    order: tuple[int, int]
    rule: Rule
    placed: Placed
    scope: str
    open_keys: set[Key]
    deadline: int | None
    facts: Mapping[str, Any]
    rests_on: tuple[int, ...]
    expected: str
    maybe: dict[Key, str] = field(default_factory=dict[Key, str])
    settled: bool = False
    met_by: list[int] = field(default_factory=list[int])

    def result(self, verdict: Verdict, reason: str = "", by: tuple[int, ...] = ()) -> RuleResult:
        """Return the result that stands at the record which triggered the duty."""
        self.settled = True
        rests = tuple(sorted({*self.rests_on, *self.met_by, *by}))
        index = self.placed.event.index
        return RuleResult(index, self.rule, verdict, reason, self.facts, rests, self.expected)

    def failed(self, by: int) -> RuleResult:
        """Return that it did not follow; undecidable where under each key it may have."""
        doubts = [self.maybe.get(key, "") for key in sorted(self.open_keys)]
        if all(doubts):
            return self.result(Verdict.UNDECIDABLE, doubts[0], (by,))
        return self.result(Verdict.VIOLATED, by=(by,))

    def kept(self) -> list[Value]:
        """Return it as a row of a snapshot, without the record that triggered it."""
        wanted = sorted(self.open_keys)
        keys = [[*key, self.maybe.get(key, "")] for key in wanted]
        rests = [list(self.rests_on), list(self.met_by)]
        facts = packed(dict(self.facts))
        return [self.rule.id, self.scope, packed(keys), self.deadline, facts, *rests]

    def comparable(self, placed: Placed) -> bool:
        """Return whether a later entry's event time can be held against this duty's."""
        if placed.time is None or placed.event.imported is not self.placed.event.imported:
            return False
        if not placed.event.imported:
            return True
        mine, other = self.placed.run, placed.run
        return mine is not None and other is not None and mine.digest == other.digest


class Waiting:
    """The open duties of one rule, by scope and key."""

    def __init__(self, rule: Rule, expect: Expectation, number: int, world: World) -> None:
        def made(text: str) -> Condition | None:
            return condition(world.evaluator, text, world.top) if text else None

        self.rule = rule
        self.expect = expect
        self.number = number
        self.where = made(expect.where)
        self.by = made(expect.by)
        self.at = made(expect.at or expect.by) if expect.by else None
        self.expected = _in_words(expect)
        self.scopes: dict[str, dict[Key, dict[int, Duty]]] = {}

    def matches(self, placed: Placed) -> bool:
        """Return whether a record is of the kind and tool that the rule waits for."""
        if placed.subject != self.expect.source:
            return False
        return not self.expect.tools or placed.tool in self.expect.tools

    def add(self, duty: Duty) -> None:
        """Wait for a duty."""
        keys = self.scopes.setdefault(duty.scope, {})
        for key in duty.open_keys:
            keys.setdefault(key, {})[id(duty)] = duty

    def drop(self, duty: Duty) -> None:
        """Wait no longer for a duty."""
        keys = self.scopes.get(duty.scope, {})
        for key in [key for key, duties in keys.items() if id(duty) in duties]:
            del keys[key][id(duty)]
            if not keys[key]:
                del keys[key]

    def meet(self, case: Case) -> Iterable[Duty]:
        """Hold a record against the open duties, and yield those that it completes."""
        scope = case.placed.scope(self.expect.over)
        keys = self.scopes.get(scope) if scope is not None else None
        if not keys:
            return
        where = True if self.where is None else case.ask(self.where)
        if where is False:
            return
        found = (UNKEYED,) if self.by is None else _keys(case, self.by)
        wanted = list(keys) if isinstance(found, Undecidable) else found
        doubt = next((one.reason for one in (where, found) if isinstance(one, Undecidable)), "")
        if not doubt and where is not True:
            doubt = "its where is not true or false"
        for key in list(wanted):
            for duty in list(keys.get(key, {}).values()):
                if _meets(duty, key, case.placed, doubt):
                    yield duty


def _meets(duty: Duty, key: Key, placed: Placed, doubt: str) -> bool:
    """Note a record under a duty's key; return True where the duty wants nothing more."""
    index = placed.event.index
    if not doubt and duty.deadline is not None and not duty.comparable(placed):
        doubt = "its event time can not be compared"
    if doubt:
        duty.maybe.setdefault(key, f"record {index} may be what must follow: {doubt}")
        return False
    if key in duty.open_keys:
        duty.open_keys.discard(key)
        duty.met_by.append(index)
    return not duty.open_keys


def _keys(case: Case, asked: Condition) -> tuple[Key, ...] | Undecidable:
    value = case.ask(asked)
    return value if isinstance(value, Undecidable) else keys_of(value)


def _in_words(expect: Expectation) -> str:
    tools = f" of {', '.join(expect.tools)}" if expect.tools else ""
    where = f" where {expect.where}" if expect.where else ""
    by = f" under the same {expect.by}" if expect.by else ""
    end = f" before {expect.until}" if expect.until else ""
    within = f" within {expect.within / 1_000_000:g}s" if expect.within is not None else ""
    return f"{expect.source}{tools}{where}{by}{end}{within}"


class Obligations:
    """All open duties of a contract."""

    def __init__(self, rules: Sequence[Rule], world: World) -> None:
        self._waiting = {
            rule.id: Waiting(rule, rule.expect, number, world)
            for number, rule in enumerate(rules)
            if rule.expect is not None
        }
        self._awaited: dict[str, list[Waiting]] = {}
        for one in self._waiting.values():
            self._awaited.setdefault(one.expect.source, []).append(one)
        self._by_run: dict[str, list[Duty]] = {}
        self._live: list[tuple[int, tuple[int, int], Duty]] = []
        self._claimed: dict[str, list[tuple[int, tuple[int, int], Duty]]] = {}
        self._all: dict[int, Duty] = {}
        self._world = world

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """What each rule with `expect` waits for, by the rule's id."""
        return self._waiting

    def wide(self) -> frozenset[str]:
        """Return the facts that a record of another service's run may be asked for by a duty."""
        beyond = [each for each in self._waiting.values() if each.expect.over not in OWN_SCOPES]
        asked = [one for each in beyond for one in (each.where, each.by) if one is not None]
        return self._world.behind(name for one in asked for name in one.reads.facts)

    def open(self, rule: Rule, case: Case, base: RuleResult) -> RuleResult | None:
        """Open the duty that a record triggers; return a result where it is settled at once.

        Args:
            rule: The rule.
            case: The record that triggers it.
            base: The facts that the trigger read, and what they rest on.
        """
        waiting = self._waiting[rule.id]
        expect, placed = waiting.expect, case.placed
        scope = placed.scope(expect.over)
        keys = (UNKEYED,) if waiting.at is None else _keys(case, waiting.at)
        deadline = None
        if expect.within is not None and placed.time is not None:
            deadline = placed.time + expect.within
        duty = Duty(
            (placed.event.index, waiting.number),
            rule,
            placed,
            scope or "",
            set() if isinstance(keys, Undecidable) else set(keys),
            deadline,
            base.facts,
            base.rests_on,
            waiting.expected,
        )
        if not isinstance(keys, Undecidable) and not duty.open_keys:
            return duty.result(Verdict.SATISFIED)  # an empty list asks for nothing, ever
        if why := _undecided(scope, keys, expect, placed):
            return duty.result(Verdict.UNDECIDABLE, why)
        if expect.until and placed.run is not None and placed.run.closed is not None:
            return self._failed(duty, placed.event.index)
        self._wait(duty, waiting)
        return None

    def _wait(self, duty: Duty, waiting: Waiting) -> None:
        waiting.add(duty)
        self._all[id(duty)] = duty
        run = duty.placed.run
        if waiting.expect.until and run is not None:
            self._by_run.setdefault(run.digest, []).append(duty)
        if duty.deadline is not None:
            item = (duty.deadline, duty.order, duty)
            if not duty.placed.event.imported:
                heapq.heappush(self._live, item)
            elif run is not None:
                heapq.heappush(self._claimed.setdefault(run.digest, []), item)

    def kept(self) -> list[Duty]:
        """Return the open duties, in the order of what triggered them."""
        return sorted(self._all.values(), key=lambda duty: duty.order)

    def take_up(self, placed: Placed, row: Sequence[Value]) -> None:
        """Wait for what a row says, the next one in order."""
        rule, scope, keys, deadline, facts, rests_on, met_by = row
        doubts = {(kind, key): why for kind, key, why in unpacked(keys)}
        waiting = self._waiting[rule]
        duty = Duty(
            (placed.event.index, waiting.number),
            waiting.rule,
            placed,
            scope,
            set(doubts),
            deadline,
            unpacked(facts),
            tuple(rests_on),
            waiting.expected,
            {key: why for key, why in doubts.items() if why},
            met_by=list(met_by),
        )
        self._wait(duty, waiting)

    def pass_time(self, placed: Placed) -> list[RuleResult]:
        """Settle the duties whose deadline an entry's event time has passed."""
        if placed.time is None or not self._all:
            return []
        # A claimed time says nothing about a live one, nor one run's clock about another's.
        run = "" if placed.run is None else placed.run.digest
        heap = self._claimed.get(run, []) if placed.event.imported else self._live
        results: list[RuleResult] = []
        while heap and heap[0][0] < placed.time:
            duty = heapq.heappop(heap)[2]
            if not duty.settled:
                results.append(self._end(duty, self._failed(duty, placed.event.index)))
        return results

    def concern(self, placed: Placed) -> bool:
        """Return whether a record can settle any duty, by what it is or by its time."""
        if not self._all:
            return False
        if placed.event.imported or (
            self._live and placed.time is not None and self._live[0][0] < placed.time
        ):
            return True
        if placed.subject == RUN_CLOSED and placed.run and placed.run.digest in self._by_run:
            return True
        for one in self._awaited.get(placed.subject, ()):
            if one.scopes and one.matches(placed) and placed.scope(one.expect.over) in one.scopes:
                return True
        return False

    def settle(self, case: Case) -> list[RuleResult]:
        """Settle the duties that a record meets, and those that end with the run that it closes."""
        results: list[RuleResult] = []
        for waiting in self._awaited.get(case.placed.subject, ()):
            if waiting.scopes and waiting.matches(case.placed):
                results.extend(
                    self._end(duty, duty.result(Verdict.SATISFIED))
                    for duty in list(waiting.meet(case))
                    if not duty.settled
                )
        placed = case.placed
        if placed.subject == RUN_CLOSED and placed.run is not None:
            results.extend(
                self._end(duty, self._failed(duty, placed.event.index))
                for duty in self._by_run.pop(placed.run.digest, [])
                if not duty.settled
            )
        return results

    def _failed(self, duty: Duty, by: int) -> RuleResult:
        """Return that it did not follow; undecidable where what is held back may have been it."""
        source = self._waiting[duty.rule.id].expect.source
        opened = duty.placed.event.index
        hidden = self._world.withholding.since({kind_of_source(source)}, opened)
        if hidden is not None:
            return duty.result(Verdict.UNDECIDABLE, WITHHELD, (hidden, by))
        return duty.failed(by)

    def _end(self, duty: Duty, result: RuleResult) -> RuleResult:
        self._waiting[duty.rule.id].drop(duty)
        del self._all[id(duty)]
        return result

    def pending(self) -> list[RuleResult]:
        """Return the duties that history leaves open."""
        return [
            RuleResult(
                duty.placed.event.index,
                duty.rule,
                Verdict.UNDECIDABLE,
                PENDING,
                duty.facts,
                tuple(sorted({*duty.rests_on, *duty.met_by})),
                duty.expected,
            )
            for duty in self.kept()
        ]


def _undecided(scope: str | None, keys: Value, expect: Expectation, placed: Placed) -> str:
    if scope is None:
        return f"this {placed.subject} stands in no {expect.over}"
    if isinstance(keys, Undecidable):
        return f"its key here: {keys.reason}"
    if expect.within is None:
        return ""
    if placed.time is None:
        return f"this {placed.subject} has no event time"
    if placed.event.imported and expect.over != "run":
        return f"this {placed.subject} is imported, and its time is proven within its run only"
    return ""
