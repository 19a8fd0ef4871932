"""What a guard answers: that an action may be done, or why it may not, in full.

An answer is data, and every reason is in it. `ActionRefusedError` carries one where a block of code
must not be entered: a `with` block can be kept from running in no other way.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from contracts.errors import ContractsError
from contracts.history import Event
from contracts.model import Calling, Contract, Effect, Rule, Verdict
from contracts.results import RuleResult
from contracts.standing import Ruling


@dataclass(frozen=True, slots=True)
class Objection:
    """One rule that did not hold for an action.

    Attributes:
        rule: Its id.
        clause: Its clause.
        result: `violated` or `undecidable`.
        effect: What that did to the decision: `deny`, `escalate`, `approve`, `warn`, or `allow`
            where an approval lifted it.
        says: What it says to a reviewer.
        cites: The policy's sentence that it comes from.
        expected: What it asks for.
        recorded: What it read.
        reason: Why it cannot be decided; empty where it was violated.
        role: Who may lift it; empty where nobody can.
        within: For how many microseconds an approval lasts; None for as long as it stands.
        line: Its line in the contract's text.
        rests_on: Entries that the result rests on.
    """

    rule: str
    clause: str
    result: str
    effect: str
    says: str
    cites: str
    expected: str
    recorded: str
    reason: str
    role: str
    within: int | None
    line: int
    rests_on: tuple[int, ...]

    def __str__(self) -> str:
        why = f"cannot be decided: {self.reason}" if self.reason else (self.says or self.expected)
        return f"{self.rule} ({self.effect}): {why}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision on an action, and all that stands against it.

    Attributes:
        tool: The tool.
        contract: Name, version and digest of the contract that decided.
        effect: `allow`, `approve`, `escalate` or `deny`.
        objections: The rules that did not hold, in the contract's order.
        action: Digest of the action's record: its name in the ledger. Empty where the decision was
            only asked for, and nothing was recorded.
        index: Its entry; -1 where nothing was recorded.
        timeout: How many seconds the tool may take, as the contract says; None for any time.
        fallback: The tool to use instead where it is stopped, as the contract says, or empty.
    """

    tool: str
    contract: tuple[str, str, str]
    effect: str
    objections: tuple[Objection, ...] = ()
    action: str = ""
    index: int = -1
    timeout: float | None = None
    fallback: str = ""

    def __str__(self) -> str:
        why = "; ".join(str(one) for one in self.objections if one.effect != Effect.ALLOW)
        return f"{self.tool}: {self.effect}{f' because of {why}' if why else ''}"


@dataclass(frozen=True, slots=True)
class Allowed(Answer):
    """It may be done. `objections` holds what warns, and what an approval lifted.

    Of a tool that is only observed `effect` is what would have been decided.
    """


@dataclass(frozen=True, slots=True)
class Denied(Answer):
    """It may not be done."""


@dataclass(frozen=True, slots=True)
class ApprovalNeeded(Answer):
    """It may be done once people have agreed: `asks` says to what, and who may."""

    @property
    def asks(self) -> tuple[Objection, ...]:
        """The rules that wait for an approval each."""
        return tuple(one for one in self.objections if one.effect == Effect.APPROVE)


@dataclass(frozen=True, slots=True)
class Escalated(Answer):
    """A person has to decide what becomes of it; it may not be done by itself."""


@dataclass(frozen=True, slots=True)
class Repeated(Answer):
    """It was done before under the same idempotency key: here is what came of it.

    Attributes:
        outcome: The recorded outcome; None while the earlier call is open, or it is not known what
            became of it.
        earlier: Digest of the action that was done.
        key: The idempotency key.
    """

    outcome: dict[str, Any] | None = field(default=None)
    earlier: str = ""
    key: str = ""


Refusal = Denied | ApprovalNeeded | Escalated | Repeated

_ANSWERS: Final[dict[Effect, type[Answer]]] = {
    Effect.ALLOW: Allowed,
    Effect.APPROVE: ApprovalNeeded,
    Effect.ESCALATE: Escalated,
    Effect.DENY: Denied,
}


class GuardError(ContractsError):
    """A guard cannot do what it is asked for.

    Attributes:
        code: Stable name of what went wrong, such as `guard.no-contract`.
    """

    code = "guard"

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code or type(self).code
        super().__init__(message)


class ActionRefusedError(GuardError):
    """An action was not allowed, and its block was not entered.

    Attributes:
        answer: The decision, with every reason.
    """

    code = "guard.refused"

    def __init__(self, answer: Refusal) -> None:
        self.answer = answer
        super().__init__(str(answer))


class DeniedError(ActionRefusedError):
    """The contract denies the action."""

    code = "guard.denied"


class ApprovalNeededError(ActionRefusedError):
    """The action waits for people's approval."""

    code = "guard.approval-needed"


class EscalatedError(ActionRefusedError):
    """The action went to a person."""

    code = "guard.escalated"


class RepeatedError(ActionRefusedError):
    """The action was done before, or is being done, under the same idempotency key."""

    code = "guard.repeated"


_ERRORS: Final[dict[type[Answer], type[ActionRefusedError]]] = {
    Denied: DeniedError,
    ApprovalNeeded: ApprovalNeededError,
    Escalated: EscalatedError,
    Repeated: RepeatedError,
}


class UngovernedError(GuardError):
    """No contract binds the service, or none that can be read: nothing may be done."""

    code = "guard.no-contract"


class UnrecordedError(GuardError):
    """The ledger could not record it, so that it was not done."""

    code = "guard.ledger-away"


class OutcomeUnrecordedError(GuardError):
    """An action was done, and the ledger could not record its outcome.

    The guard holds it and hands it in before its next decision, or when `settle` is called.
    """

    code = "guard.outcome-unrecorded"


class ToolTimeoutError(GuardError, TimeoutError):
    """A tool did not answer in the contract's time. What it does after that is not known."""

    code = "guard.tool-timeout"


def refusal_error(answer: Refusal) -> ActionRefusedError:
    """Return the error that carries an answer."""
    return _ERRORS[type(answer)](answer)


def answer_of(ruling: Ruling) -> Answer:
    """Return a ruling as an answer, of an action that is not recorded yet."""
    contract, name = ruling.contract, ruling.event.record["tool"]
    tool = contract.tools.get(name)
    calling = tool.calling if tool else Calling()
    return _ANSWERS[ruling.decision.effect](
        tool=name,
        contract=(contract.name, ruling.version, contract.digest),
        effect=ruling.decision.effect.value,
        objections=tuple(_objections(ruling)),
        timeout=None if calling.timeout is None else calling.timeout / 1_000_000,
        fallback="" if calling.fallback == Effect.DENY.value else calling.fallback,
    )


def observed(answer: Answer) -> Allowed:
    """Return an answer of which only notice is taken: it holds nobody back."""
    return Allowed(
        answer.tool,
        answer.contract,
        answer.effect,
        answer.objections,
        answer.action,
        answer.index,
        answer.timeout,
        answer.fallback,
    )


def repeated(answer: Answer, earlier: Event, key: str) -> Repeated:
    """Return the answer to a call that was made before: what came of it.

    Args:
        answer: What denies it.
        earlier: The outcome of the earlier call, or its action where there is none yet.
        key: The idempotency key.
    """
    record = earlier.record
    done = record["kind"] == "outcome"
    return Repeated(
        answer.tool,
        answer.contract,
        answer.effect,
        answer.objections,
        answer.action,
        answer.index,
        answer.timeout,
        answer.fallback,
        outcome=dict(record) if done else None,
        earlier=record["action"] if done else earlier.digest,
        key=key,
    )


def _objections(ruling: Ruling) -> list[Objection]:
    effects = {reason.rule: reason.effect for reason in ruling.decision.reasons}
    order = list(effects)
    results = {one.rule.id: one for one in ruling.against if one.rule.id in effects}
    return [_objection(ruling.contract, results[rule], effects[rule]) for rule in order]


def _objection(contract: Contract, result: RuleResult, effect: Effect) -> Objection:
    rule: Rule = result.rule
    return Objection(
        rule=rule.id,
        clause=rule.clause,
        result=result.verdict.value,
        effect=effect.value,
        says=rule.says,
        cites=rule.cites,
        expected=result.expected,
        recorded=result.recorded,
        reason=result.reason if result.verdict is Verdict.UNDECIDABLE else "",
        role=rule.role,
        within=rule.within,
        line=contract.line_of(rule.position),
        rests_on=result.rests_on,
    )
