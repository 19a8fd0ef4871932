"""The contract as a person writes it: seven clauses, then facts, values and rules.

Nothing here means anything yet. `contracts.expansion` turns a document into facts and rules;
`contracts.reading` makes a document from text. The keys are those of
docs/spec/contract-language.md, and docs/reference/contract.schema.json is generated from this
module.
"""

from typing import Annotated, Any, Final, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

SPIFFE: Final = r"^spiffe://[^\s/]+(/[^\s/]+)+$"
DURATION: Final = r"^[1-9][0-9]{0,5}(ms|s|m|h|d)$"
RATE: Final = r"^[1-9][0-9]{0,8}/[1-9][0-9]{0,5}(ms|s|m|h|d)$"
IDENTIFIER: Final = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
RULE_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
TOOL: Final = r"^[A-Za-z_][A-Za-z0-9_.:/-]{0,127}$"
DIGEST: Final = r"^[0-9a-f]{64}$"
INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
CURRENCY: Final = r"^[A-Z]{3}$"

# What a text must look like, for people: an error quotes this instead of the pattern.
PATTERNS: Final = {
    SPIFFE: "a SPIFFE identity such as `spiffe://acme.example/ai/refunds`",
    DURATION: "a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, such as `90s` or `30d`",
    RATE: "a rate: calls, a slash and a duration, such as `60/1m`",
    IDENTIFIER: "a name of letters, digits and `_` that begins with a letter",
    RULE_ID: "an id of letters, digits, `_` and `-` that begins with a letter or digit",
    TOOL: "a tool's name of letters, digits and `_.:/-` that begins with a letter or `_`",
    DIGEST: "a SHA-256 digest of 64 lowercase hexadecimal digits",
    INSTANT: "a UTC time such as `2026-03-01T09:00:00Z`",
    CURRENCY: "a currency of three capital letters such as `EUR`",
}


def _condition(value: object) -> object:
    """YAML reads `when: true` and `sum: 1` as values; what was meant is the expression."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str) and not value.strip():
        raise PydanticCustomError("condition_empty", "an empty expression")
    return value


def _one_or_many(value: object) -> object:
    if isinstance(value, list):
        return tuple(cast("list[object]", value))
    return (value,) if isinstance(value, str) else value


def _scalar(value: object) -> object:
    if not isinstance(value, str | bool | int | float):
        raise PydanticCustomError("scalar", "a text, a number, true or false is needed here")
    return value


_MANY_TEXTS: Final = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ]
}

Text = Annotated[str, StringConstraints(min_length=1)]
Cel = Annotated[
    str, BeforeValidator(_condition), WithJsonSchema({"type": ["string", "boolean", "number"]})
]
Spiffe = Annotated[str, StringConstraints(pattern=SPIFFE)]
Duration = Annotated[str, StringConstraints(pattern=DURATION)]
Rate = Annotated[str, StringConstraints(pattern=RATE)]
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
RuleId = Annotated[str, StringConstraints(pattern=RULE_ID)]
ToolName = Annotated[str, StringConstraints(pattern=TOOL)]
Digest = Annotated[str, StringConstraints(pattern=DIGEST)]
Instant = Annotated[str, StringConstraints(pattern=INSTANT)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY)]
Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Texts = Annotated[
    tuple[Text, ...],
    Field(min_length=1),
    BeforeValidator(_one_or_many),
    WithJsonSchema(_MANY_TEXTS),
]
Mode = Literal["read", "draft", "recommend", "execute"]
Clause = Literal["identity", "scope", "evidence", "policy", "tools", "cost", "recovery"]
Effect = Literal["deny", "approve", "escalate", "warn"]
Undecidable = Literal["deny", "escalate", "warn", "allow"]
Over = Literal["run", "identity", "service", "workflow", "domain", "ledger"]
Scalar = Annotated[
    Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "boolean", "number"]})
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Duties(_Part):
    """Who builds, approves and runs the service; the three must not overlap."""

    build: tuple[Text, ...] = ()
    approve: tuple[Text, ...] = ()
    run: tuple[Text, ...] = ()


class Delegation(_Part):
    """By whom and when the service may act: the half-open time from `since` to `until`."""

    by: Text
    since: Instant
    until: Instant


class Identity(_Part):
    """Clause 1: which service this is, who answers for it and what it may touch."""

    service: Spiffe
    owner: Text
    permissions: tuple[Text, ...] = ()
    duties: Duties | None = None
    delegation: Delegation | None = None


class _Item(_Part):
    id: RuleId
    for_: Texts = Field(alias="for")
    undecidable: Undecidable | None = None
    cites: str = ""
    says: str = ""


class Forbidden(_Item):
    """What the service never does; without `when`, in no case."""

    when: Cel = ""


class ApprovalThreshold(_Item):
    """What needs the sign-off of a role, and for how long a sign-off lasts."""

    when: Cel
    role: Text
    within: Duration | None = None


class Trigger(_Item):
    """What a human has to look at."""

    when: Cel


class Scope(_Part):
    """Clause 2: modes, forbidden actions, approval thresholds, escalation triggers."""

    modes: tuple[Mode, ...] = Field(min_length=1)
    forbidden: tuple[Forbidden, ...] = ()
    approve: tuple[ApprovalThreshold, ...] = ()
    escalate: tuple[Trigger, ...] = ()


class Evidence(_Item):
    """Clause 3, one item: what an action must rest on. Durations as texts."""

    require: Cel = ""
    from_: Texts | None = Field(default=None, alias="from")
    kind: Text | None = None
    fresh: Duration | None = None
    complete: tuple[Text, ...] = ()
    digest: bool = False
    self_attested: Literal["refuse"] | None = None


class PolicyDocument(_Part):
    """The governing document."""

    name: Text
    version: Text
    digest: Digest | None = None


class Policy(_Part):
    """Clause 4: the governing document, its values by case, and its sentences."""

    document: PolicyDocument
    limits: dict[Text, JsonValue] = Field(default_factory=dict)
    sentences: tuple[Text, ...] = ()


class Estimate(_Part):
    """What a call is expected to cost and to be worth, in micro-units of one currency."""

    cost: Cel = ""
    currency: Currency | None = None
    value: Cel = ""


class Breaker(_Part):
    """After so many failures in a window no call for the time of the cooldown."""

    failures: Positive
    within: Duration
    cooldown: Duration


class Compensation(_Part):
    """The tool that takes a call back, and its parameters from the call and its outcome."""

    tool: ToolName
    params: dict[Text, Cel] = Field(default_factory=dict)
    within: Duration | None = None


class Tool(_Part):
    """Clause 5, one tool of the allow-list. `params` is a JSON Schema."""

    mode: Mode
    permission: Text | None = None
    description: str = ""
    params: dict[str, JsonValue] | None = None
    target: Cel = ""
    estimate: Estimate | None = None
    rate: Rate | None = None
    breaker: Breaker | None = None
    timeout: Duration | None = None
    fallback: Text | None = None
    idempotency: Cel = ""
    compensation: Compensation | None = None
    irreversible: Text | None = None


class RunBudget(_Part):
    """What one run may use. Money in micro-units, time in whole seconds."""

    cost_micros: Natural | None = None
    currency: Currency | None = None
    tokens: Natural | None = None
    tool_calls: Natural | None = None
    steps: Natural | None = None
    seconds: Positive | None = None
    calls: dict[ToolName, Natural] = Field(default_factory=dict)


class Loop(_Part):
    """How many equal calls in a run are a loop."""

    same_call: Annotated[int, Field(ge=2)]
    except_: Texts | None = Field(default=None, alias="except")


class Throttle(_Part):
    """At most `calls` tool calls in a window, over more than a run."""

    over: Literal["identity", "workflow", "domain", "service"]
    calls: Positive
    within: Duration


class Worth(_Part):
    """What a unit of value may cost, over a whole run."""

    cost_per_value_max: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Cost(_Part):
    """Clause 6: budgets, loops, throttles and worth."""

    per_run: RunBudget | None = None
    loop: Loop | None = None
    throttle: tuple[Throttle, ...] = ()
    value: Worth | None = None


class KillSwitch(_Part):
    """Who may stop the service."""

    roles: tuple[Text, ...] = Field(min_length=1)


class SafeMode(_Part):
    """What still runs in safe mode."""

    allow: tuple[Mode, ...]


class Containment(_Part):
    """How much harm one window can hold: value in micro-units, calls, distinct targets."""

    over: Over
    within: Duration
    value_micros: Positive | None = None
    calls: Positive | None = None
    entities: Annotated[int, Field(ge=1, le=256)] | None = None


class OnFailure(_Part):
    """How often a failed call may be made again in its run."""

    retry: Natural
    within: Duration | None = None


class Recovery(_Part):
    """Clause 7: stopping, containing and repairing."""

    kill_switch: KillSwitch | None = None
    safe_mode: SafeMode | None = None
    containment: Containment | None = None
    on_failure: OnFailure | None = None


class FactText(_Part):
    """One aggregate over history, as written."""

    count: Literal[True] | None = None
    seen: Literal[True] | None = None
    sum: Cel = ""
    min: Cel = ""
    max: Cel = ""
    last: Cel = ""
    list: Cel = ""
    from_: Text = Field(alias="from")
    where: Cel = ""
    over: Over = "run"
    by: Cel = ""
    at: Cel = ""
    within: Duration | None = None
    attempts: Literal["allowed", "all"] = "allowed"
    unknown: Literal["undecidable", "skip"] = "undecidable"
    reserve: Cel = ""
    default: Scalar = None
    reference: bool = False


class ExpectText(_Part):
    """What must follow, as written."""

    from_: Text = Field(alias="from")
    where: Cel = ""
    over: Over = "run"
    by: Cel = ""
    at: Cel = ""
    until: Literal["run.closed"] | None = None
    within: Duration | None = None


class RuleText(_Item):
    """One condition over one kind of record, as written."""

    clause: Clause = "policy"
    when: Cel = ""
    unless: Cel = ""
    effect: Effect = "deny"
    role: Text | None = None
    within: Duration | None = None
    expect: ExpectText | None = None


class Clauses(_Part):
    """A whole contract."""

    contract: Text
    version: Text
    identity: Identity
    scope: Scope
    evidence: tuple[Evidence, ...] = ()
    policy: Policy
    tools: dict[ToolName, Tool]
    cost: Cost | None = None
    recovery: Recovery | None = None
    facts: dict[Identifier, FactText] = Field(default_factory=dict)
    values: dict[Identifier, Cel] = Field(default_factory=dict)
    rules: tuple[RuleText, ...] = ()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a contract, for editors that complete and check while typing."""
    schema = Clauses.model_json_schema(by_alias=True)
    _close(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Writ contract, language version 1",
    }


def _close(schema: object) -> None:
    """Names that an author chooses follow their pattern: pydantic says so, the schema must too."""
    members = cast("dict[str, object]", schema) if isinstance(schema, dict) else {}
    if "patternProperties" in members:
        members["additionalProperties"] = False
    for member in members.values():
        _close(member)
