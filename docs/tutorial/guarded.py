"""The same agent under its contract: each tool call is decided, recorded, and then made or not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from model import TASKS, model
from shop import PAID, find_order, hand_over, refund

from contracts.answers import ActionRefusedError, ApprovalNeededError
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.tooling import tool
from ledger.client import LedgerClient
from ledger.founding import open_founded
from ledger.store import Store

SERVICE = "spiffe://shop.example/ai/refunds"
LEDGER = "refunds.db"


@contextmanager
def opened() -> Iterator[Guard]:
    """Open the ledger and the guard before the service's tools."""
    founded = open_founded(LEDGER)
    with Store.open(LEDGER, writable=True) as store:
        key, name, heads = founded.key("agent"), founded.identities["agent"], founded.head_signer()
        with LedgerClient(store, key, name, head_signer=heads) as client:
            with Guard(client, store, SERVICE) as guard:
                yield guard


class Agent:
    """The agent, in one run of its service."""

    def __init__(self, run: GuardedRun) -> None:
        self.run = run
        self.seen: list[str] = []
        self.tools = {
            "orders.find": self.find_order,
            "payouts.refund": tool("payouts.refund", fields=self.evidence)(refund),
            "cases.open": tool("cases.open")(hand_over),
        }

    def find_order(self, order: str) -> dict[str, object]:
        """Look an order up, and keep what was seen as evidence."""
        with self.run.action("orders.find", {"order": order}) as act:
            found = find_order(order)
            self.seen.append(act.observe("order", "shop", ref=order, fields=found).digest)
        return found

    def evidence(self, _: object) -> dict[str, object]:
        """Say what a payout rests on: all that this run has seen."""
        return {"evidence": self.seen}

    def work(self, task: str) -> None:
        """Do what the model wants and the contract allows."""
        asked = model(task)
        result = None
        try:
            while True:
                name, arguments = asked.send(result)
                result = self.call(name, arguments)
        except StopIteration:
            pass

    def call(self, name: str, arguments: dict[str, object]) -> dict[str, object]:
        """Call a tool; what is refused is handed to a person."""
        try:
            return self.tools[name](**arguments)
        except ApprovalNeededError as held:
            print(f"  waits: {held}")
        except ActionRefusedError as refused:
            print(f"  refused: {refused}")
            self.tools["cases.open"](why=str(refused)[:200])
        return {}


def main(tasks: tuple[str, ...], channel: str = "chat") -> None:
    """Do some tasks, each in a run of its own."""
    with opened() as guard:
        for task in tasks:
            print(task)
            with guard.run(goal=task, channel=channel) as run:
                Agent(run).work(task)
    for payout in PAID:
        print(payout)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or TASKS)
