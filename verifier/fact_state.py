"""What facts by column remember from chunk to chunk: their notes, and the values that these are of.

The notes of a group are a table of the database, and so is what it remembers: a chunk's notes are
added to it when the chunk is done. What no later record can see is dropped: what has left its
window, and of counts and sums all but their total and what a result names. The database keeps on
disk what does not fit in memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from contracts.coercion import MAX_LIST, Value, holds_long_list
from contracts.column_facts import BEFORE, Counted
from contracts.column_plan import FactGroup
from contracts.column_shapes import Shape, loaded, options_of
from contracts.counters import MAX_RESTS
from contracts.facts import UNKEYED, Key
from verifier.columns import (
    MISSING,
    Held,
    Places,
    column_of,
    longest_of,
    nulls,
    places_of,
    taken,
    together,
)

VALUED: Final = frozenset({"min", "max", "last", "list"})
EXTREMES: Final = frozenset({"min", "max"})
DEFAULT: Final = -2
"""The entry that stands for a fact's default."""
_COLLAPSE_FROM: Final = 50_000


class RowsNeededError(Exception):
    """A chunk holds what no column can: it is for the counters. It never leaves `verifier`."""


@dataclass(slots=True)
class Subject:
    """The records of one subject: their table as far as it is made, and its columns' shapes.

    `of`: What the table is for: every condition, or one group of facts.
    """

    name: str
    table: pa.Table
    shapes: dict[str, Shape]
    of: str = "records"

    @property
    def source(self) -> str:
        """The name under which the database knows the table."""
        return f"{self.of}_{self.name.replace('.', '_')}"

    def narrowed(self, of: str, columns: Iterable[str]) -> "Subject":
        """Return the same records with these columns alone, as far as there are such.

        A statement costs time for each column that a table has, whether it is read or not.
        """
        kept = [name for name in self.table.column_names if name in {*columns}]
        return Subject(self.name, self.table.select(kept), self.shapes, of)

    @property
    def indexes(self) -> Places:
        """The indexes of its records."""
        return self.table["idx"].to_numpy()


class GroupState:
    """What is remembered for one group of facts.

    Attributes:
        group: The facts.
        table: The table of notes.
        counted: Its facts, as statements need them.
    """

    def __init__(self, database: DuckDBPyConnection, number: int, group: FactGroup) -> None:
        self._database = database
        self.group = group
        self.table = f"state{number}"
        self.counted = [
            Counted(one.memory.fact.aggregate, bool(one.reserve), one.memory.fact.unknown == "skip")
            for one in group.facts
        ]
        self._values: dict[int, dict[Shape, str]] = {}
        self._rows = 0
        self._collapsed = 0
        self._latest: int | None = None
        database.execute(f"CREATE TABLE {self.table} AS {self.empty_sql()}")

    def empty_sql(self) -> str:
        """Return a statement of no rows, with every column that notes have."""
        columns = {"idx": "BIGINT", "scope": "BIGINT", '"key"': "VARCHAR", '"time"': "BIGINT"}
        columns |= {"act": "BIGINT", "ends": "BOOLEAN"}
        for number, one in enumerate(self.counted):
            columns |= {f"n{number}": "BIGINT", f"e{number}": "BIGINT"}
            columns |= {f"lasts{number}": "BOOLEAN", f"holds{number}": "BOOLEAN"}
            if one.aggregate == "sum":
                columns[f"s{number}"] = "HUGEINT"
            if one.reserve:
                columns |= {f"r{number}": "HUGEINT", f"q{number}": "BIGINT"}
        typed = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
        return f"SELECT {typed} WHERE false"

    def asked_sql(self, first: int) -> str:
        """Return the statement for what is remembered under the keys that are asked for.

        Args:
            first: The first index of the chunk: of runs that begin later nothing is remembered.
        """
        if not self._rows:
            return ""
        early = f" WHERE scope < {first}" if self.group.over == "run" else ""
        if early and not self._one(f"SELECT count(*) FROM asking{early}"):
            return ""
        cells = f'SELECT DISTINCT scope, "key" FROM asking{early}'
        return (
            f'SELECT * FROM {self.table} WHERE (scope, "key") IN ({cells}) OR ("key" IS NULL AND '
            f"scope IN (SELECT DISTINCT scope FROM asking{early}))"
        )

    def keep(self, fresh: str, values: "Mapping[int, tuple[Subject, str]]") -> None:
        """Remember a chunk's own notes, in the table `fresh`, and the values that they are of."""
        added = self._one(f"SELECT count(*) FROM {fresh}")
        for number, (subject, column) in values.items():
            self._keep_values(number, subject, column, fresh)
        self._database.execute(f"INSERT INTO {self.table} BY NAME SELECT * FROM {fresh}")
        self._rows += added
        # What lasts, and what is reserved, may have a time that is only claimed.
        numbers = range(len(self.counted))
        timed = " OR ".join(f"n{number} > 0 OR e{number} > 0" for number in numbers)
        latest = self._one(f'SELECT max("time") FROM {fresh} WHERE {timed}')
        if latest is not None:
            self._latest = latest
        self._drop()

    def values(self, number: int, first: int) -> list[tuple[int, Value]]:
        """Return the remembered values of a fact that `noted` needs, by their entries."""
        found: list[tuple[int, Value]] = []
        wanted = f"SELECT idx FROM noted WHERE n{number} > 0 AND idx < {first}"
        for shape, table in self._values.get(number, {}).items():
            statement = f"SELECT idx, v FROM {table} WHERE idx IN ({wanted})"
            rows = self._database.sql(statement).to_arrow_table()
            plain = plain_values(shape, rows["v"].combine_chunks())
            found += zip(rows["idx"].to_pylist(), plain, strict=True)
        return found

    def every(self) -> pa.Table:
        """Return all notes that are remembered, in the order of their entries."""
        statement = f"SELECT * FROM {self.table} ORDER BY idx, ends NULLS FIRST"
        table: pa.Table = self._database.sql(statement).to_arrow_table()
        return table

    def every_value(self, number: int) -> dict[int, Value]:
        """Return all values of a fact that are remembered, by their entries."""
        found: dict[int, Value] = {}
        for shape, table in self._values.get(number, {}).items():
            rows = self._database.sql(f"SELECT idx, v FROM {table}").to_arrow_table()
            plain = plain_values(shape, rows["v"].combine_chunks())
            found.update(zip(rows["idx"].to_pylist(), plain, strict=True))
        return found

    # ---------------------------------------------------------------------------- values

    def _keep_values(self, number: int, subject: "Subject", column: str, fresh: str) -> None:
        shape = subject.shapes[column]
        if not options_of(shape):
            return
        tables = self._values.setdefault(number, {})
        chosen = (
            f'SELECT idx, "{column}" AS v FROM {subject.source} '
            f"WHERE idx IN (SELECT idx FROM {fresh} WHERE n{number} > 0)"
        )
        known = tables.get(shape)
        if known is None:
            tables[shape] = f"{self.table}_{number}_{len(tables)}"
            self._database.execute(f"CREATE TABLE {tables[shape]} AS {chosen}")
        else:
            self._database.execute(f"INSERT INTO {known} {chosen}")

    # -------------------------------------------------------------------------- forgetting

    def _drop(self) -> None:
        """Forget what no later record can see."""
        if self.group.over == "run":
            return  # a run's clock may be its own, and runs are short
        within = self.group.within
        if within is not None and self._latest is not None:
            self._forget(within, self._latest)
        plain = all(one.aggregate not in VALUED and not one.reserve for one in self.counted)
        if within is None and plain and self._rows > max(_COLLAPSE_FROM, 2 * self._collapsed):
            self._collapse()

    def _forget(self, within: int, latest: int) -> None:
        """Drop what has left its window: beyond a run, times never go back."""
        kept = [f'"time" > {latest - within}', "idx < 0"]
        for number, one in enumerate(self.counted):
            kept.append(f"lasts{number}")
            if one.reserve:
                kept.append(f"(r{number} <> 0 OR q{number} <> 0)")
        self._database.execute(
            f"CREATE OR REPLACE TABLE {self.table} AS SELECT * FROM {self.table} "
            f"WHERE {' OR '.join(f'coalesce({test}, false)' for test in kept)}"
        )
        self._rows = self._one(f"SELECT count(*) FROM {self.table}")
        for number, tables in self._values.items():
            for table in tables.values():
                self._database.execute(
                    f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {table} "
                    f"WHERE idx IN (SELECT idx FROM {self.table} WHERE n{number} > 0)"
                )

    def _collapse(self) -> None:
        """Put what counts and sums are made of together, but for what a result names."""
        numbers = range(len(self.counted))
        ranks = ", ".join(
            f'row_number() OVER (PARTITION BY scope, "key", n{number} > 0 ORDER BY idx DESC) '
            f'AS g{number}, row_number() OVER (PARTITION BY scope, "key", e{number} > 0 '
            f"ORDER BY idx) AS b{number}"
            for number in numbers
        )
        named = " OR ".join(
            f"(n{number} > 0 AND g{number} <= {MAX_RESTS}) OR (e{number} > 0 AND b{number} = 1) "
            f"OR coalesce(lasts{number}, false)"
            for number in numbers
        )
        marks = ", ".join(f"g{number}, b{number}" for number in numbers)
        sums: list[str] = []
        for number, one in enumerate(self.counted):
            sums += [f"CAST(sum(n{number}) AS BIGINT) AS n{number}", f"0 AS e{number}"]
            if one.aggregate == "sum":
                sums.append(f"sum(s{number}) AS s{number}")
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE ranked AS SELECT *, {ranks} FROM {self.table}"
        )
        self._database.execute(
            f"CREATE OR REPLACE TABLE {self.table} AS SELECT * EXCLUDE ({marks}) FROM ranked "
            f"WHERE idx >= 0 AND ({named}) UNION ALL BY NAME SELECT {BEFORE} AS idx, scope, "
            f'"key", {", ".join(sums)} FROM ranked WHERE idx < 0 OR NOT ({named}) '
            'GROUP BY scope, "key"'
        )
        self._database.execute("DROP TABLE ranked")
        self._rows = self._collapsed = self._one(f"SELECT count(*) FROM {self.table}")

    def _one(self, statement: str) -> Value:
        rows = self._database.execute(statement).fetchall()
        return rows[0][0] if rows else None


@dataclass(frozen=True, slots=True)
class Pool:
    """Values by the entries that have them.

    Attributes:
        indexes: The entries, ascending.
        shape: The shape of the values.
        array: The values, in the order of the entries.
        long: Of each, whether a list in it is longer than a condition can see.
    """

    indexes: Places
    shape: Shape
    array: Held
    long: Places

    @classmethod
    def of(
        cls, earlier: Sequence[tuple[int, Value]], source: "Subject | None", column: str
    ) -> "Pool":
        """Make a pool of earlier values and of a column of this chunk."""
        known = dict(earlier)
        indexes = np.array(sorted(known), np.int64)
        before = column_of([known[int(index)] for index in indexes])
        if before.odd:
            raise RowsNeededError
        shape = before.shape
        array: Held = before.array
        if source is not None and source.table.num_rows:
            mine = source.shapes[column]
            held: Held = source.table[column].combine_chunks()
            indexes = np.concatenate((indexes, source.indexes))
            if not options_of(shape):
                shape, array = mine, together([nulls(len(array), held.type), held])
            elif shape == mine:
                array = together([array, held])
            else:
                values = [*plain_values(shape, array), *plain_values(mine, held)]
                made = column_of(values)
                shape, array = made.shape, made.array
        return cls(indexes, shape, array, _long(shape, array))

    def places(self, entries: Places) -> Places:
        """Return where these entries' values stand."""
        return places_of(self.indexes, entries)

    def of_entries(self, entries: Places, lost: Places) -> Held:
        """Return the values of entries, null where one is lost, or is a list that is too long."""
        places = self.places(entries)
        return taken(self.array, places, lost | self.long[places])

    def value(self, entry: int) -> Value:
        """Return the value of an entry."""
        place = int(self.places(np.array([entry]))[0])
        return loaded(self.shape, self.array[place].as_py())

    def pairs(self) -> Iterator[tuple[int, Value]]:
        """Yield each entry with its value, where it has one."""
        for index, value in zip(self.indexes, plain_values(self.shape, self.array), strict=True):
            if value is not MISSING and index != DEFAULT:
                yield int(index), value


def plain_values(shape: Shape, array: Held) -> list[Value]:
    """Return a column's values as plain ones, `MISSING` where it has none."""
    return [MISSING if one is None else loaded(shape, one) for one in array.to_pylist()]


def _long(shape: Shape, array: Held) -> Places:
    if longest_of(shape, array) <= MAX_LIST:
        return np.zeros(len(array), bool)
    return np.array([holds_long_list(value) for value in plain_values(shape, array)], bool)


def per_record(
    shape: Shape, values: Held, whose: Places, bad: Places, many: Places
) -> tuple[Shape, Held]:
    """Return a fact for each record that asks: under its one key, or a list under all of them."""
    if not many.any():
        places = np.zeros(len(bad), np.int64)
        there = np.zeros(len(bad), bool)
        places[whose] = np.arange(len(whose))
        there[whose] = True
        return shape, taken(values, places, bad | ~there)
    found: list[Value] = [MISSING if lost else [] for lost in bad]
    plain = plain_values(shape, values)
    for asker, value in zip(whose, plain, strict=True):
        if not many[asker]:
            found[asker] = value
        elif value is MISSING:
            found[asker] = MISSING
        elif found[asker] is not MISSING:
            found[asker].append(value)
    too_long = [MISSING if one is not MISSING and holds_long_list(one) else one for one in found]
    made = column_of(too_long)
    return made.shape, made.array


def key_of(text: str) -> Key:
    """Return the key that a text of `keys_sql` stands for."""
    mark, value = text[:2], text[2:]
    if mark == "i:":
        return "int", int(value)
    if mark == "b:":
        return "bool", value == "true"
    return ("string", value) if mark else UNKEYED
