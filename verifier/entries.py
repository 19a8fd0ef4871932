"""What the steps of verification hand on to each other: an entry, a submission, a break."""

from dataclasses import dataclass
from typing import Any, cast

from contracts.history import Event
from ledger.entry import Header
from ledger.records import AnyRecord, read_record
from verifier.errors import VerifierError
from verifier.report import Break


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry whose bytes are sound (steps 2 and 3).

    Attributes:
        index: Its place in the ledger.
        header: Its header.
        leaf: Its leaf hash, 32 bytes.
        value: The record as plain data.
        record: The record as its kind's model; None where it has none.
        problem: Why it has none.
        withheld: The bundle holds the record back.
        sealed: It may hold sealed values.
    """

    index: int
    header: Header
    leaf: bytes
    value: dict[str, Any]
    record: AnyRecord | None
    problem: str = ""
    withheld: bool = False
    sealed: bool = False

    @property
    def digest(self) -> str:
        """The record's digest."""
        return self.header.record


@dataclass(frozen=True, slots=True)
class Group:
    """The entries of one submission, in order, and what was signed. `problem`: it is not whole."""

    entries: tuple[Entry, ...]
    problem: str = ""


class ValidEntry:
    """An entry that passed every step.

    Args:
        event: What contracts see of it.
        record: The record's model; None where it is made of the event once somebody asks for it.
        exact: Its submission was made on the very head that it follows.
        submission: Index of its submission's first entry.
    """

    __slots__ = ("_record", "event", "exact", "submission")

    def __init__(
        self, event: Event, record: AnyRecord | None, *, exact: bool, submission: int
    ) -> None:
        self.event = event
        self.exact = exact
        self.submission = submission
        self._record = record

    @property
    def record(self) -> AnyRecord:
        """The record's model."""
        if self._record is None:
            self._record = read_record(cast("dict[str, Any]", self.event.record))
        return self._record


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a submission or a record is invalid: the step, the check and what was wrong."""

    step: int
    check: str
    what: str


class BrokenLedgerError(VerifierError):
    """A check of steps 0 to 4 failed: nothing after it can be relied on."""

    code = "ledger.broken"

    def __init__(self, index: int, step: int, check: str, what: str) -> None:
        super().__init__(f"entry {index}: {what}")
        self.where = Break(index, step, check, what)
