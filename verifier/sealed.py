"""Sealed values: what became of each, and what contracts may see of it.

A value is disclosed, withheld, erased, lost, or erased and still there; each is another thing, and
none of them changes what was signed. A rule that reads a value which is not disclosed is
undecidable, and says which of these it is.
Source: docs/spec/ledger-format.md, *Sealed values*.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
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

# A record's digest, and a path in it.
Place = tuple[str, str]


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
    keyless: bool = False


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
    keyless: bool = False


@dataclass
class SealedValues:
    """The sealed values of one reading.

    Attributes:
        source: What is read. A bundle has no boxes: what is not disclosed with it is withheld.
        opener: Opens the store's boxes; None where nobody gave the sealing key.
        disclosures: Values that were shown to whoever verifies.
        erasures: Record and path of what valid erasures name, where an earlier reading has shown
            that; else what any erasure names is read ahead.
        drafts: What was found.
    """

    source: Source
    opener: Opener | None = None
    disclosures: Iterable[Disclosure] = ()
    erasures: frozenset[Place] | None = None
    drafts: list[Draft] = field(default_factory=list[Draft])
    _holders: dict[str, _Holder] = field(default_factory=dict[str, _Holder])
    _places: dict[str, Place] = field(default_factory=dict[str, Place])

    def __post_init__(self) -> None:
        self.disclosures = tuple(self.disclosures)
        # Of one value there may be several: a false one is told whatever stands beside it.
        self._shown: dict[Place, list[Opening]] = {}
        for one in self.disclosures:
            for opening in one.openings:
                self._shown.setdefault((one.record, opening.path), []).append(opening)
        self._failure = ""

    @cached_property
    def _announced(self) -> AbstractSet[Place]:
        """What erasures name, read ahead when the first sealed value is met: else never."""
        return self._erasures(0) if self.erasures is None else self.erasures

    def _erasures(self, start: int) -> set[Place]:
        """Return what erasures say from an entry on. Nothing in them has been checked."""
        found: set[Place] = set()
        try:
            for _, raw in self.source.records_containing(_ERASURE, start):
                value: Any = decode(raw)
                if hasattr(value, "get") and value.get("kind") == "erasure":
                    found.update((str(value.get("record")), str(one)) for one in value["paths"])
        except (LedgerError, KeyError, TypeError):
            # The steps that read each record say what is wrong with it.
            return found
        return found

    def again(self, size: int) -> "SealedValues | None":
        """Return what another reading needs, where this one took the word of a false erasure.

        What a rule may see was hidden from it because an erasure named it, and that erasure turned
        out to be invalid: else who wrote a record could hide it from every rule that way.

        Args:
            size: How many entries were read. What is erased later is no part of it, and hidden.
        """
        if self.erasures is not None or "_announced" not in self.__dict__:
            return None
        valid = {
            (record, path)
            for record, holder in self._holders.items()
            for path, value in holder.values.items()
            if value.erased
        } | self._erasures(size)
        if not (self._announced & self._sealed_places()) - valid:
            return None
        return SealedValues(self.source, self.opener, self.disclosures, frozenset(valid))

    def _sealed_places(self) -> set[Place]:
        return {
            (record, path) for record, holder in self._holders.items() for path in holder.values
        }

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
            value.keyless = found.keyless
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
                    box.commitment: (box, boxes.key(box.subject)) for box in boxes.of_record(record)
                }
        except (StoreError, SealedFormatError) as error:
            self._failure = str(error)
            return {}

    def _found(
        self, record: str, path: str, commitment: str, boxes: dict[str, tuple[Box, bytes | None]]
    ) -> _Found:
        found = _Found()
        box, wrapped = boxes.get(commitment, (None, None))
        if box is not None:
            found.there, found.keyless = True, wrapped is None
            if box.path != path:
                found.problem = f"its box is kept for {box.path}"
            elif self.opener is not None and wrapped is not None:
                self._unbox(found, self.opener, box, wrapped)
        for opening in self._shown.get((record, path), ()):
            try:
                check_opening(opening, commitment)
                found.there, found.opening = True, opening
            except UnsealedError as error:
                found.problem = str(error)
        return found

    @staticmethod
    def _unbox(found: _Found, opener: Opener, box: Box, wrapped: bytes) -> None:
        try:
            found.opening = opener.open(box, wrapped)
        except UnsealedError as error:
            if error.code == "seal.key":
                raise
            found.problem = str(error)

    def _seen(self, record: str, path: str, value: _Value, found: _Found) -> object:
        name = path[1:].replace("/", ".")
        if (record, path) in self._announced:
            return Unseen(value.commitment, f"{name} {ERASED}")
        if found.opening is not None:
            return found.opening.read()
        lost = self._is_lost(there=found.there, keyless=found.keyless)
        return Unseen(value.commitment, f"{name} {LOST if lost else WITHHELD}")

    # -------------------------------------------------------------------------- judging

    def finish(self, size: int) -> dict[SealedState, int]:
        """Return how many values are in which state, once everything was read up to `size`."""
        counts = dict.fromkeys(SealedState, 0)
        for record, path in sorted(set(self._shown) - self._sealed_places()):
            holder = self._holders.get(record)
            what = f"{path} of record {record[:12]}… is disclosed, where nothing is sealed here"
            self._refuse(holder.index if holder else 0, what)
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
                self._judge(holder.index, path, value, state)
        self._judge_strays(size)
        return counts

    def _state(self, value: _Value) -> SealedState:
        if value.erased:
            return SealedState.ERASED_BUT_PRESENT if value.there else SealedState.ERASED
        if value.opened:
            return SealedState.DISCLOSED
        lost = self._is_lost(there=value.there, keyless=value.keyless)
        return SealedState.LOST if lost else SealedState.WITHHELD

    def _is_lost(self, *, there: bool, keyless: bool) -> bool:
        """Tell whether nobody will ever read a value again that was neither shown nor erased."""
        return isinstance(self.source, Store) and not self._failure and (keyless or not there)

    def _judge(self, index: int, path: str, value: _Value, state: SealedState) -> None:
        if state is SealedState.LOST:
            gone = "its subject's key" if value.there else "the value"
            what = f"{path}: neither {gone} nor an erasure of it is there"
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
                idle = boxes.idle_keys()
            # What was appended since is no part of this verification, and its boxes are not either.
            later = {digest(row.record or b"") for row in self.source.rows(size)} if strays else ()
        except (StoreError, SealedFormatError) as error:
            self._refuse(0, f"the store's sealed values cannot be read: {error}")
            return
        if idle and self._holders:
            self._refuse(
                0,
                f"{idle} subjects' keys are kept without a box: what was erased about them can be "
                "opened with these from any copy of its box",
            )
        for record, path in strays:
            if record not in later:
                holder = self._holders.get(record)
                what = f"{path}: a box is kept for a value that no valid record has sealed"
                self._refuse(holder.index if holder else 0, what)

    def _refuse(self, index: int, what: str) -> None:
        self.drafts.append(integrity_draft("sealed", index, what, step=9))


def _always(value: object) -> Callable[[object], object]:
    return lambda _: value
