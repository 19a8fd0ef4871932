"""What the expanded conditions say of a record, given the facts that they read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.evaluation import CelEvaluator, Undecidable
from contracts.instants import for_cel
from contracts.model import Rule
from tests.contracts.expanded import FULL, SMALL, contract_of, fact_of, rule_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USD = "USD"


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
    ("switch", "selected", "mode", "expected"),
    [
        ("released", [], "execute", False),
        ("kill", [], "read", True),
        ("safe", [], "read", False),
        ("safe", [], "execute", True),
        ("released", ["released", "kill"], "read", True),
        ("released", ["safe", "released"], "execute", True),
        ("released", ["safe", "released"], "read", False),
    ],
)
def test_kill_switch(
    switch: str,
    selected: list[str],
    mode: str,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """Killed, nothing runs; in safe mode, only what is allowed."""
    contract = contract_of(FULL)
    rule = rule_of(contract, "recovery.kill-switch")
    facts = {"_recovery_switch": switch, "_recovery_selected": selected}
    assert violated(rule, facts=facts, action={"mode": mode}) is expected
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
    facts = {"_tools_payouts_create_done_run": 0, "_tools_payouts_create_done_ledger": 1}
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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fields": {"customer": {"region": "US"}}}, True),
        ({"fields": {"customer": {"region": "EU"}, "my-id": 2}}, False),
        ({"fields": {"customer": {"region": "US"}}, "ref": "T-2"}, False),
        ({"fields": {"customer": {"region": "US"}}, "source": "rumour"}, False),
        ({"fields": {"customer": {"region": "US"}}, "kind": "other"}, False),
        ({"fields": {"customer": {}}}, False),
        ({"fields": None}, False),
    ],
)
def test_evidence_that_contradicts_itself(changes: dict[str, Any], *, expected: bool) -> None:
    """Two observations of one subject, from where they may come, differ in a field."""
    asked = "complete: [customer.region, my-id]"
    assert asked in FULL
    contract = contract_of(FULL.replace(asked, f"{asked}\n    agree: [customer.region]"))
    rule = rule_of(contract, "evidence.transaction-proof.conflicting")
    first: dict[str, Any] = {**GOOD, "ref": "T-1"}
    other = {key: one for key, one in {**first, **changes}.items() if one is not None}
    for cited in ([first, other], [other, first], [first, first, other]):
        assert violated(rule, evidence=cited, action={"time": NOW}) is expected
