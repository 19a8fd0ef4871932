"""What a fact remembers for one key of one scope, so that it is answered without looking back.

Three kinds of memory: `Total` for facts without a window (bounded, whatever the length of
history), `Window` for facts with one (values are dropped when no later record can still see
them), and `Reserve` for actions that have no outcome yet. Each answers with a `Reading`; readings
of several memories are joined.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, cast

from contracts.coercion import MAX_LIST, Value
from contracts.model import Fact
from contracts.packing import packed, unpacked
from contracts.withholding import Hidden

MAX_RESTS = 8
"""How many of the entries that a count or sum rests on are named: the most recent ones."""

LOW, HIGH, LAST, LIST, SUM = "min", "max", "last", "list", "sum"
COUNTS = frozenset({"count", "seen"})
INTEGER = "int"
_KINDS: dict[type[object], str] = {
    int: INTEGER,
    float: "double",
    str: "string",
    datetime: "timestamp",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One record in a fact's memory, with a `reason` where its value, key or `where` is none."""

    index: int
    value: Any = None
    reason: str = ""
    hidden: Hidden = Hidden.NOTHING

    def __deepcopy__(self, memo: object) -> "Entry":
        """Return itself: nobody changes one, nor what a record holds."""
        return self


@dataclass(frozen=True, slots=True)
class Reading:
    """What a fact's memory answers.

    Attributes:
        count: How many records counted.
        total: Their sum.
        entries: Those that the value is made of, in history order: all for `list`, one for
            `last`, `min` and `max`.
        recent: The indexes of the most recent ones.
        error: The first record that spoils the fact, if any does.
    """

    count: int = 0
    total: int = 0
    entries: tuple[Entry, ...] = ()
    recent: tuple[int, ...] = ()
    error: Entry | None = None


def entry_row(entry: Entry) -> list[Value]:
    """Return an entry as a row of a snapshot."""
    if entry.reason:
        return [entry.index, None, entry.reason, entry.hidden.value]
    return [entry.index] if entry.value is None else [entry.index, packed(entry.value)]


def entry_of(row: Sequence[Value]) -> Entry:
    """Return the entry that a row stands for."""
    index, *more = row
    if len(more) <= 1:
        return Entry(index, *map(unpacked, more))
    value, reason, hidden = more
    return Entry(index, value, reason, Hidden(hidden))


def kind_of(value: Value) -> str:
    """Return the type of a value as CEL tells types apart; a bool is no int."""
    if isinstance(value, bool):
        return "bool"
    return _KINDS.get(cast("type[object]", type(value)), "other")


def chosen(aggregate: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return those entries that an aggregate's value is made of. The first of equals wins."""
    found = tuple(entries)
    if aggregate == LIST or not found:
        return found[: MAX_LIST + 1]
    if aggregate == LAST:
        return (max(found, key=lambda entry: entry.index),)
    if len({kind_of(entry.value) for entry in found}) > 1:
        return (Entry(found[-1].index, reason="values of different types"),)
    pick = min if aggregate == LOW else max
    return (pick(found, key=lambda entry: entry.value),)


def joined(aggregate: str, readings: Sequence[Reading]) -> Reading:
    """Return the answer of several memories of one fact together."""
    if len(readings) == 1:
        return readings[0]
    entries = sorted((one for each in readings for one in each.entries), key=lambda e: e.index)
    errors = [each.error for each in readings if each.error is not None]
    recent = sorted(index for each in readings for index in each.recent)[-MAX_RESTS:]
    made = () if aggregate in COUNTS or aggregate == SUM else chosen(aggregate, entries)
    if made and made[0].reason:
        errors.append(made[0])
    return Reading(
        sum(each.count for each in readings),
        sum(each.total for each in readings),
        made,
        tuple(recent),
        min(errors, key=lambda error: error.index, default=None),
    )


class Total:
    """The memory of a fact without a window: bounded, but for a list's values."""

    __slots__ = ("_aggregate", "_count", "_entries", "_error", "_recent", "_total")

    def __init__(self, aggregate: str) -> None:
        self._aggregate = aggregate
        self._count = 0
        self._total = 0
        self._entries: list[Entry] = []
        self._recent: deque[int] = deque(maxlen=MAX_RESTS)
        self._error: Entry | None = None

    def add(self, entry: Entry, time: int | None) -> None:
        """Remember a record. Entries come in the order of their indexes; the time plays no part."""
        del time
        if entry.reason:
            self._error = self._error or entry
            return
        self._count += 1
        self._recent.append(entry.index)
        if self._aggregate == SUM:
            self._total += entry.value
        elif self._aggregate == LIST:
            if len(self._entries) <= MAX_LIST:
                self._entries.append(entry)
        elif self._aggregate not in COUNTS:
            self._keep(entry)

    def kept(self, after: int | None) -> list[Value]:
        """Return what is remembered as a row, empty where nothing is."""
        del after
        if not self._count and self._error is None:
            return []
        error = None if self._error is None else entry_row(self._error)
        entries = [entry_row(entry) for entry in self._entries]
        return [self._count, packed(self._total), entries, list(self._recent), error]

    def take_up(self, row: Sequence[Value]) -> None:
        """Remember what a row says."""
        if row:
            self._count, total, entries, recent, error = row
            self._total = unpacked(total)
            self._entries = [entry_of(one) for one in entries]
            self._recent.extend(recent)
            self._error = None if error is None else entry_of(error)

    def begin(self, count: int, total: int) -> None:
        """Take over what earlier records added up to, of which only that is known."""
        self._count += count
        self._total += total

    def _keep(self, entry: Entry) -> None:
        best = chosen(self._aggregate, (*self._entries, entry))
        if best[0].reason:
            self._error = self._error or best[0]
        else:
            self._entries = list(best)

    def read(self, after: int | None, until: int | None) -> Reading:
        """Return the answer; without a window the bounds play no part."""
        del after, until
        entries = tuple(self._entries)
        return Reading(self._count, self._total, entries, tuple(self._recent), self._error)


class Window:
    """The memory of a fact with a window."""

    __slots__ = ("_aggregate", "_bad", "_good")

    def __init__(self, aggregate: str) -> None:
        self._aggregate = aggregate
        self._good = _Shelf(summed=aggregate == SUM)
        self._bad = _Shelf(summed=False)

    def add(self, entry: Entry, time: int | None) -> None:
        """Remember a record that has an event time."""
        if time is None:
            raise ValueError("a record without event time has no place in a window")
        (self._bad if entry.reason else self._good).add(entry, time)

    def forget(self, until: int) -> None:
        """Drop what no later record can see: values not later than `until`."""
        self._good.forget(until)
        self._bad.forget(until)

    def kept(self, after: int | None) -> list[Value]:
        """Return what is remembered of later times as a row, empty where nothing is."""
        row = [self._good.kept(after), self._bad.kept(after)]
        return row if any(row) else []

    def take_up(self, row: Sequence[Value]) -> None:
        """Remember what a row says."""
        for time, *entry in [one for shelf in row for one in shelf]:
            self.add(entry_of(entry), time)

    def is_empty(self) -> bool:
        """Return whether nothing is remembered."""
        return self._good.newest() is None and self._bad.newest() is None

    def newest(self) -> Entry | None:
        """Return the newest record that is remembered, whatever its time."""
        shelves = (self._good.newest(), self._bad.newest())
        return max((one for one in shelves if one), key=lambda one: one.index, default=None)

    def read(self, after: int | None, until: int | None) -> Reading:
        """Return the answer of the values with after < time <= until."""
        if after is None or until is None:
            raise ValueError("a window has two bounds")
        bad = self._bad.between(after, until)
        found = self._good.between(after, until)
        error = bad.entries[bad.low] if bad.high > bad.low else None
        recent = found.entries[max(found.low, found.high - MAX_RESTS) : found.high]
        made = self._made(found)
        if made and made[0].reason:
            error = error or made[0]
        indexes = tuple(entry.index for entry in recent)
        return Reading(found.high - found.low, found.total, made, indexes, error)

    def _made(self, found: "_Span") -> tuple[Entry, ...]:
        if self._aggregate in COUNTS or self._aggregate == SUM:
            return ()
        low = max(found.low, found.high - 1) if self._aggregate == LAST else found.low
        return chosen(self._aggregate, found.entries[low : found.high])


@dataclass(frozen=True, slots=True)
class _Span:
    """Entries from `low` to before `high`, and their sum."""

    entries: Sequence[Entry]
    low: int
    high: int
    total: int


class _Shelf:
    """Entries with their times, in history order.

    While times never go back, which they do not within one clock, a window is found by bisection
    and its sum by two running totals. Where clocks mix in one run, all entries are looked at.
    """

    __slots__ = ("_entries", "_ordered", "_summed", "_times", "_totals")

    def __init__(self, *, summed: bool) -> None:
        self._times: list[int] = []
        self._entries: list[Entry] = []
        self._totals: list[int] = [0]
        self._ordered = True
        self._summed = summed

    def add(self, entry: Entry, time: int) -> None:
        self._ordered = self._ordered and (not self._times or self._times[-1] <= time)
        self._times.append(time)
        self._entries.append(entry)
        self._totals.append(self._totals[-1] + (entry.value if self._summed else 0))

    def forget(self, until: int) -> None:
        first = bisect_right(self._times, until) if self._ordered else 0
        # Cutting a list costs its length: it is done when half of it has gone.
        if first > len(self._times) // 2:
            del self._times[:first]
            del self._entries[:first]
            del self._totals[:first]

    def kept(self, after: int | None) -> list[Value]:
        timed = zip(self._times, self._entries, strict=True)
        return [[time, *entry_row(one)] for time, one in timed if after is None or time > after]

    def newest(self) -> Entry | None:
        return self._entries[-1] if self._entries else None

    def between(self, after: int, until: int) -> _Span:
        if self._ordered:
            low = bisect_right(self._times, after)
            high = max(low, bisect_right(self._times, until))
            return _Span(self._entries, low, high, self._totals[high] - self._totals[low])
        timed = zip(self._entries, self._times, strict=True)
        inside = [entry for entry, time in timed if after < time <= until]
        total = sum(entry.value for entry in inside) if self._summed else 0
        return _Span(inside, 0, len(inside), total)


class Reserve:
    """The actions that have no outcome yet, each with what it weighs until then."""

    __slots__ = ("_errors", "_open", "_total")

    def __init__(self) -> None:
        self._open: dict[str, Entry] = {}
        self._errors: dict[str, Entry] = {}
        self._total = 0

    def hold(self, action: str, entry: Entry) -> None:
        """Count an action from now on, by its record's digest."""
        if entry.reason:
            self._errors[action] = entry
        else:
            self._open[action] = entry
            self._total += entry.value

    def settle(self, action: str) -> None:
        """Stop counting an action: its outcome has come."""
        self._errors.pop(action, None)
        entry = self._open.pop(action, None)
        if entry is not None:
            self._total -= entry.value

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that are counted."""
        return (*self._open, *self._errors)

    def kept(self) -> list[Value]:
        """Return the open actions as a row, empty where there are none."""
        if self.is_empty():
            return []
        both = (self._open, self._errors)
        rows = [[[action, *entry_row(one)] for action, one in each.items()] for each in both]
        return [packed(self._total), *rows]

    def take_up(self, row: Sequence[Value]) -> list[str]:
        """Count what a row says, and return the actions."""
        if row:
            total, *rows = row
            self._total = unpacked(total)
            both = [{action: entry_of(entry) for action, *entry in each} for each in rows]
            self._open, self._errors = both
        return list(self.actions)

    def is_empty(self) -> bool:
        """Return whether no action is counted."""
        return not self._open and not self._errors

    def read(self, own: str) -> Reading:
        """Return the answer, without the action `own`: it does not stand in its own way."""
        mine = self._open.get(own)
        total = self._total - (0 if mine is None else mine.value)
        newest = (entry.index for entry in reversed(self._open.values()) if entry is not mine)
        recent = tuple(islice(newest, MAX_RESTS))[::-1]
        error = next((entry for action, entry in self._errors.items() if action != own), None)
        # A count weighs an open action by its expression too, so both answers are the total.
        return Reading(total, total, (), recent, error)


class Cell:
    """The memory of one key in one scope; `spoiled` where no window ends the error."""

    __slots__ = ("memory", "reserve", "spoiled")

    def __init__(self, fact: Fact) -> None:
        self.memory = Total(fact.aggregate) if fact.within is None else Window(fact.aggregate)
        self.reserve = Reserve() if fact.reserve else None
        self.spoiled: Entry | None = None

    def add(self, entry: Entry, time: int | None, *, lasting: bool) -> None:
        """Remember a record; a `lasting` one is an error for good."""
        if lasting:
            self.spoiled = self.spoiled or entry
        else:
            self.memory.add(entry, time)

    def forget(self, until: int) -> bool:
        """Drop what no window sees any more; return whether nothing is left."""
        window = cast("Window", self.memory)
        window.forget(until)
        held = self.reserve is not None and not self.reserve.is_empty()
        return self.spoiled is None and not held and window.is_empty()

    def kept(self, after: int | None) -> list[Value]:
        """Return what is remembered as a row, empty where nothing is."""
        held = [] if self.reserve is None else self.reserve.kept()
        spoiled = [] if self.spoiled is None else entry_row(self.spoiled)
        row = [self.memory.kept(after), held, spoiled]
        return row if any(row) else []
