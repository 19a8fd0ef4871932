"""What a scenario may say: suites, scenarios, and the records of a history in short.

A step is one record (or a call with what came of it), written so that a policy's author can read
it. Nothing is checked against a contract here. The form is docs/spec/scenarios.md.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from contracts.expressions import MICROSECONDS
from contracts.vocabulary import (
    DIGEST,
    IDENTIFIER,
    INSTANT,
    PATTERNS,
    SPIFFE,
    Identifier,
    Instant,
    Scalar,
    Spiffe,
    Text,
)

SPAN: Final = r"^([0-9]{1,7}(us|ms|s|m|h|d))+$"
OFFSET: Final = r"^-?([0-9]{1,7}(us|ms|s|m|h|d))+$"
FORMS: Final[Mapping[str, str]] = {
    **{form: PATTERNS[form] for form in (DIGEST, IDENTIFIER, INSTANT, SPIFFE)},
    SPAN: "a length of time such as `90s`, `24h` or `23h59m59s`",
    OFFSET: "a time from the moment of `when`, such as `10m` after it or `-1s` before it",
}
UNITS: Final = {**MICROSECONDS, "us": 1}

_MONEY: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,6}))? ([A-Z][A-Z0-9]{2,11})")
_PART: Final = re.compile(r"([0-9]+)(us|ms|s|m|h|d)")


def span(text: str) -> int:
    """Return a length of time such as `23h59m59s` in microseconds; a sign may stand before it."""
    total = sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total


def _money(value: object) -> object:
    """Read `12.50 EUR`; whatever is no text is left to the model."""
    if not isinstance(value, str):
        return value
    found = _MONEY.fullmatch(value)
    if found is None:
        raise PydanticCustomError("money", "an amount such as `12.50 EUR` is needed here")
    sign, whole, rest, currency = found.groups()
    micros = int(whole) * 10**6 + int((rest or "").ljust(6, "0"))
    return {"micros": -micros if sign else micros, "currency": currency}


def _many(value: object) -> object:
    """A list, for the model to read as a tuple; or names in one text, with commas between them."""
    if isinstance(value, list):
        return tuple(cast("list[object]", value))
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return value


class Part(BaseModel):
    """Any part of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Money(Part):
    """An amount in millionths, which may also be written `12.50 EUR`."""

    micros: int
    currency: Text


Amount = Annotated[Money, BeforeValidator(_money)]
Span = Annotated[str, StringConstraints(pattern=SPAN)]
Offset = Annotated[str, StringConstraints(pattern=OFFSET)]
Digest = Annotated[str, StringConstraints(pattern=DIGEST)]
Many = Annotated[tuple[Text, ...], BeforeValidator(_many)]
Effect = Literal["allow", "approve", "escalate", "deny"]
Status = Literal["ok", "error", "timeout", "skipped", "abandoned"]
Found = Literal["satisfied", "violated", "undecidable", "pending", "handled", "none"]
Category = Literal[
    "missing-evidence",
    "policy-mismatch",
    "tool-failure",
    "ambiguous-input",
    "cost-overrun",
    "compensation",
]


class Tokens(Part):
    """Tokens that a model read and wrote."""

    input: int | None = None
    output: int | None = None


class Step(Part):
    """When a record was recorded, from the moment of `when`."""

    ago: Span | None = None
    later: Span | None = None


class OwnStep(Step):
    """A record of the service's own, unless it says of whom."""

    by: Identifier | None = None


class InRun(OwnStep):
    """A record that stands in a run: the one opened last, unless it names another."""

    in_: Text | None = Field(None, alias="in")


class RunStep(OwnStep):
    """A run begins. `policy: none` claims no policy; without it, the contract's own."""

    run: Text
    service: Text | None = None
    ref: Text | None = None
    goal: Text | None = None
    channel: Text | None = None
    workflow: Text | None = None
    domain: Text | None = None
    requester: Text | None = None
    parent: Text | None = None
    model: Text | None = None
    prompt_digest: Digest | None = None
    policy: Literal["none"] | dict[str, str] | None = None
    attributes: dict[str, JsonValue] | None = None


class CloseStep(OwnStep):
    """A run ends."""

    close: Text
    outcome: Text | None = None
    value: Amount | None = None


class MessageStep(InRun):
    """Somebody says something."""

    message: Literal["user", "assistant", "system", "human"]
    as_: Text | None = Field(None, alias="as")
    content: str | None = None
    turn: int | None = None
    cost: Amount | None = None
    tokens: Tokens | None = None


class OutcomeStep(OwnStep):
    """How an action ended. As a part of an action, `took` says after how long."""

    outcome: Text
    as_: Text | None = Field(None, alias="as")
    status: Status = "ok"
    took: Span | None = None
    fields: JsonValue = None
    error: Text | None = None
    cost: Amount | None = None
    value: Amount | None = None
    tokens: Tokens | None = None


class ObservationStep(InRun):
    """Evidence. `digest: true` makes one up; `seen` is how long ago its source says it was so."""

    observation: Text
    as_: Text | None = Field(None, alias="as")
    of: Text | None = None
    source: Text
    observer: Text | None = None
    ref: Text | None = None
    digest: Digest | bool = True
    fields: JsonValue = None
    seen: Span | None = None
    self_attested: bool = False


class Estimate(Part):
    """What an action is expected to cost and to be worth."""

    cost: Amount | None = None
    value: Amount | None = None


class ActionStep(InRun):
    """A tool is about to be called; `outcome` and `observed` say what came of it.

    In the history an action carries no decision unless `decision` says one. That of `when` is
    always the guard's own.
    """

    action: Text
    as_: Text | None = Field(None, alias="as")
    params: dict[str, JsonValue] = Field(default_factory=dict)
    evidence: Many = ()
    decision: Effect | None = None
    resumes: Text | None = None
    compensates: Text | None = None
    target: Text | None = None
    channel: Text | None = None
    idempotency_key: Text | None = None
    call_id: Text | None = None
    turn: int | None = None
    estimate: Estimate | None = None
    outcome: Status | dict[str, Any] | None = None
    observed: dict[str, Any] | None = None


class ApprovalStep(Step):
    """A person's word on an action that was held. `expires` counts from the moment of `when`."""

    approval: Text
    by: Identifier
    as_: Text | None = Field(None, alias="as")
    verdict: Literal["approve", "refuse", "withdraw"] = "approve"
    rule: Text | None = None
    expires: Offset | None = None
    reason: Text | None = None


class SwitchStep(Step):
    """The kill switch or safe mode is engaged or released."""

    switch: Literal["engaged", "released"]
    by: Identifier
    as_: Text | None = Field(None, alias="as")
    mode: Literal["kill", "safe"] = "kill"
    service: Text | None = None
    reason: Text = "scenario"


class UseStep(Part):
    """The steps of a block, perhaps shifted in time, with other values, and several times.

    The first of several is `ago`, each next one `every` later; `$n` counts them from 1.
    """

    use: Text
    ago: Span | None = None
    later: Span | None = None
    with_: dict[Identifier, Scalar] = Field(default_factory=dict, alias="with")
    repeat: Annotated[int, Field(ge=1, le=1000)] | None = None
    every: Span | None = None


KINDS: Final[Mapping[str, type[Part]]] = {
    "use": UseStep,
    "run": RunStep,
    "close": CloseStep,
    "message": MessageStep,
    "action": ActionStep,
    "approval": ApprovalStep,
    "switch": SwitchStep,
    # An action may say its outcome and a close its own: these come last.
    "observation": ObservationStep,
    "outcome": OutcomeStep,
}
"""The key that tells of what kind a step is, in the order in which they are looked for."""


class Person(Part):
    """What the ledger's authority says of somebody."""

    id: Spiffe | None = None
    owner: Text | None = None
    roles: tuple[Text, ...] = ()
    permissions: tuple[Text, ...] = ()
    registered: bool = True
    delegated: dict[Literal["by", "since", "until"], Text] | None = None


class ThenText(Part):
    """What is expected.

    Attributes:
        decision: Of the action in `when`.
        reasons: All of its reasons: rules, each perhaps with ` undecidable` behind it.
        including: Some of them.
        facts: Values as of the record of `when`; `undecidable` for one that has none.
        findings: What a verification says of rules at the record of `when`, at the end.
        at: The same at other records, by their names.
    """

    decision: Effect | None = None
    reasons: Many | None = None
    including: Many | None = None
    facts: dict[Text, JsonValue] = Field(default_factory=dict)
    findings: dict[Text, Found] = Field(default_factory=dict)
    at: dict[Text, dict[Text, Found]] = Field(default_factory=dict)


class ScenarioText(Part):
    """One scenario. Its steps are read later, once its values are known."""

    scenario: Text
    says: Text | None = None
    covers: tuple[Category, ...] = ()
    versions: tuple[Text, ...] | None = None
    now: Instant | None = None
    with_: dict[Identifier, Scalar] = Field(default_factory=dict, alias="with")
    given: Any = Field(default_factory=list[Any])
    when: Any
    after: Any = Field(default_factory=list[Any])
    then: ThenText


class Shared(Part):
    """Who there is, what values stand for, and blocks of steps."""

    people: dict[Identifier, Person] = Field(default_factory=dict)
    values: dict[Identifier, Scalar] = Field(default_factory=dict)
    blocks: dict[Text, Any] = Field(default_factory=dict)


class SettingText(Shared):
    """A file of what several suites share."""

    setting: Text
    now: Instant


class SuiteText(Shared):
    """A file of scenarios. `setting` names a file beside it."""

    suite: Text
    contract: Text
    versions: Annotated[tuple[Text, ...], Field(min_length=1)]
    setting: Text | None = None
    now: Instant | None = None
    waived: dict[Category, Text] = Field(default_factory=dict[Category, Text])
    scenarios: Annotated[tuple[ScenarioText, ...], Field(min_length=1)]
