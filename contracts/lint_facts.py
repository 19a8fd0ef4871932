"""On what an expression rests: the facts behind it, and whether more than the agent's word."""

from dataclasses import dataclass
from typing import Final

from contracts.expressions import references
from contracts.model import Contract, Fact, Rule

# Members of a run that the ledger or the contract gives; all else is what the run's opener claims.
NEUTRAL_OF_RUN: Final = frozenset({"id", "time", "service", "imported"})
OBSERVED_SOURCES: Final = frozenset({"action", "outcome", "observation", "approval", "switch"})


def uses_of(part: Fact | Rule) -> tuple[str, ...]:
    """Every expression of a fact or rule."""
    if isinstance(part, Fact):
        return part.value, part.where, part.by, part.at, part.reserve
    expect = part.expect
    more = (expect.where, expect.by, expect.at) if expect else ()
    return (part.when, part.unless, *more)


def facts_behind(contract: Contract, *expressions: str) -> set[str]:
    """Names of the facts that expressions read, themselves or through other facts."""
    by_name = {fact.name: fact for fact in contract.facts}
    found: set[str] = set()
    waiting = list(expressions)
    while waiting:
        for use in references(waiting.pop()):
            name = use.member
            if use.root == "facts" and name in by_name and name not in found:
                found.add(name)
                waiting += uses_of(by_name[name])
    return found


@dataclass(frozen=True, slots=True)
class Roots:
    """Picks, of the variables that expressions read, those of one kind."""

    claimed: bool

    def of(self, contract: Contract, *expressions: str) -> set[str]:
        """The variables and facts of this kind that are read."""
        uses = [use for expression in expressions for use in references(expression)]
        return {
            f"{use.root}.{use.member}" if use.root in {"run", "facts"} else use.root
            for use in uses
            if _claim(contract, use.root, use.member) is self.claimed
        }


CLAIMED: Final = Roots(claimed=True)
GROUNDED: Final = Roots(claimed=False)


_TAKEN: Final = frozenset({"last", "min", "max", "list"})


def fact_claimed(contract: Contract, fact: Fact) -> bool:
    """True where a fact is only what was said: of claims, or a value that was taken from one.

    That an action was recorded is more than a claim, and so is what all of them add up to; the last
    parameter that an agent called a tool with is its own word.
    """
    if fact.source not in OBSERVED_SOURCES:
        return True
    said = CLAIMED.of(contract, fact.value) if fact.aggregate in _TAKEN else set[str]()
    return bool(said) and not GROUNDED.of(contract, fact.value)


def limits_grounded(contract: Contract) -> bool:
    """True where the case of the limits does not rest on claims alone."""
    return all(case_grounded(contract, by) for by in contract.limits.by)


def case_grounded(contract: Contract, by: str) -> bool:
    """True where an expression that picks a case does not rest on claims alone."""
    return bool(GROUNDED.of(contract, by)) or not CLAIMED.of(contract, by)


def _claim(contract: Contract, root: str, member: str) -> bool | None:
    """True for a claim, False for what was observed or the authority says, None for neither."""
    if root in {"params", "message"}:
        return True
    if root == "run":
        return None if member in NEUTRAL_OF_RUN else True
    if root in {"evidence", "identity"}:
        return False
    if root == "limits":
        return not limits_grounded(contract)
    if root == "facts":
        fact = next((fact for fact in contract.facts if fact.name == member), None)
        return None if fact is None else fact_claimed(contract, fact)
    return None
