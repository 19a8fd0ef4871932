"""The tutorial is followed from its top: each command is run, and says what the page shows."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "tutorial"
PAGE = (FOLDER / "README.md").read_text("utf-8")
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def steps() -> Iterator[tuple[str, list[str]]]:
    """Yield each command of the page, and the lines that it shows."""
    for block in _BLOCK.findall(PAGE):
        command, shown = "", list[str]()
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line.removeprefix("$ "), []
            else:
                shown.append(line)
        yield command, shown


def run(command: str, folder: Path) -> str:
    """Run a command of the page as a newcomer would, and return what it prints."""
    program, *rest = shlex.split(command)
    words = [sys.executable, *(["-m", "writ"] if program == "writ" else []), *rest]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WRIT")}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def check(shown: list[str], printed: str, command: str) -> None:
    """Hold the lines of the page against what was printed, in their order."""
    lines = iter(printed.splitlines())
    for line in shown:
        beginning, cut, _ = line.partition("…")
        assert any(one.startswith(beginning) if cut else one == line for one in lines), (
            f"{command}: the page shows {line!r}, and it printed\n{printed}"
        )


def waiting(folder: Path) -> str:
    """Return the digest of the action that waits."""
    found = json.loads(run("writ pending refunds.db --json", folder))
    (one,) = found["actions"]
    return str(one["action"])


def test_the_tutorial_works_from_its_top(tmp_path: Path) -> None:
    """Every command runs in order in a copy of the folder, and prints what the page says."""
    folder = tmp_path / "tutorial"
    shutil.copytree(FOLDER, folder)
    done = 0
    for command, shown in steps():
        said = command.replace("ACTION", waiting(folder)) if "ACTION" in command else command
        check(shown, run(said, folder), command)
        if "activate" in command:
            time.sleep(2.1)
        done += 1
    assert done == 13


@pytest.mark.parametrize("text", _YAML.findall(PAGE))
def test_what_the_page_quotes_is_in_the_contract(text: str) -> None:
    """A passage of YAML on the page stands in the file."""
    contract = (FOLDER / "contract.yaml").read_text("utf-8")
    assert text.strip() in contract


def test_the_limit_that_the_page_tells_to_change_is_noticed(tmp_path: Path) -> None:
    """With a higher limit one scenario fails, as the page says."""
    folder = tmp_path / "tutorial"
    shutil.copytree(FOLDER, folder)
    file = folder / "contract.yaml"
    file.write_text(file.read_text("utf-8").replace("alone: 100.0", "alone: 500.0"), "utf-8")
    words = [sys.executable, "-m", "writ", "contract", "test", ".", "--shrink", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "1 failed" in done.stdout
