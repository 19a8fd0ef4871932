"""Views: what a condition sees of each record, and what it does not."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.coercion import coercion, holds_long_list, holds_raw, plain
from contracts.instants import for_cel, micros, moment, moment_of, written
from contracts.lineage import Lineage, Placed
from contracts.run_views import identity_view, run_view
from contracts.view import Absent, Views
from ledger.encoding import call_digest
from tests.reference.histories import SERVICE, contract_of, digest_of, events_of

Line = dict[str, Any]


def placed_in(*lines: Line) -> list[Placed]:
    """Each entry of a history, placed."""
    lineage = Lineage()
    every: list[Placed] = []
    for event in events_of([{"opened": "r"}, *lines]):
        every.append(lineage.place(event))
        lineage.remember(every[-1])
    return every


def views(**tools: Any) -> Views:  # noqa: ANN401 - tools as written
    """The views of a contract with some tools."""
    return Views(contract_of({"tools": tools}))


def test_nulls_go_and_negative_zero_is_zero() -> None:
    """Null members of maps are dropped at any depth; elements of lists stay where they are."""
    value = plain({"a": None, "b": [None, {"c": None, "d": -0.0}], "e": 1, "f": "x"})
    assert value == {"b": [None, {"d": 0.0}], "e": 1, "f": "x"}
    assert str(value["b"][1]["d"]) == "0.0"


SCHEMA: Line = {
    "type": "object",
    "properties": {
        "number": {"type": "number"},
        "int": {"type": ["integer", "null"]},
        "list": {"type": "array", "items": {"type": "number"}},
        "same": {"type": "array", "items": {"type": "string"}},
        "union": {"type": ["integer", "string"]},
        "either": {"anyOf": [{"type": "number"}, {"type": "string"}]},
        "maybe": {"oneOf": [{"type": "null"}, {"type": "number"}]},
        "ref": {"$ref": "#/$defs/money"},
        "lost": {"$ref": "#/$defs/none/at/all"},
        "far": {"$ref": "https://example.org/x"},
        "node": {"$ref": "#/$defs/node"},
        "a/b": {"type": "number"},
        "text": {"type": "object", "properties": {"x": {"type": "string"}}},
    },
    "additionalProperties": {"type": "integer"},
    "$defs": {
        "money": {"properties": {"micros": {"type": "integer"}}},
        "node": {"properties": {"n": {"type": "number"}, "next": {"$ref": "#/$defs/node"}}},
    },
}


@pytest.mark.parametrize(
    ("name", "recorded", "seen"),
    [
        ("number", 5, 5.0),
        ("number", True, True),
        ("number", "5", "5"),
        ("int", 5.0, 5),
        ("int", 5.5, 5.5),
        ("int", 1e300, 1e300),
        ("list", [1, 2.5, "x"], [1.0, 2.5, "x"]),
        ("list", 1, 1),
        ("same", ["a"], ["a"]),
        ("union", 5.0, 5.0),
        ("either", 5, 5),
        ("maybe", 5, 5.0),
        ("ref", {"micros": 5.0, "other": 5.0}, {"micros": 5, "other": 5.0}),
        ("ref", 5.0, 5.0),
        ("lost", 5, 5),
        ("far", 5, 5),
        ("node", {"n": 1, "next": {"n": 1}}, {"n": 1.0, "next": {"n": 1}}),
        ("a/b", 1, 1.0),
        ("text", {"x": 1}, {"x": 1}),
        ("extra", 5.0, 5),
    ],
)
def test_numbers_are_what_the_schema_says(name: str, recorded: object, seen: object) -> None:
    """A number is a double, an integer an int; nothing else is coerced."""
    found = coercion(SCHEMA)({name: recorded})[name]
    assert found == seen
    assert type(found) is type(seen)


def test_a_schema_that_is_none_coerces_nothing() -> None:
    """`true`, and no schema at all, leave a value as it is."""
    assert coercion(True)({"a": 5}) == {"a": 5}  # noqa: FBT003 - a JSON Schema may be a bool
    assert coercion(None)(5.0) == 5.0


def test_raw_values_and_long_lists_are_found_at_any_depth() -> None:
    """What could not be represented, and what is too long to walk, is noticed wherever it is."""
    assert holds_raw({"a": [{"b": {"raw": "MQ=="}}]})
    assert not holds_raw({"raw": "x", "more": 1})
    assert not holds_raw({"raw": 1})
    assert holds_long_list({"a": [{"b": list(range(257))}]})
    assert not holds_long_list({"a": list(range(256))})


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"raw": "MQ=="}, "params is not JSON, or holds a value that is not"),
        ({"a": {"raw": "MQ=="}}, "params is not JSON, or holds a value that is not"),
        ({"a": [0] * 257}, "params holds a list of more than 256 elements"),
    ],
)
def test_params_that_cannot_be_seen_do_not_exist(params: Line, reason: str) -> None:
    """Then nobody knows whether they conform, or what their target is; the call is still known."""
    made = views(pay={"mode": "execute", "target": "params.a", "estimate": {"cost": "params.a"}})
    _, action = placed_in({"action": "a", "params": params, "target": "claimed"})
    found = made.params(action)
    assert isinstance(found, Absent)
    assert found.reason == reason
    assert made.action(action, ("conforms", "target", "estimate", "call")) == {
        "call": call_digest("pay", params)
    }


def test_an_action_is_seen_as_the_contract_says_it() -> None:
    """Mode, permission, target and estimate are the contract's, whatever the agent claims."""
    tool = {
        "mode": "execute",
        "permission": "payouts.write",
        "params": {"required": ["to"]},
        "target": "params.to",
        "estimate": {"cost": "params.n", "currency": "EUR"},
    }
    line: Line = {
        "action": "a",
        "params": {"to": "x", "n": 7},
        "mode": "read",
        "target": "y",
        "estimate": {"cost": {"currency": "USD", "micros": 1}, "value": {"micros": 2}},
        "contract": {"version": "1", "digest": "d"},
        "decision": "allow",
        "turn": 0,
        "call_id": None,
    }
    _, action = placed_in(line)
    assert views(pay=tool).action(action) == {
        "tool": "pay",
        "mode": "execute",
        "permission": "payouts.write",
        "known": True,
        "conforms": True,
        "target": "x",
        "call": call_digest("pay", {"to": "x", "n": 7}),
        "estimate": {"cost": {"currency": "EUR", "micros": 7}, "value": {"micros": 2}},
        "turn": 0,
        "by": SERVICE,
        "digest": digest_of("a"),
        "index": 1,
        "time": datetime(2026, 3, 1, 9, 0, 1, tzinfo=UTC),
        "imported": False,
        "claimed_version": "1",
        "claimed_digest": "d",
        "decision": "allow",
        "selected": [],
    }


@pytest.mark.parametrize(("number", "there"), [(256, True), (257, False)])
def test_too_many_selectors_are_no_list(number: int, there: bool) -> None:  # noqa: FBT001 - a case
    """More than 256 selectors that select an action are more than a condition can walk."""
    _, action = placed_in({"action": "a"})
    many = replace(action, selectors=tuple(f"{one} > 0" for one in range(1, number + 1)))
    assert ("selected" in views().action(many, ("selected",))) is there


def test_an_unknown_tool_has_no_mode_and_does_not_conform_or_not() -> None:
    """What the contract does not know it says nothing of; what was recorded stays."""
    _, action = placed_in({"action": "a", "tool": "nope", "mode": "read", "target": "y"})
    found = views().action(action, ("known", "mode", "permission", "conforms", "target", "other"))
    assert found == {"known": False, "target": "y"}


def test_an_expression_that_fails_leaves_its_member_absent() -> None:
    """An estimate that is no int is none; it never falls back to what the agent claimed."""
    tool = {"mode": "read", "target": "params.no", "estimate": {"cost": "params.n", "value": "1"}}
    line: Line = {"action": "a", "params": {"n": "x"}, "target": "y"}
    _, action = placed_in({**line, "estimate": {"cost": {"micros": 1}}})
    found = views(pay=tool).action(action, ("target", "estimate"))
    assert found == {"estimate": {"value": {"micros": 1}}}


def test_records_are_seen_member_by_member() -> None:
    """Each kind has the members that the specification lists, and no member that it has not."""
    made = views()
    every = placed_in(
        {"action": "a"},
        {"outcome": "o", "of": "a", "fields": {"x": None}, "tokens": {"input": 3}, "t": 4},
        {"observation": "v", "of": "a", "in": None, "observed_at": 1, "fields": [{"raw": "x"}]},
        {"observation": "w", "in": None, "fields": 0},
        {"message": "m", "role": "user"},
        {"approval": "p", "of": "a", "expires_at": 9},
        {"switch": "s"},
    )
    _, action, outcome, result, loose, message, approval, switch = every
    assert made.record(outcome, ("seconds", "fields", "tokens", "status", "cost")) == {
        "seconds": 3.0,
        "fields": {},
        "tokens": {"input": 3},
        "status": "ok",
    }
    found = made.record(result)
    assert (found["run"], found["self_attested"]) == (digest_of("r"), False)
    assert "fields" not in found
    assert "run" not in made.record(loose)
    assert made.record(loose)["fields"] == 0
    assert made.record(message, ("content",)) == {"content": ""}
    assert made.record(approval)["expires_at"] == datetime(2026, 3, 1, 9, 0, 9, tzinfo=UTC)
    assert made.record(switch)["state"] == "engaged"
    assert made.action(result) == made.action(action)
    assert isinstance(made.params(loose), Absent)
    assert isinstance(made.action(message), Absent)


def test_seconds_need_two_times_of_one_clock() -> None:
    """A live outcome of an imported action took no time that anybody could prove."""
    run: Line = {"opened": "q", "import": "claimed", "at": 0}
    action: Line = {"action": "a", "in": "q", "at": 1}
    *_, claimed = placed_in(run, action, {"outcome": "o", "of": "a", "in": "q", "at": 3})
    assert views().record(claimed, ("seconds",)) == {"seconds": 2.0}
    *_, untimed = placed_in(run, {"action": "a", "in": "q"}, {"outcome": "o", "of": "a", "in": "q"})
    assert views().record(untimed, ("seconds",)) == {}
    *_, live = placed_in(run, action, {"outcome": "o", "of": "a"})
    assert views().record(live, ("seconds",)) == {}
    *_, orphan = placed_in({"outcome": "o", "of": "nobody"})
    assert views().record(orphan, ("seconds",)) == {}


def test_a_run_is_seen_as_of_a_place() -> None:
    """Before it is closed it has no outcome; what could not be represented is not shown."""
    opened, closed = placed_in({"closed": "r", "value": {"micros": 1}})
    assert opened.run is not None
    assert closed.run is not None
    assert "outcome" not in run_view(opened.run)
    assert run_view(closed.run)["outcome"] == "done"
    assert run_view(closed.run, ("value", "imported", "goal")) == {
        "value": {"micros": 1},
        "imported": False,
    }
    (_, odd) = placed_in({"opened": "q", "attributes": {"x": {"raw": "MQ=="}}})
    assert odd.run is not None
    assert "attributes" not in run_view(odd.run)
    assert run_view(odd.run)["time"] == datetime(2026, 3, 1, 9, 0, 1, tzinfo=UTC)


def test_an_identity_is_always_registered_or_not() -> None:
    """A delegation's ends are times; one that cannot be read is absent."""
    assert identity_view({}) == {"registered": False}
    found = identity_view(
        {"registered": True, "delegated": {"by": "x", "since": "2026-01-01T00:00:00.000000Z"}}
    )
    assert found["delegated"] == {"by": "x", "since": datetime(2026, 1, 1, tzinfo=UTC)}


def test_times_are_read_exactly_or_not_at_all() -> None:
    """Microseconds survive; a text without zone, or that is no time, is none."""
    text = "2026-03-01T09:00:00.000001Z"
    at = micros(text)
    assert at is not None
    assert written(moment(at)) == text
    assert micros("2026-03-01T09:00:00") is None
    assert micros("yesterday") is None
    assert micros(3) is None
    assert moment_of(None) is None
    assert for_cel({"a": [moment(at)]})["a"][0].nanos == 1000
    assert for_cel(moment(at) - moment(at - 1)).nanos == 1000
