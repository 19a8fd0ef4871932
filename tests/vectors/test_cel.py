"""Google's conformance tests of CEL, through the evaluator that conditions run on.

The core of them: what a contract's conditions may say. Each known failure of the library is listed
with its reason, and is noticed when it goes away.
"""

import base64
import gzip
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from contracts.coercion import is_list
from contracts.evaluation import CelEvaluator, ConditionError, Undecidable
from contracts.instants import for_cel

Value: TypeAlias = Any
Test = Mapping[str, Value]

FILE: Final = Path(__file__).parents[3] / "shared" / "vectors" / "cel" / "conformance.jsonl.gz"
CORE: Final = (
    *("basic", "comparisons", "conversions", "fields", "fp_math", "integer_math", "lists"),
    *("logic", "macros", "parse", "plumbing", "string", "timestamps"),
)
NOT_PLAIN: Final = frozenset({"type", "uint", "object", "enum"})

# A condition is always type-checked, so what only passes unchecked is refused before it runs.
UNCHECKED: Final = "the test turns the type check off"
KNOWN: Final[Mapping[str, str]] = {
    "basic/variables/unbound_is_runtime_error": UNCHECKED,
    "basic/functions/unbound_is_runtime_error": UNCHECKED,
    "comparisons/eq_literal/not_eq_list_length": UNCHECKED,
    "comparisons/eq_literal/eq_mixed_types": UNCHECKED,
    "comparisons/eq_literal/eq_list_elem_mixed_types": UNCHECKED,
    "comparisons/ne_literal/ne_mixed_types": UNCHECKED,
    "logic/conditional/mixed_type": UNCHECKED,
    "logic/AND/short_circuit_type_left": UNCHECKED,
    "logic/AND/short_circuit_type_right": UNCHECKED,
    "logic/OR/short_circuit_type_left": UNCHECKED,
    "logic/OR/short_circuit_type_right": UNCHECKED,
    **{
        f"parse/receiver_function_names/{word}": UNCHECKED
        for word in (
            *("as", "break", "const", "continue", "else", "for", "function", "if", "import"),
            *("let", "loop", "package", "namespace", "return", "var", "void", "while"),
        )
    },
    "fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous": (
        "the library takes the keys 0 and 0u of one map for two; views have no keys but strings"
    ),
    "parse/bytes_literals/triple_single_quoted_unescaped_punctuation": (
        "the bytes expected hold a backslash that the expression does not"
    ),
    "parse/bytes_literals/triple_double_quoted_unescaped_punctuation": (
        "the bytes expected hold a backslash that the expression does not"
    ),
}


def core() -> list[Test]:
    """The core tests that need no protobuf messages; none where the file is not there."""
    if not FILE.exists():
        return []
    lines = gzip.decompress(FILE.read_bytes()).decode().splitlines()
    every: list[Test] = [json.loads(line) for line in lines]
    return [one for one in every if one["file"] in CORE and not one["proto"]]


def name_of(test: Test) -> str:
    """A test's name, with its file and section."""
    return f"{test['file']}/{test['section']}/{test['name']}"


def plain(tagged: Value) -> Value:
    """A value of the tests as the evaluator takes and gives it."""
    kind, value = tagged
    if kind in {"int", "uint"}:
        return int(value)
    if kind == "double":
        return float(value)
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "list":
        return [plain(one) for one in value]
    if kind == "map":
        return {plain(key): plain(one) for key, one in value}
    if kind in {"timestamp", "duration"}:
        span = timedelta(seconds=value[0], microseconds=value[1] // 1000)
        return span if kind == "duration" else datetime(1970, 1, 1, tzinfo=UTC) + span
    return value


def same(left: Value, right: Value) -> bool:
    """Whether two values are equal in type too; NaN is itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    if is_list(left):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def answer(test: Test) -> Value:
    """What the evaluator makes of a test's expression."""
    evaluator = CelEvaluator(tuple(test["env_names"]))
    bound = {name: for_cel(plain(value)) for name, value in test["bindings"].items()}
    try:
        program = evaluator.compile(test["expr"])
    except ConditionError as error:
        return Undecidable(str(error))
    return program.run(evaluator.bind(bound))


def passes(test: Test) -> bool:
    """Whether the evaluator answers as the test expects."""
    found = answer(test)
    kind, wanted = test["expect"]
    if kind != "value":
        return isinstance(found, Undecidable)
    if wanted[0] in NOT_PLAIN:
        # Such a value is CEL's own and no condition keeps it: it has to be refused, by this name.
        return isinstance(found, Undecidable) and "no plain value" in found.reason
    return not isinstance(found, Undecidable) and same(found, plain(wanted))


@pytest.mark.skipif(not FILE.exists(), reason="the third-party vectors are not beside the project")
@pytest.mark.parametrize("test", [pytest.param(one, id=name_of(one)) for one in core()])
def test_cel_is_cel(test: Test) -> None:
    """An expression has the value, or the error, that the language's own tests say."""
    assert passes(test) is (name_of(test) not in KNOWN), answer(test)


@pytest.mark.skipif(not FILE.exists(), reason="the third-party vectors are not beside the project")
def test_every_known_failure_names_a_test() -> None:
    """The list of known failures holds no name that is no test."""
    assert set(KNOWN) <= {name_of(test) for test in core()}
