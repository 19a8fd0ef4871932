"""What a quick reading has to remember of a whole ledger: in files, so that memory stays flat.

Leaf hashes lie one after the other. What can be pointed at, and what is pointed at from another
span, lie in parts by the first bits of a digest; at the end each part is held against the other,
alone. The files are the reader's own: what is wrong in them was wrong when it was put there, or is
found by whoever takes them up again (`verifier.state`), before they are opened here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self, cast

from ledger.merkle import HASH_SIZE
from verifier.errors import UnusualError
from verifier.following import ACTION, OBSERVATION, Pending
from verifier.span import PARTS

# Digest, kind, index, run.
KNOWN = HASH_SIZE + 1 + 8 + HASH_SIZE
_KEY = HASH_SIZE + 1
# Digest, kind, index of who names it, run, leaf.
_PENDING = KNOWN + HASH_SIZE
_NOTHING = bytes(HASH_SIZE)
# Leaf hashes that are kept at hand: what writers have seen is mostly not long ago.
_AT_HAND = 65_536 * HASH_SIZE
_SHIFT = 2
# Bytes of a part that wait to be written.
_WAITING = 131_072


class _Part:
    """A file that is added to, and not there before it has to be: most ledgers are small."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = bytearray()
        self._file: BinaryIO | None = None

    def add(self, entries: bytes) -> None:
        """Add entries of the part."""
        self._waiting += entries
        if len(self._waiting) > _WAITING:
            self.spill()

    def end(self) -> None:
        """Write what waits, where there is anything."""
        if self._waiting or self._file is not None:
            self.spill()
            cast("BinaryIO", self._file).flush()

    def spill(self) -> int:
        """Write what waits, and return how long the file is now."""
        if self._file is None:
            self._file = self._path.open("a+b")
        self._file.write(self._waiting)
        self._waiting.clear()
        return self._file.seek(0, 2)

    def whole(self) -> bytes:
        """Return all there is."""
        if self._file is None and not self._path.exists():
            return bytes(self._waiting)
        self.spill()
        return _whole(cast("BinaryIO", self._file))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def part_of(digest: bytes) -> int:
    """Return the part that a digest lies in."""
    return digest[0] >> _SHIFT


class Tables:
    """Leaf hashes and references, in the files of a folder.

    Args:
        folder: Where they lie; those that are there already are added to.
    """

    def __init__(self, folder: Path) -> None:
        self._open = ExitStack()
        self._leaves = self._open.enter_context((folder / "leaves").open("a+b"))
        self._known = [self._part(folder / f"known-{part:02}") for part in range(PARTS)]
        self._pending = [self._part(folder / f"pending-{part:02}") for part in range(PARTS)]
        end = self._leaves.seek(0, 2)
        self._size = end // HASH_SIZE
        self._leaves.seek(max(end - _AT_HAND, 0))
        self._tail = self._leaves.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _part(self, path: Path) -> _Part:
        part = _Part(path)
        self._open.callback(part.close)
        return part

    def lengths(self) -> dict[str, int]:
        """Return how long each file is now that a later reading needs, by its name."""
        known = {f"known-{at:02}": part.spill() for at, part in enumerate(self._known)}
        return {"leaves": self._leaves.seek(0, 2), **known}

    def end(self) -> None:
        """Have all in the files that others read."""
        self._leaves.flush()
        for part in self._known:
            part.end()

    def leaves(self) -> Iterator[bytes]:
        """Yield all leaf hashes that were taken in, some at a time."""
        self._go_to(0)
        while leaves := self._leaves.read(_AT_HAND):
            yield leaves

    def add(self, leaves: bytes, known: Mapping[int, bytes], pending: Sequence[Pending]) -> None:
        """Take in what a span found."""
        self._leaves.write(leaves)
        self._size += len(leaves) // HASH_SIZE
        self._tail = (self._tail + leaves)[-_AT_HAND:]
        for part, entries in known.items():
            self._known[part].add(entries)
        for digest, kind, index, run, leaf in pending:
            asked = b"%b%c%b%b%b" % (digest, kind, index.to_bytes(8, "big"), run, leaf)
            self._pending[part_of(digest)].add(asked)

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of an entry that was taken in."""
        from_end = (self._size - index) * HASH_SIZE
        if from_end <= len(self._tail):
            at = len(self._tail) - from_end
            return self._tail[at : at + HASH_SIZE]
        self._go_to(index * HASH_SIZE)
        return self._leaves.read(HASH_SIZE)

    def _go_to(self, at: int) -> None:
        """Go to a place from which leaf hashes are read.

        What is added goes to the file's end, but until it is written it lies in the buffer where
        was read last: who reads on would read it there.
        """
        self._leaves.flush()
        self._leaves.seek(at)

    def check(self) -> None:
        """Hold all that is pointed at against what there is (step 9).

        Raises:
            UnusualError: A run or an action is there twice, a run is closed twice, or something
                names what is not before it.
        """
        for known, pending in zip(self._known, self._pending, strict=True):
            asked = pending.whole()
            wanted = {asked[at : at + _KEY] for at in range(0, len(asked), _PENDING)}
            there = _found(known.whole(), wanted)
            for at in range(0, len(asked), _PENDING):
                self._check_one(asked[at : at + _PENDING], there)

    def _check_one(self, asked: bytes, there: Mapping[bytes, bytes]) -> None:
        found = there.get(asked[:_KEY])
        if found is None or found[:8] >= asked[_KEY : _KEY + 8]:
            raise UnusualError
        run, leaf = asked[_KEY + 8 : KNOWN], asked[KNOWN:]
        if run not in {_NOTHING, found[8:]}:
            raise UnusualError
        index = int.from_bytes(found[:8], "big")
        if asked[HASH_SIZE] == ACTION and leaf not in {_NOTHING, self.leaf(index)}:
            raise UnusualError


def _whole(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _found(entries: bytes, wanted: Collection[bytes]) -> dict[bytes, bytes]:
    """Return what there is of what is wanted, by digest and kind.

    Raises:
        UnusualError: Something is there twice. Only evidence may be recorded twice alike.
    """
    keys = [entries[at : at + _KEY] for at in range(0, len(entries), KNOWN)]
    if len(set(keys)) < len(keys):
        others = [key for key in keys if key[HASH_SIZE] != OBSERVATION]
        if len(set(others)) < len(others):
            raise UnusualError
    if not wanted:
        return {}
    # The first of those alike: it is the one that what names it has to follow.
    return {
        keys[at]: entries[at * KNOWN + _KEY : (at + 1) * KNOWN]
        for at in range(len(keys) - 1, -1, -1)
        if keys[at] in wanted
    }
