"""The benchmark of rules by column: what it compares, what it prints, and when it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from writ.demo.run import SEED, Choices, run

HERE = Path(__file__).resolve().parents[2]


def _quiet(_done: int, _all: int) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run the benchmark, small, on a short month of the demonstration."""
    folder = tmp_path_factory.mktemp("month")
    for _ in run(folder, Choices(seed=SEED, runs=0, reproducible=False), _quiet, _quiet):
        pass
    command = [sys.executable, str(HERE / "benchmarks" / "rules.py"), "--json"]
    command += ["--size", "1500", "--chunk", "3000", "--ledger", str(folder / "refunds.db")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_both_engines_gave_the_same(done: subprocess.CompletedProcess[str]) -> None:
    """All entries went through both, in several chunks, and something was found."""
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["actions"] >= 1_500
    assert result["compared"] == result["entries"] > 3_000
    assert result["results"] > 100


def test_a_missed_target_is_its_exit_code(done: subprocess.CompletedProcess[str]) -> None:
    """How fast it is here and now is not this test's to say."""
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    short = [name for name in ("rules alone", "facts and rules") if _short(result, name)]
    if result["growth"] > result["targets"]["growth"]:
        short.append("growth")
    if result["asked of CEL"] < result["targets"]["asked of CEL"]:
        short.append("asked of CEL")
    assert result["missed"] == short
    assert done.returncode == int(bool(short))
    assert done.stdout.count(": missed") == len(short)


def test_what_all_processes_do_stands_beside(done: subprocess.CompletedProcess[str]) -> None:
    """It is told, in both forms, and no target hangs on it."""
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    every = result["asked of CEL by all"]
    assert every["processes"] == (os.cpu_count() or 1)
    assert f"in {every['processes']} processes, by the clock: " in done.stdout
    assert f"{every['records a second']:,.0f} records a second" in done.stdout
    assert "asked of CEL by all" not in result["targets"]


def _short(result: dict[str, Any], name: str) -> bool:
    return bool(result["ratios"][name] < result["targets"][name])
