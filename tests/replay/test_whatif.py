"""What another contract would have decided, what it would have prevented, and at what price."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decision import Reason
from contracts.history import Event
from contracts.model import Contract, Effect, Verdict
from replay.accepted import AcceptedError, read_accepted, told, unaccepted, written
from replay.as_recorded import as_recorded, judged_while_read
from replay.candidates import Candidate
from replay.decided_again import Judgements
from replay.flips import Flip, Said, flips, said
from replay.history import Act, Approval, History
from replay.pareto import front
from replay.redecided import Redecided
from replay.run_choice import ChosenActs
from replay.weighing import Tally
from replay.whatif import GROUPINGS, what_if
from replay.wrong import Wrong, wrongs
from tests.reference.histories import SERVICE, contract_of, events_of
from tests.reference.random_cases import FOCUSES, Line, cases
from tests.replay.histories import Made, eur
from tests.replay.test_whatif_merging import CHANGES
from verifier.findings import Finding, Result, Severity
from verifier.load import VerifiedLedger
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report

REPORT = Report(
    LedgerFacts(), Integrity(IntegrityVerdict.HOLDS, ""), Conformance(performed=True), ()
)
EARLY = "2026-01-01T00:00:00.000000Z"


def governed(events: Sequence[Event], contract: Contract) -> VerifiedLedger:
    """Return a ledger in which a contract was in force from the beginning."""
    of = {"service": SERVICE, "version": "1.0.0", "digest": contract.digest}
    before = [
        Event(0, "c" * 64, {"kind": "contract", "text": "", **of}, EARLY),
        Event(1, "d" * 64, {"kind": "activation", "effective_at": EARLY, **of}, EARLY),
    ]
    after = [replace(event, index=event.index + 2) for event in events]
    made = SimpleNamespace(
        report=SimpleNamespace(ledger=SimpleNamespace(size=len(after) + 2)),
        contracts={contract.digest: contract},
        events=lambda: iter([*before, *after]),
    )
    return cast("VerifiedLedger", made)


def judged(
    case: Line, candidates: Sequence[Contract], contract: Contract
) -> tuple[History, Judgements, dict[int, Act]]:
    """Judge a random history again."""
    ledger = governed(events_of(case["history"]), contract)
    history, judgements = judged_while_read(ledger, candidates)
    return history, judgements, acts_of(history)


def acts_of(history: History) -> dict[int, Act]:
    """Return the actions of the service, by entry."""
    return {
        act.index: act
        for act in history.acts
        if act.run in history.runs and history.runs[act.run].said("service") == SERVICE
    }


RANDOM = st.sampled_from(FOCUSES).flatmap(cases)


@given(RANDOM, st.sampled_from([1, 3, 1_000]))
@settings(max_examples=20)
@pytest.mark.hypothesis
def test_one_pass_reads_and_judges_as_two_do(case: Line, chunk: int) -> None:
    """However many entries are judged at a time."""
    contract = contract_of(case["contract"])
    ledger = governed(events_of(case["history"]), contract)
    with patch("replay.as_recorded.CHUNK", chunk):
        history, judgements = judged_while_read(ledger, [contract])
    alone = History.of(ledger)
    assert (history.acts, history.runs, history.texts) == (alone.acts, alone.runs, alone.texts)
    again = as_recorded(ledger, alone, [contract])
    assert list(judgements.ungoverned) == list(again.ungoverned)
    for one, other in zip(
        (judgements.baseline, *judgements.candidates),
        (again.baseline, *again.candidates),
        strict=True,
    ):
        assert (one.judged, dict(one)) == (other.judged, dict(other))


@given(RANDOM)
@settings(max_examples=40)
@pytest.mark.hypothesis
def test_the_same_contract_flips_nothing(case: Line) -> None:
    """Whatever was recorded as decided: flips are against what is derived."""
    contract = contract_of(case["contract"])
    _, judgements, acts = judged(case, [contract], contract)
    (again,) = judgements.candidates
    assert dict(again) == {
        index: one for index, one in judgements.baseline.items() if index in acts
    }
    assert list(flips(judgements, again, acts)) == []


@given(RANDOM, st.data())
@settings(max_examples=25)
@pytest.mark.hypothesis
def test_flips_over_a_partition_sum_to_the_whole(case: Line, data: st.DataObject) -> None:
    """Of any two parts of the actions, and of every grouping."""
    contract = contract_of(case["contract"])
    other = data.draw(st.sampled_from(CHANGES))(case["contract"], data)
    candidate = replace(contract_of(other), digest="other")
    history, judgements, acts = judged(case, [candidate], contract)
    named = [Candidate("other", candidate)]

    def tally(chosen: Sequence[Act]) -> Tally:
        found = what_if(history, REPORT, judgements, named, ChosenActs(tuple(chosen)), by=GROUPINGS)
        (one,) = found.compared
        for by, groups in one.groups.items():
            assert sum(each.flips for each in groups.values()) == one.tally.flips, by
        return one.tally

    part = data.draw(st.sets(st.sampled_from(sorted(acts)))) if acts else set[int]()
    whole = tally([*acts.values()])
    sums = tally([act for index, act in acts.items() if index in part])
    sums.join(tally([act for index, act in acts.items() if index not in part]))
    assert sums == whole


# ------------------------------------------------------------------------ one flip each


def redecided(effect: Effect, result: Verdict = Verdict.VIOLATED, index: int = 1) -> Redecided:
    """Return a decision by one rule."""
    return Redecided(index, effect, (Reason("policy.x", result, effect),))


def flip(act: Act, then: Said, now: Said) -> Flip:
    """Return a flip of an action."""
    effect = Effect.ALLOW if now.lets_through else Effect(now.value)
    return Flip(act, then, now, None, redecided(effect, index=act.index))


def test_what_rests_on_the_undecidable_is_undecidable() -> None:
    """Unless what is violated for certain decides the same."""
    sure = Reason("policy.a", Verdict.VIOLATED, Effect.APPROVE)
    doubt = Reason("policy.b", Verdict.UNDECIDABLE, Effect.DENY)
    warns = Reason("policy.c", Verdict.VIOLATED, Effect.WARN)
    assert said(Redecided(1, Effect.DENY, (sure, doubt, warns))) is Said.UNDECIDABLE
    stronger = replace(sure, effect=Effect.DENY)
    assert said(Redecided(1, Effect.DENY, (stronger, doubt))) is Said.DENY
    assert said(Redecided(1, Effect.ALLOW, (warns,))) is Said.ALLOW


def test_a_flip_is_weighed_by_what_came_of_the_action() -> None:
    """Wrong and stopped, legitimate and stopped, let through and done, let through and unknown."""
    made = Made()
    run = made.run()
    wrong, fine = made.act(run, value=eur(5)), made.act(run, value=eur(3), cost=eur(1))
    done, never = made.act(run, value=eur(2)), made.act(run, status="", reserved=(None, eur(9)))
    never.approvals.append(Approval(99, "lead", "refuse"))
    tally = Tally()
    found = {wrong.index: Wrong(("policy.x",), (7,)), done.index: Wrong((), (8,))}
    for each in (
        flip(wrong, Said.ALLOW, Said.APPROVE),
        flip(fine, Said.NONE, Said.DENY),
        flip(done, Said.DENY, Said.ALLOW),
        flip(never, Said.APPROVE, Said.ALLOW),
    ):
        tally.take(each, found)
    assert (tally.prevented.count, tally.prevented.held, tally.broke, tally.undone) == (1, 1, 1, 1)
    assert (tally.prevented.values, tally.blocked.values) == ({"EUR": 5}, {"EUR": 3})
    assert (tally.blocked.count, tally.blocked.costs) == (1, {"EUR": 1})
    assert (tally.admitted.count, tally.admitted_wrong) == (1, 1)
    assert (tally.newly, tally.asked_value) == (1, {"EUR": 9})
    assert (tally.approvals, tally.people) == ((1, 1, 1), 0)


def finding(index: int, rule: str, contract: str, result: Result = Result.VIOLATED) -> Finding:
    """Return a finding."""
    return Finding("F-1", rule, "policy", rule, result, Severity.HIGH, index, contract=contract)


def test_wrong_is_what_broke_a_rule_or_was_taken_back() -> None:
    """At the action or at its outcome; a warning, another result or no contract say nothing."""
    text: Mapping[str, Any] = {
        "rules": [
            {"id": "hard", "for": "pay", "when": "true"},
            {"id": "soft", "for": "pay", "when": "true", "effect": "warn"},
        ]
    }
    contract = contract_of(text)
    hard, soft = (rule.id for rule in contract.rules)
    made = Made()
    made.history.contracts[contract.digest] = contract
    run = made.run()
    acts = [made.act(run) for _ in range(6)]
    made.act(run, "undo", status="", compensates=acts[5].digest)
    made.act(run, "undo", compensates=made.act(run, status="").digest)
    found = wrongs(
        made.history,
        [
            finding(acts[0].index, hard, contract.digest),
            finding(acts[1].ended, hard, contract.digest),
            finding(acts[2].index, soft, contract.digest),
            finding(acts[3].index, hard, contract.digest, Result.HANDLED),
            finding(acts[4].index, "decision.false-allow", ""),
        ],
    )
    assert found == {
        acts[0].index: Wrong((hard,)),
        acts[1].index: Wrong((hard,)),
        acts[5].index: Wrong((), (made.history.acts[6].index,)),
    }


# ---------------------------------------------------------------------- front and list


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=8))
def test_the_front_is_what_nothing_beats(prices: list[tuple[int, int, int]]) -> None:
    """There is always one where there are any; whoever is off it is beaten by one on it."""
    on = front(prices)
    assert any(on) == bool(prices)
    best = [price for price, kept in zip(prices, on, strict=True) if kept]
    for (prevented, blocked, people), kept in zip(prices, on, strict=True):
        beaten = any(
            a >= prevented
            and b <= blocked
            and c <= people
            and (a, b, c) != (prevented, blocked, people)
            for a, b, c in best
        )
        assert beaten is not kept


def test_accepted_flips_come_back_with_their_reasons() -> None:
    """A list is written, given reasons, and read; another decision is another flip."""
    made = Made()
    act = made.act(made.run(), tool="pay|now")
    one, other = flip(act, Said.ALLOW, Said.DENY), flip(act, Said.ALLOW, Said.APPROVE)
    text = written(unaccepted([one, other, one], {}))
    assert told(one) in text
    assert "pay/now" in text
    with pytest.raises(AcceptedError, match=r"list:3: the flip .* has no reason"):
        read_accepted(text, "list")
    accepted = read_accepted(text.replace("| \n", "| seen by MO | twice\n"), "list")
    assert set(accepted.values()) == {"seen by MO | twice"}
    assert unaccepted([one, other], accepted) == []
    assert unaccepted([one, other], {one.name: "seen"}) == [other]
    with pytest.raises(AcceptedError, match="list:1: this is not"):
        read_accepted("something else", "list")
