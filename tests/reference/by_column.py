"""The engine by column over the histories of the vectors and the fuzzer, in chunks."""

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count as numbers
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import duckdb
from pyarrow import parquet

from contracts.column_plan import Asked
from contracts.column_shapes import Shape
from contracts.columns import Fallback
from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract, Verdict
from contracts.results import RuleResult
from tests.reference.views import Value, is_list, is_map
from verifier import by_column, column_setup
from verifier.asked_columns import fact_column
from verifier.by_column import ColumnEngine
from verifier.chunk_tables import ChunkTables
from verifier.columns import MISSING, Held
from verifier.fact_sources import tools_sql
from verifier.fact_state import Subject, plain_values
from verifier.rows import Chunk, Clocks
from verifier.spilling import SpillingLineage

Told = tuple[Value, ...]
"""A result as a whole, in a form that can be compared and shown."""


@dataclass
class Answers:
    """What an engine says of a history.

    Attributes:
        satisfied: For how many records each rule holds.
        others: Every other result.
        by_column: How many chunks were judged by column.
        on_counters: How many were left to the counters.
        facts: The value of each fact that a result names, or that a column has, by its entry.
    """

    satisfied: Counter[str] = field(default_factory=Counter[str])
    others: list[Told] = field(default_factory=list[Told])
    by_column: int = 0
    on_counters: int = 0
    facts: dict[tuple[int, str], str] = field(default_factory=dict[tuple[int, str], str])

    def take(self, results: Sequence[RuleResult]) -> None:
        """Add results."""
        for one in results:
            for name, value in one.facts.items():
                self.facts[one.index, name] = spelt(value)
            if one.verdict is Verdict.SATISFIED:
                self.satisfied[one.rule.id] += 1
            else:
                self.others.append(told(one))

    @property
    def compared(self) -> tuple[dict[str, int], list[Told]]:
        """What must be the same of two engines."""
        return dict(self.satisfied), sorted(self.others)


def told(one: RuleResult) -> Told:
    """A result with all that it says."""
    facts = tuple(sorted((name, spelt(value)) for name, value in one.facts.items()))
    place = (one.index, one.rule.id, str(one.verdict), one.reason, facts)
    return (*place, one.rests_on, one.expected, one.recorded, str(one.hidden))


def spelt(value: Value) -> str:
    """A value in words that only the same value of the same type has."""
    if is_map(value):
        members = sorted(f"{name!r}: {spelt(one)}" for name, one in value.items())
        return f"{{{', '.join(members)}}}"
    return f"[{', '.join(map(spelt, value))}]" if is_list(value) else repr(value)


def cut(count: int, size: int) -> list[int]:
    """Where chunks of one size begin, and where the last ends."""
    return [*range(0, count, size), count]


def by_counters(
    contract: Contract, events: Sequence[Event], judged: Sequence[bool] = ()
) -> Answers:
    """What the engine on counters says, asked of the records that are judged."""
    engine, found = Engine(contract), Answers()
    for number, event in enumerate(events):
        found.take(engine.observe(event, judge=judged[number] if judged else True))
    found.take(engine.finish())
    return found


class Watched(ChunkTables):
    """A chunk by column, whose facts are looked at."""

    seen: dict[tuple[int, str], str]

    def compute(self) -> None:
        """Make every condition and every fact a column, and write the facts down."""
        super().compute()
        for subject in self.subjects.values():
            for name in self._world.facts:
                column = fact_column(name)
                if column not in subject.shapes:
                    continue
                held = subject.table[column].combine_chunks()
                values = plain_values(subject.shapes[column], held)
                for index, value in zip(subject.indexes, values, strict=True):
                    if value is not MISSING:
                        self.seen[int(index), name] = spelt(value)


class AsWhere(Watched):
    """The same; each condition must say as WHERE what it says as SELECT."""

    def selected(
        self, subject: Subject, tools: frozenset[str] | None, some: Sequence[Asked]
    ) -> dict[str, tuple[Shape, Held]]:
        """Return conditions as columns, once they were WHERE too."""
        found = super().selected(subject, tools, some)
        belongs = "true" if tools is None else tools_sql(tools)
        source = self._from(subject, some)
        for asked in some:
            column = self._setup.column(asked, self._variables(subject, asked))
            if isinstance(column, Fallback) or not asked.truth:
                continue
            said = found[asked.name][1].to_pylist()
            for test, verdict in ((column.sql, True), (f"NOT ({column.sql})", False)):
                statement = f"SELECT idx FROM ({source}) WHERE {belongs} AND ({test})"  # noqa: S608
                rows = {index for (index,) in self._database.sql(statement).fetchall()}
                places = zip(subject.indexes, said, strict=True)
                assert rows == {index for index, one in places if one is verdict}, asked.condition
        return found


class OnParquet(Watched):
    """The same; every table is a Parquet file."""

    folder: Path

    def register(self, name: str) -> None:
        """Let the database read a table from a file."""
        subject = self.subjects[name]
        path = self.folder / f"{len(list(self.folder.iterdir()))}.parquet"
        parquet.write_table(subject.table, path)
        self._database.execute(
            f"CREATE OR REPLACE VIEW {subject.source} AS SELECT * FROM read_parquet('{path}')"  # noqa: S608
        )
        subject.table = parquet.read_table(path)


@cache
def in_memory() -> duckdb.DuckDBPyConnection:
    """A database for all histories: to make one takes longer than a short history does."""
    database = duckdb.connect()
    database.execute("SET threads = 1")
    return database


class InMemory:
    """A catalog of that database, which is one engine's own, and goes with it."""

    _numbers = numbers()

    def __init__(self, _threads: int) -> None:
        name = f"history{next(self._numbers)}"
        self.database = in_memory().cursor()
        self.database.execute(f"ATTACH ':memory:' AS {name}")
        self.database.execute(f"USE {name}")
        gone = weakref.finalize(self, in_memory().execute, f"DETACH {name}")
        gone.atexit = False


def by_columns(
    contract: Contract,
    events: Sequence[Event],
    cuts: Sequence[int],
    judged: Sequence[bool] = (),
    made: type[Watched] = Watched,
    **said: Value,
) -> Answers:
    """What the engine by column says, in chunks that begin and end at these places.

    Each chunk is a `made`, with what is `said` of it.
    """
    lineage, clocks, found = SpillingLineage(), Clocks(), Answers()
    engine = Engine(contract, lineage=lineage)
    with patch.object(column_setup, "Workspace", InMemory):
        columns = ColumnEngine(engine)
    runs = type("Runs", (made,), {"seen": found.facts, **said})
    for start, end in pairwise(cuts):
        chunk = Chunk()
        lineage.expect(events[start:end])
        for event in events[start:end]:
            chunk.add(event, lineage, clocks)
        mask = list(judged[start:end]) if judged else [True] * len(chunk)
        with patch.object(by_column, "ChunkTables", runs):
            here = columns.judge(chunk, mask)
        found.on_counters += columns.on_counters
        found.by_column += not columns.on_counters
        for number, count in here.satisfied.items():
            if count:
                found.satisfied[contract.rules[number].id] += count
        for position in sorted(here.results):
            found.take(here.results[position])
        lineage.spill()
    found.take(engine.finish())
    return found


def differing(
    contract: Contract,
    events: Sequence[Event],
    cuts: Sequence[int],
    judged: Sequence[bool] = (),
    made: type[Watched] = Watched,
    **said: Value,
) -> tuple[list[str], Answers]:
    """Where counters and columns differ, in words; and what the columns say."""
    counted = by_counters(contract, events, judged)
    found = by_columns(contract, events, cuts, judged, made, **said)
    words: list[str] = []
    if counted.satisfied != found.satisfied:
        words.append(f"satisfied: {dict(counted.satisfied)} {dict(found.satisfied)}")
    left, right = set(counted.others), set(found.others)
    words += [f"only on counters: {one}" for one in sorted(left - right)]
    words += [f"only by column: {one}" for one in sorted(right - left)]
    if len(counted.others) != len(found.others):
        words.append("a result stands twice")
    for place, value in counted.facts.items():
        said_here = found.facts.get(place, value if found.on_counters else "none")
        if said_here != value:
            words.append(f"{place}: {value} on counters, {said_here} by column")
    return words, found
