"""The part of step 1 that witnesses have: who cosigned which head, when, and whether that suffices.

A witness is a key, whatever it is called: one that the trust file names twice counts once, and one
of the ledger's own keys is no witness at all. The newest head that enough of them cosigned lately
enough is the one that counts.
Source: C2SP tlog-cosignature; docs/spec/ledger-format.md, *Trust file*.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ledger.checkpoint import NoteSignature
from ledger.cosignature import SKEW, check_cosignatures
from ledger.keys import fingerprint
from verifier.trust import Trust


@dataclass(frozen=True, slots=True)
class Accepted:
    """A head that enough witnesses cosigned.

    Attributes:
        size: Its size.
        root: Its root, base64.
        witnesses: How many cosigned it, by distinct keys.
        as_of: When the last one that was needed did, in seconds since 1970.
    """

    size: int
    root: str
    witnesses: int
    as_of: int


class OwnKeys(Protocol):
    """Whoever knows the ledger's own keys."""

    def public_key(self, key: str) -> bytes | None:
        """Return the ledger's public key with this fingerprint; None where it has none."""
        ...


class Witnessed:
    """What the witnesses of a trust file say of the heads of a ledger.

    Attributes:
        accepted: The newest head that enough of them cosigned, and lately enough.
        own: Names under which the trust file has a key of the ledger itself.
    """

    def __init__(self, ledger: OwnKeys, trust: Trust | None) -> None:
        named = trust.witnesses if trust is not None else ()
        mine = {
            witness
            for witness in named
            if ledger.public_key(fingerprint(witness.public_key)) is not None
        }
        self._trust = trust
        self._witnesses = tuple(witness for witness in named if witness not in mine)
        self.own = tuple(sorted({witness.name for witness in mine}))
        self.accepted: Accepted | None = None
        # The newest head that enough cosigned at whatever time, and the most that any head has.
        self._aged: Accepted | None = None
        self._most = 0

    @property
    def count(self) -> int:
        """How many witnesses there are, by distinct keys."""
        return len({witness.public_key for witness in self._witnesses})

    def knows(self, line: NoteSignature) -> bool:
        """Return whether a line says that it is one of the witnesses'."""
        return any((line.name, line.key_id) == (one.name, one.key_id) for one in self._witnesses)

    def confirm(self, size: int, root: str, text: str, lines: Iterable[NoteSignature]) -> None:
        """Take the cosignatures of a head whose signature and root hold.

        Raises:
            InvalidSignatureError: A witness's line does not hold.
        """
        if self._trust is None:
            return
        times: dict[bytes, int] = {}
        for held in check_cosignatures(text, lines, self._witnesses):
            if self._trust.at is None or held.at <= self._trust.at + SKEW:
                key = held.witness.public_key
                times[key] = max(held.at, times.get(key, 0))
        self._most = max(self._most, len(times))
        self._aged = self._chosen(size, root, times) or self._aged
        fresh = {key: at for key, at in times.items() if self._is_fresh(at)}
        self.accepted = self._chosen(size, root, fresh) or self.accepted

    def _is_fresh(self, at: int) -> bool:
        trust = self._trust
        if trust is None or trust.max_age is None:
            return True
        return trust.at is not None and trust.at - at <= trust.max_age

    def _chosen(self, size: int, root: str, times: Mapping[bytes, int]) -> Accepted | None:
        needed = max(self._trust.quorum if self._trust is not None else 0, 1)
        if len(times) < needed:
            return None
        return Accepted(size, root, len(times), sorted(times.values())[-needed])

    def reasons(self) -> Iterator[str]:
        """Yield why the witnesses leave a verdict undecidable, if they do."""
        trust = self._trust
        if trust is None or not trust.quorum or self.accepted is not None:
            return
        if self._aged is None:
            yield (
                f"too few witnesses: the trust file asks for {trust.quorum} of {self.count}, "
                f"and no head was cosigned by more than {self._most}"
            )
        elif trust.at is None:
            yield "the trust file limits the age of cosignatures, and no time was given for now"
        else:
            yield (
                f"cosignatures too old: the newest head that {trust.quorum} witnesses cosigned, at "
                f"{self._aged.size} entries, is of {written(self._aged.as_of)}, which is more than "
                f"{trust.max_age} seconds before {written(trust.at)}"
            )
        if self.own:
            yield f"no witness but a key of this ledger itself: {', '.join(self.own)}"


def written(seconds: int) -> str:
    """Return a time as reports write it."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds after 1970"
