"""The facts of one group over one chunk: what comes in from before, the statement, what comes out.

`contracts.column_facts` has the SQL and says what it means. Here it is given its tables: the notes
of the chunk's records, what the counters carry over from before, and the records that ask.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from contracts.coercion import MAX_LIST, Value
from contracts.column_facts import (
    NOWHERE,
    Grouping,
    Present,
    ended_sql,
    facts_sql,
    keys_sql,
    listed_sql,
    notes_sql,
    own_sql,
)
from contracts.column_shapes import BOOL, INT, INT_MAX, ListOf, Shape
from contracts.counters import kind_of
from contracts.facts import FactMemory, is_nan
from verifier.columns import MISSING, Held, Places, lists, taken
from verifier.fact_sources import is_list_sql, narrowed, read_by, sources_of, tools_sql
from verifier.fact_state import (
    DEFAULT,
    EXTREMES,
    VALUED,
    GroupState,
    Pool,
    RowsNeededError,
    Subject,
    per_record,
)
from verifier.workspace import arrow_of

MAX_SPREAD: Final = 2_000_000
"""So many notes may arise from errors in keys: with more, the counters are quicker."""
_KEPT: Final = ("asking", "noted", "fresh")
_NOBODY: Final = (
    "SELECT CAST(NULL AS INTEGER) AS subject, CAST(NULL AS BIGINT) AS idx, "
    'CAST(NULL AS BIGINT) AS scope, CAST(NULL AS BIGINT) AS "time", false AS imported, '
    "CAST(NULL AS BIGINT) AS act, CAST(NULL AS VARCHAR[]) AS keys, false AS many WHERE false"
)
_KIND_NUMBERS: Final = {"int": 1, "double": 2, "string": 3, "timestamp": 4}


@dataclass(slots=True)
class Answers:
    """A group's facts, for the records that asked.

    Attributes:
        indexes: The entries that asked, ascending within each subject.
        subjects: Of each the number of its subject.
        facts: By fact: the shape and the values, null where a fact has none.
    """

    subjects: Places
    indexes: Places
    facts: dict[str, tuple[Shape, Held]] = field(default_factory=dict[str, tuple[Shape, Held]])


class GroupRun:
    """One group at work on one chunk.

    Args:
        database: Where tables are made.
        state: The group, and what is known of earlier chunks.
        subjects: The chunk's tables by subject.
        known_before: The first index of the chunk.
    """

    def __init__(
        self,
        database: DuckDBPyConnection,
        state: GroupState,
        subjects: Mapping[str, Subject],
        known_before: int,
    ) -> None:
        self._database = database
        self._group = group = state.group
        self._state = state
        self.spoiling: dict[int, list[FactMemory]] = {}
        self._subjects = narrowed(group, subjects, state.table)
        self._read = read_by(group) & subjects.keys()
        for name in self._read:
            database.register(self._subjects[name].source, self._subjects[name].table)
        self._known_before = known_before
        self._form = Grouping(
            f"in_{group.over}", group.within, group.over == "run", group.reference
        )
        self._counted = state.counted
        self._pools: dict[int, Pool] = {}
        self._places: dict[int, Places] = {}

    def answers(self) -> Answers:
        """Return the facts for every record of the chunk that asks, and keep what it noted."""
        whose, raw = self._ask()
        lasting = self._note()
        summed = self._sum()
        found = Answers(raw["subject"].to_numpy(), raw["idx"].to_numpy())
        many = raw["many"].to_numpy(zero_copy_only=False)
        for number, one in enumerate(self._group.facts):
            spoilt = summed[f"x{number}"].to_numpy(zero_copy_only=False).copy()
            if lasting:
                spoilt[self._spoilt_for_ever(number)] = True
            shape, values = self._fact(number, summed, spoilt)
            found.facts[one.memory.fact.name] = per_record(
                shape, values, whose, raw["bad"].to_numpy(zero_copy_only=False), many
            )
        self._spoil()
        # The next group has tables of the same names; these are read again.
        for name in _KEPT:
            self._run(f"DROP TABLE IF EXISTS {name}_{self._state.table}")
            self._run(f"ALTER TABLE {name} RENAME TO {name}_{self._state.table}")
        return found

    @property
    def state(self) -> GroupState:
        """The group, and what is known of earlier chunks."""
        return self._state

    def keep(self) -> None:
        """Remember what the chunk noted."""
        self._state.keep(f"fresh_{self._state.table}", self._sources_of_values())
        for name in self._read:
            self._database.unregister(self._subjects[name].source)

    def wanted(self) -> pa.Table:
        """Return the notes under the keys that the records in the table `wanted` ask for."""
        cells = (
            f'SELECT DISTINCT scope, "key" FROM asking_{self._state.table} '
            "WHERE idx IN (SELECT idx FROM wanted)"
        )
        return self._arrow(
            f"SELECT * FROM noted_{self._state.table} WHERE NOT spread AND "
            f'((scope, "key") IN ({cells}) OR ("key" IS NULL AND scope IN '
            f"(SELECT scope FROM ({cells})))) ORDER BY idx, ends NULLS FIRST"
        )

    def value(self, number: int, entry: int) -> Value:
        """Return the value of an entry; None where the fact has no values."""
        if self._counted[number].aggregate not in VALUED:
            return None
        return self._pool(number).value(entry)

    def _spoil(self) -> None:
        """Find the chunk's records that spoil a fact."""
        tests: list[str] = []
        for number, one in enumerate(self._counted):
            held = f" OR coalesce(holds{number} AND q{number} > 0, false)" if one.reserve else ""
            tests.append(
                f"(coalesce(e{number} > 0, false) OR coalesce(lasts{number}, false){held})"
            )
        rows = self._run(
            f"SELECT idx, {', '.join(tests)} FROM fresh WHERE {' OR '.join(tests)}"
        ).fetchall()
        for index, *flags in rows:
            found = self.spoiling.setdefault(index, [])
            for asked, flag in zip(self._group.facts, flags, strict=True):
                if flag and asked.memory not in found:
                    found.append(asked.memory)

    def _sources_of_values(self) -> dict[int, tuple[Subject, str]]:
        """Return, by fact, the table and the column of its values in this chunk."""
        found: dict[int, tuple[Subject, str]] = {}
        for number, one in enumerate(self._group.facts):
            subject = self._subjects.get(one.memory.fact.source)
            if self._counted[number].aggregate in VALUED and subject is not None:
                found[number] = (subject, one.value)
        return found

    # ------------------------------------------------------------------------- who asks

    def _ask(self) -> tuple[Places, pa.Table]:
        """Make `asking`; return which record each of its rows is of, and those records."""
        group, form = self._group, self._form
        names = sorted(self._subjects)
        parts = [_NOBODY]
        for subject, tools in group.need.subjects.items():
            held = self._subjects.get(subject)
            if held is None or not held.table.num_rows:
                continue
            keys, many = "CAST(NULL AS VARCHAR[])", "false"
            if group.at:
                shape = held.shapes[group.at]
                keys = keys_sql(shape, f'"{group.at}"')
                many = is_list_sql(shape, f'"{group.at}"')
            act = "act" if subject == "outcome" else "CAST(NULL AS BIGINT)"
            parts.append(
                f'SELECT {names.index(subject)} AS subject, idx, "{form.scope}" AS scope, "time", '
                f"imported, {act} AS act, {keys} AS keys, {many} AS many "
                f"FROM {held.source} WHERE {tools_sql(tools)}"
            )
        bad = ["scope IS NULL", *(["keys IS NULL"] if group.at else [])]
        if form.within is not None:
            bad += ['"time" IS NULL', *([] if form.own_clock else ["imported"])]
        self._run(
            "CREATE OR REPLACE TEMP TABLE raw AS SELECT *, row_number() OVER () - 1 AS asker, "
            f"({' OR '.join(bad)}) AS bad FROM ({' UNION ALL '.join(parts)})"
        )
        self._run(f"CREATE OR REPLACE TEMP TABLE asking AS {self._asking_sql()}")
        raw = self._arrow("SELECT subject, idx, bad, many FROM raw ORDER BY asker")
        mine = "SELECT whose, any_value(asker) AS asker FROM asking GROUP BY whose"
        if not form.reference:
            mine = "SELECT whose, asker FROM asking"
        whose = self._arrow(f"{mine} ORDER BY whose")["asker"].to_numpy()
        return whose, raw

    def _asking_sql(self) -> str:
        """Return the statement whose rows ask: `raw`, once under each key."""
        kept = 'asker, idx, scope, "time", imported, act'
        order, keyed = "", f"SELECT {kept}, '' AS \"key\" FROM raw WHERE NOT bad"
        if self._group.at:
            order = "ORDER BY asker, place"
            keyed = (
                f'SELECT {kept}, unnest(keys) AS "key", generate_subscripts(keys, 1) AS place '
                "FROM raw WHERE NOT bad"
            )
        items = f"SELECT row_number() OVER ({order}) - 1 AS whose, * FROM ({keyed})"
        rows = f'SELECT whose, {kept}, "key", false AS timeless FROM ({items})'
        if not self._form.reference:
            return f"SELECT whose AS ask, * FROM ({rows})"
        timeless = "imported" if self._form.within is not None else "false"
        apart = (
            f'SELECT whose, asker, idx, {NOWHERE} AS scope, "time", imported, '
            f'CAST(NULL AS BIGINT) AS act, "key", {timeless} AS timeless FROM items'
        )
        both = f"WITH items AS MATERIALIZED ({rows}) SELECT * FROM items UNION ALL BY NAME {apart}"
        return f"SELECT row_number() OVER () AS ask, * FROM ({both})"

    # ------------------------------------------------------------------- what counts

    def _note(self) -> bool:
        """Make `noted`, `notes`, and `lasting` where something lasts; return whether it does."""
        sources = list(sources_of(self._group, self._subjects))
        parts = [self._state.empty_sql()]
        if sources:
            parts.append(notes_sql(self._form, self._counted, sources))
        self._run(f"CREATE OR REPLACE TEMP TABLE fresh AS {' UNION ALL BY NAME '.join(parts)}")
        if any(one.reserve for one in self._counted):
            self._reserve()
        earlier = self._state.asked_sql(self._known_before)
        known = f" UNION ALL BY NAME {earlier}" if earlier else ""
        self._run(
            "CREATE OR REPLACE TEMP TABLE noted AS SELECT *, false AS spread FROM "
            f"(SELECT * FROM fresh{known})"
        )
        self._spread()
        numbers = range(len(self._counted))
        lasts = " OR ".join(f"coalesce(lasts{number}, false)" for number in numbers)
        lasting = False
        if self._form.within is not None:
            self._run(f"CREATE OR REPLACE TEMP TABLE lasting AS SELECT * FROM noted WHERE {lasts}")
            lasting = bool(self._one("SELECT count(*) FROM lasting"))
        dropped = ", ".join(f"lasts{number}, holds{number}" for number in numbers)
        columns, joins = self._rank()
        self._run(
            "CREATE OR REPLACE TEMP TABLE notes AS SELECT noted.* "
            f"EXCLUDE (act, ends, spread, {dropped}), 1 AS side{columns} "
            f"FROM noted{joins} WHERE NOT ({lasts})"
        )
        return lasting

    def _spread(self) -> None:
        """Put what spoils a fact under every key under each key that is asked for."""
        if not self._one('SELECT count(*) FROM noted WHERE "key" IS NULL'):
            return
        keyless = 'SELECT scope, count(*) AS notes FROM noted WHERE "key" IS NULL GROUP BY scope'
        asked = 'SELECT scope, count(DISTINCT "key") AS keys FROM asking GROUP BY scope'
        spread = self._one(
            f"SELECT sum(notes * keys) FROM ({keyless}) JOIN ({asked}) USING (scope)"
        )
        if not spread:
            return
        if spread > MAX_SPREAD:
            raise RowsNeededError
        self._run(
            "CREATE OR REPLACE TEMP TABLE noted AS SELECT * FROM noted UNION ALL BY NAME "
            'SELECT noted.* REPLACE (cell."key" AS "key", true AS spread) FROM noted JOIN '
            '(SELECT DISTINCT scope, "key" FROM asking) AS cell USING (scope) '
            'WHERE noted."key" IS NULL'
        )

    def _reserve(self) -> None:
        """Make `held` and `ended`, and let reservations end."""
        numbers = [number for number, one in enumerate(self._counted) if one.reserve]
        weights = ", ".join(f"r{number}, q{number}" for number in numbers)
        holding = " OR ".join(f"coalesce(holds{number}, false)" for number in numbers)
        outcomes = self._subjects.get("outcome")
        ended = "SELECT CAST(NULL AS BIGINT) AS act, CAST(NULL AS BIGINT) AS idx WHERE false"
        if outcomes is not None and outcomes.table.num_rows:
            ended = (
                f"SELECT act, min(idx) AS idx FROM {outcomes.source} "
                "WHERE act IS NOT NULL GROUP BY act"
            )
        self._run(f"CREATE OR REPLACE TEMP TABLE ended AS {ended}")
        statement = f'SELECT act, idx, scope, "key", {weights} FROM fresh WHERE {holding}'
        if self._one(f"SELECT count(*) FROM ended WHERE act < {self._known_before}"):
            statement += (
                f' UNION ALL SELECT act, idx, scope, "key", {weights} FROM {self._state.table} '
                f"WHERE ({holding}) AND act IN (SELECT act FROM ended) AND act NOT IN "
                f"(SELECT act FROM {self._state.table} WHERE ends)"
            )
        self._run(f"CREATE OR REPLACE TEMP TABLE held AS {statement}")
        self._run(f"INSERT INTO fresh BY NAME {ended_sql(numbers)}")

    # ---------------------------------------------------------------- least and greatest

    def _rank(self) -> tuple[str, str]:
        """Give each value of `min` and `max` its place; return columns and joins for `notes`."""
        columns, joins = "", ""
        for number, one in enumerate(self._counted):
            if one.aggregate not in EXTREMES:
                continue
            found = [
                (index, value)
                for index, value in self._pool(number).pairs()
                if kind_of(value) in _KIND_NUMBERS and not is_nan(value)
            ]
            ranks: list[dict[str, int]] = []
            for kind, kind_number in _KIND_NUMBERS.items():
                mine = [pair for pair in found if kind_of(pair[1]) == kind]
                # Of equals the first wins.
                mine.sort(key=lambda pair: pair[0])
                mine.sort(key=lambda pair: pair[1], reverse=one.aggregate == "max")
                ranks += [
                    {"idx": index, f"m{number}": place, f"k{number}": kind_number}
                    for place, (index, _) in enumerate(mine, len(ranks))
                ]
            self._places[number] = np.array([row["idx"] for row in ranks], np.int64)
            kinds = {"idx": pa.int64(), f"m{number}": pa.int64(), f"k{number}": pa.int64()}
            self._database.register(f"ranks{number}", _table(ranks, kinds))
            columns += (
                f", ranks{number}.m{number} AS m{number}, ranks{number}.k{number} AS k{number}"
            )
            joins += (
                f" LEFT JOIN ranks{number} ON ranks{number}.idx = noted.idx AND noted.n{number} > 0"
            )
        return columns, joins

    # ---------------------------------------------------------------------- what comes out

    def _sum(self) -> pa.Table:
        """Make `answers`, and return what each row of `items` gets, in their order."""
        numbers = range(len(self._counted))
        tests = [f"coalesce(max(e{number}), 0) > 0" for number in numbers]
        reserving = [number for number in numbers if self._counted[number].reserve]
        tests += [f"coalesce(bool_or(r{n} <> 0 OR q{n} <> 0), false)" for n in reserving]
        said = self._run(f"SELECT {', '.join(tests)} FROM notes").fetchall()[0]
        flags = [bool(one) for one in said]
        present = Present(
            frozenset(number for number in numbers if flags[number]),
            frozenset(
                number
                for place, number in enumerate(reserving)
                if flags[len(self._counted) + place]
            ),
        )
        statement = facts_sql(self._form, self._counted, present)
        self._run(f"CREATE OR REPLACE TEMP TABLE answers AS {statement}")
        own = ""
        reserved = sorted(present.reserved)
        if reserved and "outcome" in self._group.need.subjects:
            own = f" LEFT JOIN ({own_sql(reserved)}) AS own USING (whose)"
        columns: list[str] = []
        for number in numbers:
            columns += self._summed(number, present, own=bool(own))
        whole = f"SELECT answers.whose AS whose, {', '.join(columns)} FROM answers{own}"
        return self._arrow(f"{whole} GROUP BY answers.whose ORDER BY answers.whose")

    def _summed(self, number: int, present: Present, *, own: bool) -> Iterator[str]:
        """Yield a fact's value, or the entry that has it, and whether it has none (`xN`).

        A record that asks has one row, and another for those that stand in no run.
        """
        aggregate = self._counted[number].aggregate
        spoilt = [f"bool_or(timeless AND c{number} > 0)"]
        counted = f"sum(c{number})"
        total = f"sum(s{number})" if aggregate == "sum" else counted
        if number in present.errors:
            spoilt.append(f"sum(e{number}) > 0")
        if number in present.reserved:
            minus = f" - coalesce(any_value(own_r{number}), 0)" if own else ""
            fewer = f" - coalesce(any_value(own_q{number}), 0)" if own else ""
            total = f"({total} + sum(r{number}){minus})"
            spoilt.append(f"sum(q{number}){fewer} > 0")
        if aggregate in {"count", "sum"}:
            spoilt.append(f"abs({total}) > {INT_MAX}")
            yield f"CAST(greatest(least({total}, {INT_MAX}), -{INT_MAX}) AS BIGINT) AS v{number}"
        elif aggregate == "seen":
            yield f"({total} > 0) AS v{number}"
        elif aggregate == "last":
            yield f"max(CASE WHEN c{number} > 0 THEN i{number} END) AS v{number}"
        elif aggregate in EXTREMES:
            spoilt.append(f"coalesce(min(a{number}) <> max(z{number}), false)")
            yield f"min(m{number}) AS v{number}"
        else:
            spoilt.append(f"{counted} > {MAX_LIST}")
            yield f"CAST({counted} AS BIGINT) AS v{number}"
        yield f"({' OR '.join(spoilt)}) AS x{number}"

    def _spoilt_for_ever(self, number: int) -> Places:
        """Return the rows that ask for which an error without a time spoils the fact."""
        first = (
            f'SELECT scope, "key", min(idx) AS idx FROM lasting WHERE lasts{number} '
            'GROUP BY scope, "key"'
        )
        asked = f"SELECT DISTINCT whose FROM asking JOIN ({first}) AS first USING (scope"
        found = self._arrow(
            f'{asked}, "key") WHERE first.idx < asking.idx UNION '
            f'{asked}) WHERE first."key" IS NULL AND first.idx < asking.idx'
        )
        return found["whose"].to_numpy()

    def _fact(self, number: int, summed: pa.Table, spoilt: Places) -> tuple[Shape, Held]:
        """Return a fact for each row of `items`."""
        one = self._group.facts[number].memory.fact
        found = summed[f"v{number}"].combine_chunks()
        if one.aggregate in {"count", "sum", "seen"}:
            shape = BOOL if one.aggregate == "seen" else INT
            return shape, _without(found, spoilt)
        if one.aggregate == "list":
            return self._lists(number, spoilt)
        places = found.to_numpy(zero_copy_only=False)
        there = ~np.asarray(found.is_null())
        entries = np.full(len(places), DEFAULT, np.int64)
        if one.aggregate == "last":
            entries[there] = places[there].astype(np.int64)
        else:
            entries[there] = self._places[number][places[there].astype(np.int64)]
        pool = self._pool(number)
        lost = spoilt | (~there if one.default is None else False)
        return pool.shape, pool.of_entries(entries, lost)

    def _lists(self, number: int, spoilt: Places) -> tuple[Shape, Held]:
        pool = self._pool(number)
        rows = self._arrow(listed_sql(number))
        pairs: Held = zip(rows["whose"].to_pylist(), rows["entries"].to_pylist(), strict=True)
        found: dict[int, list[int]] = dict(pairs)
        entries: list[list[int]] = [
            [] if lost else found.get(whose, []) for whose, lost in enumerate(spoilt)
        ]
        lengths = [len(each) for each in entries]
        flat = [one for each in entries for one in each]
        places = pool.places(np.array(flat, np.int64))
        bad = pool.long[places]
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        if bad.any():
            spoilt = spoilt | (np.add.reduceat(np.append(bad, 0), offsets[:-1]) > 0) & (
                np.array(lengths) > 0
            )
        items = taken(pool.array, places, np.zeros(len(places), bool))
        return ListOf(pool.shape), lists(offsets, items, spoilt)

    def _pool(self, number: int) -> Pool:
        """Return the values that a fact may have. `noted` must be made."""
        if number not in self._pools:
            one = self._group.facts[number]
            source = self._subjects.get(one.memory.fact.source)
            default = MISSING if one.memory.fact.default is None else one.memory.fact.default
            earlier = self._state.values(number, self._known_before)
            self._pools[number] = Pool.of([(DEFAULT, default), *earlier], source, one.value)
        return self._pools[number]

    # ------------------------------------------------------------------------ the database

    def _run(self, statement: str) -> DuckDBPyConnection:
        return self._database.execute(statement)

    def _one(self, statement: str) -> Value:
        row = next(iter(self._run(statement).fetchall()), None)
        return row[0] if row else None

    def _arrow(self, statement: str) -> pa.Table:
        table: pa.Table = arrow_of(self._database, statement)
        return table


def _without(array: Held, lost: Places) -> Held:
    """Return an array with null where something is lost."""
    return taken(array, np.arange(len(array)), lost)


def _table(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, pa.DataType]) -> pa.Table:
    """Return rows as a table of these columns; what a row does not say is null."""
    made: dict[str, Held] = {}
    for name, kind in kinds.items():
        made[name] = pa.array([row.get(name) for row in rows], kind)
    return pa.table(made)
