"""What a condition sees of each record: the table of docs/spec/contract-language.md, row by row.

Written from the table and from docs/spec/ledger-format.md, for the naive reference alone.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Final, TypeAlias, TypeGuard

import jsonschema_rs
from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings
from google.protobuf.timestamp_pb2 import Timestamp

from contracts.history import Event
from contracts.model import Contract, Tool

# Whatever a record can hold or a condition can give.
Value: TypeAlias = Any

VARIABLES: Final = (
    *("action", "params", "outcome", "observation", "message", "approval", "switch"),
    *("run", "identity", "evidence", "limits", "facts"),
)
LONGEST: Final = 256
EXACT: Final = 2**53 - 1
ENV: Final = cel.NewEnv(
    variables=dict.fromkeys(VARIABLES, cel.Type.DYN),
    extensions=[ext_strings.ExtStrings(), ext_math.ExtMath()],
)


class UndecidableError(Exception):
    """No value, and the class of reason: scope, clock, key, types, long, empty, error, pending."""


def is_map(value: Value) -> TypeGuard[Mapping[str, Value]]:
    """Whether a value is an object of JSON."""
    return isinstance(value, dict)


def is_list(value: Value) -> TypeGuard[list[Value]]:
    """Whether a value is a list of JSON."""
    return isinstance(value, list)


@cache
def compiled(text: str) -> cel.Expression:
    """The CEL program of a text (a cache of programs, not of answers)."""
    return ENV.compile(text)


def evaluated(text: str, view: Mapping[str, Value]) -> Value:
    """The value of a CEL text over a view.

    Raises:
        UndecidableError: CEL answers with an error.
    """
    try:
        named = {name: value for name, value in view.items() if name in text}
        value = compiled(text).eval(data=bound(named))
    except RuntimeError as error:  # the iteration budget
        raise UndecidableError("error") from error
    if value.type().name() in {"ERROR", "UNKNOWN"}:
        raise UndecidableError("error")
    return value.plain_value()


def bound(value: Value) -> Value:
    """A value as CEL takes it: nulls dropped from maps, no negative zero, times as protobuf."""
    if is_map(value):
        return {name: bound(member) for name, member in value.items() if member is not None}
    if is_list(value):
        return [bound(member) for member in value]
    if isinstance(value, datetime):
        stamp = Timestamp()
        stamp.FromDatetime(value)
        return stamp
    return value + 0.0 if isinstance(value, float) else value


def coerced(value: Value, schema: Value, whole: Mapping[str, Value]) -> Value:
    """Parameters in the types of their JSON Schema: numbers are doubles, whole integers ints."""
    schema = resolved(schema, whole)
    if is_map(value):
        inner, rest = schema.get("properties", {}), schema.get("additionalProperties")
        return {name: coerced(one, inner.get(name, rest), whole) for name, one in value.items()}
    if is_list(value):
        return [coerced(member, schema.get("items"), whole) for member in value]
    types = schema.get("type")
    types = [one for one in types if one != "null"] if is_list(types) else [types]
    if types == ["number"] and type(value) is int:
        return float(value)
    if types == ["integer"] and isinstance(value, float) and value.is_integer():
        return int(value) if abs(value) <= EXACT else value
    return value


def resolved(schema: Value, whole: Mapping[str, Value]) -> Mapping[str, Value]:
    """A schema behind references and behind unions of one type with null."""
    if not is_map(schema):
        return {}
    if "$ref" in schema:
        return resolved(pointed(str(schema["$ref"]), whole), whole)
    for union in ("anyOf", "oneOf"):
        branches = [one for one in schema.get(union, []) if one != {"type": "null"}]
        if branches:
            return resolved(branches[0], whole) if len(branches) == 1 else {}
    return schema


def pointed(reference: str, whole: Mapping[str, Value]) -> Value:
    """The part of a schema that a local reference names."""
    place: Value = whole
    for step in reference.removeprefix("#").split("/")[1:]:
        place = place[step]
    return place


def holds_raw(value: Value) -> bool:
    """Whether what could not be represented, `{"raw": text}`, stands anywhere in it."""
    if is_map(value):
        is_raw = list(value) == ["raw"] and isinstance(value["raw"], str)
        return is_raw or any(holds_raw(member) for member in value.values())
    return is_list(value) and any(holds_raw(member) for member in value)


def too_long(value: Value) -> bool:
    """Whether a list of more than 256 elements stands anywhere in it."""
    if is_map(value):
        return any(too_long(member) for member in value.values())
    return is_list(value) and (len(value) > LONGEST or any(too_long(one) for one in value))


def moment(text: str) -> datetime:
    """A time of the ledger."""
    return datetime.fromisoformat(text)


def picked(record: Mapping[str, Value], names: str) -> dict[str, Value]:
    """The members that are there; free-form ones only where all of them could be represented."""
    found = {name: record[name] for name in names.split() if name in record}
    free = {"fields", "attributes"}
    return {name: one for name, one in found.items() if name not in free or not holds_raw(one)}


@dataclass(frozen=True)
class Views:
    """One contract's view of one history."""

    contract: Contract
    events: Sequence[Event]

    @cached_property
    def given(self) -> dict[tuple[int, str], dict[str, Value]]:
        """Actions that were asked for, as conditions see them."""
        return {}

    @cached_property
    def named(self) -> dict[str, Event]:
        """The first entry that holds a record, by the record's digest."""
        return {event.digest: event for event in reversed(self.events)}

    def find(self, digest: str | None) -> Event | None:
        """The entry that holds a record."""
        return None if digest is None else self.named.get(digest)

    def action_of(self, event: Event) -> Event | None:
        """The action itself, or the one that a record belongs to."""
        if event.record["kind"] == "action":
            return event
        return self.find(event.record["action"]) if "action" in event.record else None

    def run_of(self, event: Event) -> Event | None:
        """The opening of the run in which a record stands."""
        if event.record.get("phase") == "opened":
            return event
        action = self.action_of(event)
        digest = event.record.get("run") or (action.record["run"] if action else None)
        return self.find(digest)

    def time_of(self, event: Event) -> datetime | None:
        """The event time, where there is one."""
        if not event.imported:
            return moment(event.recorded_at)
        run, at = self.run_of(event), event.record.get("at")
        claimed = run is not None and run.record.get("import", {}).get("clock") == "claimed"
        return moment(at) if claimed and at else None

    def tool_of(self, action: Event) -> Tool | None:
        """The tool as the contract knows it."""
        return self.contract.tools.get(action.record["tool"])

    def view(self, event: Event, text: str, *, rule: bool) -> dict[str, Value]:
        """What a text may see of a record but limits and facts; `rule`: as a rule sees it."""
        action, run = self.action_of(event), self.run_of(event)
        kind = str(event.record["kind"])
        view: dict[str, Value] = {}
        if action and "params" in text:
            view = self.params_of(action)
        if action and "action" in text:
            asked = (action.index, action.digest)
            if asked not in self.given:
                self.given[asked] = self.action_view(action)
            view["action"] = self.given[asked]
        if kind in {"outcome", "observation", "message", "approval", "switch"}:
            view[kind] = self.record_view(kind, event)
        if run and "run" in text:
            view["run"] = self.run_view(run, event.index)
        if rule:
            cited = [self.find(digest) for digest in event.record.get("evidence", [])]
            view["evidence"] = [self.record_view("observation", one) for one in cited if one]
            view["identity"] = identity_view(event.identity)
        return view

    def params_of(self, action: Event) -> dict[str, Value]:
        """The variable `params`, where there is one."""
        params, tool = action.record["params"], self.tool_of(action)
        if too_long(params) or holds_raw(params):
            return {}
        schema: Mapping[str, Value] = (tool.schema or {}) if tool else {}
        return {"params": coerced(params, schema, schema)}

    def action_view(self, event: Event) -> dict[str, Value]:
        """The variable `action`."""
        run = self.run_of(event)
        earlier = [one.record for one in self.events if one.index < event.index]
        texts = [
            one["selector"]
            for one in earlier
            if "selector" in one and run and one["service"] == run.record["service"]
        ]
        selected = [text for text in dict.fromkeys(texts) if self.selects(text, event)]
        return self.selectable(event) | {"selected": selected if len(selected) <= LONGEST else None}

    def selects(self, selector: str, action: Event) -> bool:
        """Whether a switch with this selector is about an action: unless it says that it is not."""
        run = self.run_of(action)
        view = {"action": self.selectable(action), **self.params_of(action)}
        view |= {"run": self.run_view(run, action.index)} if run else {}
        try:
            return evaluated(selector, view) is not False
        except UndecidableError:
            return True

    def selectable(self, event: Event) -> dict[str, Value]:
        """The same without what switches select."""
        record, tool = event.record, self.tool_of(event)
        text = json.dumps(
            {"params": record["params"], "tool": record["tool"]},
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
        )
        names = "tool target turn call_id channel idempotency_key resumes compensates by estimate"
        view = picked(record, names) | {
            "digest": event.digest,
            "index": event.index,
            "time": self.time_of(event),
            "imported": event.imported,
            "known": tool is not None,
            "call": hashlib.sha256(text.encode()).hexdigest(),
            "claimed_version": record.get("contract", {}).get("version"),
            "claimed_digest": record.get("contract", {}).get("digest"),
            "decision": record.get("decision", {}).get("effect"),
        }
        return view | self.by_contract(event, tool) if tool else view

    def by_contract(self, event: Event, tool: Tool) -> dict[str, Value]:
        """The members of `action` that the contract adds or computes."""
        visible, estimate = self.params_of(event), dict(event.record.get("estimate", {}))
        view: dict[str, Value] = {"mode": tool.mode, "permission": tool.permission or None}
        if visible:
            fits = tool.schema is None or jsonschema_rs.is_valid(
                dict(tool.schema), event.record["params"]
            )
            view["conforms"] = fits
        if tool.target:
            view["target"] = computed(tool.target, visible)
        for name, text in (("cost", tool.estimate_cost), ("value", tool.estimate_value)):
            if text:
                micros = computed(text, visible)
                money = {"micros": micros, "currency": tool.currency or None}
                estimate[name] = money if type(micros) is int else None
        return view | {"estimate": estimate or None}

    def record_view(self, kind: str, event: Event) -> dict[str, Value]:
        """The variables `outcome`, `observation`, `message`, `approval` and `switch`."""
        record, time = event.record, self.time_of(event)
        view: dict[str, Value] = {"index": event.index, "time": time}
        if kind == "outcome":
            action = self.action_of(event)
            began = self.time_of(action) if action else None
            view |= picked(record, "status error fields result_digest cost value tokens")
            if began and time and action and action.imported == event.imported:
                view["seconds"] = (time - began).total_seconds()
            return view
        if kind == "observation":
            run = self.run_of(event)
            view |= {"kind": record["what"], "self_attested": record.get("self_attested", False)}
            view |= {"run": run.digest if run else None}
            view["observed_at"] = moment(record["observed_at"]) if "observed_at" in record else None
            return view | picked(record, "source observer ref digest fields")
        if kind == "message":
            return view | {"content": ""} | picked(record, "role turn content cost tokens")
        if kind == "approval":
            view["expires_at"] = moment(record["expires_at"]) if "expires_at" in record else None
            return view | picked(record, "verdict rule reason by")
        view["roles"] = list(event.identity.get("roles", ()))
        return view | picked(record, "state mode selector reason by")

    def run_view(self, run: Event, as_of: int) -> dict[str, Value]:
        """The variable `run`, as of an index."""
        names = "ref service goal channel workflow domain requester parent model prompt_digest"
        view = picked(run.record, names + " policy attributes")
        closed = [
            event.record
            for event in self.events
            if event.index <= as_of
            and event.record.get("phase") == "closed"
            and event.record["run"] == run.digest
        ]
        view |= picked(closed[-1], "outcome value") if closed else {}
        return view | {"id": run.digest, "imported": run.imported, "time": self.time_of(run)}


def identity_view(identity: Mapping[str, Value]) -> dict[str, Value]:
    """The variable `identity`; the ends of a delegation are times."""
    delegated: dict[str, Value] = dict(identity.get("delegated", {}))
    delegated |= {end: moment(delegated[end]) for end in ("since", "until") if end in delegated}
    return {"registered": False, **identity, "delegated": delegated or None}


def computed(text: str, visible: Mapping[str, Value]) -> Value:
    """What the contract computes from the parameters; None where it cannot."""
    try:
        return evaluated(text, visible)
    except UndecidableError:
        return None
