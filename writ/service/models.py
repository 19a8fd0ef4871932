"""What the service is asked and what it answers, as OpenAPI shows it.

Only the names are checked here: the form of a record's fields is the ledger's to check, which
refuses them by the same codes. What a guard says itself (`mode`, `decision`, `contract`, `by`) is
no field of a request.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["ab" * 32])]
Text = Annotated[str, Field(min_length=1, max_length=2_048)]
_RUN = "ab" * 32


class Asked(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def fields(self) -> dict[str, Any]:
        """Return what was said: of a record's fields those that are there."""
        return {name: value for name, value in self if name in self.model_fields_set}


class RunBody(Asked):
    """A run to be opened. `service` may be left out where one is guarded."""

    model_config = ConfigDict(json_schema_extra={"example": {"goal": "refund an order"}})

    service: Text | None = None
    ref: Text | None = None
    goal: str | None = None
    channel: Text | None = None
    workflow: Text | None = None
    domain: Text | None = None
    requester: Text | None = None
    parent: Digest | None = None
    model: Text | None = None
    prompt_digest: Digest | None = None
    tools_digest: Digest | None = None
    policy: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None


class MessageBody(Asked):
    """What somebody said."""

    kind: Literal["message"]
    role: Literal["user", "assistant", "system", "human"]
    turn: int
    content: str | None = None
    cost: dict[str, Any] | None = None
    tokens: dict[str, Any] | None = None
    name: Text | None = None
    at: Text | None = None


class ObservationBody(Asked):
    """What an observer saw in a source."""

    kind: Literal["observation"]
    what: Text
    source: Text
    observer: Text = "source"
    ref: Text | None = None
    action: Digest | None = None
    observed_at: Text | None = None
    digest: Digest | None = None
    fields_: Annotated[Any, Field(alias="fields")] = None
    self_attested: bool | None = None
    at: Text | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was said."""
        return _renamed({**super().fields(), "observer": self.observer})


class ClosedBody(Asked):
    """The run ended."""

    kind: Literal["run.closed"]
    outcome: str | None = None
    value: dict[str, Any] | None = None
    at: Text | None = None


RecordBody = Annotated[MessageBody | ObservationBody | ClosedBody, Field(discriminator="kind")]


class DecisionBody(Asked):
    """An action that somebody is about to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"run": _RUN, "tool": "orders.get", "params": {"order": "A-1"}}
        }
    )

    run: Digest
    tool: Text
    params: dict[str, Any]
    evidence: list[Digest] | None = None
    resumes: Digest | None = None
    compensates: Digest | None = None
    target: Text | None = None
    channel: Text | None = None
    estimate: dict[str, Any] | None = None
    turn: int | None = None
    call_id: Text | None = None
    at: Text | None = None


class OutcomeBody(Asked):
    """How an action ended."""

    run: Digest
    action: Digest
    status: Literal["ok", "error", "timeout", "skipped", "abandoned"]
    leaf: Digest | None = None
    result_digest: Digest | None = None
    fields_: Annotated[Any, Field(alias="fields")] = None
    error: str | None = None
    cost: dict[str, Any] | None = None
    value: dict[str, Any] | None = None
    tokens: dict[str, Any] | None = None
    at: Text | None = None

    def fields(self) -> dict[str, Any]:
        """Return what was said."""
        return _renamed(super().fields())


def _renamed(said: dict[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in said.items()}


class SubmissionBody(Asked):
    """A submission that its writer signed: the text, and signature and records in base64."""

    text: Annotated[str, Field(max_length=1_024)]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    records: Annotated[list[str], Field(min_length=1, max_length=1_024)]


class VerificationBody(Asked):
    """A verification: nothing needs to be said."""


# ----------------------------------------------------------------------------- answers


class Problem(BaseModel):
    """Why something was not done."""

    code: str
    message: str
    do: str


class RunSaid(BaseModel):
    """An open run: its name, and where it was recorded."""

    run: str
    index: int
    leaf: str


class RecordedSaid(BaseModel):
    """Where something was recorded."""

    digest: str
    index: int
    leaf: str


class ObjectionSaid(BaseModel):
    """A rule that did not hold."""

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
    rests_on: list[int]


class AnswerSaid(BaseModel):
    """A decision. `outcome`, `earlier` and `key` are those of a call that was made before."""

    type: Literal["Allowed", "Denied", "ApprovalNeeded", "Escalated", "Repeated"]
    tool: str
    contract: tuple[str, str, str]
    effect: Literal["allow", "approve", "escalate", "deny"]
    objections: list[ObjectionSaid]
    action: str
    index: int
    leaf: str
    timeout: float | None
    fallback: str
    outcome: dict[str, Any] | None = None
    earlier: str | None = None
    key: str | None = None


class ProposalSaid(BaseModel):
    """The fields of an action as it was proposed."""

    model_config = ConfigDict(extra="allow")

    run: str
    tool: str
    params: dict[str, Any]


class TakingBackSaid(BaseModel):
    """The call that takes an action back."""

    tool: str
    params: dict[str, Any]
    attempts: int


class ReceiptSaid(BaseModel):
    """Where a record was taken in."""

    index: int
    leaf: str
    record: str


class SubmissionSaid(BaseModel):
    """Where a submission's records were taken in."""

    receipts: list[ReceiptSaid]


class HeadSaid(BaseModel):
    """What one has to know of the ledger to sign a submission."""

    genesis: str
    size: int
    leaf: str
    recorded_at: str


class VersionSaid(BaseModel):
    """A published version of a contract."""

    service: str
    version: str
    digest: str
    index: int
    in_force: bool


class ContractsSaid(BaseModel):
    """The published contracts."""

    contracts: list[VersionSaid]


class VerificationSaid(BaseModel):
    """A verification, and its report once it is done."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    exit_code: int | None
    report: Any
