"""The entries of a verified ledger, read again by whoever builds on it.

Where integrity was proved, its leaf hashes lie in a file, and what is read again has to have them:
that is quick, and nothing is taken from a store on its word. Where it could only be read exactly,
it is so again: all checks are made anew.
Source: docs/adr/0014-the-ordinary-is-proved-quickly.md; docs/adr/0029-what-crosses-partitions.md.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contracts.history import Event
from contracts.withholding import Mark
from ledger.source import Source
from ledger.store import Store
from verifier import leaves
from verifier.entries import BrokenLedgerError
from verifier.errors import UnusualError
from verifier.founding import Founding
from verifier.heads import Heads
from verifier.integrity import Reading
from verifier.onward import LEAVES
from verifier.pointed import Pointed
from verifier.proven import ProvenReading
from verifier.sealed import Place, SealedValues
from verifier.trust import Trust

Withheld = Callable[[Mark], None]


class Folder(Protocol):
    """Where the tables of a proof lie."""

    @property
    def name(self) -> str:
        """Its path."""
        ...

    def cleanup(self) -> None:
        """Remove it, where it goes with its reader."""
        ...


@dataclass(frozen=True, slots=True)
class Left:
    """A folder that somebody left for others: it stays when one of them is done."""

    name: str

    def cleanup(self) -> None:
        """Leave it."""


class Rereading(Protocol):
    """What yields the valid entries again."""

    @property
    def founding(self) -> Founding:
        """Step 0, passed."""
        ...

    @property
    def trust(self) -> Trust | None:
        """What the verification rests on."""
        ...

    def events(self, withheld: Withheld | None = None) -> Iterator[Event]:
        """Yield them in index order.

        Args:
            withheld: Told of each record that a bundle holds back, in order with what is yielded.

        Raises:
            BrokenLedgerError: The store was changed since.
        """
        ...

    def close(self) -> None:
        """Give up what is held for it."""
        ...


@dataclass(frozen=True, slots=True)
class Exactly:
    """Reads as the exact verification does.

    Attributes:
        size: How many entries were verified.
        erasures: Places of sealed values that are known to be erased.
    """

    store: Source
    founding: Founding
    trust: Trust | None
    size: int
    erasures: frozenset[Place] | None = None

    def events(self, withheld: Withheld | None = None) -> Iterator[Event]:
        """Yield the valid entries, each checked anew."""
        heads = Heads(self.store, self.founding, self.trust)
        sealed = SealedValues(self.store, erasures=self.erasures)
        reading = Reading(self.store, self.founding, heads, sealed=sealed)
        if withheld is not None:
            reading.when_withheld = withheld
        for valid in reading.entries():
            if valid.event.index >= self.size:
                return
            yield valid.event

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Reads what was proved, and holds it against the leaf hashes.

    Attributes:
        size: How many entries were proved.
        folder: Where the proof's tables lie.
    """

    store: Store
    founding: Founding
    trust: Trust | None
    size: int
    folder: Folder

    def events(self, withheld: Withheld | None = None) -> Iterator[Event]:
        """Yield the entries: each of them is valid, and a store holds nothing back."""
        del withheld
        there = Path(self.folder.name)
        with closing(leaves.Proved(there / LEAVES)) as held:
            reading = ProvenReading(self.store, self.founding, self.size, held, Pointed(there))
            try:
                for valid in reading.entries(self.size):
                    yield valid.event
            except UnusualError as error:
                raise self._changed(reading.at) from error

    def close(self) -> None:
        """Remove the tables."""
        self.folder.cleanup()

    def _changed(self, at: int) -> BrokenLedgerError:
        """Return what is wrong with the store by now: the exact reading can say it."""
        try:
            founding = Founding.read(self.store, self.trust)
            for _ in Exactly(self.store, founding, self.trust, self.size).events():
                pass
        except BrokenLedgerError as error:
            return error
        return BrokenLedgerError(at, 2, "changed", "the store was changed since it was verified")
