"""Two heads that one key signed: of one history, or the proof that two were signed.

A log whose key signed two roots for one size has shown two histories. Whoever knows the key sees
that from the two notes alone; for two sizes it takes a consistency proof, or the entries.
Source: C2SP tlog-checkpoint, *Signatures*; RFC 6962 section 2.1.2.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.encoding import from_base64
from ledger.errors import EncodingError, MerkleProofError
from ledger.merkle import EMPTY_ROOT, Frontier, check_consistency
from ledger.source import Source
from verifier.errors import SourceError


class Verdict(StrEnum):
    """How two heads stand to each other."""

    SAME = "consistent"
    SPLIT = "split view"
    UNPROVEN = "undecidable"


@dataclass(frozen=True, slots=True)
class Compared:
    """What two heads show: the verdict, why, and the heads, the smaller one first."""

    verdict: Verdict
    what: str
    heads: tuple[Checkpoint, Checkpoint]


def compared(
    notes: Sequence[bytes], origin: str, keys: Iterable[bytes], proof: Sequence[bytes] | None
) -> Compared:
    """Compare two signed heads.

    Args:
        notes: The two notes.
        origin: The ledger's origin.
        keys: The keys that may sign its heads.
        proof: A consistency proof from the smaller to the larger, if there is one.

    Raises:
        LedgerError: One is no head of this ledger, or not signed by one of these keys.
    """
    known = tuple(keys)
    small, large = sorted(
        (open_checkpoint(note, origin, known).checkpoint for note in notes),
        key=lambda head: head.size,
    )
    heads = (small, large)
    if small.size == large.size:
        if small.root == large.root:
            return Compared(Verdict.SAME, f"both are of {small.size} entries, with one root", heads)
        what = f"two roots over {small.size} entries of {origin} were signed"
        return Compared(Verdict.SPLIT, what, heads)
    if small.size == 0 and small.root == EMPTY_ROOT:
        return Compared(Verdict.SAME, "every ledger continues the empty one", heads)
    if proof is None:
        what = f"of {small.size} and {large.size} entries: it takes a proof, or the ledger"
        return Compared(Verdict.UNPROVEN, what, heads)
    try:
        check_consistency(small.size, large.size, proof, small.root, large.root)
    except MerkleProofError as error:
        # Anybody can write down a wrong proof of what is true.
        return Compared(Verdict.UNPROVEN, f"the proof shows nothing: {error}", heads)
    what = f"the head of {large.size} entries continues that of {small.size}"
    return Compared(Verdict.SAME, what, heads)


def compared_in(source: Source, heads: tuple[Checkpoint, Checkpoint]) -> Compared:
    """Compare two heads by the entries of a ledger.

    Raises:
        StoreError: An entry cannot be read.
    """
    small, large = heads
    in_small, in_large = contained(source, heads)
    if not in_large:
        what = f"this ledger's entries are not those of the head of {large.size} entries"
        return Compared(Verdict.UNPROVEN, what, heads)
    if in_small:
        return Compared(Verdict.SAME, "the ledger contains both", heads)
    what = (
        f"the entries of the head of {large.size} do not begin with those of the head of "
        f"{small.size}: two histories were signed"
    )
    return Compared(Verdict.SPLIT, what, heads)


def contained(source: Source, heads: Sequence[Checkpoint]) -> list[bool]:
    """Return for each head whether a ledger's entries lead to it. They are read once.

    Raises:
        StoreError: An entry cannot be read.
    """
    wanted = {head.size for head in heads}
    last = min(max(wanted, default=0), source.size())
    frontier = Frontier()
    roots = {0: frontier.root()}
    for leaf in source.leaves(0, last):
        frontier.append(leaf)
        if frontier.size in wanted:
            roots[frontier.size] = frontier.root()
    return [roots.get(head.size) == head.root for head in heads]


def proof_from(raw: bytes) -> list[bytes]:
    """Read a consistency proof: a hash in base64 on each line.

    Raises:
        SourceError: It is none.
    """
    try:
        return [from_base64(line) for line in raw.decode().split()]
    except (EncodingError, UnicodeDecodeError) as error:
        raise SourceError(f"no consistency proof: {error}", code="witness.proof") from error
