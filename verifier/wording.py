"""What a rule read, in the words of its condition: each member that it names, with its value.

A fact is often a whole record, and a rule asks for one member of it. `facts.order.status` is what a
reader wants to see, and not the first hundred characters of the order.
"""

import json
import re
from typing import Any, cast

from contracts.model import Verdict
from contracts.results import RuleResult
from verifier.findings import shortened

_PATH = re.compile(r"\bfacts((?:\.[A-Za-z_]\w*)+)(\()?")
# Where in an engine's text the facts begin: they come after all other members.
_FACTS = re.compile(r"(?:^|, )facts\.")
ABSENT = object()


def recorded(result: RuleResult) -> str:
    """Return the values that an unsatisfied rule read.

    What is undecidable is left in the engine's own words: which fact has no value, and why.
    """
    if result.verdict is not Verdict.VIOLATED or not result.facts:
        return result.recorded
    found = _FACTS.search(result.recorded)
    others = result.recorded[: found.start()] if found else result.recorded
    shown = [others] if others else []
    shown += [f"{path} = {_written(value)}" for path, value in _read(result).items()]
    return ", ".join(shown)


def _read(result: RuleResult) -> dict[str, Any]:
    """Return what the rule's conditions read of facts, by path, in order of first mention."""
    values: dict[str, Any] = {}
    for found in _PATH.finditer(f"{result.rule.when} {result.rule.unless}"):
        names = found[1].split(".")[1:]
        if found[2]:
            names.pop()  # the last one is a function
        path, value = _member(names, result.facts)
        if value is not ABSENT:
            values.setdefault(path, value)
    for name, value in result.facts.items():
        if not any(path.split(".")[1] == name for path in values):
            values[f"facts.{name}"] = value
    return values


def _member(names: list[str], facts: Any) -> tuple[str, Any]:  # noqa: ANN401 - any JSON value
    """Follow names into facts while there are members; return how far, and what is there."""
    path, value = "facts", facts
    for name in names:
        members = cast("dict[str, Any]", value)
        if not hasattr(value, "keys") or name not in members:
            break
        path, value = f"{path}.{name}", members[name]
    return path, ABSENT if value is facts else value


def _written(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return shortened(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
