"""The tables that pages are asked from: a verified ledger, in columns, in a file of its own.

They are filled once (`dashboards.filling`), from what `VerifiedLedger` gives and from nothing else,
and never written again. Nothing is taken from the ledger's file afterwards: what becomes of it
meanwhile cannot change what a page shows.
"""

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final, Protocol

import duckdb

from contracts.model import Contract
from dashboards.filling import FINDING, connected
from verifier.findings import Finding
from verifier.report import Report

FILE: Final = "tables.duckdb"


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


class Folder(Protocol):
    """Where tables lie."""

    @property
    def name(self) -> str:
        """Its path."""
        ...

    def cleanup(self) -> None:
        """Remove it."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder that stays when its tables are closed."""

    name: str

    def cleanup(self) -> None:
        """Leave it."""


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
    """

    def __init__(
        self,
        report: Report,
        contracts: Mapping[str, Contract],
        folder: "Folder",
    ) -> None:
        self.report = report
        self.contracts = contracts
        self._folder = folder
        self._connection = connected(Path(folder.name) / FILE, read_only=True)
        self._lock = threading.Lock()

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

    def close(self) -> None:
        """Give the memory and the file back."""
        self._connection.close()
        self._folder.cleanup()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # Several people look at once, each in a thread: a connection is for one of them.
        with self._lock:
            return self._connection.cursor()


def slim(report: Report) -> Report:
    """Return a report without the findings that stand in tables: there may be very many."""
    kept = tuple(one for one in report.findings if one.code.startswith("integrity."))
    return replace(report, findings=kept)
