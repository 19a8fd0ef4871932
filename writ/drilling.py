"""A drill of the kill switch: that it stops what it is to stop, and how soon, shown on the ledger.

The switch of a drill selects one tool that nothing else uses, so that other work goes on. What is
proposed under it is denied in any case, because no contract has that tool: what is looked for is
the reason `recovery.kill-switch`, and that it comes and goes with the switch.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.client import LedgerClient
from ledger.errors import LedgerError
from verifier.report import ExitCode
from writ.errors import CommandError
from writ.governing import Speaker
from writ.switching import Panel, Pull, check, pull_it

TOOL: Final = "writ.drill"
SELECTOR: Final = f'action.tool == "{TOOL}"'
RULE: Final = "recovery.kill-switch"


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill showed.

    Attributes:
        run: Digest of its run.
        engaged: Entry of the switch.
        denied: Entry of the action that it stopped.
        released: Entry of the release.
        passed: Entry of the action that it did not stop any more.
        seconds: From before the switch was pulled to the answer that says so.
    """

    run: str
    engaged: int
    denied: int
    released: int
    passed: int
    seconds: float


def drill(speaker: Speaker, panel: Panel, agent: LedgerClient, reason: str) -> Drilled:
    """Pull the switch of a drill, see it stop and let go, and record all of it.

    Args:
        speaker: Who may pull the switch.
        panel: The service's switches.
        agent: Writes for an identity of the service.
        reason: Why, in words.

    Raises:
        CommandError: The switch did not stop, or did not let go; or the service is stopped.
        GuardError: No contract binds the service.
        LedgerError: The ledger failed.
    """
    check(speaker, panel, Pull(panel.service, "engaged", reason, selector=SELECTOR))
    guard = Guard(agent, speaker.store, panel.service)
    with guard, guard.run(goal="drill of the kill switch", channel="drill") as run:
        _, stopped = _proposed(run, "before")
        if stopped:
            raise CommandError(
                "drill.stopped",
                f"{panel.service} is stopped already: a drill could not tell its own switch apart",
                do="`writ switch status LEDGER --service ID` says by what.",
            )
        began = time.monotonic()
        with _engaged(speaker, panel, f"drill: {reason}") as switch:
            denied, stopped = _proposed(run, "engaged")
            seconds = time.monotonic() - began
        if not stopped:
            raise _failed("the switch was engaged, and did not stop what it selects")
        passed, stopped = _proposed(run, "released")
        if stopped:
            raise _failed("the switch was released, and still stops what it selected")
    return Drilled(run.id, switch.engaged, denied, switch.released, passed, seconds)


@dataclass(slots=True)
class _Pulled:
    engaged: int
    released: int = -1


@contextmanager
def _engaged(speaker: Speaker, panel: Panel, reason: str) -> Generator[_Pulled]:
    """Engage the drill's switch for as long as the block lasts, and release it in any case."""
    switch = _Pulled(
        pull_it(speaker, panel, Pull(panel.service, "engaged", reason, selector=SELECTOR))
    )
    try:
        yield switch
    finally:
        release = Pull(panel.service, "released", reason, selector=SELECTOR)
        try:
            switch.released = pull_it(speaker, panel, release)
        except LedgerError as error:
            raise CommandError(
                "drill.engaged",
                f"the drill's switch could not be released: {error}",
                do=f"It stops {TOOL} and nothing else. Release it: writ switch release LEDGER "
                f"--service {panel.service} --where '{SELECTOR}' --reason drill --as NAME",
            ) from error


def _proposed(run: GuardedRun, step: str) -> tuple[int, bool]:
    """Propose the drill's action; return its entry, and whether the switch is among the reasons."""
    found = run.propose(TOOL, {"step": step})
    if isinstance(found, GuardedAction):
        found.end("skipped")
        return found.record.index, False
    against = [one for one in found.objections if one.effect not in {"allow", "warn"}]
    return found.index, any(one.rule == RULE and one.result == "violated" for one in against)


def _failed(what: str) -> CommandError:
    return CommandError(
        "drill.failed",
        what,
        do="Whoever relies on the switch cannot: see `writ contract explain` on the contract in "
        f"force, its rule {RULE}.",
        exit_code=ExitCode.VIOLATED,
    )
