"""What a guard reads its ledger from and records to: a store and its client, or what stands in.

Whatever it is, the guard decides by the same code. Source: docs/spec/guard.md.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from contracts.follower import Rows
from ledger.admission import Receipt
from ledger.encoded import EncodedRecord
from ledger.records import AnyRecord, Part
from ledger.rows import Head

R = TypeVar("R", bound=Part)

Prepare: TypeAlias = Callable[[Head, str], Sequence[AnyRecord | EncodedRecord]]


class Writer(Protocol):
    """Writes for whoever acts: what a guard needs of `ledger.client.LedgerClient`."""

    @property
    def by(self) -> str:
        """The identity that speaks."""
        ...

    @property
    def key(self) -> str:
        """The fingerprint of its key."""
        ...

    def make(self, model: type[R], /, **fields: object) -> R:
        """Build a record of this identity."""
        ...

    def submit(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Write records as one submission."""
        ...

    def append(self, prepare: Prepare) -> list[Receipt]:
        """Write what `prepare` decides on exactly the ledger as it is."""
        ...


class Stored(Rows, Protocol):
    """What a guard needs of `ledger.store.Store`."""

    def size(self) -> int:
        """Return the number of entries."""
        ...

    def head(self) -> tuple[Head, object]:
        """Return where the ledger ends, once whoever is writing has written."""
        ...
