"""The application: the gate, the endpoints, and one form for all that goes wrong.

    app = create_app(Config(store, agent, guards))

Source: docs/reference/service.md.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from contracts.errors import ContractsError
from ledger.errors import LedgerError
from writ.errors import CommandError
from writ.service import routes_ledger, routes_people, routes_runs
from writ.service.gate import Gate
from writ.service.models import Problem
from writ.service.problems import ProblemError, problem_of
from writ.service.sequencer import BusyError
from writ.service.serving import Config, Service

_LOG: Final = logging.getLogger("writ.service")
_KNOWN: Final = (ProblemError, BusyError, LedgerError, ContractsError, CommandError)
_CODES: Final = {404: "request.path", 405: "request.method"}


def create_app(config: Config) -> FastAPI:
    """Return the application. When it ends, it ends what it was given."""
    service = Service(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="Writ",
        description="Decides before a tool is called, and records the decision before it runs.",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        strict_content_type=False,
    )
    app.state.service = service
    for router in (routes_runs.router, routes_people.router, routes_ledger.router):
        app.include_router(router)
    app.include_router(routes_ledger.open_router)
    app.add_middleware(
        Gate,
        access=service.access,
        limits=config.limits,
        metrics=service.metrics,
        clock=config.clock,
        tokens=config.tokens,
        names=config.names,
        quick={"/v1/decisions": routes_runs.quickly(service)},
    )
    for known in _KNOWN:
        app.add_exception_handler(known, _answered)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    _describe(app)
    return app


async def _answered(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem is None:  # pragma: no cover  (only those are handed here that are known)
        raise error
    return _as_response(request, problem)


async def _malformed(request: Request, error: Exception) -> Response:
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ", ".join(str(step) for step in first.get("loc", ()))
    what = f"{where}: {first.get('msg', error)}"
    return _as_response(request, ProblemError(422, "request.malformed", what))


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = str(error.detail) if isinstance(error, HTTPException) else str(error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    code = _CODES.get(status, "request.body")
    return _as_response(request, ProblemError(status, code, what, headers=headers))


def _as_response(request: Request, problem: ProblemError) -> Response:
    request.state.code = problem.code
    return JSONResponse(problem.body, problem.status, problem.headers)


def _version() -> str:
    try:
        return metadata.version("writ")
    except metadata.PackageNotFoundError:  # run from its source
        return "0"


def _describe(app: FastAPI) -> None:
    """Add to OpenAPI what FastAPI cannot know: the form of errors, and how requests are signed."""
    made = app.openapi()
    parts: dict[str, Any] = made["components"]
    parts["schemas"]["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = {
        "signature": {
            "type": "http",
            "scheme": "Signature",
            "description": "HTTP Message Signatures (RFC 9421) by a key of the ledger.",
        },
        "token": {"type": "http", "scheme": "bearer", "description": "OpenID Connect, to read."},
    }
    for path in made["paths"].values():
        for method, operation in path.items():
            _secure(method, operation)


def _secure(method: str, operation: dict[str, Any]) -> None:
    if "public" in operation["tags"]:
        return
    reads = method == "get" or "verifications" in operation["operationId"]
    operation["security"] = [{"signature": []}, *([{"token": []}] if reads else [])]
