"""An entry's header: the one line by which the ledger takes a record in.

The header names the record by its digest and the entry before by its leaf hash. Its own leaf hash
is what the tree is over: chain and tree share the one hash, and neither discloses a record.
Source: docs/spec/ledger-format.md, *Entry*.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError, model_validator

from ledger import merkle
from ledger.encoding import MAX_HEADER, decode, encode
from ledger.errors import HeaderError
from ledger.records import Digest, Natural, Part, Signature, Time, Version

ZEROS = "0" * 64
MAX_SUBMISSION = 1_024

_RECORD = '","record":"'

StreamId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Seen(Part):
    """What a writer had seen: the size of the tree and the last leaf in it."""

    size: Natural
    leaf: Digest

    @model_validator(mode="after")
    def _nothing_is_zeros(self) -> "Seen":
        if (self.size == 0) != (self.leaf == ZEROS):
            raise ValueError("64 zeros stand for the last leaf of an empty ledger, and of no other")
        return self


class Header(Part):
    """One entry's header. The last five fields stand at position 0 of a submission, and only there.

    Attributes:
        index: Place in the ledger, from 0.
        prev: Leaf hash of the entry before; 64 zeros at index 0.
        recorded_at: The ledger's clock.
        record: Digest of the record's bytes.
        key: Fingerprint of the key that signed the submission.
        stream: The writer's stream, 32 hex digits.
        number: The submission's number within (key, stream), from 0.
        position: The record's place in the submission, from 0.
        count: Number of records in the submission.
        previous: Hash of the signed text of the stream's submission before.
        seen: What the writer had seen.
        exact: Whether the submission was to follow `seen` immediately.
        root: Root over the submission's record digests.
        signature: The key's signature over the signed text, base64.
    """

    v: Version = 1
    index: Natural
    prev: Digest
    recorded_at: Time
    record: Digest
    key: Digest
    stream: StreamId
    number: Natural
    position: Natural
    count: Annotated[int, Field(ge=1, le=MAX_SUBMISSION)]
    previous: Digest | None = None
    seen: Seen | None = None
    exact: bool | None = None
    root: Digest | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _first_carries_the_submission(self) -> "Header":
        opening = (self.previous, self.seen, self.exact, self.root, self.signature)
        present = sum(part is not None for part in opening)
        if present != (len(opening) if self.position == 0 else 0):
            raise ValueError("previous, seen, exact, root and signature stand at position 0 alone")
        if self.position >= self.count:
            raise ValueError("position is beyond count")
        return self


@dataclass(frozen=True)
class HeaderForm:
    """What the headers of one submission have in common, and how they are written quickly.

    All that goes in was made by the ledger, or read from the signed text by its form: hashes,
    numbers, a time. `Header` would only say so again, for most of what a large submission costs.
    """

    key: str
    stream: str
    number: int
    count: int
    recorded_at: str

    def opening(
        self, index: int, prev: str, record: str, submission: Mapping[str, object]
    ) -> bytes:
        """Write the header at position 0, with the fields that stand only there."""
        header = {
            "v": 1,
            "index": index,
            "prev": prev,
            "recorded_at": self.recorded_at,
            "record": record,
            "key": self.key,
            "stream": self.stream,
            "number": self.number,
            "position": 0,
            "count": self.count,
            **submission,
        }
        return encode(header, MAX_HEADER)

    def following(self, index: int, position: int, prev: str, record: str) -> bytes:
        """Write the header at another position. Nothing in it needs escaping."""
        first, second, last = self._fixed
        # Joined in nearly half the time of a format.
        return "".join(
            (first, str(index), second, str(position), ',"prev":"', prev, _RECORD, record, last)
        ).encode()

    @cached_property
    def _fixed(self) -> tuple[str, str, str]:
        """The text before the index, between index and position, and after the record."""
        return (
            f'{{"count":{self.count},"index":',
            f',"key":"{self.key}","number":{self.number},"position":',
            f'","recorded_at":"{self.recorded_at}","stream":"{self.stream}","v":1}}',
        )


def header_bytes(header: Header) -> bytes:
    """Write a header as the strict JSON that is stored and hashed."""
    return encode(header.model_dump(by_alias=True), MAX_HEADER)


def parse_header(raw: bytes) -> Header:
    """Read a header from its bytes.

    Raises:
        EncodingError: The bytes are not strict JSON, or more than 65,535.
        HeaderError: They are, but not a header.
    """
    value = decode(raw, MAX_HEADER)
    if not isinstance(value, dict) or "v" not in value:
        raise HeaderError("a header is an object with v, and this is none")
    try:
        return Header.model_validate(value, context={"wire": True})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "header"
        raise HeaderError(f"{where}: {first['msg']}") from error


def leaf_hash(header: bytes) -> bytes:
    """Return the entry's leaf hash, SHA-256(0x00 ‖ header): 32 bytes."""
    return merkle.leaf_hash(header)
