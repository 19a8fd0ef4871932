"""Both engines side by side: the same conditions on the same views, and where they differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from contracts.coercion import Value
from contracts.column_shapes import NEVER, Shape, joined, shape_of
from contracts.column_walks import selection
from contracts.columns import Column, compile_condition
from contracts.evaluation import CelEvaluator, ConditionError
from contracts.instants import for_cel
from verifier.columns import LONGEST, view_table

Views = Mapping[str, Value]
BATCH: Final = 20
"""Expressions in one SELECT: a statement is planned once for all of them."""


def shapes_of(rows: Iterable[Views]) -> dict[str, Shape]:
    """The shape of each variable that any of these rows has."""
    shapes: dict[str, Shape] = {}
    for views in rows:
        for name, value in views.items():
            found = shape_of(value)
            known = shapes.get(name)
            shapes[name] = found if known is None else joined(known, found)
    return shapes


@dataclass
class Compared:
    """What a comparison of both engines saw."""

    expressions: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])
    verdicts: int = 0
    left_to_cel: int = 0
    undecidable: int = 0
    true: int = 0
    differences: list[str] = field(default_factory=list[str])


class Sides:
    """A set of views, as bindings of CEL and as a table of DuckDB."""

    def __init__(self, rows: Sequence[Views], variables: tuple[str, ...]) -> None:
        self.rows = rows
        self.shapes = {**dict.fromkeys(variables, NEVER), **shapes_of(rows)}
        self.evaluator = CelEvaluator(variables)
        self.bindings = [
            self.evaluator.bind({name: for_cel(value) for name, value in views.items()})
            for views in rows
        ]
        self.database = duckdb.connect()
        self.database.execute("SET threads = 1")
        table = view_table(self.shapes, rows).append_column("row", [list(range(len(rows)))])
        self.database.register("arrow_views", table)
        self.database.execute("CREATE TABLE views AS SELECT * FROM arrow_views")
        self.source = "views"

    def on_parquet(self, folder: Path) -> None:
        """Read from a file from now on."""
        path = str(folder / "views.parquet").replace("'", "''")
        self.database.execute(f"COPY views TO '{path}' (FORMAT parquet)")
        self.source = f"read_parquet('{path}')"

    def by_cel(self, text: str) -> list[Value]:
        """CEL's verdict for each row: None where it has an error, or no bool."""
        program = self.evaluator.compile(text)
        found = (program.run(binding) for binding in self.bindings)
        return [one if isinstance(one, bool) else None for one in found]

    def column(self, text: str) -> Any:  # noqa: ANN401 - a column or why there is none
        """The condition as a column."""
        return compile_condition(self.evaluator.compile(text), self.shapes)

    def selected(self, columns: Sequence[Column]) -> list[tuple[Value, ...]]:
        """Each column's verdict for each row, what they have in common computed once."""
        joined = {f"c{number}": one.joined for number, one in enumerate(columns)}
        statement = selection(joined, f"(SELECT * FROM {self.source} ORDER BY row)")  # noqa: S608
        found = self.database.execute(statement).fetchall()
        return list(zip(*found, strict=True))

    def alone(self, columns: Sequence[Column]) -> list[tuple[Value, ...]]:
        """The same, each column by itself."""
        shown = ", ".join(f"{one.sql} AS c{number}" for number, one in enumerate(columns))
        statement = f"SELECT {shown} FROM {self.source} ORDER BY row"  # noqa: S608
        found = self.database.execute(statement).fetchall()
        return list(zip(*found, strict=True))

    def filtered(self, column: Column) -> tuple[set[int], set[int]]:
        """The rows where a column is true, and where it is false, as conditions of WHERE."""
        picked: list[set[int]] = []
        for test in (column.sql, f"NOT {column.sql}"):
            statement = f"SELECT row FROM {self.source} WHERE {test}"  # noqa: S608
            picked.append({row for (row,) in self.database.execute(statement).fetchall()})
        return picked[0], picked[1]

    def compare(self, texts: Iterable[str], told: Compared, where_each: int = 10) -> None:
        """Compare both engines on each expression, and one in some as WHERE too."""
        batch: list[tuple[str, Column]] = []
        for text in texts:
            try:
                column = self.column(text)
            except ConditionError:
                continue  # CEL refuses it: the same on either side
            told.expressions += 1
            if isinstance(column, Column):
                batch.append((text, column))
            else:
                told.refused[column.reason] = told.refused.get(column.reason, 0) + 1
            if len(batch) == BATCH:
                self._compare(batch, told, where_each)
                batch = []
        if batch:
            self._compare(batch, told, where_each)

    def _compare(self, batch: Sequence[tuple[str, Column]], told: Compared, each: int) -> None:
        columns = [column for _, column in batch]
        found, alone = self.selected(columns), self.alone(columns)
        asked = f"SELECT {LONGEST} FROM views ORDER BY row"  # noqa: S608
        longest = self.database.execute(asked).fetchall()
        for number, (text, column) in enumerate(batch):
            wanted = self.by_cel(text)
            filtered = self.filtered(column) if number % each == 0 else None
            for row, (left, right) in enumerate(zip(wanted, found[number], strict=True)):
                if column.longest is not None and longest[row][0] > column.longest:
                    told.left_to_cel += 1
                    continue
                told.verdicts += 1
                told.true += left is True
                told.undecidable += left is None
                if left is not right or left is not alone[number][row]:
                    told.differences.append(f"{text}  on  {self.rows[row]!r}: {left} {right}")
                elif filtered is not None:
                    as_where = True if row in filtered[0] else False if row in filtered[1] else None
                    if as_where is not left:
                        told.differences.append(f"WHERE {text} on {self.rows[row]!r}: {left}")
