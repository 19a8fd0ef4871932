"""What records refer to, kept on disk once their run is closed.

A later record may name any earlier run, action or observation; hardly any names one of a run that
was closed long ago. So those are written to a database, and read again where a chunk names them.
Reference data, which stand in no run, stay in memory.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from contracts.history import Event
from contracts.lineage import RUN_CLOSED, Lineage, Placed, Remembered
from verifier.bundles import Bundle, packed, unpacked

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from verifier.workspace import Workspace


class SpillingLineage(Lineage):
    """A lineage whose closed runs are on disk."""

    def __init__(self) -> None:
        super().__init__()
        self._workspace: Workspace | None = None
        self._of_run: dict[str, tuple[dict[str, Placed], dict[str, Placed]]] = {}
        self._closed: set[str] = set()

    def remember(self, placed: Placed) -> None:
        """Make a placed entry part of the history."""
        super().remember(placed)
        self._note(placed)

    def _note(self, placed: Placed) -> None:
        """Know of which run it is, to be written with it."""
        if placed.run is None:
            return
        digest = placed.run.digest
        if placed.subject in {"action", "observation"}:
            actions, observations = self._of_run.setdefault(digest, ({}, {}))
            mine = actions if placed.subject == "action" else observations
            mine[placed.event.digest] = placed
        elif placed.subject == RUN_CLOSED:
            self._closed.add(digest)

    def expect(self, events: Iterable[Event]) -> None:
        """Read again what these entries name; to be called before they are placed."""
        if self._workspace is None:
            return
        named = {digest for event in events for digest in _named(event)}
        missing = [digest for digest in named if not self._knows(digest)]
        if not missing:
            return
        self._database.register("missing", pa.table({"digest": pa.array(missing, pa.string())}))
        runs = "SELECT run FROM members WHERE digest IN (SELECT digest FROM missing)"
        found = self._database.execute(f"SELECT run, body FROM bundles WHERE run IN ({runs})")
        taken = [self._take_up(run, body) for run, body in found.fetchall()]
        self._database.register("taken", pa.table({"run": pa.array(taken, pa.string())}))
        for table in ("bundles", "members"):
            self._database.execute(f"DELETE FROM {table} WHERE run IN (SELECT run FROM taken)")
        self._database.unregister("taken")
        self._database.unregister("missing")

    def spill(self) -> None:
        """Write the runs that are closed to disk; to be called between chunks."""
        runs: list[str] = []
        bodies: list[bytes] = []
        members: dict[str, list[Any]] = {"digest": [], "idx": [], "run": []}
        for digest in self._closed:
            run = self._runs.pop(digest)
            actions, observations = self._of_run.pop(digest, ({}, {}))
            bundle: Bundle = (run, actions, observations)
            runs.append(digest)
            bodies.append(packed(bundle))
            for name, index in self._forgotten(bundle):
                members["digest"].append(name)
                members["idx"].append(index)
                members["run"].append(digest)
        self._closed.clear()
        if runs:
            self._insert("bundles", {"run": runs, "body": bodies})
            self._insert("members", members)

    def kept(self) -> Remembered:
        """Return all that it remembers; it is in memory again then."""
        if self._workspace is not None:
            rows = self._database.execute("SELECT run, body FROM bundles").fetchall()
            for run, body in rows:
                self._take_up(run, body)
            for table in ("bundles", "members"):
                self._database.execute(f"DELETE FROM {table}")
        return super().kept()

    def take_up(self, kept: Remembered) -> None:
        """Remember this, and nothing else; to be called before anything was written to disk."""
        super().take_up(kept)
        self._of_run.clear()
        for placed in (*kept.actions, *kept.observations):
            self._note(placed)
        self._closed = {run.digest for run in kept.runs if run.closed is not None}

    def runs_by_index(self) -> dict[int, str]:
        """Return the runs' digests by the entries that opened them."""
        return {**self._cold("digest = run"), **super().runs_by_index()}

    def actions_by_index(self) -> dict[int, str]:
        """Return the actions' digests by their entries; those of observations may be among them."""
        return {**self._cold("digest <> run"), **super().actions_by_index()}

    def _cold(self, which: str) -> dict[int, str]:
        if self._workspace is None:
            return {}
        rows = self._database.execute(f"SELECT idx, digest FROM members WHERE {which}")
        return dict(rows.fetchall())

    @property
    def _database(self) -> "DuckDBPyConnection":
        if self._workspace is None:
            # The database is not worth loading for a short ledger.
            from verifier.workspace import Workspace  # noqa: PLC0415

            self._workspace = Workspace()
            made = self._workspace.database
            made.execute("CREATE TABLE bundles (run VARCHAR, body BLOB)")
            made.execute("CREATE TABLE members (digest VARCHAR, idx BIGINT, run VARCHAR)")
        return self._workspace.database

    def _knows(self, digest: str) -> bool:
        return digest in self._runs or digest in self._actions or digest in self._observations

    def _forgotten(self, bundle: Bundle) -> Iterator[tuple[str, int]]:
        """Forget a run's records, and yield each with its entry."""
        run, actions, observations = bundle
        yield run.digest, run.index
        for known, mine in ((self._actions, actions), (self._observations, observations)):
            for digest, placed in mine.items():
                known.pop(digest, None)
                yield digest, placed.event.index

    def _take_up(self, run: str, body: bytes) -> str:
        bundle = unpacked(body)
        self._runs[run] = bundle[0]
        self._of_run[run] = bundle[1], bundle[2]
        self._actions.update(bundle[1])
        self._observations.update(bundle[2])
        self._closed.add(run)
        return run

    def _insert(self, table: str, columns: dict[str, list[Any]]) -> None:
        kinds = {"idx": pa.int64(), "body": pa.binary()}
        arrays = {
            name: pa.array(each, kinds.get(name, pa.string())) for name, each in columns.items()
        }
        self._database.register("spilled", pa.table(arrays))
        names = ", ".join(columns)
        self._database.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM spilled")
        self._database.unregister("spilled")


def _named(event: Event) -> Iterator[str]:
    """Yield what an entry names, or may be looked up for it."""
    record = event.record
    for name in ("run", "action", "resumes", "parent"):
        if name in record:
            yield record[name]
    yield from record.get("evidence", ())
