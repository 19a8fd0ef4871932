"""Reference data: records as they were before any run, observations that stand in none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger.encoding import digest
from ledger.importers.drafting import Draft, nonces
from ledger.importers.observing import observed
from ledger.importers.problems import ImporterError, Problems, Reporter
from ledger.importers.profile import Profile, Snapshot
from ledger.importers.source import file_digest, read_whole
from ledger.importers.texts import held, read_json, written
from ledger.records import AnyRecord

WITHOUT = "the runs, judged without it"


@dataclass(frozen=True, slots=True)
class Drafted:
    """The records of one entry of a profile's `snapshot`."""

    file: str
    records: list[AnyRecord]


def report_missing(profile: Profile, folder: Path | None, problems: Problems) -> None:
    """Report the reference data that the profile names and that are not there.

    The runs are imported all the same: what only reference data could decide stays undecidable,
    which is the truth about a ledger that does not hold them. The ledger only grows, so reference
    data imported later stand behind these runs and do not count for them.
    """
    if folder is None:
        for name in dict.fromkeys(entry.file for entry in profile.snapshot):
            report = Reporter(problems, name, 0)
            report("no-snapshot-folder", "no folder of reference data was named", WITHOUT)
        return
    for entry in profile.snapshot:
        if not (folder / entry.file).is_file():
            report = Reporter(problems, entry.file, 0)
            report("snapshot-missing", "there is no such file in the snapshot folder", WITHOUT)


def draft_snapshots(
    profile: Profile, folder: Path, by: str, problems: Problems
) -> Iterator[Drafted]:
    """Yield the records of each entry of the profile's `snapshot`, one entry at a time.

    Raises:
        ImporterError: A file cannot be read or is not JSON (`import.snapshot-unreadable`).
    """
    for place, entry in enumerate(profile.snapshot):
        path = folder / entry.file
        if not path.is_file():
            continue  # reported before
        report = Reporter(problems, entry.file, 0)
        nonce = nonces(file_digest(path), profile.service, profile.digest, f"snapshot {place} ")
        draft = Draft(by, nonce, report)
        _draft(entry, read_whole(path), draft, report)
        if not draft.records:
            report("empty-snapshot", f"nothing stands at {entry.each}", "nothing")
        yield Drafted(entry.file, draft.records)


def _draft(entry: Snapshot, content: bytes, draft: Draft, report: Reporter) -> None:
    try:
        data = read_json(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ImporterError(
            f"{entry.file}: the snapshot is not JSON ({error}); nothing was imported after it",
            code="import.snapshot-unreadable",
        ) from error
    taken = entry.observed_at and written(datetime.fromisoformat(entry.observed_at))
    content_digest = digest(content)
    without = 0
    for found in observed(entry, {"data": data}, held(data)):
        without += found.ref is None
        observation = {
            "what": entry.kind,
            "source": entry.source,
            "observer": "source",
            "ref": found.ref,
            "digest": content_digest,
            "fields": found.fields,
            "observed_at": taken,
        }
        draft.add("observation", observation)
    if without:
        report("no-ref", f"{without} records of {entry.kind} have no key", "them, without ref")
