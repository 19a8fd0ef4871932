"""`writ backup` and `writ restore`: a copy to keep, and a ledger put back from one."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.trust import Trust
from writ.commands.verify import LedgerArgument, TrustOption, trust_of
from writ.errors import CommandError, UsageError
from writ.losing import known_heads, losses, mark, mark_of, said_of
from writ.output import data, message, progress
from writ.report_writing import without_password
from writ.settings import current

if TYPE_CHECKING:
    from ledger.checkpoint import Checkpoint


def backup(
    ledger: LedgerArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The new file. Nothing is overwritten.")
    ],
    trust: TrustOption = None,
) -> None:
    """Copy a ledger to one file, while others go on writing it, and verify the copy.

    The file is a ledger like any other: `writ verify` reads it. Keys are no part of it. Exits 1
    when the ledger is broken, and then there is no copy.
    """
    data(made(ledger, out, trust_of(trust, current())))


def restore(
    copy: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that writ backup made.")],
    to: Annotated[
        str, typer.Option("--to", metavar="LEDGER", help="A file, or the URL of an empty database.")
    ],
    trust: TrustOption = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", help="Folder of the ledger's keys, if not beside."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="There is a ledger: keep it under a dated name.")
    ] = False,
    accept_loss: Annotated[
        str, typer.Option("--accept-loss", metavar="REASON", help="Entries are lost, and why.")
    ] = "",
) -> None:
    """Put a ledger back from a copy, after verifying it.

    A copy that lacks entries of which a head was signed is refused: with --accept-loss it is put
    back to be read, a file beside it says what is lost, and the head's key signs nothing in it any
    more. Exits 1 when the copy is refused, and then nothing was changed.
    """
    from ledger.backup import restore as put_back
    from ledger.errors import LedgerError

    pinned = _trust(to, trust)
    facts = checked(str(copy), None if pinned is None else _unpinned(pinned)).ledger
    heads = known_heads(to, keys, pinned)
    if not heads:
        message(
            "writ: nothing here knows a signed head of this ledger: "
            "whether the copy is its newest cannot be told"
        )
    lost = losses(str(copy), facts, heads)
    if lost is not None and not accept_loss:
        raise _refused(copy, facts.size, lost)
    aside = _aside(to, replace=replace)
    marked = mark_of(to, keys) if lost is not None else None
    if lost is not None and marked is not None:
        # Before the store is there: however this ends, no loss goes without its mark.
        mark(marked, facts, lost, accept_loss)
    try:
        put_back(copy, to, lambda where: _same(where, facts.root), aside=aside)
    except LedgerError:
        if marked is not None:
            marked.unlink(missing_ok=True)
        raise
    lines = [f"Restored {without_password(to)}: {facts.size:,} entries, root {facts.root}"]
    if aside is not None:
        lines.append(f"  what was there is now {aside}")
    if lost is not None:
        lines.extend(said_of(facts.size, lost, marked))
    data("\n".join(lines) + "\n")


def made(ledger: str, out: Path, trust: Trust | None) -> str:
    """Copy a ledger and verify the copy. Returns what there is to say of it."""
    from ledger.backup import back_up, sealed_values

    found: list[Report] = []
    back_up(ledger, out, lambda where: found.append(checked(where, trust)))
    report = found[0]
    facts, sealed = report.ledger, sealed_values(out)
    lines = [
        f"Backup {out}: {facts.size:,} entries, root {facts.root}",
        f"  integrity {report.integrity.verdict}, trust {report.integrity.trust}",
        f"  last signed head at size {facts.checkpoint_size:,}",
    ]
    if sealed:
        lines.append(
            f"  ! it holds {sealed:,} sealed values and the keys that open them: keep it as you "
            "keep those. What is erased in the ledger from now on stays in it until it is destroyed"
        )
    return "\n".join(lines) + "\n"


def checked(location: str, trust: Trust | None) -> Report:
    """Verify a ledger that is to be copied or put back.

    Raises:
        CommandError: It is broken.
    """
    from verifier.load import verify_ledger

    with progress("verifying") as step:
        report = verify_ledger(location, trust, progress=step, conformance=False)
    broken = report.integrity.broken
    if report.integrity.verdict is IntegrityVerdict.BROKEN and broken is not None:
        raise CommandError(
            "ledger.broken",
            f"{without_password(location)}: broken at entry {broken.index}: {broken.what}",
            do="A broken ledger is evidence: keep it as it is, and ask writ verify what is wrong.",
            exit_code=ExitCode.VIOLATED,
        )
    return report


def dated(path: Path, what: str, moment: datetime) -> Path:
    """Return a file's name beside a ledger, with what it is and when it was made.

    Example:
        >>> dated(Path("a.db"), "v1", datetime(2026, 3, 1, 9, 0)).name
        'a.db.v1-20260301T090000Z'
    """
    return path.with_name(f"{path.name}.{what}-{moment:%Y%m%dT%H%M%S}Z")


def _same(where: str, root: str) -> None:
    """Refuse what was put back if it is not what was in the copy."""
    found = checked(where, None).ledger.root
    if found != root:
        raise CommandError(
            "restore.changed", f"the copy's root is {root}, and what was put back has {found}"
        )


def _trust(to: str, flag: Path | None) -> Trust | None:
    """Return the trust file that was named, or the one that lies beside where the ledger was."""
    beside = Path(f"{to}.trust.json")
    if flag is None and "://" not in to and beside.is_file():
        flag = beside
    return trust_of(flag, current())


def _unpinned(trust: Trust) -> Trust:
    """Return a trust file without its checkpoint: what it pins is compared by itself."""
    from dataclasses import replace

    return replace(trust, checkpoint="")


def _refused(copy: Path, size: int, lost: "Checkpoint") -> CommandError:
    return CommandError(
        "restore.behind",
        f"{copy}: has {size} entries, and a head of {lost.size} was signed: "
        f"entries {size} to {lost.size - 1} are not in it",
        do="Restore a newer copy. If there is none, --accept-loss REASON puts this one back to be "
        "read, and nothing is added to it any more: found a ledger that succeeds it.",
        exit_code=ExitCode.VIOLATED,
    )


def _aside(to: str, *, replace: bool) -> Path | None:
    """Return where a ledger goes that is replaced."""
    from ledger.clock import system_clock
    from ledger.schema import file_of

    path = file_of(to)
    if path is None and replace:
        raise UsageError(
            "restore.replace",
            "a database is not replaced: what is in it stays",
            do="Restore into an empty database, and let the ledger's users know its URL.",
        )
    if path is None or not path.exists():
        return None
    if not replace:
        raise UsageError(
            "restore.exists",
            f"{path}: there is a ledger already",
            do="--replace keeps it under a dated name and puts the copy in its place.",
        )
    return dated(path, "replaced", system_clock())
