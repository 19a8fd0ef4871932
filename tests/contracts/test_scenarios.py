"""Scenarios: each expectation is checked, engines have to agree, and failures are made small."""

from collections.abc import Sequence
from dataclasses import replace

from contracts.decision import Decision
from contracts.exercise import exercise_of
from contracts.history import Event
from contracts.model import Contract, Effect
from contracts.rehearsal import Judgement
from contracts.retelling import retold
from contracts.scenarios import Stage
from contracts.staging import script_of
from tests.contracts.scenes import CONTRACT, HEAD, contract, played, suite, told
from tests.reference.scanning import Scanning
from verifier.rehearsal import Verifying


def test_a_scenario_says_decision_reasons_facts_and_findings() -> None:
    """What is as expected passes, by all engines there are."""
    (one,) = played(
        """\
  - scenario: a large payment waits for a lead
    with: {amount: 200}
    given: [begun, looked]
    when: pay
    then:
      decision: approve
      reasons: [scope.large]
      facts: {looked: true, paid: 0}
      findings: {scope.large: handled, policy.looked: satisfied, policy.polite: none}
""",
        Verifying(),
        Scanning(),
    )
    assert told(one) == []


def test_each_expectation_that_is_not_met_is_told_with_its_line() -> None:
    """Expected and got stand together, at the line where it was expected."""
    (one,) = played(
        """\
  - scenario: everything is expected otherwise
    given: [begun]
    when: {action: pay, as: pay, params: {amount: 50}}
    after: [{outcome: pay, as: done}, {close: case}]
    then:
      decision: allow
      reasons: [scope.large]
      including: [policy.bounded]
      facts: {looked: true, paid: undecidable}
      findings: {policy.looked: satisfied}
      at: {done: {policy.told: satisfied}}
"""
    )
    assert told(one)[0] == "21: decision: allow, not deny"
    assert [failure.what for failure in one.failures] == [
        "decision",
        "reasons",
        "including",
        "facts.looked",
        "facts.paid",
        "policy.looked",
        "policy.told at done",
    ]
    assert one.failures[-1].got == "violated"


def test_what_comes_after_settles_what_was_open() -> None:
    """An obligation is pending until the history says more."""
    scenario = """\
  - scenario: {name}
    given: [begun, looked, pay]
    when: {{outcome: pay}}
    after: {after}
    then: {{findings: {{policy.told: {word}}}}}
"""
    texts = [
        scenario.format(name="open", after="[]", word="pending"),
        scenario.format(name="met", after="[{message: assistant}]", word="satisfied"),
        scenario.format(name="missed", after="[{close: case}]", word="violated"),
    ]
    assert [told(one) for one in played("".join(texts), Verifying(), Scanning())] == [[], [], []]


def test_an_engine_that_says_something_else_fails_the_scenario() -> None:
    """A disagreement is a failure, whatever was expected, and says who differs on what."""

    class Contrary:
        name = "contrary"

        def judge(self, contract: Contract, events: Sequence[Event]) -> Judgement:
            judgement = Scanning().judge(contract, events)
            index = len(events) - 1
            results = {**judgement.results, (index, "policy.looked"): "violated"}
            decisions = {index: Decision(Effect.DENY)}
            return replace(judgement, results=results, decisions=decisions)

    (one,) = played(
        """\
  - scenario: paid
    given: [begun, looked]
    when: pay
    then: {decision: allow}
""",
        Contrary(),
    )
    assert [failure.what for failure in one.failures] == ["engine contrary"] * 2
    assert one.failures[0].got == (
        "entry 5, policy.looked: satisfied says the guard, violated the other"
    )
    assert "allow (no reason) decides the guard, deny (no reason) the other" in one.failures[1].got


def test_a_failing_history_is_made_smaller() -> None:
    """Only what the failure hangs on is left: records, and fields of them."""
    (one,) = played(
        """\
  - scenario: a large payment is expected to be refused
    with: {amount: 200}
    given:
      - {run: other, ago: 2h}
      - {action: pay, params: {amount: 1}, outcome: ok, ago: 1h}
      - begun
      - {message: user, content: Please., ago: 1h}
      - {message: assistant, content: Yes.}
      - looked
    when: pay
    then: {decision: deny}
""",
        Verifying(),
        tries=200,
    )
    assert told(one) == ["26: decision: deny, not approve"]
    assert one.smallest is not None
    assert retold(one.smallest) == [
        "given: ",
        "  - {run: case}",
        "  - {action: look, as: look 6, in: case}",
        "  - {outcome: look 6, status: ok}",
        "when:",
        "  - {action: pay, as: pay, params: {amount: 200}, in: case}",
    ]


def test_making_smaller_stops_when_its_tries_are_used_up() -> None:
    """A bound holds, and what was found by then is shown."""
    (one,) = played(
        """\
  - scenario: refused
    given: [begun, looked, {message: user}, {message: user}]
    when: pay
    then: {decision: deny}
""",
        tries=2,
    )
    assert one.smallest is not None
    assert len(one.smallest.items) > 2


def test_a_smaller_history_can_be_told_in_the_words_of_a_suite() -> None:
    """Every kind of record has its step, and playing what was told fails the same way."""
    scenario = """\
  - scenario: everything
    given:
      - {run: case, requester: Ada, ago: 2h}
      - {message: user, content: "yes: all of it", turn: 3, ago: 1h30m}
      - observation: note
        source: desk
        seen: 1d
        digest: false
        fields: {n: 1}
        ago: 1h
      - {action: look, as: first, decision: approve, evidence: note, ago: 50m}
      - {approval: first, by: lead, expires: 10m, ago: 40m}
      - {switch: engaged, mode: safe, by: lead, ago: 30m}
      - {outcome: first, status: error, cost: 1.50 EUR, ago: 20m}
    when: {action: pay, as: pay, params: {amount: 50}, resumes: first}
    after: [{close: case, outcome: done, later: 1m}]
    then: {decision: allow}
"""
    (one,) = played(scenario, tries=1)
    stage = Stage(contract(), CONTRACT)
    whole = retold(script_of(suite(scenario), 0))
    head = "  - scenario: everything\n"
    again = head + "\n".join(f"    {line}" for line in whole) + "\n    then: {decision: allow}\n"
    (second,) = stage.play([suite(again)])
    assert one.failures == second.failures
    assert retold(script_of(suite(again), 0)) == whole


def test_only_what_a_scenario_asks_about_is_exercised() -> None:
    """Rules passed on the way do not count, those at named records do; failed scenarios neither."""
    text = """\
  - scenario: paid
    covers: [missing-evidence]
    given: [begun, looked, pay]
    when: {outcome: pay}
    after: [{message: assistant, as: thanks}]
    then: {at: {thanks: {policy.polite: satisfied}}}
  - scenario: fails
    covers: [compensation]
    given: [begun]
    when: pay
    then: {decision: allow}
"""
    stage = Stage(contract(), CONTRACT)
    exercise = exercise_of(stage, stage.play([suite(text)]))
    reached = {rule.id: found for rule, found in exercise.rules if found}
    assert reached == {"policy.told": {"satisfied"}, "policy.polite": {"satisfied"}}
    assert "policy.looked" in {rule.id for rule in exercise.unexercised()}
    assert exercise.covered["missing-evidence"] == 1
    assert "compensation" in exercise.missing


def test_a_waived_situation_is_not_missing() -> None:
    """A contract for which a situation cannot occur says so, with the reason."""
    head = "waived: {compensation: nothing is ever paid back}\n"
    text = "  - {scenario: s, given: begun, when: {message: user}, then: {}}\n"
    stage = Stage(contract(), CONTRACT)
    exercise = exercise_of(stage, stage.play([suite(text, head + HEAD)]))
    assert "compensation" not in exercise.missing
    assert exercise.waived == {"compensation": "nothing is ever paid back"}


def test_a_run_without_a_time_opens_with_its_first_record() -> None:
    """Who says when something was said need not say when its run began."""
    (one,) = played(
        """\
  - scenario: an old word
    given: [begun, {message: user, ago: 1h}]
    when: {message: assistant, content: no}
    then: {findings: {policy.polite: violated}}
"""
    )
    assert told(one) == []


def test_scenarios_of_other_versions_are_left_alone() -> None:
    """A scenario is played for the versions that it, or its suite, names."""
    text = "  - {scenario: s, versions: [2.0.0], given: begun, when: {message: user}, then: {}}\n"
    assert played(text) == []
