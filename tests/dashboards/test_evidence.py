"""Evidence: what an entry rests on, what rests on it, and a proof that stands by itself."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dashboards import evidence, runs
from dashboards.evidence import Proven
from dashboards.runs import Entry
from dashboards.tables import Tables
from ledger.proof import check_proof
from tests.dashboards.ledgers import desk, shown, tables
from tests.verifier.forge import Desk


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the desk lies."""
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def at_desk(folder: Path) -> Tables:
    """A ledger in which an action cites what was seen, and another was approved."""
    return tables(desk(), folder)


def _of(found: Tables, kind: str, text: str = "") -> Entry:
    rows = found.rows(
        "SELECT idx FROM entries WHERE kind = ? AND contains(body, ?) ORDER BY idx", kind, text
    )
    entry = runs.entry(found, rows[0][0])
    assert entry is not None
    return entry


def test_both_ends_of_a_reference_know_of_it(at_desk: Tables) -> None:
    """What an action cites is cited by it; an outcome and an approval are about their action."""
    seen = _of(at_desk, "observation")
    around = evidence.around(at_desk, seen)
    (cited,) = around.carries
    assert (cited.entry.kind, cited.words) == ("action", "cites it as evidence")
    assert around.carried == 1
    back = evidence.around(at_desk, cited.entry)
    assert [(one.entry.index, one.words) for one in back.rests_on] == [
        (seen.index, "cites as evidence")
    ]
    assert [one.entry.kind for one in back.carries] == ["outcome"]
    approval = evidence.around(at_desk, _of(at_desk, "approval"))
    assert [one.words for one in approval.rests_on] == ["is about the action"]


def test_findings_stand_at_an_entry_or_rest_on_it(at_desk: Tables) -> None:
    """Those at it come first."""
    at = at_desk.number("SELECT min(idx) FROM findings WHERE state = 'violated'")
    entry = runs.entry(at_desk, at)
    assert entry is not None
    found = evidence.around(at_desk, entry).findings
    assert found[0].index == at
    for row in found:
        bases = [one.index for one in at_desk.finding(row.place).rests_on]
        assert row.index == at or at in bases


def test_a_record_that_names_what_is_not_there(tmp_path: Path) -> None:
    """It is counted, and not left out in silence."""
    forge = Desk()
    run = forge.open_run()
    forge.end(run, forge.act(run, "look", {}, evidence=["ab" * 32]))
    forge.sign_head()
    found = tables(forge, tmp_path)
    # The verifier leaves such an action out: only the entries that are valid are there.
    assert found.number("SELECT count(*) FROM entries WHERE kind = 'action'") == 0
    opened = _of(found, "run")
    assert evidence.around(found, opened).missing == 0


def test_a_proof_holds_by_itself(at_desk: Tables, folder: Path) -> None:
    """Under the genesis digest alone, and it says whose record it is."""
    entry = _of(at_desk, "observation")
    found = evidence.proof_of(str(folder / "desk.db"), at_desk, entry.index)
    assert isinstance(found, Proven)
    proven = check_proof(found.raw, at_desk.report.ledger.genesis)
    assert (proven.index, proven.digest) == (entry.index, entry.digest)
    assert found.identity == entry.identity


def test_no_proof_of_what_no_head_covers(tmp_path: Path) -> None:
    """It is said in words."""
    late = Desk()
    late.paid()
    late.sign_head()
    late.paid()
    found = shown(late, tmp_path).tables
    last = found.report.ledger.size - 1
    said = evidence.proof_of(str(tmp_path / "desk.db"), found, last)
    assert isinstance(said, str)
    assert "No signed head covers this entry" in said


def test_no_proof_of_what_was_changed_since(tmp_path: Path) -> None:
    """What is proved is what was verified, or nothing."""
    found = shown(desk(), tmp_path).tables
    path = tmp_path / "desk.db"
    entry = _of(found, "observation")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("UPDATE records SET body = x'7b7d' WHERE idx = ?", (entry.index,))
    said = evidence.proof_of(str(path), found, entry.index)
    assert isinstance(said, str)
    assert "No proof could be made" in said
    gone = evidence.proof_of(str(tmp_path / "no.db"), found, entry.index)
    assert isinstance(gone, str)
