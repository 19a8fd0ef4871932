"""The engine by column over the histories of the vectors and the fuzzer, in chunks."""

from collections.abc import Sequence

from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract
from contracts.results import RuleResult
from verifier.by_column import ColumnEngine
from verifier.rows import Chunk, Clocks
from verifier.spilling import SpillingLineage


def by_columns(
    contract: Contract, events: Sequence[Event], size: int
) -> tuple[dict[str, int], list[RuleResult]]:
    """How many records each rule holds for, and all other results; chunks are of `size` entries."""
    lineage = SpillingLineage()
    engine = Engine(contract, lineage=lineage)
    columns = ColumnEngine(engine)
    clocks = Clocks()
    satisfied: dict[str, int] = {}
    results: list[RuleResult] = []
    for start in range(0, len(events), size):
        chunk = Chunk()
        lineage.expect(events[start : start + size])
        for event in events[start : start + size]:
            chunk.add(event, lineage, clocks)
        judged = columns.judge(chunk, [True] * len(chunk))
        for number, count in judged.satisfied.items():
            rule = contract.rules[number].id
            satisfied[rule] = satisfied.get(rule, 0) + count
        for position in sorted(judged.results):
            results += judged.results[position]
        lineage.spill()
    return satisfied, results + engine.finish()
