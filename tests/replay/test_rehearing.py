"""A run before the guard again: the same to the byte, or the first step that differs, and why."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import jsonschema_rs
import pytest

from contracts.answers import Denied
from contracts.grouped import Wanted
from contracts.model import Contract
from ledger.source import Source
from replay.history import History, Run
from replay.reheard import Divergence, Kind, Rehearsal
from replay.reports.reheard_forms import (
    headline,
    reheard_html,
    reheard_json,
    reheard_text,
    sentences,
    tables,
)
from replay.reports.timeline_schema import schemas
from tests.guard.shop import Hands, Shop, order_of, paid, payout
from tests.guard.shop import opened as shop_opened
from tests.replay.shopping import LEDGER, STRICTER, pays, shop_story
from tests.replay.verified import Verified, verified
from tests.uncounted import uncounted
from verifier.errors import SourceError
from verifier.load import open_source
from verifier.report import Report
from writ.rehearing import rehearse


@dataclass(frozen=True, eq=False)
class Kept:
    """A verified ledger, its bytes, and what was done in it."""

    source: Source
    report: Report
    history: History
    contracts: Mapping[str, Contract]

    @classmethod
    def of(cls, one: Verified) -> "Kept":
        """Return what was verified and read."""
        return cls(one.source, one.ledger.report, one.history, one.ledger.contracts)

    def run(self, name: str) -> Run:
        """Return a run by its name."""
        run = self.history.find_run(name)
        assert run is not None
        return run

    def again(self, name: str, version: str = "") -> Rehearsal:
        """Put a run before the guard again, under another version where one is named."""
        candidate = next((c for c in self.contracts.values() if c.version == version), None)
        return rehearse(self.source, self.report, self.history, self.run(name), candidate)


@pytest.fixture(scope="module")
def shop(story: Verified) -> Kept:
    """Give the shop's story."""
    return Kept.of(story)


@pytest.fixture(scope="module")
def planted(month: Verified) -> Kept:
    """Give a month of the demonstration with its planted mistakes."""
    return Kept.of(month)


Plays = Callable[[Shop, Hands], None]
Lives = Callable[[Plays], Kept]


@pytest.fixture
def after(founded_shop: Path, tmp_path: Path) -> Iterator[Lives]:
    """Give what lets something happen in a shop of its own, and verifies that."""
    with ExitStack() as stack:

        def played(play: Plays) -> Kept:
            clock, path = Hands(), copytree(founded_shop, tmp_path / "shop") / LEDGER
            clock.pass_(seconds=1)
            with shop_opened(str(path), clock) as shop:
                play(shop, clock)
                shop.sign()
            return Kept.of(stack.enter_context(verified(path)))

        yield played


@pytest.mark.parametrize("name", ["R-1", "R-2", "R-3", "R-4", "R-6"])
def test_what_a_guard_decided_it_decides_again_to_the_byte(shop: Kept, name: str) -> None:
    """Decision, reasons, version, mode and key: the record is the same, approvals included."""
    again = shop.again(name)
    acts = list(shop.history.of_run(shop.run(name).digest))
    assert again.divergence is None
    assert [one.index for one in again.steps] == [act.index for act in acts]
    assert all(one.same_record for one in again.steps)
    assert [one.status for one in again.steps] == [act.status for act in acts]
    assert "the same decisions, reasons and calls" in headline(again)


def test_a_false_allow_is_the_first_divergence(shop: Kept) -> None:
    """It names the step, the rule, and what that read; what was before it agrees."""
    again = shop.again("R-5")
    assert [one.number for one in again.steps] == [1]
    first = again.divergence
    assert first is not None
    assert (first.kind, first.number) == (Kind.DECISION, 2)
    assert (first.recorded, first.answered) == ("allow", "deny")
    (why,) = first.why
    assert why.startswith('scope.cash is violated (deny): not (params.method == "cash")')
    assert why.endswith('having read params.method = "cash" (line 10 of 1.0.0)')


def test_a_candidate_differs_where_it_would_have(shop: Kept) -> None:
    """The first refund is held by the lower limit; the third also goes to a person."""
    first, third = shop.again("R-1", "1.1.0"), shop.again("R-3", "1.1.0")
    assert first.candidate == ("refunds", "1.1.0")
    assert first.divergence is not None
    assert third.divergence is not None
    assert (first.divergence.recorded, first.divergence.answered) == ("allow", "approve")
    assert "limits.alone = 10000000" in first.divergence.why[0]
    assert third.divergence.answered == "escalate"
    assert third.contingent == 1
    assert "1 later step of the run are contingent" in " ".join(sentences(third))
    assert shop.again("R-6", "1.1.0").divergence is None


def test_the_first_divergence_is_where_the_verifier_finds_the_decision_wrong(planted: Kept) -> None:
    """In the first runs with a finding on a decision, and in some without."""
    wrong: dict[str, int] = {}
    for one in planted.report.findings:
        if one.code.startswith("decision.") and one.code != "decision.stale-basis":
            wrong[one.run] = min(wrong.get(one.run, one.index), one.index)
    assert wrong
    live_runs = [run for run in planted.history.runs.values() if "import" not in run.opened]
    early = live_runs[: len(live_runs) // 4]
    bad = [run for run in early if run.name in wrong][:3]
    good = [run for run in early if run.name not in wrong][::9][:3]
    assert bad
    for run in bad:
        with uncounted():
            first = planted.again(run.name).divergence
        assert first is not None
        acts = {act.index: act.ended for act in planted.history.of_run(run.digest)}
        assert wrong[run.name] in {first.index, acts[first.index]}
    for run in good:
        with uncounted():
            assert planted.again(run.name).divergence is None


def test_two_replays_give_the_same_bytes(shop: Kept) -> None:
    """Nothing of the moment of asking is in them."""
    for name in ("R-3", "R-5"):
        assert reheard_text(shop.again(name)) == reheard_text(shop.again(name))
        assert reheard_json(shop.again(name)) == reheard_json(shop.again(name))


def test_json_is_of_its_published_schema(shop: Kept) -> None:
    """With and without a divergence."""
    schema = jsonschema_rs.validator_for(schemas()["rehearsal.schema.json"])
    for name in ("R-1", "R-5"):
        schema.validate(json.loads(reheard_json(shop.again(name), {"writ": "x"})))
    assert json.loads(reheard_json(shop.again("R-5")))["diverges_at"] == 44


def test_every_form_tells_the_step_that_differs(shop: Kept) -> None:
    """Text, table and page say the same."""
    again = shop.again("R-5")
    for form in (reheard_text(again), reheard_html(again)):
        assert "scope.cash is violated (deny)" in form
    (table,) = tables(again)
    first = again.divergence
    assert first is not None
    assert table.rows[-1][-2:] == ("decision", " ".join(first.why))
    assert "<script" not in reheard_html(again)


def test_a_tool_that_is_only_observed_is_only_observed_again(after: Lives) -> None:
    """Without a recorded decision nothing is compared but the calls, and that is said."""

    def play(shop: Shop, clock: Hands) -> None:
        with shop.guard(observe={"payouts.create"}) as guard, guard.run(ref="R-1") as run:
            clock.pass_(seconds=1)
            pays(run, 1, method="cash")

    one = after(play)
    again = one.again("R-1")
    assert again.divergence is None
    assert [(step.recorded, step.answered) for step in again.steps] == [
        ("allow", "allow"),
        ("", "deny"),
    ]
    assert all(step.same_record for step in again.steps)
    assert "1 step carried no decision" in " ".join(sentences(again))
    assert "no decision; deny if any; returned ok" in reheard_text(again)


def test_a_call_despite_a_denial_differs_although_the_decision_is_the_same(after: Lives) -> None:
    """The record has a call that the guard refuses."""

    def play(shop: Shop, clock: Hands) -> None:
        with shop.guard() as guard, guard.run(ref="R-1") as run:
            clock.pass_(seconds=1)
            refused = pays(run, 1, method="cash")
            assert isinstance(refused, Denied)
            said = {"action": refused.action, "run": run.id, "status": "ok"}
            guard.record("outcome", said)

    one = after(play)
    first = one.again("R-1").divergence
    assert first is not None
    assert first.kind is Kind.CALL
    assert first.recorded == "deny, called (ok)"


def test_things_that_were_recorded_at_once_are_decided_at_once(after: Lives) -> None:
    """Two actions and a message of one submission: each is decided on all before it."""

    def play(shop: Shop, clock: Hands) -> None:
        with shop.guard() as guard, guard.run(ref="R-1") as run:
            clock.pass_(seconds=1)
            order = order_of(run)
            both = {"run": run.id, "tool": "cases.open", "params": {"why": "x"}}
            pay = {"run": run.id, "tool": "payouts.create", "params": payout()}
            wanted = [
                Wanted("message", {"run": run.id, "role": "assistant", "turn": 0, "content": "…"}),
                Wanted("action", both),
                Wanted("action", {**pay, "evidence": [order.digest]}),
            ]
            given = guard.group(wanted)
            assert not [error for error in given if isinstance(error, Exception)], given
            guard.record("message", {"run": run.id, "role": "user", "turn": 1})

    one = after(play)
    again = one.again("R-1")
    assert [step.tool for step in again.steps] == ["orders.get", "cases.open", "payouts.create"]
    assert all(step.same_record for step in again.steps), again


def test_what_is_taken_back_is_called_as_the_contract_says(after: Lives) -> None:
    """A compensation with the contract's own parameters is the same; with others it differs."""

    def play(shop: Shop, clock: Hands) -> None:
        with shop.guard() as guard, guard.run(ref="R-1") as run:
            clock.pass_(seconds=1)
            done = pays(run, 1)
            with run.action("payouts.reverse", {"payout": "P-1"}, compensates=done.id):
                pass
        with shop.guard() as guard, guard.run(ref="R-2") as run:
            done = pays(run, 2)
            with run.action("payouts.reverse", {"payout": "P-9"}, compensates=done.id):
                pass
        with shop.guard() as guard, guard.run(ref="R-3") as run:
            order_of(run)
            with run.action("payouts.reverse", {"payout": "P-8"}, compensates=done.id) as act:
                act.end("error", error="not there", cost=paid()["cost"])

    one = after(play)
    assert one.again("R-1").divergence is None
    second = one.again("R-2").divergence
    assert second is not None
    assert second.kind is Kind.PARAMETERS
    assert (second.recorded, second.answered) == (
        "payouts.reverse payout P-9",
        "payouts.reverse payout P-2",
    )


def test_a_service_that_no_contract_binds_is_refused(after: Lives) -> None:
    """A guard decides nothing there, whatever was recorded."""

    def play(shop: Shop, clock: Hands) -> None:
        clock.pass_(seconds=1)
        opening = shop.client().run("spiffe://shop.example/ai/unbound", ref="R-1")
        with opening as run, run.action("orders.get", {"order": "A-1"}) as act:
            act.ok()

    one = after(play)
    again = one.again("R-1")
    assert again.divergence is not None
    assert again.divergence.kind is Kind.REFUSED
    assert again.divergence.answered == "guard.no-contract"
    assert again.steps == ()


def changed(path: Path, column: str, what: str) -> Path:
    """Change one record, or one header, in a copy of a ledger."""
    path = copytree(path.parent, path.parent.with_name(f"{column}-changed")) / path.name
    with closing(sqlite3.connect(path)) as raw:
        named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (trigger,) in raw.execute(named).fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        ((before, table),) = raw.execute(what).fetchall()
        after = before.replace(b"a", b"b", 1) if isinstance(before, bytes) else before
        raw.execute(f"UPDATE {table} SET {column} = ? WHERE idx = 11", (after,))  # noqa: S608
        raw.commit()
    return path


def test_a_ledger_that_is_another_by_now_is_refused(
    shop: Kept, story_path: Path, founded_shop: Path, tmp_path: Path
) -> None:
    """What the guard reads is held against what was verified: its headers, and each record."""
    shorter = shop_story(copytree(founded_shop, tmp_path / "two"), later=False)
    path = copytree(story_path.parent, tmp_path / "one") / LEDGER
    record = changed(path, "body", "SELECT body, 'records' FROM records WHERE idx = 11")
    for other in (shorter, record):
        with closing(open_source(other)) as source, pytest.raises(SourceError):
            rehearse(source, shop.report, shop.history, shop.run("R-1"))


def test_a_result_that_the_record_does_not_have_ends_the_replay(after: Lives) -> None:
    """What a wider contract allows was never called: what follows is contingent."""

    def play(shop: Shop, clock: Hands) -> None:
        with shop.guard() as guard, guard.run(ref="R-1") as run:
            clock.pass_(seconds=1)
            pays(run, 1, micros=150_000_000)
            order_of(run, "A-2")
        wider = STRICTER.replace("alone: 10000000}", "alone: 900000000}")
        shop.activate(wider)

    one = after(play)
    again = one.again("R-1", "1.1.0")
    assert again.divergence is not None
    assert (again.divergence.recorded, again.divergence.answered) == ("approve", "allow")
    text = reheard_text(again)
    assert "The record has no result of a call that was not made" in text
    assert "1 later step: contingent" in text


def test_a_run_without_a_step_says_so(after: Lives) -> None:
    """There was nothing to decide."""

    def play(shop: Shop, clock: Hands) -> None:
        clock.pass_(seconds=1)
        with shop.guard() as guard, guard.run(ref="R-1"):
            pass

    one = after(play)
    assert headline(one.again("R-1")) == "run R-1: no step"
    assert isinstance(one.again("R-1").divergence, Divergence | None)
