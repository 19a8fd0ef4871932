"""`writ verify` and `writ findings`: what holds, what was broken, and where."""

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.engines import Engines
from verifier.errors import TrustError
from verifier.report import ExitCode, Report
from verifier.trust import Pin, Trust, parse_trust
from writ.errors import CommandError, UsageError
from writ.opening import Opened, opened
from writ.output import data, message, progress
from writ.settings import Settings, current

if TYPE_CHECKING:
    from verifier.reports import Called

# As verifier.reports has them, which is not imported before it is needed; a test compares.
FORMATS = ("text", "json", "jsonl", "sarif", "junit", "ocsf", "html")

LedgerArgument = Annotated[
    str, typer.Argument(metavar="LEDGER", help="A ledger: a .db file or a database URL.")
]
_SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="LEDGER", help="A .db file, a database URL, a bundle, or a directory of tiles."
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="What ages are measured against, such as 2026-03-01T09:00:00Z; default: now.",
    ),
]
CheckpointOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="A signed head that the ledger must still contain."
    ),
]
TrustOption = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="The trust file, obtained out of band."),
]


_JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="Processes that read, for --integrity; else that ask CEL what no column says, where "
        "there is much of it. As many as there are processors.",
    ),
]
_StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="What you keep of earlier verifications: only what is new since is read and decided.",
    ),
]
_EngineOption = Annotated[
    Engines,
    typer.Option(
        "--engine",
        help="What decides records again: `columns` for a long ledger, `rows` (the counters of the "
        "guard) for a short one. Both say the same.",
    ),
]


def verify(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: _SourceArgument,
    trust: TrustOption = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="|".join(FORMATS), help="How to write the report."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the report to a file.")
    ] = None,
    integrity: Annotated[
        bool, typer.Option("--integrity", help="Integrity alone: decide no record again.")
    ] = False,
    jobs: _JobsOption = None,
    state: _StateOption = None,
    engine: _EngineOption = Engines.AUTO,
    at: AtOption = None,
    checkpoint: CheckpointOption = None,
    receipts: Annotated[
        Path | None,
        typer.Option("--receipts", metavar="FILE", help="What a writer was given: is it there?"),
    ] = None,
    unseal: Annotated[
        Path | None,
        typer.Option("--unseal", metavar="KEYFILE", help="The sealing key: open sealed values."),
    ] = None,
    disclosures: Annotated[
        Path | None,
        typer.Option("--disclosures", metavar="FILE|DIR", help="Sealed values that were shown."),
    ] = None,
) -> None:
    """Check every byte of a ledger and decide every record in it again.

    Exits 0 when it holds and breaks no rule, 1 when it is broken or violated, 3 when that cannot be
    decided, 4 when it cannot be read.
    """
    settings = current()
    chosen = _format(settings, format_)
    pinned = with_time(trust_of(trust, settings), at, checkpoint or ())
    sealed = opened(unseal, disclosures)
    report = verified(
        ledger,
        pinned,
        conformance=not integrity,
        jobs=jobs or _processors(),
        sealed=sealed,
        state=state,
        engines=engine,
    )
    if pinned is not None and checkpoint and report.integrity.verdict == "broken":
        _say_contained(ledger, pinned)
    dropped = 0 if receipts is None else _dropped(ledger, receipts)
    files = {"--checkpoint": checkpoint, "--unseal": unseal, "--disclosures": disclosures}
    named = settings.get("trust", str(trust) if trust else None).value
    called = _called(ledger, named, pinned, at=at, integrity=integrity, files=files)
    data(_written(report, chosen, settings, called), out)
    raise typer.Exit(int(ExitCode.VIOLATED if dropped else report.exit_code()))


def _format(settings: Settings, flag: str | None) -> str:
    """Return how the report is written.

    Raises:
        UsageError: There is no such format.
    """
    chosen = settings.get("format", flag)
    if chosen.value not in FORMATS:
        raise UsageError(
            "format.unknown",
            f"{chosen.origin}: there is no format {chosen.value!r}",
            do=f"The formats are: {', '.join(FORMATS)}.",
        )
    return chosen.value


def _processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _dropped(ledger: str, receipts: Path) -> int:
    """Say which acknowledged entries the ledger does not show, and return how many."""
    from ledger.receipts import missed
    from ledger.store import Store

    count = 0
    with Store.open(ledger) as store:
        for one in missed(store, receipts):
            count += 1
            message(
                f"writ: receipts.{one.why}: {receipts}, line {one.line}: entry "
                f"{one.receipt.index} was acknowledged with record {one.receipt.record}, and "
                + ("there is none" if one.why == "missing" else "another one stands there")
            )
    if not count:
        message(f"writ: every receipt in {receipts} is of an entry that this ledger shows")
    return count


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

    report = verified(ledger, trust_of(trust, current()))
    asked = {"violated": True, "undecidable": undecidable, "handled": handled}
    for found in report.findings:
        if rule not in {"", found.rule, found.code} or run not in {"", found.run}:
            continue
        if asked[found.result]:
            how = f"  {found.handled}" if found.handled else ""
            data(f"{found.id}  {found.result}  {found.code}  {place(found)}{how}\n")
    raise typer.Exit(int(report.exit_code()))


def with_time(
    trust: Trust | None, at: str | None, checkpoints: Sequence[Path] = ()
) -> Trust | None:
    """Return the trust with what the command line adds: a time, and heads to be contained.

    Raises:
        UsageError: It is no time; or there are heads, and no trust file that says whose.
    """
    from ledger.clock import parse_time

    if trust is None:
        if checkpoints:
            raise UsageError(
                "verify.checkpoint", "--checkpoint pins a head of the ledger that --trust names"
            )
        return None
    pins = tuple(Pin(str(path), _note(path)) for path in checkpoints)
    trust = replace(trust, pins=(*trust.pins, *pins))
    if at is None:
        return trust
    whole = at if "." in at else at.replace("Z", ".000000Z")
    try:
        return replace(trust, at=int(parse_time(whole).timestamp()))
    except ValueError as error:
        raise UsageError("verify.at", f"--at: {at!r} is no time in UTC, RFC 3339") from error


def _note(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError("trust.checkpoint", f"{path}: no checkpoint: not in UTF-8") from error


def _say_contained(ledger: str, trust: Trust) -> None:
    """Say of each pinned head whether the entries lead to it: a report names the first break."""
    from ledger.checkpoint import parse_checkpoint, parse_note
    from ledger.errors import StoreError
    from ledger.store import Store
    from verifier.splitting import contained

    pins = trust.all_pins()
    heads = [parse_checkpoint(parse_note(pin.note.encode()).text) for pin in pins]
    try:
        with Store.open(ledger) as store:
            found = contained(store, heads)
    except StoreError as error:
        message(f"writ: which heads it contains cannot be said: {error}")
        return
    for pin, head, holds in zip(pins, heads, found, strict=True):
        how = "in the ledger" if holds else "NOT in the ledger"
        message(f"writ: {pin.name}, of {head.size:,} entries: {how}")


def verified(
    ledger: str,
    pinned: Trust | None,
    *,
    conformance: bool = True,
    jobs: int = 1,
    sealed: Opened | None = None,
    state: Path | None = None,
    engines: Engines = Engines.AUTO,
) -> Report:
    """Verify a ledger, with a progress bar where somebody is watching.

    With a state only what is new is read, and what was done is said.

    Raises:
        CommandError: The ledger or the trust file cannot be read.
        StateError: The state cannot be used.
    """
    from verifier.asking import Asking
    from verifier.load import verify_ledger
    from verifier.state import State

    asking = Asking(jobs)
    with ExitStack() as held:
        held.callback(asking.close)
        kept = None if state is None else held.enter_context(State.open(state, pinned))
        report = verify_ledger(
            ledger,
            pinned,
            progress=held.enter_context(progress("verifying")),
            conformance=conformance,
            jobs=jobs,
            opener=sealed.sealing if sealed else None,
            disclosures=sealed.disclosures if sealed else (),
            state=kept,
            engines=engines,
            asking=asking,
        )
    if kept is not None:
        message(f"writ: {kept.said()}")
    for said in asking.said():
        message(f"writ: {said}")
    return report


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
        # Where no time is given the age of cosignatures is measured against now.
        return replace(parse_trust(path.read_bytes(), str(path)), at=int(time.time()))
    except OSError as error:
        raise CommandError(
            "trust.unreadable",
            f"{path}: {error.strerror} (named by {setting.origin})",
            do="Ask whoever audits this ledger for its trust file.",
        ) from error
    except TrustError as error:
        raise CommandError(error.code, str(error)) from error


def _written(report: Report, format_: str, settings: Settings, called: "Named") -> str:
    from verifier.reports import FORMATS as WRITERS
    from verifier.reports import Beside

    if format_ == "text" and report.integrity.trust == "self-asserted":
        message(
            "writ: no trust file: the ledger is compared with itself alone. Name one with --trust."
        )
    built_in = settings.get("in_full").origin == "built in"
    beside = Beside(
        in_full=None if built_in else settings.number("in_full"),
        envelope=envelope(called.ledger, called.trust),
        called=called.quoted(),
    )
    return WRITERS[format_](report, beside)


@dataclass(frozen=True, slots=True)
class Named:
    """What the command was given that a report hangs on, as it was given."""

    ledger: str
    trust: str
    more: tuple[str, ...]

    def quoted(self) -> "Called":
        """Return it as a shell takes it."""
        from verifier.reports import Called

        return Called(
            ledger=shlex.quote(without_password(self.ledger)),
            trust=shlex.join(("--trust", self.trust)) if self.trust else "",
            more=shlex.join(self.more),
        )


def _called(
    ledger: str,
    trust: str,
    pinned: Trust | None,
    *,
    at: str | None,
    integrity: bool,
    files: Mapping[str, Path | list[Path] | None],
) -> Named:
    """Return how this report is made again."""
    from ledger.clock import format_time

    more = ["--integrity"] if integrity else []
    # Ages of cosignatures are measured against now, unless somebody says against when.
    if at is None and pinned is not None and pinned.witnesses and pinned.at is not None:
        at = format_time(datetime.fromtimestamp(pinned.at, UTC))
    if at is not None:
        more += ["--at", at]
    for option, given in files.items():
        for path in given if isinstance(given, list) else [given]:
            if path is not None:
                more += [option, str(path)]
    return Named(ledger, trust, tuple(more))


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
