"""A record together with its bytes, of which each is known to be the other's.

The gate takes bytes from anybody, and parses and checks them before it believes anything. Where the
writer is in the same process and hands over a record that was validated, all of that would find
again what was just made: the bytes are written from the validated fields by the strict encoder. So
both are handed over as one value that only this module makes.
Source: docs/adr/0012; docs/spec/ledger-format.md, *Record*.
"""

from hashlib import sha256
from typing import Final, Self

from ledger.records import MODELS, AnyRecord, parse_record, record_bytes

_SEAL: Final = object()


class EncodedRecord:
    """A record and its bytes. Made by `of` or `read`, never otherwise.

    What a record holds of free JSON (`params`, `fields`, `attributes`) may be changed by whoever
    holds it; the bytes are what is recorded, and nobody decides by those fields.

    Attributes:
        raw: The bytes: strict JSON.
        record: What they say.
        digest: Their hash, by which other records refer to this one.
    """

    __slots__ = ("digest", "raw", "record")

    raw: Final[bytes]
    record: Final[AnyRecord]
    digest: Final[str]

    def __init__(self, raw: bytes, record: AnyRecord, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("an encoded record is made by `of` or `read`")
        self.raw = raw
        self.record = record
        self.digest = sha256(raw).hexdigest()

    @classmethod
    def of(cls, record: "AnyRecord | EncodedRecord") -> "EncodedRecord":
        """Write a record, if it is not written yet.

        Raises:
            EncodingError: A value in it has no strict JSON, or it is longer than 1 MiB.
            RecordError: It is of a class of its own, and what it writes is no record.
        """
        if isinstance(record, EncodedRecord):
            return record
        raw = record_bytes(record)
        if type(record) not in MODELS:
            return cls(raw, parse_record(raw), _SEAL)
        return cls(raw, record, _SEAL)

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read a record from bytes of whatever origin, as `parse_record` does."""
        return cls(raw, parse_record(raw), _SEAL)
