"""Reading entries again of which integrity is proved: for what they say, and for nothing else.

Each is held against the leaf hash that was proved, so that whoever changed one since is noticed,
however long ago it was verified. What is not as it was is left to the exact reading.
Source: docs/adr/0025-records-are-judged-once.md.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from contracts.coercion import Value
from contracts.history import Event
from contracts.lineage import Remembered
from contracts.references import KnownRun, References
from contracts.withholding import Mark
from ledger.encoding import decode, digest
from ledger.entry import leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.records import read_record
from ledger.rows import Row
from ledger.store import Store
from ledger.submission import submission_of
from verifier.entries import Entry, Group, ValidEntry
from verifier.errors import UnusualError
from verifier.founding import Founding
from verifier.grouping import Grouping, Streams

Progress = Callable[[int, int], None]
# How often somebody who watches is told.
_EVERY = 512


class ProvenReading:
    """Yields the entries of a ledger in which nothing is wrong: each of them is valid.

    Args:
        store: What is read.
        founding: Step 0, with every governance record.
        size: How many entries were proved.
        leaves: Their leaf hashes.
        progress: Called now and then with how many entries were read, and how many there are.

    Attributes:
        at: How many were read, or are known from before.
        size: How many there are.
        references: The runs and actions so far.
        streams: The writers' streams so far, and all leaf hashes.
        when_withheld: Never called: nothing is held back.
    """

    def __init__(
        self,
        store: Store,
        founding: Founding,
        size: int,
        leaves: bytearray,
        progress: Progress | None = None,
    ) -> None:
        self._store = store
        self._founding = founding
        self._progress = progress
        self.at = 0
        self.size = size
        self.streams = Streams(founding.genesis, leaves)
        self.references = References(self.streams.leaf)
        self.when_withheld: Callable[[Mark], None] = _never

    def entries(self, stop: int) -> Iterator[ValidEntry]:
        """Read on, and yield entries in index order.

        Args:
            stop: Where to end; a submission ends there.

        Raises:
            UnusualError: An entry is not as it was proved.
        """
        grouping = Grouping()
        for row in self._rows(stop):
            for group in grouping.add(self._entry(row)):
                yield from self._valid(group)
            if self._progress and self.at % _EVERY == 0:
                self._progress(self.at, self.size)
        if self.at != stop or grouping.finish():
            raise UnusualError

    def kept(self) -> dict[str, Value]:
        """Return what is known of streams at this place, for `take_up`."""
        return {"streams": self.streams.kept(), "gaps": self.streams.gaps}

    def take_up(self, size: int, rows: Mapping[str, Any], lineage: Remembered) -> None:
        """Go on from an entry.

        Args:
            size: How many entries were read.
            rows: What `kept` returned there.
            lineage: The runs and actions up to there.

        Raises:
            LookupError, TypeError, ValueError or AttributeError: It is no such state.
        """
        self.at = size
        self.streams.take_up(rows["streams"])
        self.streams.gaps[:] = [(index, due, there) for index, due, there in rows["gaps"]]
        runs = {
            run.digest: KnownRun(
                index=run.index,
                service=run.opened["service"],
                ref=run.opened.get("ref", ""),
                imported=self._imported(run.opened, run.index),
                claimed=run.has_clock,
                closed=run.closed is not None,
            )
            for run in lineage.runs
        }
        actions = [
            (one.event.digest, one.event.index, one.event.record["run"]) for one in lineage.actions
        ]
        self.references.take_up(runs, actions)

    def _imported(self, opened: Mapping[str, Any], index: int) -> bool:
        imports = self._founding.imports(opened["by"], index)
        return "import" in opened if imports is None else imports

    def _rows(self, stop: int) -> Iterator[Row]:
        try:
            yield from self._store.rows(self.at, stop, strays=False)
        except LedgerError as error:
            raise UnusualError from error

    def _entry(self, row: Row) -> Entry:
        index, raw = self.at, row.record or b""
        leaf = leaf_hash(row.header)
        if leaf.hex() != self.streams.leaf(index):
            raise UnusualError
        header = parse_header(row.header)
        if digest(raw) != header.record:
            raise UnusualError
        value = cast("dict[str, Any]", decode(raw))
        self.at = index + 1
        return Entry(index, header, leaf, value, read_record(value))

    def _valid(self, group: Group) -> Iterator[ValidEntry]:
        first = group.entries[0]
        submission = submission_of(first.header, self._founding.genesis)
        self.streams.take(group, submission)
        for entry in group.entries:
            record = entry.record
            if record is None:
                raise UnusualError
            imports = self._founding.imports(record.by, entry.index)
            imported = self.references.imported(record, imports=imports)
            self.references.add(entry.index, entry.digest, record, imported=imported)
            event = Event(
                index=entry.index,
                digest=entry.digest,
                record=entry.value,
                recorded_at=entry.header.recorded_at,
                identity=self._founding.identity(record.by, entry.index),
                imported=imported,
            )
            yield ValidEntry(event, record, submission.exact, first.index)


def _never(_mark: Mark) -> None:
    """Nothing of it is held back."""
