"""The writers' streams, read from the headers that the verified root is over.

Records say what was stated; headers say with what was sent together, by which key, in which stream.
They are read once more here, and their root is compared with the one that was verified. What is
appended later is checked on from where they end (`verifier.appended`).
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from ledger import leaf_hash, parse_header
from ledger.encoding import to_base64
from ledger.entry import Header
from ledger.merkle import Frontier
from ledger.source import Source
from ledger.submission import submission_of, text_digest
from verifier.appended import Edge
from verifier.errors import SourceError
from verifier.load import open_source
from verifier.report import LedgerFacts

MARK: Final = b'"kind":"stream-close"'


@dataclass(slots=True)
class Stream:
    """One writer's stream.

    Attributes:
        key: Fingerprint of the writer's key.
        stream: The stream's name, 32 hex digits.
        first: Its first entry.
        last: Its last entry.
        began: When the first was recorded.
        ended: When the last was recorded.
        submissions: How many submissions there are of it.
        records: How many records.
        number: The last submission's number.
        closed: Whether its writer said that it ends here.
    """

    key: str
    stream: str
    first: int
    last: int
    began: str
    ended: str
    submissions: int = 0
    records: int = 0
    number: int = 0
    closed: bool = False

    @property
    def missing(self) -> int:
        """How many submissions were numbered and are not here."""
        return self.number + 1 - self.submissions


@dataclass(slots=True)
class _Reading:
    frontier: Frontier = field(default_factory=Frontier)
    found: dict[tuple[str, str], Stream] = field(default_factory=dict[tuple[str, str], Stream])
    openings: dict[tuple[str, str], Header] = field(default_factory=dict[tuple[str, str], Header])
    leaf: bytes = b""
    latest: str = ""


def read_streams(source: str, ledger: LedgerFacts) -> tuple[tuple[Stream, ...], Edge]:
    """Return the streams of what was verified, by their first entry; and where it ends.

    Raises:
        LedgerError: The store cannot be read any more.
        SourceError: It holds other entries than those that were verified.
    """
    reading = _Reading()
    with closing(open_source(source)) as store:
        for header, closes in _headers(store, ledger.size, reading):
            _take(reading.found, header, closes=closes)
            if header.position == 0:
                reading.openings[header.key, header.stream] = header
    if to_base64(reading.frontier.root()) != ledger.root:
        raise SourceError(f"{source}: its entries are not those that were verified")
    streams = tuple(sorted(reading.found.values(), key=lambda stream: stream.first))
    return streams, _edge(reading, ledger.genesis)


def _edge(reading: _Reading, genesis: str) -> Edge:
    texts = {
        place: text_digest(submission_of(header, genesis))
        for place, header in reading.openings.items()
    }
    return Edge(
        reading.frontier.size,
        reading.frontier.to_bytes(),
        reading.leaf,
        reading.latest,
        tuple(
            (key, stream, one.number, texts.get((key, stream), ""), one.closed)
            for (key, stream), one in reading.found.items()
        ),
    )


def _headers(store: Source, size: int, reading: _Reading) -> Iterator[tuple[Header, bool]]:
    for row in store.rows(stop=size):
        reading.leaf = leaf_hash(row.header)
        reading.frontier.append(reading.leaf)
        header = parse_header(row.header)
        reading.latest = max(reading.latest, header.recorded_at)
        yield header, MARK in (row.record or b"")


def _take(found: dict[tuple[str, str], Stream], header: Header, *, closes: bool) -> None:
    at, index = header.recorded_at, header.index
    stream = found.setdefault(
        (header.key, header.stream), Stream(header.key, header.stream, index, index, at, at)
    )
    stream.last, stream.ended = index, at
    stream.records += 1
    stream.submissions += header.position == 0
    stream.number = max(stream.number, header.number)
    stream.closed = stream.closed or closes
