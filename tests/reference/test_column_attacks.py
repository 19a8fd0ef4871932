"""Histories that were made by hand to set columns and counters at odds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from contracts.coercion import Unseen
from contracts.history import Event
from contracts.model import Contract
from tests.reference.by_column import Answers, cut, differing
from tests.reference.column_attacks import ATTACKS, RUN, TO_COUNTERS, Attack, act, fact
from tests.reference.histories import events_of
from tests.reference.test_random_histories import assert_same
from tests.reference.test_vectors import asked
from verifier import fact_state

# CEL's binding takes seconds to walk these in the reference, or can not hold what they hold.
BY_ENGINES_ONLY = frozenset(
    {
        "more than 256 values",
        "a list of a fact may use up the budget",
        "a map with keys of its own",
        "doubles that are no numbers",
    }
)


def compared(contract: Contract, events: Sequence[Event], size: int) -> Answers:
    """What the columns say, which is what the counters say."""
    words, found = differing(contract, events, cut(len(events), size))
    assert not words
    return found


@pytest.mark.parametrize("size", [2, 1000])
@pytest.mark.parametrize("name", ATTACKS)
def test_columns_say_what_counters_say(name: str, size: int) -> None:
    """In chunks of every size, and without the help of the counters."""
    contract, history = ATTACKS[name]
    events = events_of(history)
    size = max(size, len(events) // 8)
    found = compared(asked({"contract": contract, "history": history}), events, size)
    assert name == "a map with keys of its own" or not found.on_counters


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - BY_ENGINES_ONLY))
def test_scanning_says_what_counters_say(name: str) -> None:
    """What both engines say is what the language means."""
    contract, history = ATTACKS[name]
    case = {"contract": contract, "history": history}
    assert_same(case, asked(case))


@pytest.mark.parametrize(("low", "size"), [(1, 11), (5, 5)])
def test_counts_and_sums_are_put_together(
    low: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However early what is remembered is put together, nothing is lost."""
    monkeypatch.setattr(fact_state, "_COLLAPSE_FROM", low)
    for contract, history in (ATTACKS["counts and sums put together"], *TO_COUNTERS.values()):
        compared(asked({"contract": contract, "history": history}), events_of(history), size)


@pytest.mark.parametrize("size", [7, 50])
@pytest.mark.parametrize("attack", TO_COUNTERS.values(), ids=TO_COUNTERS)
def test_history_is_handed_over(attack: Attack, size: int) -> None:
    """Where clocks mix at last, the counters take over what the columns know."""
    contract, history = attack
    found = compared(asked({"contract": contract, "history": history}), events_of(history), size)
    assert found.on_counters


@pytest.mark.parametrize("size", [1, 2, 5])
def test_sealed_values_are_unknown_to_columns_too(size: int) -> None:
    """A value that is not disclosed spoils what reads it, in the same words."""
    facts = {
        "f0": fact("action", sum="params.n"),
        "f1": fact("action", count=True, by="params.k"),
        "f2": fact("action", last="params.m.a"),
        "f3": fact("action", count=True, where="params.n > 1", unknown="skip"),
        "f4": fact("action", last="params.m"),
        "f5": fact("action", list="params", within="2s"),
    }
    history = [
        RUN,
        *(act(f"a{number}", number, params={"n": number, "k": "x"}) for number in range(6)),
    ]
    events = events_of(history)
    for index, member in ((2, "n"), (4, "k"), (5, "m")):
        seal = Unseen("c" * 64, f"params.{member} is sealed, and is lost")
        params = {**events[index].record["params"], member: seal}
        record = {**events[index].record, "params": params}
        events[index] = replace(events[index], record=record, unseen=True)
    rules = [{"id": "r", "unless": "params.n < 4"}, {"id": "s", "unless": "has(params.m)"}]
    compared(asked({"contract": {"facts": facts, "rules": rules}}), events, size)
