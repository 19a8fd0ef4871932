"""Filling the tables: a verified ledger, entry by entry, into a database file that pages ask.

It is written once, in chunks, so that a ledger of any length takes little memory; and from what
`VerifiedLedger` gives alone. What pages would have to compute over the whole ledger (what a run
has in it, what a finding's run says of it) is computed here, once.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from pydantic import TypeAdapter

from contracts.history import Event
from contracts.versions import VersionHistory
from dashboards.words import ADVICE, HANDLED, SEVERITIES, title
from verifier.findings import Finding, Severity
from verifier.incidents import Incident
from verifier.load import VerifiedLedger
from verifier.report import Report

Step = Callable[[int], None]
Row = dict[str, Any]
EVERY: Final = 512
CHUNK: Final = 20_000
"""How many rows are held in memory before they are written."""
MEMORY: Final = "256MB"
"""What the database may take, here and for pages: more goes to its file."""
FINDING: Final = TypeAdapter(Finding)

Columns = Mapping[str, pa.DataType]


def _columns(texts: str, numbers: str = "", flags: str = "") -> Columns:
    """Return columns by their names; which come first does not matter, rows are by name too."""
    return {
        **dict.fromkeys(texts.split(), pa.string()),
        **dict.fromkeys(numbers.split(), pa.int64()),
        **dict.fromkeys(flags.split(), pa.bool_()),
    }


_ENTRIES: Final = _columns(
    "kind digest run action tool service source identity moment recorded_at version body",
    "idx",
    "imported",
)
_OPENED: Final = _columns(
    "digest ref service channel requester model prompt goal workflow domain moment", "idx"
)
_CLOSED: Final = _columns("run closed_at outcome", "closed_idx")
_MONEY: Final = _columns("run what currency", "idx micros")
_TOKENS: Final = _columns("run", "read written")
_FINDINGS: Final = _columns(
    "id code clause rule result severity state named_run tool identity says handled version words "
    "body",
    "rank idx place",
)
_INCIDENTS: Final = _columns(
    "id code rule severity named_run identity", "rank first last size place"
)
_MEMBERS: Final = _columns("incident finding", "grouped")
# An incident as a line of a list: what its findings say of it, and in how many runs they stand.
_INCIDENTS_TABLE: Final = """
CREATE TABLE incidents AS
SELECT g.*, f.* EXCLUDE (grouped)
FROM grouped g JOIN (
  SELECT grouped, arg_min(says, place) AS says, arg_min(run, place) AS run,
         arg_min(ref, place) AS ref, arg_min(id, place) AS finding,
         count(*) FILTER (state = 'violated') AS violated,
         count(DISTINCT run) FILTER (run != '') AS runs, count(DISTINCT identity) AS identities,
         coalesce(min(moment) FILTER (moment != ''), '') AS began, max(moment) AS ended
  FROM findings WHERE grouped >= 0 GROUP BY grouped) f ON f.grouped = g.place
ORDER BY g.place
"""
# What the actions were worth that an incident's findings stand at: what the last outcome of each
# says, and where none says anything, what was estimated before it. Each action counts once.
_STAKES_TABLE: Final = """
CREATE TABLE stakes AS
WITH touched AS (
  SELECT DISTINCT f.grouped, e.action FROM findings f JOIN entries e ON e.idx = f.idx
  WHERE f.grouped >= 0 AND e.action != ''),
said AS (
  SELECT e.action, m.what, m.currency, arg_max(m.micros, m.idx) AS micros
  FROM money m JOIN entries e ON e.idx = m.idx
  WHERE m.what IN ('outcome value', 'action estimate')
    AND e.action IN (SELECT action FROM touched) GROUP BY ALL),
worth AS (
  SELECT * FROM said WHERE what = 'outcome value'
     OR action NOT IN (SELECT action FROM said WHERE what = 'outcome value'))
SELECT t.grouped, w.currency, sum(w.micros) AS micros
FROM touched t JOIN worth w ON w.action = t.action GROUP BY ALL ORDER BY t.grouped, w.currency
"""
_NAMED: Final = _columns("digest how", "source")
_BASES: Final = _columns("", "place idx")
REVIEWS: Final = _columns("finding state assignee note identity moment", "idx")
"""What people said of findings, beside the file: see `dashboards.tables`."""
# What a finding's run says of it stands in its own columns: a facet is a column.
# Their texts are long and there may be very many: sorted at once, they would not fit in memory.
_FINDINGS_SELECT: Final = """
SELECT f.*, coalesce(e.run, '') AS run, coalesce(r.ref, '') AS ref,
       coalesce(r.channel, '') AS channel,
       coalesce(nullif(r.service, ''), e.service, '') AS service,
       coalesce(e.moment, '') AS moment, coalesce(m.incident, '') AS incident,
       coalesce(m.grouped, -1) AS grouped,
       lower(concat_ws(' ', f.words, r.ref, r.digest, r.channel, r.service, r.requester)) AS text
FROM found f LEFT JOIN (SELECT idx, run, service, moment FROM entries
                        WHERE idx IN (SELECT idx FROM found WHERE place >= $1 AND place < $2)
                       ) e ON e.idx = f.idx
     LEFT JOIN runs r ON r.digest = e.run LEFT JOIN members m ON m.finding = f.id
WHERE f.place >= $1 AND f.place < $2
ORDER BY f.place
"""
# What a record names, by where that stands: what rests on an entry is found by its index.
_LINKS_TABLE: Final = """
CREATE TABLE links AS
SELECT e.idx AS target, n.source, n.how FROM named n JOIN entries e ON e.digest = n.digest
ORDER BY target, source
"""
# Of a run the last closing counts, as it is the only one in a ledger without findings.
_RUNS_TABLE: Final = """
CREATE TABLE runs AS
SELECT o.*, coalesce(c.closed_at, '') AS closed_at, coalesce(c.outcome, '') AS outcome,
       c.closed_idx
FROM opened o LEFT JOIN (
  SELECT run, arg_max(closed_at, closed_idx) AS closed_at, arg_max(outcome, closed_idx) AS outcome,
         max(closed_idx) AS closed_idx FROM closed GROUP BY run) c ON c.run = o.digest
ORDER BY o.idx
"""
# A run as a line of a list, with what is looked for in it.
_LISTED_TABLE: Final = """
CREATE TABLE listed AS
SELECT r.idx, r.digest, r.ref, r.service, r.channel, r.requester, r.model, r.moment, r.outcome,
       r.closed_at, coalesce(e.actions, 0) AS actions, coalesce(f.violated, 0) AS violated,
       coalesce(f.other, 0) AS other,
       lower(concat_ws(' ', r.ref, r.digest, r.service, r.channel, r.requester, r.model, r.outcome,
                       e.tools)) AS text
FROM runs r
LEFT JOIN (SELECT run, count(*) AS actions, string_agg(DISTINCT tool, ' ' ORDER BY tool) AS tools
           FROM entries WHERE kind = 'action' GROUP BY run) e ON e.run = r.digest
LEFT JOIN (SELECT run, count(*) FILTER (state = 'violated') AS violated,
                  count(*) FILTER (state != 'violated') AS other
           FROM findings GROUP BY run) f ON f.run = r.digest
ORDER BY r.idx
"""
# What entries call for, and how much of it is there: a run its end, an action a contract, and one
# that was allowed, or that nobody decided, an outcome. Source: verifier/coverage.py.
_CALLED_TABLE: Final = """
CREATE TABLE called AS
WITH acts AS (
  SELECT digest, version, coalesce(body ->> '$.decision.effect', 'allow') = 'allow' AS through
  FROM entries WHERE kind = 'action'),
ended AS (SELECT DISTINCT action FROM entries WHERE kind = 'outcome')
SELECT (SELECT count(*) FROM runs) AS runs,
       (SELECT count(*) FROM runs WHERE closed_at != '') AS closed,
       count(*) AS actions, count(*) FILTER (version != '') AS ruled,
       count(*) FILTER (through) AS through,
       count(*) FILTER (through AND digest IN (SELECT action FROM ended)) AS ended
FROM acts
"""
# The few records by which all others are judged: a page that asks for them passes over no others.
_GOVERNANCE_TABLE: Final = """
CREATE TABLE governance AS
SELECT * FROM entries WHERE kind IN ('genesis', 'authority', 'contract', 'activation', 'switch')
ORDER BY idx
"""
_MADE: Final = (
    _CALLED_TABLE,
    _GOVERNANCE_TABLE,
    _INCIDENTS_TABLE,
    _STAKES_TABLE,
    _LISTED_TABLE,
    _LINKS_TABLE,
)
_FILLED: Final[Mapping[str, Columns]] = {
    "entries": _ENTRIES,
    "opened": _OPENED,
    "closed": _CLOSED,
    "money": _MONEY,
    "tokens": _TOKENS,
    "named": _NAMED,
}


@dataclass(frozen=True, slots=True)
class _Known:
    """A run while the tables are filled: what later records need to know of it."""

    digest: str
    service: str
    claimed: bool


def fill(ledger: VerifiedLedger, path: Path, step: Step | None = None) -> None:
    """Write a verified ledger into a new database file.

    Args:
        ledger: The ledger.
        path: Where nothing is yet.
        step: Called now and then with how many entries were read.

    Raises:
        BrokenLedgerError: The store was changed since it was verified.
    """
    with closing(connected(path)) as connection:
        filling = _Filling(connection)
        for number, event in enumerate(ledger.events()):
            filling.add(event)
            if step is not None and number % EVERY == 0:
                step(number)
        filling.write()
        report, incidents = ledger.report, ledger.report.incidents
        _create(connection, "found", _FINDINGS, _found(report))
        _create(connection, "grouped", _INCIDENTS, map(_incident_row, count(), incidents))
        _create(connection, "members", _MEMBERS, _members_of(incidents))
        _create(connection, "bases", _BASES, _bases_of(report))
        connection.execute(_RUNS_TABLE)
        _create_findings(connection, len(report.findings))
        for made in _MADE:
            connection.execute(made)
        for done in ("found", "grouped", "opened", "closed", "members", "named"):
            connection.execute(f"DROP TABLE {done}")
        connection.execute("CHECKPOINT")


def connected(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database file with bounded memory."""
    return duckdb.connect(str(path), read_only=read_only, config={"memory_limit": MEMORY})


def attached(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a database in memory, beside a file that is only read: its tables stand in `made`.

    They can be asked by their own names, but for `findings`, to which reviews are added.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(path.with_name("spilled")),
    }
    opened = duckdb.connect(":memory:", config=settings)
    quoted = str(path).replace("'", "''")
    # A path of our own, and names of this module's, below.
    opened.execute(f"ATTACH '{quoted}' AS made (READ_ONLY)")
    named = opened.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'made' "
        "AND table_name != 'findings'"
    ).fetchall()
    for (name,) in named:
        opened.execute(f"CREATE VIEW {name} AS SELECT * FROM made.{name}")  # noqa: S608
    return opened


class _Filling:
    """Collects the columns, entry by entry."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._rows: dict[str, list[Row]] = {name: [] for name in _FILLED}
        for name, columns in _FILLED.items():
            _create(connection, name, columns, ())
        self._known: dict[str, _Known] = {}
        self._actions: dict[bytes, tuple[str, str]] = {}
        self._versions = VersionHistory()

    def add(self, event: Event) -> None:
        """Take in the next entry."""
        record, kind = event.record, str(event.record["kind"])
        self._versions.observe(event)
        if kind == "run" and record["phase"] == "opened":
            self._open(event)
        action = event.digest if kind == "action" else str(record.get("action", ""))
        run, tool = self._place(event, kind, action)
        known = self._known.get(run)
        service = known.service if known else str(record.get("service", ""))
        in_force = self._versions.in_force(service, event) if kind == "action" and service else None
        self._rows["entries"].append(
            {
                "idx": event.index,
                "kind": kind,
                "digest": event.digest,
                "run": run,
                "action": action,
                "tool": tool,
                "service": service,
                "source": str(record.get("source", "")),
                "identity": str(record["by"]),
                "moment": self._moment(event, known),
                "recorded_at": event.recorded_at,
                "imported": event.imported,
                "version": in_force[0] if in_force else "",
                "body": json.dumps(record, ensure_ascii=False),
            }
        )
        if kind == "run" and record["phase"] == "closed":
            self._close(event, run, known)
        self._spend(event, kind, run)
        self._rows["named"].extend(
            {"source": event.index, "digest": digest, "how": how} for how, digest in named(record)
        )
        if len(self._rows["entries"]) >= CHUNK:
            self.write()

    def write(self) -> None:
        """Write what is held in memory."""
        for name, rows in self._rows.items():
            insert(self._connection, name, _FILLED[name], rows)
            rows.clear()

    def _open(self, event: Event) -> None:
        record = event.record
        claimed = "import" in record and record["import"].get("clock") == "claimed"
        known = _Known(event.digest, sys.intern(str(record["service"])), claimed)
        self._known[event.digest] = known
        texts = ("ref", "service", "channel", "requester", "model", "goal", "workflow", "domain")
        self._rows["opened"].append(
            {
                "idx": event.index,
                "digest": event.digest,
                **{name: str(record.get(name, "")) for name in texts},
                "prompt": str(record.get("prompt_digest", "")),
                "moment": self._moment(event, known),
            }
        )

    def _place(self, event: Event, kind: str, action: str) -> tuple[str, str]:
        """Return the run and the tool that an entry belongs to, where it belongs to any."""
        record = event.record
        if kind == "action":
            run = str(record["run"])
            known = self._known.get(run)
            # The same texts for all actions of a run: there may be millions.
            place = (known.digest if known else run, sys.intern(str(record["tool"])))
            self._actions[bytes.fromhex(event.digest)] = place
        if kind == "run" and record["phase"] == "opened":
            return event.digest, ""
        run, tool = self._actions.get(bytes.fromhex(action), ("", "")) if action else ("", "")
        return str(record.get("run", "")) or run, tool

    def _moment(self, event: Event, known: _Known | None) -> str:
        """Return when it happened: as claimed where an import has a clock, else as recorded."""
        claimed = known is not None and known.claimed
        return str(event.record.get("at", event.recorded_at)) if claimed else event.recorded_at

    def _close(self, event: Event, run: str, known: _Known | None) -> None:
        self._rows["closed"].append(
            {
                "run": run,
                "closed_idx": event.index,
                "closed_at": self._moment(event, known),
                "outcome": str(event.record.get("outcome", "")),
            }
        )

    def _spend(self, event: Event, kind: str, run: str) -> None:
        record = event.record
        for what in ("cost", "value"):
            given = record.get(what)
            if given is not None:
                self._rows["money"].append(
                    {"idx": event.index, "run": run, "what": f"{kind} {what}", **given}
                )
        estimate = record.get("estimate", {}).get("value") if kind == "action" else None
        if estimate is not None:
            self._rows["money"].append(
                {"idx": event.index, "run": run, "what": "action estimate", **estimate}
            )
        tokens = record.get("tokens")
        if tokens is not None:
            read, written = tokens.get("input", 0), tokens.get("output", 0)
            self._rows["tokens"].append({"run": run, "read": read, "written": written})


def named(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the digests of the records that a record names, but for its run, with how it does."""
    for how in ("action", "resumes", "compensates", "parent"):
        if record.get(how):
            yield how, str(record[how])
    for digest in record.get("evidence", ()):
        yield "evidence", str(digest)


def state_of(found: Finding) -> str:
    """Return the one bin that a finding is counted in."""
    if str(found.result) == HANDLED:
        return HANDLED
    return ADVICE if found.severity is Severity.ADVICE else str(found.result)


def _found(report: Report) -> Iterator[Row]:
    names = {
        judged.digest: f"{judged.name} {judged.version}" for judged in report.conformance.contracts
    }
    for place, found in enumerate(report.findings):
        yield _finding_row(place, found, names)


def _finding_row(place: int, found: Finding, names: Mapping[str, str]) -> Row:
    named = (found.id, found.code, found.rule, found.action, found.identity, found.run)
    said = (found.says, found.cites, found.expected, found.recorded, found.reason, found.handled)
    return {
        "id": found.id,
        "code": found.code,
        "clause": found.clause,
        "rule": found.rule,
        "result": str(found.result),
        "severity": str(found.severity),
        "state": state_of(found),
        "rank": SEVERITIES.index(str(found.severity)),
        "idx": found.index,
        "place": place,
        "named_run": found.run,
        "tool": found.action,
        "identity": found.identity,
        "says": title(found.code, found.says, found.expected),
        "handled": found.handled,
        "version": names.get(found.contract, ""),
        "body": FINDING.dump_json(found).decode(),
        "words": " ".join(filter(None, (*named, *said, f"entry {found.index}"))),
    }


def _bases_of(report: Report) -> Iterator[Row]:
    for place, found in enumerate(report.findings):
        for index in sorted({basis.index for basis in found.rests_on} - {found.index}):
            yield {"place": place, "idx": index}


def _incident_row(place: int, one: Incident) -> Row:
    return {
        "id": one.id,
        "code": one.code,
        "rule": one.rule,
        "severity": str(one.severity),
        "named_run": one.run,
        "identity": one.identity,
        "rank": SEVERITIES.index(str(one.severity)),
        "first": one.first,
        "last": one.last,
        "size": len(one.findings),
        "place": place,
    }


def _members_of(incidents: Sequence[Incident]) -> Iterator[Row]:
    for place, one in enumerate(incidents):
        for which in one.findings:
            yield {"incident": one.id, "finding": which, "grouped": place}


def _create_findings(connection: duckdb.DuckDBPyConnection, size: int) -> None:
    """Create the findings' table, a part of them after the other."""
    made = "CREATE TABLE findings AS"
    for start in range(0, max(size, 1), CHUNK):
        connection.execute(f"{made} {_FINDINGS_SELECT}", [start, start + CHUNK])
        made = "INSERT INTO findings"


def _create(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: Iterable[Row]
) -> None:
    """Create a table, and fill it in chunks."""
    # Names are this module's own, here and below.
    empty = _arrow(columns, ())
    connection.register("incoming", empty)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608
    connection.unregister("incoming")
    left = iter(rows)
    while chunk := list(islice(left, CHUNK)):
        insert(connection, name, columns, chunk)


def insert(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: Sequence[Row]
) -> None:
    """Add rows to a table that has these columns, in this order."""
    if not rows:
        return
    connection.register("incoming", _arrow(columns, rows))
    connection.execute(f"INSERT INTO {name} SELECT * FROM incoming")  # noqa: S608
    connection.unregister("incoming")


def _arrow(columns: Columns, rows: Sequence[Row]) -> pa.Table:
    arrays: list[pa.Array[Any]] = [
        pa.array([row.get(column) for row in rows], kind) for column, kind in columns.items()
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))
