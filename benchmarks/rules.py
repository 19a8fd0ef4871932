"""The refund contract over a long history: by column, against row by row on the guard's counters.

The history is a month of the demonstration, over and over under other names, and both engines see
the same records. What is measured apart, in seconds of the processor:

    decoding    columns only: records to tables (views of members, coercions, digests of calls)
    facts       columns: all facts and the conditions that they rest on
    rules       the rules alone, facts and views being there: on counters every rule of every
                record, its facts answered before; by column one statement a kind of record
    together    facts and rules, and all results written out: what `writ verify` asks of either

Every result that is no plain "it holds" must be the same in all that it says, and so must the count
of those that hold. `--size` is how many actions; every fifth part of it is measured by itself, to
see whether time grows with what there is.

    python benchmarks/rules.py [--size ACTIONS] [--rows ACTIONS] [--chunk ENTRIES] [--threads N]
                               [--ledger FILE] [--json]

It exits with 1 when a target is missed.
"""

import argparse
import gc
import json
import os
import platform
import resource
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.histories import History, history_of
from contracts.case import Case
from contracts.column_plan import Asked
from contracts.column_shapes import Shape
from contracts.engine import Engine, verdict
from contracts.history import Event
from contracts.library import contract_text
from contracts.lineage import Lineage
from contracts.loading import load_contract
from contracts.model import Contract, Verdict
from contracts.results import RuleResult
from verifier.asking import Asking
from verifier.by_column import ChunkRun, ColumnEngine
from verifier.chunk_tables import ChunkTables
from verifier.columns import Held
from verifier.fact_state import Subject
from verifier.rows import Chunk, Clocks, Judged
from verifier.spilling import SpillingLineage

SIZE = 1_000_000
CHUNK = 300_000
TARGETS = {"rules alone": 30.0, "facts and rules": 5.0}
GROWTH = 5.5
ASKED = 50_000
WITHOUT_COLUMN = 'size(string(action.time)) > 3 && action.tool != "none"'


def contract() -> Contract:
    """The refund contract, its service delegated for as long as any history lasts."""
    text = contract_text("refund-decisioning", "1.0.0")
    return load_contract(text.replace("2026-06-30T22:00:00Z", "2099-12-31T00:00:00Z"), "refunds")


@dataclass(slots=True)
class Times:
    """Seconds of the processor by what they were spent on, and what was seen."""

    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    entries: int = 0
    actions: int = 0
    compared: int = 0
    results: int = 0

    def ratio(self, what: str, columns: tuple[str, ...]) -> float:
        """Return how many times as long the counters took, entry by entry."""
        rows = self.spent[f"rows, {what}"] / max(1, self.compared)
        mine = sum(self.spent[one] for one in columns) / max(1, self.entries)
        return rows / mine


def chunks(history: History, actions: int, size: int) -> Iterator[list[Event]]:
    """Yield the history in chunks."""
    held: list[Event] = []
    for events in history.repeated(actions):
        held += events
        if len(held) >= size:
            yield held
            held = []
    if held:
        yield held


class Alone(ChunkTables):
    """Tables that take the time of what is asked of CEL, record by record."""

    clock = staticmethod(process_time)
    seconds = 0.0
    rows = 0

    def _patched(
        self, subject: Subject, asked: Asked, shape: Shape, array: Held, rows: Sequence[int]
    ) -> tuple[Shape, Held]:
        start = self.clock()
        made = super()._patched(subject, asked, shape, array, rows)
        self.seconds += self.clock() - start
        self.rows += len(rows)
        return made


class ByClock(Alone):
    """The same by the clock on the wall: others are at work."""

    clock = staticmethod(perf_counter)


def asked_of_cel(history: History, jobs: int = 1) -> float:
    """Return how many records a second a condition without a column is asked of.

    In one process its own time is taken, in several that by the clock, once they are begun.
    """
    text = contract_text("refund-decisioning", "1.0.0")
    clauses = text[: text.index("\nrules:")]
    rule = f'{{id: timed, for: "*", unless: {json.dumps(WITHOUT_COLUMN)}, effect: warn}}'
    lineage, clocks, chunk = Lineage(), Clocks(), Chunk()
    engine = Engine(load_contract(f"{clauses}\nrules:\n  - {rule}\n", "timed"), lineage=lineage)
    for events in history.repeated(3 * history.actions):
        for event in events:
            chunk.add(event, lineage, clocks)
    asking = Asking(jobs, begin=0, few=1)
    setup = ColumnEngine(engine, asking=asking).setup
    fastest = 0.0
    for _ in range(3):  # the first begins the processes
        tables = (Alone if jobs == 1 else ByClock)(setup, chunk, [True] * len(chunk))
        tables.view()
        tables.compute()
        fastest = max(fastest, tables.rows / tables.seconds)
    asking.close()
    return fastest


class Rules(Engine):
    """The guard's engine, which measures its rules by themselves."""

    def rules_alone(self, chunk: Chunk, times: Times) -> None:
        """Ask every rule of every record, its facts answered before; and let the records count."""
        for row in chunk.rows:
            placed = row.placed
            if placed.subject:
                plan = self.plan(placed)
                case = Case(self.world, placed, plan.groups, row.cited)
                for name in {name for each in plan.rules for name in each.facts}:
                    case.fact(name)
                start = process_time()
                for each in plan.rules:
                    verdict(each, case)
                times.spent["rows, rules"] += process_time() - start
            self.take(placed, row.cited)


def by_rows(engine: Engine, chunk: Chunk, times: Times) -> Judged:
    """Judge a chunk on counters."""
    found = Judged()
    numbers = {rule.rule.id: number for number, rule in enumerate(engine.rules)}
    start = process_time()
    results = [engine.take(row.placed, row.cited) for row in chunk.rows]
    times.spent["rows, together"] += process_time() - start
    for position, each in enumerate(results):
        open_: list[RuleResult] = []
        for one in each:
            if one.verdict is Verdict.SATISFIED:
                found.satisfied[numbers[one.rule.id]] += 1
            else:
                open_.append(one)
        if open_:
            found.results[position] = open_
    return found


def by_columns(columns: ColumnEngine, chunk: Chunk, times: Times) -> Judged:
    """Judge a chunk by column."""
    run = ChunkRun(columns.setup, chunk, [True] * len(chunk))
    start = process_time()
    run.tables.view()
    decoded = process_time()
    run.tables.compute()
    computed = process_time()
    found = run.results.replayed()
    done = process_time()
    run.rules_alone()
    alone = process_time()
    times.spent["decoding"] += decoded - start
    times.spent["facts"] += computed - decoded
    times.spent["results"] += done - computed
    times.spent["rules"] += alone - done
    return found


def same(columns: Judged, rows: Judged, engine: Engine) -> int:
    """Return how many results both have. Raises where they differ in anything."""
    held = Counter(columns.satisfied)
    numbers = {rule.rule.id: number for number, rule in enumerate(engine.rules)}
    count = 0
    for position in sorted(columns.results.keys() | rows.results.keys()):
        mine: list[RuleResult] = []
        for one in columns.results.get(position, []):
            if one.verdict is Verdict.SATISFIED:
                held[numbers[one.rule.id]] += 1
            else:
                mine.append(one)
        theirs = rows.results.get(position, [])
        if sorted(map(repr, mine)) != sorted(map(repr, theirs)):
            raise SystemExit(f"the engines differ at position {position}: {mine} {theirs}")
        count += len(mine)
    if +held != +rows.satisfied:
        raise SystemExit("the engines differ in how often rules hold")
    return count


def measured(
    history: History, size: int, rows: int, chunk_size: int, threads: int
) -> dict[str, Any]:
    """Run both engines, the counters over the first `rows` actions, and return what was seen."""
    text = contract()
    lineage, clocks, times = SpillingLineage(), Clocks(), Times()
    engine = Engine(text, lineage=lineage)
    columns = ColumnEngine(engine, threads)
    guard, alone = Engine(text, lineage=lineage), Rules(text, lineage=lineage)
    marks: list[tuple[int, float]] = []
    gc.disable()  # nothing here goes in circles, and both sides would wait for it
    for events in chunks(history, size, chunk_size):
        chunk = Chunk()
        lineage.expect(events)
        for event in events:
            chunk.add(event, lineage, clocks)
        found = by_columns(columns, chunk, times)
        times.entries += len(chunk)
        times.actions += len(chunk.positions["action"])
        if times.actions <= rows or not times.compared:
            times.results += same(found, by_rows(guard, chunk, times), engine)
            alone.rules_alone(chunk, times)
            times.compared += len(chunk)
        spent = sum(times.spent[one] for one in ("facts", "results"))
        marks.append((times.actions, spent))
        lineage.spill()
    processors = os.cpu_count() or 1
    asked = {jobs: asked_of_cel(history, jobs) for jobs in sorted({1, processors})}
    return told(times, marks, size, asked)


def told(
    times: Times, marks: list[tuple[int, float]], size: int, asked: dict[int, float]
) -> dict[str, Any]:
    """Return the result."""
    first = next(mark for mark in marks if mark[0] >= size / 5)
    growth = (marks[-1][1] / first[1]) * (first[0] / marks[-1][0]) * 5
    ratios = {
        "rules alone": times.ratio("rules", ("rules",)),
        "facts and rules": times.ratio("together", ("facts", "results")),
        "facts and rules, decoding counted": times.ratio(
            "together", ("decoding", "facts", "results")
        ),
    }
    missed = [name for name, target in TARGETS.items() if ratios[name] < target]
    if growth > GROWTH:
        missed.append("growth")
    if asked[1] < ASKED:
        missed.append("asked of CEL")
    return {
        "benchmark": "rules",
        "actions": times.actions,
        "entries": times.entries,
        "compared": times.compared,
        "results": times.results,
        "microseconds an entry": {
            name: 1e6 * spent / (times.compared if name.startswith("rows") else times.entries)
            for name, spent in sorted(times.spent.items())
        },
        "ratios": ratios,
        "targets": {**TARGETS, "growth": GROWTH, "asked of CEL": ASKED},
        "asked of CEL": asked[1],
        "asked of CEL by all": {"processes": max(asked), "records a second": asked[max(asked)]},
        "growth": growth,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "missed": missed,
        "python": platform.python_version(),
    }


def printed(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(
        f"{result['actions']:,} actions, {result['entries']:,} entries; "
        f"{result['compared']:,} of them on counters too: the same {result['results']:,} results"
    )
    for name, spent in result["microseconds an entry"].items():
        print(f"  {name:<18}{spent:8.1f} µs an entry")
    for name, ratio in result["ratios"].items():
        target = result["targets"].get(name)
        said = "" if target is None else f"   target {target:g}: {_met(result, name)}"
        print(f"  {name}: {ratio:.1f} times as fast{said}")
    print(
        f"  five times as much takes {result['growth']:.2f} times as long   "
        f"target {GROWTH:g}: {_met(result, 'growth')}"
    )
    print(
        f"  a condition without a column: {result['asked of CEL']:,.0f} records a second   "
        f"target {ASKED:,}: {_met(result, 'asked of CEL')}"
    )
    every = result["asked of CEL by all"]
    print(
        f"    in {every['processes']} processes, by the clock: "
        f"{every['records a second']:,.0f} records a second"
    )
    print(f"  memory: {result['memory']:,} MB at its highest")


def _met(result: dict[str, Any], name: str) -> str:
    return "missed" if name in result["missed"] else "met"


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="The refund contract by column and by row.")
    parser.add_argument("--size", type=int, default=SIZE, help="actions")
    parser.add_argument("--rows", type=int, default=SIZE, help="actions that counters judge too")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="entries in a chunk")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ledger", type=Path, help="a ledger of the demonstration")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history = history_of(chosen.ledger, Path(folder))
    result = measured(history, chosen.size, chosen.rows, chosen.chunk, chosen.threads)
    printed(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
