"""Records that are held back from a history: what may hang on them is undecidable, never absent.

Of such a record there is its place, the ledger's time, and whose key wrote it; with that goes what
that identity may write. It may be of any run that was open then. Only the latest one of each
writer is remembered: whatever an earlier one can matter to, the latest can too.
Source: docs/spec/contract-language.md, *Withheld records*.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

WITHHELD = "withheld: a record that this bundle holds back may count"


class Hidden(StrEnum):
    """What is hidden that something undecidable hangs on: a fact of its own, never its words.

    What would have come of an action that was never done is hidden from what-if alone.
    """

    NOTHING = ""
    SEALED = "sealed"
    WITHHELD = "withheld"
    NEVER_DONE = "never done"


@dataclass(frozen=True, slots=True)
class Mark:
    """One record that is held back.

    Attributes:
        index: Its entry.
        kinds: The kinds of record that it may be.
        by: The identity that its key speaks for.
        time: When it was recorded, in microseconds since 1970; None where its event time is another
            one, because its writer imports.
    """

    index: int
    kinds: frozenset[str]
    by: str
    time: int | None


class Withholding:
    """The records held back so far."""

    def __init__(self) -> None:
        self._latest: dict[tuple[frozenset[str], str], Mark] = {}

    def __bool__(self) -> bool:
        return bool(self._latest)

    def add(self, mark: Mark) -> None:
        """Take note of one, in index order."""
        self._latest[mark.kinds, mark.by] = mark

    def kept(self) -> list[Mark]:
        """Return those that are remembered, in index order."""
        return sorted(self._latest.values(), key=lambda mark: mark.index)

    def since(
        self, kinds: Iterable[str], index: int, *, by: str = "", time: int | None = None
    ) -> int | None:
        """Return the latest entry after `index` that may be of one of these kinds, None for none.

        Args:
            kinds: The kinds that matter.
            index: Whatever stands here or before does not matter.
            by: Only what this identity may have written matters; empty for all.
            time: Only what was recorded then or later matters; None for all.
        """
        wanted = frozenset(kinds)
        found = [
            mark.index
            for mark in self._latest.values()
            if mark.index > index
            and mark.kinds & wanted
            and by in {"", mark.by}
            and (time is None or mark.time is None or mark.time >= time)
        ]
        return max(found, default=None)


def kind_of_source(source: str) -> str:
    """Return the kind of record that a contract calls so.

    Example:
        >>> kind_of_source("run.closed"), kind_of_source("outcome")
        ('run', 'outcome')
    """
    return source.partition(".")[0]
