"""`writ whatif`: history under other contracts, what each would have prevented, and its price."""

from pathlib import Path
from typing import Annotated

import typer

from writ.commands.choosing import (
    Asked,
    FormatOption,
    IdentityOption,
    IncidentOption,
    OutOption,
    RunOption,
    SinceOption,
    TableOption,
    UntilOption,
    VersionOption,
    WhereOption,
    Writing,
    format_of,
)
from writ.commands.verify import LedgerArgument, TrustOption
from writ.errors import UsageError
from writ.settings import current

MODES = ("as-recorded", "cascading")

ContractOption = Annotated[
    list[str] | None,
    typer.Option(
        "--contract",
        metavar="FILE|NAME@VERSION",
        help="A candidate: a contract's file, or one that comes with Writ. Repeatable.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="A candidate: the contract in force last, with this changed. Repeatable: all of them "
        "make one. PATH=A..B:N makes N candidates, from A to B.",
    ),
]
ServiceOption = Annotated[
    str,
    typer.Option(
        "--service",
        metavar="SPIFFE",
        help="Whose contract --set changes, and whose a --contract is taken for.",
    ),
]
ModeOption = Annotated[
    str,
    typer.Option(
        "--mode",
        metavar="|".join(MODES),
        help="On the facts as they happened, or without what a candidate stops.",
    ),
]
ByOption = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="WHAT",
        help="Group by tool, channel, mode, version, day, identity, domain, model, case (of the "
        "limits: the region, say) or rule. Repeatable.",
    ),
]
FlipsOption = Annotated[bool, typer.Option("--flips", help="List each flip.")]
ExplainOption = Annotated[
    int | None,
    typer.Option("--explain", metavar="ENTRY", help="Say of this action in full why, as text."),
]
DelegationOption = Annotated[
    bool,
    typer.Option(
        "--own-delegation",
        help="Judge by the candidates' own delegations, not by those of what was in force.",
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="RULE",
        help="Leave rules out on both sides, by id or pattern such as cost.*. Repeatable.",
    ),
]
GateOption = Annotated[
    bool, typer.Option("--gate", help="Exit 1 where a flip is not in the accepted list.")
]
AcceptOption = Annotated[
    Path | None, typer.Option("--accept", metavar="FILE", help="The list of accepted flips.")
]
AcceptOutOption = Annotated[
    Path | None,
    typer.Option(
        "--accept-out", metavar="FILE", help="Write what is not accepted, to be given reasons."
    ),
]


def whatif(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    contract: ContractOption = None,
    set_: SetOption = None,
    service: ServiceOption = "",
    mode: ModeOption = MODES[0],
    where: WhereOption = "",
    run: RunOption = "",
    identity: IdentityOption = "",
    version: VersionOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    incident: IncidentOption = "",
    by: ByOption = None,
    flips: FlipsOption = False,
    explain: ExplainOption = None,
    own_delegation: DelegationOption = False,
    without: WithoutOption = None,
    gate: GateOption = False,
    accept: AcceptOption = None,
    accept_out: AcceptOutOption = None,
    format_: FormatOption = "text",
    table: TableOption = "",
    out: OutOption = None,
) -> None:
    """Say what other contracts would have decided, what they would have prevented, and its price.

    Flips are against what the contract in force decides when it is derived again.
    """
    from writ.commands import whatif_answer as answer

    if mode not in MODES:
        raise UsageError(
            "whatif.mode", f"--mode: there is no mode {mode!r}", do=f"Say {' or '.join(MODES)}."
        )
    asked = Asked(where, run, identity, version, since, until)
    question = answer.Question(
        candidates=answer.Candidates(
            tuple(contract or ()), tuple(set_ or ()), service, own=own_delegation
        ),
        cascading=mode == MODES[1],
        asked=asked,
        incident=incident,
        by=answer.groupings(by),
        without=tuple(without or ()),
        gate=answer.Gate(on=gate, accepted=answer.accepted(accept), out=accept_out),
        writing=Writing(format_of(format_, out), table, out),
        listed=flips,
    )
    settings = current()
    if explain is None:
        answer.answer(ledger, trust, settings, question)
    else:
        answer.explain(ledger, trust, settings, question, explain)
