"""`writ rollback`: what could be undone of what was done, in which order, and what stays."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from writ.commands.init import KeysOption
from writ.commands.times import moment
from writ.commands.verify import LedgerArgument, TrustOption, trust_of
from writ.errors import CommandError, UsageError
from writ.output import data, message, progress
from writ.settings import current

if TYPE_CHECKING:
    from replay.choosing import Wanted
    from replay.rollback_answer import Answer

FORMATS: Final = ("text", "json", "csv", "parquet", "html")
SCOPES: Final = ("actions", "dependents", "runs", "identity")


def rollback(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    where: Annotated[
        str,
        typer.Option(
            "--where", metavar="CEL", help="Over action, params, run, outcome and identity."
        ),
    ] = "",
    run: Annotated[str, typer.Option("--run", metavar="DIGEST|REF", help="Only this run.")] = "",
    identity: Annotated[
        str, typer.Option("--identity", metavar="NAME", help="Only what this one did.")
    ] = "",
    version: Annotated[
        str, typer.Option("--version", metavar="V", help="Only under this contract version.")
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Only what was done from then on.")
    ] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Only what was done by then.")
    ] = "",
    incident: Annotated[
        list[str] | None,
        typer.Option("--incident", metavar="I-…", help="What an incident is about. Repeatable."),
    ] = None,
    finding: Annotated[
        list[str] | None,
        typer.Option("--finding", metavar="F-…", help="What a finding is about. Repeatable."),
    ] = None,
    at: Annotated[
        str,
        typer.Option("--at", metavar="TIME", help="As of then; default: the ledger's last entry."),
    ] = "",
    blast: Annotated[
        str, typer.Option("--blast", metavar="TIME", help="Had the kill switch been pulled then.")
    ] = "",
    scope: Annotated[
        str, typer.Option("--scope", metavar="|".join(SCOPES), help="How far the plan reaches.")
    ] = "actions",
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUE",
            help="A parameter of compensating calls that the contract leaves open. Repeatable.",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="KEYFILE", help="Propose the plan to the guard."),
    ] = None,
    keys: KeysOption = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="How to write it.")
    ] = "text",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to a file.")
    ] = None,
) -> None:
    """Say what could be undone of some actions, in which order, by which calls, and what stays.

    Nothing is executed. Without a selection it is everything. CSV and Parquet have a row for each
    action. --record proposes the plan's calls to the guard, which decides each as of now.
    """
    from replay.choosing import Wanted

    _known(format_, scope, out)
    wanted = Wanted(where, run, identity, version, _micros(since), _micros(until))
    names = (*(incident or ()), *(finding or ()))
    asking = _Asking(
        _asked(wanted, since, until, names),
        _micros(at),
        _micros(blast),
        scope,
        _params(param or ()),
    )
    found = _answered(ledger, trust, wanted, asking, (incident or (), finding or ()))
    _write(found, format_, out)
    if record is not None:
        from writ.rolling_back import proposed

        for line in proposed(ledger, keys, record, found):
            message(f"writ: {line}")


@dataclass(frozen=True, slots=True)
class _Asking:
    """How it is asked: in words, as of when, with the switch pulled when, how far, given what."""

    told: str
    at: int | None
    pulled: int | None
    scope: str
    given: Mapping[str, Any]


def _known(format_: str, scope: str, out: Path | None) -> None:
    for value, all_, code in (
        (format_, FORMATS, "format.unknown"),
        (scope, SCOPES, "rollback.scope"),
    ):
        if value not in all_:
            raise UsageError(code, f"there is no {value!r}", do=f"There are: {', '.join(all_)}.")
    if format_ == "parquet" and out is None:
        raise UsageError("rollback.out", "Parquet is no text", do="Name a file with --out.")


def _micros(text: str) -> int | None:
    if not text:
        return None
    since = moment(text, "rollback.time") - datetime.fromtimestamp(0, UTC)
    return since // timedelta(microseconds=1)


def _params(given: Sequence[str]) -> dict[str, Any]:
    """Return parameters as they were given: JSON where it is that, else the text itself."""
    found: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not (name and equals):
            raise UsageError("rollback.param", f"{one!r} is not NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _asked(wanted: "Wanted", since: str, until: str, names: Sequence[str]) -> str:
    told = (
        ("where", wanted.where),
        ("run", wanted.run),
        ("identity", wanted.identity),
        ("version", wanted.version),
        ("since", since),
        ("until", until),
        ("of", ", ".join(names)),
    )
    return "; ".join(f"{name} {value}" for name, value in told if value)


def _answered(
    ledger: str,
    trust: Path | None,
    wanted: "Wanted",
    asking: _Asking,
    named: tuple[Sequence[str], Sequence[str]],
) -> "Answer":
    from contracts.evaluation import ConditionError
    from replay.choosing import Choosing, NotFoundError, entries_of
    from replay.compensations import read
    from replay.rollback_answer import answer
    from replay.scopes import Scope
    from verifier.load import open_ledger

    pinned = trust_of(trust, current())
    try:
        with (
            progress("verifying") as verifying,
            open_ledger(ledger, pinned, progress=verifying) as opened,
            progress("reading") as reading,
        ):
            if any(named):
                wanted = replace(wanted, entries=entries_of(opened.report.findings, *named))
            choosing = Choosing(wanted)
            made = read(opened, asking.at, given=asking.given, watches=[choosing], step=reading)
            return answer(
                made,
                choosing,
                Scope(asking.scope),
                asked=asking.told,
                pulled=asking.pulled,
            )
    except NotFoundError as error:
        raise CommandError("rollback.selection", str(error)) from error
    except ConditionError as error:
        raise UsageError("rollback.where", f"--where: {error}") from error


def _write(found: "Answer", format_: str, out: Path | None) -> None:
    """Write the report: text to stdout or a file, bytes to a file."""
    if format_ == "parquet":
        from replay.reports.rollback_tables import actions_table
        from replay.tables import as_parquet

        if out is not None:
            out.write_bytes(as_parquet(actions_table(found)))
        return
    data(_written(found, format_), out)


def _written(found: "Answer", format_: str) -> str:
    if format_ == "json":
        from replay.reports.rollback_json import json_rollback

        return json_rollback(found)
    if format_ == "html":
        from replay.reports.rollback_html import html_rollback

        return html_rollback(found)
    if format_ == "csv":
        from replay.reports.rollback_tables import actions_table
        from replay.tables import as_csv

        return as_csv(actions_table(found))
    from replay.reports.rollback_text import text_rollback

    return text_rollback(found)
