"""The call that takes an action back, as a contract says: one way for the guard and for replay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.engine import Engine
from contracts.evaluation import Undecidable
from contracts.history import Event


@dataclass(frozen=True, slots=True)
class TakingBack:
    """The call that takes an action back, as its contract says: tool, parameters and attempts."""

    tool: str
    params: Mapping[str, Any]
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class NoWayBack:
    """That there is no such call, and why.

    Attributes:
        why: In words.
        open: Whether the contract names a way, and what that needs is not recorded.
    """

    why: str
    open: bool = False


def taking_back(engine: Engine, tool: str, outcome: Event | None) -> TakingBack | NoWayBack:
    """Return the call that takes an action back, or why there is none.

    Args:
        engine: That of the contract in force; the action is part of its history.
        tool: The action's tool.
        outcome: The action's outcome, None where none is recorded.
    """
    contract = engine.contract
    known = contract.tools.get(tool)
    if known is None or not known.compensation:
        why = known.irreversible if known and known.irreversible else "the contract names no way"
        return NoWayBack(f"{tool} cannot be taken back: {why}")
    if outcome is None:
        why = "it has no outcome: nobody knows whether there is something to take back"
        return NoWayBack(why, open=True)
    params: dict[str, Any] = {}
    for name, text in known.calling.take_back.items():
        value = engine.value(outcome, text)
        if isinstance(value, Undecidable):
            why = f"{known.compensation} cannot be given `{name}`: {value.reason}"
            return NoWayBack(why, open=True)
        params[name] = value
    return TakingBack(known.compensation, params, 1 + contract.retries)
