"""Which head a proof is made under: the newest that will satisfy whoever is to check it.

Witnesses cosign heads one by one, and later than they are signed: the newest head often has no
cosignature yet. A proof under it would be refused, and one under an older head is as good.
Source: docs/spec/ledger-format.md, *Record proof*.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.admission import read_authority
from ledger.checkpoint import VerifierKey, parse_note
from ledger.cosignature import SKEW, check_cosignatures, with_lines
from ledger.errors import InvalidSignatureError
from ledger.keys import fingerprint
from ledger.source import Source


@dataclass(frozen=True, slots=True)
class Asked:
    """What whoever checks a proof asks of its head: as a trust file says it.

    Attributes:
        witnesses: Those that count.
        quorum: How many of them.
        max_age: How old their cosignatures may be, in seconds; None for any age.
        at: What ages are measured against, in seconds since 1970; later ones do not count.
    """

    witnesses: Sequence[VerifierKey] = ()
    quorum: int = 0
    max_age: int | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class ProofHead:
    """The head that was chosen.

    Attributes:
        size: Its size.
        note: The signed note, with the cosignatures that are kept of it.
        witnesses: How many of the witnesses that count cosigned it.
        enough: Whether that satisfies what was asked.
        newest: Size of the newest head over the entry.
    """

    size: int
    note: bytes
    witnesses: int
    enough: bool
    newest: int


def choose_head(source: Source, index: int, asked: Asked | None = None) -> ProofHead | None:
    """Return the head to prove an entry under; None where no head covers it.

    It is the newest one that satisfies what is asked; else the newest that had enough
    cosignatures once, however old they are; else the newest. One of the ledger's own keys is no
    witness. Nothing but their lines is checked: what a proof is worth is for who checks it.

    Raises:
        StoreError: The ledger cannot be read.
        LedgerError: A head or a line that is kept of it is malformed.
    """
    asked = asked or Asked()
    heads = [(size, note) for size, note in source.checkpoints() if size > index]
    if not heads:
        return None
    lines: dict[int, list[bytes]] = {}
    for size, line in source.cosignatures():
        lines.setdefault(size, []).append(line)
    authority = read_authority(source) if asked.quorum else None
    others = tuple(
        witness
        for witness in asked.witnesses
        if authority is None or authority.public_key(fingerprint(witness.public_key)) is None
    )
    newest, aged, last = heads[-1][0], None, None
    for size, bare in reversed(heads):
        note = with_lines(bare, lines.get(size, ()))
        times = _times(note, asked, others)
        fresh = sum(_is_fresh(at, asked) for at in times)
        found = ProofHead(size, note, len(times), fresh >= asked.quorum, newest)
        if found.enough:
            return found
        if aged is None and len(times) >= asked.quorum:
            aged = found
        last = last or found
    return aged or last


def _times(note: bytes, asked: Asked, witnesses: Sequence[VerifierKey]) -> Sequence[int]:
    """Return when each witness last cosigned a head; none where a line of theirs is false."""
    parsed = parse_note(note)
    times: dict[bytes, int] = {}
    try:
        for held in check_cosignatures(parsed.text, parsed.signatures, witnesses):
            key = held.witness.public_key
            if asked.at is None or held.at <= asked.at + SKEW:
                times[key] = max(held.at, times.get(key, 0))
    except InvalidSignatureError:
        # A checker refuses such a head, whatever stands beside the line.
        return ()
    return tuple(times.values())


def _is_fresh(at: int, asked: Asked) -> bool:
    if asked.max_age is None:
        return True
    return asked.at is not None and asked.at - at <= asked.max_age
