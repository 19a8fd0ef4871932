"""Bundles, verified: the whole says what the ledger says; a part says less, and never more."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.bundle_writing import write_bundle
from ledger.store import Store
from tests.verifier.forge import Desk
from verifier.errors import SourceError
from verifier.findings import Result
from verifier.load import open_ledger, verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.reports.json import report_body

# Where things stand in the ledger of a desk that paid once.
RUN, LOOK, LOOKED, PAY, PAID, CLOSED = range(4, 10)


def bundled(desk: Desk, folder: Path, *withheld: int, name: str = "bundle") -> Path:
    """Sign the head, save the ledger, and write a bundle without these records."""
    path = folder / "ledger.db"
    if not path.exists():
        desk.sign_head()
        desk.save(path)
    out = folder / name
    with Store.open(path) as store:
        write_bundle(store, out, lambda index: index not in withheld)
    return out


def judged(desk: Desk, folder: Path, *withheld: int) -> Report:
    """Verify a bundle without these records, and see that it holds."""
    report = verify_ledger(bundled(desk, folder, *withheld), desk.trust())
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    return report


def results(report: Report) -> set[tuple[str, str, int]]:
    """Return code, result and entry of all findings that are no advice."""
    return {
        (found.code, found.result.value, found.index)
        for found in report.findings
        if found.severity != "advice"
    }


@pytest.fixture
def desk() -> Desk:
    """A ledger with one good run."""
    desk = Desk()
    desk.paid()
    return desk


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
@pytest.mark.parametrize("bad", [False, True])
def test_a_bundle_of_everything_says_what_the_ledger_says(
    tmp_path: Path, name: str, *, bad: bool
) -> None:
    """The report's body is the same, byte for byte, whatever the ledger holds."""
    desk = Desk()
    desk.paid()
    if bad:
        run = desk.open_run()
        desk.end(run, desk.act(run, "pay", {"amount": 5000}))
        desk.close_run(run)
        desk.submit("reviewer", b'{"kind":"odd","v":1}')
    bundle = bundled(desk, tmp_path, name=name)
    trust = desk.trust()
    assert report_body(verify_ledger(bundle, trust)) == report_body(
        verify_ledger(tmp_path / "ledger.db", trust)
    )


def test_a_bundle_never_vouches_for_itself(desk: Desk, tmp_path: Path) -> None:
    """Without a trust file nothing is decided, and the report says what to get."""
    report = verify_ledger(bundled(desk, tmp_path))
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert report.exit_code() is ExitCode.UNDECIDABLE
    assert "--trust" in report.integrity.reasons[0]


def test_what_is_withheld_is_counted_and_said(desk: Desk, tmp_path: Path) -> None:
    """The verdict names how many records nobody could look into."""
    report = judged(desk, tmp_path, CLOSED)
    assert report.conformance.records["withheld"] == 1
    assert "1 records of 10" in report.integrity.not_excluded[-1]


def test_a_fact_over_a_withheld_outcome_is_undecidable(desk: Desk, tmp_path: Path) -> None:
    """Nobody can say that it was not looked first: the outcome may be what is withheld."""
    report = judged(desk, tmp_path, LOOKED)
    assert ("policy.looked", "undecidable", PAY) in results(report)
    assert not any(found.result is Result.VIOLATED for found in report.findings)
    assert report.exit_code() is ExitCode.UNDECIDABLE


def test_what_is_withheld_after_an_action_does_not_matter_to_it(desk: Desk, tmp_path: Path) -> None:
    """Its facts are as of its own place."""
    report = judged(desk, tmp_path, CLOSED)
    assert not [found for found in report.findings if found.rule == "policy.looked"]


def test_what_is_withheld_before_a_run_does_not_matter_to_its_own_facts(tmp_path: Path) -> None:
    """Nothing stands in a run before it is opened: an earlier run may be held back whole."""
    desk = Desk()
    desk.paid()
    desk.paid()
    first = range(RUN, CLOSED + 1)
    report = judged(desk, tmp_path, *first)
    assert results(report) == set()
    assert report.exit_code() is ExitCode.HOLDS


def test_a_rule_on_an_actions_own_fields_is_decided(tmp_path: Path) -> None:
    """What was withheld elsewhere cannot make a large payout small."""
    desk = Desk()
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}))
    index = len(desk.headers)
    desk.act(run, "pay", {"amount": 5000})
    report = judged(desk, tmp_path, index - 1)
    small = [found for found in report.findings if found.rule == "policy.small"]
    assert [(found.index, found.result) for found in small] == [(index, Result.VIOLATED)]


def test_a_missing_outcome_is_undecidable_where_it_may_be_withheld(tmp_path: Path) -> None:
    """In the ledger it is violated only if nobody recorded it; here nobody can say."""
    desk = Desk()
    run = desk.open_run()
    look = desk.act(run, "look", {})
    ended = len(desk.headers)
    desk.end(run, look)
    desk.close_run(run)
    report = judged(desk, tmp_path, ended)
    missing = [found for found in report.findings if found.rule == "recovery.outcome"]
    assert [(found.index, found.result) for found in missing] == [(ended - 1, Result.UNDECIDABLE)]
    assert "withheld" in missing[0].reason


def test_what_names_a_withheld_record_is_not_judged(desk: Desk, tmp_path: Path) -> None:
    """An action of a run that is not there is neither fine nor wrong, and counts as withheld."""
    report = judged(desk, tmp_path, RUN)
    unplaced = {found.index for found in report.findings if found.code == "coverage.withheld"}
    assert unplaced == {LOOK, LOOKED, PAY, PAID, CLOSED}
    assert not any(found.result is Result.VIOLATED for found in report.findings)
    assert report.exit_code() is ExitCode.UNDECIDABLE


@pytest.mark.parametrize("index", [2, 3])
def test_governance_is_never_withheld(desk: Desk, tmp_path: Path, index: int) -> None:
    """Who may do what, and which contract is in force, hang on these: such a bundle is refused."""
    bundle = bundled(desk, tmp_path, index)
    with pytest.raises(SourceError) as caught:
        verify_ledger(bundle, desk.trust())
    assert caught.value.code == "bundle.governance"


def test_a_store_may_not_withhold(desk: Desk, tmp_path: Path) -> None:
    """A ledger without one of its records is broken, as ever."""
    desk.sign_head()
    path = desk.save(tmp_path / "ledger.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM records WHERE idx = ?", (PAID,))
    report = verify_ledger(path, desk.trust())
    assert report.integrity.broken is not None
    assert (report.integrity.broken.check, report.integrity.broken.index) == ("record", PAID)


def test_a_verified_bundle_gives_its_events(desk: Desk, tmp_path: Path) -> None:
    """What builds on verified ledgers opens bundles as well, and meets what is there."""
    with open_ledger(bundled(desk, tmp_path, PAID), desk.trust()) as ledger:
        assert [event.index for event in ledger.events()] == [*range(PAID), CLOSED]
