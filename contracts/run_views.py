"""The variables `run` and `identity`. Source: docs/spec/contract-language.md, *Views*."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from contracts.coercion import Value, holds_raw, is_map, plain
from contracts.instants import moment, moment_of
from contracts.lineage import Run
from contracts.stated_members import STATED, Stated

_RUN_FIELDS = (
    "ref",
    "service",
    "goal",
    "channel",
    "workflow",
    "domain",
    "requester",
    "parent",
    "model",
    "prompt_digest",
    "policy",
)


def run_view(run: Run, members: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the variable `run`, as of the place at which `run` is the run's state."""
    names = _RUN if members is None else members
    made = {name: _RUN[name](run) for name in names if name in _RUN}
    return {name: value for name, value in made.items() if value is not None}


def run_field(name: str) -> Callable[[Run], Any]:
    """Return what makes a member of `run`: it returns None where the run has none."""
    return _RUN.get(name, _nothing)


def _nothing(_run: Run) -> None:
    """Make no member."""


def _opened(name: str) -> Callable[[Run], Any]:
    def member(run: Run) -> Value:
        return plain(run.opened.get(name))

    STATED[member] = Stated(name)
    return member


def _closed(name: str) -> Callable[[Run], Any]:
    def member(run: Run) -> Value:
        return None if run.closed is None else plain(run.closed.get(name))

    STATED[member] = Stated(name, closed=True)
    return member


def _attributes(run: Run) -> Value:
    attributes = run.opened.get("attributes")
    return None if holds_raw(attributes) else plain(attributes)


STATED[_attributes] = Stated("attributes", open=True)


_RUN: dict[str, Callable[[Run], Any]] = {
    "id": lambda run: run.digest,
    "imported": lambda run: run.imported,
    "time": lambda run: None if run.time is None else moment(run.time),
    "attributes": _attributes,
    "outcome": _closed("outcome"),
    "value": _closed("value"),
    **{name: _opened(name) for name in _RUN_FIELDS},
}

RUN_MEMBERS: Final = frozenset(_RUN)
"""The members that a run may have."""


def identity_view(identity: Mapping[str, Value]) -> dict[str, Value]:
    """Return the variable `identity` from what the authority says of who wrote the record."""
    view: dict[str, Any] = plain(dict(identity))
    view["registered"] = identity.get("registered") is True
    if is_map(delegated := view.get("delegated")):
        for name in ("since", "until"):
            at = moment_of(delegated.pop(name, None))
            delegated.update({} if at is None else {name: at})
    return view
