"""Where a record stands: its run, its action, its event time, its scopes.

Records refer to one another by digest. The lineage remembers the runs, actions and observations
of the history, so that each later record can be placed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.coercion import Value
from contracts.history import Event
from contracts.instants import micros

RUN_OPENED = "run.opened"
RUN_CLOSED = "run.closed"

SUBJECTS = frozenset({"action", "outcome", "observation", "approval", "message", "switch"})

REFERENCE = ""
"""The scope `run` of records that stand in no run: reference data."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a service as of one place in history. `index` and `time` say when it was opened."""

    digest: str
    opened: Mapping[str, Any]
    time: int | None = None
    closed: Mapping[str, Any] | None = None
    index: int = -1

    @property
    def imported(self) -> bool:
        """True where the run came from a file: what it says is what the file claims."""
        return "import" in self.opened

    @property
    def has_clock(self) -> bool:
        """True where the claimed times of an imported run never go back and differ."""
        return bool(self.imported and self.opened["import"].get("clock") == "claimed")


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """An entry with what it refers to.

    Attributes:
        event: The entry.
        subject: What a contract calls it: the record's kind, or `run.opened` and `run.closed`.
        time: Its event time in microseconds since 1970, None where it has none.
        run: The run that it stands in, None for reference data and switches.
        action: The action that it is, or that it belongs to.
        selectors: Of an action: the selectors of the switches for its service so far, each once.
    """

    event: Event
    subject: str
    time: int | None
    run: Run | None
    action: "Placed | None"
    selectors: tuple[str, ...] = ()

    @property
    def record(self) -> Mapping[str, Value]:
        """The record as written."""
        return self.event.record

    @property
    def tool(self) -> str:
        """The tool of the action that it is or belongs to, else empty."""
        return "" if self.its_action is None else self.its_action.event.record["tool"]

    @property
    def its_action(self) -> "Placed | None":
        """The action that it is or belongs to."""
        return self if self.subject == "action" else self.action

    @property
    def counts_as_allowed(self) -> bool:
        """False for what belongs to an action that was recorded as denied, held or escalated."""
        action = self.its_action
        if action is None:
            return True
        decision = action.event.record.get("decision")
        return decision is None or decision.get("effect") == "allow"

    def scope(self, over: str) -> str | None:
        """Return which scope of the kind `over` the record stands in, None where in none."""
        if over == "run":
            return None if self.run is None else self.run.digest
        if over == "ledger":
            return "ledger"
        if over == "identity":
            return (self.its_action or self).event.record.get("by")
        if over == "service" and self.subject == "switch":
            return self.event.record.get("service")
        return None if self.run is None else self.run.opened.get(over)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a lineage remembers: all that later records may refer to."""

    runs: Sequence[Run]
    actions: Sequence[Placed]
    observations: Sequence[Placed]
    selectors: Mapping[str, tuple[str, ...]]


class Lineage:
    """The runs, actions and observations of a history."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._actions: dict[str, Placed] = {}
        self._observations: dict[str, Placed] = {}
        self._selectors: dict[str, tuple[str, ...]] = {}

    def place(self, event: Event) -> Placed:
        """Return the entry with what it refers to, without remembering it."""
        record = event.record
        kind: str = record["kind"]
        if kind == "run":
            return self._place_run(event)
        subject = kind if kind in SUBJECTS else ""
        action = self._actions.get(record.get("action", "")) if subject != "action" else None
        run = self._runs.get(record.get("run", ""))
        if run is None and action is not None and action.run is not None:
            run = self._runs.get(action.run.digest)
        selectors: tuple[str, ...] = ()
        if self._selectors and subject == "action" and run is not None:
            selectors = self._selectors.get(run.opened["service"], ())
        return Placed(event, subject, _time(event, run), run, action, selectors)

    def _place_run(self, event: Event) -> Placed:
        record = event.record
        if record["phase"] == "opened":
            time = _time(event, Run(event.digest, record))
            return Placed(
                event, RUN_OPENED, time, Run(event.digest, record, time, None, event.index), None
            )
        run = self._runs.get(record["run"])
        if run is not None:
            run = Run(run.digest, run.opened, run.time, record, run.index)
        return Placed(event, RUN_CLOSED, _time(event, run), run, None)

    def remember(self, placed: Placed) -> None:
        """Make a placed entry part of the history."""
        digest = placed.event.digest
        if placed.subject in (RUN_OPENED, RUN_CLOSED) and placed.run is not None:
            self._runs[placed.run.digest] = placed.run
        elif placed.subject == "action":
            self._actions[digest] = placed
        elif placed.subject == "observation":
            self._observations[digest] = placed
        elif placed.subject == "switch" and "selector" in placed.record:
            service, selector = placed.record["service"], placed.record["selector"]
            known = self._selectors.get(service, ())
            self._selectors[service] = known if selector in known else (*known, selector)

    def kept(self) -> "Remembered":
        """Return all that it remembers."""
        return Remembered(
            tuple(self._runs.values()),
            tuple(self._actions.values()),
            tuple(self._observations.values()),
            dict(self._selectors),
        )

    def take_up(self, kept: "Remembered") -> None:
        """Remember this, and nothing else."""
        self._runs = {run.digest: run for run in kept.runs}
        self._actions = {one.event.digest: one for one in kept.actions}
        self._observations = {one.event.digest: one for one in kept.observations}
        self._selectors = dict(kept.selectors)

    def cited(self, record: Mapping[str, Value]) -> list[Placed]:
        """Return the observations that an action cites and that the history holds, in its order."""
        known = (self._observations.get(digest) for digest in record.get("evidence", ()))
        return [placed for placed in known if placed is not None]

    def runs_by_index(self) -> dict[int, str]:
        """Return the runs' digests by the entries that opened them."""
        return {run.index: digest for digest, run in self._runs.items()}

    def actions_by_index(self) -> dict[int, str]:
        """Return the actions' digests by their entries."""
        return {placed.event.index: digest for digest, placed in self._actions.items()}

    def run(self, digest: str) -> Run | None:
        """Return a run of the history by the digest of the record that opened it."""
        return self._runs.get(digest)

    def action(self, digest: str) -> Placed | None:
        """Return an action of the history by its record's digest."""
        return self._actions.get(digest)


def _time(event: Event, run: Run | None) -> int | None:
    if not event.imported:
        return micros(event.recorded_at)
    if run is not None and run.has_clock:
        return micros(event.record.get("at"))
    return None
