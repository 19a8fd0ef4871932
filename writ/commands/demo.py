"""`writ demo`: what Writ is for, in three minutes, on a service that is simulated from a seed."""

from pathlib import Path
from typing import Annotated

import typer

from writ.errors import UsageError
from writ.output import data, progress

FEWEST, MOST = 0, 20_000


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="An empty folder to work in [a new one]."),
    ] = None,
    seed: Annotated[
        str, typer.Option("--seed", metavar="TEXT", help="What happens follows from it.")
    ] = "",
    runs: Annotated[
        int | None, typer.Option("--runs", metavar="N", help="How many ordinary cases there are.")
    ] = None,
    reproducible: Annotated[
        bool,
        typer.Option(
            "--reproducible", help="Keys and nonces from the seed as well: every byte the same."
        ),
    ] = False,
) -> None:
    """Let a contracted refund service live for four weeks, verify it, and tell what happened.

    Leaves the ledger, its trust file, truth.json (all that was planted) and a tampered copy. Exits
    1 when the report is not exactly what was planted.
    """
    from writ.demo.month import RUNS
    from writ.demo.run import SEED, Choices, fresh_folder, run

    if runs is not None and not FEWEST <= runs <= MOST:
        raise UsageError("demo.runs", f"--runs is {FEWEST} to {MOST}, not {runs}")
    choices = Choices(
        seed=seed or SEED, runs=RUNS if runs is None else runs, reproducible=reproducible
    )
    with progress("living") as living, progress("verifying") as verifying:
        for line in run(fresh_folder(folder), choices, living, verifying):
            data(f"{line}\n")
