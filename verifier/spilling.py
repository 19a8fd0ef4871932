"""What records refer to, kept on disk once their run is closed.

A later record may name any earlier run, action or observation; hardly any names one of a run that
was closed long ago. So those are written to a file, one run after the other, and read again where a
chunk names them. Beside it lie, chunk by chunk, the digests of what is in it, cut to a number, and
where. Reference data, which stand in no run, stay in memory.
"""

import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Final

from contracts.history import Event
from contracts.lineage import RUN_CLOSED, Lineage, Placed, Remembered
from verifier.bundles import Bundle, packed, unpacked

_LENGTH: Final = 8
_HEX: Final = 16
"""Digits of a digest that stand for it: two may be alike, and then both are read."""


class _Bundles:
    """Runs in a file of its own, which is gone with this."""

    def __init__(self) -> None:
        self._bodies: IO[bytes] = TemporaryFile(prefix="writ-")  # noqa: SIM115 - held as long as this
        self._names: IO[bytes] = TemporaryFile(prefix="writ-")  # noqa: SIM115
        for file in (self._bodies, self._names):
            weakref.finalize(self, file.close)
        self._end = 0
        # Of each chunk, how many names there are.
        self._counts: list[int] = []
        # Runs that were read again, and where those are that were written once more since.
        self._again: dict[str, int] = {}

    def add(self, bundles: Iterable[tuple[Bundle, Iterable[str]]]) -> None:
        """Write the runs of a chunk, each with the digests that it is found by."""
        named: list[tuple[int, int]] = []
        self._bodies.seek(self._end)
        for bundle, names in bundles:
            body = packed(bundle)
            self._bodies.write(len(body).to_bytes(_LENGTH, "little"))
            self._bodies.write(body)
            named += [(_number(name), self._end) for name in names]
            if bundle[0].digest in self._again:
                self._again[bundle[0].digest] = self._end
            self._end += _LENGTH + len(body)
        named.sort()
        self._names.seek(0, 2)
        array("Q", [number for number, _ in named]).tofile(self._names)
        array("Q", [place for _, place in named]).tofile(self._names)
        self._counts.append(len(named))

    def places(self, names: Iterable[str]) -> Iterator[set[int]]:
        """Yield where what has these names may lie, the latest chunk first."""
        wanted = sorted(map(_number, names))
        end = 0
        ends: list[tuple[int, int]] = []
        for count in self._counts:
            ends.append((end, count))
            end += 2 * _LENGTH * count
        for begin, count in reversed(ends):
            numbers, places = array("Q"), array("Q")
            self._names.seek(begin)
            numbers.fromfile(self._names, count)
            places.fromfile(self._names, count)
            yield set(_found(wanted, numbers, places))

    def note(self, run: str) -> None:
        """Take note that a run was read again: it will be written once more."""
        self._again.setdefault(run, -1)

    def read(self, place: int) -> Bundle:
        """Return the run at a place."""
        self._bodies.seek(place)
        length = int.from_bytes(self._bodies.read(_LENGTH), "little")
        return unpacked(self._bodies.read(length))

    def every(self) -> Iterator[Bundle]:
        """Yield all runs, each as it was written last."""
        place = 0
        while place < self._end:
            bundle = self.read(place)
            if self._again.get(bundle[0].digest, place) == place:
                yield bundle
            self._bodies.seek(place)
            place += _LENGTH + int.from_bytes(self._bodies.read(_LENGTH), "little")


def _number(digest: str) -> int:
    return int(digest[:_HEX], 16)


def _found(wanted: list[int], numbers: "array[int]", places: "array[int]") -> Iterator[int]:
    for number in wanted:
        at = bisect_left(numbers, number)
        while at < len(numbers) and numbers[at] == number:
            yield places[at]
            at += 1


class SpillingLineage(Lineage):
    """A lineage whose closed runs are on disk."""

    def __init__(self) -> None:
        super().__init__()
        self._bundles: _Bundles | None = None
        self._of_run: dict[str, tuple[dict[str, Placed], dict[str, Placed]]] = {}
        self._closed: set[str] = set()

    def remember(self, placed: Placed) -> None:
        """Make a placed entry part of the history."""
        super().remember(placed)
        self._note(placed)

    def _note(self, placed: Placed) -> None:
        """Know of which run it is, to be written with it."""
        if placed.run is None:
            return
        digest = placed.run.digest
        if placed.subject in {"action", "observation"}:
            actions, observations = self._of_run.setdefault(digest, ({}, {}))
            mine = actions if placed.subject == "action" else observations
            mine[placed.event.digest] = placed
        elif placed.subject == RUN_CLOSED:
            self._closed.add(digest)

    def expect(self, events: Iterable[Event]) -> None:
        """Read again what these entries name; to be called before they are placed."""
        if self._bundles is None:
            return
        named = {digest for event in events for digest in _named(event)}
        missing = {digest for digest in named if not self._knows(digest)}
        if not missing:
            return
        for places in self._bundles.places(missing):
            for place in places:
                bundle = self._bundles.read(place)
                # What is known was read from a later chunk, or is another one's.
                if not missing.isdisjoint(_names(bundle)) and bundle[0].digest not in self._runs:
                    self._bundles.note(bundle[0].digest)
                    self._recall(bundle)

    def spill(self) -> None:
        """Write the runs that are closed to disk; to be called between chunks."""
        if not self._closed:
            return
        if self._bundles is None:
            self._bundles = _Bundles()
        self._bundles.add(self._forgotten())
        self._closed.clear()

    def kept(self) -> Remembered:
        """Return all that it remembers; it is in memory again then."""
        for bundle in self._cold():
            self._recall(bundle)
        self._bundles = None
        return super().kept()

    def take_up(self, kept: Remembered) -> None:
        """Remember this, and nothing else; to be called before anything was written to disk."""
        super().take_up(kept)
        self._of_run.clear()
        for placed in (*kept.actions, *kept.observations):
            self._note(placed)
        self._closed = {run.digest for run in kept.runs if run.closed is not None}

    def runs_by_index(self) -> dict[int, str]:
        """Return the runs' digests by the entries that opened them."""
        cold = {run.index: run.digest for run, _, _ in self._cold()}
        return {**cold, **super().runs_by_index()}

    def actions_by_index(self) -> dict[int, str]:
        """Return the actions' digests by their entries."""
        cold = {
            placed.event.index: digest
            for _, actions, _ in self._cold()
            for digest, placed in actions.items()
        }
        return {**cold, **super().actions_by_index()}

    def _cold(self) -> Iterator[Bundle]:
        """Yield the runs that are on disk and not in memory."""
        if self._bundles is not None:
            for bundle in self._bundles.every():
                if bundle[0].digest not in self._runs:
                    yield bundle

    def _knows(self, digest: str) -> bool:
        return digest in self._runs or digest in self._actions or digest in self._observations

    def _forgotten(self) -> Iterator[tuple[Bundle, Iterable[str]]]:
        """Forget the closed runs with their records, and yield each with all its digests."""
        for digest in self._closed:
            run = self._runs.pop(digest)
            actions, observations = self._of_run.pop(digest, ({}, {}))
            for known, mine in ((self._actions, actions), (self._observations, observations)):
                for name in mine:
                    known.pop(name, None)
            bundle = (run, actions, observations)
            yield bundle, _names(bundle)

    def _recall(self, bundle: Bundle) -> None:
        """Have a run in memory again, until it is written once more."""
        run, actions, observations = bundle
        self._runs[run.digest] = run
        self._of_run[run.digest] = actions, observations
        self._actions.update(actions)
        self._observations.update(observations)
        self._closed.add(run.digest)


def _names(bundle: Bundle) -> Iterable[str]:
    run, actions, observations = bundle
    return (run.digest, *actions, *observations)


def _named(event: Event) -> Iterator[str]:
    """Yield what an entry names, or may be looked up for it."""
    record = event.record
    for name in ("run", "action", "resumes", "parent"):
        if name in record:
            yield record[name]
    yield from record.get("evidence", ())
