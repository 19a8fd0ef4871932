"""Conditions: compiled, checked against types, evaluated on maps, and explained in words."""

from typing import Any

import pytest

from contracts.conditions import check_contract
from contracts.evaluation import (
    CelEvaluator,
    ConditionError,
    Undecidable,
    condition,
    explained,
)
from contracts.model import Contract, Effect, Expectation, Fact, Limits, Rule, Tool
from contracts.scanning import reads
from tests.reference.histories import contract_of

PARAMS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": "number"},
        "count": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "grid": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "odd": {"type": "object", "properties": {"a-b": {"type": "string"}}},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "maybe": {"oneOf": [{"type": "boolean"}, {"type": "null"}]},
        "any": True,
        "tree": {"$ref": "#/$defs/tree"},
    },
    "$defs": {
        "line": {"properties": {"price": {"type": "integer"}}},
        "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}},
    },
}


def contract(**members: Any) -> Contract:  # noqa: ANN401 - the members of a contract as written
    """A contract with one tool whose parameters have types."""
    tools = {"pay": {"mode": "execute", "params": PARAMS}, "look": {"mode": "read"}}
    return contract_of({"tools": tools, **members})


def problems(checked: Contract) -> list[str]:
    """What the check says, each with its owner and column."""
    return [f"{one.where}:{one.column}: {one.message}" for one in check_contract(checked)]


def problems_of(text: str, asked: str = "pay", **members: Any) -> list[str]:  # noqa: ANN401 - as above
    """What the check says of one rule's condition."""
    return problems(contract(rules=[{"id": "r", "for": asked, "when": text}], **members))


@pytest.mark.parametrize(
    "text",
    [
        "params.amount > 2.5 && params.count == 3 && params.id.startsWith('a')",
        "'a' in params.tags && params.lines.all(line, line.price > 3)",
        "params.grid[0][0] == 1 && params.odd.`a-b` == 'x' && params.either == 1",
        "params.maybe && params.any.what.ever == 3 && params.tree.left.left == params.tree",
        "has(params.amount) && 'id' in params",
        "action.time - duration('1h') > timestamp('2026-01-01T00:00:00Z')",
        "action.estimate.cost.micros > 3 && action.turn == 0 && action.known",
        "run.attributes.region == 'EU' && run.policy.digest != '' && run.value.micros > 1",
        "identity.roles.exists(role, role == 'lead') && identity.delegated.until > action.time",
        "evidence.exists(e, e.kind == 'x' && e.fields.total == 3 && e.observed_at < e.time)",
    ],
)
def test_a_condition_that_fits_is_accepted(text: str) -> None:
    """Every variable, every type of parameter and CEL's extensions can be used as the spec says."""
    assert problems_of(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("params.pice > 2.5", "policy.r:7: undefined field 'pice' not found"),
        ("params.amount > 2", "policy.r:15: found no matching overload for '_>_'"),
        ("true &&\n  params.pice", "policy.r:17: undefined field 'pice'"),
        ("params.amount", "policy.r:1: its type is double, and must be one of bool (for tool pay)"),
        ("message.content == ''", "policy.r:8: undeclared reference to 'message.content'"),
        ("facts.nope == 1", "policy.r:6: undeclared reference to 'facts.nope'"),
        ("facts == facts", "policy.r:1: undeclared reference to 'facts'"),
        ("has(facts.f)", "policy.r:1: has(facts.…) cannot tell empty from undecidable"),
        ("params.amount >", "policy.r:16: Syntax error"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused_with_its_place(text: str, said: str) -> None:
    """The author is told what is wrong, in which rule, and at which character."""
    checked = contract(rules=[{"id": "policy.r", "for": "pay", "when": text}])
    assert problems(checked)[0].startswith(said)


def test_params_are_typed_by_tool_and_open_for_all_tools() -> None:
    """A rule for named tools knows their parameters; one for every tool cannot."""
    assert problems_of("params.pice == 3", "*") == []
    assert problems_of("params.pice == 3", "look") == []
    assert problems_of("params.pice == 3.0") != []


def test_every_subject_sees_its_own_variables() -> None:
    """A rule for outcomes sees the action too, one for messages and closed runs does not."""
    assert problems_of("outcome.seconds > 1.0 && params.amount > 1.0", "outcome of pay") == []
    assert problems_of("message.tokens.input > 3 && run.id != ''", "message") == []
    assert problems_of("run.outcome == 'x'", "run.closed") == []
    assert problems_of("evidence.size() > 0", "outcome") != []
    assert problems_of("action.tool == 'x'", "run.closed") != []


def test_facts_have_the_types_of_what_they_keep() -> None:
    """A count is an int, a list is a list, a list of keys gives a list, and reading checks them."""
    facts = {
        "n": {"count": True, "from": "action", "by": "params.id"},
        "each": {"count": True, "from": "action of pay", "by": "params.tags"},
        "said": {"list": "message.content", "from": "message"},
        "loose": {"last": "observation.fields.x", "from": "observation"},
        "paid": {"sum": "outcome.cost.micros", "from": "outcome of pay", "reserve": "1"},
        "first": {"min": "action.time", "from": "action"},
        "open": {"count": True, "from": "action", "by": "action.target"},
    }
    good = (
        "facts.n > 1 && facts.each.all(x, x < 2) && facts.said.exists(s, s == '') "
        "&& facts.loose.y && facts.paid == 1 && facts.first < action.time && facts.open > 1"
    )
    assert problems_of(good, facts=facts) == []
    assert "'_>_'" in problems_of("facts.n > '1'", facts=facts)[0]
    assert "'_>_'" in problems_of("facts.each > 1", facts=facts)[0]
    assert problems_of("facts.n > 1", "message", facts=facts) == [
        "n:7: undeclared reference to 'params.id' (asked of message)"
    ]


def test_a_fact_keeps_types_only_where_its_tools_agree() -> None:
    """The same member of two tools with two types is of no type."""
    tools: dict[str, Any] = {
        "a": {"mode": "read", "params": {"properties": {"x": {"type": "integer"}}}},
        "b": {"mode": "read", "params": {"properties": {"x": {"type": "string"}}}},
    }
    facts = {"x": {"last": "params.x", "from": "action of a, b"}}
    rules = [{"id": "r", "when": "facts.x == 1 || facts.x == 'a'"}]
    assert problems(contract_of({"tools": tools, "facts": facts, "rules": rules})) == []


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"sum": "params.amount", "from": "action of pay"}, "must be one of int"),
        ({"min": "params.tags", "from": "action of pay"}, "must be one of double, int, string"),
        ({"count": True, "from": "action of pay", "by": "params.amount"}, "must be one of bool"),
        ({"count": True, "from": "action", "where": "action.tool"}, "must be one of bool"),
        ({"count": True, "from": "action", "where": "facts.f > 1"}, "undeclared reference"),
        ({"count": True, "from": "message", "where": "identity.owner == ''"}, "undeclared"),
        ({"count": True, "from": "switch", "where": "run.id == ''"}, "undeclared reference"),
        (
            {"sum": "1", "from": "outcome of pay", "reserve": "params.amount"},
            "must be one of int (for tool pay)",
        ),
        (
            {"sum": "1", "from": "outcome", "by": "outcome.status", "reserve": "1"},
            "undeclared reference to 'outcome.status'",
        ),
    ],
)
def test_a_fact_is_checked_as_what_it_remembers(fact: dict[str, Any], said: str) -> None:
    """`where`, key and value see the remembered record; a reservation sees the action."""
    found = problems(contract(facts={"f": fact}))
    assert said in found[0]
    assert found[0].startswith("f:")


def test_limits_and_tools_are_checked() -> None:
    """Limits have the types of their values in every case; a tool's expressions see its params."""
    limits: dict[str, Any] = {
        "by": "run.goal",
        "x": {"most": 1, "names": ["a"], "odd": 1, "in": {"a": 1}},
    }
    limits["default"] = {"most": 2, "names": ["b"], "odd": "x", "mixed": [1, "a"], "deep": [[1]]}
    good = "limits.most > 1 && 'a' in limits.names && limits.odd == 1 && 'most' in limits"
    assert problems_of(good, limits=limits) == []
    assert "'_>_'" in problems_of("limits.most > 'x'", limits=limits)[0]
    assert (
        "must be one of string"
        in problems_of("limits.most > 1", limits={**limits, "by": "action.index"})[0]
    )
    assert problems_of("limits.`a-b` == 1", limits={"a-b": 1}) == []
    tool = Tool("t", "read", schema=PARAMS, target="params.idd", estimate_cost="params.amount")
    broken = Tool("b", "read", schema={"type": "nothing"})
    remote = Tool("c", "read", schema={"$ref": "https://example.org/schema"})
    tools = {"t": tool, "b": broken, "c": remote}
    found = problems(Contract("c", "1", "", "s", "o", (), (), tools, Limits(), (), ()))
    assert found[0].startswith("tools.t:7: undefined field 'idd'")
    assert found[1].startswith("tools.t:1: its type is double, and must be one of int")
    assert found[2].startswith("tools.b:1: params: ")
    assert found[3].startswith("tools.c:1: params: ")


def test_an_expectation_is_checked_on_both_records() -> None:
    """`at` sees the record that triggers, `by` and `where` the one that follows."""

    def checked(**members: Any) -> list[str]:  # noqa: ANN401 - as above
        expect = Expectation("outcome", until="run.closed", **members)
        rule = Rule("r", "policy", "action", ("pay",), effect=Effect.WARN, expect=expect)
        return problems(Contract("c", "1", "", "s", "o", (), (), {}, Limits(), (), (rule,)))

    assert checked(by="action.digest", where="outcome.status == 'ok'") == []
    assert "undeclared" in checked(by="outcome.status")[0]
    assert "undeclared" in checked(where="message.role == 'x'")[0]
    assert checked(by="outcome.status", at="params.status") == []


def test_unordered_facts_of_a_contract_keep_their_problems_apart() -> None:
    """The same mistake is told once, however many tools it is compiled for."""
    facts = (Fact("f", "count", "action", tools=("a", "b"), where="params.x > facts.nope"),)
    checked = Contract("c", "1", "", "s", "o", (), (), {}, Limits(), facts, ())
    assert len(problems(checked)) == 1


# --------------------------------------------------------------------------- evaluation


def value_of(text: str, **variables: Any) -> Any:  # noqa: ANN401 - whatever CEL gives
    """A condition's value on some variables."""
    evaluator = CelEvaluator()
    return evaluator.compile(text).run(evaluator.bind(variables))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 1", 2),
        ("1.0", 1.0),
        ("'a'", "a"),
        ("b'a'", b"a"),
        ("null", None),
        ("true", True),
        ("[1, 'a', {'b': [true]}]", [1, "a", {"b": [True]}]),
        ("params.x > 2.5", True),
        ("params.gone == 1 || true", True),
        ("params.gone == 1 && false", False),
        ("'a,b'.split(',')", ["a", "b"]),
        ("math.greatest(1, 2)", 2),
    ],
)
def test_a_value_comes_back_as_plain_python(text: str, value: object) -> None:
    """Values have Python's types, and errors are absorbed as CEL says."""
    found = value_of(text, params={"x": 3})
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "params.gone",
        "1 / (params.x - 3)",
        "params.x + 0.5",
        "1u",
        "type(1)",
        "int('x')",
        "nothing.here".replace("nothing", "observation"),
        "params.many.all(a, params.many.all(b, params.many.all(c, true)))",
    ],
)
def test_what_is_no_plain_value_is_undecidable(text: str) -> None:
    """An error is a value, not an exception: also CEL's own budget of iterations."""
    assert isinstance(value_of(text, params={"x": 3, "many": list(range(100))}), Undecidable)


def test_what_does_not_compile_is_an_error_with_its_places() -> None:
    """An engine that is handed an unchecked condition says so at once."""
    with pytest.raises(ConditionError, match=r"undeclared reference to 'nope\.x'") as caught:
        CelEvaluator().compile("nope.x == 1")
    assert [(one.line, one.column) for one in caught.value.problems] == [(1, 5)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("params.amount.micros > 1", "params.amount is absent"),
        ("params['amount'] == 1", "there is no member amount"),
        ("facts.profile.x", "fact profile: no record in this run"),
        ("outcome.status == 'ok'", "the outcome is somewhere else"),
        ("switch.state == 'x'", "there is no switch here"),
        ("run.id < 1", "types that do not fit: _<_(string, int64)"),
        ("int(run.id) == 1", "cannot convert"),
    ],
)
def test_an_error_is_said_in_a_reviewers_words(text: str, reason: str) -> None:
    """The reason names the member, the fact or the variable that has no value, and why."""
    found = value_of(text, params={}, facts={}, run={"id": "x"})
    missing = {"outcome": Undecidable("the outcome is somewhere else")}
    facts = {"profile": Undecidable("no record in this run")}
    said = explained(text, found.reason, missing, facts)
    assert said.reason.lower().startswith(reason.lower())
    assert not said.hidden


# ----------------------------------------------------------------------------- scanning


def test_what_a_condition_reads_is_found_in_its_text() -> None:
    """Members and facts are found; what is in literals, macros and comments is not."""
    text = """params.a.b == 'facts.no' && facts.f > 1 // facts.comment
        && evidence.exists(e, e.kind == run.id) && has(action.time) && params.c == 1"""
    found = reads(text, ("params", "evidence", "run", "action", "facts"))
    assert found.members == {
        "params": {"a", "c"},
        "evidence": None,
        "run": {"id"},
        "action": {"time"},
    }
    assert found.facts == {"f"}
    assert not found.tests_facts
    assert not found.whole_facts


def test_reads_of_several_conditions_are_joined() -> None:
    """A variable that one condition names as a whole is read as a whole."""
    names = ("params", "facts")
    joined = reads("params.a == facts.x", names) | reads("params == facts.y", names)
    assert joined.members == {"params": None}
    assert joined.facts == {"x", "y"}
    assert (reads("has(facts.x)", names) | joined).tests_facts
    assert (joined | reads("facts == 1", names)).whole_facts
    assert reads("params.size() == 1 && params.a == 1", names).members == {"params": None}
    assert condition(CelEvaluator(), "limits.x == 1", 3).is_plain is False


def test_binds_are_refused() -> None:
    """A bind behind a list macro reads a wrong value in cel-expr-python 0.1.3: none is allowed."""
    with pytest.raises(ConditionError, match=r"undeclared reference to 'bind'"):
        CelEvaluator().compile("cel.bind(x, 3, x * x) == 9")
