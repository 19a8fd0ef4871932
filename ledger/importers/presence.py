"""What earlier imports have already put into the ledger: what is there is not written again."""

from collections.abc import Iterable
from typing import Any, Protocol

from ledger.encoding import decode, digest
from ledger.errors import EncodingError
from ledger.importers.narration import Origin
from ledger.importers.paths import json_object
from ledger.records import AnyRecord, record_bytes

# Strict JSON has one writing: these bytes are in the header of a submission's first entry alone.
_FIRST = b'"position":0,'


class Row(Protocol):
    """An entry as the store gives it; `record` is None where the store cannot give it."""

    @property
    def header(self) -> bytes:
        """The header line."""
        ...

    @property
    def record(self) -> bytes | None:
        """The record's bytes."""
        ...


class Presence:
    """What one importer has written.

    An importer begins a submission with each conversation, and with each 1,024 records of a long
    one; the ledger takes a submission in as a whole. So the first record of each says it all, and
    for a million conversations only that many have to be remembered.
    """

    def __init__(self) -> None:
        self._firsts: dict[bytes, bytes] = {}  # nonce to digest
        self._lines: set[tuple[bytes, int]] = set()  # source digest and line of runs
        self._met: dict[str, Origin] = {}  # nonces of this import's conversations

    def __contains__(self, nonce: str) -> bool:
        return bytes.fromhex(nonce) in self._firsts

    def holds(self, record: AnyRecord) -> bool:
        """Whether the ledger holds this very record."""
        held = self._firsts.get(bytes.fromhex(record.nonce))
        return held == bytes.fromhex(digest(record_bytes(record)))

    def knows(self, origin: Origin) -> bool:
        """Whether a run of this line is in the ledger, under whatever profile."""
        return (bytes.fromhex(origin.digest), origin.line) in self._lines

    def met(self, nonce: str, origin: Origin) -> Origin | None:
        """Remember a conversation of this import; return where it was met before, if it was."""
        first = self._met.setdefault(nonce, origin)
        return None if first is origin else first

    def add(self, record: AnyRecord) -> None:
        """Take the first record of a submission that was just written."""
        self._firsts[bytes.fromhex(record.nonce)] = bytes.fromhex(digest(record_bytes(record)))

    def take(self, record: dict[str, Any], record_digest: str) -> None:
        """Take the first record of a submission that the ledger holds."""
        self._firsts[bytes.fromhex(record["nonce"])] = bytes.fromhex(record_digest)
        origin = record.get("import")
        if origin is not None:
            self._lines.add((bytes.fromhex(origin["digest"]), origin["line"]))


def scan(rows: Iterable[Row], by: str) -> Presence:
    """Read through a ledger for what ``by`` has written.

    What cannot be read is passed over: to say so is the verifier's work, and the worst that
    follows here is a conversation that is imported again.
    """
    presence = Presence()
    for row in rows:
        if row.record is None or _FIRST not in row.header:
            continue
        try:
            record = decode(row.record)
        except EncodingError:
            continue
        members = json_object(record)
        if members is not None and members.get("by") == by:
            presence.take(record, digest(row.record))
    return presence
