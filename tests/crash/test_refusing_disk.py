"""A disk that is full, that fails, or that lets nobody write: said clearly, and nothing is lost."""

import errno
from collections.abc import Mapping

import pytest

from tests.crash.catalogue import OPERATIONS
from tests.crash.conftest import Fresh
from tests.crash.killable import FAILED
from tests.crash.stopping import Ended, Stopper, chosen

# How many points of one operation the disk refuses at, where not all are tried.
SOME = 2
# With what number a disk refuses, and whether it goes on refusing.
REFUSALS: Mapping[str, tuple[int, bool]] = {
    "full": (errno.ENOSPC, True),
    "full once": (errno.ENOSPC, False),
    "failing": (errno.EIO, True),
    "failing once": (errno.EIO, False),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_disk_refuses(name: str, refusal: str, stop: Stopper, fresh: Fresh) -> None:
    """It goes on or fails with a code; what was acknowledged is there, and then work goes on."""
    operation = OPERATIONS[name]
    error, lasting = REFUSALS[refusal]
    points = stop.run(name, fresh(name)).points
    for at in chosen(points, SOME):
        folder = fresh(name)
        ended = stop.run(name, folder, at=at, error=error, lasting=lasting)
        assert ended.code in {0, FAILED}, (at, ended)
        if ended.code == FAILED:
            assert is_clear(ended), (at, ended.failure)
        try:
            operation.check(folder, ended.acknowledged)
        except Exception as wrong:
            wrong.add_note(f"at point {at} of {points}: {ended.failure}")
            raise


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_can_be_written(name: str, stop: Stopper, fresh: Fresh) -> None:
    """On a disk that is for reading, it fails with a code at once, and all is as it was."""
    folder = fresh(name)
    ended = stop.run(name, folder, at=1, error=errno.EROFS, lasting=True)
    assert ended.code == FAILED
    assert is_clear(ended), ended.failure
    assert ended.acknowledged == ()
    OPERATIONS[name].check(folder, ())


def is_clear(ended: Ended) -> bool:
    """Tell whether what it failed with is one of the ledger's errors, with a code."""
    code, kind, *_ = ended.failure.split()
    return "." in code and kind.endswith("Error:")
