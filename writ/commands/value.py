"""`writ value` and `writ change`: what runs cost and were worth, and what changed with what."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from writ.commands.verify import LedgerArgument, TrustOption, trust_of
from writ.errors import UsageError
from writ.output import data, message, progress
from writ.settings import Settings, current

if TYPE_CHECKING:
    from replay.history import History
    from replay.rates import Rates
    from replay.run_choice import Choice, Chosen
    from replay.tables import Table
    from verifier.report import Report

FORMATS = ("text", "json", "csv", "parquet", "html")

_WhereOption = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="CEL",
        help="Only runs with an action of which this holds: `action.tool`, `.mode`, `.target`, "
        "`.channel`, `.by`, `.decision`, `.status`, `.version`, `.cost`, `.value`, and of its run "
        "`.run.model`, `.run.domain` and so on.",
    ),
]
_RunOption = Annotated[str, typer.Option("--run", metavar="ID", help="Only this run.")]
_IdentityOption = Annotated[
    str, typer.Option("--identity", metavar="SPIFFE", help="Only runs it opened or acted in.")
]
_VersionOption = Annotated[
    str, typer.Option("--version", metavar="V", help="Only runs under this contract version.")
]
_SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Only runs opened then or later, in UTC.")
]
_UntilOption = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Only runs opened before then, in UTC.")
]
_RateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rate", metavar="USD=EUR:0.92", help="Convert: a dollar is 0.92 euros. Repeatable."
    ),
]
_MinuteOption = Annotated[
    str,
    typer.Option(
        "--minute", metavar="0.75EUR", help="A minute of a person, where no cost was recorded."
    ),
]
_FormatOption = Annotated[
    str, typer.Option("--format", metavar="|".join(FORMATS), help="How to write the answer.")
]
_OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the answer to a file.")
]
_TableOption = Annotated[
    str,
    typer.Option("--table", metavar="NAME", help="Which table CSV and Parquet hold."),
]


def value(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    where: _WhereOption = "",
    run: _RunOption = "",
    identity: _IdentityOption = "",
    version: _VersionOption = "",
    since: _SinceOption = "",
    until: _UntilOption = "",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="Group by service, version, channel, tool, day, model, prompt, tools, workflow, "
            "domain, identity or outcome. Repeatable.",
        ),
    ] = None,
    rate: _RateOption = None,
    minute: _MinuteOption = "",
    format_: _FormatOption = "text",
    table: _TableOption = "",
    out: _OutOption = None,
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

    asked = _Asked(where, run, identity, version, since, until)
    chosen_by = tuple(dict.fromkeys(by or USUAL))
    for each in chosen_by:
        if each not in GROUPINGS:
            raise UsageError(
                "value.by",
                f"--by: there is no grouping {each!r}",
                do=f"The groupings are: {', '.join(GROUPINGS)}.",
            )
    writing = _Writing(_format(format_, out), table, out)
    rates, choice = _rates(rate, minute), asked.choice()
    settings = current()
    history, report, chosen = _read(ledger, trust, settings, choice)
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
    where: _WhereOption = "",
    run: _RunOption = "",
    identity: _IdentityOption = "",
    version: _VersionOption = "",
    since: _SinceOption = "",
    until: _UntilOption = "",
    rate: _RateOption = None,
    minute: _MinuteOption = "",
    format_: _FormatOption = "text",
    table: _TableOption = "",
    out: _OutOption = None,
) -> None:
    """Compare violations, decisions, cost and value before and after each change.

    Changes are those of model, prompt, tools, contract, workflow and domain that the runs show.
    """
    from replay.change_measures import changed
    from replay.reports.change_forms import change_html, change_json, change_text
    from replay.reports.change_tables import tables
    from writ.report_writing import envelope

    asked = _Asked(where, run, identity, version, since, until)
    writing = _Writing(_format(format_, out), table, out)
    rates, choice = _rates(rate, minute), asked.choice()
    settings = current()
    history, report, chosen = _read(ledger, trust, settings, choice)
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """The selection as it was written."""

    where: str
    run: str
    identity: str
    version: str
    since: str
    until: str

    def said(self) -> tuple[str, ...]:
        """Return it in words."""
        named = {
            "actions with": self.where,
            "run": self.run,
            "identity": self.identity,
            "version": self.version,
            "since": self.since,
            "until": self.until,
        }
        return tuple(f"{name} {what}" for name, what in named.items() if what)

    def choice(self) -> "Choice":
        """Return it read.

        Raises:
            UsageError: A time is none, or the condition is none.
        """
        from contracts.evaluation import ConditionError
        from contracts.selecting import action_filter
        from replay.run_choice import Choice

        try:
            where = action_filter(self.where) if self.where else None
        except ConditionError as error:
            raise UsageError("value.where", f"--where: {error}") from error
        return Choice(
            where=where,
            run=self.run,
            identity=self.identity,
            version=self.version,
            since=_micros("--since", self.since),
            until=_micros("--until", self.until),
        )


def _micros(option: str, text: str) -> int | None:
    """Return a time in microseconds since 1970; a day is its first moment.

    Raises:
        UsageError: It is no time.
    """
    from contracts.instants import micros

    if not text:
        return None
    whole = f"{text}T00:00:00Z" if "T" not in text else text
    whole = whole if "." in whole else whole.replace("Z", ".000000Z")
    found = micros(whole)
    if found is None:
        raise UsageError(
            "value.time",
            f"{option}: {text!r} is no time in UTC",
            do="Write 2026-03-01 or 2026-03-01T09:00:00Z.",
        )
    return found


def _rates(rate: list[str] | None, minute: str) -> "Rates":
    from replay.rates import RateError, read_rates

    try:
        return read_rates(rate or (), minute)
    except RateError as error:
        raise UsageError(error.code, str(error)) from error


def _format(format_: str, out: Path | None) -> str:
    if format_ not in FORMATS:
        raise UsageError(
            "format.unknown",
            f"--format: there is no format {format_!r}",
            do=f"The formats are: {', '.join(FORMATS)}.",
        )
    if format_ == "parquet" and out is None:
        raise UsageError("format.binary", "Parquet is no text", do="Name a file with --out.")
    return format_


def _read(
    ledger: str, trust: Path | None, settings: Settings, choice: "Choice"
) -> "tuple[History, Report, Chosen]":
    """Verify a ledger, read it, and choose its runs."""
    from replay.history import History
    from replay.run_choice import chosen
    from verifier.load import open_ledger

    pinned = trust_of(trust, settings)
    if pinned is None:
        message(
            "writ: no trust file: the ledger is compared with itself alone. Name one with --trust."
        )
    with progress("verifying") as step:
        opened = open_ledger(ledger, pinned, progress=step)
    with opened, progress("reading") as step:
        history = History.of(opened, step)
    try:
        return history, opened.report, chosen(history, choice)
    except LookupError as error:
        raise UsageError("run.unknown", f"--run: {error}") from error


@dataclass(frozen=True, slots=True)
class _Writing:
    """How the answer is written, and where."""

    format: str
    table: str
    out: Path | None

    def write(
        self, tables: "list[Table]", writers: dict[str, Callable[[], str]], first: str
    ) -> None:
        """Write the answer.

        Args:
            tables: Those that CSV and Parquet can hold.
            writers: By the name of the other formats.
            first: The table that is meant where none is named.

        Raises:
            UsageError: There is no such table.
            CommandError: The file cannot be written.
        """
        from replay.tables import as_csv, as_parquet

        if self.format in writers:
            data(writers[self.format](), self.out)
            return
        by_name = {table.name: table for table in tables}
        wanted = by_name.get(self.table or first)
        if wanted is None:
            raise UsageError(
                "value.table",
                f"--table: there is no table {self.table!r} in this answer",
                do=f"The tables are: {', '.join(by_name)}.",
            )
        if self.format == "csv":
            data(as_csv(wanted), self.out)
        elif self.out is not None:
            self.out.write_bytes(as_parquet(wanted))
