"""`writ proof`: a proof of one record to carry away, and its check without the ledger."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.commands.verify import TrustOption, trust_of
from writ.errors import CommandError, UsageError
from writ.output import data
from writ.settings import current

if TYPE_CHECKING:
    from ledger.proof import ProvenRecord


def proof(
    ledger: Annotated[
        str | None, typer.Argument(metavar="[LEDGER]", help="A .db file or a database URL.")
    ] = None,
    index: Annotated[
        int | None, typer.Argument(metavar="[INDEX]", min=0, help="The entry to prove.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Check a proof instead.")
    ] = None,
    trust: TrustOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the proof to a file.")
    ] = None,
) -> None:
    """Write a proof that one record is in a ledger, or check one with nothing but a trust file.

    Checking exits 0 when the proof holds, 1 when it does not, 4 when it is no proof.
    """
    if check is not None:
        if ledger is not None:
            raise UsageError("proof.what", "either LEDGER INDEX, or --check FILE: not both")
        _check(check, trust)
        return
    if ledger is None or index is None:
        raise UsageError(
            "proof.what",
            "it is not said what to prove",
            do="writ proof LEDGER INDEX, or writ proof --check FILE --trust FILE",
        )
    data(_made(ledger, index), out)


def _made(ledger: str, index: int) -> str:
    from ledger.proof import make_proof
    from ledger.store import Store

    with Store.open(ledger) as store:
        if index >= store.size():
            raise CommandError(
                "proof.index", f"{ledger} has no entry {index}: its last is {store.size() - 1}"
            )
        notes = [note for size, note in store.checkpoints() if size > index]
        if not notes:
            raise CommandError(
                "proof.head",
                f"no signed head of {ledger} covers entry {index}",
                do="A head is signed when whoever writes the ledger closes it.",
            )
        return make_proof(store, index, notes[-1]).decode()


def _check(file: Path, trust: Path | None) -> None:
    from ledger.errors import UnprovenRecordError
    from ledger.proof import check_proof

    pinned = trust_of(trust, current())
    if pinned is None:
        raise UsageError(
            "proof.trust",
            "a proof is checked against a trust file, and none is named",
            do="Name the ledger's trust file with --trust.",
        )
    try:
        proven = check_proof(file.read_bytes(), pinned.genesis)
    except UnprovenRecordError as error:
        data(f"NOT PROVEN: {error}\n")
        raise typer.Exit(int(ExitCode.VIOLATED)) from error
    data(_proven(proven))


def _proven(proven: "ProvenRecord") -> str:
    record = proven.record
    head = proven.checkpoint.checkpoint
    body = json.dumps(record.model_dump(by_alias=True), ensure_ascii=False, indent=2)
    lines = [
        f"PROVEN: entry {proven.index} of {head.origin}, in the head of {head.size:,} entries",
        f"  record {proven.digest}",
        f"  by {record.by}, recorded at {proven.header.recorded_at}",
        f"  signed by the key {proven.signer.hex()},",
        f"  as authority document {proven.document} allows",
        "  It does not show that this key was never revoked, nor that the record is true.",
        *(f"  {line}" for line in body.splitlines()),
    ]
    return "\n".join(lines) + "\n"
