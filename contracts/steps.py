"""What a scenario may say: suites, scenarios, and the records of a history in short.

A step is one record (or a call with what came of it), written so that a policy's author can read
it. Nothing is checked against a contract here. The form is docs/spec/scenarios.md; what stands
below each key is what an editor shows (`contracts.published`).
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

AMOUNT: Final = r"^(-?)([0-9]{1,9})(?:\.([0-9]{1,6}))? ([A-Z][A-Z0-9]{2,11})$"
_MONEY: Final = re.compile(AMOUNT)
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

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Money(Part):
    """An amount in millionths, which may also be written `12.50 EUR`."""

    micros: int
    """In millionths of the currency's unit."""
    currency: Text
    """Its code, such as `EUR`."""


Amount = Annotated[
    Money,
    BeforeValidator(
        _money,
        json_schema_input_type=Money | Annotated[str, StringConstraints(pattern=AMOUNT)],
    ),
]
Span = Annotated[str, StringConstraints(pattern=SPAN)]
Offset = Annotated[str, StringConstraints(pattern=OFFSET)]
Digest = Annotated[str, StringConstraints(pattern=DIGEST)]
Many = Annotated[
    tuple[Text, ...], BeforeValidator(_many, json_schema_input_type=tuple[Text, ...] | Text)
]
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
    """How many it read."""
    output: int | None = None
    """How many it wrote."""


class Step(Part):
    """When a record was recorded, from the moment of `when`."""

    ago: Span | None = None
    """How long before `when`: `23h59m59s`."""
    later: Span | None = None
    """How long after `when`, in `after`."""


class OwnStep(Step):
    """A record of the service's own, unless it says of whom."""

    by: Identifier | None = None
    """Who recorded it, of `people`; else `agent`, or the service itself."""


class InRun(OwnStep):
    """A record that stands in a run: the one opened last, unless it names another."""

    in_: Text | None = Field(None, alias="in")
    """In which run, by its name; else the one that was opened last in the text."""


class RunStep(OwnStep):
    """A run begins. `policy: none` claims no policy; without it, the contract's own."""

    run: Text
    """Its name."""
    service: Text | None = None
    """Of which service; else the contract's."""
    ref: Text | None = None
    """What others call it."""
    goal: Text | None = None
    """What it is for."""
    channel: Text | None = None
    """By which channel it came."""
    workflow: Text | None = None
    """Of which workflow it is a part."""
    domain: Text | None = None
    """In which domain it acts."""
    requester: Text | None = None
    """Who asked for it."""
    parent: Text | None = None
    """The run that it is a part of."""
    model: Text | None = None
    """Which model acts."""
    prompt_digest: Digest | None = None
    """SHA-256 of its prompt."""
    policy: Literal["none"] | dict[str, str] | None = None
    """The policy that it claims; `none`, or else the contract's own document."""
    attributes: dict[str, JsonValue] | None = None
    """Whatever else it says of itself."""


class CloseStep(OwnStep):
    """A run ends."""

    close: Text
    """The run, by its name."""
    outcome: Text | None = None
    """How it ended."""
    value: Amount | None = None
    """What it was worth."""


class MessageStep(InRun):
    """Somebody says something."""

    message: Literal["user", "assistant", "system", "human"]
    """Who speaks."""
    as_: Text | None = Field(None, alias="as")
    """Its name."""
    content: str | None = None
    """What is said."""
    turn: int | None = None
    """The number of its turn."""
    cost: Amount | None = None
    """What the model cost."""
    tokens: Tokens | None = None
    """What the model read and wrote."""


class OutcomeStep(OwnStep):
    """How an action ended. As a part of an action, `took` says after how long."""

    outcome: Text
    """The action, by its name."""
    as_: Text | None = Field(None, alias="as")
    """Its name."""
    status: Status = "ok"
    """How it ended; `ok` where nothing is said."""
    took: Span | None = None
    """After how long, under an action."""
    fields: JsonValue = None
    """What came of it."""
    error: Text | None = None
    """What was said of an error."""
    cost: Amount | None = None
    """What it cost."""
    value: Amount | None = None
    """What it was worth."""
    tokens: Tokens | None = None
    """What it took in tokens."""


class ObservationStep(InRun):
    """Evidence. `digest: true` makes one up; `seen` is how long ago its source says it was so."""

    observation: Text
    """Of what kind it is."""
    as_: Text | None = Field(None, alias="as")
    """Its name; else its kind, if that is free."""
    of: Text | None = None
    """The action whose result it is, by its name."""
    source: Text
    """Where it was read."""
    observer: Text | None = None
    """Who read it: one of `people`, or `source`."""
    ref: Text | None = None
    """What its source calls it."""
    digest: Digest | bool = True
    """SHA-256 of what was read; one is made up, unless this is `false`."""
    fields: JsonValue = None
    """What was read."""
    seen: Span | None = None
    """How long before `when` its source says that it was so."""
    self_attested: bool = False
    """Whether the agent vouches for itself."""


class Estimate(Part):
    """What an action is expected to cost and to be worth."""

    cost: Amount | None = None
    """What it is expected to cost."""
    value: Amount | None = None
    """What it is expected to be worth."""


class ActionStep(InRun):
    """A tool is about to be called; `outcome` and `observed` say what came of it.

    In the history an action carries no decision unless `decision` says one. That of `when` is
    always the guard's own.
    """

    action: Text
    """The tool."""
    as_: Text | None = Field(None, alias="as")
    """Its name."""
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """With these parameters."""
    evidence: Many = ()
    """The observations that it cites, by their names; `all` for every one of the run before it."""
    decision: Effect | None = None
    """What was decided about it, in `given`; without it nothing."""
    resumes: Text | None = None
    """The held action that it takes up, by its name."""
    compensates: Text | None = None
    """The action that it takes back, by its name."""
    target: Text | None = None
    """Whom or what it acts on, as recorded."""
    channel: Text | None = None
    """By which channel it acts."""
    idempotency_key: Text | None = None
    """Two actions with one key are one."""
    call_id: Text | None = None
    """What the model calls this call."""
    turn: int | None = None
    """The number of its turn."""
    estimate: Estimate | None = None
    """What it is expected to cost and to be worth, as recorded."""
    outcome: Status | dict[str, Any] | None = None
    """How it ended: a status, or the keys of an `outcome`."""
    observed: dict[str, Any] | None = None
    """What was observed of it: the keys of an `observation`."""


class ApprovalStep(Step):
    """A person's word on an action that was held. `expires` counts from the moment of `when`."""

    approval: Text
    """The held action, by its name."""
    by: Identifier
    """Who says it, of `people`."""
    as_: Text | None = Field(None, alias="as")
    """Its name."""
    verdict: Literal["approve", "refuse", "withdraw"] = "approve"
    """What is said; `approve` where nothing is."""
    rule: Text | None = None
    """The rule that it is about; without it, any."""
    expires: Offset | None = None
    """Until when it holds, from the moment of `when`: `10m`, or `-1s` for before it."""
    reason: Text | None = None
    """Why."""


class SwitchStep(Step):
    """The kill switch or safe mode is engaged or released."""

    switch: Literal["engaged", "released"]
    """What becomes of it."""
    by: Identifier
    """Who does it, of `people`."""
    as_: Text | None = Field(None, alias="as")
    """Its name."""
    mode: Literal["kill", "safe"] = "kill"
    """`kill` stops all, `safe` all but some modes."""
    service: Text | None = None
    """Which service; else the contract's."""
    reason: Text = "scenario"
    """Why."""


class UseStep(Part):
    """The steps of a block, perhaps shifted in time, with other values, and several times.

    The first of several is `ago`, each next one `every` later; `$n` counts them from 1.
    """

    use: Text
    """The block, by its name."""
    ago: Span | None = None
    """Its times are as long before `when` as this and their own together."""
    later: Span | None = None
    """Its times are as long after `when`."""
    with_: dict[Identifier, Scalar] = Field(default_factory=dict, alias="with")
    """Values for its steps."""
    repeat: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many times; `$n` counts from 1."""
    every: Span | None = None
    """How much later each next one is."""


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
    """The identity; else it is made of the name."""
    owner: Text | None = None
    """Who answers for the identity."""
    roles: tuple[Text, ...] = ()
    """The roles that it has."""
    permissions: tuple[Text, ...] = ()
    """What it may touch."""
    registered: bool = True
    """Whether the ledger knows the identity."""
    delegated: dict[Literal["by", "since", "until"], Text] | None = None
    """By whom and when it may act."""


class ThenText(Part):
    """What is expected."""

    decision: Effect | None = None
    """Of the action of `when`."""
    reasons: Many | None = None
    """All of its reasons: rules, each perhaps with ` undecidable` behind it."""
    including: Many | None = None
    """Some of them."""
    facts: dict[Text, JsonValue] = Field(default_factory=dict)
    """Values as of the record of `when`; `undecidable` for one that has none."""
    findings: dict[Text, Found] = Field(default_factory=dict)
    """What a verification says of rules at the record of `when`, at the end of the history."""
    at: dict[Text, dict[Text, Found]] = Field(default_factory=dict)
    """The same at other records, by their names."""


class ScenarioText(Part):
    """One scenario. Its steps are read later, once its values are known."""

    scenario: Text
    """Its name, which is unique in the file."""
    says: Text | None = None
    """What it shows, for readers."""
    covers: tuple[Category, ...] = ()
    """The situations that it covers."""
    versions: tuple[Text, ...] | None = None
    """For which versions, instead of the suite's."""
    now: Instant | None = None
    """The moment of `when`, instead of the suite's."""
    with_: dict[Identifier, Scalar] = Field(default_factory=dict, alias="with")
    """Values of this scenario."""
    given: Any = Field(default_factory=list[Any])
    """The history: records, and names of blocks."""
    when: Any
    """The record that comes."""
    after: Any = Field(default_factory=list[Any])
    """What follows it."""
    then: ThenText
    """The decision, reasons, facts and findings that are expected."""


class Shared(Part):
    """Who there is, what values stand for, and blocks of steps."""

    people: dict[Identifier, Person] = Field(default_factory=dict)
    """Who there is, by the names that steps use."""
    values: dict[Identifier, Scalar] = Field(default_factory=dict)
    """What `$name` stands for in steps."""
    blocks: dict[Text, Any] = Field(default_factory=dict)
    """Steps that are used by name."""


class SettingText(Shared):
    """A file of what several suites share."""

    setting: Text
    """Its name."""
    now: Instant
    """The moment of `when`, where a suite says no other."""


class SuiteText(Shared):
    """A file of scenarios. `setting` names a file beside it."""

    suite: Text
    """Its name."""
    contract: Text
    """The contract's name."""
    versions: Annotated[tuple[Text, ...], Field(min_length=1)]
    """For which versions of the contract; each is beside the folder."""
    setting: Text | None = None
    """A file in the same folder with what several suites share."""
    now: Instant | None = None
    """The moment of `when`; needed here or in the setting."""
    waived: dict[Category, Text] = Field(default_factory=dict[Category, Text])
    """Situations that this contract need not cover, each with the reason."""
    scenarios: Annotated[tuple[ScenarioText, ...], Field(min_length=1)]
    """The scenarios."""
