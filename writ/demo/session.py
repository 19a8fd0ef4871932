"""One run of a channel's agent, recorded as it happens, and what must be found in it."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from ledger.admission import Receipt
from ledger.encoding import digest
from ledger.records import (
    Action,
    AnyRecord,
    Approval,
    Message,
    Observation,
    Outcome,
    Part,
    RunClosed,
    RunOpened,
    record_bytes,
)
from writ.demo.desk import Channel, Desk
from writ.demo.gate import ALLOW, Fault
from writ.demo.likeness import Made
from writ.demo.people import MINUTE_MICROS, SERVICE
from writ.demo.services import MODES, Reply
from writ.demo.truth import HANDLED, UNDECIDABLE, VIOLATED

R = TypeVar("R", bound=Part)

# What a model's tokens cost, in micros of a euro.
INPUT_MICROS, OUTPUT_MICROS = 3, 15
_KEYS: Final = {"payouts.create": "transaction_id", "payouts.reverse": "payout_id"}
_TARGETS: Final = {
    "customers.get": "customer",
    "transactions.get": "transaction_id",
    "eligibility.check": "transaction_id",
    "payouts.create": "customer",
    "payouts.reverse": "payout_id",
}


@dataclass(frozen=True, slots=True)
class Breaks:
    """What a call must be found to break, as whoever makes it knows.

    Attributes:
        violated: Rules whose condition it breaks.
        undecidable: Rules that cannot be decided about it.
        late: Rules of its outcome, violated where the tool was called.
        lifted: `approve` rules that an approval lifts for it.
        plant: The name under which it is kept.
    """

    violated: tuple[str, ...] = ()
    undecidable: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    plant: str = ""


NOTHING: Final = Breaks()


@dataclass(frozen=True, slots=True)
class Call:
    """A call as its caller sees it: `status` is the outcome's, or the decision against it."""

    status: str
    index: int
    record: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seen: str = ""
    ended: int = -1


@dataclass(slots=True)
class How:
    """What is special about a call.

    Attributes:
        fault: What its tool does wrong; see `Services.call`.
        seen: What differs in the observation that it makes; a member that is None is left out.
        ended: What differs in its outcome; a member that is None is left out.
        evidence: Digests of the observations that it cites.
        resumes: Digest of the held action that it takes up.
        compensates: Digest of the action that it takes back.
        gate: What a broken gate makes of it.
        despite: The tool is called whatever was decided.
        unended: Its outcome is never recorded.
        loose: The decision is recorded without holding the ledger to what it was made on.
    """

    fault: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ended: Mapping[str, Any] = field(default_factory=dict[str, Any])
    evidence: tuple[str, ...] = ()
    resumes: str | None = None
    compensates: str | None = None
    gate: Fault | None = None
    despite: bool = False
    unended: bool = False
    loose: bool = False


class Session:
    """A run.

    Args:
        desk: The desk.
        channel: Whose run it is.
        plant: The name under which findings in it are kept, if not each has its own.
    """

    def __init__(self, desk: Desk, channel: Channel, plant: str = "") -> None:
        self.desk = desk
        self.channel = channel
        self.plant = plant
        self.ref = desk.ref()
        self.id = ""
        self.opened_at = -1
        self._turn = 0
        self._calls = 0
        self._later: list[AnyRecord] = []

    # ------------------------------------------------------------------------ talking

    def open(self, said: str, *, requester: str, goal: str = "refund", **fields: object) -> None:
        """Record that it begins, and what the customer said."""
        opened = self._made(
            RunOpened,
            **{
                "service": SERVICE,
                "ref": self.ref,
                "goal": goal,
                "channel": self.channel.name,
                "workflow": "refund-claims",
                "domain": "payments",
                "requester": requester,
                "model": self.channel.model,
                "prompt_digest": self.channel.prompt,
                "policy": self.desk.claimed,
                **fields,
            },
        )
        self.id = digest(record_bytes(opened))
        first = self._made(Message, run=self.id, role="user", turn=0, content=said)
        self.opened_at = self._submit([opened, first])[0].index

    def says(self, content: str, used: tuple[int, int] = (0, 0), **fields: object) -> None:
        """Say something, and record it with what follows.

        Args:
            content: What is said.
            used: Tokens that a step of the model takes, read and written. There was one for each
                call since something was last said, and there is one for this.
            **fields: What differs in the record; a member that is None is left out.
        """
        steps, self._calls = self._calls + 1, 0
        read, written = (tokens * steps for tokens in used)
        micros = read * INPUT_MICROS + written * OUTPUT_MICROS
        counted = {
            "tokens": {"input": read, "output": written},
            "cost": {"currency": "EUR", "micros": micros},
        }
        self._turn += 1
        message = {"run": self.id, "role": "assistant", "turn": self._turn, "content": content}
        self._later.append(self._made(Message, **{**message, **counted, **fields}))

    def close(self, outcome: str, worth: float = 0) -> int:
        """Record that it ended, and what that was worth, in euros; return the entry."""
        value = {"currency": "EUR", "micros": round(worth * 1_000_000)}
        record = self._made(RunClosed, run=self.id, outcome=outcome, value=value)
        return self._submit([record])[0].index

    def flush(self) -> int:
        """Record what was said; return the last entry of it, or −1 where there was nothing."""
        records, self._later = self._later, []
        return self.channel.client.submit(records)[-1].index if records else -1

    def _made(self, kind: type[R], **fields: object) -> R:
        return self.channel.client.make(kind, **fields)

    def _submit(self, records: Sequence[AnyRecord]) -> list[Receipt]:
        """Record something, after what was said; return the receipts of these records alone."""
        later, self._later = self._later, []
        return self.channel.client.submit([*later, *records])[len(later) :]

    # ------------------------------------------------------------------------- acting

    def call(
        self,
        tool: str,
        params: Mapping[str, Any],
        how: How | None = None,
        breaks: Breaks = NOTHING,
    ) -> Generator[timedelta, None, Call]:
        """Record an action, have it decided where a gate decides, and perform it.

        Returns:
            What came of it, after the time that it took.
        """
        how = how or How()
        self._calls += 1
        desk, target = self.desk, str(params.get(_TARGETS.get(tool, ""), ""))
        against = (
            *breaks.violated,
            *desk.bounds.against(self.channel.name, tool, target, desk.now),
        )
        receipt, effect = self._recorded(tool, params, how)
        desk.likeness.made.append(
            Made(
                receipt.index,
                self.ref,
                desk.version,
                self.channel.name,
                tool,
                frozenset((*against, *breaks.undecidable)),
                frozenset(breaks.lifted),
                effect,
                how.gate is None,
            )
        )
        called = effect == ALLOW or how.despite
        self._expected(receipt.index, breaks, against, called=called)
        if effect == ALLOW:
            desk.bounds.allowed(self.channel.name, tool, target, desk.now)
        if not called:
            return Call(effect, receipt.index, receipt.record)
        reply = desk.services.call(tool, params, desk.now, how.fault)
        yield timedelta(seconds=reply.seconds)
        if how.unended:
            return Call(reply.status, receipt.index, receipt.record)
        if effect == ALLOW and reply.status != "ok":
            desk.bounds.failed(tool, desk.now)
        return self._ended(receipt, reply, how, breaks)

    def _recorded(self, tool: str, params: Mapping[str, Any], how: How) -> tuple[Receipt, str]:
        key, target = _KEYS.get(tool), _TARGETS.get(tool, "")
        fields: dict[str, Any] = {
            "run": self.id,
            "tool": tool,
            "params": dict(params),
            "mode": MODES.get(tool),
            "target": params.get(target),
            "channel": self.channel.name,
            "evidence": how.evidence or None,
            "idempotency_key": params.get(key) if key else None,
            "resumes": how.resumes,
            "compensates": how.compensates,
        }
        if self.channel.gate is not None:
            self.flush()
            return self.channel.gate.act(self.channel.client, fields, how.gate, loose=how.loose)
        return self._submit([self._made(Action, **fields)])[0], ALLOW

    def _expected(
        self, index: int, breaks: Breaks, against: Iterable[str], *, called: bool
    ) -> None:
        plant = breaks.plant or self.plant
        for rule in against:
            handled = not called or rule in breaks.lifted
            self.expect(HANDLED if handled else VIOLATED, rule, index, plant)
        for rule in breaks.undecidable:
            self.expect(UNDECIDABLE if called else HANDLED, rule, index, plant)

    def _ended(self, receipt: Receipt, reply: Reply, how: How, breaks: Breaks) -> Call:
        ended: dict[str, Any] = {
            "action": receipt.record,
            "run": self.id,
            "status": reply.status,
            "leaf": receipt.leaf,
            "fields": dict(reply.fields) or None,
            "error": reply.error or None,
            "value": reply.value,
            "cost": reply.cost,
            **how.ended,
        }
        records: list[Outcome | Observation] = [self._made(Outcome, **ended)]
        if reply.seen is not None:
            seen = {
                "run": self.id,
                "action": receipt.record,
                "observer": "source",
                **reply.seen,
                **how.seen,
            }
            records.append(self._made(Observation, **seen))
        receipts = self._submit(records)
        for rule in breaks.late:
            self.expect(VIOLATED, rule, receipts[0].index, breaks.plant)
        return Call(
            reply.status,
            receipt.index,
            receipt.record,
            reply.fields,
            receipts[-1].record if reply.seen is not None else "",
            receipts[0].index,
        )

    # ------------------------------------------------------------------------- people

    def approved(
        self, call: Call, lead: str, minutes: int, verdict: str = "approve", **fields: object
    ) -> Generator[timedelta, None, None]:
        """Let a refunds lead look at a held action for some minutes, and say a word on it."""
        self.flush()
        yield timedelta(minutes=minutes)
        client = self.desk.people[lead]
        record = client.make(Approval, action=call.record, verdict=verdict, **fields)
        client.submit([record])
        self.took(client.by, minutes)

    def took(self, person: str, minutes: int) -> None:
        """Record, with what follows, a person's time on the case and what it costs."""
        cost = {"currency": "EUR", "micros": minutes * MINUTE_MICROS}
        spent = {"cost": cost, "minutes": minutes, "person": person}
        observed = {"what": "human-time", "source": "time-tracking", "observer": "source"}
        self._later.append(self._made(Observation, **observed, run=self.id, fields=spent))

    # -------------------------------------------------------------------------- truth

    def expect(self, result: str, rule: str, index: int, plant: str = "") -> None:
        """Note that something must be found in this run."""
        self.desk.expect(result, rule, index, self.ref, plant or self.plant)


def prompt_digest(name: str) -> str:
    """Return the digest by which a run names the prompt it was under."""
    return digest(f"refund-agent prompt, {name}".encode())


def cited(*calls: Call) -> tuple[str, ...]:
    """Return the observations that calls made, to be cited."""
    return tuple(call.seen for call in calls if call.seen)
