"""`writ show`: one entry, or one finding with the entries that it rests on, written open."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from writ.commands.verify import LedgerArgument, TrustOption, trust_of, verified
from writ.errors import CommandError, UsageError
from writ.output import data
from writ.settings import current

if TYPE_CHECKING:
    from ledger.source import Source

DIGEST_DIGITS = 64


def show(
    ledger: LedgerArgument,
    which: Annotated[
        str,
        typer.Argument(
            metavar="INDEX|ID", help="An entry's index, a record's digest, or a finding's id."
        ),
    ],
    trust: TrustOption = None,
) -> None:
    """Show one entry of a ledger as it stands, or one finding (which verifies the ledger first).

    An entry is shown without being verified: `writ verify` says whether it can be believed.
    """
    if which.startswith("F-"):
        data("\n".join(_finding(ledger, which, trust)) + "\n")
        return
    from verifier.load import open_source

    with closing(open_source(ledger)) as store:
        index = int(which) if which.isdecimal() else _index_of(store.index_of, which)
        row = store.row(index)
        lines = [
            *_entry(index, row.header, row.record, withheld=store.withheld(index)),
            *_sealed(store, row.record or b"{}"),
        ]
        data("\n".join(lines) + "\n")


def _index_of(find: Any, digest: str) -> int:  # noqa: ANN401 - the store's own method
    if len(digest) != DIGEST_DIGITS:
        raise UsageError(
            "show.which",
            f"{digest!r} is neither an index, nor a digest of 64 digits, nor a finding's id",
            do="Try an index such as 12, or an id such as F-0123456789abcdef.",
        )
    index = find(digest)
    if index is None:
        raise CommandError("show.none", f"no record of this ledger has the digest {digest}")
    return int(index)


def _entry(index: int, header: bytes, record: bytes | None, *, withheld: bool) -> Iterator[str]:
    yield f"entry {index}"
    yield "header"
    yield from _opened(header)
    yield "record"
    if record is None:
        yield "  withheld" if withheld else "  not in this store"
        return
    yield from _opened(record)


def _sealed(source: "Source", raw: bytes) -> Iterator[str]:
    """Say what the store has of each sealed value of a record: on its word, like all shown here."""
    from ledger.encoding import decode, digest
    from ledger.errors import EncodingError
    from ledger.sealed import sealed_in
    from ledger.store import Store

    try:
        found = dict(sealed_in(decode(raw)))
    except EncodingError:
        return
    if not found:
        return
    record = digest(raw)
    kept = set(found)  # a bundle has no boxes: what is not erased is withheld
    if isinstance(source, Store):
        with source.boxes() as boxes:
            held = boxes.of_record(record)
        kept = {box.path for box in held if box.commitment == found.get(box.path)}
    said = (decode(one) for _, one in source.records_containing(record.encode()))
    erasures = [one for one in said if one.get("kind") == "erasure" and one["record"] == record]
    erased = {path for one in erasures for path in one["paths"]}
    yield "sealed values"
    states = {
        (True, False): "withheld",
        (False, True): "erased",
        (True, True): "erased-but-present",
        (False, False): "lost",
    }
    for path in found:
        there = path in kept and (isinstance(source, Store) or path not in erased)
        yield f"  {path}: {states[there, path in erased]}"


def _opened(raw: bytes) -> Iterator[str]:
    """Write JSON open; texts that hold JSON or many lines (authority, contracts) as well."""
    from ledger.encoding import decode
    from ledger.errors import EncodingError

    try:
        value = decode(raw)
    except EncodingError as error:
        yield f"  not strict JSON ({error})"
        yield f"  {raw[:400]!r}"
        return
    texts: dict[str, str] = {}
    if isinstance(value, dict):
        for name in ("document", "text"):
            inner = cast("dict[str, Any]", value).get(name)
            if isinstance(inner, str):
                value[name] = f"({name}, below)"
                texts[name] = inner
    yield from _indented(json.dumps(value, ensure_ascii=False, indent=2))
    for name, inner in texts.items():
        yield name
        yield from _indented(_pretty(inner))


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text


def _indented(text: str) -> Iterator[str]:
    return (f"  {line}" for line in text.splitlines())


def _finding(ledger: str, which: str, trust: Path | None) -> Iterator[str]:
    from verifier.load import open_source
    from verifier.reports.json import finding_body
    from verifier.reports.text import explained, place

    report = verified(ledger, trust_of(trust, current()))
    found = next((one for one in report.findings if one.id == which), None)
    if found is None:
        raise CommandError(
            "show.none",
            f"{which}: this ledger has no such finding",
            do=f"`writ findings {ledger} --undecidable --handled` lists them all.",
        )
    yield f"finding {which}  {found.code}  {place(found)}"
    yield from explained(found)
    yield from _indented(json.dumps(finding_body(found), ensure_ascii=False, indent=2))
    with closing(open_source(ledger)) as store:
        for index in sorted({*found.explanation.entries, *(one.index for one in found.rests_on)}):
            row = store.row(index)
            yield f"entry {index}"
            if store.withheld(index):
                yield "  withheld"
            else:
                yield from _opened(row.record or b"{}")
