"""Each mistake that facts and duties by column could make, made in them, is found."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
def histories() -> list[tuple[Contract, list[Event], Answers]]:
    """Histories by hand, and some random ones, with what the counters say."""
    texts: list[Any] = [{"contract": one, "history": lines} for one, lines in ATTACKS.values()]
    for seed in SEEDS:
        made = random.Random(seed)
        texts.append(wide_case(*([made.randbytes(20) for _ in range(many)] for many in (3, 2, 20))))
    found: list[tuple[Contract, list[Event], Answers]] = []
    for text in texts:
        contract, events = asked(text), events_of(text["history"])
        found.append((contract, events, by_counters(contract, events)))
    # What costs least is asked first.
    return sorted(found, key=lambda one: len(one[1]))


def differences() -> Iterator[str]:
    """What differs; an exception is a difference."""
    for number, (contract, events, counted) in enumerate(histories()):
        try:
            size = max(3, len(events) // 2)
            found = by_columns(contract, events, cut(len(events), size), (), Watched)
        except THROWN as error:
            yield f"{number}: {error}"
            continue
        facts = {} if found.on_counters else counted.facts
        if counted.compared != found.compared or differs(facts, found.facts):
            yield f"{number}"


def differs(
    wanted: Mapping[tuple[int, str], str], found: Mapping[tuple[int, str], str]
) -> Sequence[tuple[int, str]]:
    """Which facts have another value by column."""
    return [place for place, value in wanted.items() if found.get(place) != value]


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these mistakes is found."""
    place, what, make = PLANTS[name]
    histories()
    monkeypatch.setattr(place, what, make(getattr(place, what)))
    assert next(differences(), "")


def test_without_a_mistake_none_is_seen() -> None:
    """What finds mistakes does not cry wolf."""
    assert not list(differences())
