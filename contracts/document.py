"""The contract as a person writes it: seven clauses, then facts, values and rules.

Nothing here means anything yet. `contracts.expansion` turns a document into facts and rules;
`contracts.reading` makes a document from text. The keys are those of
docs/spec/contract-language.md; what stands below each is what an editor shows, because
`contracts.published` makes docs/reference/*.schema.json of this module.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from contracts.policies import Extension, FactText, Item, Limits, Part, PolicyDocument, RuleText
from contracts.vocabulary import (
    Cel,
    Currency,
    Digest,
    Duration,
    Identifier,
    Instant,
    Mode,
    Natural,
    Over,
    Positive,
    Rate,
    Spiffe,
    Text,
    Texts,
    ToolName,
)


class Duties(Part):
    """Who builds, approves and runs the service; the three must not overlap."""

    build: tuple[Text, ...] = ()
    """Who writes the contract: people, or identities, which stand for their owners."""
    approve: tuple[Text, ...] = ()
    """Who activates it, and who approves actions."""
    run: tuple[Text, ...] = ()
    """Who answers for the service while it runs."""


class Delegation(Part):
    """By whom and when the service may act: the half-open time from `since` to `until`."""

    by: Text
    """Who delegated."""
    since: Instant
    """From when, in UTC."""
    until: Instant
    """Until when, in UTC; the end itself is outside."""


class Identity(Part):
    """Clause 1: which service this is, who answers for it and what it may touch."""

    service: Spiffe
    """The service's SPIFFE identity. The contract binds the runs of this service."""
    owner: Text
    """The named person who answers for the service."""
    permissions: tuple[Text, ...] = ()
    """What the service may touch. A tool may name one of these."""
    duties: Duties | None = None
    """Who builds, approves and runs: people who must not overlap."""
    delegation: Delegation | None = None
    """On whose behalf the service acts, and from when until when."""


class Forbidden(Item):
    """What the service never does; without `when`, in no case."""

    when: Cel = ""
    """CEL: where it is forbidden. Without it: always."""


class ApprovalThreshold(Item):
    """What needs the sign-off of a role, and for how long a sign-off lasts."""

    when: Cel
    """CEL: where a sign-off is needed."""
    role: Text
    """The role that may give it."""
    within: Duration | None = None
    """How long a sign-off lasts."""


class Trigger(Item):
    """What a human has to look at."""

    when: Cel
    """CEL: where a person has to look."""


class Scope(Part):
    """Clause 2: modes, forbidden actions, approval thresholds, escalation triggers."""

    modes: tuple[Mode, ...] = Field(min_length=1)
    """The modes of tools that the service may act in."""
    forbidden: tuple[Forbidden, ...] = ()
    """What it never does."""
    approve: tuple[ApprovalThreshold, ...] = ()
    """What needs a sign-off first."""
    escalate: tuple[Trigger, ...] = ()
    """What goes to a person."""


class Evidence(Item):
    """Clause 3, one item: what an action must rest on. Durations as texts."""

    require: Cel = ""
    """CEL over `evidence`, the observations that the action cites."""
    from_: Texts | None = Field(default=None, alias="from")
    """The sources that it must come from."""
    kind: Text | None = None
    """The kind of observation that must be cited."""
    fresh: Duration | None = None
    """How old it may be."""
    complete: tuple[Text, ...] = ()
    """Fields that it must have; `a.b` is a path."""
    digest: bool = False
    """Whether it must carry the digest of what was read."""
    agree: tuple[Text, ...] = ()
    """Fields in which no two of them, of one subject, may differ; `a.b` is a path."""
    self_attested: Literal["refuse"] | None = None
    """`refuse`: the service's own word is not enough."""


class Policy(Part):
    """Clause 4: the governing document, its values by case, and its sentences."""

    document: PolicyDocument
    """The document that governs what the service does."""
    limits: Limits = Field(default_factory=dict)
    """Values by name: `limits.NAME` in conditions. With `by` or `levels`, by case."""
    sentences: tuple[Text, ...] = ()
    """The ids of the policy's sentences: lint lists those that no rule cites."""


class Estimate(Part):
    """What a call is expected to cost and to be worth, in micro-units of one currency."""

    cost: Cel = ""
    """CEL over `params`: micro-units."""
    currency: Currency | None = None
    """Its currency."""
    value: Cel = ""
    """CEL over `params`: micro-units that the call moves."""


class Breaker(Part):
    """After so many failures in a window no call for the time of the cooldown."""

    failures: Positive
    """How many failures trip it."""
    within: Duration
    """In which window."""
    cooldown: Duration
    """For how long no call is made then."""


class Compensation(Part):
    """The tool that takes a call back, and its parameters from the call and its outcome."""

    tool: ToolName
    """The tool that takes the call back."""
    params: dict[Text, Cel] = Field(default_factory=dict)
    """Its parameters: CEL over the call and its outcome."""
    within: Duration | None = None
    """How long that is possible."""


class Tool(Part):
    """Clause 5, one tool of the allow-list. `params` is a JSON Schema."""

    mode: Mode
    """What kind of thing a call does."""
    permission: Text | None = None
    """One of the service's permissions, which a call needs."""
    description: str = ""
    """What it does, for people."""
    params: dict[str, JsonValue] | None = None
    """A JSON Schema of its parameters."""
    target: Cel = ""
    """CEL over `params`: what a call acts on."""
    estimate: Estimate | None = None
    """What a call is expected to cost and to move; it is reserved until the outcome."""
    rate: Rate | None = None
    """How many calls in which window, such as `60/1m`."""
    breaker: Breaker | None = None
    """When repeated failures stop it."""
    timeout: Duration | None = None
    """How long an answer may take."""
    fallback: Text | None = None
    """What to do instead where it is stopped: `deny`, or another tool."""
    idempotency: Cel = ""
    """CEL over `params`: a key under which a call succeeds once."""
    compensation: Compensation | None = None
    """How a call is taken back."""
    irreversible: Text | None = None
    """Why a call cannot be taken back."""


class RunBudget(Part):
    """What one run may use. Money in micro-units, time in whole seconds."""

    cost_micros: Natural | None = None
    """Money in micro-units."""
    currency: Currency | None = None
    """The currency of that."""
    tokens: Natural | None = None
    """Tokens of models."""
    tool_calls: Natural | None = None
    """Calls of all tools."""
    steps: Natural | None = None
    """The assistant's messages and the tool calls."""
    seconds: Positive | None = None
    """Seconds from the run's opening."""
    calls: dict[ToolName, Natural] = Field(default_factory=dict)
    """Calls of one tool, by its name."""


class Loop(Part):
    """How many equal calls in a run are a loop."""

    same_call: Annotated[int, Field(ge=2)]
    """This many equal calls in a run, this one included, are a loop."""
    except_: Texts | None = Field(default=None, alias="except")
    """Tools that may be called the same way again."""


class Throttle(Part):
    """At most `calls` tool calls in a window, over more than a run."""

    over: Literal["identity", "workflow", "domain", "service"]
    """What the calls are counted over."""
    calls: Positive
    """How many."""
    within: Duration
    """In which window."""


class Worth(Part):
    """What a unit of value may cost, over a whole run."""

    cost_per_value_max: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """The cost of a run over its value, at most."""


class Cost(Part):
    """Clause 6: budgets, loops, throttles and worth."""

    per_run: RunBudget | None = None
    """What one run may use."""
    loop: Loop | None = None
    """When equal calls are a loop."""
    throttle: tuple[Throttle, ...] = ()
    """How many calls in a window, over more than a run."""
    value: Worth | None = None
    """What a unit of value may cost."""


class KillSwitch(Part):
    """Who may stop the service."""

    roles: tuple[Text, ...] = Field(min_length=1)
    """A switch by anybody without one of these roles stops nothing, and is a finding."""


class SafeMode(Part):
    """What still runs in safe mode."""

    allow: tuple[Mode, ...]
    """The modes of tools that still run in safe mode."""


class Containment(Part):
    """How much harm one window can hold: value in micro-units, calls, distinct targets."""

    over: Over
    """What the bounds are counted over."""
    within: Duration
    """In which window."""
    value_micros: Positive | None = None
    """Value in micro-units, at most."""
    calls: Positive | None = None
    """Calls, at most."""
    entities: Annotated[int, Field(ge=1, le=256)] | None = None
    """Distinct targets, at most."""


class OnFailure(Part):
    """How often a failed call may be made again in its run."""

    retry: Natural
    """How often a call that failed may be made again."""
    within: Duration | None = None
    """In which window."""


class Recovery(Part):
    """Clause 7: stopping, containing and repairing."""

    kill_switch: KillSwitch | None = None
    """Who may stop the service."""
    safe_mode: SafeMode | None = None
    """What still runs in safe mode."""
    containment: Containment | None = None
    """How much can happen in one window."""
    on_failure: OnFailure | None = None
    """What may be tried again."""


class Clauses(Part):
    """A whole contract."""

    contract: Text
    """The name of the service's contract."""
    version: Text
    """Its version, as a text; never used again for another text."""
    extends: tuple[Extension, ...] = ()
    """Shared policies that this contract builds on, in order."""
    identity: Identity
    """Clause 1: who acts."""
    scope: Scope
    """Clause 2: what it may do by itself."""
    evidence: tuple[Evidence, ...] = ()
    """Clause 3: what actions rest on."""
    policy: Policy
    """Clause 4: the governing document and its values."""
    tools: dict[ToolName, Tool]
    """Clause 5: the allow-list, by name."""
    cost: Cost | None = None
    """Clause 6: what it may use."""
    recovery: Recovery | None = None
    """Clause 7: how it is stopped and repaired."""
    facts: dict[Identifier, FactText] = Field(default_factory=dict)
    """Aggregates over history: `facts.NAME` in conditions."""
    values: dict[Identifier, Cel] = Field(default_factory=dict)
    """Named expressions: `values.NAME` stands for the expression."""
    rules: tuple[RuleText, ...] = ()
    """Rules beyond those that the clauses make."""
    shared: dict[Digest, Text] = Field(default_factory=dict)
    """The texts that `extends` names, by digest. Publishing adds them, so that the record holds all
    that the contract means."""
