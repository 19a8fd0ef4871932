"""MCP: a middleware for FastMCP servers that has every tool call decided and recorded.

    from fastmcp import FastMCP
    from writ.adapters.mcp import Evidence, GuardMiddleware

    server = FastMCP("payments")
    server.add_middleware(
        GuardMiddleware(guard, {"orders.get": Evidence("order", "orders-db", ref="order")})
    )

Where the calls pass is where every client's do, whatever model or framework is behind it. The tools
need not know. Needs the extra `writ[mcp]`.

Calls that belong together are one run. A client says so by the same `writ/run` in its requests'
metadata; without that it is the MCP session, where the protocol has one; else each call is a run.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

import mcp_types as mt
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from contracts.answers import (
    ApprovalNeeded,
    GuardError,
    Refusal,
    Repeated,
    ToolTimeoutError,
)
from contracts.calling import acall
from contracts.channel import Recorded
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.encoding import call_digest
from ledger.errors import LedgerError

RUN: Final = "writ/run"
"""The member of a request's metadata that names the run it belongs to."""
WITHOUT_SESSIONS: Final = "2026-07-28"
"""The first version of the protocol in which each request stands alone."""
MOST_CITED: Final = 100
_MOST_TEXT: Final = 1_000

Call = MiddlewareContext[mt.CallToolRequestParams]
Next = CallNext[mt.CallToolRequestParams, ToolResult]


class Opens(Protocol):
    """A guard, or a client of one: what opens runs."""

    def run(self, **fields: object) -> GuardedRun:
        """Open a run."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a tool's result is evidence of.

    Attributes:
        kind: As contracts call it.
        source: Where it was read.
        ref: The parameter that says what was read; empty where none does.
    """

    kind: str
    source: str
    ref: str = ""


@dataclass(slots=True)
class _Open:
    """A run that calls come for.

    Attributes:
        run: The run.
        seen: What was observed in it, as evidence for what follows.
        held: By call, the digest of the action that waits for an approval.
        used: When the last call came.
    """

    run: GuardedRun
    seen: list[Recorded] = field(default_factory=list[Recorded])
    held: dict[str, str] = field(default_factory=dict[str, str])
    used: float = 0.0


class GuardMiddleware(Middleware):
    """Has each tool call decided before the tool, and its outcome recorded after it.

    A call that is refused comes back as a tool's error that names each rule and what to do, so that
    a model can go on; `structuredContent` has the answer. One that waits for an approval is resumed
    when the same call comes again in its run.

    Args:
        guard: Opens the runs.
        evidence: By tool, what its results are evidence of: later calls of the run cite it.
        cites: Chooses what a call cites: given tool, parameters and what was observed so far. By
            default all of it, the newest hundred.
        says: By tool, what else its outcomes say of a result: `cost`, `value`, `tokens`. A contract
            that estimates what a tool costs has to be told what it did cost.
        fields: Fields of a run's opening, such as `requester`, given the call that opens it.
        idle: Seconds after which a run without calls is closed.
    """

    def __init__(
        self,
        guard: Opens,
        evidence: Mapping[str, Evidence] | None = None,
        *,
        cites: Callable[[str, Mapping[str, Any], Sequence[Recorded]], Sequence[Recorded]]
        | None = None,
        says: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] | None = None,
        fields: Callable[[Call], Mapping[str, object]] | None = None,
        idle: float = 900.0,
    ) -> None:
        self._guard = guard
        self._evidence = dict(evidence or {})
        self._cites = cites or _newest
        self._says = dict(says or {})
        self._fields = fields
        self._idle = idle
        self._runs: dict[str, _Open] = {}
        self._opening = asyncio.Lock()

    async def on_call_tool(self, context: Call, call_next: Next) -> ToolResult:
        """Have a call decided, let it be made where it is allowed, and record what came of it."""
        name = _run_named(context)
        try:
            held = await self._run_of(name, context)
            found = await asyncio.to_thread(self._proposed, held, context.message)
        except (GuardError, LedgerError) as error:
            return _failed(f"not done: {error} ({error.code})", {"code": error.code})
        try:
            if isinstance(found, GuardedAction):
                return await self._made(held, found, context, call_next)
            return self._answered(held, found, context.message)
        except ToolTimeoutError as error:
            return _failed(f"{error}; whether it was done is not known", {"code": error.code})
        finally:
            if not name:
                await asyncio.to_thread(held.run.close)

    async def close(self) -> None:
        """Close all runs: the server ends."""
        async with self._opening:
            for held in self._runs.values():
                await asyncio.to_thread(held.run.close)
            self._runs.clear()

    # ------------------------------------------------------------------------------- runs

    async def _run_of(self, name: str, context: Call) -> _Open:
        async with self._opening:
            await self._close_idle()
            held = self._runs.get(name)
            if held is None:
                fields = dict(self._fields(context)) if self._fields else {}
                if name:
                    fields.setdefault("ref", name)
                held = _Open(await asyncio.to_thread(lambda: self._guard.run(**fields)))
                if name:
                    self._runs[name] = held
            held.used = time.monotonic()
            return held

    async def _close_idle(self) -> None:
        until = time.monotonic() - self._idle
        for name in [name for name, held in self._runs.items() if held.used < until]:
            await asyncio.to_thread(self._runs.pop(name).run.close)

    # ------------------------------------------------------------------------------ calls

    def _proposed(self, held: _Open, message: mt.CallToolRequestParams) -> GuardedAction | Refusal:
        params = dict(message.arguments or {})
        waiting = held.held.pop(call_digest(message.name, params), None)
        if waiting is not None:
            return held.run.resume(waiting)
        cited = self._cites(message.name, params, held.seen)
        return held.run.propose(message.name, params, evidence=cited)

    async def _made(
        self, held: _Open, action: GuardedAction, context: Call, call_next: Next
    ) -> ToolResult:
        """Make a call that is allowed."""
        async with action:
            result = await acall(
                lambda: call_next(context), action.answer.timeout, context.message.name
            )
            await asyncio.to_thread(self._done, held, action, result, context.message)
        return result

    def _done(
        self,
        held: _Open,
        action: GuardedAction,
        result: ToolResult,
        message: mt.CallToolRequestParams,
    ) -> None:
        """Record what came of a call, and what it showed."""
        if result.is_error:
            action.end("error", error=_text(result)[:_MOST_TEXT])
            return
        found = _fields(result)
        known = self._evidence.get(message.name)
        if known is not None:
            ref = (message.arguments or {}).get(known.ref) if known.ref else None
            more = {} if ref is None else {"ref": str(ref)}
            held.seen.append(action.observe(known.kind, known.source, fields=found, **more))
        says = self._says.get(message.name)
        action.ok(fields=found, **(says(found) if says else {}))

    def _answered(
        self, held: _Open, answer: Refusal, message: mt.CallToolRequestParams
    ) -> ToolResult:
        """Return what a client is told of a call that is not made."""
        if isinstance(answer, Repeated) and answer.outcome is not None:
            return ToolResult(structured_content=_object(answer.outcome.get("fields")))
        text = str(answer)
        if isinstance(answer, ApprovalNeeded):
            held.held[call_digest(message.name, dict(message.arguments or {}))] = answer.action
            roles = ", ".join(sorted({one.role for one in answer.asks}))
            text += (
                f". It waits for an approval of action {answer.action} by {roles}; "
                "make the same call again once that is given"
            )
        return _failed(text, _told(answer))


def _run_named(context: Call) -> str:
    """Return what a call's run is called; empty where nothing says that others belong to it."""
    inner = context.fastmcp_context
    asked = None if inner is None else inner.request_context
    if inner is None or asked is None:
        return ""
    said = (asked.meta or {}).get(RUN)
    if isinstance(said, str) and said:
        return said
    return "" if asked.protocol_version >= WITHOUT_SESSIONS else inner.session_id


def _newest(_: str, __: Mapping[str, Any], seen: Sequence[Recorded]) -> Sequence[Recorded]:
    return seen[-MOST_CITED:]


def _failed(text: str, told: Mapping[str, Any]) -> ToolResult:
    return ToolResult(text, structured_content={"writ": dict(told)}, is_error=True)


def _told(answer: Refusal) -> dict[str, Any]:
    """Return an answer as a program reads it."""
    return {
        "answer": type(answer).__name__,
        "effect": answer.effect,
        "action": answer.action,
        "contract": {"name": answer.contract[0], "version": answer.contract[1]},
        "fallback": answer.fallback,
        "objections": [
            {
                "rule": one.rule,
                "result": one.result,
                "effect": one.effect,
                "says": one.says,
                "role": one.role,
                "reason": one.reason,
            }
            for one in answer.objections
        ],
    }


def _fields(result: ToolResult) -> dict[str, Any]:
    """Return what an outcome records of a result: what is structured, else its text."""
    if result.structured_content is not None:
        return dict(result.structured_content)
    return {"text": _text(result)}


def _text(result: ToolResult) -> str:
    return "\n".join(one.text for one in result.content if isinstance(one, mt.TextContent))


def _object(fields: object) -> dict[str, Any]:
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {"result": fields}
