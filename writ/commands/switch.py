"""`writ switch`: stop a service or some of what it does, let it go on, and drill that it works."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from writ.commands.contract import JsonOption, as_json_text
from writ.commands.init import KeysOption
from writ.commands.keys import LedgerArgument
from writ.commands.speaking import AsOption, KeyOption, YesOption, confirm, named, opened_keys
from writ.errors import CommandError
from writ.output import data, message

if TYPE_CHECKING:
    from contracts.switches import Switched
    from writ.switching import Panel

app = typer.Typer(help="Stop a service, and let it go on.", no_args_is_help=True)

ServiceOption = Annotated[
    str, typer.Option("--service", metavar="ID", help="Its identity, or the last part of it.")
]
WhereOption = Annotated[
    str, typer.Option("--where", metavar="CEL", help="Only actions of which this holds.")
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Recorded with it.")]
_KEYS = "switch.keys"


@app.command("engage")
def engage(  # noqa: PLR0913, PLR0917  (one parameter for each option)
    ledger: LedgerArgument,
    service: ServiceOption,
    reason: ReasonOption,
    where: WhereOption = "",
    mode: Annotated[
        Literal["kill", "safe"],
        typer.Option("--mode", help="kill: nothing runs. safe: only what the contract lets."),
    ] = "kill",
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Stop a service, or with --where some of what it does, from the next decision on.

    What runs already is not interrupted: its outcome is still recorded. A switch with --where is
    one of its own, and is released with exactly that --where. Refused: who has none of the roles
    that the contract in force accepts, and a --where that is no condition.
    """
    from writ.governing import speaking
    from writ.switching import Panel, Pull, check, pull_it

    who = named(name, key, "switch.as")
    with speaking(opened_keys(ledger, keys, _KEYS), who, key) as speaker:
        panel = Panel(speaker.store, service)
        if where:
            panel.check(where)
            _warn(where)
        pull = Pull(panel.service, "engaged", reason, mode, where or None)
        now = panel.at(pull.selector)
        if now.engaged and now.mode == mode and now.last is not None:
            data(f"{_what(now)} is engaged already ({mode}): entry {now.last.index}\n")
            return
        check(speaker, panel, pull)
        what = f"what {where} selects" if where else "everything"
        confirm(f"Stop {what} of {panel.service} ({mode})?", yes=yes, code="switch.confirm")
        index = pull_it(speaker, panel, pull)
    data(f"engaged ({mode}): entry {index}\n")


@app.command("release")
def release(
    ledger: LedgerArgument,
    service: ServiceOption,
    reason: ReasonOption,
    where: WhereOption = "",
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Let go on what a switch stops: the one without --where, or the one with exactly this one."""
    from writ.governing import speaking
    from writ.switching import Panel, Pull, check, pull_it

    who = named(name, key, "switch.as")
    with speaking(opened_keys(ledger, keys, _KEYS), who, key) as speaker:
        panel = Panel(speaker.store, service)
        now = panel.at(where or None)
        if not now.engaged:
            raise CommandError(
                "switch.not-engaged",
                f"{_what(now)} of {panel.service} is not engaged",
                do="`writ switch status LEDGER --service ID` says what is.",
            )
        mode: Literal["kill", "safe"] = "safe" if now.mode == "safe" else "kill"
        pull = Pull(panel.service, "released", reason, mode, where or None)
        check(speaker, panel, pull)
        data(_in_words(panel, now))
        confirm(f"Release it for {panel.service}?", yes=yes, code="switch.confirm")
        index = pull_it(speaker, panel, pull)
        others = [one for one in panel.all() if one.engaged and one.selector != pull.selector]
    data(f"released: entry {index}\n")
    for one in others:
        message(f"writ: {_what(one)} is still engaged ({one.mode})")


@app.command("status")
def status(ledger: LedgerArgument, service: ServiceOption, as_json: JsonOption = False) -> None:
    """Say for each switch of a service whether it is engaged, since when, by whom, and why.

    A switch by somebody without the roles that the contract in force accepts stops nothing, and is
    named as such. It says what the ledger says: `writ verify` checks that.
    """
    from ledger.store import Store
    from writ.switching import Panel

    with Store.open(ledger) as store:
        panel = Panel(store, service)
    if as_json:
        switches = [_as_json(one) for one in panel.all()]
        data(
            as_json_text(
                {
                    "schema": "writ/switches/v1",
                    "service": panel.service,
                    "roles": list(panel.roles),
                    "switches": switches,
                }
            )
        )
        return
    may = " or ".join(panel.roles) or "whoever may write a switch: the contract names no role"
    said = "".join(_in_words(panel, one) for one in panel.all())
    said = said or "  no switch was ever pulled\n"
    data(f"{panel.service}\n{said}  accepted of: {may}\n")


@app.command("drill")
def drill(
    ledger: LedgerArgument,
    service: ServiceOption,
    agent: Annotated[
        str, typer.Option("--agent", metavar="NAME", help="An identity that runs the service.")
    ] = "agent",
    reason: ReasonOption = "readiness",
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
) -> None:
    """Show that the kill switch stops, and how soon, without stopping any work.

    Engages a switch for a tool that nothing else uses, has a guard of the service decide on that
    tool, releases it, and has it decided once more. All of it is recorded. Exits 0 when it stopped
    and let go, 1 when not, 4 where the drill could not be made.
    """
    from ledger.client import LedgerClient
    from writ.drilling import RULE
    from writ.drilling import drill as drill_it
    from writ.governing import speaking
    from writ.switching import Panel

    founded = opened_keys(ledger, keys, _KEYS)
    short = agent.rpartition("/")[2]
    if short not in founded.identities:
        raise CommandError("ledger.identity", f"{ledger}: has no identity called {agent}")
    with speaking(founded, named(name, key, "switch.as"), key) as speaker:
        panel = Panel(speaker.store, service)
        with LedgerClient(speaker.store, founded.key(short), founded.identities[short]) as client:
            done = drill_it(speaker, panel, client, reason)
    data(
        f"engaged: entry {done.engaged}\n"
        f"stopped by {RULE} after {done.seconds * 1000:.0f} ms: entry {done.denied}\n"
        f"released: entry {done.released}\n"
        f"not stopped any more: entry {done.passed}\n"
        f"the drill's run: {done.run}\n"
    )


# ------------------------------------------------------------------------------- words


def _warn(where: str) -> None:
    from contracts.evaluation import VARIABLES
    from contracts.scanning import reads

    read = reads(where, VARIABLES).members
    if "params" in read and "tool" not in (read.get("action") or ()):
        message(
            "writ: an action of which this cannot be told is stopped too, as one of a tool without "
            'these parameters: begin with action.tool == "…" &&'
        )


def _what(one: "Switched") -> str:
    return "the whole service" if one.selector is None else f"where {one.selector}"


def _in_words(panel: "Panel", one: "Switched") -> str:
    lines = [f"  {_what(one)}: {f'ENGAGED ({one.mode})' if one.engaged else 'released'}"]
    if one.last is not None:
        record = one.last.record
        lines.append(
            f"    since {one.last.recorded_at} (entry {one.last.index}) by {record['by']}: "
            f"{record['reason']}"
        )
    for each in one.idle:
        record = each.record
        lines.append(
            f"    {record['state']} at entry {each.index} by {record['by']} is not in force: "
            f"has none of the roles {', '.join(panel.roles)}"
        )
    return "\n".join(lines) + "\n"


def _as_json(one: "Switched") -> dict[str, Any]:
    last = one.last
    return {
        "selector": one.selector,
        "engaged": one.engaged,
        "mode": one.mode,
        "since": None if last is None else last.recorded_at,
        "index": None if last is None else last.index,
        "by": None if last is None else last.record["by"],
        "reason": None if last is None else last.record["reason"],
        "not_in_force": [each.index for each in one.idle],
    }
