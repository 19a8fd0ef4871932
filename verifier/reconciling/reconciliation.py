"""A ledger compared with second sources: read them, listen to a verification, say what differs.

The sources are read first, so that one that cannot be read is refused before anything is verified.
Source: docs/spec/report.md, *Compared with a second source*.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from contracts.instants import moment, written
from contracts.withholding import Mark
from verifier.drafts import Draft, OutsideDraft
from verifier.reconciling.arguments import digest_of
from verifier.reconciling.covering import COVERED, OUTSIDE, cover
from verifier.reconciling.finding import Comparison, Findings
from verifier.reconciling.lines import LIMITS, Limits
from verifier.reconciling.mapping import Reads
from verifier.reconciling.matching import Matching
from verifier.reconciling.problems import refused
from verifier.reconciling.recording import Recording
from verifier.reconciling.sources import Source, open_source
from verifier.reconciling.tables import load_shown, row_of
from verifier.report import Compared
from verifier.workspace import Workspace

WITHIN: Final = 300_000_000
"""Microseconds that the same call may be apart on both sides, where nothing else is said."""


class Heard(Protocol):
    """A reading, as far as it tells of what is held back."""

    when_withheld: Callable[[Mark], None]


class Reconciliation:
    """Second sources, read, and what a verification is compared with.

    Args:
        files: The files, with how each is read (None: by the usual names).
        within: How far apart the same call may be on both sides, in microseconds.
        limits: What is read at most.

    Raises:
        AgainstError: A file cannot be used; file and line are named.
    """

    def __init__(
        self,
        files: Sequence[tuple[Path, Reads | None]],
        within: int = WITHIN,
        limits: Limits = LIMITS,
    ) -> None:
        found = [open_source(path, reads, limits) for path, reads in files]
        twice = {one.digest for one in found if [two.digest for two in found].count(one.digest) > 1}
        for source, (path, _) in zip(found, files, strict=True):
            if source.digest in twice:
                raise refused("twice", str(path), "the same file is named twice: name it once")
        self._within = within
        self._workspace = Workspace()
        self._database = self._workspace.database
        # The order in which they are named decides nothing.
        self._sources = sorted(found, key=lambda one: (one.digest, one.name))
        for number, source in enumerate(self._sources):
            self._load(number, source)
        self._recording: Recording | None = None

    def listen(self, reading: Heard) -> "Recording":
        """Return what takes the valid entries of a reading, from its first one on."""
        self._recording = Recording(self._database)
        reading.when_withheld = self._recording.mark(reading.when_withheld)
        return self._recording

    def finish(self) -> tuple[tuple[Compared, ...], list[Draft]]:
        """Return what was compared and what was found, once all entries were taken."""
        recording = self._recording
        if recording is None:
            raise ValueError("a reconciliation is finished after a reading")
        recording.finish()
        compared: list[Compared] = []
        drafts: list[OutsideDraft] = []
        for number, source in enumerate(self._sources):
            textual = source.file.textual
            matching = Matching(self._database, f"shown_{number}", self._within, textual=textual)
            matching.run()
            cover(self._database, source, named=matching.named)
            compared.append(self._compared(source, named=matching.named))
            of = Comparison(source.name, textual, recording)
            drafts.extend(Findings(self._database, of).drafts())
        return tuple(compared), list(_told_apart(drafts))

    def unperformed(self) -> tuple[Compared, ...]:
        """Return what would have been compared with a ledger that does not hold."""
        return tuple(
            self._summary(source, self._counts(f"shown_{number}"))
            for number, source in enumerate(self._sources)
        )

    def _load(self, number: int, source: Source) -> None:
        file = source.file
        load_shown(self._database, f"shown_{number}", file.calls(), lambda: file.textual)

    def _counts(self, table: str) -> tuple[int, int | None, int | None]:
        statement = f"SELECT count(*), min(stamp), max(stamp) FROM {table}"
        calls, first, last = row_of(self._database, statement)
        return calls, first, last

    def _compared(self, source: Source, *, named: bool) -> Compared:
        missing: Mapping[str, int] = dict(
            self._database.execute("SELECT why, count(*) FROM missing GROUP BY why").fetchall()
        )
        matched = row_of(self._database, "SELECT count(*) FROM paired")[0]
        return replace(
            self._summary(source, self._counts("calls")),
            performed=True,
            matched=matched,
            missed=missing.get(COVERED, 0),
            uncovered=sum(missing.values()) - missing.get(COVERED, 0) - missing.get(OUTSIDE, 0),
            outside=missing.get(OUTSIDE, 0),
            runs=named,
        )

    def _summary(self, source: Source, counts: tuple[int, int | None, int | None]) -> Compared:
        calls, first, last = counts
        return Compared(
            name=source.name,
            kind=source.kind,
            digest=source.digest,
            calls=calls,
            first="" if first is None else written(moment(first)),
            last="" if last is None else written(moment(last)),
        )


def _told_apart(drafts: Sequence[OutsideDraft]) -> Iterator[OutsideDraft]:
    """Yield drafts of which no two have the same name, whatever the sources are called."""
    known: dict[tuple[str, int, str], int] = {}
    for draft in drafts:
        key = draft.code, draft.index, draft.detail
        known[key] = known.get(key, 0) + 1
        again = known[key] > 1
        name = f"{draft.detail}-{known[key]}"
        yield replace(draft, detail=digest_of(name)) if again else draft
