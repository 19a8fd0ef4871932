"""`writ verify --format`: every format from the command line, and from the settings."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.verifier.forge import Desk
from verifier.reports import FORMATS as WRITERS
from writ import cli
from writ.verify_options import FORMATS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger in which a rule was violated, and its trust file."""
    made = tmp_path_factory.mktemp("command")
    desk = Desk(imported=True)
    for _ in range(7):
        desk.paid(5000, look=False)
    desk.sign_head()
    desk.save(made / "my ledger.db")
    trust = {"v": 1, "origin": desk.trust().origin, "genesis": desk.genesis, "note": ""}
    (made / "trust.json").write_text(json.dumps(trust), "utf-8")
    return made


@pytest.fixture
def writ(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in that folder, and return exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def verify(writ: Run, *more: str) -> str:
    """Verify the ledger and return the report; it answers 1, whatever the format."""
    code, out, _ = writ("verify", "my ledger.db", "--trust", "trust.json", *more)
    assert code == 1
    return out


def test_the_formats_are_those_that_there_are() -> None:
    """The command names what the reports can be written in, in this order."""
    assert tuple(WRITERS) == FORMATS


def test_every_format(writ: Run) -> None:
    """Each is what it says that it is, and tells the same seven findings."""
    assert verify(writ).startswith("Integrity: HOLDS")
    ids = [one["id"] for one in json.loads(verify(writ, "--format", "json"))["findings"]]
    assert len(ids) >= 7
    lines = [json.loads(line) for line in verify(writ, "--format", "jsonl").splitlines()]
    assert [line["id"] for line in lines if line["type"] == "finding"] == ids
    (run,) = json.loads(verify(writ, "--format", "sarif"))["runs"]
    assert [one["partialFingerprints"]["writFindingId/v1"] for one in run["results"]] == ids
    events = [json.loads(line) for line in verify(writ, "--format", "ocsf").splitlines()]
    assert [event["metadata"]["uid"] for event in events] == ids
    suites = ET.fromstring(verify(writ, "--format", "junit"))  # noqa: S314 - it is our own
    assert int(suites.attrib["failures"]) >= 1
    page = verify(writ, "--format", "html")
    assert all(f'id="{one}"' in page for one in ids)


@pytest.mark.parametrize("format_", ["sarif", "junit", "ocsf"])
def test_written_twice_it_is_the_same(writ: Run, format_: str) -> None:
    """There is no envelope in these, and no time but the ledger's."""
    assert verify(writ, "--format", format_) == verify(writ, "--format", format_)


def test_a_page_says_how_it_was_made(writ: Run) -> None:
    """The command in it is one that a shell takes, and gives the page again."""
    page = verify(writ, "--format", "html", "--at", "2026-03-01T09:00:00Z")
    command = (
        "writ verify &#x27;my ledger.db&#x27; --trust trust.json "
        "--at 2026-03-01T09:00:00Z --format html"
    )
    assert f"<pre><code>{command}</code></pre>" in page
    code, out, _ = writ("verify", "my ledger.db", "--integrity", "--format", "html")
    assert code == 0
    assert "writ verify &#x27;my ledger.db&#x27; --integrity --format html" in out
    assert "integrity alone was asked for" in out


def test_formats_from_the_settings(
    writ: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """writ.toml and WRIT_FORMAT name one; in_full says how much of a rule is told."""
    monkeypatch.setenv("WRIT_FORMAT", "sarif")
    assert json.loads(verify(writ))["version"] == "2.1.0"
    monkeypatch.delenv("WRIT_FORMAT")
    settings = folder / "writ.toml"
    settings.write_text('format = "html"\nin_full = 3\n', "utf-8")
    try:
        page = verify(writ)
    finally:
        settings.unlink()
    assert page.startswith("<!DOCTYPE html>")
    assert "4 more of this rule are not shown here" in page
    assert "--rule policy.looked" in page


def test_a_format_that_is_none(writ: Run) -> None:
    """It is refused with the names of those that there are."""
    code, _, err = writ("verify", "my ledger.db", "--format", "pdf")
    assert code == 2
    assert "format.unknown" in err
    assert "text, json, jsonl, sarif, junit, ocsf, html" in err
