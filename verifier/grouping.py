"""Step 5: entries become the submissions that they came in, each signed once by one writer.

The entries of a submission stand next to each other: an append is one transaction under one lock.
Source: docs/spec/ledger-format.md, *Submission*.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ledger import merkle
from ledger.entry import ZEROS
from ledger.errors import SubmissionError
from ledger.submission import Submission, submission_of, submission_root, text_digest
from verifier.entries import Entry, Group, Problem

_Place = tuple[str, str, int, int]


class Numbered(Protocol):
    """What a submission says of its place: in its stream, and after what its writer had seen."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def stream(self) -> str: ...  # noqa: D102
    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def previous(self) -> str: ...  # noqa: D102
    @property
    def seen_size(self) -> int: ...  # noqa: D102
    @property
    def seen_leaf(self) -> str: ...  # noqa: D102
    @property
    def exact(self) -> bool: ...  # noqa: D102


class Grouping:
    """Collects entries until their submission is whole."""

    def __init__(self) -> None:
        self._open: list[Entry] = []

    def add(self, entry: Entry) -> list[Group]:
        """Take the next entry, and return the submissions that end before it or with it."""
        ended: list[Group] = []
        if self._open and not _continues(self._open[-1], entry):
            ended.extend(self.finish())
        if not self._open and entry.header.position != 0:
            what = f"record {entry.header.position} of a submission whose start is not before it"
            return [*ended, Group((entry,), what)]
        self._open.append(entry)
        if len(self._open) == entry.header.count:
            ended.append(Group(tuple(self._open)))
            self._open = []
        return ended

    def finish(self) -> list[Group]:
        """Return what was begun and never ended, as not whole."""
        if not self._open:
            return []
        what = f"ends after {len(self._open)} of {self._open[0].header.count} records"
        group = Group(tuple(self._open), what)
        self._open = []
        return [group]


def _place(entry: Entry) -> _Place:
    header = entry.header
    return header.key, header.stream, header.number, header.count


def _continues(before: Entry, entry: Entry) -> bool:
    return _place(before) == _place(entry) and entry.header.position == before.header.position + 1


@dataclass(slots=True)
class _Stream:
    number: int
    text: str
    closed: bool = False


@dataclass(slots=True)
class Streams:
    """How far each writer's stream has come, and which leaves there were for a writer to see."""

    genesis: str
    leaves: bytearray = field(default_factory=bytearray)
    _streams: dict[tuple[str, str], _Stream] = field(default_factory=dict[tuple[str, str], _Stream])
    gaps: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])

    def read(self, group: Group) -> Submission | Problem:
        """Return what was signed for, or why the headers do not say it."""
        first = group.entries[0]
        if group.problem:
            return Problem(5, "submission", group.problem)
        try:
            submission = submission_of(first.header, self.genesis)
        except SubmissionError as error:
            return Problem(5, "submission", str(error))
        if submission_root([entry.digest for entry in group.entries]) != submission.root:
            return Problem(5, "submission", "the signed root is not the root of these records")
        return submission

    def order(self, group: Group, submission: Submission) -> Problem | None:
        """Check number, link and `seen`; note a gap where numbers are missing."""
        return self.order_at(group.entries[0].index, submission)

    def order_at(self, first: int, submission: Numbered) -> Problem | None:
        """Check number, link and `seen` of a submission whose first entry stands at `first`."""
        return self._numbered(submission) or self._seen(first, submission)

    def take(self, group: Group, submission: Submission) -> None:
        """Continue the stream with this submission."""
        closed = any(entry.value.get("kind") == "stream-close" for entry in group.entries)
        text = text_digest(submission)
        self.take_at(group.entries[0].index, submission, text, closed=closed)

    def take_at(self, first: int, submission: Numbered, text: str, *, closed: bool) -> None:
        """Continue the stream with a submission: where it stands, and its text's digest."""
        last = self._streams.get((submission.key, submission.stream))
        expected = 0 if last is None else last.number + 1
        if submission.number > expected:
            self.gaps.append((first, expected, submission.number))
        self._streams[submission.key, submission.stream] = _Stream(submission.number, text, closed)

    def kept(self) -> tuple[tuple[str, str, int, str, bool], ...]:
        """Return key, stream, last number, its text's digest and whether closed, of each."""
        return tuple(
            (key, stream, state.number, state.text, state.closed)
            for (key, stream), state in self._streams.items()
        )

    def take_up(self, kept: Iterable[tuple[str, str, int, str, bool]]) -> None:
        """Take up the streams where an earlier verification left them."""
        self._streams = {
            (key, stream): _Stream(number, text, closed)
            for key, stream, number, text, closed in kept
        }

    def unclosed(self) -> list[tuple[str, str, int]]:
        """Return key, stream and last number of the streams that nobody closed, in order."""
        return sorted(
            (key, stream, state.number)
            for (key, stream), state in self._streams.items()
            if not state.closed
        )

    def _numbered(self, submission: Numbered) -> Problem | None:
        last = self._streams.get((submission.key, submission.stream))
        if last is None:
            return None
        if last.closed:
            return Problem(5, "number", "its stream was closed before")
        if submission.number <= last.number:
            what = f"number {submission.number} repeats: its stream is at {last.number}"
            return Problem(5, "number", what)
        if submission.number == last.number + 1 and submission.previous != last.text:
            return Problem(5, "number", "it does not name the submission before it in its stream")
        return None

    def _seen(self, first: int, submission: Numbered) -> Problem | None:
        size = submission.seen_size
        if first < size:
            return Problem(5, "seen", f"it had seen {size} entries, and stands at {first}")
        if submission.exact and first != size:
            what = f"it was to follow entry {size - 1} immediately, and stands at {first}"
            return Problem(5, "seen", what)
        if self.leaf(size - 1) != submission.seen_leaf:
            return Problem(5, "seen", f"the entry {size - 1} that it had seen is not this ledger's")
        return None

    def leaf(self, index: int) -> str:
        """Return the leaf hash at `index` in hex; 64 zeros before the first."""
        if index < 0:
            return ZEROS
        return self.leaves[index * merkle.HASH_SIZE : (index + 1) * merkle.HASH_SIZE].hex()
