"""`writ demo`: what Writ is for, in a minute, on samples that come with it."""

from pathlib import Path
from typing import Annotated

import typer

from writ.output import data


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="An empty folder to work in [a new one]."),
    ] = None,
) -> None:
    """Import recorded conversations, verify them, explain what broke, and catch a changed byte."""
    from writ.demo import fresh_folder, run

    for line in run(fresh_folder(folder)):
        data(f"{line}\n")
