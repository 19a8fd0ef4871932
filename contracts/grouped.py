"""Several things that are recorded at once, each decided on all that stands before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from contracts.answers import Answer, GuardError, UnrecordedError
from contracts.channel import Recorded
from contracts.standing import Ruling
from ledger.admission import Receipt
from ledger.encoded import EncodedRecord
from ledger.records import (
    Decision,
    Message,
    Observation,
    Outcome,
    Part,
    RunClosed,
    RunOpened,
)

ACTION: Final = "action"
KINDS: Final[Mapping[str, type[Part]]] = {
    "run": RunOpened,
    "run.closed": RunClosed,
    "message": Message,
    "observation": Observation,
    "outcome": Outcome,
}

Given = tuple[Answer, Recorded] | Recorded | Exception
"""What became of one of them: an answer, where it stands, or why it was not recorded."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that is to be recorded.

    Attributes:
        kind: `action`, to be decided on; or what happened: a kind of `Channel.record`.
        fields: Of its record.
    """

    kind: str
    fields: Mapping[str, Any]

    def unrecorded(self, cause: Exception) -> UnrecordedError:
        """Return the error of what the ledger could not record."""
        what = self.fields.get("tool", self.kind)
        error = UnrecordedError(f"{what}: could not be recorded, and is not done: {cause}")
        error.__cause__ = cause
        return error


@dataclass(slots=True)
class Group:
    """What is to be recorded as one submission, and what became of it so far.

    Attributes:
        wanted: All of it, in order.
        records: What is recorded of it.
        rulings: Of each of these the ruling, None where it is no action.
        places: Of each of these its place in `wanted`.
        errors: By place, why something is not recorded.
    """

    wanted: Sequence[Wanted]
    records: list[EncodedRecord] = field(default_factory=list[EncodedRecord])
    rulings: list[Ruling | None] = field(default_factory=list[Ruling | None])
    places: list[int] = field(default_factory=list[int])
    errors: dict[int, Exception] = field(default_factory=dict[int, Exception])

    def begin(self) -> None:
        """Begin anew: what was decided before was decided on another history."""
        for each in (self.records, self.rulings, self.places, self.errors):
            each.clear()

    def add(self, place: int, record: EncodedRecord, ruling: Ruling | None) -> None:
        """Take up a record."""
        self.places.append(place)
        self.records.append(record)
        self.rulings.append(ruling)


def recorded(receipt: Receipt) -> Recorded:
    """Return where a record stands."""
    return Recorded(receipt.record, receipt.index, receipt.leaf)


def as_record(ruling: Ruling) -> Decision:
    """Return a decision as an action's record carries it."""
    return Decision.model_validate(ruling.decision.as_record())


def inherited(wider: Sequence[str] | None, asked: object) -> dict[str, object]:
    """Return what a child run is granted, as a field of its opening: never more than its parent.

    Args:
        wider: What its parent was granted; None for nothing in particular.
        asked: What is asked for it, None for whatever its parent has.

    Raises:
        GuardError: It is more (`guard.grant`).
    """
    if wider is None or asked is None:
        granted = wider if asked is None else asked
        return {} if granted is None else {"grant": granted}
    beyond = sorted({*cast("Sequence[str]", asked)} - {*wider})
    if beyond:
        raise GuardError(f"its parent was not granted {', '.join(beyond)}", "guard.grant")
    return {"grant": asked}
