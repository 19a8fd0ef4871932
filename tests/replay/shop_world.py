"""A small world with real balances, and the ledger of whoever acts in it.

Accounts have a balance and a limit, orders can rest on earlier ones, mails and keys cannot be taken
back. The world refuses what cannot be done there: it knows nothing of the ledger.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.verifier.forge import SERVICE, Desk

WINDOW = 60
CONTRACT = f"""\
contract: world
version: 2.0.0
identity:
  service: {SERVICE}
  owner: Mara
  permissions: []
scope:
  modes: [read, execute]
  approve:
    - {{id: large, for: take, when: params.large, role: refunds-lead, says: Needs a lead.}}
policy:
  document: {{name: world policy, version: "1"}}
tools:
  look: {{mode: read}}
  pay:
    mode: execute
    target: params.account
    compensation: {{tool: take, within: {WINDOW}s, params: {{
      payment: outcome.fields.payment, large: params.micros > 4000000}}}}
  take: {{mode: execute, estimate: {{cost: "1000", currency: EUR}}, irreversible: done is done}}
  limit:
    mode: execute
    target: params.account
    compensation: {{tool: limit, params: {{account: params.account, to: outcome.fields.was}}}}
  order:
    mode: execute
    compensation: {{tool: cancel, params: {{order: outcome.fields.order_id}}}}
  cancel: {{mode: execute, irreversible: done is done}}
  mail: {{mode: execute, irreversible: what is sent is sent}}
  key: {{mode: execute, target: params.account}}
rules:
  - id: account-shut
    for: limit
    when: params.account == "shut"
    says: This account is shut.
"""
ACCOUNTS = ("a", "b", "shut")


class RefusedError(Exception):
    """The world cannot do that."""


@dataclass
class World:
    """What is so. `now` is in seconds."""

    balance: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    limit: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 10))
    payments: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    mails: int = 0
    keys: list[str] = field(default_factory=list)
    now: int = 0
    count: int = 0

    def call(self, tool: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do something, and return what a tool would say."""
        done: dict[str, Any] = getattr(self, f"_{tool}")(**params)
        return done

    def state(self) -> tuple[object, ...]:
        """Return all that can be seen of it, but for its clock and its counter."""
        orders = frozenset(self.orders.items())
        return dict(self.balance), dict(self.limit), orders, self.mails, tuple(self.keys)

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count:04}"

    def _look(self, account: str) -> dict[str, Any]:
        return {"balance": self.balance[account]}

    def _pay(self, account: str, micros: int) -> dict[str, Any]:
        self.balance[account] += micros
        name = self._name("P")
        self.payments[name] = account, micros, self.now
        return {"payment": name}

    def _take(self, payment: str, large: bool) -> dict[str, Any]:  # noqa: FBT001 - a parameter
        account, micros, at = self.payments.get(payment, ("", 0, 0))
        if not account or self.now - at >= WINDOW or large is not (micros > 4_000_000):
            raise RefusedError(payment)
        del self.payments[payment]
        self.balance[account] -= micros
        return {}

    def _limit(self, account: str, to: int) -> dict[str, Any]:
        was, self.limit[account] = self.limit[account], to
        return {"was": was}

    def _order(self, after: str = "") -> dict[str, Any]:
        if after and after not in self.orders:
            raise RefusedError(after)
        name = self._name("O")
        self.orders[name] = after
        return {"order_id": name}

    def _cancel(self, order: str) -> dict[str, Any]:
        if order not in self.orders or order in self.orders.values():
            raise RefusedError(order)
        del self.orders[order]
        return {}

    def _mail(self, account: str) -> dict[str, Any]:
        self.mails += 1
        return {"to": account}

    def _key(self, account: str) -> dict[str, Any]:
        self.keys.append(account)
        return {}


@dataclass
class Done:
    """What was done, as the world knows it: `real` where it was, whatever the ledger says of it."""

    digest: str
    tool: str
    params: dict[str, Any]
    at: int
    said: dict[str, Any]
    ended: str = "ok"
    real: bool = True
    undone: bool = False


class Recorded:
    """The world, and the ledger in which what is done in it is recorded.

    Attributes:
        done: What was done, in order, but for what took something back.
    """

    def __init__(self) -> None:
        self.desk = Desk()
        self.desk.publish("2.0.0", text=CONTRACT)
        self.desk.second += 5
        self.world = World(now=self.desk.second)
        self.done: list[Done] = []
        self.run = self.desk.open_run()

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.desk.second += seconds

    def do(self, tool: str, params: dict[str, Any], *, ends: str = "ok", real: bool = True) -> Done:
        """Do something in the world, and record it.

        Args:
            tool: The tool.
            params: Its parameters.
            ends: The outcome's status. Of an error nothing is done.
            real: Of a timeout, whether it was done all the same.
        """
        digest = self.desk.act(self.run, tool, params)
        self.world.now = self.desk.second + 1
        real = ends == "ok" or (ends == "timeout" and real)
        said = self.world.call(tool, params) if real else {}
        fields: dict[str, Any] = {"fields": said} if ends == "ok" else {}
        if ends == "ok" and tool == "pay":
            fields["value"] = {"micros": params["micros"], "currency": "EUR"}
        self.desk.end(self.run, digest, ends, **fields)
        found = Done(digest, tool, params, self.world.now, said, ends, real)
        self.done.append(found)
        return found

    def undo(self, what: Done, tool: str, params: dict[str, Any]) -> None:
        """Take something back in the world, and record that."""
        digest = self.desk.act(self.run, tool, params, compensates=what.digest)
        self.world.now = self.desk.second + 1
        self.world.call(tool, params)
        self.desk.end(self.run, digest)
        what.undone = True

    def save(self, path: Path) -> Path:
        """Write the ledger to a file."""
        self.desk.sign_head()
        return self.desk.save(path)


def without(done: list[Done], gone: set[str]) -> World:
    """Return the world as it were had some of what was done never been.

    Names of orders and payments are those that were given then.
    """
    world = World()
    for one in done:
        if not one.real or one.undone or one.digest in gone:
            continue
        if one.tool == "limit":
            world.limit[one.params["account"]] = one.params["to"]
        elif one.tool == "pay":
            world.balance[one.params["account"]] += one.params["micros"]
        elif one.tool == "order":
            world.orders[one.said.get("order_id", one.digest)] = one.params.get("after", "")
        elif one.tool == "mail":
            world.mails += 1
        elif one.tool == "key":
            world.keys.append(one.params["account"])
    return world
