"""Whatever a bundle withholds, it says nothing that the whole ledger does not say."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.withholding import Mark, Withholding
from ledger.bundle_writing import write_bundle
from ledger.store import Store
from tests.verifier.forge import Desk, identity
from verifier.findings import Result
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict, Report

FIRST = 4
# Facts over each kind of scope, a window, one fact that reads another, and what must follow.
TEXT = """\
contract: desk
version: 2.0.0
identity:
  service: spiffe://shop.example/desk
  owner: Mara
  permissions: []
scope:
  modes: [read, execute]
  approve:
    - {id: large, for: pay, when: params.amount > 100, role: refunds-lead, says: Needs a lead.}
policy:
  document: {name: desk policy, version: "1"}
tools:
  look: {mode: read}
  pay: {mode: execute, irreversible: money is gone}
facts:
  looked: {seen: true, from: outcome of look, where: outcome.status == "ok"}
  looks: {count: true, from: outcome of look, over: service}
  paid: {count: true, from: action of pay, over: ledger, within: 4s}
  mine: {count: true, from: action of pay, over: identity}
  late: {count: true, from: action of pay, over: ledger, where: facts.looks > 1, unknown: skip}
rules:
  - {id: looked, for: pay, unless: facts.looked, says: Look first.}
  - {id: burst, for: pay, when: facts.paid > 1, says: Too many at once.}
  - {id: many, for: pay, when: facts.mine > 1, says: Too many.}
  - {id: late, for: pay, when: facts.late > 0, says: Too late.}
  - {id: small, for: pay, when: params.amount > 1000, says: Never this much.}
"""


def played() -> Desk:
    """Return a ledger with runs side by side, an approval, a denial, and something left undone."""
    desk = Desk()
    desk.publish("2.0.0", text=TEXT)
    one, two = desk.open_run(), desk.open_run()
    desk.end(one, desk.act(one, "look", {}))
    denied = desk.act(two, "pay", {"amount": 5000}, decision={"effect": "deny", "reasons": []})
    held = desk.act(one, "pay", {"amount": 500}, decision={"effect": "approve", "reasons": []})
    approval = desk.make("approval", "lead", action=held, verdict="approve")
    desk.submit("lead", approval)
    paid = desk.act(
        one,
        "pay",
        {"amount": 500},
        resumes=held,
        decision={"effect": "allow", "reasons": []},
    )
    desk.end(one, paid)
    desk.end(two, denied, status="skipped")
    desk.end(two, desk.act(two, "look", {}))
    desk.end(two, desk.act(two, "pay", {"amount": 2}))
    desk.act(two, "pay", {"amount": 3})
    desk.close_run(one)
    desk.close_run(two)
    desk.sign_head()
    return desk


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Path, Report]:
    """Give the ledger, its file and its report."""
    desk = played()
    path = desk.save(tmp_path_factory.mktemp("whole") / "ledger.db")
    return desk, path, verify_ledger(path, desk.trust())


def said(report: Report, result: Result) -> set[tuple[str, str, int]]:
    """Return the findings that came out so."""
    return {
        (found.code, found.rule, found.index)
        for found in report.findings
        if found.result is result and found.severity != "advice"
    }


def handled(report: Report) -> set[tuple[str, str, int]]:
    """Return what was handled."""
    return {
        (found.code, found.rule, found.index)
        for found in report.findings
        if found.result is Result.HANDLED
    }


def test_the_ledger_has_something_of_everything(ledger: tuple[Desk, Path, Report]) -> None:
    """Else what follows would show nothing."""
    _, _, report = ledger
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    rules = {rule for _, rule, _ in said(report, Result.VIOLATED)}
    assert {"policy.late", "policy.many"} <= rules
    assert handled(report)
    assert report.conformance.total().satisfied > 10


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(6, 24), min_size=1, max_size=6))
def test_a_part_never_says_more_than_the_whole(
    ledger: tuple[Desk, Path, Report],
    tmp_path_factory: pytest.TempPathFactory,
    withheld: set[int],
) -> None:
    """What it says is violated, handled or satisfied is so in the ledger; the rest is open."""
    desk, path, whole = ledger
    out = tmp_path_factory.mktemp("part") / "bundle"
    with Store.open(path) as store:
        write_bundle(store, out, lambda index: index not in withheld)
    report = verify_ledger(out, desk.trust())
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert said(report, Result.VIOLATED) <= said(whole, Result.VIOLATED)
    assert handled(report) <= handled(whole)
    counts = {(one.contract, one.rule): one.tally for one in whole.conformance.counts}
    for one in report.conformance.counts:
        tally = counts[one.contract, one.rule]
        assert one.tally.satisfied <= tally.satisfied, one.rule
        assert one.tally.violated <= tally.violated, one.rule
        assert one.tally.handled <= tally.handled, one.rule


@given(
    st.lists(
        st.builds(
            Mark,
            index=st.integers(0, 50),
            kinds=st.frozensets(st.sampled_from(["action", "outcome", "run"]), min_size=1),
            by=st.sampled_from([identity("a"), identity("b")]),
            time=st.none() | st.integers(0, 50),
        ),
        unique_by=lambda mark: mark.index,
        max_size=12,
    ),
    st.sampled_from(["action", "outcome", "run", "message"]),
    st.integers(-1, 50),
    st.sampled_from(["", identity("a")]),
    st.none() | st.integers(0, 50),
)
def test_the_latest_of_each_writer_answers_for_all(
    marks: list[Mark], kind: str, since: int, by: str, time: int | None
) -> None:
    """Times go on with indexes, and so what is remembered answers as if all were."""
    ordered = sorted(marks, key=lambda mark: mark.index)
    # As the ledger has it: whoever imports has no time of its own, and times never go back.
    ordered = [
        Mark(mark.index, mark.kinds, mark.by, None if mark.time is None else mark.index)
        for mark in ordered
        if (mark.time is None) == (mark.by == identity("b"))
    ]
    withholding = Withholding()
    for mark in ordered:
        withholding.add(mark)
    expected = [
        mark.index
        for mark in ordered
        if mark.index > since
        and kind in mark.kinds
        and by in {"", mark.by}
        and (time is None or mark.time is None or mark.time >= time)
    ]
    assert bool(withholding) is bool(ordered)
    assert withholding.since({kind}, since, by=by, time=time) == max(expected, default=None)
