"""How replay's commands are asked: which runs or actions, by which rates, and written where."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from writ.commands.verify import processors, trust_of
from writ.errors import UsageError
from writ.output import data, message, progress
from writ.settings import Settings

if TYPE_CHECKING:
    from replay.history import History
    from replay.rates import Rates
    from replay.run_choice import Choice, Chosen, ChosenActs
    from replay.tables import Table
    from verifier.load import VerifiedLedger
    from verifier.report import Report

FORMATS = ("text", "json", "csv", "parquet", "html")

WhereOption = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="CEL",
        help="Only runs with an action of which this holds: `action.tool`, `.mode`, `.target`, "
        "`.channel`, `.by`, `.decision`, `.status`, `.version`, `.cost`, `.value`, and of its run "
        "`.run.model`, `.run.domain` and so on.",
    ),
]
IncidentOption = Annotated[
    str,
    typer.Option(
        "--incident", metavar="ID", help="Only the actions of this incident (I-…) or finding (F-…)."
    ),
]
RunOption = Annotated[str, typer.Option("--run", metavar="ID", help="Only this run.")]
IdentityOption = Annotated[
    str, typer.Option("--identity", metavar="SPIFFE", help="Only runs it opened or acted in.")
]
VersionOption = Annotated[
    str, typer.Option("--version", metavar="V", help="Only runs under this contract version.")
]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Only runs opened then or later, in UTC.")
]
UntilOption = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Only runs opened before then, in UTC.")
]
RateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rate", metavar="USD=EUR:0.92", help="Convert: a dollar is 0.92 euros. Repeatable."
    ),
]
MinuteOption = Annotated[
    str,
    typer.Option(
        "--minute", metavar="0.75EUR", help="A minute of a person, where no cost was recorded."
    ),
]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="|".join(FORMATS), help="How to write the answer.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the answer to a file.")
]
TableOption = Annotated[
    str,
    typer.Option("--table", metavar="NAME", help="Which table CSV and Parquet hold."),
]


@dataclass(frozen=True, slots=True)
class Asked:
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
            since=micros_of("--since", self.since),
            until=micros_of("--until", self.until),
        )


def micros_of(option: str, text: str) -> int | None:
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


def rates_of(rate: list[str] | None, minute: str) -> "Rates":
    """Return the stated rates.

    Raises:
        UsageError: One cannot be read.
    """
    from replay.rates import RateError, read_rates

    try:
        return read_rates(rate or (), minute)
    except RateError as error:
        raise UsageError(error.code, str(error)) from error


def format_of(format_: str, out: Path | None) -> str:
    """Return a format's name.

    Raises:
        UsageError: There is none, or it needs a file.
    """
    if format_ not in FORMATS:
        raise UsageError(
            "format.unknown",
            f"--format: there is no format {format_!r}",
            do=f"The formats are: {', '.join(FORMATS)}.",
        )
    if format_ == "parquet" and out is None:
        raise UsageError("format.binary", "Parquet is no text", do="Name a file with --out.")
    return format_


def opened_ledger(ledger: str, trust: Path | None, settings: Settings) -> "VerifiedLedger":
    """Verify a ledger and open it. It is to be closed."""
    from verifier.load import open_ledger

    pinned = trust_of(trust, settings)
    if pinned is None:
        message(
            "writ: no trust file: the ledger is compared with itself alone. Name one with --trust."
        )
    with progress("verifying") as step:
        return open_ledger(ledger, pinned, progress=step, jobs=processors())


def history_of(opened: "VerifiedLedger") -> "History":
    """Read a verified ledger as acts and runs."""
    from replay.history import History

    with progress("reading") as step:
        return History.of(opened, step)


def chosen_actions(
    history: "History", report: "Report", choice: "Choice", incident: str = ""
) -> "ChosenActs":
    """Choose actions, of an incident or a finding where one is named.

    Raises:
        UsageError: There is no such run, incident or finding.
    """
    from dataclasses import replace

    from replay.run_choice import chosen_acts

    if incident:
        choice = replace(choice, entries=_entries_of(report, incident))
    try:
        return chosen_acts(history, choice)
    except LookupError as error:
        raise UsageError("run.unknown", f"--run: {error}") from error


def _entries_of(report: "Report", incident: str) -> frozenset[int]:
    """Return the entries that an incident's findings, or one finding, stand at."""
    wanted = {incident}
    for one in report.incidents:
        if one.id == incident:
            wanted = set(one.findings)
    found = frozenset(one.index for one in report.findings if one.id in wanted)
    if not found:
        raise UsageError(
            "incident.unknown",
            f"--incident: this ledger has no incident or finding {incident!r}",
            do="`writ verify` names incidents, `writ findings` findings.",
        )
    return found


def chosen_runs(
    ledger: str, trust: Path | None, settings: Settings, choice: "Choice"
) -> "tuple[History, Report, Chosen]":
    """Verify a ledger, read it, and choose its runs.

    Raises:
        UsageError: There is no such run.
    """
    from replay.run_choice import chosen

    with opened_ledger(ledger, trust, settings) as opened:
        history = history_of(opened)
    try:
        return history, opened.report, chosen(history, choice)
    except LookupError as error:
        raise UsageError("run.unknown", f"--run: {error}") from error


@dataclass(frozen=True, slots=True)
class Writing:
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
