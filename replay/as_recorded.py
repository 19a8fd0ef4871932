"""History judged again by candidates, on the facts as they happened: what-if *as recorded*.

Each action is judged by the contract that was in force for it, as the verifier derives it, and by
every candidate of its service, in one pass. Nothing that a candidate denies is taken out of
history: that is `replay.cascade`. Source: docs/spec/whatif.md.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from contracts.history import Event
from contracts.lineage import Lineage, Placed
from contracts.model import Contract
from contracts.versions import VersionHistory
from replay.decided_again import DecidedAgain, Judgements, Said
from replay.folding import Folding, Mask, Places
from replay.history import EVERY, Filling, History, Step, chunks
from replay.merged_judging import BROKEN, MergedJudging, Verdicts
from replay.merging import ACTION, Merged, Share, merged
from replay.supposed import without
from verifier.asking import Asking
from verifier.engines import Engines
from verifier.judging import CHUNK, LONG
from verifier.load import VerifiedLedger
from verifier.ordinary import uncollected
from verifier.rows import Chunk, Clocks
from verifier.spilling import SpillingLineage

VERSIONED: Final = frozenset({"contract", "activation"})


def as_recorded(
    ledger: VerifiedLedger,
    history: History,
    candidates: Sequence[Contract],
    engines: Engines = Engines.AUTO,
    *,
    cases: bool = False,
    left_out: Sequence[str] = (),
    step: Step | None = None,
) -> Judgements:
    """Judge a ledger's actions again by candidates.

    Args:
        ledger: The ledger.
        history: What was read of it.
        candidates: The contracts that might be, or might have been, in force.
        engines: Which engine judges; both say the same.
        cases: Whether it is asked of which case of the limits each action is.
        left_out: Patterns of the ids of rules that are asked of no contract.
        step: Called now and then with how many entries were read, and how many there are.

    Raises:
        BrokenLedgerError: The store was changed since it was verified.
    """
    in_force = {digest: without(one, left_out) for digest, one in history.contracts.items()}
    asked = [without(one, left_out) for one in candidates]
    judging = Rejudging(in_force, asked, engines, cases=cases)
    # Chunks hold many small objects for a while: to look for circles in them takes as long again.
    with uncollected():
        for number, event in enumerate(ledger.events()):
            judging.add(event)
            if step is not None and number % EVERY == 0:
                step(number, history.size)
        return judging.finish()


def judged_while_read(
    ledger: VerifiedLedger,
    candidates: Sequence[Contract],
    engines: Engines = Engines.AUTO,
    *,
    cases: bool = False,
    left_out: Sequence[str] = (),
    step: Step | None = None,
) -> tuple[History, Judgements]:
    """Read a ledger as acts and runs, and judge its actions again by candidates, in one pass.

    Arguments and errors are those of `as_recorded`, and so is what comes of it.
    """
    in_force = {digest: without(one, left_out) for digest, one in ledger.contracts.items()}
    asked = [without(one, left_out) for one in candidates]
    history = History(contracts=dict(ledger.contracts), size=ledger.report.ledger.size)
    lineage = SpillingLineage()
    judging = Rejudging(
        in_force, asked, engines, cases=cases, lineage=lineage, versions=history.versions
    )
    filling = Filling(history, judging.watch, lineage)
    with uncollected():
        for chunk in chunks(ledger.events(), CHUNK):
            filling.take(chunk, step)
            judging.judge()
        return history, judging.finish()


class Rejudging:
    """Judges events again, one after the other.

    Whoever places them anyway shares lineage and versions, and calls `watch` and `judge`; whoever
    does not calls `add`.

    Args:
        contracts: Those that may be in force, by digest.
        candidates: The candidates.
        engines: Which engine judges.
        made: The contracts and then the candidates, merged; by default as far as that goes.
        cases: Whether it is asked of which case of the limits each action is.
        lineage: What places the events, where somebody else does that.
        versions: Which contract was in force when, where somebody else keeps that.
    """

    def __init__(
        self,
        contracts: Mapping[str, Contract],
        candidates: Sequence[Contract],
        engines: Engines = Engines.AUTO,
        made: Sequence[Merged] | None = None,
        *,
        cases: bool = False,
        lineage: SpillingLineage | None = None,
        versions: VersionHistory | None = None,
    ) -> None:
        every = [*contracts.values(), *candidates]
        asking = Asking()
        self._lineage = SpillingLineage() if lineage is None else lineage
        self._clocks = Clocks()
        self._versions = VersionHistory() if versions is None else versions
        self._chunk = Chunk()
        self._contracts = contracts
        self._numbers = {digest: number for number, digest in enumerate(contracts)}
        self._groups = [
            _Group(MergedJudging(one, self._lineage, engines, asking))
            for one in (merged(every, cases=cases) if made is None else made)
        ]
        self._baseline = DecidedAgain()
        self._again = [DecidedAgain(contract) for contract in candidates]
        self._ungoverned = array("q")
        self._waiting: list[Event] = []
        self._long = False

    def add(self, event: Event) -> None:
        """Take the next event."""
        if event.record["kind"] in VERSIONED:
            self._versions.observe(event)
        self._waiting.append(event)
        if len(self._waiting) == CHUNK:
            self._place()

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Take the next event from whoever placed it, before the lineage remembers it."""
        self._chunk.take(placed, lineage, self._clocks)

    def finish(self) -> Judgements:
        """Return what was decided, once every event was taken."""
        self._place()
        for each in (self._baseline, *self._again):
            each.sort()
        first = len(self._numbers)
        cases = {share.number: group.cases for group in self._groups for share in group.shares}
        told = tuple(cases[first + number] for number in range(len(self._again)))
        return Judgements(self._baseline, self._ungoverned, tuple(self._again), told)

    def _place(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._lineage.expect(waiting)
        for event in waiting:
            self._chunk.add(event, self._lineage, self._clocks)
        self.judge()
        if self._long:
            self._lineage.spill()

    def judge(self) -> None:
        """Judge what was taken since, and let it count."""
        chunk, self._chunk = self._chunk, Chunk()
        if not len(chunk):
            return
        live = sum(not row.placed.event.imported for row in chunk.rows)
        self._long = self._long or live >= LONG
        acts = [chunk.rows[position].placed for position in chunk.positions[ACTION]]
        in_force = np.array([self._in_force(placed) for placed in acts], np.int64)
        self._ungoverned.extend(
            placed.event.index
            for placed, one in zip(acts, in_force.tolist(), strict=True)
            if one < 0
        )
        self._baseline.judged += int(np.count_nonzero(in_force >= 0))
        for group in self._groups:
            self._take(group, chunk, acts, in_force)

    def _in_force(self, placed: Placed) -> int:
        """Return the number of the contract in force for an action; -1 where there is none."""
        event, service = placed.event, _service(placed)
        found = self._versions.in_force_at(
            service, event.index, placed.time, imported=event.imported
        )
        contract = None if found is None else self._contracts.get(found.digest)
        if found is None or contract is None or contract.service != service:
            return -1
        return self._numbers[found.digest]

    def _take(
        self, group: "_Group", chunk: Chunk, acts: Sequence[Placed], in_force: Places
    ) -> None:
        """Judge a chunk by a group's contracts, and keep what each decides."""
        mine = np.array([_service(placed) == group.service for placed in acts], bool)
        judged = [False] * len(chunk)
        for position, one in zip(chunk.positions[ACTION], mine.tolist(), strict=True):
            judged[position] = one
        count = len(self._numbers)
        masks = [
            mine if share.number >= count else in_force == share.number for share in group.shares
        ]
        for share, found in group.judged(chunk, judged, masks, long=self._long):
            again = share.number >= count
            kept = self._again[share.number - count] if again else self._baseline
            kept.judged += int(np.count_nonzero(mine)) if again else 0
            for at, said in found:
                kept.add(acts[at].event.index, said)


def _service(placed: Placed) -> str:
    return "" if placed.run is None else placed.run.opened["service"]


class _Group:
    """A merged contract, and what comes of it for each of its contracts."""

    def __init__(self, judging: MergedJudging) -> None:
        self._judging = judging
        self.service = judging.merged.contract.service
        self.shares = judging.merged.shares
        self.cases: dict[int, str] = {}
        self._foldings = [Folding(share, judging.engine) for share in self.shares]

    def judged(
        self, chunk: Chunk, judged: Sequence[bool], masks: Sequence[Mask], *, long: bool
    ) -> Iterator[tuple[Share, Iterator[tuple[int, Said]]]]:
        """Judge a chunk; yield for each contract what it decides, by the actions' places.

        Args:
            chunk: The next entries.
            judged: Of each entry whether some contract is asked about it.
            masks: Of each contract, about which actions it is asked.
            long: Whether the ledger is a long one.
        """

        def wanting(verdicts: Verdicts) -> set[tuple[int, int]]:
            return {
                pair
                for folding, mask in zip(self._foldings, masks, strict=True)
                for pair in folding.undecidable(
                    verdicts.codes, folding.against(verdicts.codes, mask)
                )
            }

        verdicts = self._judging.judge(chunk, judged, wanting, long=long)
        acts = [chunk.rows[position].placed for position in verdicts.positions]
        for case, number in self._judging.merged.cases:
            for place in np.flatnonzero(verdicts.codes[:, number] == BROKEN).tolist():
                self.cases[acts[place].event.index] = case
        for folding, mask in zip(self._foldings, masks, strict=True):
            places = folding.against(verdicts.codes, mask)
            yield folding.share, folding.said(verdicts, places, acts)
