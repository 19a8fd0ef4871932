"""What two contracts decide differently: every difference told, every example really decided."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import Contract, load_contract
from contracts.diff_words import diff_json, diff_text
from contracts.differences import amount
from contracts.diffing import Change, Newly, diff
from contracts.engine import Engine
from contracts.history import Event
from contracts.instants import moment, written
from contracts.searching import Witness
from contracts.stated import Decider

LIBRARY = Path(__file__).resolve().parents[2] / "contracts" / "library" / "refund-decisioning"
DAY = 86_400_000_000

BASE = """\
contract: refunds
version: {version}
identity: {{service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}}
scope:
  modes: [read, execute]
  approve:
    - {{id: large, for: pay, when: params.micros > limits.auto_micros, role: lead, within: 2h}}
policy:
  document: {{name: refund-policy, version: "7"}}
  limits: {{auto_micros: {auto}}}
tools:
  orders.get: {{mode: read}}
  pay:
    mode: execute
    irreversible: gone
    params:
      type: object
      required: [micros, to]
      properties: {{micros: {{type: integer, minimum: 1}}, to: {{enum: [card, cash]}}}}
"""


def base(version: str = "1.0.0", auto: int = 100, more: str = "") -> str:
    """A small contract as text, with further lines."""
    return BASE.format(version=version, auto=auto) + more


def changes(before: str, after: str) -> tuple[Change, ...]:
    """What differs between two texts."""
    return diff(load_contract(before, "a.yaml"), load_contract(after, "b.yaml")).changes


def only(before: str, after: str) -> Change:
    """The only difference of two texts."""
    (change,) = changes(before, after)
    return change


def example(change: Change) -> Witness:
    """The example of a difference that has one."""
    assert change.example is not None, change.why
    return change.example


def library(version: str) -> Contract:
    """A version of the worked example."""
    text = (LIBRARY / f"{version}.yaml").read_text("utf-8")
    return load_contract(text, f"{version}.yaml")


# ------------------------------------------------------------------- what always holds


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_contract_does_not_differ_from_itself(version: str) -> None:
    """Nothing differs, and that is what is said."""
    found = diff(library(version), library(version))
    assert found.changes == ()
    assert "No difference" in diff_text(found)


def really_decided(contract: Contract, witness: Witness) -> str:
    """What the engine itself decides on an example without facts, as if it were in a ledger."""
    engine = Engine(contract)
    situation = witness.situation
    at = written(moment(situation.time))
    run = {"kind": "run", "phase": "opened", "service": contract.service}
    engine.observe(Event(0, "r", run, at, {"registered": True}))
    action = {"kind": "action", "run": "r", "by": contract.service, **situation.more}
    action |= {"tool": situation.tool, "params": situation.params}
    event = Event(1, "a", action, at, situation.identity)
    return engine.decide(event, engine.preview(event)).effect.value


EFFECTS = ("deny", "escalate", "approve, role: lead", "approve, role: boss", "warn")
CONDITIONS = (
    "params.micros > {n}",
    "params.micros <= {n}",
    'params.to == "cash"',
    'params.to == "cash" && params.micros >= {n}',
    'params.micros == {n} || params.to == "card"',
    "params.micros * 2 > {n}",
    "params.micros < limits.auto_micros",
)


def rule(number: int, condition: str, edge: int, effect: str) -> str:
    """A rule as a line of a contract."""
    return (
        f"  - {{id: r{number}, for: pay, when: '{condition.format(n=edge)}', effect: {effect}}}\n"
    )


def text_of(auto: int, lines: list[str]) -> str:
    """A contract with a limit and these rules, of which each id is there once."""
    once = {line.split(",")[0]: line for line in lines}
    return base(auto=auto, more="rules:\n" + "".join(once.values()))


RULE = st.builds(
    rule,
    st.integers(0, 3),
    st.sampled_from(CONDITIONS),
    st.integers(1, 12),
    st.sampled_from(EFFECTS),
)
TEXT = st.builds(text_of, st.integers(1, 12), st.lists(RULE, min_size=1, max_size=3))


@given(TEXT, TEXT)
def test_every_example_is_really_decided_differently(before: str, after: str) -> None:
    """By the engine, as a ledger would have it, and as the comparison says."""
    old, new = load_contract(before), load_contract(after)
    for change in diff(old, new).changes:
        if change.example is None:
            assert change.why
            continue
        outcomes = change.example.outcomes
        assert outcomes[0] != outcomes[1]
        decided = [really_decided(one, change.example) for one in (old, new)]
        assert decided == [one.effect.value for one in outcomes]


@given(TEXT)
def test_no_difference_to_itself(text: str) -> None:
    """The same for random contracts."""
    assert changes(text, text) == ()


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_changed_limit_is_shown_at_its_edge(one: int, two: int) -> None:
    """The first call past the lower limit, and up to the higher one."""
    if one == two:
        return
    change = only(base(auto=one), base(auto=two))
    assert change.difference.name == "auto_micros"
    low, high = sorted((one, two))
    found = example(change)
    assert found.situation.params["micros"] == low + 1
    assert change.newly is (Newly.APPROVAL if two < one else Newly.ALLOWED)
    if high > low + 1:
        (span,) = found.spans
        assert (span.least, span.most, span.opens) == (low + 1, high, False)


# ----------------------------------------------------------------------- the library


def test_the_worked_example() -> None:
    """The version after the incident: what it holds back, at the edges, and nothing else."""
    old, new = library("1.0.0"), library("1.1.0")
    found = {change.difference.name: change for change in diff(old, new).changes}
    assert set(found) == {
        "EU.auto_approve_micros",
        "identity.delegation",
        "scope.serial-refunds",
        "refunds_to_customer",
        "policy.document",
    }
    limit = example(found["EU.auto_approve_micros"])
    assert limit.situation.params["amount"]["micros"] == 60_000_001
    assert limit.situation.facts["customer_region"] == "EU"
    assert limit.reasons == ((), ("scope.above-threshold",))
    serial = example(found["scope.serial-refunds"])
    assert serial.situation.facts["refunds_to_customer"] == 3
    assert found["scope.serial-refunds"].newly is Newly.ESCALATED
    assert found["identity.delegation"].newly is Newly.DENIED
    assert found["policy.document"].example is None


@pytest.mark.parametrize(("before", "after"), [("1.0.0", "1.1.0"), ("1.1.0", "1.0.0")])
def test_its_examples_are_decided_again(before: str, after: str) -> None:
    """Deciders made anew, each with facts under its own names, say what the examples say."""
    old, new = library(before), library(after)
    for change in diff(old, new).changes:
        if change.example is not None:
            outcomes = [Decider(one).outcome(change.example.situation) for one in (old, new)]
            assert tuple(outcomes) == change.example.outcomes


def test_the_text_is_for_a_policys_owner() -> None:
    """Grouped by what is new, with what the rule says, the sentence, and amounts in whole units."""
    text = diff_text(diff(library("1.0.0"), library("1.1.0")))
    assert text.startswith("refund-decisioning 1.0.0 -> 1.1.0\n")
    assert "params.amount.micros = 60000001 (60.000001), and up to 100000000 (100.00)" in text
    assert "1.1.0  approval by refunds-lead, good for 2h: scope.above-threshold" in text
    assert "More than the region's limit, which needs a refunds lead. [S3]" in text
    assert "does not prove that there is none" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_json_says_everything() -> None:
    """An example holds all that it was decided on."""
    made = diff_json(diff(library("1.0.0"), library("1.1.0")))
    assert made["schema"] == "writ/contract-diff/v1"
    found: dict[str, Any] = {one["name"]: one for one in made["changes"]}
    action = found["scope.serial-refunds"]["example"]["action"]
    assert action["facts"]["refunds_to_customer"] == 3
    assert {one["what"] for one in action["evidence"]} == {"policy", "transaction", "eligibility"}
    assert found["refunds_to_customer"]["example"] is None


# --------------------------------------------------------------------- each kind of part

FORBIDDEN = "rules: [{id: cash, for: pay, when: 'params.to == \"cash\"'}]\n"


@pytest.mark.parametrize(
    ("before", "after", "name", "newly"),
    [
        (base(), base(more=FORBIDDEN), "policy.cash", Newly.DENIED),
        (base(more=FORBIDDEN), base(), "policy.cash", Newly.ALLOWED),
        (base(), base().replace("role: lead", "role: boss"), "scope.large", Newly.SIGNERS),
        (base(), base().replace("2h", "3h"), "scope.large", Newly.SIGNERS),
        (base(), base().replace("modes: [read, execute]", "modes: [read]"), "scope.mode",
         Newly.DENIED),
        (base(), base().replace("enum: [card, cash]", "enum: [card]"), "pay", Newly.DENIED),
        (base(), base().replace("enum: [card, cash]", "enum: [card, coin]"), "pay", Newly.DENIED),
        (base(), base().replace("{mode: read}", "{mode: draft}"), "orders.get", Newly.DENIED),
        (base(), base(more="  orders.put: {mode: read}\n"), "orders.put", Newly.ALLOWED),
        (base(more="  orders.put: {mode: read}\n"), base(), "orders.put", Newly.DENIED),
        (base(), base().replace("{mode: read}", "{mode: read, permission: p}"), "orders.get",
         Newly.DENIED),
        (base(), base(more="cost: {per_run: {tool_calls: 9}}\n"), "cost.tool-calls", Newly.DENIED),
    ],
)  # fmt: skip
def test_parts(before: str, after: str, name: str, newly: Newly) -> None:
    """What is new about each kind of change, with an example."""
    found = {change.difference.name: change for change in changes(before, after)}
    assert found[name].example is not None, found[name].why
    assert found[name].newly is newly


def test_evidence_that_must_be_fresher() -> None:
    """The example's evidence is as old as the new contract refuses first."""
    item = "evidence: [{{id: seen, for: pay, kind: order, from: shop, fresh: {}}}]\n"
    found = {
        change.difference.name: change
        for change in changes(base(more=item.format("2d")), base(more=item.format("1d")))
    }
    stale = example(found["evidence.seen.stale"])
    (observation,) = stale.situation.evidence
    assert found["evidence.seen.stale"].newly is Newly.DENIED
    assert DAY <= max(observation["time"].micros, observation["observed_at"].micros) < 2 * DAY


FACT = "facts: {{paid: {{count: true, from: outcome of pay, within: {}}}}}\n"
PAID = "rules: [{id: few, for: pay, unless: facts.paid < 3}]\n"


def test_a_fact_that_counts_differently() -> None:
    """No example is given where only a history could show it, and that is said."""
    change = only(base(more=FACT.format("1d") + PAID), base(more=FACT.format("2d") + PAID))
    assert change.difference.name == "paid"
    assert change.difference.words == ("within: 1d -> 2d", "read by policy.few")
    assert (change.example, change.newly) == (None, Newly.NOTHING)
    assert "history" in change.why


def test_a_renamed_fact_is_the_same() -> None:
    """A fact is what it counts, whatever it is called."""
    text = base(more=FACT.format("1d") + PAID)
    assert changes(text, text.replace("paid", "settled")) == ()


def test_what_other_rules_decide_anyway() -> None:
    """A difference that no decision shows is told with the rules that hide it."""
    never = "rules:\n  - {id: never, for: pay, when: 'true'}\n"
    change = only(base(auto=5, more=never), base(auto=9, more=never))
    assert change.example is None
    assert "policy.never" in change.why


def test_what_decides_no_action() -> None:
    """Warnings, and rules about what happened afterwards, are told as such."""
    late = "rules: [{{id: late, for: outcome of pay, when: outcome.seconds > {}}}]\n"
    assert "afterwards" in only(base(more=late.format("5.0")), base(more=late.format("6.0"))).why
    warn = "rules: [{{id: odd, for: pay, when: params.micros > {}, effect: warn}}]\n"
    assert "only warns" in only(base(more=warn.format(5)), base(more=warn.format(6))).why


def test_limits_by_case() -> None:
    """A limit of one case is shown in that case."""
    plain, cased = "limits: {auto_micros: 100}", "limits: {by: run.channel, EU: {auto_micros: 5}, "
    before = base().replace(plain, cased + "US: {auto_micros: 9}}")
    change = only(before, before.replace("US: {auto_micros: 9}", "US: {auto_micros: 7}"))
    assert change.difference.name == "US.auto_micros"
    found = example(change)
    assert (found.situation.run["channel"], found.situation.params["micros"]) == ("US", 8)


LEVELS = (
    "{levels: [{by: run.domain, a: {auto_micros: 5}, b: {auto_micros: 7}},"
    " {by: run.channel, EU: {auto_micros: 20}, US: {auto_micros: 30}}],"
    " default: {auto_micros: 50}}"
)


def limited(limits: str) -> str:
    """The small contract with other limits."""
    return base().replace("limits: {auto_micros: 100}", f"limits: {limits}")


@pytest.mark.parametrize(
    ("old", "new", "name", "what", "newly", "run", "micros"),
    [
        ("a: {auto_micros: 5}", "a: {auto_micros: 6}", "run.domain = a.auto_micros", "changed",
         Newly.ALLOWED, {"domain": "a"}, 6),
        ("US: {auto_micros: 30}", "US: {auto_micros: 31}", "run.channel = US.auto_micros",
         "changed", Newly.ALLOWED, {"channel": "US", "domain": "other"}, 31),
        ("default: {auto_micros: 50}", "default: {auto_micros: 60}", "default.auto_micros",
         "changed", Newly.ALLOWED, {"channel": "other", "domain": "other"}, 51),
        # A narrower case takes the place of what a wider one says.
        ("b: {auto_micros: 7}", "b: {auto_micros: 7}, c: {auto_micros: 1}",
         "run.domain = c.auto_micros", "added", Newly.APPROVAL, {"domain": "c"}, 2),
        (", b: {auto_micros: 7}", "", "run.domain = b.auto_micros", "removed", Newly.ALLOWED,
         {"domain": "b"}, 8),
        ("b: {auto_micros: 7}", "b: {}", "run.domain = b.auto_micros", "removed", Newly.ALLOWED,
         {"domain": "b"}, 8),
        (", default: {auto_micros: 50}", "", "default.auto_micros", "removed", Newly.DENIED,
         {"channel": "other", "domain": "other"}, 1),
    ],
)  # fmt: skip
def test_limits_by_levels(
    old: str, new: str, name: str, what: str, newly: Newly, run: dict[str, str], micros: int
) -> None:  # fmt: skip
    """A value of one level is shown in its own case, where no narrower level has the word."""
    change = only(limited(LEVELS), limited(LEVELS.replace(old, new)))
    assert (change.difference.name, change.difference.what, change.newly) == (name, what, newly)
    found = example(change).situation
    assert found.params["micros"] == micros
    assert {key: found.run[key] for key in run} == run


def test_levels_in_another_order() -> None:
    """Which of two levels has the first word is a difference, with a call to which both apply."""
    levels = LEVELS.removeprefix("{levels: [").partition("], default")[0]
    first, second = levels.split("}}, {")
    turned = LEVELS.replace(levels, f"{{{second}, {first}}}}}")
    change = only(limited(LEVELS), limited(turned))
    assert change.difference.words == (
        "run.domain, then run.channel -> run.channel, then run.domain",
    )
    run = example(change).situation.run
    assert (run["domain"] in {"a", "b"}, run["channel"] in {"EU", "US"}) == (True, True)


@pytest.mark.parametrize(
    ("more", "name"), [(", default: {}", "default"), (", q: {}", "q"), (", q: {}, z: {}", "q")]
)
def test_a_case_without_a_value(more: str, name: str) -> None:
    """That a case is listed at all can decide: then there are limits, if without that one."""
    large = "params.micros > limits.auto_micros"
    text = limited("{by: run.domain, a: {auto_micros: 5}}").replace(
        large, f"has(limits.auto_micros) && {large}"
    )
    listed = text.replace("a: {auto_micros: 5}", f"a: {{auto_micros: 5}}{more}")
    change = changes(text, listed)[0]
    assert (change.difference.name, change.difference.what) == (name, "added")
    assert (change.newly, example(change).situation.run.get("domain")) == (
        Newly.ALLOWED,
        "other" if name == "default" else name,
    )
    assert changes(listed, text)[0].newly is Newly.DENIED
    assert "No difference" not in diff_text(diff(load_contract(text), load_contract(listed)))


def test_a_case_without_a_value_beside_a_default() -> None:
    """Where a default gives all values, an empty case gives what no case gives."""
    assert changes(limited(LEVELS), limited(LEVELS.replace("b: {", "c: {}, b: {"))) == ()


def test_amounts() -> None:
    """Micro-units are shown in whole units too; other numbers and texts as they are."""
    assert amount("micros", 5) == "5 (0.000005)"
    assert amount("x_micros", -1_500_000) == "-1500000 (-1.50)"
    assert (amount("days", 30), amount("word", "x")) == ("30", '"x"')


def test_texts_that_decide_alike() -> None:
    """Another version number is no difference, and that the texts are not the same is said."""
    found = diff(load_contract(base()), load_contract(base("1.0.1")))
    assert found.changes == ()
    assert "The texts differ" in diff_text(found)
    assert "The texts differ" not in diff_text(diff(found.before, found.before))
