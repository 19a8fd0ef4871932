"""Sealed values: what became of each, and what contracts may see of it.

A value is disclosed, withheld, erased, lost, or erased and still there; each is another thing, and
none of them changes what was signed. A rule that reads a value which is not disclosed is
undecidable, and says which of these it is.
Source: docs/spec/ledger-format.md, *Sealed values*.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, cast

from contracts.coercion import SEALED, Unseen
from ledger.boxes import Box
from ledger.encoding import decode, digest
from ledger.errors import LedgerError, SealedFormatError, StoreError, UnsealedError
from ledger.records import AnyRecord, Erasure
from ledger.sealed import Disclosure, Opening, check_opening, replaced, sealed_in
from ledger.source import Source
from ledger.store import Store
from ledger.vault import OwnerAt, conflict
from verifier.drafts import Draft, integrity_draft
from verifier.entries import Entry, Problem
from verifier.report import SealedState

_ERASURE = b'"kind":"erasure"'
# The first version of a store that had tables for sealed values.
BOXED_SINCE = 2
ERASED = f"{SEALED}was erased"
WITHHELD = f"{SEALED}was not disclosed"
LOST = f"{SEALED}is lost"


class Opener(Protocol):
    """Whoever has the sealing key."""

    def open(self, box: Box, wrapped: bytes | None) -> Opening:
        """Return what is in a box. Raises `UnsealedError`."""
        ...


@dataclass(slots=True)
class _Value:
    """One sealed value of a valid record."""

    commitment: str
    there: bool = False
    opened: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True)
class _Holder:
    """A valid record that has sealed values."""

    index: int
    by: str
    values: dict[str, _Value]


@dataclass(slots=True)
class _Found:
    """What there is of one sealed value."""

    there: bool = False
    opening: Opening | None = None
    problem: str = ""


@dataclass
class SealedValues:
    """The sealed values of one reading.

    Attributes:
        source: What is read. A bundle has no boxes: what is not disclosed with it is withheld.
        opener: Opens the store's boxes; None where nobody gave the sealing key.
        disclosures: Values that were shown to whoever verifies.
        drafts: What was found.
    """

    source: Source
    opener: Opener | None = None
    disclosures: Iterable[Disclosure] = ()
    drafts: list[Draft] = field(default_factory=list[Draft])
    _holders: dict[str, _Holder] = field(default_factory=dict[str, _Holder])
    _places: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def __post_init__(self) -> None:
        self._shown: Mapping[tuple[str, str], Opening] = {
            (one.record, opening.path): opening
            for one in self.disclosures
            for opening in one.openings
        }
        self._failure = ""

    @cached_property
    def _announced(self) -> set[tuple[str, str]]:
        """What erasures name, read ahead when the first sealed value is met: else never."""
        return self._erasures(0)

    def _erasures(self, start: int) -> set[tuple[str, str]]:
        """Return what erasures say from an entry on. Nothing in them has been checked."""
        found: set[tuple[str, str]] = set()
        try:
            for _, raw in self.source.records_containing(_ERASURE, start):
                value: Any = decode(raw)
                if hasattr(value, "get") and value.get("kind") == "erasure":
                    found.update((str(value.get("record")), str(one)) for one in value["paths"])
        except (LedgerError, KeyError, TypeError):
            # The steps that read each record say what is wrong with it.
            return found
        return found

    # -------------------------------------------------------------------------- step 7

    def entitlement_problem(
        self, entry: Entry, record: AnyRecord, owner_at: OwnerAt
    ) -> Problem | None:
        """Return why whoever wrote an erasure may not erase that (step 7)."""
        holder = self._holders.get(record.record) if isinstance(record, Erasure) else None
        if holder is None or not isinstance(record, Erasure):
            return None
        why = conflict(record, holder.by, (holder.index, entry.index), owner_at)
        return Problem(7, "governance", why) if why else None

    # ------------------------------------------------------------------------- reading

    def add(self, entry: Entry, record: AnyRecord) -> dict[str, Any] | None:
        """Take note of a valid record.

        Returns:
            The record as contracts see it: with disclosed values in their places, and `Unseen`
            where there are others. None where it has nothing sealed.

        Raises:
            UnsealedError: The sealing key is not that of this store (`seal.key`).
        """
        if isinstance(record, Erasure):
            # What was never sealed cannot be erased: naming it takes nothing away.
            holder = self._holders.get(record.record)
            named = [holder.values.get(path) for path in record.paths] if holder else []
            for value in filter(None, named):
                value.erased = True
        if not entry.sealed:
            return None
        values = {path: _Value(found) for path, found in sealed_in(entry.value)}
        if not values or entry.digest in self._holders:
            return None
        self._holders[entry.digest] = _Holder(entry.index, record.by, values)
        boxes = self._boxes(entry.digest)
        shown: object = entry.value
        for path, value in values.items():
            found = self._found(entry.digest, path, value.commitment, boxes)
            value.there, value.opened = found.there, found.opening is not None
            if found.problem or value.commitment in self._places:
                what = found.problem or "this commitment stands in an earlier record already"
                self._refuse(entry.index, f"{path}: {what}")
            self._places.setdefault(value.commitment, (entry.digest, path))
            seen = self._seen(entry.digest, path, value, found)
            shown = replaced(shown, path, _always(seen))
        return cast("dict[str, Any]", shown)

    def _boxes(self, record: str) -> dict[str, tuple[Box, bytes | None]]:
        if not isinstance(self.source, Store) or self._failure:
            return {}
        try:
            with self.source.boxes() as boxes:
                return {
                    box.commitment: (box, boxes.key(box.subject) if self.opener else None)
                    for box in boxes.of_record(record)
                }
        except (StoreError, SealedFormatError) as error:
            self._failure = str(error)
            return {}

    def _found(
        self, record: str, path: str, commitment: str, boxes: dict[str, tuple[Box, bytes | None]]
    ) -> _Found:
        found = _Found()
        box, wrapped = boxes.get(commitment, (None, None))
        try:
            if box is not None:
                found.there = True
                if box.path != path:
                    found.problem = f"its box is kept for {box.path}"
                elif self.opener is not None:
                    found.opening = self.opener.open(box, wrapped)
            opening = self._shown.get((record, path))
            if opening is not None:
                check_opening(opening, commitment)
                found.there, found.opening = True, opening
        except UnsealedError as error:
            if error.code == "seal.key":
                raise
            found.problem = str(error)
        return found

    def _seen(self, record: str, path: str, value: _Value, found: _Found) -> object:
        name = path[1:].replace("/", ".")
        if (record, path) in self._announced:
            return Unseen(value.commitment, f"{name} {ERASED}")
        if found.opening is not None:
            return found.opening.read()
        lost = isinstance(self.source, Store) and not found.there and not self._failure
        return Unseen(value.commitment, f"{name} {LOST if lost else WITHHELD}")

    # -------------------------------------------------------------------------- judging

    def finish(self, size: int) -> dict[SealedState, int]:
        """Return how many values are in which state, once everything was read up to `size`."""
        counts = dict.fromkeys(SealedState, 0)
        for record in sorted({record for record, _ in self._shown} - set(self._holders)):
            self._refuse(0, f"a value of record {record[:12]}… is disclosed, which seals none here")
        if self._failure:
            self._refuse(0, f"the store's sealed values cannot be read: {self._failure}")
        later: set[tuple[str, str]] | None = None
        for record, holder in self._holders.items():
            for path, value in holder.values.items():
                state = self._state(value)
                if state is SealedState.LOST:
                    later = self._erasures(size) if later is None else later
                    # It was erased since: that erasure is no part of this verification.
                    state = SealedState.WITHHELD if (record, path) in later else state
                counts[state] += 1
                self._judge(holder.index, path, state)
        self._judge_strays(size)
        return counts

    def _state(self, value: _Value) -> SealedState:
        if value.erased:
            return SealedState.ERASED_BUT_PRESENT if value.there else SealedState.ERASED
        if value.opened:
            return SealedState.DISCLOSED
        missing = isinstance(self.source, Store) and not value.there and not self._failure
        return SealedState.LOST if missing else SealedState.WITHHELD

    def _judge(self, index: int, path: str, state: SealedState) -> None:
        if state is SealedState.LOST:
            what = f"{path}: neither the value nor an erasure of it is there"
            self.drafts.append(integrity_draft("lost", index, what, step=9))
        elif state is SealedState.ERASED_BUT_PRESENT:
            what = f"{path}: it was erased, and is there"
            self.drafts.append(integrity_draft("erased-but-present", index, what, step=9))

    def _judge_strays(self, size: int) -> None:
        """Look for boxes of no record: an erased value could be kept under another name."""
        if not isinstance(self.source, Store) or self.source.version < BOXED_SINCE or self._failure:
            return
        try:
            with self.source.boxes() as boxes:
                strays = [
                    (box.record, box.path)
                    for box in boxes.each()
                    if self._places.get(box.commitment, ("", ""))[0] != box.record
                ]
            # What was appended since is no part of this verification, and its boxes are not either.
            later = {digest(row.record or b"") for row in self.source.rows(size)} if strays else ()
        except (StoreError, SealedFormatError) as error:
            self._refuse(0, f"the store's sealed values cannot be read: {error}")
            return
        for record, path in strays:
            if record not in later:
                holder = self._holders.get(record)
                what = f"{path}: a box is kept for a value that no valid record has sealed"
                self._refuse(holder.index if holder else 0, what)

    def _refuse(self, index: int, what: str) -> None:
        self.drafts.append(integrity_draft("sealed", index, what, step=9))


def _always(value: object) -> Callable[[object], object]:
    return lambda _: value
