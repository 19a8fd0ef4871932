"""Who asks, and what they may: by the ledger's authority as it is now.

Nothing of it is configured here. A key that the authority names speaks for its identity, and its
roles say what it may ask for; a revoked one speaks for nobody from a twentieth of a second on.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.admission import read_authority
from ledger.authority import AuthorityHistory
from ledger.clock import Clock, format_time
from ledger.store import Store
from writ.service.signatures import (
    MOST_VALID,
    SKEW,
    Asked,
    SignatureRefusedError,
    Signed,
    check_signature,
)

_REMEMBERED: Final = 4_096
FRESH: Final = 0.05
"""Seconds for which what the ledger said of keys and roles is taken as so: who asks it for each
request waits for the ledger more often than anybody is registered or revoked."""
MOST_NONCES: Final = 200_000
"""How many requests within a signature's time are told apart: beyond, new ones are refused."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        identity: As the authority names it.
        owner: The person who answers for it.
        roles: What it may.
        key: Fingerprint of its key; empty where it came with a token.
    """

    identity: str
    owner: str
    roles: frozenset[str]
    key: str = ""


class Authorities:
    """The ledger's authority as of some milliseconds ago. Read on when the ledger has grown."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: AuthorityHistory | None = None
        self._size = 0
        self._asked = 0.0

    def is_fresh(self) -> bool:
        """Return whether the ledger was asked just now, and need not be asked again."""
        return self._known is not None and time.monotonic() - self._asked < FRESH

    def now(self) -> AuthorityHistory:
        """Return the authority.

        Raises:
            LedgerError: The store cannot be read.
        """
        known = self._known
        if known is not None and self.is_fresh():
            return known
        with self._lock:
            asked, size = time.monotonic(), self._store.size()
            if self._known is None or size != self._size:
                before = None if self._known is None else (self._known, self._size)
                self._known, self._size = read_authority(self._store, before), size
            self._asked = asked
            return self._known


class Nonces:
    """The nonces of requests whose signature still holds, each to be used once."""

    def __init__(self, most: int = MOST_NONCES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def use(self, nonce: str, now: float) -> None:
        """Use a nonce.

        Raises:
            SignatureRefusedError: It was used (`request.replayed`), or there is no room to
                remember it (`request.busy`).
        """
        with self._lock:
            while self._until and next(iter(self._until.values())) < now:
                self._until.popitem(last=False)
            if nonce in self._until:
                raise SignatureRefusedError("request.replayed", "this request was made before")
            if len(self._until) >= self._most:
                raise SignatureRefusedError("request.busy", "too many requests at once: wait")
            self._until[nonce] = now + MOST_VALID + 2 * SKEW


class Rates:
    """How many requests each caller may make: so many at once, and so many a second after that."""

    def __init__(
        self, a_second: float, at_once: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, who: str) -> float:
        """Take note of a request. Return how many seconds too early it is; 0 where it is not."""
        now = self._clock()
        with self._lock:
            if len(self._left) > _REMEMBERED:
                self._left.clear()
            left, then = self._left.get(who, (float(self._at_once), now))
            left = min(float(self._at_once), left + (now - then) * self._a_second)
            allowed = left >= 1
            self._left[who] = (left - 1 if allowed else left, now)
            return 0.0 if allowed else (1 - left) / self._a_second


class Access:
    """Tells who signed a request.

    Args:
        store: The ledger's store.
        clock: The ledger's clock.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._authorities = Authorities(store)
        self._clock = clock
        self._nonces = Nonces()

    def is_fresh(self) -> bool:
        """Return whether `caller` answers without asking the ledger."""
        return self._authorities.is_fresh()

    def refresh(self) -> None:
        """Ask the ledger who may what.

        Raises:
            LedgerError: It cannot be read.
        """
        self._authorities.now()

    def caller(self, asked: Asked, signed: Signed, content_digest: str) -> Caller:
        """Return who signed a request.

        Raises:
            SignatureRefusedError: Nobody whom the authority names, or not as it must be.
            LedgerError: The ledger cannot be read.
        """
        authority = self._authorities.now()
        now = self._clock()
        document = authority.documents[-1] if authority.documents else None
        entry = document.keys.get(signed.keyid) if document else None
        if document is None or entry is None or entry.use != "write":
            raise SignatureRefusedError("request.key", "the authority names no such key to write")
        if signed.keyid in document.revoked or signed.keyid in authority.compromised:
            raise SignatureRefusedError("request.key", "the key is revoked")
        public_key = bytes.fromhex(entry.key)
        check_signature(asked, signed, public_key, content_digest, int(now.timestamp()))
        self._nonces.use(f"{signed.keyid}{signed.nonce}", now.timestamp())
        identity = document.identities[entry.identity]
        window = identity.delegated
        if window is not None and not window.covers(format_time(now)):
            raise SignatureRefusedError("request.delegation", "what it was delegated has ended")
        return Caller(identity.id, identity.owner, frozenset(identity.roles), signed.keyid)

    def owner(self, identity: str) -> str:
        """Return the person who answers for an identity now; empty where nobody does."""
        authority = self._authorities.now()
        found = authority.documents[-1].identities.get(identity) if authority.documents else None
        return found.owner if found else ""

    def person(self, name: str) -> Caller | None:
        """Return what somebody may who came with a token: what their identities may, or None."""
        authority = self._authorities.now()
        found = authority.documents[-1].document.identities if authority.documents else ()
        theirs = [one for one in found if one.owner == name]
        if not theirs:
            return None
        roles = frozenset(role for one in theirs for role in one.roles)
        return Caller(name, name, roles)
