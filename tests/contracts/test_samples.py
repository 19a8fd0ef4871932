"""Samples of a schema: at its edges, and what it admits first."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.samples import edges, leaves, matching
from contracts.schema_checks import validator


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 3}, [3]),
        ({"enum": ["a", "b"]}, ["a", "b"]),
        ({"type": "integer", "minimum": 1, "maximum": 9}, [1, 9, 0, 10]),
        ({"type": "integer", "exclusiveMinimum": 0}, [1, 0]),
        ({"type": ["integer", "null"]}, [1]),
        ({"type": "boolean"}, [True, False]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["xx", "x", "xxx", "xxxx"]),
        ({"type": "string", "pattern": "^T-[0-9]{2}$"}, ["T-00", "T-00-"]),
        ({"type": "array", "items": {"enum": [7]}, "minItems": 1}, [[7], []]),
        ({"type": "object", "properties": {"a": {"const": 1}}}, [{"a": 1}]),
        ({"anyOf": [{"type": "null"}, {"const": 2}]}, [2]),
        ({}, []),
    ],
)
def test_edges(schema: dict[str, Any], expected: list[object]) -> None:
    """What is admitted comes first, then what lies just beyond."""
    found: list[object] = []
    for one in edges(schema):
        if one not in found:
            found.append(one)
    assert found == expected


def test_a_schema_that_allows_gigabytes() -> None:
    """No sample is made of a length that nobody would read."""
    schema = {"type": "string", "minLength": 10**9}
    assert max(len(one) for one in edges(schema)) <= 10_000


def test_leaves() -> None:
    """Places of parameters, through objects and references, and whether they must be there."""
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"$ref": "#/$defs/money"},
            "b": {"type": "object", "required": ["c"], "properties": {"c": {"type": "string"}}},
            "d": True,
        },
        "$defs": {
            "money": {"type": "object", "required": ["m"], "properties": {"m": {"type": "integer"}}}
        },
    }
    found = {leaf.path: leaf.required for leaf in leaves(schema)}
    assert found == {("a", "m"): True, ("b", "c"): False, ("d",): False}
    assert list(leaves(None)) == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^C-[0-9]{5}$", "C-00000"),
        ("(EU|US)+", "EU"),
        (r"\d{2,}\.\w?", "00.a"),
        ("[^x]b*", "ab"),
        ("a|b", "a"),
        ("(?:x)y", "xy"),
        ("(?!x)y", None),
        ("[", None),
    ],
)
def test_matching(pattern: str, expected: str | None) -> None:
    """A short text that matches, or honestly none."""
    assert matching(pattern) == expected


@given(st.integers(-50, 50), st.integers(0, 50))
def test_the_first_edge_is_admitted(least: int, more: int) -> None:
    """So that a call made of first values conforms."""
    schema = {"type": "integer", "minimum": least, "maximum": least + more}
    assert validator(schema).is_valid(edges(schema)[0])
