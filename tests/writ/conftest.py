"""The command line as tests run it: in an empty folder, with no settings of the machine's own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from writ import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def writ(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Run a command in an empty folder, and return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WRIT_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
