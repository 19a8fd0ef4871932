"""Which actions a switch with a selector is about.

A selector stands in a record and not in the contract, so it is compiled when it is met, and nothing
about it may fail. Source: docs/spec/contract-language.md, *Switches*.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from contracts.coercion import Unseen, Value
from contracts.evaluation import (
    Condition,
    ConditionError,
    Evaluator,
    Undecidable,
    condition,
)
from contracts.instants import for_cel
from contracts.unseen import cut, unseen_in

ROOTS: Final = frozenset({"action", "params", "run"})

Variable = Callable[[str, Iterable[str] | None], Value]
"""Gives a variable of an action with the members that are read; None where there is none."""


class Selectors:
    """The selectors of a ledger's switches, compiled once."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._compiled: dict[str, Condition | None] = {}

    def selects(self, selector: str, variable: Variable) -> bool | Unseen:
        """Return whether an action is selected; a value that nobody may see where that decides.

        Args:
            selector: The text of the switch.
            variable: The action's variables.
        """
        asked = self._condition(selector)
        if asked is None:
            return True
        values: dict[str, Any] = {}
        hidden: Unseen | None = None
        for root, members in asked.reads.members.items():
            value = variable(root, members) if root in ROOTS else None
            if value is None:
                continue
            found = cut(value, root, asked.touches)
            if found.reasons:
                hidden = next((unseen for _, unseen in unseen_in(value)), None)
            if found.value is not None:
                values[root] = found.value if root == "params" else for_cel(found.value)
        answer = asked.program.run(self._evaluator.bind(values))
        if isinstance(answer, Undecidable) and hidden is not None:
            return hidden
        return answer is not False

    def _condition(self, selector: str) -> Condition | None:
        """Return the condition; None where it is none, or asks for what there is not."""
        if selector not in self._compiled:
            try:
                made = condition(self._evaluator, selector, 0)
            except ConditionError:
                made = None
            self._compiled[selector] = None if made is not None and made.reads.facts else made
        return self._compiled[selector]
