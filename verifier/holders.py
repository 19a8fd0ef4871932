"""What the records of a chunk refer to, each once: their runs, their actions, who wrote them.

Dozens of records stand in one run. What a run or an action says is made once, and taken to the
records by their places.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa

from contracts.lineage import Placed, Run
from contracts.member_columns import Actions, Runs
from verifier.columns import Held, Places

NOWHERE: Final = -1
"""The place of what a record has not."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Shared(Generic[Thing]):
    """Things that many records have in common.

    Attributes:
        each: The things, each once, in the order in which records name them.
        places: Of each record the place of its own, `NOWHERE` where it has none.
    """

    each: Sequence[Thing]
    places: Places

    @classmethod
    def of(cls, things: Sequence[Thing | None]) -> "Shared[Thing]":
        """Return things with the places of each; the same is what is one object."""
        names = list(map(id, things))
        known = {name: one for name, one in zip(names, things, strict=True) if one is not None}
        numbers: dict[int, int] = dict(zip(known, range(len(known)), strict=True))
        places = np.array([numbers.get(name, NOWHERE) for name in names], np.int64)
        return cls(list(known.values()), places)

    def at(self, rows: Places) -> "Shared[Thing]":
        """Return the same for some of the records alone."""
        return Shared(self.each, self.places[rows])

    def take(self, held: Held) -> Held:
        """Return a column of the things as one of the records, null where they have none."""
        return held.take(pa.array(self.places, pa.int64(), mask=self.places == NOWHERE))

    def flags(self, flags: Sequence[bool], *, otherwise: bool) -> Held:
        """Return truth values of the things as a column of the records."""
        # The last element stands for `NOWHERE`.
        return pa.array(np.array([*flags, otherwise], bool)[self.places])

    def where(self, numbers: Iterable[int]) -> set[int]:
        """Return the rows of the records that have one of these things."""
        wanted = np.isin(self.places, np.fromiter(numbers, np.int64))
        return set(np.flatnonzero(wanted).tolist())

    @property
    def there(self) -> Places:
        """Of each record, whether it has one."""
        there: Places = self.places != NOWHERE
        return there


class Holders:
    """The runs, actions and writers of a chunk's records, and what all of its tables say of them.

    Attributes:
        runs: Their runs, each as of a place.
        actions: The actions that they are or belong to.
        identities: What the authority says of whoever wrote them.
        every_run: The runs.
        every_action: The actions.
        placing: By column what says where a record stands, over all records.
    """

    def __init__(self, placed: Sequence[Placed], service: str) -> None:
        events = [one.event for one in placed]
        self.runs: Shared[Run] = Shared.of([one.run for one in placed])
        self.actions: Shared[Placed] = Shared.of(
            [one if one.subject == "action" else one.action for one in placed]
        )
        self.identities: Shared[Mapping[str, Any]] = Shared.of([one.identity for one in events])
        self.every_run = Runs(self.runs.each)
        self.every_action = Actions(self.actions.each)
        runs, actions = self.runs, self.actions
        tools = pa.array([*self.every_action.tools, ""], pa.string())
        named = np.where(actions.there, actions.places, len(actions.each))
        acts = [one.event.index for one in actions.each]
        opened = self.every_run.opened
        self.own = runs.flags([one.get("service") == service for one in opened], otherwise=False)
        self.placing: Mapping[str, Held] = {
            "idx": pa.array([one.index for one in events], pa.int64()),
            "time": pa.array([one.time for one in placed], pa.int64()),
            "imported": pa.array([one.imported for one in events], pa.bool_()),
            "allowed": actions.flags(self.every_action.allowed, otherwise=True),
            "closed": runs.flags([one.closed is not None for one in runs.each], otherwise=False),
            "in_no_run": pa.array(~runs.there),
            "tool": tools.take(pa.array(named, pa.int64())),
            "act": actions.take(pa.array(acts, pa.int64())),
            "in_run": runs.take(pa.array([one.index for one in runs.each], pa.int64())),
        }
