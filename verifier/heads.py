"""Steps 1 and 4: the heads that were signed, and the root that the entries really have.

Every checkpoint that the store holds is checked at its size with its witnesses' lines, and those
that the auditor pins as well: a ledger that was cut off, or begun anew, cannot have them.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

from collections.abc import Iterable, Iterator

from ledger.checkpoint import (
    Checkpoint,
    NoteSignature,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from ledger.cosignature import parse_line
from ledger.encoding import to_base64
from ledger.errors import LedgerError, NoteError, StoreError
from ledger.merkle import HASH_SIZE, Frontier
from ledger.source import Source
from verifier.entries import BrokenLedgerError
from verifier.errors import TrustError
from verifier.founding import Founding
from verifier.trust import Pin, Trust
from verifier.witnessed import Witnessed


class Heads:
    """The checkpoints of a ledger, checked as its size comes to theirs.

    Attributes:
        size: Size of the last checkpoint that was confirmed; 0 for none.
        root: Its root, base64.
        doubtful: How many were passed over: their key may have been in other hands by then.
    """

    def __init__(
        self,
        store: Source,
        founding: Founding,
        trust: Trust | None,
        pins: Iterable[Pin] = (),
        notes: Iterator[tuple[int, bytes]] | None = None,
    ) -> None:
        """Take the checkpoints that the store holds, and those that are pinned.

        Args:
            store: What is read.
            founding: Step 0, passed.
            trust: The trust file, which pins some.
            pins: Others that the ledger must still contain.
            notes: The checkpoints by size, where not all are to be checked.

        Raises:
            TrustError: The pinned checkpoint is none.
            BrokenLedgerError: The ledger is smaller than the pinned checkpoint.
        """
        self._store = store
        self._founding = founding
        self.witnessed = Witnessed(founding, trust)
        # Before the notes: a line that another process adds in between has no head among them yet.
        self._lines = _lines(store, self.witnessed)
        self._notes = _notes(store) if notes is None else notes
        self._next = next(self._notes, None)
        self._pinned = pinned_heads(trust, founding.origin, pins)
        self._largest = max((pin.size for _, pin in self._pinned), default=0)
        self._leaves = bytearray()
        self.size = 0
        self.root = ""
        self.doubtful = 0

    def follow(self, leaves: bytearray) -> None:
        """Share the leaf hashes that the reading collects: they answer what a broken link asks."""
        self._leaves = leaves

    def check(self, size: int, frontier: Frontier) -> None:
        """Compare the root with the checkpoints of this size.

        Raises:
            BrokenLedgerError: One of them is not signed by a head key, or has another root, or a
                witness's line under it does not hold.
        """
        for name, pin in self._pinned:
            if pin.size == size:
                self._compare(pin, frontier, name)
        while self._next is not None and self._next[0] <= size:
            self._confirm(size, *self._next, frontier)
            self._next = next(self._notes, None)

    def upcoming(self, size: int) -> int | None:
        """Return the next size after this one at which something is to be compared."""
        sizes = [self._next[0]] if self._next is not None else []
        sizes.extend(pin.size for _, pin in self._pinned if pin.size > size)
        return max(min(sizes), size + 1) if sizes else None

    def finish(self, size: int) -> None:
        """Look for what the ledger should still contain.

        Raises:
            BrokenLedgerError: A checkpoint is of a larger ledger: entries were cut off.
        """
        missing = [self._next[0]] if self._next is not None else []
        if missing and self._has_grown(missing[0]):
            missing = []
        if self._largest:
            missing.append(self._largest)
        if missing and max(missing) > size:
            what = f"a checkpoint was signed over {max(missing)} entries, and {size} are there"
            raise BrokenLedgerError(size, 4, "truncated", what)
        if self._lines and self._next is None:
            at = min(self._lines)
            what = f"a witness's cosignature is kept for a head of {at} entries, and that is gone"
            raise BrokenLedgerError(min(at, size), 1, "cosignature", what)

    @property
    def counted(self) -> tuple[int, str]:
        """Size and root of the head that counts: cosigned where witnesses are asked for."""
        accepted = self.witnessed.accepted
        return (accepted.size, accepted.root) if accepted else (self.size, self.root)

    def _has_grown(self, size: int) -> bool:
        """Return whether the entries of a head were appended while the ledger was being read."""
        try:
            return self._store.size() >= size
        except StoreError:
            return False

    def covers(self, size: int) -> bool:
        """Return whether a checkpoint confirmed the first `size` entries."""
        return self.size >= size

    def frontier_of(self, size: int) -> Frontier:
        """Return the frontier over the first `size` entries."""
        frontier = Frontier()
        for at in range(0, size * HASH_SIZE, HASH_SIZE):
            frontier.append(bytes(self._leaves[at : at + HASH_SIZE]))
        return frontier

    def agrees(self, size: int, frontier: Frontier) -> bool:
        """Return whether the next checkpoint is of this size and has this root."""
        if self._next is None or self._next[0] != size:
            return False
        try:
            return parse_checkpoint(parse_note(self._next[1]).text).root == frontier.root()
        except LedgerError:
            return False

    def _confirm(self, size: int, said: int, note: bytes, frontier: Frontier) -> None:
        index = max(size - 1, 0)
        try:
            checkpoint, sound = self._opened(said, note)
        except LedgerError as error:
            what = f"the checkpoint at size {said}: {error}"
            raise BrokenLedgerError(index, 1, "checkpoint", what) from error
        if checkpoint.size != said or said != size:
            what = f"a checkpoint of size {checkpoint.size} is kept as one of size {said}"
            raise BrokenLedgerError(index, 1, "checkpoint", what)
        self._compare(checkpoint, frontier, f"the checkpoint at size {size}")
        root = to_base64(checkpoint.root)
        if sound:
            self.size, self.root = size, root
        self.doubtful += not sound
        parsed = parse_note(note)
        lines = (*parsed.signatures, *self._lines.pop(size, ()))
        try:
            self.witnessed.confirm(size, root, parsed.text, lines)
        except LedgerError as error:
            what = f"a cosignature of the head of {size} entries does not hold: {error}"
            raise BrokenLedgerError(index, 1, "cosignature", what) from error

    def _opened(self, size: int, note: bytes) -> tuple[Checkpoint, bool]:
        """Open a head, and say whether it counts.

        One that only a key signed that may have been in other hands by then says nothing, and was
        right to be kept: it is passed over, and a later one covers the same entries.
        """
        origin = self._founding.origin
        try:
            return open_checkpoint(note, origin, self._founding.head_keys(size)).checkpoint, True
        except LedgerError:
            suspected = self._founding.head_keys(size, compromised=True)
            if not suspected:
                raise
            return open_checkpoint(note, origin, suspected).checkpoint, False

    def _compare(self, checkpoint: Checkpoint, frontier: Frontier, name: str) -> None:
        if checkpoint.root == frontier.root():
            return
        first, last = self.size, frontier.size - 1
        where = f"entry {last}" if first == last else f"an entry from {first} to {last}"
        what = f"{where} is not what it was when {name} was signed: the roots differ"
        raise BrokenLedgerError(last, 4, "root", what)


def _notes(store: Source) -> Iterator[tuple[int, bytes]]:
    try:
        yield from store.checkpoints()
    except StoreError as error:
        what = f"its checkpoints cannot be read: {error}"
        raise BrokenLedgerError(error.index or 0, 1, "checkpoint", what) from error


def _lines(store: Source, witnessed: Witnessed) -> dict[int, list[NoteSignature]]:
    """Return the witnesses' lines that are kept beside the heads, by size."""
    found: dict[int, list[NoteSignature]] = {}
    if not witnessed.count:
        return found
    at = 0
    try:
        for at, raw in store.cosignatures():
            line = parse_line(raw)
            if witnessed.knows(line):
                found.setdefault(at, []).append(line)
    except (StoreError, NoteError) as error:
        what = f"its cosignatures cannot be read: {error}"
        raise BrokenLedgerError(max(at - 1, 0), 1, "cosignature", what) from error
    return found


def pinned_heads(
    trust: Trust | None, origin: str, pins: Iterable[Pin] = ()
) -> list[tuple[str, Checkpoint]]:
    """Return the pinned checkpoints. Who signed them does not matter: the auditor vouches.

    Raises:
        TrustError: One is no checkpoint, or of another ledger.
    """
    trusted = trust.all_pins() if trust is not None else ()
    return [(pin.name, _pin(pin, origin)) for pin in (*trusted, *pins)]


def _pin(pin: Pin, origin: str) -> Checkpoint:
    try:
        checkpoint = parse_checkpoint(parse_note(pin.note.encode()).text)
    except (NoteError, UnicodeEncodeError) as error:
        raise TrustError(f"{pin.name}: no checkpoint: {error}", code="trust.checkpoint") from error
    if checkpoint.origin != origin:
        raise TrustError(
            f"{pin.name}: is of {checkpoint.origin}, not of {origin}", code="trust.checkpoint"
        )
    return checkpoint
