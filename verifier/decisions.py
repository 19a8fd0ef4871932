"""What a guard decided and what happened then, against what the ledger says it should have decided.

Only live actions that carry a decision are compared: an imported one was decided by somebody else.
Source: docs/spec/contract-language.md, *Decision*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.coercion import Value
from contracts.decision import Decision
from contracts.history import Event
from contracts.model import Effect
from contracts.packing import packed, unpacked
from contracts.phrases import sentence
from contracts.results import Explanation
from contracts.unseen import bare, surely_differ, unseen_in
from contracts.withholding import Hidden
from ledger.encoding import call_digest
from verifier.drafts import Draft
from verifier.entries import ValidEntry
from verifier.findings import Severity

ORDER = (Effect.ALLOW, Effect.WARN, Effect.APPROVE, Effect.ESCALATE, Effect.DENY)
HELD = frozenset({"approve", "escalate"})
# A tool was called, whatever came of it.
EXECUTED = frozenset({"ok", "error", "timeout"})


@dataclass(frozen=True, slots=True)
class Derived:
    """The decision as the ledger's own history gives it, and the entries that it rests on."""

    decision: Decision
    version: str
    contract: str
    rests_on: tuple[int, ...] = ()

    @property
    def effect(self) -> Effect:
        """What should have been decided."""
        return self.decision.effect

    @property
    def reasons(self) -> tuple[tuple[str, str, str], ...]:
        """What was not satisfied, as (rule, result, effect), in the contract's order."""
        return tuple(
            (reason.rule, reason.result.value, reason.effect.value)
            for reason in self.decision.reasons
        )


@dataclass(slots=True)
class _Held:
    """An action that was proposed and not carried out, until somebody approves it.

    `approvals` are the entries of those that hold, by who gave them and the rule that they name.
    """

    index: int
    call: str
    tool: str
    params: Value
    target: str | None
    run: str
    approvals: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    resumed_at: int | None = None

    @property
    def approved_at(self) -> tuple[int, ...]:
        """The entries of the approvals that hold, in order."""
        return tuple(sorted(self.approvals.values()))

    def say(self, approval: Event) -> None:
        """Take somebody's word: of what each said of a rule, or of none, the last one holds.

        What somebody else says takes nothing back, and neither does a word on another rule.
        """
        by, rule = approval.record["by"], approval.record.get("rule") or ""
        if not rule:
            self.approvals = {key: at for key, at in self.approvals.items() if key[0] != by}
        self.approvals.pop((by, rule), None)
        if approval.record["verdict"] == "approve":
            self.approvals[by, rule] = approval.index


class Decisions:
    """Compares decisions, one live action after the other."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._denied: dict[str, tuple[int, str]] = {}

    def kept(self) -> dict[str, Value]:
        """Return the actions that later records may resume, or be outcomes of."""
        held = [
            [
                digest,
                one.index,
                one.call,
                one.tool,
                packed(one.params),
                one.target,
                one.run,
                [[*key, at] for key, at in one.approvals.items()],
                one.resumed_at,
            ]
            for digest, one in self._held.items()
        ]
        denied = [[digest, *said] for digest, said in self._denied.items()]
        return {"held": held, "denied": denied}

    def take_up(self, rows: Mapping[str, Any]) -> None:
        """Know of these actions, and of no others."""
        self._held = {}
        for digest, index, call, tool, params, target, run, approvals, resumed_at in rows["held"]:
            given = {(by, rule): at for by, rule, at in approvals}
            self._held[digest] = _Held(
                index, call, tool, unpacked(params), target, run, given, resumed_at
            )
        self._denied = {digest: (index, effect) for digest, index, effect in rows["denied"]}

    def action(self, valid: ValidEntry, derived: Derived | None) -> list[Draft]:
        """Return what is wrong with the decision that an action carries."""
        event, record = valid.event, valid.event.record
        if "decision" not in record or event.imported:
            return []
        index, effect = event.index, record["decision"]["effect"]
        drafts = self._resumed(index, record)
        if derived is not None:
            drafts.extend(_compared(valid, derived, explained=bool(drafts)))
        if effect in HELD:
            tool, params = record["tool"], record["params"]
            call, target = call_digest(tool, bare(params)), record.get("target")
            self._held[event.digest] = _Held(index, call, tool, params, target, record["run"])
        elif effect == "deny":
            self._denied[event.digest] = (index, effect)
        return drafts

    def approval(self, event: Event) -> None:
        """Take note of somebody's word on a proposed action."""
        held = self._held.get(event.record["action"])
        if held is not None:
            held.say(event)

    def outcome(self, event: Event) -> list[Draft]:
        """Return what is wrong when a tool was called although its action was not allowed."""
        action, status = event.record["action"], event.record["status"]
        if status not in EXECUTED:
            return []
        if action in self._denied:
            code, (index, effect) = "executed-despite-deny", self._denied[action]
        elif action in self._held:
            code, index, effect = "executed-without-approval", self._held[action].index, ""
        else:
            return []
        return [
            Draft(
                code=f"decision.{code}",
                index=event.index,
                severity=Severity.CRITICAL,
                expected=f"no call: the decision was {effect or 'to wait for an approval'}",
                recorded=f"the tool was called, outcome {status}",
                rests_on=(index,),
            )
        ]

    def _resumed(self, index: int, record: Mapping[str, Any]) -> list[Draft]:
        """Compare an action that was allowed on an approval with what was approved."""
        if "resumes" not in record or record["decision"]["effect"] != "allow":
            return []
        held = self._held.get(record["resumes"])
        if held is None:
            return [_approval("mismatch", index, "it resumes an action that was not held", ())]
        rests_on = (held.index, *held.approved_at)
        if held.resumed_at is not None:
            what = f"the approval was consumed at entry {held.resumed_at}"
            return [_approval("reused", index, what, (*rests_on, held.resumed_at))]
        held.resumed_at = index
        params, here = record["params"], (record["tool"], record.get("target"), record["run"])
        call = call_digest(record["tool"], bare(params))
        if (call, *here[1:]) != (held.call, held.target, held.run):
            what = "tool, parameters, target or run are not those of the proposed action"
            found = _approval("mismatch", index, what, rests_on)
            sure = here != (held.tool, held.target, held.run) or surely_differ(params, held.params)
            unseen = any(unseen_in(params)) or any(unseen_in(held.params))
            # A value is sealed anew each time: that commitments differ says nothing of it.
            return [replace(found, hidden=Hidden.SEALED) if unseen and not sure else found]
        if not held.approved_at:
            return [_without_approval(index, held.index)]
        return []


def _approval(code: str, index: int, what: str, rests_on: tuple[int, ...]) -> Draft:
    return Draft(
        code=f"decision.approval-{code}",
        index=index,
        severity=Severity.CRITICAL,
        expected="an approval of this very action, used once",
        recorded=what,
        rests_on=rests_on,
    )


def _without_approval(index: int, held: int) -> Draft:
    return Draft(
        code="decision.executed-without-approval",
        index=index,
        severity=Severity.CRITICAL,
        expected="an approval of the proposed action",
        recorded="it was resumed, and nobody had approved it",
        rests_on=(held,),
    )


def _compared(valid: ValidEntry, derived: Derived, *, explained: bool) -> list[Draft]:
    """Compare a decision with the derived one. `explained`: the difference was found already."""
    index, record, drafts = valid.event.index, valid.event.record, list[Draft]()
    decision, said = record["decision"], record.get("contract")
    if said is not None and said["digest"] != derived.contract:
        drafts.append(
            _decision(
                "wrong-version",
                index,
                derived,
                f"version {derived.version} ({derived.contract[:12]}…)",
                f"version {said['version']} ({said['digest'][:12]}…)",
            )
        )
    if not valid.exact:
        expected = "an exact submission: decided on the very history that it follows"
        recorded = "another entry could have come between, unseen"
        drafts.append(_decision("stale-basis", index, derived, expected, recorded))
    if decision["effect"] != str(derived.effect):
        if not explained:
            drafts.append(_effect(index, decision["effect"], derived))
        return drafts
    reasons = tuple((each["rule"], each["result"], each["effect"]) for each in decision["reasons"])
    if reasons != derived.reasons and not explained:
        expected, recorded = _listed(derived.reasons), _listed(reasons)
        drafts.append(_decision("reasons-differ", index, derived, expected, recorded))
    return drafts


def weaker(recorded: str, derived: Effect) -> bool:
    """Tell whether a decision lets pass more than the one that was derived."""
    return ORDER.index(Effect(recorded)) < ORDER.index(derived)


def _effect(index: int, recorded: str, derived: Derived) -> Draft:
    expected = f"{derived.effect} because of {_listed(derived.reasons)}"
    code = "false-allow" if weaker(recorded, derived.effect) else "false-deny"
    return _decision(code, index, derived, expected, f"the guard decided {recorded}")


def _listed(reasons: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(f"{rule} {result}" for rule, result, _ in reasons) or "no reason"


def reasoned(draft: Draft, rules: Sequence[Draft]) -> Draft:
    """Return a finding on a decision with why the ledger gives another one.

    Args:
        draft: The finding.
        rules: What stands against the action.
    """
    if draft.code not in _RESTS_ON_RULES:
        return draft
    said = [(one.rule, one.explanation) for one in rules if one.explanation is not None]
    told = [f"{rule}: {why}" for rule, each in said for why in each.because]
    entries = {draft.index, *draft.rests_on, *(at for _, each in said for at in each.entries)}
    return replace(
        draft,
        explanation=Explanation(
            because=(sentence(f"{_SAYS.get(draft.code, '')}{draft.recorded}"), *told),
            facts=tuple(dict.fromkeys(fact for _, each in said for fact in each.facts)),
            entries=tuple(sorted(entries)),
            would=(draft.expected,),
        ),
    )


_SAYS = {"decision.reasons-differ": "the record names "}
_RESTS_ON_RULES = frozenset(
    f"decision.{what}" for what in ("false-allow", "false-deny", "reasons-differ")
)
_SEVERITY = {
    "false-allow": Severity.CRITICAL,
    "false-deny": Severity.MEDIUM,
    "wrong-version": Severity.HIGH,
    "reasons-differ": Severity.MEDIUM,
    "stale-basis": Severity.MEDIUM,
}


def _decision(code: str, index: int, derived: Derived, expected: str, recorded: str) -> Draft:
    return Draft(
        code=f"decision.{code}",
        index=index,
        severity=_SEVERITY[code],
        contract=derived.contract,
        expected=expected,
        recorded=recorded,
        rests_on=derived.rests_on,
    )
