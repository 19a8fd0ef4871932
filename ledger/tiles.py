"""The tree as C2SP tlog-tiles: files of 256 hashes, and of the headers that they are hashes of.

Whoever has them can check the tree, and prove any entry, from a few small files: no proof is ever
asked for. Levels count in steps of eight: a hash at level 1 is the root over a full tile below it.
Source: C2SP tlog-tiles.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from re import compile as pattern

from ledger.entry import leaf_hash
from ledger.errors import BundleError
from ledger.merkle import HASH_SIZE, Frontier
from ledger.merkle import root as root_over

WIDTH = 256
CHECKPOINT = "checkpoint"
HEIGHT = 8
_LENGTH_SIZE = 2
_PATH = pattern(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)

Read = Callable[[str], bytes | None]


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return where a tile stands.

    Args:
        level: 0 to 63; or `entries`, for the bundle of entries below the tile of level 0.
        number: Its place in the level, from 0.
        width: How many hashes it has; less than 256 only for the last one.

    Example:
        >>> tile_path(0, 1234067), tile_path("entries", 5, 17)
        ('tile/0/x001/x234/067', 'tile/entries/005.p/17')
    """
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Return level (None for entries), number and width of the tile that stands at a path.

    Raises:
        ValueError: None stands there.

    Example:
        >>> parse_tile_path("tile/entries/x001/005.p/17")
        (None, 1005, 17)
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"{path!r} is no path of a tile")
    level = None if found[1] == "entries" else int(found[1])
    number, width = int(found[2].replace("x", "").replace("/", "")), int(found[3] or WIDTH)
    if path != tile_path(found[1], number, width):
        raise ValueError(f"{path!r} is no path of a tile")
    return level, number, width


def entry_bundle(headers: Iterable[bytes]) -> bytes:
    """Write entries, each after its length in two bytes, big endian."""
    return b"".join(len(header).to_bytes(_LENGTH_SIZE, "big") + header for header in headers)


def parse_entry_bundle(raw: bytes) -> list[bytes]:
    """Read the entries of a bundle.

    Raises:
        BundleError: A length leads beyond its end.
    """
    found: list[bytes] = []
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + _LENGTH_SIZE], "big")
        at += _LENGTH_SIZE
        if at + size > len(raw):
            raise BundleError("an entry bundle ends inside an entry", code="tiles.entries")
        found.append(raw[at : at + size])
        at += size
    return found


def tiles(headers: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every tile and entry bundle of the tree over these headers."""
    levels: list[list[bytes]] = [[]]
    counts: list[int] = [0]
    entries: list[bytes] = []
    for header in headers:
        entries.append(header)
        levels[0].append(leaf_hash(header))
        if len(entries) == WIDTH:
            yield tile_path("entries", counts[0]), entry_bundle(entries)
            entries = []
            yield from _filled(levels, counts)
    if entries:
        yield tile_path("entries", counts[0], len(entries)), entry_bundle(entries)
    for level, hashes in enumerate(levels):
        if hashes:
            yield tile_path(level, counts[level], len(hashes)), b"".join(hashes)


def _filled(levels: list[list[bytes]], counts: list[int]) -> Iterator[tuple[str, bytes]]:
    """Yield the tiles that are full, from the lowest level up, and begin new ones."""
    level = 0
    while len(levels[level]) == WIDTH:
        full = levels[level]
        yield tile_path(level, counts[level]), b"".join(full)
        levels[level] = []
        counts[level] += 1
        if level + 1 == len(levels):
            levels.append([])
            counts.append(0)
        level += 1
        levels[level].append(root_over(full))


class TiledTree:
    """The tree of one size, read from its tiles. Each tile is read when first asked for.

    Args:
        read: Gives the content of a path, None where there is nothing.
        size: How many entries the tree has.
    """

    def __init__(self, read: Read, size: int) -> None:
        self.size = size
        self._read = read
        self._tile = lru_cache(maxsize=1_024)(self._tile_at)

    def _tile_at(self, level: int, number: int) -> tuple[bytes, ...]:
        there = self.size >> (HEIGHT * level)
        width = min(WIDTH, there - number * WIDTH)
        path = tile_path(level, number, width)
        raw = self._read(path) if width > 0 else None
        if raw is None and width > 0:
            # A log may have dropped a partial tile once the full one was there.
            raw = self._read(tile_path(level, number))
            raw = None if raw is None else raw[: width * HASH_SIZE]
        if raw is None or len(raw) != width * HASH_SIZE:
            raise BundleError(f"{path}: there is no tile of {width} hashes", code="tiles.tile")
        return tuple(raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE))

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash at `index`. Raises `BundleError`."""
        return self._tile(0, index // WIDTH)[index % WIDTH]

    def subtree(self, start: int, stop: int) -> bytes:
        """Return the root over the leaves from `start` to before `stop`, as RFC 6962 splits them.

        `start` is a multiple of the smallest power of two that is not less than the number.
        """
        count = stop - start
        level = max(0, (count.bit_length() - 1) // HEIGHT)
        while level and start % (1 << (HEIGHT * level)):
            level -= 1
        step = 1 << (HEIGHT * level)
        frontier = Frontier()
        if count % step:
            # What no hash of this level covers is made from the levels below it.
            split = 1 << ((count - 1).bit_length() - 1)
            return _node(self.subtree(start, start + split), self.subtree(start + split, stop))
        frontier.extend(
            self._tile(level, at // WIDTH)[at % WIDTH] for at in range(start // step, stop // step)
        )
        return frontier.root()

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first entries, all by default. Raises `BundleError`."""
        count = self.size if size is None else size
        return self.subtree(0, count) if count else Frontier().root()

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the path of an entry, from the leaf up. Raises `BundleError`.

        Raises:
            ValueError: There is no such entry.
        """
        if not 0 <= index < self.size:
            raise ValueError(f"no leaf {index} in a tree of {self.size}")
        path: list[bytes] = []
        start, stop = 0, self.size
        while stop - start > 1:
            middle = start + (1 << ((stop - start - 1).bit_length() - 1))
            if index < middle:
                path.append(self.subtree(middle, stop))
                stop = middle
            else:
                path.append(self.subtree(start, middle))
                start = middle
        return path[::-1]

    def check(self) -> None:
        """Check every tile of the tree against those below it, and the entries against level 0.

        Raises:
            BundleError: A tile is missing, or its hashes are not those of what it stands over.
        """
        for number in range((self.size + WIDTH - 1) // WIDTH):
            self._check_entries(number)
        level = 1
        while count := self.size >> (HEIGHT * level):
            for at in range(count):
                if self._tile(level, at // WIDTH)[at % WIDTH] != root_over(
                    self._tile(level - 1, at)
                ):
                    what = f"hash {at} of level {level} is not that of the tile below it"
                    raise BundleError(what, code="tiles.tile")
            level += 1

    def _check_entries(self, number: int) -> None:
        width = min(WIDTH, self.size - number * WIDTH)
        path = tile_path("entries", number, width)
        raw = self._read(path)
        if raw is None:
            raise BundleError(f"{path}: there is no entry bundle", code="tiles.entries")
        hashes = tuple(leaf_hash(header) for header in parse_entry_bundle(raw))
        if hashes != self._tile(0, number):
            what = f"{path}: its entries are not those of the tile"
            raise BundleError(what, code="tiles.entries")


def _node(left: bytes, right: bytes) -> bytes:
    return root_over((left, right))
