"""Reading a contract: what is refused, where, and with which advice."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import ContractError, ContractErrors, parse_contract
from contracts.expansion import draft_contract
from contracts.markup import MAX_BYTES, lines_of, read_markup

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")

SMALL = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [read, execute]}
policy: {document: {name: refund-policy, version: "7"}}
tools:
  orders.get: {mode: read}
"""


def errors_of(text: str | bytes) -> tuple[ContractError, ...]:
    """Every error of a text that is no contract."""
    with pytest.raises(ContractErrors) as caught:
        parse_contract(text, "c.yaml")
    return caught.value.errors


def found(text: str | bytes) -> list[tuple[str, int, int]]:
    """Code and place of every error."""
    return [(error.code, error.line, error.column) for error in errors_of(text)]


def test_reads_every_clause() -> None:
    """A contract that uses every key of the language is read, and its places are known."""
    document = parse_contract(FULL, "full.yaml")
    assert document.clauses.tools["payouts.create"].idempotency == "params.transaction_id"
    assert document.source.at("tools", "payouts.create", "mode").line == 42
    assert document.source.at("tools", "payouts.create", "nowhere").line == 42
    assert document.source.key_at("tools", "payouts.create").column == 3


def test_digest_is_of_the_text() -> None:
    """The digest is the SHA-256 of the bytes: another blank is another contract."""
    first, second = parse_contract(SMALL), parse_contract(SMALL.encode() + b" \n")
    assert len(first.digest) == 64
    assert first.digest != second.digest
    assert first.digest == parse_contract(SMALL.encode()).digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("document.type", 1, 1)]),
        ("- 1\n", [("document.type", 1, 1)]),
        ("# nothing\n", [("document.type", 1, 1)]),
        (
            "a: &x 1\nb: *x\nc: !!str 3\n",
            [("yaml.anchor", 1, 4), ("yaml.alias", 2, 4), ("yaml.tag", 3, 4)],
        ),
        ("a: !foo [1]\n", [("yaml.tag", 1, 4)]),
        ('a: "\\ud800"\n', [("yaml.character", 1, 4)]),
        ("a: [", [("yaml.syntax", 1, 5)]),
        ("a:\n\t- b", [("yaml.syntax", 2, 1)]),
        ('a: "\\U00110000"', [("yaml.syntax", 1, 1)]),
        ("? [a, b]\n: 3", [("yaml.key", 1, 3)]),
        ("{" * 200, [("yaml.key", 1, 2)]),
        ("[" * 200, [("yaml.depth", 1, 65)]),
        ("a: 1\n---\nb: 2\n", [("yaml.documents", 2, 1)]),
        ("%YAML 1.1\n---\na: yes", [("yaml.directive", 2, 1)]),
        ("%TAG ! !x\n---\na: 1", [("yaml.directive", 2, 1)]),
        ("a: '\x85'\nb: &x 1", [("yaml.anchor", 2, 4)]),
        ("a: .inf", [("yaml.number", 1, 4)]),
        ("a: 1e999", [("yaml.number", 1, 4)]),
        ("a: 9007199254740992", [("yaml.number", 1, 4)]),
        ("a: -9007199254740992", [("yaml.number", 1, 4)]),
        ("a: " + "9" * 5000, [("yaml.number", 1, 4)]),
        ("%YAML 2.0\n---\na: 1", [("yaml.syntax", 1, 1)]),
        ("a: 'x\0'", [("text.character", 1, 6)]),
        ("\ufeffa: 1", [("text.character", 1, 1)]),
        ("a: 1\n\x07", [("text.character", 2, 1)]),
        ("a: \ud800", [("text.encoding", 1, 4)]),
        (b"a: 1\nb: \xff", [("text.encoding", 2, 4)]),
        (b"\xff", [("text.encoding", 1, 1)]),
        ("#" * (MAX_BYTES + 1), [("text.size", 1, 1)]),
    ],
)
def test_refuses_markup(text: str | bytes, expected: list[tuple[str, int, int]]) -> None:
    """What makes YAML dangerous or ambiguous is refused, at its place."""
    assert found(text) == expected


def test_reports_everything_at_once() -> None:
    """Every error of the document comes in one go, each with its place and its advice."""
    text = (
        FULL.replace("evidence:\n", "evidense:\n")
        .replace("owner:", "ownr:")
        .replace("rate: 60/1m", "rate: 60")
        .replace("version: 1.1.0", "version: 1.1")
        .replace("[read, recommend", "[reed, recommend")
        .replace("contract: r", "contract: x\ncontract: r")
        .replace("breaker: {failures: 5", "breaker: {failures: 0")
        .replace("within: 24h", "within: 1 day")
    )
    errors = {error.code + " " + error.message.split("`")[1]: error for error in errors_of(text)}
    assert {name: error.hint for name, error in errors.items()} == {
        "yaml.duplicate contract": "",
        "value.type version": "put it in quotes",
        "key.missing owner": "is it misspelt as `ownr`?",
        "key.unknown ownr": "did you mean `owner`?",
        'value.word "reed"': "did you mean `read` or `recommend`?",
        "key.unknown evidense": "did you mean `evidence`?",
        "value.type tools.payments.get_transaction.rate": "put it in quotes",
        "value.type tools.payouts.create.breaker.failures": "",
        'value.form "1 day"': "",
    }
    assert "a duration: a whole number" in errors['value.form "1 day"'].message
    assert str(errors["yaml.duplicate contract"]) == (
        "c.yaml:2:1: yaml.duplicate: `contract` was already given in line 1; remove or rename one"
    )
    assert str(errors["key.unknown ownr"]).endswith("(did you mean `owner`?)")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("recovery:", [("value.empty", 8, 1)]),
        ("rules: [null]", [("value.empty", 8, 9)]),
        ("rules: 3", [("value.type", 8, 8)]),
        ("identity_: 3", [("key.unknown", 8, 1)]),
        ("values: {_x: 1}", [("key.form", 8, 10)]),
        ("values: {x: ''}", [("value.type", 8, 13)]),
        ("values: {x: [1]}", [("value.type", 8, 13)]),
        ("facts: {f: {count: false, from: action}}", [("value.word", 8, 20)]),
        ("facts: {f: {last: run.ref, from: action, default: [1]}}", [("value.type", 8, 51)]),
        ("rules: [{id: a.b, for: '*', when: true}]", [("value.form", 8, 14)]),
        ("rules: [{id: a, for: [], when: true}]", [("value.type", 8, 22)]),
        ("rules: [{id: a, for: [x, 3], when: true}]", [("value.type", 8, 26)]),
        ("rules: [{id: a, for: {x: 1}, when: true}]", [("value.type", 8, 22)]),
        ("recovery: {kill_switch: {roles: []}}", [("value.type", 8, 33)]),
        ("recovery: {kill_switch: 3}", [("value.type", 8, 25)]),
        ("cost: {value: {cost_per_value_max: 0}}", [("value.type", 8, 36)]),
        ("cost: {per_run: {calls: {orders.get: many}}}", [("value.type", 8, 38)]),
    ],
)
def test_refuses_values(line: str, expected: list[tuple[str, int, int]]) -> None:
    """A value of the wrong kind is refused where it stands, once."""
    assert found(SMALL + line + "\n") == expected


def test_known_keys_below_names_that_authors_choose() -> None:
    """A tool called like a key does not change which keys a tool has."""
    text = SMALL.replace("{mode: read}", "{mode: read, mod: 1}").replace("orders.get", "estimate")
    (error,) = errors_of(text)
    assert error.hint == "did you mean `mode`?"
    (error,) = errors_of(SMALL + "recovery: {safe_mode: {}, kill_switch: {roles: [a], zz: 1}}\n")[
        :1
    ]
    assert error.code == "key.missing"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("{type: strin}", [("schema.invalid", 7, 43)]),
        ("{$ref: 'file:///etc/passwd'}", [("schema.reference", 7, 43)]),
        ("{allOf: [{$ref: 'http://x'}]}", [("schema.reference", 7, 52)]),
        ("{$ref: '#/nowhere'}", [("schema.invalid", 7, 36)]),
    ],
)
def test_refuses_parameter_schemas(schema: str, expected: list[tuple[str, int, int]]) -> None:
    """A tool's schema must be one, and must not lead out of the contract."""
    text = SMALL.replace(
        "orders.get: {mode: read}", f"orders.get: {{mode: read, params: {schema}}}"
    )
    assert found(text) == expected


def test_null_is_a_value_in_a_schema_only() -> None:
    """`const: null` in a JSON Schema is meant; elsewhere a key without a value is a slip."""
    text = SMALL.replace("{mode: read}", "{mode: read, params: {properties: {a: {const: null}}}}")
    assert parse_contract(text).clauses.tools["orders.get"].params == {
        "properties": {"a": {"const": None}}
    }


def test_plain_scalars_are_yaml_1_2() -> None:
    """`on` and `yes` are texts, numbers are numbers, and only null is null."""
    value, _, _ = read_markup(
        "{a: on, b: yes, c: 1, d: 1.5, e: null, f: true, g: 0x1F, h: '1', i: 2026-01-01, j: +7}",
        "x",
    )
    texts = {"a": "on", "b": "yes", "g": "0x1F", "h": "1", "i": "2026-01-01"}
    assert value == texts | {"c": 1, "d": 1.5, "e": None, "f": True, "j": 7}


# ------------------------------------------------------------------ nothing else is raised


def place_exists(text: str, error: ContractError) -> bool:
    """Whether an error lies within the text or at its end."""
    lines = lines_of(text)
    return 1 <= error.line <= len(lines) and 1 <= error.column <= len(lines[error.line - 1]) + 1


def read_and_expand(text: str) -> None:
    """Read and expand, checking the places of whatever is wrong."""
    try:
        draft, _ = draft_contract(parse_contract(text))
        errors = tuple(draft.errors)
    except ContractErrors as failure:
        errors = failure.errors
        assert errors
    assert [str(error) for error in errors if not place_exists(text, error)] == []


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """The full contract with some characters replaced."""
    text = FULL
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(st.text(max_size=6), st.sampled_from(list("&*!|>'\"{}[]:,#%@`?-\n\t ")))
        )
        text = text[:start] + piece + text[end:]
    return text


@given(mangled())
def test_mangled_text_gives_errors_only(text: str) -> None:
    """Whatever happens to a file, reading it gives a contract or errors that lie within it."""
    read_and_expand(text)


@given(st.text(max_size=60))
def test_any_text_gives_errors_only(text: str) -> None:
    """The same for any text at all."""
    read_and_expand(text)


@given(st.binary(max_size=40))
def test_any_bytes_give_errors_only(raw: bytes) -> None:
    """The same for any bytes."""
    with pytest.raises(ContractErrors):
        parse_contract(raw)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["facts.region", "values.big", "limits.x", "*", "mode:read", "outcome of x", "facts"]
    ),
)


WRONG: st.SearchStrategy[Any] = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.dictionaries(st.text(max_size=5), SCALARS, max_size=2),
)


@st.composite
def rearranged(draw: st.DrawFn) -> str:
    """The full contract with some values replaced, written as JSON, which is YAML."""
    value, _, _ = read_markup(FULL, "full.yaml")
    for _ in range(draw(st.integers(1, 3))):
        node: Any = value
        for _ in range(draw(st.integers(0, 5))):
            inner = node[draw(st.sampled_from(steps_of(node)))]
            if not steps_of(inner):
                break
            node = inner
        node[draw(st.sampled_from(steps_of(node)))] = draw(WRONG)
    indent = draw(st.sampled_from([None, 1]))
    return json.dumps(value, indent=indent, ensure_ascii=draw(st.booleans()))


def steps_of(node: Any) -> list[Any]:  # noqa: ANN401 - any part of a YAML document
    """Keys or positions of what holds something."""
    if isinstance(node, dict):
        return list(cast("dict[str, Any]", node))
    return list(range(len(cast("Any", node)))) if isinstance(node, list) else []


@given(rearranged())
def test_rearranged_contracts_give_errors_only(text: str) -> None:
    """A well-formed file with the wrong things in it gives errors that lie within it."""
    read_and_expand(text)
