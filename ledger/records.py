"""What can be recorded: one frozen model for each kind of record.

A record is what one identity states. Its bytes are strict JSON; its name is the hash of those
bytes. Unknown kinds and fields are refused.
Source: docs/spec/ledger-format.md, *Record*.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.types import Strict

from ledger import parts
from ledger.clock import parse_time
from ledger.encoding import MAX_INTEGER, decode, digest, encode_checked
from ledger.errors import RecordError


def _real_time(text: str) -> str:
    parse_time(text)
    return text


def _no_dot_segments(text: str) -> str:
    if {".", ".."} & set(text.split("/")[3:]):
        raise ValueError("a SPIFFE identity has no segment . or ..")
    return text


def _true(value: bool) -> bool:  # noqa: FBT001  (a validator takes what the field holds)
    if not value:
        raise ValueError("stands only where it is true")
    return value


# Not Literal[1]: to Python True and 1.0 are 1, and would be read and written back as it.
Version = Annotated[int, Field(ge=1, le=1)]
Mark = Annotated[bool, AfterValidator(_true)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]==$")]
Time = Annotated[str, AfterValidator(_real_time)]
Identity = Annotated[
    str,
    StringConstraints(pattern=r"^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+$", max_length=2048),
    AfterValidator(_no_dot_segments),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Natural = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
# The wire has arrays, the models tuples: the container alone is converted, its items stay strict.
Digests = Annotated[tuple[Digest, ...], Strict(strict=False)]


Part = parts.Part


class SealedValue(Part):
    """A commitment where a text would stand (`ledger.sealed`)."""

    sealed: Digest


class Money(Part):
    """An amount in millionths of a currency's unit."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{2,11}$")]
    micros: Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]


class Tokens(Part):
    """Tokens that a model read and wrote."""

    input: Natural | None = None
    output: Natural | None = None


class PolicyClaim(Part):
    """The policy that a run says it works under."""

    name: Name | None = None
    version: Name | None = None
    digest: Digest | None = None


class ImportSource(Part):
    """Where an imported run was read: file, line from 1, and whether its clock can be used."""

    source: Name
    digest: Digest
    line: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    clock: Literal["claimed", "none"]


class ContractVersion(Part):
    """The contract that an action says it was decided under."""

    version: Name
    digest: Digest


class Reason(Part):
    """One rule that was not satisfied."""

    rule: Name
    result: Literal["violated", "undecidable"]
    effect: Literal["allow", "warn", "approve", "escalate", "deny"]


class Decision(Part):
    """What was decided about an action, and the unsatisfied rules in the contract's order."""

    effect: Literal["allow", "approve", "escalate", "deny"]
    reasons: Annotated[tuple[Reason, ...], Strict(strict=False)]


class Estimate(Part):
    """What an action is expected to cost and to be worth."""

    cost: Money | None = None
    value: Money | None = None


class RootSignature(Part):
    """A root key's signature over an authority document. `key` is the public key itself."""

    key: Digest
    signature: Signature


class Record(Part):
    """What every record has. `nonce` keeps a small record's digest from telling its content."""

    v: Version = 1
    nonce: Nonce
    by: Identity
    at: Time | None = None


class Genesis(Record):
    """The ledger's beginning: entry 0, and nowhere else."""

    kind: Literal["genesis"] = "genesis"
    origin: Name
    seed: Digest
    roots: Digests
    threshold: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _roots_in_order(self) -> "Genesis":
        if list(self.roots) != sorted(set(self.roots)):
            raise ValueError("roots are sorted and none is repeated")
        if self.threshold > len(self.roots):
            raise ValueError("the threshold is more than there are roots")
        return self


class Authority(Record):
    """Who may write what from here on: a document, signed as the text it is by enough root keys."""

    kind: Literal["authority"] = "authority"
    document: str
    signatures: Annotated[tuple[RootSignature, ...], Strict(strict=False)]


class ContractText(Record):
    """One version of a contract, in full."""

    kind: Literal["contract"] = "contract"
    service: Name
    version: Name
    digest: Digest
    text: str

    @model_validator(mode="after")
    def _digest_is_the_texts(self) -> "ContractText":
        if digest(self.text.encode()) != self.digest:
            raise ValueError("digest is not the hash of text")
        return self


class Activation(Record):
    """From when a published version of a contract binds its service."""

    kind: Literal["activation"] = "activation"
    service: Name
    version: Name
    digest: Digest
    effective_at: Time
    approved_by: Annotated[tuple[Identity, ...], Strict(strict=False)]
    imported: Mark | None = None


class Switch(Record):
    """The kill switch or safe mode of a service, engaged or released."""

    kind: Literal["switch"] = "switch"
    service: Name
    state: Literal["engaged", "released"]
    mode: Literal["kill", "safe"]
    selector: str | None = None
    reason: str


class RunOpened(Record):
    """A run begins: one task of one service. Its digest is the run's name."""

    kind: Literal["run"] = "run"
    phase: Literal["opened"] = "opened"
    service: Name
    ref: Name | None = None
    goal: str | SealedValue | None = None
    channel: Name | None = None
    workflow: Name | None = None
    domain: Name | None = None
    requester: Name | None = None
    parent: Digest | None = None
    grant: Annotated[tuple[Name, ...], Strict(strict=False)] | None = None
    model: Name | None = None
    prompt_digest: Digest | None = None
    tools_digest: Digest | None = None
    policy: PolicyClaim | None = None
    attributes: dict[str, Any] | None = None
    # `import` is a word of Python's.
    import_: Annotated[
        ImportSource | None, Field(validation_alias="import", serialization_alias="import")
    ] = None


class RunClosed(Record):
    """A run ends."""

    kind: Literal["run"] = "run"
    phase: Literal["closed"] = "closed"
    run: Digest
    outcome: str | None = None
    value: Money | None = None


class Message(Record):
    """What somebody said in a run. `turn` counts from 0."""

    kind: Literal["message"] = "message"
    run: Digest
    role: Literal["user", "assistant", "system", "human"]
    turn: Natural
    content: str | SealedValue | None = None
    cost: Money | None = None
    tokens: Tokens | None = None
    name: Name | None = None


class Observation(Record):
    """Evidence: what an observer saw in a source."""

    kind: Literal["observation"] = "observation"
    what: Name
    source: Name
    observer: Identity | Literal["source"]
    ref: Name | None = None
    run: Digest | None = None
    action: Digest | None = None
    observed_at: Time | None = None
    digest: Digest | None = None
    fields: Any = None
    self_attested: Mark | None = None


class Action(Record):
    """What an agent is about to do, recorded before it does it."""

    kind: Literal["action"] = "action"
    run: Digest
    tool: Name
    params: dict[str, Any]
    mode: Name | None = None
    target: Name | None = None
    channel: Name | None = None
    evidence: Digests | None = None
    idempotency_key: Name | None = None
    contract: ContractVersion | None = None
    decision: Decision | None = None
    estimate: Estimate | None = None
    resumes: Digest | None = None
    compensates: Digest | None = None
    turn: Natural | None = None
    call_id: Name | None = None


class Approval(Record):
    """A person's word on one proposed action."""

    kind: Literal["approval"] = "approval"
    action: Digest
    verdict: Literal["approve", "refuse", "withdraw"]
    rule: Name | None = None
    expires_at: Time | None = None
    reason: str | None = None


class Outcome(Record):
    """How an action ended. `leaf`, the leaf hash of the action's entry, proves the order."""

    kind: Literal["outcome"] = "outcome"
    action: Digest
    run: Digest
    status: Literal["ok", "error", "timeout", "skipped", "abandoned"]
    leaf: Digest | None = None
    result_digest: Digest | None = None
    fields: Any = None
    error: str | SealedValue | None = None
    cost: Money | None = None
    value: Money | None = None
    tokens: Tokens | None = None


class StreamClose(Record):
    """The writer's stream ends here: what is missing after this was never sent."""

    kind: Literal["stream-close"] = "stream-close"


class Review(Record):
    """The state of a finding in somebody's review."""

    kind: Literal["review"] = "review"
    finding: Name
    state: Literal["open", "acknowledged", "suppressed", "resolved"]
    assignee: Name | None = None
    note: str | SealedValue | None = None


class Erasure(Record):
    """Which sealed values of a record were destroyed, and why."""

    kind: Literal["erasure"] = "erasure"
    record: Digest
    paths: Annotated[tuple[Name, ...], Strict(strict=False)]
    reason: str


Governance = Genesis | Authority | ContractText | Activation | Switch
Operation = RunOpened | RunClosed | Message | Observation | Action | Approval | Outcome
AnyRecord = Governance | Operation | StreamClose | Review | Erasure

_MODELS: dict[str, type[AnyRecord]] = {
    "genesis": Genesis,
    "authority": Authority,
    "contract": ContractText,
    "activation": Activation,
    "switch": Switch,
    "message": Message,
    "observation": Observation,
    "action": Action,
    "approval": Approval,
    "outcome": Outcome,
    "stream-close": StreamClose,
    "review": Review,
    "erasure": Erasure,
}
_RUNS: dict[str, type[RunOpened | RunClosed]] = {"opened": RunOpened, "closed": RunClosed}
KINDS = frozenset({*_MODELS, "run"})
MODELS: frozenset[type[Part]] = frozenset({*_MODELS.values(), *_RUNS.values()})


def record_bytes(record: AnyRecord) -> bytes:
    """Write a record as the strict JSON that is stored, hashed and signed for.

    Raises:
        EncodingError: A value in it has no strict JSON, or it is longer than 1 MiB.
    """
    return encode_checked(parts.written(record))


def parse_record(raw: bytes) -> AnyRecord:
    """Read a record from its bytes.

    Raises:
        EncodingError: The bytes are not strict JSON.
        RecordError: They are, but not a record: `record.unknown-kind`, `record.unknown-field` or
            `record.malformed`.
    """
    return read_record(decode(raw))


def read_record(value: object) -> AnyRecord:
    """Read a record from its decoded JSON, where the bytes were already found strict.

    Raises:
        RecordError: As for `parse_record`.
    """
    if not isinstance(value, dict):
        raise RecordError("a record is an object, and this is none")
    fields = cast("dict[str, Any]", value)
    model = _model_of(fields)
    missing = {"v", "kind"} - set(fields)
    if missing:
        raise RecordError(f"a record has {' and '.join(sorted(missing))}, and this has not")
    try:
        return model.model_validate(fields, by_alias=True, by_name=False, context={"wire": True})
    except ValidationError as error:
        raise _record_error(str(fields["kind"]), error) from error


def _model_of(fields: dict[str, Any]) -> type[AnyRecord]:
    kind, phase = fields.get("kind"), fields.get("phase")
    if kind == "run":
        if isinstance(phase, str) and phase in _RUNS:
            return _RUNS[phase]
        raise RecordError(f"a run's phase is opened or closed, not {phase!r}")
    if isinstance(kind, str) and kind in _MODELS:
        return _MODELS[kind]
    raise RecordError(f"{kind!r} is not a kind of record", code="record.unknown-kind")


def _record_error(kind: str, error: ValidationError) -> RecordError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ", ".join([kind, *(str(step) for step in first["loc"])])
    if first["type"] == "extra_forbidden":
        return RecordError(f"{where}: there is no such field", code="record.unknown-field")
    return RecordError(f"{where}: {first['msg'].removeprefix('Value error, ')}")
