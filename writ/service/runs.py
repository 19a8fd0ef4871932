"""Whose run it is, and which actions of it wait for an outcome.

Both are in the ledger: who opened a run through the service is in its `attributes.caller`, which
the service writes, and what is open the guard knows.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from contracts.channel import Recorded
from contracts.history import Event
from ledger.encoding import decode, digest
from ledger.store import Store
from writ.service.problems import ProblemError

_OPENING: Final = b'"phase":"opened"'
CALLER: Final = "caller"
_MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was opened through a service.

    Attributes:
        id: Digest of its opening.
        service: Whose it is.
        caller: The identity that asked for it.
    """

    id: str
    service: str
    caller: str


class Runs:
    """The runs that an agent identity opened for others.

    Args:
        store: The ledger's store.
        agent: The identity that the service writes as.
    """

    def __init__(self, store: Store, agent: str) -> None:
        self._store = store
        self._agent = agent
        self._lock = threading.Lock()
        self._known: dict[str, Run] = {}
        self._size = 0

    def opened(self, run: Run) -> None:
        """Take note of a run that was just opened."""
        with self._lock:
            self._known[run.id] = run

    def known(self, run: str) -> Run | None:
        """Return a run that was opened or asked for here before; the ledger is not asked."""
        return self._known.get(run)

    def find(self, run: str) -> Run | None:
        """Return a run, wherever it was opened; None where no service of this agent did.

        Raises:
            LedgerError: The store cannot be read.
        """
        with self._lock:
            if run not in self._known:
                self._read_on()
            return self._known.get(run)

    def _read_on(self) -> None:
        size = self._store.size()
        for _, raw in self._store.records_containing(_OPENING, self._size):
            record: Mapping[str, Any] = decode(raw)
            attributes: Mapping[str, Any] = record.get("attributes") or {}
            caller = attributes.get(CALLER)
            ours = record.get("kind") == "run" and record.get("by") == self._agent
            if ours and isinstance(caller, str):
                name = digest(raw)
                self._known[name] = Run(name, record["service"], caller)
        self._size = size


@dataclass(frozen=True, slots=True)
class _Said:
    """An outcome: the digest of what was said, and where it is; None while it is on its way."""

    digest: str
    recorded: Recorded | None = None


class Outcomes:
    """Sees to it that an action has one outcome, however often it is said."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Said] = OrderedDict()

    def begin(
        self, action: str, run: str, said: str, unfinished: Callable[[], Mapping[str, Event]]
    ) -> Recorded | None:
        """Let an outcome be recorded, or return where the very same one is.

        Args:
            action: The action.
            run: The run that it is said to be of.
            said: Digest of what is said of it.
            unfinished: Gives the actions that wait for an outcome, by the ledger: another process
                may have recorded it.

        Raises:
            ProblemError: It has another one, or that is on its way (`outcome.recorded`), or no
                such action waits for one (`outcome.closed`).
        """
        with self._lock:
            known = self._known.get(action)
            if known is not None:
                if known.digest == said and known.recorded is not None:
                    return known.recorded
                raise ProblemError(409, "outcome.recorded", "an action has one outcome")
            self._known[action] = _Said(said)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        try:
            _check_open(unfinished().get(action), run)
        except BaseException:
            self.forget(action)
            raise
        return None

    def end(self, action: str, recorded: Recorded) -> None:
        """Take note of where an outcome was recorded."""
        with self._lock:
            if action in self._known:
                self._known[action] = replace(self._known[action], recorded=recorded)

    def forget(self, action: str) -> None:
        """Take note that an outcome was not recorded: it may be said again."""
        with self._lock:
            self._known.pop(action, None)


def _check_open(event: Event | None, run: str) -> None:
    if event is None or event.record["run"] != run:
        what = "no allowed action of this run with this digest waits for an outcome"
        raise ProblemError(409, "outcome.closed", what)
