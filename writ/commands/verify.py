"""`writ verify` and `writ findings`: what holds, what was broken, and where."""

from pathlib import Path
from typing import Annotated

import typer

from verifier.errors import TrustError
from verifier.report import Report
from verifier.trust import Trust, parse_trust
from writ.errors import CommandError, UsageError
from writ.output import data, message, progress
from writ.settings import Settings, current

FORMATS = ("text", "json")

LedgerArgument = Annotated[
    str, typer.Argument(metavar="LEDGER", help="A ledger: a .db file or a database URL.")
]
TrustOption = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="The trust file, obtained out of band."),
]


def verify(
    ledger: LedgerArgument,
    trust: TrustOption = None,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="text|json", help="How to write the report.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the report to a file.")
    ] = None,
    integrity: Annotated[
        bool, typer.Option("--integrity", help="Integrity alone: decide no record again.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option("--jobs", metavar="N", min=1, help="Processes that read, for --integrity."),
    ] = 1,
) -> None:
    """Check every byte of a ledger and decide every record in it again.

    Exits 0 when it holds and breaks no rule, 1 when it is broken or violated, 3 when that cannot be
    decided, 4 when it cannot be read.
    """
    settings = current()
    chosen = settings.get("format", format_)
    if chosen.value not in FORMATS:
        raise UsageError(
            "format.unknown",
            f"{chosen.origin}: there is no format {chosen.value!r}",
            do=f"The formats are: {', '.join(FORMATS)}.",
        )
    report = verified(ledger, trust, settings, conformance=not integrity, jobs=jobs)
    data(_written(report, chosen.value, ledger, trust, settings), out)
    raise typer.Exit(int(report.exit_code()))


def findings(
    ledger: LedgerArgument,
    trust: TrustOption = None,
    rule: Annotated[
        str, typer.Option("--rule", metavar="ID", help="Only this rule, or this code.")
    ] = "",
    run: Annotated[str, typer.Option("--run", metavar="ID", help="Only this run.")] = "",
    undecidable: Annotated[
        bool, typer.Option("--undecidable", help="Also what could not be decided, and advice.")
    ] = False,
    handled: Annotated[
        bool, typer.Option("--handled", help="Also what was denied, held or approved, and how.")
    ] = False,
) -> None:
    """List findings, one a line: id, result, rule, entry, run, tool. Exits as `verify` does.

    Without a flag only what was violated.
    """
    from verifier.reports.text import place

    report = verified(ledger, trust, current())
    asked = {"violated": True, "undecidable": undecidable, "handled": handled}
    for found in report.findings:
        if rule not in {"", found.rule, found.code} or run not in {"", found.run}:
            continue
        if asked[found.result]:
            how = f"  {found.handled}" if found.handled else ""
            data(f"{found.id}  {found.result}  {found.code}  {place(found)}{how}\n")
    raise typer.Exit(int(report.exit_code()))


def verified(
    ledger: str,
    trust: Path | None,
    settings: Settings,
    *,
    conformance: bool = True,
    jobs: int = 1,
) -> Report:
    """Verify a ledger, with a progress bar where somebody is watching.

    Raises:
        CommandError: The ledger or the trust file cannot be read.
    """
    from verifier.load import verify_ledger

    pinned = trust_of(trust, settings)
    with progress("verifying") as step:
        return verify_ledger(ledger, pinned, progress=step, conformance=conformance, jobs=jobs)


def trust_of(flag: Path | None, settings: Settings) -> Trust | None:
    """Return the trust file that the command or the settings name; None where neither does.

    Raises:
        CommandError: It cannot be read, or is not a trust file.
    """
    setting = settings.get("trust", None if flag is None else str(flag))
    if not setting.value:
        return None
    path = Path(setting.value)
    try:
        return parse_trust(path.read_bytes(), str(path))
    except OSError as error:
        raise CommandError(
            "trust.unreadable",
            f"{path}: {error.strerror} (named by {setting.origin})",
            do="Ask whoever audits this ledger for its trust file.",
        ) from error
    except TrustError as error:
        raise CommandError(error.code, str(error)) from error


def _written(
    report: Report, format_: str, ledger: str, trust: Path | None, settings: Settings
) -> str:
    from verifier.reports.json import json_report
    from verifier.reports.text import text_report

    if format_ == "text":
        if report.integrity.trust == "self-asserted":
            message(
                "writ: no trust file: the ledger is compared with itself alone. "
                "Name one with --trust."
            )
        return text_report(report, settings.number("in_full"))
    return json_report(
        report, envelope(ledger, settings.get("trust", str(trust) if trust else None).value)
    )


def envelope(ledger: str, trust: str) -> dict[str, str]:
    """Return what does not follow from the ledger: when, with what and of which files."""
    from ledger.clock import format_time, system_clock
    from writ.commands.doctor import writ_version

    return {
        "verified_at": format_time(system_clock()),
        "writ": writ_version(),
        "ledger": without_password(ledger),
        "trust": trust,
    }


def without_password(url: str) -> str:
    """Return a ledger's name as it may be shown: a database URL without its password.

    Example:
        >>> without_password("postgresql://user:secret@host/db")
        'postgresql://user:***@host/db'
    """
    scheme, separator, rest = url.partition("://")
    account, at, place = rest.rpartition("@")
    if not (separator and at):
        return url
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}@{place}"
