"""CEL asked of columns: it says what it says of the records, whoever asks, and who is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from textwrap import dedent
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.coercion import Value
from contracts.column_shapes import Shape
from contracts.evaluation import Undecidable, condition, shared_evaluator
from contracts.instants import for_cel
from tests.reference import by_column
from tests.reference.by_column import cut, differing
from tests.reference.column_attacks import RUN, act
from tests.reference.histories import events_of
from tests.reference.test_vectors import asked as contract_of
from verifier import asking
from verifier.asked_apart import Answered
from verifier.asked_columns import Question, answers, question, read_columns
from verifier.asking import Asking
from verifier.by_column import ColumnEngine
from verifier.columns import MISSING, column_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Rows that are alike are never side by side: no order but the right one gives the same answers.
ROWS: Sequence[Value] = [
    {
        "n": (number, str(number), number / 3, None, True, [number], -number)[number % 7],
        "at": NOON + timedelta(microseconds=number * 1_000_003),
        "for": timedelta(microseconds=number),
        "s": ["", "x" * (number % 11), "1.5", "é\U0001f600"][number % 4],
        "tags": [str(number), "a"] if number % 3 else [],
    }
    for number in range(400)
]
NAMES = frozenset(("n", "at", "for", "s", "tags", "m", "a", "b", "l", "x", "nothing"))
FEWER = [
    {name: one for place, (name, one) in enumerate(row.items()) if (number + place) % 6}
    for number, row in enumerate(ROWS)
]
TEXTS = {
    "int(params.n) % 3 == 0": True,
    'string(params.at).endsWith("1Z") || params.n > 5': True,
    "params.n": False,
    "[params.n, params.s]": False,
    "params.at": False,
    "params.for + duration('1s')": False,
    "params.n / (params.n - 4)": False,
    'has(params.tags) ? params.tags.map(t, t + "!") : []': False,
    "double(params.s) > 1.0": True,
    "type(params.n) == int": True,
    "has(params.nothing)": True,
    "action.time": False,
    "1u == 1u": True,
}


def shown(rows: Sequence[Value]) -> tuple[dict[str, Shape], pa.Table]:
    """Rows as a table of one variable."""
    made = column_of(rows, NAMES)
    assert not made.odd
    return {"params": made.shape}, pa.table({"params": made.array})


def of_records(text: str, rows: Sequence[Value], *, truth: bool) -> list[Value]:
    """What CEL says of each row as it is."""
    evaluator = shared_evaluator()
    program = evaluator.compile(text)
    found: list[Value] = []
    for row in rows:
        said = program.run(evaluator.bind({} if row is MISSING else {"params": for_cel(row)}))
        wrong = isinstance(said, Undecidable) or (truth and not isinstance(said, bool))
        found.append(MISSING if wrong else said)
    return found


def asked_of(text: str, rows: Sequence[Value], *, truth: bool) -> tuple[Question, pa.RecordBatch]:
    """A condition with the columns that it reads."""
    shapes, table = shown(rows)
    found = question(condition(shared_evaluator(), text, 0), shapes, truth=truth)
    assert found is not None
    return found, read_columns(found, table, range(len(rows)))


def spelt(values: Sequence[Value]) -> list[str]:
    """Values in words that only the same values of the same types have."""
    return [by_column.spelt(one) if one is not MISSING else "missing" for one in values]


@pytest.fixture(scope="module")
def two() -> Iterator[Asking]:
    """Two processes, which are asked from the first record on."""
    found = Asking(2, begin=0, few=1)
    yield found
    found.close()


@pytest.mark.parametrize("text", TEXTS)
def test_columns_and_processes_say_what_records_say(text: str, two: Asking) -> None:
    """Of every row, in their order: values, their types, and where CEL has an error."""
    rows = [*FEWER, MISSING, {}, *ROWS]
    truth = TEXTS[text]
    seen, held = asked_of(text, rows, truth=truth)
    expected = spelt(of_records(text, rows, truth=truth))
    assert spelt(answers(seen, held)) == expected
    assert spelt(two.answers(seen, held)) == expected
    assert two.pool is not None
    assert not two.lost


@given(rows=st.lists(st.sampled_from([*ROWS[:40], *FEWER[:40], {}, MISSING]), max_size=12))
def test_any_rows_are_asked_as_they_are(rows: list[Value]) -> None:
    """Whatever kinds stand beside one another in a column."""
    for text, truth in TEXTS.items():
        seen, held = asked_of(text, rows, truth=truth)
        assert spelt(answers(seen, held)) == spelt(of_records(text, rows, truth=truth))


@pytest.mark.parametrize(
    "text",
    [
        "size(params) > 1",
        '"x" in params',
        "params == {'m': 1}",
        "params.m.map(k, k) == ['a']",
        "params.all(k, k != 'z')",
        "[params.m]",
        "params.l.exists(m, size(m) > 1)",
        "(params.a ? params.m : params.m).a == 1",
        "params[string(params.a)] == 1",
    ],
)
def test_a_map_as_a_whole_is_no_columns_matter(text: str) -> None:
    """A column has not all members of a map: only the record itself has."""
    shapes, _ = shown([{"a": True, "m": {"a": 1}, "l": [{"a": 1, "b": 2}], "x": 1}])
    assert question(condition(shared_evaluator(), text, 0), shapes, truth=True) is None


@pytest.mark.parametrize(
    "text", ["int(params.m.a) == 1", "params.l.exists(m, int(m.a) > 1)", "has(params.m.b)"]
)
def test_members_of_maps_in_maps_are_columns(text: str) -> None:
    """What is only selected is there, however deep."""
    rows: list[Value] = [
        {"m": {"a": number}, "l": [{"a": number}, {"b": 1}]} for number in range(4)
    ]
    seen, held = asked_of(text, [*rows, {"m": {}}, {"l": []}], truth=True)
    expected = of_records(text, [*rows, {"m": {}}, {"l": []}], truth=True)
    assert spelt(answers(seen, held)) == spelt(expected)


def test_no_memory_and_other_rows_cost_no_answer() -> None:
    """Whatever is wrong with what comes back, no other answer is given."""
    seen, held = asked_of("params.n", ROWS, truth=False)
    expected = spelt(answers(seen, held))
    for wrong in (MemoryError, OSError, asking.ChangedError):
        one = Asking(2, begin=0, few=1)
        with patch.object(one, "_elsewhere", side_effect=wrong):
            assert spelt(one.answers(seen, held)) == expected
        assert one.lost
    came = Answered(5, seen.parts[0].shape, b"")
    with patch.object(asking, "opened", return_value=held), pytest.raises(asking.ChangedError):
        asking.unpacked(came, 0, len(ROWS))


def wait_for_end(process: int) -> None:
    """Wait until a process is gone; one that nobody waits for as its parent is gone too."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{process}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {process} is still there")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    """Even if that one is killed and can not end them."""
    script = tmp_path / "begins.py"
    script.write_text(
        dedent("""
        import os, signal
        import pyarrow as pa
        from verifier.asked_columns import Question
        from verifier.asking import Asking
        if __name__ == "__main__":
            one = Asking(2, begin=0, few=1)
            held = pa.RecordBatch.from_arrays([pa.array([True])], ["0"])
            one.answers(Question("1u == 1u", True, ()), held)
            print(*one.pool._processes, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """),
        "utf-8",
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for process in done.stdout.split():
        wait_for_end(int(process))


def test_a_history_has_the_same_results_in_processes_until_one_is_killed() -> None:
    """Rules, facts and keys without a column; rows that no column holds, in any place.

    What a killed process was asked is asked here, that is said, and none is begun again.
    """
    two = Asking(2, begin=0, few=1)
    params: list[Value] = [
        *(
            {"n": number if number % 3 else str(number), "k": "ab"[number % 2]}
            for number in range(30)
        ),
        *({"n": "x"}, {"n": "nul\0", "k": "a"}, {"n": 2**70, "k": "b"}, {"k": "b"}, {}),
    ]
    contract = {
        "facts": {
            "f0": {"sum": "int(params.n)", "from": "action", "by": "params.k", "unknown": "skip"},
            "f1": {"list": "string(action.time)", "from": "action"},
        },
        "rules": [
            {"id": "r", "unless": "int(params.n) < 20"},
            {"id": "s", "unless": "size(string(action.time)) + int(facts.f0) % 2 != 27"},
            {"id": "t", "when": "size(params) > 1 && string(double(params.n)) != '7'"},
            {"id": "u", "unless": "facts.f1.exists(t, timestamp(t) >= action.time)"},
        ],
    }
    events = events_of([RUN, *(act(f"a{at}", at, params=one) for at, one in enumerate(params))])
    with patch.object(by_column, "ColumnEngine", partial(ColumnEngine, asking=two)):
        words, found = differing(contract_of({"contract": contract}), events, cut(len(events), 12))
    assert not words
    assert found.by_column
    assert found.others
    assert not any("asking.lost" in one for one in two.said())
    assert {text for text, _ in two.by_record} >= {"int(params.n) < 20", "int(params.n)"}
    assert any("asked record by record" in one for one in two.said())
    seen, held = asked_of("params.n", ROWS, truth=False)
    expected = spelt(two.answers(seen, held))
    pool = two.pool
    assert pool is not None
    processes = list(pool._processes)  # noqa: SLF001
    os.kill(processes[0], signal.SIGKILL)
    until = time.monotonic() + 30
    while not two.lost and time.monotonic() < until:  # the other may answer all before it is known
        assert spelt(two.answers(seen, held)) == expected
    assert two.lost
    assert spelt(two.answers(seen, held)) == expected
    assert two.pool is not pool
    assert any(said.startswith("asking.lost:") for said in two.said())
    for process in processes:
        wait_for_end(process)
