"""Writing to a ledger: what an agent's code, an importer or a person's command calls.

A client signs for one identity and writes one stream. Records are durable when a call returns: an
action's record before the action is done, its outcome after, in a later submission.
Source: docs/spec/ledger-format.md, *Submission*.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError

from ledger.admission import Admission, Receipt, SignedSubmission, Turn
from ledger.checkpoint import parse_checkpoint, parse_note
from ledger.clock import Clock, system_clock
from ledger.encoded import EncodedRecord
from ledger.encoding import digest
from ledger.entry import MAX_SUBMISSION, ZEROS, parse_header
from ledger.errors import (
    InconsistentHeadError,
    LedgerError,
    ReceiptError,
    RecordError,
    RefusedError,
)
from ledger.head_signer import HeadSigner, ReadHead, ReadLeaves
from ledger.keys import fingerprint
from ledger.receipts import keep_receipts
from ledger.records import AnyRecord, Erasure, Part, StreamClose
from ledger.rows import Head
from ledger.runs import RunHandle, run_on
from ledger.scrubbing import scrub
from ledger.sealing import Sealing
from ledger.signing import Signer
from ledger.store import Store
from ledger.submission import Submission, parse_signed_text, signed_text, submission_root
from ledger.witnessing import WitnessLink, ask_at_start

_LOG = logging.getLogger("writ.ledger")
# A batch is handed in before it holds more than this many bytes.
_MAX_BATCH_BYTES = 8 * 1_048_576

R = TypeVar("R", bound=Part)
T = TypeVar("T")

Prepare = Callable[[Head, str], Sequence[AnyRecord | EncodedRecord]]


class LedgerClient:
    """One writer. Safe to share between threads, one a process. `key` is its fingerprint.

    Args:
        store: Opened with `writable=True`. The client does not close it.
        signer: The key of the identity.
        by: The identity that speaks, a SPIFFE URI.
        clock: The ledger's clock.
        random: Gives that many unguessable bytes.
        head_signer: Signs the ledger's head after commits. Without one, somebody else must.
        checkpoint_every: Sign a head once at least so many entries are new. 0: only on
            `checkpoint` and `close`.
        sealing: Seals values given as `ledger.sealed.Sealed`. Without it they are refused.
        receipts: File to keep all receipts in (`ledger.receipts`). What cannot be kept at once is
            tried again with the next, and `close` raises.

    Raises:
        InconsistentHeadError: The store does not continue the last head that was signed.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a writer is given or not
        self,
        store: Store,
        signer: Signer,
        by: str,
        *,
        clock: Clock = system_clock,
        random: Callable[[int], bytes] = secrets.token_bytes,
        head_signer: HeadSigner | None = None,
        checkpoint_every: int = 1,
        sealing: Sealing | None = None,
        witnesses: Sequence[WitnessLink] = (),
        receipts: Path | None = None,
    ) -> None:
        self.by = by
        self._store = store
        self._signer = signer
        self.key = fingerprint(signer.public_key)
        self._random = random
        self._head_signer = head_signer
        self._checkpoint_every = checkpoint_every
        self._sealing = sealing
        self._receipts = receipts
        self._unkept: list[Receipt] = []
        self._admission = Admission(store, clock)
        self._lock = threading.RLock()
        self._deciding = False
        # A new stream: nobody else has written to it, and what this process forgets cannot break
        # it.
        self._stream = random(16).hex()
        self._number, self._previous = 0, ZEROS
        self._pending: SignedSubmission | None = None
        self._closed = False
        self._seen, _ = store.head()
        self._signed_size = self._seen.size
        if head_signer is not None:
            self._with_true_root(head_signer.check)
            self._signed_size = head_signer.last_size()
            ask_at_start(store, head_signer, witnesses)

    # -------------------------------------------------------------------------- writing

    def make(self, model: type[R], /, **fields: object) -> R:
        """Build a record of this client's identity with a fresh nonce.

        Raises:
            RecordError: A field is missing, unknown or of the wrong form.
            EncodingError: A value to be sealed has no strict JSON.
        """
        own = {"nonce": self._random(16).hex(), "by": self.by}
        if self._sealing is not None:
            fields = self._sealing.sealed(fields)
        try:
            return model.model_validate({**own, **fields})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ", ".join([model.__name__, *(str(step) for step in first["loc"])])
            raise RecordError(f"{where}: {first['msg']}") from error

    def submit(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Write records as one submission. They are durable when this returns.

        Returns:
            One receipt for each record, in order.

        Raises:
            ValueError: No record, or more than 1,024.
            RefusedError: The ledger does not take them; nothing was written.
            LedgerError: A record is malformed, or the store failed. After `StoreError` it is not
                known whether they were written: `retry` says so, without writing them twice.
        """
        return self.submit_encoded(tuple([EncodedRecord.of(record) for record in records]))

    def submit_encoded(self, records: tuple[EncodedRecord, ...]) -> list[Receipt]:
        """Write records that were encoded before, as `submit` does. Errors are the same."""
        with self._lock:
            with self._open() as turn:
                receipts = self._hand_in(turn, records, self._seen, exact=False)
            return self._committed(receipts)

    def append(self, prepare: Prepare) -> list[Receipt]:
        """Write what `prepare` decides on exactly the ledger as it is: nobody writes in between.

        Args:
            prepare: Called, while the ledger's lock is held, with the head and with the time that
                will be recorded. It may read the store, and must not write to it. What it returns
                follows that head immediately; nothing is written when it returns nothing or raises.

        Raises:
            ValueError: `prepare` wrote to the ledger itself, or returned more than 1,024 records.
            LedgerError: As for `submit`.
        """
        with self._lock:
            with self._open() as turn:
                records = self._decided(prepare, turn)
                if not records:
                    return []
                receipts = self._hand_in(turn, records, turn.head, exact=True)
            return self._committed(receipts)

    def _decided(self, prepare: Prepare, turn: Turn) -> tuple[EncodedRecord, ...]:
        self._deciding = True
        try:
            return tuple(EncodedRecord.of(one) for one in prepare(turn.head, turn.now()))
        finally:
            self._deciding = False

    def retry(self) -> list[Receipt]:
        """Hand in once more the submission whose outcome is not known, after a `StoreError`.

        Returns:
            Its receipts: the same ones if the ledger had it. Empty if nothing was outstanding.

        Raises:
            RefusedError: The ledger does not have it and does not take it any more.
            StoreError: The store failed again.
        """
        with self._lock:
            pending = self._pending
            if pending is None:
                return []
            with self._admission.open() as turn:
                self._refuse_lost_entries(turn.head)
                receipts = self._admit(turn, pending)
            return self._committed(receipts)

    @contextmanager
    def _open(self) -> Generator[Turn]:
        if self._deciding:
            raise ValueError("prepare must not write: what it returns is what is written")
        if self._closed:
            raise ValueError("this client is closed: its stream has ended")
        with self._admission.open() as turn:
            self._settle(turn)
            self._refuse_lost_entries(turn.head)
            yield turn

    def _settle(self, turn: Turn) -> None:
        """Find out what became of a submission whose outcome was not known."""
        if self._pending is not None:
            text = self._pending.text
            if turn.admitted(parse_signed_text(text), text) is not None:
                self._advance(text)
            # Else it was never written, and its number is free.
            self._pending = None

    def _refuse_lost_entries(self, head: Head) -> None:
        if self._head_signer is None:
            return
        self._head_signer.stop.refuse()
        if head.size < self._head_signer.last_size():
            raise InconsistentHeadError(
                f"the store has {head.size} entries, and a head of more was signed: "
                "entries are lost, or the store was restored from an old backup"
            )

    def _hand_in(
        self, turn: Turn, records: tuple[EncodedRecord, ...], seen: Head, *, exact: bool
    ) -> list[Receipt]:
        if not 1 <= len(records) <= MAX_SUBMISSION:
            raise ValueError(f"a submission has 1 to {MAX_SUBMISSION} records, not {len(records)}")
        submission = Submission(
            genesis=turn.genesis or records[0].digest,
            key=self.key,
            stream=self._stream,
            number=self._number,
            previous=self._previous,
            seen_size=seen.size,
            seen_leaf=seen.leaf,
            exact=exact,
            count=len(records),
            root=submission_root([one.digest for one in records]),
        )
        text = signed_text(submission)
        values = self._sealing.parcel([one.raw for one in records]) if self._sealing else None
        return self._admit(turn, SignedSubmission(text, self._signer.sign(text), records, values))

    def _admit(self, turn: Turn, handed_in: SignedSubmission) -> list[Receipt]:
        try:
            receipts = turn.admit(handed_in)
        except RefusedError:
            self._pending = None
            raise
        # If the process dies or the store fails between here and the commit, nobody knows whether
        # it was written. What is kept here is handed in again under the same number, and so is
        # never written twice.
        self._pending = handed_in
        return receipts

    def _committed(self, receipts: list[Receipt]) -> list[Receipt]:
        """Take note of what is durable now. Called after the transaction, in the lock."""
        if self._pending is not None:
            self._advance(self._pending.text)
            if self._pending.values is not None:
                self._pending.values.forget()
            self._pending = None
        self._keep_if_possible(receipts)
        last = receipts[-1]
        if last.index >= self._seen.size:
            self._seen = Head(last.index + 1, last.leaf)
        if self._seen.size - self._signed_size >= self._checkpoint_every > 0:
            self._sign_if_possible()
        return receipts

    def _keep_if_possible(self, receipts: Sequence[Receipt]) -> None:
        """Keep the receipts of an append, which is durable either way."""
        if self._receipts is None:
            return
        self._unkept += receipts
        try:
            self._keep_receipts(self._receipts)
        except ReceiptError as error:
            _LOG.warning("%s", error)

    def _keep_receipts(self, path: Path) -> None:
        keep_receipts(path, self._unkept)
        self._unkept.clear()

    def _advance(self, text: bytes) -> None:
        self._number, self._previous = self._number + 1, digest(text)

    # -------------------------------------------------------------------------- erasing

    def erase(self, record: str, paths: Sequence[str], reason: str) -> list[Receipt]:
        """Destroy sealed values of a record, and record that they were, in one transaction.

        Args:
            record: The record's digest.
            paths: Where the values stand in it: JSON pointers.
            reason: Why. It stands in the ledger for good.

        Raises:
            RefusedError: There is no such value, or this writer may not erase it.
            StoreError: As for `submit`; or it is erased, and what the database has left of it is
                still held by a reader (`store.remains`): `ledger.scrubbing` clears it later.
        """
        receipts = self.submit(
            [self.make(Erasure, record=record, paths=tuple(paths), reason=reason)]
        )
        scrub(self._store.location)
        return receipts

    def erase_subject(self, subject: str, reason: str) -> list[Receipt]:
        """Destroy all sealed values about a subject, with their key. Errors are those of `erase`.

        Returns:
            One receipt for each record that had some; none where there were none.
        """
        with self._store.boxes() as boxes:
            found = boxes.of_subject(subject)
        paths: dict[str, list[str]] = {}
        for box in found:
            paths.setdefault(box.record, []).append(box.path)
        made = [
            self.make(Erasure, record=record, paths=tuple(named), reason=reason)
            for record, named in paths.items()
        ]
        receipts: list[Receipt] = []
        for first in range(0, len(made), MAX_SUBMISSION):
            receipts += self.submit(made[first : first + MAX_SUBMISSION])
        scrub(self._store.location)
        return receipts

    @property
    def is_unsettled(self) -> bool:
        """Whether a submission was handed in of which it is not known what became: see `retry`."""
        return self._pending is not None

    @property
    def seen_size(self) -> int:
        """Size of the ledger as this client last saw it."""
        return self._seen.size

    def recorded(self, records: Collection[str], since: int) -> set[str]:
        """Return which of the records with these digests the ledger has from an entry on.

        What a process that died had handed in is in the ledger or never will be: it held the
        ledger's lock, which is waited for here.

        Raises:
            StoreError: The store failed.
        """
        self._store.head()
        found: set[str] = set()
        for _, raw in self._store.headers(since):
            record = parse_header(raw).record
            if record in records:
                found.add(record)
        return found

    # ---------------------------------------------------------------------------- heads

    def checkpoint(self) -> bytes:
        """Sign the ledger's head as it is now and keep it in the store.

        Returns:
            The signed note.

        Raises:
            ValueError: This client has no head signer.
            InconsistentHeadError: The store does not continue the last signed head.
            AuthorityError: The ledger's authority names another head key (`authority.head-key`).
        """
        if self._head_signer is None:
            raise ValueError("this client has no head signer: give it one, or ask who has")
        with self._lock:
            note = self._with_true_root(self._head_signer.sign, self._to_sign)
            size = parse_checkpoint(parse_note(note).text).size
            # If the process dies here the signer remembers the head, and gives it out again next
            # time.
            self._store.add_checkpoint(size, note)
            self._signed_size = max(self._signed_size, size)
            return note

    def _with_true_root(
        self, ask: Callable[[ReadHead, ReadLeaves], T], head: ReadHead | None = None
    ) -> T:
        """Ask the head signer. Where it refuses, ask again with a root made from all entries."""
        head = head or self._current
        try:
            return ask(head, self._store.leaves)
        except InconsistentHeadError:
            # The edge of the tree that the store keeps is a cache, and may be what is wrong.
            self._store.rebuild()
            return ask(head, self._store.leaves)

    def _current(self) -> tuple[int, bytes]:
        head, frontier = self._store.head()
        return head.size, frontier.root()

    def _to_sign(self) -> tuple[int, bytes]:
        """Return the head if it is this signer's to sign: a ledger with another's is broken."""
        with self._admission.open() as turn:
            turn.refuse_head_key(self._head_signer.public_key if self._head_signer else b"")
            return turn.head.size, turn.root()

    def _sign_if_possible(self) -> None:
        """Sign a head after an append, whose records are durable either way."""
        if self._head_signer is None:
            return
        try:
            self.checkpoint()
        except LedgerError as error:
            # The append must not be reported as failed. The next one tries again, and `close`
            # raises.
            _LOG.warning("the records are written, but no head was signed: %s", error)

    def close(self) -> None:
        """End the stream with a signed record and sign the last head. Twice does nothing."""
        with self._lock:
            if self._closed:
                return
            if self._number:
                self.submit([self.make(StreamClose)])
            self._closed = True
            if self._head_signer is not None:
                self.checkpoint()
            if self._receipts is not None and self._unkept:
                self._keep_receipts(self._receipts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error the stream stays open: that it ended early is then to be seen.
        if kind is None:
            self.close()

    # --------------------------------------------------------------------------- larger

    @contextmanager
    def batch(self) -> Generator["Batch"]:
        """Collect records and hand them in as few submissions; the rest at the block's end."""
        batch = Batch(self.submit_encoded)
        yield batch
        batch.flush()

    def run(
        self, service: str, *, with_first: bool = False, **fields: object
    ) -> AbstractContextManager[RunHandle]:
        """Open a run of a service, and close it when the block ends.

        Args:
            service: Whose run it is.
            with_first: Record the opening not now but with what is recorded first in the run, as
                one submission: a `RunHandle.batch`, a message, an action. A block that raises
                before that leaves nothing.
            **fields: Further fields of the record, such as `goal` or `requester`.

        Raises:
            RecordError: A field is unknown or of the wrong form.
        """
        return run_on(self, service, fields, with_first=with_first)


class Batch:
    """Records on their way: handed in when a submission is full, the rest at the block's end."""

    def __init__(self, hand_in: Callable[[tuple[EncodedRecord, ...]], list[Receipt]]) -> None:
        self._hand_in = hand_in
        self._records: list[EncodedRecord] = []
        self._bytes = 0
        self.receipts: list[Receipt] = []

    def add(self, record: AnyRecord) -> str:
        """Add a record.

        Returns:
            Its digest, by which later records can refer to it.

        Raises:
            LedgerError: As for `LedgerClient.submit`.
        """
        one = EncodedRecord.of(record)
        if len(self._records) == MAX_SUBMISSION or self._bytes + len(one.raw) > _MAX_BATCH_BYTES:
            self.flush()
        self._records.append(one)
        self._bytes += len(one.raw)
        return one.digest

    def flush(self) -> None:
        """Hand in what has been collected."""
        if self._records:
            records = tuple(self._records)
            self._records.clear()
            self._bytes = 0
            self.receipts += self._hand_in(records)
