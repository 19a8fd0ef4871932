"""The tables that pages are asked from: a verified ledger, in columns, in a file of its own.

They are filled once (`dashboards.filling`), from what `VerifiedLedger` gives and from nothing else,
and never written again. What becomes of the ledger's file meanwhile cannot change what they say.

Beside them lies, in memory, what people said of the findings: the reviews that were verified, and
those that were appended and checked since (`dashboards.since`). A finding is as its last review
left it.
"""

import json
import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

import duckdb

from contracts.model import Contract
from dashboards.filling import FINDING, REVIEWS, attached, insert
from verifier.findings import Finding
from verifier.report import Report
from verifier.rereading import Folder

FILE: Final = "tables.duckdb"
VERIFIED: Final = "verified"
"""The folder beside the tables in which the verification lies, for `verifier.load.taken_over`."""
# Of the reviews in the file as in those that come later, the same is taken.
_REVIEWS: Final = """
CREATE TABLE reviews (finding VARCHAR, state VARCHAR, assignee VARCHAR, note VARCHAR,
                      identity VARCHAR, moment VARCHAR, idx BIGINT);
CREATE TABLE reviewed (finding VARCHAR, review VARCHAR, assignee VARCHAR);
CREATE VIEW findings AS
SELECT f.*, coalesce(r.review, 'open') AS review, coalesce(r.assignee, '') AS assignee
FROM made.findings f LEFT JOIN reviewed r ON r.finding = f.id
"""
_VERIFIED_REVIEWS: Final = (
    "SELECT idx, body, recorded_at FROM made.entries WHERE kind = 'review' ORDER BY idx"
)
_REVIEWED: Final = """
INSERT INTO reviewed SELECT finding, arg_max(state, idx), arg_max(assignee, idx)
FROM reviews GROUP BY finding
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said of a finding: one valid review of the ledger.

    Attributes:
        idx: Its entry.
        finding: The finding's id.
        state: What it is from then on.
        assignee: Whose it is from then on; empty for nobody's.
        note: Why, in their words; empty without.
        identity: Who said it.
        moment: When it was recorded.
    """

    idx: int
    finding: str
    state: str
    assignee: str
    note: str
    identity: str
    moment: str

    @classmethod
    def of(cls, index: int, record: Mapping[str, Any], recorded_at: str) -> "Said":
        """Return what a review's record says."""
        note = record.get("note", "")
        return cls(
            index,
            str(record["finding"]),
            str(record["state"]),
            str(record.get("assignee", "")),
            note if isinstance(note, str) else "(a sealed note)",
            str(record["by"]),
            recorded_at,
        )


class Temporary:
    """A new folder that nobody else may read; it goes when nobody holds it any more.

    A verification that is forgotten (`session.verify_again`) is closed by nobody.
    """

    def __init__(self) -> None:
        self.name = mkdtemp(prefix="writ-app-")
        self._gone = weakref.finalize(self, rmtree, self.name, ignore_errors=True)

    def cleanup(self) -> None:
        """Remove it."""
        self._gone()


class Tables:
    """A verified ledger as tables.

    Args:
        report: What the verification found. Its findings stand in the tables alone, but for those
            on integrity.
        contracts: The contracts in force somewhere in it, by digest.
        folder: Where the tables lie; it goes with them.

    Attributes:
        report: The same.
        contracts: The same.
        folder: The same.
    """

    def __init__(
        self,
        report: Report,
        contracts: Mapping[str, Contract],
        folder: Folder,
    ) -> None:
        self.report = report
        self.contracts = contracts
        self.folder = folder
        self._connection = attached(Path(folder.name) / FILE)
        self._lock = threading.Lock()
        self._connection.execute(_REVIEWS)
        rows = self._connection.execute(_VERIFIED_REVIEWS).fetchall()
        self.add(Said.of(index, json.loads(body), at) for index, body, at in rows)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query gives. Values stand for its question marks."""
        with self._cursor() as cursor:
            return cursor.execute(query, list(values)).fetchall()

    def number(self, query: str, *values: object) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(query, *values)[0][0])

    def finding(self, place: int) -> Finding:
        """Return all that the report says of a finding, by its place in the report."""
        return FINDING.validate_json(
            self.rows("SELECT body FROM findings WHERE place = ?", place)[0][0]
        )

    def add(self, said: Iterable[Said]) -> None:
        """Take in reviews that were checked. Whoever asks meanwhile sees all of them, or none."""
        rows = [asdict(one) for one in said]
        if not rows:
            return
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute("BEGIN")
            insert(cursor, "reviews", REVIEWS, rows)
            cursor.execute("DELETE FROM reviewed")
            cursor.execute(_REVIEWED)
            cursor.execute("COMMIT")

    def close(self) -> None:
        """Give the memory and the file back."""
        self._connection.close()
        self.folder.cleanup()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # Several people look at once, each in a thread: a connection is for one of them.
        with self._lock:
            return self._connection.cursor()


def slim(report: Report) -> Report:
    """Return a report without the findings that stand in tables: there may be very many."""
    kept = tuple(one for one in report.findings if one.code.startswith("integrity."))
    return replace(report, findings=kept)
