"""A fact's memory in a history that differs from another one in some records.

Two histories of the same ledger, as it was and as it would have been, agree nearly everywhere. So
the second has cells of its own only for the scopes and keys at which some record does something
else in it; everywhere else it reads what the first remembers. Source: docs/spec/cascading.md.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Final

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


class Apart(FactMemory):
    """The memory of a fact that differs from another memory of it in some scopes and keys.

    Of each record both are told: first this one, by `follow` where the record does the same to
    both and by `part` where it does not, then the other.
    """

    def __init__(self, under: FactMemory, evaluator: Evaluator, withholding: Withholding) -> None:
        super().__init__(under.fact, under.level, evaluator, withholding)
        self.kinds, self.rests_on_facts = under.kinds, under.rests_on_facts
        self._under = under
        self._scopes: set[str] = set()

    def stirs(self, placed: Placed) -> bool:
        """Return whether a record may read what differs: something does in its scope."""
        if not self._scopes:
            return False
        return placed.scope(self.fact.over) in self._scopes or (
            self.fact.reference and REFERENCE in self._scopes
        )

    def follow(self, note: Note) -> None:
        """Take what a record does to both memories."""
        if note.settles:
            self._settle(note.settles)
        if note.scope in self._scopes:
            for place in note.places:
                cell = self._cells.get(place)
                if cell is not None:
                    self._put(note, place, cell)

    def part(self, under: Note | None, here: Note | None) -> None:
        """Take what a record does here, where it does something else to the other memory.

        Args:
            under: What it does there, and has not done yet; None where nothing.
            here: What it does here; None where nothing.
        """
        ends = {note.settles for note in (under, here) if note is not None and note.settles}
        same_end = under is not None and here is not None and under.settles == here.settles
        held = () if same_end else (place for one in ends for place in self._under.held_at(one))
        for place in [*_places(under), *_places(here), *held]:
            self._cell(*place)
        if here is not None:
            self.apply(here)

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
            self._scopes.add(scope)
            for action in () if cell.reserve is None else cell.reserve.actions:
                self._held.setdefault(action, []).append(place)
        return cell


def _places(note: Note | None) -> tuple[Place, ...]:
    return () if note is None else note.places
