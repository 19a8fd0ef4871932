"""A ledger in memory, and files of conversations, for the importer's tests."""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.encoding import decode, digest
from ledger.entry import MAX_SUBMISSION
from ledger.importers.problems import Problems
from ledger.importers.profile import Profile
from ledger.importers.profile_reading import parse_profile
from ledger.importers.report import ImportReport
from ledger.importers.transcripts import import_transcripts
from ledger.records import AnyRecord, parse_record, record_bytes

PROFILE = """
profile: desk
service: spiffe://shop.example/desk
run:
  ref: id
  model: model
  domain: metadata.domain
  outcome: metadata.ended
  policy: {name: metadata.policy, digest: metadata.policy_sha256}
  attributes: {task: metadata.task}
clock: {key: timestamp, zone: "+00:00"}
cost: {key: cost, currency: USD, zero: not-recorded}
tokens: {input: usage.prompt_tokens, output: usage.completion_tokens}
errors: {key: error, patterns: ["Error:"]}
observations:
  - {tool: get_order, kind: order, ref: result.order_id, source: orders-db}
  - tool: get_product
    kind: variant
    each: result.variants.*
    ref: key
    fields: {product: result.product_id, price: item.price, colour: item.colour}
    source: catalogue
  - {tool: find_user, kind: user-id, ref: result, source: users, when_error: observe}
"""


@dataclass
class Row:
    """An entry as the store gives it."""

    header: bytes
    record: bytes | None


@dataclass
class MemoryLedger:
    """What the import needs of a client and its store, kept in a list."""

    by: str = "spiffe://shop.example/importer"
    entries: list[Row] = field(default_factory=list[Row])
    fail_at: int = -1  # the submission, from 0, before which the power goes out
    submissions: int = 0

    @property
    def store(self) -> "MemoryLedger":
        """Where the ledger lies."""
        return self

    def rows(self) -> Iterable[Row]:
        """Give the entries in order."""
        return iter(tuple(self.entries))

    def submit(self, records: Sequence[AnyRecord], /) -> None:
        """Append records as one submission."""
        if self.submissions == self.fail_at:
            raise ConnectionError("the power is out")
        assert 1 <= len(records) <= MAX_SUBMISSION
        self.submissions += 1
        for position, record in enumerate(records):
            raw = record_bytes(record)
            header = b'{"index":%d,"position":%d,"v":1}' % (len(self.entries), position)
            self.entries.append(Row(header, raw))

    @property
    def raws(self) -> list[bytes]:
        """All records' bytes, in order."""
        return [row.record for row in self.entries if row.record is not None]

    @property
    def records(self) -> list[AnyRecord]:
        """All records, in order."""
        return [parse_record(raw) for raw in self.raws]

    def of(self, kind: str, **having: object) -> list[dict[str, Any]]:
        """Return the records of a kind, as plain data, in order."""
        plain = [decode(raw) for raw in self.raws]
        return [
            record
            for record in plain
            if record["kind"] == kind
            and all(record.get(name) == value for name, value in having.items())
        ]

    def digests(self, kind: str) -> list[str]:
        """Return the digests of the records of a kind, in order."""
        return [digest(raw) for raw in self.raws if decode(raw)["kind"] == kind]


@pytest.fixture
def memory() -> MemoryLedger:
    """Return an empty ledger."""
    return MemoryLedger()


@pytest.fixture
def profile() -> Profile:
    """Return a profile that uses every part."""
    return parse_profile(PROFILE)


@pytest.fixture
def problems() -> Problems:
    """Return a collection of problems, still empty."""
    return Problems()


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file of lines: bytes as they are, anything else as JSON."""

    def to_file(*lines: object, name: str = "source.jsonl", zipped: bool = False) -> Path:
        raws = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        content = b"".join(raw + b"\n" for raw in raws)
        path = tmp_path / name
        path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
        return path

    return to_file


Take = Callable[..., ImportReport]


@pytest.fixture
def take(memory: MemoryLedger, profile: Profile, write: Write) -> Take:
    """Return a function that imports messages, each argument one conversation's list."""

    def imported(*conversations: object) -> ImportReport:
        return import_transcripts([write(*conversations)], memory, profile)

    return imported
