"""What no later record can see is forgotten, and nothing else is."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import facts as module
from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract
from contracts.results import RuleResult
from tests.reference.histories import contract_of, events_of
from tests.reference.random_cases import FOCUSES, cases

Line = dict[str, Any]
PER_CUSTOMER: Line = {
    "sum": "params.n",
    "from": "action",
    "over": "ledger",
    "by": "params.k",
    "within": "100s",
}
READING: Line = {"id": "r", "for": "*", "unless": "facts.f == facts.f"}
ALL = 10**9


def results_of(contract: Contract, events: list[Event], looks: int) -> list[RuleResult]:
    """All results where so many memories are looked at for each that is added to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LOOKS", looks)
        engine = Engine(contract)
        found = [one for event in events for one in engine.observe(event)]
        return found + engine.finish()


@pytest.mark.parametrize("focus", FOCUSES)
@settings(max_examples=2 * settings().max_examples)
@given(data=st.data())
def test_forgetting_changes_no_result(focus: str, data: st.DataObject) -> None:
    """Whether cells are dropped never, in turn or at once, results and what they rest on stay."""
    case = data.draw(cases(focus, longest=40))
    contract, events = contract_of(case["contract"]), events_of(case["history"])
    kept = [told(one) for one in results_of(contract, events, 0)]
    for looks in (module.LOOKS, ALL):
        assert [told(one) for one in results_of(contract, events, looks)] == kept


def told(result: RuleResult) -> tuple[Any, ...]:
    """A result with the values that it read, each with its type."""
    facts = {name: repr(value) for name, value in result.facts.items()}
    return result.index, result.rule.id, result.verdict, result.reason, facts, result.rests_on


def customers(count: int, **more: Any) -> list[Line]:  # noqa: ANN401 - members of a line
    """One action for each of many customers, a second apart."""
    return [
        {"action": f"a{number}", "params": {"n": 1, "k": f"c{number}"}, **more}
        for number in range(count)
    ]


def size_after(fact: Line, lines: list[Line]) -> list[int]:
    """How many cells there are after each line, but for the run's opening."""
    engine = Engine(contract_of({"facts": {"f": fact}, "rules": [READING]}))
    sizes: list[int] = []
    for event in events_of([{"opened": "r"}, *lines]):
        engine.observe(event)
        sizes.append(engine.world.facts["f"].size)
    return sizes[1:]


@pytest.mark.parametrize("over", ["ledger", "service", "identity"])
def test_memory_is_bounded_by_the_window(over: str) -> None:
    """A key that is never seen again does not stay."""
    sizes = size_after({**PER_CUSTOMER, "over": over}, customers(3_000))
    assert sizes[99] == 100
    assert max(sizes) <= 2 * 100 + 10


def test_many_scopes_are_forgotten_as_keys_are() -> None:
    """A workflow that is over leaves nothing."""
    lines: list[Line] = []
    for number in range(1_000):
        lines.append({"opened": f"r{number}", "workflow": f"w{number}"})
        lines.append({"action": f"a{number}", "in": f"r{number}", "params": {"n": 1, "k": "x"}})
    assert max(size_after({**PER_CUSTOMER, "over": "workflow"}, lines)) <= 2 * 50 + 10


def test_a_burst_is_forgotten_little_by_little() -> None:
    """After many keys at once each further record drops at most a few, until they are gone."""
    burst = [{**one, "t": 1} for one in customers(500)]
    later = [{"action": f"b{n}", "params": {"n": 1, "k": "x"}, "t": 200 + n} for n in range(800)]
    sizes = size_after(PER_CUSTOMER, [*burst, *later])
    assert sizes[499] == 500
    steps = [before - after for before, after in pairwise(sizes)]
    assert max(steps) <= module.LOOKS
    assert sizes[-1] == 1


def test_what_no_window_ends_stays() -> None:
    """An error without a time, and an action without an outcome, count however old they are."""
    reserved: Line = {**PER_CUSTOMER, "from": "outcome", "reserve": "params.n"}
    held: Line = {"action": "open", "params": {"n": 7, "k": "held"}, "t": 1}
    met: Line = {"action": "met", "params": {"n": 7, "k": "met"}, "t": 2}
    done: Line = {"outcome": "done", "of": "met", "t": 3}
    many: list[Line] = []
    for number, one in enumerate(customers(400)):
        many.append({**one, "t": 10 + number})
        many.append({"outcome": f"o{number}", "of": one["action"], "t": 10 + number})
    asked = [
        {"action": f"q{key}", "params": {"n": 0, "k": key}, "t": 500} for key in ("held", "met")
    ]
    engine = Engine(contract_of({"facts": {"f": reserved}, "rules": [READING]}))
    lines = [{"opened": "r"}, held, met, done, *many, *asked]
    found = [engine.observe(event) for event in events_of(lines)]
    assert engine.world.facts["f"].size <= 2 * 100 + 10
    assert [one.facts for results in found[-2:] for one in results] == [{"f": 7}, {"f": 0}]


def test_an_imported_record_spoils_its_key_for_ever() -> None:
    """Its time is proven within its run only: that error has no end."""
    lines: list[Line] = [
        {"opened": "i", "import": "claimed", "at": 0},
        {"action": "old", "in": "i", "at": 1, "params": {"n": 1, "k": "spoiled"}},
        *({**one, "t": 10 + number} for number, one in enumerate(customers(500))),
        {"action": "asked", "params": {"n": 1, "k": "spoiled"}, "t": 600},
    ]
    engine = Engine(contract_of({"facts": {"f": PER_CUSTOMER}, "rules": [READING]}))
    found = [engine.observe(event) for event in events_of([{"opened": "r"}, *lines])]
    assert found[-1][0].reason.startswith("fact f: record 2: it is imported")
    assert engine.world.facts["f"].size <= 2 * 100 + 10


def values_of(fact: Line, lines: list[Line]) -> list[Any]:
    """What the fact is as of each action."""
    engine = Engine(contract_of({"facts": {"f": fact}, "rules": [READING]}))
    return [one.facts.get("f") for event in events_of(lines) for one in engine.observe(event)]


@pytest.mark.parametrize(("later", "seen"), [(100.999999, 1), (101, 0)])
def test_the_edge_of_a_window_is_exact(later: float, seen: int) -> None:
    """A microsecond before it leaves the window a record is still there."""
    first, other, again = (
        {"action": name, "params": {"n": 1, "k": key}}
        for name, key in (("a", "x"), ("b", "y"), ("c", "x"))
    )
    lines = [{"opened": "r", "t": 0}, {**first, "t": 1}, {**other, "t": later}]
    assert values_of(PER_CUSTOMER, [*lines, {**again, "t": later}]) == [0, 0, seen]


def test_in_a_run_nothing_is_forgotten() -> None:
    """There a live record may come between claimed ones, whose clock is another."""
    act: Line = {"in": "i", "params": {"n": 1, "k": "x"}}
    live: Line = {"in": "i", "imported": False, "params": {"n": 1, "k": "y"}}
    lines: list[Line] = [
        {"opened": "i", "import": "claimed", "at": 0, "t": 0},
        {"action": "a", **act, "at": 1, "t": 500},
        {"action": "b", **live, "t": 600},
        {"action": "c", **live, "t": 601},
        {"action": "d", **act, "at": 2, "t": 602},
    ]
    assert values_of({**PER_CUSTOMER, "over": "run"}, lines) == [0, 0, 1, 1]
