"""Tiles: paths and bytes as C2SP has them, against a computation of its own; every byte counts."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import leaf_hash
from ledger.errors import BundleError
from ledger.merkle import inclusion_proof
from ledger.merkle import root as root_over
from ledger.testing import mangle
from ledger.tiles import (
    TiledTree,
    entry_bundle,
    parse_entry_bundle,
    parse_tile_path,
    tile_path,
    tiles,
)

SIZES = [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 767, 1000]


def headers(size: int) -> list[bytes]:
    """Return so many entries, each other than the others."""
    return [f"entry {number}".encode() for number in range(size)]


def tree_of(size: int) -> tuple[dict[str, bytes], TiledTree]:
    """Return the files of a tree, and the tree read from them."""
    files = dict(tiles(headers(size)))
    return files, TiledTree(files.get, size)


def leaf_root(data: list[bytes]) -> bytes:
    """Return the root over entries."""
    return root_over([leaf_hash(one) for one in data])


def mth(data: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    split = 1
    while split * 2 < len(data):
        split *= 2
    return hashlib.sha256(b"\x01" + mth(data[:split]) + mth(data[split:])).digest()


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (0, "000"),
        (67, "067"),
        (999, "999"),
        (1000, "x001/000"),
        (1234067, "x001/x234/067"),
        (1_000_000_000, "x001/x000/x000/000"),
    ],
)
def test_paths_are_those_of_the_specification(number: int, path: str) -> None:
    """All but the last element begin with an x, and only partial tiles say their width."""
    assert tile_path(3, number) == f"tile/3/{path}"
    assert tile_path("entries", number, 7) == f"tile/entries/{path}.p/7"


@pytest.mark.parametrize("size", SIZES)
def test_tiles_are_the_hashes_that_the_specification_defines(size: int) -> None:
    """Tile n of level l holds MTH(D[(n*256+i) * 256**l : (n*256+i+1) * 256**l]), and no other."""
    files, _ = tree_of(size)
    data = headers(size)
    expected: dict[str, bytes] = {}
    level = 0
    while step := 256**level if 256**level <= size else 0:
        count = size // step
        for first in range(0, count, 256):
            width = min(256, count - first)
            content = b"".join(
                mth(data[at * step : (at + 1) * step]) for at in range(first, first + width)
            )
            suffix = "" if width == 256 else f".p/{width}"
            expected[f"tile/{level}/{first // 256:03}{suffix}"] = content
        level += 1
    for first in range(0, size, 256):
        chunk = data[first : first + 256]
        suffix = "" if len(chunk) == 256 else f".p/{len(chunk)}"
        expected[f"tile/entries/{first // 256:03}{suffix}"] = b"".join(
            len(one).to_bytes(2, "big") + one for one in chunk
        )
    assert files == expected


def test_the_specifications_own_example() -> None:
    """A tree of 70,000: 273 full tiles, one of 112; one full above and one of 17; one of 1."""
    names = [path for path, _ in tiles(headers(70_000)) if "entries" not in path]
    assert sum(name.startswith("tile/0/") and ".p/" not in name for name in names) == 273
    partial = {name for name in names if ".p/" in name}
    assert partial == {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    assert "tile/1/000" in names
    assert len(names) == 277


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_come_out_of_the_tiles(size: int) -> None:
    """What is read from tiles is what is computed from all leaves."""
    _, tree = tree_of(size)
    leaves = [leaf_hash(header) for header in headers(size)]
    tree.check()
    assert tree.root() == root_over(leaves)
    for at in {0, 1, size // 2, size - 1} & set(range(size)):
        assert tree.leaf(at) == leaves[at]
        assert tree.inclusion_proof(at) == inclusion_proof(leaves, at)
    for smaller in {1, size // 3, size - 1} & set(range(1, size)):
        assert tree.root(smaller) == root_over(leaves[:smaller])
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion_proof(size)


def test_a_proof_reads_few_tiles() -> None:
    """From tiles a proof costs a few files, however large the tree."""
    files = dict(tiles(headers(70_000)))
    asked: list[str] = []

    def read(path: str) -> bytes | None:
        asked.append(path)
        return files.get(path)

    TiledTree(read, 70_000).inclusion_proof(35_001)
    assert len(set(asked)) <= 6


def test_the_full_tile_stands_for_a_partial_one() -> None:
    """A log may drop a partial tile once the full one is there."""
    files = {**dict(tiles(headers(512))), "tile/1/000.p/1": leaf_root(headers(256))}
    tree = TiledTree(files.get, 300)
    assert tree.root() == root_over([leaf_hash(header) for header in headers(300)])


@given(st.lists(st.binary(max_size=70), max_size=30))
def test_entry_bundles_come_back(entries: list[bytes]) -> None:
    """What was written is read, entry by entry."""
    assert parse_entry_bundle(entry_bundle(entries)) == entries


def test_an_entry_bundle_that_ends_early_is_refused() -> None:
    """A length that leads beyond the end is damage."""
    with pytest.raises(BundleError):
        parse_entry_bundle(b"\x00\x05abc")


def test_every_byte_of_every_tile_counts() -> None:
    """A bit flipped in a tile is found by its check, or by its root."""
    files = dict(tiles(headers(258)))
    tree = TiledTree(files.get, 258)
    root = tree.root()
    for path, raw in files.items():
        for offset, changed in list(mangle(raw, bits=(0,)))[:: 1 if len(raw) < 300 else 37]:
            other = TiledTree({**files, path: changed}.get, 258)
            try:
                other.check()
            except BundleError:
                continue
            assert other.root() != root, (path, offset)


def test_missing_and_short_tiles_are_named() -> None:
    """A tile that is not there, or too short, has its path said."""
    files = dict(tiles(headers(300)))
    for gone in ("tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"):
        less = {path: raw for path, raw in files.items() if path != gone}
        with pytest.raises(BundleError, match=gone.replace(".", r"\.")):
            TiledTree(less.get, 300).check()
    short = {**files, "tile/0/000": files["tile/0/000"][:-1]}
    with pytest.raises(BundleError, match="tile/0/000"):
        TiledTree(short.get, 300).root(200)


def test_paths_are_all_different() -> None:
    """No two tiles of a tree share a file, and none stands where another's directory is."""
    paths = sorted(path for path, _ in tiles(headers(1000)))
    assert len(set(paths)) == len(paths)
    assert not any(later.startswith(f"{path}/") for path, later in pairwise(paths))


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 2**53), st.integers(1, 256))
def test_paths_come_back(level: int | None, number: int, width: int) -> None:
    """What stands at a path is read from it."""
    path = tile_path("entries" if level is None else level, number, width)
    assert parse_tile_path(path) == (level, number, width)


@pytest.mark.parametrize(
    "path",
    [
        "checkpoint",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/00/000",
        "tile/entry/000",
        "tile/0/000/",
        "tile/0/1000",
    ],
)
def test_other_paths_are_of_no_tile(path: str) -> None:
    """Each tile has one path."""
    with pytest.raises(ValueError, match="no path of a tile"):
        parse_tile_path(path)
