"""A verified ledger up to a place, as a guard reads it, and a writer that writes nothing.

A run is replayed through the guard on the ledger's own entries: what the guard would record is held
against the entry that is there, and time goes on by that entry. So nothing is signed, no key is
needed, and every record that others refer to is there under its own digest.
Source: docs/spec/timeline.md, *Through the guard*.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import ValidationError

from contracts.recording import Prepare
from ledger.admission import Receipt
from ledger.encoded import EncodedRecord
from ledger.encoding import decode, digest, to_base64
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import RecordError
from ledger.merkle import Frontier
from ledger.records import AnyRecord, Part
from ledger.rows import Head, Row
from ledger.source import Source
from verifier.errors import SourceError
from verifier.report import Report

R = TypeVar("R", bound=Part)
Submission = Sequence[tuple[Row, Header]]
"""Entries that were handed in together."""


class Past:
    """The entries of a verified ledger before a place.

    Args:
        source: Where the ledger's bytes are. They are held against what was verified.
        report: What was verified.

    Raises:
        SourceError: They are others by now.
    """

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._end = report.ledger.size
        rows = source.rows(0, self._end, strays=False)
        self._leaves = [leaf_hash(row.header) for row in rows]
        tree = Frontier()
        tree.extend(self._leaves)
        if to_base64(tree.root()) != report.ledger.root:
            raise SourceError("the ledger is another one than was verified just now")
        self._head = Head()

    def go_to(self, size: int) -> None:
        """Let the ledger end before an entry.

        Args:
            size: How many entries it has then.
        """
        if size == 0:
            self._head = Head()
            return
        header = parse_header(self._checked(self._source.row(size - 1)).header)
        self._head = Head(size, self.leaf(size - 1), header.recorded_at)

    def leaf(self, index: int) -> str:
        """Return the leaf hash of an entry, hex, whether before the place or not."""
        return self._leaves[index].hex()

    def begins(self, index: int) -> int:
        """Return the first entry of the submission in which an entry stands."""
        return index - parse_header(self._checked(self._source.row(index)).header).position

    def submissions(self, start: int) -> Iterator[Submission]:
        """Yield what was handed in from an entry on, whatever the place."""
        group: list[tuple[Row, Header]] = []
        for row in self._source.rows(start, self._end, strays=False):
            header = parse_header(self._checked(row).header)
            group.append((row, header))
            if header.position == header.count - 1:
                yield group
                group = []

    # ----------------------------------------------------------------- as a guard reads it

    def size(self) -> int:
        """Return the number of entries before the place."""
        return self._head.size

    def head(self) -> tuple[Head, object]:
        """Return where the ledger ends."""
        return self._head, None

    def rows(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        strays: bool = True,  # noqa: ARG002 - a verified ledger has none
    ) -> Iterator[Row]:
        """Yield entries before the place, in order."""
        end = self._head.size if stop is None else min(stop, self._head.size)
        for row in self._source.rows(start, end, strays=False):
            yield self._checked(row)

    def row(self, idx: int) -> Row:
        """Return one entry before the place."""
        if not 0 <= idx < self._head.size:
            raise IndexError(idx)
        return self._checked(self._source.row(idx))

    def records_containing(self, needle: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and bytes of the records before the place in which these bytes stand."""
        for index, _ in self._source.records_containing(needle, start):
            if index < self._head.size:
                yield index, self.row(index).record or b""

    def _checked(self, row: Row) -> Row:
        """Return an entry that is what was verified.

        Raises:
            SourceError: It is another one by now.
        """
        header = row.header
        known = leaf_hash(header) == self._leaves[row.idx]
        if not known or digest(row.record or b"") != parse_header(header).record:
            raise SourceError(f"entry {row.idx} changed since it was verified")
        return row


class Scribe:
    """A guard's writer that holds what is to be recorded against what was.

    Args:
        past: The ledger up to where it was recorded.

    Attributes:
        made: What the guard would have recorded last.
    """

    def __init__(self, past: Past) -> None:
        self._past = past
        self._there: Submission = ()
        self._next = 0
        self.made: list[EncodedRecord] = []

    def expect(self, there: Submission) -> None:
        """Go on to what was recorded next."""
        self._there, self._next = there, 0
        self.made = []

    @property
    def by(self) -> str:
        """The identity that spoke."""
        return str(decode(self._there[0][0].record or b"")["by"])

    @property
    def key(self) -> str:
        """The fingerprint of the key that signed."""
        return self._there[0][1].key

    @property
    def now(self) -> str:
        """When it was recorded."""
        return self._there[0][1].recorded_at

    def make(self, model: type[R], /, **fields: object) -> R:
        """Build the record that comes next, with the nonce and the writer of the one that is there.

        Raises:
            RecordError: It is of the wrong form.
        """
        place = min(self._next, len(self._there) - 1)
        self._next += 1
        there = decode(self._there[place][0].record or b"")
        try:
            return model.model_validate({"nonce": there["nonce"], "by": there["by"], **fields})
        except ValidationError as error:
            raise RecordError(f"{model.__name__}: {error.errors()[0]['msg']}") from error

    def submit(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Take what happened, and say that it stands where it stands."""
        self.made = [EncodedRecord.of(one) for one in records]
        return self._receipts()

    def append(self, prepare: Prepare) -> list[Receipt]:
        """Take what is decided on exactly the ledger as it was."""
        self._next = 0
        self.made = [EncodedRecord.of(one) for one in prepare(self._past.head()[0], self.now)]
        return self._receipts()

    def _receipts(self) -> list[Receipt]:
        return [
            Receipt(row.idx, self._past.leaf(row.idx), header.record)
            for (row, header), _ in zip(self._there, self.made, strict=False)
        ]
