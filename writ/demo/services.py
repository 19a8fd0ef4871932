"""The tools as the agent's code calls them: other people's systems, with their faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final

from ledger.encoding import digest
from writ.demo.world import Payout, Transaction, World

FEE: Final = {"currency": "EUR", "micros": 250_000}
"""What a transfer costs."""
MODES: Final = {
    "customers.get": "read",
    "transactions.get": "read",
    "policies.search": "read",
    "eligibility.check": "read",
    "payouts.create": "execute",
    "payouts.reverse": "execute",
    "cases.escalate": "recommend",
    "credits.draft": "draft",
}
LIMIT_SECONDS: Final = {"eligibility.check": 10, "payouts.create": 10, "payouts.reverse": 10}
"""How long a channel waits; 5 for the others."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to.

    Attributes:
        status: As in an `outcome` record.
        seconds: How long it took.
        fields: What it gave.
        error: What it said of an error.
        value: What left Acme, as money, or None.
        cost: What the call cost, as money, or None.
        seen: Fields of the `observation` record that it makes, without those of its run.
    """

    status: str
    seconds: float
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str = ""
    value: Mapping[str, Any] | None = None
    cost: Mapping[str, Any] | None = None
    seen: Mapping[str, Any] | None = None


class Services:
    """All tools over one world.

    Args:
        world: What they read and change.
        policy: Version and text of the refund policy in force; changed when it changes.
        seed: Latencies follow from it.
    """

    def __init__(self, world: World, policy: tuple[str, bytes], seed: str) -> None:
        self._world = world
        self._random = Random(f"{seed}/services")  # noqa: S311 - a simulation, not a secret
        self.policy = policy
        self.transactions: dict[str, Transaction] = {}
        self.unclear: set[str] = set()
        self.ineligible: set[str] = set()
        self.disputed: set[str] = set()
        self.customers: dict[str, dict[str, Any]] = {}

    def know(self, transaction: Transaction, verdict: str = "yes") -> None:
        """Put a purchase and its customer where the tools can find them."""
        customer = transaction.customer
        self.transactions[transaction.id] = transaction
        self.customers[customer.id] = {
            "employee": customer.employee,
            "region": customer.region,
            "risk": customer.risk,
        }
        if verdict == "no":
            self.ineligible.add(transaction.id)
        elif verdict == "unclear":
            self.unclear.add(transaction.id)
        elif verdict == "disputed":
            self.disputed.add(transaction.id)

    def call(self, tool: str, params: Mapping[str, Any], now: datetime, fault: str = "") -> Reply:
        """Perform a call.

        Args:
            tool: The tool.
            params: Its parameters.
            now: When.
            fault: Empty, `error`, `timeout` or `slow` (it answers, and too late).
        """
        limit = LIMIT_SECONDS.get(tool, 5)
        seconds = round(self._random.triangular(0.05, 1.4, 0.2), 3)
        if fault == "timeout":
            return Reply("timeout", limit, error=f"no answer in {limit} s", cost=self._fee(tool, 0))
        if fault == "error":
            return Reply("error", seconds, error="503 service unavailable", cost=self._fee(tool, 0))
        if fault == "slow":
            seconds = limit + 2.5
        return self._answered(tool, params, now, seconds)

    def _fee(self, tool: str, micros: int) -> Mapping[str, Any] | None:
        return {**FEE, "micros": micros} if tool == "payouts.create" else None

    def _answered(
        self, tool: str, params: Mapping[str, Any], now: datetime, seconds: float
    ) -> Reply:
        if tool == "payouts.create":
            return self._paid(params, now, seconds)
        if tool == "payouts.reverse":
            return self._taken_back(self._world.payouts[params["payout_id"]], now, seconds)
        if tool in {"cases.escalate", "credits.draft"} or tool not in MODES:
            number = self._random.randint(10_000, 99_999)
            return Reply("ok", seconds, {"case": f"K-{number}"})
        return self._read(tool, params, now, seconds)

    def _read(self, tool: str, params: Mapping[str, Any], now: datetime, seconds: float) -> Reply:
        found = {
            "customers.get": self._customer,
            "transactions.get": self._transaction,
            "policies.search": self._policy,
            "eligibility.check": self._eligibility,
        }[tool](params, now)
        if found is None:
            return Reply("error", seconds, error="404 not found")
        return Reply("ok", seconds, {"found": 1}, seen=found)

    def _customer(self, params: Mapping[str, Any], _: datetime) -> dict[str, Any] | None:
        fields = self.customers.get(params["customer"])
        return fields and {
            "what": "customer",
            "source": "customer-register",
            "ref": params["customer"],
            "fields": fields,
        }

    def _transaction(self, params: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
        one = self.transactions.get(params["transaction_id"])
        if one is None:
            return None
        return {
            "what": "transaction",
            "source": "payments-db",
            "ref": one.id,
            "fields": {
                "amount_micros": one.micros,
                "currency": one.customer.currency,
                "customer": one.customer.id,
                "days": one.days(now),
            },
            "digest": digest(f"{one.id}/{one.micros}/{one.customer.id}".encode()),
        }

    def _policy(self, params: Mapping[str, Any], _: datetime) -> dict[str, Any]:
        version, text = self.policy
        return {
            "what": "policy",
            "source": "policy-store",
            "ref": f"refund-policy/{version}",
            "fields": {"query": params["query"], "version": version},
            "digest": digest(text),
        }

    def _eligibility(self, params: Mapping[str, Any], _: datetime) -> dict[str, Any] | None:
        one = self.transactions.get(params["transaction_id"])
        if one is None:
            return None
        verdict = "unclear" if one.id in self.unclear else "yes"
        # The service that was told of a partial delivery names what is left to pay back.
        micros = one.micros // 2 if one.id in self.disputed else one.micros
        return {
            "what": "eligibility",
            "source": "eligibility-service",
            "ref": one.id,
            "fields": {
                "amount_micros": micros,
                "verdict": "no" if one.id in self.ineligible else verdict,
            },
        }

    def _paid(self, params: Mapping[str, Any], now: datetime, seconds: float) -> Reply:
        amount = params["amount"]
        transaction = self.transactions[params["transaction_id"]]
        payout = self._world.pay(transaction, amount["micros"], amount["currency"], now)
        return Reply("ok", seconds, {"payout_id": payout.id}, value=dict(amount), cost=FEE)

    def _taken_back(self, payout: Payout, now: datetime, seconds: float) -> Reply:
        self._world.take_back(payout, now)
        value = {"currency": payout.currency, "micros": -payout.micros}
        return Reply("ok", seconds, {"payout_id": payout.id}, value=value)
