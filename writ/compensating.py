"""Taking an action back from the command line: by a command, guarded and recorded like any call."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from contracts.answers import ApprovalNeededError
from contracts.calling import outcome_fields
from contracts.follower import Follower
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.performing import Says
from contracts.undoing import TakingBack
from ledger.client import LedgerClient
from ledger.store import Store
from verifier.report import ExitCode
from writ.approving import Desk
from writ.errors import CommandError
from writ.output import message

_OUTCOME: Final = frozenset({"fields", "cost", "value", "tokens", "result_digest"})


class CommandFailedError(Exception):
    """The command that calls a tool ended with another exit code than 0."""


class CommandTool:
    """A tool that is a command: parameters as JSON on stdin, the result as JSON on stdout.

    What it writes to stderr goes to ours and is recorded nowhere.

    Args:
        command: The command and its arguments; no shell reads them.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._running: subprocess.Popen[bytes] | None = None

    def __call__(self, **params: object) -> Any:  # noqa: ANN401 - what the command prints
        """Call it.

        Raises:
            CommandFailedError: Its exit code is not 0.
            OSError: It cannot be started.
        """
        given = json.dumps(params, ensure_ascii=False, sort_keys=True).encode()
        with subprocess.Popen(  # noqa: S603 - whoever types the command wants it run
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            self._running = process
            said, _ = process.communicate(given)
        if process.returncode:
            raise CommandFailedError(f"{self._command[0]}: exit code {process.returncode}")
        if not said.strip():
            return None
        try:
            return json.loads(said)
        except ValueError:
            # The exit code says that it was done. To call that a failure would have it done twice.
            message(f"writ: {self._command[0]} was done, and its result is no JSON: not recorded")
            return {"result": "unreadable"}

    def stop(self) -> None:
        """End it if it still runs: nobody waits for it any more."""
        if self._running is not None and self._running.poll() is None:
            self._running.kill()


def whole_outcome(result: Any) -> Mapping[str, Any]:  # noqa: ANN401 - what a command prints
    """Return what an outcome records of a result that says all of it: `fields`, `cost`, `value`."""
    if not isinstance(result, dict):
        return outcome_fields(result)
    found = cast("Mapping[str, Any]", result)
    return {"fields": found} if set(found) - _OUTCOME else found


class TakingBackDesk:
    """An action that is to be taken back, and the guard of its service.

    Args:
        store: The ledger.
        client: Writes for an identity of the service.
        name: The action: digest, the beginning of one, or its entry.

    Raises:
        CommandError: There is no such action, or it was taken back already.
    """

    def __init__(self, store: Store, client: LedgerClient, name: str) -> None:
        self._desk = Desk(store)
        self.action = self._desk.action(name)
        self.service = str(self._desk.holds.run_of(self.action).get("service", ""))
        self._refuse_done(store)
        self.guard = Guard(client, store, self.service)

    @property
    def undo(self) -> TakingBack:
        """The call that takes it back.

        Raises:
            GuardError: It cannot be taken back.
        """
        return self.guard.taking_back(self.action.digest)

    def _refuse_done(self, store: Store) -> None:
        tries: set[str] = set()
        for event in Follower(store).read_on(store.size()):
            record = event.record
            if record.get("compensates") == self.action.digest:
                tries.add(event.digest)
            elif record.get("status") == "ok" and record["action"] in tries:
                raise CommandError(
                    "compensate.done",
                    f"entry {self.action.index} is taken back already: entry {event.index}",
                )

    def take_back(
        self, tool: CommandTool, says: Says, reason: str, given: Mapping[str, Any]
    ) -> GuardedRun:
        """Take the action back in a run of its own, and return that.

        Args:
            tool: Calls the tool that takes it back.
            says: What the outcome records of its result.
            reason: The goal of the run; empty for a usual one.
            given: Parameters that the contract leaves open.

        Raises:
            CommandError: It was tried as often as the contract lets it be, and failed.
            ActionRefusedError: The contract does not allow it. Where people have to approve it the
                run stays open.
        """
        goal = f"take back {self.action.record['tool']} of entry {self.action.index}"
        opened = self.guard.run(goal=reason or goal)
        try:
            opened.compensate(self.action.digest, tool, says=says, given=given)
        except ApprovalNeededError:
            raise
        except (CommandFailedError, TimeoutError, OSError) as error:
            opened.close("error")
            raise _failed(error) from error
        except BaseException:
            opened.close("error")
            raise
        opened.close()
        return opened

    def resume(self, proposal: str, tool: CommandTool, says: Says) -> GuardedRun:
        """Take it back now that people have approved it, in the run in which that was proposed.

        Raises:
            CommandError: It was not proposed to take this action back, or it failed.
            ActionRefusedError: It still waits, or is not allowed any more.
        """
        proposed = self._desk.action(proposal)
        if proposed.record.get("compensates") != self.action.digest:
            raise CommandError(
                "compensate.other", f"entry {proposed.index} is not to take this action back"
            )
        run = self.guard.attach(proposed.record["run"])
        params: Mapping[str, Any] = proposed.record["params"]
        try:
            with run.resumed(proposed.digest) as act:
                act.perform(lambda: tool(**params), says)
        except (CommandFailedError, TimeoutError, OSError) as error:
            run.close("error")
            raise _failed(error) from error
        run.close()
        return run


def _failed(error: Exception) -> CommandError:
    return CommandError(
        "compensate.failed",
        f"{error}: it is not taken back",
        do="Each attempt is recorded. Mend what is wrong, and run this again.",
        exit_code=ExitCode.VIOLATED,
    )
