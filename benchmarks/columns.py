"""Conditions by column against CEL row by row: the same conditions on the same views.

    python benchmarks/columns.py [--rows N] [--json]

Both sides must give the same verdicts. CEL's side is its evaluation and the conversion of a
record's fields, without the shortcuts of the engine; the column side is one SELECT on one thread,
with its verdicts handed to Python.
Making the table, which each condition shares, is timed apart.
"""

import argparse
import json
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import duckdb

from contracts.coercion import Value
from contracts.column_shapes import Shape, joined, shape_of
from contracts.columns import Column, compile_condition
from contracts.evaluation import CelEvaluator
from contracts.instants import for_cel
from verifier.columns import view_table

CONDITIONS = (
    'action.tool == "payouts.create"',
    "params.amount.micros > limits.auto_approve_micros",
    "has(action.estimate) ? action.estimate.cost.micros + 500 > 90000 : false",
    'evidence.exists(e, e.kind == "transaction" && e.ref == params.transaction_id)',
    'evidence.all(e, action.time - e.time < duration("24h"))',
    'params.reason.startsWith("damaged") || params.reason.contains("late")',
    'action.channel in ["chat", "portal"] && params.amount.currency != "EUR"',
    'evidence.filter(e, e.kind == "policy").size() > 1',
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def views(number: int) -> dict[str, Value]:
    """Return the views of one record."""
    action: dict[str, Any] = {
        "tool": "payouts.create" if number % 3 else "payouts.read",
        "time": NOON,
    }
    if number % 5:
        action["estimate"] = {"cost": {"micros": number, "currency": "EUR"}}
    if number % 7:
        action["channel"] = "chat" if number % 2 else "case"
    params: dict[str, Any] = {"transaction_id": f"t{number % 100}"}
    params["amount"] = {"micros": number * 1000, "currency": "EUR" if number % 2 else "USD"}
    if number % 11:
        params["reason"] = "damaged in transit" if number % 4 else "arrived too late"
    evidence = [
        {
            "kind": "transaction",
            "ref": f"t{number % 50}",
            "time": NOON - timedelta(hours=number % 30),
        },
        {"kind": "policy", "time": NOON},
    ][: number % 3]
    limits = {"auto_approve_micros": 50_000_000}
    return {"action": action, "params": params, "evidence": evidence, "limits": limits}


def shapes(rows: list[dict[str, Value]]) -> dict[str, Shape]:
    """Return the shape of each variable."""
    return {name: joined(*{shape_of(row[name]) for row in rows}) for name in rows[0]}


def by_cel(rows: list[dict[str, Value]]) -> list[tuple[Value, ...]]:
    """Return each condition's verdict on each row, by CEL."""
    evaluator = CelEvaluator(tuple(rows[0]))
    programs = [evaluator.compile(text) for text in CONDITIONS]
    found: list[tuple[Value, ...]] = []
    for row in rows:
        binding = evaluator.bind({name: for_cel(value) for name, value in row.items()})
        answers = (program.run(binding) for program in programs)
        found.append(tuple(one if isinstance(one, bool) else None for one in answers))
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [views(number) for number in range(given.rows)]
    start = process_time()
    known = shapes(rows)
    database = duckdb.connect()
    database.execute("SET threads = 1")
    database.register("arrow_views", view_table(known, rows))
    database.execute("CREATE TABLE views AS SELECT * FROM arrow_views")
    made = process_time() - start
    evaluator = CelEvaluator(tuple(known))
    columns = [compile_condition(evaluator.compile(text), known) for text in CONDITIONS]
    compiled = [one.sql for one in columns if isinstance(one, Column)]
    assert len(compiled) == len(CONDITIONS)
    statement = f"SELECT {', '.join(compiled)} FROM views"  # noqa: S608 - compiled
    start = process_time()
    got = database.execute(statement).fetchall()
    column_seconds = process_time() - start
    start = process_time()
    wanted = by_cel(rows)
    cel_seconds = process_time() - start
    assert got == wanted
    asked = given.rows * len(CONDITIONS)
    result = {
        "rows": given.rows,
        "conditions": len(CONDITIONS),
        "table_seconds": round(made, 2),
        "column_seconds": round(column_seconds, 3),
        "cel_seconds": round(cel_seconds, 2),
        "conditions_a_second_by_column": round(asked / column_seconds),
        "conditions_a_second_by_cel": round(asked / cel_seconds),
        "times_as_fast": round(cel_seconds / column_seconds, 1),
    }
    print(json.dumps(result) if given.json else "\n".join(f"{k}: {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
