"""What should be in a ledger, and how much of it is: silence is counted, because it is no pass.

Counted is what the entries themselves call for: a run calls for its end, an action for its outcome
and for a contract, a numbered submission for those before it. What an agent did and nobody recorded
is in no such number; second sources show that (`writ verify --against`).
Source: docs/spec/report.md, *Codes*.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dashboards.streams import Stream
from dashboards.tables import Tables

UNCLOSED: Final = "coverage.run-unclosed"
NO_OUTCOME: Final = ("coverage.outcome-missing", "recovery.outcome")
"""A contract may have a rule of its own that says the same."""
NO_CONTRACT: Final = "coverage.no-contract"
GAP: Final = "coverage.gap-in-submissions"
UNENDED: Final = "coverage.stream-unclosed"


@dataclass(frozen=True, slots=True)
class Covered:
    """Something that should be there.

    Attributes:
        what: What it is.
        there: How much of it is there.
        wanted: How much should be.
        rules: Of the findings that say what is missing, as the inbox has them; empty where none do.
        findings: How many there are of these.
    """

    what: str
    there: int
    wanted: int
    rules: tuple[str, ...] = ()
    findings: int = 0

    @property
    def share(self) -> float | None:
        """How much of it is there, from 0 to 1; None where nothing was called for."""
        return self.there / self.wanted if self.wanted else None


def covered(tables: Tables, streams: Iterable[Stream]) -> tuple[Covered, ...]:
    """Return what should be there, and is.

    Args:
        tables: The tables.
        streams: The writers' streams.
    """
    found = _found(tables)
    (row,) = tables.rows("SELECT runs, closed, actions, ruled, through, ended FROM called")
    runs, closed, actions, ruled, through, ended = row
    all_streams = list(streams)
    submissions = sum(stream.submissions for stream in all_streams)
    missing = sum(stream.missing for stream in all_streams)
    ledger = tables.report.ledger
    told = (
        ("runs that were closed", closed, runs, (UNCLOSED,)),
        ("outcomes of what was let through", ended, through, NO_OUTCOME),
        ("actions under a contract in force", ruled, actions, (NO_CONTRACT,)),
        ("numbered submissions", submissions, submissions + missing, (GAP,)),
        (
            "writers' streams that were ended",
            sum(stream.closed for stream in all_streams),
            len(all_streams),
            (UNENDED,),
        ),
        ("entries under a signed head", min(ledger.checkpoint_size, ledger.size), ledger.size, ()),
    )
    return tuple(
        Covered(what, int(there), int(wanted), rules, sum(found.get(one, 0) for one in rules))
        for what, there, wanted, rules in told
    )


def _found(tables: Tables) -> dict[str, int]:
    rows = tables.rows(
        "SELECT rule, count(*) FROM findings WHERE clause = 'coverage' OR rule = ? GROUP BY rule",
        NO_OUTCOME[1],
    )
    return {str(rule): int(number) for rule, number in rows}
