"""Long histories of the refund service for benchmarks: a demonstration's records, over and over.

Every repetition is later, and what names something in it (records, runs, transactions, payouts,
customers) is another. So the shares of all things are those of the demonstration, wrong things
included, whatever the length.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.history import Event
from contracts.instants import micros
from verifier.load import open_ledger
from writ.demo.month import RUNS
from writ.demo.run import SEED, Choices, run

KINDS: Final = frozenset({"run", "message", "action", "outcome", "observation", "approval"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PAUSE: Final = 3_600_000_000
HEX: Final = 64
"""The length of a digest in hex."""
# What names something, and what names a time.
_NAME: Final = re.compile(
    r"(?P<name>\b(?:[0-9a-f]{64}|[TPC]-[0-9]+)\b)|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A record's text, cut where something is renamed: text, name, text, name, text."""

    event: Event
    texts: tuple[str, ...]
    names: tuple[str, ...]
    at: int

    def text(self, named: Callable[[str], str]) -> str:
        """Return the text with what `named` says for each name."""
        parts = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            parts += [named(name), text]
        return "".join(parts)


class History:
    """A history of any length.

    Args:
        events: The valid entries of a ledger of the demonstration, under one contract.
        names: Hex digests, beside those of the records, that are other ones in each repetition.

    Attributes:
        pieces: The records of one repetition.
        actions: How many of them are actions.
        span: From one repetition to the next, in microseconds.
    """

    def __init__(self, events: Sequence[Event], names: Iterable[str] = ()) -> None:
        begin = next(
            number for number, one in enumerate(events) if one.record["kind"] == "activation"
        )
        end = next(number for number, one in enumerate(events) if one.record["kind"] == "switch")
        kept = [one for one in events[begin:end] if one.record["kind"] in KINDS]
        self._mine = {*names, *(one.digest for one in kept)}
        self.pieces = [self._piece(one) for one in kept]
        self.span = self.pieces[-1].at - self.pieces[0].at + _PAUSE
        self.actions = sum(one.record["kind"] == "action" for one in kept)

    def __len__(self) -> int:
        return len(self.pieces)

    def _piece(self, event: Event) -> Piece:
        texts: list[str] = []
        names: list[str] = []
        text = json.dumps(event.record)
        last = 0
        for found in _NAME.finditer(text):
            name = found["name"]
            if name and len(name) == HEX and name not in self._mine:
                continue  # what was not recorded here (a policy, a prompt) stays what it is
            texts.append(text[last : found.start()])
            names.append(found[0])
            last = found.end()
        return Piece(event, (*texts, text[last:]), tuple(names), micros(event.recorded_at) or 0)

    def repeated(self, actions: int) -> Iterator[list[Event]]:
        """Yield repetitions, each a list of events, until there are so many actions."""
        index = number = done = 0
        while done < actions:
            events = self._once(number, index)
            yield events
            index += len(events)
            done += self.actions
            number += 1

    def _once(self, number: int, first: int) -> list[Event]:
        known: dict[str, str] = {}
        shift = number * self.span

        def named(name: str) -> str:
            found = known.get(name)
            if found is None:
                found = known[name] = (
                    hashlib.sha256(f"{number} {name}".encode()).hexdigest()
                    if len(name) == HEX
                    else renamed(name, number, shift)
                )
            return found

        return [
            replace(
                piece.event,
                index=first + place,
                digest=named(piece.event.digest),
                record=json.loads(piece.text(named)),
                recorded_at=written(piece.at + shift),
            )
            for place, piece in enumerate(self.pieces)
        ]


def renamed(name: str, number: int, shift: int) -> str:
    """Return what stands for a name that is no digest, or for a time, in a repetition."""
    if name[:2] in {"T-", "P-", "C-"}:
        return _renumbered(name, number)
    return written((micros(name) or 0) + shift)


def _renumbered(name: str, number: int) -> str:
    """Return another name of the same length: schemas have patterns."""
    least = 10 ** (len(name) - 3)
    place = (int(name[2:]) - least + number * least // 40) % (9 * least)
    return f"{name[:2]}{least + place}"


def written(at: int) -> str:
    """Return a time in microseconds since 1970 as records write it."""
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def history_of(ledger: Path | None, folder: Path) -> History:
    """Return a history from a ledger of the demonstration, or of one that is made in `folder`."""
    with open_ledger(ledger or demonstration(folder)) as opened:
        return History(list(opened.events()))


def demonstration(folder: Path) -> Path:
    """Let the demonstration happen in an empty folder; return its ledger."""
    for _ in run(folder, Choices(seed=SEED, runs=RUNS, reproducible=False), _quiet, _quiet):
        pass
    return folder / "refunds.db"


def _quiet(_done: int, _all: int) -> None:
    """Show no progress."""
