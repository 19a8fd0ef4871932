"""What a submission seals and what it erases: checked before it is written, done with it.

Source: docs/spec/ledger-format.md, *Sealed values*.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ledger.boxes import Boxes
from ledger.encoded import EncodedRecord
from ledger.encoding import SEALED_MARK, decode
from ledger.errors import ErasureRefusedError, SealedRefusedError
from ledger.records import Erasure, parse_record
from ledger.sealed import sealed_in

# The person who answers for an identity at an index; empty where nobody does.
OwnerAt = Callable[[int, str], str]


class Values(Protocol):
    """The values that go with a submission, on their way into boxes."""

    @property
    def paths(self) -> Mapping[str, str]:
        """Where each commitment's value belongs in its record."""
        ...

    def put(self, boxes: Boxes, records: Mapping[str, str]) -> None:
        """Put the values in boxes, each for the record that its commitment stands in."""
        ...

    def forget(self) -> None:
        """Keep these values in memory no longer."""
        ...


class Earlier(Protocol):
    """The ledger as it was before the submission."""

    @property
    def boxes(self) -> Boxes:
        """The sealed values."""
        ...

    def find(self, record: str) -> tuple[int, bytes] | None:
        """Return index and bytes of the record with this digest."""
        ...


class Vault:
    """The sealed side of one submission."""

    def __init__(self, earlier: Earlier, values: Values | None) -> None:
        self._earlier = earlier
        self._values = values
        self._records: dict[str, str] = {}
        self._erased: list[Erasure] = []

    def check(self, records: Sequence[EncodedRecord], index: int, owner_at: OwnerAt) -> None:
        """Check what is sealed and erased by records that are to be written from `index` on.

        Raises:
            SealedRefusedError: A value was not handed in, or is not the one committed to.
            ErasureRefusedError: An erasure names no sealed value that is there, or its writer is
                who wrote the record, or answers to the same person.
        """
        found: dict[str, str] = {}
        # One search through all of it is quicker than one for each.
        sealing = records if SEALED_MARK in b"".join([one.raw for one in records]) else ()
        for one in sealing:
            if SEALED_MARK not in one.raw:
                continue
            for path, commitment in sealed_in(decode(one.raw)):
                if commitment in found:
                    raise SealedRefusedError(f"{path}: one commitment stands at two places")
                found[commitment] = path
                self._records[commitment] = one.digest
        if found != dict(self._values.paths if self._values else {}):
            raise SealedRefusedError(
                "what the records have sealed was not handed in with them, or not all of it: "
                "give the client its sealing key, and make and submit a record by the same client"
            )
        for place, record in enumerate([one.record for one in records]):
            if type(record) is Erasure:
                self._check_erasure(record, index + place, owner_at)
                self._erased.append(record)

    def _check_erasure(self, erasure: Erasure, index: int, owner_at: OwnerAt) -> None:
        found = self._earlier.find(erasure.record)
        if found is None:
            raise ErasureRefusedError(f"no record before it has the digest {erasure.record}")
        at, raw = found
        problem = conflict(erasure, parse_record(raw).by, (at, index), owner_at)
        if problem:
            raise ErasureRefusedError(f"{problem}: let somebody else erase it", index=at)
        sealed = {path for path, _ in sealed_in(decode(raw))}
        if not erasure.paths or len(set(erasure.paths)) != len(erasure.paths):
            raise ErasureRefusedError("an erasure names at least one path, and none twice")
        for path in erasure.paths:
            if path not in sealed:
                raise ErasureRefusedError(f"{path}: entry {at} has no sealed value there", index=at)
            if not self._earlier.boxes.has(erasure.record, path):
                raise ErasureRefusedError(
                    f"{path}: this value of entry {at} was erased before, or is lost", index=at
                )

    def settle(self) -> None:
        """Do what was checked, in the transaction that writes the records."""
        if self._values is not None:
            self._values.put(self._earlier.boxes, self._records)
        for erasure in self._erased:
            self._earlier.boxes.destroy(erasure.record, erasure.paths)


def conflict(erasure: Erasure, actor: str, indexes: tuple[int, int], owner_at: OwnerAt) -> str:
    """Return why who writes an erasure may not erase what this actor recorded; else nothing.

    Args:
        erasure: The erasure.
        actor: Who wrote the record.
        indexes: Where the record stands, and where the erasure.
        owner_at: Who answers for an identity, and when.
    """
    if erasure.by == actor:
        return f"{actor} would erase what it recorded itself"
    at, index = indexes
    owner = owner_at(index, erasure.by)
    if owner and owner in {owner_at(at, actor), owner_at(index, actor)}:
        return f"{owner} answers for {erasure.by} and for who recorded it"
    return ""
