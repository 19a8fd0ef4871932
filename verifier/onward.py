"""Records decided again from where that was done before: only those that are new.

Integrity is proved first, for all of the ledger (`verifier.ordinary`). Then what was judged up to a
head is taken up from the auditor's state, and the entries after it are read and judged. What comes
out is what judging all of them gives; where it cannot be gone on, all of them are judged.
Source: docs/adr/0025-records-are-judged-once.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.errors import SnapshotError
from ledger.errors import LedgerError
from ledger.store import Store
from verifier.conformance import Judge
from verifier.engines import Engines
from verifier.errors import SourceError, UnusualError
from verifier.findings import Finding
from verifier.kept_judging import KeptError, hindrance, parsed, take_up, written
from verifier.ordinary import Proved, uncollected
from verifier.places import Places, placed
from verifier.proven import ProvenReading
from verifier.report import Conformance
from verifier.state import JUDGED, State
from verifier.tables import Tables

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What judging found."""

    conformance: Conformance
    findings: tuple[Finding, ...]


def decided(
    store: Store,
    found: Proved,
    state: State,
    engines: Engines,
    progress: Progress | None = None,
) -> Decided | None:
    """Judge a ledger whose integrity was just proved, and keep what is known at its last head.

    Args:
        store: What is read.
        found: What was proved, with this state.
        state: What was kept before. It is replaced.
        engines: Which engine judges, where all has to be judged.
        progress: Called now and then with how many entries were read, and how many there are.

    Returns:
        What was found; None where an entry is not what was proved, and the exact reading has to
        say so.

    Raises:
        StateError: What is kept is damaged.
    """
    try:
        return _Onward(store, found, state, engines, progress).decided()
    except (UnusualError, LedgerError, SourceError):
        return None


class _Onward:
    def __init__(
        self,
        store: Store,
        found: Proved,
        state: State,
        engines: Engines,
        progress: Progress | None,
    ) -> None:
        with Tables(state.work) as tables:
            leaves = bytearray(b"".join(tables.leaves()))
        self._store = store
        self._found = found
        self._state = state
        self._reading = ProvenReading(store, found.founding, found.size, leaves, progress)
        self._judge = Judge(found.founding, self._reading, engines=engines)

    def decided(self) -> Decided:
        with uncollected():
            self._take_up()
        began = self._reading.at
        verified = self._found.kept[0] if self._found.kept else self._state.verified
        head = 0 if verified is None else verified.size
        body: bytes | None = None
        if head > self._reading.at:
            self._observe(head)
            body = self._written()
        self._observe(self._found.size)
        conformance, drafts = self._judge.finish()
        places = Places(self._store, self._reading)
        findings = placed(drafts, self._found.founding.genesis, places)
        self._keep(body)
        self._state.judged_from = began
        return Decided(conformance, findings)

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

    def _observe(self, stop: int) -> None:
        for valid in self._reading.entries(stop):
            self._judge.observe(valid)

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
