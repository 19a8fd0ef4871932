"""Small file systems of the tests' own, in memory: to be filled, and to be made read-only."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class NoMountError(Exception):
    """There is no mounting here; says why."""


def _mount(*arguments: str) -> None:
    """Run mount.

    Raises:
        NoMountError: It is not there, or may not.
    """
    program = shutil.which("mount")
    if program is None or os.geteuid() != 0:
        raise NoMountError("a full or read-only file system of its own takes root and mount")
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise NoMountError(f"mounting is not allowed here ({done.stderr.strip()})")


@contextmanager
def small_disk(folder: Path, size: int) -> Generator[Path]:
    """Mount a file system of so many bytes at a folder, which is made, and take it away after.

    A test that fails may hold a file open: it is gone for all others at once, and then for good.

    Raises:
        NoMountError: It cannot be had here.
    """
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(place: Path) -> Generator[None]:
    """Make a folder or a file read-only to everybody, root too, and take that back after.

    Raises:
        NoMountError: It cannot be had here.
    """
    _mount("--bind", str(place), str(place))
    try:
        _mount("-o", "remount,bind,ro", str(place))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free where a folder is, and return the file that takes them."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast
