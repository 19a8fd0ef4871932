"""CEL asked in a process of its own: of columns, as Arrow writes them, with a column for an answer.

Such a process knows nothing of a contract or a history.
"""

import atexit
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait

import pyarrow as pa

from contracts.column_shapes import Shape
from verifier.asked_columns import Question, answers
from verifier.columns import column_of


@dataclass(frozen=True, slots=True)
class Answered:
    """What a process gives back.

    Attributes:
        first: The first of the rows that it was asked of.
        shape: The shape of their values.
        packed: Their values as a column, as Arrow writes it.
    """

    first: int
    shape: Shape
    packed: bytes


def begin() -> None:
    """Make a process ready that asks, and does nothing else; it ends with the one that began it."""
    # Who interrupts means the command: it ends its processes, and they need not say that it did.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # It holds nothing that has to be given back, and the database's module would complain of that.
    atexit.register(os._exit, 0)


def _end_with_parent() -> None:
    """Wait until whoever began this process is gone, and go too: nobody else would end it."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def ask(asked: Question, first: int, held: bytes) -> Answered | None:
    """Ask a condition of some rows, in a process that `begin` made ready.

    Returns:
        What CEL says of them; None where that is a value that no column can hold.
    """
    made = column_of(answers(asked, opened(held)))
    if made.odd:
        return None
    batch = pa.RecordBatch.from_arrays([made.array], ["said"])
    return Answered(first, made.shape, packed(batch))


def packed(held: pa.RecordBatch) -> bytes:
    """Return columns as Arrow writes them."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, held.schema) as stream:
        stream.write_batch(held)
    return sink.getvalue().to_pybytes()


def opened(held: bytes) -> pa.RecordBatch:
    """Return columns that `packed` wrote."""
    with pa.ipc.open_stream(held) as stream:
        return stream.read_next_batch()
