"""What a ledger records of calls: actions with their outcomes, taken as its entries are read."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from contracts.coercion import Value
from contracts.instants import micros
from contracts.unseen import bare, unseen_in
from contracts.withholding import Mark
from ledger.records import Action, Outcome, RunOpened
from verifier.entries import ValidEntry
from verifier.reconciling.arguments import as_text, digest_of, exact, unwrapped, written
from verifier.reconciling.tables import ACTIONS, OUTCOMES, RUNS, Rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FIRST: Final = 1 << 62
_HELD: Final = "('deny', 'escalate', 'approve')"


class Recording:
    """Takes the valid entries of one reading, in order.

    Attributes:
        withheld: How many records that a bundle holds back may be actions.
        outcomes_withheld: How many may be outcomes.
    """

    def __init__(self, database: "DuckDBPyConnection") -> None:
        self._database = database
        self._actions = Rows(database, "actions", ACTIONS)
        self._outcomes = Rows(database, "outcomes", OUTCOMES)
        self._runs = Rows(database, "runs", RUNS)
        self.withheld = 0
        self.outcomes_withheld = 0

    def observe(self, valid: ValidEntry) -> None:
        """Take the next valid entry."""
        record, event = valid.record, valid.event
        if isinstance(record, Action):
            self._action(valid, record)
        elif isinstance(record, Outcome):
            self._outcomes.add(record.action, event.index, record.status, _time(valid))
        elif isinstance(record, RunOpened):
            self._runs.add(event.digest, record.ref or "", event.index)

    def mark(self, then: Callable[[Mark], None]) -> Callable[[Mark], None]:
        """Return what takes note of a record that is held back, and hands it on."""

        def note(mark: Mark) -> None:
            self.withheld += "action" in mark.kinds
            self.outcomes_withheld += "outcome" in mark.kinds
            then(mark)

        return note

    def finish(self) -> None:
        """Make the table `recorded`: each action with its run's name and how it ended."""
        for rows in (self._actions, self._outcomes, self._runs):
            rows.flush()
        # Of several outcomes the last that was executed is the one that a finding names.
        self._database.execute(f"""
            CREATE OR REPLACE TABLE recorded AS
            WITH ends AS (
                SELECT action, bool_or(status = 'ok') AS ok,
                    bool_or(status IN ('error', 'timeout')) AS failed, max(stamp) AS ended,
                    arg_max(idx, rank) AS outcome, arg_max(status, rank) AS status
                FROM (SELECT *, idx + CASE WHEN status IN ('ok', 'error', 'timeout')
                    THEN {_FIRST} ELSE 0 END AS rank FROM outcomes)
                GROUP BY action)
            SELECT a.idx, a.run, CASE WHEN r.ref = '' THEN r.digest ELSE r.ref END AS scope,
                a.tool, a.call_id, a.key, a.exact, a.loose, a.body, a.hidden, a.stamp, e.ended,
                e.outcome, e.status, a.decision,
                CASE WHEN e.ok AND e.failed THEN 'both' WHEN e.ok THEN 'ok'
                    WHEN e.failed THEN 'failed' WHEN e.outcome IS NOT NULL THEN 'not'
                    WHEN a.decision IN {_HELD} THEN 'not' ELSE 'open' END AS state
            FROM actions a JOIN runs r ON a.run = r.digest LEFT JOIN ends e ON a.digest = e.action
            ORDER BY a.idx""")

    def _action(self, valid: ValidEntry, record: Action) -> None:
        event = valid.event
        params: Value = event.record["params"]
        hidden: Mapping[str, Any] = _hidden(params) if event.unseen else {}
        plain = bare(params) if hidden else unwrapped(params)
        close = loose = None
        if not hidden:
            close, loose = (digest_of(written(form(plain))) for form in (exact, as_text))
        self._actions.add(
            event.index,
            event.digest,
            record.run,
            record.tool,
            record.call_id,
            record.idempotency_key,
            close,
            loose,
            written(plain),
            written(dict(hidden)) if hidden else None,
            _time(valid),
            None if record.decision is None else record.decision.effect,
        )


def _hidden(params: Value) -> Mapping[str, Any]:
    """Return the paths of what is sealed, and why it cannot be read."""
    return {".".join(("params", *path)): found.reason for path, found in unseen_in(params)}


def _time(valid: ValidEntry) -> int | None:
    """Return when it was: of what was imported the source's time, else the ledger's."""
    event = valid.event
    return micros(valid.record.at if event.imported else event.recorded_at)
