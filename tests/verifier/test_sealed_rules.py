"""Rules over sealed values: decided where they are shown, undecidable with the reason elsewhere."""

from pathlib import Path

import pytest

from ledger.encoding import encode
from ledger.sealed import Disclosure, Opening
from ledger.store import Store
from tests.ledger.secrets_desk import desk_at
from tests.verifier.forge import SERVICE, Desk
from verifier.findings import Finding, Result
from verifier.load import verify_ledger
from verifier.report import Report, SealedState

ALLOWED = {"effect": "allow", "reasons": list[object]()}


def opening(amount: int) -> Opening:
    """Return what opens a sealed amount."""
    return Opening("/params/amount", bytes(range(32)), encode(amount))


def sealed_pay(
    folder: Path,
    amount: int,
    *,
    erase: bool = False,
    shown: bool = False,
    name: str = "desk.db",
    **fields: object,
) -> Report:
    """Verify a ledger in which a sealed amount was paid."""
    desk = Desk()
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}))
    params = {"amount": {"sealed": opening(amount).commitment}}
    action = desk.act(run, "pay", params, **fields)
    desk.end(run, action)
    desk.close_run(run)
    if erase:
        made = desk.make(
            "erasure", "reviewer", record=action, paths=["/params/amount"], reason="asked"
        )
        desk.submit("reviewer", made)
    desk.sign_head()
    disclosures = (Disclosure(action, (opening(amount),)),) if shown else ()
    path = desk.save(folder / name)
    return verify_ledger(path, desk.trust(), disclosures=disclosures)


def of_rule(report: Report, rule: str) -> list[Finding]:
    """Return the findings of one rule."""
    return [one for one in report.findings if one.rule == rule]


def counted(report: Report, rule: str) -> tuple[int, int, int]:
    """Return how often a rule was satisfied, violated and undecidable."""
    (tally,) = [one.tally for one in report.conformance.counts if one.rule == rule]
    return tally.satisfied, tally.violated, tally.undecidable


@pytest.mark.parametrize(("amount", "expected"), [(5, (1, 0, 0)), (5000, (0, 1, 0))])
def test_a_value_that_is_shown_is_judged(
    tmp_path: Path, amount: int, expected: tuple[int, int, int]
) -> None:
    """Disclosed, a value counts like any other: the rule holds, or is broken."""
    report = sealed_pay(tmp_path, amount, shown=True)
    assert counted(report, "policy.small") == expected


@pytest.mark.parametrize("amount", [5, 5000])
def test_a_value_that_is_not_shown_is_neither_fine_nor_broken(tmp_path: Path, amount: int) -> None:
    """Whatever the amount was, the rule over it is undecidable, and says why."""
    report = sealed_pay(tmp_path, amount)
    assert counted(report, "policy.small") == (0, 0, 1)
    (finding,) = of_rule(report, "policy.small")
    assert finding.result is Result.UNDECIDABLE
    assert finding.reason == "params.amount is sealed, and is lost"
    # A rule that does not read it is decided as ever.
    assert counted(report, "policy.looked") == (1, 0, 0)


def test_a_decision_on_what_nobody_sees_is_undecidable(tmp_path: Path) -> None:
    """The guard saw the amount and allowed it: that it was wrong to cannot be said."""
    report = sealed_pay(tmp_path, 5, decision=ALLOWED)
    found = [one for one in report.findings if one.code.startswith("decision.")]
    assert [(one.code, one.result) for one in found] == [
        ("decision.false-allow", Result.UNDECIDABLE)
    ]
    report = sealed_pay(tmp_path, 5, name="shown.db", shown=True, decision=ALLOWED)
    assert not [one for one in report.findings if one.code.startswith("decision.")]


def test_a_wrong_decision_on_what_is_shown_is_a_violation(tmp_path: Path) -> None:
    """Shown that the amount was far too large, the guard's word counts for nothing."""
    report = sealed_pay(tmp_path, 5000, shown=True, decision=ALLOWED)
    found = [one for one in report.findings if one.code.startswith("decision.")]
    assert [(one.code, one.result) for one in found] == [("decision.false-allow", Result.VIOLATED)]


def test_who_answers_to_the_actors_owner_erases_nothing(tmp_path: Path) -> None:
    """An erasure by somebody whose owner is the agent's is invalid: what is gone is lost."""
    report = sealed_pay(tmp_path, 5, erase=True)
    codes = [one.code for one in report.findings if one.code.startswith("integrity.")]
    assert sorted(codes) == ["integrity.governance", "integrity.lost"]


def test_an_erased_value_is_named_as_that(tmp_path: Path) -> None:
    """The state that a rule is told is the one that the report counts."""
    desk = desk_at(tmp_path / "ledger.db", tmp_path)
    desk.work()
    with (
        Store.open(desk.founded.location, writable=True) as store,
        desk.client("eraser", store) as client,
    ):
        client.erase(desk.action, ["/params/customer/email"], "asked")
    report = verify_ledger(desk.founded.location)
    assert report.integrity.sealed[SealedState.ERASED] == 1


@pytest.mark.parametrize(
    ("amount", "shown", "expected"),
    [(5, True, (2, 0, 0)), (50, True, (1, 1, 0)), (50, False, (1, 0, 1))],
)
def test_a_switch_that_selects_by_a_sealed_value(
    tmp_path: Path,
    amount: int,
    shown: bool,  # noqa: FBT001 - a case
    expected: tuple[int, int, int],
) -> None:
    """Shown, the value tells whether the action was stopped; not shown, nobody can tell."""
    desk = Desk()
    run = desk.open_run()
    switch = {"service": SERVICE, "state": "engaged", "mode": "kill", "reason": "x"}
    selector = 'action.tool == "pay" && params.amount > 10'
    desk.submit("steward", desk.make("switch", "steward", selector=selector, **switch))
    desk.end(run, desk.act(run, "look", {}))
    action = desk.act(run, "pay", {"amount": {"sealed": opening(amount).commitment}})
    desk.end(run, action)
    desk.close_run(run)
    desk.sign_head()
    disclosures = (Disclosure(action, (opening(amount),)),) if shown else ()
    report = verify_ledger(desk.save(tmp_path / "desk.db"), desk.trust(), disclosures=disclosures)
    assert counted(report, "recovery.kill-switch") == expected
