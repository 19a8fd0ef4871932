"""Power fails: of what was not synced any part may be lost, and nothing acknowledged is."""

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.crash.catalogue import OPERATIONS
from tests.crash.conftest import Fresh
from tests.crash.disk import CREATE, SYNC, Disk, Share, read_log
from tests.crash.operations import CARELESS, Operation
from tests.crash.spooling import WAITING
from tests.crash.stopping import Ended, Stopper, chosen, deciding

# How many points of one operation power fails at, where not all are tried.
SOME = 3


def by_chance(seed: int) -> Share:
    """Return a choice that follows from a seed: of each write nothing, all, or a part."""
    source = random.Random(seed)
    drawn: dict[int, float] = {}

    def share(number: int) -> float:
        return drawn.setdefault(number, source.choice((0.0, 1.0, source.random())))

    return share


# What is left of the bytes that were not synced, and of the names.
CUTS: Mapping[str, tuple[Share, float]] = {
    "nothing": (lambda _: 0.0, 0.0),
    "names only": (lambda _: 0.0, 1.0),
    "bytes only": (lambda _: 1.0, 0.0),
    "all": (lambda _: 1.0, 1.0),
    "every other": (lambda number: float(number % 2), 0.5),
    "torn": (lambda number: 0.37 if number % 3 else 1.0, 1.0),
    "by chance": (by_chance(1), 0.7),
}


def ran(name: str, stop: Stopper, folder: Path, log: Path) -> tuple[Disk, Ended]:
    """Do an operation, with a log, in a folder that is remembered as it was."""
    disk = Disk(folder)
    log.unlink(missing_ok=True)
    ended = stop.run(name, folder, log=log)
    assert ended.code == 0, ended.failure
    return disk, ended


@pytest.mark.parametrize("name", OPERATIONS)
def test_power_fails(name: str, stop: Stopper, fresh: Fresh, tmp_path: Path) -> None:
    """Whenever, and whatever is left: all that was acknowledged is there, and all verifies."""
    folder, log = fresh(name), tmp_path / "log"
    disk, ended = ran(name, stop, folder, log)
    points = list(chosen(ended.points, SOME, deciding(log)))
    for step in read_log(log):
        disk.do(step)
        if step.point in points:
            survives(
                OPERATIONS[name], disk, folder, ended, step.point, cuts(points.index(step.point))
            )


def cuts(turn: int) -> Sequence[str]:
    """Return in which ways power fails: in all, or so that nothing is left and in one other."""
    first, *others = CUTS
    return list(CUTS) if os.environ.get("WRIT_CRASH_ALL") else [first, others[turn % len(others)]]


def survives(
    operation: Operation, disk: Disk, folder: Path, ended: Ended, point: int, ways: Sequence[str]
) -> None:
    """Cut the power after a point, in some ways, and check what is left."""
    for cut in ways:
        share, names = CUTS[cut]
        disk.write(folder, share, names)
        try:
            operation.check(folder, ended.acknowledged_by(point))
        except Exception as error:
            error.add_note(f"after point {point} of {ended.points}, left: {cut}")
            raise


def test_a_folder_made_for_a_spool_is_on_the_disk(
    stop: Stopper, fresh: Fresh, tmp_path: Path
) -> None:
    """Before anything in it is acknowledged: a spool in a folder that is lost is lost."""
    folder, log = fresh("spool"), tmp_path / "log"
    _, ended = ran("spool", stop, folder, log)
    first = next(at for at, text in ended.said if text.startswith("spooled"))
    synced = {step.path for step in read_log(log) if step.kind == SYNC and step.point <= first}
    assert {str(folder), str(folder / WAITING)} <= synced


def test_a_folder_made_for_keys_is_on_the_disk(stop: Stopper, fresh: Fresh, tmp_path: Path) -> None:
    """Before there is a key in it: a ledger whose folder of keys is lost has lost its keys."""
    folder, log = fresh("init"), tmp_path / "log"
    ran("init", stop, folder, log)
    steps = list(read_log(log))
    first = next(step for step in steps if step.kind == CREATE and step.path.endswith(".pem"))
    synced = {step.path for step in steps[: steps.index(first)] if step.kind == SYNC}
    assert str(folder) in synced


def test_who_forgets_to_sync_is_seen(stop: Stopper, fresh: Fresh, tmp_path: Path) -> None:
    """The net itself: a name that is durable before its bytes loses both notes."""
    name = "rename-without-sync"
    folder, log = fresh(name), tmp_path / "log"
    disk, ended = ran(name, stop, folder, log)
    for step in read_log(log):
        disk.do(step)
    with pytest.raises(AssertionError) as caught:
        survives(CARELESS[name], disk, folder, ended, ended.points, list(CUTS))
    assert "left: nothing" in caught.value.__notes__[0]
    disk.write(folder, *CUTS["names only"])
    assert (folder / "note").read_bytes() == b""
