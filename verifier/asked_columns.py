"""What a condition reads, taken from columns and handed to CEL record by record.

A condition that has no SQL is asked of CEL on just the columns that it reads. Making a record's
values takes longer than CEL does, so they are not made of the record again, but of the columns.
That is exact where no map is taken as a whole: of a map a column has the members that some
condition names, and no others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pyarrow as pa

from contracts.coercion import Value
from contracts.column_shapes import NEVER, Kind, ListOf, Record, Scalar, Shape, loaded, options_of
from contracts.column_shapes import field as field_name
from contracts.evaluation import Condition, Undecidable, shared_evaluator
from contracts.instants import for_cel, stamp
from contracts.scanning import FACTS
from contracts.unseen import ANY, How, Path
from verifier.columns import MISSING, Held

_AS_HELD: Final = frozenset({Kind.BOOL, Kind.INT, Kind.DOUBLE, Kind.TEXT})


@dataclass(frozen=True, slots=True)
class Part:
    """A variable that a condition reads.

    Attributes:
        root: Its name.
        shape: Its shape; of a map with the members that are read, and no more.
    """

    root: str
    shape: Shape

    @property
    def members(self) -> Sequence[tuple[str, Shape]]:
        """Return its members; of what is no map, itself."""
        return self.shape.members if isinstance(self.shape, Record) else [("", self.shape)]


@dataclass(frozen=True, slots=True)
class Question:
    """A condition and what it reads, as a process of its own can be asked it.

    Attributes:
        text: The condition.
        truth: Whether its truth is wanted; else its value.
        parts: What it reads.
    """

    text: str
    truth: bool
    parts: tuple[Part, ...]


def fact_column(name: str) -> str:
    """Return the name of a fact's column: the database does not tell capital letters apart."""
    return f"fact_{field_name(name)}"


# ------------------------------------------------------------------- what columns can answer


def question(condition: Condition, shapes: Mapping[str, Shape], *, truth: bool) -> Question | None:
    """Return a condition as it can be asked of columns, None where they do not hold all of it.

    Args:
        condition: The condition.
        shapes: The shapes of the variables that it may see.
        truth: Whether its truth is wanted.
    """
    reads = condition.reads
    touched = {(one.how, one.path) for one in condition.touches}
    if reads.whole_facts or not all(_held(how, path, shapes) for how, path in touched):
        return None
    members = {**reads.members, **({FACTS: reads.facts} if reads.facts else {})}
    parts: list[Part] = []
    for root, names in sorted(members.items()):
        shape = shapes.get(root, NEVER)
        if isinstance(shape, Record) and names is not None:
            shape = Record(tuple(one for one in shape.members if one[0] in names), shape.whole)
        if shape != NEVER:
            parts.append(Part(root, shape))
    return Question(condition.text, truth, tuple(parts))


def _held(how: How, path: Path, shapes: Mapping[str, Shape]) -> bool:
    """Return whether columns hold all that a condition takes at a path."""
    found = _at(shapes.get(path[0], NEVER), path[1:])
    if how is How.ASKS:
        return True
    if how is How.WALKS:
        return not any(isinstance(one, Record) for shape in found for one in options_of(shape))
    return not any(map(_lacks, found))


def _at(shape: Shape, path: Path) -> list[Shape]:
    """Return the shapes that a value may have at a path."""
    if not path:
        return [shape]
    found: list[Shape] = []
    for one in options_of(shape):
        if isinstance(one, ListOf):
            found += _at(one.item, path[1:])
        elif isinstance(one, Record) and path[0] != ANY:
            found += _at(one.member(path[0]) or NEVER, path[1:])
    return found


def _lacks(shape: Shape) -> bool:
    """Return whether a shape has a map that may lack members, or whose order might be told."""
    inner = [one.item for one in options_of(shape) if isinstance(one, ListOf)]
    return any(isinstance(one, Record) for one in options_of(shape)) or any(map(_lacks, inner))


# --------------------------------------------------------------------------- what it reads


def read_columns(asked: Question, table: pa.Table, rows: Sequence[int] | None) -> pa.RecordBatch:
    """Return just what a condition reads, of some rows; None for all of them.

    Of each variable first whether a row has it, then its members.
    """
    found: list[Held] = []
    for part in asked.parts:
        if part.root == FACTS:
            there: Held = pa.array([True] * table.num_rows, pa.bool_())
            arrays = [table[fact_column(name)].combine_chunks() for name, _ in part.members]
        else:
            whole: Held = table[part.root].combine_chunks()
            there = whole.is_valid()
            is_map = isinstance(part.shape, Record)
            arrays = [
                whole.field(field_name(name)) if is_map else whole for name, _ in part.members
            ]
        found += [there, *arrays]
    if not found:
        found = [pa.array([True] * table.num_rows, pa.bool_())]
    if rows is not None:
        places: Held = pa.array(rows, pa.int64())
        found = [one.take(places) for one in found]
    return pa.RecordBatch.from_arrays(found, [str(number) for number in range(len(found))])


def answers(asked: Question, held: pa.RecordBatch) -> list[Value]:
    """Return what CEL says of each row, `MISSING` where it has an error."""
    evaluator = shared_evaluator()
    run, bind = evaluator.compile(asked.text).run, evaluator.bind
    return [told(run(bind(values)), truth=asked.truth) for values in _bound(asked, held)]


def told(value: Value, *, truth: bool) -> Value:
    """Return what CEL said, `MISSING` where it has an error, or says no truth that is wanted."""
    wrong = isinstance(value, Undecidable) or (truth and not isinstance(value, bool))
    return MISSING if wrong else value


def _bound(asked: Question, held: pa.RecordBatch) -> Iterator[dict[str, Value]]:
    """Yield the variables of each row."""
    columns: Iterator[Held] = iter(cast("list[Held]", held.columns))
    roots: list[str] = []
    values: list[list[Value]] = []
    for part in asked.parts:
        there: list[Any] = next(columns).to_pylist()
        inner = [_values(shape, next(columns)) for _, shape in part.members]
        roots.append(part.root)
        if isinstance(part.shape, Record):
            names = [name for name, _ in part.members]
            values.append(_maps(names, inner, there))
        else:
            values.append(inner[0])
    if not roots:
        yield from ({} for _ in range(held.num_rows))
    for row in zip(*values, strict=True):
        yield {root: one for root, one in zip(roots, row, strict=True) if one is not MISSING}


def _maps(names: Sequence[str], inner: Sequence[list[Value]], there: list[Any]) -> list[Value]:
    """Return a map for each row, of the members that it has."""
    if not names:
        return [{} if has else MISSING for has in there]
    return [
        {name: one for name, one in zip(names, row, strict=True) if one is not MISSING}
        if has
        else MISSING
        for has, row in zip(there, zip(*inner, strict=True), strict=True)
    ]


def _values(shape: Shape, array: Held) -> list[Value]:
    """Return a column's values as CEL takes them, `MISSING` where it has none."""
    held = array.to_pylist()
    if isinstance(shape, Scalar) and shape.kind in _AS_HELD:
        return [MISSING if one is None else one for one in held]
    if isinstance(shape, Scalar) and shape.kind is Kind.TIME:
        return [MISSING if one is None else stamp(one) for one in held]
    return [MISSING if one is None else for_cel(loaded(shape, one)) for one in held]
