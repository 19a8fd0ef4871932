"""Bundles: what is written comes back; whatever is changed, added or hostile in one is refused."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bundle import (
    ENTRIES,
    MANIFEST,
    README,
    Bundle,
    Manifest,
    is_bundle,
    manifest_bytes,
    parse_manifest,
)
from ledger.bundle_writing import write_bundle
from ledger.encoding import digest
from ledger.errors import BundleError, LedgerError, MissingEntryError
from ledger.members import open_members, read
from ledger.store import Store
from ledger.testing import BuiltLedger, build_ledger

FILES = [README, MANIFEST, "checkpoints.parquet", ENTRIES]


def written(built: BuiltLedger, out: Path, *withheld: int, tiled: bool = False) -> Path:
    """Write a bundle without these records."""
    with Store.open(built.path) as store:
        write_bundle(store, out, lambda index: index not in withheld, tiled=tiled)
    return out


@pytest.fixture
def zipped(built: BuiltLedger, tmp_path: Path) -> Path:
    """Give a zip with all of a small ledger."""
    return written(built, tmp_path / "bundle.zip")


def rezipped(path: Path, out: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    """Write a zip with the members of another, and further ones."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        for info, raw in members:
            target.writestr(info, raw)
    return out


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_what_was_written_comes_back(built: BuiltLedger, tmp_path: Path, name: str) -> None:
    """Rows, heads and searches are the store's own."""
    path = written(built, tmp_path / name, tiled=True)
    assert is_bundle(path)
    assert not is_bundle(built.path)
    with Store.open(built.path) as store, Bundle.open(path) as bundle:
        assert bundle.size() == store.size()
        assert list(bundle.rows()) == list(store.rows())
        assert list(bundle.rows(3, 5)) == list(store.rows(3, 5))
        assert list(bundle.leaves()) == list(store.leaves())
        assert list(bundle.checkpoints()) == list(store.checkpoints())
        needle = b'"kind":"action"'
        assert list(bundle.records_containing(needle)) == list(store.records_containing(needle))
        record = digest(store.row(4).record or b"")
        assert bundle.index_of(record) == store.index_of(record) == 4
        assert bundle.tile("checkpoint") == list(store.checkpoints())[-1][1]
        assert bundle.tile("tile/9/000") is None
        assert not bundle.partial
        with pytest.raises(MissingEntryError):
            bundle.row(store.size())


def test_what_is_withheld_is_said(built: BuiltLedger, tmp_path: Path) -> None:
    """Its header is there, its record is not, and nobody takes that for damage."""
    with Bundle.open(written(built, tmp_path / "part", 5, 7)) as bundle:
        assert bundle.partial
        assert bundle.manifest.withheld == 2
        assert [index for index in range(bundle.size()) if bundle.withheld(index)] == [5, 7]
        assert not bundle.withheld(-1)


def test_the_same_selection_is_the_same_bytes(built: BuiltLedger, tmp_path: Path) -> None:
    """Two zips of one ledger are equal, and so is a bundle of a bundle."""
    first = written(built, tmp_path / "a.zip", 5, tiled=True)
    second = written(built, tmp_path / "b.zip", 5, tiled=True)
    assert first.read_bytes() == second.read_bytes()
    with Bundle.open(first) as bundle:
        write_bundle(bundle, tmp_path / "c.zip", tiled=True)
    assert (tmp_path / "c.zip").read_bytes() == first.read_bytes()


def test_many_row_groups_stream(tmp_path: Path) -> None:
    """Entries beyond one row group come back in order, wherever reading begins."""
    built = build_ledger(tmp_path, runs=220)
    with Bundle.open(written(built, tmp_path / "many")) as bundle, Store.open(built.path) as store:
        assert bundle.size() > 1_024
        assert list(bundle.rows(1_000)) == list(store.rows(1_000))


def test_nothing_is_overwritten_and_nothing_half_written(
    built: BuiltLedger, tmp_path: Path
) -> None:
    """What is there stays; where the source fails, no name is taken and nothing is left over."""
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(BundleError, match="already"):
        written(built, taken)
    before = sorted(tmp_path.iterdir())

    def fails(index: int) -> bool:
        raise OSError(28, f"no space left at {index}")

    with Store.open(built.path) as store, pytest.raises(BundleError, match="no space"):
        write_bundle(store, tmp_path / "new.zip", fails)
    assert [path for path in sorted(tmp_path.iterdir()) if path not in before] == []


def test_the_readme_says_how_to_check_without_this_tool(
    built: BuiltLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its DuckDB commands run as they stand, and answer what it says; on a changed entry not."""
    path = written(built, tmp_path / "out")
    text = (path / README).read_text()
    genesis = text.split("genesis record,\n\n")[1].split()[0]
    monkeypatch.chdir(path)
    queries = [part.split('"\n')[0] for part in text.split('duckdb -c "')[1:]]
    assert len(queries) == 3
    connection = duckdb.connect()
    answers = [connection.execute(query).fetchall() for query in queries]
    assert answers == [[(0,)], [(0,)], [(genesis,)]]
    connection.execute(
        "COPY (SELECT idx, header, CASE idx WHEN 4 THEN 'x'::BLOB ELSE record END AS record "
        "FROM 'entries.parquet') TO 'entries.parquet'"
    )
    assert connection.execute(queries[0]).fetchall() == [(1,)]


# ------------------------------------------------------------------------------ changed


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_noticed(built: BuiltLedger, tmp_path: Path, name: str) -> None:
    """A bit anywhere in a file is not the file that the manifest names, or the manifest is none."""
    path = written(built, tmp_path / "out") / name
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(LedgerError):
            Bundle.open(path.parent).close()
    path.write_bytes(whole)
    Bundle.open(path.parent).close()


def test_every_byte_of_a_zip_is_noticed_or_does_not_matter(zipped: Path) -> None:
    """What may change unseen says when and by whom a zip was packed, or repeats what is checked.

    In a local header: versions, flags, times, checksum and sizes, which nobody reads: the central
    directory has them, and the manifest a better checksum. In the directory: versions, times,
    attributes of other systems.
    """
    whole = zipped.read_bytes()
    with Bundle.open(zipped) as bundle:
        rows, heads = list(bundle.rows()), list(bundle.checkpoints())
    start = whole.index(b"PK\x01\x02")
    with zipfile.ZipFile(zipped) as archive:
        headers = [(info.header_offset, len(info.filename)) for info in archive.infolist()]
    places = {*range(start, len(whole))}
    for offset, length in headers:
        places |= {*range(offset, offset + 30 + length + 4)}
    unseen = 0
    for at in sorted(places):
        zipped.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            with Bundle.open(zipped) as bundle:
                assert (list(bundle.rows()), list(bundle.checkpoints())) == (rows, heads)
                unseen += 1
        except BundleError:
            continue
    assert unseen < len(places) // 2


def test_a_zip_that_was_cut_off_is_refused(zipped: Path) -> None:
    """Wherever it ends early."""
    whole = zipped.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        zipped.write_bytes(whole[:size])
        with pytest.raises(BundleError):
            Bundle.open(zipped)


# ------------------------------------------------------------------------------ hostile


@pytest.mark.parametrize(
    "name",
    ["../out", "/etc/x", "a/../../b", "a\\b", "C:x", "a//b", "./a", "a/", ".hidden", "ä", "a b"],
)
def test_names_that_lead_elsewhere_are_refused(zipped: Path, tmp_path: Path, name: str) -> None:
    """Nothing is ever extracted; even so a name is a plain path, or the zip is none of ours."""
    with pytest.raises(BundleError) as caught:
        Bundle.open(rezipped(zipped, tmp_path / "h.zip", (name, b"x")))
    assert caught.value.code == "bundle.name"


def test_links_bombs_and_repeats_are_refused(zipped: Path, tmp_path: Path) -> None:
    """A link in a zip, a member that would grow, a name twice, a stray file."""
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    bomb = zipfile.ZipInfo("bomb")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    cases: list[tuple[zipfile.ZipInfo | str, bytes, str]] = [
        (link, b"/etc/passwd", "a link"),
        (bomb, b"\0" * 10_000_000, "compressed"),
        ("stray", b"x", "not in the manifest"),
    ]
    for at, (info, raw, said) in enumerate(cases):
        with pytest.raises(BundleError, match=said):
            Bundle.open(rezipped(zipped, tmp_path / f"h{at}.zip", (info, raw)))
    Bundle.open(rezipped(zipped, tmp_path / "same.zip")).close()
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = rezipped(zipped, tmp_path / "twice.zip", (README, b"other"))
    with pytest.raises(BundleError, match="twice"):
        Bundle.open(twice)


def test_members_that_overlap_are_refused(zipped: Path) -> None:
    """A zip whose directory shows one member at two places would be larger than it is."""
    whole = bytearray(zipped.read_bytes())
    second = whole.index(b"PK\x01\x02", whole.index(b"PK\x01\x02") + 4)
    whole[second + 42 : second + 46] = struct.pack("<I", 0)
    zipped.write_bytes(whole)
    with pytest.raises(BundleError):
        Bundle.open(zipped)


def test_links_in_a_directory_are_refused(built: BuiltLedger, tmp_path: Path) -> None:
    """A file that is a link could be any file of whoever verifies."""
    path = written(built, tmp_path / "out")
    (path / "extra").symlink_to("/etc/hostname")
    with pytest.raises(BundleError, match="link"):
        Bundle.open(path)


def test_files_that_are_missing_or_too_many_are_named(built: BuiltLedger, tmp_path: Path) -> None:
    """The manifest says what there is: no more and no less."""
    path = written(built, tmp_path / "out")
    (path / "more").write_text("x")
    with pytest.raises(BundleError, match="more is not in the manifest") as stray:
        Bundle.open(path)
    assert stray.value.code == "bundle.stray"
    (path / "more").unlink()
    (path / README).unlink()
    with pytest.raises(BundleError, match="missing") as missing:
        Bundle.open(path)
    assert missing.value.code == "bundle.missing"


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    """An empty directory, a text, nothing."""
    with pytest.raises(BundleError):
        Bundle.open(tmp_path)
    with pytest.raises(BundleError):
        Bundle.open(tmp_path / "none")
    (tmp_path / "text.zip").write_text("PK or not")
    with pytest.raises(BundleError):
        Bundle.open(tmp_path / "text.zip")


def remade(path: Path, query: str, **changes: int) -> None:
    """Write a bundle's entries anew, and a manifest that fits them, as a hostile maker would."""
    target = path / "new"
    duckdb.sql(f"COPY ({query.format(path / ENTRIES)}) TO '{target}' (FORMAT parquet)")
    target.rename(path / ENTRIES)
    manifest = parse_manifest((path / MANIFEST).read_bytes())
    files = {name: digest((path / name).read_bytes()) for name in manifest.files}
    new = Manifest.model_validate({**manifest.model_dump(), "files": files, **changes})
    (path / MANIFEST).write_bytes(manifest_bytes(new))


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("SELECT 1 AS a FROM '{}'", {}),
        ("SELECT * FROM '{}' LIMIT 3", {}),
        ("SELECT * FROM '{}'", {"withheld": 1000}),
        ("SELECT * FROM '{}' ORDER BY idx DESC", {}),
        ("SELECT idx, repeat('x', 70000)::BLOB AS header, record FROM '{}'", {}),
    ],
)
def test_a_hostile_maker_gets_no_further(
    built: BuiltLedger, tmp_path: Path, query: str, changes: dict[str, int]
) -> None:
    """Other columns, other counts, another order, headers too long: refused, whatever is signed."""
    path = written(built, tmp_path / "out")
    remade(path, query, **changes)
    with pytest.raises(LedgerError), Bundle.open(path) as bundle:
        list(bundle.rows())


# -------------------------------------------------------------------------------- pairs

_NAMES = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True)
_DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


@given(
    st.builds(
        Manifest,
        size=st.integers(0, 2**53 - 1),
        withheld=st.integers(0, 2**53 - 1),
        files=st.dictionaries(_NAMES, _DIGESTS, max_size=5),
    )
)
def test_manifests_come_back(manifest: Manifest) -> None:
    """What was written is read, and only its strict writing is."""
    raw = manifest_bytes(manifest)
    assert parse_manifest(raw) == manifest
    with pytest.raises(BundleError):
        parse_manifest(raw + b"\n")


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"x", b'{"bundle":"writ/bundle/v2","v":1}'])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    """Strict JSON with the members of one, or nothing."""
    with pytest.raises(BundleError):
        parse_manifest(raw)


def test_a_member_is_read_as_a_file_of_its_own(zipped: Path) -> None:
    """A slice of the zip can be moved about in, and ends where the member ends."""
    members = open_members(zipped)
    raw = read(members, README)
    with members.open(README) as file:
        assert file.read() == raw
        assert file.seek(-5, io.SEEK_END) == len(raw) - 5
        assert file.read(50) == raw[-5:]
        file.seek(3)
        assert (file.read(4), file.tell()) == (raw[3:7], 7)
    with pytest.raises(BundleError, match="at most"):
        read(members, README, 10)
    with pytest.raises(BundleError, match="has no"):
        read(members, "none")
