"""Adding to the store while its lock is held, and the caches that make that quick.

`head` and `streams` are caches. They are rebuilt from the entries whenever they do not fit them,
and no check trusts them. A process also remembers where it left the ledger itself; the last entry's
bytes, which commit to all before them, say whether that is still where it ends.
Source: docs/spec/ledger-format.md, *Store*.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ledger.boxes import Boxes
from ledger.checkpoint import NoteSignature
from ledger.cosignature import line_bytes
from ledger.encoding import decode
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import MissingEntryError
from ledger.merkle import Frontier
from ledger.rows import Added, Head, StreamState, Tip
from ledger.submission import submission_of, text_digest
from ledger.transaction import Transaction

_LAST_ENTRY = (
    "SELECT e.idx, e.header, s.key, s.stream, s.number, s.idx, s.count, s.text, s.closed "
    "FROM (SELECT idx, header FROM entries ORDER BY idx DESC LIMIT 1) e "
    "LEFT JOIN streams s ON s.key = ? AND s.stream = ? AND s.number = ?"
)
_FRONTIER = "SELECT frontier FROM head WHERE size = ? AND leaf = ?"
_SUBMITTED = "SELECT coalesce(sum(count), 0) FROM streams"
_SUBMISSIONS_OF = "SELECT idx, count FROM streams WHERE key = ? AND idx + count > ?"
_BODIES = "SELECT idx, body FROM records WHERE idx >= ? AND idx < ? ORDER BY idx"
_LAST_SUBMISSION = (
    "SELECT key, stream, number, idx, count, text, closed FROM streams "
    "WHERE key = ? AND stream = ? ORDER BY number DESC LIMIT 1"
)
_ONE_SUBMISSION = (
    "SELECT key, stream, number, idx, count, text, closed FROM streams "
    "WHERE key = ? AND stream = ? AND number = ?"
)
_ALL = (
    "SELECT e.idx, e.header, r.body FROM entries e LEFT JOIN records r ON r.idx = e.idx "
    "ORDER BY e.idx"
)
_ENTRIES, _RECORDS = "entries (idx, header)", "records (idx, body)"
_NAMED_SQLITE = "SELECT idx FROM entries WHERE instr(header, ?) > 0 ORDER BY idx LIMIT 1"
_NAMED_POSTGRESQL = "SELECT idx FROM entries WHERE position(? in header) > 0 ORDER BY idx LIMIT 1"
_ADD_CHECKPOINT = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
_KEEP_HEAD = (
    "INSERT INTO head (id, size, leaf, frontier) VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
    "SET size = excluded.size, leaf = excluded.leaf, frontier = excluded.frontier"
)
_ADD_SUBMISSION = (
    "INSERT INTO streams (key, stream, number, idx, count, text, closed) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
# A server is told all of it in one statement: to say one costs the driver more than what it does.
# The bytes go in binary (`%b`): left to itself the driver writes an array of them as text.
_ROWS = "SELECT ?::bigint + at - 1, one FROM unnest(%b::bytea[]) WITH ORDINALITY AS given (one, at)"
_ADD_AT_ONCE = (
    f"WITH added AS (INSERT INTO {_ENTRIES} {_ROWS}), "
    f"with_them AS (INSERT INTO {_RECORDS} {_ROWS}), "
    f"submitted AS ({_ADD_SUBMISSION}) {_KEEP_HEAD}"
)
_ADD_COSIGNATURE = (
    "INSERT INTO cosignatures (size, name, key_id, signed_at, line) VALUES (?, ?, ?, ?, ?)"
)
_COSIGNATURE = (
    "SELECT 1 FROM cosignatures WHERE size = ? AND name = ? AND key_id = ? AND signed_at = ?"
)


class Writer:
    """The store while its lock is held. Made by `Store.writing`.

    Attributes:
        tip: The ledger's end as it was last seen or written, if it was.
    """

    def __init__(self, transaction: Transaction, tip: Tip | None = None) -> None:
        self._transaction = transaction
        self.tip = tip

    def head(self) -> tuple[Head, Frontier]:
        """Return where the ledger ends, and the edge of its tree."""
        tip = self.tip
        # The cache of streams is asked in the same go: where it has not the last submission, it
        # has lost rows.
        asked = ("", "", 0) if tip is None else (tip.last.key, tip.last.stream, tip.last.number)
        found = self._transaction.all(_LAST_ENTRY, *asked)
        if not found:
            return Head(), Frontier()
        idx, header, *cached = found[0]
        size, raw = idx + 1, bytes(header)
        if tip is None or (tip.head.size, tip.raw) != (size, raw):
            tip = self._cached(size, raw)
        elif tip.last != StreamState(*cached):
            tip = None
        if tip is None:
            return self.rebuild()
        self.tip = tip
        return tip.head, tip.frontier.copy()

    def _cached(self, size: int, raw: bytes) -> Tip | None:
        header, leaf = parse_header(raw), leaf_hash(raw).hex()
        frontier = self._cached_frontier(size, leaf)
        last = self.submission(header.key, header.stream, header.number)
        if frontier is None or last is None or last.idx != header.index - header.position:
            return None
        return Tip(raw, Head(size, leaf, header.recorded_at), frontier, last)

    def _cached_frontier(self, size: int, leaf: str) -> Frontier | None:
        cached = self._transaction.all(_FRONTIER, size, leaf)
        try:
            frontier = Frontier.from_bytes(cached[0][0]) if cached else None
        except ValueError:
            return None
        return frontier if frontier is not None and frontier.size == size else None

    @property
    def boxes(self) -> Boxes:
        """The sealed values."""
        return Boxes(self._transaction)

    def find(self, record: str) -> tuple[int, bytes] | None:
        """Return index and bytes of the first record with this digest, reading all headers."""
        query = _NAMED_SQLITE if self._transaction.is_sqlite else _NAMED_POSTGRESQL
        found = self._transaction.all(query, f'"record":"{record}"'.encode())
        if not found:
            return None
        bodies = self._transaction.all("SELECT body FROM records WHERE idx = ?", found[0][0])
        return (int(found[0][0]), bytes(bodies[0][0])) if bodies else None

    def submission(self, key: str, stream: str, number: int | None = None) -> StreamState | None:
        """Return a stream's submission with this number (default: its last), if it is there."""
        last = None if self.tip is None else self.tip.last
        if number is None and last is not None and (last.key, last.stream) == (key, stream):
            return last
        if number is None:
            found = self._transaction.all(_LAST_SUBMISSION, key, stream)
        else:
            found = self._transaction.all(_ONE_SUBMISSION, key, stream, number)
        return StreamState(*found[0]) if found else None

    def submitted(self) -> int:
        """Return how many entries the cache of streams accounts for."""
        return int(self._transaction.all(_SUBMITTED)[0][0])

    def submissions_of(self, key: str, start: int) -> list[range]:
        """Return where, by the cache of streams, this key's submissions stand that end later."""
        found = self._transaction.all(_SUBMISSIONS_OF, key, start)
        return [range(idx, idx + count) for idx, count in found]

    def records(self, place: range) -> Iterator[tuple[int, bytes]]:
        """Yield index and bytes of the records at these places, as far as they are there."""
        for idx, body in self._transaction.all(_BODIES, place.start, place.stop):
            yield idx, bytes(body)

    def header(self, idx: int) -> bytes:
        """Return one entry's header.

        Raises:
            MissingEntryError: There is none.
        """
        found = self._transaction.all("SELECT header FROM entries WHERE idx = ?", idx)
        if not found:
            raise MissingEntryError(f"entry {idx}: there is none in the store", index=idx)
        return bytes(found[0][0])

    def add(self, added: Added, head: Head, frontier: Frontier, submission: StreamState) -> None:
        """Add the entries of a submission at the end.

        Args:
            added: The entries.
            head: Where the ledger ends then.
            frontier: The edge of its tree then. It is kept: nobody may add to it after.
            submission: Its place in its stream.
        """
        transaction = self._transaction
        if transaction.is_sqlite:
            indexes = range(added.first, added.first + len(added.headers))
            transaction.insert(_ENTRIES, indexes, added.headers)
            transaction.insert(_RECORDS, indexes, added.records)
            transaction.run(_ADD_SUBMISSION, *_columns(submission))
            self._keep_head(head, frontier)
        else:
            rows = (added.first, list(added.headers), added.first, list(added.records))
            caches = (*_columns(submission), head.size, head.leaf, frontier.to_bytes())
            transaction.run(_ADD_AT_ONCE, *rows, *caches)
        self.tip = Tip(added.headers[-1], head, frontier, submission)

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed head, unless one of this size or larger is kept."""
        last = self._transaction.all("SELECT coalesce(max(size), -1) FROM checkpoints")
        if last[0][0] < size:
            self._transaction.run(_ADD_CHECKPOINT, size, note)

    def add_cosignature(self, size: int, line: NoteSignature, at: int) -> None:
        """Keep a witness's line under a head, unless it is kept."""
        place = (size, line.name, line.key_id.hex(), at)
        if not self._transaction.all(_COSIGNATURE, *place):
            self._transaction.run(_ADD_COSIGNATURE, *place, line_bytes(line))

    def _keep_head(self, head: Head, frontier: Frontier) -> None:
        self._transaction.run(_KEEP_HEAD, head.size, head.leaf, frontier.to_bytes())

    def rebuild(self) -> tuple[Head, Frontier]:
        """Make the caches again from the entries."""
        frontier, head = Frontier(), Head()
        streams: list[StreamState] = []
        genesis = ""
        for idx, raw, body in self._transaction.each(_ALL):
            header = parse_header(raw)
            genesis = genesis or header.record
            leaf = leaf_hash(raw)
            frontier.append(leaf)
            head = Head(idx + 1, leaf.hex(), header.recorded_at)
            if header.position == 0:
                streams.append(_opened(header, genesis))
            if body is not None and _closes(body):
                streams[-1] = replace(streams[-1], closed=True)
        self._transaction.run("DELETE FROM streams")
        self._transaction.run_for(_ADD_SUBMISSION, [_columns(state) for state in streams])
        self._keep_head(head, frontier)
        self.tip = None
        return head, frontier


def _opened(header: Header, genesis: str) -> StreamState:
    found = submission_of(header, genesis)
    return StreamState(
        header.key,
        header.stream,
        header.number,
        header.index,
        header.count,
        text_digest(found),
        closed=False,
    )


def _columns(state: StreamState) -> Sequence[object]:
    return (
        state.key,
        state.stream,
        state.number,
        state.idx,
        state.count,
        state.text,
        state.closed,
    )


def _closes(body: bytes) -> bool:
    # The bytes may also stand deeper in a record: they only spare us from reading most records.
    return b'"kind":"stream-close"' in body and decode(body).get("kind") == "stream-close"
