"""What a contract means once it is expanded: facts and rules, and nothing else.

The document (`contracts.document`) is what a person writes; this is what the engines run.
Everything here is frozen data without behaviour, so that both engines, the explanation and the
naive reference in the tests read one and the same thing.
Source: docs/spec/contract-language.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What a violated rule does to the decision, from harmless to final."""

    ALLOW = "allow"
    WARN = "warn"
    APPROVE = "approve"
    ESCALATE = "escalate"
    DENY = "deny"


class Verdict(StrEnum):
    """A rule's result. Undecidable is never folded into satisfied."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands. Counted from 1; 0 is unknown.

    `file` is empty for the contract's own text, else the name of the shared policy's.
    """

    line: int = 0
    column: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class SharedText:
    """A shared policy that a contract extends.

    Attributes:
        file: The name under which it was read, as in `Position.file`.
        policy: The name that it gives itself.
        digest: The SHA-256 of its text.
        line: The line of the contract's text before its first one; 0 where the contract does not
            hold it.
    """

    file: str
    policy: str
    digest: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One aggregate over history. Conditions are CEL text with `values.x` already expanded.

    `aggregate` is count, seen, sum, min, max, last or list; `value` its expression (empty for count
    and seen); `source` is action, outcome, observation, approval, message, run.opened, run.closed
    or switch; `tools` narrows it (empty: all).
    `within` is in microseconds.
    """

    name: str
    aggregate: str
    source: str
    value: str = ""
    tools: tuple[str, ...] = ()
    where: str = ""
    over: str = "run"
    by: str = ""
    at: str = ""
    within: int | None = None
    attempts: str = "allowed"
    unknown: str = "undecidable"
    reserve: str = ""
    default: Any = None
    reference: bool = False
    position: Position = Position()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must follow a record: `until` is "run.closed", or `within` is in microseconds."""

    source: str
    tools: tuple[str, ...] = ()
    where: str = ""
    over: str = "run"
    by: str = ""
    at: str = ""
    until: str = ""
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition over one kind of record and the facts as of it.

    `subject` is action, message, outcome or run.closed; `tools` narrows actions and outcomes
    (empty: all).
    `undecidable` is the effect on a decision when the result is undecidable.
    """

    id: str
    clause: str
    subject: str
    tools: tuple[str, ...] = ()
    when: str = ""
    unless: str = ""
    effect: Effect = Effect.DENY
    undecidable: Effect = Effect.DENY
    role: str = ""
    within: int | None = None
    expect: Expectation | None = None
    cites: str = ""
    says: str = ""
    position: Position = Position()

    @property
    def code(self) -> str:
        """The finding's code, `clause.rest`."""
        return self.id


@dataclass(frozen=True, slots=True)
class Calling:
    """How a tool is called: what a guard does beside deciding, and no rule says.

    `timeout` is in microseconds. `fallback` is another tool, `deny` or empty. `idempotency` is CEL
    over `params`; `take_back` has the parameters of the compensation, CEL over `params` and
    `outcome`; `take_back_within` is how long after the outcome it can be taken back, in
    microseconds, None where the contract names no end.
    """

    timeout: int | None = None
    fallback: str = ""
    idempotency: str = ""
    take_back: Mapping[str, str] = field(default_factory=dict[str, str])
    take_back_within: int | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the contract allows it. Expressions are CEL over `params`."""

    name: str
    mode: str
    permission: str = ""
    schema: Mapping[str, Any] | None = None
    target: str = ""
    estimate_cost: str = ""
    estimate_value: str = ""
    currency: str = ""
    irreversible: str = ""
    compensation: str = ""
    calling: Calling = Calling()
    position: Position = Position()


@dataclass(frozen=True, slots=True)
class Level:
    """One way to tell cases apart: the value of `by` is the case, and `cases` has its values."""

    by: str
    cases: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The policy's values: `plain`, or by case.

    Of `levels` the first is the most specific: a value is that of the first level whose case has
    it, else that of `default` (None: there is no fallback).
    """

    plain: Mapping[str, Any] = field(default_factory=dict[str, Any])
    levels: tuple[Level, ...] = ()
    default: Mapping[str, Any] | None = None

    @property
    def by(self) -> tuple[str, ...]:
        """The expressions that the case hangs on."""
        return tuple(level.by for level in self.levels)


@dataclass(frozen=True, slots=True)
class Contract:
    """An expanded contract, ready for either engine. `digest` is the document text's hash.

    `retries` is how often a failed call may be made again. `places` says where `identity.duties`
    and `recovery.kill_switch` stand. `cost_per_value_max` is that of `cost.value`; None without.
    """

    name: str
    version: str
    digest: str
    service: str
    owner: str
    permissions: tuple[str, ...]
    modes: tuple[str, ...]
    tools: Mapping[str, Tool]
    limits: Limits
    facts: tuple[Fact, ...]
    rules: tuple[Rule, ...]
    policy: Mapping[str, str] = field(default_factory=dict[str, str])
    kill_switch_roles: tuple[str, ...] = ()
    safe_modes: tuple[str, ...] = ("read",)
    retries: int = 0
    duties: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    shared: tuple[SharedText, ...] = ()
    places: Mapping[str, Position] = field(default_factory=dict[str, Position])
    cost_per_value_max: float | None = None

    def line_of(self, position: Position) -> int:
        """Return the line of the contract's own text, which holds the shared ones once published.

        0 where it stands in a shared text that the contract does not hold.
        """
        if not position.file:
            return position.line
        holding = (one.line for one in self.shared if one.file == position.file and one.line)
        return next((line + position.line for line in holding), 0)
