"""`writ compensate`: take an action back, by the tool that the contract names for it."""

import json
import shlex
from typing import Annotated

import typer

from writ.commands.approve import ActionArgument
from writ.commands.init import KeysOption
from writ.commands.keys import LedgerArgument
from writ.commands.speaking import AsOption, KeyOption, YesOption, confirm, named, opened_keys
from writ.errors import CommandError, UsageError
from writ.output import data, message
from writ.rollback_options import ParamOption, given_params


def compensate(  # noqa: PLR0913, PLR0917  (one parameter for each option)
    ledger: LedgerArgument,
    action: ActionArgument,
    run_command: Annotated[
        str,
        typer.Option("--run-command", metavar="CMD", help="JSON on stdin, result on stdout."),
    ],
    whole: Annotated[
        bool,
        typer.Option("--whole", help="The result is {fields, cost, value, tokens}, all of it."),
    ] = False,
    resume: Annotated[
        str,
        typer.Option("--resume", metavar="PROPOSAL", help="Go on with one that was approved."),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="The goal of the run that is opened.")
    ] = "",
    param: ParamOption = None,
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Take an action back in a run of its own: guarded, recorded, tried again as the contract says.

    The contract in force names the tool and its parameters; CMD calls it, and an exit code other
    than 0 is a failure. Where people have to approve it, the run stays open, and --resume goes on.
    Exits 0 when it is taken back, 1 when CMD failed, 4 where it is not allowed.
    """
    from contracts.answers import ApprovalNeededError
    from contracts.calling import outcome_fields
    from writ.compensating import CommandTool, TakingBackDesk, whole_outcome
    from writ.governing import speaking

    tool, given = CommandTool(_words(run_command)), given_params(param or ())
    says = whole_outcome if whole else outcome_fields
    who = named(name, key, "compensate.as")
    with speaking(opened_keys(ledger, keys, "compensate.keys"), who, key) as speaker:
        desk = TakingBackDesk(speaker.store, speaker.client, action)
        undo = desk.undo
        params = json.dumps({**given, **undo.params}, ensure_ascii=False, sort_keys=True)
        what = f"{desk.action.record['tool']} of entry {desk.action.index}"
        data(f"{what} is taken back by {undo.tool} {params}\n")
        confirm(f"Take it back as {speaker.client.by}?", yes=yes, code="compensate.confirm")
        try:
            if resume:
                run = desk.resume(resume, tool, says)
            else:
                run = desk.take_back(tool, says, reason, given)
        except ApprovalNeededError as error:
            raise _waits(ledger, error.answer.action, str(error)) from error
        finally:
            tool.stop()
    data(f"taken back, in run {run.id}\n")


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError("compensate.command", f"{command}: {error}") from error
    if not words:
        raise UsageError("compensate.command", "--run-command names no command")
    return words


def _waits(ledger: str, proposal: str, why: str) -> CommandError:
    message(f"writ: approve it with: writ approve {shlex.quote(ledger)} {proposal[:16]} --as NAME")
    return CommandError(
        "guard.approval-needed", why, do=f"Then run this again with --resume {proposal[:16]}."
    )
