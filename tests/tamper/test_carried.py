"""Attacks on what is carried away: bundles, tiles, proofs. The check that fails is named."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ledger import LedgerError, Store, check_proof, make_proof
from ledger.bundle_writing import write_bundle
from ledger.encoding import decode, digest, encode, to_base64
from ledger.proof import Proof, parse_proof, proof_bytes
from ledger.tiles import TiledTree
from tests.tamper.scene import END, FIRST, PAY, RUN, Scene, review, save_sqlite
from verifier.errors import SourceError
from verifier.load import verify_ledger
from verifier.report import ExitCode, IntegrityVerdict

MANIFEST, ENTRIES = "manifest.json", "entries.parquet"


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Give a ledger that is long enough for tiles of two levels."""
    scene = Scene.built()
    scene.desk.submit("reviewer", *(review(scene.desk) for _ in range(600)))
    scene.note = scene.desk.sign_head()
    return scene


@pytest.fixture(scope="module")
def store_path(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give it as a file."""
    return save_sqlite(scene, tmp_path_factory.mktemp("store"), "")


@pytest.fixture
def bundle(store_path: str, tmp_path: Path) -> Path:
    """Give a bundle of it, as a directory, with tiles."""
    with Store.open(store_path) as store:
        write_bundle(store, tmp_path / "bundle", tiled=True)
    return tmp_path / "bundle"


# ------------------------------------------------------------------------------ bundles


def _rewrite(bundle: Path, name: str, raw: bytes) -> None:
    """Change a file, and say in the manifest that this is how it should be."""
    (bundle / name).write_bytes(raw)
    manifest = decode((bundle / MANIFEST).read_bytes())
    manifest["files"][name] = digest(raw)
    (bundle / MANIFEST).write_bytes(encode(manifest))


def _manifest(bundle: Path, **changes: object) -> None:
    manifest = decode((bundle / MANIFEST).read_bytes())
    (bundle / MANIFEST).write_bytes(encode({**manifest, **changes}))


def _flip(path: Path, at: int) -> bytes:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    return bytes(raw)


def _a_byte_of_a_file(bundle: Path) -> None:
    (bundle / ENTRIES).write_bytes(_flip(bundle / ENTRIES, 500))


def _a_byte_of_the_readme(bundle: Path) -> None:
    (bundle / "README.md").write_bytes(_flip(bundle / "README.md", 5))


def _a_file_taken_away(bundle: Path) -> None:
    (bundle / "checkpoints.parquet").unlink()


def _a_file_put_in(bundle: Path) -> None:
    (bundle / "note.txt").write_text("trust me", "utf-8")


def _a_link_put_in(bundle: Path) -> None:
    (bundle / "README.md").unlink()
    (bundle / "README.md").symlink_to("/etc/passwd")


def _no_table(bundle: Path) -> None:
    _rewrite(bundle, ENTRIES, b"not a table")


def _another_size(bundle: Path) -> None:
    _manifest(bundle, size=7)


def _a_manifest_in_other_words(bundle: Path) -> None:
    text = json.dumps(json.loads((bundle / MANIFEST).read_text("utf-8")), indent=1)
    (bundle / MANIFEST).write_text(text, "utf-8")


def _a_manifest_that_says_more(bundle: Path) -> None:
    _manifest(bundle, verified=True)


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (_a_byte_of_a_file, "bundle.changed"),
        (_a_byte_of_the_readme, "bundle.changed"),
        (_a_file_taken_away, "bundle.missing"),
        (_a_file_put_in, "bundle.stray"),
        (_a_link_put_in, "bundle.name"),
        (_no_table, "bundle.unusable"),
        (_another_size, "bundle.unusable"),
        (_a_manifest_in_other_words, "bundle.unusable"),
        (_a_manifest_that_says_more, "bundle.unusable"),
    ],
)
def test_a_bundle_that_is_none(
    attack: Callable[[Path], None], code: str, bundle: Path, scene: Scene
) -> None:
    """What is not what its manifest names is not read at all, and the file is named."""
    attack(bundle)
    with pytest.raises(SourceError) as raised:
        verify_ledger(bundle, scene.trusted())
    assert raised.value.code == code
    assert str(bundle) in str(raised.value)


def _columns(bundle: Path, change: Callable[[dict[str, list[Any]]], None]) -> None:
    """Change the table of entries, and the manifest with it."""
    table = pq.read_table(bundle / ENTRIES)
    columns: dict[str, list[Any]] = table.to_pydict()
    change(columns)
    changed = type(table).from_pydict(columns, schema=table.schema)
    pq.write_table(changed, bundle / ENTRIES)
    _rewrite(bundle, ENTRIES, (bundle / ENTRIES).read_bytes())
    _manifest(bundle, withheld=columns["record"].count(None))


def test_a_record_that_was_held_back(bundle: Path, scene: Scene) -> None:
    """It is not absent: what needs it is undecidable."""

    def hold_back(columns: dict[str, list[Any]]) -> None:
        columns["record"][PAY] = None

    _columns(bundle, hold_back)
    report = verify_ledger(bundle, scene.trusted())
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.exit_code() is ExitCode.UNDECIDABLE


def test_a_record_that_is_held_back_and_not_said_to_be(bundle: Path, scene: Scene) -> None:
    """A bundle that says that it is whole is held to it."""

    def hold_back(columns: dict[str, list[Any]]) -> None:
        columns["record"][PAY] = None

    _columns(bundle, hold_back)
    _manifest(bundle, withheld=0)
    broken = verify_ledger(bundle, scene.trusted()).integrity.broken
    assert broken is not None
    assert (broken.index, broken.step, broken.check) == (PAY, 2, "record")


@pytest.mark.parametrize("index", [1, 2, 3])
def test_governance_that_was_held_back(index: int, bundle: Path, scene: Scene) -> None:
    """Without who may do what, and by which contract, nothing can be judged."""

    def hold_back(columns: dict[str, list[Any]]) -> None:
        columns["record"][index] = None

    _columns(bundle, hold_back)
    try:
        report = verify_ledger(bundle, scene.trusted())
    except SourceError as error:
        assert f"entry {index} is withheld" in str(error)  # noqa: PT017  (either answer is right)
    else:
        assert report.integrity.verdict is IntegrityVerdict.BROKEN


def test_a_bundle_cut_off(bundle: Path, scene: Scene) -> None:
    """Fewer entries than the head that the auditor pinned."""

    def cut(columns: dict[str, list[Any]]) -> None:
        for column in columns.values():
            del column[FIRST:]

    _columns(bundle, cut)
    _manifest(bundle, size=FIRST)
    broken = verify_ledger(bundle, scene.trusted()).integrity.broken
    assert broken is not None
    assert (broken.index, broken.check) == (FIRST, "truncated")


def test_a_bundle_vouches_for_nothing(bundle: Path) -> None:
    """Whoever made it could have made it all."""
    report = verify_ledger(bundle)
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert report.exit_code() is ExitCode.UNDECIDABLE


@pytest.mark.parametrize(
    "name", ["../escape.txt", "/etc/escape.txt", "a/../../b", "C:\\x", "README.md"]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_that_is_none(
    name: str, store_path: str, tmp_path: Path, scene: Scene
) -> None:
    """A path out of the bundle, and a name that stands twice, are refused; nothing is written."""
    with Store.open(store_path) as store:
        write_bundle(store, tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip", "a") as archive:
        archive.writestr(name, "x")
    before = sorted(path.name for path in tmp_path.parent.iterdir())
    with pytest.raises(SourceError) as raised:
        verify_ledger(tmp_path / "bundle.zip", scene.trusted())
    assert raised.value.code in {"bundle.name", "bundle.stray"}
    assert sorted(path.name for path in tmp_path.parent.iterdir()) == before


# -------------------------------------------------------------------------------- tiles


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tile/0/000", "tiles."),
        ("tile/0/001", "tiles."),
        ("tile/0/002.p/104", "tiles."),
        ("tile/1/000.p/2", "tiles.tile"),
        ("tile/entries/000", "tiles.entries"),
        ("tile/entries/002.p/104", "tiles.entries"),
    ],
)
@pytest.mark.parametrize("how", ["changed", "cut", "taken away"])
def test_a_tile(path: str, code: str, how: str, bundle: Path, scene: Scene) -> None:
    """Each tile is held against those below it, and the lowest against the entries."""
    size = len(scene.desk.headers)
    files = {
        found.relative_to(bundle / "tiles").as_posix(): found.read_bytes()
        for found in (bundle / "tiles").rglob("*")
        if found.is_file()
    }
    assert size == END + 600
    TiledTree(files.get, size).check()
    if how == "changed":
        files[path] = files[path][:40] + bytes([files[path][40] ^ 1]) + files[path][41:]
    elif how == "cut":
        files[path] = files[path][:-1]
    else:
        del files[path]
    with pytest.raises(LedgerError) as raised:
        TiledTree(files.get, size).check()
    assert raised.value.code.startswith(code)


def _swap(bundle: Path, path: str, how: str) -> None:
    """Change a tile of a bundle, and say in the manifest that this is how it should be."""
    name = f"tiles/{path}"
    if how == "taken away":
        files = decode((bundle / MANIFEST).read_bytes())["files"]
        _manifest(bundle, files={one: found for one, found in files.items() if one != name})
        (bundle / name).unlink()
        return
    raw = (bundle / name).read_bytes()
    changed = raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]
    _rewrite(bundle, name, {"changed": changed, "cut": raw[:-1], "longer": raw + raw[:32]}[how])


@pytest.mark.parametrize(
    ("path", "how", "index"),
    [
        ("tile/0/000", "changed", 1),
        ("tile/0/001", "cut", 511),
        ("tile/0/001", "longer", 512),
        ("tile/0/002.p/104", "taken away", 512),
        ("tile/0/002.p/104", "longer", 615),
        ("tile/1/000.p/2", "changed", 256),
        ("tile/1/000.p/2", "taken away", 0),
        ("tile/entries/000", "changed", 0),
        ("tile/entries/001", "cut", 256),
        ("tile/entries/002.p/104", "taken away", 512),
        ("checkpoint", "changed", 615),
        ("checkpoint", "taken away", 615),
    ],
)
def test_a_tile_of_a_bundle(path: str, how: str, index: int, bundle: Path, scene: Scene) -> None:
    """Beside sound entries the tiles of another tree break a bundle, whatever its manifest says."""
    assert verify_ledger(bundle, scene.trusted()).integrity.verdict is IntegrityVerdict.HOLDS
    _swap(bundle, path, how)
    for conformance in (True, False):
        broken = verify_ledger(bundle, scene.trusted(), conformance=conformance).integrity.broken
        assert broken is not None
        assert (broken.index, broken.step, broken.check) == (index, 4, "tiles")
        assert f"tiles/{path}" in broken.what


def test_a_tile_too_much(bundle: Path, scene: Scene) -> None:
    """A file that no tile is, and the tile of a larger tree, do not go along unseen."""
    for path in ("tile/0/003", "tile/0/readme"):
        name = f"tiles/{path}"
        _rewrite(bundle, name, b"x" * 32)
        broken = verify_ledger(bundle, scene.trusted()).integrity.broken
        assert broken is not None
        assert broken.check == "tiles"
        assert name in broken.what
        files = decode((bundle / MANIFEST).read_bytes())["files"]
        _manifest(bundle, files={one: found for one, found in files.items() if one != name})
        (bundle / name).unlink()


def test_an_older_head_beside_the_tiles(bundle: Path, scene: Scene) -> None:
    """A sound head that is not the one of these tiles is not passed off as theirs."""
    notes: list[Any] = pq.read_table(bundle / "checkpoints.parquet")["note"].to_pylist()
    assert len(notes) > 1
    _rewrite(bundle, "tiles/checkpoint", notes[0])
    broken = verify_ledger(bundle, scene.trusted()).integrity.broken
    assert broken is not None
    assert broken.check == "tiles"


# ------------------------------------------------------------------------------- proofs


@pytest.fixture(scope="module")
def proof(store_path: str, scene: Scene) -> Proof:
    """Give the proof of the payment."""
    with Store.open(store_path) as store:
        return parse_proof(make_proof(store, PAY, scene.note))


def _other(store_path: str, scene: Scene, index: int) -> Proof:
    with Store.open(store_path) as store:
        return parse_proof(make_proof(store, index, scene.note))


def _part(proof: Proof, **changes: object) -> Proof:
    return replace(proof, extra=proof.extra.model_copy(update=changes))


Change = Callable[[Proof, Proof], Proof]
# What is changed in a proof, given another one, and the step that meets it.
CHANGES: list[tuple[int, Change]] = [
    (2, lambda proof, _: _part(proof, genesis=proof.extra.genesis.replace("00", "ab", 1))),
    (3, lambda proof, _: _part(proof, authority=())),
    (
        3,
        lambda proof, _: replace(
            proof, checkpoint=proof.checkpoint.replace(b"shop.example", b"evil.example")
        ),
    ),
    (4, lambda proof, _: replace(proof, index=proof.index + 1)),
    (4, lambda proof, _: replace(proof, path=proof.path[:-1])),
    (4, lambda proof, _: replace(proof, path=(*proof.path[:-1], b"\0" * 32))),
    (4, lambda proof, other: _part(proof, header=other.extra.header)),
    (5, lambda proof, other: _part(proof, record=other.extra.record)),
    (5, lambda proof, _: _part(proof, record=(proof.extra.record or "").replace(":5", ":9"))),
    (6, lambda proof, other: _part(proof, submission=other.extra.submission)),
    (6, lambda proof, other: _part(proof, signature=other.extra.signature)),
    (6, lambda proof, _: _part(proof, path=("ab" * 32,))),
]


@pytest.mark.parametrize(("step", "change"), CHANGES)
def test_a_part_of_a_proof(
    step: int,
    change: Change,
    proof: Proof,
    store_path: str,
    scene: Scene,
) -> None:
    """No part can be another one: the step that meets it says so."""
    check_proof(proof_bytes(proof), scene.desk.genesis)
    changed = change(proof, _other(store_path, scene, RUN))
    with pytest.raises(LedgerError) as raised:
        check_proof(proof_bytes(changed), scene.desk.genesis)
    assert str(raised.value).startswith(f"step {step}:"), str(raised.value)
    assert raised.value.code == "proof.refused"


def test_a_proof_of_another_ledger(proof: Proof) -> None:
    """It is checked against the genesis that the auditor knows."""
    with pytest.raises(LedgerError, match="step 2"):
        check_proof(proof_bytes(proof), "ab" * 32)


def test_a_proof_whose_head_a_stranger_signed(proof: Proof, scene: Scene) -> None:
    """The head's signature is not taken on its word."""
    line = proof.checkpoint.rindex(b" ")
    fake = proof.checkpoint[: line + 1] + to_base64(b"\0" * 68).encode() + b"\n"
    with pytest.raises(LedgerError, match="step 3"):
        check_proof(proof_bytes(replace(proof, checkpoint=fake)), scene.desk.genesis)
