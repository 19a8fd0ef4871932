"""`writ seal`, `writ erase`, `writ disclose`: values that a record holds only by commitment."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from writ.asking import new_passphrase, passphrase
from writ.commands.init import PlainOption
from writ.commands.verify import LedgerArgument
from writ.errors import UsageError
from writ.opening import sealing_of
from writ.output import data, message

KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", metavar="DIR", help="Folder of the keys; else beside the ledger."),
]
RecordArgument = Annotated[str, typer.Argument(metavar="RECORD", help="The record's digest.")]


def seal(ledger: LedgerArgument, keys: KeysOption = None, plain: PlainOption = False) -> None:
    """Make the key under which a ledger's values are sealed, once.

    Writers take it up with `ledger.sealing`; without it nothing that was sealed can be read. It
    lies under a passphrase, as other keys do: `writ keys passwd` changes that.
    """
    from ledger.sealing import KEY_FILE, KEY_SIZE, SealingKey

    path = _folder(ledger, keys) / KEY_FILE
    SealingKey.create(path, secrets.token_bytes(KEY_SIZE), None if plain else new_passphrase)
    message(f"writ: sealing key {path}. Keep it private, and not with copies of the ledger.")


def erase(
    ledger: LedgerArgument,
    record: Annotated[
        str, typer.Argument(metavar="[RECORD]", help="The record's digest.", show_default=False)
    ] = "",
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Sealed values: /params/customer/email"),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why. It stands in the ledger for good.")
    ] = "",
    subject: Annotated[
        str, typer.Option("--subject", help="All values about somebody, and their key.")
    ] = "",
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The identity that erases.")
    ] = "eraser",
    keys: KeysOption = None,
) -> None:
    """Destroy sealed values for good, and record that and why.

    Whoever erases has the role eraser, and is neither who recorded the value nor of the same owner.
    """
    from ledger.founding import open_founded
    from writ.keeping import writing

    if not reason or bool(subject) == bool(record and paths):
        raise UsageError(
            "erase.what",
            "it is not said what to erase, or why",
            do="writ erase LEDGER RECORD PATH… --reason WHY, or --subject WHOM --reason WHY",
        )
    founded = open_founded(ledger, _folder(ledger, keys), passphrase)
    with writing(founded, name) as eraser, eraser.client as client:
        if subject:
            receipts = client.erase_subject(subject, reason)
        else:
            receipts = client.erase(record, paths or [], reason)
    for receipt in receipts:
        data(f"erased: entry {receipt.index}, record {receipt.record}\n")
    if not receipts:
        data("nothing to erase: there is no sealed value about this subject\n")


def disclose(
    ledger: LedgerArgument,
    record: RecordArgument,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Which sealed values; else all of the record."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write them to a file.")
    ] = None,
    keys: KeysOption = None,
) -> None:
    """Write sealed values of a record with what proves them, to show them to somebody.

    `writ verify --disclosures FILE` checks them against the ledger, without the sealing key.
    """
    from ledger.sealed import write_disclosure
    from ledger.sealing import KEY_FILE, disclosure_of
    from ledger.store import Store

    sealing = sealing_of(_folder(ledger, keys) / KEY_FILE)
    with Store.open(ledger) as store, store.boxes() as boxes:
        shown = disclosure_of(boxes, sealing, record, paths or [])
    data(write_disclosure(shown).decode(), out)


def _folder(ledger: str, keys: Path | None) -> Path:
    from ledger.founding import keys_beside

    if keys is None and "://" in ledger:
        raise UsageError(
            "seal.keys",
            "a ledger at a URL has no folder beside it for its keys",
            do="Name one with --keys DIR.",
        )
    return keys or keys_beside(ledger)
