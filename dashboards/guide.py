"""A guided first visit, on the demonstration's ledger only: what happened in it, and where that is.

It is recognized by what the ledger says of itself: its origin, the service whose runs are in it,
and the incident, which is a switch that somebody who may had pulled, and what was violated while
it was in force. Everything that a step says is read from the tables: a ledger that was made anew
says its own numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dashboards import incidents
from dashboards.filters import Filter
from dashboards.tables import Tables
from dashboards.words import count, last_name, one_line, sums, when

# As `writ demo` founds it.
ORIGIN: Final = "acme.example/ai"
SERVICE: Final = "spiffe://acme.example/ai/refund-decisioning"
# The rule by which a switch in force is one. Source: contract-language.md, *Switches*.
RULE: Final = "recovery.kill-switch"


class Place(StrEnum):
    """The page that a step leads to."""

    INBOX = "inbox"
    RUN = "run"
    EVIDENCE = "evidence"
    INTEGRITY = "integrity"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the visit.

    Attributes:
        says: What happened, in a sentence. It may quote the ledger.
        label: What its link is called.
        place: The page that the link opens.
        asks: The parameters of that page's address.
    """

    says: str
    label: str
    place: Place
    asks: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class _Pulled:
    index: int
    reason: str
    identity: str
    at: str


def steps(tables: Tables) -> tuple[Step, ...]:
    """Return the steps of the visit; none on any other ledger than the demonstration's."""
    if tables.report.ledger.origin != ORIGIN:
        return ()
    served = tables.number("SELECT count(*) FROM runs WHERE service = ?", SERVICE)
    pulled = _pulled(tables) if served else None
    met = _incident(tables, pulled.index) if pulled is not None else None
    if pulled is None or met is None:
        return ()
    return (_stopped(pulled), _through(met), _one(met), _proven())


def _stopped(pulled: _Pulled) -> Step:
    return Step(
        f"On {when(pulled.at)}, {last_name(pulled.identity)} pulled the kill switch of the refund "
        f"service: {one_line(pulled.reason, 120)}.",
        "See the record",
        Place.EVIDENCE,
        {"entry": [str(pulled.index)]},
    )


def _through(met: incidents.IncidentRow) -> Step:
    worth = f", worth {sums(met.stake)}" if met.stake else ""
    return Step(
        f"And still {count(met.violated, 'action')} got through while nothing was to run, in "
        f"{count(met.runs, 'run')}{worth}. That is one incident.",
        "Open the incident",
        Place.INBOX,
        Filter.of({}).within(met.id).parameters(),
    )


def _one(met: incidents.IncidentRow) -> Step:
    return Step(
        f"The first of them is entry {met.first}. Its run shows what the agent was asked, what it "
        "saw, what the guard decided and what it then did.",
        "Follow it step by step",
        Place.RUN,
        {
            "run": [met.run],
            "at": [str(met.first)],
            "finding": [met.finding],
            "inbox": [Filter.of({}).within(met.id).packed()],
        },
    )


def _proven() -> Step:
    return Step(
        "None of this is somebody's word: every record is signed, and every decision was taken "
        "again from the records alone.",
        "See what was checked",
        Place.INTEGRITY,
        {},
    )


def _pulled(tables: Tables) -> _Pulled | None:
    """Return the first kill switch that was pulled by somebody who may."""
    rows = tables.rows(
        "SELECT idx, body ->> '$.reason', identity, recorded_at FROM governance "
        "WHERE kind = 'switch' AND service = ? AND body ->> '$.mode' = 'kill' "
        "AND body ->> '$.state' = 'engaged' AND idx NOT IN (SELECT idx FROM findings) "
        "ORDER BY idx LIMIT 1",
        SERVICE,
    )
    return _Pulled(*rows[0]) if rows else None


def _incident(tables: Tables, after: int) -> incidents.IncidentRow | None:
    """Return the first incident of what got through a switch after an entry."""
    rows = tables.rows(
        "SELECT id FROM incidents WHERE rule = ? AND first > ? AND violated > 0 "
        "ORDER BY first LIMIT 1",
        RULE,
        after,
    )
    return incidents.incident(tables, rows[0][0]) if rows else None
