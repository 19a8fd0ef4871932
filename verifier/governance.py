"""Step 7: who changed the rules, and whether they could (`contracts.governance`)."""

from contracts.governance import Governance, OwnerOf
from ledger.records import AnyRecord, Authority, Genesis
from verifier.entries import Entry, Problem

FOUNDING = 2


def governance_problem(
    governance: Governance, entry: Entry, record: AnyRecord, owner_of: OwnerOf
) -> Problem | None:
    """Return why a governance record is invalid after those that were added."""
    if isinstance(record, Genesis) and entry.index != 0:
        return _problem("a ledger begins once, at entry 0")
    what = governance.refusal(record, entry.header.recorded_at, owner_of)
    return _problem(what) if what else None


def _problem(what: str) -> Problem:
    return Problem(7, "governance", what)


def is_founding(entry: Entry, record: AnyRecord) -> bool:
    """Return whether this is one of the two records that a ledger begins with."""
    return entry.index < FOUNDING and isinstance(record, Genesis | Authority)
