"""What a condition rests on: the contract, what was observed, or what somebody claimed.

A rule is worth what its inputs are worth. A reviewer has to see at a glance whether an agent could
have passed it by saying something else.
Source: docs/spec/contract-language.md, *What a rule rests on*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.expressions import references
from contracts.lint_facts import NEUTRAL_OF_RUN, fact_claimed
from contracts.model import Contract, Fact
from contracts.phrases import records_words


class Origin(StrEnum):
    """Where a value comes from."""

    CONTRACT = "contract"
    """The contract says it, or computes it from the tool and its parameters."""
    OBSERVED = "observed"
    """It was read from a source, or the ledger itself says it."""
    CLAIMED = "claimed"
    """Whoever is judged said it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that conditions read: its name, where it comes from, and that in words."""

    name: str
    origin: Origin
    whence: str


_LEDGER: Final = (Origin.OBSERVED, "the ledger's own record")
_CALL: Final = (Origin.CLAIMED, "what the agent calls the tool with")
_ANSWER: Final = (Origin.OBSERVED, "what was recorded of the call's outcome")
_COMPUTED: Final = (Origin.CONTRACT, "the contract, of the tool and its parameters")

_WHOLE: Final[Mapping[str, tuple[Origin, str]]] = {
    "action": (Origin.CLAIMED, "what the agent says of its call"),
    "params": _CALL,
    "outcome": _ANSWER,
    "observation": (Origin.OBSERVED, "what was read from a source"),
    "message": (Origin.CLAIMED, "what was said in the conversation"),
    "approval": (Origin.OBSERVED, "what an approver signed"),
    "switch": (Origin.OBSERVED, "what was signed by who pulled it"),
    "run": (Origin.CLAIMED, "what was said when the run was opened or closed"),
    "identity": (Origin.OBSERVED, "the ledger's authority, of who acts"),
    "evidence": (Origin.OBSERVED, "the observations that the action cites"),
}
_OF_ACTION: Final[Mapping[str, tuple[Origin, str]]] = {
    **dict.fromkeys(("mode", "permission", "known", "conforms", "estimate"), _COMPUTED),
    **dict.fromkeys(("time", "index", "digest", "by", "imported", "selected"), _LEDGER),
    "decision": (Origin.OBSERVED, "the recorded decision"),
}


def inputs_of(contract: Contract, *expressions: str) -> list[Input]:
    """Return what expressions read, each once, in the order in which it is first named.

    What picks the case of the limits is among it where they are read.
    """
    found: dict[str, Input] = {}
    waiting = list(expressions)
    while waiting:
        for one in _inputs(contract, waiting.pop(0)):
            found.setdefault(one.name, one)
            if one.name.startswith("limits"):
                waiting += [by for by in contract.limits.by if by not in expressions]
                expressions = (*expressions, *contract.limits.by)
    return list(found.values())


def _inputs(contract: Contract, expression: str) -> Iterator[Input]:
    for use in references(expression):
        # What is called on a variable (`evidence.exists(…)`) is no member of it.
        member = "" if expression[use.end :].lstrip().startswith("(") else use.member
        name = f"{use.root}.{member}" if member else use.root
        if use.root == "limits":
            yield Input(name, Origin.CONTRACT, _limit(contract, member))
        elif use.root == "facts":
            fact = next((one for one in contract.facts if one.name == use.member), None)
            if fact is not None:
                yield Input(name, *_fact(contract, fact))
        elif use.root in _WHOLE:
            yield Input(name, *_member(contract, use.root, member))


def _member(contract: Contract, root: str, member: str) -> tuple[Origin, str]:
    if (
        root == "action"
        and member == "target"
        and any(one.target for one in contract.tools.values())
    ):
        return _COMPUTED
    if root == "action" and member in _OF_ACTION:
        return _OF_ACTION[member]
    if root == "run" and member in NEUTRAL_OF_RUN:
        return _LEDGER
    if root not in {"params", "identity", "evidence"} and member in {"index", "time"}:
        return _LEDGER
    return _WHOLE[root]


def _fact(contract: Contract, fact: Fact) -> tuple[Origin, str]:
    origin = Origin.CLAIMED if fact_claimed(contract, fact) else Origin.OBSERVED
    return origin, f"{records_words(fact)}, before"


def _limit(contract: Contract, member: str) -> str:
    limits = contract.limits
    if member in limits.plain:
        return shown(member, limits.plain[member])
    given = [
        (case, values[member])
        for level in limits.levels
        for case, values in level.cases.items()
        if member in values
    ]
    default = limits.default or {}
    given += [("else", default[member])] if member in default else []
    told = ", ".join(f"{case} {shown(member, value)}" for case, value in given)
    return told or "the policy's values"


def shown(name: str, value: object) -> str:
    """Return a value of the policy for people: micro-units are hard to read."""
    if name.endswith("_micros") and isinstance(value, int) and not isinstance(value, bool):
        return f"{value} ({value / 1_000_000:,.2f})"
    return repr(value) if isinstance(value, str) else str(value)
