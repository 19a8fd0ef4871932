"""A verified ledger read once, for those who go through its entries twice.

To read an entry is to check it, which is most of the work: a ledger that is not too long is held in
memory from the first time on.
"""

from collections.abc import Callable, Iterator
from typing import Final

from contracts.history import Event
from contracts.withholding import Mark
from replay.history import History
from verifier.load import VerifiedLedger

HELD: Final = 200_000
"""How many entries are held: about half a gigabyte. A longer ledger is read again."""


class Entries:
    """The entries of a verified ledger, and the marks of those that a bundle holds back.

    Args:
        ledger: The ledger. It stays open for as long as this is used.
        held: How many entries are held in memory.

    Attributes:
        latest: When the last entry was recorded that was read so far; empty before the first.
    """

    def __init__(self, ledger: VerifiedLedger, held: int = HELD) -> None:
        self.ledger = ledger
        self._most = held
        self._held: list[Event | Mark] = []
        self._is_whole = False
        self.latest = ""

    def __iter__(self) -> Iterator[Event | Mark]:
        """Yield them in index order.

        Raises:
            BrokenLedgerError: The store was changed since it was verified.
        """
        if self._is_whole:
            yield from self._held
            return
        self._held = []
        waiting: list[Mark] = []
        few = self.ledger.report.ledger.size <= self._most
        for event in self.ledger.events(waiting.append):
            self.latest = event.recorded_at
            found: list[Event | Mark] = [*waiting, event]
            for one in found:
                if few:
                    self._held.append(one)
                yield one
            waiting.clear()
        self._held += waiting if few else []
        yield from waiting
        self._is_whole = few

    def events(self) -> Iterator[Event]:
        """Yield what is not held back."""
        return (one for one in self if isinstance(one, Event))

    def history(self, step: Callable[[int, int], None] | None = None) -> History:
        """Read them as acts and runs."""
        return History.of(self.ledger, step, self.events())
