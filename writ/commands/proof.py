"""`writ proof`: a proof of one record to carry away, and its check without the ledger."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.commands.verify import AtOption, TrustOption, trust_of, with_time
from writ.errors import CommandError, UsageError
from writ.output import data, message
from writ.settings import current

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.proof import ProvenRecord
    from ledger.proof_head import Asked, ProofHead
    from ledger.records import AnyRecord
    from ledger.sealed import Disclosure
    from ledger.source import Source
    from ledger.tiles import TiledTree
    from verifier.trust import Trust


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
    at: AtOption = None,
    withhold: Annotated[
        bool, typer.Option("--withhold", help="Leave the record itself out of the proof.")
    ] = False,
    disclosure: Annotated[
        Path | None,
        typer.Option("--disclosure", metavar="FILE", help="With --check: its sealed values."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the proof to a file.")
    ] = None,
) -> None:
    """Write a proof that one record is in a ledger, or check one with nothing but a trust file.

    It is made under the newest head that has the cosignatures that a trust file asks for.
    Checking exits 0 when the proof holds, 1 when it does not, 4 when it is no proof.
    """
    if check is not None:
        if ledger is not None:
            raise UsageError("proof.what", "either LEDGER INDEX, or --check FILE: not both")
        _check(check, trust, at, disclosure)
        return
    if ledger is None or index is None or disclosure is not None:
        raise UsageError(
            "proof.what",
            "it is not said what to prove",
            do="writ proof LEDGER INDEX, or writ proof --check FILE --trust FILE",
        )
    asked = with_time(trust_of(trust, current()), at)
    data(_made(ledger, index, asked, shown=not withhold), out)


def _made(ledger: str, index: int, trust: "Trust | None", *, shown: bool) -> str:
    from ledger.encoding import digest
    from ledger.proof import make_proof
    from ledger.proof_head import choose_head
    from verifier.load import open_source

    source = open_source(ledger)
    try:
        if index >= source.size():
            raise CommandError(
                "proof.index", f"{ledger} has no entry {index}: its last is {source.size() - 1}"
            )
        if source.withheld(index):
            message(
                f"writ: {ledger} withholds the record of entry {index}: the proof is of its "
                "digest, of who signed it and of its place"
            )
        if trust is not None and digest(source.row(0).record or b"") != trust.genesis:
            raise CommandError("proof.trust", f"{ledger}: the trust file is of another ledger")
        head = choose_head(source, index, None if trust is None else _asked(trust))
        if head is None:
            raise CommandError(
                "proof.head",
                f"no signed head of {ledger} covers entry {index}",
                do="A head is signed when whoever writes the ledger closes it.",
            )
        message(f"writ: {_said(head, trust)}")
        return make_proof(source, index, head.note, _tree(source, head.note), shown=shown).decode()
    finally:
        source.close()


def _asked(trust: "Trust") -> "Asked":
    from ledger.proof_head import Asked

    return Asked(trust.witnesses, trust.quorum, trust.max_age, trust.at)


def _said(head: "ProofHead", trust: "Trust | None") -> str:
    """Return under which head a proof is made, and why not under the newest."""
    said = f"under the head of {head.size:,} entries"
    if trust is None or not trust.quorum:
        return f"{said}, the newest; no trust file asks for witnesses"
    counted = f"{head.witnesses} of the witnesses, and {trust.quorum} are asked for"
    if head.enough:
        newer = "" if head.size == head.newest else f" (the newest, of {head.newest:,}, is not yet)"
        return f"{said}, cosigned by {counted}{newer}"
    why = "their cosignatures are too old" if head.witnesses >= trust.quorum else "too few"
    return (
        f"{said}, cosigned by {counted}: {why}, and no head over this entry has better: whoever "
        "asks for that will refuse this proof"
    )


def _tree(source: "Source", note: bytes) -> "TiledTree | None":
    """Return the tiles of the head's tree, where a bundle has them: a proof then reads a few."""
    from ledger.bundle import Bundle
    from ledger.checkpoint import parse_checkpoint, parse_note
    from ledger.tiles import CHECKPOINT, TiledTree

    if not isinstance(source, Bundle):
        return None
    beside = source.tile(CHECKPOINT)
    text = parse_note(note).text
    if beside is None or parse_note(beside).text != text:
        return None
    return TiledTree(source.tile, parse_checkpoint(text).size)


def _check(file: Path, trust: Path | None, at: str | None, disclosure: Path | None) -> None:
    from ledger.errors import UnprovenRecordError
    from ledger.proof import check_proof

    pinned = with_time(trust_of(trust, current()), at)
    if pinned is None:
        raise UsageError(
            "proof.trust",
            "a proof is checked against a trust file, and none is named",
            do="Name the ledger's trust file with --trust.",
        )
    try:
        proven = check_proof(
            file.read_bytes(),
            pinned.genesis,
            pinned.witnesses,
            pinned.quorum,
            max_age=pinned.max_age,
            at=pinned.at,
        )
        shown = None if disclosure is None else _shown(proven, disclosure.read_bytes())
    except UnprovenRecordError as error:
        data(f"NOT PROVEN: {error}\n")
        raise typer.Exit(int(ExitCode.VIOLATED)) from error
    data(_proven(proven, shown))


def _shown(proven: "ProvenRecord", raw: bytes) -> "Disclosure":
    """Return what a disclosure shows of the proven record.

    Raises:
        SealedFormatError: It is no disclosure.
        UnprovenRecordError: It is of another record, or of another value.
    """
    from ledger.encoding import decode
    from ledger.errors import UnprovenRecordError, UnsealedError
    from ledger.records import record_bytes
    from ledger.sealed import check_opening, read_disclosure, sealed_in

    disclosure = read_disclosure(raw)
    if disclosure.record != proven.digest:
        raise UnprovenRecordError("the disclosed values are of another record")
    if proven.record is None:
        raise UnprovenRecordError("the proof withholds the record: what it seals is not known")
    sealed = dict(sealed_in(decode(record_bytes(proven.record))))
    for one in disclosure.openings:
        try:
            check_opening(one, sealed.get(one.path, ""))
        except UnsealedError as error:
            raise UnprovenRecordError(str(error)) from error
    return disclosure


def _proven(proven: "ProvenRecord", shown: "Disclosure | None") -> str:
    head = proven.checkpoint.checkpoint
    lines = [
        f"PROVEN: entry {proven.index} of {head.origin}, in the head of {head.size:,} entries",
        f"  record {proven.digest}",
        f"  by {proven.identity}, recorded at {proven.header.recorded_at}",
        f"  signed by the key {proven.signer.hex()},",
        f"  as authority document {proven.document} allows",
        "  It does not show that this key was never revoked, nor that the record is true.",
        *_body(proven.record),
        *(f"  {one.path} is {one.value.decode()}" for one in (shown.openings if shown else ())),
    ]
    return "\n".join(lines) + "\n"


def _body(record: "AnyRecord | None") -> "Iterator[str]":
    if record is None:
        yield "  The record is withheld: what it says, and of what kind it is, is not shown."
        return
    body = json.dumps(record.model_dump(by_alias=True), ensure_ascii=False, indent=2)
    yield from (f"  {line}" for line in body.splitlines())
