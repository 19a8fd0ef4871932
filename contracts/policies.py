"""What a policy says of itself: its document, its values by case, its facts and rules.

A contract holds one of these, and so does a file that several contracts share. What stands below
each key is what an editor shows (`contracts.published`).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from contracts.vocabulary import (
    Cel,
    Clause,
    Digest,
    Duration,
    Effect,
    Identifier,
    Over,
    RuleId,
    Scalar,
    Text,
    Texts,
    Undecidable,
)

_VALUES: dict[str, Any] = {"type": "object", "additionalProperties": True}
_LEVEL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "by": {"type": "string", "description": "CEL: an expression that gives the case."}
    },
    "required": ["by"],
    "additionalProperties": {**_VALUES, "description": "The values of one case."},
}
_LIMITS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "by": {"type": "string", "description": "CEL: an expression that gives the case."},
        "levels": {
            "type": "array",
            "items": _LEVEL,
            "minItems": 1,
            "description": "Cases by several things, the most specific level first.",
        },
        "default": {
            "description": "The fallback: what holds where no case gives the value.",
        },
    },
}


Limits = Annotated[dict[Text, JsonValue], WithJsonSchema(_LIMITS)]


class Part(BaseModel):
    """A part of a contract as written: frozen, and strict."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Extension(Part):
    """A shared policy that this text builds on, named by its place and by its content."""

    policy: Text
    """The file of the shared policy: a path relative to this file, with `/`."""
    digest: Digest
    """The SHA-256 of that file. Another text under the same name is an error."""
    override: tuple[Text, ...] = ()
    """What this text says anew: `CLAUSE.ID` of a rule, `facts.NAME`, `values.NAME`, `limits.NAME`,
    `limits` or `policy.document`. Whatever stands in both and not here is an error."""


class Item(Part):
    """What every rule says of itself, in whatever clause it stands."""

    id: RuleId
    """The rule's id; with its clause in front it is unique in the contract."""
    for_: Texts = Field(alias="for")
    """What the rule is for: tools, `*`, `mode:MODE`, and for rules also `message`, `outcome`,
    `outcome of TOOL` or `run.closed`."""
    undecidable: Undecidable | None = None
    """What an undecidable result does to a decision; `deny` where nothing is said."""
    cites: str = ""
    """The sentence of the policy that it comes from."""
    says: str = ""
    """What a reviewer reads."""


class PolicyDocument(Part):
    """The governing document."""

    name: Text
    """Its name."""
    version: Text
    """Its version, as a text."""
    digest: Digest | None = None
    """Its SHA-256: then a run that claims another one is a finding."""


class FactText(Part):
    """One aggregate over history, as written."""

    count: Literal[True] | None = None
    """The number of records."""
    seen: Literal[True] | None = None
    """Whether there was a record."""
    sum: Cel = ""
    """CEL: the sum of whole numbers."""
    min: Cel = ""
    """CEL: the least value."""
    max: Cel = ""
    """CEL: the greatest value."""
    last: Cel = ""
    """CEL: the value of the last record."""
    list: Cel = ""
    """CEL: all values in order, at most 256."""
    from_: Text = Field(alias="from")
    """The kind of record that is remembered, such as `outcome of payouts.create`."""
    where: Cel = ""
    """CEL: which of them count."""
    over: Over = "run"
    """Which records belong together."""
    by: Cel = ""
    """CEL: the key of the remembered record."""
    at: Cel = ""
    """CEL: the key that is asked for; without it the same expression as `by`."""
    within: Duration | None = None
    """How far back records count."""
    attempts: Literal["allowed", "all"] = "allowed"
    """Whether refused and held attempts count too."""
    unknown: Literal["undecidable", "skip"] = "undecidable"
    """`skip`: records that cannot be read are left out, not an obstacle."""
    reserve: Cel = ""
    """CEL: what an action counts until its outcome is there."""
    default: Scalar = None
    """The value of `last`, `min`, `max` where there is no record."""
    reference: bool = False
    """Whether records that stand in no run count too."""


class ExpectText(Part):
    """What must follow, as written."""

    from_: Text = Field(alias="from")
    """The kind of record that must follow."""
    where: Cel = ""
    """CEL: which of them does."""
    over: Over = "run"
    """Where it must follow."""
    by: Cel = ""
    """CEL: its key."""
    at: Cel = ""
    """CEL: the key that is looked for."""
    until: Literal["run.closed"] | None = None
    """It must follow before the run closes."""
    within: Duration | None = None
    """It must follow within this time."""


class RuleText(Item):
    """One condition over one kind of record, as written."""

    clause: Clause = "policy"
    """The clause that the rule belongs to."""
    when: Cel = ""
    """CEL: violated where this is true."""
    unless: Cel = ""
    """CEL: violated where this is false."""
    effect: Effect = "deny"
    """What a violation does to the decision."""
    role: Text | None = None
    """With `approve`: the role that may sign off."""
    within: Duration | None = None
    """With `approve`: how long a sign-off lasts."""
    expect: ExpectText | None = None
    """What must follow the record: an obligation."""


class SharedPolicy(Part):
    """What several contracts have in common: a policy document, its values, facts and rules."""

    policy: Text
    """The name of the shared policy."""
    extends: tuple[Extension, ...] = ()
    """Shared policies that this one builds on, in order."""
    document: PolicyDocument | None = None
    """The document that governs what the services do."""
    limits: Limits = Field(default_factory=dict)
    """Values by name: `limits.NAME` in conditions. With `by` or `levels`, by case."""
    sentences: tuple[Text, ...] = ()
    """The ids of the policy's sentences."""
    facts: dict[Identifier, FactText] = Field(default_factory=dict)
    """Aggregates over history: `facts.NAME` in conditions."""
    values: dict[Identifier, Cel] = Field(default_factory=dict)
    """Named expressions: `values.NAME` stands for the expression."""
    rules: tuple[RuleText, ...] = ()
    """Rules. The tools that they name must be among those of each contract."""
