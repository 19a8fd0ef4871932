"""Reading the spans of a store: here, or in processes of their own.

Source: docs/adr/0014.
"""

import gc
import sys
import threading
from collections.abc import Mapping
from multiprocessing import get_all_start_methods
from typing import cast

from ledger.errors import LedgerError
from ledger.store import Store
from verifier.errors import UnusualError
from verifier.span import Row, Span, SpanReader, opening, opens, whole

# Entries that are read at a time: what is made of them has to lie near the processor.
PIECE = 1_024


def read_span(store: Store, genesis: str, keys: Mapping[str, bytes], start: int, stop: int) -> Span:
    """Read the submissions that begin from `start` to before `stop`.

    Raises:
        UnusualError: There is something in them that only the exact reading can judge.
        StoreError: They cannot be read.
    """
    reader: SpanReader | None = None
    waiting: list[Row] = []
    for at in range(start, stop, PIECE):
        waiting += store.span(at, min(at + PIECE, stop))
        if reader is None:
            begins = next((at for at, row in enumerate(waiting) if opens(row)), None)
            if begins is None:
                # As far as this, all belongs to a submission that began before the span.
                continue
            reader = SpanReader(genesis, keys, start + begins)
            del waiting[:begins]
        ready = whole(waiting)
        if ready:
            reader.read(waiting[:ready])
            del waiting[:ready]
    if reader is None:
        return Span(stop, stop)
    if waiting:
        count = int(opening(cast("bytes", waiting[0][1])).records)
        reader.read([*waiting, *store.span(stop, stop + count - len(waiting))])
    return reader.finish()


_here: list[Store] = []


def begin(location: str) -> None:
    """Open the store in a process that reads spans, and does nothing else."""
    gc.disable()
    _here.append(Store.open(location))


def read_elsewhere(genesis: str, keys: Mapping[str, bytes], start: int, stop: int) -> Span:
    """Read a span in a process that `begin` made ready.

    Raises:
        UnusualError: As for `read_span`, or it cannot be read.
    """
    try:
        return read_span(_here[0], genesis, keys, start, stop)
    except LedgerError as error:
        raise UnusualError from error


def how_begun(store: Store) -> str:
    """Return how processes are begun: as copies of this one, where nothing in it hinders that.

    A copy has everything loaded already. Other threads may hold locks that it would wait for, those
    of a database that was loaded too, and it must not have connections of ours: these are closed,
    and opened again when something is asked.
    """
    threads = threading.active_count() > 1 or "duckdb" in sys.modules
    if threads or "fork" not in get_all_start_methods():
        return "spawn"
    store.close()
    return "fork"
