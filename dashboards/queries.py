"""Questions to the tables: which findings, which runs, in what order, and one page of them.

A page is never sent a table whole: what is shown is chosen, sorted and cut here, in SQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.filters import FACETS, OPENED, PAGE_SIZE, SORTS, Filter
from dashboards.tables import Tables
from dashboards.words import STATES, short

# A search of more words than this is a text, and no search.
MAX_WORDS: Final = 12
# Values that a list of choices offers: of many more nobody reads the last.
MOST_CHOICES: Final = 200
# A chart has no room for the words of more.
MOST_MARKS: Final = 100
_COLUMNS: Final = (
    "id, code, clause, rule, state, severity, idx, place, run, ref, named_run, tool, identity, "
    "says, handled, channel, version, service, moment, review, assignee"
)
_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_END: Final = "TIMESTAMP '9999-12-31 23:59:59'"
# How wide a bar of the findings' chart is, by how long the ledger's story is.
# Nobody tells more than some hundred bars apart, and each of a long story's days costs its bytes.
_WIDTHS: Final = (
    (900 * 86_400, "month"),
    (130 * 86_400, "week"),
    (3 * 86_400, "day"),
    (3 * 3_600, "hour"),
    (0, "minute"),
)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as a line of a list. `place` is its place in the report."""

    id: str
    code: str
    clause: str
    rule: str
    state: str
    severity: str
    index: int
    place: int
    run: str
    ref: str
    named_run: str
    tool: str
    identity: str
    says: str
    handled: str
    channel: str
    version: str
    service: str
    moment: str
    review: str
    assignee: str

    @property
    def run_name(self) -> str:
        """What its run is called: the source's own id, or the digest."""
        return self.ref or self.run or self.named_run


@dataclass(frozen=True, slots=True)
class Found:
    """One page of findings.

    Attributes:
        rows: The page.
        total: How many the choice has on all pages.
        page: The page that these are, which may be an earlier one than was asked for.
        pages: How many pages there are.
    """

    rows: tuple[FindingRow, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The findings beside one, within a choice, and its number there (0: it is not in it)."""

    number: int
    total: int
    before: FindingRow | None
    after: FindingRow | None


def findings(tables: Tables, chosen: Filter) -> Found:
    """Return one page of the findings that a filter keeps, in its order."""
    where, values = where_of(chosen)
    total = tables.number(f"SELECT count(*) FROM findings WHERE {where}", *values)
    pages = max(-(-total // PAGE_SIZE), 1)
    page = min(chosen.page, pages)
    rows = tables.rows(
        f"SELECT {_COLUMNS} FROM findings WHERE {where} ORDER BY {chosen.order} LIMIT ? OFFSET ?",
        *values,
        PAGE_SIZE,
        (page - 1) * PAGE_SIZE,
    )
    return Found(tuple(FindingRow(*row) for row in rows), total, page, pages)


def finding(tables: Tables, which: str) -> FindingRow | None:
    """Return the finding with this id."""
    rows = tables.rows(f"SELECT {_COLUMNS} FROM findings WHERE id = ? ORDER BY place", which)
    return FindingRow(*rows[0]) if rows else None


def named(tables: Tables, which: Sequence[str]) -> tuple[FindingRow, ...]:
    """Return the findings with these ids, the worst first; what is none is left out."""
    marks = ", ".join("?" * len(which))
    rows = tables.rows(
        f"SELECT {_COLUMNS} FROM findings WHERE id IN ({marks}) ORDER BY {SORTS['severity']}",
        *which,
    )
    return tuple(FindingRow(*row) for row in rows)


def findings_of_run(tables: Tables, run: str) -> tuple[FindingRow, ...]:
    """Return the findings of a run, the worst first."""
    rows = tables.rows(
        f"SELECT {_COLUMNS} FROM findings WHERE run = ? ORDER BY "
        f"list_position({list(STATES)}, state), {SORTS['severity']}",
        run,
    )
    return tuple(FindingRow(*row) for row in rows)


def findings_on(tables: Tables, index: int) -> tuple[FindingRow, ...]:
    """Return the findings that stand at an entry, then those that rest on it."""
    rows = tables.rows(
        f"SELECT {_COLUMNS} FROM findings WHERE idx = ? "
        "OR place IN (SELECT place FROM bases WHERE idx = ?) "
        f"ORDER BY idx != ?, {SORTS['severity']} LIMIT {PAGE_SIZE}",
        index,
        index,
        index,
    )
    return tuple(FindingRow(*row) for row in rows)


def runs_kept(tables: Tables, chosen: Filter) -> frozenset[str]:
    """Return the runs of the findings that a filter keeps, by digest."""
    where, values = where_of(chosen)
    rows = tables.rows(f"SELECT DISTINCT run FROM findings WHERE run != '' AND {where}", *values)
    return frozenset(row[0] for row in rows)


def runs_of_entries(tables: Tables, entries: Sequence[int]) -> Mapping[int, str]:
    """Return the run of each entry that stands in one, by digest."""
    rows = tables.rows(
        "SELECT idx, run FROM entries WHERE run != '' AND list_contains(?, idx)", list(entries)
    )
    return dict(rows)


def said_of_runs(tables: Tables, what: str) -> tuple[str, ...]:
    """Return what runs say of themselves, such as their `model`, the commonest first.

    Raises:
        KeyError: It is nothing that is chosen by.
    """
    column = {"service": "service", "model": "model", "channel": "channel", "prompt": "prompt"}[
        what
    ]
    rows = tables.rows(
        f"SELECT {column} FROM runs WHERE {column} != '' GROUP BY {column} "
        f"ORDER BY count(*) DESC, {column} LIMIT {MOST_CHOICES}"
    )
    return tuple(row[0] for row in rows)


def neighbours(tables: Tables, chosen: Filter, which: str) -> Neighbours:
    """Return what stands before and after a finding in a filter's order."""
    where, values = where_of(chosen)
    # First which stand beside it, then what they say: of all others only the order is read.
    rows = tables.rows(
        f"WITH kept AS (SELECT id, place, row_number() OVER (ORDER BY {chosen.order}) AS number, "
        f"count(*) OVER () AS total FROM findings WHERE id = ? OR ({where})), "
        "here AS (SELECT number FROM kept WHERE id = ? ORDER BY number LIMIT 1) "
        "SELECT kept.number - here.number, kept.place, here.number, kept.total FROM kept, here "
        "WHERE kept.number BETWEEN here.number - 1 AND here.number + 1",
        which,
        *values,
        which,
    )
    if not rows:
        return Neighbours(0, 0, None, None)
    places = {int(beside): int(place) for beside, place, _, _ in rows}
    before, after = (_at(tables, places.get(beside)) for beside in (-1, 1))
    inside = tables.number(
        f"SELECT count(*) FROM findings WHERE id = ? AND ({where})", which, *values
    )
    if not inside:
        # Somebody may have settled it a moment ago: the way on is still the one that it was.
        return Neighbours(0, rows[0][3] - 1, before, after)
    return Neighbours(rows[0][2], rows[0][3], before, after)


def _at(tables: Tables, place: int | None) -> FindingRow | None:
    if place is None:
        return None
    rows = tables.rows(f"SELECT {_COLUMNS} FROM findings WHERE place = ?", place)
    return FindingRow(*rows[0])


def choices(tables: Tables) -> Mapping[str, tuple[str, ...]]:
    """Return the values of each facet that findings have, the commonest first."""
    return {
        name: tuple(
            row[0]
            for row in tables.rows(
                f"SELECT {column} FROM findings WHERE {column} != '' "
                f"GROUP BY {column} ORDER BY count(*) DESC, {column} LIMIT {MOST_CHOICES}"
            )
        )
        for name, column in FACETS.items()
        if name not in OPENED
    }


def counts(tables: Tables, chosen: Filter | None = None) -> Mapping[str, int]:
    """Return how many findings each state has: of all, or of those that a filter keeps.

    A filter's own choice of states plays no part: the numbers stand beside what can be chosen.
    """
    where, values = ("true", ()) if chosen is None else where_of(chosen, without="result")
    rows = tables.rows(
        f"SELECT state, count(*) FROM findings WHERE {where} GROUP BY state", *values
    )
    found = {str(state): int(number) for state, number in rows}
    return {state: found.get(state, 0) for state in STATES}


@dataclass(frozen=True, slots=True)
class Violated:
    """What was violated: findings, different rules, runs, and how many runs there are in all."""

    findings: int
    rules: int
    runs: int
    all_runs: int


def violated(tables: Tables) -> Violated:
    """Return how much was violated."""
    rows = tables.rows(
        "SELECT count(*), count(DISTINCT rule), count(DISTINCT run) FILTER (run != ''), "
        "(SELECT count(*) FROM runs) FROM findings WHERE state = 'violated'"
    )
    return Violated(*rows[0])


def shown_run(row: FindingRow) -> str:
    """Return what a line calls a finding's run: a digest is cut to what tells it from others."""
    return short(row.run_name)


# --------------------------------------------------------------------------- for the chart


@dataclass(frozen=True, slots=True)
class Bar:
    """How many findings of a clause fall between two times."""

    start: str
    end: str
    clause: str
    findings: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment from which other rules held, and what happened in words."""

    index: int
    at: str
    what: str


def bar_width(tables: Tables) -> str:
    """Return how wide a bar of the findings' chart is: from a minute to a month."""
    first, last = span(tables)
    if not first:
        return "day"
    seconds = tables.number(
        "SELECT epoch(rtrim(?, 'Z')::TIMESTAMP - rtrim(?, 'Z')::TIMESTAMP)::BIGINT", last, first
    )
    return next(width for least, width in _WIDTHS if seconds >= least)


def span(tables: Tables) -> tuple[str, str]:
    """Return the first and the last time of the records that tell of runs; empty without any."""
    rows = tables.rows("SELECT min(moment), max(moment) FROM entries WHERE run != ''")
    return rows[0][0] or "", rows[0][1] or ""


def by_time(tables: Tables, chosen: Filter) -> tuple[Bar, ...]:
    """Return how many findings a filter keeps, by time and clause, whatever time it asks for."""
    where, values = where_of(chosen, without="time")
    width = bar_width(tables)
    rows = tables.rows(
        f"SELECT strftime(start, '{_ISO}'), "
        # A time may be claimed at the end of all that the ledger can write.
        f"strftime(least(start + INTERVAL 1 {width}, {_END}), '{_ISO}'), "
        f"clause, count(*) FROM (SELECT clause, "
        f"date_trunc('{width}', rtrim(moment, 'Z')::TIMESTAMP) AS start "
        f"FROM findings WHERE moment != '' AND {where}) GROUP BY start, clause "
        "ORDER BY start, clause",
        *values,
    )
    return tuple(Bar(*row) for row in rows)


def marks(tables: Tables) -> tuple[Mark, ...]:
    """Return what changed the rules of the game: activations and switches, the last, in order.

    Only what falls into the time of the runs: an import is judged by contracts that were activated
    long after its conversations, and its chart would be mostly empty.
    """
    first, last = span(tables)
    rows = tables.rows(
        "SELECT idx, kind, recorded_at, body ->> '$.version', body ->> '$.mode', "
        "body ->> '$.state' FROM governance WHERE kind IN ('activation', 'switch') "
        "AND recorded_at <= ? || '~' AND rtrim(recorded_at, 'Z')::TIMESTAMP "
        f">= rtrim(?, 'Z')::TIMESTAMP - INTERVAL 2 DAY ORDER BY idx DESC LIMIT {MOST_MARKS}",
        last,
        first or "9999-01-01T00:00:00",
    )
    return tuple(
        Mark(
            index,
            at,
            f"contract {version} activated"
            if kind == "activation"
            else f"{'kill switch' if mode == 'kill' else 'safe mode'} {state}",
        )
        for index, kind, at, version, mode, state in reversed(rows)
    )


# ---------------------------------------------------------------------- what a filter means


def where_of(chosen: Filter, without: str = "") -> tuple[str, tuple[object, ...]]:
    """Return a filter's condition over findings, and the values for its question marks."""
    parts = list(_parts(chosen, without))
    condition = " AND ".join(part for part, _ in parts) or "true"
    return condition, tuple(value for _, values in parts for value in values)


def _parts(chosen: Filter, without: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, kept in chosen.chosen.items():
        if name != without and kept:
            # Columns come from FACETS, values go by question marks.
            kept_marks = ", ".join("?" * len(kept))
            yield f"{FACETS[name]} IN ({kept_marks})", kept
    since, until = chosen.window if without != "time" else ("", "")
    if since or until:
        yield "moment != ''", ()
    if since:
        yield "moment >= ?", (since,)
    if until:
        yield "moment < ?", (until,)
    for word in chosen.search.lower().split()[:MAX_WORDS]:
        yield "contains(text, ?)", (word,)
