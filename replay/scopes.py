"""How far a rollback reaches: the chosen acts, what depends on them, their runs, who did them.

Source: docs/spec/rollback.md, *Scopes*.
"""

from enum import StrEnum

from replay.rollback import Plan, Rollback


class Scope(StrEnum):
    """How far a rollback reaches."""

    ACTIONS = "actions"
    DEPENDENTS = "dependents"
    RUNS = "runs"
    IDENTITY = "identity"


def reach(rollback: Rollback, selection: frozenset[int], scope: Scope) -> frozenset[int]:
    """Return the acts of a scope, by place in the history.

    Args:
        rollback: The history and its dependencies.
        selection: What was chosen.
        scope: `actions`: that alone; `dependents`: with all that depends on it; `runs`: all of the
            runs that it is in; `identity`: all that its identities did from its first act on.
    """
    acts = rollback.history.acts
    if scope is Scope.ACTIONS or not selection:
        return selection
    if scope is Scope.DEPENDENTS:
        return rollback.dependencies.closure(selection, len(acts))
    if scope is Scope.RUNS:
        runs = {acts[number].run for number in selection}
        return frozenset(number for number, act in enumerate(acts) if act.run in runs)
    people = {acts[number].by for number in selection}
    return frozenset(
        number for number in range(min(selection), len(acts)) if acts[number].by in people
    )


def compared(rollback: Rollback, selection: frozenset[int]) -> dict[Scope, Plan]:
    """Return the plan of each scope."""
    return {scope: rollback.plan(reach(rollback, selection, scope)) for scope in Scope}
