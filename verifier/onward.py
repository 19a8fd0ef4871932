"""Records decided again of a ledger whose integrity is proved: all of them, or those that are new.

The proof (`verifier.ordinary`) comes first, or is made in other processes at the same time. Then
what was judged up to a head is taken up from the auditor's state, where there is one, and the
entries after it are read and judged. What comes out is what judging all of them gives; where it
cannot be gone on, all of them are judged.
Source: docs/adr/0025-records-are-judged-once.md; docs/adr/0029-what-crosses-partitions.md.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import SnapshotError
from contracts.model import Contract
from contracts.versions import VersionHistory
from ledger.errors import LedgerError
from ledger.store import Store
from verifier import leaves
from verifier.asking import Asking
from verifier.conformance import Judge
from verifier.engines import Engines
from verifier.errors import SourceError, UnusualError
from verifier.findings import Finding
from verifier.founding import Founding
from verifier.kept_judging import KeptError, hindrance, parsed, take_up, written
from verifier.leaves import Leaves
from verifier.ordinary import Proved, uncollected
from verifier.places import Places, placed
from verifier.pointed import Pointed
from verifier.proven import ProvenReading
from verifier.report import Conformance
from verifier.state import JUDGED, State

Progress = Callable[[int, int], None]
LEAVES = "leaves"
"""The table of leaf hashes that a proof makes."""
MET = "met"
"""Those that judging met, where the proof is made at the same time."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What judging found, and on what it rested.

    Attributes:
        founding: Who may write.
        contracts: The contracts at work, by digest; `versions` says which was in force when.
    """

    conformance: Conformance
    findings: tuple[Finding, ...]
    founding: Founding
    contracts: dict[str, Contract]
    versions: VersionHistory


@dataclass(frozen=True, slots=True)
class How:
    """How records are decided again.

    Attributes:
        engines: Which engine judges, where all has to be judged.
        asking: Whoever asks CEL what no column says; by default this process alone.
        progress: Called now and then with how many entries were read, and how many there are.
    """

    engines: Engines
    asking: Asking | None = None
    progress: Progress | None = None


class Judged:
    """One judging of a store's entries.

    Args:
        store: What is read.
        founding: Step 0, with every governance record.
        size: How many entries there are.
        folder: Where the proof's tables lie.
        held: The leaf hashes that are compared, or kept.
        how: How it is done.
    """

    def __init__(
        self, store: Store, founding: Founding, size: int, folder: Path, held: Leaves, how: How
    ) -> None:
        self._store = store
        self._founding = founding
        pointed = Pointed(folder)
        self.reading = ProvenReading(store, founding, size, held, pointed, how.progress)
        self.judge = Judge(founding, self.reading, engines=how.engines, asking=how.asking)

    def observe(self, stop: int) -> None:
        """Judge the entries up to one.

        Raises:
            UnusualError: One is not as it was proved.
        """
        with uncollected():
            for valid in self.reading.entries(stop):
                self.judge.observe(valid)

    def finish(self) -> Decided:
        """Return what was found, once the proof is there."""
        with uncollected():
            conformance, drafts = self.judge.finish()
            places = Places(self._store, self.reading)
            findings = placed(drafts, self._founding.genesis, places)
            return Decided(
                conformance, findings, self._founding, self.judge.contracts, self.judge.versions
            )


def decided(
    store: Store, found: Proved, folder: Path, state: State | None, how: How
) -> Decided | None:
    """Judge a ledger whose integrity was just proved, and keep what is known at its last head.

    Args:
        store: What is read.
        found: What was proved, with this state.
        folder: Where the proof's tables lie.
        state: What was kept before. It is replaced.
        how: How it is done.

    Returns:
        What was found; None where an entry is not what was proved, and the exact reading has to
        say so.

    Raises:
        StateError: What is kept is damaged.
    """
    try:
        with ExitStack() as opened:
            held = leaves.Proved(folder / LEAVES)
            opened.callback(held.close)
            judged = Judged(store, found.founding, found.size, folder, held, how)
            if state is not None:
                return _Onward(judged, found, state).decided()
            judged.observe(found.size)
            return judged.finish()
    except (UnusualError, LedgerError, SourceError):
        return None


class _Onward:
    """Goes on from a state."""

    def __init__(self, judged: Judged, found: Proved, state: State) -> None:
        self._judged = judged
        self._found = found
        self._state = state
        self._reading = judged.reading
        self._judge = judged.judge

    def decided(self) -> Decided:
        with uncollected():
            self._take_up()
        began = self._reading.at
        verified = self._found.kept[0] if self._found.kept else self._state.verified
        head = 0 if verified is None else verified.size
        body: bytes | None = None
        if head > self._reading.at:
            self._judged.observe(head)
            body = self._written()
        self._judged.observe(self._found.size)
        said = self._judged.finish()
        self._keep(body)
        self._state.judged_from = began
        return said

    def _take_up(self) -> None:
        raw = self._state.judged()
        if raw is None:
            return
        try:
            kept = parsed(raw)
            self._state.why = hindrance(kept, self._judge)
            if self._state.why:
                return
            self._check_size(kept["size"])
            take_up(kept, self._judge, self._reading)
        except KeptError as error:
            raise self._state.damaged(f"{JUDGED} is not what is kept of conformance") from error

    def _check_size(self, size: int) -> None:
        """It was kept with a head, or with an earlier one."""
        if self._state.verified is None or not 0 < size <= self._state.verified.size:
            raise KeptError

    def _written(self) -> bytes:
        try:
            with uncollected():
                return written(self._judge, self._reading)
        except SnapshotError as error:
            self._state.why = f"nothing can be kept of that: {error}"
            return b""

    def _keep(self, body: bytes | None) -> None:
        state, kept = self._state, self._found.kept
        if body is None and kept is None:
            return
        if kept is None:
            if state.verified is None:
                return
            kept = state.verified, state.lengths()
        verified, lengths = kept
        if body is not None:
            (state.work / JUDGED).write_bytes(body)
            lengths = {**lengths, JUDGED: len(body)}
        state.keep(verified, lengths)
