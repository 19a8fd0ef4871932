"""The trust file: what an auditor knows of a ledger before looking at it.

It pins the genesis record, and so the root keys and everybody whom they entitle. Without it a
ledger can only be compared with itself: whoever can replace the whole of it can replace its keys.
Source: docs/spec/ledger-format.md, *Trust file*.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
    witnesses: tuple[str, ...] | None = None
    quorum: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verification rests on.

    Attributes:
        genesis: Digest of the genesis record, pinned.
        origin: The ledger's origin line, pinned.
        checkpoint: A signed checkpoint that the ledger must still contain; empty for none.
        quorum: How many witnesses must have cosigned the checkpoint.
        note: What whoever made the file says of it.
    """

    genesis: str
    origin: str
    checkpoint: str = ""
    quorum: int = 0
    note: str = ""


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
    return Trust(
        genesis=parsed.genesis,
        origin=parsed.origin,
        checkpoint=parsed.checkpoint or "",
        quorum=_quorum(parsed),
        note=parsed.note,
    )


def _quorum(parsed: TrustFile) -> int:
    """Return how many witnesses are asked for: all that are named, where no number is."""
    return len(parsed.witnesses or ()) if parsed.quorum is None else parsed.quorum


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
