"""`writ verify` on what no column says: the same report for all, and which conditions it was."""

from pathlib import Path

import pytest

from tests.verifier.forge import Desk, contract_text
from verifier import asking
from writ.application import answer

CONDITION = "size(string(action.time)) > 3 || params.amount == 5"
RULE = f"  - {{id: odd, for: pay, unless: '{CONDITION}'}}\n"


def test_the_report_is_the_same_and_what_has_no_column_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each engine and number of processes; the conditions stand beside the report, with why."""
    monkeypatch.setattr(asking, "BEGIN", 0)
    monkeypatch.setattr(asking, "FEW", 1)
    desk = Desk()
    desk.publish("2.0.0", text=contract_text("2.0.0") + RULE)
    for amount in (5, 5000, 7):
        desk.paid(amount)
    desk.sign_head()
    path = str(desk.save(tmp_path / "l.db"))
    reports: set[str] = set()
    for flags in (["--engine", "rows"], *(["--engine", "columns", "--jobs", n] for n in "12")):
        assert answer(["verify", path, *flags]) == 1
        seen = capsys.readouterr()
        reports.add(seen.out)
        told = [line for line in seen.err.splitlines() if CONDITION in line]
        by_column = "columns" in flags
        assert bool(told) is by_column
        assert all("string() of a timestamp" in line and "3 times" in line for line in told)
        assert "asking.lost" not in seen.err
    assert len(reports) == 1
