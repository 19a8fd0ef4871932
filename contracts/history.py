"""The history that facts are taken over: valid entries in index order, as both engines see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One valid entry of the ledger.

    Attributes:
        index: The entry's index.
        digest: The record's digest, 64 hex digits.
        record: The record as parsed from its bytes (plain dict; never changed).
        recorded_at: The ledger's clock, RFC 3339 with microseconds.
        identity: What the authority says of `by` at this place: `registered`, and when so `id`,
            `owner`, `roles`, `permissions`, `delegated`.
        unseen: True when the record holds `contracts.coercion.Unseen` values: sealed ones that are
            not disclosed. Those that are disclosed stand in it as themselves.
        imported: True when an importer wrote it: its times and order are claims.
    """

    index: int
    digest: str
    record: Mapping[str, Any]
    recorded_at: str
    identity: Mapping[str, Any] = field(default_factory=dict[str, Any])
    imported: bool = False
    unseen: bool = False
