"""A database for one verification: in a private folder, which goes when nobody uses it any more."""

import shutil
import tempfile
import warnings
import weakref
from pathlib import Path
from typing import Final, cast

import duckdb
import pyarrow as pa

MEMORY: Final = "256MB"
"""What the database holds in memory; what it has beyond that is in the folder."""


class Workspace:
    """A database on disk.

    Attributes:
        database: The database.
        folder: Where it lies.

    Raises:
        OSError: There is no room for temporary files.
    """

    def __init__(self, threads: int = 1) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="writ-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.database = duckdb.connect(str(self.folder / "columns.duckdb"))
        self.database.execute(f"SET threads = {threads}")
        self.database.execute(f"SET memory_limit = '{MEMORY}'")
        # What is in it is made again by whoever starts again: it need not survive anything.
        self.database.execute("SET checkpoint_threshold = '256MB'")


def arrow_of(database: duckdb.DuckDBPyConnection, statement: str) -> pa.Table:
    """Return what a statement selects.

    The database warns that this copies what is found, and names another way. That one parses and
    binds a statement twice before it runs: with long statements this takes longer than the copy.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Arrow output on a DB-API result")
        return cast("pa.Table", database.execute(statement).to_arrow_table())
