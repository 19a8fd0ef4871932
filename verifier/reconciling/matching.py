"""Calls that a source shows and actions that a ledger records, paired one to one.

First by the call's id within its run, then by the idempotency key, then by tool and arguments with
the nearest time, and last, where arguments are not to be seen on one side, by tool and time. What
a source calls a run counts where it is one of the ledger's; where it names none of them, its names
are others, and runs are left out of account.
"""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from verifier.reconciling.arguments import as_text, differences, exact
from verifier.reconciling.pairing import Pair, Recorded, Shown, State, pair
from verifier.reconciling.tables import row_of, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row: TypeAlias = tuple[Any, ...]
"""Three keys, and what stands at these places."""

_SIDE, _ID, _TOOL, _ARGS, _AT, _ENDED, _STATE = range(3, 10)
# Beyond it, calls with sealed arguments are paired by their times alone.
_MOST: Final = 40_000
_KEYS: Final = itemgetter(0, 1, 2)

Resolve: TypeAlias = Callable[[Sequence[Row], Sequence[Row]], Iterable[Pair]]


class Matching:
    """The pairs of one source, in the table `paired`.

    Args:
        database: Has the tables `recorded` and `runs`.
        shown: The table of what the source shows.
        within: How far apart the same call may be on both sides, in microseconds.
        textual: Whether arguments are compared as text.

    Attributes:
        named: Whether the source names runs of this ledger.
    """

    def __init__(
        self, database: "DuckDBPyConnection", shown: str, within: int, *, textual: bool
    ) -> None:
        self._database = database
        self._within = within
        self._digest = "loose" if textual else "exact"
        self._form = as_text if textual else exact
        self.named = self._place(shown)
        database.execute("CREATE OR REPLACE TABLE paired (n BIGINT, idx BIGINT, choices BIGINT)")

    def run(self) -> None:
        """Pair all that can be."""
        self._by_id()
        ids = self._count() > 0
        self._pass(_by_key, "key", "key", "key IS NOT NULL", "key IS NOT NULL")
        keys = self._count("key IS NOT NULL") > 0
        others = _others(ids=ids, keys=keys)
        if not self._left():
            return
        for scope, condition in self._scopes():
            for shown, recorded in others:
                self._arguments(scope, f"{condition} AND {shown}", recorded)
        if not self._left():
            return
        for scope, condition in self._scopes():
            for shown, recorded in others:
                self._blind(scope, f"{condition} AND {shown}", recorded)

    def _left(self) -> bool:
        calls = row_of(self._database, "SELECT count(*) FROM calls")[0]
        return bool(calls > self._count())

    def _count(self, condition: str = "true") -> int:
        statement = f"SELECT count(*) FROM paired JOIN calls USING (n) WHERE {condition}"
        return int(row_of(self._database, statement)[0])

    def _place(self, shown: str) -> bool:
        """Number the calls in an order that the file's order has no part in."""
        self._database.execute("""
            CREATE OR REPLACE TABLE scopes AS
            SELECT name, min(scope) AS scope FROM (
                SELECT ref AS name, ref AS scope FROM runs WHERE ref <> ''
                UNION ALL
                SELECT digest, CASE WHEN ref = '' THEN digest ELSE ref END FROM runs)
            GROUP BY name""")
        among = f"SELECT count(*) FROM {shown} s SEMI JOIN scopes ON s.run = scopes.name"
        known = bool(row_of(self._database, among)[0])
        # What names a run that is not in the ledger is in none: no action of another is it.
        scope = "CASE WHEN s.run IS NOT NULL THEN coalesce(r.scope, '') END" if known else "NULL"
        self._database.execute(f"""
            CREATE OR REPLACE TABLE calls AS
            SELECT row_number() OVER (ORDER BY s.run NULLS FIRST, s.tool, s.call_id NULLS FIRST,
                s.key NULLS FIRST, s.args NULLS FIRST, s.stamp NULLS FIRST, s.failed NULLS FIRST,
                s.line, s.place) - 1 AS n, s.*, {scope} AS scope
            FROM {shown} s LEFT JOIN scopes r ON s.run = r.name""")
        return known

    def _scopes(self) -> Iterator[tuple[str, str]]:
        """Yield what tells runs apart, first where the source says the run."""
        yield "scope", "scope IS NOT NULL"
        yield "''", "scope IS NULL"

    def _by_id(self) -> None:
        for scope, condition in self._scopes():
            self._pass(
                _by_key,
                f"{scope}, call_id",
                f"{scope}, call_id",
                f"call_id IS NOT NULL AND {condition}",
                "call_id IS NOT NULL",
            )

    def _arguments(self, scope: str, shown: str, recorded: str) -> None:
        mine = f"{scope}, tool, args"
        others = f"{scope}, tool, {self._digest}"
        said = f"{self._digest} IS NOT NULL AND {recorded}"
        self._pass(self._nearest, mine, others, f"args IS NOT NULL AND {shown}", said)

    def _blind(self, scope: str, shown: str, recorded: str) -> None:
        """Pair where arguments are not to be seen: not said by the source, or sealed here."""

        def alike(calls: Sequence[Row], actions: Sequence[Row]) -> Iterator[Pair]:
            for one in self._nearest(calls, actions):
                yield Pair(one.n, one.index, len(actions))

        keys = f"{scope}, tool"
        self._pass(alike, keys, keys, f"args IS NULL AND {shown}", recorded)
        sealed = f"hidden IS NOT NULL AND {recorded}"
        self._pass(self._around, keys, keys, f"args IS NOT NULL AND {shown}", sealed, bodies=True)

    def _nearest(self, calls: Sequence[Row], actions: Sequence[Row]) -> Iterator[Pair]:
        return pair([*map(_shown, calls)], [*map(_recorded, actions)], self._within)

    def _around(self, calls: Sequence[Row], actions: Sequence[Row]) -> Iterator[Pair]:
        """Pair where what is not sealed is the same, and say how many could be the one."""
        if len(calls) * len(actions) > _MOST:
            for one in self._nearest(calls, actions):
                yield Pair(one.n, one.index, len(actions))
            return
        left = list(calls)
        for action in actions:
            body, hidden = json.loads(action[_ARGS])
            paths = frozenset(hidden)
            near = [
                row
                for row in left
                if not any(differences(body, json.loads(row[_ARGS]), self._form, paths))
                and any(self._nearest([row], [action]))
            ]
            if near:
                (best,) = self._nearest(near, [action])
                yield Pair(best.n, best.index, len(near))
                left = [row for row in left if row[_ID] != best.n]

    def _pass(
        self,
        resolve: Resolve,
        mine: str,
        others: str,
        shown: str,
        recorded: str,
        *,
        bodies: bool = False,
    ) -> None:
        """Pair what has the same keys on both sides, and is not paired yet."""
        args = "body" if bodies else "args"
        own = "'[' || body || ',' || hidden || ']'" if bodies else self._digest
        sides = f"""
            WITH s AS (SELECT {_keys(mine)}, 0 AS side, n AS id, tool, {args} AS args, stamp,
                    NULL::BIGINT AS ended, failed::VARCHAR AS state
                FROM calls WHERE n NOT IN (SELECT n FROM paired) AND {shown}),
            r AS (SELECT {_keys(others)}, 1 AS side, idx AS id, tool, {own} AS args, stamp,
                    ended, state
                FROM recorded WHERE idx NOT IN (SELECT idx FROM paired) AND {recorded})"""
        if not bodies:
            self._alone(sides, None if resolve is _by_key else self._within)
        statement = f"""{sides}
            SELECT * FROM (
                SELECT * FROM s SEMI JOIN r USING (k1, k2, k3)
                UNION ALL SELECT * FROM r SEMI JOIN s USING (k1, k2, k3))
            ORDER BY k1, k2, k3, side, id"""
        found = [array("q") for _ in range(3)]
        for _, group in groupby(rows_of(self._database, statement), key=_KEYS):
            rows = list(group)
            cut = sum(row[_SIDE] == 0 for row in rows)
            for one in resolve(rows[:cut], rows[cut:]):
                for column, value in zip(found, (one.n, one.index, one.choices), strict=True):
                    column.append(value)
        arrays = [pa.array(column, pa.int64()) for column in found]
        self._database.register("found", pa.table(arrays, names=["n", "idx", "choices"]))
        self._database.execute("INSERT INTO paired SELECT * FROM found")
        self._database.unregister("found")

    def _alone(self, sides: str, within: int | None) -> None:
        """Pair what is alone with its keys on both sides, as most are: nothing has to be chosen."""
        gap = "greatest(a.stamp - b.stamp, b.stamp - greatest(a.stamp, coalesce(a.ended, 0)))"
        timed = "a.stamp IS NOT NULL AND b.stamp IS NOT NULL"
        near = "true" if within is None else f"NOT ({timed}) OR {gap} <= {within}"
        alone = "SELECT k1, k2, k3, min(id) AS id, min(stamp) AS stamp, min(ended) AS ended FROM"
        only = "GROUP BY k1, k2, k3 HAVING count(*) = 1"
        self._database.execute(f"""INSERT INTO paired {sides}
            SELECT b.id, a.id, 1 FROM ({alone} s {only}) b JOIN ({alone} r {only}) a
            USING (k1, k2, k3) WHERE {near}""")


def _others(*, ids: bool, keys: bool) -> list[tuple[str, str]]:
    """Return which calls may be which actions though no id says so.

    Where both sides have ids and some are the same, two that are not say that it is another call.
    """
    found = [("true", "true")]
    for column, shared in (("call_id", ids), ("key", keys)):
        if shared:
            found = [
                both
                for shown, recorded in found
                for both in (
                    (f"{shown} AND {column} IS NOT NULL", f"{recorded} AND {column} IS NULL"),
                    (f"{shown} AND {column} IS NULL", recorded),
                )
            ]
    return found


def _keys(names: str) -> str:
    listed = [*names.split(", "), "''", "''"][:3]
    return ", ".join(f"{name} AS k{number}" for number, name in enumerate(listed, start=1))


def _shown(row: Row) -> Shown:
    return Shown(row[_ID], row[_AT], None if row[_STATE] is None else row[_STATE] == "true")


def _recorded(row: Row) -> Recorded:
    return Recorded(row[_ID], row[_AT], row[_ENDED], State(row[_STATE]))


def _by_key(calls: Sequence[Row], actions: Sequence[Row]) -> Iterator[Pair]:
    """Pair what has one id: the same tool and arguments first, then whatever is left."""
    taken: set[tuple[int, int]] = set()
    same: dict[tuple[Any, ...], tuple[list[Row], list[Row]]] = {}
    for row in (*calls, *actions):
        same.setdefault(row[_TOOL : _ARGS + 1], ([], []))[row[_SIDE]].append(row)
    for mine, others in same.values():
        for one in _paired(mine, others):
            taken |= {(0, one.n), (1, one.index)}
            yield one
    left = [row for row in calls if (0, row[_ID]) not in taken]
    others = [row for row in actions if (1, row[_ID]) not in taken]
    # Two that differ, and nothing says which of two is which: each could be the other's.
    for one in _paired(left, others):
        yield Pair(one.n, one.index, max(len(left), len(others)))


def _paired(calls: Sequence[Row], actions: Sequence[Row]) -> Iterator[Pair]:
    if calls and actions:
        yield from pair([*map(_shown, calls)], [*map(_recorded, actions)], None)
