"""docs/reference/columns.md lists every reason why a condition is asked of CEL."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from contracts import column_shapes
from contracts.columns import Fallback, compile_condition
from contracts.evaluation import CelEvaluator, ConditionError

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs/reference/columns.md").read_text("utf-8")
REFUSING: Final = frozenset({"RefusedError", "_refused", "Fallback", "whole_only"})


def reasons() -> Iterator[str]:
    """Each reason that the compiler can give, as far as it is written out."""
    for path in sorted((ROOT / "contracts").glob("column*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in REFUSING:
                for one in node.args:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield one.value


@pytest.mark.parametrize("reason", sorted(set(reasons())))
def test_the_page_lists_every_reason(reason: str) -> None:
    """In the words that the compiler uses."""
    assert reason in PAGE


@pytest.mark.parametrize(
    "reason",
    [
        "a literal of the type uint64; a literal of the type bytes |",
        "`NAME` with N operands |",
        "`NAME`, which is no variable of the table |",
    ],
)
def test_the_page_lists_reasons_with_names(reason: str) -> None:
    """Those that name a function, a type or a variable, with a word in its place."""
    assert f"| {reason}" in PAGE


EXAMPLES: Final = [
    part
    for line in PAGE.partition("| reason |")[2].splitlines()[2:]
    if line.startswith("|")
    for part in line.split(" | ")[1].split("`")[1::2]
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_fall_back(example: str) -> None:
    """Each example is CEL, and has no SQL."""
    text, double, inner = column_shapes.TEXT, column_shapes.DOUBLE, column_shapes.INT
    named = {"id": text, "at": text, "by": text, "a": double, "b": double, "n": inner}
    tags = column_shapes.ListOf(text)
    shapes: dict[str, column_shapes.Shape] = {
        "params": column_shapes.record({**named, "tags": tags, "x": inner}, whole=False),
        "run": column_shapes.record({"ref": text}, whole=False),
        "limits": column_shapes.record({"most": inner}),
        "action": column_shapes.record({"time": column_shapes.TIME}, whole=False),
    }
    evaluator = CelEvaluator(tuple(shapes))
    if example == 'run.ref.replace(params.a, "b")':
        shapes["params"] = column_shapes.record({"a": text}, whole=False)
    try:
        program = evaluator.compile(example)
    except ConditionError as error:
        pytest.fail(f"{example}: {error}")
    assert isinstance(compile_condition(program, shapes), Fallback), example
