"""What there is: customers, what they bought, what was paid back, and whose money is where.

Money is in micro-units of a currency. Nothing here knows of contracts or ledgers: after four weeks
the balances say what really happened, whatever was recorded.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

CURRENCY = {"EU": "EUR", "US": "USD"}
_UNIT = 1_000_000


@dataclass(slots=True)
class Customer:
    """Who bought something."""

    id: str
    region: str
    risk: str = "low"
    employee: bool = False

    @property
    def currency(self) -> str:
        """What they pay in."""
        return CURRENCY[self.region]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A purchase."""

    id: str
    customer: Customer
    micros: int
    captured_at: datetime

    def days(self, now: datetime) -> int:
        """Return how many whole days ago it was."""
        return (now - self.captured_at) // timedelta(days=1)


@dataclass(slots=True)
class Payout:
    """Money that went back."""

    id: str
    transaction: Transaction
    micros: int
    currency: str
    paid_at: datetime
    reversed_at: datetime | None = None


class World:
    """Everything outside the ledger.

    Attributes:
        payouts: By id, in the order in which they were made.
        account: Acme's money by currency, in micros, counted from 0.
        balances: What customers got, by (customer, currency).
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(f"{seed}/world")  # noqa: S311 - a simulation, not a secret
        self._customers = 0
        self._transactions = 0
        self.payouts: dict[str, Payout] = {}
        self.account: Counter[str] = Counter()
        self.balances: Counter[tuple[str, str]] = Counter()

    def customer(self, region: str = "", *, risk: str = "low", employee: bool = False) -> Customer:
        """Return somebody new."""
        self._customers += 1
        region = region or ("EU" if self._random.random() < 0.6 else "US")  # noqa: PLR2004
        return Customer(f"C-{10_000 + self._customers:05}", region, risk, employee)

    def transaction(
        self, customer: Customer, now: datetime, *, units: float = 0, days: int = 0
    ) -> Transaction:
        """Return a new purchase of a customer.

        Args:
            customer: Who bought.
            now: The time that `days` counts from.
            units: For how much, in the currency's unit; 0 for some amount below every limit.
            days: How long ago; 0 for some time within every limit.
        """
        self._transactions += 1
        units = units or self._random.triangular(8, 58, 24)
        days = days or self._random.randint(2, 27)
        micros = round(units, 2) * _UNIT
        at = now - timedelta(days=days, minutes=self._random.randint(1, 600))
        return Transaction(f"T-{100_000 + self._transactions}", customer, round(micros), at)

    def pay(self, transaction: Transaction, micros: int, currency: str, now: datetime) -> Payout:
        """Move money to a customer."""
        payout = Payout(f"PO-{200_001 + len(self.payouts)}", transaction, micros, currency, now)
        self.payouts[payout.id] = payout
        self.account[currency] -= micros
        self.balances[transaction.customer.id, currency] += micros
        return payout

    def take_back(self, payout: Payout, now: datetime) -> None:
        """Move it back."""
        payout.reversed_at = now
        self.account[payout.currency] += payout.micros
        self.balances[payout.transaction.customer.id, payout.currency] -= payout.micros
