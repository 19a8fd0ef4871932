"""Records cases: each in a real ledger, signed and chained, decided as the model says.

What stands together in time is one submission. A call with a decision stands in one that was made
on exactly the history before it, as a guard's does.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar, cast

from benchmarks.planting.claims import Performed, contradiction
from benchmarks.planting.known import MODES, Act
from benchmarks.planting.likeness import Likeness, Made
from benchmarks.planting.model import Model, Person, Ruling, Said, rule_order
from benchmarks.planting.people import FOUNDERS, OWNER, SERVICE, VERSIONS
from benchmarks.planting.selectors import SELECTORS
from benchmarks.planting.steps import (
    Activate,
    Approve,
    Call,
    Case,
    Close,
    Flip,
    Forged,
    Look,
    Open,
    Say,
    Step,
    Value,
    Wait,
)
from benchmarks.planting.truth import Expected, Truth
from contracts.library import contract_text
from contracts.loading import load_contract
from contracts.model import Contract
from ledger.client import LedgerClient
from ledger.clock import format_time
from ledger.encoded import EncodedRecord
from ledger.founding import Founded
from ledger.records import (
    Action,
    Activation,
    AnyRecord,
    Approval,
    ContractText,
    Message,
    Observation,
    Outcome,
    Part,
    RunClosed,
    RunOpened,
    Switch,
)
from ledger.rows import Head
from ledger.store import Store

R = TypeVar("R", bound=Part)
Steps = Generator[timedelta, None, None]

NAME: Final = "refund-decisioning"
_TARGETS: Final = {
    "customers.get": "customer",
    "transactions.get": "transaction_id",
    "eligibility.check": "transaction_id",
    "payouts.create": "customer",
    "payouts.reverse": "payout_id",
}
_KEYS: Final = {"payouts.create": "transaction_id", "payouts.reverse": "payout_id"}
_HEAD_EVERY: Final = 20_000


def contracts() -> dict[str, Contract]:
    """Return the versions of the contract."""
    return {version: load_contract(contract_text(NAME, version), NAME) for version in VERSIONS}


class Desk:
    """Everybody who writes, and the model of what they do.

    Args:
        stack: Closes the store.
        founded: The ledger.
        clock: Its clock.
        random_of: Gives each writer, by name, its source of nonces.
    """

    def __init__(
        self,
        stack: ExitStack,
        founded: Founded,
        clock: Callable[[], datetime],
        random_of: Callable[[str], Callable[[int], bytes]],
    ) -> None:
        self.founded = founded
        self.store = stack.enter_context(Store.open(founded.location, writable=True))
        self.clock = clock
        self.contracts = contracts()
        self.truth = Truth()
        people = {
            founded.identities[one.name]: Person(
                founded.identities[one.name], one.owner, one.roles, one.permissions or ()
            )
            for one in FOUNDERS
        }
        self.model = Model(
            people,
            OWNER,
            {version: rule_order(one) for version, one in self.contracts.items()},
            {version: one.digest for version, one in self.contracts.items()},
            SELECTORS,
        )
        self._likeness = Likeness(people)
        self._random_of = random_of
        self._clients: dict[str, LedgerClient] = {}
        self._pending: list[EncodedRecord] = []
        self._writer, self._exact = "", True
        self._index: dict[str, int] = {}
        self._cases: list[Performed] = []
        self._case_of: dict[str, Performed] = {}
        self._effective: list[tuple[datetime, str]] = []
        self._direct: list[Expected] = []
        self._signed = 0
        self.published: set[str] = set()
        self._perform: Mapping[type[Step], Callable[[Performed, Value], None]] = {
            Open: self._open,
            Say: self._say,
            Close: self._close,
            Look: self._look,
            Flip: self._flip,
            Approve: self._approve,
            Activate: self._activate,
        }

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self.clock()

    # -------------------------------------------------------------------------- writing

    def client(self, name: str) -> LedgerClient:
        """Return the writer of this name."""
        if name not in self._clients:
            self._clients[name] = LedgerClient(
                self.store,
                self.founded.key(name),
                self.founded.identities[name],
                clock=self.clock,
                random=self._random_of(name),
                head_signer=self.founded.head_signer() if name == "steward" else None,
                checkpoint_every=0,
            )
        return self._clients[name]

    def put(self, name: str, model: type[R], **fields: Value) -> EncodedRecord:
        """Make a record, which is written with what else its writer has to say now."""
        if self._writer != name:
            self.flush()
            self._writer = name
        given = {key: value for key, value in fields.items() if value is not None}
        one = EncodedRecord.of(cast("AnyRecord", self.client(name).make(model, **given)))
        self._pending.append(one)
        return one

    def flush(self) -> None:
        """Write what was made, as one submission."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        client, time = self.client(self._writer), format_time(self.now)

        def prepare(_head: Head, now: str) -> list[EncodedRecord]:
            assert now == time, "what was decided is decided for another time"
            return pending

        exact, self._exact = self._exact, True
        receipts = client.append(prepare) if exact else client.submit_encoded(tuple(pending))
        for receipt in receipts:
            self._index[receipt.record] = receipt.index
        if receipts[-1].index - self._signed > _HEAD_EVERY:
            self.client("steward").checkpoint()
            self._signed = receipts[-1].index

    def close(self, left_open: frozenset[str]) -> None:
        """End every writer's stream but these, the one that signs the head last."""
        self.flush()
        names = sorted(self._clients.keys() | {"steward"}, key=lambda one: (one == "steward", one))
        for name in names:
            if name not in left_open:
                self.client(name).close()

    def now_in_force(self) -> str:
        """Let the model know which version is in force by now, and that time has passed."""
        past = [pair for pair in self._effective if pair[0] <= self.now]
        if past:
            # Of one time the later activation holds.
            latest = max(at for at, _ in past)
            self.model.version = [version for at, version in past if at == latest][-1]
        self.model.passed(self.now)
        return self.model.version

    def expect(self, result: str, rule: str, digest: str, version: str = "") -> None:
        """Note that something must be found at a record which is no part of a case."""
        self._direct.append(Expected(result, rule, self._index[digest], version, "", (rule,)))

    def expect_at(self, result: str, rule: str, index: int) -> None:
        """Note that something must be found at an entry that this desk did not write."""
        self._direct.append(Expected(result, rule, index, "", "", (rule,)))

    # ---------------------------------------------------------------------- governance

    def publish(self, version: str) -> None:
        """Let the author publish a version."""
        text = contract_text(NAME, version)
        digest = self.contracts[version].digest
        self.published.add(version)
        self.put("author", ContractText, service=SERVICE, version=version, digest=digest, text=text)
        self.flush()

    def activate(
        self, version: str, wait: timedelta, who: str = "activator", *approved_by: str
    ) -> str:
        """Let a version come into force after a while; return the record's digest."""
        at = self.now + wait
        made = self.put(
            who,
            Activation,
            service=SERVICE,
            version=version,
            digest=self.contracts[version].digest,
            effective_at=format_time(at),
            approved_by=tuple(self.founded.identities[one] for one in approved_by),
        )
        self.flush()
        self._effective.append((at, version))
        self._likeness.activated.setdefault(version, made.digest)
        return made.digest

    # --------------------------------------------------------------------------- cases

    def perform(self, case: Case) -> Steps:
        """Record a case, from its first step to its last."""
        self.now_in_force()
        done = Performed(case, f"R-{self.truth.runs + 1:05}", version=self.model.version)
        self._cases.append(done)
        self.truth.plants.update(case.planted)
        random = Random(f"{case.customer}/pace")
        for step in case.steps:
            if (step.after and step.after not in done.done) or step.instead in done.done:
                continue
            if isinstance(step, Wait):
                yield from self._pause(step.time)
            elif isinstance(step, Call):
                yield from self._call(done, step)
            else:
                self.now_in_force()
                self._perform[type(step)](done, step)
            done.labels.add(step.label)
            if not case.whole:
                yield from self._pause(timedelta(milliseconds=random.randint(200, 6_000)))
        self.flush()
        done.ended = self.now_in_force()

    def _pause(self, time: timedelta) -> Steps:
        self.flush()
        yield time
        self.now_in_force()

    def _agent(self, done: Performed, step: Step) -> str:
        by = getattr(step, "by", "")
        return by or f"agent-{done.channel(step.run).partition('-')[0]}"

    def _open(self, done: Performed, step: Open) -> None:
        done.channels[step.run] = step.fields.get("channel", done.case.channel)
        self.truth.runs += 1
        claimed = {
            "name": "refund-policy",
            "version": self.model.version,
            "digest": self.contracts[self.model.version].policy["digest"],
        }
        fields = {
            "service": SERVICE,
            "ref": f"R-{self.truth.runs:05}",
            "channel": done.channel(step.run),
            "domain": "payments",
            "policy": claimed,
            "parent": done.runs.get(step.parent),
            **step.fields,
        }
        made = self.put(self._agent(done, step), RunOpened, **fields)
        done.runs[step.run] = made.digest
        self._case_of[made.digest] = done
        by = self.client(self._agent(done, step)).by
        self.model.opened(made.digest, step.label, _told(fields, by), self.now)

    def _say(self, done: Performed, step: Say) -> None:
        run = done.runs[step.run]
        made = self.put(self._agent(done, step), Message, run=run, turn=0, **step.fields)
        self.model.message(made.digest, step.label, _told({**step.fields, "run": run}))

    def _close(self, done: Performed, step: Close) -> None:
        unpaid = {"pay", "paid"} & set(done.made) and not {"pay", "paid", "pay.2"} & done.done
        outcome = "declined" if unpaid and step.outcome == "refunded" else step.outcome
        fields = {"run": done.runs[step.run], "outcome": outcome, "value": step.value}
        made = self.put(self._agent(done, step), RunClosed, **fields)
        self.model.closed(made.digest, step.label, _told(fields))

    def _look(self, done: Performed, step: Look) -> None:
        fields = {"observer": "source", **self._seen(step.seen)}
        made = self.put("watch", Observation, **fields)
        done.digests[step.label] = made.digest
        self.model.observed(made.digest, _told(fields), self.now)

    def _flip(self, done: Performed, step: Flip) -> None:
        fields = {
            "service": SERVICE,
            "state": step.state,
            "mode": step.mode,
            "selector": step.selector,
            "reason": "something looked odd",
        }
        made = self.put(step.who, Switch, **fields)
        self._case_of[made.digest] = done
        told = _told(fields, self.client(step.who).by)
        self.model.switched(made.digest, step.label, told)

    def _approve(self, done: Performed, step: Approve) -> None:
        held = done.digests.get(step.of)
        if held is None:
            return
        ends = None if step.ends is None else format_time(self.now + step.ends)
        fields = {"action": held, "verdict": step.verdict, "expires_at": ends, **step.fields}
        self.put(step.who, Approval, **fields)
        self.model.approved(_told(fields, self.client(step.who).by), self.now)

    def _activate(self, done: Performed, step: Activate) -> None:
        digest = self.activate(
            self.model.version, timedelta(minutes=1), step.who, *step.approved_by
        )
        self._case_of[digest] = done
        said = Said(digest, step.label, "", "violated", "identity.duties", self.model.version)
        self.model.said.append(said)

    # ---------------------------------------------------------------------------- calls

    def _call(self, done: Performed, step: Call) -> Steps:
        self.now_in_force()
        by, loose = self._agent(done, step), step.loose and done.case.gated
        if loose or self._writer != by:
            self.flush()
        fields = self._fields(done, step)
        act = Act("", step.label, fields["run"], 0, self.now, _told(fields, self.client(by).by))
        ruling = self.model.ruled(act, self.now)
        if done.case.gated:
            act.record = {**act.record, **self._decided(ruling, step.forged)}
        self._exact = self._exact and not loose and (done.case.gated or not done.case.whole)
        more = {key: act.record[key] for key in ("decision", "contract") if key in act.record}
        made = self.put(by, Action, **fields, **more)
        act.digest = done.digests[step.label] = made.digest
        right = ruling if done.case.gated else None
        self.model.acted(act, right, exact=not loose)
        self._likeness.made.append(Made(act, self.model.version, right))
        if loose:
            self.flush()
        done.made.append(step.label)
        if act.effect not in {"", "allow"} and not step.despite:
            if step.observed:
                self._observe(done, step, act, by)
            return
        done.done.add(step.label)
        if step.seconds:
            yield from self._pause(timedelta(seconds=step.seconds))
        if step.status:
            self._end(done, step, act, by)

    def _fields(self, done: Performed, step: Call) -> dict[str, Any]:
        target, key = _TARGETS.get(step.tool, ""), _KEYS.get(step.tool, "")
        cites = tuple(
            done.digests[f"{one}.seen"] for one in step.cites if f"{one}.seen" in done.digests
        )
        looked = tuple(done.digests[one] for one in step.cites if self._is_look(done, one))
        return {
            "run": done.runs[step.run],
            "tool": step.tool,
            "params": step.params,
            "mode": MODES.get(step.tool),
            "target": step.params.get(target) or None,
            "channel": done.channel(step.run),
            "evidence": (*cites, *looked) or None,
            "idempotency_key": step.params.get(key),
            "resumes": done.digests.get(step.resumes),
            "compensates": done.digests.get(step.compensates),
        }

    @staticmethod
    def _is_look(done: Performed, label: str) -> bool:
        return any(isinstance(one, Look) and one.label == label for one in done.case.steps)

    def _decided(self, ruling: Ruling, forged: Forged | None) -> dict[str, Any]:
        version = self.model.version
        contract = {"version": version, "digest": self.contracts[version].digest}
        effect, reasons = ruling.effect, list(ruling.reasons)
        if forged is not None:
            if forged.effect:
                effect = forged.effect
                reasons = [
                    {"rule": rule, "result": "violated", "effect": effect} for rule in forged.rules
                ]
            if forged.contract[0]:
                contract = dict(zip(("version", "digest"), forged.contract, strict=True))
            if forged.turned:
                reasons = reasons[::-1]
        return {"contract": contract, "decision": {"effect": effect, "reasons": reasons}}

    def _end(self, done: Performed, step: Call, act: Act, by: str) -> None:
        ended = {"action": act.digest, "run": act.run, "status": step.status, **step.ended}
        made = self.put(by, Outcome, **ended)
        self.model.ended(made.digest, _told(ended), self.now)
        if step.seen is not None and step.status == "ok":
            self._observe(done, step, act, by)

    def _observe(self, done: Performed, step: Call, act: Act, by: str) -> None:
        seen = {
            "run": act.run,
            "action": act.digest,
            "observer": "source",
            **self._seen(step.seen or {"what": "result", "source": "bank"}),
        }
        made = self.put(by, Observation, **seen)
        done.digests[f"{step.label}.seen"] = made.digest
        self.model.observed(made.digest, _told(seen), self.now)

    def _seen(self, seen: Mapping[str, Any]) -> dict[str, Any]:
        """Return an observation, with the time at which it was really made if that is long ago."""
        fields = dict(seen)
        if old := fields.pop("old", None):
            fields["observed_at"] = format_time(self.now - old)
        return fields

    # -------------------------------------------------------------------------- the end

    def finished(self) -> Truth:
        """Return all that must be found, once everything is written."""
        self.now_in_force()
        checked: dict[int, list[Said]] = {}
        for said in self.model.finish():
            self.truth.expected.append(self._expected(said))
            checked.setdefault(id(self._case_at(said)), []).append(said)
        # What hangs on other cases as well no mutation claims.
        self.truth.expected += [self._expected(said) for said in self._likeness.said()]
        self.truth.expected += self._direct
        for done in self._cases:
            why = contradiction(done, checked.get(id(done), []), self.model.acts)
            self.truth.contradictions += [why] if why else []
        return self.truth

    def _case_at(self, said: Said) -> Performed | None:
        return self._case_of.get(said.run or said.at)

    def _expected(self, said: Said) -> Expected:
        done, index = self._case_at(said), self._index[said.at]
        plants = tuple(done.case.planted) if done else ()
        version = "" if said.rule.startswith(("decision.", "coverage.")) else said.version
        run = done.ref if done else ""
        return Expected(said.result, said.rule, index, version, run, plants)


def _told(fields: Mapping[str, Any], by: str = "") -> dict[str, Any]:
    """Return a record as the model is told of it: without what is not there."""
    told = {name: value for name, value in fields.items() if value is not None}
    return {**told, "by": by} if by else told
