"""Calling a tool within a time, in a thread or as a coroutine.

A function that does not answer in time is left alone: Python cannot end a thread. What it does
after that nobody waits for, and its outcome is recorded as `timeout`, which says just that.
"""

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDoneError
from contextlib import suppress
from typing import Any, TypeVar

from contracts.answers import ToolTimeoutError

T = TypeVar("T")


class ToolFailedError(Exception):
    """What a tool's function raises that failed, and knows what that came to all the same.

    A failure whose cost nobody says leaves a budget that counts it undecidable, so that nothing
    more is allowed in its run.

    Args:
        what: Why, in words.
        **fields: What the outcome records: `cost`, `value`, `tokens`, `fields`.
    """

    def __init__(self, what: str, **fields: object) -> None:
        super().__init__(what)
        self.fields = fields


def failure_fields(error: BaseException) -> dict[str, Any]:
    """Return what an outcome records of a failure, beside its words."""
    return dict(error.fields) if isinstance(error, ToolFailedError) else {}


def call(function: Callable[[], T], seconds: float | None, name: str) -> T:
    """Call a function, and wait so long for it.

    Args:
        function: What is called.
        seconds: How long; None for as long as it takes, in this very thread.
        name: The tool's name, for the error.

    Raises:
        ToolTimeoutError: It did not answer in time.
        BaseException: What it raises.
    """
    if seconds is None:
        return function()
    done: Future[T] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            done.set_result(context.run(function))
        except BaseException as error:  # noqa: BLE001 - it is raised to who waits
            done.set_exception(error)

    # A daemon: a tool that hangs must not keep the process from ending.
    threading.Thread(target=work, name=f"writ-tool-{name}", daemon=True).start()
    try:
        return done.result(seconds)
    except NotDoneError as error:
        if done.done():
            # It ended just then, or raised such an error itself.
            return done.result()
        raise _late(name, seconds) from error


async def acall(function: Callable[[], Awaitable[T]], seconds: float | None, name: str) -> T:
    """Await a coroutine function, which is cancelled where it takes longer.

    Raises:
        ToolTimeoutError: It did not answer in time.
        BaseException: What it raises.
    """
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await function()
    except TimeoutError as error:
        if deadline.expired():
            raise _late(name, seconds or 0.0) from error
        raise


async def in_thread(function: Callable[[], T], undo: Callable[[T], object]) -> T:
    """Call a function in a thread, and undo what it did where nobody waits for it any more.

    Args:
        function: What is called.
        undo: Given what it returned, where the awaiting task was cancelled meanwhile.

    Raises:
        CancelledError: The task was cancelled. What the function did is undone by then, unless the
            task is cancelled once more; then it is undone by the thread, later.
        BaseException: What the function raises.
    """
    lock = threading.Lock()
    found: list[T] = []
    gone: list[bool] = []

    def work() -> T:
        result = function()
        with lock:
            found.append(result)
            late = bool(gone)
        if late:
            undo(result)
        return result

    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with lock:
            gone.append(True)
            ended = list(found)
        with suppress(Exception):
            await asyncio.shield(task)
            for result in ended:
                await asyncio.shield(asyncio.to_thread(undo, result))
        raise


def _late(name: str, seconds: float) -> ToolTimeoutError:
    return ToolTimeoutError(f"{name}: no answer in {seconds:g} s")


def outcome_fields(result: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a tool returns
    """Return what an outcome records of a tool's result, where nobody says it.

    A map is recorded as it is, None as nothing, anything else as `result`.
    """
    if result is None:
        return {}
    return {"fields": result if isinstance(result, dict) else {"result": result}}
