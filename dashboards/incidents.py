"""Questions about incidents: findings that belong together, each as one line of a list.

An incident is in a choice where one of its findings is. How many of them are is told beside it;
everything else is told of the whole incident. Source: docs/spec/report.md, *Incidents*.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.filters import INCIDENT_SORTS, PAGE_SIZE, Filter
from dashboards.queries import where_of
from dashboards.tables import Tables

_COLUMNS: Final = (
    "i.id, i.rule, i.says, i.severity, i.place, i.first, i.last, i.began, i.ended, i.size, "
    "i.violated, i.runs, i.run, i.ref, i.named_run, i.finding, i.identity, i.identities"
)


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident as a line of a list.

    Attributes:
        id: Its name.
        rule: The rule of all its findings.
        says: The rule in words.
        severity: Of the gravest.
        place: Its place in the report.
        first: The first entry.
        last: The last entry.
        began: When the first happened; empty where no time is known.
        ended: When the last happened.
        size: How many findings it has.
        violated: How many of them are violated; the others are undecidable.
        runs: In how many runs they stand; 0 where they stand in none.
        run: The digest of the first finding's run.
        ref: What that run's source calls it.
        named_run: What the report calls the run, where it is one.
        finding: The id of the first one.
        identity: Who spoke in all of them; empty where that were several.
        identities: How many spoke.
        fits: How many of its findings are in the choice.
        stake: What the actions at which it stands were worth, by currency.
    """

    id: str
    rule: str
    says: str
    severity: str
    place: int
    first: int
    last: int
    began: str
    ended: str
    size: int
    violated: int
    runs: int
    run: str
    ref: str
    named_run: str
    finding: str
    identity: str
    identities: int
    fits: int
    stake: tuple[tuple[str, int], ...]

    @property
    def undecidable(self) -> int:
        """How many of its findings nobody can tell."""
        return self.size - self.violated

    @property
    def run_name(self) -> str:
        """What its run is called, where it stands in one."""
        return (self.ref or self.run or self.named_run) if self.runs <= 1 else ""


@dataclass(frozen=True, slots=True)
class Grouped:
    """One page of incidents.

    Attributes:
        rows: The page.
        total: How many incidents the choice has on all pages.
        findings: How many findings in it belong to one.
        page: The page that these are, which may be an earlier one than was asked for.
        pages: How many pages there are.
    """

    rows: tuple[IncidentRow, ...]
    total: int
    findings: int
    page: int
    pages: int


def grouped(tables: Tables, chosen: Filter) -> Grouped:
    """Return one page of the incidents that a filter keeps, in its order."""
    where, values = where_of(chosen)
    kept = (
        f"(SELECT grouped, count(*) AS fits FROM findings WHERE grouped >= 0 AND {where} "
        "GROUP BY grouped)"
    )
    counted = tables.rows(f"SELECT count(*), coalesce(sum(fits), 0)::BIGINT FROM {kept}", *values)
    total, findings = counted[0]
    pages = max(-(-total // PAGE_SIZE), 1)
    page = min(chosen.page, pages)
    # First which, then what of them: of those on other pages nothing but the order is read.
    shown = tables.rows(
        f"SELECT i.place, m.fits FROM incidents i JOIN {kept} m ON m.grouped = i.place "
        f"ORDER BY {INCIDENT_SORTS[chosen.sort]} LIMIT ? OFFSET ?",
        *values,
        PAGE_SIZE,
        (page - 1) * PAGE_SIZE,
    )
    return Grouped(_rows(tables, dict(shown)), total, findings, page, pages)


def incident(tables: Tables, which: str) -> IncidentRow | None:
    """Return the incident with this name, as if nothing were chosen."""
    found = dict(tables.rows("SELECT place, size FROM incidents WHERE id = ?", which))
    rows = _rows(tables, found)
    return rows[0] if rows else None


def findings_of(tables: Tables, which: str) -> tuple[tuple[str, str], ...]:
    """Return the findings of an incident, each its id and what people made of it."""
    rows = tables.rows("SELECT id, review FROM findings WHERE incident = ? ORDER BY place", which)
    return tuple((str(one), str(review)) for one, review in rows)


def number_of(tables: Tables, chosen: Filter, which: str) -> int:
    """Return an incident's number in a filter's order, from 1; 0 where it is not in it."""
    where, values = where_of(chosen)
    rows = tables.rows(
        f"SELECT number FROM (SELECT i.id, row_number() OVER "
        f"(ORDER BY {INCIDENT_SORTS[chosen.sort]}) AS number FROM incidents i WHERE i.place IN "
        f"(SELECT grouped FROM findings WHERE {where})) WHERE id = ?",
        *values,
        which,
    )
    return int(rows[0][0]) if rows else 0


def _rows(tables: Tables, places: Mapping[int, int]) -> tuple[IncidentRow, ...]:
    """Return the incidents at these places, in this order, each with how many of it fit."""
    asked = list(places)
    stakes: dict[int, tuple[tuple[str, int], ...]] = {}
    for place, currency, micros in tables.rows(
        "SELECT grouped, currency, micros FROM stakes "
        "WHERE grouped IN (SELECT unnest(?::BIGINT[])) ORDER BY grouped, currency",
        asked,
    ):
        stakes[place] = (*stakes.get(place, ()), (currency, micros))
    found: dict[int, IncidentRow] = {}
    for row in tables.rows(
        f"SELECT place, {_COLUMNS} FROM incidents i WHERE place IN (SELECT unnest(?::BIGINT[]))",
        asked,
    ):
        place, *cells = row
        told: list[Any] = [*cells, places[place], stakes.get(place, ())]
        found[place] = IncidentRow(*told)
    return tuple(found[place] for place in asked)
