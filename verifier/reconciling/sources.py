"""Which kind of file a second source is, and how it is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ledger.importers.profile import Profile
from verifier.reconciling.csv_file import CsvFile
from verifier.reconciling.lines import Limits, beginning, digest_of_file
from verifier.reconciling.mapping import CallMap, Reads
from verifier.reconciling.otlp import MARK, OtlpFile
from verifier.reconciling.parquet_file import ParquetFile
from verifier.reconciling.problems import refused
from verifier.reconciling.seen import Seen
from verifier.reconciling.transcript import Transcript

TRANSCRIPT: Final = "transcript"


class Calls(Protocol):
    """A file that is read into calls."""

    @property
    def textual(self) -> bool:
        """Whether its arguments are cells of text."""
        ...

    def calls(self) -> Iterator[Seen]:
        """Yield the calls."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A second source.

    Attributes:
        name: What it is called in reports.
        kind: `transcript`, `otlp`, `csv` or `parquet`.
        digest: SHA-256 of the file.
        file: What reads it.
        reads: How.
    """

    name: str
    kind: str
    digest: str
    file: Calls
    reads: Reads


def open_source(path: Path, reads: Reads | None, limits: Limits) -> Source:
    """Look at a file, and return what reads it.

    Args:
        path: The file.
        reads: How it is read: an import profile for conversations, else a map; None for the usual
            names.
        limits: What is read at most.

    Raises:
        AgainstError: It cannot be read, or not in this way.
    """
    digest = digest_of_file(path)
    kind = _kind(path, reads)
    if kind == TRANSCRIPT:
        if not isinstance(reads, Profile):
            what = "these are conversations: name the import profile that reads them"
            raise refused("profile", str(path), f"{what} (--against-map PROFILE)")
        name = reads.profile
        return Source(name, kind, digest, Transcript(path, reads, limits), reads)
    if isinstance(reads, Profile):
        what = f"an import profile reads conversations, and this is {kind}: name a map of calls"
        raise refused("profile", str(path), what)
    how = CallMap(calls=kind) if reads is None else reads
    return Source(how.calls, kind, digest, _file(kind, path, how, limits), how)


def _file(kind: str, path: Path, how: CallMap, limits: Limits) -> Calls:
    if kind == "parquet":
        return ParquetFile(path, how)
    return OtlpFile(path, how, limits) if kind == "otlp" else CsvFile(path, how, limits)


def _kind(path: Path, reads: Reads | None) -> str:
    if isinstance(reads, CallMap) and reads.format is not None:
        return reads.format
    start = beginning(path)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        return "otlp" if MARK in start else TRANSCRIPT
    return TRANSCRIPT if isinstance(reads, Profile) else "csv"
