"""One ledger has one report: however many processes, increments or engines, in whatever order."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.encoding import digest
from ledger.store import Store
from tests.verifier.test_onward import NoKey, Town
from verifier import beside, conformance, load, onward
from verifier.conformance import Judge
from verifier.engines import Engines
from verifier.entries import ValidEntry
from verifier.errors import EnginesDifferError
from verifier.integrity import Reading
from verifier.load import verify_ledger
from verifier.ordinary import proved
from verifier.report import IntegrityVerdict, Report
from verifier.reports.json import json_report
from verifier.reports.text import text_report
from verifier.state import State

JOBS: Final = (1, 2, 3)


def said(report: Report) -> str:
    """A report's bytes, in both forms."""
    return json_report(report, {}) + text_report(report, 10_000)


def town_of(seed: int, steps: int) -> Town:
    """A ledger in which everything goes wrong that a record can say, with heads on the way."""
    town = Town(seed)
    town.steps += (town.close,) * 3
    for _ in range(3):
        town.live(steps)
        town.head()
    town.live(3)
    return town


class Counted:
    """Counts how often the exact reading was taken, and a proof beside it."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.exact = self.beside = 0
        exactly: Callable[..., object] = Reading.entries
        proving: Callable[..., object] = beside.decided_beside

        def read(reading: Reading) -> object:
            self.exact += 1
            return exactly(reading)

        def prove(*given: Any) -> object:  # noqa: ANN401 - whatever it is given
            self.beside += 1
            return proving(*given)

        patched.setattr(Reading, "entries", read)
        patched.setattr(load, "decided_beside", prove)
        patched.setattr(load, "MANY", 1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Processes are begun for the smallest ledger, and what is done is counted."""
    return Counted(monkeypatch)


def exact(path: Path, town: Town) -> Report:
    """What the exact reading says, which judges beside it: no key opens anything here."""
    return verify_ledger(path, town.trust(), opener=NoKey())


@pytest.mark.parametrize("seed", [41, 42])
def test_processes_and_engines(tmp_path: Path, seed: int, counted: Counted) -> None:
    """However many prove, and whatever judges: every byte is what the exact reading says."""
    town = town_of(seed, 25)
    path = town.save(tmp_path / "l.db")
    expected = said(exact(path, town))
    before = counted.exact
    for jobs in JOBS:
        assert said(verify_ledger(path, town.trust(), jobs=jobs)) == expected
    engines = (Engines.ROWS, Engines.COLUMNS)
    found = {said(verify_ledger(path, town.trust(), jobs=2, engines=one)) for one in engines}
    assert found == {expected}
    assert (counted.exact, counted.beside) == (before, 4)


@pytest.fixture(scope="module")
def towns() -> list[Town]:
    """Some ledgers."""
    return [town_of(seed, 12) for seed in range(51, 55)]


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_order_of_rows(
    towns: list[Town], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In whatever order rows were inserted, and wherever they were moved since."""
    town = data.draw(st.sampled_from(towns))
    path = town.save(tmp_path_factory.mktemp("order") / "l.db")
    expected = said(exact(path, town))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        luck = data.draw(st.randoms(use_true_random=False))
        for table in ("entries", "records"):
            _moved(connection, table, luck.shuffle)
        if data.draw(st.booleans()):
            connection.execute("VACUUM")
    with pytest.MonkeyPatch.context() as patched:
        counted = Counted(patched)
        assert said(verify_ledger(path, town.trust(), jobs=1)) == expected
        assert counted.exact == 0


def _moved(
    connection: sqlite3.Connection, table: str, shuffle: Callable[[list[tuple[object, ...]]], None]
) -> None:
    """Insert the rows of a table once more, in another order."""
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
    made = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    guards = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
    ).fetchall()
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(f"DROP TABLE {table}")
    connection.execute(made[0])
    shuffle(rows)
    marks = ", ".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
    for _, guard in guards:
        connection.execute(guard)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_increments_with_processes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Wherever it was cut, and however many read each part."""
    town, folder = Town(data.draw(st.integers(61, 80))), tmp_path_factory.mktemp("state")
    path = folder / "l.db"
    for steps in data.draw(st.lists(st.integers(1, 14), min_size=2, max_size=3)):
        town.live(steps)
        town.head()
        path.unlink(missing_ok=True)
        town.save(path)
        with State.open(folder / "state", town.trust()) as state:
            jobs = data.draw(st.sampled_from(JOBS))
            kept = said(verify_ledger(path, town.trust(), jobs=jobs, state=state))
        assert kept == said(verify_ledger(path, town.trust())) == said(exact(path, town))


def test_chunks_of_any_length(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long ledger closed runs are on disk, and what a finding names is looked up."""
    town = town_of(43, 30)
    path = town.save(tmp_path / "l.db")
    expected = said(exact(path, town))
    before = counted.exact
    monkeypatch.setattr(conformance, "LONG", 1)
    for chunk in (7, 40):
        monkeypatch.setattr(conformance, "ON_COUNTERS", chunk)
        assert said(verify_ledger(path, town.trust(), engines=Engines.ROWS)) == expected
    assert counted.exact == before


# ------------------------------------------------------------------ what is not as it was proved


def _changes() -> Iterator[tuple[str, Callable[[sqlite3.Connection], object]]]:
    def flipped(column: str, table: str) -> Callable[[sqlite3.Connection], object]:
        def change(connection: sqlite3.Connection) -> object:
            statement = f"UPDATE {table} SET {column} = replace({column}, 'spiffe', 'spiffy')"  # noqa: S608
            return connection.execute(f"{statement} WHERE idx = 30")

        return change

    yield "a record", flipped("body", "records")
    yield "a header", lambda one: one.execute("UPDATE entries SET header = x'7b7d' WHERE idx = 30")
    yield "no JSON", lambda one: one.execute("UPDATE records SET body = x'5b' WHERE idx = 30")
    yield "cut off", lambda one: one.execute("DELETE FROM entries WHERE idx > 30")


@pytest.mark.parametrize(("what", "change"), list(_changes()))
def test_a_ledger_that_does_not_hold(
    tmp_path: Path,
    counted: Counted,
    what: str,
    change: Callable[[sqlite3.Connection], object],
) -> None:
    """What was judged beside the proof is dropped: the exact reading alone says what is wrong."""
    town = town_of(44, 12)
    path = town.save(tmp_path / "l.db")
    _changed(path, change)
    expected = exact(path, town)
    assert expected.integrity.verdict is IntegrityVerdict.BROKEN, what
    before = counted.exact
    for jobs in (1, 2):
        assert said(verify_ledger(path, town.trust(), jobs=jobs)) == said(expected)
    assert counted.exact == before + 2


def _changed(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        change(connection)


def _last(connection: sqlite3.Connection) -> None:
    """Put another record in the last place, and its digest in its header: nothing follows it."""
    query = "SELECT e.idx, header, body FROM entries e JOIN records r USING (idx) ORDER BY 1 DESC"
    index, header, body = connection.execute(query).fetchone()
    at = body.index(b'"nonce":"') + len(b'"nonce":"')
    changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    header = header.replace(digest(body).encode(), digest(changed).encode())
    connection.execute("UPDATE entries SET header = ? WHERE idx = ?", (header, index))
    connection.execute("UPDATE records SET body = ? WHERE idx = ?", (changed, index))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("change", [dict(_changes())["a record"], _last])
def test_what_changes_while_it_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counted: Counted,
    jobs: int,
    change: Callable[[sqlite3.Connection], object],
) -> None:
    """What is judged has to be what was proved: here a record is another one by the time it is."""
    town = town_of(45, 12)
    path = town.save(tmp_path / "l.db")
    judging: Callable[..., object] = onward.decided if jobs == 1 else beside.attempted

    def first(*given: Any) -> object:  # noqa: ANN401 - whatever it is given
        _changed(path, change)
        return judging(*given)

    if jobs == 1:
        monkeypatch.setattr(load, "decided", first)
    else:
        monkeypatch.setattr(beside, "attempted", first)
        monkeypatch.setattr(beside, "proving", _proved_before)
    report = verify_ledger(path, town.trust(), jobs=jobs)
    assert counted.exact == 1
    assert said(report) == said(exact(path, town))
    assert report.integrity.broken or report.integrity.invalid_submissions


def _proved_before(store: Store, asked: beside.Asked) -> object:
    """Prove here and now, before anything is judged."""
    found = proved(store, asked.trust, folder=asked.folder)
    assert found is not None
    report = asked.sound(store, found, asked.trust)
    return nullcontext(lambda: report)


@pytest.mark.parametrize("jobs", [1, 2])
def test_engines_that_differ_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted, jobs: int
) -> None:
    """An error of Writ is no fault of the ledger, and not hidden by reading it again."""
    town = town_of(46, 12)
    path = town.save(tmp_path / "l.db")

    def differ(_judge: Judge, valid: ValidEntry) -> None:
        raise EnginesDifferError(valid.event.index, "policy.looked", "violated", "satisfied")

    monkeypatch.setattr(Judge, "observe", differ)
    with pytest.raises(EnginesDifferError):
        verify_ledger(path, town.trust(), jobs=jobs)
    assert counted.exact == 0


def test_a_proof_that_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    """Whoever ends the other process has the ledger read exactly, and loses nothing else."""
    town = town_of(47, 12)
    path = town.save(tmp_path / "l.db")
    expected = said(exact(path, town))
    before = counted.exact
    monkeypatch.setattr(beside, "prove", _dies)
    assert said(verify_ledger(path, town.trust(), jobs=2)) == expected
    assert counted.exact == before + 1


def _dies(*_: object) -> None:
    """End a process, and say nothing."""
    os._exit(1)
