"""`writ verify --sample` and `writ sample --check`: folders, exit codes and words."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.encoding import from_base64
from ledger.signing import FileKey
from tests.verifier.forge import ORIGIN, Desk
from writ.application import answer


@dataclass(frozen=True)
class Place:
    """A folder with a ledger and its trust file."""

    folder: Path

    def path(self, name: str) -> str:
        """Return the path of a file in it."""
        return str(self.folder / name)

    def draw(self, out: str, *more: str, ledger: str = "l.db", number: str = "3") -> list[str]:
        """Return the command that draws."""
        sample = ["--sample", number, "--seed", "2026-Q1", "--out", self.path(out)]
        trust = ["--trust", self.path("trust.json")]
        return ["verify", self.path(ledger), *trust, *sample, *more]

    def check(self, folder: str) -> list[str]:
        """Return the command that checks."""
        return ["sample", "--check", self.path(folder), "--trust", self.path("trust.json")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A ledger with one violation, and a pack of it."""
    folder = tmp_path_factory.mktemp("sampling")
    desk = Desk()
    for _ in range(4):
        desk.paid()
    desk.paid(look=False)
    desk.sign_head()
    desk.save(folder / "l.db")
    trust = {"v": 1, "origin": ORIGIN, "genesis": desk.genesis, "note": "of a test"}
    (folder / "trust.json").write_text(json.dumps(trust), "utf-8")
    made = Place(folder)
    assert answer(made.draw("pack")) == 1
    return made


def said(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str, str]:
    """Run a command; return exit code, stdout and stderr."""
    capsys.readouterr()
    code = answer(arguments)
    found = capsys.readouterr()
    return code, found.out, found.err


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_pack_is_drawn_and_checked(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The report is written as ever; the pack holds, whatever the ledger's own answer is."""
    code, out, err = said(capsys, place.draw("again", "--jobs", "1", "--engine", "rows"))
    assert (code, out.startswith("Integrity: HOLDS")) == (1, True)
    assert "writ sample --check" in err
    assert bytes_of(place.folder / "again") == bytes_of(place.folder / "pack")
    code, out, _ = said(capsys, place.check("pack"))
    assert (code, out.startswith("Sample: HOLDS · ")) == (0, True)
    assert "said of the populations: 1 violated, 0 undecidable" in out


def test_the_command_in_the_readme_makes_the_pack(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word for word, whatever the seed holds."""
    seed = 'it\'s "$HOME" & 1'
    command = place.draw("odd")
    command[command.index("2026-Q1")] = seed
    assert said(capsys, command)[0] == 1
    readme = (place.folder / "odd" / "README.txt").read_text("utf-8")
    line = next(line for line in readme.splitlines() if line.startswith("    writ verify"))
    words = {"LEDGER": "l.db", "TRUST.json": "trust.json", "OTHER-FOLDER": "odd2"}
    again = [place.path(words[word]) if word in words else word for word in shlex.split(line)[1:]]
    assert said(capsys, again)[0] == 1
    assert bytes_of(place.folder / "odd2") == bytes_of(place.folder / "odd")
    assert said(capsys, place.check("odd"))[0] == 0


def test_each_proof_is_one_that_is_known(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """`writ proof --check` reads it."""
    proof = next(str(path) for path in (place.folder / "pack").rglob("*.tlog-proof"))
    code, out, _ = said(capsys, ["proof", "--check", proof, "--trust", place.path("trust.json")])
    assert (code, out.startswith("PROVEN")) == (0, True)


def test_a_pack_that_was_changed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 with a code; 4 where it is no pack."""
    assert said(capsys, place.draw("changed"))[0] == 1
    table = place.folder / "changed" / "items.csv"
    table.write_bytes(table.read_bytes().replace(b"pay", b"PAY"))
    code, out, _ = said(capsys, place.check("changed"))
    assert (code, out.startswith("Sample: DOES NOT HOLD · sample.file: items.csv")) == (1, True)
    table.unlink()
    table.symlink_to(place.folder / "pack" / "items.csv")
    for folder in ("changed", "missing"):
        code, _, err = said(capsys, place.check(folder))
        assert (code, "sample.malformed" in err) == (4, True)
    code, _, err = said(capsys, ["sample", "--check", place.path("pack")])
    assert (code, "sample.no-trust" in err) == (2, True)


def test_a_bundle_gives_the_same_pack(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """What was carried away whole is the ledger."""
    assert said(capsys, ["export", place.path("l.db"), "--out", place.path("bundle")])[0] == 0
    assert said(capsys, place.draw("of-bundle", ledger="bundle"))[0] == 1
    assert bytes_of(place.folder / "of-bundle") == bytes_of(place.folder / "pack")


def test_a_verification_can_be_sampled_and_attested_at_once(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both name the same report."""
    FileKey.create(place.folder / "auditor.key", b"\7" * 32)
    attest = ["--attest", place.path("auditor.key"), "--attestation", place.path("a.json")]
    assert said(capsys, place.draw("attested", *attest))[0] == 1
    envelope = json.loads((place.folder / "a.json").read_bytes())
    predicate = json.loads(from_base64(envelope["payload"]))["predicate"]
    index = json.loads((place.folder / "attested" / "index.json").read_bytes())
    assert index["basis"]["report"] == predicate["report"]["sha256"]
    assert index["basis"]["trust"] == predicate["trust"]["sha256"]


def test_what_cannot_be_drawn(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """How it is asked for, what is there already, and ledgers that nothing is drawn from."""
    key = place.path("trust.json")
    bare, broken = Desk(), Desk()
    bare.paid()
    bare.save(place.folder / "bare.db")
    broken.paid()
    broken.sign_head()
    broken.records[-1] = b"{}"
    broken.save(place.folder / "broken.db")
    for arguments, exit_code, code in (
        (place.draw("x")[:6], 2, "sample.what"),
        ([*place.draw("x")[:4], *place.draw("x")[6:]], 2, "sample.what"),
        (place.draw("x")[:-2], 2, "sample.what"),
        ([*place.draw("x")[:2], *place.draw("x")[4:]], 2, "sample.what"),
        (place.draw("x", "--integrity"), 2, "sample.inputs"),
        (place.draw("x", "--engine", "columns"), 2, "sample.inputs"),
        (place.draw("x", "--state", place.path("state")), 2, "sample.inputs"),
        (place.draw("x", "--unseal", key), 2, "sample.inputs"),
        (place.draw("x", "--disclosures", key), 2, "sample.inputs"),
        (place.draw("x", number="0"), 2, "sample.number"),
        (place.draw("x", "--seed", "a\tb"), 2, "sample.seed"),
        (place.draw("pack"), 4, "sample.exists"),
        (place.draw("trust.json"), 4, "sample.exists"),
        (place.draw("x", ledger="bare.db"), 4, "sample.head"),
        (place.draw("x", ledger="broken.db"), 1, "sample.broken"),
    ):
        found = said(capsys, arguments)
        assert (found[0], code in found[2]) == (exit_code, True), (arguments, found)
    assert not (place.folder / "x").exists()
    assert not (place.folder / "state").exists()
