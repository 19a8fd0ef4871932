"""A timeline says of each action what the verifier says, on the facts as of then."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from contracts.guard import Guard
from contracts.loading import load_contract
from contracts.model import Contract, Verdict
from ledger.bundle_writing import write_bundle
from ledger.client import LedgerClient
from ledger.sealed import Sealed
from ledger.sealing import Sealing, SealingKey
from ledger.store import Store
from ledger.testing import build_ledger
from replay.entries import Entries
from replay.history import Act, History
from replay.reports.timeline_text import timeline_text
from replay.run_choice import Choice, chosen_acts
from replay.steps import NOW, RECORDED, Step
from replay.timeline import Timeline, timeline
from tests.guard.shop import CONTRACT, SERVICE, Hands, found
from tests.guard.shop import opened as shop_opened
from tests.replay.verified import Verified
from tests.uncounted import uncounted
from verifier.load import VerifiedLedger, open_ledger

SPARSE = 6


@dataclass(frozen=True, eq=False)
class Opened:
    """A verified ledger that was read once; where it has `some` runs, those are all it tells."""

    ledger: VerifiedLedger
    entries: Entries
    history: History
    some: frozenset[str] = frozenset()

    @property
    def acts(self) -> list[Act]:
        """What was done in those runs."""
        acts = self.history.acts
        return [act for act in acts if act.run in self.some] if self.some else acts

    def told(
        self,
        candidate: Contract | None = None,
        run: str = "",
        entries: frozenset[int] | None = None,
    ) -> Timeline:
        """Tell what was chosen."""
        chosen = chosen_acts(self.history, Choice(run=run, entries=entries))
        return timeline(self.entries, self.history, chosen, candidate=candidate)

    def step(self, run: str, number: int, candidate: Contract | None = None) -> Step:
        """Return one step of a run."""
        return self.told(candidate, run=run).runs[0].steps[number - 1]


def opened(ledger: VerifiedLedger) -> Opened:
    """Read a ledger."""
    entries = Entries(ledger)
    return Opened(ledger, entries, entries.history())


@pytest.fixture(scope="module")
def shop(story: Verified) -> Opened:
    """Give the shop's story."""
    return Opened(story.ledger, story.entries, story.history)


@pytest.fixture(scope="module")
def planted(month: Verified) -> Opened:
    """Give a month of the demonstration: all runs with findings, and one in a few of the others."""
    wrong = {finding.run for finding in month.ledger.report.findings}
    live = list(month.history.runs.values())
    some = {run.digest for run in live if {run.digest, run.name} & wrong}
    some |= {run.digest for run in live[::SPARSE]}
    return Opened(month.ledger, month.entries, month.history, frozenset(some))


@cache
def all_of(one: Opened) -> Timeline:
    """Tell everything, once."""
    if not one.some:
        return one.told()
    with uncounted():
        return one.told(entries=frozenset(act.index for act in one.acts))


def rules_against(told: Timeline) -> set[tuple[int, str, str]]:
    """Return what is not satisfied under the contracts in force then: entry, rule, result."""
    return {
        (one.index, one.rule.id, one.result.value)
        for step in told.steps
        for one in (step.then.rules if step.then else ())
        if not one.holds
    } | {
        (one.index, one.rule.id, one.result.value)
        for run in told.runs
        for said in run.said
        for one in said.against
    }


def found_against(one: Opened) -> set[tuple[int, str]]:
    """Return what the verifier found against the rules of contracts in runs with actions."""
    rules = {rule.id for contract in one.ledger.contracts.values() for rule in contract.rules}
    acting = {one.history.runs[act.run].name for act in one.acts}
    acting |= {act.run for act in one.acts}
    return {
        (finding.index, finding.rule)
        for finding in one.ledger.report.findings
        if finding.rule in rules and finding.contract and finding.run in acting
    }


@pytest.mark.parametrize("which", ["shop", "planted"])
def test_rules_come_out_as_the_verifier_finds_them(
    which: str, request: pytest.FixtureRequest
) -> None:
    """Every finding of a rule is a result in the timeline, and every such result is a finding."""
    one: Opened = request.getfixturevalue(which)
    told = {(index, rule) for index, rule, _ in rules_against(all_of(one))}
    assert told == found_against(one)
    assert told


@pytest.mark.parametrize("which", ["shop", "planted"])
def test_wrong_decisions_are_those_the_verifier_finds(
    which: str, request: pytest.FixtureRequest
) -> None:
    """A step is wrong exactly where there is a finding on the decision itself."""
    one: Opened = request.getfixturevalue(which)
    wrong = {step.act.index for step in all_of(one).steps if step.wrong}
    codes = {"decision.false-allow", "decision.false-deny", "decision.executed-without-approval"}
    codes |= {"decision.approval-mismatch", "decision.approval-reused"}
    decided = {act.index for act in one.acts}
    found = {
        finding.index
        for finding in one.ledger.report.findings
        if finding.code in codes and finding.index in decided
    }
    assert wrong == found
    assert wrong


@pytest.mark.parametrize("which", ["shop", "planted"])
def test_a_run_is_told_the_same_by_itself_and_among_all(
    which: str, request: pytest.FixtureRequest
) -> None:
    """What is told of a run hangs on the ledger and on nothing else that was chosen."""
    one: Opened = request.getfixturevalue(which)
    every = all_of(one).runs
    for told in every[: len(every) // 2 : max(len(every) // 8, 1)]:
        assert one.told(run=told.run.digest).runs == (told,)


def test_what_a_run_cost_so_far_grows_to_what_it_cost(planted: Opened) -> None:
    """In every currency by itself, and what comes after the last step is the only difference."""
    for told in all_of(planted).runs:
        last: dict[str, int] = {}
        for step in told.steps:
            assert all(last[currency] <= step.cost[currency] for currency in last)
            last = dict(step.cost)
        assert last.keys() <= told.cost.keys()
        assert all(last[currency] <= told.cost[currency] for currency in last)


def test_then_and_now_are_told_apart_with_the_reason(shop: Opened) -> None:
    """A lower limit and a new rule change what was right; both are named, with their values."""
    first = shop.step("R-1", 2)
    assert (first.act.decision, first.then and first.then.effect) == ("allow", "allow")
    assert first.now is not None
    assert (first.now.version, first.now.effect) == ("1.1.0", "approve")
    (limit,) = first.differences
    assert (limit.between, limit.rule) == (NOW, "scope.large")
    assert "limits.alone was 100000000, is 10000000" in limit.why
    held = shop.step("R-3", 2)
    assert [one.rule for one in held.differences] == ["policy.serial"]
    assert "1.0.0 has no such rule" in held.differences[0].why
    assert "facts.refunds is 2" in held.differences[0].why


def test_a_false_allow_is_said_first(shop: Opened) -> None:
    """The recorded decision is held against the one that the contract then in force gives."""
    step = shop.step("R-5", 2)
    assert step.wrong
    assert [one.rule for one in step.differences if one.between == RECORDED] == ["scope.cash"]
    assert "allow was recorded, and deny is right" in timeline_text(all_of(shop))


def test_facts_are_as_of_then(shop: Opened) -> None:
    """Each sees what was before it, under either contract, and never itself."""
    values = {
        told.run.name: [
            fact.value
            for step in told.steps
            for fact in (step.now.facts if step.now else ())
            if fact.name == "refunds"
        ]
        for told in all_of(shop).runs
    }
    assert values == {
        "R-1": ["0"],
        "R-2": ["1"],
        "R-3": ["2", "2"],
        "R-4": ["3"],
        "R-5": ["3"],
        "R-6": ["4"],
    }


def test_evidence_approvals_and_what_is_resumed_stand_at_their_step(shop: Opened) -> None:
    """A held action has its word and the resumed one its proposal; evidence has grown older."""
    held, resumed = shop.told(run="R-3").runs[0].steps[1:]
    assert [(word.verdict, word.reason) for word in held.words] == [("approve", "seen the receipt")]
    assert resumed.resumes == held.act.index
    assert [one.age for one in held.evidence] == [0]
    assert [one.age for one in resumed.evidence] == [245_000_000]
    assert [(one.effect, one.result) for one in (resumed.then.open() if resumed.then else ())] == [
        ("allow", Verdict.VIOLATED)
    ]
    assert "lifted by an approval" in timeline_text(shop.told(run="R-3"))


def test_rules_of_what_came_of_it_stand_at_the_step(shop: Opened) -> None:
    """The forged payout took longer than its tool may, which its outcome shows."""
    step = shop.step("R-5", 2)
    late = [one for one in (step.then.rules if step.then else ()) if one.rule.subject == "outcome"]
    assert [(one.rule.id, one.holds) for one in late if not one.holds] == [
        ("tools.payouts.create.timeout", False)
    ]
    assert all(one.index == step.act.ended for one in late)


def test_a_part_of_a_run_is_told_without_what_stands_between(shop: Opened) -> None:
    """Only runs that are told whole say their messages; the others say how much is missing."""
    (told,) = shop.told(entries=frozenset({shop.step("R-3", 3).act.index})).runs
    assert not told.whole
    assert [one.kind for one in told.said] == ["opened", "closed"]
    text = timeline_text(shop.told(entries=frozenset({told.steps[0].act.index})))
    assert "1 of its 3 steps are told" in text
    assert "step 3 of 3" in text


def test_another_contract_can_be_now(shop: Opened) -> None:
    """A candidate stands in for the one in force, and reports say so."""
    text = CONTRACT.replace("version: 1.0.0", "version: 9.0.0").replace(
        'when: params.method == "cash"', "when: 'true'"
    )
    candidate = load_contract(text, "candidate.yaml")
    told = shop.told(candidate)
    assert {step.now.version for step in told.steps if step.now} == {"9.0.0"}
    paid = [step for step in told.steps if step.act.tool == "payouts.create"]
    assert {step.now.effect for step in paid if step.now} == {"deny"}
    assert "its condition is another one in 9.0.0" in paid[3].differences[-1].why or paid[3].now
    assert "refunds 9.0.0, as named" in timeline_text(told)


def test_a_later_mandate_says_nothing_of_what_was_before_it(shop: Opened) -> None:
    """A contract's own time is set aside where it judges an action of another time, and said."""
    text = CONTRACT.replace("version: 1.0.0", "version: 9.0.0").replace(
        "  permissions: [orders",
        "  delegation: {by: mara@shop.example, since: 2027-01-01T00:00:00.000000Z,"
        " until: 2028-01-01T00:00:00.000000Z}\n  permissions: [orders",
    )
    told = shop.told(load_contract(text, "candidate.yaml"))
    usual = [step for step in told.runs[0].steps if step.now]
    assert {step.now.effect for step in usual if step.now} == {"allow"}
    assert {step.now.aside for step in usual if step.now} == {("identity.delegation",)}
    assert not [one for step in usual for one in step.differences]
    assert "set aside" in timeline_text(told)


def test_what_is_read_once_is_told_as_what_is_read_twice(shop: Opened) -> None:
    """A ledger too long to be held is read again, and gives the same."""
    again = Entries(shop.ledger, held=10)
    history = again.history()
    chosen = chosen_acts(history, Choice(run="R-3"))
    assert timeline(again, history, chosen).runs == shop.told(run="R-3").runs
    assert list(again) == list(shop.entries)


def test_what_a_bundle_holds_back_is_undecidable_and_never_absent(
    story_path: Path, tmp_path: Path
) -> None:
    """A fact that a withheld record may count in has no value, and says why."""
    with Store.open(story_path) as store:
        write_bundle(store, tmp_path / "part", lambda index: index < 5 or index > 46)
    with open_ledger(tmp_path / "part") as ledger:
        told = opened(ledger).told()
    reasons = [
        fact.reason
        for step in told.steps
        for fact in (step.then.facts if step.then else ())
        if fact.name == "refunds"
    ]
    assert reasons
    assert all("withheld" in reason for reason in reasons)


def test_sealed_values_stay_sealed(tmp_path: Path) -> None:
    """Neither the text nor any step holds what was not disclosed."""
    clock = Hands()
    path = tmp_path / "ledger.db"
    found(str(path), clock)
    with shop_opened(str(path), clock) as shop:
        sealing = Sealing(SealingKey(bytes(32)))
        key, by = shop.founded.key("agent"), shop.founded.identities["agent"]
        client = LedgerClient(shop.store, key, by, clock=clock, sealing=sealing)
        with Guard(client, shop.store, SERVICE, clock=clock) as guard, guard.run() as run:
            run.message("user", Sealed("my secret", "C-1"))
            run.propose("cases.open", {"why": Sealed("my secret", "C-1")})
        shop.verify()
    with open_ledger(path) as ledger:
        told = opened(ledger).told()
    text = timeline_text(told, verbose=True)
    assert "secret" not in text
    assert "why (sealed)" in text
    assert "user: (sealed)" in text


def test_what_no_contract_binds_is_said(tmp_path: Path) -> None:
    """Without a contract then or now there is nothing to decide again."""
    with open_ledger(build_ledger(tmp_path).path) as ledger:
        told = opened(ledger).told()
    (step,) = told.steps
    assert (step.then, step.now, step.differences) == (None, None, ())
    text = timeline_text(told, verbose=True)
    assert "then no contract in force" in text
    assert "1 action carried no decision when recorded." in text


def test_the_text_is_the_same_each_time(shop: Opened) -> None:
    """The same question gives the same bytes."""
    assert timeline_text(shop.told()) == timeline_text(shop.told())


def test_a_long_answer_leaves_out_what_says_nothing(planted: Opened) -> None:
    """Steps and runs of which there is nothing to say are counted, and told when asked for."""
    told = all_of(planted)
    long = timeline_text(told)
    assert "with nothing to say of: --verbose tells them too." in long
    assert "with nothing to say of)" in long
    assert len(timeline_text(told, verbose=True)) > 3 * len(long)


def test_what_befell_the_service_stands_in_the_runs_that_were_open(planted: Opened) -> None:
    """A switch is nobody's record; a run that was open when it was pulled is told of it."""
    switches = {
        event.index: event.record["service"]
        for event in planted.entries.events()
        if event.record["kind"] == "switch"
    }
    told = {
        (told.run.digest, one.index)
        for told in all_of(planted).runs
        for one in told.said
        if one.kind == "switch"
    }
    acting = {act.run for act in planted.acts}
    assert told == {
        (run.digest, index)
        for run in planted.history.runs.values()
        for index, service in switches.items()
        if run.digest in acting and run.said("service") == service
        if run.index < index and (run.closed < 0 or index < run.closed)
    }
