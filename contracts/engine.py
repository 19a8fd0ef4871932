"""The engine on running counters: one contract, one pass over history.

Feed it every valid entry in index order. For each it judges the rules on history as it was
before, and only then lets the entry count. The guard previews a proposed action on the same
counters, so that guard and verifier can not differ.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.approvals import ApprovalBook
from contracts.case import Case, Groups, World
from contracts.coercion import Value
from contracts.decision import Decision, decide
from contracts.evaluation import Condition, Evaluator, Undecidable, condition, shared_evaluator
from contracts.facts import FactMemory
from contracts.history import Event
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Effect, Rule, Verdict
from contracts.obligations import Obligations, Waiting
from contracts.reasons import Explainer, shown
from contracts.results import RuleResult
from contracts.withholding import Hidden, Mark

ALLOWED = Decision(Effect.ALLOW)
"""What is decided where nothing stands against an action."""


class OrderError(ValueError):
    """Entries were handed over in an order that a valid ledger can not have."""

    def __init__(self, index: int, why: str) -> None:
        self.index = index
        super().__init__(f"entry {index}: {why}; feed the valid entries in index order")


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule with its conditions."""

    rule: Rule
    when: Condition | None
    unless: Condition | None
    facts: tuple[str, ...]
    cites_evidence: bool
    expected: str

    @property
    def conditions(self) -> list[Condition]:
        """Its conditions."""
        return [each for each in (self.when, self.unless) if each is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What happens to records of one kind and tool: the rules and the facts that they touch.

    Attributes:
        rules: The rules for them.
        decisive: Those of them that are known at once: no obligations.
        memories: The facts that remember them.
        groups: Which of the conditions share their variables.
    """

    rules: tuple[CompiledRule, ...]
    decisive: tuple[CompiledRule, ...]
    memories: tuple[FactMemory, ...]
    groups: Groups


class Engine:
    """One contract over one history.

    Args:
        contract: The contract.
        evaluator: Evaluates its conditions.
        lineage: What records refer to, where somebody else remembers it.

    Attributes:
        counting: The facts that records count for; None for all. Whoever knows that the others
            are never asked for is spared to count them.

    Raises:
        ConditionError: A condition can not be compiled (`check_contract` says where).
        ValueError: A tool's schema is no JSON Schema.
    """

    def __init__(
        self,
        contract: Contract,
        evaluator: Evaluator | None = None,
        lineage: Lineage | None = None,
    ) -> None:
        self.contract = contract
        self.counting: frozenset[str] | None = None
        self._world = World(contract, shared_evaluator() if evaluator is None else evaluator)
        if lineage is not None:
            self._world.lineage = lineage
        self._rules = [self._compiled(rule) for rule in contract.rules]
        self._obligations = Obligations(contract.rules, self._world)
        self._wide = self._world.wide() | self._obligations.wide()
        self._approvals = ApprovalBook()
        self._plans: dict[tuple[str, str, bool], Plan] = {}
        self._last_index = -1
        self._last_time: int | None = None
        self._explainer: Explainer | None = None

    def explain(self) -> None:
        """Have results that are not satisfied say why, from here on. A guard need not."""
        self._explainer = Explainer(self._world)

    # ---------------------------------------------------------------------- reading

    def observe(self, event: Event, *, judge: bool = True) -> list[RuleResult]:
        """Judge an entry and let it count.

        Args:
            event: The next valid entry.
            judge: Whether its rules are asked. Where another contract is in force, or the guard
                has judged it already, it only counts, and settles what earlier entries opened.

        Returns:
            The results of the rules for it, and of the obligations that it settles (these stand
            at earlier indexes).

        Raises:
            OrderError: The index, or the time of a live record, goes back.
        """
        placed = self._world.lineage.place(event)
        results = self.take(placed, judge=judge)
        self._world.lineage.remember(placed)
        return results

    def take(
        self, placed: Placed, cited: Sequence[Placed] | None = None, *, judge: bool = True
    ) -> list[RuleResult]:
        """Do what `observe` does with a record that somebody else places and remembers.

        Args:
            placed: The next valid entry at its place.
            cited: The observations that it cites, where more of history is remembered already.
            judge: Whether its rules are asked.
        """
        settled = self._begin(placed)
        results: list[RuleResult] = []
        if placed.subject:
            plan = self.plan(placed)
            case = Case(self._world, placed, plan.groups, cited)
            settled += self._obligations.settle(case)
            if judge:
                results = self._judged(plan.rules, case)
            self._count(plan.memories, case)
        return self._ended(placed, settled, results)

    def concerns(self, placed: Placed) -> bool:
        """Return whether a record is of any account for what `take_known` keeps, rules aside."""
        if placed.subject == "approval" or (
            placed.subject == "action" and "resumes" in placed.event.record
        ):
            return True
        return placed.event.unseen or self._obligations.concern(placed)

    def take_known(
        self,
        placed: Placed,
        cited: Sequence[Placed],
        open_: Sequence[tuple[CompiledRule, Verdict]],
        noting: Callable[[Case], None] | None = None,
    ) -> list[RuleResult]:
        """Do what `take` does, where somebody else knows which rules hold, and lets facts count.

        A record for which all rules hold and which `concerns` nothing may be left out.

        Args:
            placed: The next valid entry at its place.
            cited: The observations that it cites.
            open_: The rules that do not hold for it, and how: only their results are made.
            noting: Asks what the record does to facts.
        """
        settled = self._begin(placed)
        results: list[RuleResult] = []
        if placed.subject:
            case = Case(self._world, placed, self.plan(placed).groups, cited)
            settled += self._obligations.settle(case)
            for each, said in open_:
                plain = each.rule.expect and not each.facts and not each.cites_evidence
                if plain and said is Verdict.VIOLATED:
                    # It rests on nothing and is not what is wrong: a duty begins, no more.
                    trigger = RuleResult(placed.event.index, each.rule, said)
                    opened = self._obligations.open(each.rule, case, trigger)
                    results += [] if opened is None else [opened]
                else:
                    results += self._judged([each], case)
            if noting is not None:
                noting(case)
        return self._ended(placed, settled, results)

    @property
    def world(self) -> World:
        """What all records of this engine share."""
        return self._world

    @property
    def approvals(self) -> ApprovalBook:
        """The approvals so far."""
        return self._approvals

    @property
    def obligations(self) -> Obligations:
        """The duties that are open."""
        return self._obligations

    @property
    def last(self) -> tuple[int, int | None]:
        """The index of the last entry, and the time of the last live one."""
        return self._last_index, self._last_time

    def go_on_from(self, index: int, time: int | None) -> None:
        """Take entries from here on: what came before is known from elsewhere."""
        self._last_index, self._last_time = index, time

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """What each rule with `expect` waits for, by the rule's id."""
        return self._obligations.waiting

    @property
    def rules(self) -> Sequence[CompiledRule]:
        """The contract's rules with their conditions."""
        return self._rules

    def _begin(self, placed: Placed) -> list[RuleResult]:
        event = placed.event
        self._check_order(placed)
        self._world.unseen = self._world.unseen or event.unseen
        return self._obligations.pass_time(placed)

    def _ended(
        self, placed: Placed, settled: list[RuleResult], results: list[RuleResult]
    ) -> list[RuleResult]:
        self._approvals.remember(placed)
        if not settled:
            return results
        settled.sort(key=lambda result: result.index)
        return settled + results

    def withheld(self, mark: Mark) -> None:
        """Take note of an entry whose record is held back: what may hang on it is undecidable.

        Args:
            mark: The entry, in index order with those that `observe` is given.

        Raises:
            OrderError: The index goes back.
        """
        if mark.index <= self._last_index:
            raise OrderError(mark.index, f"it comes after entry {self._last_index}")
        self._last_index = mark.index
        self._world.withholding.add(mark)

    def preview(self, event: Event) -> list[RuleResult]:
        """Judge a proposed entry without letting it count. Obligations take no part."""
        placed = self._world.lineage.place(event)
        plan = self.plan(placed)
        case = Case(self._world, placed, plan.groups)
        return [self._result(each, case) for each in plan.decisive]

    def decide(self, event: Event, results: Iterable[RuleResult]) -> Decision:
        """Return the decision on an action from its results and the approvals before it.

        Args:
            event: The action, observed already or only previewed.
            results: What `observe` or `preview` returned for it.
        """
        placed = self._world.lineage.place(event)
        mine = [each for each in results if each.index == event.index]
        lifted = self._approvals.lifted(self.contract, placed, self._world.lineage)
        return decide(self.contract, mine, lifted)

    def decided(self, event: Event) -> Decision:
        """Decide on a proposed action: what `decide` says of its `preview`, and only that."""
        return self.objected(event)[0]

    def objected(self, event: Event) -> tuple[Decision, Sequence[RuleResult]]:
        """Decide on a proposed action, and return with that what stands against it.

        Of rules that hold nothing is written out. They are nearly all, and most of the work.
        """
        placed = self._world.lineage.place(event)
        plan = self.plan(placed)
        case = Case(self._world, placed, plan.groups)
        against = [each for each in plan.decisive if not _holds(each, case)]
        if not against:
            return ALLOWED, ()
        lifted: Mapping[str, int] = {}
        if any(each.rule.effect is Effect.APPROVE for each in against):
            lifted = self._approvals.lifted(self.contract, placed, self._world.lineage)
        results = [self._result(each, case) for each in against]
        return decide(self.contract, results, lifted), results

    def value(self, event: Event, text: str) -> Value:
        """Return what an expression without facts is of a record, or `Undecidable`."""
        asked = condition(self._world.evaluator, text, 0)
        placed = self._world.lineage.place(event)
        return Case(self._world, placed, Groups((), (asked,), 0)).ask(asked)

    def finish(self) -> list[RuleResult]:
        """Return the obligations that history leaves open: undecidable, pending."""
        return self._obligations.pending()

    # --------------------------------------------------------------------- planning

    def _compiled(self, rule: Rule) -> CompiledRule:
        def made(text: str) -> Condition | None:
            return condition(self._world.evaluator, text, self._world.top) if text else None

        when, unless = made(rule.when), made(rule.unless)
        found = [each for each in (when, unless) if each is not None]
        names = {name for each in found for name in each.reads.facts}
        expected = " and ".join(
            ([f"not ({rule.when})"] if rule.when else []) + ([rule.unless] if rule.unless else [])
        )
        if rule.when and rule.unless:
            expected = f"{rule.unless}, where {rule.when}"
        return CompiledRule(
            rule,
            when,
            unless,
            tuple(sorted(names, key=self._world.level)),
            any("evidence" in each.reads.members for each in found),
            expected,
        )

    def plan(self, placed: Placed) -> Plan:
        """Return what happens to records of this one's kind and tool, always the same object."""
        run = placed.run
        mine = run is not None and run.opened.get("service") == self.contract.service
        key = (placed.subject, placed.tool, mine)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._planned(placed, mine=mine)
        return plan

    def _planned(self, placed: Placed, *, mine: bool) -> Plan:
        rules = tuple(each for each in self._rules if mine and _applies(each.rule, placed))
        memories = tuple(
            each
            for each in self._world.facts.values()
            if each.takes(placed)
            and (mine or placed.run is None or each.fact.name in self._wide)
            and (self.counting is None or each.fact.name in self.counting)
        )
        asked = [condition for each in rules for condition in each.conditions]
        read = {name for each in rules for name in each.facts}
        others = [one for each in memories for one in _remembering(each, placed)]
        others += [
            memory.at
            for name, memory in self._world.facts.items()
            if name in read and memory.at is not None
        ]
        decisive = tuple(each for each in rules if each.rule.expect is None)
        return Plan(rules, decisive, memories, Groups(asked, others, self._world.top))

    # ---------------------------------------------------------------------- judging

    def _judged(self, rules: Iterable[CompiledRule], case: Case) -> list[RuleResult]:
        results: list[RuleResult] = []
        for each in rules:
            result = self._result(each, case)
            if each.rule.expect is None:
                results.append(result)
            elif (opened := self._opened(each, case, result)) is not None:
                results.append(opened)
        return results

    def _opened(self, each: CompiledRule, case: Case, trigger: RuleResult) -> RuleResult | None:
        """Return the result of a rule with `expect`, None where something must still follow."""
        if trigger.verdict is Verdict.VIOLATED:
            return self._obligations.open(each.rule, case, trigger)
        return trigger

    def _result(self, each: CompiledRule, case: Case) -> RuleResult:
        said, reason, hidden = verdict(each, case)
        index = case.placed.event.index
        if said is Verdict.SATISFIED and not each.facts and not each.cites_evidence:
            return RuleResult(index, each.rule, said, expected=each.expected)
        facts: dict[str, Value] = {}
        rests: set[int] = set()
        for name in each.facts:
            found = case.fact(name)
            rests.update(found.rests_on)
            if not found.reason:
                facts[name] = found.value
        if each.cites_evidence:
            rests.update(cited.event.index for cited in case.cited())
        # What triggers a duty is not what is wrong: only that something must follow.
        quiet = said is Verdict.SATISFIED or (each.rule.expect and said is Verdict.VIOLATED)
        explainer = None if quiet else self._explainer
        return RuleResult(
            index,
            each.rule,
            said,
            reason,
            facts,
            tuple(sorted(rests)),
            each.expected,
            "" if quiet else _recorded(each, case),
            hidden,
            None
            if explainer is None
            else explainer.explain(each.rule, case, said, self._approvals),
        )

    def _count(self, memories: Iterable[FactMemory], case: Case) -> None:
        noted = [(memory, memory.note(case)) for memory in memories]
        for memory, note in noted:
            if note is not None:
                memory.apply(note)

    def _check_order(self, placed: Placed) -> None:
        event = placed.event
        if event.index <= self._last_index:
            raise OrderError(event.index, f"it comes after entry {self._last_index}")
        self._last_index = event.index
        if event.imported:
            return
        if placed.time is None or (self._last_time is not None and placed.time < self._last_time):
            raise OrderError(event.index, "its time goes back, or is none")
        self._last_time = placed.time


def _applies(rule: Rule, placed: Placed) -> bool:
    if rule.subject != placed.subject:
        return False
    return not rule.tools or placed.tool in rule.tools


def _remembering(memory: FactMemory, placed: Placed) -> list[Condition]:
    """Return the conditions that are asked of a record which a fact remembers."""
    held = placed.subject == "action" and memory.reserve is not None
    wanted = (memory.by, memory.reserve) if held else (memory.where, memory.by, memory.value)
    return [each for each in wanted if each is not None]


def verdict(each: CompiledRule, case: Case) -> tuple[Verdict, str, Hidden]:
    """Return a rule's verdict: violated where `when` is true and `unless` false, if given."""
    when = True if each.when is None else _truth(case.ask(each.when))
    if when is False:
        return Verdict.SATISFIED, "", Hidden.NOTHING
    unless = False if each.unless is None else _truth(case.ask(each.unless))
    if unless is True:
        return Verdict.SATISFIED, "", Hidden.NOTHING
    open_ = [found for found in (when, unless) if isinstance(found, Undecidable)]
    if open_:
        hidden = next((found.hidden for found in open_ if found.hidden), Hidden.NOTHING)
        return Verdict.UNDECIDABLE, open_[0].reason, hidden
    return Verdict.VIOLATED, "", Hidden.NOTHING


def _holds(each: CompiledRule, case: Case) -> bool:
    """Return whether a rule is satisfied, by its shortcuts where they can say it."""
    when, unless = each.when, each.unless
    # INVARIANT: where `when` is false, or `unless` true, the rule is satisfied whatever the other
    # says.
    if when is not None and when.shortcut is not None and when.shortcut(case, None) is False:
        return True
    if unless is not None and unless.shortcut is not None and unless.shortcut(case, None) is True:
        return True
    return verdict(each, case)[0] is Verdict.SATISFIED


def _truth(value: Value) -> bool | Undecidable:
    if isinstance(value, bool | Undecidable):
        return value
    return Undecidable("the condition is not true or false")


def _recorded(each: CompiledRule, case: Case) -> str:
    """Write what a rule read: every member that it names, and its facts."""
    told: dict[str, str] = {}
    for one in each.conditions:
        for root, members in sorted(one.reads.members.items()):
            value = case.variable(root, members, one.level)
            for name in sorted(members or ()):
                if isinstance(value, dict) and name in value:
                    told[f"{root}.{name}"] = shown(value[name])
    for name in each.facts:
        found = case.fact(name)
        told[f"facts.{name}"] = f"none ({found.reason})" if found.reason else shown(found.value)
    return ", ".join(f"{name} = {text}" for name, text in told.items())
