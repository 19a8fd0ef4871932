"""Tables of a chunk's records: one a subject, one row a record, one column a variable.

What a run, an action, an identity or an observation says is made once a chunk, for each of them,
and taken to the records that it belongs to. Source: docs/adr/0030-records-to-columns.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.case import MADE_WHOLE
from contracts.coercion import Value
from contracts.column_facts import NOWHERE
from contracts.column_shapes import NEVER, ListOf, Never, Shape, record
from contracts.evaluation import VARIABLES
from contracts.lineage import Placed
from contracts.member_columns import Records, Runs
from contracts.model import Contract
from contracts.run_views import identity_view
from contracts.view import OBSERVATION_MEMBERS, Absent, Views
from verifier.columns import MISSING, Held, Made, Places, column_of, lists, members_column, struct
from verifier.holders import Holders, Shared
from verifier.record_columns import quick_column
from verifier.rows import Chunk, Row

_COMPUTE: Any = pc

Named = Mapping[str, frozenset[str] | None]


class Interned:
    """Texts as numbers, the same text as the same number ever after."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []

    def number(self, text: str | None) -> int | None:
        """Return a text's number."""
        if text is None:
            return None
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return found

    def text(self, number: int) -> str:
        """Return a number's text."""
        return self._texts[number]


@dataclass(frozen=True, slots=True)
class Viewed:
    """The records of one subject in a chunk, as a table.

    Attributes:
        positions: Of each row the position of its record in the chunk.
        table: `idx`, `time`, the scopes, and a column a variable.
        shapes: The shape of every variable.
        odd: The rows that hold what no column can.
        longest: A length that no list or map in any row exceeds.
    """

    positions: Sequence[int]
    table: pa.Table
    shapes: Mapping[str, Shape]
    odd: frozenset[int]
    longest: int


class Tables:
    """Makes tables of chunks, for one contract.

    Args:
        contract: The contract.
        views: Its views.
        named: For each subject, which members of which variables its conditions read; None for
            all of them.
        members: Every name that may be a member of a map in some condition.
    """

    def __init__(
        self,
        contract: Contract,
        views: Views,
        named: Mapping[str, Named],
        members: frozenset[str],
    ) -> None:
        expected = [rule.expect.over for rule in contract.rules if rule.expect]
        self.overs = {*(fact.over for fact in contract.facts), *expected} - {"run"}
        self.service = contract.service
        self.views = views
        self.named = named
        self.members = members
        self.scopes = Interned()

    def scope_text(self, number: int, over: str, runs: Mapping[int, str]) -> str:
        """Return the scope that a number stands for."""
        if over == "run":
            return "" if number == NOWHERE else runs[number]
        return self.scopes.text(number)

    def viewed(self, chunk: Chunk, judged: Sequence[bool]) -> Iterator[tuple[str, Viewed]]:
        """Yield the table of each subject that is asked of and of which the chunk has records.

        Args:
            chunk: The records.
            judged: Of each whether its rules are asked.
        """
        making = _Making(self, chunk, judged)
        with self.views.remembering():
            for subject in self.named:
                if chunk.positions[subject]:
                    yield subject, making.viewed(subject)


class _Making:
    """The tables of one chunk, in the making."""

    def __init__(self, tables: Tables, chunk: Chunk, judged: Sequence[bool]) -> None:
        self._tables = tables
        self._views = tables.views
        self._chunk = chunk
        self._holders = Holders([row.placed for row in chunk.rows], tables.service)
        asked: Held = pa.array(np.array(judged, bool))
        # A contract's rules are for the runs of its own service.
        self._judged = _COMPUTE.and_(asked, self._holders.own)
        # What a run or an action says, by variable and member.
        self._shared: dict[tuple[str, str], Made] = {}
        self._scopes: dict[str, Held] = {}

    def viewed(self, subject: str) -> Viewed:
        """Return the table of the records of one subject."""
        positions = self._chunk.positions[subject]
        rows = [self._chunk.rows[position] for position in positions]
        making = _Subject(self, subject, rows, np.array(positions, np.int64))
        columns = dict(making.placing())
        shapes: dict[str, Shape] = dict.fromkeys(VARIABLES, NEVER)
        odd: set[int] = set()
        longest = 0
        for root, members in self._tables.named[subject].items():
            for made in making.variable(root, members):
                shapes[root], columns[root] = made.shape, made.array
                odd |= made.odd
                longest = max(longest, made.longest)
        return Viewed(positions, pa.table(columns), shapes, frozenset(odd), longest)

    @property
    def tables(self) -> Tables:
        """What they are made with."""
        return self._tables

    @property
    def holders(self) -> Holders:
        """What the chunk's records refer to."""
        return self._holders

    def placing(self, rows: Places) -> Iterator[tuple[str, Held]]:
        """Yield where records stand: what facts are taken over."""
        places = pa.array(rows, pa.int64())
        for name, held in self._holders.placing.items():
            yield name, held.take(places)
        yield "judged", self._judged.take(places)

    def of_runs(self, over: str) -> Held:
        """Return the scopes of one kind that the chunk's runs stand in, as numbers."""
        known = self._scopes.get(over)
        if known is None:
            number = self._tables.scopes.number
            scopes = [number(one.get(over)) for one in self._holders.every_run.opened]
            known = self._scopes[over] = pa.array(scopes, pa.int64())
        return known

    def writers(self) -> Held:
        """Return who acts: of an action, and of what belongs to one, who wrote the action."""
        known = self._scopes.get("identity")
        if known is None:
            number, actions = self._tables.scopes.number, self._holders.actions
            of_actions = [number(one.get("by")) for one in self._holders.every_action.said]
            own = [
                number(row.placed.event.record.get("by")) if alone else None
                for row, alone in zip(self._chunk.rows, ~actions.there, strict=True)
            ]
            found = actions.take(pa.array(of_actions, pa.int64()))
            known = _COMPUTE.coalesce(found, pa.array(own, pa.int64()))
            self._scopes["identity"] = known
        return known

    def shared(self, root: str, name: str) -> Made:
        """Return what all runs, or all actions, of the chunk say of a member."""
        known = self._shared.get((root, name))
        if known is None:
            held = self._holders
            each = held.every_run if root == "run" else held.every_action
            known = self._shared[root, name] = self.member(name, each)
        return known

    def member(self, name: str, holders: Records | Runs) -> Made:
        """Return a member of a variable as a column, over all who have the variable."""
        made = quick_column(holders.many(self._views, name), self._tables.members)
        if made is None:
            found = [_known(one) for one in holders.one_by_one(self._views, name)]
            made = column_of(found, self._tables.members)
        return made

    def params(self) -> Made:
        """Return the variable `params` of all actions of the chunk."""
        known = self._shared.get(("params", ""))
        if known is None:
            every = self._holders.every_action
            known = quick_column(every.many_params(self._views), self._tables.members)
            if known is None:
                found = [_known(self._views.params(one)) for one in every.each]
                known = column_of(found, self._tables.members)
            self._shared["params", ""] = known
        return known


class _Subject:
    """The table of one subject, in the making."""

    def __init__(
        self, making: _Making, subject: str, rows: Sequence[Row], positions: Places
    ) -> None:
        self._making = making
        self._tables = making.tables
        self._subject = subject
        self._rows = rows
        self._placed = [row.placed for row in rows]
        self._records = Records(self._placed, subject)
        self._positions = positions
        self._runs = making.holders.runs.at(positions)
        self._actions = making.holders.actions.at(positions)
        self._identities = making.holders.identities.at(positions)

    # --------------------------------------------------------------------------- placing

    def placing(self) -> Iterator[tuple[str, Held]]:
        """Yield where records stand: what facts are taken over."""
        yield from self._making.placing(self._positions)
        for over in self._tables.overs:
            yield f"in_{over}", self._scopes(over)

    def _scopes(self, over: str) -> Held:
        number = self._tables.scopes.number
        if over == "identity":
            return self._making.writers().take(pa.array(self._positions, pa.int64()))
        if over == "ledger" or self._subject == "switch":
            scopes = [number(one.scope(over)) for one in self._placed]
            return pa.array(scopes, pa.int64())
        return self._runs.take(self._making.of_runs(over))

    # ------------------------------------------------------------------------- variables

    def variable(self, root: str, members: frozenset[str] | None) -> Iterator[Made]:
        """Yield a variable's column, if the records of the subject have it at all."""
        if root in MADE_WHOLE:
            yield self._whole(root)
            return
        there = self._there(root)
        if not there.any():
            return
        views = self._tables.views
        names = views.members_of(root) if members is None else sorted(members)
        parts = {name: self._part(root, name) for name in names}
        shape, array = members_column(parts, there.tolist(), whole=members is None)
        odd = frozenset[int]().union(*(part.odd for part in parts.values()))
        longest = max((part.longest for part in parts.values()), default=0)
        yield Made(shape, array, odd, longest)

    def _there(self, root: str) -> Places:
        if root == "action":
            return self._actions.there
        if root == "run":
            return self._runs.there
        return np.full(len(self._rows), root == self._subject)

    def _part(self, root: str, name: str) -> Made:
        if root == self._subject and root != "action":
            return self._making.member(name, self._records)
        shared = self._runs if root == "run" else self._actions
        return _taken(self._making.shared(root, name), shared)

    def _whole(self, root: str) -> Made:
        """Return a variable that is made as a whole."""
        if root == "params":
            return _taken(self._making.params(), self._actions)
        if root == "identity":
            views = [identity_view(one) for one in self._identities.each]
            return _taken(column_of(views, self._tables.members), self._identities)
        if self._subject != "action":
            return column_of([MISSING] * len(self._rows))
        return self._evidence() or self._evidence_one_by_one()

    def _evidence(self) -> Made | None:
        """Return the observations that actions cite, None where some are unusual."""
        lengths = [len(row.cited) for row in self._rows]
        cited = Shared[Placed].of(list(chain.from_iterable(row.cited for row in self._rows)))
        if not cited.each:
            return None
        names = [name for name in OBSERVATION_MEMBERS if name in self._tables.members]
        records = Records(cited.each, "observation")
        parts = {name: self._making.member(name, records) for name in names}
        if any(part.odd for part in parts.values()):
            return None
        kept = {name: part for name, part in parts.items() if not isinstance(part.shape, Never)}
        shape = record({name: part.shape for name, part in kept.items()}, whole=False)
        mask = pa.array([False] * len(cited.each), pa.bool_())
        items = struct([(name, kept[name].array) for name, _ in shape.members], mask)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        longest = max(*lengths, len(kept), *(part.longest for part in kept.values()))
        array = lists(offsets, cited.take(items), [False] * len(self._rows))
        return Made(ListOf(shape), array, frozenset(), longest)

    def _evidence_one_by_one(self) -> Made:
        names = [name for name in OBSERVATION_MEMBERS if name in self._tables.members]
        cited = {id(one): one for row in self._rows for one in row.cited}
        views = self._tables.views
        shown = {name: views.observed(one, names) for name, one in cited.items()}
        values = [[shown[id(one)] for one in row.cited] for row in self._rows]
        return column_of(values, self._tables.members)


def _taken(made: Made, shared: Shared[Any]) -> Made:
    """Return what things say as what the records say that have them."""
    odd = shared.where(made.odd) if made.odd else ()
    return Made(made.shape, shared.take(made.array), frozenset(odd), made.longest)


def _known(value: Value) -> Value:
    return MISSING if isinstance(value, Absent) else value
