"""Deciding one action whose facts are stated, not counted: the engines' own rules, no history.

What an action is to a contract, and what each of its conditions answers, is asked of the same code
that decides from a ledger (`contracts.case`); only the values of facts come from whoever asks.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.case import Case, Groups, World
from contracts.coercion import Value
from contracts.decision import Decision, decide
from contracts.differences import DEFAULT, case_label
from contracts.engine import CompiledRule, verdict
from contracts.evaluation import condition, shared_evaluator
from contracts.facts import FactResult
from contracts.history import Event
from contracts.instants import moment, written
from contracts.lineage import Placed, Run
from contracts.model import Contract, Effect, Rule, Verdict
from contracts.results import RuleResult

NO_RECORD: Final = "no record"
_RUN: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Ago:
    """A time that is said by how long it is before the action, in microseconds."""

    micros: int


@dataclass(frozen=True, slots=True)
class Situation:
    """An action with all that it is decided on.

    Attributes:
        tool: The tool that is called.
        params: With these parameters.
        time: When, in microseconds since 1970.
        facts: Values of facts by name; a fact that is not here has no record to speak of.
        evidence: The observations that it cites, as records; `time` and `observed_at` are `Ago`.
        run: Members of the run's opening; `time` is `Ago`.
        identity: What the authority says of who acts.
        more: Further members of the action's record.
    """

    tool: str
    params: Mapping[str, Any]
    time: int
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    evidence: tuple[Mapping[str, Any], ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict[str, Any])
    identity: Mapping[str, Any] = field(default_factory=lambda: {"registered": True})
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an action: the effect, and who has to sign where it is held.

    Attributes:
        effect: The decision.
        signers: Role and how long a sign-off lasts (microseconds, None: for good), where the
            effect is `approve`.
    """

    effect: Effect
    signers: tuple[tuple[str, int | None], ...] = ()


class _StatedCase(Case):
    """A case that is told its facts and evidence."""

    __slots__ = ("_cited", "_stated")

    def __init__(
        self,
        world: World,
        placed: Placed,
        groups: Groups,
        stated: Mapping[str, Value],
        cited: list[Placed],
    ) -> None:
        super().__init__(world, placed, groups)
        self._stated = stated
        self._cited = cited

    def fact(self, name: str) -> FactResult:
        """Return a fact as it is stated."""
        if name in self._stated:
            return FactResult(self._stated[name])
        return FactResult(None, NO_RECORD)

    def cited(self) -> Sequence[Placed]:
        """Return the stated evidence."""
        return self._cited or ()


class Decider:
    """One contract, ready to decide situations.

    Args:
        contract: A contract that was checked.
        labels: For its facts, the names by which situations state them; its own where it is None.
    """

    def __init__(self, contract: Contract, labels: Mapping[str, str] | None = None) -> None:
        self.contract = contract
        self._labels = {fact.name: fact.name for fact in contract.facts} | dict(labels or {})
        self._world = World(contract, shared_evaluator())
        self._groups: dict[str, Groups] = {}
        self._rules = {rule.id: self._compiled(rule) for rule in contract.rules}

    def rules(self, tool: str) -> tuple[Rule, ...]:
        """Return the rules that take part in a decision on a call of a tool."""
        return tuple(
            rule
            for rule in self.contract.rules
            if rule.subject == "action"
            and rule.expect is None
            and (not rule.tools or tool in rule.tools)
        )

    def judge(self, situation: Situation, only: Collection[str] | None = None) -> list[RuleResult]:
        """Return what the rules say, of all of them or of those with these ids."""
        case = self._case(situation)
        results: list[RuleResult] = []
        for rule in self.rules(situation.tool):
            if only is None or rule.id in only:
                said, reason, _ = verdict(self._rules[rule.id], case)
                results.append(RuleResult(case.placed.event.index, rule, said, reason))
        return results

    def decision(self, results: list[RuleResult]) -> Decision:
        """Return the decision that results lead to; no approval lifts any of them."""
        return decide(self.contract, results)

    def outcome(self, situation: Situation) -> Outcome:
        """Decide a situation."""
        return self.outcome_of(self.judge(situation))

    def outcome_of(self, results: list[RuleResult]) -> Outcome:
        """Return what results lead to, and who would have to sign."""
        effect = self.decision(results).effect
        if effect is not Effect.APPROVE:
            return Outcome(effect)
        asking = {
            (one.rule.role, one.rule.within)
            for one in results
            if one.verdict is Verdict.VIOLATED and one.rule.effect is Effect.APPROVE
        }
        return Outcome(effect, tuple(sorted(asking, key=repr)))

    def limit_case(self, situation: Situation, name: str) -> str | None:
        """Return the label of the case that a limit's value is from, None where from none."""
        limits, case = self.contract.limits, self._case(situation)
        values = [case.ask(by) for by in self._world.limits_by]
        if not all(isinstance(value, str) for value in values):
            return None  # no limit is known then
        for level, value in zip(limits.levels, values, strict=True):
            if name in level.cases.get(str(value), {}):
                return case_label(limits, level, str(value))
        return DEFAULT if name in (limits.default or {}) else None

    def _compiled(self, rule: Rule) -> CompiledRule:
        def made(text: str) -> Any:  # noqa: ANN401 - a condition or None
            return condition(self._world.evaluator, text, self._world.top) if text else None

        return CompiledRule(
            rule, made(rule.when), made(rule.unless), (), cites_evidence=False, expected=""
        )

    def _case(self, situation: Situation) -> _StatedCase:
        placed = self._placed(situation)
        stated = {
            name: _told(situation.facts[label], situation.time)
            for name, label in self._labels.items()
            if label in situation.facts
        }
        cited = [
            self._observation(one, number, placed) for number, one in enumerate(situation.evidence)
        ]
        groups = self._groups.get(situation.tool)
        if groups is None:
            asked = [
                one
                for rule in self.rules(situation.tool)
                for one in self._rules[rule.id].conditions
            ]
            groups = self._groups[situation.tool] = Groups(asked, [], self._world.top)
        return _StatedCase(self._world, placed, groups, stated, cited)

    def _placed(self, situation: Situation) -> Placed:
        opened: dict[str, Any] = {"kind": "run", "phase": "opened", **situation.run}
        ago = opened.pop("time", Ago(0))
        opened["service"] = self.contract.service
        run = Run(_RUN, opened, situation.time - ago.micros)
        record = {
            "kind": "action",
            "run": _RUN,
            "by": self.contract.service,
            **situation.more,
            "tool": situation.tool,
            "params": situation.params,
        }
        recorded = written(moment(situation.time))
        event = Event(len(situation.evidence), _RUN, record, recorded, situation.identity)
        return Placed(event, "action", situation.time, run, None)

    def _observation(self, stated: Mapping[str, Any], number: int, action: Placed) -> Placed:
        time = action.time or 0
        record: dict[str, Any] = {"kind": "observation", "observer": "source", **stated}
        own = time - record.pop("time", Ago(0)).micros
        if isinstance(seen := record.get("observed_at"), Ago):
            record["observed_at"] = written(moment(time - seen.micros))
        event = Event(number, f"{number:064x}", record, written(moment(own)))
        return Placed(event, "observation", own, action.run, None)


def _told(value: Value, time: int) -> Value:
    return moment(time - value.micros) if isinstance(value, Ago) else value
