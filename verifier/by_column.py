"""A contract's rules over chunks of history, by column.

The same contract, the same records and the same meaning as `contracts.engine`, which takes one
record after the other. Here conditions run over tables, and facts are prefix sums
(`contracts.column_facts`). What comes out of a chunk is which rules do not hold for which record:
those few results are made by the engine on its counters, which are brought along from chunk to
chunk by what the columns say. Where both differ, nothing is reported but that.

A condition that has no column, and a record that no column holds, are asked of CEL. A chunk in
which times do not follow the order of places, or records are held back, is the engine's alone.
Source: docs/adr/0023-facts-by-column.md.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.case import Case, World, limits_for
from contracts.coercion import Value
from contracts.column_duties import Followers, Triggers, met_sql
from contracts.column_facts import keys_sql
from contracts.column_plan import Asked, ColumnPlan, FactGroup, RuleAsked
from contracts.column_shapes import (
    BOOL,
    NEVER,
    Shape,
    loaded,
    record,
)
from contracts.column_shapes import field as field_name
from contracts.columns import Column, Fallback, compile_condition, compile_value
from contracts.engine import Engine
from contracts.evaluation import Condition, Undecidable
from contracts.facts import FactMemory, FactResult
from contracts.model import Verdict
from contracts.results import RuleResult
from contracts.trees import names_in
from contracts.view import Absent
from verifier.columns import MISSING, arrow_type, column_of
from verifier.errors import EnginesDifferError
from verifier.fact_columns import GroupRun, tools_sql
from verifier.fact_feed import Feed, Reasons
from verifier.fact_state import GroupState, RowsNeededError, Subject, plain_values
from verifier.rows import Chunk, Judged, Row, Tables, Viewed, judged_by_rows, runs_of

_HOLDS, _BROKEN, _UNKNOWN = 1, 2, 3
_END: Final = 2**63
_VERDICTS: Final = {_BROKEN: Verdict.VIOLATED, _UNKNOWN: Verdict.UNDECIDABLE}


def fact_column(name: str) -> str:
    """Return the name of a fact's column: the database does not tell capital letters apart."""
    return f"fact_{field_name(name)}"


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


class ColumnEngine:
    """One contract over chunks of history.

    Args:
        engine: The engine whose counters are brought along.
        threads: How many threads the database may use.
    """

    def __init__(self, engine: Engine, threads: int = 1) -> None:
        self._engine = engine
        self._world: World = engine.world
        self._plan = ColumnPlan(engine.world, engine.rules, engine.waiting)
        members = _member_names(self._plan)
        self._named = _named(self._plan)
        self._tables = Tables(engine.contract, engine.world.views, self._named, members)
        self._database = duckdb.connect()
        self._database.execute(f"SET threads = {threads}")
        self._compiled: dict[tuple[object, ...], Column | Fallback] = {}
        self.fallbacks: dict[str, str] = {}
        every = [group for groups in self._plan.groups for group in groups]
        self.states = {
            id(group): GroupState(self._database, number, group)
            for number, group in enumerate(every)
        }
        self.reasons = Reasons()
        self.on_counters = False

    def judge(self, chunk: Chunk, judged: Sequence[bool]) -> Judged:
        """Judge a chunk, and let it count.

        Args:
            chunk: The next entries.
            judged: Of each whether its rules are asked: whether the contract is in force for it.

        Raises:
            EnginesDifferError: Columns and counters say different things of a record.
        """
        if not self.on_counters:
            try:
                if not (self._world.withholding or chunk.mixed):
                    return self._by_columns(chunk, judged)
            except RowsNeededError:
                pass
            self._to_counters()
        return judged_by_rows(self._engine, chunk, judged)

    def _to_counters(self) -> None:
        """Hand history to the counters: from here on they alone judge."""
        self.on_counters = True
        for memory in self._world.facts.values():
            memory.clear()
        lineage = self._world.lineage
        scopes_of, digests = lineage.runs_by_index(), lineage.actions_by_index()
        for state in self.states.values():
            group = state.group
            values = [state.every_value(number) for number in range(len(group.facts))]
            rows = iter(state.every().to_pylist())
            feed = Feed(
                state,
                set(self._world.facts),
                rows,
                lambda number, index, values=values: values[number].get(index),
                self.scopes(group.over, scopes_of),
                digests,
                self.reasons,
            )
            feed.up_to(_END)

    def scopes(self, over: str, runs: Mapping[int, str]) -> Callable[[int], str]:
        return lambda number: self._tables.scope_text(number, over, runs)

    def _by_columns(self, chunk: Chunk, judged: Sequence[bool]) -> Judged:
        run = ChunkRun(self, chunk, judged)
        unseen = self._world.unseen
        try:
            self._world.unseen = unseen or chunk.unseen
            run.view()
            run.compute()
        finally:
            self._world.unseen = unseen
        return run.replayed()

    # ------------------------------------------------------------- for the runs of chunks

    @property
    def engine(self) -> Engine:
        """The engine on counters."""
        return self._engine

    @property
    def plan(self) -> ColumnPlan:
        """The plan."""
        return self._plan

    @property
    def tables(self) -> Tables:
        """What makes tables of chunks."""
        return self._tables

    @property
    def database(self) -> duckdb.DuckDBPyConnection:
        """The database."""
        return self._database

    @property
    def subjects(self) -> Iterable[str]:
        """The subjects of which something is asked."""
        return self._named

    def column(self, asked: Asked, shapes: Mapping[str, Shape]) -> Column | Fallback:
        """Return a condition compiled for tables of these shapes."""
        reads = sorted(
            {*asked.condition.reads.members, *(("facts",) if asked.condition.reads.facts else ())}
        )
        key = (asked.name, *(shapes.get(root, NEVER) for root in reads))
        found = self._compiled.get(key)
        if found is None:
            make = compile_condition if asked.truth else compile_value
            found = make(asked.condition.program, shapes)
            if asked.condition.reads.whole_facts:
                found = Fallback("it reads `facts` as a whole")
            self._compiled[key] = found
            if isinstance(found, Fallback):
                self.fallbacks[asked.condition.text] = found.reason
        return found


class ChunkRun:
    """One chunk at work: `view`, then `compute`, then `replayed`."""

    def __init__(self, owner: ColumnEngine, chunk: Chunk, judged: Sequence[bool]) -> None:
        self._owner = owner
        self._chunk = chunk
        self._judged = judged
        self._world = owner.engine.world
        self._database = owner.database
        self._subjects: dict[str, Subject] = {}
        self._viewed: dict[str, Viewed] = {}
        self._fact_shapes: defaultdict[str, dict[str, Shape]] = defaultdict(dict)
        self._runs = runs_of(chunk)
        self._groups: list[GroupRun] = []
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
        for name in self._owner.subjects:
            if self._chunk.positions[name]:
                viewed = self._owner.tables.viewed(self._chunk, name, self._judged)
                self._viewed[name] = viewed
                self._subjects[name] = Subject(name, viewed.table, dict(viewed.shapes))
                self._register(name)

    def compute(self) -> None:
        """Make every condition and every fact a column."""
        plan = self._owner.plan
        for depth in range(plan.stages):
            if depth == plan.limits_depth:
                self._choose_limits()
            for subject in self._subjects.values():
                self._ask(subject, plan.asked[depth])
            for group in plan.groups[depth]:
                self._answer(group)
        for run in self._groups:
            run.keep()

    def _register(self, name: str) -> None:
        subject = self._subjects[name]
        self._database.register(subject.source, subject.table)

    # ------------------------------------------------------------------------ conditions

    def _ask(self, subject: Subject, stage: Iterable[Asked]) -> None:
        """Add the columns of a stage's conditions."""
        mine = [one for one in stage if subject.name in one.need.subjects]
        if not mine:
            return
        viewed = self._viewed[subject.name]
        made: dict[str, tuple[Shape, pa.Array]] = {}
        for tools, some in _by_tools(mine, subject.name):
            found = self._selected(subject, tools, some)
            for asked in some:
                shape, array = found[asked.name]
                column = self._owner.column(asked, self._variables(subject, asked))
                rows: Sequence[int] = ()
                if isinstance(column, Fallback) or (
                    column.longest is not None and viewed.longest > column.longest
                ):
                    rows = self._rows_of(subject, tools)
                elif viewed.odd:
                    rows = sorted(viewed.odd.intersection(self._rows_of(subject, tools)))
                if len(rows):
                    shape, array = self._patched(subject, asked, shape, array, rows)
                made[asked.name] = shape, array.cast(arrow_type(shape))
        for asked in mine:
            shape, array = made[asked.name]
            subject.shapes[asked.name] = shape
            subject.table = subject.table.append_column(asked.name, array)
        self._register(subject.name)

    def _selected(
        self, subject: Subject, tools: frozenset[str] | None, some: Sequence[Asked]
    ) -> dict[str, tuple[Shape, pa.Array]]:
        """Return conditions as columns, null for the records of other tools.

        What several conditions have in common is computed once.
        """
        shapes: dict[str, Shape] = {}
        parts: dict[str, str] = {}
        selected: list[str] = []
        for asked in some:
            column = self._owner.column(asked, self._variables(subject, asked))
            if isinstance(column, Fallback):
                shapes[asked.name] = BOOL if asked.truth else NEVER
                selected.append(f"CAST(NULL AS BOOLEAN) AS {asked.name}")
                continue
            shapes[asked.name] = column.shape
            texts = column.parts or (column.sql,)
            names = [parts.setdefault(text, f"p{len(parts)}") for text in texts]
            sql = column.joined(names) if column.parts else names[0]
            selected.append(f"{sql} AS {asked.name}")
        listed = ", ".join(f"{text} AS {name}" for text, name in parts.items()) or "1"
        where = "" if tools is None else f" WHERE {tools_sql(tools)}"
        found = self._database.sql(
            f"SELECT {', '.join(selected)} FROM "
            f"(SELECT {listed} FROM (SELECT * FROM ({self._from(subject)}){where}))"
        ).to_arrow_table()
        arrays = {asked.name: found[asked.name].combine_chunks() for asked in some}
        if tools is not None:
            rows = self._rows_of(subject, tools)
            places = np.full(subject.table.num_rows, -1)
            places[rows] = np.arange(len(rows))
            taken = pa.array(places, mask=places < 0)
            arrays = {name: array.take(taken) for name, array in arrays.items()}
        return {name: (shapes[name], array) for name, array in arrays.items()}

    def _variables(self, subject: Subject, asked: Asked) -> dict[str, Shape]:
        """Return the shapes of the variables that a condition may see."""
        condition = asked.condition
        shapes = dict(self._viewed[subject.name].shapes)
        if self._world.limits_level <= condition.level and "limits" in subject.shapes:
            shapes["limits"] = subject.shapes["limits"]
        known = {
            name: shape
            for name, shape in self._fact_shapes[subject.name].items()
            if self._world.level(name) < condition.level and name in condition.reads.facts
        }
        shapes["facts"] = record(known, whole=False)
        return shapes

    def _from(self, subject: Subject) -> str:
        """Return the subject's table, its facts in one variable."""
        known = sorted(self._fact_shapes[subject.name])
        held = ", ".join(f'"{field_name(name)}" := "{fact_column(name)}"' for name in known)
        facts = f"struct_pack({held})" if held else "CAST(ROW(true) AS STRUCT(_ BOOLEAN))"
        return f"SELECT *, {facts} AS facts FROM {subject.source}"

    def _rows_of(self, subject: Subject, tools: frozenset[str] | None) -> Sequence[int]:
        """Return the rows of the records of some tools, None for all."""
        if tools is None:
            return range(subject.table.num_rows)
        known = self._rows.get((subject.name, tools))
        if known is None:
            wanted = pa.array(sorted(tools), pa.string())
            among = pc.is_in(subject.table["tool"], value_set=wanted)
            known = np.flatnonzero(among.to_numpy(zero_copy_only=False)).tolist()
            self._rows[subject.name, tools] = known
        return known

    def _patched(
        self, subject: Subject, asked: Asked, shape: Shape, array: pa.Array, rows: Sequence[int]
    ) -> tuple[Shape, pa.Array]:
        """Return a column with what CEL says of some rows."""
        values = plain_values(shape, array)
        for row in rows:
            answer = self._case(subject, row).ask(asked.condition)
            if isinstance(answer, Undecidable) or (asked.truth and not isinstance(answer, bool)):
                answer = MISSING
            values[row] = answer
        made = column_of(values)
        if made.odd:
            raise RowsNeededError
        if asked.truth:
            return BOOL, made.array.cast(pa.bool_())
        return made.shape, made.array

    def _case(self, subject: Subject, row: int) -> ColumnCase:
        held = self._chunk.rows[self._viewed[subject.name].positions[row]]
        engine = self._owner.engine
        case = ColumnCase(self._world, held.placed, engine.groups(held.placed), held.cited)
        return case.by_columns(subject, row)

    # ---------------------------------------------------------------------------- limits

    def _choose_limits(self) -> None:
        """Add the variable `limits` where it is read."""
        plan = self._owner.plan
        for name in plan.limits_need.subjects:
            subject = self._subjects.get(name)
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
            array = column.array.take(pa.array(places, pa.int64()))
            subject.table = subject.table.append_column("limits", array)
            self._register(name)

    def _limits(self, case: tuple[Value, ...]) -> Value:
        if any(value is MISSING for value in case):
            return MISSING
        found = limits_for(self._world.contract.limits, case)
        return MISSING if isinstance(found, Absent) else found

    # ----------------------------------------------------------------------------- facts

    def _answer(self, group: FactGroup) -> None:
        """Add the columns of a group's facts to the tables of whoever asks."""
        state = self._owner.states[id(group)]
        run = GroupRun(self._database, state, self._subjects, self._first)
        answers = run.answers()
        self._groups.append(run)
        names = sorted(self._subjects)
        for number, name in enumerate(names):
            mine = np.flatnonzero(answers.subjects == number)
            if not len(mine):
                continue
            subject = self._subjects[name]
            mine = mine[np.argsort(answers.indexes[mine])]
            places = np.searchsorted(answers.indexes[mine], subject.indexes)
            places = np.minimum(places, len(mine) - 1)
            there = answers.indexes[mine][places] == subject.indexes
            taken = pa.array(mine[places], mask=~there)
            for fact, (shape, values) in answers.facts.items():
                column = fact_column(fact)
                subject.shapes[column] = self._fact_shapes[name][fact] = shape
                subject.table = subject.table.append_column(column, values.take(taken))
            self._register(name)

    # --------------------------------------------------------------------- what comes out

    def replayed(self) -> Judged:
        """Ask the counters of the records that some rule does not hold for, or that spoil facts."""
        judged = Judged()
        broken = self._verdicts(judged)
        self._meet(broken, judged)
        spoiling = self._spoiling()
        asked = self._asked_facts(broken, spoiling)
        told = set().union(*asked.values()) if asked else set[int]()
        feeds = self._feeds(asked)
        engine = self._owner.engine
        for position, row in enumerate(self._chunk.rows):
            against = broken.get(position, ())
            spoilt = spoiling.get(position)
            if not against and not spoilt and not engine.concerns(row.placed):
                continue
            if position in told:
                for feed in feeds:
                    feed.up_to(row.placed.event.index)
            noting = partial(self._note_reasons, spoilt) if spoilt else None
            rules = [(each.rule, _VERDICTS[said]) for each, said in against]
            results = engine.take_known(row.placed, row.cited, rules, noting)
            self._compare(row, against, results)
            if results:
                judged.results[position] = results
        for memory in self._world.facts.values():
            memory.clear()
        return judged

    def _meet(self, broken: defaultdict[int, list[tuple[RuleAsked, int]]], judged: Judged) -> None:
        """Take away the duties that are met in this chunk: they hold, and are only counted."""
        for duty in self._owner.plan.duties:
            rule = duty.rule.rule.rule
            expect = rule.expect
            opening = self._subjects.get(rule.subject)
            following = self._subjects.get(expect.source) if expect else None
            if expect is None or opening is None or following is None:
                continue
            name = f"opens{duty.rule.number}"
            codes = np.zeros(opening.table.num_rows, bool)
            for row, position in enumerate(self._viewed[rule.subject].positions):
                said = broken.get(position, ())
                codes[row] = any(one is duty.rule and code == _BROKEN for one, code in said)
            if not codes.any():
                continue
            opening.table = opening.table.append_column(name, pa.array(codes))
            self._register(rule.subject)
            fits = [tools_sql(expect.tools or None), *([duty.where] if duty.where else [])]
            closing = self._subjects.get("run.closed")
            statement = met_sql(
                Triggers(opening.source, name, f"in_{expect.over}", _keys(opening, duty.at)),
                Followers(following.source, " AND ".join(fits), _keys(following, duty.by)),
                within=expect.within,
                closings="" if closing is None else closing.source,
            )
            for index in self._database.sql(statement).to_arrow_table()["idx"].to_pylist():
                position = self._position(index)
                broken[position] = [one for one in broken[position] if one[0] is not duty.rule]
                judged.satisfied[duty.rule.number] += 1

    def _asked_facts(
        self,
        broken: Mapping[int, Sequence[tuple[RuleAsked, int]]],
        spoiling: Mapping[int, Sequence[FactMemory]],
    ) -> dict[str, set[int]]:
        """Return which facts the counters will be asked for, each by positions."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        behind: dict[int, frozenset[str]] = {}
        world = self._world
        for position, against in broken.items():
            for each, _ in against:
                if each.number not in behind:
                    behind[each.number] = _behind(world, each.rule.conditions)
                for name in behind[each.number]:
                    found[name].add(position)
        for position, memories in spoiling.items():
            for memory in memories:
                for name in world.behind(memory.names):
                    found[name].add(position)
        return found

    def _spoiling(self) -> dict[int, list[FactMemory]]:
        """Return which records spoil which facts, by position."""
        found: defaultdict[int, list[FactMemory]] = defaultdict(list)
        for run in self._groups:
            for index, memories in run.spoiling.items():
                found[self._position(index)] += memories
        return found

    def _position(self, index: int) -> int:
        return bisect_left(self._indexes, index)

    def _note_reasons(self, memories: Iterable[FactMemory], case: Case) -> None:
        """Keep why a record spoils facts, in the words of the counters."""
        for memory in sorted(memories, key=lambda one: one.level):
            note = memory.note(case)
            if note is None or note.entry is None or not note.entry.reason:
                index = case.placed.event.index
                raise EnginesDifferError(index, f"fact {memory.fact.name}", "an error", "none")
            self._owner.reasons.keep(memory.fact.name, note.entry)

    def _feeds(self, asked: Mapping[str, set[int]]) -> list[Feed]:
        """Return what the counters need to know of facts for some records."""
        for memory in self._world.facts.values():
            memory.clear()
        digests = {
            action.event.index: action.event.digest
            for action in (row.placed.its_action for row in self._chunk.rows)
            if action is not None
        }
        feeds: list[Feed] = []
        for run in self._groups:
            names = {one.memory.fact.name for one in run.state.group.facts}
            positions = set().union(*(asked.get(name, ()) for name in names))
            if not positions:
                continue
            wanted = pa.array([self._indexes[one] for one in sorted(positions)], pa.int64())
            self._database.register("wanted", pa.table({"idx": wanted}))
            scopes = self._owner.scopes(run.state.group.over, self._runs)
            rows = iter(run.wanted().to_pylist())
            feeds.append(
                Feed(
                    run.state,
                    names & asked.keys(),
                    rows,
                    run.value,
                    scopes,
                    digests,
                    self._owner.reasons,
                )
            )
        return feeds

    def rules_alone(self) -> Counter[str]:
        """Ask the rules again, and nothing else, once facts are columns. For benchmarks.

        Returns:
            By verdict's code, how many there are.
        """
        found: Counter[str] = Counter()
        every = [one for stage in self._owner.plan.asked for one in stage]
        for name, subject in self._subjects.items():
            rules = [one for one in self._owner.plan.rules if one.rule.rule.subject == name]
            wanted = {text for one in rules for text in (one.when, one.unless)}
            mine = [one for one in every if one.name in wanted]
            if not rules:
                continue
            table = subject.table.select(["judged", "tool"])
            for tools, some in _by_tools(mine, name):
                for each, (_, array) in self._selected(subject, tools, some).items():
                    table = table.append_column(each, array)
            self._database.register("alone", table)
            verdicts = ", ".join(_verdict_sql(one) for one in rules)
            codes = self._database.sql(f"SELECT {verdicts} FROM alone").to_arrow_table()
            for one in rules:
                counts = np.bincount(codes[f"v{one.number}"].to_numpy(), minlength=_UNKNOWN + 1)
                for code, count in enumerate(counts):
                    found[str(code)] += int(count)
        return found

    def _compare(
        self, row: Row, against: Sequence[tuple[RuleAsked, int]], results: Sequence[RuleResult]
    ) -> None:
        """Hold what the columns said of a record's rules against what the counters say."""
        index = row.placed.event.index
        said = {one.rule.id: one.verdict for one in results if one.index == index}
        for rule, verdict in against:
            if rule.rule.rule.expect is not None:
                continue
            expected = _VERDICTS[verdict]
            if said.get(rule.rule.rule.id) is not expected:
                raise EnginesDifferError(
                    index, rule.rule.rule.id, expected.value, str(said.get(rule.rule.rule.id))
                )

    def _verdicts(self, judged: Judged) -> defaultdict[int, list[tuple[RuleAsked, int]]]:
        """Return the rules that do not hold, by position; count those that do."""
        found: defaultdict[int, list[tuple[RuleAsked, int]]] = defaultdict(list)
        for name, subject in self._subjects.items():
            rules = [one for one in self._owner.plan.rules if one.rule.rule.subject == name]
            if not rules:
                continue
            selected = ", ".join(_verdict_sql(one) for one in rules)
            columns = self._database.sql(
                f"SELECT {selected} FROM {subject.source}"
            ).to_arrow_table()
            positions = self._viewed[name].positions
            for one in rules:
                codes = columns[f"v{one.number}"].to_numpy()
                judged.satisfied[one.number] += int(np.count_nonzero(codes == _HOLDS))
                for row in np.flatnonzero(codes > _HOLDS):
                    found[positions[row]].append((one, int(codes[row])))
        for each in found.values():
            each.sort(key=lambda pair: pair[0].number)
        return found


def _by_tools(
    asked: Iterable[Asked], subject: str
) -> list[tuple[frozenset[str] | None, list[Asked]]]:
    """Return conditions together that are asked of records of the same tools."""
    found: dict[frozenset[str] | None, list[Asked]] = {}
    for one in asked:
        tools = one.need.subjects[subject]
        found.setdefault(None if tools is None else frozenset(tools), []).append(one)
    return list(found.items())


def _keys(subject: Subject, column: str) -> str:
    """Return SQL of the keys that a column says, or of the one key where there is no column."""
    return keys_sql(subject.shapes[column], f'"{column}"') if column else "['']"


def _behind(world: World, conditions: Iterable[Condition]) -> frozenset[str]:
    """Return the facts that conditions read, directly, through others and through the limits."""
    reads = list(conditions)
    if any("limits" in one.reads.members for one in reads):
        reads += world.limits_by
    names = {name for one in reads for name in one.reads.facts}
    return world.behind(names) if names else frozenset()


def _verdict_sql(one: RuleAsked) -> str:
    """Return a rule's verdict: 0 where it is not asked, holds, is broken, or cannot be told."""
    terms = []
    if one.when:
        terms.append(f"NOT {one.when}")
    if one.unless:
        terms.append(one.unless)
    holds = " OR ".join(f"({term})" for term in terms) or "false"
    asked = f"judged AND {tools_sql(one.rule.rule.tools or None)}"
    return (
        f"CAST(CASE WHEN NOT ({asked}) THEN 0 WHEN {holds} THEN {_HOLDS} "
        f"WHEN NOT ({holds}) THEN {_BROKEN} ELSE {_UNKNOWN} END AS TINYINT) AS v{one.number}"
    )


def _member_names(plan: ColumnPlan) -> frozenset[str]:
    """Return every name that may be a member of a map in some condition."""
    found: set[str] = set()
    for stage in plan.asked:
        for one in stage:
            found |= names_in(one.condition.program.tree())
    return frozenset(found)


def _named(plan: ColumnPlan) -> dict[str, dict[str, frozenset[str] | None]]:
    """Return, for each subject, which members of which variables are read."""
    found: defaultdict[str, dict[str, frozenset[str] | None]] = defaultdict(dict)
    subjects = {one.rule.rule.subject for one in plan.rules}
    expected = [duty.rule.rule.rule.expect for duty in plan.duties]
    subjects |= {one.source for one in expected if one is not None}
    if any(one.until for one in expected if one is not None):
        subjects.add("run.closed")
    for groups in plan.groups:
        for group in groups:
            subjects |= set(group.need.subjects)
            for fact in group.facts:
                subjects |= {"action", "outcome"} if fact.reserve else {fact.memory.fact.source}
    for subject in subjects:
        found[subject] = {}
    for stage in plan.asked:
        for one in stage:
            for subject in one.need.subjects:
                for root, members in one.condition.reads.members.items():
                    if root == "limits":
                        continue
                    known = found[subject].get(root, frozenset())
                    both = None if known is None or members is None else known | members
                    found[subject][root] = both
    return dict(found)
