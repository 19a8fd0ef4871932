"""Questions to the tables about what people said of findings."""

from collections.abc import Sequence
from typing import Final

from dashboards.tables import Said, Tables

SHOWN: Final = 50
"""How many of what was said of a finding are shown, the newest first."""
_COLUMNS: Final = "idx, finding, state, assignee, note, identity, moment"


def history(tables: Tables, finding: str) -> tuple[Said, ...]:
    """Return what was said of a finding, the newest first."""
    rows = tables.rows(
        f"SELECT {_COLUMNS} FROM reviews WHERE finding = ? ORDER BY idx DESC LIMIT {SHOWN}", finding
    )
    return tuple(Said(*row) for row in rows)


def number(tables: Tables, finding: str) -> int:
    """Return how often something was said of a finding."""
    return tables.number("SELECT count(*) FROM reviews WHERE finding = ?", finding)


def last(tables: Tables, findings: Sequence[str]) -> dict[str, Said]:
    """Return what was said last of each of these findings, where anything was."""
    marks = ", ".join("?" * len(findings))
    rows = tables.rows(
        f"SELECT {_COLUMNS} FROM reviews WHERE finding IN ({marks}) ORDER BY idx", *findings
    )
    return {row[1]: Said(*row) for row in rows}


def unknown(tables: Tables, findings: Sequence[str]) -> str:
    """Return the first of these ids that is no finding's; empty where all are."""
    marks = ", ".join("?" * len(findings))
    rows = tables.rows(f"SELECT id FROM findings WHERE id IN ({marks})", *findings)
    there = {row[0] for row in rows}
    return next((one for one in findings if one not in there), "")


def reached(tables: Tables) -> int:
    """Return up to which entry all reviews are known, the verified ones and those since."""
    since = tables.number("SELECT coalesce(max(idx) + 1, 0) FROM reviews")
    return max(since, tables.report.ledger.size)
