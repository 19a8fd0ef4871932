"""What a disk may hold after a power cut, made again from a log of what was done to it.

Bytes are safe once their file was synced, and a name (a creation, renaming or removal) once its
folder was. What came after may be there or not: of bytes any part, in any choice; of names as many
as happened first, since file systems keep them in order.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WRITE, SYNC, TRUNCATE, CREATE, RENAME, UNLINK = range(1, 7)
_STEP = struct.Struct("<BqqQHH")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done: which point it was, and to what."""

    kind: int
    point: int
    path: str
    to: str
    offset: int
    data: bytes


# Of bytes written and not synced, what of them is on the disk: from 0 (nothing) to 1 (all).
Share = Callable[[int], float]


def read_log(path: Path) -> Sequence[Step]:
    """Read what the shim wrote down."""
    raw = path.read_bytes()
    steps: list[Step] = []
    at = 0
    while at < len(raw):
        kind, point, offset, length, first, second = _STEP.unpack_from(raw, at)
        at += _STEP.size
        name = raw[at : at + first].decode()
        to = raw[at + first : at + first + second].decode()
        at += first + second
        data = raw[at : at + length] if kind == WRITE else b""
        at += len(data)
        steps.append(Step(kind, point, name, to, offset, data))
    return steps


@dataclass(slots=True)
class _Bytes:
    """A file's bytes: those that are safe, and what was done to them since."""

    safe: bytes = b""
    later: list[Step] = field(default_factory=list[Step])

    def after(self, share: Share) -> bytes:
        """Return the bytes with some of what was done since."""
        found = bytearray(self.safe)
        for number, step in enumerate(self.later):
            part = share(number)
            if step.kind == TRUNCATE and part > 0:
                found = found[: step.offset].ljust(step.offset, b"\0")
            elif step.kind == WRITE:
                data = step.data[: round(len(step.data) * part)]
                if data:
                    found = found.ljust(step.offset, b"\0")
                    found[step.offset : step.offset + len(data)] = data
        return bytes(found)


class Disk:
    """A folder as it was, and what was done to it since, one step after the other."""

    def __init__(self, folder: Path) -> None:
        self._now: dict[str, _Bytes] = {}
        self._folders = {path for path in folder.rglob("*") if path.is_dir()}
        for path in folder.rglob("*"):
            if path.is_file():
                self._now[str(path)] = _Bytes(path.read_bytes())
        self._safe = dict(self._now)
        self._names: list[tuple[Step, _Bytes | None]] = []

    def do(self, step: Step) -> None:
        """Do one step."""
        if step.kind in {WRITE, TRUNCATE}:
            self._now[step.path].later.append(step)
        elif step.kind == SYNC:
            self._sync(step.path)
        else:
            self._name(step)

    def _sync(self, path: str) -> None:
        file = self._now.get(path)
        if file is not None:
            file.safe, file.later = file.after(lambda _: 1.0), []
            return
        kept: list[tuple[Step, _Bytes | None]] = []
        for step, named in self._names:
            if str(Path(step.to or step.path).parent) == path:
                _apply(self._safe, step, named)
            else:
                kept.append((step, named))
        self._names = kept

    def _name(self, step: Step) -> None:
        named = _Bytes() if step.kind == CREATE else self._now.get(step.path)
        _apply(self._now, step, named)
        self._names.append((step, named))

    def write(self, folder: Path, share: Share, names: float) -> None:
        """Make the folder hold what is on the disk after a power cut.

        Args:
            folder: It is emptied first.
            share: How much of each later write of a file is there, by its number in the file.
            names: What part of the later names is.
        """
        found = dict(self._safe)
        for step, named in self._names[: round(len(self._names) * names)]:
            _apply(found, step, named)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            path.unlink()
        # The deepest first. A folder that was made since is there if a name in it is.
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and path not in self._folders:
                path.rmdir()
        for name, file in found.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.after(share))
            path.chmod(0o600)


def _apply(names: dict[str, _Bytes], step: Step, named: _Bytes | None) -> None:
    """Do to a table of names what a step does."""
    if step.kind == UNLINK:
        names.pop(step.path, None)
    elif step.kind == CREATE and named is not None:
        names[step.path] = named
    elif step.kind == RENAME and named is None:
        # A folder: what is below it goes with it.
        below = f"{step.path}/"
        for name in [name for name in names if name.startswith(below)]:
            names[step.to + name[len(step.path) :]] = names.pop(name)
    elif step.kind == RENAME and named is not None:
        names[step.to] = named
        # A hard link leaves the old name as well.
        if step.offset == 0:
            names.pop(step.path, None)
