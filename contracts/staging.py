"""From the steps of a scenario to the records of a history, and from these to events.

An item is a record whose references are still names, so that a history can be made smaller and
told again. What becomes of it is a real record, as a ledger would hold it, and is read as one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, cast

from contracts.errors import ContractError, ContractErrors, did_you_mean
from contracts.history import Event
from contracts.instants import micros, moment, written
from contracts.model import Contract
from contracts.steps import (
    ActionStep,
    ApprovalStep,
    CloseStep,
    MessageStep,
    ObservationStep,
    OutcomeStep,
    Part,
    Person,
    RunStep,
    SwitchStep,
    span,
)
from contracts.suites import Line, Suite, Where
from ledger.encoding import digest, encode
from ledger.errors import LedgerError
from ledger.records import read_record

AGENT: Final = "agent"
"""The person by whom the service's own records are, where the suite describes them."""

ALL: Final = "all"
"""As evidence: every observation that stands in the action's run before it."""

CHRONICLE: Final = timedelta(days=400)
"""How long before `when` the contract was published and activated. The delegation is its own."""

_OWN: Final = frozenset({"ago", "later", "by", "as_", "in_"})
_REFERENCES: Final = frozenset({"run", "action", "resumes", "compensates", "evidence", "parent"})


@dataclass(frozen=True, slots=True)
class Item:
    """A record to be.

    Attributes:
        name: By which others refer to it; unique in its scenario.
        fields: The record's own fields, without references.
        references: For each field that refers to others, their names.
        by: Who wrote it: a person of the suite, or empty for the service.
        offset: Its time from the moment of `when`, in microseconds.
        where: Where it stands.
        moments: Fields that are times, as offsets from the moment of `when`.
    """

    name: str
    fields: Mapping[str, Any]
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    by: str = ""
    offset: int = 0
    where: Where | None = None
    moments: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def kind(self) -> str:
        """The record's kind."""
        return str(self.fields["kind"])


@dataclass(frozen=True, slots=True)
class Script:
    """A scenario ready to be played: what there was, the record in question, what came after."""

    given: tuple[Item, ...]
    when: Item
    after: tuple[Item, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """All of it, in the order of the ledger."""
        return (*self.given, self.when, *self.after)


def script_of(suite: Suite, number: int) -> Script:
    """Return a scenario of a suite, ready to be played.

    Raises:
        ContractErrors: A step is none, or refers to what is not there.
    """
    writing = _Writing(suite)
    parts = [suite.lines(number, part) for part in ("given", "when", "after")]
    runs = _runs(line for part in parts for line in part)
    parts = [_opened_in_time(part, runs) for part in parts]
    # In the order of time, and of the text where times are equal: `ago` may be said in any order.
    told = [sorted(part, key=lambda line: line.offset) for part in parts]
    before, middle, rest = ([writing.item(one, runs[id(one)]) for one in part] for part in told)
    writing.check_times(before, middle[0], rest)
    if writing.errors:
        whole = f"in the scenario `{suite.text.scenarios[number].scenario}`"
        hinted = (replace(e, hint=f"{e.hint} {whole}".strip()) for e in writing.errors)
        raise ContractErrors(hinted)
    return Script(tuple(before), middle[0], tuple(rest))


def _runs(lines: Iterable[Line]) -> dict[int, str]:
    """Return in which run each line stands that names none: the one opened last in the text."""
    found: dict[int, str] = {}
    run = ""
    for line in lines:
        run = line.step.run if isinstance(line.step, RunStep) else run
        found[id(line)] = run
    return found


def _opened_in_time(lines: Sequence[Line], runs: dict[int, str]) -> list[Line]:
    """Return lines in which a run that says no time opens with the first record in it."""
    first: dict[str, int] = {}
    for line in lines:
        run = getattr(line.step, "in_", None) or runs[id(line)]
        first[run] = min(line.offset, first.get(run, line.offset))
    found: list[Line] = []
    for line in lines:
        moved = line
        if isinstance(line.step, RunStep) and not line.timed:
            moved = replace(line, offset=first[line.step.run])
        runs[id(moved)] = runs[id(line)]
        found.append(moved)
    return found


class _Writing:
    """Turns steps into items, and finds out what they refer to."""

    def __init__(self, suite: Suite) -> None:
        self.errors: list[ContractError] = []
        self._people = suite.people
        self._items: dict[str, Item] = {}

    def item(self, line: Line, current: str) -> Item:
        """Return what a step says; `current` is the run it stands in, where it names none."""
        where = line.where
        fields, references, moments = _written(line.step)
        kind = fields["kind"]
        name = self._name(line.step, kind, where)
        if kind in {"message", "action", "observation"}:
            run = getattr(line.step, "in_", None) or current
            references = {"run": (run,), **references} if run else references
        elif kind == "outcome":
            action = self._items.get(references["action"][0])
            references = {**references, "run": action.references.get("run", ()) if action else ()}
        item = Item(name, fields, references, self._by(line), line.offset, where, moments)
        item = self._with_evidence(item)
        self._check_references(item)
        self._items[name] = item
        return item

    def check_times(self, given: list[Item], when: Item, after: list[Item]) -> None:
        """See that nothing given comes after `when`, and nothing that follows before it."""
        for item in given:
            if item.offset > when.offset:
                self._refuse("time.order", "this is given, and comes after `when`", item.where)
        for item in after:
            if item.offset < when.offset:
                message = "this comes after `when`: say `later` and not `ago`"
                self._refuse("time.order", message, item.where)

    def _refuse(self, code: str, message: str, where: Where | None, hint: str = "") -> None:
        if where is not None:
            self.errors.append(where.error(code, message, hint))

    def _name(self, step: Part, kind: str, where: Where) -> str:
        name = getattr(step, "as_", None)
        if isinstance(step, RunStep):
            name = step.run
        if isinstance(step, ObservationStep) and name is None:
            name = step.observation if step.observation not in self._items else None
        if name is None:
            return f"{kind} {len(self._items)}"
        if name in self._items:
            message = f"there is a record `{name}` already; give this one another name with `as`"
            self._refuse("record.duplicate", message, where)
        return str(name)

    def _by(self, line: Line) -> str:
        by = getattr(line.step, "by", None)
        if by is None:
            return AGENT if AGENT in self._people else ""
        if by not in self._people:
            hint = did_you_mean(by, self._people)
            message = f"`{by}` is not among the suite's `people`; correct it or add them"
            self._refuse("person.unknown", message, line.where, hint)
        return str(by)

    def _with_evidence(self, item: Item) -> Item:
        said = item.references.get("evidence", ())
        if ALL not in said:
            return item
        run = item.references.get("run")
        here = [
            name
            for name, each in self._items.items()
            if each.kind == "observation" and each.references.get("run") == run
        ]
        cited = tuple(dict.fromkeys([name for name in said if name != ALL] + here))
        left = {name: names for name, names in item.references.items() if name != "evidence"}
        return replace(item, references={**left, "evidence": cited} if cited else left)

    def _check_references(self, item: Item) -> None:
        for field_name, names in item.references.items():
            for name in names:
                if name not in self._items:
                    hint = did_you_mean(name, self._items)
                    message = f"there is no record `{name}` before this one, to be its {field_name}"
                    self._refuse("record.unknown", message, item.where, hint)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a step becomes a record: what is always there, a key renamed, and keys left out."""

    always: Mapping[str, Any]
    renamed: tuple[str, str]
    left_out: tuple[str, ...] = ()


_SHAPES: Final[Mapping[type[Part], _Shape]] = {
    RunStep: _Shape({"kind": "run", "phase": "opened"}, ("run", " name"), (" name",)),
    CloseStep: _Shape({"kind": "run", "phase": "closed"}, ("close", "run")),
    MessageStep: _Shape({"kind": "message", "turn": 0}, ("message", "role")),
    OutcomeStep: _Shape({"kind": "outcome"}, ("outcome", "action"), ("took",)),
    ApprovalStep: _Shape({"kind": "approval"}, ("approval", "action"), ("expires",)),
    SwitchStep: _Shape({"kind": "switch"}, ("switch", "state")),
    ActionStep: _Shape({"kind": "action"}, ("action", "tool"), ("outcome", "observed")),
    ObservationStep: _Shape({"kind": "observation"}, ("observation", "what"), ("seen",)),
}


def _written(step: Part) -> tuple[dict[str, Any], dict[str, tuple[str, ...]], dict[str, int]]:
    """Return a step's record: its fields, its references by name, and its times."""
    shape = _SHAPES[type(step)]
    said = step.model_dump(exclude_none=True, exclude=set(_OWN))
    fields = {**shape.always, **_without(_renamed(said, *shape.renamed), *shape.left_out)}
    moments: dict[str, int] = {}
    if isinstance(step, ApprovalStep) and step.expires is not None:
        moments["expires_at"] = span(step.expires)
    if isinstance(step, ActionStep) and step.decision is not None:
        fields["decision"] = {"effect": step.decision, "reasons": []}
    if isinstance(step, ObservationStep):
        fields = _observed(step, fields)
        if step.seen is not None:
            moments["observed_at"] = -span(step.seen)
    references = {
        name: (value,) if isinstance(value, str) else tuple(cast("Iterable[str]", value))
        for name, value in fields.items()
        if name in _REFERENCES
    }
    plain = _without(fields, *references)
    return plain, {name: names for name, names in references.items() if names}, moments


def _observed(step: ObservationStep, said: Mapping[str, Any]) -> dict[str, Any]:
    fields = _without(_renamed(said, "of", "action"), "digest", "self_attested")
    if step.digest is not False:
        made_up = digest(f"{step.observation} {step.ref}".encode())
        fields["digest"] = made_up if step.digest is True else step.digest
    return {**fields, "self_attested": True} if step.self_attested else fields


def _without(members: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def _renamed(members: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in members.items()}


# ------------------------------------------------------------------------------- events


class Ledger:
    """The history of one scenario while it is being told: items in, events out.

    Args:
        contract: The contract, in force from the beginning.
        text: Its text, which the first record publishes.
        suite: Who the people are, when `when` is, and where an error stands.
        now: The moment of `when`, instead of the suite's.
    """

    def __init__(self, contract: Contract, text: str, suite: Suite, now: str = "") -> None:
        self._contract = contract
        self._source = suite.source
        self._people = suite.people
        self._now = micros(now or suite.now) or 0
        self._digests: dict[str, str] = {}
        self.indexes: dict[str, int] = {}
        self.events: list[Event] = []
        of = {"service": contract.service, "version": contract.version, "digest": contract.digest}
        began = -int(CHRONICLE / timedelta(microseconds=1))
        effective = {"effective_at": began}
        for item in (
            Item(" published", {"kind": "contract", "text": text, **of}, offset=began),
            Item(
                " activated",
                {"kind": "activation", "approved_by": [], **of},
                offset=began,
                moments=effective,
            ),
        ):
            self.add(item)

    def event(self, item: Item, decision: Mapping[str, object] | None = None) -> Event:
        """Return the event that an item would be here, without adding it.

        Args:
            item: What is recorded.
            decision: The decision that the guard took, for an action that it decided.

        Raises:
            ContractErrors: No ledger would hold such a record.
        """
        who, identity = self._identity(item.by)
        record: dict[str, Any] = {
            "v": 1,
            "nonce": sha256(item.name.encode()).hexdigest()[:32],
            "by": who,
            **item.fields,
        }
        record |= {name: self._at(offset) for name, offset in item.moments.items()}
        for name, names in item.references.items():
            digests = [self._digests[one] for one in names if one in self._digests]
            if digests:
                record[name] = digests if name == "evidence" else digests[0]
        if item.kind == "run" and record["phase"] == "opened":
            record = self._opened(record)
        if item.kind == "switch":
            record.setdefault("service", self._contract.service)
        if item.kind == "observation":
            observer = record.get("observer", item.by)
            known = observer in self._people or not observer
            record["observer"] = self._identity(observer)[0] if known else observer
        if decision is not None:
            of = {"version": self._contract.version, "digest": self._contract.digest}
            record |= {"decision": dict(decision), "contract": of}
        raw = self._sound(record, item)
        time = self._at(item.offset)
        return Event(len(self.events), digest(raw), record, time, identity)

    def add(self, item: Item, decision: Mapping[str, object] | None = None) -> Event:
        """Add an item to the history, and return its event."""
        event = self.event(item, decision)
        self.events.append(event)
        self._digests[item.name] = event.digest
        self.indexes[item.name] = event.index
        return event

    def _opened(self, record: dict[str, Any]) -> dict[str, Any]:
        record.setdefault("service", self._contract.service)
        if "policy" not in record:
            return {**record, "policy": dict(self._contract.policy)}
        return _without(record, "policy") if record["policy"] == "none" else record

    def _at(self, offset: int) -> str:
        return written(moment(self._now + offset))

    def _sound(self, record: Mapping[str, Any], item: Item) -> bytes:
        try:
            read_record(dict(record))
            return encode(dict(record))
        except LedgerError as error:
            message = f"no ledger holds such a record: {error}; correct the step"
            where = item.where or Where(self._source)
            raise ContractErrors([where.error("record.malformed", message)]) from None

    def _identity(self, name: str) -> tuple[str, dict[str, Any]]:
        contract = self._contract
        if not name:
            permissions = list(contract.permissions)
            known = {"owner": contract.owner, "roles": [AGENT], "permissions": permissions}
            return contract.service, {"registered": True, "id": contract.service, **known}
        person: Person = self._people[name]
        domain = contract.service.removeprefix("spiffe://").partition("/")[0]
        who = person.id or f"spiffe://{domain}/{name}"
        if not person.registered:
            return who, {"registered": False}
        identity: dict[str, Any] = {"registered": True, "id": who}
        identity |= {"roles": list(person.roles), "permissions": list(person.permissions)}
        if person.owner is not None:
            identity["owner"] = person.owner
        if person.delegated is not None:
            identity["delegated"] = dict(person.delegated)
        return who, identity


def without(items: Sequence[Item], gone: Iterable[str]) -> tuple[Item, ...]:
    """Return items without some, and without what rests on them; evidence is only cited."""
    lost = set(gone)
    kept: list[Item] = []
    for item in items:
        rests = {
            name
            for field_name, names in item.references.items()
            if field_name != "evidence"
            for name in names
        }
        if item.name in lost or rests & lost:
            lost.add(item.name)
        else:
            cited = tuple(n for n in item.references.get("evidence", ()) if n not in lost)
            kept.append(_citing(item, cited))
    return tuple(kept)


def _citing(item: Item, cited: tuple[str, ...]) -> Item:
    if cited == item.references.get("evidence", ()):
        return item
    left = {name: names for name, names in item.references.items() if name != "evidence"}
    return replace(item, references={**left, "evidence": cited} if cited else left)
