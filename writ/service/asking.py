"""Who may ask for what: a role, and for whatever is recorded a key of the ledger."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from ledger.authority import kinds_of
from writ.service.access import Caller
from writ.service.problems import ProblemError
from writ.service.serving import Service


async def _service(request: Request) -> Service:
    return cast("Service", request.app.state.service)


async def _caller(request: Request) -> Caller:
    caller = cast("Caller | None", request.state.caller)
    if caller is None:  # pragma: no cover  (the gate lets nobody by)
        raise ProblemError(401, "request.unsigned", "nobody signed this request")
    return caller


Served = Annotated[Service, Depends(_service)]


def may(what: str, allows: Callable[[Caller], bool]) -> Callable[[Caller], Awaitable[Caller]]:
    """Return what gives the caller, if it may do something.

    Args:
        what: What it is, for who may not.
        allows: Tells.
    """

    async def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if not allows(caller):
            raise ProblemError(
                403,
                "request.role",
                f"{caller.identity} ({', '.join(sorted(caller.roles))}) may not {what}",
            )
        return caller

    return check


Reader = Annotated[Caller, Depends(may("read", lambda one: bool(one.roles)))]
Agent = Annotated[
    Caller,
    Depends(may("have actions decided", lambda one: bool(one.key) and "agent" in one.roles)),
]
Writer = Annotated[Caller, Depends(may("hand in records", lambda one: bool(one.key)))]
Approver = Annotated[
    Caller,
    Depends(may("approve", lambda one: bool(one.key) and "approval" in kinds_of(one.roles))),
]
Commander = Annotated[
    Caller,
    Depends(
        may(
            "pull the switch",
            lambda one: bool(one.key) and not one.roles.isdisjoint({"commander", "steward"}),
        )
    ),
]
