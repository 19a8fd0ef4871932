"""What the integrity page shows: each step with its outcome, who wrote, heads, contracts."""

from pathlib import Path

import pytest

from dashboards import checks
from dashboards.opening import Broken, Shown, Source, opened
from dashboards.streams import read_streams
from tests.dashboards.ledgers import broken, desk, empty, shown, tables
from tests.verifier.forge import SERVICE, Desk, identity, key_of
from verifier.drafts import CHECKS
from verifier.errors import SourceError
from verifier.load import verify_ledger


@pytest.fixture(scope="module")
def at_desk(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A ledger that holds."""
    return shown(desk(), tmp_path_factory.mktemp("desk"))


def test_every_check_of_the_verifier_belongs_to_one_step() -> None:
    """A check that is added there is missed here, and this test says so."""
    listed = [name for check in checks.CHECKS for name in check.checks]
    assert sorted(listed) == sorted(CHECKS)
    assert [check.number for check in checks.CHECKS] == list(range(10))


def test_a_ledger_that_holds_passed_everything(at_desk: Shown) -> None:
    """Ten steps, ten times passed, and the verdict in a sentence."""
    report = at_desk.tables.report
    assert [answer.result for answer in checks.answers(report)] == ["passed"] * 10
    assert checks.verdict(report) == "Holds: 22 entries, all of them under a signed head."
    assert checks.trust_words(report).startswith("Pinned")


def test_a_broken_ledger_failed_at_its_step(tmp_path: Path) -> None:
    """What comes after cannot be relied on, and is not said to have passed."""
    report = verify_ledger(broken(tmp_path / "broken.db"))
    results = [answer.result for answer in checks.answers(report)]
    assert results == ["passed", "passed", "failed"] + ["not reached"] * 7
    assert checks.verdict(report).startswith("Broken at entry 21.")
    assert checks.trust_words(report).startswith("Self-asserted")


def test_what_is_invalid_is_left_out_and_said(tmp_path: Path) -> None:
    """A record of another's run is step 9's, and its entry is named."""
    forge = Desk()
    forge.submit("agent", forge.make("action", "agent", run="ab" * 32, tool="look", params={}))
    forge.sign_head()
    report = tables(forge, tmp_path).report
    answer = checks.answers(report)[9]
    assert answer.result == "left out"
    assert answer.words.startswith("1 finding, the first at entry 4: ")


def test_no_head_is_undecidable(tmp_path: Path) -> None:
    """Entries that nobody signed over can be compared with nothing."""
    forge = desk()
    forge.notes.clear()
    report = tables(forge, tmp_path).report
    assert checks.answers(report)[1].result == "undecidable"
    assert checks.verdict(report).startswith("Undecidable: no head of this ledger")


def test_a_compromised_key_is_undecidable(tmp_path: Path) -> None:
    """Step 6 does not know, which is not the same as failed."""
    forge = Desk()
    forge.paid()
    forge.submit("steward", forge.authority(forge.next_document(revoke="agent", since=5)))
    forge.sign_head()
    found = shown(forge, tmp_path)
    answer = checks.answers(found.tables.report)[6]
    assert (answer.result, answer.words.split(",")[0]) == ("undecidable", "5 findings")
    (agent, later) = [
        one
        for one in checks.identities(checks.history(found.tables))
        if one.id == identity("agent")
    ]
    assert (agent.since, agent.until, len(agent.keys)) == (1, later.since, 1)
    assert (later.until, later.keys) == (None, ())


def test_entries_without_a_head_are_counted(tmp_path: Path) -> None:
    """The end of a ledger that no head covers is said in the verdict."""
    forge = desk()
    forge.open_run()
    report = tables(forge, tmp_path).report
    assert checks.verdict(report) == "Holds: 23 entries, 1 entry at its end under no signed head."


def test_heads_are_opened_again(at_desk: Shown) -> None:
    """Only a head whose signature holds is shown, with the time of its last entry."""
    assert at_desk.head_count == 1
    (head,) = at_desk.heads
    assert (head.size, head.root) == (22, at_desk.tables.report.ledger.root)
    assert head.recorded_at.startswith("2026-03-01T09:00")


def test_governance_is_listed(at_desk: Shown) -> None:
    """Activations and switches, with who and when."""
    (binding,) = checks.bindings(at_desk.tables)
    assert (binding.service, binding.version, binding.imported) == (SERVICE, "1.0.0", False)
    assert [(one.state, one.reason) for one in checks.switches(at_desk.tables)] == [
        ("engaged", "a drill"),
        ("released", "it is over"),
    ]
    assert dict(checks.kinds(at_desk.tables.report))["run"] == 6


def test_streams_are_counted(at_desk: Shown) -> None:
    """By writer, with what is missing and whether each was closed."""
    found = {stream.key: stream for stream in at_desk.streams}
    assert len(found) == 5
    assert sum(stream.records for stream in at_desk.streams) == 22
    assert {stream.missing for stream in at_desk.streams} == {0}
    assert not any(stream.closed for stream in at_desk.streams)


def test_a_missing_submission_is_counted(tmp_path: Path) -> None:
    """A number that was skipped was signed, and is not here; a stream can be closed."""
    forge = Desk()
    run = forge.open_run()
    close = forge.make("stream-close", "agent")
    forge.submit("agent", close, number=3, key=key_of("agent"))
    forge.sign_head()
    del run
    agent = max(shown(forge, tmp_path).streams, key=lambda stream: stream.number)
    assert (agent.number, agent.submissions, agent.missing, agent.closed) == (3, 2, 2, True)


def test_headers_must_be_those_that_were_verified(at_desk: Shown, tmp_path: Path) -> None:
    """Another ledger under the same name is noticed by its root."""
    other = empty().save(tmp_path / "other.db")
    ledger = at_desk.tables.report.ledger
    with pytest.raises(SourceError, match="not those that were verified"):
        read_streams(str(other), ledger)


def test_a_broken_ledger_gives_its_report_only(tmp_path: Path) -> None:
    """Nothing of it can be shown."""
    path = broken(tmp_path / "broken.db")
    result = opened(Source(str(path)), None, lambda _part, _share: None)
    assert isinstance(result, Broken)
    assert result.report.integrity.broken is not None
