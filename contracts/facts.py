"""One fact's running counters: what each record adds, and what the fact is as of a record.

A record is first *noted* (its `where`, key and value are computed on history as it was before
it), and only then applied: no record counts for itself. Source: docs/spec/contract-language.md,
*Facts*.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from contracts.coercion import MAX_LIST, Value, holds_long_list, is_list, is_map
from contracts.counters import (
    INTEGER,
    MAX_RESTS,
    SUM,
    Cell,
    Entry,
    Reading,
    Total,
    Window,
    entry_of,
    joined,
    kind_of,
)
from contracts.evaluation import Condition, Evaluator, Undecidable, condition
from contracts.lineage import REFERENCE, Placed
from contracts.model import Fact
from contracts.packing import packed, unpacked
from contracts.withholding import WITHHELD, Hidden, Withholding, kind_of_source

Key = tuple[str, Any]
Place = tuple[str, "Key | None"]
"""A scope and a key in it; None for what spoils every key of the scope."""

UNKEYED: Key = ("", "")
ORDERED = frozenset({INTEGER, "double", "string", "timestamp"})
KEYS = frozenset({INTEGER, "string", "bool"})
MAX_INT = 2**63 - 1

LOOKS = 2
"""How many memories are looked at, whether they can be dropped, for each one that is added to."""


class Asking(Protocol):
    """A record at its place in history, of which conditions can be asked."""

    @property
    def placed(self) -> Placed:
        """The record."""
        ...

    def ask(self, asked: Condition) -> Value:
        """Return the condition's value, or `Undecidable`."""
        ...


@dataclass(frozen=True, slots=True)
class FactResult:
    """A fact as of a record: its value, or why it has none, and on which entries it rests."""

    value: Any
    reason: str = ""
    rests_on: tuple[int, ...] = ()
    hidden: Hidden = Hidden.NOTHING


@dataclass(frozen=True, slots=True)
class Note:
    """What a record does to a fact. `keys` is None where its key is an error, which spoils all.

    `entry` is None where the record does not count; `holds` and `settles` name the action that is
    reserved or released.
    """

    scope: str
    keys: tuple[Key, ...] | None
    entry: Entry | None
    time: int | None
    lasting: bool = False
    holds: str = ""
    settles: str = ""

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it adds to what is remembered."""
        if self.entry is None:
            return ()
        return tuple((self.scope, key) for key in ((None,) if self.keys is None else self.keys))


def keys_of(value: Value) -> tuple[Key, ...] | Undecidable:
    """Return the distinct keys that a `by` or `at` says, in order of first occurrence."""
    values = value if is_list(value) else [value]
    kinds = [kind_of(one) for one in values]
    for kind, one in zip(kinds, values, strict=True):
        if kind not in KEYS:
            return Undecidable(f"a key must be a string, int or bool, and this is {_named(one)}")
    return tuple(dict.fromkeys(zip(kinds, values, strict=True)))


def _named(value: Value) -> str:
    kind = kind_of(value)
    if kind != "other":
        return f"an {kind}" if kind == INTEGER else f"a {kind}"
    if value is None:
        return "null"
    return "a list" if is_list(value) else "a map" if is_map(value) else "bytes or a duration"


def is_nan(value: Value) -> bool:
    """Return whether a value is no number, and so has no order."""
    return isinstance(value, float) and math.isnan(value)


class FactMemory:
    """A fact and its counters, for every scope and key."""

    def __init__(
        self, fact: Fact, level: int, evaluator: Evaluator, withholding: Withholding
    ) -> None:
        self.fact = fact
        self.level = level
        # The kinds of record that matter to it; `World` adds those of the facts that it reads.
        self.kinds = frozenset({kind_of_source(fact.source)})
        if fact.reserve:
            self.kinds |= {"action", "outcome"}
        self.rests_on_facts = False
        self._withholding = withholding

        def made(text: str) -> Condition | None:
            return condition(evaluator, text, level) if text else None

        self.where = made(fact.where)
        self.by = made(fact.by)
        self.at = made(fact.at or fact.by) if fact.by else None
        self.value = made(fact.value)
        self.reserve = made(fact.reserve)
        self._cells: dict[Place, Cell] = {}
        self._held: dict[str, list[Place]] = {}
        # What leaves a window is forgotten; but nothing in a run, where two clocks may meet. Each
        # cell stands once in the queue, with the time at which it was put there.
        self._passes = fact.within is not None and fact.over != "run"
        self._queue: deque[tuple[int, Place]] = deque()
        self._now = -MAX_INT
        self._nothing = self._result(Reading())

    @property
    def names(self) -> frozenset[str]:
        """The facts that its conditions read."""
        asked = (self.where, self.by, self.at, self.value, self.reserve)
        return frozenset(name for each in asked if each is not None for name in each.reads.facts)

    # ------------------------------------------------------------------ remembering

    def takes(self, placed: Placed) -> bool:
        """Return whether a record of this kind and tool can touch the fact."""
        kinds = ("action", "outcome") if self.fact.reserve else (self.fact.source,)
        if placed.subject not in kinds:
            return False
        return not self.fact.tools or placed.tool in self.fact.tools

    def note(self, case: Asking) -> Note | None:
        """Return what a record does to the fact, None where nothing. Nothing is changed yet."""
        # Most records that a fact looks at do not count, and say so by its `where` alone.
        if self.where is not None and not self.fact.reserve and case.ask(self.where) is False:
            return None
        placed = case.placed
        scope = self._scope(placed)
        holds = settles = ""
        if self.fact.reserve and placed.its_action is not None:
            digest = placed.its_action.event.digest
            holds, settles = (digest, "") if placed.subject == "action" else ("", digest)
        if scope is None or (self.fact.attempts == "allowed" and not placed.counts_as_allowed):
            return None if not settles else Note("", (), None, None, settles=settles)
        keys, entry = self._entry(case, holding=bool(holds))
        if entry is None:
            return None if not settles else Note("", (), None, None, settles=settles)
        time, lasting = placed.time, False
        if self.fact.within is not None and not holds and (why := self._untimed(placed)):
            entry, lasting = Entry(entry.index, None, entry.reason or why, entry.hidden), True
        return Note(scope, keys, entry, time, lasting, holds, settles)

    def _scope(self, placed: Placed) -> str | None:
        scope = placed.scope(self.fact.over)
        if scope is None and self.fact.reference and self.fact.over == "run":
            return REFERENCE if placed.run is None else None
        return scope

    def _untimed(self, placed: Placed) -> str:
        """Return why a remembered record can not be held against a window, else nothing."""
        if placed.time is None:
            return "it has no event time"
        if placed.event.imported and self.fact.over != "run":
            return "it is imported, and its time is proven within its run only"
        return ""

    def _entry(self, case: Asking, *, holding: bool) -> tuple[tuple[Key, ...] | None, Entry | None]:
        """Return the record's keys and entry; no entry where it does not count or is skipped."""
        index = case.placed.event.index
        where = True if self.where is None or holding else case.ask(self.where)
        if where is False:
            return (), None
        keys = (UNKEYED,) if self.by is None else self._keys(case, self.by)
        value = case.ask(self.reserve) if holding and self.reserve else self._value(case)
        reason, hidden = "", Hidden.NOTHING
        for name, found in (("where", _truth(where)), ("key", keys), ("value", value)):
            if isinstance(found, Undecidable) and not reason:
                reason, hidden = f"its {name}: {found.reason}", found.hidden
        if not reason and (wrong := self._wrong(value, holding=holding)):
            reason = f"its value: {wrong}"
        if reason and self.fact.unknown == "skip":
            return (), None
        entry = Entry(index, None if reason else value, reason, hidden)
        return (None if isinstance(keys, Undecidable) else keys), entry

    def _keys(self, case: Asking, asked: Condition) -> tuple[Key, ...] | Undecidable:
        value = case.ask(asked)
        return value if isinstance(value, Undecidable) else keys_of(value)

    def _value(self, case: Asking) -> Value:
        return None if self.value is None else case.ask(self.value)

    def _wrong(self, value: Value, *, holding: bool) -> str:
        """Return why a value is none that the aggregate takes, else nothing."""
        kind = kind_of(value)
        if holding or self.fact.aggregate == SUM:
            return "" if kind == INTEGER else f"not an int but {_named(value)}"
        if self.fact.aggregate in ("min", "max") and (kind not in ORDERED or is_nan(value)):
            return f"{_named(value)} has no order"
        return ""

    def apply(self, note: Note) -> None:
        """Make what was noted part of the fact's memory."""
        if note.settles:
            self._settle(note.settles)
        if note.entry is not None:
            for key in (None,) if note.keys is None else note.keys:
                self._put(note, note.entry, self._cell(note.scope, key), key)

    def _settle(self, action: str) -> None:
        for place in self._held.pop(action, ()):
            reserve = self._cells[place].reserve
            if reserve is not None:
                reserve.settle(action)

    def _put(self, note: Note, entry: Entry, cell: Cell, key: Key | None) -> None:
        if note.holds and cell.reserve is not None:
            cell.reserve.hold(note.holds, entry)
            self._held.setdefault(note.holds, []).append((note.scope, key))
        else:
            cell.add(entry, note.time, lasting=note.lasting)
            if self._passes and note.time is not None and not note.lasting:
                self._forget(cell, note.time)

    def cell_at(self, place: Place) -> Cell | None:
        """Return what is remembered under a key of a scope, None where nothing is."""
        return self._cells.get(place)

    def held_at(self, action: str) -> Sequence[Place]:
        """Return where an action is reserved that has no outcome yet."""
        return self._held.get(action, ())

    def begin(self, scope: str, key: Key, count: int, total: int) -> None:
        """Take over what earlier records added up to under a key, of which only that is known."""
        cast("Total", self._cell(scope, key).memory).begin(count, total)

    def kept(self, last: int | None) -> list[Value]:
        """Return what later records can see, as rows of a snapshot.

        Args:
            last: The time of the last live record, None where there was none.
        """
        after = None
        if self._passes and self.fact.within is not None and last is not None:
            after = last - self.fact.within
        made = ((place, cell.kept(after)) for place, cell in self._cells.items())
        rows = [(scope, () if key is None else key, row) for (scope, key), row in made if row]
        return [
            [scope, packed(list(key)), *row]
            for scope, key, row in sorted(rows, key=lambda one: one[:2])
        ]

    def take_up(self, rows: Iterable[Sequence[Value]], last: int | None) -> None:
        """Remember what rows say, and nothing else."""
        self.clear()
        self._now = self._now if last is None else last
        for scope, asked, memory, held, spoiled in rows:
            key = unpacked(asked)
            cell_key = (key[0], key[1]) if key else None
            cell = self._cell(scope, cell_key)
            cell.memory.take_up(memory)
            cell.spoiled = entry_of(spoiled) if spoiled else None
            if cell.reserve is not None:
                for action in cell.reserve.take_up(held):
                    self._held.setdefault(action, []).append((scope, cell_key))

    def clear(self) -> None:
        """Forget everything."""
        self._cells.clear()
        self._held.clear()
        self._queue.clear()
        self._now = -MAX_INT

    @property
    def size(self) -> int:
        """How many scopes and keys are remembered."""
        return len(self._cells)

    def _cell(self, scope: str, key: Key | None) -> Cell:
        cell = self._cells.get((scope, key))
        if cell is None:
            cell = self._cells[scope, key] = Cell(self.fact)
            if self._passes:
                self._queue.append((self._now, (scope, key)))
        return cell

    def _forget(self, cell: Cell, now: int) -> None:
        """Drop what has left the window: in this cell, and in those that are looked at in turn.

        Each addition looks at a few others, so that none costs more than that. While as many are
        added as are dropped, a cell is found two windows after its last record at the latest.
        """
        # INVARIANT: beyond a run, windows hold live records, whose times never go back.
        self._now = now
        until = now - cast("int", self.fact.within)
        cast("Window", cell.memory).forget(until)
        for _ in range(LOOKS):
            if not self._queue or self._queue[0][0] > until:
                return
            _, place = self._queue.popleft()
            if self._cells[place].forget(until):
                del self._cells[place]
            else:
                self._queue.append((now, place))

    # --------------------------------------------------------------------- answering

    def read(self, case: Asking) -> FactResult:
        """Return the fact as of a record. Nothing is changed."""
        placed = case.placed
        scope = placed.scope(self.fact.over)
        if scope is None:
            return FactResult(None, f"this {placed.subject} stands in no {self.fact.over}")
        if self.fact.within is not None and (why := self._unproven(placed)):
            return FactResult(None, why)
        if self._withholding and (hidden := self._hidden(placed)) is not None:
            return FactResult(None, WITHHELD, (hidden,), Hidden.WITHHELD)
        if self.at is None:
            return self._answer(placed, scope, UNKEYED)
        asked = case.ask(self.at)
        keys = asked if isinstance(asked, Undecidable) else keys_of(asked)
        if isinstance(keys, Undecidable):
            return FactResult(None, f"its key here: {keys.reason}", (), keys.hidden)
        if not isinstance(asked, list):
            return self._answer(placed, scope, keys[0])
        return _listed([self._answer(placed, scope, key) for key in keys])

    def _hidden(self, placed: Placed) -> int | None:
        """Return an entry whose record is held back and may count for this record."""
        fact = self.fact
        if self.rests_on_facts:
            # What it reads on the way may look further back than it does.
            return self._withholding.since(self.kinds, -1)
        since, by, time = -1, "", None
        if fact.over == "run" and placed.run is not None and not fact.reference:
            since = placed.run.index  # nothing stands in a run that is not open yet
        if fact.over == "identity" and self.kinds == frozenset({"action"}):
            by = placed.scope(fact.over) or ""
        if fact.within is not None and placed.time is not None and not placed.event.imported:
            time = placed.time - fact.within
        return self._withholding.since(self.kinds, since, by=by, time=time)

    def _unproven(self, placed: Placed) -> str:
        """Return why a deciding record can not be held against a window, else nothing."""
        if placed.time is None:
            return f"this {placed.subject} has no event time"
        if placed.event.imported and self.fact.over != "run":
            return f"this {placed.subject} is imported, and its time is proven within its run only"
        return ""

    def _answer(self, placed: Placed, scope: str, key: Key) -> FactResult:
        readings: list[Reading] = []
        scopes = (scope, REFERENCE) if self.fact.reference else (scope,)
        for each in scopes:
            for cell in (self.cell_at((each, None)), self.cell_at((each, key))):
                if cell is not None:
                    readings.extend(self._readings(cell, placed, foreign=each == REFERENCE))
        return self._result(joined(self.fact.aggregate, readings)) if readings else self._nothing

    def _readings(self, cell: Cell, placed: Placed, *, foreign: bool) -> list[Reading]:
        """Return what one memory says, its lasting error and its open actions included."""
        found: list[Reading] = []
        if cell.spoiled is not None:
            found.append(Reading(error=cell.spoiled))
        if cell.reserve is not None:
            # An outcome brings its value: its action's reservation would count it twice.
            own = placed.its_action if placed.subject == "outcome" else None
            found.append(cell.reserve.read("" if own is None else own.event.digest))
        if self.fact.within is None or placed.time is None:
            found.append(cell.memory.read(None, None))
        elif foreign and placed.event.imported:
            found.append(_timeless(cast("Window", cell.memory)))
        else:
            found.append(cell.memory.read(placed.time - self.fact.within, placed.time))
        return found

    def _result(self, reading: Reading) -> FactResult:
        aggregate = self.fact.aggregate
        if reading.error is not None:
            error = reading.error
            why = f"record {error.index}: {error.reason}"
            return FactResult(None, why, (error.index,), error.hidden)
        if aggregate == "count":
            if abs(reading.count) > MAX_INT:
                return FactResult(None, "a count beyond 64 bits", reading.recent)
            return FactResult(reading.count, "", reading.recent)
        if aggregate == "seen":
            return FactResult(reading.count > 0, "", reading.recent)
        if aggregate == SUM:
            if abs(reading.total) > MAX_INT:
                return FactResult(None, "a sum beyond 64 bits", reading.recent)
            return FactResult(reading.total, "", reading.recent)
        rests = tuple(entry.index for entry in reading.entries[-MAX_RESTS:])
        if aggregate == "list":
            return _within_limit([entry.value for entry in reading.entries], rests)
        return self._single(reading.entries, rests)

    def _single(self, entries: Sequence[Entry], rests: tuple[int, ...]) -> FactResult:
        if entries:
            return _within_limit(entries[0].value, rests)
        if self.fact.default is not None:
            return FactResult(self.fact.default)
        over = "the ledger" if self.fact.over == "ledger" else f"this {self.fact.over}"
        window = "" if self.fact.within is None else " and its window"
        return FactResult(None, f"no record in {over}{window}")


def _truth(value: Value) -> Value:
    if isinstance(value, bool | Undecidable):
        return value
    return Undecidable(f"not true or false but {_named(value)}")


def _timeless(window: Window) -> Reading:
    """Return what reference data are to an imported record: an error, where there are any."""
    found = window.newest()
    if found is None:
        return Reading()
    return Reading(
        error=Entry(
            found.index,
            reason="it stands in no run, and this record's time is proven within its run only",
        )
    )


def _within_limit(value: Value, rests: tuple[int, ...]) -> FactResult:
    if holds_long_list(value):
        return FactResult(None, f"a list of more than {MAX_LIST} values", rests)
    return FactResult(value, "", rests)


def _listed(results: Sequence[FactResult]) -> FactResult:
    """Return the list of the answers under each key; one that is none makes the whole fact none."""
    rests = tuple(sorted({index for each in results for index in each.rests_on})[-MAX_RESTS:])
    for each in results:
        if each.reason:
            return FactResult(None, each.reason, each.rests_on, each.hidden)
    return _within_limit([each.value for each in results], rests)
