"""Attestations: what somebody signs who verified a ledger, and what holds such a statement up.

It is an in-toto statement whose subjects are the ledger as it was read and its genesis record, and
whose predicate says what was verified, with what result, and what that leaves open. Whoever gets
one names the key that must have signed it, verifies the ledger again, and compares. Making and
checking are here; keys and files are whoever calls this.
Source: in-toto attestation 1, statement; docs/spec/attestation.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.types import Strict

from ledger.checkpoint import Checkpoint
from ledger.clock import format_time, parse_time
from ledger.encoding import MAX_INTEGER, digest, encode, from_base64
from ledger.errors import LedgerError
from verifier.dsse import MAX_ENVELOPE, EnvelopeError, parse_envelope, parse_object, signers
from verifier.errors import VerifierError
from verifier.report import IntegrityVerdict, LedgerFacts, Report
from verifier.reports import SCHEMA, json_report
from verifier.reports.limits import not_proven

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://writ.dev/attestation/verification/v1"
TOOL: Final = "writ"

LIMITS: Final = (
    "that whoever signed this is independent of whoever keeps the ledger: that is for you to know",
    "that it was signed when it says: the time is that of whoever signed it",
    "anything of entries that came later",
)
"""What an attestation leaves open beside what its report does."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Texts = Annotated[tuple[str, ...], Strict(strict=False)]


class AttestationError(VerifierError):
    """This cannot be read as an attestation of a verification."""

    code = "attestation.statement"


class RefusedAttestationError(VerifierError):
    """An attestation does not hold: `code` says of what, `attestation.…`."""

    code = "attestation.refused"


class Part(BaseModel):
    """A part of a statement. Unknown members are refused: one might be a condition."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Head(Part):
    """How many entries, and the root over them: base64, empty for no entries."""

    size: Count
    root: str

    @model_validator(mode="after")
    def _is_head(self) -> Self:
        if self.size and len(_root(self.root)) != 32:  # noqa: PLR2004  (bytes of a SHA-256)
            raise ValueError("the root is no SHA-256 in base64")
        if not self.size and self.root:
            raise ValueError("a root over no entries")
        return self


class Ledger(Head):
    """The ledger as it was read, and its last head that counts (size 0: there is none)."""

    origin: Annotated[str, Field(min_length=1)]
    genesis: Digest
    checkpoint: Head


class TrustFileOf(Part):
    """The trust file that the verification rests on, by its bytes."""

    sha256: Digest


class Bytes(Part):
    """The verdict on the bytes, and why it is undecidable."""

    verdict: Literal["holds", "undecidable"]
    reasons: Texts


class Totals(Part):
    """How often rules came out how, over all of them."""

    satisfied: Count
    violated: Count
    undecidable: Count
    handled: Count


class Judged(Part):
    """A contract by which records were decided again, and how many."""

    name: str
    version: str
    digest: Digest
    service: str
    judged: Count


class Decided(Part):
    """What came of deciding every record again. `performed` is false where none was."""

    performed: bool
    total: Totals
    contracts: Annotated[tuple[Judged, ...], Strict(strict=False)]


class ReportOf(Part):
    """The report, by the bytes of its JSON without an envelope."""

    schema_: Annotated[str, Field(alias="schema", pattern=r"^writ/report/v[1-9][0-9]*$")]
    sha256: Digest


class Tool(Part):
    """What verified."""

    name: str
    version: str


class Predicate(Part):
    """What was verified, with what result, and what that leaves open."""

    verifier: Tool
    verified_at: str
    ledger: Ledger
    trust: TrustFileOf
    scope: Literal["integrity", "integrity and conformance"]
    integrity: Bytes
    conformance: Decided
    exit_code: Literal[0, 1, 3]
    report: ReportOf
    not_proven: Texts
    limits: Texts

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if parse_time(self.verified_at).microsecond:
            raise ValueError("verified_at is in whole seconds")
        if self.conformance.performed != (self.scope != "integrity"):
            raise ValueError("the scope is not what was performed")
        return self

    @property
    def at(self) -> int:
        """When it was verified, in seconds since 1970."""
        return int(parse_time(self.verified_at).timestamp())


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement that a named key signed. Only `open_attestation` is meant to make one.

    Attributes:
        predicate: What it says.
        keys: Those of the named keys that signed it: all of them.
    """

    predicate: Predicate
    keys: frozenset[bytes]


# ------------------------------------------------------------------------------ making


def predicate_of(report: Report, trust: bytes, at: int, version: str) -> Predicate:
    """Return what can be said of a ledger that was verified.

    Args:
        report: What was found, with a trust file.
        trust: The trust file's bytes.
        at: When it was verified, in seconds since 1970; what ages were measured against.
        version: This tool's version.

    Raises:
        RefusedAttestationError: The ledger is broken, so that no root names what was verified, or
            nothing vouches for it.
    """
    broken = report.integrity.broken
    if report.integrity.verdict is IntegrityVerdict.BROKEN:
        where = f" at entry {broken.index}: {broken.what}" if broken is not None else ""
        what = f"the ledger is broken{where}; nothing can be attested of a ledger without a root"
        raise RefusedAttestationError(what, code="attestation.broken")
    if report.integrity.trust != "pinned" or not report.integrity.vouched:
        raise RefusedAttestationError("no trust file vouches for it", code="attestation.trust")
    return Predicate(
        verifier=Tool(name=TOOL, version=version),
        verified_at=format_time(datetime.fromtimestamp(at, UTC)),
        ledger=_ledger(report.ledger),
        trust=TrustFileOf(sha256=digest(trust)),
        scope="integrity and conformance" if report.conformance.performed else "integrity",
        integrity=Bytes(
            verdict="holds"
            if report.integrity.verdict is IntegrityVerdict.HOLDS
            else "undecidable",
            reasons=report.integrity.reasons,
        ),
        conformance=_decided(report),
        exit_code=_answer(report),
        report=ReportOf(schema_=SCHEMA, sha256=report_digest(report)),
        not_proven=not_proven(report),
        limits=LIMITS,
    )


def report_digest(report: Report) -> str:
    """Return the digest of a report's JSON without its envelope: the same for the same ledger."""
    return digest(json_report(report).encode())


def statement_bytes(predicate: Predicate) -> bytes:
    """Return the statement that is signed, as strict JSON."""
    members = {
        "_type": STATEMENT,
        "subject": subjects(predicate.ledger),
        "predicateType": PREDICATE,
        "predicate": predicate.model_dump(mode="json", by_alias=True),
    }
    return encode(members, MAX_ENVELOPE)


def subjects(ledger: Ledger) -> list[dict[str, Any]]:
    """Return what a statement is about: the entries as read, the last head, and the genesis record.

    The head is named where it is not over all entries. Digests of trees are roots by RFC 6962.
    """
    found = [_subject(ledger.origin, _root(ledger.root).hex(), size=ledger.size)]
    head = ledger.checkpoint
    if head.size not in {0, ledger.size}:
        name = f"{ledger.origin}#checkpoint"
        found.append(_subject(name, _root(head.root).hex(), size=head.size))
    return [*found, _subject(f"{ledger.origin}#genesis", ledger.genesis)]


def _subject(name: str, sha256: str, **annotations: int) -> dict[str, Any]:
    noted = {"annotations": annotations} if annotations else {}
    return {"name": name, "digest": {"sha256": sha256}, **noted}


def _ledger(facts: LedgerFacts) -> Ledger:
    head = Head(size=facts.checkpoint_size, root=facts.checkpoint_root)
    return Ledger(
        origin=facts.origin,
        genesis=facts.genesis,
        size=facts.size,
        root=facts.root,
        checkpoint=head,
    )


def _decided(report: Report) -> Decided:
    total = report.conformance.total()
    return Decided(
        performed=report.conformance.performed,
        total=Totals(
            satisfied=total.satisfied,
            violated=total.violated,
            undecidable=total.undecidable,
            handled=total.handled,
        ),
        contracts=tuple(
            Judged(
                name=one.name,
                version=one.version,
                digest=one.digest,
                service=one.service,
                judged=one.judged,
            )
            for one in report.conformance.contracts
        ),
    )


def _answer(report: Report) -> Literal[0, 1, 3]:
    answers: dict[int, Literal[0, 1, 3]] = {0: 0, 1: 1, 3: 3}
    return answers[int(report.exit_code())]


def _root(text: str) -> bytes:
    try:
        return from_base64(text)
    except LedgerError as error:
        raise ValueError(f"the root is no base64: {error}") from error


# ---------------------------------------------------------------------------- checking


def open_attestation(raw: bytes, keys: Sequence[bytes]) -> Attestation:
    """Read an attestation that each of these keys has signed.

    Args:
        raw: The file's bytes.
        keys: The public keys that the auditor asks for, and no others: at least one.

    Raises:
        EnvelopeError: It is no signed envelope.
        RefusedAttestationError: One of the keys did not sign it (`attestation.signature`).
        AttestationError: It is signed, but no such statement.
        KeyFormatError: A key is refused as one.
    """
    if not keys:
        raise ValueError("an attestation is checked against the keys that must have signed it")
    envelope = parse_envelope(raw)
    found = signers(envelope, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        what = f"the key {missing[0].hex()} did not sign it: {len(envelope.signatures)} signatures"
        raise RefusedAttestationError(what, code="attestation.signature")
    if envelope.payload_type != PAYLOAD_TYPE:
        what = f"signed, but as {envelope.payload_type[:80]!r}, and {PAYLOAD_TYPE} is asked for"
        raise AttestationError(what, code="attestation.payload-type")
    return Attestation(_statement(envelope.payload), found)


def _statement(payload: bytes) -> Predicate:
    try:
        members = parse_object(payload)
    except EnvelopeError as error:
        raise AttestationError(f"what was signed is no statement: {error}") from error
    if members.get("_type") != STATEMENT:
        raise AttestationError(f"what was signed is no in-toto statement of type {STATEMENT}")
    if members.get("predicateType") != PREDICATE:
        what = f"what was signed is a statement of another kind: {PREDICATE} is asked for"
        raise AttestationError(what, code="attestation.predicate-type")
    if set(members) != {"_type", "subject", "predicateType", "predicate"}:
        raise AttestationError("the statement has members that it should not have, or lacks some")
    try:
        predicate = Predicate.model_validate(members["predicate"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(["predicate", *(str(step) for step in first["loc"])])
        raise AttestationError(f"{where}: {first['msg']}") from error
    if members["subject"] != subjects(predicate.ledger):
        raise AttestationError("the statement's subjects are not the ledger of its predicate")
    return predicate


def check_before(predicate: Predicate, trust: bytes, *, conformance: bool) -> None:
    """Compare what can be compared before the ledger is read.

    Args:
        predicate: What is attested.
        trust: The bytes of the trust file that the ledger is to be verified with.
        conformance: Whether it is asked that records were decided again.

    Raises:
        RefusedAttestationError: It rests on another trust file (`attestation.trust`), or says less
            than is asked (`attestation.scope`).
    """
    if predicate.trust.sha256 != digest(trust):
        what = f"it rests on another trust file, with the SHA-256 {predicate.trust.sha256}"
        raise RefusedAttestationError(what, code="attestation.trust")
    if conformance and not predicate.conformance.performed:
        what = "it attests integrity alone: no record was decided again"
        raise RefusedAttestationError(what, code="attestation.scope")


def heads_of(predicate: Predicate, report: Report) -> list[Checkpoint]:
    """Return the heads that must lie in one history for an attestation to be of this ledger.

    They are of the entries that were attested, of the head that was, and of the entries that were
    read now: whoever gives other entries between two readings is found out by the last.

    Raises:
        RefusedAttestationError: The ledger is broken, another one, or shorter than it was.
    """
    said, now = predicate.ledger, report.ledger
    if report.integrity.verdict is IntegrityVerdict.BROKEN:
        broken = report.integrity.broken
        where = f" at entry {broken.index}: {broken.what}" if broken is not None else ""
        raise RefusedAttestationError(f"the ledger is broken now{where}", code="attestation.broken")
    if (now.origin, now.genesis) != (said.origin, said.genesis):
        what = f"it is of another ledger: {said.origin}, genesis {said.genesis}"
        raise RefusedAttestationError(what, code="attestation.ledger")
    if now.size < said.size:
        what = f"{said.size:,} entries were attested, and {now.size:,} are there: it was cut off"
        raise RefusedAttestationError(what, code="attestation.truncated")
    heads = [(said.size, said.root), (now.size, now.root)]
    if said.checkpoint.size:
        heads.append((said.checkpoint.size, said.checkpoint.root))
    return [Checkpoint(said.origin, size, _root(root)) for size, root in heads]


@dataclass(frozen=True, slots=True)
class Held:
    """What an attestation that holds is worth now.

    Attributes:
        since: How many entries came after those that were attested.
        compared: Whether the report was made again and is the one that was attested.
    """

    since: int
    compared: bool


def check_after(
    predicate: Predicate, report: Report, trust: bytes, contained: Iterable[bool]
) -> Held:
    """Compare an attestation with the ledger as it was verified now.

    Args:
        predicate: What is attested.
        report: What is found now.
        trust: The trust file's bytes.
        contained: Of each of `heads_of` whether the ledger's entries lead to it.

    Raises:
        RefusedAttestationError: Its entries are others now (`attestation.root`), or its report is
            another (`attestation.report`), or what it says is not in that (`attestation.summary`).
    """
    if not all(contained):
        what = f"the first {predicate.ledger.size:,} entries are not those that were attested"
        raise RefusedAttestationError(what, code="attestation.root")
    since = report.ledger.size - predicate.ledger.size
    comparable = report.conformance.performed == predicate.conformance.performed
    if since or not comparable:
        return Held(since, compared=False)
    again = predicate_of(report, trust, predicate.at, predicate.verifier.version)
    # Words of the version that wrote them, which say nothing of this ledger.
    again = again.model_copy(update={"limits": predicate.limits})
    if again.report != predicate.report:
        raise RefusedAttestationError(
            "the report on these entries is another now: SHA-256 "
            f"{again.report.sha256}, and {predicate.report.sha256} was attested, by "
            f"{predicate.verifier.name} {predicate.verifier.version}",
            code="attestation.report",
        )
    if again != predicate:
        differs = next(
            name
            for name in Predicate.model_fields
            if getattr(again, name) != getattr(predicate, name)
        )
        what = f"its {differs} is not what the report says that it names"
        raise RefusedAttestationError(what, code="attestation.summary")
    return Held(since, compared=True)
