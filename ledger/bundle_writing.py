"""Writing a bundle: to a temporary name beside the place asked for, and renamed when it is whole.

The same ledger and the same selection give the same bytes. A crash leaves a directory whose name
ends in `.part`, and nothing under the name that was asked for. What was written stays, whatever
happens once `write_bundle` has returned.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.bundle import (
    CHECKPOINT_SCHEMA,
    CHECKPOINTS,
    DISCLOSURES,
    ENTRIES,
    ENTRY_SCHEMA,
    GROUP_BYTES,
    GROUP_ROWS,
    MANIFEST,
    README,
    TILES,
    Manifest,
    manifest_bytes,
)
from ledger.bundle_readme import readme
from ledger.cosignature import with_lines
from ledger.encoding import digest
from ledger.errors import BundleError
from ledger.files import make_folder, sync_file, sync_folder, sync_tree
from ledger.members import ZipWriter
from ledger.rows import Row
from ledger.source import Source
from ledger.tiles import CHECKPOINT, tiles

Chosen = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many entries, and of how many the record was held back."""

    size: int
    withheld: int
    files: int


def write_bundle(
    source: Source,
    out: str | Path,
    chosen: Chosen | None = None,
    *,
    tiled: bool = False,
    disclosures: Mapping[str, bytes] | None = None,
) -> Written:
    """Write a bundle to carry away.

    Args:
        source: The ledger, or a bundle of it. Nothing in it is checked here.
        out: Where to: a name that ends in `.zip`, or a directory. There must be nothing yet.
        chosen: Says of an index whether its record goes along; None for all. What a source holds
            back stays behind whatever it says.
        tiled: Whether the C2SP tiles of the tree go along.
        disclosures: Files about sealed values, by their name below `disclosures/`.

    Raises:
        BundleError: There is something at `out` already, or it cannot be written.
        StoreError: The source cannot give what is needed.
    """
    target = Path(out)
    if target.exists() or target.is_symlink():
        raise BundleError(f"{target}: there is something already", code="bundle.exists")
    part = target.with_name(f"{target.name}.{token_hex(4)}.part")
    try:
        make_folder(target.parent)
        part.mkdir()
        written = _written(source, part, chosen, tiled=tiled, disclosures=disclosures or {})
        if target.suffix == ".zip":
            _zipped(part, target)
        else:
            sync_tree(part)
            part.rename(target)
        # Until then a power cut takes the name away, and with it the bundle.
        sync_folder(target.parent)
    except OSError as error:
        raise BundleError(f"{target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _written(
    source: Source,
    folder: Path,
    chosen: Chosen | None,
    *,
    tiled: bool,
    disclosures: Mapping[str, bytes],
) -> Written:
    size = source.size()
    notes = _cosigned(source, size)
    withheld = _entries(source, size, folder / ENTRIES, chosen)
    _checkpoints(notes, folder / CHECKPOINTS)
    if tiled:
        _tiles(source, notes, folder)
    for name, raw in sorted(disclosures.items()):
        _write(folder / DISCLOSURES / name, raw)
    genesis = digest(source.row(0).record or b"")
    text = readme(genesis, size, withheld, notes[-1][0] if notes else 0, tiled=tiled)
    _write(folder / README, text.encode())
    files = {name: _digest(folder / name) for name in _names(folder)}
    manifest = Manifest(size=size, withheld=withheld, files=files)
    _write(folder / MANIFEST, manifest_bytes(manifest))
    return Written(size, withheld, len(files) + 1)


def _cosigned(source: Source, size: int) -> list[tuple[int, bytes]]:
    """Return the signed heads, each with the cosignatures that are kept of it."""
    lines: dict[int, list[bytes]] = {}
    for at, line in source.cosignatures():
        lines.setdefault(at, []).append(line)
    return [
        (at, with_lines(note, lines.get(at, ()))) for at, note in source.checkpoints() if at <= size
    ]


def _entries(source: Source, size: int, path: Path, chosen: Chosen | None) -> int:
    """Write the entries, one row group after the other; return how many records were held back."""
    withheld = 0
    with pq.ParquetWriter(path, ENTRY_SCHEMA, **_options("idx")) as writer:
        for group in _groups(source.rows(stop=size)):
            kept = [
                row.record
                if row.record is not None and (chosen is None or chosen(row.idx))
                else None
                for row in group
            ]
            withheld += kept.count(None)
            columns: dict[str, Sequence[Any]] = {
                "idx": [row.idx for row in group],
                "header": [row.header for row in group],
                "record": kept,
            }
            writer.write_table(pa.table(columns, schema=ENTRY_SCHEMA), row_group_size=GROUP_ROWS)
    return withheld


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    weight = 0
    for row in rows:
        group.append(row)
        weight += len(row.header) + len(row.record or b"")
        if len(group) == GROUP_ROWS or weight >= GROUP_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _options(index: str) -> dict[str, Any]:
    """Return how Parquet is written: plainly, so that any reader can read it."""
    return {
        "compression": "zstd",
        "use_dictionary": False,
        "write_statistics": [index],
        "version": "2.6",
        "store_schema": False,
    }


def _checkpoints(notes: list[tuple[int, bytes]], path: Path) -> None:
    columns: dict[str, Sequence[Any]] = {
        "size": [size for size, _ in notes],
        "note": [note for _, note in notes],
    }
    with pq.ParquetWriter(path, CHECKPOINT_SCHEMA, **_options("size")) as writer:
        table = pa.table(columns, schema=CHECKPOINT_SCHEMA)
        writer.write_table(table, row_group_size=GROUP_ROWS)


def _tiles(source: Source, notes: list[tuple[int, bytes]], folder: Path) -> None:
    """Write the tiles of the tree under the newest checkpoint, which stands beside them."""
    if not notes:
        raise BundleError(
            "tiles are those of a signed head, and this ledger has none", code="bundle.head"
        )
    size, note = notes[-1]
    _write(folder / TILES / CHECKPOINT, note)
    for name, raw in tiles(row.header for row in source.rows(stop=size, strays=False)):
        _write(folder / TILES / name, raw)


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _zipped(folder: Path, target: Path) -> None:
    """Write a directory's files as a zip. A crash here leaves the zip under its temporary name."""
    part = folder / f"{token_hex(4)}.zip"
    names = _names(folder)
    with ZipWriter(part) as archive:
        # The README first: it is what somebody who opens the zip should see.
        for name in (README, MANIFEST, *(one for one in names if one not in {README, MANIFEST})):
            archive.add(name, folder / name)
    sync_file(part)
    os.link(part, target)  # unlike a rename it takes no name that somebody else took meanwhile
