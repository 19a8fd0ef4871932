"""A small world with real balances, and the records of whoever acts in it.

Customers have a balance in each currency and a limit, orders rest on earlier orders, parcels and
mails rest on orders; mails and keys cannot be taken back. The world refuses what cannot be done
there, and knows nothing of a ledger.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from contracts.history import Event
from contracts.instants import micros, moment, written
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.versions import VersionHistory
from verifier.load import VerifiedLedger

SERVICE = "spiffe://shop.example/desk"
AGENT = "spiffe://shop.example/agent"
WINDOW = 60
_YEARS = 10**8
CUSTOMERS = ("C-1001", "C-1002", "C-shut")
CURRENCIES = ("EUR", "USD")
CONTRACT = f"""\
contract: world
version: 1.0.0
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
  look: {{mode: read, target: params.customer}}
  pay:
    mode: execute
    target: params.customer
    estimate: {{value: params.micros, currency: EUR}}
    compensation: {{tool: take, within: {WINDOW}s, params: {{
      payment: outcome.fields.payment, large: params.micros > 4000000}}}}
  take:
    mode: execute
    target: params.payment
    estimate: {{cost: "1000", currency: EUR}}
    idempotency: params.payment
    irreversible: What was taken is paid again by a new decision.
  limit:
    mode: execute
    target: params.customer
    compensation: {{tool: limit, params: {{customer: params.customer, to: outcome.fields.was}}}}
  order:
    mode: execute
    compensation: {{tool: cancel, params: {{order: outcome.fields.order_id}}}}
  cancel: {{mode: execute, irreversible: done is done}}
  ship:
    mode: execute
    compensation: {{tool: recall, params: {{parcel: outcome.fields.parcel_id}}}}
  recall: {{mode: execute, irreversible: done is done}}
  mail: {{mode: execute, irreversible: what is sent is sent}}
  key: {{mode: execute, target: params.customer}}
cost:
  per_run: {{tool_calls: 40}}
  loop: {{same_call: 9}}
  throttle:
    - {{over: identity, calls: 22, within: 1h}}
facts:
  paid: {{sum: params.micros, from: action of pay}}
  looks: {{count: true, from: action of look}}
  limited:
    count: true
    from: action of limit
    over: ledger
    by: params.customer
    where: facts.looks < 3
rules:
  - id: too-much
    for: pay
    when: facts.paid > 900000000000
    says: Never this much.
  - id: often-limited
    for: limit
    when: facts.limited > 12
    effect: approve
    role: refunds-lead
    says: This account is changed often.
  - id: account-shut
    for: limit
    when: params.customer == "C-shut"
    says: This account is shut.
"""


class RefusedError(Exception):
    """The world cannot do that."""


@dataclass
class World:
    """What is so. `now` is in seconds."""

    balance: dict[tuple[str, str], int] = field(
        default_factory=lambda: dict.fromkeys(
            ((customer, currency) for customer in CUSTOMERS for currency in CURRENCIES), 0
        )
    )
    limit: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 10))
    payments: dict[str, tuple[str, str, int, int]] = field(
        default_factory=dict[str, tuple[str, str, int, int]]
    )
    orders: dict[str, str] = field(default_factory=dict[str, str])
    parcels: dict[str, str] = field(default_factory=dict[str, str])
    mails: list[str] = field(default_factory=list[str])
    keys: list[str] = field(default_factory=list[str])
    now: int = 0
    count: int = 0

    def call(self, tool: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Do something, and return what a tool would say."""
        done: dict[str, Any] = getattr(self, f"_{tool}")(**params)
        return done

    def state(self) -> dict[str, object]:
        """Return all that can be seen of it, but for its clock and its counter."""
        return {
            "balance": dict(self.balance),
            "limit": dict(self.limit),
            "orders": dict(self.orders),
            "parcels": dict(self.parcels),
            "mails": sorted(self.mails),
            "keys": sorted(self.keys),
        }

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count:04}"

    def _look(self, customer: str) -> dict[str, Any]:
        return {"limit": self.limit[customer]}

    def _pay(self, customer: str, currency: str, micros: int) -> dict[str, Any]:
        self.balance[customer, currency] += micros
        name = self._name("P")
        self.payments[name] = customer, currency, micros, self.now
        return {"payment": name}

    def _take(self, payment: str, large: bool) -> dict[str, Any]:  # noqa: FBT001 - a parameter
        customer, currency, amount, at = self.payments.get(payment, ("", "", 0, 0))
        if not customer or self.now - at >= WINDOW or large is not (amount > 4_000_000):
            raise RefusedError(payment)
        del self.payments[payment]
        self.balance[customer, currency] -= amount
        return {}

    def _limit(self, customer: str, to: int) -> dict[str, Any]:
        was, self.limit[customer] = self.limit[customer], to
        return {"was": was}

    def _order(self, after: str = "") -> dict[str, Any]:
        if after and after not in self.orders:
            raise RefusedError(after)
        name = self._name("O")
        self.orders[name] = after
        return {"order_id": name}

    def _cancel(self, order: str) -> dict[str, Any]:
        needed = {*self.orders.values(), *self.parcels.values(), *self.mails}
        if order not in self.orders or order in needed:
            raise RefusedError(order)
        del self.orders[order]
        return {}

    def _ship(self, order: str) -> dict[str, Any]:
        if order not in self.orders:
            raise RefusedError(order)
        name = self._name("S")
        self.parcels[name] = order
        return {"parcel_id": name}

    def _recall(self, parcel: str) -> dict[str, Any]:
        if parcel not in self.parcels:
            raise RefusedError(parcel)
        del self.parcels[parcel]
        return {}

    def _mail(self, order: str) -> dict[str, Any]:
        if order not in self.orders:
            raise RefusedError(order)
        self.mails.append(order)
        return {}

    def _key(self, customer: str) -> dict[str, Any]:
        self.keys.append(customer)
        return {}


UNDO: dict[str, Callable[[dict[str, Any], dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "pay": lambda params, said: (
        "take",
        {"payment": said["payment"], "large": params["micros"] > 4_000_000},
    ),
    "limit": lambda params, said: ("limit", {"customer": params["customer"], "to": said["was"]}),
    "order": lambda _, said: ("cancel", {"order": said["order_id"]}),
    "ship": lambda _, said: ("recall", {"parcel": said["parcel_id"]}),
}


@dataclass
class Done:
    """What was done, as the world knows it: `real` where it was, whatever the records say.

    `before` is the world before it. What takes something back is one of them too: `undoes` has the
    digest of that.
    """

    digest: str
    tool: str
    params: dict[str, Any]
    at: int
    before: World
    said: dict[str, Any] = field(default_factory=dict[str, Any])
    ended: str = "ok"
    real: bool = True
    undoes: str = ""
    undone: bool = False


class Told:
    """The world, and the entries in which what is done in it is told.

    Args:
        contract: The contract in force.
        imported: Whether somebody else's source claims what is told; it is recorded years later.
        clock: What that source says of its times.

    Attributes:
        done: What was done, in order.
    """

    def __init__(
        self, contract: str = CONTRACT, *, imported: bool = False, clock: str = "claimed"
    ) -> None:
        self.world = World()
        self.done: list[Done] = []
        self.events: list[Event] = []
        self.contract = _contract(contract)
        self._second = 0
        self._imported = imported
        self._clock = clock
        self._add(kind="genesis")
        digest = self._add(
            kind="contract", service=SERVICE, version="1.0.0", digest=self.contract.digest, text=""
        )
        assert digest
        self._add(
            kind="activation",
            service=SERVICE,
            version="1.0.0",
            digest=self.contract.digest,
            effective_at=self.time(1),
            **({"imported": True} if imported else {}),
        )
        self.wait(2)
        self.run = self.opened()

    def time(self, later: int = 0) -> str:
        """Return the time so many seconds from now."""
        start = micros("2026-03-01T09:00:00.000000Z") or 0
        return written(moment(start + (self._second + later) * 1_000_000))

    @property
    def seconds(self) -> int:
        """How many seconds have passed."""
        return self._second

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self._second += seconds

    def opened(self, **fields: object) -> str:
        """Open a run, and return its digest."""
        said: dict[str, Any] = {"service": SERVICE, **fields}
        if self._imported:
            said["import"] = {"source": "a", "digest": "00", "line": 1, "clock": self._clock}
        self.run = self._add(kind="run", phase="opened", **said)
        return self.run

    def observe(self, what: str, **fields: object) -> str:
        """Record an observation, and return its digest."""
        return self._add(kind="observation", run=self.run, what=what, source="shop", **fields)

    def do(
        self,
        tool: str,
        params: dict[str, Any],
        *,
        ends: str = "ok",
        real: bool = True,
        undoes: str = "",
        **fields: object,
    ) -> Done:
        """Do something in the world, and record it.

        Args:
            tool: The tool.
            params: Its parameters.
            ends: The outcome's status, or empty for none. Of an error nothing is done.
            real: Of what nobody says the end of, whether it was done all the same.
            undoes: What it takes back.
            **fields: Of the action's record.
        """
        more = {"compensates": undoes} if undoes else {}
        digest = self._add(
            kind="action", run=self.run, tool=tool, params=params, **{**more, **fields}
        )
        self.world.now = self._second
        real = ends == "ok" or (ends in {"", "timeout"} and real)
        before = copy.deepcopy(self.world)
        said = self.world.call(tool, params) if real else {}
        told: dict[str, Any] = {"fields": said} if ends == "ok" else {}
        if ends == "ok" and tool == "pay":
            told["value"] = {"micros": params["micros"], "currency": params["currency"]}
        if ends:
            self._add(kind="outcome", run=self.run, action=digest, status=ends, **told)
        found = Done(digest, tool, params, self._second, before, said, ends, real, undoes)
        self.done.append(found)
        return found

    def undo(self, what: Done, *, ends: str = "ok", real: bool = True) -> Done:
        """Take something back in the world as the contract says, and record that.

        Raises:
            RefusedError: The world cannot do that.
        """
        tool, params = UNDO[what.tool](what.params, what.said)
        trial = copy.deepcopy(self.world)
        trial.now = self._second
        trial.call(tool, params)
        found = self.do(tool, params, ends=ends, real=real, undoes=what.digest)
        what.undone = found.real
        return found

    def ledger(self) -> VerifiedLedger:
        """Return the entries as a verified ledger would give them; nothing is signed."""
        versions = VersionHistory()
        for event in self.events:
            if event.record["kind"] in {"contract", "activation", "run"}:
                versions.observe(event)
        return cast(
            "VerifiedLedger",
            SimpleNamespace(
                events=self._events,
                contracts={self.contract.digest: self.contract},
                versions=versions,
                report=SimpleNamespace(ledger=SimpleNamespace(size=len(self.events))),
            ),
        )

    def _events(self) -> Iterator[Event]:
        return iter(self.events)

    def _add(self, *, kind: str, **fields: object) -> str:
        index = len(self.events)
        digest = f"{index:064x}"
        record = {"v": 1, "kind": kind, "by": AGENT, **fields}
        identity = {"registered": True, "id": AGENT, "owner": "Mara", "roles": ["agent"]}
        claimed = self._imported and kind not in {"genesis", "contract", "activation"}
        if claimed and self._clock == "claimed":
            record["at"] = self.time()
        at = self.time(_YEARS) if claimed else self.time()
        self.events.append(Event(index, digest, record, at, identity, claimed))
        return digest


@cache
def _contract(text: str) -> Contract:
    return load_contract(text, "contract")


def said_to_be(told: Told, gone: set[str]) -> dict[str, object]:
    """Return the state of the world that a plan promises which takes some of what was done back.

    Nothing of it is computed by carrying a plan out. Balances, orders and parcels are those of now
    without what is gone. A limit that the plan changes is what the last change says that is left.
    """
    state = copy.deepcopy(told.world)
    for one in told.done:
        if one.digest not in gone:
            continue
        if one.tool == "pay":
            state.balance[one.params["customer"], one.params["currency"]] -= one.params["micros"]
        elif one.tool == "order":
            del state.orders[one.said["order_id"]]
        elif one.tool == "ship":
            del state.parcels[one.said["parcel_id"]]
    for customer in CUSTOMERS:
        changes = _changes(told, customer)
        if gone.intersection(one.digest for one in changes):
            left = [one for one in changes if one.digest not in gone]
            state.limit[customer] = left[-1].params["to"] if left else World().limit[customer]
    return state.state()


def _changes(told: Told, customer: str) -> list[Done]:
    """Return what changed a limit, without what was taken back before it was changed again."""
    found: list[Done] = []
    for one in told.done:
        if one.tool != "limit" or not one.real or one.params["customer"] != customer:
            continue
        if found and one.undoes == found[-1].digest:
            found.pop()
        else:
            found.append(one)
    return found
