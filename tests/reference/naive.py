"""The meaning of a contract, computed the slow way: every question scans every earlier entry.

Written from docs/spec/contract-language.md and sharing nothing with the engines but the data types
and CEL itself. No counters, and nothing remembered between questions: what is wrong here is wrong
in plain sight. `Naive(contract, events).results()` answers for one contract over one history;
`decision` and `in_force` for one action in it. What records look like is in `views`, what facts
are in `facts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final

from contracts.history import Event
from contracts.model import Contract, Effect, Expectation, Fact, Rule, Verdict
from tests.reference.facts import Facts, Key, keys_of
from tests.reference.views import UndecidableError, Value, Views, moment

SEVERITY: Final = (Effect.ALLOW, Effect.APPROVE, Effect.ESCALATE, Effect.DENY)


@dataclass(frozen=True)
class Result:
    """One rule's verdict at one entry, with the facts that it names (or why they have no value)."""

    index: int
    rule: str
    verdict: Verdict
    reason: str
    facts: Mapping[str, Value]


def condition_of(rule: Rule) -> str:
    """One CEL text that is true where the rule is violated (or its obligation begins)."""
    if rule.when and rule.unless:
        return f"({rule.when}) && !({rule.unless})"
    return f"!({rule.unless})" if rule.unless else rule.when


@dataclass(frozen=True)
class Naive:
    """One contract asked over one history, entry by entry, by scanning."""

    contract: Contract
    events: Sequence[Event]

    @cached_property
    def facts(self) -> Facts:
        """The contract's facts over the history."""
        return Facts(self.contract, self.events)

    def results(self) -> list[Result]:
        """Every rule's result at every entry that it is for."""
        return [
            self.result(rule, event)
            for event in self.events
            for rule in self.contract.rules
            if self.is_for(rule, event)
        ]

    def is_for(self, rule: Rule, event: Event) -> bool:
        """Whether a rule is asked of a record: of its kind and tool, in a run of this service."""
        run, action = self.facts.views.run_of(event), self.facts.views.action_of(event)
        kind = "run.closed" if event.record.get("phase") == "closed" else event.record["kind"]
        if kind != rule.subject or run is None or run.record["service"] != self.contract.service:
            return False
        return not rule.tools or (action is not None and action.record["tool"] in rule.tools)

    @cached_property
    def given(self) -> dict[tuple[str, int, str], Result]:
        """Results that were asked for: a decision asks for those of its action again."""
        return {}

    def result(self, rule: Rule, event: Event) -> Result:
        """A rule's result at a record."""
        asked = (rule.id, event.index, event.digest)
        if asked not in self.given:
            self.given[asked] = self.worked_out(rule, event)
        return self.given[asked]

    def worked_out(self, rule: Rule, event: Event) -> Result:
        """The same, by scanning."""
        text, count = condition_of(rule), len(self.contract.facts)
        facts = self.facts.facts_in(text, event, count)
        verdict, reason = Verdict.SATISFIED, ""
        try:
            if not text or self.facts.truth(text, event, count, rule=True):
                verdict = self.settled(rule.expect, event) if rule.expect else Verdict.VIOLATED
        except UndecidableError as error:
            missing = [value for value in facts.values() if isinstance(value, UndecidableError)]
            why = missing[0] if missing and str(error) == "error" else error
            verdict, reason = Verdict.UNDECIDABLE, str(why)
        return Result(event.index, rule.id, verdict, reason, facts)

    def settled(self, expect: Expectation, event: Event) -> Verdict:
        """Whether what an obligation expects of a record has followed it, over all keys."""
        asked, count = expect.at or expect.by, len(self.contract.facts)
        keys = keys_of(self.facts.ask(asked, event, count, rule=True)) if expect.by else [None]
        verdicts = [self.followed(expect, event, key) for key in keys]
        if Verdict.VIOLATED in verdicts:
            return Verdict.VIOLATED
        if Verdict.UNDECIDABLE in verdicts:
            raise UndecidableError("error")
        if None in verdicts:
            raise UndecidableError("pending")
        return Verdict.SATISFIED

    def followed(self, expect: Expectation, event: Event, key: Key | None) -> Verdict | None:
        """The same under one key; None where it is pending."""
        fact = Fact(
            name="",
            aggregate="seen",
            source=expect.source,
            tools=expect.tools,
            where=expect.where,
            by=expect.by,
            over=expect.over,
            attempts="all",
        )
        scope, doubt = self.facts.scope_of(expect.over, event), False
        wide = event.imported and expect.over != "run"
        if scope is None:
            raise UndecidableError("scope")
        if expect.within is not None and (self.facts.views.time_of(event) is None or wide):
            raise UndecidableError("clock")
        for later in self.events:
            in_time = self.in_time(expect, event, later)
            if later.index > event.index and in_time is not False:
                found = self.matches(fact, later, scope, key)
                if found and in_time:
                    return Verdict.SATISFIED
                doubt = doubt or found is not False
            is_late = later.index > event.index and in_time is False
            if is_late or self.closes(expect, event, later):
                return Verdict.UNDECIDABLE if doubt else Verdict.VIOLATED
        return None

    def matches(self, fact: Fact, later: Event, scope: str, key: Key | None) -> bool | None:
        """Whether a later record is what was expected; None where nobody can tell."""
        if not (self.facts.is_from(fact, later) and self.facts.shares(fact, later, scope)):
            return False
        try:
            return bool(self.facts.added(fact, len(self.contract.facts), later, key))
        except UndecidableError:
            return None

    def in_time(self, expect: Expectation, event: Event, later: Event) -> bool | None:
        """Whether a later entry is in time; None where the two times cannot be compared."""
        began, time = self.facts.views.time_of(event), self.facts.views.time_of(later)
        if expect.within is None:
            return True
        same = self.facts.scope_of("run", event) == self.facts.scope_of("run", later)
        if event.imported != later.imported or (event.imported and not same):
            return None
        if began is None or time is None:
            return None
        return time <= began + timedelta(microseconds=expect.within)

    def closes(self, expect: Expectation, event: Event, later: Event) -> bool:
        """Whether an entry closes the run within which an obligation had to be met."""
        run = self.facts.views.run_of(event)
        closing = later.record.get("phase") == "closed" and run is not None
        return bool(expect.until) and closing and later.record["run"] == (run and run.digest)

    # --------------------------------------------------------------------------- decisions

    def decision(self, action: Event) -> tuple[Effect, list[tuple[str, Verdict, Effect]]]:
        """The effect for an action, and the rules that were not satisfied with their effects."""
        reasons: list[tuple[str, Verdict, Effect]] = []
        for rule in self.contract.rules:
            if rule.expect or not self.is_for(rule, action):
                continue
            verdict = self.result(rule, action).verdict
            effect = rule.effect if verdict == Verdict.VIOLATED else rule.undecidable
            effect = Effect.WARN if rule.effect == Effect.WARN else effect
            if verdict == Verdict.VIOLATED and effect == Effect.APPROVE:
                effect = Effect.ALLOW if self.is_lifted(rule, action) else effect
            if verdict != Verdict.SATISFIED:
                reasons.append((rule.id, verdict, effect))
        effects = [effect for _, _, effect in reasons if effect != Effect.WARN]
        return max(effects, key=SEVERITY.index, default=Effect.ALLOW), reasons

    def is_lifted(self, rule: Rule, action: Event) -> bool:
        """Whether an approval of the action that this one resumes answers an `approve` rule."""
        proposed = self.facts.views.find(action.record.get("resumes"))
        earlier = [event for event in self.events if event.index < action.index]
        if proposed not in earlier or not self.same_call(proposed, action):
            return False
        about = [
            event
            for event in earlier
            if event.record["kind"] == "approval"
            and event.record["action"] == proposed.digest
            and event.record.get("rule", rule.id) == rule.id
        ]
        resumes = [one for one in earlier if one.record.get("resumes") == proposed.digest]
        return any(
            event.record["verdict"] == "approve"
            and self.may_approve(rule, event, action)
            and self.is_fresh(rule, event, action)
            and not any(resume.index > event.index for resume in resumes)
            and not any(
                later.index > event.index and later.record["by"] == event.record["by"]
                for later in about
            )
            for event in about
        )

    def same_call(self, proposed: Event, action: Event) -> bool:
        """Whether an action is the proposed one again."""
        seen = [self.facts.views.action_view(one) for one in (proposed, action)]
        calls = [(view["call"], view.get("target"), view["tool"]) for view in seen]
        return calls[0] == calls[1] and proposed.record["run"] == action.record["run"]

    def may_approve(self, rule: Rule, approval: Event, action: Event) -> bool:
        """Whether an approval comes from somebody who may give it for this action."""
        run, identity = self.facts.views.run_of(action), approval.identity
        requester = run.record.get("requester") if run else None
        delegators = [one.identity.get("delegated", {}).get("by") for one in (approval, action)]
        stake = [self.contract.service, self.contract.owner, requester, action.record["by"]]
        stake += [action.identity.get("owner"), delegators[1]]
        if delegators[0] and delegators[0] in stake:
            return False
        if delegators[1] and delegators[1] in {approval.record["by"], identity.get("owner")}:
            return False
        return (
            identity["registered"]
            and rule.role in identity.get("roles", ())
            and approval.record["by"] not in {self.contract.service, action.record["by"], requester}
            and identity.get("owner")
            not in {self.contract.owner, action.identity.get("owner"), requester}
        )

    def is_fresh(self, rule: Rule, approval: Event, action: Event) -> bool:
        """Whether an approval has not expired by its own word or by the rule's."""
        now, given = self.facts.views.time_of(action), self.facts.views.time_of(approval)
        until = approval.record.get("expires_at")
        if until and (now is None or now >= moment(until)):
            return False
        if rule.within is None:
            return True
        if now is None or given is None or action.imported != approval.imported:
            return False
        return now < given + timedelta(microseconds=rule.within)


def in_force(views: Views, action: Event) -> tuple[str, str] | None:
    """The version and digest of the contract in force for an action, None where none is."""
    run, now = views.run_of(action), views.time_of(action)
    service = run.record["service"] if run else None
    valid = [
        event
        for event in views.events
        if event.index < action.index
        and event.record["kind"] == "activation"
        and event.record["service"] == service
        and is_valid(views, event)
    ]
    marked = [event for event in valid if event.record.get("imported")] if action.imported else []
    others = [event for event in valid if not event.record.get("imported")]
    if not marked and now is not None:
        others = [event for event in others if moment(event.record["effective_at"]) <= now]
        others.sort(key=lambda event: moment(event.record["effective_at"]))
    chosen = (marked or others)[-1:]
    return (chosen[0].record["version"], chosen[0].record["digest"]) if chosen else None


def is_valid(views: Views, activation: Event) -> bool:
    """Whether an activation names a text published before, and does not reach back."""
    names = ("service", "version", "digest")
    published = any(
        event.record["kind"] == "contract"
        and event.index < activation.index
        and all(event.record[name] == activation.record[name] for name in names)
        for event in views.events
    )
    backdated = moment(activation.record["effective_at"]) < moment(activation.recorded_at)
    return published and (not backdated or bool(activation.record.get("imported")))
