"""Integrity: whether the bytes are what was signed, in order, by those who could.

A verification is these steps, in this order:

     0  trust file, genesis, authority documents                        verifier.founding
     1  checkpoint: origin, signature                                   verifier.heads
     2  each record's bytes are strict and match its header             _record
     3  each header is strict, numbered and links to the one before     _header, _link
     4  the recomputed root is the checkpoint's, at every size          verifier.heads
     5  submissions: signed text, signature, number, link, count, seen  verifier.grouping
     6  the key could speak for `by` as that kind at that index         verifier.founding
     7  governance: published, then activated by another, not backdated verifier.governance
     8  time: never back; claimed clocks are what they claim             contracts.references
     9  references name earlier entries of the right kind               contracts.references

Steps 0 to 4 failing break the ledger, at the first entry where one fails. Steps 5 to 7 invalidate a
submission, 8 and 9 a record: it is left out of all facts, and reported.

It is one streaming reading (and one more over the records for step 0, which has to know of
revocations before it meets what they reach back to). Neither records nor headers are kept: memory
grows by 32 bytes an entry, and by what the records that can be pointed at are remembered by.
Source: docs/spec/ledger-format.md, *Verification, in this order*.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

from contracts.governance import Governance
from contracts.history import Event
from contracts.instants import micros
from contracts.references import References
from contracts.unseen import unseen_in
from contracts.withholding import Mark
from ledger.encoding import SEALED_MARK, decode, digest
from ledger.entry import ZEROS, Header, leaf_hash, parse_header
from ledger.errors import (
    EncodingError,
    HeaderError,
    MissingEntryError,
    RecordError,
    StoreError,
    StrayRowError,
    UnreadableEntryError,
)
from ledger.merkle import Frontier
from ledger.records import AnyRecord, read_record
from ledger.rows import Row
from ledger.source import Source
from ledger.submission import Submission
from verifier.drafts import Draft, integrity_draft
from verifier.entries import BrokenLedgerError, Entry, Group, Problem, ValidEntry
from verifier.errors import SourceError
from verifier.findings import Result, Severity
from verifier.founding import Founding
from verifier.governance import governance_problem
from verifier.grouping import Grouping, Streams
from verifier.heads import Heads
from verifier.sealed import SealedValues

Progress = Callable[[int, int], None]
# How often somebody who watches is told.
EVERY = 512
# What a bundle may not hold back, because what it says reaches every other record.
GOVERNING = frozenset({"genesis", "authority", "contract", "activation"})


class Reading:
    """One reading of a ledger, in which its entries are checked and handed on.

    Args:
        store: What is read.
        founding: Step 0, passed.
        heads: Step 1, passed.
        progress: Called now and then with how many entries were read, and how many there are.
        sealed: The ledger's sealed values; by default none of them is opened.

    Attributes:
        drafts: What steps 5 to 9 found.
        streams: The writers' streams, and the leaves.
        references: What can be pointed at, with the runs.
        size: Entries read.
        submissions: Submissions read.
        invalid_submissions: Those left out by steps 5 to 7.
        invalid_records: Records left out by steps 8 and 9.
        withheld: Records that a bundle holds back.
        unplaced: Records there that name one which is held back, and cannot be judged.
        when_withheld: Told of each of both, in index order with the entries that are yielded.
    """

    def __init__(
        self,
        store: Source,
        founding: Founding,
        heads: Heads,
        progress: Progress | None = None,
        sealed: SealedValues | None = None,
    ) -> None:
        self._store = store
        self._founding = founding
        self._heads = heads
        self._progress = progress
        self._frontier = Frontier()
        self._previous = ZEROS
        self._latest = ""
        self._grouping = Grouping()
        self._governance = Governance()
        self.streams = Streams(founding.genesis)
        heads.follow(self.streams.leaves)
        self.references = References(self.streams.leaf)
        self.sealed = SealedValues(store) if sealed is None else sealed
        self.drafts: list[Draft] = []
        self.size = 0
        self.submissions = 0
        self.invalid_submissions = 0
        self.invalid_records = 0
        self.withheld = 0
        self.unplaced = 0
        self.when_withheld: Callable[[Mark], None] = _nothing

    def entries(self) -> Iterator[ValidEntry]:
        """Read the ledger, and yield the entries that are valid in index order.

        Raises:
            BrokenLedgerError: Steps 2 to 4 failed. What was yielded before is then worth nothing.
        """
        total = self._total()
        for row in self._rows():
            for group in self._grouping.add(self._entry(row)):
                yield from self._judged(group)
            if self._progress and self.size % EVERY == 0:
                self._progress(self.size, total)
        self._heads.finish(self.size)
        for group in self._grouping.finish():
            yield from self._judged(group)

    def _total(self) -> int:
        """Return how many entries there seem to be, for whoever watches; 0 where nobody can say."""
        try:
            return self._store.size() if self._progress else 0
        except StoreError:
            return 0

    def root(self) -> bytes:
        """Return the root over what was read."""
        return self._frontier.root()

    # ------------------------------------------------------------- steps 2 to 4: they break

    def _rows(self) -> Iterator[Row]:
        """Read the rows; one row ahead, so that a broken link can be told from its two sides."""
        try:
            yield from self._store.rows(stop=self._founding.size)
        except UnreadableEntryError as error:
            raise _broken(error.index, 2, "unreadable", str(error)) from error
        except MissingEntryError as error:
            raise _broken(error.index, 3, "missing", str(error)) from error
        except StrayRowError as error:
            raise _broken(error.index, 3, "stray", str(error)) from error

    def _entry(self, row: Row) -> Entry:
        index = self.size
        header = _header(index, row.header)
        withheld = row.record is None and self._store.withheld(index)
        if withheld:
            self._check_governs(index, header)
        value = {} if withheld else _record(index, row.record, header)
        if header.prev != self._previous:
            raise self._link(index, header, row.header)
        leaf = leaf_hash(row.header)
        self._frontier.append(leaf)
        self._previous = leaf.hex()
        self.size = index + 1
        self.streams.leaves += leaf
        self._heads.check(self.size, self._frontier)
        record, problem = (None, "") if withheld else _form(value)
        if not self._founding.was_read_ahead(index, header.record, record):
            what = "the store gives another record here than it gave before"
            raise _broken(index, 2, "unreadable", what)
        sealed = SEALED_MARK in (row.record or b"")
        return Entry(index, header, leaf, value, record, problem, withheld, sealed)

    def _check_governs(self, index: int, header: Header) -> None:
        """Refuse a bundle that holds back what may say who may do what: all else hangs on it."""
        if self._founding.writer(header.key, index)[1] & GOVERNING:
            raise SourceError(
                f"entry {index} is withheld, and its writer may change who may do what, or which "
                "contract is in force: ask for a bundle with all that this key wrote",
                code="bundle.governance",
            )

    def _link(self, index: int, header: Header, raw: bytes) -> BrokenLedgerError:
        """Say which of two neighbours was changed, where their link does not hold.

        The entry before is intact if a checkpoint covers it. Else it is the one to blame if the
        later one is intact.
        """
        blamed = index
        if index and not self._heads.covers(index) and self._intact(index, header, raw):
            blamed = index - 1
        what = f"entry {index} does not link to the entry before it as it stands"
        return BrokenLedgerError(blamed, 3, "link", what)

    def _intact(self, index: int, header: Header, raw: bytes) -> bool:
        """Return whether this header is as it was: the entry, or the head, after it knows it."""
        leaf = leaf_hash(raw)
        following = self._following(index + 1)
        if following is not None:
            return following.prev == leaf.hex()
        frontier = self._heads.frontier_of(index - 1)
        frontier.append(bytes.fromhex(header.prev))
        frontier.append(leaf)
        # Else its writer says, signed, what it had seen before it.
        seen = header.seen
        told = seen is not None and (seen.size, seen.leaf) == (index, header.prev)
        return told or self._heads.agrees(index + 1, frontier)

    def _following(self, index: int) -> Header | None:
        try:
            row = next(iter(self._store.rows(index)), None)
            return parse_header(row.header) if row is not None else None
        except (EncodingError, HeaderError, UnreadableEntryError, MissingEntryError, StrayRowError):
            return None

    # -------------------------------------------------------- steps 5 to 9: they invalidate

    def _judged(self, group: Group) -> Iterator[ValidEntry]:
        self.submissions += 1
        first = group.entries[0].index
        read = self.streams.read(group)
        if isinstance(read, Problem):
            self._refuse_submission(first, read)
            return
        problem = self._signed(group, read)
        if problem is not None:
            self._refuse_submission(first, problem)
            return
        self.streams.take(group, read)
        if self._founding.compromised(first, read.key):
            self._compromised(first, read)
            return
        for entry in group.entries:
            valid = self._valid(entry, read, first)
            if valid is not None:
                yield valid

    def _signed(self, group: Group, submission: Submission) -> Problem | None:
        """Steps 5 to 7, over a submission as a whole."""
        signature = group.entries[0].header.signature or ""
        problem = self._founding.signature_problem(submission, signature) or self.streams.order(
            group, submission
        )
        for entry in group.entries:
            if problem is not None:
                break
            problem = self._entitled(entry, submission)
        return problem

    def _entitled(self, entry: Entry, submission: Submission) -> Problem | None:
        record = entry.record
        if record is None:
            return None
        return (
            self._founding.entitlement_problem(entry, record, submission)
            or governance_problem(
                self._governance,
                entry,
                record,
                lambda identity: self._founding.owner(identity, entry.index),
            )
            or self.sealed.entitlement_problem(
                entry, record, lambda index, identity: self._founding.owner(identity, index)
            )
        )

    def _valid(self, entry: Entry, submission: Submission, first: int) -> ValidEntry | None:
        """Steps 8 and 9, over one record; and what contracts will see of it."""
        record = entry.record
        if entry.withheld or (record and self.references.rests_on_withheld(record, entry.digest)):
            self._withhold(entry)
            return None
        if record is None:
            self._refuse_record(entry.index, Problem(2, "record-form", entry.problem))
            return None
        imports = self._founding.imports(record.by, entry.index)
        imported = self.references.imported(record, imports=imports)
        problem = (
            self._time_problem(entry)
            or _problem(8, "clock", self.references.clock_problem(record) if imported else "")
            or _problem(9, "reference", self.references.problem(record, entry.digest))
        )
        if problem is not None:
            self._refuse_record(entry.index, problem)
            return None
        self.references.add(entry.index, entry.digest, record, imported=imported)
        self._governance.add(record, lambda identity: self._founding.owner(identity, entry.index))
        shown = self.sealed.add(entry, record)
        event = Event(
            index=entry.index,
            digest=entry.digest,
            record=entry.value if shown is None else shown,
            recorded_at=entry.header.recorded_at,
            identity=self._founding.identity(record.by, entry.index),
            imported=imported,
            unseen=shown is not None and any(unseen_in(shown)),
        )
        return ValidEntry(event, record, exact=submission.exact, submission=first)

    def _withhold(self, entry: Entry) -> None:
        """Take note of a record that is held back, or that rests on one and so cannot be judged."""
        problem = self._time_problem(entry)
        if problem is not None:
            self._refuse_record(entry.index, problem)
            return
        self.references.withhold(entry.digest)
        identity, kinds = self._founding.writer(entry.header.key, entry.index)
        if entry.record is None:
            self.withheld += 1
        else:
            self.unplaced += 1
            kinds = frozenset({entry.record.kind})
            self.drafts.append(_unplaced(entry.index))
        live = self._founding.imports(identity, entry.index) is False
        time = micros(entry.header.recorded_at) if live else None
        self.when_withheld(Mark(entry.index, kinds, identity, time))

    def _time_problem(self, entry: Entry) -> Problem | None:
        at = entry.header.recorded_at
        if at < self._latest:
            return Problem(8, "time", f"recorded at {at}, after an entry of {self._latest}")
        self._latest = at
        return None

    def _compromised(self, first: int, submission: Submission) -> None:
        self.invalid_submissions += 1
        what = f"the key {submission.key[:12]}… may have been in other hands when this was signed"
        self.drafts.append(
            integrity_draft("compromised-key", first, what, step=6, result=Result.UNDECIDABLE)
        )

    def _refuse_submission(self, index: int, problem: Problem) -> None:
        self.invalid_submissions += 1
        self._refuse(index, problem)

    def _refuse_record(self, index: int, problem: Problem) -> None:
        self.invalid_records += 1
        self._refuse(index, problem)

    def _refuse(self, index: int, problem: Problem) -> None:
        draft = integrity_draft(problem.check, index, problem.what, step=problem.step)
        self.drafts.append(draft)


def _unplaced(index: int) -> Draft:
    return Draft(
        code="coverage.withheld",
        index=index,
        severity=Severity.HIGH,
        result=Result.UNDECIDABLE,
        expected="every record that this one names",
        recorded="one of them is withheld",
        reason="withheld: what this record belongs to is not in the bundle",
    )


def _nothing(_mark: Mark) -> None:
    """Nobody wants to know."""


def _header(index: int, raw: bytes) -> Header:
    try:
        header = parse_header(raw)
    except (EncodingError, HeaderError) as error:
        raise _broken(index, 3, "header", f"its header is not strict: {error}") from error
    if header.index != index:
        raise _broken(index, 3, "index", f"its header says that it is entry {header.index}")
    return header


def _record(index: int, raw: bytes | None, header: Header) -> dict[str, Any]:
    if raw is None:
        raise _broken(index, 2, "record", "its record is not there")
    if digest(raw) != header.record:
        raise _broken(index, 2, "record", "its record is not the one that its header names")
    try:
        value = decode(raw)
    except EncodingError as error:
        raise _broken(index, 2, "record", f"its record is not strict: {error}") from error
    # What is no object has no kind either; `read_record` says so, and the entry is left out.
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"": value}


def _form(value: dict[str, Any]) -> tuple[AnyRecord | None, str]:
    """Return a record as its kind's model, or why it has none."""
    try:
        return read_record(value), ""
    except RecordError as error:
        return None, f"{error.code}: {error}"


def _problem(step: int, check: str, what: str) -> Problem | None:
    return Problem(step, check, what) if what else None


def _broken(index: int | None, step: int, check: str, what: str) -> BrokenLedgerError:
    return BrokenLedgerError(index or 0, step, check, what)
