"""Stores and tools that fail in the way that a test is about."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from ledger.errors import StoreError
from ledger.merkle import Frontier
from ledger.rows import Head
from ledger.store import Store
from ledger.writing import Writer


class Failing:
    """A store that fails when it is told to.

    Attributes:
        before: How many of the next transactions fail and are undone.
        after: How many fail once they are committed: nobody is told that it was written.
        heads: How often it was asked for its head, which waits for its lock.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.heads = 0
        self.before = 0
        self.after = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all that a store has
        return getattr(self._store, name)

    def head(self) -> tuple[Head, Frontier]:
        """Return where the ledger ends."""
        self.heads += 1
        return self._store.head()

    @contextmanager
    def writing(self) -> Generator[Writer]:
        """Hold the ledger's lock, and fail at the end."""
        with self._store.writing() as writer:
            yield writer
            if self.before:
                self.before -= 1
                raise StoreError("undone")
        if self.after:
            self.after -= 1
            raise StoreError("no answer")


class Stops:
    """A store that cannot be read on from some entry, until it is told to go on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.at: int | None = None
        self.error: BaseException = StoreError("unreadable")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all that a store has
        return getattr(self._store, name)

    def rows(
        self, start: int = 0, stop: int | None = None, *, strays: bool = True
    ) -> Iterator[Any]:
        """Yield the entries up to where it stops."""
        for row in self._store.rows(start, stop, strays=strays):
            if row.idx == self.at:
                raise self.error
            yield row


class Swapped:
    """A store in whose place another can be put."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all that a store has
        return getattr(self.store, name)
