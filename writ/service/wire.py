"""Answers as JSON, in both directions: what the service says of a decision, and what that means."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from contracts.answers import (
    Allowed,
    Answer,
    ApprovalNeeded,
    Denied,
    Escalated,
    Objection,
    Repeated,
)
from contracts.channel import Recorded

_TYPES: Final[Mapping[str, type[Answer]]] = {
    one.__name__: one for one in (Allowed, Denied, ApprovalNeeded, Escalated, Repeated)
}


def answer_json(answer: Answer, recorded: Recorded) -> dict[str, Any]:
    """Return an answer as JSON, with where it was recorded."""
    return {"type": type(answer).__name__, **asdict(answer), "leaf": recorded.leaf}


def read_answer(said: Mapping[str, Any]) -> tuple[Answer, Recorded]:
    """Read an answer.

    Raises:
        KeyError, TypeError: It is none, or one of a later version.
    """
    fields = dict(said)
    kind, leaf = _TYPES[fields.pop("type")], fields.pop("leaf")
    fields["contract"] = tuple(fields["contract"])
    fields["objections"] = tuple(_objection(one) for one in fields["objections"])
    answer = kind(**fields)
    return answer, Recorded(answer.action, answer.index, leaf)


def _objection(said: Mapping[str, Any]) -> Objection:
    fields = dict(said)
    fields["rests_on"] = tuple(fields["rests_on"])
    return Objection(**fields)


def recorded_json(recorded: Recorded) -> dict[str, Any]:
    """Return as JSON where something was recorded."""
    return asdict(recorded)


def read_recorded(said: Mapping[str, Any]) -> Recorded:
    """Read where something was recorded."""
    return Recorded(said["digest"], said["index"], said["leaf"])
