"""Attribute samples: of each control the entries that are drawn, and how large its population is.

A control is a rule of a contract. Its population are the entries at which the rule has a result.
Each has a number of its own that nobody chooses: the SHA-256 of seed, ledger, contract, rule and
index. The N smallest are the sample: whatever the order of reading, the machine or the number of
processes, and a sample of N is the beginning of one of N + 1.
Source: docs/how-to/sample-evidence.md.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappush, heapreplace
from typing import Final

from contracts.results import RuleResult
from verifier.errors import VerifierError

METHOD: Final = "writ/sample/v1"
MAX_NUMBER: Final = 100_000
MAX_SEED: Final = 200


class SampleError(VerifierError):
    """A sample cannot be drawn as asked, or a pack of one cannot be made or read."""

    code = "sample.unusable"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One entry of a sample.

    Attributes:
        number: Its number in hexadecimal, by which it was drawn.
        index: The entry.
        result: `satisfied`, `violated`, `undecidable` or `handled`.
        rests_on: Indexes of other entries that the result rests on, ascending.
    """

    number: str
    index: int
    result: str
    rests_on: tuple[int, ...] = ()


class Draw:
    """Gives the entries of one control their numbers.

    Example:
        >>> Draw("2026-Q1", "00" * 32, "11" * 32, "policy.looked").number(7)[:16]
        '1ac73d2d7308f515'
    """

    def __init__(self, seed: str, genesis: str, contract: str, rule: str) -> None:
        text = f"{METHOD}\n{seed}\n{genesis}\n{contract}\n{rule}\n"
        self._begun = hashlib.sha256(text.encode())

    def number(self, index: int) -> str:
        """Return an entry's number: 64 hexadecimal digits."""
        whole = self._begun.copy()
        whole.update(b"%d" % index)
        return whole.hexdigest()


class _Control:
    """The results of one control so far: how many, and those with the smallest numbers."""

    def __init__(self, draw: Draw) -> None:
        self.counts: Counter[str] = Counter()
        self.heap: list[tuple[int, int, Drawn]] = []
        self._draw = draw

    def note(self, limit: int, index: int, result: str, rests_on: tuple[int, ...]) -> None:
        self.counts[result] += 1
        number = self._draw.number(index)
        # The largest number on top: it is the one to go.
        key = -int(number, 16)
        if len(self.heap) < limit:
            heappush(self.heap, (key, -index, Drawn(number, index, result, rests_on)))
        elif key > self.heap[0][0]:
            heapreplace(self.heap, (key, -index, Drawn(number, index, result, rests_on)))


class Samples:
    """Draws a sample of every control while a ledger is judged. It keeps `number` entries of each.

    Args:
        number: How many are drawn of each control.
        seed: Chosen by whoever draws, best after the ledger was handed over.
        genesis: Digest of the ledger's genesis record.

    Raises:
        SampleError: The number or the seed is none.
    """

    def __init__(self, number: int, seed: str, genesis: str) -> None:
        if not 1 <= number <= MAX_NUMBER:
            raise SampleError(f"a sample is of 1 to {MAX_NUMBER:,} items", code="sample.number")
        if not (0 < len(seed) <= MAX_SEED and seed.isprintable()):
            what = f"a seed is a text of 1 to {MAX_SEED} printable characters"
            raise SampleError(what, code="sample.seed")
        self.number = number
        self.seed = seed
        self.genesis = genesis
        self._controls: dict[tuple[str, str], _Control] = {}

    def begin(self) -> None:
        """Forget what was noted: a ledger is judged from its start."""
        self._controls.clear()

    def note(
        self, contract: str, rule: str, index: int, result: str, rests_on: Iterable[int] = ()
    ) -> None:
        """Take note of a result, once: of a contract's rule, at an entry."""
        key = contract, rule
        control = self._controls.get(key)
        if control is None:
            draw = Draw(self.seed, self.genesis, contract, rule)
            control = self._controls[key] = _Control(draw)
        control.note(self.number, index, result, tuple(sorted(set(rests_on))))

    def held(self, contract: str, result: RuleResult) -> None:
        """Take note that a contract's rule held."""
        at = result.rule.id, result.index, result.verdict.value
        self.note(contract, *at, result.rests_on)

    def population(self, contract: str, rule: str) -> Counter[str]:
        """Return how many results a control has, by result."""
        control = self._controls.get((contract, rule))
        return Counter() if control is None else Counter(control.counts)

    def drawn(self, contract: str, rule: str) -> tuple[Drawn, ...]:
        """Return what was drawn of a control, the smallest number first."""
        control = self._controls.get((contract, rule))
        if control is None:
            return ()
        return tuple(one for _, _, one in sorted(control.heap, reverse=True))
