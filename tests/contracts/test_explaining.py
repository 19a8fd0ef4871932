"""The explanation: all of the expansion, in words and CEL, at 100 columns."""

from pathlib import Path

import pytest

from contracts import ContractErrors, expand, explain, load_contract, parse_contract
from contracts.explaining import UnknownRuleError, duration_words

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
    """Each rule and fact with its line, and each condition's words."""
    contract = expand(parse_contract(FULL))
    text = explain(contract)
    for rule in contract.rules:
        assert f"  {rule.id}  (line {rule.position.line})\n" in text
        assert rule.says in " ".join(text.split())
    for fact in contract.facts:
        assert f"  facts.{fact.name}  (line {fact.position.line})\n" in text
    flat = " ".join(text.split())
    for rule in contract.rules:
        assert " ".join(rule.when.split()) in flat
        assert " ".join(rule.unless.split()) in flat
    assert text.endswith("\n")
    assert max(len(line) for line in text.splitlines()) <= 100


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
FACTS

  facts._recovery_switch  (line 1)
    The value of the last of the switches of the same service. Where there is none: 'released'.
      value  switch.state == "engaged" ? switch.mode : "released"

  facts.a  (line 9)
    The number of actions in the same run. Refused and held attempts count too. Reference data count
    too.

  facts.b  (line 10)
    The sum of a value over the outcomes in the whole ledger in the last 90s. An action without an
    outcome counts with its reserve. Records that cannot be read are left out.
      value  1
      reserve  1

  facts.c  (line 11)
    The value of the last of the observations in the same run with the key asked for. Where there is
    none: 'x'.
      value  observation.ref
      key  observation.kind
      asked for  action.tool
"""
    assert expected in text
    assert text.startswith("refunds 1.0.0, sha256 ")
    assert "limits by  run.ref\nlimits of EU: most = 3\nlimits of any other case: most = 1" in text
    assert text.endswith(
        """
  policy.r  (line 13)
    For actions of pay; if violated ask for approval, if undecidable deny; approval by the role
    lead, for 2h; from sentence s-1 of the policy.
      violated when  facts.b > limits.most && facts.a > 1

  policy.told  (line 15)
    For outcomes of pay; an obligation, never a reason to refuse.
    Where that holds, this must follow in the same run within 30m: action of pay.
      key  action.call
      asked for  action.call
"""
    )


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
