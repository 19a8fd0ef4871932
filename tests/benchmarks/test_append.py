"""The benchmark of appends: what it prints, and when it fails."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    """Run the benchmark, small."""
    command = [sys.executable, str(HERE / "benchmarks" / "append.py"), "--size", "2", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_load_is_measured_against_its_floor(done: subprocess.CompletedProcess[str]) -> None:
    """Bare SQLite and the signatures are the floor; nothing is faster than it."""
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert [load["records"] for load in result["loads"]] == [1, 1, 3, 256, 1_024]
    for load in result["loads"]:
        seconds = load["seconds"]
        floor = seconds["bare"] + seconds["signatures"]
        assert load["share"] == pytest.approx(floor / seconds["client"])
        assert 0 < load["share"] < 1
        assert load["records_per_second"] == pytest.approx(load["records"] / seconds["client"])


def test_a_missed_target_is_its_exit_code(done: subprocess.CompletedProcess[str]) -> None:
    """How fast it is here and now is not this test's to say."""
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    short = [load["name"] for load in result["loads"] if load["share"] < load["target"]]
    assert result["missed"] == short
    assert done.returncode == int(bool(short)), done.stderr
    assert done.stdout.count("missed: ") == len(short)
