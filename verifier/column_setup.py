"""What a contract needs to be judged by column, from its first chunk to its last."""

from collections.abc import Callable, Mapping

from contracts.column_plan import Asked, ColumnPlan
from contracts.column_shapes import NEVER, Shape, is_whole
from contracts.columns import Column, Fallback, compile_condition, compile_value
from contracts.engine import Engine
from verifier.asking import Asking
from verifier.fact_feed import Reasons
from verifier.fact_state import GroupState
from verifier.record_tables import Tables
from verifier.workspace import Workspace


class ColumnSetup:
    """One contract's plan, its database, and what its facts remember.

    Attributes:
        asking: Whoever asks CEL what no column says.
        engine: The engine on counters.
        plan: In which order conditions and facts are computed.
        tables: What makes tables of chunks.
        database: The database.
        states: What is remembered of earlier chunks, by the id of its group of facts.
        reasons: Why records spoil facts.
        fallbacks: The conditions that have no column, with the reason.
    """

    def __init__(self, engine: Engine, threads: int, asking: Asking) -> None:
        self.asking = asking
        self.engine = engine
        self.plan = ColumnPlan(engine.world, engine.rules, engine.waiting)
        self.tables = Tables(
            engine.contract, engine.world.views, self.plan.named(), self.plan.member_names()
        )
        self._workspace = Workspace(threads)
        self.database = self._workspace.database
        self._compiled: dict[tuple[object, ...], Column | Fallback] = {}
        self.fallbacks: dict[str, str] = {}
        every = [group for groups in self.plan.groups for group in groups]
        self.states = {
            id(group): GroupState(self.database, number, group)
            for number, group in enumerate(every)
        }
        self.reasons = Reasons()

    def scopes(self, over: str, runs: Mapping[int, str]) -> Callable[[int], str]:
        """Return what says which scope a number stands for.

        Args:
            over: The kind of scope.
            runs: The digests of runs, by the entries that opened them.
        """
        return lambda number: self.tables.scope_text(number, over, runs)

    def column(self, asked: Asked, shapes: Mapping[str, Shape]) -> Column | Fallback:
        """Return a condition compiled for tables of these shapes."""
        reads = sorted(
            {*asked.condition.reads.members, *(("facts",) if asked.condition.reads.facts else ())}
        )
        key = (asked.name, *(shapes.get(root, NEVER) for root in reads))
        found = self._compiled.get(key)
        if found is None:
            make = compile_condition if asked.truth else compile_value
            found = make(asked.condition.program, shapes)
            if isinstance(found, Column) and not asked.truth and not is_whole(found.shape):
                found = Fallback("it gives a map, of which a column may not have all members")
            if asked.condition.reads.whole_facts:
                found = Fallback("it reads `facts` as a whole")
            self._compiled[key] = found
            if isinstance(found, Fallback):
                self.fallbacks[asked.condition.text] = found.reason
        return found
