"""Books in which whole numbers stand, and what a desk may do in them.

They hold what every account has, its limit, and the cases that were opened on a statement of it.
They know nothing of records, and refuse what cannot be done in them: nobody changes an account back
under a case that states what it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.calling import ToolFailedError
from tests.guard.shop import SERVICE

CUSTOMERS: Final = ("C-1001", "C-1002", "C-shut")
FIRST_LIMIT: Final = 10
CONTRACT: Final = f"""\
contract: desk
version: 1.0.0
identity:
  service: {SERVICE}
  owner: mara@shop.example
  permissions: []
scope:
  modes: [read, execute]
  forbidden:
    - {{id: shut, for: limits.restore, when: params.customer == "C-shut", says: It is shut.}}
    - {{id: six, for: transfers.make, when: params.micros == 6, says: Never six.}}
  approve:
    - {{id: large, for: payouts.create, when: params.micros > 4, role: lead, within: 1h}}
    - {{id: large-back, for: payouts.reverse, when: params.micros > 3, role: lead}}
evidence:
  - {{id: account, for: payouts.create, kind: account, from: books, fresh: 1h}}
policy:
  document: {{name: desk policy, version: "1"}}
tools:
  accounts.read: {{mode: read, target: params.customer}}
  payouts.create:
    mode: execute
    target: params.customer
    breaker: {{failures: 2, within: 10m, cooldown: 30m}}
    compensation:
      tool: payouts.reverse
      within: 72h
      params: {{payout: outcome.fields.payout, micros: params.micros}}
  payouts.reverse:
    mode: execute
    idempotency: params.payout
    irreversible: What was taken back is paid again by a new decision.
  transfers.make:
    mode: execute
    target: params.source
    compensation: {{tool: transfers.return, params: {{transfer: outcome.fields.transfer}}}}
  transfers.return: {{mode: execute, irreversible: done is done}}
  limits.set:
    mode: execute
    target: params.customer
    compensation:
      tool: limits.restore
      params: {{customer: params.customer, change: outcome.fields.change, to: outcome.fields.was}}
  limits.restore: {{mode: execute, target: params.customer, irreversible: done is done}}
  cases.open:
    mode: execute
    compensation: {{tool: cases.close, params: {{case: outcome.fields.case}}}}
  cases.close: {{mode: execute, irreversible: done is done}}
  letters.send: {{mode: execute, irreversible: what is sent is sent}}
  codes.issue: {{mode: execute, target: params.customer}}
recovery:
  on_failure: {{retry: 1, within: 1h}}
"""
BOUNDED: Final = CONTRACT + "  containment: {over: service, within: 1h, calls: 12}\n"
"""The same, with a bound that a plan made all at once may meet."""


class RefusedError(ToolFailedError):
    """The books cannot do that."""


@dataclass
class Books:
    """What is so.

    Attributes:
        balance: What each account has; it may be less than nothing.
        limit: Its limit.
        written: What was written to it and stands, by name.
        payouts: Those that stand: whose, and how much.
        transfers: Those that stand: from whom, to whom, how much.
        statements: By number what stood in the account that it is of.
        cases: Those that are open, each with the statement that it rests on.
        letters: Those that were sent: the cases.
        codes: Those that were given out: to whom.
    """

    balance: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 0))
    limit: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, FIRST_LIMIT))
    written: dict[str, list[str]] = field(default_factory=lambda: {one: [] for one in CUSTOMERS})
    payouts: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    transfers: dict[str, tuple[str, str, int]] = field(
        default_factory=dict[str, tuple[str, str, int]]
    )
    statements: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    cases: dict[str, int] = field(default_factory=dict[str, int])
    letters: list[str] = field(default_factory=list[str])
    codes: list[str] = field(default_factory=list[str])
    count: int = 0

    def call(self, tool: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Do something, and return what a tool would say.

        Raises:
            RefusedError: It cannot be done.
        """
        done: dict[str, Any] = getattr(self, f"_{tool.replace('.', '_')}")(**params)
        return done

    def state(self) -> dict[str, object]:
        """Return all that can be seen of them."""
        return {
            "balance": dict(self.balance),
            "limit": dict(self.limit),
            "cases": sorted(self.cases),
            "letters": sorted(self.letters),
            "codes": sorted(self.codes),
        }

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count:04}"

    def _strike(self, customer: str, name: str) -> None:
        """Strike something out, unless an open case rests on an account with it."""
        if name not in self.written[customer]:
            raise RefusedError(f"{name} does not stand")
        for case, statement in self.cases.items():
            if name in self.statements[statement]:
                raise RefusedError(f"{case} rests on {name}")
        self.written[customer].remove(name)

    def _accounts_read(self, customer: str) -> dict[str, Any]:
        self.statements.append(frozenset(self.written[customer]))
        return {"balance": self.balance[customer], "statement": len(self.statements) - 1}

    def _payouts_create(self, customer: str, micros: int) -> dict[str, Any]:
        name = self._name("P")
        self.payouts[name] = customer, micros
        self.written[customer].append(name)
        self.balance[customer] += micros
        return {"payout": name}

    def _payouts_reverse(self, payout: str, micros: int) -> dict[str, Any]:
        customer, paid = self.payouts.get(payout, ("", 0))
        if not customer or paid != micros:
            raise RefusedError(f"{payout} was not paid")
        self._strike(customer, payout)
        del self.payouts[payout]
        self.balance[customer] -= micros
        return {}

    def _transfers_make(self, source: str, to: str, micros: int) -> dict[str, Any]:
        name = self._name("T")
        self.transfers[name] = source, to, micros
        self.written[source].append(name)
        self.balance[source] -= micros
        self.balance[to] += micros
        return {"transfer": name}

    def _transfers_return(self, transfer: str) -> dict[str, Any]:
        if transfer not in self.transfers:
            raise RefusedError(f"{transfer} was not made")
        source, to, micros = self.transfers[transfer]
        self._strike(source, transfer)
        del self.transfers[transfer]
        self.balance[source] += micros
        self.balance[to] -= micros
        return {}

    def _limits_set(self, customer: str, to: int) -> dict[str, Any]:
        name, was = self._name("L"), self.limit[customer]
        self.written[customer].append(name)
        self.limit[customer] = to
        return {"change": name, "was": was}

    def _limits_restore(self, customer: str, change: str, to: int) -> dict[str, Any]:
        self._strike(customer, change)
        self.limit[customer] = to
        return {}

    def _cases_open(self, statement: int) -> dict[str, Any]:
        name = self._name("D")
        self.cases[name] = statement
        return {"case": name}

    def _cases_close(self, case: str) -> dict[str, Any]:
        if case not in self.cases or case in self.letters:
            raise RefusedError(f"{case} is not open, or a letter is of it")
        del self.cases[case]
        return {}

    def _letters_send(self, case: str) -> dict[str, Any]:
        if case not in self.cases:
            raise RefusedError(f"{case} is not open")
        self.letters.append(case)
        return {}

    def _codes_issue(self, customer: str) -> dict[str, Any]:
        self.codes.append(customer)
        return {}


@dataclass
class Done:
    """What was asked of a tool that a guard had let through, as whoever did it knows.

    Attributes:
        digest: The action's.
        tool: The tool.
        params: Its parameters.
        ended: The status that was recorded; empty where nobody recorded any.
        real: Whether it was done, whatever was said of it.
        undoes: The action that it takes back, where its record says so.
        said: What the tool said, where it was done.
        undone: Whether it was taken back.
    """

    digest: str
    tool: str
    params: Mapping[str, Any]
    ended: str
    real: bool
    undoes: str = ""
    said: Mapping[str, Any] = field(default_factory=dict[str, Any])
    undone: bool = False

    @property
    def moves(self) -> dict[str, int]:
        """What it adds to each balance."""
        if self.tool == "payouts.create":
            return {self.params["customer"]: self.params["micros"]}
        if self.tool == "transfers.make":
            return {
                self.params["source"]: -self.params["micros"],
                self.params["to"]: self.params["micros"],
            }
        return {}


def state_of(done: Sequence[Done], gone: set[str]) -> dict[str, object]:
    """Return what the books say if some of what was done had never been.

    Nothing of it is computed by carrying a plan out, or by what took something back says of
    amounts: what stands is added up, and a limit is what the last change says that is left.

    Args:
        done: What was done, in order, without the plan.
        gone: What a plan takes back, by digest.
    """
    books = Books()
    for one in done:
        if not one.real or one.undone or one.digest in gone:
            continue
        for customer, micros in one.moves.items():
            books.balance[customer] += micros
        if one.tool == "cases.open":
            books.cases[one.said["case"]] = 0
        elif one.tool == "letters.send":
            books.letters.append(one.params["case"])
        elif one.tool == "codes.issue":
            books.codes.append(one.params["customer"])
    for customer in CUSTOMERS:
        changes = _changes(done, customer, gone)
        books.limit[customer] = changes[-1].params["to"] if changes else FIRST_LIMIT
    return books.state()


def _changes(done: Sequence[Done], customer: str, gone: set[str]) -> list[Done]:
    """Return what changed a limit and is left.

    What was taken back by hand before it was changed again is as if it had not been; what was taken
    back later is a change of its own, to what was there before it.
    """
    found: list[Done] = []
    for one in done:
        if not one.real or one.params.get("customer") != customer:
            continue
        if one.tool == "limits.restore" and found and one.undoes == found[-1].digest:
            found.pop()
        elif one.tool in {"limits.set", "limits.restore"}:
            found.append(one)
    return [one for one in found if one.digest not in gone]
