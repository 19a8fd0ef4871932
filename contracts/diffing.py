"""How two contracts decide differently: their differences, each with an example where one is found.

An example is a call with everything that it is decided on, and is only given once both contracts
have really decided it. That none was found is said with the reason, and proves nothing.
Source: docs/spec/contract-diff.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from contracts.assignments import Side, Space
from contracts.differences import Difference, Part, differences
from contracts.model import Contract, Effect
from contracts.sameness import Pairing
from contracts.searching import Accept, Search, Witness
from contracts.stated import Decider, Outcome, Situation


class Newly(StrEnum):
    """What an example shows of the later contract."""

    ALLOWED = "allowed"
    APPROVAL = "approval"
    ESCALATED = "escalated"
    DENIED = "denied"
    SIGNERS = "signers"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """A difference with an example of it.

    Attributes:
        difference: What the contracts say differently.
        newly: What becomes of the example under the later contract.
        example: A call that the two decide differently; None where none was found.
        why: Why there is none; empty where there is one.
    """

    difference: Difference
    newly: Newly = Newly.NOTHING
    example: Witness | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs between two contracts. `changes` is empty where nothing does."""

    before: Contract
    after: Contract
    changes: tuple[Change, ...]


def diff(before: Contract, after: Contract) -> Diff:
    """Compare two contracts that were checked.

    Args:
        before: The one in force, say.
        after: The one that is to follow.
    """
    pairing = Pairing(before, after)
    found = differences(pairing)
    search = _Searches(pairing)
    return Diff(before, after, tuple(search.change(one) for one in found))


class _Searches:
    """The searches of two contracts, one a tool, made when first needed."""

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing
        contracts = (pairing.before, pairing.after)
        self._sides = tuple(
            Side(Decider(contract, labels), labels)
            for contract, labels in zip(contracts, pairing.labels, strict=True)
        )
        self._made: dict[str, Search] = {}

    def change(self, difference: Difference) -> Change:
        if difference.silent:
            return Change(difference, why=difference.silent)
        hidden: set[str] = set()
        for tool in self._tools(difference):
            search = self._search(tool)
            for rule in difference.rules:
                witness = search.witness(rule, self._accept(difference))
                if witness is not None:
                    return Change(difference, newly(*witness.outcomes), witness)
                hidden |= set(search.hidden)
        return Change(difference, why=self._why(difference, hidden))

    def _search(self, tool: str) -> Search:
        if tool not in self._made:
            before, after = self._sides
            space = Space(self._sides, tool, self._pairing.facts(), self._pairing.changed)
            self._made[tool] = Search(before, after, space)
        return self._made[tool]

    def _tools(self, difference: Difference) -> Iterator[str]:
        if difference.tools:
            yield from difference.tools
            return
        # What is for every action is shown by a tool that both know, if there is one.
        old, new = self._pairing.before.tools, self._pairing.after.tools
        yield from sorted({**new, **old}, key=lambda name: (name not in old) + (name not in new))

    def _accept(self, difference: Difference) -> Accept:
        """Return the condition that an example shows this difference and no other."""
        if difference.part is not Part.LIMIT or not difference.case:
            return _any
        wanted, name = difference.case, difference.name.removeprefix(f"{difference.case}.")

        def accept(situation: Situation) -> bool:
            return any(side.decider.limit_case(situation, name) == wanted for side in self._sides)

        return accept

    def _why(self, difference: Difference, hidden: set[str]) -> str:
        changed = sorted(
            name
            for name in self._pairing.changed
            if any(self._reads(rule, name) for rule in difference.rules)
        )
        if changed:
            return f"it rests on facts that themselves changed: {', '.join(changed)}"
        if hidden:
            return f"wherever it showed, other rules decided anyway: {', '.join(sorted(hidden))}"
        return "no call was found, among those at the edges of the conditions, on which it shows"

    def _reads(self, rule: str, fact: str) -> bool:
        return any(
            ("facts", fact) == place[:2]
            for search in self._made.values()
            for place in search.places(rule)
        )


def _any(_situation: Situation) -> bool:
    return True


def newly(before: Outcome, after: Outcome) -> Newly:
    """Return what is new about the later of two outcomes."""
    if before.effect is after.effect:
        return Newly.NOTHING if before == after else Newly.SIGNERS
    words = {
        Effect.ALLOW: Newly.ALLOWED,
        Effect.APPROVE: Newly.APPROVAL,
        Effect.ESCALATE: Newly.ESCALATED,
    }
    return words.get(after.effect, Newly.DENIED)
