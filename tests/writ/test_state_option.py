"""`writ verify --state`: what is kept between two verifications, and what is refused."""

from pathlib import Path

import pytest

from tests.verifier.forge import Desk
from writ.application import answer


def test_a_second_verification_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was done is said beside the report; the report is the same."""
    desk = Desk()
    desk.paid(5)
    desk.sign_head()
    path, folder = desk.save(tmp_path / "l.db"), tmp_path / "state"
    arguments = ["verify", str(path), "--integrity", "--state", str(folder)]
    assert answer(arguments) == 0
    first = capsys.readouterr()
    assert "all of the ledger was read" in first.err
    assert answer(arguments) == 0
    second = capsys.readouterr()
    assert "were not read again" in second.err
    assert second.out == first.out
    state = folder / "state"
    state.write_bytes(state.read_bytes()[:-1])
    assert answer(arguments) == 4
    assert "state.damaged" in capsys.readouterr().err


def test_records_are_decided_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --integrity too; what is not reported anew is what was not read anew."""
    desk = Desk()
    desk.paid(5000, look=False)
    desk.sign_head()
    path, folder = desk.save(tmp_path / "l.db"), tmp_path / "state"
    assert answer(["verify", str(path)]) == 1
    whole = capsys.readouterr()
    assert "policy.looked" in whole.out
    arguments = ["verify", str(path), "--state", str(folder)]
    for said in ("all records were decided again", "records were decided again from entry"):
        assert answer(arguments) == 1
        again = capsys.readouterr()
        assert again.out == whole.out
        assert said in again.err
    assert answer([*arguments, "--engine", "rows", "--integrity"]) == 0
    assert "decided again" not in capsys.readouterr().err


def test_a_bundle_has_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state is of a store."""
    desk = Desk()
    desk.sign_head()
    path, bundle = desk.save(tmp_path / "l.db"), tmp_path / "bundle"
    assert answer(["export", str(path), "--out", str(bundle)]) == 0
    assert answer(["verify", str(bundle), "--state", str(tmp_path / "state")]) == 4
    assert "state.source" in capsys.readouterr().err
