"""The explanation: all of the expansion, in words and CEL, at 100 columns."""

from hashlib import sha256
from pathlib import Path

import pytest

from contracts import ContractErrors, expand, explain, load_contract, parse_contract
from contracts.explaining import CLAUSES, UnknownRuleError
from contracts.inputs import Origin, inputs_of
from contracts.lint_facts import CLAIMED, GROUNDED
from contracts.phrases import duration_words, sentence

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")

SMALL = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [read]}
policy: {document: {name: p, version: v}, limits: {by: run.ref, EU: {most: 3}, default: {most: 1}}}
tools:
  pay: {mode: read}
facts:
  a: {count: true, from: action, attempts: all, reference: true}
  b: {sum: 1, from: outcome, reserve: 1, unknown: skip, over: ledger, within: 90s}
  c: {last: observation.ref, from: observation, default: x, by: observation.kind, at: action.tool}
rules:
  - {id: r, for: pay, when: facts.b > limits.most && facts.a > 1, effect: approve, role: lead,
     within: 2h, cites: s-1}
  - {id: told, for: "outcome of pay", expect: {from: "action of pay", by: action.call,
     at: action.call, within: 30m}}
"""


def test_everything_is_told() -> None:
    """Each rule and fact with its place, and each condition's words."""
    contract = expand(parse_contract(FULL))
    text = explain(contract, file="c/full.yaml")
    flat = " ".join(text.split())
    for rule in contract.rules:
        assert f"  {rule.id}\n    (c/full.yaml:{rule.position.line}" in text
        assert sentence(" ".join(rule.says.split())) in flat
        assert " ".join(rule.when.split()) in flat
        assert " ".join(rule.unless.split()) in flat
    for fact in contract.facts:
        assert f"  facts.{fact.name}\n    (c/full.yaml:{fact.position.line})\n" in text
    assert text.endswith("\n")
    assert max(len(line) for line in text.splitlines()) <= 100


def test_rules_stand_under_their_clause() -> None:
    """A rule that the contract writes for a clause is told with those that the clause makes."""
    contract = expand(parse_contract(FULL))
    told = [
        line.strip()
        for line in explain(contract).splitlines()
        if line.startswith(("Clause ", "  ")) and not line.startswith("   ")
    ]
    clauses = [line for line in told if line.startswith("Clause ")]
    assert clauses == [f"Clause {n}: {c}" for n, c in enumerate(CLAUSES, start=1)]
    for rule in contract.rules:
        before = told[: told.index(rule.id)]
        assert [line for line in before if line in clauses][-1].endswith(rule.clause)


def test_one_rule() -> None:
    """One rule comes with the facts behind it, those of the limits' case included, and no other."""
    text = explain(expand(parse_contract(FULL)), "scope.above-threshold")
    assert "facts.region" in text
    assert "_tools_" not in text
    assert text.count("(line") == 2


def test_words() -> None:
    """The words of one small contract, in full."""
    text = explain(load_contract(SMALL))
    expected = """
  facts._recovery_switch
    (line 1)
    The value of the last of the switches of the same service. Where there is none: 'released'.
      value  switch.state == "engaged" ? switch.mode : "released"
      where  !has(switch.selector)
    Read by recovery.kill-switch.

  facts._recovery_selected
    (line 1)
    The value of the last of the switches of the same service whose switch.selector is
    action.selected. Where there is none: 'released'.
      value  switch.state == "engaged" ? switch.mode : "released"
      where  has(switch.selector)
      key  switch.selector
      asked for  action.selected
    Read by recovery.kill-switch.

  facts.a
    (line 9)
    How many calls there were in the same run. Refused and held attempts count too. Reference data
    count too.
    Read by policy.r.

  facts.b
    (line 10)
    The sum of a value over the outcomes in the whole ledger in the last 90s. A call without an
    outcome counts with its reserve. Records that cannot be read are left out.
      value  1
      reserve  1
    Read by policy.r.

  facts.c
    (line 11)
    The value of the last of the observations in the same run whose observation.kind is action.tool.
    Where there is none: 'x'.
      value  observation.ref
      key  observation.kind
      asked for  action.tool
    Read by nothing.
"""
    assert text.endswith(f"\nFACTS\n{expected}")
    assert text.startswith("refunds 1.0.0, sha256 ")
    assert "limits by  run.ref\nlimits of EU: most = 3\nlimits of any other case: most = 1" in text
    rules = """
  policy.r
    (line 13, sentence s-1 of the policy)
    For calls of pay.
    If broken: somebody with the role lead approves first, for 2h.
    If nobody can tell: the call is refused.
      broken when  facts.b > limits.most && facts.a > 1
      rests on  facts.b      observed  outcomes, before
                limits.most  contract  EU 3, else 1
                facts.a      observed  calls, before
                run.ref      claimed   what was said when the run was opened or closed

  policy.told
    (line 15)
    For outcomes of pay.
    One of these must follow in the same run within 30m: calls of pay. Nothing is refused for it;
    what is missing is reported.
      key  action.call
      asked for  action.call
      rests on  action.call  claimed   what the agent says of its call
"""
    assert rules in text


def test_a_place_for_sql() -> None:
    """What the engine on columns runs can stand below each rule and fact, line for line."""
    contract = load_contract(SMALL)
    sql = {"policy.r": "SELECT b > 3\n  FROM facts", "facts.a": "count(*)"}
    text = explain(contract, "policy.r", sql=sql)
    assert "      sql  SELECT b > 3\n             FROM facts\n" in text
    assert "      sql  count(*)\n" in text


def test_shared_policies_are_named() -> None:
    """A rule from a shared policy is told with that file, and the head names the policy."""
    policy = 'policy: base\nrules:\n  - {id: b, for: pay, when: "false"}\n'
    named = f"extends: [{{policy: base.yaml, digest: {sha256(policy.encode()).hexdigest()}}}]\n"
    contract = load_contract(SMALL + named, "c/refunds.yaml", lambda _name: policy)
    text = explain(contract, file="c/refunds.yaml")
    assert "\nwith base (c/base.yaml, sha256 " in text
    assert "  policy.b\n    (c/base.yaml:3)\n" in text
    assert "  policy.r\n    (c/refunds.yaml:13," in text


def test_money_is_told_twice() -> None:
    """Micro-units are shown as they stand, and as people say them."""
    text = SMALL.replace("{most: 3}", "{most: 3, cap_micros: 1250000000}")
    assert "cap_micros = 1250000000 (1,250.00)" in explain(load_contract(text))


def test_inputs_agree_with_lint() -> None:
    """What lint takes for a claim is told as claimed, and what it takes for ground as observed."""
    contract = expand(parse_contract(FULL))
    for rule in contract.rules:
        texts = (rule.when, rule.unless)
        told = {one.name: one.origin for one in inputs_of(contract, *texts)}
        for roots, origin in ((CLAIMED, Origin.CLAIMED), (GROUNDED, Origin.OBSERVED)):
            for name in roots.of(contract, *texts) - {"limits"}:
                found = [one for known, one in told.items() if known.partition(".")[0] == name]
                assert set(found or [told[name]]) == {origin}


def test_plain_limits() -> None:
    """Limits that hold for every case are shown as they are."""
    text = SMALL.replace(
        "{by: run.ref, EU: {most: 3}, default: {most: 1}}", "{most: 3, names: [a]}"
    )
    assert "\nlimits: most = 3, names = ['a']\n" in explain(load_contract(text))


def test_unknown_rule() -> None:
    """A misspelt rule is named, with what was perhaps meant."""
    contract = expand(parse_contract(SMALL))
    with pytest.raises(
        UnknownRuleError, match=r"no rule `tools.alowed`.*did you mean `tools.allowed`"
    ):
        explain(contract, "tools.alowed")
    with pytest.raises(UnknownRuleError, match=r"lists all$"):
        explain(contract, "zzz")


@pytest.mark.parametrize(
    ("microseconds", "words"),
    [
        (90_000_000, "90s"),
        (86_400_000_000, "1d"),
        (7_200_000_000, "2h"),
        (250_000, "250ms"),
        (7, "7 microseconds"),
    ],
)
def test_durations(microseconds: int, words: str) -> None:
    """The largest unit that fits."""
    assert duration_words(microseconds) == words


def test_conditions_are_checked_at_their_place() -> None:
    """A type error is reported at the character where it was written."""
    text = SMALL.replace("facts.a > 1", "facts.a > 'x'")
    with pytest.raises(ContractErrors) as caught:
        load_contract(text, "c.yaml")
    (error,) = caught.value.errors
    assert (error.code, error.line, error.column) == ("condition.type", 13, 62)


def test_conditions_with_values_are_checked_too() -> None:
    """In an expanded condition the place is where it begins, and the expansion is shown."""
    text = SMALL.replace("facts.a > 1", "values.v") + "values: {v: facts.a > 'x'}\n"
    with pytest.raises(ContractErrors) as caught:
        load_contract(text, "c.yaml")
    (error,) = caught.value.errors
    assert (error.code, error.line, error.column) == ("condition.type", 13, 29)
    assert "expanded to `facts.b > limits.most && (facts.a > 'x')`" in error.message
