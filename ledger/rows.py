"""What the store gives back: rows as they are stored, and where the ledger and its streams end."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.entry import ZEROS
from ledger.merkle import Frontier


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as stored.

    Attributes:
        idx: Its index.
        header: Its header line.
        record: Its record's bytes; None where the store has none.
    """

    idx: int
    header: bytes
    record: bytes | None


@dataclass(frozen=True, slots=True)
class Added:
    """The entries of one submission.

    Attributes:
        first: Index of the first.
        headers: Their header lines, in order.
        records: Their records' bytes, in order.
    """

    first: int
    headers: Sequence[bytes]
    records: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger ends.

    Attributes:
        size: Number of entries.
        leaf: Leaf hash of the last entry, hex; 64 zeros when there is none.
        recorded_at: When that was recorded; empty when there is none.
    """

    size: int = 0
    leaf: str = ZEROS
    recorded_at: str = ""


@dataclass(frozen=True, slots=True)
class StreamState:
    """One submission's place in its stream.

    Attributes:
        key: Fingerprint of the stream's key.
        stream: The stream.
        number: Its number in the stream.
        idx: Index of its first entry.
        count: Number of its records.
        text: Hash of its signed text.
        closed: Whether it closed the stream.
    """

    key: str
    stream: str
    number: int
    idx: int
    count: int
    text: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Tip:
    """The ledger's end, as a process remembers it between its appends.

    Attributes:
        raw: The last entry's header.
        head: Where the ledger ends.
        frontier: The edge of its tree.
        last: The submission of the last entry.
    """

    raw: bytes
    head: Head
    frontier: Frontier
    last: StreamState
