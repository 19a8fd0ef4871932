"""A rollback's plan proposed to the guard, which decides each call as of now.

Nothing is called. What people have to approve waits for them; what is allowed is recorded as
skipped, so that nothing is held for it. `writ compensate` makes the calls.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from contracts.answers import Answer, ApprovalNeeded
from contracts.follower import Follower
from contracts.guard import Guard
from contracts.performing import GuardedAction
from ledger.client import LedgerClient
from ledger.store import Store
from writ.errors import CommandError

if TYPE_CHECKING:
    from replay.history import Act
    from replay.rollback_classes import Fate
    from replay.rolled_back import RolledBack

SKIPPED: Final = "proposed by a rollback plan: writ compensate calls it"
_WAITS: Final = frozenset({"approve", "escalate"})


def proposals(store: Store) -> Mapping[str, int]:
    """Return what it is proposed to take back, by digest, each with the entry of the last proposal.

    A proposal is one as long as it waits for people, is being done, or was allowed and left to
    `writ compensate`. One that was denied, that failed or that was made is none.
    """
    found: dict[str, int] = {}
    of: dict[str, str] = {}
    for event in Follower(store).read_on(store.size()):
        record = event.record
        if record["kind"] == "action" and "compensates" in record:
            of[event.digest] = record["compensates"]
            effect = (record.get("decision") or {"effect": "allow"})["effect"]
            if effect == "allow" or effect in _WAITS:
                found[record["compensates"]] = event.index
        elif record["kind"] == "outcome" and record["action"] in of and not _left(record):
            found.pop(of[record["action"]], None)
    return found


def _left(outcome: Mapping[str, Any]) -> bool:
    """Return whether an outcome says that a call was left to `writ compensate`."""
    return outcome["status"] == "skipped" and outcome.get("error") == SKIPPED


class Proposing:
    """Proposes a plan's calls in its order.

    Those that were proposed before, and still are, are left out; so are those that the contract's
    bounds would not let through at once.

    Args:
        store: The ledger.
        client: Writes for an identity of the services.
        found: The rollback, as of now.

    Attributes:
        wanted: The steps that are proposed.
    """

    def __init__(self, store: Store, client: LedgerClient, found: "RolledBack") -> None:
        self._store = store
        self._client = client
        self._found = found
        self._guards: dict[str, Guard] = {}
        self._known = proposals(store)
        self.wanted = [fate for fate in found.through if found.act(fate).digest not in self._known]

    def all(self) -> Iterator[str]:
        """Propose, and yield what came of each step, in words.

        Raises:
            CommandError: A step has no call.
            GuardError: The guard cannot decide or record.
        """
        found = self._found
        for fate in found.plan.steps:
            entry = self._known.get(found.act(fate).digest)
            if entry is not None:
                yield f"entry {found.act(fate).index}: proposed already, at entry {entry}"
        for fate in self.wanted:
            yield self._one(found.act(fate), fate)
        late = len(found.plan.steps) - len(found.through)
        if late:
            yield f"{late} more have to wait for the contract's bounds: run this again then"

    def _one(self, act: "Act", fate: "Fate") -> str:
        """Propose a call in a run of its own, in which it is made once people have approved it."""
        call = fate.call
        if call is None:
            raise CommandError("rollback.plan", f"entry {act.index} has no compensating call")
        what = f"take back {act.tool} of entry {act.index}"
        run = self._guard(act).run(goal=f"rollback: {what}")
        said: Mapping[str, Any] = call.params
        answer = run.propose(call.tool, said, compensates=act.digest)
        told = f"entry {act.index}: {call.tool}"
        if isinstance(answer, GuardedAction):
            answer.end("skipped", error=SKIPPED)
            run.close("proposed")
            return f"{told} is allowed: writ compensate LEDGER {act.index} --run-command CMD"
        if isinstance(answer, ApprovalNeeded):
            short = answer.action[:16]
            return f"{told} waits: writ approve LEDGER {short} --as NAME, then writ compensate"
        run.close("refused")
        return f"{told} is not allowed now: {_why(answer)}"

    def _guard(self, act: "Act") -> Guard:
        run = self._found.history.runs.get(act.run)
        service = "" if run is None else run.said("service")
        if service not in self._guards:
            self._guards[service] = Guard(self._client, self._store, service)
        return self._guards[service]


def _why(answer: Answer) -> str:
    return ", ".join(one.rule for one in answer.objections) or type(answer).__name__.lower()
