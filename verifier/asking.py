"""Asking CEL of many records: here, and in processes of their own once it takes long enough.

Threads gain nothing: CEL's binding holds Python's lock while it evaluates. A process is handed a
condition's text and just the columns that it reads, and gives back what CEL says, in their order.
Processes are begun anew and not as copies of this one, in which threads of the database and of
Arrow may hold locks. One that is killed, or has no memory left, costs time and no answer: what it
was asked is asked here, and so is all that follows.
"""

import weakref
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import pyarrow as pa

from contracts.coercion import Value
from verifier.asked_apart import Answered, ask, begin, opened, packed
from verifier.asked_columns import Question, answers
from verifier.fact_state import RowsNeededError, plain_values

BEGIN = 250_000
"""Records that are asked here before processes are begun: by then it took as long as that does."""
FEW = 4_000
"""Fewer are asked here: to hand them over takes longer than is gained."""
_EACH: Final = 2
"""Pieces for each process: none waits long for another."""


class ChangedError(Exception):
    """What a process gave back is not of the rows that it was asked of."""


class Asking:
    """Whoever asks CEL what no column says, for all contracts of a verification.

    Args:
        jobs: How many processes ask; 1 for this one alone.
        begin: How many records are asked here before others are begun.
        few: How many are always asked here.

    Attributes:
        by_record: How many records were asked of a condition, by its text and the reason.
        lost: Whether a process did not answer: since then only this one asks.
        pool: The processes, once they were begun.
    """

    def __init__(self, jobs: int = 1, *, begin: int | None = None, few: int | None = None) -> None:
        self._jobs = jobs
        self._left = BEGIN if begin is None else begin
        self._few = FEW if few is None else few
        self.by_record: dict[tuple[str, str], int] = {}
        self.lost = False
        self.pool: ProcessPoolExecutor | None = None

    def note(self, text: str, reason: str, rows: int) -> None:
        """Take note that a condition is asked record by record, and why."""
        self.by_record[text, reason] = self.by_record.get((text, reason), 0) + rows

    def said(self) -> Iterator[str]:
        """Yield which conditions were asked record by record and why, in words; the most first."""
        most_first = sorted(self.by_record.items(), key=lambda one: (-one[1], one[0]))
        for (text, reason), rows in most_first:
            yield f"asked record by record, {rows:,} times: {text}: {reason}"
        if self.lost:
            yield (
                "asking.lost: a process that asked CEL was ended, or had no memory left: the rest "
                "was asked in one process, and the result is the same"
            )

    def answers(self, asked: Question, held: pa.RecordBatch) -> list[Value]:
        """Return what CEL says of each row, `MISSING` where it has an error.

        Raises:
            RowsNeededError: There is a value that no column can hold.
        """
        rows = held.num_rows
        if self._jobs > 1 and not self.lost and rows >= self._few and self._left <= 0:
            try:
                return self._elsewhere(asked, held)
            except (BrokenExecutor, MemoryError, OSError, ChangedError):
                self._lose()
        self._left -= rows
        return answers(asked, held)

    def _elsewhere(self, asked: Question, held: pa.RecordBatch) -> list[Value]:
        if self.pool is None:
            self.pool = ProcessPoolExecutor(self._jobs, get_context("spawn"), initializer=begin)
            weakref.finalize(self, self.pool.shutdown, wait=False, cancel_futures=True)
        rows = held.num_rows
        size = -(-rows // (self._jobs * _EACH))
        pieces = [(at, held.slice(at, size)) for at in range(0, rows, size)]
        sent = [self.pool.submit(ask, asked, at, packed(one)) for at, one in pieces]
        found: list[Value] = []
        for (at, piece), future in zip(pieces, sent, strict=True):
            came = future.result()
            if came is None:
                raise RowsNeededError
            found += unpacked(came, at, piece.num_rows)
        return found

    def _lose(self) -> None:
        """Ask alone from now on: what ended one process may end the next one too."""
        self.lost = True
        self.close()

    def close(self) -> None:
        """End the processes, if there are any."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
            self.pool = None


def unpacked(came: Answered, first: int, rows: int) -> list[Value]:
    """Return the values that a process gave back.

    Raises:
        ChangedError: They are not of these rows.
    """
    held = opened(came.packed)
    if came.first != first or held.num_rows != rows:
        raise ChangedError
    return plain_values(came.shape, held.column(0))
