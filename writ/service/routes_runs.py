"""Runs, decisions and outcomes: what an agent asks for."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Response
from pydantic import ValidationError

from contracts.channel import Recorded
from writ.service.access import Caller
from writ.service.asking import Agent, Reader, Served
from writ.service.gate import Quick
from writ.service.models import (
    AnswerSaid,
    DecisionBody,
    OutcomeBody,
    ProposalSaid,
    RecordBody,
    RecordedSaid,
    RunBody,
    RunSaid,
    TakingBackSaid,
)
from writ.service.problems import answers
from writ.service.serving import Service
from writ.service.wire import answer_json, recorded_json

router = APIRouter(tags=["agents"])

Named = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["ab" * 32])]

# What is not there of an answer is left out: only `Repeated` has an outcome.
_AS_SAID: Any = {"response_model_exclude_unset": True, "responses": answers(409)}


@router.post("/v1/runs", response_model=RunSaid, status_code=201, responses=answers(409))
async def open_run(body: RunBody, caller: Agent, service: Served) -> dict[str, Any]:
    """Open a run. Who asks stands in its `attributes.caller`."""
    fields = {name: value for name, value in body.fields().items() if value is not None}
    recorded = await service.open_run(caller, fields.pop("service", None), fields)
    return {"run": recorded.digest, "index": recorded.index, "leaf": recorded.leaf}


@router.post(
    "/v1/runs/{run}/records",
    response_model=RecordedSaid,
    status_code=201,
    responses=answers(409),
)
async def record(run: Named, body: RecordBody, caller: Agent, service: Served) -> dict[str, Any]:
    """Record a message, an observation or the end of a run."""
    fields = body.fields()
    kind = fields.pop("kind")
    found = await service.run(caller, run)
    return recorded_json(await service.record(found, kind, fields))


@router.post(
    "/v1/decisions",
    response_model=AnswerSaid,
    response_model_exclude_unset=True,
    responses=answers(409),
)
async def decide(body: DecisionBody, caller: Agent, service: Served) -> Response:
    """Decide about an action, and record it with the decision. Only `Allowed` may be done."""
    run, fields = await service.run(caller, body.run), _said(body)
    # Written as it is: to hold it against its model once more costs as much as to decide.
    said = orjson.dumps(answer_json(*await service.decide(caller, run, fields)))
    return Response(said, media_type="application/json")


def quickly(service: Service) -> Quick:
    """Return what decides as the route does, without the framework's layers around it.

    They cost more than the decision. Whatever is not an ordinary request goes the long way, where
    it is refused in the words that are documented.
    """

    async def answer(caller: Caller, body: bytes) -> bytes | None:
        try:
            said = DecisionBody.model_validate(orjson.loads(body))
        except ValidationError:
            return None
        run = service.known_run(caller, said.run)
        if run is None or not caller.key or "agent" not in caller.roles:
            return None
        return orjson.dumps(answer_json(*await service.decide(caller, run, _said(said))))

    return answer


@router.post(
    "/v1/decisions/preview",
    response_model=AnswerSaid,
    response_model_exclude_unset=True,
    responses=answers(409),
)
async def preview(body: DecisionBody, caller: Agent, service: Served) -> dict[str, Any]:
    """Say what would be decided now. Nothing is recorded, and nothing reserved."""
    run, fields = await service.run(caller, body.run), _said(body)
    return answer_json(await service.preview(run, fields), Recorded(""))


def _said(body: DecisionBody) -> dict[str, Any]:
    return {name: value for name, value in body.fields().items() if value is not None}


@router.post("/v1/outcomes", response_model=RecordedSaid, status_code=201, responses=answers(409))
async def outcome(body: OutcomeBody, caller: Agent, service: Served) -> dict[str, Any]:
    """Record how an action ended, once. The same said again is answered as the first time."""
    fields = body.fields()
    found = await service.run(caller, fields.pop("run"))
    return recorded_json(await service.outcome(found, fields))


@router.get("/v1/actions/{digest}", response_model=ProposalSaid, responses=answers(404))
async def proposal(digest: Named, caller: Reader, service: Served) -> dict[str, Any]:
    """Return an action's fields, to propose it once more."""
    _ = caller
    _, fields = await asyncio.to_thread(service.of_action, digest)
    return dict(fields)


@router.get(
    "/v1/actions/{digest}/compensation",
    response_model=TakingBackSaid,
    responses=answers(404, 409),
)
async def compensation(digest: Named, caller: Reader, service: Served) -> dict[str, Any]:
    """Return the call that takes an action back."""
    _ = caller

    def found() -> dict[str, Any]:
        guard, _ = service.of_action(digest)
        return asdict(guard.taking_back(digest))

    return await asyncio.to_thread(found)
