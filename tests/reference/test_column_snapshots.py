"""What the columns remember is what the guard's counters would hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engine import Engine
from contracts.lineage import Lineage
from contracts.snapshots import restored, snapshot
from tests.reference.histories import events_of
from tests.reference.random_cases import FOCUSES, cases
from tests.reference.test_vectors import asked
from verifier.by_column import ColumnEngine
from verifier.rows import Chunk, Clocks


@pytest.mark.parametrize("focus", FOCUSES)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_a_snapshot_after_columns_is_that_of_the_counters(focus: str, data: st.DataObject) -> None:
    """An engine that history is handed to answers and goes on as one that saw all of it."""
    case = data.draw(cases(focus))
    contract, events = asked(case), events_of(case["history"])
    cut = data.draw(st.integers(0, len(events)))
    size = data.draw(st.integers(1, max(1, len(events))))
    counted = Engine(contract)
    for event in events[:cut]:
        counted.observe(event)
    lineage, clocks = Lineage(), Clocks()
    engine = Engine(contract, lineage=lineage)
    columns = ColumnEngine(engine)
    for start in range(0, cut, size):
        chunk = Chunk()
        for event in events[start : min(start + size, cut)]:
            chunk.add(event, lineage, clocks)
        columns.judge(chunk, [True] * len(chunk))
    columns.hand_over()
    assert engine.last == counted.last
    taken_up = restored(contract, snapshot(engine))
    for event in events[cut:]:
        theirs = list(map(repr, counted.observe(event)))
        for one in (engine, taken_up):
            assert list(map(repr, one.observe(event))) == theirs, json.dumps(case, indent=1)
    theirs = list(map(repr, counted.finish()))
    assert list(map(repr, engine.finish())) == list(map(repr, taken_up.finish())) == theirs
