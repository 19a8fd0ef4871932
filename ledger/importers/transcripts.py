"""Recorded conversations to a ledger: read, map, sign, append; twice adds nothing.

One conversation is held at a time, and is submitted by itself: a crash between two leaves whole
conversations, and one within a long conversation leaves its beginning, which the next import of
the same file continues. What becomes of a conversation stands in ``docs/spec/import-profile.md``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from ledger.encoding import digest
from ledger.entry import MAX_SUBMISSION
from ledger.importers.conversation import read_conversation
from ledger.importers.drafting import Draft, nonces
from ledger.importers.narration import Origin, narrate
from ledger.importers.presence import Row, scan
from ledger.importers.problems import Problems, Reporter
from ledger.importers.profile import Profile
from ledger.importers.report import ImportReport, Tally
from ledger.importers.snapshots import draft_snapshots, report_missing
from ledger.importers.source import Line, file_digest, read_lines
from ledger.records import AnyRecord


class Store(Protocol):
    """What the import reads of a store."""

    def rows(self) -> Iterable[Row]:
        """Give the entries in order."""
        ...


class Client(Protocol):
    """What the import needs: a `ledger.client.LedgerClient`, and the store that it writes to."""

    @property
    def by(self) -> str:
        """The identity that speaks."""
        ...

    @property
    def store(self) -> Store:
        """Where the ledger lies."""
        ...

    def submit(self, records: Sequence[AnyRecord], /) -> object:
        """Append records as one submission."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is.

    Attributes:
        file: Name of the file being read.
        line: The line that was just done; 0 for reference data.
        runs: Conversations read so far, new or not.
        records: Records written so far.
    """

    file: str
    line: int
    runs: int
    records: int


ProgressCallback: TypeAlias = Callable[[Progress], object]


def import_transcripts(
    files: Iterable[Path],
    client: Client,
    profile: Profile,
    *,
    snapshot_dir: Path | None = None,
    known_tools: Mapping[str, str] | None = None,
    progress: ProgressCallback | None = None,
) -> ImportReport:
    """Import conversations.

    Args:
        files: JSON Lines, plain or gzip; imported in this order.
        client: Writes to the ledger, under an identity with the role `importer`.
        profile: How the source maps to a contract's terms.
        snapshot_dir: Folder of the files that the profile's `snapshot` names.
        known_tools: Tools that the service's contract knows, with their modes.
        progress: Called after each conversation, and each file of reference data.

    Returns:
        What was written, what was there already, and all that did not fit.

    Raises:
        ImporterError: A file of reference data cannot be read.
        LedgerError: The ledger refused; what was acknowledged stays, and is recognised next time.
    """
    importing = _Importing(client, profile, progress)
    report_missing(profile, snapshot_dir, importing.problems)
    if snapshot_dir is not None:
        importing.snapshots(snapshot_dir)
    names = tuple(importing.file(path) for path in files)
    return importing.tally.report(names, importing.problems, known_tools)


class _Importing:
    """One import while it goes on."""

    def __init__(self, client: Client, profile: Profile, progress: ProgressCallback | None) -> None:
        self.tally = Tally()
        self.problems = Problems()
        self._client = client
        self._profile = profile
        self._profile_digest = profile.digest
        self._progress = progress
        self._presence = scan(client.store.rows(), client.by)
        self._runs = 0

    def snapshots(self, folder: Path) -> None:
        """Import the reference data."""
        drafted = draft_snapshots(self._profile, folder, self._client.by, self.problems)
        for entry in drafted:
            self._submit(entry.records, Reporter(self.problems, entry.file, 0))
            self._tell(entry.file, 0)

    def file(self, path: Path) -> str:
        """Import one file and return its name."""
        try:
            whole = file_digest(path)
        except OSError as error:
            report = Reporter(self.problems, path.name, 0)
            report("unreadable", f"the file cannot be read ({error.strerror})", "nothing")
            return path.name
        for line in read_lines(path, self.problems):
            self._line(line, Origin(path.name, whole, line.number))
            self._tell(path.name, line.number)
        return path.name

    def _line(self, line: Line, origin: Origin) -> None:
        report = Reporter(self.problems, origin.source, origin.line)
        conversation = read_conversation(line, report)
        if conversation is None:
            return
        self._runs += 1
        self.tally.tools.update(call.tool for call in conversation.calls)
        nonce = nonces(digest(line.raw), self._profile.service, self._profile_digest)
        draft = Draft(self._client.by, nonce, report)
        narrate(conversation, origin, self._profile, draft, report)
        self._again(origin, draft.records[0], report)
        self._submit(draft.records, report)

    def _again(self, origin: Origin, opened: AnyRecord, report: Reporter) -> None:
        """Report a conversation that was met before, in this import or under another profile."""
        if (first := self._presence.met(opened.nonce, origin)) is not None:
            message = f"the same conversation stands in {first.source}:{first.line}"
            report("repeated-line", message, "that one")
        elif opened.nonce not in self._presence and self._presence.knows(origin):
            message = "this line was imported before, under another profile or service"
            report("imported-before", message, "both: the run is in the ledger twice")

    def _submit(self, records: Sequence[AnyRecord], report: Reporter) -> None:
        """Submit what is new of a conversation's or snapshot's records, in order."""
        parts = [
            records[start : start + MAX_SUBMISSION]
            for start in range(0, len(records), MAX_SUBMISSION)
        ]
        missing = [part for part in parts if part[0].nonce not in self._presence]
        self._present(records, missing)
        if 0 < len(missing) < len(parts) and not self._presence.holds(records[0]):
            message = "its beginning was imported from a source of another name or content"
            report("torn-run", message, "that beginning; import that source again to complete it")
            return
        for part in missing:
            # A crash here leaves the parts so far: the next import goes on with this one.
            self._client.submit(part)
            self._presence.add(part[0])
            for record in part:
                self.tally.add(record)

    def _present(
        self, records: Sequence[AnyRecord], missing: Sequence[Sequence[AnyRecord]]
    ) -> None:
        new = sum(map(len, missing))
        self.tally.records_present += len(records) - new
        if not missing and records and records[0].kind == "run":
            self.tally.runs_present += 1

    def _tell(self, file: str, line: int) -> None:
        if self._progress is not None:
            self._progress(Progress(file, line, self._runs, self.tally.kinds.total()))
