"""A database for one verification: in a private folder, which goes when nobody uses it any more."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Final

import duckdb

MEMORY: Final = "2GB"
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
