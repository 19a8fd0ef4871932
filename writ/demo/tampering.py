"""Somebody changes one byte of a ledger, in a copy, and signs nothing."""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ledger.store import Store
from writ.errors import CommandError


@dataclass(frozen=True, slots=True)
class Tampering:
    """What was done to the copy: a byte of one entry's record, in place."""

    index: int
    before: str
    after: str


def tamper(ledger: Path, copy: Path, index: int) -> Tampering:
    """Copy a ledger, and change one digit of one record in the copy's file.

    Args:
        ledger: The ledger.
        copy: Where the copy goes.
        index: The entry whose record is changed.

    Raises:
        CommandError: The record does not lie in one piece in the file.
    """
    with (
        closing(sqlite3.connect(ledger)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        # One file, so that what is changed in it is what is read.
        target.execute("PRAGMA journal_mode=DELETE")
    with Store.open(copy) as store:
        record = store.row(index).record or b""
    # The digits of what was done come first in a reader's mind, those of the nonce will do.
    found = re.search(rb'"params":\{[^}]*?(\d)', record) or re.search(rb"(\d)", record)
    raw = bytearray(copy.read_bytes())
    start = raw.find(record)
    if found is None or not record or start < 0:
        raise CommandError("demo.failed", f"entry {index} does not lie in one piece in {copy}")
    at = found.start(1)
    before = record[max(at - 16, 0) : at + 16].decode("utf-8", "replace")
    raw[start + at] = ord("0") + (record[at] - ord("0") + 1) % 10
    after = bytes(raw[start + max(at - 16, 0) : start + at + 16]).decode("utf-8", "replace")
    copy.write_bytes(bytes(raw))
    return Tampering(index, before, after)
