"""A chunk of history: consecutive records, each at its place.

Placing a record (its run, its action, its time) is the same for both engines: `contracts.lineage`
says what it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.engine import Engine
from contracts.history import Event
from contracts.lineage import Lineage, Placed
from contracts.model import Verdict
from contracts.results import RuleResult


@dataclass(frozen=True, slots=True)
class Row:
    """One record at its place: what it refers to, and the observations that it cites."""

    placed: Placed
    cited: tuple[Placed, ...] = ()


@dataclass(slots=True)
class Clocks:
    """Which runs have times that can not be put in one order with their places."""

    _last: dict[str, tuple[bool, int]] = field(default_factory=dict[str, tuple[bool, int]])
    _mixed: set[str] = field(default_factory=set[str])

    def mixes(self, placed: Placed) -> bool:
        """Take note of a record; return whether its run's times go back, or are of two clocks."""
        if placed.run is None or placed.time is None:
            return False
        run = placed.run.digest
        known = self._last.get(run)
        if known is not None and (known[0] is not placed.event.imported or placed.time < known[1]):
            self._mixed.add(run)
        # A live record's time never goes back: it is remembered only where there is another clock.
        if placed.event.imported or placed.run.imported:
            self._last[run] = (placed.event.imported, placed.time)
        return run in self._mixed


class Chunk:
    """Consecutive entries of a history, placed.

    Attributes:
        rows: The records, in index order.
        positions: Of each subject the positions of its records.
        first_run: The index of the first entry: runs opened before it are known from before.
        mixed: Whether some run's times can not be put in one order.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.positions: defaultdict[str, list[int]] = defaultdict(list)
        self.mixed = False
        self.unseen = False

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, event: Event, lineage: Lineage, clocks: Clocks) -> Row:
        """Place the next entry, and make it part of the history."""
        placed = lineage.place(event)
        row = self.take(placed, lineage, clocks)
        lineage.remember(placed)
        return row

    def take(self, placed: Placed, lineage: Lineage, clocks: Clocks) -> Row:
        """Take the next entry from whoever placed it, and makes it part of the history then."""
        event = placed.event
        cited = tuple(lineage.cited(event.record)) if placed.subject == "action" else ()
        row = Row(placed, cited)
        if placed.subject:
            self.positions[placed.subject].append(len(self.rows))
        self.rows.append(row)
        self.mixed = clocks.mixes(placed) or self.mixed
        self.unseen = self.unseen or event.unseen
        return row

    def last(self, before: int | None) -> tuple[int, int | None]:
        """Return the last entry's index, and the time of the last live one, else that of before."""
        live = (row.placed.time for row in reversed(self.rows) if not row.placed.event.imported)
        return self.rows[-1].placed.event.index, next(live, before)


@dataclass(slots=True)
class Judged:
    """What came out of a chunk.

    Attributes:
        satisfied: By rule's number, for how many records it held.
        results: By position, what `Engine.observe` would return, without rules that hold.
    """

    satisfied: Counter[int] = field(default_factory=Counter[int])
    results: dict[int, list[RuleResult]] = field(default_factory=dict[int, list[RuleResult]])


def judged_by_rows(
    engine: Engine,
    chunk: Chunk,
    judged: Sequence[bool],
    noting: Callable[[RuleResult], None] | None = None,
) -> Judged:
    """Judge a chunk on the counters, one record after the other.

    Args:
        engine: The contract's engine, whose lineage placed the chunk.
        chunk: The next entries.
        judged: Of each whether its rules are asked.
        noting: Is told of each result that is counted here: of rules that hold.
    """
    found = Judged()
    numbers = {rule.rule.id: number for number, rule in enumerate(engine.rules)}
    for position, row in enumerate(chunk.rows):
        index = row.placed.event.index
        kept: list[RuleResult] = []
        for one in engine.take(row.placed, row.cited, judge=judged[position]):
            if one.verdict is Verdict.SATISFIED and one.index == index:
                found.satisfied[numbers[one.rule.id]] += 1
                if noting is not None:
                    noting(one)
            else:
                kept.append(one)
        if kept:
            found.results[position] = kept
    return found


def runs_of(chunk: Chunk) -> Mapping[int, str]:
    """Return the digests of the runs of a chunk's records, by the entries that opened them."""
    return {
        row.placed.run.index: row.placed.run.digest
        for row in chunk.rows
        if row.placed.run is not None
    }
