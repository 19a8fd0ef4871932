"""Entries at their places as rows of tables, and back.

Runs, writers and actions stand once, however many entries refer to them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from contracts.coercion import Value
from contracts.history import Event
from contracts.instants import micros
from contracts.lineage import SUBJECTS, Placed, Remembered, Run
from contracts.packing import packed, unpacked, written_out

_IMPORTED: Final = 1
_UNSEEN: Final = 2
_PACKED: Final = 4

T = TypeVar("T")
Table = list[list[Value]]
NOWHERE: Final = -1
"""The number of what is not there."""


class PlacedWriter:
    """Writes entries into tables, each once."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, object], int] = {}
        self._tables: dict[str, Table] = {
            name: [] for name in ("identities", "runs", "states", "entries")
        }
        self._latest = NOWHERE

    def tables(self) -> Mapping[str, Table]:
        """Return what was written."""
        return self._tables

    def last(self) -> int:
        """Return the greatest index of what was written."""
        return self._latest

    def lineage(self, kept: Remembered) -> Mapping[str, Value]:
        """Write what a lineage remembers, and return where it stands."""
        return {
            "runs": [self._run(run) for run in kept.runs],
            "actions": [self.placed(one) for one in kept.actions],
            "observations": [self.placed(one) for one in kept.observations],
            "selectors": {service: list(each) for service, each in kept.selectors.items()},
        }

    def placed(self, placed: Placed | None) -> int:
        """Write an entry with what it refers to, and return its number."""
        if placed is None:
            return NOWHERE
        return self._numbered("entries", id(placed), lambda: self._row(placed))

    def _row(self, placed: Placed) -> list[Value]:
        event = placed.event
        self._latest = max(self._latest, event.index)
        identity = packed(dict(event.identity))
        record = packed(event.record)
        flags = _IMPORTED * event.imported + _UNSEEN * event.unseen
        return [
            event.index,
            event.digest,
            event.recorded_at,
            self._numbered("identities", written_out(identity), lambda: [identity]),
            flags if record is event.record else flags + _PACKED,
            # The time of a live record is that of its recording.
            placed.time if event.imported else None,
            NOWHERE if placed.run is None else self._run(placed.run),
            self.placed(placed.action),
            list(placed.selectors),
            record,
        ]

    def _run(self, run: Run) -> int:
        """Write a run as of one place, and return its number."""
        self._latest = max(self._latest, run.index)
        began = (run.digest, run.index, id(run.opened))
        row: list[Value] = [run.digest, packed(run.opened), run.time, run.index]
        number = self._numbered("runs", began, lambda: row)
        closed = None if run.closed is None else packed(run.closed)
        return self._numbered("states", (number, id(run.closed)), lambda: [number, closed])

    def _numbered(self, table: str, key: object, make: Callable[[], list[Value]]) -> int:
        """Return the number of a row, which is made where it is not there yet."""
        number = self._numbers.get((table, key))
        if number is None:
            row = make()  # it may write others on its way
            number = self._numbers[table, key] = len(self._tables[table])
            self._tables[table].append(row)
        return number


class PlacedReader:
    """Makes entries of their rows, each once."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._identities = [unpacked(row[0]) for row in tables["identities"]]
        runs: list[Run] = [
            Run(digest, unpacked(opened), time, None, index)
            for digest, opened, time, index in tables["runs"]
        ]
        self._states = [
            _closed(_at(runs, number), unpacked(closed)) for number, closed in tables["states"]
        ]
        self._entries: list[Placed] = []
        for row in tables["entries"]:
            self._entries.append(self._placed(row))

    def placed(self, number: int) -> Placed:
        """Return an entry by its number."""
        return _at(self._entries, number)

    def lineage(self, rows: Mapping[str, Any]) -> Remembered:
        """Return what a lineage remembers."""
        return Remembered(
            [_at(self._states, number) for number in rows["runs"]],
            [self.placed(number) for number in rows["actions"]],
            [self.placed(number) for number in rows["observations"]],
            {service: tuple(each) for service, each in rows["selectors"].items()},
        )

    def _placed(self, row: Sequence[Any]) -> Placed:
        index, digest, recorded_at, identity, flags, time, run, action, selectors, written = row
        imported = bool(flags & _IMPORTED)
        # Nearly all stand as they were, and need not be searched.
        record = unpacked(written) if flags & _PACKED else written
        event = Event(
            index,
            digest,
            record,
            recorded_at,
            _at(self._identities, identity),
            imported,
            bool(flags & _UNSEEN),
        )
        return Placed(
            event,
            _subject(record),
            time if imported else micros(recorded_at),
            None if run == NOWHERE else _at(self._states, run),
            None if action == NOWHERE else self.placed(action),
            tuple(selectors),
        )


def _subject(record: Mapping[str, Value]) -> str:
    kind = str(record["kind"])
    if kind == "run":
        return f"run.{record['phase']}"
    return kind if kind in SUBJECTS else ""


def _closed(run: Run, closed: Mapping[str, Value] | None) -> Run:
    return run if closed is None else Run(run.digest, run.opened, run.time, closed, run.index)


def _at(rows: Sequence[T], number: int) -> T:
    """Return a row; a number below zero is none here."""
    if number < 0:
        raise IndexError(number)
    return rows[number]
