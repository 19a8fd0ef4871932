"""Candidates: a contract in force with something changed, and as if it had been delegated then."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.engine import Engine
from contracts.history import Event
from contracts.library import contract_text
from contracts.loading import load_contract
from contracts.versions import VersionHistory
from replay.as_recorded import Rejudging
from replay.candidates import (
    CandidateError,
    Change,
    Sweep,
    changed,
    in_force_last,
    read_set,
)
from replay.history import History
from replay.merging import merged
from replay.supposed import DELEGATION, supposed

TEXT = contract_text("refund-decisioning", "1.0.0")
SERVICE = load_contract(TEXT).service


def change(text: str) -> Change:
    """Read a single change."""
    found = read_set(text)
    assert isinstance(found, Change)
    return found


def test_a_change_is_what_an_author_would_have_written() -> None:
    """A limit by its case, an item by its id, a tool by a name with a dot, a number as its kind."""
    contract = changed(
        TEXT,
        [
            change("policy.limits.EU.auto_approve_micros=80e6"),
            change("scope.approve.above-threshold.within=3h"),
            change("tools.payouts.create.timeout=20s"),
            change("cost.value.cost_per_value_max=1"),
            change("rules.0.says=Twice?"),
        ],
        "test",
    )
    by_hand = (
        TEXT.replace("EU: {auto_approve_micros: 100000000", "EU: {auto_approve_micros: 80000000")
        .replace("within: 2h", "within: 3h")
        .replace("timeout: 10s\n    breaker", "timeout: 20s\n    breaker")
        .replace("cost_per_value_max: 0.25", "cost_per_value_max: 1")
        .replace(
            "says: The payments database and the eligibility service name different amounts.",
            "says: Twice?",
        )
    )
    expected = load_contract(by_hand)
    assert contract.limits == expected.limits
    assert contract.cost_per_value_max == 1
    told = [(rule.id, rule.when, rule.unless, rule.within, rule.says) for rule in contract.rules]
    assert told == [
        (rule.id, rule.when, rule.unless, rule.within, rule.says) for rule in expected.rules
    ]
    assert contract.tools["payouts.create"].calling == expected.tools["payouts.create"].calling


def test_a_change_reaches_what_is_shared() -> None:
    """A rule that stands in a policy which several contracts extend."""
    text = contract_text("access-granting", "1.0.0")
    shared = next(rule for rule in load_contract(text).rules if rule.position.file)
    contract = changed(text, [Change(f"rules.{shared.id.split('.')[1]}.says", "Twice?")], "test")
    assert {rule.id: rule.says for rule in contract.rules}[shared.id] == "Twice?"


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("policy.limits.EU", "form", "changes nothing"),
        ("=3", "form", "changes nothing"),
        ("policy.limit.EU.x=3", "path", "there is no 'limit' in policy"),
        ("nothing=3", "path", "there is no 'nothing' in the contract"),
        ("policy.limits.EU.window_days.x=3", "path", "there is no 'x' in policy.limits.EU"),
        ("policy.limits.EU=3", "value", "this is no single value"),
        ("policy.limits.EU.window_days=soon", "value", "'soon' is not a whole number"),
        ("policy.limits.EU.window_days=1.5", "value", "'1.5' is not a whole number"),
        ("policy.limits.EU.window_days=true", "value", "'true' is not a whole number"),
        ("evidence.policy-version.digest=1", "value", "'1' is not true or false"),
        ("cost.value.cost_per_value_max=x", "value", "'x' is not a number"),
        ("scope.approve.above-threshold.within=often", "invalid", "often"),
    ],
)
def test_a_change_that_does_not_fit_says_why(text: str, code: str, says: str) -> None:
    """With a stable code, the place, and what stands there."""
    with pytest.raises(CandidateError) as caught:
        changed(TEXT, [change(text)], "test")
    assert caught.value.code == f"candidate.{code}"
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["a=1..x:3", "a=1..2:1", "a=1..2:1000", "a=..:"])
def test_a_sweep_has_two_ends_and_a_number(text: str) -> None:
    """From two values to a few hundred."""
    with pytest.raises(CandidateError, match="sweep"):
        read_set(text)


@given(
    low=st.integers(-(10**12), 10**12),
    length=st.integers(1, 10**12),
    count=st.integers(2, 200),
    whole=st.booleans(),
)
def test_a_sweep_goes_evenly_from_end_to_end(
    low: int, length: int, count: int, *, whole: bool
) -> None:
    """Both ends are in it, each value once, in order."""
    shift = 0.0 if whole else 0.25
    values = [
        float(one.value) for one in Sweep("a", low + shift, low + length + shift, count).changes()
    ]
    assert (values[0], values[-1], len(values)) == (low + shift, low + length + shift, count)
    assert values == sorted(set(values)) or length / count < 1e-3


# ---------------------------------------------------------------------------- as if then


def activation(index: int, digest: str, day: int, *, imported: bool = False) -> list[Event]:
    """Publish and activate a contract at the beginning of a day of March."""
    time = f"2026-03-{day:02}T00:00:00.000000Z"
    of = {"service": SERVICE, "version": f"{index}", "digest": digest}
    marked = {"imported": True} if imported else {}
    return [
        Event(index, "a" * 64, {"kind": "contract", "text": "", **of}, time),
        Event(
            index + 1,
            "b" * 64,
            {"kind": "activation", "effective_at": time, **of, **marked},
            time,
        ),
    ]


def history(*activations: list[Event]) -> History:
    """Return a history in which both versions of the refund contract were in force."""
    contracts = [
        load_contract(contract_text("refund-decisioning", version))
        for version in ("1.0.0", "1.1.0")
    ]
    made = History(contracts={one.digest: one for one in contracts}, versions=VersionHistory())
    for events in activations:
        for event in events:
            made.versions.observe(event)
    return made


FIRST, SECOND = history().contracts


def denied(contract_name: str, made: History, day: int) -> bool:
    """Return whether an action of a day stands outside of a candidate's delegation."""
    contract = supposed(made.contracts[contract_name], made)
    only = tuple(rule for rule in contract.rules if rule.id == DELEGATION)
    engine = Engine(replace(contract, rules=only, facts=()))
    opened = {"kind": "run", "phase": "opened", "service": SERVICE}
    act: dict[str, Any] = {
        "kind": "action",
        "run": "c" * 64,
        "tool": "customers.get",
        "params": {},
        "by": SERVICE,
    }
    time = f"2026-03-{day:02}T12:00:00.000000Z"
    identity = {"registered": True}
    engine.observe(Event(0, "c" * 64, opened, time, identity))
    (found,) = engine.observe(Event(1, "d" * 64, act, time, identity))
    return found.verdict.value == "violated"


def test_a_candidate_is_delegated_whenever_what_was_in_force_was() -> None:
    """1.0.0 is delegated from 2 March on, 1.1.0 from the 18th on: each at its time."""
    both = history(activation(0, FIRST, 1), activation(2, SECOND, 10))
    for name in (FIRST, SECOND):
        said = {day: denied(name, both, day) for day in (1, 5, 12, 20)}
        assert said == {1: True, 5: False, 12: True, 20: False}


def test_one_delegation_stays_as_it_was_written() -> None:
    """Also where it was imported; where nothing was in force a candidate's own counts."""
    for imported in (False, True):
        alone = history(activation(0, FIRST, 1, imported=imported))
        rules = {rule.id: rule for rule in supposed(alone.contracts[SECOND], alone).rules}
        assert rules[DELEGATION].when == next(
            rule.when for rule in alone.contracts[FIRST].rules if rule.id == DELEGATION
        )
    empty = history()
    assert supposed(empty.contracts[SECOND], empty) is empty.contracts[SECOND]


def test_the_contract_in_force_last_is_the_one_with_the_latest_time() -> None:
    """Not the one that was activated last; of imported ones the last."""
    assert in_force_last(history(), SERVICE) == ""
    later = history(activation(0, FIRST, 20), activation(2, SECOND, 10))
    assert in_force_last(later, SERVICE) == FIRST
    marked = [activation(0, FIRST, 20, imported=True), activation(2, SECOND, 10, imported=True)]
    assert in_force_last(history(*marked), SERVICE) == SECOND


# ------------------------------------------------------------------------------- merging


def test_candidates_with_other_limits_are_judged_as_one() -> None:
    """Three of them have one merged contract: one more limit and one more rule each."""
    changes = read_set("policy.limits.EU.auto_approve_micros=50e6..140e6:3")
    assert isinstance(changes, Sweep)
    every = [changed(TEXT, [one], "test") for one in changes.changes()]
    (alone,), (all_,) = merged(every[:1]), merged(every)
    assert len(all_.contract.rules) == len(alone.contract.rules) + 2
    assert all_.contract.facts == alone.contract.facts
    values = all_.contract.limits.levels[0].cases["EU"].values()
    assert {50_000_000, 140_000_000, 60} <= set(values)


def test_what_cannot_be_merged_stays_apart() -> None:
    """Another service, a tool that is seen otherwise, cases that are told apart otherwise."""
    plain = load_contract(TEXT)
    others = [
        changed(TEXT, [Change("identity.service", "spiffe://acme.example/ai/other")], "test"),
        changed(TEXT, [Change("tools.payouts.create.target", "params.method")], "test"),
        load_contract(TEXT.replace("US: {auto", "UK: {auto")),
        load_contract(TEXT.replace("by: facts.customer_region", "by: facts.customer_risk")),
        load_contract(TEXT.replace("limits.window_days", "limits['window_days']")),
    ]
    groups = merged([plain, *others, plain])
    assert [[share.number for share in one.shares] for one in groups] == [
        [0, 6],
        [1],
        [2],
        [3],
        [4],
        [5],
    ]


def test_nothing_is_judged_of_nothing() -> None:
    """An empty history gives empty answers."""
    plain = load_contract(TEXT)
    found = Rejudging({plain.digest: plain}, [plain]).finish()
    assert (dict(found.baseline), [dict(one) for one in found.candidates]) == ({}, [{}])
