"""`writ value` and `writ change`: what runs cost and were worth, and what changed with what."""

from typing import Annotated

import typer

from writ.commands.choosing import (
    Asked,
    FormatOption,
    IdentityOption,
    MinuteOption,
    OutOption,
    RateOption,
    RunOption,
    SinceOption,
    TableOption,
    UntilOption,
    VersionOption,
    WhereOption,
    Writing,
    chosen_runs,
    format_of,
    rates_of,
)
from writ.commands.verify import LedgerArgument, TrustOption
from writ.errors import UsageError
from writ.settings import current


def value(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    where: WhereOption = "",
    run: RunOption = "",
    identity: IdentityOption = "",
    version: VersionOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="Group by service, version, channel, tool, day, model, prompt, tools, workflow, "
            "domain, identity or outcome. Repeatable.",
        ),
    ] = None,
    rate: RateOption = None,
    minute: MinuteOption = "",
    format_: FormatOption = "text",
    table: TableOption = "",
    out: OutOption = None,
) -> None:
    """Say what runs cost, what they were worth, and what one successful outcome cost.

    Currencies are never added without a stated rate; what is not recorded is counted and in no sum.
    """
    from replay.reports.value_html import value_html
    from replay.reports.value_json import value_json
    from replay.reports.value_tables import tables
    from replay.reports.value_text import value_text
    from replay.value import GROUPINGS, USUAL
    from replay.valued import valued
    from writ.report_writing import envelope

    asked = Asked(where, run, identity, version, since, until)
    chosen_by = tuple(dict.fromkeys(by or USUAL))
    for each in chosen_by:
        if each not in GROUPINGS:
            raise UsageError(
                "value.by",
                f"--by: there is no grouping {each!r}",
                do=f"The groupings are: {', '.join(GROUPINGS)}.",
            )
    writing = Writing(format_of(format_, out), table, out)
    rates, choice = rates_of(rate, minute), asked.choice()
    settings = current()
    history, report, chosen = chosen_runs(ledger, trust, settings, choice)
    found = valued(history, report, chosen, rates=rates, by=chosen_by, asked=asked.said())
    beside = envelope(ledger, settings.get("trust", str(trust) if trust else None).value)
    writing.write(
        tables(found),
        {
            "text": lambda: value_text(found),
            "json": lambda: value_json(found, beside),
            "html": lambda: value_html(found),
        },
        first=chosen_by[0],
    )


def change(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    where: WhereOption = "",
    run: RunOption = "",
    identity: IdentityOption = "",
    version: VersionOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    rate: RateOption = None,
    minute: MinuteOption = "",
    format_: FormatOption = "text",
    table: TableOption = "",
    out: OutOption = None,
) -> None:
    """Compare violations, decisions, cost and value before and after each change.

    Changes are those of model, prompt, tools, contract, workflow and domain that the runs show.
    """
    from replay.change_measures import changed
    from replay.reports.change_forms import change_html, change_json, change_text
    from replay.reports.change_tables import tables
    from writ.report_writing import envelope

    asked = Asked(where, run, identity, version, since, until)
    writing = Writing(format_of(format_, out), table, out)
    rates, choice = rates_of(rate, minute), asked.choice()
    settings = current()
    history, report, chosen = chosen_runs(ledger, trust, settings, choice)
    found = changed(history, report, chosen, rates=rates, asked=asked.said())
    beside = envelope(ledger, settings.get("trust", str(trust) if trust else None).value)
    writing.write(
        tables(found),
        {
            "text": lambda: change_text(found),
            "json": lambda: change_json(found, beside),
            "html": lambda: change_html(found),
        },
        first="comparisons",
    )
