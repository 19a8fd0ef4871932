"""A recorded run before the real guard again, its tools returning what was recorded of them.

The guard stands on the ledger as it was when the run was opened. Each recorded action is proposed
with its own parameters at its own time, and what the guard decides is held against the record; a
tool that it lets through is a stand-in that returns the recorded result. What others did meanwhile
(approvals, switches, other runs) is there as it was. The first step that differs ends it.
Source: docs/spec/timeline.md, *Through the guard*.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from contracts.answers import Answer, GuardError
from contracts.channel import Recorded
from contracts.engine import Engine
from contracts.follower import Follower
from contracts.grouped import ACTION, KINDS, Wanted
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.model import Contract
from contracts.performing import GuardedAction
from contracts.standing import NotReadyError, Standing
from ledger.clock import parse_time
from ledger.encoding import decode
from ledger.errors import LedgerError
from ledger.records import Action, Decision
from ledger.rows import Row
from ledger.source import Source
from replay.history import Act, History, Run
from replay.own_time import OWN_TIME
from replay.reheard import Divergence, Kind, Reheard, Rehearsal
from replay.wording import flat
from verifier.report import Report
from writ.recorded_past import Past, Scribe, Submission

# What of a record the guard says itself, or its writer.
_OWN: Final = frozenset({"v", "kind", "nonce", "by"})
_DECIDED: Final = frozenset({"contract", "decision", "mode", "idempotency_key"})
_ENDED: Final = frozenset({"action", "run", "status", "leaf"})


def rehearse(
    source: Source,
    report: Report,
    history: History,
    run: Run,
    candidate: Contract | None = None,
) -> Rehearsal:
    """Put a run before the guard again.

    Args:
        source: The ledger's bytes.
        report: Its verification.
        history: The ledger as acts and runs.
        run: A live run in it.
        candidate: The contract that decides, instead of those in force then.

    Raises:
        SourceError: The ledger is another one by now.
        LedgerError: The ledger cannot be read.
    """
    past = Past(source, report)
    acts = list(history.of_run(run.digest))
    begin = past.begins(run.index)
    past.go_to(begin)
    last = max([run.index, run.closed, *(max(act.index, act.ended) for act in acts)])
    hearing = _Hearing(past, run, acts, candidate)
    for there in past.submissions(begin):
        if there[0][0].idx > last or hearing.divergence is not None:
            break
        hearing.hear(there)
        past.go_to(there[-1][0].idx + 1)
    found = hearing.divergence
    later = [act for act in acts if found is not None and act.index > found.index]
    return Rehearsal(
        report=report,
        run=run,
        before=begin,
        acts=len(acts),
        steps=tuple(hearing.steps),
        divergence=found,
        contingent=len(later),
        candidate=("", "") if candidate is None else (candidate.name, candidate.version),
        aside=_own_time(candidate),
    )


def _own_time(candidate: Contract | None) -> tuple[str, ...]:
    rules = () if candidate is None else candidate.rules
    return tuple(sorted(rule.id for rule in rules if rule.id in OWN_TIME))


class _Hearing:
    """The guard, and what it was asked so far."""

    def __init__(
        self, past: Past, run: Run, acts: Sequence[Act], candidate: Contract | None
    ) -> None:
        self.steps: list[Reheard] = []
        self.divergence: Divergence | None = None
        self._scribe = Scribe(past)
        self._acts = {act.index: (number, act) for number, act in enumerate(acts, 1)}
        self._candidate = candidate
        self._run = run
        self._past = past
        self._observed = {act.tool for act in acts if not act.decision}
        self._guard: Guard | None = None
        self._open: dict[str, tuple[int, GuardedAction]] = {}

    def hear(self, there: Submission) -> None:
        """Put what was handed in next before the guard, where it is an action, or a result."""
        if any(row.idx in self._acts for row, _ in there):
            self._scribe.expect(there)
            self._propose(there)
            return
        for entry in there:
            record = decode(entry[0].record or b"")
            if record["kind"] == "outcome" and record["action"] in self._open:
                self._scribe.expect([entry])
                self._end(record)

    # ---------------------------------------------------------------------------- proposing

    def _ready(self) -> Guard:
        """Return the guard, which reads what was before the run when it is first needed."""
        if self._guard is None:
            kind = Guard if self._candidate is None else _bound(self._candidate)
            self._guard = kind(
                self._scribe,
                self._past,
                self._run.said("service"),
                observe=self._observed,
                clock=lambda: parse_time(self._scribe.now),
            )
        return self._guard

    def _propose(self, there: Submission) -> None:
        records = [decode(row.record or b"") for row, _ in there]
        try:
            given = self._given(records)
        except (GuardError, LedgerError) as error:
            self._refused(there, error)
            return
        for (row, _), record, one in zip(there, records, given, strict=True):
            if row.idx not in self._acts or self.divergence is not None:
                continue
            if isinstance(one, Exception):
                self._refused([(row, there[0][1])], one)
            elif isinstance(one, GuardedAction):
                self._answered(row, record, one.answer, one)
            elif isinstance(one, Answer):
                self._answered(row, record, one, None)

    def _given(self, records: Sequence[Mapping[str, Any]]) -> list[object]:
        """Have the guard decide what was handed in: one action, or several things at once."""
        guard = self._ready()
        if len(records) == 1:
            said = _fields(records[0])
            tool, params = said.pop("tool"), said.pop("params")
            run = GuardedRun(guard, said.pop("run"))
            return [run.propose(tool, params, evidence=said.pop("evidence", ()), **said)]
        found: list[object] = []
        for one, record in zip(guard.group(_wanted(records)), records, strict=True):
            if isinstance(one, tuple):
                found.append(_handle(guard, record, one))
            else:
                found.append(one)
        return found

    def _answered(
        self, row: Row, record: Mapping[str, Any], answer: Answer, action: GuardedAction | None
    ) -> None:
        """Hold an answer against the record."""
        number, act = self._acts[row.idx]
        made = next(one for one in self._scribe.made if _is_for(one.record, record))
        self.divergence = self._differs(act, record, answer, action, made.record)
        if self.divergence is not None:
            return
        status = act.status if action is not None and act.executed else ""
        same = made.raw == row.record
        self.steps.append(
            Reheard(row.idx, number, act.tool, act.decision, answer.effect, same, status)
        )
        if action is not None:
            self._open[act.digest] = number, action

    def _refused(self, there: Submission, error: Exception) -> None:
        index = next(row.idx for row, _ in there if row.idx in self._acts)
        act = self._acts[index][1]
        recorded = f"{act.decision or 'no decision'}{', called' if act.executed else ''}"
        code = str(getattr(error, "code", "guard"))
        self.divergence = self._differing(act, Kind.REFUSED, (recorded, code), [str(error)])

    def _differing(
        self, act: Act, kind: Kind, said: tuple[str, str], why: Sequence[str]
    ) -> Divergence:
        number = self._acts[act.index][0]
        return Divergence(act.index, number, act.tool, kind, *said, tuple(why))

    # ---------------------------------------------------------------------------- comparing

    def _differs(
        self,
        act: Act,
        record: Mapping[str, Any],
        answer: Answer,
        action: GuardedAction | None,
        made: object,
    ) -> Divergence | None:
        said, mine = self._reasons(record.get("decision")), self._reasons(_decision(made, answer))
        why = [*_reasons_why(said, mine, answer)]
        claimed = record.get("contract")
        if self._candidate is None and claimed and claimed["digest"] != answer.contract[2]:
            told = f"{answer.contract[1]} was in force then"
            versions = claimed["version"], answer.contract[1]
            return self._differing(act, Kind.CONTRACT, versions, [told, *why])
        if act.decision and act.decision != answer.effect:
            return self._differing(act, Kind.DECISION, (act.decision, answer.effect), why)
        if action is None and act.executed:
            told = "the record has a call that the guard refuses"
            called = f"{act.decision}, called ({act.status})"
            return self._differing(act, Kind.CALL, (called, answer.effect), [told])
        if act.decision and said != mine:
            return self._differing(act, Kind.REASONS, (_told(said), _told(mine)), why)
        return self._taken_back(act, record)

    def _reasons(self, decision: Mapping[str, Any] | None) -> frozenset[tuple[str, str, str]]:
        reasons = () if decision is None else decision["reasons"]
        aside = OWN_TIME if self._candidate is not None else frozenset[str]()
        return frozenset(
            (one["rule"], one["result"], one["effect"])
            for one in reasons
            if one["rule"] not in aside
        )

    def _taken_back(self, act: Act, record: Mapping[str, Any]) -> Divergence | None:
        """Hold the call that takes an action back against what the contract makes of it."""
        if not act.compensates:
            return None
        try:
            undo = self._ready().taking_back(act.compensates)
        except GuardError:
            # The decision says what there is to say of that.
            return None
        said = {name: record["params"].get(name) for name in undo.params}
        if (act.tool, said) == (undo.tool, dict(undo.params)):
            return None
        why = f"so the contract takes back {act.compensates[:12]}…"
        calls = f"{act.tool} {flat(said)}", f"{undo.tool} {flat(undo.params)}"
        return self._differing(act, Kind.PARAMETERS, calls, [why])

    # ------------------------------------------------------------------------------- ending

    def _end(self, record: Mapping[str, Any]) -> None:
        """Have the tool's stand-in return what was recorded of it, and the guard record that."""
        _, action = self._open.pop(record["action"])
        said = {name: one for name, one in _fields(record).items() if name not in _ENDED}
        # Not by `perform`, which measures how long a tool takes: whether a busy machine gets to the
        # stand-in in time must not be in the answer.
        action.end(record["status"], **said)


def _is_for(made: object, record: Mapping[str, Any]) -> bool:
    return isinstance(made, Action) and made.nonce == record["nonce"]


def _decision(made: object, answer: Answer) -> Mapping[str, Any]:
    """Return what the guard decided: as it would be recorded, else (where it observes) as said."""
    if isinstance(made, Action) and isinstance(made.decision, Decision):
        found: Mapping[str, Any] = made.decision.model_dump()
        return found
    reasons = [
        {"rule": one.rule, "result": one.result, "effect": one.effect} for one in answer.objections
    ]
    return {"effect": answer.effect, "reasons": reasons}


def _told(reasons: frozenset[tuple[str, str, str]]) -> str:
    named = [f"{rule} {result} ({effect})" for rule, result, effect in sorted(reasons)]
    return ", ".join(named) or "no reason"


def _reasons_why(
    said: frozenset[tuple[str, str, str]], mine: frozenset[tuple[str, str, str]], answer: Answer
) -> Iterator[str]:
    """Yield why the guard says otherwise: each rule that differs, with what it read."""
    objections = {one.rule: one for one in answer.objections}
    version = answer.contract[1]
    for rule, result, effect in sorted(mine - said):
        one = objections[rule]
        read = f", having read {one.recorded}" if one.recorded else ""
        why = one.reason or one.says or one.expected
        yield f"{rule} is {result} ({effect}): {why}{read} (line {one.line} of {version})"
    for rule, result, effect in sorted(said - mine):
        if rule not in objections:
            yield f"{rule} was recorded as {result} ({effect}), and holds under {version}"


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of itself, and neither its writer nor the guard."""
    left_out = _OWN | _DECIDED if record["kind"] == ACTION else _OWN
    return {name: one for name, one in record.items() if name not in left_out}


def _wanted(records: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    found: list[Wanted] = []
    for record in records:
        kind = "run.closed" if record.get("phase") == "closed" else str(record["kind"])
        if kind != ACTION and kind not in KINDS:
            raise GuardError(f"a guard records no {kind} with an action", "guard.kind")
        said = {name: one for name, one in _fields(record).items() if name != "phase"}
        found.append(Wanted(kind, said))
    return found


def _handle(
    guard: Guard, record: Mapping[str, Any], one: tuple[Answer, Recorded]
) -> GuardedAction | Answer:
    answer, where = one
    allowed = answer.effect == "allow"
    return GuardedAction(guard, record["run"], answer, where, record["tool"]) if allowed else answer


# ----------------------------------------------------------------------------- a candidate


class _Instead(Standing):
    """A standing on which a contract decides that is not in force. A guard that acts has none."""

    candidate: ClassVar[Contract]

    def prepare(self, now: str) -> None:
        """Have the counters of the candidate."""
        del now
        self._is_ready = True
        if self.candidate.digest not in self._engines:
            engine = Engine(self.candidate)
            for event in Follower(self._store).read_on(self.size):
                engine.observe(event, judge=False)
            self._engines[self.candidate.digest] = engine

    def in_force(self, now: str) -> tuple[str, Contract]:
        """Return the candidate."""
        del now
        if self.candidate.digest not in self._engines:
            raise NotReadyError
        return self.candidate.version, self.candidate


def _bound(candidate: Contract) -> type[Guard]:
    """Return a guard under a candidate, without what that says of its own time."""
    rules = tuple(rule for rule in candidate.rules if rule.id not in OWN_TIME)
    bound = replace(candidate, rules=rules)

    class _Standing(_Instead):
        candidate = bound

    class _Guard(Guard):
        stands = _Standing

    return _Guard
