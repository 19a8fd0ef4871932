"""One member of a variable for many records at once: what `contracts.view` says of each.

Most members are a field of the record as it stands, or hang on little of it. Of these no function
is called for each record. A value is made plain where a column is made of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Final

from contracts.coercion import Value, is_map
from contracts.instants import micros
from contracts.lineage import Placed, Run
from contracts.run_views import run_field
from contracts.stated_members import STATED
from contracts.view import ABSENT, Absent, Views
from ledger.encoding import call_digest_checked


@dataclass(frozen=True, slots=True)
class Many:
    """A member, or `params`, of many records.

    Attributes:
        values: One for each record, None where it has none.
        nulls: What is None has a value all the same, which is null.
        recorded: The values are as recorded: members that are null are none, and −0.0 is 0.0.
        hides_raw: A value that could not be represented, or holds one that could not, is none.
        hides_long: A value that holds a list that is longer than a condition can see is none.
        instants: The values are times, in microseconds since 1970.
    """

    values: Sequence[Value]
    _: KW_ONLY
    recorded: bool = False
    hides_raw: bool = False
    hides_long: bool = False
    nulls: bool = False
    instants: bool = False


class Records:
    """Records that all have a variable: `action`, or that of their own subject.

    Attributes:
        each: The records at their places.
        root: The variable.
        said: The records as written. They lie far apart in memory: they are looked for once.
    """

    def __init__(self, each: Sequence[Placed], root: str) -> None:
        self.each = each
        self.root = root
        self.said = [one.event.record for one in each]

    def many(self, views: Views, name: str) -> Many:
        """Return a member of the variable."""
        if name == "time":
            return Many([one.time for one in self.each], instants=True)
        member = views.member(self.root, name)
        if member is None:
            return Many([None] * len(self.each))
        stated = STATED.get(member)
        if stated is None:
            return Many([_or_none(member(one)) for one in self.each])
        fields = [one.get(stated.name) for one in self.said]
        if stated.instant:
            return Many([micros(one) for one in fields], instants=True)
        return Many(fields, recorded=True, hides_raw=stated.open)

    def one_by_one(self, views: Views, name: str) -> list[Value]:
        """Return the same, asked of each record by itself: absent where it has none."""
        member = views.member(self.root, name)
        return [ABSENT if member is None else member(one) for one in self.each]


class Runs:
    """Runs, each as of a place.

    Attributes:
        each: The runs.
        opened: The records that opened them.
    """

    def __init__(self, each: Sequence[Run]) -> None:
        self.each = each
        self.opened = [one.opened for one in each]

    def many(self, _views: Views, name: str) -> Many:
        """Return a member of the variable `run`."""
        if name == "time":
            return Many([one.time for one in self.each], instants=True)
        made = run_field(name)
        stated = STATED.get(made)
        if stated is None:
            return Many([made(one) for one in self.each])
        if stated.closed:
            closed = [one.closed for one in self.each]
            values = [None if one is None else one.get(stated.name) for one in closed]
        else:
            values = [one.get(stated.name) for one in self.opened]
        return Many(values, recorded=True, hides_raw=stated.open)

    def one_by_one(self, _views: Views, name: str) -> list[Value]:
        """Return the same, asked of each run by itself: absent where it has none."""
        made = run_field(name)
        return [ABSENT if (value := made(one)) is None else value for one in self.each]


class Actions(Records):
    """Actions, whose variable belongs to other records too.

    Attributes:
        tools: Their tools.
        allowed: Of each, whether it was not recorded as denied, held or escalated.
        params: Their parameters, as recorded.
    """

    def __init__(self, each: Sequence[Placed]) -> None:
        super().__init__(each, "action")
        self.tools: list[str] = [one["tool"] for one in self.said]
        self.params: list[Value] = [one["params"] for one in self.said]
        self.allowed = [_allowed(one.get("decision")) for one in self.said]

    def many(self, views: Views, name: str) -> Many:
        """Return a member of the variable `action`."""
        made = _MADE.get(name)
        return super().many(views, name) if made is None else made(views, self)

    def many_params(self, views: Views) -> Many:
        """Return the variable `params`."""
        tools = {name: views.tool(name) for name in set(self.tools)}
        found = [
            params if (tool := tools[name]) is None else tool.params(params)
            for name, params in zip(self.tools, self.params, strict=True)
        ]
        return Many(found, recorded=True, hides_raw=True, hides_long=True, nulls=None in found)


def _allowed(decision: Mapping[str, Value] | None) -> bool:
    return decision is None or decision.get("effect") == "allow"


def _or_none(value: Value) -> Value:
    return None if isinstance(value, Absent) else value


# --------------------------------------------------------------------- members of `action`

Make = Callable[[Views, Actions], Many]


def _calls(views: Views, actions: Actions) -> Many:
    member = views.member("action", "call") or _absent
    return Many(
        [
            _or_none(member(one)) if one.event.unseen else call_digest_checked(tool, params)
            for one, tool, params in zip(actions.each, actions.tools, actions.params, strict=True)
        ]
    )


def _nested(outer: str, inner: str) -> Make:
    def made(_views: Views, actions: Actions) -> Many:
        holders = [one.get(outer) for one in actions.said]
        return Many([one.get(inner) if is_map(one) else None for one in holders])

    return made


def _of_tools(name: str) -> Make:
    """Return a member that is the same for all calls of a tool."""

    def made(views: Views, actions: Actions) -> Many:
        member = views.member("action", name) or _absent
        by_tool = dict(zip(actions.tools, actions.each, strict=True))
        said = {tool: _or_none(member(one)) for tool, one in by_tool.items()}
        return Many([said[tool] for tool in actions.tools])

    return made


def _computed(name: str, *parts: str, recorded: bool) -> Make:
    """Return a member that some tools' contracts compute, and which else is a field."""

    def made(views: Views, actions: Actions) -> Many:
        member = views.member("action", name) or _absent
        tools = {tool: views.tool(tool) for tool in set(actions.tools)}
        plain = {
            tool for tool, one in tools.items() if one is None or not {*parts} & {*one.computes}
        }
        fields = [one.get(name) for one in actions.said]
        values = [
            field
            if (field is None or type(field) is str) and tool in plain
            else _or_none(member(one))
            for field, tool, one in zip(fields, actions.tools, actions.each, strict=True)
        ]
        return Many(values, recorded=recorded)

    return made


def _absent(_placed: Placed) -> Value:
    return ABSENT


_MADE: Final[dict[str, Make]] = {
    "call": _calls,
    "mode": _of_tools("mode"),
    "known": _of_tools("known"),
    "permission": _of_tools("permission"),
    "claimed_version": _nested("contract", "version"),
    "claimed_digest": _nested("contract", "digest"),
    "decision": _nested("decision", "effect"),
    "digest": lambda _views, actions: Many([one.event.digest for one in actions.each]),
    "imported": lambda _views, actions: Many([one.event.imported for one in actions.each]),
    "target": _computed("target", "target", recorded=False),
    # What is computed of it is whole numbers: to make it plain again changes nothing.
    "estimate": _computed("estimate", "cost", "value", recorded=True),
}
