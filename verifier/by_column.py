"""A contract's rules over chunks of history, by column.

The same contract, the same records and the same meaning as `contracts.engine`, which takes one
record after the other. Here conditions run over tables, and facts are prefix sums
(`contracts.column_facts`). What comes out of a chunk is which rules do not hold for which record:
those few results are made by the engine on its counters, which are brought along from chunk to
chunk by what the columns say. Where both differ, nothing is reported but that.

A condition that has no column, and a record that no column holds, are asked of CEL. A chunk in
which times do not follow the order of places, or records are held back, is the engine's alone.
Source: docs/adr/0023-facts-by-column.md.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from contracts.coercion import Value
from contracts.engine import Engine
from verifier.asking import Asking
from verifier.chunk_results import Choose, ChunkResults
from verifier.chunk_tables import ChunkTables, by_tools
from verifier.chunk_verdicts import CODES, verdicts
from verifier.column_setup import ColumnSetup
from verifier.fact_feed import Feed
from verifier.fact_state import RowsNeededError
from verifier.rows import Chunk, Judged, judged_by_rows

_END: Final = 2**63


def _value(values: Sequence[Mapping[int, Value]], number: int, index: int) -> Value:
    """Return the value that an entry has for a fact, None where it has none."""
    return values[number].get(index)


class ColumnEngine:
    """One contract over chunks of history.

    Args:
        engine: The engine whose counters are brought along.
        threads: How many threads the database may use.
        asking: Whoever asks CEL what no column says; by default this process alone.

    Attributes:
        on_counters: Whether history was handed to the counters for good.
    """

    def __init__(self, engine: Engine, threads: int = 1, asking: Asking | None = None) -> None:
        self._engine = engine
        self._world = engine.world
        self._setup = ColumnSetup(engine, threads, Asking() if asking is None else asking)
        self._last = engine.last
        self.on_counters = False

    @property
    def setup(self) -> ColumnSetup:
        """The contract's plan, its database, and what its facts remember."""
        return self._setup

    def judge(self, chunk: Chunk, judged: Sequence[bool], choose: Choose | None = None) -> Judged:
        """Judge a chunk, and let it count.

        Args:
            chunk: The next entries.
            judged: Of each whether its rules are asked: whether the contract is in force for it.
            choose: Where only some results are wanted: which ones. The counters give all.

        Raises:
            EnginesDifferError: Columns and counters say different things of a record.
        """
        if not self.on_counters:
            try:
                if not (self._world.withholding or chunk.mixed):
                    return self._by_columns(chunk, judged, choose)
            except RowsNeededError:
                pass
            self.hand_over()
        return judged_by_rows(self._engine, chunk, judged)

    def hand_over(self) -> None:
        """Hand history to the counters: from here on they alone judge, and a snapshot is whole."""
        if self.on_counters:
            return
        self.on_counters = True
        self._engine.go_on_from(*self._last)
        for memory in self._world.facts.values():
            memory.clear()
        lineage = self._world.lineage
        scopes_of, digests = lineage.runs_by_index(), lineage.actions_by_index()
        for state in self._setup.states.values():
            group = state.group
            values = [state.every_value(number) for number in range(len(group.facts))]
            feed = Feed(
                state,
                set(self._world.facts),
                iter(state.every().to_pylist()),
                partial(_value, values),
                self._setup.scopes(group.over, scopes_of),
                digests,
                self._setup.reasons,
            )
            feed.up_to(_END)

    def _by_columns(self, chunk: Chunk, judged: Sequence[bool], choose: Choose | None) -> Judged:
        run = ChunkRun(self._setup, chunk, judged)
        unseen = self._world.unseen
        try:
            self._world.unseen = unseen or chunk.unseen
            run.tables.view()
            run.tables.compute()
        finally:
            self._world.unseen = unseen
        found = run.results.replayed(choose)
        # The counters were given few of these records.
        self._last = chunk.last(self._last[1])
        return found


class ChunkRun:
    """One chunk at work.

    Attributes:
        tables: What is computed.
        results: What comes out.
    """

    def __init__(self, setup: ColumnSetup, chunk: Chunk, judged: Sequence[bool]) -> None:
        self._setup = setup
        self.tables = ChunkTables(setup, chunk, judged)
        self.results = ChunkResults(setup, chunk, self.tables)

    def rules_alone(self) -> Counter[str]:
        """Ask the rules again, and nothing else, once facts are columns. For benchmarks.

        Returns:
            By verdict's code, how many there are.
        """
        found: Counter[str] = Counter()
        every = [one for stage in self._setup.plan.asked for one in stage]
        for name, subject in self.tables.subjects.items():
            rules = [one for one in self._setup.plan.rules if one.rule.rule.subject == name]
            wanted = {text for one in rules for text in (one.when, one.unless)}
            mine = [one for one in every if one.name in wanted]
            if not rules:
                continue
            table = subject.table.select(["judged", "tool"])
            for tools, some in by_tools(mine, name):
                for each, (_, array) in self.tables.selected(subject, tools, some).items():
                    table = table.append_column(each, array)
            for codes in verdicts(table, rules).values():
                for code in range(CODES):
                    found[str(code)] += int(np.count_nonzero(codes == code))
        return found
