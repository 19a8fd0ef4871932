"""What was denied, held, escalated or approved is handled; what was done all the same is not."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.forge import Desk, contract_text, identity
from verifier.findings import Finding, Result, Severity
from verifier.load import verify_ledger
from verifier.report import ExitCode, Report, Tally

LOOKED = {"rule": "policy.looked", "result": "violated", "effect": "deny"}
LARGE = {"rule": "scope.large", "result": "violated", "effect": "approve"}
LIFTED = {**LARGE, "effect": "allow"}
UNKNOWN = {"result": "undecidable", "effect": "deny"}
NOT_DONE = ("skipped", "abandoned")
DONE = ("ok", "error", "timeout")
LEAD = identity("lead")


def decided(effect: str, *reasons: dict[str, str]) -> dict[str, Any]:
    """Return a decision as an action carries it."""
    return {"effect": effect, "reasons": list(reasons)}


def judged(desk: Desk, folder: Path) -> Report:
    """Sign the head, save, verify."""
    desk.sign_head()
    path = folder / "desk.db"
    path.unlink(missing_ok=True)
    return verify_ledger(desk.save(path), desk.trust())


def handled(report: Report) -> dict[tuple[str, int], str]:
    """Return what was handled, by rule and entry, in words."""
    return {
        (one.rule, one.index): one.handled
        for one in report.findings
        if one.result is Result.HANDLED
    }


def others(report: Report) -> list[str]:
    """Return the codes of what was not handled and is more than advice."""
    return [
        one.code
        for one in report.findings
        if one.result is not Result.HANDLED and one.severity is not Severity.ADVICE
    ]


def tally(report: Report, rule: str) -> Tally:
    """Return how often a rule came out how, over all contracts."""
    tallies = [count.tally for count in report.conformance.counts if count.rule == rule]
    return Tally(
        satisfied=sum(one.satisfied for one in tallies),
        violated=sum(one.violated for one in tallies),
        undecidable=sum(one.undecidable for one in tallies),
        handled=sum(one.handled for one in tallies),
    )


def only(report: Report) -> Finding:
    """Return the one finding that was handled."""
    (one,) = [one for one in report.findings if one.result is Result.HANDLED]
    return one


class Paying(Desk):
    """A desk with a run in which something was looked up or not, and a payment is decided."""

    def __init__(self, *, look: bool = True) -> None:
        super().__init__()
        self.run = self.open_run()
        if look:
            self.end(self.run, self.act(self.run, "look", {}, decision=decided("allow")))

    def pay(self, amount: int, effect: str, *reasons: dict[str, str], **fields: object) -> str:
        """Record a payment with its decision."""
        decision = decided(effect, *reasons)
        return self.act(self.run, "pay", {"amount": amount}, decision=decision, **fields)

    def say(self, verdict: str, action: str, name: str = "lead", **fields: object) -> int:
        """Somebody speaks on a payment; return at which entry."""
        made = self.make("approval", name, action=action, verdict=verdict, **fields)
        self.submit(name, made)
        return self.last

    @property
    def last(self) -> int:
        """The index of the newest entry."""
        return len(self.headers) - 1


# --------------------------------------------------------------------- denied, never done


@pytest.mark.parametrize("status", [None, *NOT_DONE])
def test_a_denied_action_that_nobody_carried_out(status: str | None, tmp_path: Path) -> None:
    """The guard did its work: nothing is violated, and the answer is 0."""
    desk = Paying(look=False)
    action, index = desk.pay(5, "deny", LOOKED), desk.last
    if status:
        desk.end(desk.run, action, status)
    desk.close_run(desk.run)
    report = judged(desk, tmp_path)
    assert handled(report) == {("policy.looked", index): "denied by the guard"}
    assert others(report) == []
    assert report.exit_code() is ExitCode.HOLDS
    one = only(report)
    assert (one.severity, one.expected) == (Severity.ADVICE, "facts.looked")
    assert one.recorded == "facts.looked = false"
    assert tally(report, "policy.looked") == Tally(handled=1)
    total = report.conformance.total()
    assert (total.handled, total.violated, total.undecidable) == (1, 0, 0)


@pytest.mark.parametrize("status", [None, *NOT_DONE])
@pytest.mark.parametrize("observer", ["agent", "reviewer"])
def test_a_denied_action_of_which_somebody_saw_a_result(
    status: str | None, observer: str, tmp_path: Path
) -> None:
    """The agent's word that nothing was done is then not enough: nobody can tell."""
    desk = Paying(look=False)
    action, index = desk.pay(5, "deny", LOOKED), desk.last
    if status:
        desk.end(desk.run, action, status)
    seen = desk.make(
        "observation", observer, what="payout", source="bank", observer="source", action=action
    )
    roles = {**desk.roles, "reviewer": (*desk.roles["reviewer"], "observer")}
    if observer != "agent":
        desk.document = desk.next_document(revoke="lead").model_copy(
            update={
                "identities": tuple(
                    entry.model_copy(update={"roles": roles.get(name, entry.roles)})
                    for entry in desk.document.identities
                    for name in (entry.id.rpartition("/")[2],)
                )
            }
        )
        desk.submit("steward", desk.authority(desk.document))
    desk.submit(observer, seen)
    report = judged(desk, tmp_path)
    (one,) = [one for one in report.findings if one.rule == "policy.looked"]
    assert (one.result, one.index) == (Result.UNDECIDABLE, index)
    assert f"entry {desk.last} observes a result" in one.reason
    assert report.exit_code() is ExitCode.UNDECIDABLE


def test_an_observed_result_and_then_an_outcome(tmp_path: Path) -> None:
    """An outcome says what an observation only hints at."""
    desk = Paying(look=False)
    action = desk.pay(5, "deny", LOOKED)
    seen = desk.make(
        "observation", "agent", what="payout", source="bank", observer="source", action=action
    )
    desk.submit("agent", seen)
    desk.end(desk.run, action, "ok")
    report = judged(desk, tmp_path)
    (one,) = [one for one in report.findings if one.rule == "policy.looked"]
    assert one.result is Result.VIOLATED


@pytest.mark.parametrize("status", DONE)
@pytest.mark.parametrize("before", [None, *NOT_DONE])
@pytest.mark.parametrize("late", [False, True])
def test_a_denied_action_that_was_done(
    status: str,
    before: str | None,
    late: bool,  # noqa: FBT001 - a case of the table
    tmp_path: Path,
) -> None:
    """A call is a call: after another outcome, and after the run was closed."""
    desk = Paying(look=False)
    action, index = desk.pay(5, "deny", LOOKED), desk.last
    if before:
        desk.end(desk.run, action, before)
    if late:
        desk.close_run(desk.run)
    desk.end(desk.run, action, status)
    report = judged(desk, tmp_path)
    assert handled(report) == {}
    assert others(report) == ["policy.looked", "decision.executed-despite-deny"]
    (one,) = [one for one in report.findings if one.rule == "policy.looked"]
    assert (one.index, one.result, one.severity) == (index, Result.VIOLATED, Severity.HIGH)
    assert tally(report, "policy.looked") == Tally(violated=1)
    assert report.exit_code() is ExitCode.VIOLATED


def test_an_outcome_counts_once(tmp_path: Path) -> None:
    """Two outcomes of a denied action are two calls, and one breach of its rule."""
    desk = Paying(look=False)
    action = desk.pay(5, "deny", LOOKED)
    desk.end(desk.run, action)
    desk.end(desk.run, action)
    assert tally(judged(desk, tmp_path), "policy.looked") == Tally(violated=1)


def test_another_action_is_done(tmp_path: Path) -> None:
    """The outcome of one action says nothing of another."""
    desk = Paying(look=False)
    desk.pay(5, "deny", LOOKED)
    first = desk.last
    desk.end(desk.run, desk.pay(6, "deny", LOOKED))
    report = judged(desk, tmp_path)
    assert handled(report) == {("policy.looked", first): "denied by the guard"}
    assert tally(report, "policy.looked") == Tally(violated=1, handled=1)


def test_an_id_outlives_the_result(tmp_path: Path) -> None:
    """What was handled and is done later is the same finding with another result."""
    desk = Paying(look=False)
    action = desk.pay(5, "deny", LOOKED)
    before = only(judged(desk, tmp_path))
    desk.end(desk.run, action)
    after = next(one for one in judged(desk, tmp_path).findings if one.rule == "policy.looked")
    assert (before.id, before.result) == (after.id, Result.HANDLED)
    assert after.result is Result.VIOLATED


def test_what_could_not_be_decided_and_was_denied(tmp_path: Path) -> None:
    """An undecidable result that stopped an action is handled; its reason stays with it."""
    desk = Paying()
    reasons = [{**UNKNOWN, "rule": rule} for rule in ("scope.large", "policy.small")]
    denied = {"decision": decided("deny", *reasons)}
    action = desk.act(desk.run, "pay", {}, **denied)
    report = judged(desk, tmp_path)
    assert set(handled(report).values()) == {"denied by the guard"}
    assert {rule for rule, _ in handled(report)} == {"scope.large", "policy.small"}
    assert all(one.reason for one in report.findings if one.result is Result.HANDLED)
    assert report.exit_code() is ExitCode.HOLDS
    small = next(one.tally for one in report.conformance.counts if one.rule == "policy.small")
    assert (small, dict(small.reasons)) == (Tally(handled=1), {})
    desk.end(desk.run, action)
    report = judged(desk, tmp_path)
    assert others(report) == ["policy.small", "scope.large", "decision.executed-despite-deny"]
    small = next(one.tally for one in report.conformance.counts if one.rule == "policy.small")
    assert (small.undecidable, sum(small.reasons.values())) == (1, 1)


def test_a_decision_that_was_recorded_wrong_is_still_one(tmp_path: Path) -> None:
    """Nothing was done; that the guard decided otherwise than it should is said all the same."""
    desk = Paying()
    desk.pay(5000, "approve", LARGE)
    weaker = desk.last
    desk.pay(500, "deny", LARGE)
    stronger = desk.last
    report = judged(desk, tmp_path)
    assert handled(report) == {
        ("scope.large", weaker): "held for an approval, never approved",
        ("policy.small", weaker): "held for an approval, never approved",
        ("scope.large", stronger): "denied by the guard",
    }
    assert others(report) == ["decision.false-allow", "decision.false-deny"]
    assert report.exit_code() is ExitCode.VIOLATED


def test_what_was_allowed_and_should_not_have_been(tmp_path: Path) -> None:
    """An action that was let through is violated, whatever came of it."""
    desk = Paying(look=False)
    desk.end(desk.run, desk.pay(5, "allow"), "skipped")
    report = judged(desk, tmp_path)
    assert others(report) == ["decision.false-allow", "policy.looked"]
    assert handled(report) == {}


@pytest.mark.parametrize("imported", [False, True])
def test_where_nobody_decided(
    imported: bool,  # noqa: FBT001 - a case of the table
    tmp_path: Path,
) -> None:
    """Without a decision, or with one that only an importer tells of, nothing was handled."""
    desk = Desk(imported=imported)
    run = desk.open_run()
    fields = {"decision": decided("deny", LOOKED)} if imported else {}
    desk.end(run, desk.act(run, "pay", {"amount": 5}, **fields), "skipped")
    report = judged(desk, tmp_path)
    assert others(report) == ["policy.looked"]
    assert report.exit_code() is ExitCode.VIOLATED


def test_where_no_contract_was_in_force(tmp_path: Path) -> None:
    """No rule stood against it, so that nothing can have been handled."""
    desk = Desk()
    other = desk.make("run", "agent", phase="opened", service="spiffe://shop.example/other")
    run = desk.submit("agent", other)[0]
    desk.act(run, "pay", {"amount": 5}, decision=decided("deny"))
    report = judged(desk, tmp_path)
    assert (handled(report), others(report)) == ({}, ["coverage.no-contract"])


# ------------------------------------------------------------- escalated, warned, obliged

MORE = """\
  - {id: odd, for: pay, when: params.amount == 7, effect: escalate, says: Odd.}
  - {id: even, for: pay, when: params.amount == 8, effect: warn, says: Even.}
  - {id: told, for: pay, when: params.amount > 6, expect: {from: message, until: run.closed}}
"""
ODD = {"rule": "policy.odd", "result": "violated", "effect": "escalate"}
EVEN = {"rule": "policy.even", "result": "violated", "effect": "warn"}


def strict(*, look: bool = True) -> Paying:
    """Return a desk under a contract that also escalates, warns and obliges."""
    desk = Paying(look=look)
    desk.publish("1.1.0", text=contract_text("1.1.0") + MORE)
    return desk


def test_what_was_escalated(tmp_path: Path) -> None:
    """A person was asked, and nothing was done."""
    desk = strict()
    desk.pay(7, "escalate", ODD)
    index = desk.last
    desk.submit("agent", desk.make("message", "agent", run=desk.run, role="assistant", turn=0))
    report = judged(desk, tmp_path)
    assert handled(report) == {("policy.odd", index): "escalated to a person"}
    assert others(report) == []


def test_a_warning_where_nothing_was_done(tmp_path: Path) -> None:
    """It comes to nothing with its action; with an action that was allowed it stands."""
    desk = strict(look=False)
    desk.pay(8, "deny", LOOKED, EVEN)
    denied = desk.last
    desk.end(desk.run, desk.act(desk.run, "look", {}, decision=decided("allow")))
    desk.end(desk.run, desk.pay(8, "allow", EVEN))
    desk.submit("agent", desk.make("message", "agent", run=desk.run, role="assistant", turn=0))
    report = judged(desk, tmp_path)
    assert handled(report) == {
        ("policy.looked", denied): "denied by the guard",
        ("policy.even", denied): "denied by the guard",
    }
    assert others(report) == ["policy.even"]
    assert tally(report, "policy.even") == Tally(violated=1, handled=1)


def test_an_obligation_is_never_handled(tmp_path: Path) -> None:
    """It takes no part in a decision, so that no decision deals with it."""
    desk = strict()
    desk.pay(7, "escalate", ODD)
    index = desk.last
    desk.close_run(desk.run)
    desk.pay(7, "escalate", ODD)
    report = judged(desk, tmp_path)
    assert others(report) == ["policy.told", "policy.told"]
    assert [rule for rule, _ in handled(report)] == ["policy.odd", "policy.odd"]
    assert tally(report, "policy.told") == Tally(violated=2)
    assert min(one.index for one in report.findings if one.rule == "policy.told") == index


def test_a_rule_on_attempts(tmp_path: Path) -> None:
    """Who minds that something is tried again and again says so where the run closes."""
    desk = Paying(look=False)
    fact = "  tries: {count: true, from: action, attempts: all, where: action.decision == 'deny'}\n"
    rule = "  - {id: tries, for: run.closed, when: facts.tries > 1, effect: warn}\n"
    text = contract_text("1.1.0").replace("rules:\n", f"{fact}rules:\n{rule}")
    desk.publish("1.1.0", text=text)
    desk.pay(5, "deny", LOOKED)
    desk.pay(5, "deny", LOOKED)
    desk.close_run(desk.run)
    report = judged(desk, tmp_path)
    assert others(report) == ["policy.tries"]
    assert len(handled(report)) == 2


# ------------------------------------------------------------------------------ approved


def test_a_payment_that_was_approved_and_made(tmp_path: Path) -> None:
    """Held, approved, resumed, done: a ledger that is governed well answers 0."""
    desk = Paying()
    proposed, held = desk.pay(500, "approve", LARGE), desk.last
    said = desk.say("approve", proposed)
    desk.end(desk.run, desk.pay(500, "allow", LIFTED, resumes=proposed))
    resumed = desk.last - 1
    desk.close_run(desk.run)
    report = judged(desk, tmp_path)
    assert handled(report) == {
        ("scope.large", held): f"held for an approval, then approved at entry {said}",
        ("scope.large", resumed): f"approved by {LEAD} at entry {said}",
    }
    for one in report.findings:
        if one.result is Result.HANDLED:
            assert [(basis.index, basis.kind) for basis in one.rests_on] == [(said, "approval")]
    assert others(report) == []
    assert report.exit_code() is ExitCode.HOLDS
    assert tally(report, "scope.large") == Tally(satisfied=0, handled=2)


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ((), ", never approved"),
        (("refuse",), ", refused at entry {}"),
        (("approve", "withdraw"), ", withdrawn at entry {}"),
        (("approve",), "; the one at entry {} lifted nothing"),
    ],
)
def test_a_payment_that_was_held_and_not_made(
    verdicts: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    """The last word that was said of it is told."""
    desk = Paying()
    proposed, held = desk.pay(500, "approve", LARGE), desk.last
    said = [desk.say(verdict, proposed) for verdict in verdicts]
    report = judged(desk, tmp_path)
    last = said[-1] if said else 0
    assert handled(report) == {("scope.large", held): f"held for an approval{words.format(last)}"}
    assert [basis.index for basis in only(report).rests_on] == said[-1:]
    assert report.exit_code() is ExitCode.HOLDS


def test_what_was_said_of_another_rule(tmp_path: Path) -> None:
    """An approval that names a rule speaks of that rule alone."""
    desk = Paying()
    proposed, held = desk.pay(500, "approve", LARGE), desk.last
    desk.say("refuse", proposed, rule="policy.other")
    report = judged(desk, tmp_path)
    assert handled(report)["scope.large", held] == "held for an approval, never approved"


def test_a_held_payment_that_was_made(tmp_path: Path) -> None:
    """It was called without being resumed: what stood against it stands."""
    desk = Paying()
    desk.end(desk.run, desk.pay(500, "approve", LARGE))
    report = judged(desk, tmp_path)
    assert others(report) == ["scope.large", "decision.executed-without-approval"]
    assert handled(report) == {}


@pytest.mark.parametrize("name", ["activator", None])
def test_the_record_alone_lifts_nothing(name: str | None, tmp_path: Path) -> None:
    """Whoever has not the role lifts nothing, and neither does the agent's own word for it."""
    desk = Paying()
    proposed, held = desk.pay(500, "approve", LARGE), desk.last
    said = desk.say("approve", proposed, name) if name else 0
    desk.end(desk.run, desk.pay(500, "allow", LIFTED, resumes=proposed))
    report = judged(desk, tmp_path)
    words = f"; the one at entry {said} lifted nothing" if name else ", never approved"
    assert handled(report) == {("scope.large", held): f"held for an approval{words}"}
    code = "decision.false-allow" if name else "decision.executed-without-approval"
    assert others(report) == [code, "scope.large"]
    assert report.exit_code() is ExitCode.VIOLATED


def test_one_approval_for_two_payments(tmp_path: Path) -> None:
    """The first is handled, the second is a breach."""
    desk = Paying()
    proposed = desk.pay(500, "approve", LARGE)
    said = desk.say("approve", proposed)
    desk.end(desk.run, desk.pay(500, "allow", LIFTED, resumes=proposed))
    desk.end(desk.run, desk.pay(500, "allow", LIFTED, resumes=proposed))
    report = judged(desk, tmp_path)
    assert others(report) == ["decision.approval-reused", "scope.large"]
    assert sorted(handled(report).values()) == [
        f"approved by {LEAD} at entry {said}",
        f"held for an approval, then approved at entry {said}",
    ]
    assert tally(report, "scope.large") == Tally(violated=1, handled=2)


def test_an_approval_lifts_its_rule_and_no_other(tmp_path: Path) -> None:
    """The rule is lifted although the action is denied for another; that one waits as any."""
    desk = Paying(look=False)
    proposed, held = desk.pay(500, "deny", LARGE, LOOKED), desk.last
    said = desk.say("approve", proposed)
    action = desk.pay(500, "deny", LIFTED, LOOKED, resumes=proposed)
    resumed = desk.last
    report = judged(desk, tmp_path)
    assert handled(report) == {
        ("scope.large", held): "denied by the guard",
        ("policy.looked", held): "denied by the guard",
        ("scope.large", resumed): f"approved by {LEAD} at entry {said}",
        ("policy.looked", resumed): "denied by the guard",
    }
    assert others(report) == []
    desk.end(desk.run, action)
    report = judged(desk, tmp_path)
    assert handled(report)["scope.large", resumed] == f"approved by {LEAD} at entry {said}"
    assert others(report) == ["policy.looked", "decision.executed-despite-deny"]


def test_an_approval_on_what_was_not_held(tmp_path: Path) -> None:
    """The derivation lifts the rule all the same, and the decision is a finding of its own."""
    desk = Paying()
    proposed = desk.pay(500, "allow")
    said = desk.say("approve", proposed)
    desk.end(desk.run, desk.pay(500, "allow", LIFTED, resumes=proposed))
    resumed = desk.last - 1
    report = judged(desk, tmp_path)
    assert handled(report) == {("scope.large", resumed): f"approved by {LEAD} at entry {said}"}
    assert "decision.approval-mismatch" in others(report)


def test_a_payment_that_was_held_twice(tmp_path: Path) -> None:
    """Each proposal tells what became of it."""
    desk = Paying()
    first, one = desk.pay(500, "approve", LARGE), desk.last
    second, two = desk.pay(500, "approve", LARGE, resumes=first), desk.last
    said = desk.say("approve", second)
    desk.end(desk.run, desk.pay(500, "allow", LIFTED, resumes=second))
    report = judged(desk, tmp_path)
    assert handled(report) == {
        ("scope.large", one): "held for an approval, never approved",
        ("scope.large", two): f"held for an approval, then approved at entry {said}",
        ("scope.large", desk.last - 1): f"approved by {LEAD} at entry {said}",
    }
    assert report.exit_code() is ExitCode.HOLDS


def test_a_version_that_comes_between(tmp_path: Path) -> None:
    """What was held under one version and approved under the next counts under each."""
    desk = Paying()
    proposed, held = desk.pay(500, "approve", LARGE), desk.last
    said = desk.say("approve", proposed)
    desk.publish("2.0.0", text=contract_text("2.0.0").replace("id: large", "id: huge"))
    lifted = {**LIFTED, "rule": "scope.huge"}
    desk.end(desk.run, desk.pay(500, "allow", lifted, resumes=proposed))
    resumed = desk.last - 1
    report = judged(desk, tmp_path)
    assert handled(report) == {
        ("scope.large", held): f"held for an approval, then approved at entry {said}",
        ("scope.huge", resumed): f"approved by {LEAD} at entry {said}",
    }
    counted = {
        (count.rule, count.contract): count.tally.handled
        for count in report.conformance.counts
        if count.tally.handled
    }
    assert len({contract for _, contract in counted}) == 2
    assert list(counted.values()) == [1, 1]
    assert others(report) == []


# ------------------------------------------------------------------------------ at random


@pytest.mark.parametrize("seed", range(6))
def test_actions_and_outcomes_in_any_order(seed: int, tmp_path: Path) -> None:
    """Handled is exactly what was not allowed and never done, however the entries are mixed."""
    chosen = random.Random(seed)
    desk = Paying(look=False)
    done: dict[int, list[str]] = {}
    effects: dict[int, str] = {}
    open_actions: list[tuple[int, str]] = []
    for _ in range(40):
        if open_actions and chosen.random() < 0.5:
            index, action = chosen.choice(open_actions)
            status = chosen.choice([*DONE, *NOT_DONE, *NOT_DONE])
            desk.end(desk.run, action, status)
            done[index].append(status)
        else:
            effect = chosen.choice(["allow", "approve", "escalate", "deny"])
            action = desk.pay(5, effect, LOOKED)
            open_actions.append((desk.last, action))
            effects[desk.last], done[desk.last] = effect, []
    kept = {
        index
        for index, effect in effects.items()
        if effect != "allow" and not set(done[index]) & set(DONE)
    }
    report = judged(desk, tmp_path)
    looked = [one for one in report.findings if one.rule == "policy.looked"]
    assert {one.index for one in looked} == set(effects)
    assert {one.index for one in looked if one.result is Result.HANDLED} == kept
    assert tally(report, "policy.looked") == Tally(
        violated=len(effects) - len(kept), handled=len(kept)
    )
