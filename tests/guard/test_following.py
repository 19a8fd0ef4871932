"""What a guard reads as valid is what a verifier reads as valid, event by event."""

import os
import random
from pathlib import Path

import pytest

from contracts.follower import Follower, HistoryChangedError
from ledger.authority import Document, IdentityEntry
from ledger.encoding import digest
from ledger.importers.profile_reading import load_profile
from ledger.importers.transcripts import import_transcripts
from ledger.store import Store
from ledger.testing import found_ledger
from tests.guard.following import by_guard, by_verifier
from tests.guard.shop import Shop, order_of, paid, payout
from tests.ledger.importers.test_samples import FILES, SAMPLES, Writing
from tests.tamper import writer_attacks
from tests.tamper.scene import Scene
from tests.tamper.table import ATTACKS, Found
from tests.verifier.forge import ROLES, SERVICE, Desk, contract_text, identity
from verifier.load import verify_ledger

# Where `make demo` puts it, or somebody says.
DEMONSTRATION = Path(os.environ.get("WRIT_TEST_DEMO", ".cache/demo")) / "refunds.db"
# What a ledger takes in of an entitled writer, and a verifier leaves out. The rest it refuses, so
# that a guard, who trusts its store, does not look for it.
TAKEN_IN = frozenset(
    f"integrity.{what}"
    for what in ("governance", "compromised-key", "reference", "clock", "record-form")
)
HOSTILE = [
    name
    for name, (attack, answer) in ATTACKS.items()
    if isinstance(answer, Found)
    and answer.code in TAKEN_IN
    and attack.__module__ == writer_attacks.__name__
]
STEPS = (1, 3, 1_000_000)


def assert_same(path: Path | str) -> int:
    """Compare both readings, the guard's in steps of several sizes; return how many there were."""
    with Store.open(path) as store:
        expected = by_verifier(store)
        for steps in STEPS:
            assert by_guard(store, steps=steps) == expected, f"{steps} at a time"
    return len(expected)


def saved(desk: Desk, folder: Path) -> Path:
    """Write a forged ledger with its head signed."""
    desk.sign_head()
    return desk.save(folder / "ledger.db")


@pytest.mark.parametrize("name", HOSTILE)
def test_where_writers_cheat(name: str, tmp_path: Path) -> None:
    """Whatever a ledger takes in of somebody who cheats, both leave out the same."""
    scene = Scene.built()
    ATTACKS[name][0](scene)
    assert_same(scene.desk.save(tmp_path / "ledger.db"))


def test_the_hostile_ledgers_are_many() -> None:
    """The table of attacks gives enough of them."""
    assert len(HOSTILE) >= 8


def test_a_key_that_had_been_in_other_hands(tmp_path: Path) -> None:
    """What it wrote is no part of history, for a guard that begins after as for one before."""
    desk = Desk()
    desk.paid()
    since = len(desk.headers)
    desk.paid()
    document = desk.next_document(revoke="agent", since=since)
    desk.submit("steward", desk.authority(document))
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
    path = saved(desk, tmp_path)
    assert assert_same(path) == since + 2
    found = [one.code for one in verify_ledger(path).findings]
    assert "integrity.compromised-key" in found


def test_the_author_activates_by_another_name(tmp_path: Path) -> None:
    """Who answers for the author cannot activate, not even once the same submission says so."""
    desk = Desk(roles={"steward": ("steward", "activator"), **_roles()})
    text = contract_text("2.0.0")
    of = {"service": SERVICE, "version": "2.0.0", "digest": digest(text.encode())}
    desk.submit("author", desk.make("contract", "author", text=text, **of))
    activation = desk.make(
        "activation",
        "steward",
        effective_at="2026-03-01T09:30:00.000000Z",
        approved_by=[identity("steward")],
        **of,
    )
    desk.submit("steward", desk.authority(_answered(desk, "Nobody else")), activation)
    assert_same(saved(desk, tmp_path))


def _roles() -> dict[str, tuple[str, ...]]:
    others = ("agent", "importer", "author", "activator", "lead", "reviewer")
    return {name: (name,) if name != "lead" else ("refunds-lead",) for name in others}


def _answered(desk: Desk, owner: str) -> Document:
    """Return the next document, in which another person answers for the steward."""
    document = desk.next_document(revoke="reviewer")
    return document.model_copy(
        update={
            "identities": tuple(
                IdentityEntry(id=one.id, owner=owner, roles=one.roles)
                if one.id == identity("steward")
                else one
                for one in document.identities
            )
        }
    )


@pytest.mark.parametrize("seed", range(8))
def test_random_ledgers(seed: int, tmp_path: Path) -> None:
    """Records that name what is there, and what is not, in submissions of one and of several."""
    chance = random.Random(seed)
    desk = Desk()
    runs, actions = [desk.open_run()], [digest(b"none")]
    for _ in range(60):
        run, action = chance.choice([*runs, digest(b"none")]), chance.choice(actions)
        made: dict[str, dict[str, object]] = {
            "run": {"phase": "opened", "service": SERVICE, "parent": run},
            "message": {"run": run, "role": "user", "turn": 0, "content": "Hello"},
            "action": {"run": run, "tool": "look", "params": {}, "evidence": [action]}
            if chance.random() < 0.3
            else {"run": run, "tool": "look", "params": {}},
            "outcome": {"run": run, "action": action, "status": "ok"},
            "observation": {
                "run": run,
                "action": action,
                "what": "order",
                "source": "orders",
                "observer": "source",
            },
        }
        chosen = chance.sample(sorted(made), chance.choice((1, 1, 2, 3)))
        records = [desk.make(kind, "agent", **made[kind]) for kind in chosen]
        for kind, name in zip(chosen, desk.submit("agent", *records), strict=True):
            {"run": runs, "action": actions}.get(kind, []).append(name)
        if chance.random() < 0.1:
            desk.close_run(chance.choice(runs))
        if chance.random() < 0.05:
            desk.publish(chance.choice(("1.0.0", "2.0.0")), text=contract_text("2.0.0"))
    assert assert_same(saved(desk, tmp_path)) < len(desk.headers)


@pytest.mark.parametrize("roles", [("importer",), ("importer", "agent")])
@pytest.mark.parametrize("clock", ["claimed", "none"])
def test_claimed_clocks(roles: tuple[str, ...], clock: str, tmp_path: Path) -> None:
    """Times that go back in a run whose clock is claimed to be one are left out by both."""
    others = {name: ROLES[name] for name in ROLES if name != "importer"}
    desk = Desk(imported=True, roles={**others, "importer": roles})
    source = {"source": "a.jsonl", "digest": "11" * 32, "line": 1, "clock": clock}
    run = desk.open_run(**{"import": source, "at": "2026-02-01T09:00:00.000000Z"})
    for turn, minute in enumerate((1, 3, 2, 4)):
        at = {"at": f"2026-02-01T09:0{minute}:00.000000Z"}
        said = {"run": run, "role": "user", "turn": turn, "content": {"sealed": "ab" * 32}}
        desk.submit("importer", desk.make("message", "importer", **said, **at))
    desk.submit("importer", desk.make("message", "importer", run=run, role="user", turn=9))
    desk.close_run(run)
    assert_same(saved(desk, tmp_path))


def test_what_was_imported(tmp_path: Path) -> None:
    """An importer's conversations are the same to both."""
    built = found_ledger(tmp_path)
    with Store.open(built.path, writable=True) as store, built.client("importer", store) as client:
        import_transcripts(FILES, Writing(client, store), load_profile(SAMPLES / "profile.yaml"))
    assert assert_same(built.path) > 50


def test_what_a_guard_wrote(shop: Shop) -> None:
    """The records of a guarded run are the same to both."""
    with shop.guard() as guard, guard.run(goal="refund") as run:
        order = order_of(run)
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
    shop.verify()
    assert_same(shop.store.location)


def test_the_demonstration() -> None:
    """The worked example's ledger, where it was made, is the same to both."""
    if not DEMONSTRATION.exists():
        pytest.skip("there is none: `writ demo` makes it")
    with Store.open(DEMONSTRATION) as store:
        expected = by_verifier(store)
        assert by_guard(store, steps=50_000) == expected


def test_a_shorter_ledger_is_another(shop: Shop) -> None:
    """Who has read more than there is, begins anew."""
    follower = Follower(shop.store)
    list(follower.read_on(shop.store.size()))
    with pytest.raises(HistoryChangedError):
        list(follower.read_on(2))
