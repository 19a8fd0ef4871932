"""Reading entries again of which integrity is proved: for what they say, and for nothing else.

Each is held against the leaf hash that was proved, so that whoever changed one since is noticed,
however long ago it was verified. What is not as it was is left to the exact reading. Where the
proof is being made at the same time, the leaf hashes are kept, to be compared once it is there.
Source: docs/adr/0025-records-are-judged-once.md; docs/adr/0029-what-crosses-partitions.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from contracts.coercion import Value
from contracts.history import Event
from contracts.lineage import Remembered
from contracts.withholding import Mark
from ledger.errors import LedgerError
from ledger.merkle import HASH_SIZE
from ledger.store import Store
from verifier.entries import ValidEntry
from verifier.errors import UnusualError
from verifier.founding import Founding
from verifier.grouping import Streams
from verifier.imported import Imported
from verifier.leaves import Leaves
from verifier.pointed import Pointed
from verifier.span import Opening, Piece, Row, Signed, whole
from verifier.spans import PIECE

Progress = Callable[[int, int], None]
_Read = dict[str, Any]


class ProvenReading:
    """Yields the entries of a ledger in which nothing is wrong: each of them is valid.

    Args:
        store: What is read.
        founding: Step 0, with every governance record.
        size: How many entries were proved.
        leaves: What holds their leaf hashes, or keeps those that are met.
        pointed: What finds the runs and actions that records name.
        progress: Called now and then with how many entries were read, and how many there are.

    Attributes:
        at: How many were read, or are known from before.
        size: How many there are.
        references: What finds the runs and actions that records name.
        streams: The writers' streams so far, and all leaf hashes.
        when_withheld: Never called: nothing is held back.
    """

    def __init__(
        self,
        store: Store,
        founding: Founding,
        size: int,
        leaves: Leaves,
        pointed: Pointed,
        progress: Progress | None = None,
    ) -> None:
        self._store = store
        self._founding = founding
        self._leaves = leaves
        self._progress = progress
        self._imported = Imported(founding)
        self._latest = ""
        self.at = 0
        self.size = size
        self.streams: Streams = _Streams(founding.genesis, leaves)
        self.references = pointed
        self.when_withheld: Callable[[Mark], None] = _never

    def entries(self, stop: int) -> Iterator[ValidEntry]:
        """Read on, and yield entries in index order.

        Args:
            stop: Where to end; a submission ends there.

        Raises:
            UnusualError: An entry is not as it was proved.
        """
        waiting: list[Row] = []
        at = self.at
        while at < stop:
            some = self._rows(at, min(at + PIECE, stop))
            at += len(some)
            waiting += some
            ready = whole(waiting) if some else 0
            if ready:
                yield from self._read(waiting[:ready])
                del waiting[:ready]
            elif not some:
                raise UnusualError
            if self._progress:
                self._progress(self.at, self.size)
        if waiting:
            raise UnusualError

    def kept(self) -> dict[str, Value]:
        """Return what is known of streams at this place, for `take_up`."""
        return {"streams": self.streams.kept(), "gaps": self.streams.gaps}

    def take_up(self, size: int, rows: Mapping[str, Any], lineage: Remembered) -> None:
        """Go on from an entry.

        Args:
            size: How many entries were read.
            rows: What `kept` returned there.
            lineage: The runs and actions up to there.

        Raises:
            LookupError, TypeError, ValueError or AttributeError: It is no such state.
        """
        self.at = size
        self.streams.take_up(rows["streams"])
        self.streams.gaps[:] = [(index, due, there) for index, due, there in rows["gaps"]]
        self._imported.take_up(lineage)

    def _rows(self, start: int, stop: int) -> Sequence[Row]:
        try:
            return self._store.span(start, stop)
        except LedgerError as error:
            raise UnusualError from error

    def _read(self, rows: Sequence[Row]) -> Iterator[ValidEntry]:
        """Read whole submissions."""
        start = self.at
        piece = Piece(rows, start)
        openings = piece.openings("", self._latest)
        self._leaves.take(start, b"".join(piece.leaves))
        self._latest = openings[-1][1].recorded_at
        digests = b"".join(piece.digests).hex()
        values = self._values(piece.raws)
        for place, header in openings:
            stop = place + int(header.records)
            self._submitted(start + place, header, values[place:stop])
            exact, at = header.exact == "true", header.recorded_at
            for inner in range(place, stop):
                name = digests[2 * HASH_SIZE * inner : 2 * HASH_SIZE * (inner + 1)]
                event = self._event(start + inner, name, values[inner], at)
                self.at = start + inner + 1
                yield ValidEntry(event, None, exact=exact, submission=start + place)

    def _values(self, raws: Sequence[bytes]) -> list[_Read]:
        """Read records whose bytes are, or will be, proved to be strict JSON."""
        try:
            return list(map(orjson.loads, raws))
        except orjson.JSONDecodeError as error:
            raise UnusualError from error

    def _submitted(self, first: int, header: Opening, values: Sequence[_Read]) -> None:
        """Continue the stream of a submission: its link was compared by the proof."""
        closed = any(value["kind"] == "stream-close" for value in values)
        said = (header.key, header.stream, int(header.number), header.previous)
        seen = (int(header.seen_size), header.seen_leaf, header.exact == "true")
        signed = Signed(first, *said, *seen, "", closed, None)
        self.streams.take_at(first, signed, "", closed=closed)

    def _event(self, index: int, digest: str, value: _Read, at: str) -> Event:
        if not self._founding.known_ahead(index, digest, value["kind"]):
            raise UnusualError
        identity, imported = self._imported.of(index, digest, value)
        return Event(index, digest, value, at, identity, imported)


class _Streams(Streams):
    """Streams whose leaves lie elsewhere."""

    def __init__(self, genesis: str, leaves: Leaves) -> None:
        super().__init__(genesis)
        self._held = leaves

    def leaf(self, index: int) -> str:
        """Return the leaf hash of an entry, in hex."""
        return self._held.leaf(index).hex()


def _never(_mark: Mark) -> None:
    """Nothing of it is held back."""
