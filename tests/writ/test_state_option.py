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


@pytest.mark.parametrize("flags", [["--jobs", "2"], ["--state", "s"]])
def test_only_integrity_alone_can_do_it(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be passed over in silence is a mistake of whoever asks."""
    assert answer(["verify", str(tmp_path / "l.db"), *flags]) == 2
    assert "verify.integrity" in capsys.readouterr().err
