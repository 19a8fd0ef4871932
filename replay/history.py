"""A verified ledger as acts and runs: what was done in it, what came of each, and what it cost.

Everything that replay answers is asked of this. It is read in one pass over the verified entries,
and keeps of a record only what such questions ask.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol, cast

from contracts.history import Event
from contracts.instants import micros
from contracts.lineage import Lineage, Placed
from contracts.model import Contract
from contracts.versions import VersionHistory
from contracts.view import Views
from ledger.encoding import call_digest
from verifier.load import VerifiedLedger
from verifier.ordinary import uncollected
from verifier.spilling import SpillingLineage

Step = Callable[[int, int], None]
Watch = Callable[[Placed, Lineage], None]
"""Is told of an entry at its place, before the lineage remembers it."""

EXECUTED: Final = frozenset({"ok", "error", "timeout"})
"""The tool was called, whatever came of it."""
ALLOW: Final = "allow"
HUMAN_TIME: Final = "human-time"
"""What observations of people's time on a case are of: `fields` with `minutes`, maybe a `cost`."""
EVERY: Final = 512
CHUNK: Final = 4_096
"""Entries between two times that closed runs are put aside."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in micro-units of one currency. Two currencies are never added."""

    currency: str
    micros: int


@dataclass(frozen=True, slots=True)
class Spent:
    """One recorded cost of a run beside its tools' fees.

    Attributes:
        index: The entry that says it.
        money: How much.
        turn: Of a message: its turn. Of people's time: -1.
    """

    index: int
    money: Money
    turn: int = -1


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word on an act: where, by whom, which, and for which rule; empty for all."""

    index: int
    by: str
    verdict: str
    rule: str = ""


@dataclass(slots=True)
class Act:
    """One action of a run, and what came of it.

    Attributes:
        index: Its entry.
        digest: Its record's.
        run: The digest of its run.
        by: Who acted.
        tool: What was called, or was to be.
        mode: The tool's mode by the contract in force; empty where that does not know it.
        target: What it was about, as the record or the contract says; empty where neither does.
        channel: By which channel; that of the run where the action says none.
        time: When, in microseconds since 1970; None where nothing says so.
        decision: The recorded effect; empty where nothing decided.
        version: Of the contract in force, its digest in `contract`; empty where none was.
        status: That of its last outcome; empty where there is none.
        ended: That outcome's entry, -1 where there is none; `ended_at` when.
        cost: What the outcome says that it cost, None where it does not.
        value: What the outcome says that it was worth or moved, None where it does not.
        reserved: What the contract estimates for it, or the record: cost and value.
        evidence: The entries of the observations that it cites.
        resumes: The digest of the held action that it takes up; empty.
        compensates: The digest of the action that it takes back; empty.
        approvals: What people said of it.
        call: Digest of tool and parameters as recorded: what was asked for twice has it twice;
            empty where a sealed value hides it.
        turn: The message that issued it, -1 where nothing says.
    """

    index: int
    digest: str
    run: str
    by: str
    tool: str
    mode: str
    target: str
    channel: str
    time: int | None
    decision: str
    version: str
    contract: str
    status: str = ""
    ended: int = -1
    ended_at: int | None = None
    cost: Money | None = None
    value: Money | None = None
    reserved: tuple[Money | None, Money | None] = (None, None)
    evidence: tuple[int, ...] = ()
    resumes: str = ""
    compensates: str = ""
    approvals: list[Approval] = field(default_factory=list[Approval])
    call: str = ""
    turn: int = -1

    @property
    def executed(self) -> bool:
        """Whether its tool was called."""
        return self.status in EXECUTED

    @property
    def done(self) -> bool:
        """Whether its tool was called, and did it."""
        return self.status == "ok"


@dataclass(slots=True)
class Run:
    """One run, and what its messages say that it cost.

    `tokens` are read and written; `costs` are in micro-units by currency; `unpriced` counts the
    messages of the assistant without a cost, `uncounted` those without tokens. What a run was
    opened with stands in `opened`. `minutes` of people by person, with their cost if recorded, are
    observations of `human-time`; `unpaid` has the entries and minutes without a recorded cost. Each
    recorded cost of messages and people stands in `spent`, in index order. `version` and `contract`
    were in force when it was opened; empty where none was. Times are in microseconds since 1970.
    """

    digest: str
    index: int
    opened: Mapping[str, Any]
    time: int | None
    closed: int = -1
    closed_at: int | None = None
    outcome: str = ""
    value: Money | None = None
    tokens: tuple[int, int] = (0, 0)
    costs: dict[str, int] = field(default_factory=dict[str, int])
    messages: int = 0
    unpriced: int = 0
    uncounted: int = 0
    minutes: float = 0.0
    people: dict[str, int] = field(default_factory=dict[str, int])
    unpaid: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    spent: list[Spent] = field(default_factory=list[Spent])
    version: str = ""
    contract: str = ""

    def said(self, name: str) -> str:
        """Return what it was opened with, such as `channel` or `model`; empty where nothing."""
        found = self.opened.get(name)
        return "" if found is None else str(found)

    @property
    def name(self) -> str:
        """The source's own reference where it has one, else the digest."""
        return self.said("ref") or self.digest


@dataclass(frozen=True, slots=True)
class AsOf:
    """Up to where a ledger is read: nothing later exists.

    Attributes:
        entry: The last entry; None: no entry ends it.
        time: When the last one was recorded at most, in microseconds since 1970; None: any time.
    """

    entry: int | None = None
    time: int | None = None

    def ends_before(self, event: Event) -> bool:
        """Return whether an entry is too late."""
        if self.entry is not None and event.index > self.entry:
            return True
        return self.time is not None and (micros(event.recorded_at) or 0) > self.time


class Governed(Protocol):
    """What contracts there are, and which of them were in force when.

    A verified ledger says so before anything is read of it, and a history with all that it read.
    """

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """By digest, those that were in force."""
        ...

    @property
    def texts(self) -> Mapping[str, str]:
        """By digest, those that were published, as text."""
        ...

    @property
    def versions(self) -> VersionHistory:
        """Which of them when."""
        ...


@dataclass(slots=True)
class History:
    """What was done in a ledger.

    Attributes:
        acts: In index order.
        runs: By digest, in index order.
        contracts: By digest, those that were in force.
        texts: By digest, the contracts that were published, as text.
        versions: Which of them when.
        size: How many entries there are.
    """

    acts: list[Act] = field(default_factory=list[Act])
    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    contracts: dict[str, Contract] = field(default_factory=dict[str, Contract])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    versions: VersionHistory = field(default_factory=VersionHistory)
    size: int = 0
    _by_digest: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(
        cls,
        ledger: VerifiedLedger,
        step: Step | None = None,
        events: Iterable[Event] | None = None,
        *,
        watch: Watch | None = None,
        as_of: AsOf = AsOf(),
    ) -> "History":
        """Read a verified ledger.

        Args:
            ledger: The ledger.
            step: Called now and then with how many entries were read, and how many there are.
            events: Its entries, where somebody else reads them too.
            watch: Told of each entry at its place.
            as_of: Nothing later is read.

        Raises:
            BrokenLedgerError: The store was changed since it was verified.
        """
        size = ledger.report.ledger.size
        filling = Filling(cls(contracts=dict(ledger.contracts), size=size), watch)
        # Nothing here refers to itself, and there may be millions of it to look through in vain.
        with uncollected():
            for chunk in chunks(ledger.events() if events is None else events, as_of=as_of):
                filling.take(chunk, step)
        return filling.history

    def act(self, digest: str) -> Act | None:
        """Return an act by its record's digest."""
        number = self._by_digest.get(digest)
        return None if number is None else self.acts[number]

    def place(self, digest: str) -> int | None:
        """Return an act's place in `acts`, by its record's digest."""
        return self._by_digest.get(digest)

    def of_run(self, run: str) -> Iterator[Act]:
        """Yield the acts of a run, in order."""
        return (act for act in self.acts if act.run == run)

    def find_run(self, name: str) -> Run | None:
        """Return a run by its digest, or by its source's own reference."""
        found = self.runs.get(name)
        if found is not None:
            return found
        return next((run for run in self.runs.values() if run.said("ref") == name), None)

    def add(self, act: Act) -> None:
        """Add the next act."""
        self._by_digest[act.digest] = len(self.acts)
        self.acts.append(act)


def chunks(
    events: Iterable[Event], size: int = CHUNK, as_of: AsOf = AsOf()
) -> Iterator[list[Event]]:
    """Yield entries in lists of so many, up to where they are read."""
    left = iter(events)
    while chunk := list(islice(left, size)):
        kept = [event for event in chunk if not as_of.ends_before(event)]
        if kept:
            yield kept
        if len(kept) < len(chunk):
            return


class Filling:
    """Fills a history with entries, one after the other.

    Args:
        history: What is filled.
        watch: Told of each entry at its place.
        lineage: What places the entries; by default one of its own.

    Attributes:
        history: The same.
    """

    def __init__(
        self,
        history: History,
        watch: Watch | None = None,
        lineage: SpillingLineage | None = None,
    ) -> None:
        self.history = history
        # Whatever is of a closed run lies on disk: a long ledger is more than memory holds.
        self._lineage = SpillingLineage() if lineage is None else lineage
        self._watch = watch
        self._taken = 0
        self._views: dict[str, Views] = {}
        self._taking: dict[str, Callable[[Placed], None]] = {
            "run.opened": self._opened,
            "run.closed": self._closed,
            "message": self._message,
            "action": self._action,
            "outcome": self._outcome,
            "observation": self._observation,
            "approval": self._approval,
        }

    def take(self, chunk: Sequence[Event], step: Step | None = None) -> None:
        """Take in the next entries.

        Args:
            chunk: The entries.
            step: Called now and then with how many entries were taken, and how many there are.
        """
        self._lineage.spill()
        self._lineage.expect(chunk)
        for event in chunk:
            self._add(event)
            if step is not None and self._taken % EVERY == 0:
                step(self._taken, self.history.size)
            self._taken += 1

    def _add(self, event: Event) -> None:
        self.history.versions.observe(event)
        if event.record["kind"] == "contract":
            self.history.texts[event.record["digest"]] = event.record["text"]
        placed = self._lineage.place(event)
        taking = self._taking.get(placed.subject)
        if taking is not None:
            taking(placed)
        if self._watch is not None:
            self._watch(placed, self._lineage)
        self._lineage.remember(placed)

    def _opened(self, placed: Placed) -> None:
        event = placed.event
        run = Run(event.digest, event.index, event.record, placed.time)
        found = self.history.versions.in_force(run.said("service"), event)
        if found is not None:
            run.version, run.contract = found
        self.history.runs[event.digest] = run

    def _closed(self, placed: Placed) -> None:
        run = self._run(placed)
        if run is not None:
            run.closed, run.closed_at = placed.event.index, placed.time
            run.outcome = str(placed.record.get("outcome") or "")
            run.value = money(placed.record.get("value"))

    def _message(self, placed: Placed) -> None:
        run, record = self._run(placed), placed.record
        if run is None:
            return
        run.messages += 1
        cost, tokens = money(record.get("cost")), record.get("tokens")
        if cost is not None:
            run.costs[cost.currency] = run.costs.get(cost.currency, 0) + cost.micros
            run.spent.append(Spent(placed.event.index, cost, record["turn"]))
        if tokens is not None:
            read, written = run.tokens
            run.tokens = read + tokens.get("input", 0), written + tokens.get("output", 0)
        if record.get("role") == "assistant":
            run.unpriced += cost is None
            run.uncounted += tokens is None

    def _action(self, placed: Placed) -> None:
        event, record, run = placed.event, placed.record, self._run(placed)
        service = "" if run is None else run.said("service")
        found = self.history.versions.in_force(service, event) if service else None
        contract = self.history.contracts.get(found[1]) if found else None
        tool = contract.tools.get(record["tool"]) if contract else None
        target, reserved = self._stated(placed, contract)
        decision = record.get("decision")
        self.history.add(
            Act(
                index=event.index,
                digest=event.digest,
                run=record["run"],
                by=record["by"],
                tool=record["tool"],
                mode=tool.mode if tool else str(record.get("mode") or ""),
                target=target,
                channel=str(record.get("channel") or (run.said("channel") if run else "")),
                time=placed.time,
                decision="" if decision is None else decision["effect"],
                version=found[0] if found else "",
                contract=found[1] if found else "",
                reserved=reserved,
                evidence=tuple(one.event.index for one in self._lineage.cited(record)),
                resumes=record.get("resumes") or "",
                compensates=record.get("compensates") or "",
                call="" if event.unseen else call_digest(record["tool"], record["params"]),
                turn=record.get("turn", -1),
            )
        )

    def _stated(
        self, placed: Placed, contract: Contract | None
    ) -> tuple[str, tuple[Money | None, Money | None]]:
        """Return target and estimate of an action, as the contract computes them where it does."""
        target: Any = placed.record.get("target")
        estimate: Any = placed.record.get("estimate")
        if contract is not None:
            views = self._views.get(contract.digest)
            if views is None:
                views = self._views[contract.digest] = Views(contract)
            target = views.part(placed, "action", "target")
            estimate = views.part(placed, "action", "estimate")
        given = cast("dict[str, Any]", estimate) if isinstance(estimate, dict) else {}
        reserved = money(given.get("cost")), money(given.get("value"))
        return target if isinstance(target, str) else "", reserved

    def _outcome(self, placed: Placed) -> None:
        record = placed.record
        act = self.history.act(record["action"])
        if act is not None:
            act.status, act.ended, act.ended_at = record["status"], placed.event.index, placed.time
            act.cost = money(record.get("cost")) or act.cost
            act.value = money(record.get("value")) or act.value

    def _observation(self, placed: Placed) -> None:
        """Take people's time on a case."""
        run, record = self._run(placed), placed.record
        fields = record.get("fields")
        if run is None or record.get("what") != HUMAN_TIME or not isinstance(fields, dict):
            return
        spent = cast("dict[str, Any]", fields)
        minutes, cost = spent.get("minutes"), money(spent.get("cost"))
        if isinstance(minutes, int | float):
            run.minutes += minutes
            if cost is None:
                run.unpaid.append((placed.event.index, minutes))
        if cost is not None:
            run.people[cost.currency] = run.people.get(cost.currency, 0) + cost.micros
            run.spent.append(Spent(placed.event.index, cost))

    def _approval(self, placed: Placed) -> None:
        record = placed.record
        act = self.history.act(record["action"])
        if act is not None:
            said = Approval(
                placed.event.index, record["by"], record["verdict"], record.get("rule") or ""
            )
            act.approvals.append(said)

    def _run(self, placed: Placed) -> Run | None:
        return None if placed.run is None else self.history.runs.get(placed.run.digest)


def money(value: Any) -> Money | None:  # noqa: ANN401 - any JSON value
    """Return an amount as a record writes it, None where it is none."""
    if not isinstance(value, dict):
        return None
    given = cast("dict[str, Any]", value)
    amount, currency = given.get("micros"), given.get("currency")
    if isinstance(amount, int) and isinstance(currency, str):
        return Money(currency, amount)
    return None
