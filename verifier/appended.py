"""What was appended to a ledger after a verification, checked on from where that one ended.

A reviewer's act is one entry, and a ledger may have millions: it is not verified again for that.
From the edge of the verified tree the new entries are read as the exact reading reads them: each
record has its header's digest, each header links to the one before, the tree of the verified
entries grows by exactly these leaves, and every head that was signed meanwhile has its root. Of
each submission signature, numbering and what its writer had seen are checked, and of each record
that its key was entitled to it.

Only reviews are handed on. What says who may do what, or by which contract, is not gone beyond:
from there on the ledger has to be verified again. Nor are records of other kinds judged, which
nobody is shown before that.
Source: docs/spec/ledger-format.md, *Verification, in this order*; docs/adr/0036.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from ledger.authority import AuthorityHistory
from ledger.encoding import decode
from ledger.entry import ZEROS, Header, leaf_hash, parse_header
from ledger.errors import EncodingError, LedgerError
from ledger.merkle import HASH_SIZE, Frontier
from ledger.rows import Row
from ledger.store import Store
from ledger.submission import Submission
from verifier.entries import BrokenLedgerError, Entry, Problem, ValidEntry
from verifier.founding import Ahead, Founding
from verifier.grouping import Streams
from verifier.heads import Heads
from verifier.integrity import Reading

MOST: Final = 20_000
"""So many entries are checked on at once; after more of them a verification is due anyway."""
BACK: Final = 4_096
"""How far back before the edge a writer's `seen` is looked for, link by link."""

_ENDS: Final = frozenset({"genesis", "authority", "contract", "activation"})
_WITH_REVIEWS: Final = frozenset({"review", "stream-close"})


class NotFollowedError(Exception):
    """Something rests on what lies too far back: only a verification can judge it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a verification ended.

    Attributes:
        size: How many entries were verified.
        frontier: The edge of their tree, as `Frontier.to_bytes` writes it.
        leaf: Leaf hash of the last of them.
        latest: The latest time at which one of them was recorded.
        streams: Of each writer's stream: key, name, last number, digest of its last signed text,
            and whether it is closed.
    """

    size: int
    frontier: bytes
    leaf: bytes
    latest: str
    streams: tuple[tuple[str, str, int, str, bool], ...]


@dataclass(frozen=True, slots=True)
class ReadOn:
    """What reading on came to.

    Attributes:
        reviews: The new reviews that count.
        size: Up to which entry all is checked by now.
        head: Size of the newest signed head that covers entries after the edge; 0 for none.
        others: How many checked entries are neither reviews nor the end of a stream.
        invalid: How many submissions and records do not count.
        beyond: Whether there are entries that are not gone into.
    """

    reviews: tuple[ValidEntry, ...]
    size: int
    head: int
    others: int
    invalid: int
    beyond: bool


class Appended:
    """Reads a ledger on from an edge, as often as it grew.

    Args:
        genesis: Digest of the genesis record.
        origin: The ledger's origin line.
        history: Who may write what, by the verified entries.
        edge: Where these end.
    """

    def __init__(self, genesis: str, origin: str, history: AuthorityHistory, edge: Edge) -> None:
        self.history = history
        self._founding = Founding(genesis, origin, history, Ahead())
        self._first = edge
        self._edge = edge
        self._leaves = b""
        self._head = 0
        self._others = 0
        self._invalid = 0

    @property
    def size(self) -> int:
        """Up to which entry all is checked."""
        return self._edge.size

    @property
    def leaf(self) -> str:
        """Leaf hash of the last entry that is checked, hex."""
        return self._edge.leaf.hex()

    def read_on(self, store: Store) -> ReadOn:
        """Check what was appended since the last time.

        Raises:
            BrokenLedgerError: It does not continue what was verified, or is not what was signed.
            StoreError: The store cannot be read.
        """
        stop, beyond = self._stop(store)
        try:
            reviews = self._read(store, stop) if stop > self.size else ()
        except NotFollowedError:
            reviews, beyond = (), True
        return ReadOn(reviews, self.size, self._head, self._others, self._invalid, beyond)

    def _stop(self, store: Store) -> tuple[int, bool]:
        """Return how far can be read, a submission's end, and whether there is more."""
        size = store.size()
        if size < self.size:
            what = f"{self.size} entries were verified, and {size} are there"
            raise BrokenLedgerError(size, 4, "truncated", what)
        if size - self.size > MOST:
            return self.size, True
        begun = self.size
        kinds: set[str] = set()
        for row in store.rows(self.size, size, strays=False):
            try:
                header = parse_header(row.header)
            except LedgerError:
                # Whoever reads it says what is wrong with it.
                return size, False
            if header.position == 0:
                begun = row.idx
                kinds = set()
            if not _can_follow(row, kinds, header):
                return begun, True
        return size, False

    def _read(self, store: Store, stop: int) -> tuple[ValidEntry, ...]:
        notes = store.checkpoints(self.size)
        heads = Heads(store, self._founding, None, notes=notes)
        streams = _LaterStreams(self._founding.genesis, store, self._first, self._leaves)
        streams.take_up(self._edge.streams)
        reading = _Onward(store, self._founding, heads, streams, self._edge, stop)
        # All of it, before any of it counts.
        found = tuple(reading.entries())
        self._leaves = bytes(streams.leaves)
        self._edge = reading.edge()
        self._head = max(self._head, heads.size)
        self._others += reading.others
        self._invalid += reading.invalid_submissions + reading.invalid_records
        return found


def _can_follow(row: Row, kinds: set[str], header: Header) -> bool:
    """Return whether an entry can be judged without the rest of the ledger.

    A review that was sent together with records of other kinds is as valid as they are.
    """
    kind = _kind(row.record or b"")
    if kind in _ENDS:
        return False
    if kind != "stream-close" or header.position < header.count - 1:
        kinds.add("review" if kind == "review" else "other")
    return len(kinds) < 2  # noqa: PLR2004 - of both kinds


def _kind(raw: bytes) -> str:
    try:
        value = decode(raw)
    except EncodingError:
        return ""
    return str(cast("dict[str, Any]", value).get("kind")) if isinstance(value, dict) else ""


class _LaterStreams(Streams):
    """Streams that go on, with the leaf hashes from an edge on.

    What a writer had seen before the edge is looked for link by link, from the edge back.
    """

    def __init__(self, genesis: str, store: Store, first: Edge, leaves: bytes) -> None:
        super().__init__(genesis)
        self.leaves += leaves
        self._store = store
        self._first = first

    def leaf(self, index: int) -> str:
        """Return the leaf hash at `index` in hex; 64 zeros before the first.

        Raises:
            NotFollowedError: It lies too far back.
            BrokenLedgerError: The entries before the edge are not those that were verified.
        """
        if index < 0:
            return ZEROS
        if index < self._first.size:
            return self._before(index)
        at = (index - self._first.size) * HASH_SIZE
        return self.leaves[at : at + HASH_SIZE].hex()

    def _before(self, index: int) -> str:
        if self._first.size - index > BACK:
            raise NotFollowedError
        known = self._first.leaf.hex()
        for at in range(self._first.size - 1, index, -1):
            raw = self._store.row(at).header
            if leaf_hash(raw).hex() != known:
                raise BrokenLedgerError(
                    at, 3, "link", f"entry {at} is not the one that was verified"
                )
            known = parse_header(raw).prev
        return known


class _Onward(Reading):
    """The exact reading, begun at an edge.

    Attributes:
        others: How many entries there are that only another verification can judge.
    """

    def __init__(
        self,
        store: Store,
        founding: Founding,
        heads: Heads,
        streams: _LaterStreams,
        edge: Edge,
        stop: int,
    ) -> None:
        super().__init__(store, founding, heads)
        self.others = 0
        self.streams: Streams = streams
        self.size = edge.size
        self._frontier = Frontier.from_bytes(edge.frontier)
        self._previous = edge.leaf.hex()
        self._latest = edge.latest
        self._begin, self._stop = edge.size, stop

    def edge(self) -> Edge:
        """Return where it ended."""
        return Edge(
            self.size,
            self._frontier.to_bytes(),
            bytes.fromhex(self._previous),
            self._latest,
            self.streams.kept(),
        )

    def _rows(self) -> Iterator[Row]:
        return self._store.rows(self._begin, self._stop, strays=False)

    def _link(self, index: int, header: Header, raw: bytes) -> BrokenLedgerError:
        del header, raw
        what = f"entry {index} does not link to the entry before it as it was verified"
        return BrokenLedgerError(index, 3, "link", what)

    def _entitled(self, entry: Entry, submission: Submission) -> Problem | None:
        record = entry.record
        if record is None:
            return None
        return self._founding.entitlement_problem(entry, record, submission)

    def _valid(self, entry: Entry, submission: Submission, first: int) -> ValidEntry | None:
        kind = entry.value.get("kind")
        if kind == "review":
            return super()._valid(entry, submission, first)
        self.others += kind not in _WITH_REVIEWS
        self._time_problem(entry)
        return None
