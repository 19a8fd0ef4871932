"""Over random contracts and histories columns, counters and scanning mean the same."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.history import Event
from contracts.loading import load_contract
from contracts.model import Contract, Verdict
from tests.reference.by_column import Answers, AsWhere, OnParquet, Watched, differing, spelt
from tests.reference.histories import document_of, events_of
from tests.reference.naive import Naive
from tests.reference.random_cases import FOCUSES, Line, cases
from tests.reference.random_columns import wide_cases
from tests.reference.random_governance import switch_cases
from tests.reference.random_limits import limit_cases
from tests.reference.test_vectors import asked
from tests.reference.views import UndecidableError, Value

pytestmark = pytest.mark.hypothesis

BY_COLUMN: Final = {"imports": 0.1, "obligations": 0.4, "reservations": 0.4}
"""Which share of the chunks runs by column at least, where 0.8 does not: clocks that mix, in one
run, are for the counters."""


@dataclass
class Tally:
    """How many chunks went which way."""

    by_column: int = 0
    on_counters: int = 0

    def add(self, answers: Answers) -> None:
        """Count the chunks of a history."""
        self.by_column += answers.by_column
        self.on_counters += answers.on_counters

    def assert_most(self, share: float) -> None:
        """Enough went by column: else little was compared."""
        assert self.by_column > share * (self.by_column + self.on_counters), self


def chunks(data: st.DataObject, count: int) -> list[int]:
    """Random places where chunks begin, and where the last one ends."""
    if data.draw(st.integers(0, 29)) == 1:
        return list(range(count + 1))
    inner = data.draw(st.sets(st.integers(1, count - 1), max_size=1))
    return [0, *sorted(inner), count]


def masks(data: st.DataObject, count: int) -> list[bool]:
    """Which records the contract is in force for: mostly all."""
    if data.draw(st.integers(0, 3)):
        return [True] * count
    return data.draw(st.lists(st.booleans(), min_size=count, max_size=count))


def assert_scanned(
    contract: Contract, events: Sequence[Event], judged: Sequence[bool], found: Answers, told: str
) -> None:
    """What columns say is what scanning says: verdicts, and the values of facts."""
    holding: dict[str, int] = {}
    others: set[tuple[Value, ...]] = set()
    for one in Naive(contract, list(events)).results():
        if not judged[one.index]:
            continue
        if one.verdict is Verdict.SATISFIED:
            holding[one.rule] = holding.get(one.rule, 0) + 1
        else:
            others.add((one.index, one.rule, str(one.verdict)))
        for name, value in one.facts.items():
            said = found.facts.get((one.index, name))
            if isinstance(value, UndecidableError):
                assert said is None, told
            elif said is not None or not found.on_counters:
                assert said == spelt(value), told
    assert holding == dict(found.satisfied), told
    assert others == {one[:3] for one in found.others}, told


def assert_same(
    data: st.DataObject,
    case: Value,
    contract: Contract,
    made: type[Watched] = Watched,
    **said: Value,
) -> Answers:
    """Columns, counters and scanning say the same of a case."""
    events = events_of(case["history"])
    cuts, judged = chunks(data, len(events)), masks(data, len(events))
    words, found = differing(contract, events, cuts, judged, made, **said)
    sizes = [end - start for start, end in pairwise(cuts)]
    told = json.dumps({**case, "chunks": sizes, "judged": judged, "differing": words}, indent=1)
    assert not words, told
    assert_scanned(contract, events, judged, found, told)
    return found


@pytest.mark.parametrize("focus", FOCUSES)
def test_columns_are_counters_are_scanning(focus: str) -> None:
    """All three agree on every rule and every fact; conditions as SELECT and as WHERE too."""
    tally = Tally()

    @given(data=st.data())
    def histories(data: st.DataObject) -> None:
        case = data.draw(cases(focus))
        made = data.draw(st.sampled_from((Watched, Watched, Watched, AsWhere)))
        tally.add(assert_same(data, case, asked(case), made))

    histories()
    tally.assert_most(BY_COLUMN.get(focus, 0.8))


def test_columns_are_counters_are_scanning_on_wide_cases() -> None:
    """The same of groups of facts, keys of every kind, and duties that read facts."""
    tally = Tally()

    @settings(max_examples=3 * settings().max_examples // 2)
    @given(data=st.data())
    def histories(data: st.DataObject) -> None:
        case = data.draw(wide_cases())
        tally.add(assert_same(data, case, asked(case)))

    histories()
    tally.assert_most(0.6)


def test_columns_in_files_are_columns() -> None:
    """The same where every table is a Parquet file."""
    tally = Tally()

    @settings(max_examples=settings().max_examples // 2)
    @given(data=st.data())
    def histories(data: st.DataObject) -> None:
        case = data.draw(st.one_of(wide_cases(12), cases("plain", 12)))
        with tempfile.TemporaryDirectory() as folder:
            tally.add(assert_same(data, case, asked(case), OnParquet, folder=Path(folder)))

    histories()
    tally.assert_most(0.6)


@given(case=limit_cases(), data=st.data())
def test_limits_by_column(case: Line, data: st.DataObject) -> None:
    """Over any levels and fallbacks a rule has the same limit, or none for all three."""
    assert not assert_same(data, case, asked(case)).on_counters


@given(case=switch_cases(), data=st.data())
def test_switches_by_column(case: Line, data: st.DataObject) -> None:
    """What the clause `recovery` expands to stops the same actions for all three."""
    document = document_of({"tools": {"look": {"mode": "read"}}})
    whole = {**document, "recovery": case["recovery"]}
    assert_same(data, case, load_contract(json.dumps(whole)))
