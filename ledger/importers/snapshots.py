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


@dataclass(frozen=True, slots=True)
class Drafted:
    """The records of one entry of a profile's `snapshot`."""

    file: str
    records: list[AnyRecord]


def check_snapshots(profile: Profile, folder: Path | None) -> None:
    """See that all reference data is there before anything is written.

    The ledger only grows: reference data that comes after the runs it should have come before can
    never be put in front of them.

    Raises:
        ImporterError: A file is missing (`import.snapshot-missing`), or there is no folder
            (`import.no-snapshot-folder`).
    """
    if not profile.snapshot:
        return
    if folder is None:
        raise ImporterError(
            f"the profile {profile.profile!r} names reference data "
            f"({profile.snapshot[0].file}, ...): say in which folder it lies; nothing was imported",
            code="import.no-snapshot-folder",
        )
    for entry in profile.snapshot:
        if not (folder / entry.file).is_file():
            raise ImporterError(
                f"{entry.file}: there is no such file in the snapshot folder; nothing was imported",
                code="import.snapshot-missing",
            )


def draft_snapshots(
    profile: Profile, folder: Path, by: str, problems: Problems
) -> Iterator[Drafted]:
    """Yield the records of each entry of the profile's `snapshot`, one entry at a time.

    Raises:
        ImporterError: A file cannot be read or is not JSON (`import.snapshot-unreadable`).
    """
    for place, entry in enumerate(profile.snapshot):
        path = folder / entry.file
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
