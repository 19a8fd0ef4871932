"""What each clause expands to, and what an expansion refuses."""

import pytest

from contracts import ContractErrors
from contracts.model import Effect, Fact, Position
from tests.contracts.expanded import FULL, SMALL, contract_of, rule_of


def refusals(text: str) -> list[tuple[str, int, int, str]]:
    """Code, place and advice of every error."""
    with pytest.raises(ContractErrors) as caught:
        contract_of(text)
    return [(error.code, error.line, error.column, error.hint) for error in caught.value.errors]


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
        *("recovery.kill-switch", "recovery.containment", "recovery.retry"),
        *("recovery.compensation.payouts.reverse", "recovery.outcome"),
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
    (level,) = contract.limits.levels
    assert (level.by, set(level.cases)) == ("facts.region", {"EU", "US"})


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
        ("limits: {most: 3}", "limits: {levels: []}", ("limits.levels", 5, 74)),
        ("limits: {most: 3}", "limits: {levels: [{a: {x: 1}}]}", ("limits.by", 5, 75)),
        (
            "limits: {most: 3}",
            "limits: {levels: [{by: run.x, a: {x: 1}}], a: {x: 1}}",
            ("limits.levels", 5, 100),
        ),
        (
            "limits: {most: 3}",
            "limits: {levels: [{by: run.x, default: {x: 1}}]}",
            ("limits.levels", 5, 87),
        ),
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
