"""A bundle: a ledger to carry away, with every header, and the records that were chosen.

It is read like a store, and believed no more: whoever made it could have written anything. What it
holds back is said in its manifest and counted; the header of such a record is there, so that links,
root, checkpoints and signatures can still be checked over all entries.
Source: docs/spec/ledger-format.md, *Bundle*.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.checkpoint import parse_note
from ledger.cosignature import line_bytes
from ledger.encoding import MAX_HEADER, MAX_RECORD, decode, encode
from ledger.entry import leaf_hash
from ledger.errors import (
    BundleError,
    EncodingError,
    MissingEntryError,
    UnreadableEntryError,
)
from ledger.members import Members, open_members, read
from ledger.rows import Row
from ledger.sealed import MAX_DISCLOSURE, Disclosure, read_disclosure

MANIFEST = "manifest.json"
README = "README.md"
ENTRIES = "entries.parquet"
CHECKPOINTS = "checkpoints.parquet"
TILES = "tiles/"
DISCLOSURES = "disclosures/"

_ENTRY_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("idx", pa.int64(), nullable=False),
    pa.field("header", pa.binary(), nullable=False),
    pa.field("record", pa.binary()),
]
_CHECKPOINT_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("size", pa.int64(), nullable=False),
    pa.field("note", pa.binary(), nullable=False),
]
ENTRY_SCHEMA = pa.schema(_ENTRY_FIELDS)
CHECKPOINT_SCHEMA = pa.schema(_CHECKPOINT_FIELDS)
# A row group is what is in memory at once. The writer ends one at the first of these; a reader
# takes one record more, which is the last that went in.
GROUP_ROWS = 1_024
GROUP_BYTES = 8 * 1_048_576
_MAX_GROUP = GROUP_BYTES + 4 * (MAX_RECORD + MAX_HEADER)
_MAX_MANIFEST = 128 * 1_048_576
_GROUPS_KEPT = 8
_CHUNK = 1_048_576

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
_UNREADABLE = (pa.ArrowException, OSError, ValueError, TypeError, KeyError)


class Manifest(BaseModel):
    """What a bundle says of itself: strict JSON. It vouches for nothing.

    Attributes:
        v: Version of the format.
        bundle: What this is.
        size: How many entries it has headers of.
        withheld: How many records it holds back.
        files: Digest of every other file, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1
    bundle: Literal["writ/bundle/v1"] = "writ/bundle/v1"
    size: _Count
    withheld: _Count
    files: dict[str, _Digest]


def manifest_bytes(manifest: Manifest) -> bytes:
    """Write a manifest as strict JSON."""
    return encode(manifest.model_dump(), _MAX_MANIFEST)


def parse_manifest(raw: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: It is none.
    """
    try:
        value = decode(raw, _MAX_MANIFEST)
        if not isinstance(value, dict) or not {"v", "bundle"} <= set(cast("dict[str, Any]", value)):
            raise BundleError(f"{MANIFEST}: it has no v or no bundle")
        return Manifest.model_validate(value)
    except EncodingError as error:
        raise BundleError(f"{MANIFEST}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BundleError(f"{MANIFEST}: {where}: {first['msg']}") from error


@dataclass(frozen=True, slots=True)
class _Group:
    """One row group, read: as many headers as records, and where it starts."""

    start: int
    headers: Sequence[bytes]
    records: Sequence[bytes | None]

    def row(self, idx: int) -> Row:
        at = idx - self.start
        header, record = self.headers[at], self.records[at]
        # Of one entry only: those beside it are what they are.
        if len(header) > MAX_HEADER or len(record or b"") > MAX_RECORD:
            raise _no_entry(idx)
        return Row(idx, header, record)


class Bundle:
    """A bundle, open to be read. It has what a verification reads of a store.

    Attributes:
        location: The path that it was opened at.
        manifest: What it says of itself.
    """

    def __init__(self, location: str | Path, members: Members) -> None:
        self.location = str(location)
        self._members = members
        self.manifest = self._checked_manifest()
        self._heads = self._checkpoints()
        self._file, self._parquet = self._opened(ENTRIES, ENTRY_SCHEMA)
        metadata = self._parquet.metadata
        counts = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
        self._starts = [0, *accumulate(counts)]
        try:
            self._check_shape(counts)
        except BundleError:
            self._file.close()
            raise
        self._group = lru_cache(maxsize=_GROUPS_KEPT)(self._group_at)

    @classmethod
    def open(cls, location: str | Path) -> "Bundle":
        """Open a bundle: a directory, or a zip.

        Raises:
            BundleError: It is none, or a file in it is not the one that its manifest names.
        """
        members = open_members(location)
        try:
            return cls(location, members)
        except BundleError as error:
            members.close()
            raise BundleError(f"{location}: {error}", code=error.code) from error

    def close(self) -> None:
        """Close its files."""
        self._parquet.close()
        self._file.close()
        self._members.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -------------------------------------------------------------------------- opening

    def _checked_manifest(self) -> Manifest:
        manifest = parse_manifest(read(self._members, MANIFEST, _MAX_MANIFEST))
        there, named = set(self._members.sizes) - {MANIFEST}, set(manifest.files)
        for name in sorted(named - there):
            raise BundleError(f"{name} is missing", code="bundle.missing")
        for name in sorted(there - named):
            raise BundleError(
                f"{name} is not in the manifest: it is no part of the bundle; take it away",
                code="bundle.stray",
            )
        for name in (README, ENTRIES, CHECKPOINTS):
            if name not in named:
                raise BundleError(f"{name} is missing", code="bundle.missing")
        for name, expected in sorted(manifest.files.items()):
            if self._digest(name) != expected:
                raise BundleError(
                    f"{name} is not the file that the manifest names: it was changed, or damaged "
                    "on its way",
                    code="bundle.changed",
                )
        return manifest

    def _digest(self, name: str) -> str:
        found = sha256()
        with self._members.open(name) as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        return found.hexdigest()

    def _opened(self, name: str, schema: pa.Schema) -> tuple[Any, pq.ParquetFile]:
        file = self._members.open(name)
        try:
            parquet = pq.ParquetFile(file)
            found = parquet.schema_arrow.remove_metadata()
        except _UNREADABLE as error:
            file.close()
            raise BundleError(f"{name}: not a Parquet file: {error}") from error
        if not found.equals(schema):
            file.close()
            raise BundleError(f"{name}: its columns are not those of a bundle")
        metadata = parquet.metadata
        groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
        if any(one.num_rows > GROUP_ROWS or one.total_byte_size > _MAX_GROUP for one in groups):
            file.close()
            raise BundleError(f"{name}: a row group is larger than a bundle's are")
        return file, parquet

    def _check_shape(self, counts: Sequence[int]) -> None:
        if self._starts[-1] != self.manifest.size or any(count < 1 for count in counts):
            raise BundleError(
                f"{ENTRIES}: {self._starts[-1]} entries, and the manifest says {self.manifest.size}"
            )
        if self.manifest.withheld > self.manifest.size:
            raise BundleError(f"{MANIFEST}: more records are withheld than there are entries")

    def _checkpoints(self) -> list[tuple[int, bytes]]:
        file, parquet = self._opened(CHECKPOINTS, CHECKPOINT_SCHEMA)
        try:
            table = parquet.read()
            sizes = cast("list[int]", table["size"].to_pylist())
            notes = cast("list[bytes]", table["note"].to_pylist())
        except _UNREADABLE as error:
            raise BundleError(f"{CHECKPOINTS}: cannot be read: {error}") from error
        finally:
            parquet.close()
            file.close()
        if any(one >= other for one, other in pairwise(sizes)):
            raise BundleError(f"{CHECKPOINTS}: not in the order of their sizes")
        return list(zip(sizes, notes, strict=True))

    # -------------------------------------------------------------------------- reading

    @property
    def partial(self) -> bool:
        """Whether it holds records back."""
        return self.manifest.withheld > 0

    def withheld(self, index: int) -> bool:
        """Return whether the record of this entry is held back, and said to be."""
        return self.partial and 0 <= index < self.size() and self.row(index).record is None

    def size(self) -> int:
        """Return the number of entries."""
        return self.manifest.size

    def row(self, idx: int) -> Row:
        """Return one entry.

        Raises:
            MissingEntryError: There is none.
            UnreadableEntryError: It cannot be read, or is none that a ledger takes.
        """
        if not 0 <= idx < self.size():
            raise MissingEntryError(f"entry {idx}: there is none in the bundle", index=idx)
        return self._group(bisect_right(self._starts, idx) - 1).row(idx)

    def rows(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        strays: bool = True,  # noqa: ARG002 - what a store may hold beside its entries
    ) -> Iterator[Row]:
        """Yield the entries from `start` to before `stop`, in order. Raises as `row`."""
        end = self.size() if stop is None else min(stop, self.size())
        for idx in range(start, end):
            yield self.row(idx)

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the leaf hashes of entries. Raises as `row`."""
        return (leaf_hash(row.header) for row in self.rows(start, stop))

    def records_containing(self, needle: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and bytes of the records there are in which these bytes stand."""
        for row in self.rows(start):
            if row.record is not None and needle in row.record:
                yield row.idx, row.record

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """Yield size and note of the checkpoints held, smallest first."""
        return iter(self._heads)

    def cosignatures(self) -> Iterator[tuple[int, bytes]]:
        """Yield size and line of the cosignatures under the checkpoints, smallest size first.

        Raises:
            NoteError: A checkpoint is no note.
        """
        for size, raw in self._heads:
            note = parse_note(raw)
            origin = note.text.partition("\n")[0]
            yield from ((size, line_bytes(line)) for line in note.signatures if line.name != origin)

    def index_of(self, record: str) -> int | None:
        """Return the index of the first entry for the record with this digest, reading all."""
        needle = f'"record":"{record}"'.encode()
        return next((row.idx for row in self.rows() if needle in row.header), None)

    def tiles(self) -> Iterator[str]:
        """Yield the paths of the files of the tiles, in their layout."""
        names = (name for name in self.manifest.files if name.startswith(TILES))
        return (name.removeprefix(TILES) for name in names)

    def tile(self, path: str) -> bytes | None:
        """Return a file of the tiles, by its path in their layout; None where there is none."""
        name = TILES + path
        return read(self._members, name) if name in self.manifest.files else None

    def disclosures(self) -> Iterator[Disclosure]:
        """Yield the sealed values that go with it. Whether they open anything is not checked.

        Raises:
            SealedFormatError: A file is no disclosure.
        """
        for name in sorted(self.manifest.files):
            if name.startswith(DISCLOSURES) and name.endswith(".json"):
                yield read_disclosure(read(self._members, name, MAX_DISCLOSURE))

    def _group_at(self, number: int) -> _Group:
        start = self._starts[number]
        try:
            table = self._parquet.read_row_group(number)
            indexes = cast("list[int]", table["idx"].to_pylist())
            headers = cast("list[bytes]", table["header"].to_pylist())
            records = cast("list[bytes | None]", table["record"].to_pylist())
        except _UNREADABLE as error:
            raise UnreadableEntryError(
                f"entry {start}: the bundle cannot be read there ({error})", index=start
            ) from error
        for at, idx in enumerate(indexes):
            if idx != start + at:
                raise _no_entry(start + at)
        return _Group(start, headers, records)


def _no_entry(idx: int) -> UnreadableEntryError:
    return UnreadableEntryError(
        f"entry {idx}: the bundle has no entry of a ledger there", index=idx
    )


def is_bundle(location: str | Path) -> bool:
    """Return whether what is at a path looks like a bundle rather than a store."""
    path = Path(location)
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except (OSError, ValueError):
        return False
