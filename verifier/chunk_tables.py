"""A chunk's tables: what conditions read, then conditions and facts in the order of the plan.

Every condition becomes a column of the table of the records that it is asked of, and every fact a
column of those that ask for it. What no column can say of a record is asked of CEL.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from contracts.case import Case, Groups, limits_for
from contracts.coercion import Value
from contracts.column_plan import Asked, FactGroup
from contracts.column_shapes import BOOL, NEVER, Shape, loaded, record
from contracts.column_shapes import field as field_name
from contracts.column_walks import Joined, selection
from contracts.columns import Column, Fallback
from contracts.facts import FactResult
from contracts.view import Absent
from verifier.asked_columns import fact_column, question, read_columns, told
from verifier.chunk_verdicts import among
from verifier.column_setup import ColumnSetup
from verifier.columns import MISSING, Held, arrow_type, column_of, longest_of, places_of, taken
from verifier.fact_columns import GroupRun
from verifier.fact_sources import tools_sql
from verifier.fact_state import RowsNeededError, Subject, plain_values
from verifier.record_tables import Viewed
from verifier.rows import Chunk
from verifier.workspace import arrow_of

_NOTHING: Final = Joined((), "CAST(NULL AS BOOLEAN)")


class ColumnCase(Case):
    """A record whose facts are those that the columns say."""

    __slots__ = ("_columns", "_row")

    def by_columns(self, subject: Subject, row: int) -> "ColumnCase":
        """Read facts from this row."""
        self._columns, self._row = subject, row
        return self

    def fact(self, name: str) -> FactResult:
        """Return a fact as of the record; of one that has no value, only that."""
        column = fact_column(name)
        shape = self._columns.shapes.get(column)
        held = None if shape is None else self._columns.table[column][self._row].as_py()
        if shape is None or held is None:
            return FactResult(None, "it has no value")
        return FactResult(loaded(shape, held))


class ChunkTables:
    """The tables of one chunk: `view`, then `compute`.

    Attributes:
        subjects: By subject its table.
        viewed: By subject what was known before anything was computed.
        groups: The groups of facts, computed.
    """

    def __init__(self, setup: ColumnSetup, chunk: Chunk, judged: Sequence[bool]) -> None:
        self._setup = setup
        self._chunk = chunk
        self._judged = judged
        self._world = setup.engine.world
        self._database = setup.database
        self.subjects: dict[str, Subject] = {}
        self.viewed: dict[str, Viewed] = {}
        self.groups: list[GroupRun] = []
        self._fact_shapes: defaultdict[str, dict[str, Shape]] = defaultdict(dict)
        # A condition that is asked alone is shown what it reads, and nothing else.
        self._alone = Groups((), (), self._world.top)
        self._rows: dict[tuple[str, frozenset[str]], list[int]] = {}
        self._indexes = [row.placed.event.index for row in chunk.rows]
        self._first = self._indexes[0] if chunk.rows else 0

    def view(self) -> None:
        """Make the tables of what conditions read.

        Raises:
            RowsNeededError: The order is not that of a valid ledger.
        """
        live = [row.placed.time for row in self._chunk.rows if not row.placed.event.imported]
        times = np.array([-1 if one is None else one for one in live], np.int64)
        if (np.diff(self._indexes) <= 0).any() or (np.diff(times) < 0).any() or (times < 0).any():
            raise RowsNeededError  # the engine says what is wrong
        for name, viewed in self._setup.tables.viewed(self._chunk, self._judged):
            self.viewed[name] = viewed
            self.subjects[name] = Subject(name, viewed.table, dict(viewed.shapes))
            self.register(name)

    def compute(self) -> None:
        """Make every condition and every fact a column.

        Raises:
            RowsNeededError: The chunk holds what no column can, or there is no room for it.
        """
        try:
            self._compute()
        except duckdb.OutOfMemoryException as error:
            raise RowsNeededError from error
        for run in self.groups:
            run.keep()

    def _compute(self) -> None:
        plan = self._setup.plan
        for depth in range(plan.stages):
            if depth == plan.limits_depth:
                self._choose_limits()
            for subject in self.subjects.values():
                self._ask(subject, plan.asked[depth])
            for group in plan.groups[depth]:
                self._answer(group)

    def register(self, name: str) -> None:
        """Let the database know a table as it is now."""
        subject = self.subjects[name]
        self._database.register(subject.source, subject.table)

    # ------------------------------------------------------------------------ conditions

    def _ask(self, subject: Subject, stage: Iterable[Asked]) -> None:
        """Add the columns of a stage's conditions."""
        mine = [one for one in stage if subject.name in one.need.subjects]
        if not mine:
            return
        made: dict[str, tuple[Shape, Held]] = {}
        for tools, some in by_tools(mine, subject.name):
            found = self.selected(subject, tools, some)
            for asked in some:
                shape, array = found[asked.name]
                rows, why = self._by_record(subject, tools, asked)
                if rows:
                    self._setup.asking.note(asked.condition.text, why, len(rows))
                    shape, array = self._patched(subject, asked, shape, array, rows)
                made[asked.name] = shape, array.cast(arrow_type(shape))
        for asked in mine:
            shape, array = made[asked.name]
            subject.shapes[asked.name] = shape
            subject.table = subject.table.append_column(asked.name, array)
        self.register(subject.name)

    def _by_record(
        self, subject: Subject, tools: frozenset[str] | None, asked: Asked
    ) -> tuple[Sequence[int], str]:
        """Return the rows of which CEL has to be asked, and why."""
        column = self._column(subject, asked)
        rows = self._rows_of(subject, tools)
        if isinstance(column, Fallback):
            return rows, column.reason
        if column.longest is not None and self.longest(subject, asked) > column.longest:
            return rows, f"a list or map of more than {column.longest} elements"
        odd = self.viewed[subject.name].odd
        return sorted(odd.intersection(rows)) if odd else (), "a value that no column can hold"

    def selected(
        self, subject: Subject, tools: frozenset[str] | None, some: Sequence[Asked]
    ) -> dict[str, tuple[Shape, Held]]:
        """Return conditions as columns, null for the records of other tools.

        What several conditions have in common is computed once.
        """
        shapes: dict[str, Shape] = {}
        conditions: dict[str, Joined] = {}
        for asked in some:
            column = self._column(subject, asked)
            if isinstance(column, Fallback):
                shapes[asked.name] = BOOL if asked.truth else NEVER
                conditions[asked.name] = _NOTHING
            else:
                shapes[asked.name] = column.shape
                conditions[asked.name] = column.joined
        where = "" if tools is None else f" WHERE {tools_sql(tools)}"
        source = f"(SELECT * FROM ({self._from(subject, some)}){where})"
        found = arrow_of(self._database, selection(conditions, source))
        arrays = {asked.name: found[asked.name].combine_chunks() for asked in some}
        if tools is not None:
            rows = self._rows_of(subject, tools)
            places = np.full(subject.table.num_rows, -1)
            places[rows] = np.arange(len(rows))
            arrays = {name: taken(one, places, places < 0) for name, one in arrays.items()}
        return {name: (shapes[name], array) for name, array in arrays.items()}

    def _column(self, subject: Subject, asked: Asked) -> Column | Fallback:
        """Return a condition compiled for a subject's table as it is now."""
        return self._setup.column(asked, self._variables(subject, asked))

    def _variables(self, subject: Subject, asked: Asked) -> dict[str, Shape]:
        """Return the shapes of the variables that a condition may see."""
        condition = asked.condition
        shapes = dict(self.viewed[subject.name].shapes)
        if self._world.limits_level <= condition.level and "limits" in subject.shapes:
            shapes["limits"] = subject.shapes["limits"]
        known = {
            name: shape
            for name, shape in self._fact_shapes[subject.name].items()
            if self._world.level(name) < condition.level and name in condition.reads.facts
        }
        shapes["facts"] = record(known, whole=False)
        return shapes

    def _from(self, subject: Subject, some: Sequence[Asked]) -> str:
        """Return what some conditions read of the subject's table, the facts in one variable."""
        reads = frozenset[str]().union(*(one.condition.reads.facts for one in some))
        roots = {"idx", "tool"}.union(*(one.condition.reads.members for one in some))
        columns = ", ".join(f'"{one}"' for one in subject.table.column_names if one in roots)
        known = sorted(reads & self._fact_shapes[subject.name].keys())
        held = ", ".join(f'"{field_name(name)}" := "{fact_column(name)}"' for name in known)
        facts = f"struct_pack({held})" if held else "CAST(ROW(true) AS STRUCT(_ BOOLEAN))"
        return f"SELECT {columns}, {facts} AS facts FROM {subject.source}"

    def longest(self, subject: Subject, asked: Asked) -> int:
        """Return a length that no list or map exceeds which a condition may walk."""
        reads = asked.condition.reads
        names = [fact_column(name) for name in reads.facts]
        names += ["limits"] if "limits" in reads.members else []
        lengths = [
            longest_of(subject.shapes[name], subject.table[name].combine_chunks())
            for name in names
            if name in subject.shapes
        ]
        return max([self.viewed[subject.name].longest, *lengths])

    def _rows_of(self, subject: Subject, tools: frozenset[str] | None) -> Sequence[int]:
        """Return the rows of the records of some tools, None for all."""
        if tools is None:
            return range(subject.table.num_rows)
        known = self._rows.get((subject.name, tools))
        if known is None:
            known = np.flatnonzero(among(subject.table, tools)).tolist()
            self._rows[subject.name, tools] = known
        return known

    def _patched(
        self, subject: Subject, asked: Asked, shape: Shape, array: Held, rows: Sequence[int]
    ) -> tuple[Shape, Held]:
        """Return a column with what CEL says of some rows."""
        values = plain_values(shape, array)
        for row, answer in self._said(subject, asked, rows):
            values[row] = answer
        made = column_of(values)
        if made.odd:
            raise RowsNeededError
        if asked.truth:
            return BOOL, made.array.cast(pa.bool_())
        return made.shape, made.array

    def _said(
        self, subject: Subject, asked: Asked, rows: Sequence[int]
    ) -> Iterator[tuple[int, Value]]:
        """Yield what CEL says of some rows: of its columns where they hold all that it reads."""
        # What may be seen of a record with sealed values is known only where the record is.
        shapes = {} if self._world.unseen else self._variables(subject, asked)
        seen = question(asked.condition, shapes, truth=asked.truth) if shapes else None
        odd = self.viewed[subject.name].odd
        if seen is not None:
            fit = [row for row in rows if row not in odd] if odd else rows
            held = read_columns(seen, subject.table, fit)
            yield from zip(fit, self._setup.asking.answers(seen, held), strict=True)
            rows = [row for row in rows if row in odd]
        for row in rows:
            yield row, told(self._case(subject, row).ask(asked.condition), truth=asked.truth)

    def _case(self, subject: Subject, row: int) -> ColumnCase:
        held = self._chunk.rows[self.viewed[subject.name].positions[row]]
        case = ColumnCase(self._world, held.placed, self._alone, held.cited)
        return case.by_columns(subject, row)

    # ---------------------------------------------------------------------------- limits

    def _choose_limits(self) -> None:
        """Add the variable `limits` where it is read."""
        plan = self._setup.plan
        for name in plan.limits_need.subjects:
            subject = self.subjects.get(name)
            if subject is None:
                continue
            count = subject.table.num_rows
            by = [
                plain_values(subject.shapes[each], subject.table[each].combine_chunks())
                for each in plan.limits_by
            ]
            cases: list[tuple[Value, ...]] = list(zip(*by, strict=True)) if by else [()] * count
            made: dict[str, int] = {}
            chosen: list[Value] = []
            places: list[int] = []
            for case in cases:
                key = repr(case)
                if key not in made:
                    made[key] = len(chosen)
                    chosen.append(self._limits(case))
                places.append(made[key])
            column = column_of(chosen)
            if column.odd:
                raise RowsNeededError
            subject.shapes["limits"] = column.shape
            array = taken(column.array, places, np.zeros(count, bool))
            subject.table = subject.table.append_column("limits", array)
            self.register(name)

    def _limits(self, case: tuple[Value, ...]) -> Value:
        if any(value is MISSING for value in case):
            return MISSING
        found = limits_for(self._world.contract.limits, case)
        return MISSING if isinstance(found, Absent) else found

    def _answer(self, group: FactGroup) -> None:
        """Add the columns of a group's facts to the tables of whoever asks."""
        state = self._setup.states[id(group)]
        run = GroupRun(self._database, state, self.subjects, self._first)
        answers = run.answers()
        self.groups.append(run)
        names = sorted(self.subjects)
        for number, name in enumerate(names):
            mine = np.flatnonzero(answers.subjects == number)
            if not len(mine):
                continue
            subject = self.subjects[name]
            mine = mine[np.argsort(answers.indexes[mine])]
            places = places_of(answers.indexes[mine], subject.indexes)
            there = answers.indexes[mine][places] == subject.indexes
            for fact, (shape, values) in answers.facts.items():
                column = fact_column(fact)
                subject.shapes[column] = self._fact_shapes[name][fact] = shape
                subject.table = subject.table.append_column(
                    column, taken(values, mine[places], ~there)
                )
            self.register(name)


def by_tools(
    asked: Iterable[Asked], subject: str
) -> list[tuple[frozenset[str] | None, list[Asked]]]:
    """Return conditions together that are asked of records of the same tools."""
    found: dict[frozenset[str] | None, list[Asked]] = {}
    for one in asked:
        tools = one.need.subjects[subject]
        found.setdefault(None if tools is None else frozenset(tools), []).append(one)
    return list(found.items())
