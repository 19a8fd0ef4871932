"""A ledger that questions of replay are asked of: kept open, and read as history once.

The pages had it verified, and the verification lies in a folder: it is gone on from.

What comes out is written into a folder of its own (`dashboards.answers`). This is where answers
are made, whoever asks: in the app's own process, or in another one (`dashboards.working`).
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dashboards.answers import Answer
from dashboards.asking import Asked, AskedError, Over
from dashboards.preparing import Asked as Opening
from dashboards.preparing import Tell
from replay.entries import Entries
from replay.history import History
from replay.run_choice import ChosenActs, chosen_acts
from verifier.load import VerifiedLedger, open_ledger, taken_over

OPENING: Final = "opening the ledger"
READING: Final = "reading what was done"
READ: Final = 0.5
"""The share of the whole after which all was read; what follows is the answer's own."""


class Desk:
    """A ledger that questions are asked of, one after the other.

    Args:
        asked: The ledger and its trust file's content.
        verified: Where its verification was left; without one it is verified here.
    """

    def __init__(self, asked: Opening, verified: str = "") -> None:
        self.asked = asked
        self._verified = verified
        self._ledger: VerifiedLedger | None = None
        self._entries: Entries | None = None
        self._history: History | None = None

    def ledger(self, tell: Tell) -> VerifiedLedger:
        """Return the ledger, verified.

        Raises:
            NotVerifiedError: It does not hold.
            SourceError: There is none.
        """
        if self._ledger is None:
            tell(OPENING, 0.0)
            self._ledger = self._opened()
        return self._ledger

    def _opened(self) -> VerifiedLedger:
        if self._verified:
            # Folders for temporary files are cleaned now and then, and not by us.
            with suppress(FileNotFoundError):
                return taken_over(self.asked.ledger, Path(self._verified))
        return open_ledger(self.asked.ledger, self.asked.trust)

    def entries(self, tell: Tell) -> Entries:
        """Return the ledger's entries, all of which were read once."""
        self.history(tell)
        if self._entries is None:
            raise TypeError("they are read with the history")
        return self._entries

    def history(self, tell: Tell) -> History:
        """Return the ledger as acts and runs."""
        if self._history is None:
            # What is asked goes through them again: a ledger that is not long is held.
            self._entries = Entries(self.ledger(tell))
            self._history = self._entries.history(step_of(tell, READING, 0.0, READ))
        return self._history

    def close(self) -> None:
        """Give the ledger back."""
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = self._history = self._entries = None


Answering = Callable[[Desk, Asked, Path, Tell], Answer]


def step_of(tell: Tell, part: str, low: float, high: float) -> Callable[[int, int], None]:
    """Return what tells how far a part of the work is, between two shares of the whole."""
    return lambda done, total: tell(part, low + (high - low) * min(done / max(total, 1), 1.0))


def chosen(history: History, ledger: VerifiedLedger, over: Over) -> ChosenActs:
    """Return the actions that are asked about.

    Raises:
        AskedError: There is no such run or incident, or something cannot be read.
    """
    try:
        return chosen_acts(history, over.choice(ledger.report))
    except LookupError as error:
        raise AskedError(
            "ask.run", str(error), "The Run page lists those of this ledger."
        ) from error


def whose(ledger: VerifiedLedger, said: tuple[str, ...]) -> str:
    """Return in a line what was asked of which ledger."""
    asked = "; ".join(said) or "the whole ledger"
    report = ledger.report
    return f"Of {asked} · {report.ledger.size:,} entries · trust: {report.integrity.trust}"
