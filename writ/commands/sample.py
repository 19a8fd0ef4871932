"""`writ sample --check`: a pack of samples that was handed over, checked without its ledger."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.commands.verify import AtOption, TrustOption, trust_of, with_time
from writ.errors import UsageError
from writ.output import data
from writ.sampling import check_folder
from writ.settings import current

if TYPE_CHECKING:
    from verifier.pack_checking import Checked


def sample(
    check: Annotated[Path, typer.Option("--check", metavar="DIR", help="A pack's folder.")],
    trust: TrustOption = None,
    at: AtOption = None,
) -> None:
    """Check a pack of samples with nothing but a trust file.

    `writ verify LEDGER --trust FILE --sample N --seed TEXT --out DIR` draws one. Exits 0 when it
    holds, whatever its items say, 1 when it does not, 4 when it is no pack.
    """
    from verifier.pack_checking import RefusedPackError

    pinned = with_time(trust_of(trust, current()), at)
    if pinned is None:
        raise UsageError(
            "sample.no-trust",
            "a pack is checked against a trust file, and none is named",
            do="Name the ledger's trust file with --trust.",
        )
    try:
        found = check_folder(check, pinned)
    except RefusedPackError as error:
        data(f"Sample: DOES NOT HOLD · {error.code}: {error}\n")
        raise typer.Exit(int(ExitCode.VIOLATED)) from error
    data(_said(found))


def _said(found: "Checked") -> str:
    from verifier.reports.text import printable

    index = found.index
    said = [
        f"{sum(getattr(one.population, result) for one in index.controls):,} {result}"
        for result in ("violated", "undecidable", "handled", "satisfied")
    ]
    unproven = f", {len(index.unproven):,} under no head" if index.unproven else ""
    lines = [
        f"Sample: HOLDS · {found.items:,} items of {len(index.controls):,} controls",
        f"  ledger {index.ledger.origin}, genesis {index.ledger.genesis}",
        f"  {index.draw.number:,} of each control, seed {index.draw.seed}",
        f"  {found.proven:,} entries proven in the head of {index.head.size:,} entries{unproven}",
        f"  said of the populations: {', '.join(said)}",
        "What this does not prove",
        *(f"  - {limit}" for limit in index.limits),
    ]
    return "\n".join(printable(line) for line in lines) + "\n"
