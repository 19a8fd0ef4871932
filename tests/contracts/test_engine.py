"""The engine: one pass, rules before counting, previews without a trace, obligations settled."""

from typing import Any

import pytest

from contracts.engine import Engine, OrderError
from contracts.evaluation import ConditionError
from contracts.history import Event
from contracts.model import Verdict
from contracts.results import RuleResult
from tests.reference.histories import contract_of, digest_of, events_of

Line = dict[str, Any]
RUN: Line = {"opened": "r"}


def engine_of(*rules: Line, **more: Any) -> Engine:  # noqa: ANN401 - parts of a contract
    """An engine for a contract with some rules."""
    return Engine(contract_of({"rules": list(rules), **more}))


def judged(engine: Engine, *lines: Line) -> list[RuleResult]:
    """All results that a history brings, in the order in which they come."""
    return [one for event in events_of([RUN, *lines]) for one in engine.observe(event)]


def short(results: list[RuleResult]) -> list[str]:
    """Results in a line each."""
    return [f"{one.index} {one.rule.id} {one.verdict}" for one in results]


def test_a_result_says_what_was_asked_and_what_was_read() -> None:
    """Expected is the rule's condition; recorded is every member and fact that it read."""
    facts = {"n": {"count": True, "from": "action"}, "none": {"last": "1", "from": "switch"}}
    engine = engine_of(
        {"id": "few", "when": "params.amount > 3", "unless": "facts.n < 1"},
        {"id": "when", "when": "params.amount > 3"},
        {"id": "open", "unless": "facts.none == 1 && has(action.time)"},
        facts=facts,
    )
    action: Line = {"action": "a", "params": {"amount": 5, "note": "x" * 300}}
    *_, few, when, unknown = judged(engine, action, action | {"action": "b"})
    assert (few.verdict, few.expected) == (Verdict.VIOLATED, "facts.n < 1, where params.amount > 3")
    assert few.recorded == "params.amount = 5, facts.n = 1"
    assert (few.facts, few.rests_on) == ({"n": 1}, (1,))
    assert when.expected == "not (params.amount > 3)"
    assert unknown.verdict is Verdict.UNDECIDABLE
    assert unknown.reason == "fact none: no record in this run"
    assert unknown.recorded.startswith("action.time = 2026-03-01T09:00:02.000000Z, facts.none = no")


def test_what_is_shown_of_a_value_is_short() -> None:
    """A long text is cut: a report is not the ledger."""
    engine = engine_of({"id": "r", "when": "params.note != ''"})
    (found,) = judged(engine, {"action": "a", "params": {"note": "x" * 300}})
    assert len(found.recorded) < 150
    assert found.recorded.endswith("…")


def test_a_result_names_the_evidence_that_it_rests_on() -> None:
    """An action's cited observations are among the entries of a rule about evidence."""
    engine = engine_of({"id": "r", "unless": "evidence.exists(e, e.kind == 'proof')"})
    cited: Line = {"observation": "o", "what": "proof"}
    action: Line = {"action": "a", "evidence": ["o", "nobody"]}
    (found,) = judged(engine, cited, action)
    assert (found.verdict, found.rests_on) == (Verdict.SATISFIED, (1,))


def test_when_and_unless_are_asked_together() -> None:
    """Where one of the two settles the rule, an error in the other does not matter."""
    engine = engine_of(
        {"id": "unless", "when": "params.no", "unless": "true"},
        {"id": "when", "when": "false", "unless": "params.no"},
        {"id": "error", "when": "params.no", "unless": "false"},
        {"id": "late", "when": "true", "unless": "params.no"},
        {"id": "text", "when": "action.tool"},
    )
    found = judged(engine, {"action": "a"})
    assert [str(one.verdict) for one in found] == [
        *("satisfied", "satisfied", "undecidable", "undecidable", "undecidable"),
    ]
    assert found[2].reason == "params.no is absent"
    assert found[4].reason == "the condition is not true or false"


def test_rules_are_for_runs_of_their_service_and_facts_for_all() -> None:
    """Another service's actions are counted, and are not judged."""
    facts = {"n": {"count": True, "from": "action", "over": "ledger"}}
    engine = engine_of({"id": "r", "unless": "facts.n < 1"}, facts=facts)
    other: Line = {"opened": "q", "service": "spiffe://acme.example/ai/other"}
    found = judged(engine, other, {"action": "x", "in": "q"}, {"action": "a"})
    assert short(found) == ["3 r violated"]


def test_a_preview_leaves_no_trace() -> None:
    """The guard may ask as often as it likes; only what is observed counts."""
    rules: list[Line] = [
        {"id": "r", "unless": "facts.n < 1"},
        {"id": "duty", "expect": {"from": "outcome", "until": "run.closed"}},
    ]
    engine = engine_of(*rules, facts={"n": {"count": True, "from": "action"}})
    run, action = events_of([RUN, {"action": "a"}])
    engine.observe(run)
    for _ in range(3):
        assert short(engine.preview(action)) == ["1 r satisfied"]
    assert engine.finish() == []
    assert short(engine.observe(action)) == ["1 r satisfied"]
    assert short(engine.finish()) == ["1 duty undecidable"]


def test_entries_come_in_order() -> None:
    """An index or a live time that goes back is a mistake of the caller, not a verdict."""
    engine = engine_of()
    first, second, third = events_of([RUN, {"action": "a", "t": 9}, {"action": "b", "t": 8}])
    engine.observe(first)
    engine.observe(second)
    with pytest.raises(OrderError, match="entry 1: it comes after entry 1; feed the valid"):
        engine.observe(second)
    with pytest.raises(OrderError, match="entry 2: its time goes back, or is none") as caught:
        engine.observe(third)
    assert caught.value.index == 2
    imported = Event(9, third.digest, third.record, third.recorded_at, imported=True)
    assert engine.observe(imported) == []


def test_entries_of_any_year() -> None:
    """A clock that was never set is no reason to stop."""
    engine = engine_of()
    first, second = events_of([RUN, {"action": "a"}])
    for event, year in ((first, "1969"), (second, "1970")):
        at = f"{year}-01-01T00:00:00.000000Z"
        engine.observe(Event(event.index, event.digest, event.record, at))


def test_a_contract_that_was_not_checked_is_refused_at_once() -> None:
    """A condition that does not compile stops the engine before the first entry."""
    with pytest.raises(ConditionError, match="Syntax error"):
        engine_of({"id": "r", "when": "1 +"})


def test_entries_that_no_condition_sees_pass_by() -> None:
    """A contract, an activation or a review has no rules; its time passes all the same."""
    rule: Line = {"id": "duty", "expect": {"from": "outcome", "within": "5s"}}
    engine = engine_of(rule)
    found = judged(engine, {"action": "a", "t": 1}, {"contract": "1.0.0", "t": 7})
    assert short(found) == ["1 duty violated"]
    assert found[0].rests_on == (2,)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"by": "run.goal", "EU": {"most": 1}}, "limits: no case for 'US', and no default"),
        ({"by": "run.domain", "EU": {"most": 1}}, "limits: run.domain is absent"),
        (
            {"by": "action.index", "default": {"most": 1}},
            "limits: no case for 1: a case is a string",
        ),
        ({"by": "limits.most", "default": {"most": 1}}, "limits: limits: they rest on themselves"),
        ({"by": "facts.late", "default": {"most": 1}}, "limits: fact late: no record in this run"),
    ],
)
def test_limits_that_do_not_exist_say_why(limits: Line, reason: str) -> None:
    """A case without values, a case that is an error, and a case that is no string."""
    facts = {"late": {"last": "message.content", "from": "message"}}
    engine = engine_of({"id": "r", "unless": "limits.most == 1"}, limits=limits, facts=facts)
    found = [one for event in events_of([{**RUN, "goal": "US"}]) for one in engine.observe(event)]
    assert found == []
    (result,) = engine.observe(events_of([RUN, {"action": "a"}])[1])
    assert result.reason == reason


def test_limits_are_those_of_the_case() -> None:
    """A fact may choose the case; a fact that is declared before it cannot use the limits."""
    facts = {
        "early": {"count": True, "from": "message", "where": "limits.most == 1"},
        "where": {"last": "message.content", "from": "message"},
        "late": {"count": True, "from": "message", "where": "limits.most == 1"},
    }
    limits = {"by": "facts.where", "EU": {"most": 1}, "default": {"most": 2}}
    rules = [{"id": one, "unless": f"facts.{one} == 1"} for one in ("early", "late")]
    engine = engine_of(
        *rules, {"id": "r", "unless": "limits.most == 1"}, facts=facts, limits=limits
    )
    message: Line = {"message": "m", "content": "EU"}
    found = judged(engine, message, {**message, "message": "n"}, {"action": "a"})
    assert short(found) == ["3 early undecidable", "3 late undecidable", "3 r satisfied"]
    assert found[0].reason.endswith("limits: they rest on a fact that is declared later")
    assert found[1].reason.endswith("its where: limits: fact where: no record in this run")


def test_a_fact_sees_only_what_is_declared_before_it() -> None:
    """A name that is none, and one that comes later, have no value: nothing can run in circles."""
    facts = {
        "one": {"count": True, "from": "action", "where": "facts.two == 0"},
        "two": {"count": True, "from": "action", "where": "facts.none == 0"},
    }
    rules = [{"id": one, "unless": f"facts.{one} == 0"} for one in ("one", "two")]
    found = judged(engine_of(*rules, facts=facts), {"action": "a"}, {"action": "b"})
    assert found[2].reason.endswith("fact two: not declared before it is read")
    assert found[3].reason.endswith("fact none: not declared before it is read")


def test_a_variable_that_a_record_has_not_is_named() -> None:
    """The reason says which record lacks what."""
    rules: list[Line] = [
        {"id": "evidence", "for": "outcome", "when": "evidence.size() > 0"},
        {"id": "who", "for": "outcome", "when": "identity.owner == '' || !identity.registered"},
        {"id": "loose", "when": "facts.loose"},
    ]
    facts = {
        "loose": {"seen": True, "from": "observation", "over": "ledger", "where": "run.id == ''"}
    }
    lines: list[Line] = [
        {"observation": "v", "in": None},
        {"action": "a"},
        {"outcome": "o", "of": "a"},
    ]
    loose, evidence, who = judged(engine_of(*rules, facts=facts), *lines)
    assert evidence.reason == "there is no evidence for outcome"
    assert who.verdict is Verdict.SATISFIED
    assert loose.reason == "fact loose: record 1: its where: run: this observation stands in no run"


# --------------------------------------------------------------------------- obligations


def duty(**expect: Any) -> Line:  # noqa: ANN401 - members of `expect`
    """A rule that waits for something."""
    return {"id": "duty", "expect": {"from": "outcome", **expect}}


def test_a_duty_is_met_violated_or_pending() -> None:
    """The result stands at the record that triggers it and names what settled it."""
    engine = engine_of(duty(by="action.digest", until="run.closed"))
    actions: list[Line] = [{"action": "a"}, {"action": "b"}]
    met = judged(engine, *actions, {"outcome": "o", "of": "a"})
    assert short(met) == ["1 duty satisfied"]
    assert met[0].rests_on == (3,)
    (pending,) = engine.finish()
    assert (pending.index, pending.reason) == (2, "pending")
    expected = "outcome under the same action.digest before run.closed"
    assert pending.expected == expected
    (closed,) = engine.observe(events_of([RUN, RUN, RUN, RUN, {"closed": "r"}])[4])
    assert (closed.index, closed.verdict, closed.rests_on) == (2, Verdict.VIOLATED, (4,))
    assert engine.finish() == []


def test_the_deadline_itself_is_in_time() -> None:
    """At t + d it is met; one microsecond later it was violated before."""
    for time, verdict in (("6", "satisfied"), ("6.000001", "violated")):
        engine = engine_of(duty(within="5s", where="outcome.status == 'ok'", by="action.digest"))
        found = judged(engine, {"action": "a", "t": 1}, {"outcome": "o", "of": "a", "t": time})
        assert short(found) == [f"1 duty {verdict}"]
        assert found[0].expected.endswith(
            "where outcome.status == 'ok' under the same action.digest within 5s"
        )


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        ({"until": "run.closed", "over": "workflow"}, "this action stands in no workflow"),
        ({"until": "run.closed", "by": "params.x"}, "its key here: params.x is absent"),
        ({"until": "run.closed", "by": "1", "at": "1.5"}, "its key here: a key must be a string"),
    ],
)
def test_a_duty_that_cannot_begin_is_undecidable(expect: Line, reason: str) -> None:
    """Without scope or key nobody knows what would meet it."""
    (found,) = judged(engine_of(duty(**expect)), {"action": "a"})
    assert found.verdict is Verdict.UNDECIDABLE
    assert found.reason.startswith(reason)


def test_a_trigger_that_is_an_error_is_undecidable_and_false_is_nothing_due() -> None:
    """`when` decides whether anything must follow."""
    rules = [
        {**duty(until="run.closed"), "id": "error", "when": "params.x"},
        {**duty(until="run.closed"), "id": "no", "when": "false"},
        {**duty(until="run.closed", by="1", at="[]"), "id": "nobody"},
    ]
    found = judged(engine_of(*rules), {"action": "a"})
    assert short(found) == ["1 error undecidable", "1 no satisfied", "1 nobody satisfied"]


def test_a_list_of_keys_needs_a_record_under_each() -> None:
    """The first of two meets half of it."""
    engine = engine_of(
        duty(by="outcome.status", at="['ok', 'error']", until="run.closed"),
    )
    outcome: Line = {"outcome": "o", "of": "a"}
    failed: Line = {"outcome": "p", "of": "a", "status": "error"}
    found = judged(engine, {"action": "a"}, outcome, {**outcome, "outcome": "q"}, failed)
    assert short(found) == ["1 duty satisfied"]
    assert found[0].rests_on == (2, 4)


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        ({"where": "outcome.fields.x"}, "outcome.fields is absent"),
        ({"where": "outcome.status"}, "its where is not true or false"),
        ({"by": "outcome.error", "at": "'x'"}, "outcome.error is absent"),
    ],
)
def test_what_may_have_met_a_duty_keeps_it_from_being_violated(expect: Line, reason: str) -> None:
    """A record that is an error may be the one; a later good one still settles it."""
    lines: list[Line] = [{"action": "a"}, {"outcome": "o", "of": "a"}]
    (found,) = judged(engine_of(duty(until="run.closed", **expect)), *lines, {"closed": "r"})
    assert found.verdict is Verdict.UNDECIDABLE
    assert found.reason == f"record 2 may be what must follow: {reason}"
    good: Line = {"outcome": "p", "of": "a", "fields": {"x": True}, "error": "x"}
    later = judged(engine_of(duty(until="run.closed", **expect)), *lines, good)
    assert short(later) == ([] if "status" in str(expect) else ["1 duty satisfied"])


def test_imported_duties_follow_their_runs_clock() -> None:
    """No time, or a scope beyond the run: undecidable. A claimed clock: only its run's entries."""
    claimed: Line = {"opened": "q", "import": "claimed", "at": 0}
    none: Line = {"opened": "q", "import": "none"}
    action: Line = {"action": "a", "in": "q", "at": 1}
    late: Line = {"message": "m", "in": "q", "at": 9}
    live: Line = {"action": "z", "tool": "look", "t": 99}
    assert judged(engine_of(duty(within="5s")), none, action)[0].reason == (
        "this action has no event time"
    )
    wide = judged(engine_of(duty(within="5s", over="ledger")), claimed, action)
    assert "is imported" in wide[0].reason
    one = {**duty(within="5s"), "for": "pay"}
    assert judged(engine_of(one), claimed, action, live) == []
    assert short(judged(engine_of(one), claimed, action, late)) == ["2 duty violated"]
    other: Line = {"outcome": "o", "of": "a", "in": "q"}
    assert judged(engine_of(one), claimed, action, other) == []
    approval: Line = {"approval": "p", "of": "a"}
    doubt = {**duty(within="5s", **{"from": "approval"}), "for": "pay"}
    found = judged(engine_of(doubt), claimed, action, approval, late)
    assert found[0].reason.endswith("its event time can not be compared")


def test_a_duty_after_the_close_is_violated_at_once() -> None:
    """Nothing can come before a close that has been."""
    closed: Line = {"closed": "r"}
    found = judged(engine_of(duty(until="run.closed")), closed, {"action": "a"})
    assert short(found) == ["2 duty violated"]


def test_one_close_settles_every_duty_of_its_run_only() -> None:
    """Duties of another run stay open."""
    engine = engine_of(duty(until="run.closed", by="action.digest"))
    other: Line = {"opened": "q"}
    lines: list[Line] = [other, {"action": "a"}, {"action": "b", "in": "q"}, {"closed": "r"}]
    assert short(judged(engine, *lines)) == ["2 duty violated"]
    assert short(engine.finish()) == ["3 duty undecidable"]
    assert engine.finish()[0].index == 3
    assert digest_of("q") != digest_of("r")
