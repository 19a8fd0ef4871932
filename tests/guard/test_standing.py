"""What a guard knows of its service, and goes on knowing when something goes wrong as it reads."""

import json
import shutil
from pathlib import Path

import pytest

from contracts.answers import ApprovalNeeded, Denied, GuardError, Repeated, UngovernedError
from contracts.guard import Guard
from contracts.performing import GuardedAction
from ledger.authority import Document, Revocation, document_text
from ledger.authority import signed_bytes as signed_document
from ledger.client import LedgerClient
from ledger.encoding import digest, to_base64
from ledger.errors import StoreError
from ledger.keys import fingerprint
from ledger.records import Activation, Authority, ContractText
from tests.guard.doubles import Stops, Swapped
from tests.guard.shop import CONTRACT, SERVICE, Hands, Shop, codes, opened, order_of, paid, payout

OTHER = SERVICE.replace("refunds", "orders")


def test_another_services_actions_are_none_of_ours(shop: Shop) -> None:
    """What is open of another service is not listed, not abandoned and not proposed again."""
    shop.activate(CONTRACT.replace(SERVICE, OTHER))
    ours = shop.guard()
    others = Guard(shop.client(), shop.store, OTHER, clock=shop.clock)
    with others.run() as run:
        open_ = run.propose("orders.get", {"order": "A-1"})
        assert isinstance(open_, GuardedAction)
        assert list(others.unfinished()) == [open_.id]
        assert not ours.unfinished()
        for asked in (ours.proposal, ours.taking_back):
            with pytest.raises(GuardError, match="no such action"):
                asked(open_.id)
        with pytest.raises(GuardError, match="no allowed action"):
            ours.abandon(open_.id, "it is not ours")
        open_.ok()
        with pytest.raises(GuardError, match="this guard is of"):
            ours.attach(run.id).propose("orders.get", {"order": "A-1"})


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("x"), StoreError("away")])
def test_reading_that_is_broken_off_is_begun_anew(shop: Shop, error: BaseException) -> None:
    """Whatever ends reading in the middle, nothing is left out of what a decision rests on."""
    store = Stops(shop.store)
    guard = Guard(shop.client(), store, SERVICE, clock=shop.clock)  # pyright: ignore[reportArgumentType]
    with shop.guard() as other, other.run() as run:
        for number in range(5):
            order = order_of(run, f"A-{number}")
            with run.action("payouts.create", payout(f"A-{number}"), evidence=[order]) as act:
                act.ok(**paid(number))
        order = order_of(run, "A-9")
        store.at, store.error = shop.store.size() - 4, error
        with pytest.raises(type(error)):
            guard.decide("payouts.create", payout("A-9"), run=run.id, evidence=[order.digest])
        store.at = None
        told = guard.decide("payouts.create", payout("A-9"), run=run.id, evidence=[order.digest])
        assert told == other.decide(
            "payouts.create", payout("A-9"), run=run.id, evidence=[order.digest]
        )
        assert isinstance(told, Denied)
    assert not codes(shop.verify(), "decision", "integrity")


def test_counting_that_is_broken_off_is_begun_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that was read and not counted is read again."""
    guard = shop.guard()
    with shop.guard() as other, other.run() as run:
        order = order_of(run)
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
        told = []

        def interrupted(*_: object, **__: object) -> None:
            told.append(1)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("contracts.engine.Engine.observe", interrupted)
            with pytest.raises(KeyboardInterrupt):
                guard.unfinished()
        assert told
        again = guard.decide("payouts.create", payout(), run=run.id, evidence=[order.digest])
        assert [one.rule for one in again.objections] == ["tools.payouts.create.idempotency"]


def test_a_stolen_key_is_found_out_while_guards_run(shop: Shop) -> None:
    """What it wrote counts no more, for the guard that runs as for one that begins then."""
    guard = shop.guard()
    run = guard.run(goal="refund")
    order = order_of(run)
    since = shop.store.size()
    held = run.propose("payouts.create", payout(micros=200_000_000), evidence=[order])
    assert isinstance(held, ApprovalNeeded)
    shop.approve(held.action)
    _revoked(shop, "lead", since)
    now = run.resume(held.action)
    assert isinstance(now, ApprovalNeeded), "who approved it may have been anybody"
    order_of(run, "A-2")
    run.close()
    report = shop.verify()
    assert codes(report, "integrity", "decision") == ["integrity.compromised-key"]
    assert shop.guard().decide("orders.get", {"order": "A"}, run=run.id).effect == "allow"


def _revoked(shop: Shop, name: str, since: int) -> None:
    """Let the root sign that a key had been in other hands from some entry on."""
    steward, founded = shop.client("steward"), shop.founded
    gone = founded.key(name).public_key
    before = Document.model_validate_json(document_text_of(shop))
    document = before.model_copy(
        update={
            "number": before.number + 1,
            "previous": digest(document_text(before).encode()),
            "keys": tuple(one for one in before.keys if one.key != gone.hex()),
            "revoked": (Revocation(key=fingerprint(gone), compromised_since=since),),
        }
    )
    text = document_text(document)
    root = founded.key("root")
    said = to_base64(root.sign(signed_document(text)))
    signatures = [{"key": root.public_key.hex(), "signature": said}]
    steward.submit([steward.make(Authority, document=text, signatures=signatures)])


def document_text_of(shop: Shop) -> str:
    """Return the text of the ledger's authority document."""
    found = shop.store.records_containing(b'"kind":"authority"')
    return str(next(json.loads(raw)["document"] for _, raw in found))


def test_nothing_binds_the_service(shop: Shop) -> None:
    """Without a contract nothing is decided, and nothing may be done."""
    guard = Guard(shop.client(), shop.store, OTHER, clock=shop.clock)
    run = guard.run()
    with pytest.raises(UngovernedError, match="no contract is in force"):
        guard.decide("orders.get", {"order": "A-1"}, run=run.id)
    with pytest.raises(UngovernedError, match="nothing may be done"):
        run.propose("orders.get", {"order": "A-1"})
    run.close()
    assert not codes(shop.verify(), "decision", "coverage.no-contract")


def test_another_ledger_in_the_place_of_this_one(
    shop: Shop, ledger: str, hands: Hands, tmp_path: Path
) -> None:
    """A copy that went another way and is as long: what is decided is decided on that."""
    shutil.copytree(Path(ledger).parent, tmp_path / "copy")
    store = Swapped(shop.store)
    founded = shop.founded
    client = LedgerClient(
        store,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        founded.key("agent"),
        founded.identities["agent"],
        clock=hands,
    )
    guard = Guard(client, store, SERVICE, clock=hands)  # pyright: ignore[reportArgumentType]
    with opened(str(tmp_path / "copy" / "ledger.db"), hands) as copy:
        other = copy.guard()
        run = other.run(goal="there")
        order = order_of(run)
        with run.action("payouts.create", payout(), evidence=[order]) as act:
            act.ok(**paid())
        # Who has written is refused at once: its stream is not the other ledger's.
        here = shop.guard().run(goal="here")
        for _ in range(copy.store.size() - shop.store.size()):
            here.message("user", "Hello")
        assert guard.decide("orders.get", {"order": "A"}, run=here.id).effect == "allow"
        store.store = copy.store
        again = guard.attach(run.id).propose("payouts.create", payout(), evidence=[order])
        assert isinstance(again, Repeated)
        run.close()
        assert not codes(copy.verify(), "decision", "integrity")


@pytest.mark.parametrize(
    ("service", "text", "why"),
    [
        (SERVICE, "contract: refunds\nversion: 9.0.0\nfuture: {}\n", "cannot be read"),
        (OTHER, CONTRACT, "is that of"),
    ],
    ids=["of another version of Writ", "of another service"],
)
def test_a_contract_that_binds_nobody(service: str, text: str, why: str, shop: Shop) -> None:
    """What is in force and cannot be read, or is another's, allows nothing."""
    author, activator = shop.client("author"), shop.client("activator")
    said = {"service": service, "version": "9.0.0", "digest": digest(text.encode())}
    author.submit([author.make(ContractText, text=text, **said)])
    at = "2026-03-02T10:00:00.000000Z"
    by = (activator.by,)
    activator.submit([activator.make(Activation, effective_at=at, approved_by=by, **said)])
    assert isinstance(shop.clock, Hands)
    shop.clock.pass_(hours=2)
    guard = Guard(shop.client(), shop.store, service, clock=shop.clock)
    run = guard.run()
    with pytest.raises(UngovernedError, match=why):
        run.propose("orders.get", {"order": "A-1"})
    with pytest.raises(UngovernedError, match=why):
        guard.decide("orders.get", {"order": "A-1"}, run=run.id)
    run.close()
    assert not codes(shop.verify(), "decision", "integrity")
