"""Closed runs as bytes, each with its actions and observations: to be written to disk.

Nearly every run is made of plain values and of records that name one another: these are written as
what they are, in Python's own form for constants, which takes a tenth of the time that it takes to
take objects apart. A run that holds anything else, such as a sealed value or an action of another
run, is pickled. The bytes are read by the process that wrote them, and by no other.
"""

import marshal
import pickle
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from contracts.history import Event
from contracts.lineage import Placed, Run

Bundle: TypeAlias = tuple[Run, dict[str, Placed], dict[str, Placed]]
"""A run with its actions and observations, by their digests."""

_PLAIN: Final = b"m"
_OBJECTS: Final = b"p"


class _UnusualError(Exception):
    """It is not made of plain values alone."""


def packed(bundle: Bundle) -> bytes:
    """Return a run with what belongs to it as bytes."""
    try:
        return _PLAIN + marshal.dumps(_plain(bundle))
    except (_UnusualError, ValueError):
        return _OBJECTS + pickle.dumps(bundle, protocol=5)


def unpacked(body: bytes) -> Bundle:
    """Return the run that `packed` made these bytes of."""
    inner = memoryview(body)[1:]
    if body[:1] == _OBJECTS:
        bundle: Bundle = pickle.loads(inner)  # noqa: S301 - written by `packed`, in a private file
        return bundle
    return _bundle(marshal.loads(inner))  # noqa: S302 - written by `packed`, in a private file


def _plain(bundle: Bundle) -> tuple[Any, ...]:
    run, actions, observations = bundle
    identities: dict[int, int] = {}
    said: list[Any] = []

    def row(placed: Placed) -> tuple[Any, ...]:
        event = placed.event
        number = identities.setdefault(id(event.identity), len(said))
        if number == len(said):
            said.append(event.identity)
        action = placed.action
        named = None if action is None else action.event.digest
        if action is not None and actions.get(action.event.digest) is not action:
            raise _UnusualError
        return (
            event.index,
            event.digest,
            event.record,
            event.recorded_at,
            number,
            event.imported,
            event.unseen,
            placed.subject,
            placed.time,
            named,
            placed.selectors,
            _state(placed.run, run),
        )

    rows = [row(one) for one in actions.values()]
    others = [row(one) for one in observations.values()]
    return (run.digest, run.opened, run.time, run.closed, run.index), said, rows, others


def _state(run: Run | None, last: Run) -> bool:
    """Return whether a run is as it was when it was closed, and not as when it was open."""
    if run is last:
        return True
    if run is None or run.opened is not last.opened or run.time != last.time:
        raise _UnusualError
    if run.index != last.index or (run.closed is not None and run.closed is not last.closed):
        raise _UnusualError
    return run.closed is not None


def _bundle(held: tuple[Any, ...]) -> Bundle:
    run, said, rows, others = held
    last = Run(*run)
    begun = Run(last.digest, last.opened, last.time, None, last.index)
    actions: dict[str, Placed] = {}
    observations: dict[str, Placed] = {}
    for many, known in ((rows, actions), (others, observations)):
        for row in many:
            placed = _placed(row, said, actions.get, last if row[-1] else begun)
            known[placed.event.digest] = placed
    return last, actions, observations


def _placed(
    row: tuple[Any, ...], said: list[Any], action: Callable[[str], Placed | None], run: Run
) -> Placed:
    index, digest, record, recorded_at, number, imported, unseen, *rest = row
    subject, time, named, selectors, _ = rest
    event = Event(index, digest, record, recorded_at, said[number], imported, unseen)
    return Placed(event, subject, time, run, action(named) if named else None, selectors)
