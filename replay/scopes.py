"""How far a rollback reaches: the chosen acts, their runs, who did them, the version, all since.

Source: docs/spec/rollback.md, *Scopes*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from replay.exposure import Amount
from replay.rollback import Plan, Rollback
from replay.rollback_classes import PLANNED


class Scope(StrEnum):
    """How far a rollback reaches."""

    CHOSEN = "chosen"
    DEPENDENTS = "dependents"
    RUNS = "runs"
    IDENTITY = "identity"
    VERSION = "version"
    SINCE = "since"


SAYS: Mapping[Scope, str] = {
    Scope.CHOSEN: "only the chosen actions",
    Scope.DEPENDENTS: "with all that depends on them",
    Scope.RUNS: "their whole runs",
    Scope.IDENTITY: "all that their identities did since the first",
    Scope.VERSION: "all under their contract versions since the first",
    Scope.SINCE: "everything since the first",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One scope beside the others.

    Attributes:
        scope: Which.
        plan: The plan of it.
        collateral: What the plan takes back that was not chosen.
    """

    scope: Scope
    plan: Plan
    collateral: Amount


def reach(rollback: Rollback, chosen: frozenset[int], scope: Scope) -> frozenset[int]:
    """Return the acts of a scope, by place in the history; what was chosen is always among them."""
    acts = rollback.history.acts
    if scope is Scope.CHOSEN or not chosen:
        return chosen
    if scope is Scope.DEPENDENTS:
        return _dependents(rollback, chosen)
    if scope is Scope.RUNS:
        runs = {acts[number].run for number in chosen}
        return frozenset(number for number, act in enumerate(acts) if act.run in runs)
    later = range(min(chosen), len(acts))
    if scope is Scope.IDENTITY:
        people = {acts[number].by for number in chosen}
        return frozenset(number for number in later if acts[number].by in people)
    if scope is Scope.VERSION:
        versions = {acts[number].contract for number in chosen}
        return frozenset(number for number in later if acts[number].contract in versions)
    return frozenset(later)


def _dependents(rollback: Rollback, chosen: frozenset[int]) -> frozenset[int]:
    """Return acts and all that depends on them, directly or through others."""
    found = set(chosen)
    for later in sorted(rollback.dependencies.earlier):
        if any(one[0] in found for one in rollback.dependencies.of(later)):
            found.add(later)
    return frozenset(found)


def compared(rollback: Rollback, chosen: frozenset[int]) -> Iterator[Compared]:
    """Yield the plan of each scope, the narrowest first."""
    acts = rollback.history.acts
    for scope in Scope:
        plan = rollback.plan(reach(rollback, chosen, scope))
        beside = (
            acts[fate.number]
            for fate in plan.fates
            if fate.kind in PLANNED and fate.number not in chosen
        )
        yield Compared(scope, plan, Amount.of(beside))
