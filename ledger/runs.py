"""A run as an agent's code lives it: messages, evidence, actions and their outcomes.

An action's record is durable before the block that performs it begins; its outcome follows in a
later submission. A crash in between is then to be seen as an action without outcome.
Source: docs/spec/ledger-format.md, *Record*.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from ledger.admission import Receipt
from ledger.encoding import representable
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
)

# An error's text is evidence, not a log: what is longer belongs elsewhere.
_MAX_ERROR = 1_000

R = TypeVar("R", bound=Part)


class Recorder(Protocol):
    """What a run needs of a client."""

    def make(self, model: type[R], **fields: object) -> R:
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
            fields["fields"] = representable(fields["fields"])
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


class RunHandle:
    """An open run.

    Attributes:
        receipt: Where its opening was recorded.
        id: Digest of its opening: the name of the run.
    """

    def __init__(self, recorder: Recorder, receipt: Receipt) -> None:
        self._recorder = recorder
        self._turn = 0
        self.receipt = receipt
        self.id = receipt.record
        self.closed: Receipt | None = None

    def message(self, role: str, content: str | None = None, **fields: object) -> Receipt:
        """Record what somebody said. Turns are counted from 0 unless `turn` is given.

        Raises:
            RecordError: A field is unknown or of the wrong form.
            EncodingError: The content holds what strict JSON cannot.
        """
        turn = fields.pop("turn", self._turn)
        said = self._recorder.make(
            Message, run=self.id, role=role, turn=turn, content=content, **fields
        )
        receipt = self._recorder.submit([said])[0]
        self._turn = said.turn + 1
        return receipt

    def observe(
        self, what: str, source: str, *, observer: str = "source", **fields: object
    ) -> Receipt:
        """Record evidence: what an observer saw in a source.

        Raises:
            RecordError: A field is unknown or of the wrong form.
        """
        if "fields" in fields:
            fields["fields"] = representable(fields["fields"])
        seen = self._recorder.make(
            Observation, run=self.id, what=what, source=source, observer=observer, **fields
        )
        return self._recorder.submit([seen])[0]

    @contextmanager
    def action(
        self,
        tool: str,
        params: Mapping[str, Any],
        *,
        evidence: Sequence[Receipt] = (),
        **fields: object,
    ) -> Generator[ActionHandle]:
        """Record an action, then let the block perform it, then record its outcome.

        A block that says nothing ended well. One that raises ended in `error` (`timeout` for
        `TimeoutError`, `abandoned` when the process is told to stop), and the exception goes on.

        Args:
            tool: The tool's name.
            params: Its parameters.
            evidence: Receipts of the observations that it rests on.
            **fields: Further fields of the record, such as `mode` or `target`.

        Raises:
            RecordError: A field is unknown or of the wrong form; the block was not entered.
        """
        cited = tuple(receipt.record for receipt in evidence) or None
        shown = representable(dict(params))
        record = self._recorder.make(
            Action, run=self.id, tool=tool, params=shown, evidence=cited, **fields
        )
        handle = ActionHandle(self._recorder, self.id, self._recorder.submit([record])[0])
        try:
            yield handle
        except BaseException as error:
            if handle.outcome is None:
                handle.end(_status(error), error=_describe(error))
            raise
        if handle.outcome is None:
            handle.ok()

    def close(self, outcome: str = "completed", *, value: Money | None = None) -> Receipt:
        """Record that the run ended, once.

        Raises:
            ValueError: It was closed already.
        """
        if self.closed is not None:
            raise ValueError("the run was closed already")
        record = self._recorder.make(RunClosed, run=self.id, outcome=outcome, value=value)
        self.closed = self._recorder.submit([record])[0]
        return self.closed


@contextmanager
def run_on(recorder: Recorder, service: str, fields: Mapping[str, object]) -> Generator[RunHandle]:
    """Open a run, and close it at the block's end: `completed`, or `error` when it raises."""
    opened = recorder.make(RunOpened, service=service, **fields)
    run = RunHandle(recorder, recorder.submit([opened])[0])
    try:
        yield run
    except BaseException:
        if run.closed is None:
            run.close("error")
        raise
    if run.closed is None:
        run.close()


def _status(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "error" if isinstance(error, Exception) else "abandoned"


def _describe(error: BaseException) -> str:
    """Say what was raised, in text that a record can hold."""
    text = f"{type(error).__name__}: {error}"[:_MAX_ERROR]
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
