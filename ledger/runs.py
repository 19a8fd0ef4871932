"""A run as an agent's code lives it: messages, evidence, actions and their outcomes.

An action's record is durable before the block that performs it begins; its outcome follows in a
later submission. A crash in between is then to be seen as an action without outcome.
Source: docs/spec/ledger-format.md, *Record*.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from ledger.admission import Receipt
from ledger.encoding import digest
from ledger.errors import StoreError
from ledger.records import (
    Action,
    AnyRecord,
    Message,
    Money,
    Observation,
    Outcome,
    Part,
    RunClosed,
    RunOpened,
    record_bytes,
)
from ledger.sealed import Sealed, recordable

# An error's text is evidence, not a log: what is longer belongs elsewhere.
_MAX_ERROR = 1_000

R = TypeVar("R", bound=Part)


class Recorder(Protocol):
    """What a run needs of a client."""

    def make(self, model: type[R], /, **fields: object) -> R:
        """Build a record."""
        ...

    def submit(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Write records durably."""
        ...


class ActionHandle:
    """An action that was recorded and is being performed.

    Attributes:
        receipt: Where the action was recorded.
    """

    def __init__(self, recorder: Recorder, run: str, receipt: Receipt) -> None:
        self._recorder = recorder
        self._run = run
        self.receipt = receipt
        self.outcome: Receipt | None = None

    def ok(self, **fields: object) -> Receipt:
        """Record that it succeeded, with the outcome's fields such as `fields` or `cost`."""
        return self.end("ok", **fields)

    def end(self, status: str, **fields: object) -> Receipt:
        """Record how it ended: `ok`, `error`, `timeout`, `skipped` or `abandoned`.

        Raises:
            ValueError: Its outcome was recorded already.
            RecordError: A field is unknown or of the wrong form.
        """
        if self.outcome is not None:
            raise ValueError("an action has one outcome, and this one has it already")
        if "fields" in fields:
            fields["fields"] = recordable(fields["fields"])
        outcome = self._recorder.make(
            Outcome,
            action=self.receipt.record,
            run=self._run,
            status=status,
            leaf=self.receipt.leaf,
            **fields,
        )
        self.outcome = self._recorder.submit([outcome])[0]
        return self.outcome


class RunBatch:
    """Records of a run that wait to be handed in together. None of them is an action.

    Attributes:
        records: What waits, in order.
        turn: The next message's turn, unless it is given another.
        closes: Whether the run's end is among them.
    """

    def __init__(self, recorder: Recorder, run: str, turn: int) -> None:
        self._recorder = recorder
        self._run = run
        self.records: list[AnyRecord] = []
        self.turn = turn
        self.closes = False

    def message(self, role: str, content: str | Sealed | None = None, **fields: object) -> str:
        """Add what somebody said. Turns are counted from 0 unless `turn` is given.

        Returns:
            The record's digest, as all methods here do.

        Raises:
            RecordError: A field is unknown or of the wrong form.
            EncodingError: The content holds what strict JSON cannot.
        """
        turn = fields.pop("turn", self.turn)
        said = self._recorder.make(
            Message, run=self._run, role=role, turn=turn, content=content, **fields
        )
        name = self._add(said)
        self.turn = said.turn + 1
        return name

    def observe(self, what: str, source: str, *, observer: str = "source", **fields: object) -> str:
        """Add evidence: what an observer saw in a source.

        Raises:
            RecordError: A field is unknown or of the wrong form.
        """
        if "fields" in fields:
            fields["fields"] = recordable(fields["fields"])
        return self._add(
            self._recorder.make(
                Observation, run=self._run, what=what, source=source, observer=observer, **fields
            )
        )

    def close(self, outcome: str = "completed", *, value: Money | None = None) -> str:
        """Add that the run ended. It is the last of these records."""
        name = self._add(
            self._recorder.make(RunClosed, run=self._run, outcome=outcome, value=value)
        )
        self.closes = True
        return name

    def _add(self, record: AnyRecord) -> str:
        if self.closes:
            raise ValueError("the run's end is the last record of its batch")
        # Written here, so that what cannot be recorded is refused where it is said.
        raw = record_bytes(record)
        self.records.append(record)
        return digest(raw)


class RunHandle:
    """An open run.

    Attributes:
        id: Digest of its opening: the name of the run.
        closed: Where its end was recorded.
    """

    def __init__(self, recorder: Recorder, opening: RunOpened) -> None:
        self._recorder = recorder
        self._turn = 0
        self._opening: RunOpened | None = opening
        self._receipt: Receipt | None = None
        self.id = digest(record_bytes(opening))
        self.closed: Receipt | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether its opening is known to be in the ledger."""
        return self._receipt is not None

    @property
    def receipt(self) -> Receipt:
        """Where its opening was recorded.

        Raises:
            ValueError: It still waits for the first records of the run.
        """
        if self._receipt is None:
            raise ValueError("the run's opening is recorded with its first records: there are none")
        return self._receipt

    def open(self) -> None:
        """Record the opening, if it still waits for the first records of the run."""
        if self._opening is not None:
            self._hand_in([])

    def _hand_in(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Hand records in as one submission, and before them the opening where that waits."""
        if self._opening is None:
            return self._recorder.submit(records)
        try:
            first, *rest = self._recorder.submit([self._opening, *records])
        except StoreError:
            # It may be in the ledger, and must not be written twice: the client's retry says.
            self._opening = None
            raise
        self._opening, self._receipt = None, first
        return rest

    @contextmanager
    def batch(self) -> Generator[RunBatch]:
        """Collect messages, observations and the run's end, and record them as one submission.

        They are durable when the block has ended; nothing of them is written when it raises. An
        action is not collected: it is recorded before it is done, its outcome after.

        Raises:
            ValueError: More than 1,024 records, or the run was closed already.
            LedgerError: The ledger does not take them, or failed.
        """
        batch = RunBatch(self._recorder, self.id, self._turn)
        yield batch
        self._finish(batch)

    def _finish(self, batch: RunBatch) -> list[Receipt]:
        if batch.closes and self.closed is not None:
            raise ValueError("the run was closed already")
        receipts = self._hand_in(batch.records) if batch.records else []
        self._turn = batch.turn
        if batch.closes:
            self.closed = receipts[-1]
        return receipts

    def message(self, role: str, content: str | Sealed | None = None, **fields: object) -> Receipt:
        """Record what somebody said. Turns are counted from 0 unless `turn` is given.

        Raises:
            RecordError: A field is unknown or of the wrong form.
            EncodingError: The content holds what strict JSON cannot.
        """
        batch = RunBatch(self._recorder, self.id, self._turn)
        batch.message(role, content, **fields)
        return self._finish(batch)[0]

    def observe(
        self, what: str, source: str, *, observer: str = "source", **fields: object
    ) -> Receipt:
        """Record evidence: what an observer saw in a source.

        Raises:
            RecordError: A field is unknown or of the wrong form.
        """
        batch = RunBatch(self._recorder, self.id, self._turn)
        batch.observe(what, source, observer=observer, **fields)
        return self._finish(batch)[0]

    @contextmanager
    def action(
        self,
        tool: str,
        params: Mapping[str, Any],
        *,
        evidence: Sequence[Receipt | str] = (),
        **fields: object,
    ) -> Generator[ActionHandle]:
        """Record an action, then let the block perform it, then record its outcome.

        A block that says nothing ended well. One that raises ended in `error` (`timeout` for
        `TimeoutError`, `abandoned` when the process is told to stop), and the exception goes on.

        Args:
            tool: The tool's name.
            params: Its parameters.
            evidence: Receipts or digests of the observations that it rests on.
            **fields: Further fields of the record, such as `mode` or `target`.

        Raises:
            RecordError: A field is unknown or of the wrong form; the block was not entered.
        """
        cited = tuple(seen if isinstance(seen, str) else seen.record for seen in evidence) or None
        shown = recordable(dict(params))
        record = self._recorder.make(
            Action, run=self.id, tool=tool, params=shown, evidence=cited, **fields
        )
        handle = ActionHandle(self._recorder, self.id, self._hand_in([record])[0])
        try:
            yield handle
        except BaseException as error:
            if handle.outcome is None:
                handle.end(status_of(error), error=described(error))
            raise
        if handle.outcome is None:
            handle.ok()

    def close(self, outcome: str = "completed", *, value: Money | None = None) -> Receipt:
        """Record that the run ended, once.

        Raises:
            ValueError: It was closed already.
        """
        batch = RunBatch(self._recorder, self.id, self._turn)
        batch.close(outcome, value=value)
        return self._finish(batch)[0]


@contextmanager
def run_on(
    recorder: Recorder,
    service: str,
    fields: Mapping[str, object],
    *,
    with_first: bool = False,
) -> Generator[RunHandle]:
    """Open a run, and close it at the block's end: `completed`, or `error` when it raises."""
    run = RunHandle(recorder, recorder.make(RunOpened, service=service, **fields))
    if not with_first:
        run.open()
    try:
        yield run
    except BaseException:
        if run.closed is None and run.is_recorded:
            run.close("error")
        raise
    if run.closed is None:
        run.close()


def status_of(error: BaseException) -> str:
    """Return how an action ended whose block raised."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return "error" if isinstance(error, Exception) else "abandoned"


def described(error: BaseException) -> str:
    """Say what was raised, in text that a record can hold."""
    text = f"{type(error).__name__}: {error}"[:_MAX_ERROR]
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
