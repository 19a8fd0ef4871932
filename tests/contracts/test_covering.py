"""Lint says that a rule never or always bites only where no call could show otherwise."""

from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import lint

CONTRACT = """\
contract: c
version: 1.0.0
identity: {service: spiffe://acme.example/ai/c, owner: maria@acme.example, permissions: [pay]}
scope: {modes: [execute], forbidden: [RULES]}
policy: {document: {name: p, version: "7"}LIMITS}
recovery: {kill_switch: {roles: [commander]}}
tools:
  pay: {mode: execute, permission: pay, params: SCHEMA, idempotency: params.id, irreversible: gone}
facts:
  c: {count: true, from: action}
  s: {sum: outcome.fields.a, from: outcome}
  l: {list: action.tool, from: action}
  t: {last: action.time, from: action}
"""
LEVELS = "levels: [{by: run.domain, a: {most: 3, least: 1}}, {by: identity.owner, EU: {most: 2}}]"
OBJECT = "{{type: object, required: [n], properties: {{id: {{type: string}}, n: {0}}}}}"


def said(*conditions: str, schema: str = "{}", limits: str = "") -> set[str]:
    """What lint says of rules with these conditions, of their edges."""
    rules = ", ".join(
        f'{{id: r{number}, for: pay, when: "{one}"}}' for number, one in enumerate(conditions)
    )
    text = CONTRACT.replace("RULES", rules).replace("SCHEMA", schema)
    text = text.replace("LIMITS", f", limits: {limits}" if limits else "")
    wanted = {"rule.unreachable", "rule.always", "rule.contradiction"}
    found = lint(text)
    assert not [one for one in found if one.code.startswith(("condition.", "yaml.", "key."))]
    return {one.code for one in found} & wanted


@pytest.mark.parametrize(
    "limits",
    [
        "{least: 1, most: 3}",
        f"{{{LEVELS}}}",
        f"{{{LEVELS}, default: {{most: 1, least: 0}}}}",
        "{by: run.domain, a: {most: 3, least: 10}, b: {most: 7, least: 1}}",
    ],
)
@pytest.mark.parametrize(
    "condition",
    [
        "params.x > limits.least + limits.most",
        "params.x >= limits.least + limits.most + limits.most + 5",
        "params.x - limits.most == limits.least - 1",
        "limits.most + limits.least < params.x + 3 && params.x > 4",
        "facts.c + facts.s > limits.least + limits.most && facts.s < 2",
    ],
)
def test_a_sum_of_limits(condition: str, limits: str) -> None:
    """What lies beyond every limit by itself is tried too: the rule bites there."""
    assert said(condition, limits=limits) == set()


@pytest.mark.parametrize(
    "condition",
    [
        "limits.least > limits.most",
        "params.x > limits.least + limits.most && params.x < limits.most",
        "facts.c + limits.least < 0",
    ],
)
def test_a_sum_of_limits_that_is_never_reached(condition: str) -> None:
    """Where limits are all that a condition hangs on, it is sure."""
    assert said(condition, limits="{least: 1, most: 3}") == {"rule.unreachable"}


@pytest.mark.parametrize(
    "condition",
    [
        "params.x > 3 && facts.c > params.x",
        "params.x > 10 && facts.c > params.x && facts.s > facts.c",
        "params.x > 3 && params.x < 4",
        "params.x > 3 && params.y > params.x && params.y < 4",
        "params.x + params.x > 5",
        "params.x + facts.c > 5 && params.x - facts.c > 5",
        "params.a < 'm'",
        "params.a != 'q' && params.b != 'q' && params.a != params.b",
        "'a' in facts.l && 'b' in facts.l",
        "'a' in identity.roles && 'b' in identity.roles",
        "size(params.lines) > 3",
        "params.x > 3 && facts.t < timestamp('2020-01-01T00:00:00Z')",
        "facts.s < 0",
        "run.imported",
        "action.imported",
        "evidence.exists(e, e.kind != 'a')",
        (
            "evidence.exists(e, e.kind == 'a' && e.fields.x > 3)"
            " && evidence.exists(e, e.kind == 'a' && e.fields.x < 2)"
        ),
        "evidence.exists(e, e.kind == 'a' && e.digest == 'd')",
    ],
)
def test_what_some_call_violates(condition: str) -> None:
    """Conditions that a call meets which stands at no edge, or that is not among those tried."""
    assert said(condition) == set()


@pytest.mark.parametrize(
    ("condition", "schema"),
    [
        ("params.n > 7", "{type: integer, minimum: 0, maximum: 90, multipleOf: 5}"),
        ("params.n > 7", "{type: integer, not: {const: 8}}"),
        ("params.n != 'T-0'", "{type: string, pattern: '^T-[0-9]$'}"),
        ("params.n != 'x'", "{type: string, maxLength: 1}"),
        ("params.n == 'T-1'", "{type: string, pattern: '^(?=T).-1$'}"),
        ("size(params.n) > 3", "{type: array, items: {type: string}}"),
        ("params.n > 3.0 && params.n < 4.0", "{type: number}"),
        ("params.n.a == 2", "{type: object}"),
    ],
)
def test_what_a_schema_admits(condition: str, schema: str) -> None:
    """A schema of which not each value can be told says nothing."""
    assert said(condition, schema=OBJECT.format(schema)) == set()


@pytest.mark.parametrize(
    ("condition", "schema", "expected"),
    [
        ("params.n > 3 && params.n < 4", "{type: integer}", "rule.unreachable"),
        ("params.n == 'c'", "{enum: [a, b]}", "rule.unreachable"),
        ("params.n in ['a', 'b']", "{enum: [a, b]}", "rule.always"),
        ("params.n == 'x-' && params.n != 'x-'", "{type: string}", "rule.unreachable"),
        ("params.n + facts.c < 1", "{type: integer, minimum: 1}", "rule.unreachable"),
        ("params.n + facts.c + facts.c >= 1", "{type: integer, minimum: 1}", None),
        ("params.n && !params.n", "{type: boolean}", "rule.unreachable"),
        ("params.n > facts.c && facts.c > params.n", "{type: integer}", "rule.unreachable"),
        ("evidence.exists(e, e.kind == 'a' && e.fields.x > 3 && e.fields.x < 2)",
         "{type: integer}", "rule.unreachable"),
    ],
)  # fmt: skip
def test_what_is_sure(condition: str, schema: str, expected: str | None) -> None:
    """What no call meets, or every one, is said where the values that are tried stand for all."""
    assert said(condition, schema=OBJECT.format(schema)) == ({expected} if expected else set())


def test_two_searches_through_the_evidence() -> None:
    """Two observations of one kind may satisfy two rules: they do not contradict one another."""
    rules = [f"!evidence.exists(e, e.kind == 'a' && e.fields.x {one})" for one in ("> 3", "< 2")]
    assert said(*rules) == set()


# ----------------------------------------------------------- against every call there is

WHOLE = range(-2, 24)
REAL = [one / 4 for one in range(-8, 96)]
PLACES = ("params.n", "run.attributes.x", "facts.c")
TERMS = st.one_of(
    st.sampled_from([*PLACES, "limits.least", "limits.most"]), st.integers(0, 6).map(str)
)
SIDES = st.lists(TERMS, min_size=1, max_size=2).map(" + ".join)
ATOMS = st.tuples(SIDES, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), SIDES).map(" ".join)


@cache
def calls(*, whole: bool) -> list[dict[str, Any]]:
    """Return calls with every combination of small values; what is no whole number adds to none."""
    return [
        {"n": n, "x": x, "c": c, "least": 1, "most": 3}
        for n, x, c in product(range(1, 10), WHOLE if whole else REAL, WHOLE)
        if c >= 0
    ]


CONDITIONS = st.tuples(
    st.lists(ATOMS, min_size=1, max_size=2), st.sampled_from([" && ", " || "])
).map(lambda parts: parts[1].join(f"({one})" for one in parts[0]))


def truth(condition: str, values: list[dict[str, Any]]) -> list[bool]:
    """Say which calls meet a condition, in another language: names, numbers, texts and signs."""
    asked = condition.replace("&&", "and").replace("||", "or")
    for part in ("params.", "run.attributes.", "run.", "facts.", "limits."):
        asked = asked.replace(part, "")
    python = compile(asked, "condition", "eval")
    # Conditions that were made here, and nothing else, are evaluated.
    return [bool(eval(python, {}, call)) for call in values]  # noqa: S307


def agrees(found: set[str], conditions: tuple[str, ...], values: list[dict[str, Any]]) -> bool:
    """Whether what lint says of rules is so for every call."""
    met = [truth(one, values) for one in conditions]
    if "rule.contradiction" in found and not all(map(any, zip(*met, strict=True))):
        return False
    if "rule.unreachable" in found and all(map(any, met)):
        return False
    return "rule.always" not in found or any(map(all, met))


@given(CONDITIONS, CONDITIONS)
def test_against_every_small_call(one: str, two: str) -> None:
    """Where lint says that none or every call meets a condition, so it is with all of them."""
    schema = OBJECT.format("{type: integer, minimum: 1, maximum: 9}")
    found = said(one, two, schema=schema, limits="{least: 1, most: 3}")
    if found:
        assert agrees(found, (one, two), calls(whole="+" in one + two))


WORDS = ("x", "y", "z", "other", "other2", "v", "w")
TEXTS = st.sampled_from(["params.n", "params.id", "run.goal", "run.channel"])
SAID = st.one_of(
    st.tuples(
        TEXTS, st.sampled_from(["==", "!="]), st.one_of(TEXTS, st.sampled_from(WORDS[:3]).map(repr))
    )
    .filter(lambda parts: parts[0] != parts[2])
    .map(" ".join),
    st.tuples(TEXTS, st.lists(st.sampled_from(WORDS[:3]), min_size=1, max_size=2).map(repr)).map(
        " in ".join
    ),
)
SAYINGS = st.tuples(st.lists(SAID, min_size=1, max_size=4), st.sampled_from([" && ", " || "])).map(
    lambda parts: parts[1].join(f"({one})" for one in parts[0])
)


@cache
def told() -> list[dict[str, Any]]:
    """Return calls with every combination of some texts; `n` is one of two."""
    return [
        {"n": n, "id": one, "goal": two, "channel": three}
        for n, one, two, three in product("xy", WORDS, WORDS, WORDS)
    ]


@given(SAYINGS, SAYINGS)
def test_against_every_text(one: str, two: str) -> None:
    """The same for texts: what is none of those that are named is not one and the same."""
    found = said(one, two, schema=OBJECT.format("{enum: [x, y]}"))
    if found:
        assert agrees(found, (one, two), told())
