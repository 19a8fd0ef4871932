"""What waits for people, and until when it does."""

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from contracts.answers import Escalated, Refusal
from contracts.follower import Follower
from contracts.guarded import GuardedRun
from contracts.holds import ESCALATED, HELD, Hold, Holds
from contracts.performing import GuardedAction
from ledger.clock import format_time
from ledger.encoding import digest
from ledger.founding import Founder
from ledger.records import Approval, Review, record_bytes
from tests.guard import shop as shops
from tests.guard.shop import Hands, Shop, opened, order_of, payout

LARGE = 150_000_000


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Shop]:
    """The shop, with a lead who answers to the agent's owner, and a reviewer."""
    known = shops.founders()
    more = (
        Founder("cousin", ("approver", "lead"), shops.OWNER),
        Founder("reviewer", ("reviewer",), "rob@shop.example"),
    )
    monkeypatch.setattr(shops, "founders", lambda: (*known, *more))
    location = str(tmp_path / "shop.db")
    shops.found(location, Hands())
    with opened(location, Hands("2026-03-02T09:01:00.000000Z")) as shop:
        yield shop


def named(rule: str, index: int, contract: str) -> str:
    """Name a finding, as the verifier does in its own way."""
    return f"{rule}@{index}/{contract[:4]}"


def read(shop: Shop) -> Holds:
    """Read the ledger's history."""
    holds = Holds(named)
    for event in Follower(shop.store).read_on(shop.store.size()):
        holds.observe(event)
    return holds


def waiting(shop: Shop) -> list[Hold]:
    """What waits now."""
    return read(shop).waiting(format_time(shop.clock()))


def held(run: GuardedRun, order: str = "A-1") -> str:
    """Propose a payout that a lead has to approve."""
    found = run.propose("payouts.create", payout(order, LARGE), evidence=[order_of(run, order)])
    return cast("Refusal", found).action


def pass_(shop: Shop, **more: float) -> None:
    """Let time pass."""
    cast("Hands", shop.clock).pass_(**more)


def test_a_held_action_waits_until_it_is_resumed(shop: Shop) -> None:
    """It says which rule asks whom; an approval makes it the agent's turn, a resume ends it."""
    with shop.guard() as guard, guard.run(requester="C-1") as run:
        proposal = held(run)
        (one,) = waiting(shop)
        (ask,) = one.asks
        assert (one.state, one.action.digest, one.service) == (HELD, proposal, shops.SERVICE)
        assert (ask.rule, ask.role, ask.within, ask.words) == (
            "scope.large",
            "lead",
            3_600_000_000,
            (),
        )
        assert not one.ready
        shop.approve(proposal)
        (one,) = waiting(shop)
        assert one.ready
        assert one.asks[0].words[0].ends_at is not None
        found = run.resume(proposal)
        assert isinstance(found, GuardedAction)
        assert waiting(shop) == []
        found.ok(**shops.paid())
        assert str(read(shop).hold(proposal, shops.START)).startswith("it was resumed: entry")


def test_who_may_not_and_what_ran_out_lifts_nothing(shop: Shop) -> None:
    """No role, the owner's own people, a refusal, an approval that is too old: each with why."""
    with shop.guard() as guard, guard.run(requester="C-1") as run:
        proposal = held(run)
        shop.approve(proposal, "clerk")
        shop.approve(proposal, "cousin")
        shop.approve(proposal, "lead", "refuse")
        (one,) = waiting(shop)
        whys = [word.why for word in one.asks[0].words]
        assert ["the role lead" in whys[0], "answers to" in whys[1], whys[2]] == [
            True,
            True,
            "it is no approval",
        ]
        shop.approve(proposal)
        assert waiting(shop)[0].ready
        pass_(shop, hours=1)
        assert not waiting(shop)[0].ready
        assert "run out" in waiting(shop)[0].asks[0].words[-1].why


def test_a_resume_that_is_held_again_stands_with_the_first(shop: Shop) -> None:
    """Whoever asks again and again makes no list of it, and an approval before that is used up."""
    with shop.guard() as guard, guard.run() as run:
        proposal = held(run)
        soon = format_time(shop.clock() + timedelta(minutes=10))
        shop.approve(proposal, expires_at=soon)
        pass_(shop, minutes=30)
        again = cast("Refusal", run.resume(proposal)).action
        (one,) = waiting(shop)
        assert [event.digest for event in one.again] == [again]
        assert "used up" in one.asks[0].words[0].why
        shop.approve(again)
        assert waiting(shop)[0].ready
        assert isinstance(run.resume(again), GuardedAction)
        assert waiting(shop) == []


def test_a_closed_run_and_an_outcome_end_it(shop: Shop) -> None:
    """Nobody is asked about what nobody goes on with."""
    with shop.guard() as guard:
        with guard.run() as run:
            first = held(run)
        # A run in which something waits is left open.
        assert [one.action.digest for one in waiting(shop)] == [first]
        run.close()
        assert waiting(shop) == []
        with guard.run() as run:
            second = held(run, "A-2")
            guard.record("outcome", {"action": second, "run": run.id, "status": "skipped"})
            assert waiting(shop) == []
        assert "its run was closed" in str(read(shop).hold(first, shops.START))
        assert "its outcome" in str(read(shop).hold(second, shops.START))


def test_an_escalated_action_waits_for_a_review(shop: Shop) -> None:
    """Its finding resolved, or its run closed."""
    with shop.guard() as guard, guard.run() as run:
        asked = payout("VIP-1")
        found = run.propose("payouts.create", asked, evidence=[order_of(run, "VIP-1")])
        assert isinstance(found, Escalated)
        (one,) = waiting(shop)
        assert (one.state, [ask.rule for ask in one.asks]) == (ESCALATED, ["scope.vip"])
        assert not one.ready
        contract = one.action.record["contract"]["digest"]
        finding = named("scope.vip", one.action.index, contract)
        for state, left in (("acknowledged", 1), ("resolved", 0), ("open", 1)):
            client = shop.client("reviewer")
            client.submit([client.make(Review, finding=finding, state=state)])
            assert len(waiting(shop)) == left


def test_what_an_approval_would_not_lift_is_known_before(shop: Shop) -> None:
    """The very rule by which an approval lifts, asked of one that nobody gave yet."""
    with shop.guard() as guard, guard.run(requester="C-1") as run:
        held(run)
        now = shop.clock()
        follower, holds = Follower(shop.store), Holds()
        for event in follower.read_on(shop.store.size()):
            holds.observe(event)
        (one,) = holds.waiting(format_time(now))
        late = format_time(now - timedelta(hours=1))

        def codes(name: str, **more: object) -> dict[str, str]:
            made = shop.client(name).make(
                Approval, action=one.action.digest, verdict="approve", **more
            )
            raw = record_bytes(made)
            said = follower.event(follower.size, digest(raw), raw, format_time(now))
            found = holds.obstacles(one, said, format_time(now))
            return {rule: "" if each is None else each.code for rule, each in found.items()}

        assert codes("lead") == {"scope.large": ""}
        assert codes("clerk") == {"scope.large": "approval.role"}
        assert codes("cousin") == {"scope.large": "approval.stake"}
        assert codes("lead", expires_at=late) == {"scope.large": "approval.expired"}
        assert codes("lead", rule="scope.other") == {}


def test_an_action_is_named_by_entry_digest_or_its_beginning(shop: Shop) -> None:
    """Each names it alone; nothing names nothing."""
    with shop.guard() as guard, guard.run() as run:
        proposal = held(run)
        holds = read(shop)
        (one,) = holds.waiting(format_time(shop.clock()))
        for name in (proposal, proposal[:13], str(one.action.index)):
            assert [event.digest for event in holds.named(name)] == [proposal]
        assert holds.named("0") == holds.named("xyz") == holds.named("") == []
        assert holds.hold("00", shops.START) == "it was not held, nor escalated"
