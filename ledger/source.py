"""What a verification reads: a store, or a bundle that was carried away from one.

Neither is believed. They differ in one thing: a store without one of its records is a broken
ledger, while a bundle may hold a record back and say so. Its header is there all the same, and with
it the record's digest, its writer's key and its place.
"""

from collections.abc import Iterator
from typing import Protocol

from ledger.rows import Row


class Source(Protocol):
    """A ledger's bytes in index order, wherever they are kept."""

    @property
    def location(self) -> str:
        """The path or URL that it was opened at."""
        ...

    @property
    def partial(self) -> bool:
        """Whether it holds records back."""
        ...

    def withheld(self, index: int) -> bool:
        """Return whether the record of this entry is held back, and said to be."""
        ...

    def size(self) -> int:
        """Return the number of entries that it claims. Raises `StoreError`."""
        ...

    def row(self, idx: int) -> Row:
        """Return one entry. Raises `UnreadableEntryError` or `MissingEntryError`."""
        ...

    def rows(
        self, start: int = 0, stop: int | None = None, *, strays: bool = True
    ) -> Iterator[Row]:
        """Yield the entries from `start` to before `stop`, in order. Raises as the store's own."""
        ...

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the leaf hashes of entries. Raises `StoreError`."""
        ...

    def records_containing(self, needle: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and bytes of the records in which these bytes stand. Raises `StoreError`."""
        ...

    def index_of(self, record: str) -> int | None:
        """Return the index of the first entry for the record with this digest, if any."""
        ...

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """Yield size and note of the checkpoints held, smallest first. Raises `StoreError`."""
        ...

    def cosignatures(self) -> Iterator[tuple[int, bytes]]:
        """Yield size and line of the cosignatures that are kept beside the heads, smallest first.

        Lines that stand in the notes themselves need not be among them. Raises `StoreError`.
        """
        ...

    def close(self) -> None:
        """Give up what was opened."""
        ...
