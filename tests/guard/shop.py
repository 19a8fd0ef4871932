"""A shop's refund service under a small contract: a real ledger with real keys."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from contracts.channel import Recorded
from contracts.guard import Guard
from contracts.guarded import GuardedRun
from contracts.loading import load_contract
from ledger.client import LedgerClient
from ledger.clock import Clock, format_time, parse_time
from ledger.founding import Founded, Founder, create_ledger, open_founded
from ledger.records import Activation, Approval, ContractText, Switch
from ledger.store import Store
from verifier.load import verify_ledger
from verifier.report import Report

SERVICE: Final = "spiffe://shop.example/ai/refunds"
OWNER: Final = "mara@shop.example"
LEAD: Final = "lea@shop.example"
START: Final = "2026-03-02T09:00:00.000000Z"

CONTRACT: Final = """
contract: refunds
version: 1.0.0
identity:
  service: spiffe://shop.example/ai/refunds
  owner: mara@shop.example
  permissions: [orders.read, payouts.write, payouts.reverse, cases.write]
scope:
  modes: [read, recommend, execute]
  forbidden: [{id: cash, for: payouts.create, when: params.method == "cash"}]
  approve:
    - {id: large, for: payouts.create, when: params.micros > limits.alone, role: lead, within: 1h}
  escalate:
    - {id: vip, for: payouts.create, when: params.order.startsWith("VIP")}
evidence:
  - {id: order, for: payouts.create, kind: order, from: orders-db, fresh: 1h}
policy:
  document: {name: refund-policy, version: "1"}
  limits: {alone: 100000000}
tools:
  orders.get:
    mode: read
    permission: orders.read
    params: {type: object, properties: {order: {type: string}}, required: [order]}
    timeout: 2s
  payouts.create:
    mode: execute
    permission: payouts.write
    params:
      type: object
      properties:
        order: {type: string}
        micros: {type: integer, minimum: 1}
        method: {type: string}
      required: [order, micros, method]
      additionalProperties: false
    target: params.order
    estimate: {cost: "250000", value: params.micros}
    timeout: 500ms
    breaker: {failures: 3, within: 10m, cooldown: 30m}
    fallback: cases.open
    idempotency: params.order
    compensation: {tool: payouts.reverse, params: {payout: outcome.fields.payout}, within: 72h}
  payouts.reverse:
    mode: execute
    permission: payouts.reverse
    params: {type: object, properties: {payout: {type: string}}, required: [payout]}
    idempotency: params.payout
    irreversible: what was taken back is paid again only by a new decision
  cases.open:
    mode: recommend
    permission: cases.write
    params: {type: object, properties: {why: {type: string}}, required: [why]}
cost:
  per_run: {cost_micros: 2000000, currency: EUR, tool_calls: 20, calls: {payouts.create: 5}}
  loop: {same_call: 4}
recovery:
  kill_switch: {roles: [incident-commander]}
  safe_mode: {allow: [read, recommend]}
  containment: {over: service, within: 1h, value_micros: 1000000000}
  on_failure: {retry: 1, within: 1h}
"""


def founders() -> tuple[Founder, ...]:
    """Return the identities of the shop's ledger."""
    return (
        Founder("head", (), OWNER, use="head"),
        Founder("steward", ("steward",), OWNER),
        Founder("agent", ("agent",), OWNER),
        Founder("author", ("author",), "pia@shop.example"),
        Founder("activator", ("activator",), "tom@shop.example"),
        Founder("commander", ("commander", "incident-commander"), "rosa@shop.example"),
        Founder("lead", ("approver", "lead"), LEAD),
        Founder("clerk", ("approver",), "cleo@shop.example"),
    )


class Hands:
    """A clock that is set by hand."""

    def __init__(self, start: str = START) -> None:
        self.now = parse_time(start)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def pass_(self, **more: float) -> None:
        """Let time pass."""
        self.now += timedelta(**more)


@dataclass
class Shop:
    """The shop's ledger, opened to be written.

    Attributes:
        founded: Its keys.
        store: Its store.
        clock: Its clock.
    """

    founded: Founded
    store: Store
    clock: Clock

    def client(self, name: str = "agent") -> LedgerClient:
        """Return a writer for one of its identities."""
        return LedgerClient(
            self.store, self.founded.key(name), self.founded.identities[name], clock=self.clock
        )

    def guard(self, **more: Any) -> Guard:  # noqa: ANN401 - those of `Guard`
        """Return a guard of its service."""
        return Guard(self.client(), self.store, SERVICE, clock=self.clock, **more)

    def approve(
        self, action: str, name: str = "lead", verdict: str = "approve", **more: object
    ) -> None:
        """Let somebody say a word on a proposed action."""
        client = self.client(name)
        client.submit([client.make(Approval, action=action, verdict=verdict, **more)])

    def switch(self, state: str, mode: str = "kill", **more: object) -> None:
        """Let the commander engage or release the switch."""
        client = self.client("commander")
        client.submit(
            [client.make(Switch, service=SERVICE, state=state, mode=mode, reason="test", **more)]
        )

    def activate(self, text: str = CONTRACT, lead: float = 0.000001) -> None:
        """Publish a contract and let it come into force, after so many seconds."""
        contract = load_contract(text, "shop.yaml")
        author, activator = self.client("author"), self.client("activator")
        said = {"service": contract.service, "version": contract.version, "digest": contract.digest}
        author.submit([author.make(ContractText, text=text, **said)])
        if not isinstance(self.clock, Hands):
            # It is not backdated: a real clock goes on until it is recorded.
            lead = max(lead, 0.1)
        at = format_time(self.clock() + timedelta(seconds=lead))
        by = (activator.by,)
        activator.submit([activator.make(Activation, effective_at=at, approved_by=by, **said)])
        if isinstance(self.clock, Hands):
            self.clock.pass_(seconds=1)
        else:
            time.sleep(lead + 0.05)

    def sign(self) -> None:
        """Sign the head."""
        with LedgerClient(
            self.store,
            self.founded.key("steward"),
            self.founded.identities["steward"],
            clock=self.clock,
            head_signer=self.founded.head_signer(),
        ):
            pass

    def verify(self) -> Report:
        """Sign the head, and verify all of it as an auditor would."""
        self.sign()
        return verify_ledger(self.founded.location)


def codes(report: Report, *beginnings: str) -> list[str]:
    """Return the codes of what was found that begin so, sorted."""
    return sorted(one.code for one in report.findings if one.code.startswith(beginnings or ""))


@contextmanager
def opened(location: str, clock: Clock, keys: Path | None = None) -> Generator[Shop]:
    """Open the shop's ledger, in this process or another."""
    founded = open_founded(location, keys)
    with Store.open(location, writable=True) as store:
        yield Shop(founded, store, clock)


def found(location: str, clock: Clock, keys: Path | None = None) -> None:
    """Found the shop's ledger and bring its contract into force."""
    create_ledger(
        location, origin="shop.example/ai", founders=founders(), keys_dir=keys, clock=clock
    )
    with opened(location, clock, keys) as shop:
        shop.activate()


def order_of(run: GuardedRun, order: str = "A-1") -> Recorded:
    """Read an order: the evidence that a payout rests on."""
    with run.action("orders.get", {"order": order}) as act:
        seen = act.observe("order", "orders-db", ref=order, fields={"order": order})
        act.ok(fields={"found": True})
    return seen


def payout(
    order: str = "A-1", micros: int = 20_000_000, method: str = "original"
) -> dict[str, Any]:
    """Return a payout's parameters."""
    return {"order": order, "micros": micros, "method": method}


def paid(number: int = 1) -> dict[str, Any]:
    """Return what the outcome of a payout says."""
    return {
        "fields": {"payout": f"P-{number}"},
        "cost": {"currency": "EUR", "micros": 250_000},
        "value": {"currency": "EUR", "micros": 20_000_000},
    }
