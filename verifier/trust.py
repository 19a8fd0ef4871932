"""The trust file: what an auditor knows of a ledger before looking at it.

It pins the genesis record, and so the root keys and everybody whom they entitle. Without it a
ledger can only be compared with itself: whoever can replace the whole of it can replace its keys.
Source: docs/spec/ledger-format.md, *Trust file*.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.checkpoint import COSIGNATURE, VerifierKey, parse_verifier_key
from ledger.errors import LedgerError
from verifier.errors import TrustError

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class TrustFile(BaseModel):
    """A trust file as written. Unknown fields are refused: one might be a condition."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1]
    origin: Annotated[str, Field(min_length=1)]
    genesis: Digest
    note: str
    checkpoint: str | None = None
    checkpoints: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    quorum: Annotated[int, Field(ge=0)] | None = None
    max_age: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """A checkpoint that the auditor vouches for, and what messages call it."""

    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verification rests on.

    Attributes:
        genesis: Digest of the genesis record, pinned.
        origin: The ledger's origin line, pinned.
        checkpoint: A signed checkpoint that the ledger must still contain; empty for none.
        quorum: How many witnesses must have cosigned the checkpoint.
        note: What whoever made the file says of it.
        witnesses: The witnesses that count, by the keys that they sign with.
        max_age: How old the cosignatures may be, in seconds; None for any age.
        pins: Further checkpoints that it must still contain, such as files that were copied away.
        at: What ages are measured against, in seconds since 1970. It is no part of the file:
            whoever asks for a verification says when. Later cosignatures do not count.
    """

    genesis: str
    origin: str
    checkpoint: str = ""
    quorum: int = 0
    note: str = ""
    witnesses: tuple[VerifierKey, ...] = ()
    max_age: int | None = None
    pins: tuple[Pin, ...] = ()
    at: int | None = None

    def all_pins(self) -> tuple[Pin, ...]:
        """Return every checkpoint that the ledger must still contain."""
        first = (Pin("the pinned checkpoint", self.checkpoint),) if self.checkpoint else ()
        return (*first, *self.pins)


def parse_trust(raw: bytes, name: str = "<trust>") -> Trust:
    """Read a trust file.

    Args:
        raw: The file's bytes.
        name: What messages call it.

    Raises:
        TrustError: It is not JSON, or not a trust file.
    """
    try:
        parsed = TrustFile.model_validate_json(raw)
    except ValidationError as error:
        raise TrustError(f"{name}: not a trust file: {_first(error)}") from error
    if _repeats_a_key(raw):
        raise TrustError(f"{name}: a key stands twice; which one counts depends on the reader")
    witnesses = _witnesses(parsed, name)
    return Trust(
        genesis=parsed.genesis,
        origin=parsed.origin,
        checkpoint=parsed.checkpoint or "",
        quorum=_quorum(parsed, witnesses, name),
        note=parsed.note,
        witnesses=witnesses,
        max_age=parsed.max_age,
        pins=tuple(
            Pin(f"pinned checkpoint {number}", note)
            for number, note in enumerate(parsed.checkpoints, 1)
        ),
    )


def _witnesses(parsed: TrustFile, name: str) -> tuple[VerifierKey, ...]:
    try:
        return tuple(parse_verifier_key(text, COSIGNATURE) for text in parsed.witnesses)
    except LedgerError as error:
        raise TrustError(f"{name}: witnesses: {error}", code="trust.witness") from error


def _quorum(parsed: TrustFile, witnesses: tuple[VerifierKey, ...], name: str) -> int:
    """Return how many witnesses are asked for: all that are named, where no number is.

    A key that is named twice, under whatever names, is one witness.
    """
    distinct = len({witness.public_key for witness in witnesses})
    quorum = distinct if parsed.quorum is None else parsed.quorum
    if quorum > distinct:
        raise TrustError(
            f"{name}: a quorum of {quorum}, and {distinct} witnesses with a key of their own are "
            "named: it can never be reached",
            code="trust.quorum",
        )
    if parsed.max_age is not None and not quorum:
        raise TrustError(
            f"{name}: max_age limits the age of cosignatures, and none is asked for",
            code="trust.quorum",
        )
    return quorum


def _first(error: ValidationError) -> str:
    """Return the first problem, with the field that it is in."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in problem["loc"])
    return f"{field}: {problem['msg']}" if field else problem["msg"]


def _repeats_a_key(raw: bytes) -> bool:
    repeated = False

    def see(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) != len(pairs)
        return found

    json.loads(raw, object_pairs_hook=see)
    return repeated
