"""What a restored ledger has lost: heads that were signed once, and that its copy does not reach.

Source: docs/adr/0013.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.report import ExitCode, LedgerFacts
from verifier.trust import Trust
from writ.errors import CommandError

if TYPE_CHECKING:
    from ledger.checkpoint import Checkpoint

LOSS = ".loss.json"

# Who knows of a head, and the note in which it was signed.
Known = tuple[str, bytes]


def known_heads(location: str, keys: Path | None, trust: Trust | None) -> Sequence[Known]:
    """Return the heads that are known of a ledger from outside its copy.

    They come from the head signer's memory, from the trust file, and from the store that stands
    there now. Raises `KeyFileError` where a memory is damaged.
    """
    return [
        *_in_memory(location, keys),
        *([("the trust file", trust.checkpoint.encode())] if trust and trust.checkpoint else ()),
        *_in_store(location),
    ]


def _in_memory(location: str, keys: Path | None) -> Iterator[Known]:
    from ledger.remembered import remembered_note

    memory = memory_of(location, keys)
    if memory is not None and memory.exists():
        note = remembered_note(memory)
        if note:
            yield "the head signer's memory", note


def memory_of(location: str, keys: Path | None) -> Path | None:
    """Return where the head signer's memory lies; None where nobody said."""
    from ledger.founding import MEMORY, keys_beside

    if keys is None and "://" in location:
        return None
    return (keys or keys_beside(location)) / MEMORY


def _in_store(location: str) -> Iterator[Known]:
    """Yield the last head of the store that stands there now, as far as it can be read."""
    from ledger.errors import LedgerError
    from ledger.store import Store

    try:
        with Store.open(location) as store:
            notes = list(store.checkpoints())
    except LedgerError:
        return
    if notes:
        yield "the ledger that is there", notes[-1][1]


def losses(copy: str, facts: LedgerFacts, heads: Sequence[Known]) -> "Checkpoint | None":
    """Return the largest known head that a copy does not reach; None where it has lost nothing.

    Raises:
        CommandError: A known head is of another history than the copy's.
    """
    from ledger.remembered import Relation, head_of, relation
    from ledger.store import Store

    behind: Checkpoint | None = None
    with Store.open(copy) as store:
        for name, note in heads:
            head = head_of(note)
            how = relation(store, head) if head.origin == facts.origin else Relation.OTHER
            if how is Relation.OTHER:
                raise CommandError(
                    "restore.other",
                    f"{copy}: {name} has a head of {head.size} entries of {head.origin}, "
                    "and that is another history",
                    do="Restore a copy of this very ledger, or name another place with --to.",
                    exit_code=ExitCode.VIOLATED,
                )
            if how is Relation.BEHIND and (behind is None or head.size > behind.size):
                behind = head
    return behind


def mark(path: Path, facts: LedgerFacts, lost: "Checkpoint", reason: str) -> None:
    """Write down, durably, what a restored ledger has lost and why."""
    from ledger.clock import format_time, system_clock
    from ledger.encoding import to_base64
    from ledger.files import replace_file

    said = {
        "v": 1,
        "origin": facts.origin,
        "genesis": facts.genesis,
        "restored": {"size": facts.size, "root": facts.root},
        "signed": {"size": lost.size, "root": to_base64(lost.root)},
        "at": format_time(system_clock()),
        "reason": reason,
    }
    replace_file(path, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())


def said_of(size: int, lost: "Checkpoint", path: Path | None) -> Iterator[str]:
    """Yield what there is to say of a loss."""
    yield (
        f"  ! entries {size:,} to {lost.size - 1:,} are lost, and a head was signed over them: "
        "whoever holds that head sees it"
    )
    if path is not None:
        yield f"  {path} says what and why; keep it with the ledger"
    yield "  the head's key signs nothing in it any more: found a ledger that succeeds it"


def mark_of(location: str, keys: Path | None) -> Path | None:
    """Return where the loss of a ledger is written down; None where it has no such place."""
    from ledger.schema import file_of

    path = file_of(location)
    if path is not None:
        return path.with_name(path.name + LOSS)
    return None if keys is None else keys / f"ledger{LOSS}"
