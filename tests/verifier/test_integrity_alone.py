"""Integrity alone: the same steps, the same findings of them, and nothing decided again."""

from pathlib import Path

from tests.verifier.forge import Desk
from verifier.load import verify_ledger
from verifier.report import ExitCode
from verifier.reports import text_report


def test_nothing_is_judged_and_the_report_says_so(tmp_path: Path) -> None:
    """A payment that breaks a rule is no matter of integrity."""
    desk = Desk()
    desk.paid(5000, look=False)
    desk.sign_head()
    path = desk.save(tmp_path / "l.db")
    whole = verify_ledger(path, desk.trust())
    alone = verify_ledger(path, desk.trust(), conformance=False)
    assert whole.exit_code() is ExitCode.VIOLATED
    assert alone.exit_code() is ExitCode.HOLDS
    assert (alone.integrity, alone.ledger) == (whole.integrity, whole.ledger)
    assert not alone.conformance.performed
    assert alone.findings == ()
    said = text_report(alone)
    assert "NOT JUDGED · integrity alone was asked for" in said
    assert "what was done in it was not judged" in said


def test_what_integrity_finds_is_the_same(tmp_path: Path) -> None:
    """A stranger's submission is left out and reported, whether or not anything is judged."""
    desk = Desk()
    desk.submit("reviewer", desk.make("review", "agent", finding="F", state="open"))
    desk.sign_head()
    path = desk.save(tmp_path / "l.db")
    whole = verify_ledger(path, desk.trust())
    alone = verify_ledger(path, desk.trust(), conformance=False)
    of_integrity = [found for found in whole.findings if found.clause == "integrity"]
    assert list(alone.findings) == of_integrity != []
    assert alone.exit_code() is ExitCode.VIOLATED
