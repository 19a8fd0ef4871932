"""Drafts to records: nonces, what strict JSON cannot hold, and what is too long for a record.

Records are built one after the other, because a record names an earlier one by its digest.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from ledger.encoding import digest, encode
from ledger.errors import EncodingError
from ledger.importers.paths import json_object
from ledger.importers.problems import Reporter
from ledger.importers.texts import clean, raw, written
from ledger.records import AnyRecord, read_record

Nonces: TypeAlias = Callable[[int], str]

MAX_NAME: Final = 2_048  # characters of a name: ledger.records, Name
CUT: Final = 50_000  # characters that are kept of a text where a record would become too long
_TEXTS: Final = frozenset({"content", "error", "goal", "outcome"})  # texts; all other text is names
_FREE: Final = frozenset({"params", "fields", "attributes"})  # values of any size


def nonces(source: str, service: str, profile: str, prefix: str = "") -> Nonces:
    """Return how the records of one source are told apart, the same at every import.

    Args:
        source: Digest of the line's bytes (or of a snapshot's file), 64 hex digits.
        service: The service whose actions these are.
        profile: Digest of the profile.
        prefix: What stands before the record number: the entry, for a snapshot.

    Source: docs/spec/ledger-format.md, *Imports*.
    """
    key = bytes.fromhex(source)

    def nonce(number: int) -> str:
        message = f"writ/import/v1\n{service}\n{profile}\n{prefix}{number}".encode()
        return hmac.new(key, message, hashlib.sha256).digest()[:16].hex()

    return nonce


class Draft:
    """The records of one conversation or snapshot, in order.

    Args:
        by: The importer's identity.
        nonce: Gives the nonce of the record with a number.
        report: Takes what had to be changed for a record to hold it.
    """

    def __init__(self, by: str, nonce: Nonces, report: Reporter) -> None:
        self.records: list[AnyRecord] = []
        self._by = by
        self._nonce = nonce
        self._report = report

    def add(self, kind: str, fields: Mapping[str, object], at: datetime | None = None) -> str:
        """Append a record and return its digest.

        Args:
            kind: Kind of the record.
            fields: Its fields; None says absent.
            at: When the source says that it happened.
        """
        value: dict[str, object] = {
            "v": 1,
            "kind": kind,
            "nonce": self._nonce(len(self.records)),
            "by": self._by,
            "at": None if at is None else written(at),
        }
        value |= {name: self._held(kind, name, field) for name, field in fields.items()}
        value = {name: field for name, field in value.items() if field is not None}
        try:
            encoded = encode(value)
        except EncodingError:
            # All else was seen to before: it is too long.
            value = self._shortened(kind, value)
            encoded = encode(value)
        self.records.append(read_record(value))
        return digest(encoded)

    def _held(self, kind: str, name: str, field: object) -> object:
        """Return a field as a record can hold it."""
        if isinstance(field, str):
            return self._text(kind, name, field)
        parts = None if name in _FREE else json_object(field)
        if parts is not None:
            held = {part: self._held(kind, f"{name}.{part}", one) for part, one in parts.items()}
            there = {part: one for part, one in held.items() if one is not None}
            return there or None
        return field

    def _text(self, kind: str, name: str, text: str) -> str | None:
        held = clean(text)
        if held != text:
            message = f"{kind} {name}: the text holds U+0000 or a lone surrogate"
            self._report("unholdable-text", message, "the text, with U+FFFD in their place")
        if name in _TEXTS or name in _FREE:
            return held
        if len(held) > MAX_NAME:
            message = f"{kind} {name}: the name has {len(held)} characters"
            self._report("too-long", message, f"the first {MAX_NAME}")
        # An empty name names nothing.
        return held[:MAX_NAME] or None

    def _shortened(self, kind: str, value: Mapping[str, object]) -> dict[str, object]:
        """Cut the texts and leave out the values that are too long for one record."""
        short: dict[str, object] = {}
        for name, field in value.items():
            if name in _TEXTS and isinstance(field, str) and len(field) > CUT:
                short[name] = field[:CUT]
                self._report("too-long", f"{kind} {name}: the text is too long", "its beginning")
            elif name in _FREE and len(text := json.dumps(field)) > CUT:
                # Raw parameters make every rule that reads them undecidable; an absent field too.
                kept = "its beginning, as raw parameters" if name == "params" else "nothing"
                if name == "params":
                    short[name] = raw(text[:CUT])
                self._report("too-long", f"{kind} {name}: the value is too long", kept)
            else:
                short[name] = field
        return short
