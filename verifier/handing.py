"""A verification left in a folder, for another process of one's own to go on with.

To verify a long ledger takes minutes, and what is asked of it later may be answered by a process
that has not done so. What crosses is what the verification said, and what later readings are held
against; the entries do not: they are read from the store, and checked, by whoever goes on. The
folder is to be one that nobody else can write: what lies in it is believed.
Source: docs/adr/0037-a-verification-is-handed-on.md.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import move
from typing import Final

from contracts.model import Contract
from contracts.versions import VersionHistory
from ledger.source import Source
from ledger.store import Store
from verifier.entries import BrokenLedgerError
from verifier.founding import Founding
from verifier.report import Report
from verifier.rereading import Exactly, Left, Proven, Rereading
from verifier.sealed import Place
from verifier.trust import Trust

FILE: Final = "verified.pickle"


@dataclass(frozen=True, slots=True)
class Handed:
    """What crosses.

    Attributes:
        report: What the verification found.
        contracts: The contracts that were in force somewhere in it, by digest.
        versions: Which of them when.
        texts: By digest, the contracts that were published, as text.
        genesis: The digest of the ledger's first record.
        trust: What the verification rests on.
        proven: Whether integrity was proved, and the leaf hashes lie in the folder.
        erasures: Places of sealed values that are known to be erased; None where nobody asked.
    """

    report: Report
    contracts: dict[str, Contract]
    versions: VersionHistory
    texts: Mapping[str, str]
    genesis: str
    trust: Trust | None
    proven: bool
    erasures: frozenset[Place] | None

    def reading(self, store: Source, folder: Path) -> Rereading:
        """Return what reads the entries again, and holds them against what lies in the folder.

        Raises:
            BrokenLedgerError: The store has another beginning by now.
        """
        size = self.report.ledger.size
        # Who may write is as it was: a document that came since may say otherwise of the past.
        founding = Founding.read(store, self.trust, size)
        if founding.genesis != self.genesis:
            raise BrokenLedgerError(0, 2, "changed", "this is another ledger by now")
        if self.proven and isinstance(store, Store):
            return Proven(store, founding, self.trust, size, Left(str(folder)))
        return Exactly(store, founding, self.trust, size, self.erasures)


def hand_over(
    folder: Path,
    report: Report,
    contracts: dict[str, Contract],
    versions: VersionHistory,
    texts: Mapping[str, str],
    reading: Rereading,
) -> None:
    """Leave a verification in an empty folder, and what it proved with it.

    Args:
        folder: Where to; only this process's user may write there.
        report: What the verification found.
        contracts: The contracts that were in force, by digest.
        versions: Which of them when.
        texts: The contracts that were published, by digest.
        reading: What reads its entries: what it holds in files goes into the folder.
    """
    proven = isinstance(reading, Proven)
    if isinstance(reading, Proven):
        for path in sorted(Path(reading.folder.name).iterdir()):
            move(path, folder / path.name)
    found = Handed(
        report,
        contracts,
        versions,
        dict(texts),
        reading.founding.genesis,
        reading.trust,
        proven,
        reading.erasures if isinstance(reading, Exactly) else None,
    )
    # Last, and whole: who finds it finds all of it.
    written = folder / f"{FILE}.new"
    written.write_bytes(pickle.dumps(found))
    written.rename(folder / FILE)


def handed(folder: Path) -> Handed:
    """Return what was left in a folder.

    Raises:
        OSError: Nothing was.
    """
    # A process of one's own wrote it, where nobody else can.
    found = pickle.loads((folder / FILE).read_bytes())  # noqa: S301
    if not isinstance(found, Handed):
        raise TypeError(f"{type(found).__name__} is no verification")
    return found
