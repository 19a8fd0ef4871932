"""What a source would show: of recorded calls that it does not show, those that it should.

A conversation shows all that was called in it. A log shows what was called from its first to its
last call, of the tools of which it shows one, unless its map says what it covers.
"""

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from contracts.coercion import Value
from verifier.reconciling.mapping import CallMap
from verifier.reconciling.sources import Source
from verifier.reconciling.transcript import Transcript

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COVERED: Final = "covered"
OUTSIDE: Final = "outside"
"""The map says that the source does not show it."""
TOOL, TIME, RUN = "tool", "time", "run"
"""What is not known to be covered."""


def cover(database: "DuckDBPyConnection", source: Source, *, named: bool) -> None:
    """Make the table `missing`: recorded calls that were carried out and are not shown, and why.

    Args:
        database: Has the tables `recorded`, `calls`, `scopes` and `paired`.
        source: The source.
        named: Whether it names runs of the ledger.
    """
    runs = source.file.runs if isinstance(source.file, Transcript) else []
    database.register("said", pa.table({"run": pa.array(runs, pa.string())}))
    database.execute("""
        CREATE OR REPLACE TABLE covered_runs AS SELECT DISTINCT scope FROM (
            SELECT scope FROM calls UNION ALL
            SELECT s.scope FROM said JOIN scopes s ON said.run = s.name) WHERE scope <> ''""")
    database.unregister("said")
    why, values = _why(source, named=named)
    database.execute(
        f"""
        CREATE OR REPLACE TABLE missing AS
        WITH span AS (SELECT coalesce($from, min(stamp)) AS first, coalesce($to, max(stamp)) AS last
            FROM calls)
        SELECT r.*, {why} AS why FROM recorded r, span
        WHERE r.state IN ('ok', 'failed', 'both') AND r.idx NOT IN (SELECT idx FROM paired)
        ORDER BY r.idx""",
        values,
    )


def _why(source: Source, *, named: bool) -> tuple[str, dict[str, Value]]:
    """Return the expression that says whether a recorded call would be shown, and its values."""
    run = "r.scope IN (SELECT scope FROM covered_runs)"
    values: dict[str, Value] = {"from": None, "to": None}
    if isinstance(source.file, Transcript) and named:
        return f"CASE WHEN {run} THEN '{COVERED}' ELSE '{RUN}' END", values
    tools, beyond = "true", TOOL
    if isinstance(source.reads, CallMap):
        tools = "r.tool IN (SELECT tool FROM calls)"
        values["from"], values["to"] = source.reads.span()
        if source.reads.covers.tools:
            tools, beyond = "list_contains($tools, r.tool)", OUTSIDE
            values["tools"] = list(source.reads.covers.tools)
    # Before what the map says is outside; before the first call that is shown nobody knows.
    before = f"CASE WHEN $from IS NULL THEN '{TIME}' ELSE '{OUTSIDE}' END"
    after = f"CASE WHEN $to IS NULL THEN '{TIME}' ELSE '{OUTSIDE}' END"
    return (
        f"""CASE WHEN NOT {tools} THEN '{beyond}'
            WHEN r.stamp IS NULL OR first IS NULL OR last IS NULL
                THEN CASE WHEN {run} THEN '{COVERED}' ELSE '{TIME}' END
            WHEN r.stamp < first THEN {before} WHEN r.stamp > last THEN {after}
            ELSE '{COVERED}' END""",
        values,
    )
