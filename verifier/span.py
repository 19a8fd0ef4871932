"""One span of a ledger, read by itself: what can be said of its entries without those before.

It is the quick way of reading: it accepts nothing but the ordinary, and does not say what is wrong
with the rest. Who gets no answer reads exactly, with `verifier.integrity`. What a span alone
cannot know (the link to the entry before, the stream's last number, a record of another span that
is named) is handed on, for `verifier.ordinary` to compare.
Source: docs/spec/ledger-format.md, *Verification*; docs/adr/0014.
"""

import re
from binascii import unhexlify
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import cast

from ledger import merkle
from ledger.encoding import (
    MAX_HEADER,
    MAX_INTEGER,
    MAX_RECORD,
    digest,
    from_base64,
)
from ledger.entry import MAX_SUBMISSION, ZEROS
from ledger.errors import LedgerError
from ledger.keys import verify_signature
from ledger.submission import Submission
from verifier.forms import TIME, Named, said

Row = Sequence[object]
Rows = Sequence[Row]
Pending = tuple[bytes, int, int, bytes, bytes]
# Key, identity, kind, and whether what it wrote is imported.
Told = tuple[str, bytes | None, str, bool]
_Handler = Callable[[Named, bytes, int], None]

RUN, ACTION, OBSERVATION, CLOSED = range(1, 5)
# Tables are kept in parts, by the first bits of a digest, so that each can be held in memory.
PARTS = 64
_SHIFT = 2
_NOTHING = bytes(merkle.HASH_SIZE)
_RUN, _ACTION, _OBSERVATION, _CLOSED = (bytes([kind]) for kind in range(RUN, CLOSED + 1))
_CLAIMED = b'"clock":"claimed"'
# What a span holds of governance is looked at again, by the exact code.
_RARE = frozenset({"genesis", "authority", "contract", "activation", "erasure", "stream-close"})

# Strict JSON leaves one way to write an opening header, so that an expression says all of it.
_OPENING = re.compile(
    r'\{"count":(?P<count>[1-9][0-9]{0,3}),"exact":(?P<exact>true|false),'
    r'"index":(?P<index>0|[1-9][0-9]{0,15}),"key":"(?P<key>[0-9a-f]{64})",'
    r'"number":(?P<number>0|[1-9][0-9]{0,15}),"position":0,"prev":"(?P<prev>[0-9a-f]{64})",'
    r'"previous":"(?P<previous>[0-9a-f]{64})","record":"(?P<record>[0-9a-f]{64})",'
    rf'"recorded_at":"(?P<at>{TIME})","root":"(?P<root>[0-9a-f]{{64}})",'
    r'"seen":\{"leaf":"(?P<leaf>[0-9a-f]{64})","size":(?P<size>0|[1-9][0-9]{0,15})\},'
    r'"signature":"(?P<signature>[A-Za-z0-9+/]{85}[AQgw]==)","stream":"(?P<stream>[0-9a-f]{32})",'
    r'"v":1\}'
)


class UnusualError(Exception):
    """This is not what a sound ledger ordinarily holds: only the exact reading can judge it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A submission whose records and headers are what was signed for.

    Attributes:
        first: Index of its first entry.
        submission: The signed text's fields.
        text: Digest of the signed text.
        closed: Whether it closes its stream.
        unchecked: Text and signature, where the key was not known here: still to be checked.
    """

    first: int
    submission: Submission
    text: str
    closed: bool
    unchecked: tuple[bytes, str] | None = None


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
    """Reads the entries of a span.

    Args:
        genesis: Digest of the genesis record.
        keys: Public keys by fingerprint, as far as they are known.
        start: Index of the first entry that is handed in.
    """

    def __init__(self, genesis: str, keys: Mapping[str, bytes], start: int) -> None:
        self._genesis = genesis
        self._keys = keys
        self._at = start
        self._prev = ""
        self._leaves: list[bytes] = []
        self._known: list[list[bytes]] = [[] for _ in range(PARTS)]
        self._actions: dict[bytes, tuple[bytes, int]] = {}
        self._others: dict[bytes, int] = {}
        self._closes = False
        self._handlers: Mapping[str, _Handler] = {
            "opened": self._opened_run,
            "closed": self._closed_run,
            "message": self._message,
            "action": self._action,
            "observation": self._observation,
            "approval": self._approval,
            "outcome": self._outcome,
        }
        self.span = Span(start, start)

    def read(self, rows: Rows) -> None:
        """Take whole submissions: header and record of each entry, in order.

        Raises:
            UnusualError: Something is not as it ordinarily is.
        """
        at = 0
        while at < len(rows):
            at += self._submission(rows, at)

    def finish(self) -> Span:
        """Return what was found."""
        self.span.stop = self._at
        self.span.leaves = b"".join(self._leaves)
        self.span.known = {part: b"".join(found) for part, found in enumerate(self._known) if found}
        return self.span

    def _submission(self, rows: Rows, at: int) -> int:
        first = self._at
        found = opening(rows[at][1])
        count = int(found["count"])
        indexes = range(first, first + count)
        columns = list(zip(*rows[at : at + count], strict=True))
        if int(found["index"]) != first or list(columns[0]) != list(indexes):
            raise UnusualError
        headers, raws = _bytes(columns[1]), _bytes(columns[2], MAX_RECORD)
        self._follows(found)
        digests = [sha256(raw).digest() for raw in raws]
        leaves = [sha256(b"\x00" + header).digest() for header in headers]
        _compare(headers, found, digests, leaves)
        self._at += count
        self._leaves += leaves
        self._prev = leaves[-1].hex()
        self._closes = False
        self._follow(found["key"], zip(indexes, headers, raws, digests, strict=True))
        self._sign(first, found, digests)
        return count

    def _follows(self, found: Mapping[str, str]) -> None:
        """Compare an opening header with the entry before, or note what that has to be."""
        if self._leaves:
            if found["prev"] != self._prev or found["at"] < self.span.latest:
                raise UnusualError
        else:
            self.span.prev, self.span.earliest = found["prev"], found["at"]
        self.span.latest = found["at"]

    def _sign(self, first: int, found: Mapping[str, str], digests: Sequence[bytes]) -> None:
        """Step 5, as far as the submission alone says it."""
        nodes = [sha256(b"\x00" + one).digest() for one in digests]
        root = nodes[0] if len(nodes) == 1 else merkle.root(nodes)
        if root.hex() != found["root"]:
            raise UnusualError
        text = _text(self._genesis, found)
        unchecked = self._unchecked(found["key"], text, found["signature"])
        submission = Submission(
            genesis=self._genesis,
            key=found["key"],
            stream=found["stream"],
            number=int(found["number"]),
            previous=found["previous"],
            seen_size=int(found["size"]),
            seen_leaf=found["leaf"],
            exact=found["exact"] == "true",
            count=len(digests),
            root=found["root"],
        )
        self.span.signed.append(Signed(first, submission, digest(text), self._closes, unchecked))

    def _unchecked(self, key: str, text: bytes, signature: str) -> tuple[bytes, str] | None:
        public = self._keys.get(key)
        if public is None:
            return text, signature
        check_signed(public, text, signature)
        return None

    # ------------------------------------------------------------ what a record says

    def _follow(self, key: str, entries: Iterable[tuple[int, bytes, bytes, bytes]]) -> None:
        """Read records, note who spoke, and follow what they name. Of all loops the hottest."""
        spoke, at, handlers = self.span.spoke, self.span.latest, self._handlers
        for index, header, raw, hashed in entries:
            try:
                kind, named = said(raw)
            except LedgerError as error:
                raise UnusualError from error
            told = (key, named[0], kind, kind == "opened" and named[2] is not None)
            before = spoke.get(told)
            if before is None:
                spoke[told] = Spoke(raw, index, at, index, at)
            else:
                before.last, before.until = index, at
            handle = handlers.get(kind)
            if handle is not None:
                handle(named, hashed, index)
            elif kind in _RARE:
                self._rare(kind, index, header, raw)

    def _rare(self, kind: str, index: int, header: bytes, raw: bytes) -> None:
        if kind == "stream-close":
            self._closes = True
        elif kind == "erasure":
            # It may name a record of any kind, and so one that is not remembered here.
            raise UnusualError
        else:
            self.span.governance.append((index, header, raw))

    def _opened_run(self, named: Named, hashed: bytes, index: int) -> None:
        _, parent, imported = named
        # What a source says of its clock is followed through all its records.
        if imported is not None and _CLAIMED in imported:
            raise UnusualError
        if parent is not None:
            self._names(RUN, unhexlify(parent), index)
        self._add(hashed, _RUN, index)
        self._others[hashed] = RUN

    def _closed_run(self, named: Named, _hashed: bytes, index: int) -> None:
        run = self._run(named, index)
        self._add(run, _CLOSED, index)

    def _run(self, named: Named, index: int) -> bytes:
        """Follow what a record names as its run, its first field after who speaks."""
        run = unhexlify(cast("bytes", named[1]))
        if self._others.get(run) != RUN:
            self._names(RUN, run, index)
        return run

    def _message(self, named: Named, _hashed: bytes, index: int) -> None:
        self._run(named, index)

    def _action(self, named: Named, hashed: bytes, index: int) -> None:
        run = self._run(named, index)
        _, _, resumes, compensates, evidence = named
        if resumes is not None:
            self._names_action(unhexlify(resumes), index)
        if compensates is not None:
            self._names_action(unhexlify(compensates), index)
        # Strict JSON, of texts alone: between them stand quotes and commas.
        for one in evidence[2:-2].split(b'","') if evidence is not None else ():
            if one:
                self._names(OBSERVATION, unhexlify(one), index)
        self._add(hashed, _ACTION, index, run)
        self._actions[hashed] = (run, index)

    def _observation(self, named: Named, hashed: bytes, index: int) -> None:
        action = named[2]
        run = _NOTHING if named[1] is None else self._run(named, index)
        if action is not None:
            self._names_action(unhexlify(action), index, run)
        self._add(hashed, _OBSERVATION, index)
        self._others[hashed] = OBSERVATION

    def _approval(self, named: Named, _hashed: bytes, index: int) -> None:
        self._names_action(unhexlify(cast("bytes", named[1])), index)

    def _outcome(self, named: Named, _hashed: bytes, index: int) -> None:
        run = self._run(named, index)
        _, _, action, leaf = named
        after = _NOTHING if leaf is None else unhexlify(leaf)
        self._names_action(unhexlify(cast("bytes", action)), index, run, after)

    def _names(self, kind: int, named: bytes, index: int) -> None:
        found = self._others.get(named)
        if found is None:
            self.span.pending.append((named, kind, index, _NOTHING, _NOTHING))
        elif found != kind:
            raise UnusualError

    def _names_action(
        self, named: bytes, index: int, run: bytes = _NOTHING, leaf: bytes = _NOTHING
    ) -> None:
        found = self._actions.get(named)
        if found is None:
            self.span.pending.append((named, ACTION, index, run, leaf))
            return
        if run not in {_NOTHING, found[0]}:
            raise UnusualError
        if leaf not in {_NOTHING, self._leaves[found[1] - self.span.start]}:
            raise UnusualError

    def _add(self, named: bytes, kind: bytes, index: int, run: bytes = _NOTHING) -> None:
        self._known[named[0] >> _SHIFT].append(named + kind + index.to_bytes(8, "big") + run)


def _bytes(values: Sequence[object], limit: int = MAX_HEADER) -> Sequence[bytes]:
    """Return what is all bytes, and not too long."""
    if set(map(type, values)) != {bytes}:
        raise UnusualError
    raws = cast("Sequence[bytes]", values)
    if max(map(len, raws)) > limit:
        raise UnusualError
    return raws


def _compare(
    headers: Sequence[bytes],
    found: Mapping[str, str],
    digests: Sequence[bytes],
    leaves: Sequence[bytes],
) -> None:
    """Compare a submission's headers with those that its first, and the records, ask for."""
    if digests[0].hex() != found["record"]:
        raise UnusualError
    if len(headers) == 1:
        return
    first = int(found["index"])
    start = f'{{"count":{found["count"]},"index":'
    middle = f',"key":"{found["key"]}","number":{found["number"]},"position":'
    end = f'","recorded_at":"{found["at"]}","stream":"{found["stream"]}","v":1}}'
    expected = [
        f'{start}{first + at}{middle}{at},"prev":"{prev.hex()}","record":"{hashed.hex()}{end}'
        for at, (prev, hashed) in enumerate(zip(leaves, digests[1:], strict=False), 1)
    ]
    if [header.decode("latin-1") for header in headers[1:]] != expected:
        raise UnusualError


def check_signed(public: bytes, text: bytes, signature: str) -> None:
    """Check a submission's signature.

    Raises:
        UnusualError: The key did not sign this text.
    """
    try:
        verify_signature(public, text, from_base64(signature))
    except LedgerError as error:
        raise UnusualError from error


def opening(raw: object) -> Mapping[str, str]:
    """Read the header of a submission's first entry.

    Raises:
        UnusualError: It is none that is in its form beyond doubt.
    """
    if type(raw) is not bytes or len(raw) > MAX_HEADER or not raw.isascii():
        raise UnusualError
    found = _OPENING.fullmatch(raw.decode("ascii"))
    if found is None or int(found["count"]) > MAX_SUBMISSION:
        raise UnusualError
    size, number = int(found["size"]), int(found["number"])
    if max(size, number, int(found["index"])) > MAX_INTEGER:
        raise UnusualError
    # 64 zeros stand for nothing, and for nothing else.
    if (size == 0) != (found["leaf"] == ZEROS) or (number == 0) != (found["previous"] == ZEROS):
        raise UnusualError
    return found.groupdict()


def _text(genesis: str, found: Mapping[str, str]) -> bytes:
    """Write the signed text of a submission whose fields were just found in their forms."""
    return (
        f"writ/submission/v1\n{genesis}\n{found['key']}\n{found['stream']}\n{found['number']}\n"
        f"{found['previous']}\n{found['size']} {found['leaf']}\n{found['exact']}\n"
        f"{found['count']}\n{found['root']}\n"
    ).encode("ascii")
