"""Passphrases: from the environment, or asked for at a terminal, where nothing of them is shown."""

import getpass
import os
import sys
from pathlib import Path

from ledger.passphrase import PASSPHRASE, passphrase_in
from writ.errors import CommandError

NEW_PASSPHRASE = "WRIT_NEW_PASSPHRASE"  # noqa: S105  (a variable's name)


def passphrase(path: Path) -> bytes:
    """Return the passphrase of a key file that is under one.

    Raises:
        KeyFileError: Nobody is there to be asked, and the environment names none.
    """
    if _asks(PASSPHRASE):
        return _asked(f"Passphrase of {path.name}: ")
    return passphrase_in(os.environ, PASSPHRASE, path)


def new_passphrase(path: Path) -> bytes:
    """Return the passphrase for a key file that is made now; at a terminal it is asked for twice.

    Raises:
        CommandError: The second one was another one.
        KeyFileError: Nobody is there to be asked, and the environment names none.
    """
    return _new(PASSPHRASE, path)


def other_passphrase(path: Path) -> bytes:
    """Return the passphrase that is to replace the one in `WRIT_PASSPHRASE`.

    Raises:
        CommandError: The second one was another one.
        KeyFileError: Nobody is there to be asked, and the environment names none.
    """
    return _new(NEW_PASSPHRASE, path)


def _new(variable: str, path: Path) -> bytes:
    if not _asks(variable):
        return passphrase_in(os.environ, variable, path)
    first = _asked(f"New passphrase for {path.name}: ")
    if _asked("The same once more: ") != first:
        raise CommandError("key.passphrase", f"{path}: the two passphrases are not the same")
    return first


def _asks(variable: str) -> bool:
    named = variable in os.environ or f"{variable}_FILE" in os.environ
    return not named and sys.stdin.isatty()


def _asked(prompt: str) -> bytes:
    return os.fsencode(getpass.getpass(prompt))
