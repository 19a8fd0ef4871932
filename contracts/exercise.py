"""What a contract's scenarios exercise: rules and their results, branches, required situations.

Only what a scenario asks about counts: results at the record of `when`, and at records that it
names under `at`. A rule that was merely passed by on the way has been tested by nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from contracts.branches import Branch
from contracts.model import Rule
from contracts.scenarios import Played, Stage
from contracts.steps import Category

CATEGORIES: Final[tuple[str, ...]] = get_args(Category)
"""The situations that a contract's scenarios have to cover: docs/spec/scenarios.md."""

BOTH: Final = ("satisfied", "violated")


@dataclass(frozen=True, slots=True)
class Exercise:
    """What scenarios that passed exercise of one contract.

    Attributes:
        rules: Each rule with the results that were reached.
        branches: Each branch with whether it was true and false.
        covered: For each required situation how many scenarios cover it.
        waived: Situations that this contract need not cover, with the reason.
    """

    rules: tuple[tuple[Rule, frozenset[str]], ...]
    branches: tuple[tuple[Branch, frozenset[bool]], ...]
    covered: Mapping[str, int]
    waived: Mapping[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The required situations that no scenario covers."""
        return tuple(
            each for each in CATEGORIES if not self.covered[each] and each not in self.waived
        )

    def reached(self, result: str) -> int:
        """Return how many rules came out so somewhere."""
        return sum(result in found for _, found in self.rules)

    def unexercised(self) -> tuple[Rule, ...]:
        """Return the rules that no scenario asks about."""
        return tuple(rule for rule, found in self.rules if not found)

    def never(self, result: str) -> tuple[Rule, ...]:
        """Return the rules that nowhere came out so."""
        return tuple(rule for rule, found in self.rules if result not in found)


def exercise_of(stage: Stage, played: Iterable[Played]) -> Exercise:
    """Return what scenarios exercise; those that failed count for nothing."""
    passed = [each for each in played if not each.failures]
    results: dict[str, set[str]] = {}
    branches: dict[str, set[bool]] = {}
    waived: dict[str, str] = {}
    for each in passed:
        for rule, word in each.reached:
            results.setdefault(rule, set()).add(word)
        for branch, value in each.branches:
            branches.setdefault(branch, set()).add(value)
        waived.update({str(name): why for name, why in each.suite.text.waived.items()})
    return Exercise(
        tuple((rule, frozenset(results.get(rule.id, ()))) for rule in stage.contract.rules),
        tuple((branch, frozenset(branches.get(branch.id, ()))) for branch in stage.branches),
        {name: sum(name in each.text.covers for each in passed) for name in CATEGORIES},
        waived,
    )
