"""What a condition writes out: its literals, and the functions that take one of them.

A pattern, a separator, or the text of a time means something else for each value, so only literal
ones run by column: they are checked when the condition is compiled.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Final

from contracts.column_names import RefusedError, int_literal, text_literal
from contracts.column_shapes import (
    BOOL,
    DOUBLE,
    INT,
    NEVER,
    NULL,
    SPAN,
    SPAN_MAX,
    TEXT,
    TIME,
    WILD,
    Kind,
    ListOf,
    stored,
)
from contracts.column_terms import Term, bound, flag, nothing, over, where_known
from contracts.evaluation import CelEvaluator, Program, Undecidable
from contracts.trees import KIND, Node


def literal(node: Node) -> Term:
    """Return a literal's term. Raises `RefusedError` for a type that no column has."""
    kind: str = node.WhichOneof(KIND) or ""
    if kind not in _LITERALS:
        raise RefusedError(f"a literal of the type {kind.removesuffix('_value')}")
    return _LITERALS[kind](getattr(node, kind))


def literal_text(node: Node) -> str | None:
    """Return a literal text, None for any other node."""
    if node.const_expr.WhichOneof(KIND) != "string_value":
        return None
    return str(node.const_expr.string_value)


def _double_literal(value: float) -> Term:
    if not math.isfinite(value):
        return Term(f"CAST('{value}' AS DOUBLE)", WILD, simple=True, sure=True)
    is_negative_zero = value == 0 and math.copysign(1, value) < 0
    shape = WILD if is_negative_zero else DOUBLE
    return Term(double_sql(value), shape, simple=True, sure=True)


def double_sql(value: float) -> str:
    """Return a double as SQL: without its exponent DuckDB would take it for a decimal."""
    text = repr(value)
    return f"({text})" if "e" in text else f"({text}e0)"


def _null_literal(_value: int) -> Term:
    return Term("true", NULL, simple=True, sure=True)


def _bool_literal(value: bool) -> Term:  # noqa: FBT001 - a value
    return flag(value=value)


def _int_literal(value: int) -> Term:
    return Term(int_literal(value), INT, simple=True, sure=True)


def _text_literal(value: str) -> Term:
    return Term(text_literal(value), TEXT, simple=True, sure=True)


_LITERALS: dict[str, Callable[..., Term]] = {
    "null_value": _null_literal,
    "bool_value": _bool_literal,
    "int64_value": _int_literal,
    "double_value": _double_literal,
    "string_value": _text_literal,
}


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)", re.ASCII)
_SPAN = re.compile(
    r"([-+]?)((?:\d{1,15}(?:\.\d{1,3})?ms|\d{1,15}(?:\.\d{1,6})?s|\d{1,15}(?:\.\d{1,3})?[hm])+)",
    re.ASCII,
)
_SPAN_PART = re.compile(r"(\d+)(?:\.(\d+))?(ms|s|m|h)")
_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}


def _time_literal(text: str) -> Term:
    try:
        at = datetime.fromisoformat(text).astimezone(UTC) if _TIME.fullmatch(text) else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise RefusedError("a timestamp that is not written in microseconds")
    return Term(int_literal(stored(TIME, at)), TIME, simple=True, sure=True)


def _span_literal(text: str) -> Term:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise RefusedError("a duration that is not written in microseconds or more")
    micros = 0
    for whole, part, unit in _SPAN_PART.findall(found[2]):
        # In whole numbers: the parts of a unit that the pattern admits are whole microseconds.
        micros += int(whole) * _UNITS[unit]
        micros += int(part) * _UNITS[unit] // 10 ** len(part) if part else 0
    if micros > SPAN_MAX:
        raise RefusedError("a duration of more than 292 years")
    return Term(int_literal(-micros if found[1] == "-" else micros), SPAN, simple=True, sure=True)


CONSTRUCTORS: Final[Mapping[str, Callable[[str], Term]]] = {
    "timestamp": _time_literal,
    "duration": _span_literal,
}


# ------------------------------------------------------------------- functions of literals


@cache
def _matching() -> tuple[CelEvaluator, Program]:
    evaluator = CelEvaluator(("pattern",))
    return evaluator, evaluator.compile('"".matches(pattern)')


def matches(text: Term, pattern: str | None) -> Term:
    """Return a match: both engines search with RE2, and CEL has said that the pattern is one."""
    if pattern is None:
        raise RefusedError("a pattern that is no literal")
    evaluator, program = _matching()
    if isinstance(program.run(evaluator.bind({"pattern": pattern})), Undecidable):
        raise RefusedError("a pattern that is none")
    if r"\C" in pattern:
        raise RefusedError("a pattern that matches single bytes")
    quoted = text_literal(pattern)

    def use(one: Term) -> Term:
        if one.kind is not Kind.TEXT:
            return nothing(NEVER)
        return Term(f"regexp_matches({one.sql}, {quoted})", BOOL, sure=one.sure)

    return over(text, use)


def split(text: Term, between: str | None) -> Term:
    """Return the parts of a text, as many as there are."""
    if not between:
        raise RefusedError("split() at what is no literal, or at nothing")
    quoted = text_literal(between)

    def use(one: Term) -> Term:
        if one.kind is not Kind.TEXT:
            return nothing(NEVER)
        sql = f"string_split({one.sql}, {quoted})"
        return Term(sql, ListOf(TEXT), sure=one.sure, length=None)

    return over(text, use)


def together(many: Term, between: str | None) -> Term:
    """Return texts in one. Raises `RefusedError` for other elements, and for what DuckDB lacks."""
    if between is None:
        raise RefusedError("join() by what is no literal")
    quoted = text_literal(between)

    def use(one: Term) -> Term:
        if not isinstance(one.shape, ListOf):
            return nothing(NEVER)
        if one.shape.item not in {TEXT, NEVER}:
            raise RefusedError("join() of a list that may hold something else than texts")
        empty = one.shape.item == NEVER
        sql = "''" if empty else f"coalesce(array_to_string({one.sql}, {quoted}), '')"
        return where_known([one], Term(sql, TEXT, sure=True))

    return over(many, lambda one: bound(one, use))


def replaced(text: Term, old: str | None, new: Term) -> Term:
    """Return a text with each occurrence of another replaced."""
    if not old:
        raise RefusedError("replace() of what is no literal, or of nothing")
    quoted = text_literal(old)

    def use(one: Term) -> Term:
        def apply(by: Term) -> Term:
            if one.kind is not Kind.TEXT or by.kind is not Kind.TEXT:
                return nothing(NEVER)
            return Term(f"replace({one.sql}, {quoted}, {by.sql})", TEXT)

        return over(new, apply)

    return over(text, use)
