"""Each mistake that the rules of the compiler forbid, made again in it, is found."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa
import pytest

from contracts import (
    column_functions,
    column_literals,
    column_macros,
    column_shapes,
    column_terms,
    columns,
)
from contracts.column_shapes import BOOL, INT, NEVER, Kind, ListOf
from contracts.column_terms import Term, nothing, truth_sql
from contracts.column_walks import Part, Walks
from tests.contracts.column_fuzz import VARIABLES, adversarial_rows, conditions
from tests.contracts.column_traps import BUDGETED, LONG, NANOSECOND, TRAPS, VIEW
from tests.contracts.columnwise import Compared, Sides

TABLE: Final = column_functions._TABLE  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001

right_choice = column_terms.choice
right_same = column_terms._same_bound  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001
right_holds = column_terms.holds
right_answer = Walks.answer


def _else(test: Term, yes: Term, no: Term) -> Term:
    made = right_choice(test, yes, no)
    at = made.sql.rindex("WHEN false THEN")
    return Term(made.sql[:at] + "ELSE" + made.sql[at + len("WHEN false THEN") :], made.shape)


def _unchecked(sql: str, *_range: object) -> Term:
    return Term(f"CAST(({sql}) AS BIGINT)", INT)


def _strict_same(pair: list[Term]) -> Term:
    kinds = {one.kind for one in pair}
    mixed = len(kinds) > 1 and not kinds <= {Kind.INT, Kind.DOUBLE}
    return nothing(NEVER) if mixed else right_same(pair)


def _plain_comparison(operator: str, left: Term, right: Term) -> Term:
    first, second = left.sql, right.sql
    if left.kind is not right.kind:
        first, second = f"CAST({first} AS DOUBLE)", f"CAST({second} AS DOUBLE)"
    return Term(f"({first} {operator} {second})", BOOL)


def _forgiving_holds(term: Term, name: str) -> Term:
    found = right_holds(term, name)
    return Term(f"coalesce({truth_sql(found)}, false)", BOOL)


def _any_true(many: Term, name: str, test: Term) -> Term:
    each = f"list_transform({many.sql}, lambda {name}: {truth_sql(test)})"
    return Term(f"list_contains({each}, true)", BOOL)


def _none_false(many: Term, name: str, test: Term) -> Term:
    each = f"list_transform({many.sql}, lambda {name}: {truth_sql(test)})"
    return Term(f"(NOT list_contains({each}, false))", BOOL)


def _kept(many: Term, name: str, test: Term) -> Term:
    sql = f"list_filter({many.sql}, lambda {name}: {truth_sql(test)})"
    return Term(sql, many.shape, length=many.length)


def _strict_and(operands: Sequence[Term]) -> Term:
    left, right = map(truth_sql, operands)
    return Term(
        f"CASE WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN {left} AND {right} END", BOOL
    )


def _with(old: str, new: str, name: str, count: int) -> Callable[[Sequence[Term]], Term]:
    """A function whose SQL has one word for another."""
    right = TABLE[name, count]

    def wrong(operands: Sequence[Term]) -> Term:
        made = right(operands)
        return Term(made.sql.replace(old, new), made.shape)

    return wrong


def _unordered(holder: Term, shape: ListOf, place: Term) -> Term:
    return Term(f"list_extract({holder.sql}, CAST({place.sql} AS BIGINT))", shape.item)


def _no_nanoseconds(text: str) -> Term:
    return column_literals.CONSTRUCTORS["duration"](text.replace("0.000000001s", "0s"))


def _concatenated(many: Term, name: str, test: Term, first: int) -> str:
    code = f"coalesce(CAST({truth_sql(test)} AS TINYINT) * 2, 1)"
    codes = f"list_transform({many.sql}, lambda {name}: {code})"
    return f"list_concat([CAST({first} AS TINYINT)], {codes})"


def _never_unknown(walks: Walks, part: Part) -> str:
    return re.sub(r"WHEN \(\w+ & \d+\) = 0 THEN", "ELSE", right_answer(walks, part))


def _false_by_default(term: Term) -> str:
    return f"coalesce({truth_sql(term)}, false)"


def _unexamined(term: Term) -> Term:
    return term


def _full_match(text: Term, pattern: str | None) -> Term:
    return Term(f"regexp_full_match({text.sql}, '{pattern}')", BOOL)


PLANTS: Final[Mapping[str, tuple[Any, Any, Any]]] = {
    "a ternary with ELSE": (columns, "choice", _else),
    "integers without a range": (column_functions, "ranged", _unchecked),
    "a divisor that may be 0": (TABLE, ("_/_", 2), _with("nullif(", "coalesce(", "_/_", 2)),
    "a remainder of the least int": (TABLE, ("_%_", 2), _with("<> -1", "<> 0", "_%_", 2)),
    "double literals as decimals": (column_literals, "double_sql", repr),
    "NaN as the greatest double": (column_terms, "compared", _plain_comparison),
    "equality across types as an error": (column_terms, "_same_bound", _strict_same),
    "has() of what is not there": (columns, "holds", _forgiving_holds),
    "a missing bool as false": (
        column_functions,
        "truth_sql",
        _false_by_default,
    ),
    "&& that does not absorb errors": (TABLE, ("_&&_", 2), _strict_and),
    "size in bytes": (TABLE, ("size", 1), _with("length(", "strlen(", "size", 1)),
    "size in graphemes": (TABLE, ("size", 1), _with("length(", "length_grapheme(", "size", 1)),
    "exists that swallows errors": (column_macros.MACROS, "exists", _any_true),
    "all that swallows errors": (column_macros.MACROS, "all", _none_false),
    "walks that swallow errors": (Walks, "answer", _never_unknown),
    "a walk of all that ends as exists does": (columns.WALKS, "all", True),
    "filter that drops errors": (columns, "filtered", _kept),
    "map that keeps errors": (column_macros, "known_items", _unexamined),
    "an absent list as an empty one": (column_macros, "_codes", _concatenated),
    "places in lists from 1, and from the end": (column_functions, "_element", _unordered),
    "members told apart without case": (column_terms, "field", str.lower),
    "nanoseconds cut off": (columns, "CONSTRUCTORS", {"duration": _no_nanoseconds}),
    "no budget of iterations": (columns, "BUDGET", 10**9),
    "seconds before 1970 towards 0": (
        TABLE,
        ("int", 1),
        _with("% 1000000) + 1000000) % 1000000", "% 1000000))", "int", 1),
    ),
    "a match of the whole text": (
        columns,
        "matches",
        _full_match,
    ),
}


# What a row's values make an expression throw; SQL that is none would be a mistake of the plant.
THROWN: Final = (
    duckdb.OutOfRangeException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    pa.ArrowInvalid,
)


def _mistakes() -> int:
    """How many mistakes the traps and some random conditions show; an exception is one."""
    told = Compared()
    texts = (*TRAPS, BUDGETED, NANOSECOND)
    try:
        with_traps = Sides([VIEW, LONG], VARIABLES)
        with_traps.compare(texts, told)
        if not told.differences:
            Sides(adversarial_rows(7), VARIABLES).compare(conditions(7, 200), told)
    except THROWN:
        return 1
    return len(told.differences)


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these mistakes, made in the compiler again, is found."""
    place, what, wrong = PLANTS[name]
    if wrong is str.lower:
        monkeypatch.setattr(column_shapes, what, wrong)
    if hasattr(place, "__getitem__"):
        table: Any = place
        monkeypatch.setitem(table, what, wrong)
    else:
        monkeypatch.setattr(place, what, wrong)
    assert _mistakes() > 0


def test_without_a_mistake_none_is_seen() -> None:
    """What finds mistakes does not cry wolf."""
    assert _mistakes() == 0
