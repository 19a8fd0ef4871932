"""The tiles of a bundle: whether they are those of the tree that was verified.

Whoever takes the tiles away alone, or proves a record from them, reads nothing else of the bundle.
Tiles of another tree beside sound entries would be a second ledger in the same wrapping: they break
it as a root does that is not the head's.
"""

from itertools import zip_longest

from ledger.bundle import Bundle
from ledger.errors import BundleError
from ledger.merkle import HASH_SIZE
from ledger.source import Source
from ledger.tiles import CHECKPOINT, HEIGHT, WIDTH, parse_entry_bundle, parse_tile_path, tiles
from verifier.entries import BrokenLedgerError


def check_tiles(source: Source) -> None:
    """Compare the tiles of a bundle, where it has some, with those that its headers give.

    The headers and the heads have been verified before.

    Raises:
        BrokenLedgerError: One is missing, another, or too much.
    """
    there = set(source.tiles()) if isinstance(source, Bundle) else set[str]()
    if not isinstance(source, Bundle) or not there:
        return
    size = _size(source)
    expected = tiles(row.header for row in source.rows(stop=size))
    there.discard(CHECKPOINT)
    for path, content in expected:
        found = source.tile(path)
        there.discard(path)
        if found != content:
            how = "is missing" if found is None else "is not that of the entries in the bundle"
            index = min(_first_other(path, found or b"", content), size - 1)
            raise _broken(index, f"tiles/{path} {how}")
    for path in sorted(there):
        raise _broken(size - 1, f"tiles/{path} is no tile of the tree of {size} entries")


def _size(source: Bundle) -> int:
    """Return the size of the newest head, which stands beside the tiles as it is."""
    size, note = max(source.checkpoints(), default=(0, None))
    if note is None or source.tile(CHECKPOINT) != note:
        what = f"tiles/{CHECKPOINT} is not the newest head in the bundle"
        raise _broken(max(size - 1, 0), what)
    return size


def _first_other(path: str, found: bytes, content: bytes) -> int:
    """Return the first entry over which a tile is not what it should be."""
    level, number, _ = parse_tile_path(path)
    there, expected = _parts(level, found), _parts(level, content)
    pairs = enumerate(zip_longest(there, expected))
    at = next((at for at, (one, other) in pairs if one != other), 0)
    return (number * WIDTH + at) << (HEIGHT * (level or 0))


def _parts(level: int | None, raw: bytes) -> list[bytes]:
    if level is not None:
        return [raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)]
    try:
        return parse_entry_bundle(raw)
    except BundleError:
        return []


def _broken(index: int, what: str) -> BrokenLedgerError:
    return BrokenLedgerError(index, 4, "tiles", what)
