"""One span of a ledger, read by itself: what can be said of its entries without those before.

It is the quick way of reading: it accepts nothing but the ordinary, and does not say what is wrong
with the rest. Who gets no answer reads exactly, with `verifier.integrity`. What a span alone
cannot know (the link to the entry before, the stream's last number, a record of another span that
is named) is handed on, for `verifier.ordinary` to compare.
Source: docs/spec/ledger-format.md, *Verification*; docs/adr/0014.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast

from ledger import merkle
from ledger.encoding import MAX_HEADER, MAX_INTEGER, SEALED_MARK, decode, digest, from_base64
from ledger.entry import MAX_SUBMISSION, ZEROS
from ledger.errors import LedgerError
from ledger.keys import verify_signature
from ledger.submission import Submission
from verifier.forms import TIME, well_formed

Row = Sequence[object]
Rows = Sequence[Row]
Pending = tuple[bytes, int, int, bytes, bytes]
_Handler = Callable[[dict[str, Any], str, int], None]

RUN, ACTION, OBSERVATION, CLOSED = range(1, 5)
# Tables are kept in parts, by the first bits of a digest, so that each can be held in memory.
PARTS = 64
_SHIFT = 2
_NOTHING = bytes(merkle.HASH_SIZE)
# Any of these a span holds is looked at again, by the exact code.
_GOVERNANCE = frozenset({"genesis", "authority", "contract", "activation"})

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
    spoke: dict[tuple[str, str, str, bool], Spoke] = field(
        default_factory=dict[tuple[str, str, str, bool], Spoke]
    )
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
        self._actions: dict[str, tuple[str, int]] = {}
        self._others: dict[str, int] = {}
        self._closes = False
        self._handlers: Mapping[str, _Handler] = {
            "run": self._run,
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
        if len(rows) - at < count or int(found["index"]) != first:
            raise UnusualError
        self._follows(found)
        self._closes = False
        digests = [self._opened(rows[at], found)]
        start = f'{{"count":{count},"index":'
        middle = f',"key":"{found["key"]}","number":{found["number"]},"position":'
        end = f'","recorded_at":"{found["at"]}","stream":"{found["stream"]}","v":1}}'
        key = found["key"]
        for position in range(1, count):
            index, header, raw = rows[at + position]
            record, hashed = self._record(index, raw)
            expected = (
                f'{start}{self._at}{middle}{position},"prev":"{self._prev}","record":"{hashed}{end}'
            ).encode()
            if header != expected:
                raise UnusualError
            self._linked(expected)
            self._said(record, hashed, key, cast("bytes", raw), expected)
            digests.append(hashed)
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

    def _opened(self, row: Row, found: Mapping[str, str]) -> str:
        index, header, raw = row
        record, hashed = self._record(index, raw)
        if hashed != found["record"]:
            raise UnusualError
        self._linked(cast("bytes", header))
        self._said(record, hashed, found["key"], cast("bytes", raw), cast("bytes", header))
        return hashed

    def _record(self, index: object, raw: object) -> tuple[dict[str, Any], str]:
        """Read a record: its bytes are strict, its form is that of its kind."""
        if index != self._at or type(raw) is not bytes or SEALED_MARK in raw:
            raise UnusualError
        try:
            value = decode(raw)
        except LedgerError as error:
            raise UnusualError from error
        if type(value) is not dict or not well_formed(cast("dict[str, Any]", value), raw):
            raise UnusualError
        return cast("dict[str, Any]", value), sha256(raw).hexdigest()

    def _linked(self, header: bytes) -> None:
        leaf = sha256(b"\x00" + header).digest()
        self._leaves.append(leaf)
        self._prev = leaf.hex()
        self._at += 1

    def _sign(self, first: int, found: Mapping[str, str], digests: Sequence[str]) -> None:
        """Step 5, as far as the submission alone says it."""
        nodes = [sha256(b"\x00" + bytes.fromhex(one)).digest() for one in digests]
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

    def _said(
        self, value: dict[str, Any], hashed: str, key: str, raw: bytes, header: bytes
    ) -> None:
        """Note who spoke, and follow what the record names. Its own entry was just counted."""
        kind: str = value["kind"]
        index = self._at - 1
        told = (key, value["by"], kind, "import" in value)
        before = self.span.spoke.get(told)
        if before is None:
            at = self.span.latest
            self.span.spoke[told] = Spoke(raw, index, at, index, at)
        else:
            before.last, before.until = index, self.span.latest
        handle = self._handlers.get(kind)
        if handle is not None:
            handle(value, hashed, index)
        elif kind in _GOVERNANCE:
            self.span.governance.append((index, header, raw))
        elif kind == "stream-close":
            self._closes = True
        elif kind == "erasure":
            # It may name a record of any kind, and so one that is not remembered here.
            raise UnusualError

    def _run(self, value: dict[str, Any], hashed: str, index: int) -> None:
        if value["phase"] == "closed":
            self._names(RUN, value["run"], index)
            self._add(value["run"], CLOSED, index, _NOTHING)
            return
        # What a source says of its clock is followed through all its records.
        if "import" in value and value["import"]["clock"] == "claimed":
            raise UnusualError
        if "parent" in value:
            self._names(RUN, value["parent"], index)
        self._add(hashed, RUN, index, _NOTHING)
        self._others[hashed] = RUN

    def _message(self, value: dict[str, Any], _hashed: str, index: int) -> None:
        self._names(RUN, value["run"], index)

    def _action(self, value: dict[str, Any], hashed: str, index: int) -> None:
        run = value["run"]
        self._names(RUN, run, index)
        for name in ("resumes", "compensates"):
            if name in value:
                self._names_action(value[name], index)
        for one in value.get("evidence", ()):
            self._names(OBSERVATION, one, index)
        self._add(hashed, ACTION, index, bytes.fromhex(run))
        self._actions[hashed] = (run, index)

    def _observation(self, value: dict[str, Any], hashed: str, index: int) -> None:
        run = value.get("run", "")
        if run:
            self._names(RUN, run, index)
        if "action" in value:
            self._names_action(value["action"], index, run)
        self._add(hashed, OBSERVATION, index, _NOTHING)
        self._others[hashed] = OBSERVATION

    def _approval(self, value: dict[str, Any], _hashed: str, index: int) -> None:
        self._names_action(value["action"], index)

    def _outcome(self, value: dict[str, Any], _hashed: str, index: int) -> None:
        self._names(RUN, value["run"], index)
        self._names_action(value["action"], index, value["run"], value.get("leaf", ""))

    def _names(self, kind: int, named: str, index: int) -> None:
        found = self._others.get(named)
        if found is None:
            self.span.pending.append((bytes.fromhex(named), kind, index, _NOTHING, _NOTHING))
        elif found != kind:
            raise UnusualError

    def _names_action(self, named: str, index: int, run: str = "", leaf: str = "") -> None:
        found = self._actions.get(named)
        if found is None:
            asked = (bytes.fromhex(run) or _NOTHING, bytes.fromhex(leaf) or _NOTHING)
            self.span.pending.append((bytes.fromhex(named), ACTION, index, *asked))
            return
        if run and found[0] != run:
            raise UnusualError
        if leaf and self._leaves[found[1] - self.span.start].hex() != leaf:
            raise UnusualError

    def _add(self, named: str, kind: int, index: int, run: bytes) -> None:
        raw = bytes.fromhex(named)
        entry = b"%b%c%b%b" % (raw, kind, index.to_bytes(8, "big"), run)
        self._known[raw[0] >> _SHIFT].append(entry)


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
