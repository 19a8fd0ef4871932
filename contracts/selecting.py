"""A condition over single records, by which somebody chooses which ones to carry away."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.coercion import plain
from contracts.evaluation import CelEvaluator, Undecidable

Chooses = Callable[[Mapping[str, Any]], bool | None]


def record_filter(text: str) -> Chooses:
    """Return a function that says whether a condition holds of a record.

    It answers None where the condition has no value, because the record has no such member, say.

    Raises:
        ConditionError: CEL refuses the text; the one variable is `record`.

    Example:
        >>> chooses = record_filter('record.kind == "action" && record.tool == "pay"')
        >>> chooses({"kind": "action", "tool": "pay"}), chooses({"kind": "message"})
        (True, False)
        >>> chooses({"kind": "action"}) is None
        True
    """
    return _filter("record", text)


def action_filter(text: str) -> Chooses:
    """Return the same for a condition whose one variable is `action`.

    Example:
        >>> action_filter('action.tool == "pay"')({"tool": "pay"})
        True
    """
    return _filter("action", text)


def _filter(variable: str, text: str) -> Chooses:
    evaluator = CelEvaluator((variable,))
    program = evaluator.compile(text)

    def chooses(subject: Mapping[str, Any]) -> bool | None:
        value = program.run(evaluator.bind({variable: plain(dict(subject))}))
        if isinstance(value, Undecidable) or not isinstance(value, bool):
            return None
        return value

    return chooses
