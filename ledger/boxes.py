"""Sealed values as the store keeps them: in boxes, beside the keys that open them.

These are the only tables of a ledger from which anything is ever taken away. What is taken is gone
with the transaction that records why; what a database leaves behind of it is for `Store.scrub`.
Source: docs/spec/ledger-format.md, *Sealed values*.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.errors import SealedFormatError
from ledger.transaction import Transaction

_BOX = "SELECT commitment, record, path, subject, box FROM sealed"
_OF_RECORD = f"{_BOX} WHERE record = ? ORDER BY path"
_OF_SUBJECT = f"{_BOX} WHERE subject = ? ORDER BY record, path"
_ADD_BOX = "INSERT INTO sealed (commitment, record, path, subject, box) VALUES (?, ?, ?, ?, ?)"
_ADD_KEY = "INSERT INTO subjects (subject, key) VALUES (?, ?)"
_KEY = "SELECT key FROM subjects WHERE subject = ?"
_ONE = "SELECT subject FROM sealed WHERE record = ? AND path = ?"
_DESTROY_BOX = "DELETE FROM sealed WHERE record = ? AND path = ?"
_DESTROY_KEY = (
    "DELETE FROM subjects WHERE subject = ? "
    "AND NOT EXISTS (SELECT 1 FROM sealed WHERE sealed.subject = subjects.subject)"
)
_IDLE_KEYS = (
    "SELECT count(*) FROM subjects "
    "WHERE NOT EXISTS (SELECT 1 FROM sealed WHERE sealed.subject = subjects.subject)"
)


@dataclass(frozen=True, slots=True)
class Box:
    """One sealed value as it is kept.

    Attributes:
        commitment: What stands in the record.
        record: Digest of the record.
        path: Where in it: a JSON pointer.
        subject: Whose key opens the box.
        box: Salt and value, encrypted.
    """

    commitment: str
    record: str
    path: str
    subject: str
    box: bytes = field(repr=False)


class Boxes:
    """The boxes and the subjects' keys, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def each(self) -> Iterator[Box]:
        """Yield all boxes.

        Raises:
            SealedFormatError: A row is not one of a box.
        """
        for row in self._transaction.each(_BOX):
            yield _box(row)

    def of_record(self, record: str) -> Sequence[Box]:
        """Return the boxes of one record, by path. Raises as `each` does."""
        return [_box(row) for row in self._transaction.all(_OF_RECORD, record)]

    def of_subject(self, subject: str) -> Sequence[Box]:
        """Return the boxes of one subject, by record and path. Raises as `each` does."""
        return [_box(row) for row in self._transaction.all(_OF_SUBJECT, subject)]

    def key(self, subject: str) -> bytes | None:
        """Return a subject's key as it is kept, wrapped; None where there is none."""
        found = self._transaction.all(_KEY, subject)
        return bytes(found[0][0]) if found else None

    def idle_keys(self) -> int:
        """Return how many subjects have a key and no box: none has, where all was done here."""
        return int(self._transaction.all(_IDLE_KEYS)[0][0])

    def has(self, record: str, path: str) -> bool:
        """Tell whether there is a box for this place."""
        return bool(self._transaction.all(_ONE, record, path))

    def add_key(self, subject: str, wrapped: bytes) -> None:
        """Keep a new subject's key."""
        self._transaction.run(_ADD_KEY, subject, wrapped)

    def add(self, boxes: Sequence[Box]) -> None:
        """Keep boxes."""
        rows = [(one.commitment, one.record, one.path, one.subject, one.box) for one in boxes]
        self._transaction.run_for(_ADD_BOX, rows)

    def destroy(self, record: str, paths: Sequence[str]) -> None:
        """Destroy the boxes of these places, and the keys of subjects who have none left."""
        subjects: set[str] = set()
        for path in paths:
            subjects.update(row[0] for row in self._transaction.all(_ONE, record, path))
            self._transaction.run(_DESTROY_BOX, record, path)
        for subject in sorted(subjects):
            self._transaction.run(_DESTROY_KEY, subject)


def _box(row: Sequence[object]) -> Box:
    commitment, record, path, subject, box = row
    if (
        isinstance(commitment, str)
        and isinstance(record, str)
        and isinstance(path, str)
        and isinstance(subject, str)
        and isinstance(box, bytes)
    ):
        return Box(commitment, record, path, subject, box)
    raise SealedFormatError("a row of sealed values is not of texts and bytes")
