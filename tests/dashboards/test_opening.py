"""Opening: a verification in its thread, how far it is, and why there is nothing to show."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dashboards import checks, opening
from dashboards.opening import End, Opening, Problem, Shown, Source
from dashboards.preparing import Tell
from ledger.bundle_writing import write_bundle
from ledger.errors import StoreError
from ledger.store import Store
from tests.dashboards.ledgers import desk, empty
from tests.verifier.forge import witness_of
from verifier.errors import TrustError
from verifier.report import IntegrityVerdict
from verifier.witnessed import written

QUIET = 30.0


def test_a_verification_says_how_far_it_is(tmp_path: Path) -> None:
    """In parts with names, and never backwards."""
    told: list[tuple[str, float]] = []
    path = desk().save(tmp_path / "desk.db")

    def tell(part: str, share: float) -> None:
        told.append((part, share))

    result = opening.opened(Source(str(path)), None, tell)
    assert isinstance(result, Shown)
    assert result.tables.report.integrity.trust == "self-asserted"
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert list(dict.fromkeys(part for part, _ in told)) == [
        "verifying",
        "reading what was verified",
        "reading who wrote it",
    ]
    result.tables.close()


def test_a_bundle_is_shown_like_the_ledger_it_was_made_from(tmp_path: Path) -> None:
    """Its streams and heads are the same, and where it ends."""
    forge = desk()
    path, trust = forge.save(tmp_path / "desk.db"), forge.trust()
    with Store.open(path) as store:
        write_bundle(store, tmp_path / "b.zip")
    found: list[Shown] = []
    for name in ("desk.db", "b.zip"):
        source = Source(str(tmp_path / name))
        result = opening.opened(source, trust, lambda _part, _share: None)
        assert isinstance(result, Shown)
        assert opening.continues(source, opening.end_of(source))
        found.append(result)
        result.tables.close()
    whole, carried = found
    assert whole.streams
    assert (carried.streams, carried.heads) == (whole.streams, whole.heads)
    assert opening.end_of(Source(str(path))) == opening.end_of(Source(str(tmp_path / "b.zip")))


def test_cosignatures_are_as_old_as_they_are_when_one_looks(tmp_path: Path) -> None:
    """A trust file that limits their age holds while they are young, and is undecidable later."""
    forge = desk()
    now = int(time.time())
    forge.cosign("w.example", now - 60)
    path = str(forge.save(tmp_path / "desk.db"))
    given = forge.trust(witnesses=(witness_of("w.example"),), quorum=1)
    for max_age, verdict, says in (
        (3600, IntegrityVerdict.HOLDS, f"Complete as of {written(now - 60)}, by 1 of 1 witnesses."),
        (30, IntegrityVerdict.UNDECIDABLE, ""),
    ):
        result = Opening(Source(path), replace(given, max_age=max_age)).wait(QUIET)
        assert isinstance(result, Shown)
        report = result.tables.report
        assert report.integrity.verdict is verdict
        assert checks.end_words(report) == says
        step = checks.answers(report)[1]
        assert (step.result == "passed") == (verdict is IntegrityVerdict.HOLDS)
        assert ("too old" in step.words) == (verdict is IntegrityVerdict.UNDECIDABLE)
        result.tables.close()


def test_whoever_waits_is_told_nothing_until_it_is_done(tmp_path: Path) -> None:
    """A page asks now and then; what comes out stays."""
    go, begun = threading.Event(), threading.Event()

    def slow(_source: Source, _trust: object, tell: Tell) -> Problem:
        tell("half", 0.5)
        begun.set()
        go.wait(QUIET)
        return Problem("a.code", "what", "do")

    found = Opening(Source(str(tmp_path)), None, slow)
    assert begun.wait(QUIET)
    assert found.wait(0.01) is None
    assert (found.part, found.share) == ("half", 0.5)
    go.set()
    assert found.wait(QUIET) == found.wait(0) == Problem("a.code", "what", "do")


def test_a_verification_that_fails_is_done_too() -> None:
    """A thread that dies in silence would be waited for in vain."""

    def fails(_source: Source, _trust: object, _tell: Tell) -> Problem:
        raise RuntimeError("boom")

    result = Opening(Source("x"), None, fails).wait(QUIET)
    assert isinstance(result, Problem)
    assert (result.code, result.what) == ("internal", "RuntimeError: boom")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot open the store"),
        (b"no database, but a text that is long enough", "not a"),
        (b"", "not a ledger's store"),
    ],
)
def test_what_is_no_ledger_is_said(tmp_path: Path, content: bytes | None, says: str) -> None:
    """Missing, another file, an empty one: in words, with what to do."""
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    result = Opening(Source(str(path)), None).wait(QUIET)
    assert isinstance(result, Problem)
    assert says in result.what
    assert result.do


def test_the_trust_file_is_read_as_it_is(tmp_path: Path) -> None:
    """Its digest tells two contents apart; none is none."""
    assert opening.read_trust(Source("x")) == (None, "")
    path = tmp_path / "trust.json"
    path.write_text("{}")
    with pytest.raises(TrustError) as raised:
        opening.read_trust(Source("x", str(path)))
    assert opening.trust_problem(raised.value).do.startswith("Ask whoever audits")
    with pytest.raises(OSError, match="No such file") as missing:
        opening.read_trust(Source("x", str(tmp_path / "none.json")))
    assert opening.trust_problem(missing.value).code == "trust.unreadable"


def test_the_end_of_a_ledger_tells_growth_from_another_one(tmp_path: Path) -> None:
    """Growth keeps the entry that was last; another ledger has another one there."""
    forge = desk()
    source = Source(str(forge.save(tmp_path / "a.db")))
    before = opening.end_of(source)
    assert before.size == 22
    forge.paid()
    grown = Source(str(forge.save(tmp_path / "b.db")))
    assert opening.end_of(grown).size > before.size
    assert opening.continues(grown, before)
    other = desk()
    other.records[-1] = other.make("stream-close", "agent")
    different = empty()
    different.paid(1)
    different.paid(2)
    different.paid(3)
    different.paid(4)
    assert not opening.continues(Source(str(different.save(tmp_path / "c.db"))), before)
    assert opening.continues(source, End(0, ""))


def test_pages_name_a_ledger_without_its_account() -> None:
    """A password in a database's URL is nobody's business."""
    assert Source("/a/b/refunds.db").name == "refunds.db"
    assert Source("postgresql://me:secret@host/db").name == "postgresql://host/db"


@pytest.mark.parametrize(
    ("what", "advice"),
    [("database is locked", "Another program"), ("anything else", "See that the file")],
)
def test_advice_fits_the_trouble(what: str, advice: str) -> None:
    """What to do depends on what is wrong."""
    assert opening.problem_of(StoreError(what)).do.startswith(advice)
