"""Tiles without their ledger: what they prove, what they cannot, and each way of changing them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.bundle_writing import write_bundle
from ledger.sealed import Disclosure
from ledger.store import Store
from ledger.tiles import WIDTH, entry_bundle, parse_entry_bundle, tiles
from tests.tamper.scene import END, NOON, Scene, review, save_sqlite
from tests.verifier.forge import Desk, witness_of
from verifier.errors import SourceError
from verifier.load import open_ledger, verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.reports.json import report_body
from verifier.reports.text import text_report
from verifier.tiles_alone import is_tiles
from verifier.trust import Pin, Trust

SIZE = END + 600
NAMED = (witness_of("w1.example"), witness_of("w2.example"))


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Give a ledger that is long enough for tiles of two levels, cosigned by two witnesses."""
    scene = Scene.built()
    scene.desk.submit("reviewer", *(review(scene.desk) for _ in range(600)))
    scene.note = scene.desk.sign_head()
    for witness in NAMED:
        scene.desk.cosign(witness.name, NOON - 60)
    return scene


def served(desk: Desk, folder: Path) -> Path:
    """Write a ledger's tiles as a log would serve them."""
    path = save_sqlite(Scene(desk), folder, "")
    with Store.open(path) as store:
        write_bundle(store, folder / "bundle", tiled=True)
    (folder / "bundle" / "tiles").rename(folder / "tiles")
    return folder / "tiles"


@pytest.fixture(scope="module")
def original(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give its tiles."""
    return served(scene.desk, tmp_path_factory.mktemp("served"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """Give a copy of them, to be changed."""
    return Path(shutil.copytree(original, tmp_path / "tiles"))


def witnessed(scene: Scene, max_age: int | None = None) -> Trust:
    """Return a trust file that asks for both witnesses."""
    return scene.desk.trust(witnesses=NAMED, quorum=2, at=NOON, max_age=max_age)


def integrity(folder: Path, trust: Trust | None) -> Report:
    """Verify integrity alone."""
    return verify_ledger(folder, trust, conformance=False)


# ------------------------------------------------------------------------------- holds


def test_witnesses_vouch_for_tiles(folder: Path, scene: Scene) -> None:
    """Chain, root and submissions hold; what tiles cannot show is said each time."""
    report = integrity(folder, witnessed(scene))
    assert report.exit_code() is ExitCode.HOLDS
    assert (report.ledger.size, report.ledger.checkpoint_size) == (SIZE, SIZE)
    assert report.ledger.genesis == scene.desk.genesis
    text = text_report(report)
    assert "neither the checkpoint's own signature nor that of any submission was checked" in text
    assert "what any record says" in text
    assert report_body(report)["integrity"]["verdict"] == "holds"


def test_without_integrity_alone_nothing_could_be_judged(folder: Path, scene: Scene) -> None:
    """Who asks whether rules were kept is not told that all is well."""
    report = verify_ledger(folder, witnessed(scene))
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.exit_code() is ExitCode.UNDECIDABLE
    assert [one.code for one in report.findings] == ["coverage.withheld"]
    assert "NOT JUDGED · tiles hold no records" in text_report(report)


def test_a_pinned_head_vouches_up_to_itself(folder: Path, scene: Scene) -> None:
    """What follows it could have been made up by whoever serves the tiles."""
    whole = integrity(folder, scene.desk.trust(scene.note))
    assert whole.exit_code() is ExitCode.HOLDS
    report = integrity(folder, scene.desk.trust(scene.desk.notes[0][1]))
    assert report.exit_code() is ExitCode.HOLDS
    assert report.ledger.checkpoint_size == END
    assert f"entries {END} to {SIZE - 1}" in text_report(report)


def test_nobody_vouches(folder: Path, scene: Scene) -> None:
    """Without trust file, witnesses or pin, or with too few or too old ones, nobody can tell."""
    for trust, words in (
        (None, "tiles cannot vouch for themselves"),
        (scene.desk.trust(), "nothing vouches for the checkpoint"),
        (replace(witnessed(scene), witnesses=NAMED[:1], quorum=2), "too few witnesses"),
        (witnessed(scene, max_age=10), "cosignatures too old"),
    ):
        report = integrity(folder, trust)
        assert report.exit_code() is ExitCode.UNDECIDABLE
        assert words in " ".join(report.integrity.reasons)


def test_a_key_of_the_ledger_is_no_witness(tmp_path: Path) -> None:
    """Its writers' keys are named by the headers, its head key by the checkpoint's own line."""
    desk = Scene.built().desk
    for name in ("agent", "head"):
        desk.cosign("w1.example", NOON - 60, key=name)
    found = served(desk, tmp_path)
    for name in ("agent", "head"):
        own = desk.trust(witnesses=(witness_of("w1.example", name),), quorum=1, at=NOON)
        report = integrity(found, own)
        assert report.exit_code() is ExitCode.UNDECIDABLE
        assert "no witness but a key of this ledger itself" in " ".join(report.integrity.reasons)


def test_partial_tiles_may_be_gone(scene: Scene, original: Path, tmp_path: Path) -> None:
    """A log that has grown drops partial tiles; an older checkpoint is verified by full ones."""
    size, note = scene.desk.notes[0]
    assert size < WIDTH
    (tmp_path / "tile" / "0").mkdir(parents=True)
    (tmp_path / "tile" / "entries").mkdir()
    for name in ("tile/0/000", "tile/entries/000"):
        shutil.copy(original / name, tmp_path / name)
    (tmp_path / "checkpoint").write_bytes(note)
    assert integrity(tmp_path, scene.desk.trust(note)).exit_code() is ExitCode.HOLDS


# ------------------------------------------------------------------------------ broken


def _flip(path: Path, at: int = 40) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def _header(folder: Path, change: Callable[[bytes], bytes], *, hashed: bool) -> None:
    """Change entry 300, and the hashes over it where that is asked for."""
    path = folder / "tile/entries/001"
    headers = parse_entry_bundle(path.read_bytes())
    headers[300 - WIDTH] = change(headers[300 - WIDTH])
    path.write_bytes(entry_bundle(headers))
    if hashed:
        everything = [
            header
            for name in ("000", "001", "002.p/104")
            for header in parse_entry_bundle((folder / "tile/entries" / name).read_bytes())
        ]
        for name, raw in tiles(everything):
            (folder / name).write_bytes(raw)


def _later(raw: bytes) -> bytes:
    return raw.replace(b'"recorded_at":"2026-03-01', b'"recorded_at":"2026-03-02')


def _a_header(folder: Path) -> None:
    _header(folder, _later, hashed=False)


def _a_header_with_its_hashes(folder: Path) -> None:
    _header(folder, _later, hashed=True)


def _a_header_that_is_not_strict(folder: Path) -> None:
    _header(folder, lambda raw: raw.replace(b",", b", ", 1), hashed=True)


def _a_header_of_another_entry(folder: Path) -> None:
    _header(folder, lambda raw: raw.replace(b'"index":300', b'"index":301'), hashed=True)


def _a_hash(folder: Path) -> None:
    _flip(folder / "tile/0/001")


def _a_hash_above(folder: Path) -> None:
    _flip(folder / "tile/1/000.p/2")


def _a_tile_taken_away(folder: Path) -> None:
    (folder / "tile/0/001").unlink()


def _a_tile_above_taken_away(folder: Path) -> None:
    (folder / "tile/1/000.p/2").unlink()


def _a_tile_cut(folder: Path) -> None:
    path = folder / "tile/0/001"
    path.write_bytes(path.read_bytes()[:-32])


def _entries_taken_away(folder: Path) -> None:
    (folder / "tile/entries/001").unlink()


def _entries_cut(folder: Path) -> None:
    path = folder / "tile/entries/001"
    path.write_bytes(entry_bundle(parse_entry_bundle(path.read_bytes())[:-1]))


def _entries_torn(folder: Path) -> None:
    path = folder / "tile/entries/001"
    path.write_bytes(path.read_bytes()[:-1])


def _the_last_entry_with_its_hashes(folder: Path) -> None:
    path = folder / "tile/entries/002.p/104"
    headers = parse_entry_bundle(path.read_bytes())
    everything = [
        header
        for name in ("000", "001")
        for header in parse_entry_bundle((folder / "tile/entries" / name).read_bytes())
    ]
    for name, raw in tiles([*everything, *headers[:-1], _later(headers[-1])]):
        (folder / name).write_bytes(raw)


def _no_checkpoint_at_all(folder: Path) -> None:
    (folder / "checkpoint").write_text("trust me\n", "utf-8")


def _a_cosignature(folder: Path) -> None:
    raw = (folder / "checkpoint").read_bytes()
    at = len(raw) - 10
    other = b"A" if raw[at : at + 1] != b"A" else b"B"
    (folder / "checkpoint").write_bytes(raw[:at] + other + raw[at + 1 :])


@pytest.mark.parametrize(
    ("attack", "index", "step", "check"),
    [
        (_a_header, 300, 4, "tiles"),
        (_a_header_with_its_hashes, 301, 3, "link"),
        (_a_header_that_is_not_strict, 300, 3, "header"),
        (_a_header_of_another_entry, 300, 3, "index"),
        (_a_hash, 257, 4, "tiles"),
        (_a_hash_above, 256, 4, "tiles"),
        (_a_tile_taken_away, 256, 4, "tiles"),
        (_a_tile_above_taken_away, 0, 4, "tiles"),
        (_a_tile_cut, 511, 4, "tiles"),
        (_entries_taken_away, 256, 3, "missing"),
        (_entries_cut, 511, 3, "missing"),
        (_entries_torn, 256, 3, "header"),
        (_the_last_entry_with_its_hashes, SIZE - 1, 4, "root"),
        (_no_checkpoint_at_all, 0, 1, "checkpoint"),
        (_a_cosignature, SIZE - 1, 1, "cosignature"),
    ],
)
def test_a_change_is_named(
    attack: Callable[[Path], None], index: int, step: int, check: str, folder: Path, scene: Scene
) -> None:
    """The check that fails, and the entry."""
    attack(folder)
    report = integrity(folder, witnessed(scene))
    broken = report.integrity.broken
    assert broken is not None
    assert (broken.index, broken.step, broken.check) == (index, step, check), broken
    assert report.exit_code() is ExitCode.VIOLATED


def test_another_ledger_is_named(folder: Path, scene: Scene) -> None:
    """Of another origin, another genesis record, or another history than the pinned head's."""
    other = Scene.built()
    other.desk.submit("reviewer", *(review(other.desk) for _ in range(1_000)))
    longer = other.desk.sign_head()
    forked = Scene.built().desk
    forked.submit("reviewer", review(forked))
    for trust, index, check in (
        (replace(witnessed(scene), origin="evil.example"), 0, "trust"),
        (replace(witnessed(scene), genesis="ab" * 32), 0, "trust"),
        (scene.desk.trust(longer), SIZE, "truncated"),
        (scene.desk.trust(pins=(Pin("mine", forked.sign_head().decode()),)), END, "root"),
    ):
        broken = integrity(folder, trust).integrity.broken
        assert broken is not None
        assert (broken.index, broken.check) == (index, check)


@pytest.mark.parametrize(
    ("how", "code", "answer"),
    [
        ({"seen_leaf": "ab" * 32}, "integrity.seen", ExitCode.VIOLATED),
        ({"header": {"root": "ab" * 32}}, "integrity.submission", ExitCode.VIOLATED),
        # Valid or not is not in the tiles: what it follows may itself be left out.
        ({"number": 1}, "integrity.number", ExitCode.UNDECIDABLE),
        ({"at": "2026-03-01T08:00:00.000000Z"}, "integrity.time", ExitCode.UNDECIDABLE),
    ],
)
def test_a_submission_that_is_wrong(
    how: dict[str, Any], code: str, answer: ExitCode, tmp_path: Path
) -> None:
    """Found at its entry, as far as no key and no record is needed to know it."""
    scene = Scene.built()
    scene.desk.submit("reviewer", review(scene.desk), **how)
    note = scene.desk.sign_head()
    report = integrity(served(scene.desk, tmp_path), scene.desk.trust(note))
    assert [(one.index, one.code) for one in report.findings] == [(END, code)]
    assert report.exit_code() is answer


# ------------------------------------------------------------------------------ errors


def test_what_tiles_cannot_be_used_for(folder: Path, scene: Scene) -> None:
    """Each says what to ask for instead."""
    assert is_tiles(folder)
    with pytest.raises(SourceError) as refused:
        open_ledger(folder, witnessed(scene))
    assert refused.value.code == "tiles.alone"
    with pytest.raises(SourceError) as refused:
        verify_ledger(folder, witnessed(scene), disclosures=[Disclosure("ab" * 32, ())])
    assert refused.value.code == "tiles.sealed"
    (folder / "checkpoint").unlink()
    with pytest.raises(SourceError, match="the checkpoint that is served") as refused:
        verify_ledger(folder, witnessed(scene))
    assert refused.value.code == "tiles.checkpoint"
    (folder / "checkpoint").symlink_to("/etc/passwd")
    with pytest.raises(SourceError) as refused:
        verify_ledger(folder, witnessed(scene))
    assert refused.value.code == "bundle.name"
