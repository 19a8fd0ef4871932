"""What commands share that write in somebody's name: whose, with which key, and asking first."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from writ.errors import UsageError

if TYPE_CHECKING:
    from ledger.founding import Founded

AsOption = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who speaks: short name, or in full.")
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="KEYFILE", help="The key, if not in the folder of keys."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask at the terminal.")]


def opened_keys(ledger: str, keys: Path | None, code: str) -> "Founded":
    """Return a ledger with its keys.

    Raises:
        UsageError: It is at a URL, and nobody said where its keys are.
        LedgerError: They cannot be read.
    """
    from ledger.founding import open_founded
    from writ.asking import passphrase

    if keys is None and "://" in ledger:
        raise UsageError(code, "a ledger at a URL has its keys elsewhere: --keys DIR")
    return open_founded(ledger, keys, passphrase)


def named(name: str, key: Path | None, code: str) -> str:
    """Return who speaks; empty: whom the key speaks for.

    Raises:
        UsageError: Neither was given.
    """
    if not name and key is None:
        raise UsageError(code, "who speaks?", do="Name it with --as NAME, or --key KEYFILE.")
    return name


def confirm(question: str, *, yes: bool, code: str) -> None:
    """Ask at the terminal, unless that was answered already.

    Raises:
        UsageError: Nobody is there to be asked.
        typer.Abort: The answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            code, "nobody is there to be asked", do="Look at what is shown, then give --yes."
        )
    typer.confirm(question, abort=True, err=True)
