"""A shop's ledger to replay: refunds that went well, were held, denied, wrong, and judged anew."""

from pathlib import Path
from typing import Any

from contracts.answers import ApprovalNeeded
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.records import Action, Outcome
from tests.guard.shop import CONTRACT, Hands, Shop, found, opened, order_of, paid, payout

STRICTER = (
    CONTRACT.replace("version: 1.0.0", "version: 1.1.0")
    .replace("limits: {alone: 100000000}", "limits: {alone: 10000000}")
    .replace(
        "recovery:\n",
        "facts:\n"
        "  refunds: {count: true, from: outcome of payouts.create, over: service, within: 30d,"
        ' where: outcome.status == "ok"}\n'
        "rules:\n"
        "  - {id: serial, for: payouts.create, when: facts.refunds >= 2, effect: escalate,"
        " says: The third refund goes to a person.}\n"
        "recovery:\n",
    )
)
"""The contract with a lower limit and a rule more."""
LEDGER = "ledger.db"
NOTHING = {"currency": "EUR", "micros": 0}


def pays(run: GuardedRun, number: int, **fields: Any) -> GuardedAction | Any:  # noqa: ANN401
    """Read an order, and pay it back if that is allowed."""
    order = order_of(run, f"A-{number}")
    found_ = run.propose("payouts.create", payout(f"A-{number}", **fields), evidence=[order])
    if isinstance(found_, GuardedAction):
        found_.ok(**paid(number))
    return found_


def usual(guard: Guard, clock: Hands, number: int) -> None:
    """Let a refund go well: a message, a read, a payout."""
    with guard.run(goal="refund", channel="chat", ref=f"R-{number}") as run:
        run.message("user", f"Please refund A-{number}.", cost=NOTHING)
        clock.pass_(seconds=2)
        cost = {"currency": "EUR", "micros": 1_000}
        run.message("assistant", "Of course.", cost=cost, tokens={"input": 9, "output": 2})
        clock.pass_(seconds=3)
        pays(run, number)
        clock.pass_(seconds=1)


def held(shop: Shop, guard: Guard, clock: Hands, number: int) -> None:
    """Let a large refund wait for a lead, who agrees to it."""
    with guard.run(goal="refund", ref=f"R-{number}") as run:
        waits = pays(run, number, micros=150_000_000)
        assert isinstance(waits, ApprovalNeeded)
        clock.pass_(minutes=4)
        shop.approve(waits.action, reason="seen the receipt")
        clock.pass_(seconds=5)
        again = run.resume(waits.action)
        assert isinstance(again, GuardedAction)
        again.ok(**paid(number))


def denied(guard: Guard, clock: Hands, number: int) -> None:
    """Have cash refused, a tool fail, and the case handed over."""
    with guard.run(goal="refund", ref=f"R-{number}") as run:
        pays(run, number, method="cash")
        clock.pass_(seconds=1)
        with run.action("cases.open", {"why": "cash"}) as act:
            clock.pass_(seconds=1)
            act.end("error", error="the desk is closed")


def forged(shop: Shop, guard: Guard, clock: Hands, number: int) -> str:
    """Record an allowance of cash, past the guard, and pay; return the action's digest."""
    with guard.run(goal="refund", ref=f"R-{number}") as run:
        order = order_of(run, f"A-{number}")
        refused = guard.decide("payouts.create", payout(method="cash"), run=run.id)
        client = shop.client()
        _, version, digest = refused.contract
        made = client.make(
            Action,
            run=run.id,
            tool="payouts.create",
            params=payout(f"A-{number}", method="cash"),
            mode="execute",
            evidence=(order.digest,),
            idempotency_key=f"A-{number}",
            contract={"version": version, "digest": digest},
            decision={"effect": "allow", "reasons": []},
        )
        (receipt,) = client.submit([made])
        clock.pass_(seconds=1)
        said = {"action": receipt.record, "run": run.id, "status": "ok", "leaf": receipt.leaf}
        client.submit([client.make(Outcome, **said, **paid(number))])
    return receipt.record


def shop_story(folder: Path, *, later: bool = True) -> Path:
    """Let a shop's five runs happen, and bring a stricter contract into force.

    Args:
        folder: Where the shop is, founded and new; it is founded there if it is not.
        later: Whether there is a stricter contract in the end.

    Returns:
        The ledger, whose head is signed. `R-1` and `R-2` are usual, `R-3` was held, `R-4` denied,
        `R-5` is the forged one, and `R-6` is under the stricter contract.
    """
    clock, path = Hands(), folder / LEDGER
    if path.exists():
        clock.pass_(seconds=1)
    else:
        found(str(path), clock)
    with opened(str(path), clock) as shop:
        with shop.guard() as guard:
            usual(guard, clock, 1)
            clock.pass_(hours=1)
            usual(guard, clock, 2)
            held(shop, guard, clock, 3)
            denied(guard, clock, 4)
            forged(shop, guard, clock, 5)
            if later:
                shop.activate(STRICTER)
                usual(guard, clock, 6)
        shop.sign()
    return path
