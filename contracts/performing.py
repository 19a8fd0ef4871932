"""An action that may be done, and its one outcome: performed, or its block entered.

Source: docs/spec/guard.md.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from contracts.answers import Answer, OutcomeUnrecordedError, Refusal, refusal_error
from contracts.calling import acall, call, failure_fields, in_thread, outcome_fields
from contracts.channel import Channel, Recorded
from ledger.errors import LedgerError
from ledger.runs import described, status_of
from ledger.sealed import recordable

T = TypeVar("T")

Says = Callable[[Any], Mapping[str, Any]]
"""What an outcome records of a tool's result: its `fields`, `cost`, `value`, `tokens`."""


_SOURCE: Final = "source"


class GuardedAction:
    """An action that may be done. It has one outcome, which the block's end records at the latest.

    Attributes:
        answer: The decision. Where the tool is only observed it is what would have been decided.
        record: Where it was recorded.
        outcome: Where its outcome was recorded; None before.
        said: How it ended, as was said or is known; empty before.
    """

    def __init__(
        self, channel: Channel, run: str, answer: Answer, record: Recorded, tool: str
    ) -> None:
        self._channel = channel
        self._run = run
        self.answer = answer
        self.record = record
        self.tool = tool
        self.outcome: Recorded | None = None
        self.said = ""
        # Threads may end it at once, and so may a task that is cancelled.
        self._ending = threading.RLock()

    @property
    def id(self) -> str:
        """The digest of its record: its name in the ledger."""
        return self.record.digest

    def ok(self, **fields: object) -> Recorded:
        """Record that it succeeded, with what came of it: `fields`, `cost`, `value`, `tokens`."""
        return self.end("ok", **fields)

    def end(self, status: str, **fields: object) -> Recorded:
        """Record how it ended: `ok`, `error`, `timeout`, `skipped` or `abandoned`.

        Raises:
            ValueError: Its outcome was recorded already.
            OutcomeUnrecordedError: The ledger could not. The guard holds it, and tries again.
            LedgerError: A field is unknown or of the wrong form. How it ended was said all the
                same, and the block's end records that.
        """
        with self._ending:
            if self.outcome is not None:
                raise ValueError("an action has one outcome, and this one has it already")
            self.said = status
            if "fields" in fields:
                fields["fields"] = recordable(fields["fields"])
            said = {"action": self.id, "run": self._run, "status": status, **fields}
            if self.record.leaf:
                said["leaf"] = self.record.leaf
            # Whatever becomes of it now, it must not be said twice.
            self.outcome = Recorded("")
            try:
                self.outcome = self._channel.record("outcome", said)
            except LedgerError:
                # It has no form, and so was not handed in.
                self.outcome = None
                raise
            return self.outcome

    def observe(self, what: str, source: str, **fields: object) -> Recorded:
        """Record what a source showed as the action's result: evidence for later actions."""
        return self._channel.record(
            "observation", seen(what, source, {"run": self._run, "action": self.id, **fields})
        )

    def perform(self, function: Callable[[], T], says: Says = outcome_fields) -> T:
        """Call the tool within the contract's time, and record what came of it.

        Args:
            function: Calls the tool.
            says: What the outcome records of its result.

        Raises:
            ToolTimeoutError: It did not answer in time.
            BaseException: What it raises, once that is recorded.
        """
        with self:
            result = call(function, self._seconds(), self.tool)
            # Whether or not that can be recorded, it must not be called again.
            self.said = "ok"
            self.ok(**says(result))
        return result

    async def aperform(
        self, function: Callable[[], Awaitable[T]], says: Says = outcome_fields
    ) -> T:
        """Await the tool within the contract's time, and record what came of it, as `perform`."""
        async with self:
            result = await acall(function, self._seconds(), self.tool)
            self.said = "ok"
            await asyncio.to_thread(lambda: self.ok(**says(result)))
        return result

    def _seconds(self) -> float | None:
        return self.answer.timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._ending:
            if self.outcome is not None:
                return
            if error is None:
                self.ok()
                return
            try:
                self.end(
                    self.said or status_of(error),
                    error=described(error),
                    **failure_fields(error),
                )
            except OutcomeUnrecordedError as unrecorded:
                # What the tool raised is what the agent's code has to hear of.
                error.add_note(str(unrecorded))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.__exit__, kind, error, trace))


class ActionBlock:
    """An action on its way: proposed when its block is entered, and not before."""

    def __init__(self, propose: Callable[[], "GuardedAction | Refusal"]) -> None:
        self._propose = propose
        self._action: GuardedAction | None = None

    def _entered(self) -> GuardedAction:
        found = self._propose()
        if not isinstance(found, GuardedAction):
            raise refusal_error(found)
        self._action = found
        return found

    def __enter__(self) -> GuardedAction:
        return self._entered()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._action is not None:
            self._action.__exit__(kind, error, trace)

    async def __aenter__(self) -> GuardedAction:
        return await in_thread(self._entered, never_begun)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._action is not None:
            await self._action.__aexit__(kind, error, trace)


def seen(what: str, source: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an observation: what its source showed."""
    if "fields" in fields:
        fields["fields"] = recordable(fields["fields"])
    return {"what": what, "source": source, "observer": _SOURCE, **fields}


def never_begun(found: "GuardedAction | Refusal") -> None:
    """End an action that was allowed when nobody waited for it any more."""
    if isinstance(found, GuardedAction):
        found.end("skipped", error="whoever asked for it was cancelled before it was called")
