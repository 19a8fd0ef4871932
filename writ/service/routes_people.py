"""What people and other writers hand in, signed by themselves: approvals, the switch, records."""

import asyncio
import binascii
from base64 import b64decode
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from ledger.admission import SignedSubmission
from ledger.records import Approval, Part, Switch, parse_record
from ledger.submission import parse_signed_text
from writ.service.access import Caller
from writ.service.asking import Approver, Commander, Served, Writer
from writ.service.models import SubmissionBody, SubmissionSaid
from writ.service.problems import ProblemError, answers
from writ.service.serving import Service

router = APIRouter(tags=["submissions"])


@router.post(
    "/v1/submissions", response_model=SubmissionSaid, status_code=201, responses=answers(409)
)
async def submit(body: SubmissionBody, caller: Writer, service: Served) -> dict[str, Any]:
    """Take in a submission that was signed by the key that signed this request."""
    return await _taken_in(body, caller, service)


@router.post(
    "/v1/approvals", response_model=SubmissionSaid, status_code=201, responses=answers(409)
)
async def approve(body: SubmissionBody, caller: Approver, service: Served) -> dict[str, Any]:
    """Take in a submission of one approval, signed by who approves."""
    return await _taken_in(body, caller, service, Approval)


@router.post("/v1/switch", response_model=SubmissionSaid, status_code=201, responses=answers(409))
async def switch(body: SubmissionBody, caller: Commander, service: Served) -> dict[str, Any]:
    """Take in a submission of one switch record, signed by who pulls or releases it."""
    return await _taken_in(body, caller, service, Switch)


async def _taken_in(
    body: SubmissionBody, caller: Caller, service: Service, only: type[Part] | None = None
) -> dict[str, Any]:
    def taken_in() -> dict[str, Any]:
        handed_in = _signed(body)
        if parse_signed_text(handed_in.text).key != caller.key:
            what = "a submission is signed by the key that signs its request"
            raise ProblemError(403, "submission.other-key", what)
        if only is not None:
            _check_only(handed_in, only)
        return {"receipts": [asdict(one) for one in service.admit(handed_in)]}

    return await asyncio.to_thread(taken_in)


def _signed(body: SubmissionBody) -> SignedSubmission:
    try:
        records = tuple(b64decode(one, validate=True) for one in body.records)
        return SignedSubmission(
            body.text.encode("ascii"), b64decode(body.signature, validate=True), records
        )
    except (binascii.Error, ValueError) as error:
        raise ProblemError(422, "submission.malformed", f"not as it has to be: {error}") from error


def _check_only(handed_in: SignedSubmission, only: type[Part]) -> None:
    records = [parse_record(one) for one in handed_in.records if isinstance(one, bytes)]
    if [type(one) for one in records] != [only]:
        what = f"one record of the kind {only.__name__.lower()}, and no other"
        raise ProblemError(422, "submission.kind", what)
