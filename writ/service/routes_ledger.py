"""What the ledger says: head, contracts, the tree, verifications, and how the service is."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import PlainTextResponse

from writ.service.asking import Reader, Served
from writ.service.metrics import CONTENT_TYPE
from writ.service.models import (
    ContractsSaid,
    HeadSaid,
    VerificationBody,
    VerificationSaid,
)
from writ.service.problems import ProblemError, answers
from writ.service.published import head_of

router = APIRouter(tags=["ledger"])
open_router = APIRouter(tags=["public"])

Named = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["ab" * 32])]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["ab" * 16])]
Tile = Annotated[str, Path(pattern=r"^[0-9a-z./]{1,64}$", examples=["0/000.p/5"])]
Index = Annotated[int, Path(ge=0, le=2**53 - 1)]
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_OCTETS: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


@router.get("/v1/head", response_model=HeadSaid, responses=answers())
async def head(caller: Reader, service: Served) -> dict[str, Any]:
    """Return what one has to know of the ledger to sign a submission."""
    _ = caller
    return await asyncio.to_thread(head_of, service.config.store)


@router.get("/v1/contracts", response_model=ContractsSaid, responses=answers())
async def contracts(caller: Reader, service: Served) -> dict[str, Any]:
    """List the published contracts, and say which are in force."""
    _ = caller
    found = await asyncio.to_thread(service.contracts.all)
    return {"contracts": [one.as_json() for one in found]}


@router.get(
    "/v1/contracts/{digest}",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": _TEXT}}, **answers(404)},
)
async def contract(digest: Named, caller: Reader, service: Served) -> Response:
    """Return the text of a published contract."""
    _ = caller
    text = await asyncio.to_thread(service.contracts.text, digest)
    if text is None:
        raise ProblemError(404, "contract.unknown", "no contract was published under this digest")
    return PlainTextResponse(text)


@router.post(
    "/v1/verifications", response_model=VerificationSaid, status_code=202, responses=answers()
)
async def ask_verification(
    body: VerificationBody, caller: Reader, service: Served
) -> dict[str, Any]:
    """Have the ledger verified, in a process of its own. One at a time; 16 are kept."""
    _ = body, caller
    return service.verifications.ask().as_json()


@router.get("/v1/verifications/{id}", response_model=VerificationSaid, responses=answers(404))
async def verification(id: Id, caller: Reader, service: Served) -> dict[str, Any]:  # noqa: A002
    """Return a verification, with its report once it is done."""
    _ = caller
    found = service.verifications.get(id)
    if found is None:
        raise ProblemError(404, "verification.unknown", "there is none under this name any more")
    return found.as_json()


# ------------------------------------------------------------------------ for everybody

_OPEN = (429, 503)


@open_router.get(
    "/v1/checkpoint",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": _TEXT}}, **answers(404, always=_OPEN)},
)
async def checkpoint(service: Served) -> Response:
    """Return the newest signed head."""
    found = await asyncio.to_thread(service.tree.checkpoint)
    if found is None:
        raise ProblemError(404, "checkpoint.none", "no head was signed yet")
    return PlainTextResponse(found)


@open_router.get(
    "/v1/tile/{path:path}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": _OCTETS}},
        **answers(404, 422, always=_OPEN),
    },
)
async def tile(path: Tile, service: Served) -> Response:
    """Return a tile of the tree under the newest signed head, or a bundle of entries' headers."""
    found = await asyncio.to_thread(service.tree.tile, f"tile/{path}")
    if found is None:
        raise ProblemError(404, "tiles.none", "there is no such tile under the newest signed head")
    return Response(found, media_type="application/octet-stream")


@open_router.get(
    "/v1/proofs/{index}",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": _TEXT}}, **answers(404, 422, always=_OPEN)},
)
async def proof(index: Index, service: Served) -> Response:
    """Return the proof of an entry under the newest signed head, without its record."""
    found = await asyncio.to_thread(service.tree.proof, index)
    if found is None:
        raise ProblemError(404, "proof.none", "no signed head covers such an entry")
    return PlainTextResponse(found)


@open_router.get(
    "/healthz",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": _TEXT}}},
)
async def healthz() -> Response:
    """Say that the process answers."""
    return PlainTextResponse("ok\n")


@open_router.get(
    "/readyz",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": _TEXT}}, **answers(always=(503,))},
)
async def readyz(service: Served) -> Response:
    """Say whether the ledger can be read, and binds every service that is guarded."""
    if not await asyncio.to_thread(service.is_ready):
        raise ProblemError(503, "service.not-ready", "no ledger, or a service without a contract")
    return PlainTextResponse("ready\n")


@open_router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": _TEXT}}},
)
async def metrics(service: Served) -> Response:
    """Return what the service counts."""
    return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
