"""Killed before each write, sync, creation, renaming and removal: nothing is lost or torn."""

from pathlib import Path

import pytest

from tests.crash.catalogue import OPERATIONS
from tests.crash.conftest import Fresh
from tests.crash.operations import note_is_whole
from tests.crash.stopping import KILLED, Stopper, chosen, deciding


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_a_counted_point(name: str, stop: Stopper, fresh: Fresh, tmp_path: Path) -> None:
    """Wherever it dies: what it acknowledged is there, all verifies, and work goes on."""
    operation = OPERATIONS[name]
    folder, log = fresh(name), tmp_path / "log"
    whole = stop.run(name, folder, log=log)
    assert whole.code == 0, whole.failure
    assert whole.points > 0
    operation.check(folder, whole.acknowledged)
    for at in chosen(whole.points, around=deciding(log)):
        folder = fresh(name)
        ended = stop.run(name, folder, at=at)
        assert ended.code == KILLED, (at, ended)
        assert len(ended.acknowledged) <= len(whole.acknowledged)
        operation.check(folder, ended.acknowledged)


def test_who_says_too_early_is_seen(stop: Stopper, fresh: Fresh) -> None:
    """The net itself: an operation that acknowledges what is not yet there does not pass."""
    folder = fresh("say-too-early")
    assert stop.run("say-too-early", folder, at=2).code == KILLED
    with pytest.raises(AssertionError):
        note_is_whole(folder, ("noted",))
