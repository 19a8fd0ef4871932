"""A guard behind a service is used like one in the process: the same answers and errors."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from contracts.answers import (
    Answer,
    ApprovalNeeded,
    ApprovalNeededError,
    Denied,
    DeniedError,
    EscalatedError,
    GuardError,
    Objection,
    OutcomeUnrecordedError,
    Repeated,
    RepeatedError,
    UngovernedError,
    UnrecordedError,
)
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.errors import EncodingError, LedgerError, RecordError
from ledger.records import Money
from tests.guard.shop import SERVICE, Shop, codes, order_of, paid, payout
from tests.service.served import Served, serving
from writ.remote import RemoteGuard

Either = Guard | RemoteGuard
MANY = 120_000_000
NONE = "0" * 64
MALFORMED, REFERENCE = "record.malformed", "guard.reference"


@pytest.fixture(params=["in the process", "behind a service"])
def guard(request: pytest.FixtureRequest, shop: Shop) -> Iterator[Either]:
    """Give a guard of the shop's service: this one, and that one."""
    if request.param == "in the process":
        yield shop.guard()
        return
    with serving(shop) as served:
        yield served.guard()


def test_the_same_run_with_either(guard: Either, shop: Shop) -> None:
    """All that a run can be: done, repeated, denied, held and resumed, escalated, taken back."""
    with guard.run(goal="refund", attributes={"desk": "7"}) as run:
        run.message("user", "please refund A-1")
        seen = order_of(run)
        with run.action("payouts.create", payout(), evidence=[seen]) as act:
            act.ok(**{**paid(), "cost": Money(currency="EUR", micros=250_000)})
        again = run.action("payouts.create", payout(), evidence=[seen])
        with pytest.raises(RepeatedError) as repeated, again:
            pytest.fail("entered")
        assert isinstance(repeated.value.answer, Repeated)
        assert repeated.value.answer.earlier == act.id
        assert (repeated.value.answer.outcome or {})["fields"] == {"payout": "P-1"}
        for params, error in (
            (payout("A-2", method="cash"), DeniedError),
            (payout("VIP-1"), EscalatedError),
            (payout("A-3", MANY), ApprovalNeededError),
        ):
            with (
                pytest.raises(error) as found,
                run.action("payouts.create", params, evidence=[seen]),
            ):
                pytest.fail("entered")
        held = next(iter(run.waiting))
        assert found.value.answer.action == held
        shop.approve(held)
        with run.resumed(held) as resumed:
            resumed.ok(**paid(2))
        back = guard.taking_back(act.id)
        with run.action(back.tool, back.params, compensates=act.id) as taken:
            taken.ok()
        with pytest.raises(GuardError) as irreversible:
            guard.taking_back(taken.id)
        assert irreversible.value.code == "guard.irreversible"
    assert run.closed is not None
    assert codes(shop.verify(), "decision.", "reference.", "integrity.") == []


def answers(guard: Either, order: str) -> list[Answer]:
    """Return what a guard says of some calls: all kinds of answers."""
    with guard.run() as run:
        seen = order_of(run)
        found: list[Answer] = [guard.decide("payouts.create", payout(order), run=run.id)]
        for params in (
            payout(order),
            payout(f"{order}-2", method="cash"),
            payout(f"{order}-3", MANY),
            payout("VIP-1"),
        ):
            said = run.propose("payouts.create", params, evidence=[seen])
            found.append(said.answer if isinstance(said, GuardedAction) else said)
            if isinstance(said, GuardedAction):
                said.ok(**paid())
        found.append(guard.propose({"run": run.id, "tool": "nothing", "params": {}})[0])
        run.waiting.clear()
    return [replace(one, action="", index=0, objections=_bare(one)) for one in found]


def _bare(one: Answer) -> tuple[Objection, ...]:
    return tuple(replace(each, rests_on=()) for each in one.objections)


def test_the_same_answers_in_full(shop: Shop) -> None:
    """Field by field what a guard in the process says, every objection too."""
    here = answers(shop.guard(), "A")
    with serving(shop) as served:
        there = answers(served.guard(), "B")
    kinds = [type(one) for one in here]
    assert kinds[0] is Denied
    assert ApprovalNeeded in kinds
    assert there == here


Asks = Callable[[GuardedRun], object]
WRONG: list[tuple[Asks, type[Exception], str]] = [
    (lambda run: run.message("robot", "x"), RecordError, MALFORMED),
    (lambda run: run.message("user", "x", more=1), RecordError, MALFORMED),
    (lambda run: run.resume("0" * 64), GuardError, "guard.unknown"),
    (lambda run: run.propose("orders.get", {}, call_id="\0"), EncodingError, "encoding.nul"),
    (lambda run: run.propose("orders.get", {}, turn=2**60), RecordError, MALFORMED),
    (lambda run: run.propose("orders.get", {}, estimate={"cost": 1}), RecordError, MALFORMED),
    (lambda run: run.propose("orders.get", {}, evidence=[NONE]), GuardError, REFERENCE),
    (lambda run: run.propose("orders.get", {}, compensates=NONE), GuardError, REFERENCE),
]


def test_the_same_errors(guard: Either) -> None:
    """By class and by code."""
    run = guard.run()
    for ask, error, code in WRONG:
        with pytest.raises((GuardError, LedgerError)) as found:
            ask(run)
        assert (type(found.value), getattr(found.value, "code", "")) == (error, code)


def test_without_a_contract_nothing_is_done(shop: Shop) -> None:
    """A service that nothing binds has nothing decided, and is not ready."""
    other = "spiffe://shop.example/ai/other"
    client = shop.client()
    guards = {other: Guard(client, shop.store, other, clock=shop.clock)}
    with serving(shop, guards=guards, clients=(client,)) as served:
        run = served.guard()
        remote = RemoteGuard(
            served.url, shop.founded.key("agent"), other, client=served.http, clock=served.seconds
        )
        with pytest.raises(UngovernedError):
            remote.run().propose("orders.get", {"order": "A-1"})
        assert served.http.get(f"{served.url}/readyz").status_code == 503
        with pytest.raises(GuardError) as unguarded:
            run.run()
        assert unguarded.value.code == "request.service"


class Cut(httpx.BaseTransport):
    """A line that is cut, before or after the request arrives."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.before = self.after = False

    def close(self) -> None:
        """Close all lines."""
        self.inner.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand a request on, or not."""
        if self.before:
            raise httpx.ConnectError("cut")
        answer = self.inner.handle_request(request)
        if self.after:
            answer.read()
            answer.close()
            raise httpx.ReadError("cut")
        return answer


@pytest.mark.parametrize("arrives", [False, True])
def test_a_line_that_is_cut(served: Served, arrives: bool) -> None:  # noqa: FBT001 - a parameter
    """Nothing is done; an outcome is held, and recorded once, whether or not it had arrived."""
    line = Cut(httpx.HTTPTransport())
    key = served.shop.founded.key("agent")
    with httpx.Client(transport=line) as http:
        guard = RemoteGuard(served.url, key, SERVICE, client=http, clock=served.seconds)
        run = guard.run()
        found = run.propose("orders.get", {"order": "A-1"})
        assert isinstance(found, GuardedAction)
        line.before, line.after = not arrives, arrives
        with pytest.raises(UnrecordedError):
            run.propose("orders.get", {"order": "A-2"})
        with pytest.raises(OutcomeUnrecordedError):
            found.ok()
        with pytest.raises(OutcomeUnrecordedError):
            guard.close()
        line.before = line.after = False
        assert guard.settle() == 0
        assert served.shop.guard().unfinished().keys() == (
            served.shop.guard().unfinished().keys() - {found.id}
        )
        run.close()
        guard.close()
    assert codes(served.shop.verify(), "decision.", "reference.", "outcome.") == []


def test_a_full_queue_is_said_at_once(shop: Shop) -> None:
    """Whoever comes when too many wait is told to come again: nothing is done."""
    with serving(shop) as served:
        service = served.service
        service.sequencers[SERVICE].close()
        with pytest.raises(UnrecordedError, match=r"service\.busy"):
            served.guard().run()
        answer = served.ask("POST", "/v1/runs", {})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
