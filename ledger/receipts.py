"""Receipts that a writer keeps: what the ledger has acknowledged, and must show for ever.

One line of JSON each, added and synced as they come: `index`, `leaf` and `record`. Whoever keeps
the ledger cannot drop or replace such an entry without this file showing it.
Source: docs/spec/ledger-format.md, *Receipts*.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.admission import Receipt
from ledger.encoding import decode, encode
from ledger.entry import leaf_hash
from ledger.errors import LedgerError, MissingEntryError, ReceiptError
from ledger.files import sync_folder
from ledger.store import Store

# Bytes that hold a line at least.
_LONGEST = 4_096
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Missed:
    """An acknowledged entry that the ledger does not show.

    Attributes:
        line: The receipt's line in its file, from 1.
        receipt: The receipt.
        why: `missing`, or `elsewhere` where another entry stands in its place.
    """

    line: int
    receipt: Receipt
    why: str


def keep_receipts(path: Path, receipts: Sequence[Receipt]) -> None:
    """Add receipts to a file, durably. It is made where it is missing.

    Raises:
        ReceiptError: It cannot be written. What was acknowledged is recorded all the same.
    """
    lines = b"".join(
        encode({"index": one.index, "leaf": one.leaf, "record": one.record}) + b"\n"
        for one in receipts
    )
    try:
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _cut_torn_line(descriptor)
            at = 0
            while at < len(lines):
                at += os.write(descriptor, lines[at:])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise ReceiptError(
            f"{path}: cannot keep receipts there ({error.strerror}); the records are recorded"
        ) from error


def _cut_torn_line(descriptor: int) -> None:
    """Take away what a process was writing when it died, so that the next line is one."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - _LONGEST)
    kept = os.pread(descriptor, size - start, start).rfind(b"\n") + 1
    # Where so many bytes hold no line's end it is not a file of ours; reading it says so.
    if start == 0 or kept:
        os.ftruncate(descriptor, start + kept)


def read_receipts(path: Path) -> Iterator[tuple[int, Receipt]]:
    """Yield the line number and the receipt of each line. A torn last line is passed over.

    Raises:
        ReceiptError: The file cannot be read, or a line is no receipt.
    """
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ReceiptError(f"{path}: cannot read the receipts ({error.strerror})") from error
    for number, raw in enumerate(lines, start=1):
        try:
            yield number, _receipt(decode(raw))
        except (LedgerError, TypeError, KeyError, ValueError) as error:
            raise ReceiptError(f"{path}, line {number}: not a receipt ({error})") from error


def _receipt(value: object) -> Receipt:
    if not isinstance(value, dict) or set(value) != {"index", "leaf", "record"}:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError("a receipt has index, leaf and record")
    found: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType]
    index, leaf, record = found["index"], found["leaf"], found["record"]
    if type(index) is not int or index < 0:
        raise ValueError("index is a number from 0")
    if not isinstance(leaf, str) or not isinstance(record, str):
        raise ValueError("leaf and record are hashes")  # noqa: TRY004  (of the file, not of a caller)
    if not _DIGEST.fullmatch(leaf) or not _DIGEST.fullmatch(record):
        raise ValueError("leaf and record are hashes")
    return Receipt(index, leaf, record)


def missed(store: Store, receipts: Path) -> Iterator[Missed]:
    """Yield the receipts of a file whose entries the store does not show.

    Raises:
        ReceiptError: The file is none of receipts.
        StoreError: The store cannot be read.
    """
    for line, receipt in read_receipts(receipts):
        try:
            shown = leaf_hash(store.row(receipt.index).header).hex()
        except MissingEntryError:
            yield Missed(line, receipt, "missing")
            continue
        if shown != receipt.leaf:
            yield Missed(line, receipt, "elsewhere")
