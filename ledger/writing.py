"""Adding to the store while its lock is held, and the caches that make that quick.

`head` and `streams` are caches. They are rebuilt from the entries whenever they do not fit them,
and no check trusts them.
Source: docs/spec/ledger-format.md, *Store*.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from ledger import schema
from ledger.encoding import decode
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import MissingEntryError
from ledger.merkle import Frontier
from ledger.rows import Head, Row, StreamState
from ledger.submission import submission_of, text_digest

_LAST_SUBMISSION = (
    "SELECT number, idx, count, text, closed FROM streams "
    "WHERE key = :key AND stream = :stream ORDER BY number DESC LIMIT 1"
)
_ONE_SUBMISSION = (
    "SELECT number, idx, count, text, closed FROM streams "
    "WHERE key = :key AND stream = :stream AND number = :number"
)


class Writer:
    """The store while its lock is held. Made by `Store.writing`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _all(self, query: str, **values: object) -> Sequence[Sequence[Any]]:
        return self._connection.execute(text(query), values).all()

    def head(self) -> tuple[Head, Frontier]:
        """Return where the ledger ends, and the edge of its tree."""
        last = self._all("SELECT idx, header FROM entries ORDER BY idx DESC LIMIT 1")
        if not last:
            return Head(), Frontier()
        raw = bytes(last[0][1])
        header, leaf = parse_header(raw), leaf_hash(raw).hex()
        frontier = self._cached_frontier(last[0][0] + 1, leaf)
        first = self.submission(header.key, header.stream, header.number)
        if frontier is None or first is None or first.idx != header.index - header.position:
            return self.rebuild()
        return Head(frontier.size, leaf, header.recorded_at), frontier

    def _cached_frontier(self, size: int, leaf: str) -> Frontier | None:
        cached = self._all(
            "SELECT frontier FROM head WHERE size = :n AND leaf = :l", n=size, l=leaf
        )
        try:
            frontier = Frontier.from_bytes(cached[0][0]) if cached else None
        except ValueError:
            return None
        return frontier if frontier is not None and frontier.size == size else None

    def submission(self, key: str, stream: str, number: int | None = None) -> StreamState | None:
        """Return a stream's submission with this number (default: its last), if it is there."""
        if number is None:
            found = self._all(_LAST_SUBMISSION, key=key, stream=stream)
        else:
            found = self._all(_ONE_SUBMISSION, key=key, stream=stream, number=number)
        return StreamState(*found[0]) if found else None

    def header(self, idx: int) -> bytes:
        """Return one entry's header.

        Raises:
            MissingEntryError: There is none.
        """
        found = self._all("SELECT header FROM entries WHERE idx = :idx", idx=idx)
        if not found:
            raise MissingEntryError(f"entry {idx}: there is none in the store", index=idx)
        return bytes(found[0][0])

    def add(self, rows: Sequence[Row], head: Head, frontier: Frontier) -> None:
        """Add entries at the end, with the head that they lead to."""
        self._connection.execute(
            schema.ENTRIES.insert(), [{"idx": row.idx, "header": row.header} for row in rows]
        )
        self._connection.execute(
            schema.RECORDS.insert(), [{"idx": row.idx, "body": row.record} for row in rows]
        )
        self._keep_head(head, frontier)

    def add_submission(self, key: str, stream: str, state: StreamState) -> None:
        """Keep a submission's place in its stream."""
        self._connection.execute(schema.STREAMS.insert(), _stream_row(key, stream, state))

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed head, unless one of this size or larger is kept."""
        last = self._all("SELECT coalesce(max(size), -1) FROM checkpoints")
        if last[0][0] < size:
            self._connection.execute(schema.CHECKPOINTS.insert(), {"size": size, "note": note})

    def _keep_head(self, head: Head, frontier: Frontier) -> None:
        self._connection.execute(schema.HEAD.delete())
        self._connection.execute(
            schema.HEAD.insert(),
            {
                "id": 1,
                "size": head.size,
                "leaf": head.leaf,
                "frontier": frontier.to_bytes(),
            },
        )

    def rebuild(self) -> tuple[Head, Frontier]:
        """Make the caches again from the entries."""
        frontier, head = Frontier(), Head()
        streams: list[Mapping[str, object]] = []
        genesis = ""
        query = text(
            "SELECT e.idx, e.header, r.body FROM entries e LEFT JOIN records r ON r.idx = e.idx "
            "ORDER BY e.idx"
        )
        for idx, raw, body in self._connection.execute(query):
            header = parse_header(raw)
            genesis = genesis or header.record
            leaf = leaf_hash(raw)
            frontier.append(leaf)
            head = Head(idx + 1, leaf.hex(), header.recorded_at)
            if header.position == 0:
                streams.append(_opened(header, genesis))
            if body is not None and _closes(body):
                streams[-1] = {**streams[-1], "closed": True}
        self._connection.execute(schema.STREAMS.delete())
        self._connection.execute(schema.STREAMS.insert(), streams)
        self._keep_head(head, frontier)
        return head, frontier


def _opened(header: Header, genesis: str) -> Mapping[str, object]:
    found = submission_of(header, genesis)
    state = StreamState(header.number, header.index, header.count, text_digest(found), closed=False)
    return _stream_row(header.key, header.stream, state)


def _stream_row(key: str, stream: str, state: StreamState) -> Mapping[str, object]:
    return {
        "key": key,
        "stream": stream,
        "number": state.number,
        "idx": state.idx,
        "count": state.count,
        "text": state.text,
        "closed": state.closed,
    }


def _closes(body: bytes) -> bool:
    # The bytes may also stand deeper in a record: they only spare us from reading most records.
    return b'"kind":"stream-close"' in body and decode(body).get("kind") == "stream-close"
