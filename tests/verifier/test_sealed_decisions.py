"""What is sealed makes a finding on a decision undecidable by fact, and no words ever do."""

from pathlib import Path

import pytest

from contracts.coercion import Unseen
from contracts.unseen import surely_differ
from tests.verifier.forge import CONTRACT, Desk
from tests.verifier.test_sealed_rules import ALLOWED, opening
from verifier.findings import Result
from verifier.load import verify_ledger

PHRASE = "params.amount is sealed, and was erased"
LIMITED = CONTRACT.replace("VERSION", "2.0.0").replace(
    'version: "1"}', 'version: "1"}\n  limits: {by: params.region, eu: {most: 50}}'
) + ("  - {id: most, for: pay, when: params.amount > limits.most, says: No more.}\n")
HIDDEN = Unseen("ab" * 32, PHRASE)


def decisions(desk: Desk, folder: Path) -> list[tuple[str, Result]]:
    """Return the findings on decisions."""
    desk.sign_head()
    report = verify_ledger(desk.save(folder / "desk.db"), desk.trust())
    return [(one.code, one.result) for one in report.findings if one.code.startswith("decision.")]


def test_an_agents_words_make_nothing_undecidable(tmp_path: Path) -> None:
    """Who gets the words of a sealed value into a reason is found as anybody else."""
    desk = Desk()
    desk.publish("2.0.0", text=LIMITED)
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}))
    desk.act(run, "pay", {"amount": 5, "region": PHRASE}, decision=ALLOWED)
    desk.sign_head()
    report = verify_ledger(desk.save(tmp_path / "desk.db"), desk.trust())
    # The words did get into the reason.
    assert [one.code for one in report.findings if PHRASE in one.reason] == ["policy.most"]
    found = [(one.code, one.result) for one in report.findings if one.code.startswith("decision.")]
    assert found == [("decision.false-allow", Result.VIOLATED)]


def test_a_sealed_value_that_no_rule_reads_hides_no_wrong_decision(tmp_path: Path) -> None:
    """An agent that seals a note beside the amount is not spared what the amount says."""
    desk = Desk()
    params = {"amount": 5000, "note": {"sealed": opening(1).commitment}}
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}))
    desk.act(run, "pay", params, decision=ALLOWED)
    assert decisions(desk, tmp_path) == [("decision.false-allow", Result.VIOLATED)]


def test_what_another_rule_says_stands_whatever_was_sealed(tmp_path: Path) -> None:
    """Nobody had looked: that alone forbade it, whatever the amount was."""
    desk = Desk()
    params = {"amount": {"sealed": opening(1).commitment}}
    desk.act(desk.open_run(), "pay", params, decision=ALLOWED)
    assert decisions(desk, tmp_path) == [("decision.false-allow", Result.VIOLATED)]


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ({}, {}, Result.UNDECIDABLE),
        ({}, {"target": "another"}, Result.VIOLATED),
        ({"to": "a"}, {"to": "b"}, Result.VIOLATED),
    ],
)
def test_a_call_that_differs_beside_what_is_sealed_was_not_approved(
    tmp_path: Path, first: dict[str, str], then: dict[str, str], expected: Result
) -> None:
    """Commitments differ each time; anything else that differs does so for certain."""
    desk = Desk()
    run = desk.open_run()
    target = {name: then[name] for name in ("target",) if name in then}
    more = {name: then[name] for name in ("to",) if name in then}
    params = {"amount": {"sealed": opening(1).commitment}, **first}
    held = desk.act(run, "pay", params, decision={"effect": "approve", "reasons": []})
    params = {"amount": {"sealed": opening(2).commitment}, **more}
    desk.act(run, "pay", params, decision=ALLOWED, resumes=held, **target)
    found = [one for one in decisions(desk, tmp_path) if one[0] == "decision.approval-mismatch"]
    assert found == [("decision.approval-mismatch", expected)]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (HIDDEN, 5, False),
        ({"a": HIDDEN, "b": 1}, {"a": 5, "b": 1}, False),
        ({"a": HIDDEN, "b": 1}, {"a": HIDDEN, "b": 2}, True),
        ({"a": HIDDEN}, {"a": HIDDEN, "b": 2}, True),
        ([HIDDEN, 1], [HIDDEN, True], True),
        ([HIDDEN], [HIDDEN, HIDDEN], True),
        ([1], {"0": 1}, True),
    ],
)
def test_what_differs_whatever_is_hidden(one: object, other: object, *, differ: bool) -> None:
    """Only what everybody can see makes two values differ for certain."""
    assert surely_differ(one, other) is differ
    assert surely_differ(other, one) is differ
