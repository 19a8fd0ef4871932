"""The tables that pages are asked from: a verified ledger, in columns, in memory.

They are filled once, from what `VerifiedLedger` gives and from nothing else, and never written
again. Nothing is taken from the ledger's file afterwards: what becomes of it meanwhile cannot
change what a page shows.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from contracts.history import Event
from contracts.model import Contract
from contracts.versions import VersionHistory
from dashboards.words import ADVICE, HANDLED, SEVERITIES, title
from verifier.findings import Finding, Severity
from verifier.load import VerifiedLedger
from verifier.report import Report

Step = Callable[[int], None]
Row = dict[str, Any]
EVERY: Final = 512

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
_RUNS: Final = _columns(
    "digest ref service channel requester model prompt goal workflow domain moment closed_at "
    "outcome",
    "idx closed_idx",
)
_MONEY: Final = _columns("run what currency", "idx micros")
_TOKENS: Final = _columns("run", "read written")
_FINDINGS: Final = _columns(
    "id code clause rule result severity state named_run tool identity says handled version words",
    "rank idx place",
)
# What a finding's run says of it stands in its own columns: a facet is a column.
_JOINED: Final = """
CREATE TABLE findings AS
SELECT f.*, coalesce(e.run, '') AS run, coalesce(r.ref, '') AS ref,
       coalesce(r.channel, '') AS channel,
       coalesce(nullif(r.service, ''), e.service, '') AS service,
       coalesce(e.moment, '') AS moment,
       lower(concat_ws(' ', f.words, r.ref, r.digest, r.channel, r.service, r.requester)) AS text
FROM found f LEFT JOIN entries e ON e.idx = f.idx LEFT JOIN runs r ON r.digest = e.run
"""


@dataclass(frozen=True, slots=True)
class _Known:
    """A run while the tables are filled: what later records need to know of it."""

    service: str
    claimed: bool


class Tables:
    """A verified ledger as tables.

    Attributes:
        report: What the verification found.
        contracts: The contracts in force somewhere in it, by digest.
    """

    def __init__(
        self,
        report: Report,
        contracts: Mapping[str, Contract],
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.report = report
        self.contracts = contracts
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def of(cls, ledger: VerifiedLedger, step: Step | None = None) -> "Tables":
        """Read a verified ledger into tables.

        Args:
            ledger: The ledger.
            step: Called now and then with how many entries were read.

        Raises:
            BrokenLedgerError: The store was changed since it was verified.
        """
        filling = _Filling()
        for number, event in enumerate(ledger.events()):
            filling.add(event)
            if step is not None and number % EVERY == 0:
                step(number)
        connection = duckdb.connect(":memory:")
        filling.write(connection)
        _create(connection, "found", _FINDINGS, _found(ledger.report))
        connection.execute(_JOINED)
        connection.execute("DROP TABLE found")
        return cls(ledger.report, ledger.contracts, connection)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query gives. Values stand for its question marks."""
        with self._cursor() as cursor:
            return cursor.execute(query, list(values)).fetchall()

    def number(self, query: str, *values: object) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(query, *values)[0][0])

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # Several people look at once, each in a thread: a connection is for one of them.
        with self._lock:
            return self._connection.cursor()


class _Filling:
    """Collects the columns, entry by entry."""

    def __init__(self) -> None:
        self._entries: list[Row] = []
        self._runs: dict[str, Row] = {}
        self._money: list[Row] = []
        self._tokens: list[Row] = []
        self._known: dict[str, _Known] = {}
        self._actions: dict[str, tuple[str, str]] = {}
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
        self._entries.append(
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

    def write(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the tables."""
        _create(connection, "entries", _ENTRIES, self._entries)
        _create(connection, "runs", _RUNS, list(self._runs.values()))
        _create(connection, "money", _MONEY, self._money)
        _create(connection, "tokens", _TOKENS, self._tokens)

    def _open(self, event: Event) -> None:
        record = event.record
        claimed = "import" in record and record["import"].get("clock") == "claimed"
        known = _Known(str(record["service"]), claimed)
        self._known[event.digest] = known
        texts = ("ref", "service", "channel", "requester", "model", "goal", "workflow", "domain")
        self._runs[event.digest] = {
            "idx": event.index,
            "digest": event.digest,
            **{name: str(record.get(name, "")) for name in texts},
            "prompt": str(record.get("prompt_digest", "")),
            "moment": self._moment(event, known),
            "closed_at": "",
            "outcome": "",
        }

    def _place(self, event: Event, kind: str, action: str) -> tuple[str, str]:
        """Return the run and the tool that an entry belongs to, where it belongs to any."""
        record = event.record
        if kind == "action":
            self._actions[event.digest] = (str(record["run"]), str(record["tool"]))
        if kind == "run" and record["phase"] == "opened":
            return event.digest, ""
        run, tool = self._actions.get(action, ("", ""))
        return str(record.get("run", "")) or run, tool

    def _moment(self, event: Event, known: _Known | None) -> str:
        """Return when it happened: as claimed where an import has a clock, else as recorded."""
        claimed = known is not None and known.claimed
        return str(event.record.get("at", event.recorded_at)) if claimed else event.recorded_at

    def _close(self, event: Event, digest: str, known: _Known | None) -> None:
        run = self._runs.get(digest)
        if run is not None:
            run["closed_idx"] = event.index
            run["closed_at"] = self._moment(event, known)
            run["outcome"] = str(event.record.get("outcome", ""))

    def _spend(self, event: Event, kind: str, run: str) -> None:
        record = event.record
        for what in ("cost", "value"):
            given = record.get(what)
            if given is not None:
                self._money.append(
                    {"idx": event.index, "run": run, "what": f"{kind} {what}", **given}
                )
        tokens = record.get("tokens")
        if tokens is not None:
            read, written = tokens.get("input", 0), tokens.get("output", 0)
            self._tokens.append({"run": run, "read": read, "written": written})


def state_of(found: Finding) -> str:
    """Return the one bin that a finding is counted in."""
    if str(found.result) == HANDLED:
        return HANDLED
    return ADVICE if found.severity is Severity.ADVICE else str(found.result)


def _found(report: Report) -> list[Row]:
    names = {
        judged.digest: f"{judged.name} {judged.version}" for judged in report.conformance.contracts
    }
    return [_finding_row(place, found, names) for place, found in enumerate(report.findings)]


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
        "words": " ".join(filter(None, (*named, *said, f"entry {found.index}"))),
    }


def _create(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: Sequence[Row]
) -> None:
    arrays: list[pa.Array[Any]] = [
        pa.array([row.get(column) for row in rows], kind) for column, kind in columns.items()
    ]
    connection.register("incoming", pa.Table.from_arrays(arrays, names=list(columns)))
    # Names are this module's own.
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608
    connection.unregister("incoming")
