"""A condition by column says what CEL says of every row, and NULL where CEL has an error."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import duckdb
import pytest

from contracts import column_shapes
from contracts.coercion import Value
from contracts.column_shapes import INT, SPAN, TEXT, ListOf, UnfitError
from contracts.column_walks import MOST
from contracts.columns import Column, Fallback, compile_condition
from contracts.evaluation import CelEvaluator
from tests.contracts.column_fuzz import VARIABLES
from tests.contracts.column_traps import BUDGETED, LONG, NANOSECOND, TRAPS, VIEW
from tests.contracts.columnwise import Compared, Sides
from verifier.columns import view_table

REFUSED: Final[Mapping[str, str]] = {
    "1u == 1u": "uint64",
    "b'a' == b'a'": "bytes",
    "[d.n, 1].size() == 2 && ['a', dyn(1)].size() == 2": "different types",
    NANOSECOND: "microseconds",
    "duration('1ns') == duration('0s')": "microseconds",
    "timestamp('2026-03-01T12:00:00.000000001Z') == v.t": "microseconds",
    "duration('315576000000s') > duration('1s')": "292 years",
    "'a'.matches(d.x)": "no literal",
    "'a'.matches('(')": "none",
    "'a'.split(d.x).size() == 1": "no literal",
    "['a'].join(d.x) == 'a'": "no literal",
    "v.li.join() == '1'": "texts",
    "'a,b'.split(',').exists(x, x == 'a')": "any length",
    "v.m.map(k, k).size() == 2": "no order",
    "int(d.x) == 1": "of a text",
    "string(1.5) == '1.5'": "of a double",
    "'abc'.substring(0, 1) == 'a'": "substring",
    "type(d.x) == type(1)": "type",
    "int == int": "no variable",
    "v.t.getHours('Europe/Berlin') == 1": "getHours",
    "{1: true}[1]": "no literal texts",
    "{'a': 1, 'a': 2}.a == 1": "twice",
    "'\\u0000' == v.s": "NUL",
    "d.x.reverse() == 'a'": "reverse",
}


@pytest.fixture(scope="module")
def sides() -> Sides:
    """The view of the table above, and one with long lists."""
    return Sides([VIEW, LONG], VARIABLES)


def test_the_traps_are_answered_as_cel_does(sides: Sides) -> None:
    """Each trap has the verdict of the table, by CEL and by column."""
    for text, wanted in TRAPS.items():
        column = sides.column(text)
        if isinstance(column, Fallback):
            assert "different types" in column.reason, (text, column)
            continue
        assert sides.by_cel(text)[0] is wanted, text
        assert sides.selected([column])[0][0] is wanted, (text, column.sql)


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_does_not_run_by_column_says_why(sides: Sides, text: str, reason: str) -> None:
    """A fallback names what it is that no column can say."""
    found = sides.column(text)
    assert isinstance(found, Fallback)
    assert reason in found.reason


def test_sql_never_tries(sides: Sides) -> None:
    """No expression rests on catching an error, and none unnests."""
    for text in TRAPS:
        column = sides.column(text)
        if isinstance(column, Column):
            assert "TRY" not in column.sql
            assert "UNNEST" not in column.sql


def test_rows_that_cel_may_run_out_of_iterations_for_are_named(sides: Sides) -> None:
    """CEL's budget is for the whole expression, and no column can count against it."""
    column = sides.column(BUDGETED)
    assert isinstance(column, Column)
    assert column.longest == 99
    assert sides.by_cel(BUDGETED) == [True, None]
    assert sides.column("v.b").longest is None
    assert sides.column("v.li.exists(x, true)").longest == 256


def test_a_map_of_chosen_members_is_not_counted() -> None:
    """Where only named members are columns, what needs the others goes to CEL."""
    shapes = {"d": column_shapes.shape_of({"a": 1, "b": 2, "k": "a"}, frozenset({"a", "k"}))}
    evaluator = CelEvaluator(("d",))
    for text in (
        "size(d) == 2",
        "d == {'a': 1}",
        "'b' in d",
        "d[d.k] == 1",
        "d.exists(k, k == 'a')",
    ):
        found = compile_condition(evaluator.compile(text), shapes)
        assert isinstance(found, Fallback), text
        assert "only the members named in conditions are kept" in found.reason


def test_a_map_of_chosen_members_has_no_other() -> None:
    """What a condition names is kept: a member that is not there is in no row."""
    shapes = {"d": column_shapes.shape_of({"a": 1}, frozenset({"a", "b"}))}
    evaluator = CelEvaluator(("d",))
    verdicts = {
        "d.a == 1": True,
        "d['a'] == 1": True,
        "d[d.a] == 1": None,
        "has(d.b)": False,
        "d.b == 2": None,
        "d['b'] == 2": None,
        "d.a['b'] == 2": None,
    }
    table = view_table(shapes, [{"d": {"a": 1}}])
    for text, wanted in verdicts.items():
        program = evaluator.compile(text)
        column = compile_condition(program, shapes)
        assert isinstance(column, Column), text
        by_cel = program.run(evaluator.bind({"d": {"a": 1}}))
        assert (by_cel if isinstance(by_cel, bool) else None) is wanted, text
        database = duckdb.connect()
        database.register("views", table)
        assert database.execute(f"SELECT {column.sql} FROM views").fetchone() == (wanted,), text  # noqa: S608


@pytest.mark.parametrize(
    "value", [2**63, float("nan"), "a\0b", timedelta(days=200_000), object(), [1, "a"]]
)
def test_what_a_column_can_not_hold_is_unfit(value: object) -> None:
    """A value that does not fit is never stored as another."""
    shapes: dict[type[object], column_shapes.Shape] = {
        float: column_shapes.DOUBLE,
        str: TEXT,
        timedelta: SPAN,
        list: ListOf(INT),
    }
    kind: type[object] = type(value)
    with pytest.raises(UnfitError):
        column_shapes.stored(shapes.get(kind, INT), value)


@pytest.mark.parametrize("value", [VIEW, LONG, [None, 1, [2.5]], {}, {"": {"a b": [], "_A": 1}}])
def test_what_is_stored_is_loaded_again(value: Value) -> None:
    """Nothing is lost between a view and its column."""
    shape = column_shapes.shape_of(value)
    held = column_shapes.stored(shape, value)
    assert column_shapes.loaded(shape, _filled(shape, held)) == value


def _filled(shape: column_shapes.Shape, held: Value) -> Value:
    """What a database gives back: every field of a struct, NULL where there is nothing."""
    if held is None or isinstance(shape, column_shapes.Never | column_shapes.Scalar):
        return held
    if isinstance(shape, ListOf):
        return [_filled(shape.item, one) for one in held]
    made = {name: _filled(one, held.get(name)) for name, one in column_shapes.fields(shape)}
    return {**held, **made}


def test_a_condition_runs_on_a_file(tmp_path: Path) -> None:
    """The same expressions on a Parquet file."""
    told = Compared()
    both = Sides([VIEW, LONG], VARIABLES)
    both.on_parquet(tmp_path)
    both.compare(TRAPS, told, where_each=1)
    assert told.differences == []


def test_more_walks_than_an_integer_has_bits_for() -> None:
    """Many `exists` and `all` over one list have each its own answer, with errors and without."""
    sides = Sides([{"l": [], "n": 0}, {"l": [3, 40, 7], "n": 40}, {"l": [0], "n": 1}], ("l", "n"))
    texts = [
        f"l.{macro}(x, {test})"
        for macro in ("exists", "all")
        for number in range(18)
        for test in (f"{number} / (x - {number}) > n", f"!(x == {number}) || n > x")
    ]
    columns = [sides.column(text) for text in texts]
    wanted = [tuple(sides.by_cel(text)) for text in texts]
    assert len(texts) > 2 * MOST
    assert sides.selected(columns) == sides.alone(columns) == wanted
    assert None in {verdict for row in wanted for verdict in row}
