"""A guard that starts with what was kept decides as one that read the ledger from its beginning."""

import random
from pathlib import Path
from typing import Any

import pytest

from contracts.answers import ApprovalNeeded
from contracts.errors import SnapshotError
from contracts.follower import Follower
from contracts.standing import Standing
from tests.guard.shop import SERVICE, Hands, Shop, codes, found, opened, order_of, paid, payout
from tests.guard.worker import step


def told(standing: Standing) -> dict[str, Any]:
    """Return all that a standing knows, as it would be kept."""
    text = standing.snapshot()
    assert text
    return {"text": text, "open": sorted(standing.open), "done": standing.done}


@pytest.mark.parametrize("seed", range(3))
def test_it_knows_what_a_whole_reading_knows(
    shop: Shop, hands: Hands, tmp_path: Path, seed: int
) -> None:
    """After a random history, and after more of it."""
    kept, chance, held = tmp_path / "guard.kept", random.Random(seed), list[str]()
    for _ in range(3):
        with shop.guard(snapshot=kept) as guard:
            run = guard.run(goal="random")
            for _ in range(8):
                step(shop, chance, run, held)
                hands.pass_(seconds=chance.choice((0, 1, 600)))
            run.close()
        whole, again = Standing(shop.store, SERVICE), Standing(shop.store, SERVICE, kept)
        assert again.size > 0
        for one in (whole, again):
            one.read_on(shop.store.size())
            one.prepare(one.latest)
        assert told(again) == told(whole)
    assert codes(shop.verify(), "decision", "integrity") == []


def test_only_what_came_after_is_read(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries before are not read again; an approval and a key from before hold."""
    kept = tmp_path / "guard.kept"
    with shop.guard(snapshot=kept) as guard:
        run = guard.run(goal="refund")
        order = order_of(run)
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
        waits = run.propose("payouts.create", payout("A-2", 200_000_000), evidence=[order])
        assert isinstance(waits, ApprovalNeeded)
    size = shop.store.size()
    read: list[int] = []
    whole = Follower.read_on

    def noted(self: Follower, size: int) -> Any:  # noqa: ANN401
        read.append(self.size)
        return whole(self, size)

    monkeypatch.setattr(Follower, "read_on", noted)
    shop.approve(waits.action)
    with shop.guard(snapshot=kept) as guard, guard.attach(run.id) as again:
        repeated: Any = again.propose("payouts.create", payout(), evidence=[order])
        assert repeated.outcome["fields"] == {"payout": "P-1"}
        with again.resumed(waits.action) as act:
            act.ok(**paid(2))
    assert min(read) >= size
    assert codes(shop.verify(), "decision", "integrity") == []


@pytest.mark.parametrize("place", [0, 70, 200, -2])
def test_a_changed_byte_is_met(shop: Shop, tmp_path: Path, place: int) -> None:
    """It is not used: the ledger is read whole, and a standing says why."""
    kept = tmp_path / "guard.kept"
    with shop.guard(snapshot=kept):
        pass
    raw = bytearray(kept.read_bytes())
    raw[place] ^= 1
    kept.write_bytes(bytes(raw))
    with pytest.raises(SnapshotError):
        Standing(shop.store, SERVICE).take_up(raw.decode("utf-8", "replace"))
    with shop.guard(snapshot=kept) as guard:
        assert not guard.unfinished()


def test_another_ledger_is_read_whole(shop: Shop, tmp_path: Path) -> None:
    """What was kept of one is not taken for another, nor for another service."""
    kept = tmp_path / "guard.kept"
    with shop.guard(snapshot=kept):
        pass
    text = kept.read_text("utf-8")
    location, clock = str(tmp_path / "other.db"), Hands()
    found(location, clock)
    with opened(location, clock) as other, pytest.raises(SnapshotError) as refused:
        Standing(other.store, SERVICE).take_up(text)
    assert refused.value.code == "snapshot.other"
    with pytest.raises(SnapshotError):
        Standing(shop.store, "spiffe://shop.example/ai/other").take_up(text)
