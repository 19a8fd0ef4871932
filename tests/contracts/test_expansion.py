"""What each clause expands to, and what an expansion refuses."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import Contract, ContractErrors, expand, parse_contract
from contracts.evaluation import CelEvaluator, Undecidable
from contracts.instants import for_cel
from contracts.model import Effect, Fact, Position, Rule

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")

SMALL = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [read, execute]}
policy: {document: {name: refund-policy, version: "7"}, limits: {most: 3}}
tools:
  orders.get: {mode: read}
  pay: {mode: execute}
"""
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USD = "USD"


def contract_of(text: str) -> Contract:
    """A contract expanded, its conditions not checked."""
    return expand(parse_contract(text, "c.yaml"))


def rule_of(contract: Contract, rule_id: str) -> Rule:
    """The rule of an id."""
    return next(rule for rule in contract.rules if rule.id == rule_id)


def fact_of(contract: Contract, name: str) -> Fact:
    """The fact of a name."""
    return next(fact for fact in contract.facts if fact.name == name)


def refusals(text: str) -> list[tuple[str, int, int, str]]:
    """Code, place and advice of every error."""
    with pytest.raises(ContractErrors) as caught:
        contract_of(text)
    return [(error.code, error.line, error.column, error.hint) for error in caught.value.errors]


def value_of(expression: str, **variables: object) -> object:
    """The value of an expression, or why it has none."""
    evaluator = CelEvaluator()
    return evaluator.compile(expression).run(evaluator.bind(for_cel(variables)))


def violated(rule: Rule, **variables: object) -> bool | str:
    """Whether a rule of one condition is violated; "undecidable" where it has no value."""
    value = value_of(rule.when or rule.unless, **variables)
    if isinstance(value, Undecidable):
        return "undecidable"
    assert isinstance(value, bool)
    return value if rule.when else not value


def test_rules_of_a_small_contract() -> None:
    """The rules that hold for every contract are there even where it says nothing of them."""
    assert [rule.id for rule in contract_of(SMALL).rules] == [
        "identity.registered",
        "identity.delegation",
        "scope.mode",
        "tools.allowed",
        "recovery.kill-switch",
        "recovery.outcome",
    ]


def test_rules_of_the_full_contract() -> None:
    """Every row of the specification's table has its rule, in the order of the clauses."""
    contract = contract_of(FULL)
    assert [rule.id for rule in contract.rules] == [
        *("identity.registered", "identity.delegation", "identity.permission"),
        *("scope.mode", "scope.no-zero", "scope.above-threshold", "scope.odd"),
        "evidence.transaction-proof",
        *(
            f"evidence.transaction-proof.{end}"
            for end in ("missing", "source", "stale", "incomplete")
        ),
        *("policy.document", "tools.allowed", "tools.schema"),
        *("tools.payments.get_transaction.rate", "tools.payments.get_transaction.timeout"),
        *("tools.payouts.create.breaker", "tools.payouts.create.idempotency"),
        *("cost.cost", "cost.tokens", "cost.tool-calls", "cost.steps", "cost.calls.payouts.create"),
        *("cost.seconds", "cost.loop", "cost.throttle.1", "cost.value"),
        *("recovery.kill-switch", "recovery.containment", "recovery.retry", "recovery.outcome"),
        *("policy.serial-refunds", "recovery.told"),
    ]
    lines = FULL.splitlines()
    places = [rule.position for rule in contract.rules]
    places += [fact.position for fact in contract.facts]
    places += [tool.position for tool in contract.tools.values()]
    for place in places:
        assert place.line > 0
        assert place.column <= len(lines[place.line - 1])
    assert rule_of(contract, "policy.serial-refunds").position == Position(76, 5)
    assert contract.duties == {"build": ("a",), "approve": ("b",), "run": ("c",)}
    assert contract.kill_switch_roles == ("incident-commander", "owner")
    assert contract.policy["version"] == "7"
    assert contract.limits.by == "facts.region"
    assert set(contract.limits.cases) == {"EU", "US"}


def test_facts_of_a_person_stand_after_those_of_clauses() -> None:
    """So a clause's fact never sees a person's, and names cannot collide."""
    facts = [fact.name for fact in contract_of(FULL).facts]
    assert facts[-2:] == ["region", "refunds_to_customer"]
    assert all(name.startswith("_") for name in facts[:-2])
    assert len(set(facts)) == len(facts)


def test_a_person_s_fact() -> None:
    """All members of a fact as written come through, durations in microseconds."""
    text = SMALL + (
        "facts:\n"
        "  paid: {sum: outcome.value.micros, from: 'outcome of pay, orders.get', over: ledger,\n"
        "         where: outcome.status == 'ok', by: action.target, at: params.id, within: 30d,\n"
        "         attempts: all, unknown: skip, reserve: 1}\n"
        "  tier: {last: observation.ref, from: observation, default: none, reference: true}\n"
    )
    paid, tier = contract_of(text).facts[-2:]
    assert paid == Fact(
        name="paid",
        aggregate="sum",
        source="outcome",
        value="outcome.value.micros",
        tools=("pay", "orders.get"),
        where="outcome.status == 'ok'",
        over="ledger",
        by="action.target",
        at="params.id",
        within=30 * 86_400_000_000,
        attempts="all",
        unknown="skip",
        reserve="1",
        position=Position(10, 3),
    )
    assert (tier.default, tier.reference) == ("none", True)


def test_values_are_put_in_place() -> None:
    """`values.x` stands for its expression in parentheses; earlier ones only, and in no string."""
    text = SMALL + (
        "values:\n"
        "  a: 1 // one\n"
        "  b: values.a + values . a\n"
        "rules:\n"
        "  - id: r\n"
        "    for: pay\n"
        "    when: |\n"
        "      values.b > 2 && \"values.b\" != r'values.b' && params.values.b == 1\n"
    )
    rule = rule_of(contract_of(text), "policy.r")
    assert rule.when == ("((1) + (1)) > 2 && \"values.b\" != r'values.b' && params.values.b == 1")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("'*'", ("action", ())),
        ("pay", ("action", ("pay",))),
        ("[pay, orders.get, pay]", ("action", ("pay", "orders.get"))),
        ("'pay, orders.get'", ("action", ("pay", "orders.get"))),
        ("[pay, '*']", ("action", ())),
        ("mode:read", ("action", ("orders.get",))),
        ("[mode:read, mode:execute]", ("action", ("orders.get", "pay"))),
        ("message", ("message", ())),
        ("outcome", ("outcome", ())),
        ("outcome of pay", ("outcome", ("pay",))),
        ("[outcome of pay, outcome of orders.get]", ("outcome", ("pay", "orders.get"))),
        ("run.closed", ("run.closed", ())),
    ],
)
def test_for(subject: str, expected: tuple[str, tuple[str, ...]]) -> None:
    """Each form of `for` names one kind of record and the tools that narrow it."""
    rule = contract_of(SMALL + f"rules: [{{id: r, for: {subject}, when: true}}]\n").rules[-1]
    assert (rule.subject, rule.tools) == expected


@pytest.mark.parametrize(
    ("said", "effect", "undecidable"),
    [
        ("", Effect.DENY, Effect.DENY),
        ("effect: warn", Effect.WARN, Effect.WARN),
        ("effect: escalate", Effect.ESCALATE, Effect.DENY),
        ("effect: escalate, undecidable: escalate", Effect.ESCALATE, Effect.ESCALATE),
        ("undecidable: allow", Effect.DENY, Effect.ALLOW),
        ("expect: {from: outcome, within: 2h}", Effect.DENY, Effect.ALLOW),
    ],
)
def test_effects(said: str, effect: Effect, undecidable: Effect) -> None:
    """An undecidable result denies unless the rule says otherwise or only warns."""
    more = f", {said}" if said else ""
    rule = contract_of(SMALL + f"rules: [{{id: r, for: pay, when: true{more}}}]\n").rules[-1]
    assert (rule.effect, rule.undecidable) == (effect, undecidable)


def test_approval_and_expectation() -> None:
    """What belongs to an approval and to an obligation comes through."""
    text = SMALL + (
        "rules:\n"
        "  - {id: a, for: pay, when: true, effect: approve, role: lead, within: 1h,\n"
        "     cites: '7', says: s}\n"
        "  - {id: b, clause: recovery, for: pay, expect: {from: outcome of pay,\n"
        "     where: outcome.status == 'ok',\n"
        "     over: service, by: action.target, at: action.target, within: 90s}}\n"
    )
    approve, told = contract_of(text).rules[-2:]
    assert (approve.role, approve.within, approve.cites, approve.says) == (
        "lead",
        3_600_000_000,
        "7",
        "s",
    )
    assert told.id == "recovery.b"
    assert told.expect is not None
    assert (told.expect.tools, told.expect.within, told.expect.until) == (("pay",), 90_000_000, "")


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rules: [{id: r, for: pai, when: true}]", ("tool.unknown", 9, 22, "did you mean `pay`?")),
        (
            "rules: [{id: r, for: mode:exec, when: true}]",
            ("for.mode", 9, 22, "did you mean `execute`?"),
        ),
        ("rules: [{id: r, for: [pay, message], when: true}]", ("for.mixed", 9, 22, "")),
        ("rules: [{id: r, for: message of pay, when: true}]", ("source.tools", 9, 22, "")),
        ("rules: [{id: r, for: pay}]", ("rule.empty", 9, 9, "")),
        ("rules: [{id: r, for: pay, when: true, effect: approve}]", ("rule.role", 9, 9, "")),
        ("rules: [{id: r, for: pay, when: true, role: lead}]", ("rule.combination", 9, 39, "")),
        (
            "rules: [{id: r, for: pay, unless: true, expect: {from: outcome, within: 1s}}]",
            ("rule.combination", 9, 27, ""),
        ),
        ("rules: [{id: r, for: pay, expect: {from: outcome}}]", ("expect.deadline", 9, 35, "")),
        (
            "rules: [{id: r, for: pay, expect: {from: outcome, within: 1s, at: action.call}}]",
            ("expect.key", 9, 63, ""),
        ),
        ("rules: [{id: r, for: pay, when: facts.x}]", ("facts.unknown", 9, 33, "")),
        ("rules: [{id: r, for: pay, when: facts}]", ("facts.whole", 9, 33, "")),
        (
            "rules: [{id: r, for: pay, when: facts._recovery_switch == ''}]",
            ("facts.unknown", 9, 33, ""),
        ),
        ("rules: [{id: r, for: pay, when: true && values.x}]", ("values.unknown", 9, 41, "")),
        ("rules: [{id: r, for: pay, when: values}]", ("values.whole", 9, 33, "")),
        (
            "rules: [{id: r, for: pay, when: 1 > limits.moss}]",
            ("limits.unknown", 9, 37, "did you mean `most`?"),
        ),
        ("values: {a: values.b, b: 1}", ("values.unknown", 9, 13, "")),
        ("values: {a: values.a}", ("values.unknown", 9, 13, "")),
        ("values: {in: 1}", ("name.reserved", 9, 10, "")),
        ("facts: {f: {from: action}}", ("fact.aggregate", 9, 9, "")),
        ("facts: {f: {count: true, sum: 1, from: action}}", ("fact.aggregate", 9, 9, "")),
        (
            "facts: {f: {count: true, from: acton}}",
            ("source.unknown", 9, 32, "did you mean `action`?"),
        ),
        ("facts: {f: {count: true, from: switch of pay}}", ("source.tools", 9, 32, "")),
        ("facts: {f: {count: true, from: action, default: 1}}", ("fact.combination", 9, 40, "")),
        ("facts: {f: {count: true, from: action, reserve: 1}}", ("fact.combination", 9, 40, "")),
        ("facts: {f: {count: true, from: action, at: params.x}}", ("fact.combination", 9, 40, "")),
        (
            "facts: {f: {count: true, from: action, over: service, reference: true}}",
            ("fact.combination", 9, 55, ""),
        ),
        (
            "facts: {f: {seen: true, from: action, where: facts.g}, g: {seen: true, from: action}}",
            ("facts.later", 9, 46, ""),
        ),
        (
            "cost: {loop: {same_call: 3, except: pya}}",
            ("tool.unknown", 9, 37, "did you mean `pay`?"),
        ),
        ("cost: {per_run: {calls: {pya: 3}}}", ("tool.unknown", 9, 31, "did you mean `pay`?")),
        ("recovery: {containment: {over: service, within: 1h}}", ("containment.empty", 9, 12, "")),
        ("evidence: [{id: e, for: pay}]", ("evidence.empty", 9, 12, "")),
        ("evidence: [{id: e, for: message, kind: x}]", ("for.evidence", 9, 25, "")),
    ],
)
def test_refuses(line: str, expected: tuple[str, int, int, str]) -> None:
    """Names that lead nowhere and members that say nothing together are errors at their place."""
    assert refusals(SMALL + line + "\n") == [expected]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "modes: [read, execute]}",
            "modes: [read], forbidden: [{id: f, for: outcome}]}",
            ("for.scope", 4, 49),
        ),
        ("limits: {most: 3}", "limits: {a-b: 3}", ("key.form", 5, 66)),
        ("limits: {most: 3}", "limits: {by: 3}", ("limits.by", 5, 70)),
        ("limits: {most: 3}", "limits: {by: limits.x, a: {x: 1}}", ("limits.by", 5, 70)),
        ("limits: {most: 3}", "limits: {by: run.x, a: 1}", ("limits.case", 5, 80)),
        ("pay: {mode", "message: {mode", ("name.reserved", 8, 3)),
        (
            "pay: {mode: execute}",
            "pay: {mode: execute, fallback: ordrs.get}",
            ("tool.unknown", 8, 34),
        ),
        ("pay: {mode: execute}", "pay: {mode: execute, target: facts.x}", ("facts.unknown", 8, 32)),
        (
            "pay: {mode: execute}",
            "pay: {mode: execute, compensation: {tool: nothing, params: {a: values.a}}}",
            ("tool.unknown", 8, 45),
        ),
    ],
)
def test_refuses_in_clauses(old: str, new: str, expected: tuple[str, int, int]) -> None:
    """The same in the other clauses."""
    assert old in SMALL
    assert refusals(SMALL.replace(old, new))[0][:3] == expected


def test_refuses_has_on_a_fact() -> None:
    """has() cannot tell a fact that is empty from one that is undecidable."""
    text = SMALL + (
        "facts: {f: {last: run.ref, from: action}}\n"
        "values: {v: 1}\n"
        "rules:\n"
        "  - {id: r, for: pay, when: has(facts.f)}\n"
        "  - {id: s, for: pay, when: 'true || has((facts.f))'}\n"
        "  - {id: t, for: pay, when: has(values.v)}\n"
    )
    assert [code for code, _, _, _ in refusals(text)] == ["facts.has", "facts.has", "values.has"]


def test_refuses_two_rules_of_one_id() -> None:
    """Results of two rules of one id could not be told apart."""
    text = SMALL + (
        "rules:\n"
        "  - {id: a, for: pay, when: true}\n"
        "  - {id: a, for: pay, when: false}\n"
        "  - {id: mode, clause: scope, for: pay, when: false}\n"
    )
    assert [found[:3] for found in refusals(text)] == [
        ("rule.duplicate", 11, 5),
        ("rule.duplicate", 12, 5),
    ]


def test_refuses_limits_before_their_case_is_known() -> None:
    """A fact cannot be taken by limits whose case hangs on it."""
    text = SMALL.replace("limits: {most: 3}", "limits: {by: facts.region, EU: {most: 3}}") + (
        "facts:\n"
        "  early: {count: true, from: action, where: 1 > limits.most}\n"
        "  region: {last: observation.fields.region, from: observation}\n"
        "  late: {count: true, from: action, where: 1 > limits.most}\n"
    )
    assert refusals(text) == [("facts.limits", 10, 45, "")]


def test_places_in_blocks_and_quotes() -> None:
    """An error in a block or in quotes is found at its word; in a folded text at its beginning."""
    text = SMALL + (
        "rules:\n"
        "  - id: a\n"
        "    for: pay\n"
        "    when: |\n"
        "      true ||\n"
        "        facts.x\n"
        "  - id: b\n"
        "    for: pay\n"
        "    when: >-\n"
        "      true ||\n"
        "      facts.x\n"
        '  - {id: c, for: pay, when: "true || facts.x"}\n'
    )
    assert [found[:3] for found in refusals(text)] == [
        ("facts.unknown", 14, 9),
        ("facts.unknown", 17, 11),
        ("facts.unknown", 20, 38),
    ]


def test_refuses_two_currencies() -> None:
    """Micros of two currencies cannot be added up."""
    text = FULL.replace(
        "estimate: {cost: 1000, currency: USD", "estimate: {cost: 1000, currency: EUR"
    )
    assert [found[0] for found in refusals(text)] == ["cost.currency"]


# ------------------------------------------------------------------- what the rules mean


def test_delegation() -> None:
    """Delegated by the ledger or by the contract, an action outside the time is violated."""
    rule = rule_of(contract_of(FULL), "identity.delegation")
    granted = {"since": "2026-02-01T00:00:00Z", "until": "2026-03-01T12:00:00Z"}
    assert violated(rule, action={"time": NOW}, identity={}) is False
    assert violated(rule, action={"time": NOW}, identity={"delegated": granted}) is True
    earlier = NOW - timedelta(seconds=1)
    assert violated(rule, action={"time": earlier}, identity={"delegated": granted}) is False
    assert violated(rule, action={"time": NOW.replace(year=2027)}, identity={}) is True
    assert violated(rule, action={}, identity={}) == "undecidable"
    nobody = rule_of(contract_of(SMALL), "identity.delegation")
    assert violated(nobody, action={}, identity={}) is False


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({}, False),
        ({"permissions": []}, False),
        ({"permissions": ["payouts.write"]}, False),
        ({"permissions": ["other"]}, True),
    ],
)
def test_permission(identity: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    """The contract must give a permission, and the authority too where it lists any."""
    rule = rule_of(contract_of(FULL), "identity.permission")
    assert violated(rule, action={"permission": "payouts.write"}, identity=identity) is expected
    assert violated(rule, action={"permission": "admin"}, identity=identity) is True


GOOD: dict[str, object] = {
    "kind": "transaction",
    "source": "payments-db",
    "time": NOW - timedelta(hours=1),
    "fields": {"customer": {"region": "EU"}, "my-id": 1},
    "digest": "00",
    "self_attested": False,
}
NOTHING: list[dict[str, object]] = []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (NOTHING, "missing"),
        ([{"kind": "other"}], "missing"),
        ([{"source": "rumour"}], "source"),
        ([{"time": NOW - timedelta(hours=24)}], "stale"),
        ([{"observed_at": NOW - timedelta(days=2)}], "stale"),
        ([{"fields": {"customer": {"x": 1}, "my-id": 1}}], "incomplete"),
        ([{"fields": {"customer": {"region": "EU"}}}], "incomplete"),
        ([{"self_attested": True}], "incomplete"),
        ([{"digest": None}], "incomplete"),
        ([{"source": "rumour"}, GOOD], ""),
        ([GOOD], ""),
    ],
)
def test_evidence(changes: list[dict[str, Any]], expected: str) -> None:
    """Only the first check that fails is violated, and one good observation is enough."""
    contract = contract_of(FULL)
    changed = [{**GOOD, **change} for change in changes]
    evidence = [{key: one[key] for key in one if one[key] is not None} for one in changed]
    rules = {
        end: rule_of(contract, f"evidence.transaction-proof.{end}")
        for end in ("missing", "source", "stale", "incomplete")
    }
    found = {
        end
        for end, rule in rules.items()
        if violated(rule, evidence=evidence, action={"time": NOW})
    }
    assert found == ({expected} if expected else set())


def test_evidence_without_time_is_undecidable() -> None:
    """Freshness of what has no time is not decided."""
    rule = rule_of(contract_of(FULL), "evidence.transaction-proof.stale")
    timeless = {key: value for key, value in GOOD.items() if key != "time"}
    assert violated(rule, evidence=[timeless], action={"time": NOW}) == "undecidable"


def test_evidence_by_source_alone() -> None:
    """Without a kind, something must be cited at all."""
    contract = contract_of(SMALL + "evidence: [{id: e, for: pay, from: db}]\n")
    assert [rule.id for rule in contract.rules if rule.clause == "evidence"] == [
        "evidence.e.missing",
        "evidence.e.source",
    ]
    assert violated(rule_of(contract, "evidence.e.missing"), evidence=[]) is True
    assert violated(rule_of(contract, "evidence.e.source"), evidence=[]) is False
    assert violated(rule_of(contract, "evidence.e.source"), evidence=[{"source": "x"}]) is True


def test_rate_and_breaker() -> None:
    """The N-th call in the window is the last; the failure that trips a breaker counts itself."""
    contract = contract_of(FULL)
    rate = rule_of(contract, "tools.payments.get_transaction.rate")
    name = "_tools_payments_get_transaction_rate"
    assert violated(rate, facts={name: 59}) is False
    assert violated(rate, facts={name: 60}) is True
    tripped = fact_of(contract, "_tools_payouts_create_tripped")
    failures = {"_tools_payouts_create_failures": 4}
    assert value_of(tripped.where, facts=failures, outcome={"status": "timeout"}) is True
    assert value_of(tripped.where, facts=failures, outcome={"status": "ok"}) is False
    assert (tripped.within, tripped.over) == (300_000_000, "service")


def spent(messages: int, tools: int, tool: str, estimate: int) -> dict[str, Any]:
    """What the rule on cost reads."""
    return {
        "facts": {"_cost_messages": messages, "_cost_tools": tools},
        "action": {"tool": tool, "estimate": {"cost": {"micros": estimate, "currency": USD}}},
    }


def test_cost() -> None:
    """What was spent, what is reserved and this action's own estimate, against the budget."""
    contract = contract_of(FULL)
    rule = rule_of(contract, "cost.cost")
    assert violated(rule, **spent(300_000, 199_000, "payouts.create", 1000)) is False
    assert violated(rule, **spent(300_000, 199_001, "payouts.create", 1000)) is True
    assert violated(rule, **spent(300_000, 199_001, "payouts.reverse", 1000)) is False
    assert (
        violated(
            rule, facts={"_cost_messages": 1, "_cost_tools": 1}, action={"tool": "payouts.create"}
        )
        == "undecidable"
    )
    worth = rule_of(contract, "cost.value")
    value = {"value": {"micros": 100, "currency": USD}}
    assert violated(worth, facts={"_cost_messages": 6, "_cost_tools": 4}, run=value) is False
    assert violated(worth, facts={"_cost_messages": 6, "_cost_tools": 5}, run=value) is True
    assert violated(worth, facts={"_cost_messages": 6, "_cost_tools": 5}, run={}) == "undecidable"


@pytest.mark.parametrize(
    ("tool", "outcome", "expected"),
    [
        ("payouts.create", {"status": "ok", "cost": {"micros": 5, "currency": USD}}, 5),
        ("payouts.create", {"status": "ok"}, None),
        ("payouts.create", {"status": "abandoned"}, None),
        ("payouts.create", {"status": "skipped"}, 0),
        ("payouts.reverse", {"status": "ok"}, 0),
        ("payouts.reverse", {"status": "ok", "cost": {"micros": 5, "currency": "EUR"}}, None),
    ],
)
def test_cost_of_outcomes(tool: str, outcome: dict[str, Any], expected: int | None) -> None:
    """A tool that is said to cost must say what it did cost; another currency is no number."""
    fact = fact_of(contract_of(FULL), "_cost_tools")
    value = value_of(fact.value, action={"tool": tool}, outcome=outcome)
    assert isinstance(value, Undecidable) if expected is None else value == expected


@pytest.mark.parametrize(
    ("message", "counts", "tokens"),
    [
        ({"role": "assistant", "tokens": {"input": 2, "output": 3}}, True, 5),
        ({"role": "assistant", "tokens": {"output": 3}}, True, 3),
        ({"role": "assistant"}, True, None),
        ({"role": "user"}, False, None),
        ({"role": "user", "tokens": {"input": 2}}, True, 2),
    ],
)
def test_tokens(message: dict[str, Any], counts: bool, tokens: int | None) -> None:  # noqa: FBT001 - a case
    """The assistant's messages must say their tokens; others count where they do."""
    fact = fact_of(contract_of(FULL), "_cost_tokens")
    assert value_of(fact.where, message=message) is counts
    value = value_of(fact.value, message=message)
    assert isinstance(value, Undecidable) if tokens is None else value == tokens


def test_counting_budgets() -> None:
    """This action is included in every count."""
    contract = contract_of(FULL)
    assert violated(rule_of(contract, "cost.tool-calls"), facts={"_cost_tool_calls": 11}) is False
    assert violated(rule_of(contract, "cost.tool-calls"), facts={"_cost_tool_calls": 12}) is True
    steps = rule_of(contract, "cost.steps")
    assert violated(steps, facts={"_cost_tool_calls": 9, "_cost_steps": 20}) is False
    assert violated(steps, facts={"_cost_tool_calls": 10, "_cost_steps": 20}) is True
    loop = rule_of(contract, "cost.loop")
    assert violated(loop, facts={"_cost_loop": 1}, action={"tool": "payouts.create"}) is False
    assert violated(loop, facts={"_cost_loop": 2}, action={"tool": "payouts.create"}) is True
    excepted = {"tool": "payments.get_transaction"}
    assert violated(loop, facts={"_cost_loop": 2}, action=excepted) is False


def test_seconds() -> None:
    """A run's time runs from its opening; without times it is undecidable."""
    rule = rule_of(contract_of(FULL), "cost.seconds")
    begun = {"time": NOW - timedelta(seconds=600)}
    assert violated(rule, action={"time": NOW}, run=begun) is False
    assert violated(rule, action={"time": NOW + timedelta(microseconds=1)}, run=begun) is True
    assert violated(rule, action={"time": NOW}, run={}) == "undecidable"


def test_parts_of_a_budget_stand_alone() -> None:
    """Each member of `per_run` makes its own rule and no other."""
    for member, rule in (("tool_calls", "tool-calls"), ("steps", "steps"), ("tokens", "tokens")):
        contract = contract_of(SMALL + f"cost: {{per_run: {{{member}: 3}}}}\n")
        found = [rule.id for rule in contract.rules if rule.clause == "cost"]
        assert found == [f"cost.{rule}"]
    contract = contract_of(SMALL + "cost: {value: {cost_per_value_max: 2}}\n")
    assert contract.rules[-3].id == "cost.value"
    bare = contract_of(SMALL + "cost: {per_run: {cost_micros: 3}}\n")
    assert fact_of(bare, "_cost_messages").value == "message.cost.micros"
    assert rule_of(bare, "cost.cost").when.endswith("+ 0 > 3")


@pytest.mark.parametrize(
    ("switch", "mode", "expected"),
    [
        ("released", "execute", False),
        ("kill", "read", True),
        ("safe", "read", False),
        ("safe", "execute", True),
    ],
)
def test_kill_switch(switch: str, mode: str, expected: bool) -> None:  # noqa: FBT001 - a case
    """Killed, nothing runs; in safe mode, only what is allowed."""
    contract = contract_of(FULL)
    rule = rule_of(contract, "recovery.kill-switch")
    assert violated(rule, facts={"_recovery_switch": switch}, action={"mode": mode}) is expected
    fact = fact_of(contract, "_recovery_switch")
    assert value_of(fact.value, switch={"state": "engaged", "mode": "kill"}) == "kill"
    assert value_of(fact.value, switch={"state": "released", "mode": "kill"}) == "released"
    assert fact.default == "released"


def test_containment() -> None:
    """Value, calls and distinct targets are bounded, this action included."""
    contract = contract_of(FULL)
    rule = rule_of(contract, "recovery.containment")
    assert rule.tools == ("payouts.create", "payouts.reverse")

    def found(value: int = 0, calls: int = 0, targets: int = 0, own: int = 0) -> bool | str:
        names = [f"t{number}" for number in range(targets)]
        facts = {"value": value, "calls": calls, "targets": names, "entities": [True] * targets}
        action = {"tool": "payouts.create", "target": "new", "estimate": {"value": {"micros": own}}}
        prefixed = {f"_recovery_containment_{name}": given for name, given in facts.items()}
        return violated(rule, facts=prefixed, action=action)

    most = 10_000_000_000
    assert found() is False
    assert found(value=most) is True
    assert found(value=most - 5, own=5) is False
    assert found(value=most - 5, own=6) is True
    assert (found(calls=49), found(calls=50)) == (False, True)
    assert (found(targets=19), found(targets=20)) == (False, True)


def test_containment_without_executing_tools() -> None:
    """Where nothing executes there is nothing to contain, and no rule for all tools by mistake."""
    text = SMALL.replace("mode: execute", "mode: draft") + (
        "recovery: {containment: {over: run, within: 1h, calls: 3}}\n"
    )
    assert not [rule for rule in contract_of(text).rules if rule.id == "recovery.containment"]
    plain = contract_of(
        SMALL + "recovery: {containment: {over: run, within: 1h, value_micros: 3}}\n"
    )
    fact = fact_of(plain, "_recovery_containment_value")
    assert (fact.value, fact.reserve) == ("has(outcome.value) ? outcome.value.micros : 0", "0")


def test_retry_and_outcome() -> None:
    """A failed call may be made again N times; whatever was allowed has an outcome."""
    contract = contract_of(FULL)
    rule = rule_of(contract, "recovery.retry")
    assert violated(rule, facts={"_recovery_failed": True, "_recovery_retries": 1}) is False
    assert violated(rule, facts={"_recovery_failed": True, "_recovery_retries": 2}) is True
    assert violated(rule, facts={"_recovery_failed": False, "_recovery_retries": 2}) is False
    outcome = rule_of(contract, "recovery.outcome")
    assert outcome.expect is not None
    assert (outcome.expect.by, outcome.expect.until) == ("action.digest", "run.closed")
    assert [
        value_of(outcome.when, action=action)
        for action in ({}, {"decision": "allow"}, {"decision": "deny"})
    ] == [*(True, True, False)]


def test_idempotency_of_imports_stays_within_the_run() -> None:
    """Two imported runs may tell of one event; live ones may not do it twice."""
    rule = rule_of(contract_of(FULL), "tools.payouts.create.idempotency")
    facts = {"_tools_payouts_create_done_run": False, "_tools_payouts_create_done_ledger": True}
    assert violated(rule, facts=facts, action={"imported": True}) is False
    assert violated(rule, facts=facts, action={"imported": False}) is True


def test_facts_of_two_tools_that_look_alike() -> None:
    """`a.b` and `a_b` do not share a counter."""
    text = SMALL.replace("orders.get: {mode: read}", "a.b: {mode: read, rate: 1/1s}").replace(
        "pay: {mode: execute}", "a_b: {mode: read, rate: 2/1s}"
    )
    contract = contract_of(text)
    assert rule_of(contract, "tools.a.b.rate").when == "facts._tools_a_b_rate >= 1"
    assert rule_of(contract, "tools.a_b.rate").when == "facts._tools_a_b_rate_2 >= 2"


def test_all_conditions_are_cel() -> None:
    """Everything that the expansion writes is accepted by the compiler."""
    evaluator = CelEvaluator()
    contract = contract_of(FULL)
    for fact in contract.facts:
        for expression in (fact.value, fact.where, fact.by, fact.at, fact.reserve):
            if expression:
                evaluator.compile(expression)
    for rule in contract.rules:
        for expression in (rule.when, rule.unless):
            if expression:
                evaluator.compile(expression)
