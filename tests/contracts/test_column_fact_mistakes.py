"""Each mistake that facts and duties by column could make, made in them, is found."""

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from contracts import column_facts, member_columns
from contracts.column_facts import Counted
from contracts.history import Event
from contracts.model import Contract
from tests.reference.by_column import Answers, Watched, by_columns, by_counters, cut
from tests.reference.column_attacks import ATTACKS
from tests.reference.histories import events_of
from tests.reference.random_columns import wide_case
from tests.reference.test_vectors import asked
from verifier import chunk_results, chunk_verdicts, column_setup, fact_columns, fact_state
from verifier.chunk_results import ChunkResults
from verifier.chunk_tables import ChunkTables
from verifier.columns import MISSING
from verifier.errors import EnginesDifferError
from verifier.fact_columns import GroupRun
from verifier.fact_state import DEFAULT, GroupState, Pool

SEEDS: Final = range(16)


def reworded(old: str, new: str) -> Callable[[Any], Any]:
    """What makes a function whose SQL has other words."""

    def make(right: Any) -> Any:  # noqa: ANN401 - any function that gives SQL
        def wrong(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            made = right(*given, **named)
            if isinstance(made, str):
                return re.sub(old, new, made)
            return [re.sub(old, new, one) for one in made]

        return wrong

    return make


def instead(value: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - whatever stands there
    """What puts something else in a place."""
    return lambda _right: value


def _twice(right: Any) -> Any:  # noqa: ANN401
    def twice(numbers: Any) -> str:  # noqa: ANN401
        return f"{right(numbers)} UNION ALL {right(numbers)}"

    return twice


def _no_text(*_: Any) -> str:  # noqa: ANN401
    return ""


def _nothing(_: Any) -> None:  # noqa: ANN401
    return None


def _yes(_: Any) -> bool:  # noqa: ANN401
    return True


def _nobody(_run: GroupRun, _number: int) -> Any:  # noqa: ANN401
    return np.array([], np.int64)


def _no_skip(aggregate: str, reserve: bool = False, skip: bool = False) -> Counted:  # noqa: FBT001, FBT002
    del skip
    return Counted(aggregate, reserve)


def _short_memory(right: Any) -> Any:  # noqa: ANN401
    def half(state: Any, within: int, latest: int) -> Any:  # noqa: ANN401
        return right(state, within // 2, latest)

    return half


class _NoDefault(Pool):
    @classmethod
    def of(cls, earlier: Any, source: Any, column: str) -> Pool:  # noqa: ANN401
        """Make a pool without the default."""
        kept = [(index, MISSING if index == DEFAULT else one) for index, one in earlier]
        return Pool.of(kept, source, column)


def _only_variables(tables: ChunkTables, subject: Any, _asked: Any) -> int:  # noqa: ANN401
    return tables.viewed[subject.name].longest


def _no_facts_awaited(right: Any) -> Any:  # noqa: ANN401
    def wrong(run: Any, broken: Any, spoiling: Any) -> Any:  # noqa: ANN401
        found = right(run, broken, spoiling)
        known = set(broken) | set(spoiling)
        return {name: places & known for name, places in found.items() if places & known}

    return wrong


PLANTS: Final[Mapping[str, tuple[Any, str, Callable[[Any], Any]]]] = {
    "a window closed at its beginning": (
        fact_columns,
        "facts_sql",
        reworded(r'"time" - (\d+) AS', r'"time" - \1 - 1 AS'),
    ),
    "a record that counts for itself": (
        fact_columns,
        "facts_sql",
        reworded("(?<=timeless, )0(?= AS side)|(?<=WHERE side = )0", "2"),
    ),
    "a note before the record that asks, at one place": (
        fact_columns,
        "facts_sql",
        reworded("idx, side ROWS", "idx, side DESC ROWS"),
    ),
    "a sum beyond 64 bits as its edge": (GroupRun, "_summed", reworded(r"abs\(", "0 * abs(")),
    "earlier chunks forgotten": (GroupState, "asked_sql", instead(_no_text)),
    "what is in its window forgotten": (GroupState, "_forget", _short_memory),
    "keys of all kinds as texts": (
        column_facts,
        "_MARKS",
        lambda right: dict.fromkeys(right, "s:"),
    ),
    "a key in error that spoils no key": (GroupRun, "_spread", instead(_nothing)),
    "a reservation that never ends": (fact_columns, "ended_sql", reworded("$", " WHERE false")),
    "a reservation that ends twice": (fact_columns, "ended_sql", _twice),
    "an outcome beside its own reservation": (
        fact_columns,
        "own_sql",
        reworded("WHERE held", "WHERE false AND held"),
    ),
    "a list backwards": (
        fact_columns,
        "listed_sql",
        reworded(r"ORDER BY idx\) AS entries", "ORDER BY idx DESC) AS entries"),
    ),
    "no default": (fact_columns, "Pool", instead(_NoDefault)),
    "no unknown: skip": (fact_state, "Counted", instead(_no_skip)),
    "attempts that were refused": (member_columns, "_allowed", instead(_yes)),
    "the least of several types": (
        GroupRun,
        "_summed",
        reworded(r"coalesce\(min\(a", "coalesce(false AND min(a"),
    ),
    "the first for the last": (
        fact_columns,
        "facts_sql",
        reworded(r"max\(CASE WHEN n", "min(CASE WHEN n"),
    ),
    "the greatest of all time": (
        fact_columns,
        "facts_sql",
        reworded("BETWEEN back PRECEDING", "BETWEEN UNBOUNDED PRECEDING"),
    ),
    "lasting errors dropped": (GroupRun, "_spoilt_for_ever", instead(_nobody)),
    "reference data in another clock's window": (
        GroupRun,
        "_summed",
        reworded(r"bool_or\(timeless", "bool_or(false"),
    ),
    "a duty met after the close": (
        chunk_results,
        "met_sql",
        reworded("OR met.met <= ends.idx", "OR true"),
    ),
    "a duty met before it began": (
        chunk_results,
        "met_sql",
        reworded("opened.idx < follows.idx", "opened.idx > follows.idx"),
    ),
    "a duty met too late": (
        chunk_results,
        "met_sql",
        reworded("WHERE at_time <= since", "WHERE true OR at_time <= since"),
    ),
    "a duty met under another key": (
        chunk_results,
        "met_sql",
        reworded('AND opened."key" = follows."key"', ""),
    ),
    "what cannot be told as satisfied": (
        chunk_verdicts,
        "UNKNOWN",
        instead(chunk_verdicts.HOLDS),
    ),
    "budgets without the lists of facts": (ChunkTables, "longest", instead(_only_variables)),
    "duties that see no facts": (ChunkResults, "_asked_facts", _no_facts_awaited),
    "maps of which members are missing": (column_setup, "is_whole", instead(_yes)),
}

SHOWN_BY: Final[Mapping[str, str]] = {
    "a window closed at its beginning": "no record that asks",
    "a record that counts for itself": "an action without a time is reserved",
    "a note before the record that asks, at one place": "an action without a time is reserved",
    "a sum beyond 64 bits as its edge": "a count of reservations beyond 64 bits",
    "earlier chunks forgotten": "names that differ in case only",
    "what is in its window forgotten": "what is forgotten was out of its window",
    "keys of all kinds as texts": "keys of every kind",
    "a key in error that spoils no key": "lists of 256 and 257",
    "a reservation that never ends": "outcomes end reservations between the values of a minimum",
    "a reservation that ends twice": "outcomes end reservations between the values of a minimum",
    "an outcome beside its own reservation": "outcomes twice, late, and after the close",
    "a list backwards": "parameters nested deep",
    "no default": "outcomes end reservations between the values of a minimum",
    "no unknown: skip": "doubles that are no numbers",
    "attempts that were refused": "random 12",
    "the least of several types": "equal numbers of two types",
    "the first for the last": "names that differ in case only",
    "the greatest of all time": "reference data, asked for by two clocks",
    "lasting errors dropped": "an action without a time is reserved",
    "reference data in another clock's window": "reference data, asked for by two clocks",
    "a duty met after the close": "a run that is closed",
    "a duty met before it began": "random 1",
    "a duty met too late": "random 1",
    "a duty met under another key": "random 1",
    "what cannot be told as satisfied": "an action without a time is reserved",
    "budgets without the lists of facts": "a list of the limits may use up the budget",
    "duties that see no facts": "what must follow reads a fact",
    "maps of which members are missing": "a map as a whole",
}
"""The history that shows a mistake: of all that do, the one that costs least."""

THROWN: Final = (
    EnginesDifferError,
    duckdb.OutOfRangeException,
    duckdb.ConversionException,
    pa.ArrowInvalid,
    KeyError,
    AttributeError,
    IndexError,
)
"""What a wrong value may lead to; SQL that is none would be a mistake of the plant."""


@cache
def histories() -> Mapping[str, tuple[Contract, list[Event]]]:
    """Histories by hand, and some random ones, by their names: what costs least comes first."""
    texts: dict[str, Any] = {
        name: {"contract": one, "history": lines} for name, (one, lines) in ATTACKS.items()
    }
    for seed in SEEDS:
        made = random.Random(seed)
        case = wide_case(*([made.randbytes(20) for _ in range(many)] for many in (3, 2, 20)))
        texts[f"random {seed}"] = case
    found = {name: (asked(text), events_of(text["history"])) for name, text in texts.items()}
    return dict(sorted(found.items(), key=lambda one: len(one[1][1])))


@cache
def counted(name: str) -> Answers:
    """What the counters say of a history."""
    return by_counters(*histories()[name])


def differing(name: str) -> bool:
    """Whether the columns say something else of a history; an exception is a difference."""
    contract, events = histories()[name]
    right = counted(name)
    try:
        size = max(3, len(events) // 2)
        found = by_columns(contract, events, cut(len(events), size), (), Watched)
    except THROWN:
        return True
    facts = {} if found.on_counters else right.facts
    return right.compared != found.compared or differs(facts, found.facts)


def differs(wanted: Mapping[tuple[int, str], str], found: Mapping[tuple[int, str], str]) -> bool:
    """Whether any fact has another value by column."""
    return any(found.get(place) != value for place, value in wanted.items())


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these mistakes is found, in the history that is there for it."""
    place, what, make = PLANTS[name]
    counted(SHOWN_BY[name])
    monkeypatch.setattr(place, what, make(getattr(place, what)))
    # To look through all takes a minute: it is done where somebody has to name another.
    assert differing(SHOWN_BY[name]), f"seen in {[one for one in histories() if differing(one)]}"


@pytest.mark.parametrize("name", [*ATTACKS, *(f"random {seed}" for seed in SEEDS)])
def test_without_a_mistake_none_is_seen(name: str) -> None:
    """What finds mistakes does not cry wolf."""
    assert not differing(name)
