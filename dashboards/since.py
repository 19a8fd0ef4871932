"""What was appended since a ledger was verified: the reviews in it, checked and taken in.

The pages show a ledger as it was verified. What reviewers say of it meanwhile comes in by itself,
once `verifier.appended` has checked it against the edge of what was verified; everything else that
was appended waits for the next verification, and the page says how much that is.
"""

import threading
from contextlib import closing
from dataclasses import dataclass

from dashboards import checks
from dashboards.tables import Said, Tables
from dashboards.words import count
from ledger.authority import AuthorityHistory
from ledger.store import Store
from verifier.appended import Appended, Edge
from verifier.entries import BrokenLedgerError
from verifier.load import open_source


@dataclass(frozen=True, slots=True)
class Standing:
    """How far what was appended since is checked.

    Attributes:
        verified: How many entries were verified.
        checked: Up to which entry all is checked by now.
        there: How many entries the ledger has.
        acts: How many reviews came in.
        others: How many checked entries are of other kinds.
        invalid: How many of what was appended do not count.
        head: Size of the newest signed head over it; 0 for none.
        broken: What does not hold, in words; empty where all does.
    """

    verified: int
    checked: int
    there: int
    acts: int = 0
    others: int = 0
    invalid: int = 0
    head: int = 0
    broken: str = ""

    @property
    def news(self) -> str:
        """What a reader has to know, in words; empty where everything is shown."""
        if self.broken:
            return (
                f"What was appended since this was verified does not hold: {self.broken}. "
                "Verify again to see where."
            )
        unseen = self.there - self.checked + self.others
        told: list[str] = []
        if unseen:
            new = count(unseen, "entry is", "entries are")
            told.append(f"{new} new since this was verified, and not shown.")
        if self.invalid:
            left = count(self.invalid, "new entry does", "new entries do")
            told.append(f"{left} not count: verify again to see why.")
        return " ".join(told)

    @property
    def proven(self) -> str:
        """What is proven of the reviews that came in, in words; empty where none did."""
        if not self.acts:
            return ""
        last = self.checked - 1
        covered = (
            "a signed head covers them"
            if self.head >= self.checked
            else f"signed heads cover them up to entry {self.head - 1:,}"
            if self.head
            else "no signed head covers them yet"
        )
        return (
            f"{count(self.acts, 'act')} recorded since, checked up to entry {last:,}: they follow "
            f"what was verified, and their writers' keys signed them; {covered}"
        )


class Since:
    """The reviews that were appended to one verified ledger. Safe to share between threads.

    Args:
        ledger: The ledger's name.
        tables: Where the reviews go.
        edge: Where the verification ended.
    """

    def __init__(self, ledger: str, tables: Tables, edge: Edge) -> None:
        facts, integrity = tables.report.ledger, tables.report.integrity
        self.history: AuthorityHistory = checks.history(tables)
        self._ledger = ledger
        self._tables = tables
        self._lock = threading.Lock()
        self._appended = Appended(facts.genesis, facts.origin, self.history, edge)
        # What somebody wrote into a stream and did not count makes its numbers unsure.
        self._follows = not integrity.invalid_submissions
        self._acts = 0
        self._broken = ""
        self._last = Standing(facts.size, edge.size, edge.size)

    @property
    def size(self) -> int:
        """Up to which entry the reviews are shown."""
        return self._appended.size

    @property
    def leaf(self) -> str:
        """Leaf hash of the last entry that is checked, hex."""
        return self._appended.leaf

    @property
    def standing(self) -> Standing:
        """How far it was checked when somebody last looked."""
        return self._last

    def read_on(self) -> Standing:
        """Check what is new, take in its reviews, and say how far that went.

        Raises:
            LedgerError: The store cannot be read.
            VerifierError: There is none any more.
        """
        with self._lock, closing(open_source(self._ledger)) as store:
            there = store.size()
            if self._follows and not self._broken and isinstance(store, Store):
                return self._read(store, there)
            self._last = Standing(
                self._tables.report.ledger.size, self.size, there, broken=self._broken
            )
            return self._last

    def _read(self, store: Store, there: int) -> Standing:
        verified = self._tables.report.ledger.size
        try:
            found = self._appended.read_on(store)
        except BrokenLedgerError as error:
            self._broken = str(error)
            self._last = Standing(verified, self.size, there, self._acts, broken=self._broken)
            return self._last
        self._tables.add(
            Said.of(one.event.index, one.event.record, one.event.recorded_at)
            for one in found.reviews
        )
        self._acts += len(found.reviews)
        self._last = Standing(
            verified,
            found.size,
            max(there, found.size),
            self._acts,
            found.others,
            found.invalid,
            found.head,
        )
        return self._last
