"""The model of the refund service: it is told of each record, and says what that breaks.

It is asked before a call is recorded, decides as a correct gate would, and knows at the end what
became of everything that it said. Source: docs/spec/contract-language.md; docs/spec/report.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from benchmarks.planting.known import (
    BACK,
    DAY,
    EXECUTED,
    FAILED,
    HOUR,
    PAY,
    Act,
    Run,
    Seen,
    Selects,
    Service,
    key_of,
)
from benchmarks.planting.rules import (
    Answer,
    Asked,
    broken,
    closing_answers,
    message_answers,
    outcome_answers,
)
from benchmarks.planting.steps import UNDECIDABLE, VIOLATED
from contracts.model import Contract

Record = Mapping[str, Any]

HANDLED: Final = "handled"
ABOVE: Final = "scope.above-threshold"
_RANK: Final = ("allow", "approve", "escalate", "deny")
_EFFECTS: Final = {
    ABOVE: "approve",
    "scope.risk": "escalate",
    "scope.ambiguity": "escalate",
    "scope.privilege": "escalate",
    "scope.serial-refunds": "escalate",
    "policy.document": "warn",
}
"""What a rule that is violated does; the others deny. What is undecidable denies, or warns."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something that must be found, at a record. `result` is as yet what the rule says."""

    at: str
    label: str
    run: str
    result: str
    rule: str
    version: str


@dataclass(frozen=True, slots=True)
class Person:
    """What the authority says of an identity, and by which it is known."""

    id: str
    owner: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...] = ()


@dataclass(slots=True)
class _Word:
    """What somebody said of a call that was held."""

    by: Person
    index: int
    time: datetime
    record: Record


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a correct gate decides, with its reasons as a record has them."""

    effect: str
    reasons: tuple[Mapping[str, str], ...]


@dataclass(slots=True)
class _Duty:
    """Something that must follow."""

    said: Said
    until: datetime | None
    key: str


@dataclass(slots=True)
class Model:
    """The service as it is known.

    Attributes:
        people: By identity.
        owner: Who answers for the service.
        order: By version, the contract's rules in its order.
        digests: By version, the contract's digest.
        selects: By selector, whether it selects a call.
        said: What must be found so far, of what is settled at once.
    """

    people: Mapping[str, Person]
    owner: str
    order: Mapping[str, Sequence[str]]
    digests: Mapping[str, str]
    selects: Mapping[str, Selects]
    version: str = ""
    said: list[Said] = field(default_factory=list[Said])
    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    acts: dict[str, Act] = field(default_factory=dict[str, Act])
    service: Service = field(default_factory=Service)
    _seen: dict[str, Seen] = field(default_factory=dict[str, Seen])
    _words: dict[str, list[_Word]] = field(default_factory=dict[str, list[_Word]])
    _resumed: dict[str, list[tuple[int, str]]] = field(
        default_factory=dict[str, list[tuple[int, str]]]
    )
    _duties: list[_Duty] = field(default_factory=list[_Duty])
    _under: dict[str, str] = field(default_factory=dict[str, str])
    _of: dict[str, str] = field(default_factory=dict[str, str])
    _count: int = 0

    # ---------------------------------------------------------------------- runs, words

    def opened(self, digest: str, label: str, record: Record, now: datetime) -> None:
        """A run of the service begins."""
        run = self.runs[digest] = Run(digest, label, now, record)
        self._under[digest] = self.version
        parent = self.runs.get(record.get("parent", ""))
        grant = record.get("grant")
        wider = parent.grant if parent else None
        run.grant = wider if grant is None else tuple(grant)
        if wider is not None and (grant is None or set(grant) - set(wider)):
            self._say(digest, label, run, VIOLATED, "identity.grant")
        if self.people[record["by"]].owner != self.owner:
            self._say(digest, label, run, VIOLATED, "identity.service")

    def message(self, digest: str, label: str, record: Record) -> None:
        """Somebody says something."""
        run = self.runs[record["run"]]
        self._results(digest, label, run, message_answers(record))
        run.messages.append(record)
        self._count += 1
        if record["role"] == "assistant":
            run.untold.clear()

    def closed(self, digest: str, label: str, record: Record) -> None:
        """A run ends: what had to follow in it has not."""
        run = self.runs[record["run"]]
        self._results(digest, label, run, closing_answers(run, record))
        run.closed = True
        self._end(run, VIOLATED)
        run.untold.clear()

    def _end(self, run: Run, result: str) -> None:
        for act in run.acts:
            if act.counts and not act.outcomes:
                version = self._under[act.digest]
                said = Said(act.digest, act.label, run.digest, result, "recovery.outcome", version)
                self.said.append(said)
        for outcome in run.untold:
            label = f"{self.acts[self._of[outcome]].label}.end"
            version = self._under[outcome]
            said = Said(outcome, label, run.digest, result, "policy.customer-told", version)
            self.said.append(said)

    # ------------------------------------------------------------------------- calls

    def ruled(self, act: Act, now: datetime) -> Ruling:
        """Say what a call breaks, and what a correct gate decides about it."""
        run = self.runs[act.run]
        cited = [self._seen[one] for one in act.record.get("evidence") or ()]
        permissions = self.people[act.record["by"]].permissions
        asked = Asked(self.version, now, act, run, self.service, permissions, cited, self.selects)
        answers = dict(broken(asked))
        # What is asked of a call is what the contract has a rule for, no more and no less.
        act.raw = [
            (rule, VIOLATED if answers[rule] else UNDECIDABLE)
            for rule in self.order[self.version]
            if answers.get(rule, False) is not False
        ]
        act.lifted = (ABOVE, VIOLATED) in act.raw and self._lifts(act, run, now)
        act.again = run.failed_at(act.call, now)
        reasons = [self._reason(act, rule, result) for rule, result in act.raw]
        effects = [one["effect"] for one in reasons if one["effect"] != "warn"]
        return Ruling(max(effects, key=_RANK.index, default="allow"), tuple(reasons))

    def _reason(self, act: Act, rule: str, result: str) -> Mapping[str, str]:
        effect = _EFFECTS.get(rule, "deny")
        if effect != "warn" and result == UNDECIDABLE:
            effect = "deny"
        if rule == ABOVE and result == VIOLATED and act.lifted:
            effect = "allow"
        return {"rule": rule, "result": result, "effect": effect}

    def _lifts(self, act: Act, run: Run, now: datetime) -> bool:
        """Return whether somebody who may has agreed to the call that this one takes up."""
        held = self.acts.get(act.record.get("resumes") or "")
        if held is None or (held.call, held.run) != (act.call, act.run):
            return False
        last: dict[str, _Word] = {}
        for word in self._words.get(held.digest, ()):
            if word.record.get("rule") in {None, ABOVE}:
                last[word.by.id] = word
        used = [index for index, _ in self._resumed.get(held.digest, ())]
        return any(self._agrees(word, run, used, now) for word in last.values())

    def _agrees(self, word: _Word, run: Run, used: list[int], now: datetime) -> bool:
        ends = word.record.get("expires_at")
        late = now >= word.time + 2 * HOUR or (ends and now >= datetime.fromisoformat(ends))
        stake = word.by.owner in {self.owner, run.record.get("requester")}
        right = word.record["verdict"] == "approve" and "refunds-lead" in word.by.roles
        return right and not late and not stake and not any(one > word.index for one in used)

    def acted(self, act: Act, ruling: Ruling | None, *, exact: bool) -> None:
        """A call was recorded, with what was decided about it, if a gate did."""
        run = self.runs[act.run]
        self._count += 1
        act.index = self._count
        self.acts[act.digest] = act
        self._under[act.digest] = self.version
        decision = act.record.get("decision")
        act.effect = decision["effect"] if decision else ""
        if run.grant is not None and act.tool not in run.grant:
            self._say(act.digest, act.label, run, VIOLATED, "identity.grant")
        if decision and ruling is not None:
            for code in self._decided(act, ruling, exact=exact):
                self._say(act.digest, act.label, run, VIOLATED, f"decision.{code}")
        resumed = act.record.get("resumes")
        if resumed:
            self._resumed.setdefault(resumed, []).append((act.index, act.effect))
        run.acts.append(act)
        if act.counts:
            self._count_call(act)

    def _count_call(self, act: Act) -> None:
        self.service.called[act.record["by"]].add(act.time)
        if act.tool == "policies.search":
            self.service.searched.add(act.time)
        key = key_of(act.tool, act.params)
        if key is not None:
            self.service.opened[key] += 1
            self.service.moved.add(act.time, str(act.record["target"]))

    def _decided(self, act: Act, ruling: Ruling, *, exact: bool) -> Iterable[str]:
        """Yield what is wrong with what was recorded as decided."""
        decision = act.record["decision"]
        resuming = list(self._resuming(act))
        yield from resuming
        if act.record["contract"]["digest"] != self.digests[self.version]:
            yield "wrong-version"
        if not exact:
            yield "stale-basis"
        if resuming:
            return
        if decision["effect"] != ruling.effect:
            weaker = _RANK.index(decision["effect"]) < _RANK.index(ruling.effect)
            yield "false-allow" if weaker else "false-deny"
        elif list(decision["reasons"]) != list(ruling.reasons):
            yield "reasons-differ"

    def _resuming(self, act: Act) -> Iterable[str]:
        """Yield what is wrong with taking up a call that is said to have been held."""
        resumed = act.record.get("resumes")
        if not resumed or act.effect != "allow":
            return
        held = self.acts.get(resumed)
        if held is None or held.effect not in {"approve", "escalate"}:
            yield "approval-mismatch"
        elif any(effect == "allow" for _, effect in self._resumed.get(resumed, ())):
            yield "approval-reused"
        elif (held.call, held.run) != (act.call, act.run):
            yield "approval-mismatch"
        elif not self._approved(resumed):
            yield "executed-without-approval"

    def _approved(self, held: str) -> bool:
        """Return whether anybody's last word on a call is that it may be made."""
        last = {word.by.id: word for word in self._words.get(held, [])}
        return any(word.record["verdict"] == "approve" for word in last.values())

    # ---------------------------------------------------------------------- what follows

    def ended(self, digest: str, record: Record, now: datetime) -> None:
        """A call ended."""
        act = self.acts[record["action"]]
        run, label = self.runs[act.run], f"{act.label}.end"
        self._under[digest], self._of[digest] = self.version, act.digest
        seconds = (now - act.time).total_seconds()
        self._results(digest, label, run, outcome_answers(act, record, seconds))
        if record["status"] in EXECUTED and act.effect not in {"", "allow"}:
            held = act.effect != "deny"
            code = "executed-without-approval" if held else "executed-despite-deny"
            self._say(digest, label, run, VIOLATED, f"decision.{code}")
        if act.counts:
            self._count_end(act, record, run, now)
        act.outcomes.append(record)
        if act.tool == PAY and record["status"] == "ok":
            run.untold.append(digest)
        back = act.record.get("compensates")
        if act.tool == BACK and back:
            self._taken_back(digest, label, record, back, now)

    def _count_end(self, act: Act, record: Record, run: Run, now: datetime) -> None:
        status, key = record["status"], key_of(act.tool, act.params)
        if key is not None and not act.outcomes:
            self.service.opened[key] -= 1
        if key is not None and status == "ok":
            self.service.done.add(key)
        if status in FAILED:
            run.failures.append((act.call, now))
        if act.tool != PAY:
            return
        if status in FAILED:
            if len(self.service.failed.within(now)) >= 2:
                self.service.tripped.add(now)
            self.service.failed.add(now)
        elif status == "ok":
            run.paid += 1
            self.service.refunded[act.params["customer"]].add(now)
            self.service.paid_at[record["fields"]["payout_id"]] = now

    def _taken_back(self, digest: str, label: str, record: Record, key: str, now: datetime) -> None:
        if record["status"] == "ok":
            self.passed(now)
            self._duties = [one for one in self._duties if one.key != key]
        elif record["status"] in {*FAILED, "abandoned"}:
            run = record["run"]
            rule = "recovery.compensation.payouts.reverse"
            said = Said(digest, label, run, VIOLATED, rule, self.version)
            self._duties.append(_Duty(said, now + 3 * DAY, key))

    def passed(self, now: datetime) -> None:
        """Time has come so far: what had to follow by then has not."""
        for one in self._duties:
            if one.until is not None and now > one.until:
                self.said.append(one.said)
        self._duties = [one for one in self._duties if one.until is None or now <= one.until]

    def observed(self, digest: str, record: Record, now: datetime) -> None:
        """Something was seen, maybe as the result of a call."""
        seen = self._seen[digest] = Seen(now, record)
        act = self.acts.get(record.get("action", ""))
        if act is not None:
            act.observed = True
            self.runs[act.run].seen.append((act, seen))

    def approved(self, record: Record, now: datetime) -> None:
        """Somebody says a word on a call that is held."""
        self._count += 1
        word = _Word(self.people[record["by"]], self._count, now, record)
        self._words.setdefault(record["action"], []).append(word)

    def switched(self, digest: str, label: str, record: Record) -> None:
        """Somebody engages or releases a switch of the service, who may or may not."""
        self._under[digest] = self.version
        if "incident-commander" not in self.people[record["by"]].roles:
            said = Said(digest, label, "", VIOLATED, "recovery.switch-role", self.version)
            self.said.append(said)
            return
        mode = record["mode"] if record["state"] == "engaged" else "released"
        if "selector" in record:
            self.service.selected[record["selector"]] = mode
        else:
            self.service.switch = mode

    # ------------------------------------------------------------------------- the end

    def finish(self) -> list[Said]:
        """Return all that must be found, as what it is by now."""
        for run in self.runs.values():
            if not run.closed:
                version = self._under[run.digest]
                what = "coverage.run-unclosed"
                opened = Said(run.digest, run.label, run.digest, UNDECIDABLE, what, version)
                self.said.append(opened)
                self._end(run, UNDECIDABLE)
        for duty in self._duties:
            said = duty.said
            self.said.append(
                Said(said.at, said.label, said.run, UNDECIDABLE, said.rule, said.version)
            )
        for act in self.acts.values():
            self.said += [self._settled(act, rule, result) for rule, result in act.raw]
        return self.said

    def _settled(self, act: Act, rule: str, result: str) -> Said:
        return Said(
            act.digest,
            act.label,
            act.run,
            self._became(act, rule, result),
            rule,
            self._under[act.digest],
        )

    def _became(self, act: Act, rule: str, result: str) -> str:
        """Return what became of what stood against a call."""
        if not act.effect:
            return result
        if rule == ABOVE and act.lifted:
            return HANDLED
        carried = any(one["status"] in EXECUTED for one in act.outcomes)
        if act.effect == "allow" or carried:
            return result
        return UNDECIDABLE if act.observed else HANDLED

    def _results(
        self, at: str, label: str, run: Run, answers: Iterable[tuple[str, Answer]]
    ) -> None:
        for rule, answer in answers:
            if answer is not False:
                self._say(at, label, run, VIOLATED if answer else UNDECIDABLE, rule)

    def _say(self, at: str, label: str, run: Run, result: str, rule: str) -> None:
        self._under.setdefault(at, self.version)
        self.said.append(Said(at, label, run.digest, result, rule, self.version))


def rule_order(contract: Contract) -> tuple[str, ...]:
    """Return a contract's rules in its order: the order of a decision's reasons."""
    return tuple(rule.id for rule in contract.rules)
