"""The document models and the JSON Schema that is published of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import jsonschema_rs
import pytest
from pydantic import ValidationError

from contracts import ContractErrors, parse_contract
from contracts.document import Clauses
from contracts.markup import read_markup
from contracts.policies import SharedPolicy
from contracts.published import SCHEMAS, json_schema, schema_text
from contracts.steps import SettingText, SuiteText
from contracts.suites import is_setting, parse_setting, parse_suite
from contracts.vocabulary import PATTERNS
from writ.commands.reading import published_text

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


SCENARIOS = sorted((ROOT / "contracts" / "library").rglob("scenarios/*.yaml"))


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
    parse_contract(published_text(path), path.name)


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


# --------------------------------------------------------------------------- scenarios


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_schema_accepts_every_suite_of_ours(path: Path) -> None:
    """Every file of scenarios that comes with Writ is valid for an editor."""
    value, _, _ = read_markup(path.read_bytes(), path.name)
    model = SettingText if is_setting(path.read_bytes()) else SuiteText
    jsonschema_rs.validate(json_schema(model), value)


SUITE = """\
suite: s
contract: c
versions: [1.0.0]
now: "2026-04-15T12:00:00Z"
people: {lead: {owner: ann, roles: [lead]}}
values: {amount: 5, who: lead, what: ok}
blocks:
  ready: [{run: r, ago: 1h}, {action: "$tool", as: held, params: {n: $amount}, turn: $amount}]
  one: {close: r, value: 1.50 EUR}
scenarios:
  - scenario: a
    covers: [tool-failure]
    given:
      - ready
      - {use: ready, with: {tool: pay}, repeat: 2, every: 5m, ago: 30m}
      - {action: pay, outcome: $what, observed: {observation: o, source: s, fields: {x: [1]}}}
      - {action: pay, outcome: {status: ok, took: 2s, cost: {micros: 1, currency: EUR}}}
      - {observation: order, source: shop, digest: false, seen: 2h}
      - {approval: held, by: $who, expires: -1s}
      - {switch: engaged, by: lead, mode: safe}
      - {message: user, content: hello, tokens: {input: 3}}
    when: {action: pay, evidence: "order, other", resumes: held}
    after: one
    then: {decision: deny, reasons: scope.x, findings: {scope.x: violated}, at: {held: {a.b: none}}}
"""


def test_schema_accepts_a_suite_of_every_kind_of_step() -> None:
    """Values in place of numbers and words, amounts in words, parts of an action, blocks."""
    value, _, _ = read_markup(SUITE, "s.yaml")
    jsonschema_rs.validate(json_schema(SuiteText), value)
    assert steps_of(SUITE.replace("      - ready\n", "")) > 1
    setting = 'setting: s\nnow: "2026-04-15T12:00:00Z"\nblocks: {b: [{run: r}]}\n'
    parse_setting(setting)
    value, _, _ = read_markup(setting, "s.yaml")
    assert jsonschema_rs.is_valid(json_schema(SettingText), value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("suite: s", "suites: s"),
        ("covers: [tool-failure]", "covers: [tool-failures]"),
        ("switch: engaged", "switch: engage"),
        ("{close: r, value: 1.50 EUR}", "{close: r, value: 1.50 euros}"),
        ("ago: 1h}", "ago: 1 hour}"),
        ("ago: 1h}", "before: 1h}"),
        ("repeat: 2", "repeat: 0"),
        ("{status: ok, took: 2s", "{status: fine, took: 2s"),
        ("observed: {observation: o, source: s", "observed: {observation: o, from: s"),
        ("by: lead, mode: safe", "mode: safe"),
        ("after: one", "after: [[one]]"),
        ("when: {action: pay", "when: {tool: pay"),
        ("decision: deny", "decision: denied"),
        ("{scope.x: violated}", "{scope.x: broken}"),
        ("owner: ann", "owner:"),
        ("input: 3", "input: three"),
    ],
)
def test_schema_of_suites_refuses_what_reading_refuses(old: str, new: str) -> None:
    """The ordinary slips, in the file and in its steps."""
    assert old in SUITE
    text = SUITE.replace(old, new, 1).replace("      - ready\n", "")
    value, _, _ = read_markup(text, "s.yaml")
    assert not jsonschema_rs.is_valid(json_schema(SuiteText), value)
    with pytest.raises(ContractErrors):
        steps_of(text)


def steps_of(text: str) -> int:
    """Read a suite with every step of its first scenario."""
    suite = parse_suite(text, "s.yaml")
    return sum(len(suite.lines(0, part)) for part in ("given", "when", "after"))
