"""`writ upgrade`: a store's tables as this version makes them, verified before and after."""

from pathlib import Path
from typing import Annotated

import typer

from verifier.report import ExitCode, LedgerFacts
from writ.commands.backup import checked, dated, made
from writ.commands.verify import LedgerArgument, TrustOption, trust_of
from writ.errors import CommandError, UsageError
from writ.output import data
from writ.report_writing import without_password
from writ.settings import current


def upgrade(
    ledger: LedgerArgument,
    trust: TrustOption = None,
    backup: Annotated[
        Path | None,
        typer.Option("--backup", metavar="FILE", help="Where the copy made before it goes."),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no copy before: there is one.")
    ] = False,
) -> None:
    """Bring a ledger's store to the tables of this version. Its entries stay as they are.

    It is verified before and after, and copied before. Where nothing is to be done, nothing is
    done. Exits 1 when the ledger is broken, and then nothing was changed.
    """
    from ledger import schema
    from ledger.store import Store
    from ledger.upgrading import upgrade as upgraded

    with Store.open(ledger) as store:
        version = store.version
    if version == schema.VERSION:
        data(f"{without_password(ledger)}: its tables are of version {version}, the newest\n")
        return
    pinned = trust_of(trust, current())
    before = checked(ledger, pinned).ledger
    if not no_backup:
        data(made(ledger, _destination(ledger, backup, version), pinned))
    upgraded(ledger)
    after = checked(ledger, pinned).ledger
    _compare(before, after)
    data(
        f"{without_password(ledger)}: upgraded from version {version} to {schema.VERSION}\n"
        f"  {after.size:,} entries, root {after.root}, the same as before\n"
    )


def _destination(ledger: str, backup: Path | None, version: int) -> Path:
    """Return where the copy goes: if nobody says, beside the ledger under a dated name."""
    from ledger.clock import system_clock

    if backup is not None:
        return backup
    if "://" in ledger:
        raise UsageError(
            "upgrade.backup",
            "a ledger at a URL has no folder beside it for a copy of it",
            do="Name one with --backup FILE, or say --no-backup.",
        )
    return dated(Path(ledger), f"v{version}", system_clock())


def _compare(before: LedgerFacts, after: LedgerFacts) -> None:
    """Refuse to call it upgraded where entries are not what they were."""
    if before.size == after.size and before.root != after.root:
        raise CommandError(
            "upgrade.changed",
            f"the root over {after.size} entries was {before.root} and is {after.root}",
            do="This is a defect of Writ. Put the copy back with writ restore.",
            exit_code=ExitCode.VIOLATED,
        )
