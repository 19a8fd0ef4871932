"""What a guard reads as valid, side by side with what a verifier does."""

from collections.abc import Mapping
from typing import Any

from contracts.follower import Follower, HistoryChangedError
from contracts.history import Event
from ledger.entry import parse_header
from ledger.store import Store
from verifier.founding import Founding
from verifier.heads import Heads
from verifier.integrity import Reading

Seen = tuple[int, str, str, Mapping[str, Any], Mapping[str, Any], bool, bool]


def _seen(event: Event) -> Seen:
    return (
        event.index,
        event.digest,
        event.recorded_at,
        event.record,
        event.identity,
        event.imported,
        event.unseen,
    )


def by_verifier(store: Store) -> list[Seen]:
    """Return the valid entries as a verifier reads them."""
    founding = Founding.read(store, None)
    reading = Reading(store, founding, Heads(store, founding, None))
    return [_seen(valid.event) for valid in reading.entries()]


def by_guard(store: Store, *, steps: int = 1_000_000) -> list[Seen]:
    """Return the valid entries as a guard reads them, so many at a time."""
    size = store.size()
    # Half of a submission is never read: one that ends within another's is read on to its end.
    for _ in range(3):
        follower, events = Follower(store), list[Seen]()
        try:
            while follower.size < size:
                stop = _end_of_submission(store, min(follower.size + steps, size))
                events += [_seen(event) for event in follower.read_on(stop)]
        except HistoryChangedError:
            continue
        return events
    raise AssertionError("each time it began anew it found that it had to once more")


def _end_of_submission(store: Store, size: int) -> int:
    last = parse_header(store.row(size - 1).header)
    return size - 1 - last.position + last.count
