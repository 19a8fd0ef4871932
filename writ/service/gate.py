"""What every request passes first: its body is read, who asks is known, and how often they may.

It also counts and logs each request, in one line of JSON: never what is in it, nor what signed it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.clock import Clock, format_time
from writ.service.access import Access, Caller, Rates
from writ.service.limits import Limits, check_json
from writ.service.metrics import Metrics
from writ.service.problems import ProblemError, busy, problem_of
from writ.service.signatures import Asked, SignatureRefusedError, read_signature
from writ.service.tokens import Tokens, refused

_LOG: Final = logging.getLogger("writ.service")
_REQUESTS: Final = logging.getLogger("writ.service.requests")

OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""What is told to whoever can reach the service."""
TRANSPARENT: Final = ("/v1/checkpoint", "/v1/tile/", "/v1/proofs/")
"""What anybody may check of the ledger: it shows no record."""
_METHODS: Final = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"})
_ONCE: Final = frozenset(
    {"host", "signature", "signature-input", "content-digest", "content-length", "authorization"}
)
_JSON: Final = b"application/json"
_BEARER: Final = "bearer "


Quick = Callable[[Caller, bytes], Awaitable[bytes | None]]
"""Answers an ordinary request in JSON; None where it has to go the long way."""


@dataclass
class _Exchange:
    """One request, as it is counted and logged."""

    scope: Scope
    began: float = field(default_factory=time.perf_counter)
    status: int = 0
    quick: str = ""

    @property
    def route(self) -> str:
        return self.quick or str(getattr(self.scope.get("route"), "path", "")) or "none"

    @property
    def method(self) -> str:
        return self.scope["method"] if self.scope["method"] in _METHODS else "other"


class Gate:
    """A layer around the application.

    Args:
        app: The application.
        access: Tells who signed.
        limits: What is taken.
        metrics: Counts.
        clock: The ledger's clock.
        tokens: Tells whose token it is; None where tokens are not taken.
        names: Hosts, with port, that requests may be signed for; none: any.
        quick: By path, what answers ordinary requests to it without the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        limits: Limits,
        metrics: Metrics,
        clock: Clock,
        tokens: Tokens | None = None,
        names: frozenset[str] = frozenset(),
        quick: Mapping[str, Quick] | None = None,
    ) -> None:
        self._quick = dict(quick or {})
        self._app = app
        self._access = access
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._tokens = tokens
        self._names = names
        self._rates = Rates(limits.a_second, limits.at_once)
        self._unnamed = Rates(limits.unnamed, max(1, int(2 * limits.unnamed)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "caller": None, "code": ""}
        exchange = _Exchange(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            await send(message)

        try:
            body = await self._admitted(scope, receive)
            if not await self._quickly(exchange, body, sending):
                await self._app(scope, _again(body, receive), sending)
        except ClientDisconnect:
            exchange.status = exchange.status or 499
        except Exception as error:
            if exchange.status:
                raise
            await self._refuse(error, scope, receive, sending)
        finally:
            self._told(exchange)

    async def _quickly(self, exchange: _Exchange, body: bytes, send: Send) -> bool:
        """Answer an ordinary request at once; return whether it was one."""
        scope = exchange.scope
        quick = self._quick.get(scope["path"]) if scope["method"] == "POST" else None
        json = any(
            name == b"content-type" and value.startswith(_JSON) for name, value in scope["headers"]
        )
        caller: Caller | None = scope["state"]["caller"]
        if quick is None or caller is None or not json or scope["query_string"]:
            return False
        answer = await quick(caller, body)
        if answer is None:
            return False
        exchange.quick = scope["path"]
        length = str(len(answer)).encode()
        headers = [(b"content-type", _JSON), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
        return True

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        problem = problem_of(error)
        if problem is None:
            _LOG.error("a defect of Writ", exc_info=error)
            problem = ProblemError(500, "internal", "a defect of Writ: its log says more")
        scope["state"]["code"] = problem.code
        # What may be left of the body is not read: the connection ends.
        headers = {**problem.headers, "Connection": "close"}
        response = JSONResponse(problem.body, problem.status, headers)
        await response(scope, receive, send)

    def _told(self, exchange: _Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        state = exchange.scope["state"]
        caller: Caller | None = state["caller"]
        self._metrics.request(exchange.method, exchange.route, exchange.status, seconds)
        line: dict[str, Any] = {
            "time": format_time(self._clock()),
            "method": exchange.method,
            "route": exchange.route,
            "status": exchange.status,
            "ms": round(seconds * 1_000, 3),
            "caller": caller.identity if caller else "",
            "code": state["code"],
        }
        _REQUESTS.info("%s", orjson.dumps(line).decode())

    # -------------------------------------------------------------------------- admitting

    async def _admitted(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body of a request that may be answered, once it is known who asks."""
        method, path = scope["method"], scope["path"]
        if method == "GET" and path in OPEN:
            return b""
        if method == "GET" and path.startswith(TRANSPARENT):
            self._rate(self._unnamed, str((scope.get("client") or ("",))[0]))
            return b""
        headers = _headers(scope)
        token = headers.get("authorization", "")
        if self._tokens is not None and token.lower().startswith(_BEARER):
            caller = await self._person(self._tokens, token[len(_BEARER) :].strip())
            self._admit(scope, caller)
            body = await self._body(headers, receive)
        else:
            body = await self._signed(scope, headers, receive)
        if method == "POST":
            check_json(body, self._limits.depth)
        return body

    def _admit(self, scope: Scope, caller: Caller) -> None:
        scope["state"]["caller"] = caller
        self._rate(self._rates, caller.identity)

    def _rate(self, rates: Rates, who: str) -> None:
        early = rates.wait(who)
        if early:
            raise busy("request.rate", "too many requests", early, 429)

    async def _person(self, tokens: Tokens, token: str) -> Caller:
        caller = await asyncio.to_thread(self._access.person, tokens.email(token))
        if caller is None:
            raise refused("nobody in the ledger's authority answers to this token's address")
        return caller

    async def _signed(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> bytes:
        # Whoever signs nothing has no body read.
        signed = read_signature(headers)
        host = headers.get("host", "").lower()
        if self._names and host not in self._names:
            raise SignatureRefusedError("request.host", "this service has another name")
        body = await self._body(headers, receive)
        asked = Asked(
            scope["method"],
            host,
            _text(scope.get("raw_path") or scope["path"].encode()),
            _text(scope["query_string"]),
            body,
        )
        said = headers.get("content-digest", "")
        if not self._access.is_fresh():
            await asyncio.to_thread(self._access.refresh)
        caller = self._access.caller(asked, signed, said)
        self._admit(scope, caller)
        return body

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        stated = headers.get("content-length", "")
        if stated.isdigit() and (len(stated) > len("1048576") or int(stated) > self._limits.body):
            raise self._too_large()
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._read(receive)
        except TimeoutError as error:
            raise ProblemError(408, "request.slow", "the body took too long to arrive") from error

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._limits.body:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _too_large(self) -> ProblemError:
        what = f"a body has {self._limits.body} bytes at most"
        return ProblemError(413, "request.too-large", what)


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers. One that decides who asks stands once, or nobody knows which counts."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = _text(raw).lower()
        if name in found and name in _ONCE:
            raise SignatureRefusedError("request.signature-form", f"{name} stands twice")
        found[name] = _text(value)
    return found


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read once more, and then what comes after it."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
