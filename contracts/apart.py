"""A fact's memory in a history that differs from another one in some records.

Two histories of the same ledger, as it was and as it would have been, agree nearly everywhere. So
the second has cells of its own only for the scopes and keys at which some record does something
else in it; everywhere else it reads what the first remembers. Source: docs/spec/cascading.md.
"""

from collections import Counter, deque
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final, cast

from contracts.case import Case
from contracts.coercion import Value
from contracts.counters import Cell, Entry
from contracts.evaluation import Evaluator, Undecidable
from contracts.facts import UNKEYED, Asking, FactMemory, Key, Note, Place
from contracts.lineage import REFERENCE, Placed
from contracts.shortcuts import Key as Member
from contracts.view import Absent
from contracts.withholding import Hidden, Withholding

UNKNOWN: Final = "nobody knows what would have come of it"
"""Why a fact has no value that would count the outcome of an action which was never done."""


class Unheard(Case):
    """The outcome, or another result, of an action that was never done: nothing is said in it.

    What belongs to the action is there, the record's own variable is not: every use is an error.
    """

    __slots__ = ()

    def variable(self, root: str, members: Iterable[str] | None, level: int) -> Value:
        """Return a variable; `Absent` for the record's own."""
        if root == self.placed.subject:
            return Absent(UNKNOWN, Hidden.NEVER_DONE)
        return super().variable(root, members, level)

    def _part(self, key: Member) -> Value:
        if key[0] == self.placed.subject:
            return Absent(UNKNOWN, Hidden.NEVER_DONE)
        return super()._part(key)


@dataclass(slots=True)
class _Difference:
    """How two memories differ at one place: until when, if a window can end it.

    Attributes:
        since: The time of the last record that does something else; None: no window ends it.
        open: The actions that are reserved in one of them and not in the other.
    """

    since: int | None
    open: set[str] = field(default_factory=set[str])


class Apart(FactMemory):
    """The memory of a fact that differs from another memory of it in some scopes and keys.

    Of each record both are told: first this one, by `follow` where the record does the same to
    both and by `part` where it does not, then the other. `now` is the time of the record on the
    ledger's clock, None where it has none on that.
    """

    def __init__(self, under: FactMemory, evaluator: Evaluator, withholding: Withholding) -> None:
        super().__init__(under.fact, under.level, evaluator, withholding)
        self.kinds, self.rests_on_facts = under.kinds, under.rests_on_facts
        self._under = under
        self._scopes: Counter[str] = Counter()
        self._seen: set[Place] = set()
        self._differences: dict[Place, _Difference] = {}
        self._opened: dict[str, list[Place]] = {}
        self._ending: deque[tuple[int, Place]] = deque()

    @property
    def differed(self) -> int:
        """At how many scopes and keys the two differ, or did."""
        return len(self._seen)

    def stirs(self, placed: Placed) -> bool:
        """Return whether a record may read what differs: something does in its scope."""
        if self._ending:
            self._end(placed)
        return bool(self._scopes) and any(one in self._scopes for one in self._read_from(placed))

    def may_differ(self, case: Asking) -> bool:
        """Return whether a record reads a place that differs, where its key is no other."""
        keys = (UNKEYED,) if self.at is None else self._keys(case, self.at)
        if isinstance(keys, Undecidable):
            return False
        scopes = [one for one in self._read_from(case.placed) if one in self._scopes]
        return any((scope, key) in self._cells for scope in scopes for key in (None, *keys))

    def follow(self, note: Note, now: int | None) -> None:
        """Take what a record does to both memories."""
        if note.settles:
            self._settle(note.settles)
            self._close(note.settles, now)
        if note.entry is not None and note.scope in self._scopes:
            for place in note.places:
                cell = self._cells.get(place)
                if cell is not None:
                    self._put(note, note.entry, cell, place[1])

    def part(self, under: Note | None, here: Note | None, now: int | None) -> None:
        """Take what a record does here, where it does something else to the other memory.

        Args:
            under: What it does there, and has not done yet; None where nothing.
            here: What it does here; None where nothing.
            now: The record's time.
        """
        notes = [note for note in (under, here) if note is not None]
        ends = {note.settles for note in notes if note.settles}
        if len(notes) == len(ends) == 1:
            for place in self._under.held_at(*ends):
                self._cell(*place)
        for note in notes:
            for place in note.places:
                self._cell(*place)
                self._differ(place, note, now)
        if here is not None:
            self.apply(here)
        for one in ends:
            self._close(one, now)

    def _differ(self, place: Place, note: Note, now: int | None) -> None:
        # INVARIANT: what is an error for good has no time on the ledger's clock.
        difference = self._differences.setdefault(place, _Difference(now))
        if note.holds:
            difference.open.add(note.holds)
            self._opened.setdefault(note.holds, []).append(place)
        lasts = not self._passes or difference.since is None
        difference.since = None if lasts else now
        if difference.since is not None:
            self._ending.append((difference.since, place))

    def _close(self, action: str, now: int | None) -> None:
        """Take note that an action is reserved no more, unless it still is in this memory."""
        for place in self._held.get(action, ()):
            self._differences.setdefault(place, _Difference(None)).since = None
        for place in self._opened.pop(action, ()):
            difference = self._differences.get(place)
            if difference is not None and difference.since is not None:
                difference.open.discard(action)
                difference.since = now
                if now is not None:
                    self._ending.append((now, place))

    def _read_from(self, placed: Placed) -> tuple[str, ...]:
        scope = placed.scope(self.fact.over)
        found = () if scope is None else (scope,)
        return (*found, REFERENCE) if self.fact.reference else found

    def _end(self, placed: Placed) -> None:
        """Read the other memory again where all that differed has left the window."""
        if placed.event.imported or placed.time is None:
            return
        # INVARIANT: times on the ledger's clock never go back, so the queue is in their order.
        until = placed.time - cast("int", self.fact.within)
        while self._ending and self._ending[0][0] <= until:
            time, place = self._ending.popleft()
            known = self._differences.get(place)
            if known is not None and known.since == time and not known.open:
                self._forgive(place)

    def _forgive(self, place: Place) -> None:
        """Have no cell of one's own at a place any more."""
        cell = self._cells.pop(place)
        del self._differences[place]
        self._scopes -= Counter([place[0]])
        for action in () if cell.reserve is None else cell.reserve.actions:
            self._held[action].remove(place)

    def let_through(self, case: Asking) -> Note | None:
        """Return what an action does whose outcome nobody knows.

        Where the fact says by `reserve` what an action without outcome weighs, it weighs that; in
        a window no longer than its outcome would have, had it come at once.
        """
        note = self.note(case)
        if note is None or note.entry is None or not note.holds or self.fact.within is None:
            return note
        entry, why = note.entry, self._untimed(case.placed)
        if why:
            entry = Entry(entry.index, None, entry.reason or why, entry.hidden)
        return Note(note.scope, note.keys, entry, note.time, lasting=bool(why))

    def unheard(self, case: Unheard) -> Note | None:
        """Return what a record that nobody knows does: it spoils what it may count for."""
        placed = case.placed
        scope = self._scope(placed)
        if scope is None or (self.fact.attempts == "allowed" and not placed.counts_as_allowed):
            return None
        if self.where is not None and case.ask(self.where) is False:
            return None
        found = (UNKEYED,) if self.by is None else self._keys(case, self.by)
        keys = None if isinstance(found, Undecidable) else found
        lasting = self.fact.within is not None and bool(self._untimed(placed))
        entry = Entry(placed.event.index, None, UNKNOWN, Hidden.NEVER_DONE)
        return Note(scope, keys, entry, placed.time, lasting)

    def cell_at(self, place: Place) -> Cell | None:
        """Return what is remembered at a place, here where it differs."""
        own = self._cells.get(place)
        return self._under.cell_at(place) if own is None else own

    def _cell(self, scope: str, key: Key | None) -> Cell:
        """Return the own cell of a place: from here on it differs.

        It stands in no queue, and so is never dropped: where it is empty, the other may not be.
        """
        place = scope, key
        cell = self._cells.get(place)
        if cell is None:
            found = self._under.cell_at(place)
            cell = self._cells[place] = Cell(self.fact) if found is None else deepcopy(found)
            self._scopes[scope] += 1
            self._seen.add(place)
            for action in () if cell.reserve is None else cell.reserve.actions:
                self._held.setdefault(action, []).append(place)
        return cell
