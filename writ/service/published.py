"""What the service shows of the ledger: its contracts, and the tree that anybody may check."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from contracts.instants import micros
from ledger.checkpoint import parse_checkpoint, parse_note
from ledger.clock import Clock, format_time
from ledger.entry import parse_header
from ledger.merkle import leaf_hash
from ledger.merkle import root as root_over
from ledger.proof import make_proof
from ledger.store import Store
from ledger.tiles import HEIGHT, WIDTH, TiledTree, entry_bundle, parse_tile_path
from writ.governing import Governed

_MARKS: Final = (b'"kind":"contract"', b'"kind":"activation"')
_ROOTS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Version:
    """A published version of a contract."""

    service: str
    version: str
    digest: str
    index: int
    in_force: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "service": self.service,
            "version": self.version,
            "digest": self.digest,
            "index": self.index,
            "in_force": self.in_force,
        }


class Contracts:
    """The published contracts, read again when one was published or activated."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Governed | None = None
        self._size = 0

    def _now(self) -> Governed:
        with self._lock:
            size = self._store.size()
            if self._known is None or self._changed():
                self._known = Governed(self._store)
            self._size = size
            return self._known

    def _changed(self) -> bool:
        found = (self._store.records_containing(mark, self._size) for mark in _MARKS)
        return any(True for each in found for _ in each)

    def all(self) -> Sequence[Version]:
        """Return all versions, as they were published. Raises `LedgerError`."""
        known = self._now()
        time = micros(format_time(self._clock())) or 0
        at = {service: known.versions.at(service, time) for service in known.services()}
        return [
            Version(service, version, one.record.digest, one.index, _is(at[service], version))
            for (service, version), one in sorted(
                known.published.items(), key=lambda pair: pair[1].index
            )
        ]

    def in_force(self, service: str) -> bool:
        """Return whether some contract binds a service now. Raises `LedgerError`."""
        time = micros(format_time(self._clock())) or 0
        return self._now().versions.at(service, time) is not None

    def text(self, digest: str) -> str | None:
        """Return the text of a published contract. Raises `LedgerError`."""
        found = self._now().published.values()
        return next((one.record.text for one in found if one.record.digest == digest), None)


def _is(found: Any, version: str) -> bool:  # noqa: ANN401 - an activation, or none
    return found is not None and found.version == version


class Tree:
    """The tree under the newest signed head. One request at a time has hashes made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._root = lru_cache(maxsize=_ROOTS)(self._root_of)

    def checkpoint(self) -> bytes | None:
        """Return the newest signed head; None before the first. Raises `LedgerError`."""
        return self._store.last_checkpoint()

    def tile(self, path: str) -> bytes | None:
        """Return a tile, or a bundle of entries; None where there is none under the head."""
        note = self.checkpoint()
        if note is None:
            return None
        with self._lock:
            return self._tile(path, parse_checkpoint(parse_note(note).text).size)

    def _tile(self, path: str, size: int) -> bytes | None:
        try:
            level, number, width = parse_tile_path(path)
        except ValueError:
            return None
        if number * WIDTH + width > size >> (HEIGHT * (level or 0)):
            return None
        if level is None:
            first = number * WIDTH
            found = self._store.span(first, first + width)
            return entry_bundle(header for _, header, _ in found)
        return b"".join(self._hashes(level, number, width))

    def _hashes(self, level: int, number: int, width: int) -> Sequence[bytes]:
        first = number * WIDTH
        if level == 0:
            return list(self._store.leaves(first, first + width))
        return [self._root(level - 1, at) for at in range(first, first + width)]

    def _root_of(self, level: int, number: int) -> bytes:
        return root_over(self._hashes(level, number, WIDTH))

    def proof(self, index: int) -> bytes | None:
        """Return the proof of an entry, without its record; None where no signed head covers it."""
        note = self.checkpoint()
        if note is None:
            return None
        size = parse_checkpoint(parse_note(note).text).size
        if index >= size:
            return None
        with self._lock:
            tree = TiledTree(lambda path: self._tile(path, size), size)
            return make_proof(self._store, index, note, tree, shown=False)


def head_of(store: Store) -> dict[str, Any]:
    """Return what one has to know of the ledger to sign a submission. Raises `LedgerError`."""
    genesis = parse_header(store.row(0).header).record
    size = store.size()
    raw = store.row(size - 1).header
    return {
        "genesis": genesis,
        "size": size,
        "leaf": leaf_hash(raw).hex(),
        "recorded_at": parse_header(raw).recorded_at,
    }
