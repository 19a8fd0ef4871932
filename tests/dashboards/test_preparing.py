"""Preparing: verified and read into tables, here or in a process of its own."""

from dataclasses import replace
from pathlib import Path

import pytest

from dashboards import opening, preparing, queries
from dashboards.filling import FINDING, state_of
from dashboards.filters import Filter
from dashboards.opening import Broken, Shown, Source
from dashboards.preparing import Asked, Made, prepared, prepared_apart
from dashboards.tables import Tables
from tests.dashboards.ledgers import broken, desk, many
from verifier.errors import SourceError
from verifier.load import verify_ledger
from verifier.rereading import Left


def _asked(path: Path) -> Asked:
    return Asked(str(path), None)


def _tables(made: object, folder: Path) -> Tables:
    assert isinstance(made, Made)
    return Tables(made.report, made.contracts, Left(str(folder)))


def test_both_ways_give_the_same(tmp_path: Path) -> None:
    """Another process says the same of a ledger, and tells how far it is."""
    path = desk().save(tmp_path / "desk.db")
    told: list[tuple[str, float]] = []
    for name in ("here", "apart"):
        (tmp_path / name).mkdir()
    here = prepared(_asked(path), tmp_path / "here", lambda _part, _share: None)
    apart = prepared_apart(
        _asked(path), tmp_path / "apart", lambda part, share: told.append((part, share))
    )
    assert here == apart
    assert told[0] == ("verifying", 0.0)
    assert told[-1][0] == preparing.LAST_PART
    one, other = _tables(here, tmp_path / "here"), _tables(apart, tmp_path / "apart")
    for question in ("entries ORDER BY idx", "findings ORDER BY place", "listed ORDER BY idx"):
        assert one.rows(f"SELECT * FROM {question}") == other.rows(f"SELECT * FROM {question}")  # noqa: S608
    one.close()
    other.close()


def test_the_tables_hold_the_whole_report(tmp_path: Path) -> None:
    """Each finding as the report has it, each incident with its findings."""
    path = many().save(tmp_path / "many.db")
    report = verify_ledger(path)
    tables = _tables(prepared(_asked(path), tmp_path, lambda _part, _share: None), tmp_path)
    found = [tables.finding(place) for place in range(len(report.findings))]
    assert found == list(report.findings)
    assert FINDING.validate_json(FINDING.dump_json(found[0])) == found[0]
    rows = tables.rows("SELECT id, size FROM incidents ORDER BY place")
    assert rows == [(one.id, len(one.findings)) for one in report.incidents]
    of_first = tables.rows("SELECT id FROM findings WHERE incident = ?", rows[0][0])
    assert sorted(of_first) == sorted((one,) for one in report.incidents[0].findings)
    states = [row.state for row in queries.findings(tables, Filter({})).rows]
    assert set(states) <= {state_of(one) for one in found}
    tables.close()


def test_what_breaks_in_the_other_process_is_raised_here(tmp_path: Path) -> None:
    """An error keeps its kind and its words; a broken ledger gives its report."""
    with pytest.raises(SourceError, match=r"no\.db"):
        prepared_apart(_asked(tmp_path / "no.db"), tmp_path, lambda _part, _share: None)
    report = prepared_apart(_asked(broken(tmp_path / "b.db")), tmp_path, lambda _part, _share: None)
    assert not isinstance(report, Made)
    assert report.integrity.broken is not None


def test_a_process_that_is_killed_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page waits for ever, and none shows a part of a ledger."""
    path = desk().save(tmp_path / "desk.db")
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(preparing, "PROGRAM", killed)
    with pytest.raises(SourceError, match="without an answer"):
        prepared_apart(_asked(path), tmp_path, lambda _part, _share: None)


def test_what_a_library_prints_is_taken_for_no_word_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database draws how far it is on the output of whoever it takes for a person."""
    path = desk().save(tmp_path / "desk.db")
    printed = "import os; write = lambda *_: os.write(1, b'99% drawn\\n')"
    first, _, rest = preparing.PROGRAM.partition("take_exit(); ")
    monkeypatch.setattr(preparing, "PROGRAM", f"{first}take_exit(); {printed}; write(); {rest}")
    assert isinstance(prepared_apart(_asked(path), tmp_path, lambda _part, _share: None), Made)


def test_a_long_ledger_is_opened_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is the same; the folder goes with the tables."""
    path = desk().save(tmp_path / "desk.db")
    source = Source(str(path))
    small = opening.opened(source, None, lambda _part, _share: None)
    monkeypatch.setattr(opening, "MANY", 1)
    apart = opening.opened(source, None, lambda _part, _share: None)
    assert isinstance(small, Shown)
    assert isinstance(apart, Shown)
    assert (small.streams, small.heads) == (apart.streams, apart.heads)
    assert replace(small.tables.report) == apart.tables.report
    small.tables.close()
    apart.tables.close()
    assert isinstance(
        opening.opened(Source(str(broken(tmp_path / "b.db"))), None, lambda _part, _share: None),
        Broken,
    )
