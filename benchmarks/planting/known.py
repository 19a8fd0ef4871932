"""What the model of the refund contract remembers: runs, calls, and what bounds the service.

Plain bookkeeping from the words of the contract and of the contract language. It shares nothing
with the engines that it is compared with: no condition, no fact, no rule is evaluated here.
"""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from benchmarks.planting.steps import Value

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
FEE: Final = 250_000
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
PERMISSIONS: Final = {
    "customers.get": "customers.read",
    "transactions.get": "transactions.read",
    "policies.search": "policies.read",
    "eligibility.check": "eligibility.read",
    "payouts.create": "payouts.write",
    "payouts.reverse": "payouts.reverse",
    "cases.escalate": "cases.write",
    "credits.draft": "credits.write",
}
PAY: Final = "payouts.create"
BACK: Final = "payouts.reverse"
FAILED: Final = frozenset({"error", "timeout"})
EXECUTED: Final = frozenset({"ok", "error", "timeout"})


def part(record: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    """Return a member that is an object; an empty one where there is none."""
    found: Mapping[str, Value] | None = record.get(name)
    return {} if found is None else found


@dataclass(slots=True)
class Seen:
    """An observation: when it was recorded, and what it says."""

    time: datetime
    record: Mapping[str, Any]

    @property
    def fields(self) -> Mapping[str, Any]:
        """What was seen, member by member; empty where nothing is said."""
        return part(self.record, "fields")


@dataclass(slots=True)
class Act:
    """A call that was proposed.

    Attributes:
        index: Its place among all records of the model.
        effect: What was recorded as decided; empty where nothing was.
        raw: The rules that it does not satisfy, each with its result.
        outcomes: The records of its outcomes.
        again: It was the same as a call that had failed before it.
    """

    digest: str
    label: str
    run: str
    index: int
    time: datetime
    record: Mapping[str, Any]
    effect: str = ""
    raw: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    lifted: bool = False
    outcomes: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    observed: bool = False
    again: bool = False

    @property
    def tool(self) -> str:
        """Its tool."""
        return str(self.record["tool"])

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""
        params: Mapping[str, Any] = self.record["params"]
        return params

    @property
    def counts(self) -> bool:
        """Whether it was allowed, or nobody decided about it."""
        return self.effect in {"", "allow"}

    @property
    def call(self) -> str:
        """Its tool and parameters, as a text that only equal ones have."""
        return json.dumps([self.tool, self.params], sort_keys=True)


@dataclass(slots=True)
class Run:
    """A run as it was recorded so far."""

    digest: str
    label: str
    time: datetime
    record: Mapping[str, Any]
    closed: bool = False
    grant: tuple[str, ...] | None = None
    messages: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    acts: list[Act] = field(default_factory=list[Act])
    seen: list[tuple[Act, Seen]] = field(default_factory=list[tuple[Act, Seen]])
    failures: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])
    paid: int = 0
    untold: list[str] = field(default_factory=list[str])

    def counted(self, tool: str = "") -> int:
        """Return how many calls count, of a tool or of all."""
        return sum(one.counts and tool in {"", one.tool} for one in self.acts)

    def read(self, tool: str, ref: object, name: str) -> Value:
        """Return what was last read of something; None where it was not, or nobody can tell."""
        found: Value = None
        for act, one in self.seen:
            if act.tool != tool or not act.counts:
                continue
            if one.record.get("ref") is None:
                return None
            if one.record["ref"] == ref:
                if one.fields.get(name) is None:
                    return None
                found = one.fields[name]
        return found

    def failed_at(self, call: str, now: datetime) -> bool:
        """Return whether an equal call failed within the hour."""
        return any(one == call and at > now - HOUR for one, at in self.failures)


class Window:
    """Times, each with something, of which those within a duration count."""

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._held: deque[tuple[datetime, str]] = deque()

    def add(self, at: datetime, what: str = "") -> None:
        """Let something count from now on."""
        self._held.append((at, what))

    def within(self, now: datetime) -> list[str]:
        """Return what lies within the duration before now, the oldest first."""
        while self._held and self._held[0][0] <= now - self._span:
            self._held.popleft()
        return [what for _, what in self._held]


Selects = Callable[[Mapping[str, Any]], bool]


@dataclass(slots=True)
class Service:
    """What is true of the service as a whole, over all its runs."""

    searched: Window = field(default_factory=lambda: Window(MINUTE))
    moved: Window = field(default_factory=lambda: Window(HOUR))
    failed: Window = field(default_factory=lambda: Window(10 * MINUTE))
    tripped: Window = field(default_factory=lambda: Window(30 * MINUTE))
    called: defaultdict[str, Window] = field(
        default_factory=lambda: defaultdict[str, Window](lambda: Window(15 * MINUTE))
    )
    refunded: defaultdict[str, Window] = field(
        default_factory=lambda: defaultdict[str, Window](lambda: Window(30 * DAY))
    )
    done: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    opened: defaultdict[tuple[str, str], int] = field(
        default_factory=lambda: defaultdict[tuple[str, str], int](int)
    )
    paid_at: dict[str, datetime] = field(default_factory=dict[str, datetime])
    switch: str = "released"
    selected: dict[str, str] = field(default_factory=dict[str, str])

    def contained(self, target: str, now: datetime) -> bool:
        """Return whether one more call that moves money would pass the bound of an hour."""
        moved = self.moved.within(now)
        return len(moved) >= 20 or len({*moved, target}) > 16

    def modes(self, selects: Mapping[str, Selects], act: Mapping[str, Any]) -> Iterable[str]:
        """Return in which modes switches that are about a call stand."""
        yield self.switch
        for selector, mode in self.selected.items():
            if selects[selector](act):
                yield mode


def key_of(tool: str, params: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return by what a call is the same as another, None for tools that may be called again."""
    name = {PAY: "transaction_id", BACK: "payout_id"}.get(tool)
    return None if name is None else (tool, str(params[name]))
