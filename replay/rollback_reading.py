"""A verified ledger read for a rollback: one pass, for its history and for all that rests on it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.instants import micros
from contracts.lineage import Lineage, Placed
from replay.compensations import Calls, Compensations
from replay.dependencies import Trail
from replay.history import AsOf, History, Step
from replay.in_force import InForce
from replay.rollback import Rollback
from replay.rollback_classes import MILD
from verifier.load import VerifiedLedger

_NOW = AsOf()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        history: The history as of then.
        trail: What its records state of each other.
        compensations: Decides what could take an act back.
        at: The time as of which that is asked, in microseconds since 1970.
    """

    history: History
    trail: Trail
    compensations: Compensations
    at: int

    def rollback(self, *, by_target: bool = True) -> Rollback:
        """Return what makes plans over it.

        Args:
            by_target: Whether a later change of the same target keeps an earlier one.
        """
        return Rollback.of(self.history, self.trail, self.compensations, by_target=by_target)


def read(
    ledger: VerifiedLedger,
    as_of: AsOf = _NOW,
    *,
    given: Mapping[str, Any] | None = None,
    step: Step | None = None,
) -> Reading:
    """Read a ledger as of a time or an entry; by default of its end.

    Args:
        ledger: The ledger.
        as_of: Nothing later exists. A time beyond the last entry is that time all the same; of an
            entry the time is its own, which is what it claims where it was imported.
        given: Parameters of compensating calls that the contract leaves open.
        step: Called now and then with how many entries were read, and how many there are.

    Raises:
        BrokenLedgerError: The store was changed since it was verified.
    """
    in_force = InForce.of(ledger.versions, ledger.contracts, as_of)
    reading = _Reading(in_force)
    history = History.of(ledger, step, watch=reading.watch, as_of=as_of)
    at = as_of.time
    if at is None:
        # What was imported has a clock of its own: as of an entry it is the time of that one.
        at = reading.last if as_of.entry is None else max(reading.own, in_force.last)
    ends = replace(as_of, time=at)
    if InForce.of(ledger.versions, ledger.contracts, ends).bindings != in_force.bindings:
        # A contract is activated that is not in force yet at the end of what was read.
        return read(ledger, ends, given=given, step=step)
    compensations = Compensations(history, reading.calls, in_force, at, dict(given or {}))
    return Reading(history, reading.trail, compensations, at)


class _Reading:
    """Whoever wants to see each entry."""

    def __init__(self, in_force: InForce) -> None:
        self.calls = Calls(in_force)
        self.trail = Trail(
            {
                service: frozenset(
                    tool.name
                    for tool in binding.contract.tools.values()
                    if tool.mode in MILD and not tool.compensation and not tool.irreversible
                )
                for service, binding in in_force.bindings.items()
            }
        )
        self.last = self.own = 0
        self._in_force = in_force

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Take in an entry."""
        self._in_force.watch(placed, lineage)
        self.trail.watch(placed, lineage)
        self.calls.watch(placed, lineage)
        self.last = max(self.last, micros(placed.event.recorded_at) or 0)
        self.own = self.last if placed.time is None else placed.time
