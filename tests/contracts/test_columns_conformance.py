"""CEL's conformance tests: both engines agree on each, or the column engine says why it refuses."""

import gzip
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.coercion import Value, is_list, is_map
from contracts.column_shapes import NEVER, UnfitError, loaded, shape_of
from contracts.columns import Fallback, compile_value
from contracts.evaluation import CelEvaluator, ConditionError, Undecidable
from contracts.instants import for_cel
from tests.contracts.columnwise import Sides

VECTORS: Final = (
    Path(
        os.environ.get("WRIT_TEST_VECTORS", Path(__file__).resolve().parents[3] / "shared/vectors")
    )
    / "cel/conformance.jsonl.gz"
)
CORE: Final = frozenset(
    (
        *("basic", "comparisons", "conversions", "fields", "fp_math", "integer_math", "lists"),
        *("logic", "macros", "parse", "plumbing", "string", "timestamps"),
    )
)


class NoViewError(Exception):
    """A test that binds what no record can hold, and why."""


def _plain(typed: Any) -> Value:  # noqa: ANN401 - a typed value of the vectors
    """The plain value of a typed one."""
    kind, value = typed
    if kind == "list":
        return [_plain(one) for one in value]
    if kind == "map":
        return {_key(name): _plain(one) for name, one in value}
    if kind not in _MADE:
        raise NoViewError(f"a value of the type {kind}")
    return _MADE[kind](value)


def _span(value: Any) -> timedelta:  # noqa: ANN401 - as the vectors write it
    if isinstance(value, str) and value.endswith("s"):
        return timedelta(seconds=float(value[:-1]))
    raise NoViewError("a duration")


def _itself(value: Value) -> Value:
    return value


_MADE: dict[str, Callable[[Any], Value]] = {
    "null": _itself,
    "bool": _itself,
    "string": _itself,
    "int": int,
    "double": float,
    "duration": _span,
}


def _key(typed: Any) -> str:  # noqa: ANN401 - a typed value of the vectors
    kind, value = typed
    if kind != "string":
        raise NoViewError("a map whose keys are no texts")
    return str(value)


def alike(left: Value, right: Value) -> bool:
    """Whether two results are one value of one type; NaN is NaN, and maps have no order."""
    if isinstance(left, Undecidable) or isinstance(right, Undecidable):
        return isinstance(left, Undecidable) and isinstance(right, Undecidable)
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(alike, left, right))
    if is_map(left) and is_map(right):
        return left.keys() == right.keys() and all(alike(left[name], right[name]) for name in left)
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return type(left) is type(right) and bool(left == right)


def _expected(expect: Any) -> Value:  # noqa: ANN401 - as the vectors write it
    try:
        return _plain(expect[1]) if expect[0] == "value" else Undecidable("")
    except NoViewError:
        return NotImplemented


def core_tests() -> Iterator[dict[str, Any]]:
    """The core tests."""
    with gzip.open(VECTORS, "rt", encoding="utf-8") as lines:
        for line in lines:
            one: dict[str, Any] = json.loads(line)
            if one["file"] in CORE:
                yield one


def answered(one: dict[str, Any]) -> tuple[str, str]:
    """What became of a test: agreed, refused with the reason, or differs."""
    if one["proto"]:
        return "refused", "it needs protobuf messages, which no view holds"
    if one["container"] or one["check_only"] or one["disable_macros"]:
        return "refused", "it is about a container, the checker alone, or macros that are off"
    try:
        views = {name: _plain(value) for name, value in one["bindings"].items()}
        shapes = {name: shape_of(value) for name, value in views.items()}
    except (NoViewError, UnfitError) as error:
        return "refused", f"it binds {error}"
    names = tuple({*views, *one["env_names"]})
    evaluator = CelEvaluator(names)
    try:
        program = evaluator.compile(one["expr"])
    except ConditionError:
        return "refused", "CEL refuses it in an environment where all variables are maps"
    wanted = program.run(evaluator.bind({name: for_cel(value) for name, value in views.items()}))
    column = compile_value(program, {**dict.fromkeys(names, NEVER), **shapes})
    if isinstance(column, Fallback):
        return "refused", column.reason
    sides = Sides([views], names)
    ((held,),) = sides.selected([column])
    found = Undecidable("") if held is None else loaded(column.shape, held)
    if alike(wanted, found):
        return "agreed", "" if alike(_expected(one["expect"]), found) else one["expr"]
    return "differs", f"{one['file']} {one['expr']}: CEL {wanted!r}, SQL {found!r}"


def test_the_core_tests_of_cel_agree_in_both_engines() -> None:
    """No test of CEL's core has another result by column than by CEL."""
    if not VECTORS.is_file():
        pytest.skip(
            f"there are no conformance tests at {VECTORS}: name the folder of vectors in "
            "WRIT_TEST_VECTORS"
        )
    found = [answered(one) for one in core_tests()]
    counts = Counter(kind for kind, _ in found)
    print(dict(counts))  # noqa: T201 - the counts are what this test is asked for
    for reason, number in Counter(why for kind, why in found if kind == "refused").most_common():
        print(f"{number:5} {reason}")  # noqa: T201
    others = [why for kind, why in found if kind == "agreed" and why]
    print(f"of those that agree, {len(others)} are not what the test expects: {others}")  # noqa: T201
    assert [why for kind, why in found if kind == "differs"] == []
    assert counts["agreed"] >= 612
