"""One span of a ledger, read by itself: what can be said of its entries without those before.

It is the quick way of reading: it accepts nothing but the ordinary, and does not say what is wrong
with the rest. Who gets no answer reads exactly, with `verifier.integrity`. What a span alone
cannot know (the link to the entry before, the stream's last number, a record of another span that
is named) is handed on, for `verifier.ordinary` to compare.

What is done once for each entry is done for all entries at once, as columns: of all that integrity
alone costs, most is that Python does something once more.
Source: docs/spec/ledger-format.md, *Verification*; docs/adr/0014.
"""

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, cast

from ledger import merkle
from ledger.encoding import MAX_HEADER, MAX_RECORD
from ledger.entry import MAX_SUBMISSION, ZEROS
from ledger.errors import LedgerError
from ledger.keys import signature_check
from verifier.errors import UnusualError
from verifier.following import GOVERNANCE, Following, Kind, Pending, Told, kinds_of
from verifier.forms import TIME

Row = Sequence[object]
Rows = Sequence[Row]
_Check = Callable[[bytes, bytes], None]

# Tables are kept in parts, by the first bits of a digest, so that each can be held in memory.
PARTS = 64
_SHIFT = 2
_HEX = 2 * merkle.HASH_SIZE

# Strict JSON leaves one way to write an opening header, so that an expression says all of it. A
# number of 16 digits may be too large: it is left to the exact reading.
_OPENING = re.compile(
    r'\{"count":([1-9][0-9]{0,3}),"exact":(true|false),"index":(0|[1-9][0-9]{0,14}),'
    r'"key":"([0-9a-f]{64})","number":(0|[1-9][0-9]{0,14}),"position":0,"prev":"([0-9a-f]{64})",'
    r'"previous":"([0-9a-f]{64})","record":"([0-9a-f]{64})",'
    rf'"recorded_at":"({TIME})","root":"([0-9a-f]{{64}})",'
    r'"seen":\{"leaf":"([0-9a-f]{64})","size":(0|[1-9][0-9]{0,14})\},'
    r'"signature":"([A-Za-z0-9+/]{85}[AQgw]==)","stream":"([0-9a-f]{32})","v":1\}'
)


class Opening(NamedTuple):
    """The fields of the header that opens a submission, as they are written there.

    In the order of the bytes: the number of records, whether it was to follow what was seen, the
    header's own index, the rest by their names.
    """

    records: str
    exact: str
    first: str
    key: str
    number: str
    prev: str
    previous: str
    record: str
    recorded_at: str
    root: str
    seen_leaf: str
    seen_size: str
    signature: str
    stream: str


class Signed(NamedTuple):
    """A submission whose records and headers are what was signed for. Hashes are hex.

    Attributes:
        first: Index of its first entry.
        key: Fingerprint of the writer's key.
        stream: The writer's stream.
        number: Its number there.
        previous: Digest of the signed text before it in its stream.
        seen_size: How many entries the writer had seen.
        seen_leaf: The last one's leaf hash.
        exact: Whether it was to follow that one immediately.
        text: Digest of the signed text.
        closed: Whether it closes its stream.
        unchecked: Text and signature, where the key was not known here: still to be checked.
    """

    first: int
    key: str
    stream: str
    number: int
    previous: str
    seen_size: int
    seen_leaf: str
    exact: bool
    text: str
    closed: bool
    unchecked: tuple[bytes, str] | None


@dataclass(slots=True)
class Spoke:
    """Records that are alike in all that entitlement asks: one of them, and how far they reach."""

    record: bytes
    first: int
    since: str
    last: int
    until: str


@dataclass(slots=True)
class Span:
    """What was found from the entry `start` to before the entry `stop`.

    Attributes:
        start: The first entry, which opens a submission.
        stop: The entry after the last, which ended one.
        prev: What the first header names as the leaf hash before it, hex.
        earliest: When the first entry was recorded.
        latest: When the last one was.
        leaves: The leaf hashes, one after the other.
        signed: The submissions.
        known: What can be pointed at, by part: digest, kind, index and run, of fixed length.
        pending: What is pointed at and stands in no entry before it in this span.
        spoke: Where and when each (key, identity, kind, imports) was the writer's first and last.
        governance: Index, header and record of each governance record.
    """

    start: int
    stop: int
    prev: str = ""
    earliest: str = ""
    latest: str = ""
    leaves: bytes = b""
    signed: list[Signed] = field(default_factory=list[Signed])
    known: dict[int, bytes] = field(default_factory=dict[int, bytes])
    pending: list[Pending] = field(default_factory=list[Pending])
    spoke: dict[Told, Spoke] = field(default_factory=dict[Told, Spoke])
    governance: list[tuple[int, bytes, bytes]] = field(
        default_factory=list[tuple[int, bytes, bytes]]
    )


class SpanReader:
    """Reads a span's entries in pieces of whole submissions, in order.

    Args:
        genesis: Digest of the genesis record.
        keys: Public keys by fingerprint, as far as they are known.
        start: Index of the first entry, which opens a submission.
    """

    def __init__(self, genesis: str, keys: Mapping[str, bytes], start: int) -> None:
        self._genesis = genesis
        self._keys = keys
        self._checks: dict[str, _Check | None] = {}
        self._leaves: list[bytes] = []
        self._prev = ""
        self._following = Following(start, self._leaves)
        self.span = Span(start, start)

    def read(self, rows: Rows) -> None:
        """Take whole submissions: index, header and record of each entry.

        Raises:
            UnusualError: These are no such rows, or something is not as it ordinarily is.
        """
        piece = Piece(rows, self.span.stop)
        openings = piece.openings(self._prev, self.span.latest)
        kinds = kinds_of(piece.raws)
        self._leaves += piece.leaves
        self._following.follow(self.span.stop, piece.digests, kinds)
        first, last = openings[0][1], openings[-1][1]
        if not self.span.earliest:
            self.span.prev, self.span.earliest = first.prev, first.recorded_at
        self._sign(piece, openings, piece.closing(kinds))
        self._spoke(piece, dict(openings), kinds)
        self.span.governance += piece.governance(kinds)
        self._prev, self.span.latest = piece.leaves[-1].hex(), last.recorded_at
        self.span.stop += len(piece.raws)

    def finish(self) -> Span:
        """Return what was found."""
        self.span.leaves = b"".join(self._leaves)
        self.span.known = _in_parts(self._following.known)
        self.span.pending = self._following.pending
        return self.span

    def _sign(
        self, piece: "Piece", openings: Sequence[tuple[int, Opening]], closing: set[int]
    ) -> None:
        """Step 5, as far as the submissions alone say it."""
        nodes = [sha256(b"\x00" + one).digest() for one in piece.digests]
        for place, header in openings:
            count = int(header.records)
            root = nodes[place] if count == 1 else merkle.root(nodes[place : place + count])
            if root.hex() != header.root:
                raise UnusualError
            text = _text(self._genesis, header)
            self.span.signed.append(
                Signed(
                    piece.start + place,
                    header.key,
                    header.stream,
                    int(header.number),
                    header.previous,
                    int(header.seen_size),
                    header.seen_leaf,
                    header.exact == "true",
                    sha256(text).hexdigest(),
                    place in closing,
                    self._unchecked(header.key, text, header.signature),
                )
            )

    def _unchecked(self, key: str, text: bytes, signature: str) -> tuple[bytes, str] | None:
        """Check a signature, or return what is to be checked once its key is known."""
        check = self._checks.get(key) or self._check_of(key)
        if check is None:
            return text, signature
        _check(check, text, signature)
        return None

    def _check_of(self, key: str) -> _Check | None:
        public = self._keys.get(key)
        check = self._checks[key] = None if public is None else _check_by(public)
        return check

    def _spoke(
        self, piece: "Piece", openings: Mapping[int, Opening], kinds: Mapping[str, Kind]
    ) -> None:
        """Note who spoke, by kind: where and when first, and last."""
        keys = [openings[place].key for place in piece.begins]
        for label, kind in kinds.items():
            imports = [False] * len(kind.places)
            if label == "opened":
                imports = [one is not None for one in kind.columns[2]]
            told = list(
                zip([keys[place] for place in kind.places], kind.columns[0], imports, strict=True)
            )
            last = dict(zip(told, kind.places, strict=True))
            first = dict(zip(reversed(told), reversed(kind.places), strict=True))
            for (key, by, imported), end in last.items():
                at = openings[piece.begins[end]].recorded_at
                before = self.span.spoke.get((key, by, label, imported))
                if before is not None:
                    before.last, before.until = piece.start + end, at
                    continue
                begin = first[key, by, imported]
                self.span.spoke[key, by, label, imported] = Spoke(
                    piece.raws[begin],
                    piece.start + begin,
                    openings[piece.begins[begin]].recorded_at,
                    piece.start + end,
                    at,
                )


class Piece:
    """Some whole submissions, as columns.

    Args:
        rows: Index, header and record of each entry.
        start: The first one's index.

    Attributes:
        begins: Of each entry, the place where its submission begins.
    """

    def __init__(self, rows: Rows, start: int) -> None:
        indexes, headers, raws = zip(*rows, strict=True)
        if indexes != tuple(range(start, start + len(rows))):
            raise UnusualError
        self.start = start
        self._headers = _bytes(headers, MAX_HEADER)
        self.raws = _bytes(raws, MAX_RECORD)
        self.digests = [sha256(raw).digest() for raw in self.raws]
        self.leaves = [sha256(b"\x00" + header).digest() for header in self._headers]
        self.begins: list[int] = []

    def openings(self, prev: str, latest: str) -> Sequence[tuple[int, Opening]]:
        """Read all headers; return those that open a submission, with their places.

        Args:
            prev: Leaf hash of the entry before, hex; empty where it is not known.
            latest: When that was recorded; empty likewise.
        """
        hashed, linked = _hex(self.digests), _hex(self.leaves)
        found: list[tuple[int, Opening]] = []
        place, end = 0, len(self._headers)
        while place < end:
            header = opening(self._headers[place])
            count = int(header.records)
            if int(header.first) != self.start + place or header.record != hashed[place]:
                raise UnusualError
            if count > end - place or header.recorded_at < latest or prev not in {"", header.prev}:
                raise UnusualError
            found.append((place, header))
            stop = place + count
            if count > 1:
                expected = _following(header, hashed[place + 1 : stop], linked[place : stop - 1])
                # In none that is expected is a line feed: each has to end where it should.
                if b"\n".join(self._headers[place + 1 : stop]) != expected:
                    raise UnusualError
            self.begins += [place] * count
            place, latest, prev = stop, header.recorded_at, linked[stop - 1]
        return found

    def closing(self, kinds: Mapping[str, Kind]) -> set[int]:
        """Return the places where a submission begins that closes its stream."""
        closing = kinds.get("stream-close")
        return set() if closing is None else {self.begins[place] for place in closing.places}

    def governance(self, kinds: Mapping[str, Kind]) -> list[tuple[int, bytes, bytes]]:
        """Return index, header and record of each governance record.

        Raises:
            UnusualError: An erasure may name a record of any kind, also one not remembered here.
        """
        if "erasure" in kinds:
            raise UnusualError
        places = sorted(
            place for label in GOVERNANCE & kinds.keys() for place in kinds[label].places
        )
        return [(self.start + at, self._headers[at], self.raws[at]) for at in places]


def whole(rows: Rows) -> int:
    """Return how many of these rows, which begin with a submission, are of whole ones.

    Raises:
        UnusualError: A header is none.
    """
    for at in range(len(rows) - 1, -1, -1):
        if opens(rows[at]):
            ended = at + int(opening(cast("bytes", rows[at][1])).records) <= len(rows)
            return len(rows) if ended else at
    return 0


def opens(row: Row) -> bool:
    """Return whether a row seems to open a submission.

    Raises:
        UnusualError: Its header is not bytes.
    """
    if not isinstance(row[1], bytes):
        raise UnusualError
    return b'"position":0,' in row[1]


def _bytes(values: Sequence[object], limit: int) -> Sequence[bytes]:
    """Return what is all bytes, and not too long."""
    if set(map(type, values)) != {bytes}:
        raise UnusualError
    raws = cast("Sequence[bytes]", values)
    if max(map(len, raws)) > limit:
        raise UnusualError
    return raws


def _hex(hashes: Sequence[bytes]) -> Sequence[str]:
    whole = b"".join(hashes).hex()
    return [whole[at : at + _HEX] for at in range(0, len(whole), _HEX)]


def _in_parts(known: Sequence[bytes]) -> dict[int, bytes]:
    parts: list[list[bytes]] = [[] for _ in range(PARTS)]
    for entry in known:
        parts[entry[0] >> _SHIFT].append(entry)
    return {part: b"".join(found) for part, found in enumerate(parts) if found}


def _following(header: Opening, hashed: Sequence[str], linked: Sequence[str]) -> bytes:
    """Write the headers that follow an opening one, all in one, with a line feed between two.

    Args:
        header: The opening header.
        hashed: The records' digests.
        linked: The leaf hashes of the entries before each.
    """
    first, count = int(header.first) + 1, len(hashed)
    # They differ in four places: what stands between is written once, and joined.
    pieces = [
        f'{{"count":{header.records},"index":',
        "",
        f',"key":"{header.key}","number":{header.number},"position":',
        "",
        ',"prev":"',
        "",
        '","record":"',
        "",
        f'","recorded_at":"{header.recorded_at}","stream":"{header.stream}","v":1}}\n',
    ] * count
    pieces[1::9] = map(str, range(first, first + count))
    pieces[3::9] = map(str, range(1, count + 1))
    pieces[5::9] = linked
    pieces[7::9] = hashed
    return "".join(pieces)[:-1].encode("ascii")


def check_signed(public: bytes, text: bytes, signature: str) -> None:
    """Check a submission's signature.

    Raises:
        UnusualError: The key did not sign this text.
    """
    _check(_check_by(public), text, signature)


def _check_by(public: bytes) -> _Check:
    try:
        return signature_check(public)
    except LedgerError as error:
        raise UnusualError from error


def _check(check: _Check, text: bytes, signature: str) -> None:
    try:
        # Its form was found to be the one way of writing it.
        check(a2b_base64(signature), text)
    except LedgerError as error:
        raise UnusualError from error


def opening(raw: bytes) -> Opening:
    """Read the header of a submission's first entry.

    Raises:
        UnusualError: It is none that is in its form beyond doubt.
    """
    found = _OPENING.fullmatch(raw.decode("latin-1"))
    if found is None:
        raise UnusualError
    header = Opening._make(found.groups())
    if int(header.records) > MAX_SUBMISSION:
        raise UnusualError
    # 64 zeros stand for nothing, and for nothing else.
    if (header.seen_size == "0") != (header.seen_leaf == ZEROS):
        raise UnusualError
    if (header.number == "0") != (header.previous == ZEROS):
        raise UnusualError
    return header


def _text(genesis: str, header: Opening) -> bytes:
    """Write the signed text of a submission whose fields were just found in their forms."""
    return (
        f"writ/submission/v1\n{genesis}\n{header.key}\n{header.stream}\n{header.number}\n"
        f"{header.previous}\n{header.seen_size} {header.seen_leaf}\n{header.exact}\n"
        f"{header.records}\n{header.root}\n"
    ).encode("ascii")
