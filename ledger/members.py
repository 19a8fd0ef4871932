"""The files of a bundle, in a directory or a zip, read in place. Whoever made them is a stranger.

Nothing is ever extracted: a member is read through its slice of the zip, so that no name can lead
anywhere. A bundle's zip compresses nothing (what is large in it is compressed already), and so
nothing in it can grow. What is refused: names that are no plain paths, a name twice, links,
compressed or encrypted members, members that overlap, and more of them than a bundle can have.
"""

import io
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from re import compile as pattern
from typing import Any, BinaryIO, Protocol, Self

from ledger.errors import BundleError

MAX_MEMBERS = 500_000
# What is read into memory at once: a manifest, a README, a tile. Entries are streamed.
MAX_READ = 256 * 1_048_576
# The fixed part of a local header; then come the name and the extra field. PKZIP APPNOTE, 4.3.7.
_LOCAL_HEADER = 30
_LOCAL_MARK = b"PK\x03\x04"
_ENCRYPTED = 0x1
# When every member of a zip was made, so that the same bundle is the same bytes: the earliest time
# that a zip can say.
EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = stat.S_IFREG | 0o644
_NAME = pattern(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,31}")


class Members(Protocol):
    """Files by name, each a plain path with `/`."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many bytes each has."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open one, to be read and moved about in. Raises `BundleError`."""
        ...

    def close(self) -> None:
        """Give up what was opened."""
        ...


def read(members: Members, name: str, limit: int = MAX_READ) -> bytes:
    """Return all bytes of a file.

    Raises:
        BundleError: There is none, it is larger than `limit`, or it cannot be read.
    """
    size = members.sizes.get(name)
    if size is None:
        raise BundleError(f"the bundle has no {name}", code="bundle.missing")
    if size > limit:
        raise BundleError(f"{name}: {size} bytes, and at most {limit} are read")
    with members.open(name) as file:
        return file.read(size)


def open_members(location: str | Path) -> Members:
    """Open the files of a bundle: a directory, or a zip.

    Raises:
        BundleError: It is neither, or its names or members are none that a bundle has.
    """
    path = Path(location)
    try:
        return DirectoryMembers(path) if path.is_dir() else ZipMembers(path)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeError, ValueError) as error:
        raise BundleError(f"{path}: not a zip that can be read: {error}") from error
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}") from error


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BundleError(f"{name[:80]!r} is no name of a bundle's file", code="bundle.name")


def _check_count(count: int) -> None:
    if count > MAX_MEMBERS:
        raise BundleError(f"{count} files, and a bundle has at most {MAX_MEMBERS}")


class DirectoryMembers:
    """The files below a directory; links are refused, wherever they lead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sizes: Mapping[str, int] = self._listed()

    def _listed(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for folder, folders, files in os.walk(self._path, followlinks=False):
            for name in (*folders, *files):
                path = Path(folder) / name
                mode = path.lstat().st_mode
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    raise BundleError(f"{path}: a link, or no file", code="bundle.name")
                if stat.S_ISREG(mode):
                    inside = path.relative_to(self._path).as_posix()
                    _check_name(inside)
                    sizes[inside] = path.stat().st_size
            _check_count(len(sizes))
        return sizes

    def open(self, name: str) -> BinaryIO:
        """Open one. Raises `BundleError`."""
        try:
            return (self._path / name).open("rb")
        except OSError as error:
            raise BundleError(f"{name}: {error.strerror}") from error

    def close(self) -> None:
        """Do nothing: each file is closed by whoever opened it."""


class ZipMembers:
    """The members of a zip, each a slice of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with zipfile.ZipFile(path) as archive:
            if archive.comment:
                raise BundleError(f"{path}: a bundle's zip has no comment")
            found = archive.infolist()
        _check_count(len(found))
        self._slices: dict[str, tuple[int, int]] = {}
        end = 0
        with path.open("rb") as file:
            for member in found:
                _check_member(member)
                if member.filename in self._slices:
                    raise BundleError(f"{member.filename}: is in the zip twice", code="bundle.name")
                start = _start(file, member, end)
                end = start + member.file_size
                self._slices[member.filename] = (start, member.file_size)
        if end > path.stat().st_size:
            raise BundleError(f"{path}: a member ends beyond the end of the zip")
        self.sizes: Mapping[str, int] = {name: size for name, (_, size) in self._slices.items()}

    def open(self, name: str) -> BinaryIO:
        """Open one. Raises `BundleError`."""
        start, size = self._slices[name]
        try:
            return io.BufferedReader(_Slice(self._path, start, size))
        except OSError as error:
            raise BundleError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Do nothing: each slice is closed by whoever opened it."""


def _check_member(member: zipfile.ZipInfo) -> None:
    _check_name(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        raise BundleError(f"{member.filename}: a link, or no file", code="bundle.name")
    plain = member.compress_type == zipfile.ZIP_STORED and member.compress_size == member.file_size
    if not plain or member.flag_bits & _ENCRYPTED:
        raise BundleError(
            f"{member.filename}: compressed or encrypted, and a bundle's zip stores its files as "
            "they are"
        )


def _start(file: BinaryIO, member: zipfile.ZipInfo, after: int) -> int:
    """Return where a member's bytes begin. Members stand one after the other, in order."""
    if member.header_offset != after:
        raise BundleError(f"{member.filename}: does not follow the member before it in the zip")
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) != _LOCAL_HEADER or not header.startswith(_LOCAL_MARK):
        raise BundleError(f"{member.filename}: is not where the zip says")
    name_size = int.from_bytes(header[26:28], "little")
    extra_size = int.from_bytes(header[28:30], "little")
    if file.read(name_size) != member.filename.encode():
        raise BundleError(f"{member.filename}: has another name where it stands in the zip")
    return member.header_offset + _LOCAL_HEADER + name_size + extra_size


class _Slice(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any writable buffer
        wanted = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        raw = self._file.read(wanted) or b""
        buffer[: len(raw)] = raw
        self._at += len(raw)
        return len(raw)

    def close(self) -> None:
        self._file.close()
        super().close()


class ZipWriter:
    """Writes a zip whose bytes follow from the names and the content of its files."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "x", compression=zipfile.ZIP_STORED)

    def add(self, name: str, path: Path) -> None:
        """Add a file. The same files in the same order are the same bytes."""
        info = zipfile.ZipInfo(name, date_time=EPOCH)
        info.external_attr = _FILE_MODE << 16
        info.create_system = 3
        # The size is told beforehand, so that no member needs the form for unknown sizes.
        info.file_size = path.stat().st_size
        with path.open("rb") as source, self._archive.open(info, "w") as target:
            while chunk := source.read(1_048_576):
                target.write(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
