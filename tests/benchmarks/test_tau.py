"""Real agent runs: imported whole, held whole, and judged as the policies say."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[2]
DATA = HERE.parent / "shared" / "data" / "tau"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the benchmark on all recorded runs; return its result with the report it rests on."""
    if not DATA.is_dir():
        pytest.skip("the recorded runs are not beside the repository (../shared/data/tau)")
    folder = tmp_path_factory.mktemp("tau")
    command = [
        *(sys.executable, str(HERE / "benchmarks" / "tau" / "run.py"), "--json"),
        *("--transcripts", str(DATA / "transcripts"), "--labels", str(DATA / "labels.csv")),
        *("--keep", str(folder)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    result["report"] = json.loads((folder / "report.json").read_text("utf-8"))
    return result


def test_all_runs_hold(measured: dict[str, Any]) -> None:
    """378 runs with 2,634 actions are in one ledger, and its integrity holds."""
    report = measured["report"]
    assert measured["runs"] == 378
    assert report["conformance"]["records"]["action"] == 2_634
    assert report["integrity"]["verdict"] == "holds"


def test_every_target_is_met(measured: dict[str, Any]) -> None:
    """Recall and precision after adjudication are what the benchmark promises."""
    assert measured["targets"]["missed"] == []
    assert all(measured["after"][rule]["tp"] > 0 for rule in measured["targets"]["rules"])


@pytest.mark.parametrize("rule", ["cost.cost", "cost.tokens", "cost.seconds"])
def test_what_was_not_recorded_is_never_satisfied(measured: dict[str, Any], rule: str) -> None:
    """The tau1 runs record no cost, tokens or times: a budget on them is undecidable throughout."""
    conformance = measured["report"]["conformance"]
    tau1 = {c["digest"] for c in conformance["contracts"] if "tau1" in c["name"]}
    counts = [c for c in conformance["counts"] if c["rule"] == rule and c["contract"] in tau1]
    assert len(counts) == 2
    for count in counts:
        assert (count["satisfied"], count["violated"]) == (0, 0)
        assert count["undecidable"] == sum(count["reasons"].values()) > 0
