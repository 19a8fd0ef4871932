"""`writ import transcripts`: recorded conversations, made a ledger that can be verified."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.commands.reading import published_text
from writ.errors import CommandError
from writ.keeping import (
    check_trust_file,
    hand_out_trust,
    in_force,
    opened_or_founded,
    trust_destination,
    writing,
)
from writ.output import data, message, progress

if TYPE_CHECKING:
    from contracts.model import Contract
    from ledger.founding import Founded
    from ledger.importers.profile import Profile
    from ledger.importers.report import ImportReport

app = typer.Typer(help="Make a ledger of other people's traces.", no_args_is_help=True)

# A conversation with one of these is not in the ledger, or not as a whole.
LOST = frozenset(
    {
        "import.line-too-long",
        "import.not-a-conversation",
        "import.not-json",
        "import.not-utf8",
        "import.torn-run",
        "import.truncated-gzip",
        "import.unreadable",
    }
)


@app.callback()
def callback() -> None:
    """Make a ledger of other people's traces."""


@app.command("transcripts")
def transcripts(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="JSON Lines of conversations, plain or gzip."),
    ],
    ledger: Annotated[
        str, typer.Option("--ledger", metavar="LEDGER", help="A .db file or a database URL.")
    ],
    contract: Annotated[
        list[Path],
        typer.Option("--contract", metavar="FILE", help="A contract; may be given again."),
    ],
    profile: Annotated[
        Path, typer.Option("--profile", metavar="FILE", help="How the source maps to the contract.")
    ],
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", metavar="DIR", help="Folder of the profile's reference data."),
    ] = None,
    trust_out: Annotated[
        Path | None,
        typer.Option("--trust-out", metavar="FILE", help="Trust file [LEDGER.trust.json]."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", help="Folder of the keys [LEDGER.keys]."),
    ] = None,
) -> None:
    """Import conversations. A ledger that is not there is made, with new keys in LEDGER.keys/.

    Importing the same conversations again adds nothing. Exits 0 when every conversation is in the
    ledger (what had to be kept in another form is listed), 1 when one is not.
    """
    from contracts import load_contract
    from ledger.importers.profile_reading import load_profile

    contracts = {path: published_text(path) for path in contract}
    loaded = [load_contract(text, path.as_posix()) for path, text in contracts.items()]
    mapping = load_profile(profile)
    for path in files:
        if not path.is_file():
            what = "is not a file" if path.exists() else "there is no such file"
            raise CommandError("import.unreadable", f"{path}: {what}")
    _check_service(mapping, loaded, profile)
    trust = trust_destination(ledger, trust_out)
    founded = opened_or_founded(ledger, mapping.service, keys)
    check_trust_file(trust, founded)
    for loaded_contract, text in zip(loaded, contracts.values(), strict=True):
        in_force(founded, loaded_contract, text)
    try:
        report, note = import_files(founded, files, mapping, loaded, snapshot)
    except KeyboardInterrupt:
        message("writ: what was written stays; the same command again goes on from there")
        raise
    hand_out_trust(founded, note, trust)
    data(report_text(report))
    lost = sum(count for code, count in report.problem_counts.items() if code in LOST)
    raise typer.Exit(int(ExitCode.VIOLATED if lost else ExitCode.HOLDS))


def _check_service(profile: "Profile", contracts: "list[Contract]", path: Path) -> None:
    services = [contract.service for contract in contracts]
    if profile.service not in services:
        raise CommandError(
            "import.service",
            f"{path}: its service is {profile.service}, and the contracts are for "
            f"{', '.join(services)}: no action would be judged",
            do="Make `service` of the profile and `identity.service` of the contract the same.",
        )


def import_files(
    founded: "Founded",
    files: list[Path],
    profile: "Profile",
    contracts: "list[Contract]",
    snapshot: Path | None,
) -> "tuple[ImportReport, bytes]":
    """Import files into a ledger, and return what became of them and the last signed head.

    Raises:
        LedgerError: The ledger refused; what was acknowledged stays, and is recognised next time.
    """
    from ledger.importers.transcripts import Progress, import_transcripts

    tools = {tool.name: tool.mode for one in contracts for tool in one.tools.values()}
    with progress("importing") as step, writing(founded, "importer") as writer:

        def tell(done: Progress) -> None:
            step(done.records, 0)

        report = import_transcripts(
            files, writer, profile, snapshot_dir=snapshot, known_tools=tools, progress=tell
        )
        writer.client.close()
        return report, writer.client.checkpoint()


def report_text(report: "ImportReport", shown: int = 20) -> str:
    """Return an import report as text, ended by a newline.

    Args:
        report: What the import did.
        shown: How many problems are printed word by word.
    """
    kinds = (
        f"{report.messages:,} messages, {report.actions:,} actions, {report.outcomes:,} outcomes, "
        f"{report.observations:,} observations, of these {report.reference:,} reference data"
    )
    lines = [f"Imported {report.runs:,} conversations: {report.records:,} records ({kinds})"]
    if report.runs_present:
        lines.append(
            f"  {report.runs_present:,} conversations were in the ledger already, and add nothing"
        )
    if report.unguarded_tools:
        lines.append("  Tools that no contract here knows:")
        lines += [
            f"    {tool.tool}: {tool.calls:,} calls"
            f"{' (by its name it may change something)' if tool.looks_like_write else ''}"
            for tool in report.unguarded_tools
        ]
    if not report.runs and report.problem_counts.get("import.not-json"):
        lines.append("  The files have to be JSON Lines: each conversation whole, on one line")
    total = sum(report.problem_counts.values())
    if total:
        lines.append(f"  {total:,} things did not fit, and were kept as near as the format allows:")
        lines += [f"    {code}: {count:,}" for code, count in report.problem_counts.items()]
        lines += [f"    {problem}" for problem in report.problems[:shown]]
        if total > shown:
            lines.append(f"    … and {total - shown:,} more")
    return "\n".join(lines) + "\n"
