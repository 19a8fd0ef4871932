"""From the notes of the columns back to the counters of the guard.

The columns say of every record which rules hold. Why one does not, on which entries that rests,
and what was read, the counters say: they are given the notes under those keys that such a record
asks for, up to that record, in order. So that a finding is what the guard would have said.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.column_facts import NOWHERE
from contracts.counters import Entry
from contracts.facts import FactMemory, Note
from contracts.lineage import REFERENCE
from contracts.withholding import Hidden
from verifier.fact_state import GroupState, key_of

Values = Callable[[int, int], Any]
"""Says of a fact's number and an entry which value the entry has."""


@dataclass(slots=True)
class Reasons:
    """Why records spoil facts, by fact and entry."""

    _why: dict[tuple[str, int], tuple[str, Hidden]] = field(
        default_factory=dict[tuple[str, int], tuple[str, Hidden]]
    )

    def keep(self, fact: str, entry: Entry) -> None:
        """Remember why a record spoils a fact."""
        self._why[fact, entry.index] = entry.reason, entry.hidden

    def entry(self, fact: str, index: int) -> Entry:
        """Return what spoils a fact."""
        reason, hidden = self._why[fact, index]
        return Entry(index, None, reason, hidden)


class Feed:
    """The notes of one group, on their way to its counters.

    Args:
        state: The group, and how its notes are written.
        names: The facts that are asked for.
        rows: Notes as rows, in the order of their entries.
        values: The values that they are of.
        scopes: Says which scope a number stands for.
        digests: Of actions, by their entries.
        reasons: Why records spoil facts.
    """

    def __init__(
        self,
        state: GroupState,
        names: Container[str],
        rows: Iterator[Mapping[str, Any]],
        values: Values,
        scopes: Callable[[int], str],
        digests: Mapping[int, str],
        reasons: Reasons,
    ) -> None:
        self._facts = [
            (number, one)
            for number, one in enumerate(state.group.facts)
            if one.memory.fact.name in names
        ]
        self._state = state
        self._rows = rows
        self._values = values
        self._scopes = scopes
        self._digests = digests
        self._reasons = reasons
        self._next = next(rows, None)

    def up_to(self, index: int) -> None:
        """Let what stands before an entry count."""
        while self._next is not None and self._next["idx"] < index:
            self._count(self._next)
            self._next = next(self._rows, None)

    def _count(self, row: Mapping[str, Any]) -> None:
        number_of_scope = row["scope"]
        scope = REFERENCE if number_of_scope == NOWHERE else self._scopes(number_of_scope)
        for number, one in self._facts:
            self._count_for(number, one.memory, row, scope)

    def _count_for(
        self, number: int, memory: FactMemory, row: Mapping[str, Any], scope: str
    ) -> None:
        aggregate = self._state.counted[number].aggregate
        index, key = row["idx"], row["key"]
        keys = None if key is None else (key_of(key),)
        counted = row[f"n{number}"] or 0
        if index < 0 and keys is not None:
            if counted:
                total = row[f"s{number}"] if aggregate == "sum" else 0
                memory.begin(scope, keys[0], counted, int(total or 0))
            return
        name = memory.fact.name
        if row["ends"]:
            memory.apply(Note("", (), None, None, settles=self._digest(row["act"])))
        elif row[f"holds{number}"]:
            spoils = row[f"q{number}"]
            weight = int(row[f"r{number}"] or 0)
            entry = self._reasons.entry(name, index) if spoils else Entry(index, weight)
            memory.apply(Note(scope, keys, entry, None, holds=self._digest(row["act"])))
        elif counted:
            value = int(row[f"s{number}"]) if aggregate == "sum" else self._values(number, index)
            memory.apply(Note(scope, keys, Entry(index, value), row["time"]))
        elif row[f"e{number}"] or row[f"lasts{number}"]:
            entry = self._reasons.entry(name, index)
            lasts = bool(row[f"lasts{number}"])
            memory.apply(Note(scope, keys, entry, row["time"], lasts))

    def _digest(self, act: int) -> str:
        # Only of the actions of the records that ask is the digest of any account.
        return self._digests.get(act) or f"entry {act}"
