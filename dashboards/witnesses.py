"""Who else has seen the ledger's heads: the witnesses that the trust file names, and what they say.

A witness's line under a head says that this was the largest ledger that it had seen, and when. The
verification has checked each of them; they are read again here, with the ledger's own means, to be
listed one by one. Source: C2SP tlog-cosignature; docs/spec/ledger-format.md, *Trust file*.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from dashboards.words import count, seconds
from ledger import AuthorityHistory
from ledger.checkpoint import NoteSignature, VerifierKey, parse_note
from ledger.cosignature import SKEW, check_cosignatures, parse_line
from ledger.errors import LedgerError
from ledger.keys import fingerprint
from ledger.source import Source
from verifier.load import open_source
from verifier.trust import Trust
from verifier.witnessed import written


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness that the trust file names.

    Attributes:
        name: What it calls itself.
        key: Fingerprint of its key.
        own: Whether this is a key of the ledger's own, which is nobody else's word.
        heads: How many of the heads that are kept it cosigned.
        size: The largest of them; 0 for none.
        at: When it cosigned that one, in seconds since 1970; 0 for never.
    """

    name: str
    key: str
    own: bool = False
    heads: int = 0
    size: int = 0
    at: int = 0

    def last(self) -> str:
        """Return when it last said something, in words."""
        return written(self.at) if self.at else "never"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What the trust file asks of witnesses, in a sentence, and the witnesses themselves."""

    asks: str
    rows: tuple[Witness, ...] = ()


def witnesses(
    source: str, trust: Trust | None, authority: AuthorityHistory, size: int
) -> Witnesses:
    """Return the trust file's witnesses, with what they said of the heads up to a size.

    Raises:
        LedgerError: The store cannot be read any more.
    """
    if trust is None or not trust.witnesses:
        return Witnesses(_asks(trust))
    found = {
        one.public_key: Witness(
            one.name,
            fingerprint(one.public_key),
            own=authority.public_key(fingerprint(one.public_key)) is not None,
        )
        for one in trust.witnesses
    }
    # As the verification has it: a key of the ledger's own is nobody else's word.
    others = [one for one in trust.witnesses if not found[one.public_key].own]
    latest = None if trust.at is None else trust.at + SKEW
    with closing(open_source(source)) as store:
        lines = _lines(store)
        for at, note in store.checkpoints():
            if at <= size:
                parsed = parse_note(note)
                signed = (*parsed.signatures, *lines.get(at, ()))
                for one in others:
                    _confirm(found, one, at, parsed.text, signed, latest)
    return Witnesses(_asks(trust), tuple(found.values()))


def _lines(store: Source) -> Mapping[int, list[NoteSignature]]:
    found: dict[int, list[NoteSignature]] = {}
    for at, raw in store.cosignatures():
        found.setdefault(at, []).append(parse_line(raw))
    return found


def _confirm(
    found: dict[bytes, Witness],
    witness: VerifierKey,
    size: int,
    text: str,
    lines: Sequence[NoteSignature],
    latest: int | None,
) -> None:
    """Count what a witness says of one head. Heads come by size, so the last is the largest."""
    try:
        held = check_cosignatures(text, lines, [witness])
    except LedgerError:
        # It was right when it was verified: the store was written to since, which the page says.
        return
    times = [one.at for one in held if latest is None or one.at <= latest]
    if times:
        key = witness.public_key
        known = found[key]
        # The same key under two names is one witness, and may have said the same of a head.
        heads = known.heads + (known.size != size)
        found[key] = replace(known, heads=heads, size=size, at=max(times))


def _asks(trust: Trust | None) -> str:
    """Return how many witnesses must have cosigned a head, and how lately, in a sentence."""
    if trust is None:
        return (
            "There is no trust file, and so nobody else's word: what was rewritten as a whole, or "
            "shown differently to others, could not be noticed."
        )
    if not trust.witnesses:
        return (
            "The trust file names no witness: that others were shown another ledger could not be "
            "noticed."
        )
    needed = (
        f"{trust.quorum:,} of them must have cosigned a head"
        if trust.quorum
        else "none of them need have cosigned a head"
    )
    aged = f", within {seconds(trust.max_age)}" if trust.max_age else ""
    named = count(len({one.public_key for one in trust.witnesses}), "witness", "witnesses")
    return f"The trust file names {named}; {needed}{aged}."
