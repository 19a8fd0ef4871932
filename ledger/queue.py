"""A queue before the ledger: many threads hand in, one writes what waits as few submissions.

It holds so many records and no more, and what happens while the ledger is away is stated when it is
made: refuse, so that nobody acts on what was not recorded; or spool, so that what is seen and said
is kept on this machine and recorded later. Which of both it was, the ticket says.
Source: docs/spec/ledger-format.md, *Spool*.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from ledger.admission import Receipt
from ledger.client import LedgerClient
from ledger.encoded import EncodedRecord
from ledger.encoding import digest
from ledger.entry import MAX_SUBMISSION
from ledger.errors import (
    AuthorityError,
    EncodingError,
    ErasureRefusedError,
    LedgerError,
    NotEntitledError,
    QueueFullError,
    RecordError,
    RefusedError,
    SealedRefusedError,
    SpoolRefusedError,
    StoreError,
)
from ledger.records import Action, AnyRecord
from ledger.set_aside import SetAside, set_aside
from ledger.spool import Spool, Spooled

_LOG = logging.getLogger("writ.ledger")

_SEALED = b'{"sealed":"'

_OF_THE_RECORD = (
    AuthorityError,
    EncodingError,
    ErasureRefusedError,
    NotEntitledError,
    RecordError,
    SealedRefusedError,
)

# What a ticket gives: receipts from the ledger, or where the records wait.
Acknowledged = list[Receipt] | list[Spooled]


@dataclass(frozen=True, slots=True)
class _Waiting:
    records: tuple[EncodedRecord, ...]
    ticket: Future[Acknowledged] = field(default_factory=Future[Acknowledged])


class LedgerQueue:
    """Records on their way to a ledger, through one client that nobody else uses meanwhile.

    Args:
        client: Writes them. The queue does not close it.
        capacity: Most records that wait here. Who hands in more waits for room.
        when_away: What is done with records while the store fails. `refuse`: their tickets fail,
            with the error that says whether they may have been written. `spool`: they are kept in
            a file in `spool`, and recorded in order once the store is back.
        spool: Folder for that file. What processes of this identity that died have left there is
            taken over and recorded first.
        retry_every: Seconds between two attempts to reach the ledger while records are spooled.

    Raises:
        ValueError: `spool` without a folder, or no capacity.
        SpoolError: The folder holds a spool that cannot be read.
    """

    def __init__(
        self,
        client: LedgerClient,
        *,
        capacity: int = 4 * MAX_SUBMISSION,
        when_away: Literal["refuse", "spool"] = "refuse",
        spool: Path | None = None,
        retry_every: float = 1.0,
    ) -> None:
        if capacity < 1:
            raise ValueError("a queue holds one record at least")
        if (when_away == "spool") != (spool is not None):
            raise ValueError("name a folder for the spool, and only for it")
        self._client = client
        self._capacity = capacity
        self._folder = spool
        self._retry_every = retry_every
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._held = 0
        self._closing = False
        self._next_try = 0.0
        # What other processes left comes first, then this one's own.
        self._spools = deque[Spool]() if spool is None else deque(Spool.adopt(spool, client.by))
        # Spools of which the ledger was asked what it has already, and what it had.
        self._asked: set[Path] = set()
        self._recorded: set[str] = set()
        self._own: Spool | None = None
        self._refused: list[SetAside] = []
        self._thread = threading.Thread(target=self._work, name="writ-queue", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------------- handing in

    def submit(
        self, records: Sequence[AnyRecord], *, timeout: float | None = None
    ) -> Future[Acknowledged]:
        """Hand records in. They stay together, in one submission.

        Args:
            records: One to 1,024, and not more than the queue's capacity.
            timeout: Seconds to wait for room. None: as long as it takes. 0: not at all.

        Returns:
            A ticket. Its result is a list of `Receipt` (recorded) or of `Spooled` (not recorded).

        Raises:
            ValueError: No record, too many, or the queue is closed.
            QueueFullError: There was no room in time.
            LedgerError: A record cannot be written.
        """
        waiting = _Waiting(tuple(EncodedRecord.of(record) for record in records))
        count = len(waiting.records)
        if not 1 <= count <= min(MAX_SUBMISSION, self._capacity):
            raise ValueError(f"{count} records: a submission has 1 to {MAX_SUBMISSION}")
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._held + count <= self._capacity, timeout
            )
            if self._closing:
                raise ValueError("this queue is closed")
            if self._held + count > self._capacity:
                raise QueueFullError(
                    f"{self._held} records wait, and at most {self._capacity} may: "
                    "hand in more slowly, or give the queue more room"
                )
            self._held += count
            self._waiting.append(waiting)
            self._changed.notify_all()
        return waiting.ticket

    def spooled(self) -> int:
        """Return how many records wait in spools, and are not recorded."""
        with self._changed:
            return sum(spool.waiting() for spool in self._all_spools())

    def refused(self) -> list[SetAside]:
        """Return what had waited in a spool and was then refused, since this queue was made."""
        with self._changed:
            return list(self._refused)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing waits any more, here or in a spool. Returns whether that came."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._held and not sum(spool.waiting() for spool in self._all_spools()),
                timeout,
            )

    def close(self) -> None:
        """Write what waits, and end. What is spooled and cannot be recorded now stays on disk."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        for spool in self._all_spools():
            if spool.waiting():
                _LOG.warning("%d records are not recorded: %s", spool.waiting(), spool.path)
            spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------- writing

    def _all_spools(self) -> list[Spool]:
        return [*self._spools, *([self._own] if self._own else [])]

    def _work(self) -> None:
        """Write what waits, until the queue is closed and nothing does."""
        while True:
            with self._changed:
                self._changed.wait_for(self._is_due, self._pause())
                group = self._group()
                if not group and self._closing:
                    break
            self._drain()
            if group:
                self._write(group)
                with self._changed:
                    self._held -= sum(len(one.records) for one in group)
                    self._changed.notify_all()
        self._next_try = 0.0
        self._drain()

    def _is_due(self) -> bool:
        return bool(self._waiting) or self._closing

    def _pause(self) -> float | None:
        """Return how long to sleep when nothing is handed in: until the ledger is tried again."""
        if not any(spool.waiting() for spool in self._all_spools()):
            return None
        return max(0.0, self._next_try - time.monotonic())

    def _group(self) -> list[_Waiting]:
        """Take what waits longest, as much as one submission holds."""
        group: list[_Waiting] = []
        count = 0
        while self._waiting and count + len(self._waiting[0].records) <= MAX_SUBMISSION:
            one = self._waiting.popleft()
            if one.ticket.set_running_or_notify_cancel():
                group.append(one)
                count += len(one.records)
            else:
                self._held -= len(one.records)
        return group

    def _write(self, group: Sequence[_Waiting]) -> None:
        """Record a group, or what of it can be; spool it while the ledger is away."""
        if self._folder and any(spool.waiting() for spool in self._all_spools()):
            self._spool(group, self._folder)
            return
        records = tuple(record for one in group for record in one.records)
        try:
            receipts = self._record(records)
        except StoreError as error:
            self._away(group, error)
        except Exception as error:  # noqa: BLE001  (given to whoever waits)
            # One of them is refused, and it is not known which: each stands for itself.
            if len(group) == 1:
                group[0].ticket.set_exception(error)
                return
            for one in group:
                self._write([one])
        else:
            _acknowledge(group, receipts)

    def _record(self, records: tuple[EncodedRecord, ...]) -> list[Receipt]:
        """Write records; where the store fails, ask it once more what became of them."""
        try:
            return self._client.submit_encoded(records)
        except StoreError:
            if not self._client.is_unsettled:
                raise
            return self._client.retry()

    def _away(self, group: Sequence[_Waiting], error: StoreError) -> None:
        if self._folder is None:
            for one in group:
                one.ticket.set_exception(error)
            return
        self._next_try = time.monotonic() + self._retry_every
        self._spool(group, self._folder)

    def _spool(self, group: Sequence[_Waiting], folder: Path) -> None:
        for one in group:
            try:
                refuse_unfit(one.records)
                with self._changed:
                    if self._own is None:
                        self._own = Spool.create(folder, self._client.by, self._client.seen_size)
                    acknowledged = self._own.add(one.records)
            except LedgerError as error:
                one.ticket.set_exception(error)
            else:
                one.ticket.set_result(acknowledged)

    # --------------------------------------------------------------------------- draining

    def _drain(self) -> None:
        """Record what is spooled, oldest first, if it is time to try."""
        if time.monotonic() < self._next_try:
            return
        try:
            while (spool := next(iter(self._all_spools()), None)) is not None:
                self._empty(spool)
                with self._changed:
                    spool.close()
                    if spool is self._own:
                        self._own = None
                    else:
                        self._spools.popleft()
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001  (whatever it is, the records are kept)
            _LOG.warning("what is spooled stays so for now: %s", error)
            self._next_try = time.monotonic() + self._retry_every

    def _empty(self, spool: Spool) -> None:
        """Record all that waits in one spool, and nothing of it twice.

        Raises:
            LedgerError: The ledger is still away: the rest stays spooled.
        """
        # What this client handed in and does not know the fate of is settled before anything is
        # looked up; what a process that died had handed in is looked up once.
        if self._client.is_unsettled:
            self._client.retry()
            self._asked.discard(spool.path)
        if spool.path not in self._asked:
            digests = {digest(raw) for raw in spool.first(spool.waiting())}
            self._recorded = self._client.recorded(digests, spool.since)
            self._asked.add(spool.path)
        while spool.waiting():
            frames = spool.first(MAX_SUBMISSION)
            try:
                self._record_spooled(spool, frames)
            except StoreError:
                self._asked.discard(spool.path)
                raise
            with self._changed:
                spool.taken(len(frames))
                self._changed.notify_all()

    def _record_spooled(self, spool: Spool, frames: Sequence[bytes]) -> None:
        """Record what waited, but for what the ledger has already; set aside what it refuses."""
        records = self._readable(spool, frames)
        try:
            if records:
                self._client.submit_encoded(records)
        except LedgerError as error:
            if not _is_of_the_record(error):
                raise
            if len(records) == 1:
                self._set_aside(spool, records[0].raw, error)
                return
            # It is not known which of them: each half stands for itself.
            half = len(records) // 2
            for part in (records[:half], records[half:]):
                self._record_spooled(spool, [one.raw for one in part])

    def _readable(self, spool: Spool, frames: Sequence[bytes]) -> tuple[EncodedRecord, ...]:
        """Return the records that the ledger does not have yet; set aside what is none."""
        records: list[EncodedRecord] = []
        for raw in frames:
            if digest(raw) in self._recorded:
                continue
            try:
                records.append(EncodedRecord.read(raw))
            except LedgerError as error:
                self._set_aside(spool, raw, error)
        return tuple(records)

    def _set_aside(self, spool: Spool, raw: bytes, error: LedgerError) -> None:
        kept = set_aside(spool.path, raw, error)
        _LOG.warning("a spooled record was refused (%s: %s): %s", kept.code, kept.why, kept.path)
        with self._changed:
            self._refused.append(kept)


def _is_of_the_record(error: LedgerError) -> bool:
    """Tell whether a refusal is of what was handed in, and not of the ledger as it is just now.

    A clock that went back, a store that is not the right one or a stream that was closed say
    nothing about a record, and it waits on.
    """
    return isinstance(error, _OF_THE_RECORD) or type(error) is RefusedError


def refuse_unfit(records: Sequence[EncodedRecord]) -> None:
    """Refuse to keep a decision for later, and what has sealed values.

    A decision was made on the ledger as it was, and binds it. A sealed value stands in no record:
    it would be lost with this process.

    Raises:
        SpoolRefusedError: One of them is such a record.
    """
    for one in records:
        if _SEALED in one.raw:
            raise SpoolRefusedError(
                "a record with sealed values cannot wait for the ledger: the values are kept there"
            )
        if isinstance(one.record, Action) and one.record.decision is not None:
            raise SpoolRefusedError(
                "an action that was decided cannot wait for the ledger: it is recorded on the "
                "history that it was decided on, or not done"
            )


def _acknowledge(group: Sequence[_Waiting], receipts: list[Receipt]) -> None:
    at = 0
    for one in group:
        one.ticket.set_result(receipts[at : at + len(one.records)])
        at += len(one.records)
