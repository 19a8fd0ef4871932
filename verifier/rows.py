"""A chunk of history as tables: one a subject, one row a record, with what conditions read of it.

Placing a record (its run, its action, its time) is the same for both engines, and so are its views:
`contracts.lineage` and `contracts.view` say what they are. Here they become columns.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import pyarrow as pa

from contracts.case import MADE_WHOLE
from contracts.coercion import Value
from contracts.column_facts import NOWHERE
from contracts.column_shapes import NEVER, Shape
from contracts.engine import Engine
from contracts.evaluation import VARIABLES
from contracts.history import Event
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Verdict
from contracts.results import RuleResult
from contracts.view import OBSERVATION_MEMBERS, Absent, Views, identity_view
from verifier.columns import MISSING, Held, Instant, Made, column_of, members_column

Named = Mapping[str, frozenset[str] | None]


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
        cited = tuple(lineage.cited(event.record)) if placed.subject == "action" else ()
        row = Row(placed, cited)
        if placed.subject:
            self.positions[placed.subject].append(len(self.rows))
        self.rows.append(row)
        self.mixed = clocks.mixes(placed) or self.mixed
        self.unseen = self.unseen or event.unseen
        lineage.remember(placed)
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


class Interned:
    """Texts as numbers, the same text as the same number ever after."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []

    def number(self, text: str | None) -> int | None:
        """Return a text's number."""
        if text is None:
            return None
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return found

    def text(self, number: int) -> str:
        """Return a number's text."""
        return self._texts[number]


@dataclass(frozen=True, slots=True)
class Viewed:
    """The records of one subject in a chunk, as a table.

    Attributes:
        positions: Of each row the position of its record in the chunk.
        table: `idx`, `time`, the scopes, and a column a variable.
        shapes: The shape of every variable.
        odd: The rows that hold what no column can.
        longest: The length of the longest list or map in any row.
    """

    positions: Sequence[int]
    table: pa.Table
    shapes: Mapping[str, Shape]
    odd: frozenset[int]
    longest: int


class Tables:
    """Makes tables of chunks, for one contract.

    Args:
        contract: The contract.
        views: Its views.
        named: For each subject, which members of which variables its conditions read; None for
            all of them.
        members: Every name that may be a member of a map in some condition.
    """

    def __init__(
        self,
        contract: Contract,
        views: Views,
        named: Mapping[str, Named],
        members: frozenset[str],
    ) -> None:
        self._service = contract.service
        expected = [rule.expect.over for rule in contract.rules if rule.expect]
        self._overs = {*(fact.over for fact in contract.facts), *expected} - {"run"}
        self._views = views
        self._named = named
        self._members = members
        self.scopes = Interned()

    def viewed(self, chunk: Chunk, subject: str, judged: Sequence[bool]) -> Viewed:
        """Return the table of the records of one subject."""
        positions = chunk.positions[subject]
        rows = [chunk.rows[position] for position in positions]
        columns = dict(self._placing(rows))
        # A contract's rules are for the runs of its own service.
        runs = [row.placed.run for row in rows]
        asked = [
            judged[position] and run is not None and run.opened.get("service") == self._service
            for position, run in zip(positions, runs, strict=True)
        ]
        columns["judged"] = pa.array(asked, pa.bool_())
        shapes: dict[str, Shape] = dict.fromkeys(VARIABLES, NEVER)
        odd: set[int] = set()
        longest = 0
        with self._views.remembering():
            for root, members in self._named[subject].items():
                for shape, array, parts in self._variable(subject, root, members, rows):
                    shapes[root], columns[root] = shape, array
                    odd.update(*(part.odd for part in parts))
                    longest = max([longest, *(part.longest for part in parts)])
        return Viewed(positions, pa.table(columns), shapes, frozenset(odd), longest)

    def _placing(self, rows: Sequence[Row]) -> Iterator[tuple[str, Held]]:
        """Yield where records stand: what facts are taken over."""
        placed = [row.placed for row in rows]
        events = [one.event for one in placed]
        actions = [one.its_action for one in placed]
        runs = [one.run for one in placed]
        yield "idx", pa.array([one.index for one in events], pa.int64())
        yield "time", pa.array([one.time for one in placed], pa.int64())
        yield "imported", pa.array([one.imported for one in events], pa.bool_())
        yield "allowed", pa.array([_allowed(one) for one in actions], pa.bool_())
        yield "closed", pa.array([one is not None and one.closed is not None for one in runs])
        yield "in_no_run", pa.array([one is None for one in runs], pa.bool_())
        tools = ["" if one is None else one.event.record["tool"] for one in actions]
        yield "tool", pa.array(tools, pa.string())
        acts = [None if one is None else one.event.index for one in actions]
        yield "act", pa.array(acts, pa.int64())
        yield "in_run", pa.array([None if one is None else one.index for one in runs], pa.int64())
        number = self.scopes.number
        for over in self._overs:
            scopes = [number(one.scope(over)) for one in placed]
            yield f"in_{over}", pa.array(scopes, pa.int64())

    def scope_text(self, number: int, over: str, runs: Mapping[int, str]) -> str:
        """Return the scope that a number stands for."""
        if over == "run":
            return "" if number == NOWHERE else runs[number]
        return self.scopes.text(number)

    # ------------------------------------------------------------------------- variables

    def _variable(
        self, subject: str, root: str, members: frozenset[str] | None, rows: Sequence[Row]
    ) -> Iterator[tuple[Shape, Held, list[Made]]]:
        """Yield a variable's column, if the records of the subject have it at all."""
        if root in MADE_WHOLE:
            made = column_of(list(self._wholes(root, subject, rows)), self._members)
            yield made.shape, made.array, [made]
            return
        placed = [row.placed for row in rows]
        there = [_has(root, subject, one) for one in placed]
        if not any(there):
            return
        names = self._views.members_of(root) if members is None else sorted(members)
        parts = {name: self._part(root, name, placed, there) for name in names}
        shape, array = members_column(parts, there, whole=members is None)
        yield shape, array, list(parts.values())

    def _part(self, root: str, name: str, placed: Sequence[Placed], there: Sequence[bool]) -> Made:
        if name == "time" and root != "run":
            values: list[Value] = [_instant(root, one) for one in placed]
        else:
            those = placed if all(there) else list(compress(placed, there))
            found = [_known(one) for one in self._views.column(root, name, those)]
            values = found if those is placed else _spread(found, there)
        return column_of(values, self._members)

    def _wholes(self, root: str, subject: str, rows: Sequence[Row]) -> Iterable[Value]:
        """Return a variable that is made as a whole, of each record."""
        if root == "params":
            return [_known(self._views.params(row.placed)) for row in rows]
        if root == "identity":
            # Who wrote is said in few ways, each the same object over and over.
            said = {id(row.placed.event.identity): row.placed.event.identity for row in rows}
            seen = {name: identity_view(identity) for name, identity in said.items()}
            return [seen[id(row.placed.event.identity)] for row in rows]
        if subject != "action":
            return [MISSING] * len(rows)
        names = [name for name in OBSERVATION_MEMBERS if name in self._members]
        cited = {id(one): one for row in rows for one in row.cited}
        shown = {name: self._views.observed(one, names) for name, one in cited.items()}
        return [[shown[id(one)] for one in row.cited] for row in rows]


def _allowed(action: Placed | None) -> bool:
    return action is None or action.counts_as_allowed


def _has(root: str, subject: str, placed: Placed) -> bool:
    """Return whether a record has a variable that is made member by member."""
    if root == "action":
        return placed.its_action is not None
    if root == "run":
        return placed.run is not None
    return root == subject


def _instant(root: str, placed: Placed) -> Value:
    """Return the event time of a record, or of its action."""
    holder = placed.its_action if root == "action" else placed
    return MISSING if holder is None or holder.time is None else Instant(holder.time)


def _known(value: Value) -> Value:
    return MISSING if isinstance(value, Absent) else value


def _spread(values: Iterable[Value], there: Iterable[bool]) -> list[Value]:
    """Return values one a row, where they are there."""
    rest = iter(values)
    return [next(rest) if has else MISSING for has in there]


def runs_of(chunk: Chunk) -> Mapping[int, str]:
    """Return the digests of the runs of a chunk's records, by the entries that opened them."""
    return {
        row.placed.run.index: row.placed.run.digest
        for row in chunk.rows
        if row.placed.run is not None
    }
