"""What one contract says of every action: plain allow but for what is stored.

A million actions under ten candidates are ten million decisions, nearly all of them `allow`. Kept
is an entry's number and the number of what was decided there; equal decisions are one.
Source: docs/spec/whatif.md.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.decision import Reason
from contracts.model import Contract, Effect
from replay.redecided import Redecided

Said = tuple[Effect, tuple[Reason, ...], tuple[tuple[str, str], ...]]
"""Effect, reasons and why they cannot be decided."""


class DecidedAgain(Mapping[int, Redecided]):
    """What a contract says of the actions of its service: by entry what it does not simply allow.

    Attributes:
        contract: The contract; None where each action was judged by the one in force for it.
        judged: How many actions it was asked of.
        indexes: The entries of the actions that it does not simply allow, ascending.
    """

    def __init__(self, contract: Contract | None = None) -> None:
        self.contract = contract
        self.judged = 0
        self.indexes = array("q")
        self._numbers = array("l")
        self._said: list[Said] = []
        self._known: dict[Said, int] = {}

    def __getitem__(self, index: int) -> Redecided:
        place = bisect_left(self.indexes, index)
        if place < len(self.indexes) and self.indexes[place] == index:
            return self._at(place)
        raise KeyError(index)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indexes)

    def __len__(self) -> int:
        return len(self.indexes)

    def add(self, index: int, said: Said) -> None:
        """Note what is decided of an action, in any order until `sort`."""
        number = self._known.get(said)
        if number is None:
            number = self._known[said] = len(self._said)
            self._said.append(said)
        self.indexes.append(index)
        self._numbers.append(number)

    def sort(self) -> None:
        """Bring it into the order of entries."""
        order = sorted(range(len(self.indexes)), key=self.indexes.__getitem__)
        self.indexes = array("q", [self.indexes[place] for place in order])
        self._numbers = array("l", [self._numbers[place] for place in order])

    def of(self, index: int) -> Redecided:
        """Return what is decided of the action at an entry."""
        found = self.get(index)
        return Redecided(index, Effect.ALLOW) if found is None else found

    def _at(self, place: int) -> Redecided:
        return Redecided(self.indexes[place], *self._said[self._numbers[place]])


@dataclass(frozen=True, slots=True)
class Judgements:
    """History judged again.

    Attributes:
        baseline: By the contract in force for each action, as the verifier derives it.
        ungoverned: The entries of the actions for which none was in force, ascending.
        candidates: By each candidate, in their order.
        cases: For each candidate, by entry, of which case of its limits an action is, where that
            was asked and can be told.
    """

    baseline: DecidedAgain
    ungoverned: Sequence[int]
    candidates: tuple[DecidedAgain, ...]
    cases: tuple[Mapping[int, str], ...] = ()
