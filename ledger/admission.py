"""Taking submissions in: every check that a verifier will make, made before anything is written.

All of it happens while the store's lock is held, so that what was checked is what is written after.
Source: docs/spec/ledger-format.md, *Submission*, *Authority*.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from ledger.authority import AuthorityHistory, Standing, asked_of
from ledger.clock import Clock, format_time, parse_time
from ledger.encoded import EncodedRecord
from ledger.encoding import digest, to_base64
from ledger.entry import HeaderForm, parse_header
from ledger.errors import (
    AuthorityError,
    ClockError,
    ForeignHeadError,
    InvalidSignatureError,
    LedgerError,
    NotEntitledError,
    NumberingError,
    RefusedError,
    StaleHeadError,
)
from ledger.keys import fingerprint, verify_signature
from ledger.merkle import Frontier, leaf_hash
from ledger.records import AnyRecord, Authority, Genesis, StreamClose, parse_record
from ledger.rows import Added, Head, StreamState
from ledger.source import Source
from ledger.stewards import AUTHORITY_MARK, authority_by_stewards
from ledger.store import Store
from ledger.submission import Submission, parse_signed_text, submission_root
from ledger.vault import Values, Vault
from ledger.writing import Writer

# By how much the ledger's clock may go back and still be clamped: a correction, not another day.
MAX_CLAMP = timedelta(seconds=1)

# From how many new entries on it is worth asking where stewards wrote, instead of searching them.
_SEARCHED = 1_024

# The models of a submission's records. An encoded record's is one of the kinds, never a subclass;
# to ask each record whether it is an instance of one takes longer than all other checks together.
Kinds = frozenset[type[AnyRecord]]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record was taken in.

    Attributes:
        index: Index of its entry.
        leaf: Leaf hash of its entry, hex.
        record: Digest of the record: the name by which other records refer to it.
    """

    index: int
    leaf: str
    record: str


@dataclass(frozen=True, slots=True)
class SignedSubmission:
    """What a writer hands in: signed text, signature, and the records in order.

    Records are bytes, which the gate parses; or, from a writer in the same process, what only
    `ledger.encoded` makes. `values` are those of the records' sealed fields.
    """

    text: bytes
    signature: bytes
    records: tuple[bytes | EncodedRecord, ...]
    values: Values | None = None


class Admission:
    """The ledger's gate. One for each process; several processes may share the store.

    It remembers who is entitled, and reads on from where it was when others have written.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._authority: AuthorityHistory | None = None
        self._folded = 0
        self._leaf = ""
        self._genesis = ""

    @contextmanager
    def open(self) -> Generator["Turn"]:
        """Hold the ledger's lock. What is admitted in the block is committed at its end.

        Raises:
            StoreError: The store failed. At the end of the block it is then not known whether it
                committed.
        """
        with self._store.writing() as writer:
            head, frontier = writer.head()
            self._catch_up(head, writer)
            turn = Turn(writer, self._clock, self._genesis, self._authority, head, frontier)
            yield turn
        # Only now is it true: a transaction that failed has changed nobody's rights.
        self._genesis, self._authority = turn.genesis, turn.authority
        self._folded, self._leaf = turn.head.size, turn.head.leaf

    def _catch_up(self, head: Head, writer: Writer) -> None:
        if (self._folded, self._leaf) == (head.size, head.leaf):
            return
        if not self._continued(head):
            # Another store was put in this one's place: what was folded is not its authority.
            self._authority, self._folded, self._genesis = None, 0, ""
        if self._folded < head.size:
            known = None if self._authority is None else (self._authority, self._folded)
            quickly = head.size - self._folded > _SEARCHED
            found = authority_by_stewards(writer, head.size, known) if quickly else None
            self._authority = found or read_authority(self._store, known)
            self._genesis = self._genesis or digest(self._store.row(0).record or b"")
        self._folded, self._leaf = head.size, head.leaf

    def _continued(self, head: Head) -> bool:
        """Tell whether the store still begins with all that was folded."""
        if not 0 < self._folded < head.size:
            return self._folded == 0
        return leaf_hash(self._store.row(self._folded - 1).header).hex() == self._leaf


def read_authority(
    store: Source, known: tuple[AuthorityHistory, int] | None = None
) -> AuthorityHistory:
    """Fold the authority records of a store, checking their root signatures and nothing else.

    Args:
        store: The ledger; what its entries say is not checked here.
        known: What was folded before, and the index from which to go on.

    Raises:
        RefusedError: Entry 0 is not a genesis record.
        LedgerError: The store cannot be read, or an authority document is refused.
    """
    if known is None:
        genesis = parse_record(store.row(0).record or b"")
        if not isinstance(genesis, Genesis):
            raise RefusedError("entry 0 is not a genesis record: this is not a ledger")
        known = AuthorityHistory.of(genesis), 0
    authority, start = known
    for index, raw in store.records_containing(AUTHORITY_MARK, start):
        record = parse_record(raw)
        if isinstance(record, Authority):
            authority = authority.fold(index, record)
    return authority


class Turn:
    """The gate while it is held: one or more submissions, admitted one after the other."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        genesis: str,
        authority: AuthorityHistory | None,
        head: Head,
        frontier: Frontier,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._frontier = frontier
        self.genesis = genesis
        self.authority = authority
        self.head = head
        self._time = ""

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return self._frontier.root()

    def refuse_head_key(self, public_key: bytes) -> None:
        """Refuse to have the head as it is now signed by a key that may not.

        Raises:
            AuthorityError: The authority names others (`authority.head-key`).
        """
        if self.authority is None or public_key in self.authority.head_keys(self.head.size):
            return
        raise AuthorityError(
            f"the key {fingerprint(public_key)} may not sign the head of {self.head.size} entries: "
            "hand its memory over to the key that the authority names: `writ keys apply` with "
            "--head-key",
            code="authority.head-key",
        )

    def admitted(self, submission: Submission, text: bytes) -> list[Receipt] | None:
        """Return the receipts of a submission that the ledger has already, else None.

        Raises:
            NumberingError: The ledger has another text under its number.
        """
        state = self._writer.submission(submission.key, submission.stream, submission.number)
        if state is None:
            return None
        if state.text != digest(text):
            raise NumberingError(
                f"number {submission.number} of this stream was used for another text",
                code="append.number-reused",
                index=state.idx,
            )
        return [self._receipt(idx) for idx in range(state.idx, state.idx + state.count)]

    def _receipt(self, idx: int) -> Receipt:
        raw = self._writer.header(idx)
        return Receipt(idx, leaf_hash(raw).hex(), parse_header(raw).record)

    def admit(self, handed_in: SignedSubmission) -> list[Receipt]:
        """Check a submission and write it; one that the ledger has is answered with its receipts.

        Raises:
            RefusedError: A check failed (see its subclasses). Nothing was written.
            LedgerError: The text or a record is malformed, or an authority document is refused.
        """
        submission = parse_signed_text(handed_in.text)
        last = self._writer.submission(submission.key, submission.stream)
        is_new = last is None or submission.number > last.number
        known = None if is_new else self.admitted(submission, handed_in.text)
        if known is not None:
            return known
        given = [
            one if type(one) is EncodedRecord else EncodedRecord.read(cast("bytes", one))
            for one in handed_in.records
        ]
        if (submission.count, submission.root) != (
            len(given),
            submission_root([one.digest for one in given]),
        ):
            raise RefusedError("the signed text is not of these records: count or root differ")
        records = [one.record for one in given]
        kinds: Kinds = frozenset(map(type, records))
        authority, genesis = self._founded(records[0], given[0].digest)
        if submission.genesis != genesis:
            raise ForeignHeadError("the submission is for a ledger with another genesis")
        self._check_number(submission, last)
        self._check_places(records, kinds)
        self._check_seen(submission)
        now = self.now()
        if Authority in kinds or self.head.size <= 1:
            authority = _folded(authority, records, self.head.size)
        self._check_entitled(authority, submission, _questions(records, self.head.size, kinds), now)
        _check_signature(authority, submission, handed_in)
        vault = Vault(self._writer, handed_in.values)
        vault.check(given, self.head.size, authority.owner_at)
        receipts = self._write(submission, handed_in, given, now)
        vault.settle()
        self.authority, self.genesis = authority, genesis
        return receipts

    def _founded(self, first: AnyRecord, first_digest: str) -> tuple[AuthorityHistory, str]:
        """Return the authority and genesis digest of the ledger, or of the one that begins here."""
        if self.authority is not None:
            return self.authority, self.genesis
        if not isinstance(first, Genesis):
            raise RefusedError("the first record of a ledger is its genesis")
        return AuthorityHistory.of(first), first_digest

    def _check_number(self, submission: Submission, last: StreamState | None) -> None:
        if last is not None and last.closed:
            raise NumberingError("the stream was closed; begin a new one")
        number, previous = (last.number + 1, last.text) if last else (0, submission.previous)
        if (submission.number, submission.previous) != (number, previous):
            raise NumberingError(
                f"number {submission.number} does not follow this stream, whose next is {number}"
            )

    def _check_places(self, records: Sequence[AnyRecord], kinds: Kinds) -> None:
        """Refuse what may stand only first in a ledger, or last in a submission, elsewhere."""
        if StreamClose in kinds and any(type(record) is StreamClose for record in records[:-1]):
            raise NumberingError("a stream's closing is the last record of its last submission")
        later = records if self.head.size else records[1:]
        if Genesis in kinds and any(type(record) is Genesis for record in later):
            raise RefusedError("genesis is the first record of a ledger, and no other")

    def _check_seen(self, submission: Submission) -> None:
        size = submission.seen_size
        if submission.exact and size != self.head.size:
            raise StaleHeadError(
                f"made on {size} entries, and the ledger has {self.head.size}: decide again"
            )
        if size > self.head.size:
            raise ForeignHeadError(
                f"the writer has seen {size} entries, and the ledger has {self.head.size}: "
                "entries are lost, or this is another copy"
            )
        if size and submission.seen_leaf != self._leaf(size):
            raise ForeignHeadError(
                f"entry {size - 1} is not the one that the writer has seen", index=size - 1
            )

    def _leaf(self, size: int) -> str:
        if size == self.head.size:
            return self.head.leaf
        return leaf_hash(self._writer.header(size - 1)).hex()

    def _check_entitled(
        self,
        authority: AuthorityHistory,
        submission: Submission,
        questions: Iterator[tuple[int, AnyRecord]],
        now: str,
    ) -> None:
        for index, record in questions:
            found = authority.entitled(index, submission.key, record, now)
            if found.standing is not Standing.ENTITLED:
                raise NotEntitledError(f"{found.why} ({found.code})", index=index)
        if len(authority.documents) == 0:
            raise AuthorityError("genesis comes together with authority document 1", index=1)

    def now(self) -> str:
        """Return the time at which everything of this turn is recorded: it is asked for once.

        What is decided in a turn has to be decided at the very time that a verifier reads.

        Raises:
            ClockError: The clock went back too far.
        """
        if not self._time:
            now, last = format_time(self._clock()), self.head.recorded_at
            if now < last and parse_time(last) - parse_time(now) > MAX_CLAMP:
                raise ClockError(
                    f"the clock says {now}, and the last entry is of {last}: "
                    "set the clock right, then append"
                )
            self._time = max(now, last)
        return self._time

    def _write(
        self,
        submission: Submission,
        handed_in: SignedSubmission,
        given: Sequence[EncodedRecord],
        now: str,
    ) -> list[Receipt]:
        prev, first = self.head.leaf, self.head.size
        form = HeaderForm(
            submission.key, submission.stream, submission.number, submission.count, now
        )
        opening = _opening(submission, handed_in.signature)
        headers: list[bytes] = []
        leaves: list[bytes] = []
        receipts: list[Receipt] = []
        raw = form.opening(first, prev, given[0].digest, opening)
        for position, one in enumerate(given):
            if position:
                raw = form.following(first + position, position, prev, one.digest)
            leaf = leaf_hash(raw)
            prev = leaf.hex()
            headers.append(raw)
            leaves.append(leaf)
            receipts.append(Receipt(first + position, prev, one.digest))
        frontier = self._frontier.copy()
        frontier.extend(leaves)
        head = Head(frontier.size, prev, now)
        state = StreamState(
            submission.key,
            submission.stream,
            submission.number,
            first,
            len(given),
            digest(handed_in.text),
            closed=isinstance(given[-1].record, StreamClose),
        )
        bodies = [one.raw for one in given]
        self._writer.add(Added(first, headers, bodies), head, frontier, state)
        self._frontier, self.head = frontier, head
        return receipts


def _folded(
    authority: AuthorityHistory, records: Sequence[AnyRecord], first: int
) -> AuthorityHistory:
    """Fold in what the records bring of authority."""
    for index, record in enumerate(records, start=first):
        if isinstance(record, Authority):
            authority = authority.fold(index, record)
        elif index == 1:
            raise AuthorityError("the second record of a ledger is its first authority", index=1)
    return authority


def _questions(
    records: Sequence[AnyRecord], first: int, kinds: Kinds
) -> Iterator[tuple[int, AnyRecord]]:
    """Yield the records to ask the authority about: of those with one answer the first alone."""
    if Authority in kinds:
        yield from enumerate(records, start=first)
        return
    asked: set[tuple[object, ...]] = set()
    for index, record in enumerate(records, start=first):
        question = asked_of(record)
        if question not in asked:
            asked.add(question)
            yield index, record
    # A key that is compromised from some entry on is so at the last one.
    yield first + len(records) - 1, records[-1]


def _opening(submission: Submission, signature: bytes) -> Mapping[str, object]:
    """Return what the header at position 0 carries of its submission."""
    return {
        "previous": submission.previous,
        "seen": {"size": submission.seen_size, "leaf": submission.seen_leaf},
        "exact": submission.exact,
        "root": submission.root,
        "signature": to_base64(signature),
    }


def _check_signature(
    authority: AuthorityHistory, submission: Submission, handed_in: SignedSubmission
) -> None:
    public_key = authority.public_key(submission.key)
    try:
        verify_signature(public_key or b"", handed_in.text, handed_in.signature)
    except InvalidSignatureError as error:
        raise NotEntitledError(
            "the submission's signature does not hold", code="append.signature"
        ) from error
    except LedgerError as error:  # pragma: no cover  (the document's keys were checked)
        raise NotEntitledError(str(error)) from error
