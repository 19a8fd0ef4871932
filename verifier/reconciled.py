"""A ledger that was proved in the quick way, read once more to be compared with second sources.

What was proved is not read as entries; so they are read, exactly, and the root has to be the same.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from ledger.encoding import to_base64
from ledger.merkle import HASH_SIZE, Frontier
from ledger.store import Store
from verifier.entries import BrokenLedgerError
from verifier.errors import SourceError
from verifier.findings import in_order
from verifier.founding import Founding
from verifier.heads import Heads
from verifier.integrity import Reading
from verifier.places import Places, placed
from verifier.report import Report
from verifier.sealed import SealedValues
from verifier.trust import Trust

if TYPE_CHECKING:
    # The database is loaded by whoever compares.
    from verifier.reconciling.reconciliation import Reconciliation


def reconciled(
    store: Store, trust: Trust | None, report: Report, against: "Reconciliation"
) -> Report:
    """Return a report with what a comparison finds beside it.

    Args:
        store: What was verified.
        trust: What the verification rests on.
        report: What was found.
        against: The second sources.

    Raises:
        SourceError: The store is not what was verified.
    """
    sealed: SealedValues | None = None
    size = report.ledger.size
    while True:
        # Anew, because what is read ahead is read once; what was appended since is left out.
        founding = Founding.read(store, trust)
        reading = Reading(store, founding, Heads(store, founding, trust), sealed=sealed)
        listening = against.listen(reading)
        try:
            for valid in reading.entries():
                if valid.event.index < size:
                    listening.observe(valid)
        except BrokenLedgerError as error:
            raise SourceError(f"{store.location}: it changed meanwhile: {error}") from error
        sealed = reading.sealed.again(reading.size)
        if sealed is None:
            break
    if to_base64(_root(reading, size)) != report.ledger.root:
        raise SourceError(f"{store.location}: it changed while it was being verified")
    compared, drafts = against.finish()
    more = placed(drafts, founding.genesis, Places(store, reading))
    return replace(report, against=compared, findings=in_order([*report.findings, *more]))


def _root(reading: Reading, size: int) -> bytes:
    """Return the root over the entries that were verified."""
    frontier = Frontier()
    leaves = reading.streams.leaves
    for start in range(0, size * HASH_SIZE, HASH_SIZE):
        frontier.append(bytes(leaves[start : start + HASH_SIZE]))
    return frontier.root()
