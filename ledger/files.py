"""Small files that must survive: replaced in one step, on the disk before anybody goes on.

What a signer or a witness remembers lies in such files. Several processes take turns with one.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


def replace_file(path: Path, raw: bytes) -> None:
    """Replace a file in one step: if the process dies, the old or the new one is there.

    The file is on the disk, under its name, when this returns.
    """
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


def create_private(path: Path, raw: bytes) -> None:
    """Write a file that must not exist yet and that only its owner reads; its bytes are synced.

    Raises:
        OSError: There is something at `path`, or it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(descriptor)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner enters, where it is missing, and have its name on the disk.

    Raises:
        OSError: It cannot be made.
    """
    made = [one for one in folder.parents if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in made:
        sync_folder(one.parent)
    # INVARIANT: what is synced in it later is not lost with the folder. Whoever made it may have
    # died before this line, so it is done for a folder that is there too, where that is allowed.
    with suppress(PermissionError):
        sync_folder(folder.parent)


class NamedFile:
    """A file and the name that it was opened under, which may come to name another one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first: tuple[int, int] | None = None

    def opened(self) -> None:
        """Take note of the file that the name is of, when it is opened first."""
        self._first = self._first or self._found()

    def is_there(self) -> bool:
        """Return whether the name is still of the file that was opened first."""
        return self._first is not None and self._found() == self._first

    def _found(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    sync_file(folder)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder with those above it, where they are missing; their names are on the disk."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    for one in made:
        sync_folder(one.parent)


def sync_tree(folder: Path) -> None:
    """Have a folder on the disk with all that is in it: bytes first, then names."""
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync_file(Path(path) / name)
        sync_folder(Path(path))


def sync_file(path: Path) -> None:
    """Have what was written to a file on the disk, by whomever."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def in_turn(path: Path) -> Generator[None]:
    """Hold the lock beside a file: of the processes and threads that do, one at a time."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
