"""The document models and the JSON Schema that is published of them."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from pydantic import ValidationError

from contracts import parse_contract
from contracts.document import PATTERNS, Clauses, json_schema
from contracts.markup import read_markup

HERE = Path(__file__).parent
PUBLISHED = HERE.parent.parent / "docs" / "reference" / "contract.schema.json"
FULL = (HERE / "full.yaml").read_text(encoding="utf-8")


def test_published_schema_is_current() -> None:
    """docs/reference/contract.schema.json is what the models say today."""
    now = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert PUBLISHED.read_text(encoding="utf-8") == now, (
        "the models changed: write json_schema() to docs/reference/contract.schema.json"
    )


def test_schema_accepts_what_reading_accepts() -> None:
    """An editor that checks by the schema has nothing against a contract that is read."""
    value, _, _ = read_markup(FULL, "full.yaml")
    assert jsonschema_rs.is_valid(json_schema(), value)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("identity", '{"service": "refunds", "owner": "maria"}'),
        ("version", "1.0"),
        ("tools", '{"a b": {"mode": "read"}}'),
        ("scope", '{"modes": []}'),
        ("extra", "1"),
        ("rules", '[{"id": "a", "for": [], "when": "true"}]'),
    ],
)
def test_schema_refuses_what_reading_refuses(key: str, wrong: str) -> None:
    """And it refuses the ordinary slips."""
    value, _, _ = read_markup(FULL, "full.yaml")
    value[key] = json.loads(wrong)
    assert not jsonschema_rs.is_valid(json_schema(), value)
    with pytest.raises(ValidationError):
        Clauses.model_validate_json(json.dumps(value))


def test_every_pattern_has_words() -> None:
    """No error shows a regular expression to a person."""
    schema = json.dumps(json_schema())
    shown = {json.dumps(pattern)[1:-1] for pattern in PATTERNS}
    assert all(pattern in schema for pattern in shown)


def test_documents_are_frozen() -> None:
    """A document is never edited: a changed contract is another text."""
    document, field = parse_contract(FULL), "version"
    with pytest.raises(ValidationError):
        setattr(document.clauses, field, "2")
