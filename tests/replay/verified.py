"""Ledgers that were verified and read, to be asked."""

from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.source import Source
from replay.entries import Entries
from replay.history import History
from tests.uncounted import uncounted
from verifier.load import VerifiedLedger, open_ledger, open_source


@dataclass(frozen=True, eq=False)
class Verified:
    """A ledger that was verified, its bytes, and what was done in it."""

    ledger: VerifiedLedger
    source: Source
    entries: Entries
    history: History


@contextmanager
def verified(path: Path) -> Generator[Verified]:
    """Verify a ledger and read it. That it is verified as it should be is tested elsewhere."""
    with ExitStack() as stack:
        with uncounted():
            ledger = stack.enter_context(open_ledger(path))
            source = stack.enter_context(closing(open_source(path)))
            entries = Entries(ledger)
            history = entries.history()
        yield Verified(ledger, source, entries, history)
