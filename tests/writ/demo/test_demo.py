"""`writ demo`: what it prints, what it leaves, and that what it says to type next works."""

import json
import os
import re
from pathlib import Path

import pytest

from verifier.report import ExitCode
from writ import cli


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A demonstration of a quiet month: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "here"
    out = folder.parent / "out.txt"
    with pytest.MonkeyPatch.context() as patch, out.open("w") as stream:
        for name in [name for name in os.environ if name.startswith("WRIT_")]:
            patch.delenv(name)
        patch.setattr("sys.stdout", stream)
        assert cli.run(["demo", "--dir", str(folder), "--runs", "30", "--seed", "x"]) == 0
    return folder, out.read_text()


def test_what_it_prints(demonstrated: tuple[Path, str]) -> None:
    """Verdict, findings by clause, incident, tampered entry, what to type next: in this order."""
    _, out = demonstrated
    heads = ["The verdict", "Findings by clause", "The incident", "Somebody changes", "Type next"]
    places = [out.index(head) for head in heads]
    assert places == sorted(places)
    assert "Integrity: HOLDS · trust: pinned" in out
    assert "precision 1.00, recall 1.00" in out
    assert out.count("\n", places[2], places[3]) == 12
    changed = re.search(r"tampered\.db, entry ([\d,]+): ", out)
    assert changed is not None
    assert f"BROKEN at entry {changed[1].replace(',', '')} " in out
    assert f"Entry {changed[1]}: its record is not the one that its header names" in out


def test_what_it_leaves(demonstrated: tuple[Path, str]) -> None:
    """The ledger, its keys and trust file, the truth, the copy: and nothing else."""
    folder, _ = demonstrated
    left = {path.name for path in folder.iterdir()}
    assert left == {
        "refunds.db",
        "refunds.db.keys",
        "refunds.db.trust.json",
        "tampered.db",
        "truth.json",
    }
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["seed"] == "x"
    assert {"violated", "undecidable", "handled"} == {one["result"] for one in truth["findings"]}


def test_what_it_says_to_type_next(
    demonstrated: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command answers as it must; the app has tests of its own."""
    _, out = demonstrated
    lines = [line.split()[1:] for line in out[out.index("Type next") :].splitlines()[1:]]
    assert [line[0] for line in lines] == ["app", "verify", "show", "verify"]
    for line in lines[1:]:
        assert cli.run(line) in {ExitCode.HOLDS, ExitCode.VIOLATED}
    assert "false-allow" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--runs", "-1"), "demo.runs"), (("--runs", "20001"), "demo.runs")],
)
def test_what_it_refuses(
    arguments: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number of cases that makes no month is refused before anything is made."""
    assert cli.run(["demo", *arguments]) == ExitCode.USAGE
    assert code in capsys.readouterr().err


def test_it_takes_no_folder_that_is_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What lies in the folder is left alone."""
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.run(["demo", "--dir", str(tmp_path)]) == ExitCode.UNREADABLE
    assert "demo.folder" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"
