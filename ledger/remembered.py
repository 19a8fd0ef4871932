"""What is known of a ledger's past from outside its store, and whether the store still has it.

A store that was put back from an old copy verifies: nothing in it is wrong. What shows it is what
was kept elsewhere: the head signer's memory, a pinned checkpoint, a witness's line.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

from enum import StrEnum
from pathlib import Path

from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from ledger.encoding import decode
from ledger.errors import KeyFileError, LedgerError
from ledger.merkle import Frontier
from ledger.store import Store


class Relation(StrEnum):
    """How a store stands to a head that was signed once.

    `contains`: it goes on from that head, or ends with it. `behind`: it has fewer entries, so that
    some are lost. `other`: it has as many, and they are not those.
    """

    CONTAINS = "contains"
    BEHIND = "behind"
    OTHER = "other"


def relation(store: Store, head: Checkpoint) -> Relation:
    """Return how a store stands to a head.

    Raises:
        StoreError: An entry cannot be read.
    """
    if store.size() < head.size:
        return Relation.BEHIND
    frontier = Frontier()
    for leaf in store.leaves(0, head.size):
        frontier.append(leaf)
    return Relation.CONTAINS if frontier.root() == head.root else Relation.OTHER


def remembered_note(memory: Path) -> bytes:
    """Return the last head that a head signer signed, as it signed it; empty before the first.

    Its signature is not checked: the memory lies beside the key, and who can change it has both.

    Raises:
        KeyFileError: There is no memory (`head.no-memory`), or it is none (`head.memory`).
    """
    try:
        note = decode(memory.read_bytes())["note"].encode()
        if note:
            parse_checkpoint(parse_note(note).text)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"{memory}: there is no memory of what the head key has signed", code="head.no-memory"
        ) from error
    except (LedgerError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileError(
            f"{memory}: not the memory of a head key ({error})", code="head.memory"
        ) from error
    return bytes(note)


def head_of(note: bytes) -> Checkpoint:
    """Return the head that a note is of.

    Raises:
        NoteError: It is none.
    """
    return parse_checkpoint(parse_note(note).text)
