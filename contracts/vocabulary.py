"""The words of a contract: what a text in each place must look like, and how it is said to people.

The models of `contracts.document` are made of these.
"""

from typing import Annotated, Any, Final, Literal, cast

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
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
