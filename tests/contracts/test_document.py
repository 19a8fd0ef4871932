"""The document models and the JSON Schema that is published of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import jsonschema_rs
import pytest
from pydantic import ValidationError

from contracts import parse_contract
from contracts.document import Clauses
from contracts.markup import read_markup
from contracts.policies import SharedPolicy
from contracts.published import SCHEMAS, json_schema, schema_text
from contracts.vocabulary import PATTERNS

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PUBLISHED = ROOT / "docs" / "reference"
FULL = (HERE / "full.yaml").read_text(encoding="utf-8")
CONTRACTS = [
    HERE / "full.yaml",
    *sorted((ROOT / "contracts" / "library").rglob("[0-9]*.yaml")),
    *sorted(ROOT.glob("data/**/contract*.yaml")),
    *sorted(ROOT.glob("benchmarks/**/contract*.yaml")),
]


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_current(name: str) -> None:
    """docs/reference/*.schema.json are what the models say today."""
    assert (PUBLISHED / name).read_text(encoding="utf-8") == schema_text(name), (
        "the models changed: run `python -m contracts.published`"
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_a_schema(name: str) -> None:
    """It is valid under the metaschema of its dialect."""
    jsonschema_rs.meta.validate(json.loads(schema_text(name)))


def undescribed(schema: object, path: str = "") -> Iterator[str]:
    """Yield each member of an object that says nothing of itself."""
    if not isinstance(schema, dict):
        return
    members = cast("dict[str, dict[str, object]]", schema)
    for key, value in members.items():
        if key == "properties":
            named = cast("dict[str, dict[str, object]]", value)
            yield from (
                f"{path}/{name}"
                for name, inner in named.items()
                if "description" not in inner and "required" not in inner
            )
        yield from undescribed(value, f"{path}/{key}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_member_is_described(name: str) -> None:
    """An editor says of every key what it is for."""
    assert list(undescribed(json.loads(schema_text(name)))) == []


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.parent.name + "-" + path.stem)
def test_schema_accepts_every_contract_of_ours(path: Path) -> None:
    """Every contract that comes with Writ is valid for an editor, and is read."""
    value, _, _ = read_markup(path.read_bytes(), path.name)
    jsonschema_rs.validate(json_schema(), value)
    parse_contract(path.read_bytes(), path.name)


def test_schema_knows_shared_policies() -> None:
    """A contract may leave its policy to what it extends, and only then; that file has a schema."""
    value, _, _ = read_markup(FULL, "full.yaml")
    del value["policy"]
    assert not jsonschema_rs.is_valid(json_schema(), value)
    value["extends"] = [{"policy": "shared/base.yaml", "digest": "ab" * 32}]
    assert jsonschema_rs.is_valid(json_schema(), value)
    limits = {"levels": [{"by": "facts.tenant", "acme": {"most": 1}}], "default": {"most": 0}}
    shared = {"policy": "base", "limits": limits, "rules": value["rules"]}
    assert jsonschema_rs.is_valid(json_schema(SharedPolicy), shared)
    limits["levels"] = [{"acme": {"most": 1}}]
    assert not jsonschema_rs.is_valid(json_schema(SharedPolicy), shared)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.parent.name + "-" + path.stem)
def test_schema_refuses_a_key_without_value(path: Path) -> None:
    """Null is no value: reading refuses it, and so does the schema."""
    value, _, _ = read_markup(path.read_bytes(), path.name)
    value["identity"]["permissions"] = None
    assert not jsonschema_rs.is_valid(json_schema(), value)


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
