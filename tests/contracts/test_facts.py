"""Facts: what is counted, until when, for whom, and what is said where nothing can be."""

from typing import Any

import pytest

from contracts.counters import Entry, Reading, Reserve, Total, Window, joined
from contracts.engine import Engine
from contracts.evaluation import Undecidable
from contracts.facts import keys_of
from contracts.results import RuleResult
from tests.reference.histories import contract_of, events_of

Line = dict[str, Any]


def read(fact: Line, *lines: Line, **more: Any) -> RuleResult:  # noqa: ANN401 - parts of a contract
    """What a rule that reads one fact gives at the last entry."""
    facts = {**more.pop("facts", {}), "f": fact}
    rule = {"id": "r", "for": more.pop("asked", "*"), "unless": "facts.f == facts.f"}
    engine = Engine(contract_of({"facts": facts, "rules": [rule], **more}))
    found = [engine.observe(event) for event in events_of([{"opened": "r"}, *lines])]
    return found[-1][-1]


def acts(*params: Any) -> list[Line]:  # noqa: ANN401 - any parameter
    """Actions with one parameter `n` each."""
    return [{"action": f"a{number}", "params": {"n": one}} for number, one in enumerate(params)]


@pytest.mark.parametrize(
    ("fact", "value", "rests"),
    [
        ({"count": True}, 3, (1, 2, 3)),
        ({"seen": True}, True, (1, 2, 3)),
        ({"sum": "params.n"}, 8, (1, 2, 3)),
        ({"min": "params.n"}, 1, (2,)),
        ({"max": "params.n"}, 5, (1,)),
        ({"last": "params.n"}, 2, (3,)),
        ({"list": "params.n"}, [5, 1, 2], (1, 2, 3)),
    ],
)
@pytest.mark.parametrize("within", [{}, {"within": "1h"}])
def test_a_value_names_the_entries_that_it_rests_on(
    fact: Line, value: object, rests: tuple[int, ...], within: Line
) -> None:
    """A finding can show which earlier entries made it."""
    found = read({**fact, **within, "from": "action"}, *acts(5, 1, 2, 9))
    assert found.facts == {"f": value}
    assert found.rests_on == rests


def test_of_many_entries_the_most_recent_are_named() -> None:
    """A count of thousands does not carry thousands of indexes."""
    found = read({"count": True, "from": "action"}, *acts(*range(20)))
    assert found.rests_on == tuple(range(12, 20))


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        ({"sum": "params.m"}, "record 1: its value: params.m is absent"),
        ({"sum": "'x'"}, "record 1: its value: not an int but a string"),
        ({"sum": "2.5"}, "record 1: its value: not an int but a double"),
        ({"min": "[1]"}, "record 1: its value: a list has no order"),
        ({"min": "{'a': 1}"}, "record 1: its value: a map has no order"),
        ({"min": "params.n == 1"}, "record 1: its value: a bool has no order"),
        ({"min": "0.0 / 0.0"}, "record 1: its value: a double has no order"),
        ({"min": "b'x'"}, "record 1: its value: bytes or a duration has no order"),
        ({"sum": "[null][0]"}, "record 1: its value: not an int but null"),
        ({"count": True, "where": "params.n"}, "record 1: its where: not true or false but an int"),
        ({"count": True, "by": "params.m", "at": "'x'"}, "record 1: its key: params.m is absent"),
        ({"count": True, "by": "1.5", "at": "'x'"}, "record 1: its key: a key must be"),
        ({"count": True, "by": "'x'", "at": "params.m"}, "its key here: params.m is absent"),
        ({"count": True, "by": "'x'", "at": "[1.5]"}, "its key here: a key must be a string"),
        ({"count": True, "over": "workflow"}, "this action stands in no workflow"),
        ({"last": "params.n", "where": "false"}, "no record in this run"),
        ({"last": "params.n", "where": "false", "over": "ledger"}, "no record in the ledger"),
        ({"last": "params.n", "within": "1ms"}, "no record in this run and its window"),
        ({"last": "params.n", "by": "'x'", "at": "['x', 'y']"}, "no record in this run"),
        ({"sum": "9223372036854775807"}, "a sum beyond 64 bits"),
        ({"last": "facts.g", "by": "facts.g"}, "its key here: fact g: no record"),
        ({"last": "facts.g"}, "record 1: its value: fact g: no record"),
    ],
)
def test_a_fact_without_a_value_says_why(fact: Line, reason: str) -> None:
    """The reason names the fact, the record that spoils it, and which of its parts."""
    facts = {"g": {"last": "outcome.status", "from": "outcome"}}
    found = read({"from": "action", **fact}, *acts(1, 1, 1), facts=facts)
    assert found.reason.startswith(f"fact f: {reason}")
    assert found.facts == {}


def test_values_of_two_types_have_no_least() -> None:
    """An int and a string, or an int and a double, are not ordered; skipping does not help."""
    for within in ({}, {"within": "1h"}):
        fact = {"max": "params.n", "from": "action", "unknown": "skip", **within}
        found = read(fact, *acts(1, "x", 2))
        assert found.reason == "fact f: record 2: values of different types"


def test_a_long_list_is_no_fact() -> None:
    """256 values can be walked, one more cannot; that a value itself is too long counts too."""
    many: list[Line] = [{"message": "m", "role": "user", "repeat": 256}, *acts(1)]
    fact = {"list": "message.turn", "from": "message"}
    assert len(read(fact, *many).facts["f"]) == 256
    found = read(fact, {"message": "n", "role": "user"}, *many)
    assert found.reason == "fact f: a list of more than 256 values"
    long = {"observation": "o", "fields": [1] * 257}
    last = {"last": "observation.fields", "from": "observation"}
    assert "more than 256" in read(last, long, *acts(1)).reason
    pairs = {"count": True, "from": "action", "by": "params.n", "at": "params.l"}
    keys = {"action": "z", "params": {"l": [str(one) for one in range(256)]}}
    assert read(pairs, keys).facts["f"] == [0] * 256


def test_keys_keep_types_apart() -> None:
    """1, true and "1" are three keys, and each element of a list is one."""
    assert keys_of([1, True, "1", 1]) == (("int", 1), ("bool", True), ("string", "1"))
    assert keys_of("x") == (("string", "x"),)
    assert isinstance(keys_of([None]), Undecidable)


def test_a_clock_that_is_missing_or_unproven_is_said() -> None:
    """The reason tells a missing time from one that is only claimed, on either side."""
    none: Line = {"opened": "q", "import": "none"}
    claimed: Line = {"opened": "q", "import": "claimed", "at": 0}
    fact: Line = {"count": True, "from": "action", "within": "1h"}
    one: Line = {"action": "a", "in": "q", "at": 1}
    two: Line = {"action": "b", "in": "q", "at": 2}
    live: Line = {"action": "c", "t": 9}
    assert read(fact, none, one, two).reason == "fact f: this action has no event time"
    assert read(fact, claimed, one, two).facts == {"f": 1}
    wide = {**fact, "over": "ledger"}
    assert "is imported" in read(wide, claimed, one, two).reason
    assert "record 2: it is imported" in read(wide, claimed, one, live).reason
    assert read({**wide, "where": "!action.imported"}, claimed, one, live).facts == {"f": 0}


def test_reference_data_cannot_be_timed_from_a_claimed_clock() -> None:
    """Within a window they spoil an imported record's fact, where there are any at all."""
    run: Line = {"opened": "q", "import": "claimed", "at": 0}
    action: Line = {"action": "a", "in": "q", "at": 1}
    fact: Line = {"last": "observation.ref", "from": "observation", "reference": True}
    fact |= {"within": "1h", "default": "none"}
    data: Line = {"observation": "o", "in": None, "ref": "x"}
    assert read(fact, run, action).facts == {"f": "none"}
    assert "it stands in no run" in read(fact, data, run, action).reason
    assert read(fact, data, {"action": "a"}).facts == {"f": "x"}
    old: Line = {**data, "imported": True}
    assert "record 1: it has no event time" in read(fact, old, {"action": "a"}).reason
    keyed = {**fact, "by": "observation.ref", "at": "'y'"}
    assert read(keyed, data, run, action).facts == {"f": "none"}


def test_two_clocks_in_one_run_are_looked_at_one_by_one() -> None:
    """A live approval in an imported run stands out of order; nothing is lost by it."""
    run: Line = {"opened": "q", "import": "claimed", "at": 0}
    action: Line = {"action": "a", "in": "q", "at": 1}
    approvals: list[Line] = [{"approval": f"p{n}", "of": "a", "t": 100} for n in range(2)]
    later: Line = {"action": "b", "in": "q", "at": 2}
    fact: Line = {"count": True, "from": "approval", "within": "30d"}
    assert read(fact, run, action, *approvals, later).facts == {"f": 0}
    total: Line = {"sum": "1", "from": "approval", "within": "30d"}
    assert read(total, run, action, *approvals, later).facts == {"f": 0}


def test_what_is_reserved_is_settled_by_its_outcome() -> None:
    """An action weighs its expression until its outcome is there, and then what that says."""
    fact: Line = {"sum": "outcome.value.micros", "from": "outcome", "reserve": "params.n"}
    paid: Line = {"outcome": "o", "of": "a0", "value": {"micros": 2}}
    assert read(fact, *acts(5, 0)).facts == {"f": 5}
    assert read(fact, *acts(5), paid, {"action": "z"}).facts == {"f": 2}
    assert read(fact, *acts(5), paid, asked="outcome").facts == {"f": 0}
    failing = {**fact, "where": "outcome.status == 'ok'"}
    failed = {**paid, "status": "error"}
    assert read(failing, *acts(5), failed, {"action": "z"}).facts == {"f": 0}
    wrong = read(fact, *acts("x"), {"action": "z"})
    assert wrong.reason == "fact f: record 1: its value: not an int but a string"
    assert read(fact, *acts("x"), paid, {"action": "z"}).facts == {"f": 2}
    denied = [{**acts(5)[0], "decision": "deny"}, paid, {"action": "z"}]
    assert read(fact, *denied).facts == {"f": 0}


# ------------------------------------------------------------------------------ counters


def test_a_window_is_half_open() -> None:
    """A value counts if after < time <= until."""
    window = Window("sum")
    for index, time in enumerate((1, 2, 2, 3)):
        window.add(Entry(index, 1), time)
    assert window.read(1, 2).total == 2
    assert window.read(0, 3).total == 4
    assert window.read(3, 9).total == 0
    assert window.read(0, 1).recent == (0,)


def test_a_window_forgets_what_nobody_can_see() -> None:
    """Memory is bounded by the window; what is left gives the same answers."""
    window, whole = Window("sum"), Window("sum")
    for index in range(1000):
        for one in (window, whole):
            one.add(Entry(index, index), index)
        window.forget(index - 10)
        assert window.read(index - 10, index) == whole.read(index - 10, index)
    bad = Window("sum")
    bad.add(Entry(0, reason="why"), 0)
    assert bad.read(-1, 0).error == Entry(0, reason="why")
    assert bad.newest() == Entry(0, reason="why")
    bad.forget(0)
    assert bad.read(-1, 0).error is None
    assert bad.newest() is None


def test_a_window_out_of_order_is_scanned() -> None:
    """Where times go back, every value is looked at and none is dropped."""
    window = Window("list")
    for index, time in enumerate((5, 1, 4)):
        window.add(Entry(index, index), time)
    window.forget(4)
    assert [entry.value for entry in window.read(0, 4).entries] == [1, 2]
    summed = Window("sum")
    for index, time in enumerate((5, 1, 4)):
        summed.add(Entry(index, 10**index), time)
    assert summed.read(0, 4).total == 110


def test_a_window_needs_times() -> None:
    """A record without time, or a question without bounds, is a mistake of the caller."""
    with pytest.raises(ValueError, match="no place in a window"):
        Window("count").add(Entry(0), None)
    with pytest.raises(ValueError, match="two bounds"):
        Window("count").read(None, 1)


def test_readings_of_several_memories_are_one() -> None:
    """Values keep the order of history; the first error is the one that is told."""
    one, two = Total("list"), Total("list")
    one.add(Entry(3, "c"), None)
    two.add(Entry(1, "a"), None)
    two.add(Entry(2, reason="why"), None)
    found = joined("list", [one.read(None, None), two.read(None, None)])
    assert [entry.value for entry in found.entries] == ["a", "c"]
    assert found.error == Entry(2, reason="why")
    mixed = [Reading(1, 0, (Entry(1, 1),)), Reading(1, 0, (Entry(2, "x"),))]
    assert joined("max", mixed).error == Entry(2, reason="values of different types")
    assert joined("last", mixed).entries == (Entry(2, "x"),)


def test_a_reserve_leaves_out_ones_own() -> None:
    """What is being decided does not stand in its own way, error or not."""
    reserve = Reserve()
    reserve.hold("a", Entry(1, 5))
    reserve.hold("b", Entry(2, reason="why"))
    assert (reserve.read("a").total, reserve.read("").total) == (0, 5)
    assert reserve.read("b").error is None
    reserve.settle("b")
    assert reserve.read("a").error is None


def test_a_fact_takes_only_its_kind_and_tools() -> None:
    """An action of another tool does not count, and leaves what counts alone."""
    fact = {"count": True, "from": "action of pay", "by": "params.n", "at": "1"}
    assert read(fact, {"action": "a", "tool": "look"}, *acts(1, 2)).facts == {"f": 1}
