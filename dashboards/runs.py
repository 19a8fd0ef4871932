"""One run, from its opening to its end: its head, its steps, and what fell into its time.

A step is an entry of the ledger. Those of the run come first of all; switches and activations are
nobody's, and are shown where they fall in, because a run is judged by them too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.model import Rule
from dashboards.filling import named as named_in
from dashboards.filters import PAGE_SIZE
from dashboards.queries import FindingRow, findings_of_run
from dashboards.tables import Tables
from dashboards.words import VIOLATED
from ledger.clock import parse_time
from verifier.findings import Finding

# A run has a dozen steps; one that has thousands is gone through in pages of this many.
STEPS_SHOWN: Final = 60
_ENTRY: Final = (
    "idx, kind, digest, run, action, tool, source, identity, moment, recorded_at, imported, "
    "version, body"
)
_RUN: Final = (
    "idx, digest, ref, service, channel, requester, model, prompt, goal, workflow, domain, "
    "moment, closed_at, outcome"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One verified entry, its record as plain data. `moment` is when it happened, as far as known.

    `version` is the contract version in force, of actions.
    """

    index: int
    kind: str
    digest: str
    run: str
    action: str
    tool: str
    source: str
    identity: str
    moment: str
    recorded_at: str
    imported: bool
    version: str
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """An entry in a run's timeline.

    Attributes:
        entry: The entry.
        outside: True for what stands in no run, or in another one.
        after: Seconds since the action that it ends; None where it ends none.
        findings: What was found at it.
        links: Digests that its record names, with the entries that they are.
    """

    entry: Entry
    outside: bool = False
    after: float | None = None
    findings: tuple[FindingRow, ...] = ()
    links: Mapping[str, Entry] = field(default_factory=dict[str, Entry])


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stands above a run's steps. Sums are by currency: nobody may add up two of them."""

    index: int
    digest: str
    ref: str
    service: str
    channel: str
    requester: str
    model: str
    prompt: str
    goal: str
    workflow: str
    domain: str
    opened: str
    closed: str
    outcome: str
    versions: tuple[str, ...]
    cost: tuple[tuple[str, int], ...]
    value: tuple[tuple[str, int], ...]
    tokens: tuple[int, int]
    imported: bool
    before: str
    after: str

    @property
    def name(self) -> str:
        """What it is called: the source's own id, or its digest."""
        return self.ref or self.digest


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run as a line of a list."""

    index: int
    digest: str
    ref: str
    service: str
    channel: str
    requester: str
    model: str
    opened: str
    outcome: str
    closed: str
    actions: int
    violated: int
    other: int

    @property
    def name(self) -> str:
        """What it is called: the source's own id, or its digest."""
        return self.ref or self.digest


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of runs, how many there are in all, and on how many pages."""

    rows: tuple[ListedRun, ...]
    total: int
    page: int
    pages: int


def listed(tables: Tables, search: str = "", *, found: bool = False, page: int = 1) -> Listed:
    """Return one page of runs, in the ledger's order.

    Args:
        tables: The tables.
        search: Words that must all stand in what a run says of itself, or in its tools' names.
        found: Only runs in which something was violated.
        page: From 1; the last one where there are fewer.
    """
    words = search.lower().split()
    where = ["true"] + ["violated > 0"] * found + ["contains(text, ?)"] * len(words)
    # Conditions are this module's own, values go by question marks.
    kept = f"FROM listed WHERE {' AND '.join(where)}"
    total = tables.number(f"SELECT count(*) {kept}", *words)
    pages = max(-(-total // PAGE_SIZE), 1)
    at = min(max(page, 1), pages)
    rows = tables.rows(
        f"SELECT * EXCLUDE (text) {kept} ORDER BY idx LIMIT ? OFFSET ?",
        *words,
        PAGE_SIZE,
        (at - 1) * PAGE_SIZE,
    )
    return Listed(tuple(ListedRun(*row) for row in rows), total, at, pages)


def head(tables: Tables, which: str) -> RunHead | None:
    """Return a run's head, by its digest or by the source's own id."""
    rows = tables.rows(
        f"SELECT {_RUN} FROM runs WHERE digest = ? OR ref = ? ORDER BY digest = ? DESC, idx",
        which,
        which,
        which,
    )
    if not rows or not which:
        return None
    index, digest = rows[0][0], rows[0][1]
    tokens = tables.rows(
        "SELECT coalesce(sum(read), 0), coalesce(sum(written), 0) FROM tokens WHERE run = ?",
        digest,
    )[0]
    # What the run itself was worth, said at its end, stands for what its steps were.
    value = _sums(tables, digest, "run value") or _sums(tables, digest, "outcome value")
    named = dict(zip(_RUN.split(", "), rows[0], strict=True))
    return RunHead(
        index=index,
        opened=named.pop("moment"),
        closed=named.pop("closed_at"),
        **{name: str(said) for name, said in named.items() if name != "idx"},
        versions=_versions(tables, digest),
        cost=_sums(tables, digest, "message cost", "outcome cost"),
        value=value,
        tokens=(int(tokens[0]), int(tokens[1])),
        imported=bool(_one(tables, "SELECT imported FROM entries WHERE idx = ?", index)),
        before=_one(tables, "SELECT arg_max(digest, idx) FROM runs WHERE idx < ?", index) or "",
        after=_one(tables, "SELECT arg_min(digest, idx) FROM runs WHERE idx > ?", index) or "",
    )


def entry(tables: Tables, index: int) -> Entry | None:
    """Return one entry."""
    rows = tables.rows(f"SELECT {_ENTRY} FROM entries WHERE idx = ?", index)
    return _entry(rows[0]) if rows else None


def steps(tables: Tables, run: RunHead) -> tuple[Step, ...]:
    """Return everything that belongs to a run, and what fell into its time, in the ledger's order.

    An import's records all came at once: nothing fell into its time but what was in force.
    """
    own = [
        _entry(row)
        for row in tables.rows(
            f"SELECT {_ENTRY} FROM entries WHERE run = ? ORDER BY idx", run.digest
        )
    ]
    first, last = own[0].index, own[-1].index
    others = tables.rows(
        f"SELECT {_ENTRY} FROM governance WHERE idx BETWEEN ? AND ? AND "
        "(kind = 'authority' OR (kind IN ('switch', 'activation', 'contract') AND service = ?)) "
        "ORDER BY idx",
        first,
        last,
        run.service,
    )
    entries = sorted([*own, *map(_entry, others)], key=lambda one: one.index)
    found: dict[int, list[FindingRow]] = {}
    for one in findings_of_run(tables, run.digest):
        found.setdefault(one.index, []).append(one)
    named = named_by(tables, [one.index for one in entries])
    moments = {one.digest: one.moment for one in entries if one.kind == "action"}
    return tuple(
        Step(
            one,
            outside=one.run != run.digest,
            after=_after(one, moments),
            findings=tuple(found.get(one.index, ())),
            links={digest: named[digest] for _, digest in named_in(one.record) if digest in named},
        )
        for one in entries
    )


def full_finding(tables: Tables, row: FindingRow) -> Finding:
    """Return all that the report says of a finding."""
    return tables.finding(row.place)


def bases(tables: Tables, found: Finding) -> tuple[Entry, ...]:
    """Return the entries that a finding rests on, as far as they are valid."""
    entries = (entry(tables, basis.index) for basis in found.rests_on)
    return tuple(one for one in entries if one is not None)


def rule_named(tables: Tables, version: Mapping[str, Any] | None, rule: str) -> Rule | None:
    """Return a rule of the contract that an action says it was decided under."""
    contract = tables.contracts.get(str((version or {}).get("digest", "")))
    rules = contract.rules if contract else ()
    return next((one for one in rules if one.id == rule), None)


def page_of(all_steps: Sequence[Step], index: int | None) -> int:
    """Return the page of a run's steps that an entry stands on, from 1."""
    places = [place for place, step in enumerate(all_steps) if step.entry.index == index]
    return places[0] // STEPS_SHOWN + 1 if places else 1


def worst(found: Sequence[FindingRow]) -> FindingRow | None:
    """Return the finding that a step is marked by: a violation before anything else."""
    return min(found, key=lambda one: (one.state != VIOLATED, one.place), default=None)


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one time of the ledger to another."""
    return (_time(later) - _time(earlier)).total_seconds()


def _time(moment: str) -> datetime:
    return parse_time(moment)


def _after(one: Entry, moments: Mapping[str, str]) -> float | None:
    if one.kind != "outcome" or one.action not in moments:
        return None
    return seconds_between(moments[one.action], one.moment)


def _entry(row: Sequence[Any]) -> Entry:
    told: dict[str, Any] = dict(zip(_ENTRY.split(", "), row, strict=True))
    return Entry(index=told.pop("idx"), record=json.loads(told.pop("body")), **told)


def entry_named(tables: Tables, digest: str) -> Entry | None:
    """Return the entry with this digest."""
    rows = tables.rows(f"SELECT {_ENTRY} FROM entries WHERE digest = ?", digest)
    return _entry(rows[0]) if rows else None


def named_by(tables: Tables, sources: Sequence[int]) -> dict[str, Entry]:
    """Return the entries that the records of some entries name, by digest."""
    # By the places that were looked up once: a digest is looked for among all there are.
    rows = tables.rows(
        f"SELECT {_ENTRY} FROM entries WHERE idx IN (SELECT target FROM links "
        "WHERE source IN (SELECT unnest(?::BIGINT[]))) ORDER BY idx",
        list(sources),
    )
    return {one.digest: one for one in map(_entry, rows)}


def _versions(tables: Tables, run: str) -> tuple[str, ...]:
    """Return the contract versions that were in force for a run's actions, in order."""
    rows = tables.rows(
        "SELECT version FROM entries WHERE run = ? AND version != '' "
        "GROUP BY version ORDER BY min(idx)",
        run,
    )
    return tuple(row[0] for row in rows)


def _sums(tables: Tables, run: str, *what: str) -> tuple[tuple[str, int], ...]:
    rows = tables.rows(
        "SELECT currency, sum(micros) FROM money WHERE run = ? "
        "AND list_contains(?::VARCHAR[], what) GROUP BY currency ORDER BY currency",
        run,
        list(what),
    )
    return tuple((row[0], int(row[1])) for row in rows)


def _one(tables: Tables, query: str, *values: object) -> Any:  # noqa: ANN401 - one cell
    rows = tables.rows(query, *values)
    return rows[0][0] if rows else None
