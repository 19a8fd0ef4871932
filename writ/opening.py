"""What opens sealed values for a command: the sealing key, and what somebody was shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from writ.asking import passphrase
from writ.errors import CommandError

if TYPE_CHECKING:
    from ledger.sealed import Disclosure
    from ledger.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Opened:
    """The sealing key, if it was given, and the disclosures that were."""

    sealing: "Sealing | None"
    disclosures: "Sequence[Disclosure]"


def opened(key: Path | None, disclosures: Path | None) -> Opened:
    """Take up a sealing key and read disclosures, where they are named.

    Raises:
        CommandError: There is no disclosure in the folder.
        LedgerError: The key cannot be used, or a file is no disclosure.
    """
    shown = () if disclosures is None else _disclosures(disclosures)
    return Opened(None if key is None else sealing_of(key), shown)


def sealing_of(path: Path) -> "Sealing":
    """Take up a sealing key.

    Raises:
        LedgerError: There is none, others can read it, or it is under another passphrase.
    """
    from ledger.sealing import Sealing, SealingKey

    return Sealing(SealingKey.load(path, passphrase))


def _disclosures(path: Path) -> "Sequence[Disclosure]":
    from ledger.sealed import read_disclosure

    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise CommandError("seal.none", f"{path}: there is no disclosure (*.json) in this folder")
    return tuple(read_disclosure(file.read_bytes()) for file in files)
