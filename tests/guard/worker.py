"""A process of an agent: it does what an order asks for, and tells what came of it.

It founds nothing: the shop's ledger is there already. It waits for a word before it begins, so that
several begin at once.
"""

import random
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from contracts.answers import ApprovalNeeded, GuardError, Repeated
from contracts.channel import Recorded
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.clock import system_clock
from tests.guard.shop import CONTRACT, Shop, opened, order_of, payout

Order = dict[str, Any]
Say = Callable[..., None]
# After how many seconds a new version is in force: longer than it takes to record that.
LEAD = 0.6
SECOND = CONTRACT.replace("version: 1.0.0", "version: 1.1.0").replace(
    "same_call: 4", "same_call: 3"
)


def work(shop: Shop, order: Order, _say: Say) -> None:
    """Do random things under the contract, most of which it objects to in some way."""
    chance = random.Random(order["seed"])
    client = shop.client()
    with client, Guard(client, shop.store, order["service"]) as guard:
        held: list[str] = []
        for number in range(order["runs"]):
            if order.get("activates") and number:
                shop.activate(SECOND, lead=LEAD)
                time.sleep(LEAD)
            with guard.run(goal="random") as run:
                for _ in range(order["steps"]):
                    step(shop, chance, run, held)


def step(shop: Shop, chance: random.Random, run: GuardedRun, held: list[str]) -> None:
    """Do one random thing."""
    kind = chance.choices(
        ("pay", "read", "resume", "approve", "switch", "talk"), (8, 4, 3, 3, 1, 1)
    )
    name = f"{chance.choice(('A', 'A', 'VIP'))}-{chance.randrange(6)}"
    if kind == ["talk"]:
        run.message("user", "Hello")
    elif kind == ["read"]:
        ended(chance, run.propose("orders.get", {"order": name}))
    elif kind == ["switch"]:
        mode = chance.choice(("kill", "safe"))
        shop.switch("engaged", mode)
        ended(chance, run.propose("orders.get", {"order": name}))
        shop.switch("released", mode)
    elif kind == ["approve"] and held:
        who, verdict = (
            chance.choice(("lead", "lead", "clerk")),
            chance.choice(("approve", "refuse")),
        )
        shop.approve(chance.choice(held), who, verdict)
    elif kind == ["resume"] and held:
        with suppress(ValueError):  # it was held in another run
            ended(chance, run.resume(chance.choice(held)))
    else:
        pay(chance, run, name, held)


def pay(chance: random.Random, run: GuardedRun, name: str, held: list[str]) -> None:
    """Propose a payout, with or without what it has to rest on."""
    cited = list[Recorded]()
    with suppress(GuardError):
        cited = [order_of(run, name)] if chance.random() < 0.8 else []
    micros = chance.choice((20_000_000, 90_000_000, 150_000_000))
    params = payout(name, micros, chance.choice(("original", "original", "cash")))
    found = run.propose("payouts.create", params, evidence=cited)
    if isinstance(found, ApprovalNeeded):
        held.append(found.action)
    ended(chance, found)


def ended(chance: random.Random, found: object) -> None:
    """End an action that was allowed, in one way or another."""
    if not isinstance(found, GuardedAction):
        return
    cost = {
        "cost": {"currency": "EUR", "micros": chance.choice((100_000, 250_000))},
        "value": {"currency": "EUR", "micros": 1_000_000},
    }
    status = chance.choices(("ok", "error", "timeout", "abandoned"), (8, 1, 1, 1))[0]
    found.end(status, **cost)


def race(shop: Shop, order: Order, say: Say) -> None:
    """Do one call over and over until it is refused, or as often as is asked for."""
    with shop.client() as client, Guard(client, shop.store, order["service"]) as guard:
        run = guard.attach(order["run"]) if "run" in order else guard.run()
        for number in range(order["times"]):
            params = {
                **order["params"],
                **({"n": f"{order['seed']}-{number}"} if order["n"] else {}),
            }
            found = run.propose(order["tool"], params, evidence=order.get("evidence", ()))
            if not isinstance(found, GuardedAction):
                outcome = found.outcome if isinstance(found, Repeated) else None
                rules = [one.rule for one in found.objections]
                say(refused=type(found).__name__, outcome=outcome, rules=rules)
                continue
            say(allowed=found.id)
            if "url" in order:
                with urllib.request.urlopen(order["url"], b"") as answer:  # noqa: S310 - loopback
                    answer.read()
            time.sleep(order.get("takes", 0))
            if order.get("ends", True):
                found.ok(**order["says"])


def stop(shop: Shop, order: Order, say: Say) -> None:
    """Get so far with a call, say so, and wait to be killed."""
    guard = shop.guard()
    run = guard.run(goal="killed")
    found = run.propose("payouts.create", payout(), evidence=[order_of(run)])
    assert isinstance(found, GuardedAction)
    if order["after"]:
        with urllib.request.urlopen(order["url"], b"") as answer:  # noqa: S310 - loopback
            answer.read()
    say(run=run.id, action=found.id)
    time.sleep(60)


TASKS: dict[str, Callable[[Shop, Order, Say], None]] = {
    "work": work,
    "race": race,
    "stop": stop,
}


def main(order: Order, pipe: Connection) -> None:
    """Wait for the start, and do what is asked for."""

    def say(**what: object) -> None:
        pipe.send(what)

    with opened(order["location"], system_clock, Path(order["keys"])) as shop:
        say(ready=True)
        pipe.recv()
        TASKS[order["task"]](shop, order, say)
    pipe.close()
