"""`writ export`: a ledger, or a part of it, to carry away."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import IntegrityVerdict
from verifier.trust import Trust
from writ.commands.verify import LedgerArgument, TrustOption, trust_of, verified
from writ.errors import CommandError, UsageError
from writ.output import data, message
from writ.settings import current

if TYPE_CHECKING:
    from ledger.bundle_writing import Written
    from ledger.source import Source
    from verifier.selection import Chooses, Selection


def export(
    ledger: LedgerArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR|ZIP", help="A new directory, or a new .zip file."),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Option("--runs", metavar="DIGEST|REF", help="Only this run. May be repeated."),
    ] = None,
    where: Annotated[
        str, typer.Option("--where", metavar="CEL", help="Only records that this holds of.")
    ] = "",
    tiles: Annotated[
        bool, typer.Option("--tiles", help="The tree as C2SP tlog-tiles as well.")
    ] = False,
    disclose: Annotated[
        list[Path] | None,
        typer.Option("--disclose", metavar="FILE", help="A disclosure to take along. Repeatable."),
    ] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Do not verify the ledger first.")
    ] = False,
    trust: TrustOption = None,
) -> None:
    """Write a bundle that anybody with the trust file can verify, with this tool or without.

    It has every header, all governance and every signed head. Without --runs and --where it has
    every record; else those asked for and what they name, and the rest is withheld: what hangs on
    it is then undecidable. A broken ledger is not exported unless --unverified says so.
    """
    pinned = trust_of(trust, current())
    if not unverified:
        _check(ledger, trust)
    disclosures = dict(_disclosure(path) for path in disclose or ())
    written, selection = _made(
        ledger, out, pinned, runs or [], where, tiled=tiles, disclosures=disclosures
    )
    data(_said(out, written, selection))


def _check(ledger: str, trust: Path | None) -> None:
    """Refuse to carry a broken ledger away as if nothing were."""
    broken = verified(ledger, trust_of(trust, current())).integrity
    if broken.verdict is IntegrityVerdict.BROKEN and broken.broken is not None:
        where = broken.broken
        raise CommandError(
            "export.broken",
            f"{ledger} is broken at entry {where.index}: {where.what}",
            do="--unverified takes it away as it is, for whoever looks into that.",
        )


def _disclosure(path: Path) -> tuple[str, bytes]:
    """Return a disclosure under the name that it has in a bundle."""
    from ledger.sealed import read_disclosure

    raw = path.read_bytes()
    return f"{read_disclosure(raw).record}.json", raw


def _made(
    ledger: str,
    out: Path,
    trust: Trust | None,
    runs: list[str],
    where: str,
    *,
    tiled: bool,
    disclosures: dict[str, bytes],
) -> "tuple[Written, Selection | None]":
    from ledger.bundle_writing import write_bundle
    from verifier.load import open_source

    chooses = _condition(where)
    source = open_source(ledger)
    try:
        selection = _selected(source, trust, runs, chooses)
        chosen = None if selection is None else selection.__contains__
        written = write_bundle(source, out, chosen, tiled=tiled, disclosures=disclosures)
    finally:
        source.close()
    return written, selection


def _selected(
    source: "Source", trust: Trust | None, runs: list[str], where: "Chooses | None"
) -> "Selection | None":
    from verifier.selection import select

    if not runs and where is None:
        return None
    selection = select(source, trust, runs, where)
    missing = sorted(set(runs) - selection.runs)
    if missing:
        raise CommandError(
            "export.no-run",
            f"{source.location} has no run {missing[0]}",
            do="Name a run by the digest of the record that opens it, or by its source's own id.",
        )
    return selection


def _condition(text: str) -> "Chooses | None":
    from contracts.evaluation import ConditionError
    from contracts.selecting import record_filter

    if not text:
        return None
    try:
        return record_filter(text)
    except ConditionError as error:
        raise UsageError(
            "export.where",
            f"--where is no condition: {error}",
            do="Write one over record, such as: record.kind == 'action' && record.tool == 'pay'",
        ) from error


def _said(out: Path, written: "Written", selection: "Selection | None") -> str:
    lines = [f"{out}: {written.size:,} entries, {written.files:,} files"]
    if selection is not None:
        kept = written.size - written.withheld
        lines.append(
            f"  {kept:,} records: {selection.asked:,} asked for, {selection.governing:,} of "
            "governance or by who may write it, and what they name"
        )
    if written.withheld:
        lines.append(
            f"  {written.withheld:,} records are withheld: what hangs on them will be undecidable"
        )
    if selection is not None and selection.undecided:
        message(
            f"writ: --where has no answer for {selection.undecided:,} records, and left them out: "
            "has(record.…) asks whether a member is there"
        )
    lines.append(f"  writ verify {out} --trust FILE   checks it; its README says how to without")
    return "\n".join(lines) + "\n"
