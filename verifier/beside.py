"""A proof that is made in another process while this one judges what is being proved.

What is judged counts for nothing before the proof is there, and of the same entries. Until then a
ledger may hold anything, so that whatever judging makes of it, errors too, waits for the proof.
Source: docs/adr/0029-what-crosses-partitions.md.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from ledger.errors import LedgerError
from ledger.store import Store
from verifier import leaves
from verifier.entries import BrokenLedgerError
from verifier.errors import SourceError, UnusualError, VerifierError
from verifier.founding import Founding
from verifier.onward import LEAVES, MET, Decided, How, Judged
from verifier.ordinary import Proved, proved
from verifier.report import Report
from verifier.spans import how_begun
from verifier.trust import Trust

# What is not as it was proved, or cannot be read: only the exact reading can say what it is.
_UNLIKE = (UnusualError, LedgerError, SourceError, BrokenLedgerError)
Sound = Callable[[Store, Proved, Trust | None], Report]
"""What makes the report on a ledger of which the exact reading would find nothing wrong."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a process is to prove, and where it puts the tables."""

    location: str
    trust: Trust | None
    jobs: int
    folder: Path
    sound: Sound


def decided_beside(
    store: Store, trust: Trust | None, jobs: int, folder: Path, sound: Sound, how: How
) -> tuple[Report, Decided] | None:
    """Judge a store's entries while other processes prove them.

    Args:
        store: What is read.
        trust: What the verification rests on.
        jobs: How many processes there are, with this one: 2 at least.
        folder: Where tables are put.
        sound: Makes the report of what was proved. Other processes must be able to import it.
        how: How it is judged.

    Returns:
        The report on integrity, and what was found; None where the exact reading has to be done.
    """
    met = leaves.Met(folder / MET)
    with closing(met):
        with proving(store, Asked(store.location, trust, jobs - 1, folder, sound)) as answer:
            judged, failure = attempted(store, trust, folder, met, how)
            report = answer()
        if report is None or not met.are_in(folder / LEAVES):
            return None
        if failure is not None and not isinstance(failure, _UNLIKE):
            # The ledger is sound: that it could not be judged is no fault of what is in it.
            raise failure
        if judged is None or met.count() != report.ledger.size:
            return None
        try:
            return report, judged.finish()
        except _UNLIKE:
            return None


def attempted(
    store: Store, trust: Trust | None, folder: Path, met: leaves.Met, how: How
) -> tuple[Judged | None, Exception | None]:
    """Judge all entries, whatever they are; return that, or what came of it instead."""
    try:
        founding = Founding.read(store, trust)
        if founding.size is None:
            return None, None
        judged = Judged(store, founding, founding.size, folder, met, how)
        judged.observe(founding.size)
    except Exception as error:  # noqa: BLE001 - it is nothing before there is a proof
        return None, error
    return judged, None


@contextmanager
def proving(store: Store, asked: Asked) -> Generator[Callable[[], Report | None]]:
    """Begin the proof; give what waits for it."""
    context: Any = get_context(how_begun(store))
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=prove, args=(there, asked))
    process.start()
    there.close()

    def answer() -> Report | None:
        try:
            found: Report | None = here.recv()
        except (EOFError, OSError):
            return None
        return found

    try:
        yield answer
    except BaseException:
        process.terminate()
        raise
    finally:
        here.close()
        process.join()


def prove(there: Connection, asked: Asked) -> None:
    """Prove a store, in a process that does nothing else, and say what can be said of it."""
    # Who interrupts means the command: it ends this process, which then ends its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    report: Report | None = None
    with suppress(LedgerError, VerifierError), Store.open(asked.location) as store:
        found = proved(store, asked.trust, jobs=asked.jobs, folder=asked.folder)
        report = None if found is None else asked.sound(store, found, asked.trust)
    # Who began it may be gone.
    with suppress(OSError):
        there.send(report)


def _end(_signal: int, _frame: object) -> NoReturn:
    """End, and let everything be given back on the way."""
    raise SystemExit(1)
