"""Throw-away ledgers for tests and examples: fixed clock, seeded keys, and bytes to mangle.

Everything made here follows from its arguments, byte for byte. Nothing made here is secret.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ledger.client import LedgerClient
from ledger.clock import Clock, parse_time
from ledger.founding import Founded, create_ledger, default_founders
from ledger.signing import MemoryKey
from ledger.store import Store

START = "2026-03-01T09:00:00.000000Z"
ORIGIN = "example.com/ledger"
SERVICE = "spiffe://example.com/refunds"


def seeded_random(seed: str) -> Callable[[int], bytes]:
    """Return a source of bytes that always gives the same ones for the same seed."""
    count = 0

    def random(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed}/{count}".encode()).digest(size)

    return random


def fixed_clock(start: str = START, step: timedelta = timedelta(seconds=1)) -> Clock:
    """Return a clock that begins at `start` and goes on by `step` each time it is asked."""
    now = parse_time(start) - step

    def clock() -> datetime:
        nonlocal now
        now += step
        return now

    return clock


def throwaway_key(name: str) -> MemoryKey:
    """Return the key that always goes with this name."""
    return MemoryKey.from_seed(hashlib.sha256(f"throw-away key/{name}".encode()).digest())


@dataclass(frozen=True)
class BuiltLedger:
    """A throw-away ledger.

    Attributes:
        founded: Its location, origin, genesis and keys.
        path: Its file.
        clock: Its clock.
        random: Its source of nonces and streams.
    """

    founded: Founded
    path: Path
    clock: Clock
    random: Callable[[int], bytes]

    def client(self, name: str, store: Store, *, checkpoint_every: int = 1) -> LedgerClient:
        """Return a writer for one of its identities: `agent`, `importer` or `steward`."""
        return LedgerClient(
            store,
            self.founded.key(name),
            self.founded.identities[name],
            clock=self.clock,
            random=self.random,
            head_signer=self.founded.head_signer(),
            checkpoint_every=checkpoint_every,
        )


def found_ledger(folder: Path, seed: str = "writ") -> BuiltLedger:
    """Found a ledger in a folder, with nothing in it but its beginning."""
    clock, random = fixed_clock(), seeded_random(seed)
    founded = create_ledger(
        folder / "ledger.db",
        origin=ORIGIN,
        founders=default_founders("anna@example.com", "bob@example.com"),
        clock=clock,
        random=random,
    )
    return BuiltLedger(founded, folder / "ledger.db", clock, random)


def build_ledger(folder: Path, *, runs: int = 1, seed: str = "writ") -> BuiltLedger:
    """Found a ledger and let its agent do some runs: a message, evidence, an action."""
    built = found_ledger(folder, seed)
    with Store.open(built.path, writable=True) as store, built.client("agent", store) as client:
        for number in range(runs):
            with client.run(SERVICE, goal="refund", requester="carol@example.com") as run:
                run.message("user", f"Please refund order {number}.")
                order = run.observe("order", "orders", fields={"id": number, "total": 12.5})
                params = {"order": number, "amount": 12.5}
                with run.action("refund", params, evidence=[order], mode="execute") as act:
                    act.ok(fields={"refunded": True})
    return built


def mangle(raw: bytes, *, bits: tuple[int, ...] = (0, 7)) -> Iterator[tuple[int, bytes]]:
    """Yield offset and `raw` with one bit flipped there, for each byte and each of these bits."""
    for offset, byte in enumerate(raw):
        for bit in bits:
            yield offset, raw[:offset] + bytes([byte ^ (1 << bit)]) + raw[offset + 1 :]
