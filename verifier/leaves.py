"""The leaf hashes of entries that are read again, in a file: held against, or kept to be compared.

Source: docs/adr/0029-what-crosses-partitions.md.
"""

import os
from pathlib import Path
from typing import Protocol

from ledger.merkle import HASH_SIZE
from verifier.errors import UnusualError

_AT_ONCE = 1 << 20


class Leaves(Protocol):
    """What is done with the leaf hashes that a reading meets."""

    def take(self, start: int, leaves: bytes) -> None:
        """Take the leaf hashes of the entries from `start` on.

        Raises:
            UnusualError: They are not those that were proved.
        """
        ...

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of an entry."""
        ...


class _Filed:
    def __init__(self, path: Path, flags: int) -> None:
        self._file = os.open(path, flags, 0o600)

    def close(self) -> None:
        """Give up the file."""
        os.close(self._file)

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of an entry."""
        return os.pread(self._file, HASH_SIZE, index * HASH_SIZE)


class Proved(_Filed):
    """Those that were proved: what is met has to be the same.

    Args:
        path: The file that `verifier.tables` keeps them in.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, os.O_RDONLY)

    def take(self, start: int, leaves: bytes) -> None:
        """Hold leaf hashes against those that were proved.

        Raises:
            UnusualError: They are others.
        """
        if os.pread(self._file, len(leaves), start * HASH_SIZE) != leaves:
            raise UnusualError


class Met(_Filed):
    """Those that are met while the proof is made elsewhere.

    Args:
        path: A file that is not there yet.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def take(self, start: int, leaves: bytes) -> None:
        """Keep leaf hashes."""
        os.pwrite(self._file, leaves, start * HASH_SIZE)

    def count(self) -> int:
        """Return how many there are."""
        return os.fstat(self._file).st_size // HASH_SIZE

    def are_in(self, path: Path) -> bool:
        """Return whether these are the first of those that were proved."""
        end = self.count() * HASH_SIZE
        if path.stat().st_size < end:
            return False
        with path.open("rb") as proved:
            return all(
                os.pread(self._file, _AT_ONCE, at) == proved.read(min(_AT_ONCE, end - at))
                for at in range(0, end, _AT_ONCE)
            )
