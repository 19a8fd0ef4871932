"""A run under contract, as an agent's code lives it: what may be done is done, and recorded.

    with guard.run(goal="refund an order", requester="C-10001") as run:
        order = run.observe("transaction", "payments-db", ref="T-100001", fields={...})
        with run.action("payouts.create", params, evidence=[order]) as act:
            act.ok(fields=pay(**params))

The block of an action that is not allowed is not entered: `ActionRefusedError` says why, with every
reason. Who wants the answer as data asks `propose`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self, TypeVar

from contracts.answers import (
    ApprovalNeeded,
    Denied,
    GuardError,
    Refusal,
    Repeated,
    ToolTimeoutError,
    refusal_error,
)
from contracts.calling import in_thread, outcome_fields
from contracts.channel import Channel, Recorded
from contracts.performing import ActionBlock, GuardedAction, Says, never_begun, seen
from ledger.errors import LedgerError
from ledger.records import Money
from ledger.sealed import Sealed, recordable

T = TypeVar("T")


Fallback = Callable[[Mapping[str, Any], Exception], Any]
"""What is done instead of a call: given its parameters, and what was raised."""

_current: ContextVar["GuardedRun | None"] = ContextVar("writ-run", default=None)


def current_run() -> "GuardedRun":
    """Return the run whose block this code is in.

    Raises:
        GuardError: It is in none (`guard.no-run`).
    """
    run = _current.get()
    if run is None:
        raise GuardError("a guarded tool is called within `with guard.run(...)`", "guard.no-run")
    return run


class GuardedRun:
    """A run of a service under its contract.

    Args:
        channel: The guard.
        id: Digest of its opening: the name of the run.
        turn: The next message's turn.

    Attributes:
        closed: Where its end was recorded; None while it is open.
        actions: The actions that were done in it, by this handle, in order.
        waiting: By digest, the actions that wait for an approval. As long as there are some, the
            end of the block leaves the run open, to be gone on with.
    """

    def __init__(self, channel: Channel, id: str, turn: int = 0) -> None:  # noqa: A002
        self._channel = channel
        self.id = id
        self._turn = turn
        self._tokens: list[Token[GuardedRun | None]] = []
        self.closed: Recorded | None = None
        self.actions: list[GuardedAction] = []
        self.waiting: dict[str, ApprovalNeeded] = {}

    # --------------------------------------------------------------------------- what is said

    def message(self, role: str, content: str | Sealed | None = None, **fields: object) -> Recorded:
        """Record what somebody said. Turns are counted from 0 unless `turn` is given."""
        turn = fields.pop("turn", self._turn)
        if not isinstance(turn, int):
            raise TypeError(f"a turn is a number, not {turn!r}")
        said = {"run": self.id, "role": role, "turn": turn, "content": content, **fields}
        recorded = self._channel.record("message", said)
        self._turn = turn + 1
        return recorded

    def observe(self, what: str, source: str, **fields: object) -> Recorded:
        """Record evidence: what an observer saw in a source."""
        return self._channel.record("observation", seen(what, source, {"run": self.id, **fields}))

    def close(self, outcome: str = "completed", *, value: Money | None = None) -> Recorded:
        """Record that the run ended, once.

        Raises:
            ValueError: It was closed already.
        """
        if self.closed is not None:
            raise ValueError("the run was closed already")
        said = {"run": self.id, "outcome": outcome, "value": value}
        self.closed = self._channel.record("run.closed", said)
        return self.closed

    # --------------------------------------------------------------------------- what is done

    def propose(
        self,
        tool: str,
        params: Mapping[str, Any],
        *,
        evidence: Sequence[Recorded | str] = (),
        **fields: object,
    ) -> GuardedAction | Refusal:
        """Have an action decided and recorded, and nothing done yet.

        Args:
            tool: The tool's name.
            params: Its parameters.
            evidence: The observations that it rests on.
            **fields: Further fields of the record, such as `turn` or `call_id`.

        Returns:
            The action, to be performed: it is a context manager, and has `perform`. Or why it may
            not be: `Denied`, `ApprovalNeeded`, `Escalated`, or `Repeated` with what came of it
            before.

        Raises:
            UngovernedError: No contract binds the service.
            UnrecordedError: The ledger could not record it. Nothing may be done.
            LedgerError: A field is unknown or of the wrong form.
        """
        cited = [one if isinstance(one, str) else one.digest for one in evidence]
        said = {"run": self.id, "tool": tool, "params": recordable(dict(params)), **fields}
        if cited:
            said["evidence"] = cited
        return self._proposed(tool, said)

    def resume(self, proposal: str) -> GuardedAction | Refusal:
        """Propose an action again that was held, now that people have agreed to it.

        Everything is decided once more, as of now: an approval lifts only the rules that asked for
        it, and is used up.

        Args:
            proposal: The digest of the action as it was proposed: `ApprovalNeeded.action`.
        """
        said = dict(self._channel.proposal(proposal))
        if said["run"] != self.id:
            raise ValueError(f"{proposal[:12]}… was proposed in another run, {said['run'][:12]}…")
        return self._proposed(said["tool"], {**said, "resumes": proposal})

    def _proposed(self, tool: str, said: Mapping[str, Any]) -> GuardedAction | Refusal:
        answer, recorded = self._channel.propose(said)
        if isinstance(answer, ApprovalNeeded):
            self.waiting[answer.action] = answer
        if isinstance(answer, Refusal):
            return answer
        self.waiting.pop(said.get("resumes", ""), None)
        action = GuardedAction(self._channel, self.id, answer, recorded, tool)
        self.actions.append(action)
        return action

    def action(
        self,
        tool: str,
        params: Mapping[str, Any],
        *,
        evidence: Sequence[Recorded | str] = (),
        **fields: object,
    ) -> ActionBlock:
        """Return an action as a block, `with` or `async with`, that is entered if it is allowed.

        A block that says nothing ended well. One that raises ended in `error` (`timeout` for
        `TimeoutError`, `abandoned` when the process is told to stop), and the exception goes on.

        Raises:
            ActionRefusedError: On entering, where it is not allowed: `DeniedError`,
                `ApprovalNeededError`, `EscalatedError`, `RepeatedError`.
        """
        return ActionBlock(lambda: self.propose(tool, params, evidence=evidence, **fields))

    def resumed(self, proposal: str) -> ActionBlock:
        """Return a held action as a block that is entered if it is allowed by now."""
        return ActionBlock(lambda: self.resume(proposal))

    def call(
        self,
        function: Callable[..., T],
        tool: str,
        params: Mapping[str, Any],
        *,
        says: Says = outcome_fields,
        fallback: Fallback | None = None,
        **fields: Any,  # noqa: ANN401 - those of `propose`
    ) -> T | Any:  # noqa: ANN401 - what was recorded of an earlier call, or the fallback gives
        """Have a call decided, make it within the contract's time, and record what came of it.

        Args:
            function: Calls the tool, with the parameters by name.
            tool: The tool's name.
            params: Its parameters.
            says: What the outcome records of its result.
            fallback: Called instead where the tool is denied or fails, if the contract names
                another tool for that: with the parameters, and with what was raised. It calls
                that tool, in this run.
            **fields: Those of `propose`.

        Returns:
            What the function returns; where the same call was done before under its idempotency
            key, the `fields` that were recorded of that, and the function is not called.

        Raises:
            ActionRefusedError: It is not allowed.
            ToolTimeoutError: It did not answer in time.
            BaseException: What the function raises.
        """
        found = self.propose(tool, params, **fields)
        try:
            if isinstance(found, GuardedAction):
                return found.perform(lambda: function(**params), says)
            return _earlier(found)
        except Exception as error:
            if fallback is None or not _falls_back(found, error):
                raise
            return fallback(params, error)

    async def acall(
        self,
        function: Callable[..., Awaitable[T]],
        tool: str,
        params: Mapping[str, Any],
        *,
        says: Says = outcome_fields,
        fallback: Callable[[Mapping[str, Any], Exception], Awaitable[Any]] | None = None,
        **fields: Any,  # noqa: ANN401 - those of `propose`
    ) -> T | Any:  # noqa: ANN401 - as `call`
        """Do what `call` does with coroutine functions."""
        found = await in_thread(lambda: self.propose(tool, params, **fields), never_begun)
        try:
            if isinstance(found, GuardedAction):
                return await found.aperform(lambda: function(**params), says)
            return _earlier(found)
        except Exception as error:
            if fallback is None or not _falls_back(found, error):
                raise
            return await fallback(params, error)

    # ---------------------------------------------------------------------- what is taken back

    def compensate(
        self,
        action: GuardedAction | str,
        function: Callable[..., T],
        *,
        says: Says = outcome_fields,
        given: Mapping[str, Any] | None = None,
        **fields: Any,  # noqa: ANN401 - those of `propose`
    ) -> T | Any:  # noqa: ANN401 - as `call`
        """Take an action back, by the tool and parameters that the contract names for it.

        The call is decided and recorded like any other, and tried as often as the contract lets a
        failed call be made again.

        Args:
            action: What is taken back, or the digest of its record.
            function: Calls the tool that takes it back, with its parameters by name.
            says: What the outcome records of its result.
            given: Parameters that the contract leaves to whoever asks: what it computes stands.
            **fields: Those of `propose`, such as `evidence`.

        Raises:
            GuardError: It cannot be taken back (`guard.irreversible`).
            ActionRefusedError: The contract does not allow it.
            Exception: What the function raised at the last attempt.
        """
        done = action if isinstance(action, str) else action.id
        undo = self._channel.taking_back(done)
        params = {**(given or {}), **undo.params}
        for attempt in range(undo.attempts):
            found = self.propose(undo.tool, params, compensates=done, **fields)
            if not isinstance(found, GuardedAction):
                return _earlier(found)
            try:
                return found.perform(lambda: function(**params), says)
            except Exception as error:
                if attempt + 1 == undo.attempts or not _failed(found, error):
                    raise
        raise AssertionError("there is one attempt at least")

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _current.reset(self._tokens.pop())
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self.closed is not None:
            return
        if error is None:
            if not self.waiting:
                self.close()
            return
        try:
            self.close("error")
        except (GuardError, LedgerError) as unrecorded:
            # What ended the run is what the agent's code has to hear of.
            error.add_note(f"the run's end: {unrecorded}")

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _current.reset(self._tokens.pop())
        await asyncio.shield(asyncio.to_thread(self._end, error))


def _falls_back(found: "GuardedAction | Refusal", error: Exception) -> bool:
    """Return whether the contract names another tool for what happened: a denial, or a failure."""
    if isinstance(found, GuardedAction):
        return bool(found.answer.fallback) and _failed(found, error)
    return isinstance(found, Denied) and bool(found.fallback)


def _failed(action: GuardedAction, error: Exception) -> bool:
    """Return whether the tool failed: not what came after it, nor the guard, nor the ledger."""
    theirs = not isinstance(error, GuardError | LedgerError) or isinstance(error, ToolTimeoutError)
    return theirs and action.said != "ok"


def _earlier(found: Refusal) -> Any:  # noqa: ANN401 - what was recorded
    """Return what an earlier call gave, where it was done; else raise why this one is refused."""
    if isinstance(found, Repeated) and found.outcome is not None:
        return found.outcome.get("fields")
    raise refusal_error(found)
