"""A rollback's plan proposed to the guard, which decides each call as of now.

Nothing is called. What people have to approve waits for them; what is allowed is recorded as
skipped, and `writ compensate` calls it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.answers import ApprovalNeeded, Refusal
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from writ.errors import CommandError
from writ.governing import speaking

if TYPE_CHECKING:
    from ledger.client import LedgerClient
    from ledger.store import Store
    from replay.rollback_answer import Answer

SKIPPED = "a rollback plan proposed it: `writ compensate` calls it"


def proposed(ledger: str, keys: Path | None, key: Path, found: "Answer") -> Iterator[str]:
    """Propose a plan's calls in its order, and yield what the guard says of each, in words.

    Args:
        ledger: The ledger.
        keys: Its folder of keys; None beside it.
        key: The key file of an identity of the service.
        found: The rollback.

    Raises:
        CommandError: The key's identity speaks for none of the services.
    """
    from writ.commands.speaking import opened_keys

    if not found.plan.steps:
        yield "nothing is proposed: the plan has no call"
        return
    with speaking(opened_keys(ledger, keys, "rollback.keys"), "", key) as speaker:
        yield from _Proposing(speaker.store, speaker.client, found).all()


class _Proposing:
    """One run for each service, in which what is to be taken back there is proposed."""

    def __init__(self, store: "Store", client: "LedgerClient", found: "Answer") -> None:
        self._store = store
        self._client = client
        self._found = found
        self._runs: dict[str, GuardedRun] = {}

    def all(self) -> Iterator[str]:
        """Propose all, and yield what came of each."""
        for act, fate in self._found.plan.calls():
            call = fate.call
            if call is None:
                raise CommandError("rollback.plan", f"entry {act.index} has no compensating call")
            run = self._run(act.run)
            answer = run.propose(call.tool, call.params, compensates=act.digest)
            yield f"entry {act.index}, {act.tool}: {_said(answer)}"
        for run in self._runs.values():
            if not run.waiting:
                run.close("proposed")

    def _run(self, of: str) -> GuardedRun:
        run = self._found.history.runs.get(of)
        service = "" if run is None else run.said("service")
        if service not in self._runs:
            guard = Guard(self._client, self._store, service)
            self._runs[service] = guard.run(goal=f"rollback: {self._found.asked or 'everything'}")
        return self._runs[service]


def _said(answer: object) -> str:
    if isinstance(answer, ApprovalNeeded):
        return f"waits for approval: {answer.action[:16]}"
    if isinstance(answer, Refusal):
        return f"refused: {answer}"
    end = getattr(answer, "end", None)
    if end is not None:
        end("skipped", error=SKIPPED)
    return "allowed, and not called"
