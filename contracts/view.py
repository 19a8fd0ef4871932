"""Records as conditions see them: one variable a kind of record.

A variable is a map, and has no member where the record has none.
Only members that some condition reads are made: the digest of a call or the check of a schema
costs more than most rules. Source: docs/spec/contract-language.md, *Views*.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final

from contracts.coercion import (
    MAX_LIST,
    Coercion,
    Unseen,
    Value,
    coercion,
    holds_long_list,
    holds_raw,
    is_flat,
    is_map,
    plain,
)
from contracts.evaluation import Condition, Evaluator, Undecidable, condition, shared_evaluator
from contracts.instants import SECOND, moment, moment_of
from contracts.lineage import Placed
from contracts.model import Contract, Tool
from contracts.operations import UNSURE, settled
from contracts.run_views import RUN_MEMBERS, run_field, run_view
from contracts.schema_checks import validator
from contracts.selectors import Selectors
from contracts.shortcuts import OnlyViews
from contracts.stated_members import STATED, Stated
from contracts.unseen import unseen_in
from contracts.withholding import Hidden
from ledger.encoding import call_digest

Member = Callable[[Placed], Any]
Members = Iterable[str] | None


class Absent:
    """That a view has no such member or variable, and why."""

    __slots__ = ("hidden", "reason")

    def __init__(self, reason: str = "", hidden: Hidden = Hidden.NOTHING) -> None:
        self.reason = reason
        self.hidden = hidden


ABSENT: Final = Absent()


def _field(name: str) -> Member:
    """Return a member that is a field of the record, as it is."""

    def member(placed: Placed) -> Value:
        value = placed.event.record.get(name)
        if type(value) in _AS_IT_IS:
            return value
        return ABSENT if value is None else plain(value)

    STATED[member] = Stated(name)
    return member


_AS_IT_IS: Final = frozenset({str, int, bool})


def _open(name: str) -> Member:
    """Return a member that holds any JSON, absent where a part of it could not be represented."""

    def member(placed: Placed) -> Value:
        value = placed.event.record.get(name)
        return ABSENT if value is None or holds_raw(value) else plain(value)

    STATED[member] = Stated(name, open=True)
    return member


def _instant(name: str) -> Member:
    """Return a member that is a time that the record states."""

    def member(placed: Placed) -> Value:
        return moment_of(placed.event.record.get(name)) or ABSENT

    STATED[member] = Stated(name, instant=True)
    return member


def _nested(name: str, inner: str) -> Member:
    def member(placed: Placed) -> Value:
        outer = placed.event.record.get(name)
        value = outer.get(inner) if is_map(outer) else None
        return ABSENT if value is None else value

    return member


def _index(placed: Placed) -> Value:
    return placed.event.index


def _time(placed: Placed) -> Value:
    return ABSENT if placed.time is None else moment(placed.time)


def _call(placed: Placed) -> Value:
    params = placed.record["params"]
    unseen = _unseen(placed, params)
    return call_digest(placed.record["tool"], params) if unseen is None else unseen


def _unseen(placed: Placed, value: Value) -> Unseen | None:
    """Return a sealed value within one that nobody may see, where there is any."""
    return next((found for _, found in unseen_in(value)), None) if placed.event.unseen else None


def _seconds(placed: Placed) -> Value:
    """Return the seconds from the action to the outcome, where both have a time on one clock."""
    action = placed.action
    if action is None or placed.time is None or action.time is None:
        return ABSENT
    if placed.event.imported is not action.event.imported:
        return ABSENT
    return (placed.time - action.time) / SECOND


def _observation_run(placed: Placed) -> Value:
    return ABSENT if placed.run is None else placed.run.digest


_PLACE: dict[str, Member] = {"index": _index, "time": _time}

_ACTION: dict[str, Member] = {
    "tool": _field("tool"),
    "call": _call,
    "turn": _field("turn"),
    "call_id": _field("call_id"),
    "channel": _field("channel"),
    "idempotency_key": _field("idempotency_key"),
    "resumes": _field("resumes"),
    "compensates": _field("compensates"),
    "by": _field("by"),
    "digest": lambda placed: placed.event.digest,
    "imported": lambda placed: placed.event.imported,
    "claimed_version": _nested("contract", "version"),
    "claimed_digest": _nested("contract", "digest"),
    "decision": _nested("decision", "effect"),
    **_PLACE,
}

_OUTCOME: dict[str, Member] = {
    "status": _field("status"),
    "error": _field("error"),
    "fields": _open("fields"),
    "result_digest": _field("result_digest"),
    "cost": _field("cost"),
    "value": _field("value"),
    "tokens": _field("tokens"),
    "seconds": _seconds,
    **_PLACE,
}

_OBSERVATION: dict[str, Member] = {
    "kind": _field("what"),
    "source": _field("source"),
    "observer": _field("observer"),
    "self_attested": lambda placed: placed.record.get("self_attested") is True,
    "ref": _field("ref"),
    "digest": _field("digest"),
    "fields": _open("fields"),
    "observed_at": _instant("observed_at"),
    "run": _observation_run,
    **_PLACE,
}

OBSERVATION_MEMBERS: Final = tuple(_OBSERVATION)
"""The members of an observation, and so of each element of `evidence`."""

_MESSAGE: dict[str, Member] = {
    "role": _field("role"),
    "turn": _field("turn"),
    "content": lambda placed: placed.record.get("content") or "",
    "cost": _field("cost"),
    "tokens": _field("tokens"),
    **_PLACE,
}

_APPROVAL: dict[str, Member] = {
    "verdict": _field("verdict"),
    "rule": _field("rule"),
    "expires_at": _instant("expires_at"),
    "reason": _field("reason"),
    "by": _field("by"),
    **_PLACE,
}

_SWITCH: dict[str, Member] = {
    "state": _field("state"),
    "mode": _field("mode"),
    "selector": _field("selector"),
    "reason": _field("reason"),
    "by": _field("by"),
    "roles": lambda placed: list(placed.event.identity.get("roles", ())),
    **_PLACE,
}

_RECORDS: dict[str, dict[str, Member]] = {
    "outcome": _OUTCOME,
    "observation": _OBSERVATION,
    "message": _MESSAGE,
    "approval": _APPROVAL,
    "switch": _SWITCH,
}


def _chosen(table: Mapping[str, Member], members: Members, placed: Placed) -> dict[str, Value]:
    names = table if members is None else members
    made = {name: table[name](placed) for name in names if name in table}
    return {name: value for name, value in made.items() if not isinstance(value, Absent)}


class ToolView:
    """What a contract makes of the calls of one tool."""

    def __init__(self, tool: Tool, evaluator: Evaluator) -> None:
        self.tool = tool
        self._evaluator = evaluator
        self._coerce: Coercion = coercion(tool.schema)
        self._validator = None if tool.schema is None else validator(tool.schema)
        texts = {
            "target": tool.target,
            "cost": tool.estimate_cost,
            "value": tool.estimate_value,
        }
        self._computed: dict[str, Condition] = {
            name: condition(evaluator, text, 0) for name, text in texts.items() if text
        }

    @property
    def computes(self) -> Collection[str]:
        """What it makes of parameters: any of `target`, `cost` and `value`."""
        return self._computed

    def params(self, recorded: Value) -> Value:
        """Return parameters as a condition sees them."""
        return self._coerce(recorded)

    def conforms(self, recorded: Value) -> bool:
        """Return whether parameters, as recorded, satisfy the tool's schema."""
        return self._validator is None or self._validator.is_valid(recorded)

    def computed(self, name: str, params: Value) -> Value:
        """Return `target`, or the micros of `cost` or `value`; None where not in the contract."""
        asked = self._computed.get(name)
        if asked is None:
            return None
        values = {} if isinstance(params, Absent) else {"params": params}
        found = settled(asked.shortcut(OnlyViews(values), None)) if asked.shortcut else UNSURE
        if found is UNSURE:
            found = asked.program.run(self._evaluator.bind(values))
        return ABSENT if isinstance(found, Undecidable) or found is None else found


class Views:
    """The variables of a contract's conditions, but `limits` and `facts`: these rest on history."""

    def __init__(self, contract: Contract, evaluator: Evaluator | None = None) -> None:
        evaluator = shared_evaluator() if evaluator is None else evaluator
        self._tools = {name: ToolView(tool, evaluator) for name, tool in contract.tools.items()}
        self._own: dict[str, Member] = {
            "mode": lambda placed: self._of_tool(placed, "mode"),
            "known": lambda placed: placed.tool in self._tools,
            "permission": lambda placed: self._of_tool(placed, "permission"),
            "conforms": self._conforms,
            "target": self._target,
            "estimate": self._estimate,
        }
        # What a selector sees; what it selects cannot be among it.
        self._selectable = {**_ACTION, **self._own}
        self._action = {**self._selectable, "selected": self._selected}
        self._selectors = Selectors(evaluator)
        self._memo: dict[int, Value] | None = None

    def params(self, placed: Placed) -> Value:
        """Return the variable `params`, or `Absent` with the reason."""
        action = placed.its_action
        if action is None:
            return Absent(f"params: this {placed.subject} belongs to no action")
        if self._memo is None:
            return self._params(action)
        known = self._memo.get(id(action))
        if known is None:
            known = self._memo[id(action)] = self._params(action)
        return known

    @contextmanager
    def remembering(self) -> Generator[None]:
        """Make the parameters of each action once, while records of many conditions are viewed."""
        self._memo = {}
        try:
            yield
        finally:
            self._memo = None

    def _params(self, action: Placed) -> Value:
        recorded = action.record["params"]
        tool = self._tools.get(action.tool)
        if is_flat(recorded):
            return recorded if tool is None else tool.params(recorded)
        if holds_raw(recorded):
            return Absent("params is not JSON, or holds a value that is not")
        if holds_long_list(recorded):
            return Absent("params holds a list of more than 256 elements")
        return plain(recorded) if tool is None else tool.params(plain(recorded))

    def action(self, placed: Placed, members: Members = None) -> Value:
        """Return the variable `action`, or `Absent` where the record belongs to none."""
        action = placed.its_action
        if action is None:
            return Absent(f"action: this {placed.subject} belongs to no action")
        return _chosen(self._action, members, action)

    def record(self, placed: Placed, members: Members = None) -> dict[str, Value]:
        """Return the record's own variable: `outcome`, `message`, …, named as its kind."""
        return _chosen(_RECORDS[placed.subject], members, placed)

    def part(self, placed: Placed, root: str, name: str) -> Value:
        """Return one member of a variable that is made member by member.

        Returns:
            Its value; `ABSENT` where the variable has no such member; where there is no such
            variable here, why.
        """
        if root == "action":
            action = placed.its_action
            if action is None:
                return Absent(f"action: this {placed.subject} belongs to no action")
            table, placed = self._action, action
        elif root == placed.subject:
            table = _RECORDS[root]
        elif root == "run" and placed.run is not None:
            value = run_field(name)(placed.run)
            return ABSENT if value is None else value
        else:
            return Absent(f"there is no {root} for {placed.subject}")
        member = table.get(name)
        return ABSENT if member is None else member(placed)

    def cited(self, observations: Iterable[Placed]) -> list[dict[str, Value]]:
        """Return the variable `evidence`: the observations that an action cites."""
        return [self.observed(placed) for placed in observations]

    def member(self, root: str, name: str) -> Member | None:
        """Return what makes a member of `action` or of a record's own variable."""
        return (self._action if root == "action" else _RECORDS[root]).get(name)

    def tool(self, name: str) -> ToolView | None:
        """Return what the contract makes of a tool's calls, None where it does not know it."""
        return self._tools.get(name)

    def observed(self, observation: Placed, members: Members = None) -> dict[str, Value]:
        """Return one element of `evidence`."""
        return _chosen(_OBSERVATION, members, observation)

    def members_of(self, root: str) -> frozenset[str]:
        """Return the members that a variable which is made member by member can have."""
        if root == "run":
            return RUN_MEMBERS
        return frozenset(self._action if root == "action" else _RECORDS.get(root, ()))

    def _selected(self, placed: Placed) -> Value:
        """Return the selectors of earlier switches that select this action."""

        def variable(root: str, members: Members) -> Value:
            if root == "action":
                return _chosen(self._selectable, members, placed)
            if root == "run":
                return None if placed.run is None else run_view(placed.run, members)
            params = self.params(placed)
            return None if isinstance(params, Absent) else params

        found: list[str] = []
        for selector in placed.selectors:
            answer = self._selectors.selects(selector, variable)
            if isinstance(answer, Unseen):
                return answer
            found += [selector] if answer else []
        return ABSENT if len(found) > MAX_LIST else found

    def _of_tool(self, placed: Placed, name: str) -> Value:
        tool = self._tools.get(placed.tool)
        return (getattr(tool.tool, name) if tool else "") or ABSENT

    def _conforms(self, placed: Placed) -> Value:
        tool = self._tools.get(placed.tool)
        recorded = placed.record["params"]
        if tool is None:
            return ABSENT
        if is_flat(recorded):
            return tool.conforms(recorded)
        if holds_raw(recorded) or holds_long_list(recorded):
            return ABSENT
        unseen = _unseen(placed, recorded)
        return tool.conforms(recorded) if unseen is None else unseen

    def _target(self, placed: Placed) -> Value:
        tool = self._tools.get(placed.tool)
        params = self.params(placed)
        found = tool.computed("target", params) if tool else None
        unseen = _unseen(placed, params) if found is ABSENT else None
        if unseen is not None:
            return unseen
        return _field("target")(placed) if found is None else found

    def _estimate(self, placed: Placed) -> Value:
        estimate = dict(plain(placed.record.get("estimate") or {}))
        tool = self._tools.get(placed.tool)
        for name in ("cost", "value") if tool else ():
            params = self.params(placed)
            micros = tool.computed(name, params) if tool else None
            unseen = _unseen(placed, params) if micros is ABSENT else None
            if unseen is not None:
                return unseen
            if micros is not None:
                estimate.pop(name, None)
                estimate.update(_money(name, micros, tool.tool.currency if tool else ""))
        return estimate or ABSENT


def _money(name: str, micros: Value, currency: str) -> dict[str, Value]:
    if not isinstance(micros, int) or isinstance(micros, bool):
        return {}
    return {name: {"currency": currency, "micros": micros} if currency else {"micros": micros}}
