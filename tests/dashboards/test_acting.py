"""A reviewer's acts: signed records that a verification accepts, and refusals that lose nothing."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dashboards import acting, filters, queries, reviews
from dashboards.acting import ActError, Asked
from dashboards.filters import Filter
from dashboards.opening import Shown, Source, opened
from ledger.records import Review
from ledger.store import Store
from tests.dashboards.ledgers import many, shown
from tests.dashboards.reviewing import PEOPLE, desk_at, do, person
from tests.verifier.forge import Desk, identity, key_of
from verifier.load import open_ledger, verify_ledger
from verifier.report import IntegrityVerdict


def ledger() -> Desk:
    """Return a ledger with five violations and two reviewers."""
    forge = Desk(roles=PEOPLE)
    for number in range(5):
        run = forge.open_run(ref=f"run-{number}")
        forge.end(run, forge.act(run, "pay", {"amount": 5}))
        forge.close_run(run)
    forge.sign_head()
    return forge


@pytest.fixture
def there(tmp_path: Path) -> Generator[Shown]:
    """A verified ledger, and an app that acts as its reviewer."""
    made = shown(ledger(), tmp_path)
    acting.begin(desk_at(tmp_path / "desk.db", keys=("reviewer", "second", "agent", "boss")))
    yield made
    acting.begin(acting.Desk())
    made.tables.close()


def ids(there: Shown) -> list[str]:
    """Return the findings' ids."""
    return [row.id for row in queries.findings(there.tables, Filter.of({"review": [""]})).rows]


def recorded(path: Path) -> list[Review]:
    """Return the reviews that a whole verification finds valid."""
    with open_ledger(path) as opened:
        return [
            Review.model_validate(one.record)
            for one in opened.events()
            if one.record["kind"] == "review"
        ]


def refused(code: str) -> "pytest.RaisesExc[ActError]":
    """Expect an act to be refused by this code."""
    return pytest.RaisesExc(ActError, check=lambda error: error.code == code and bool(error.do))


def test_an_act_is_a_signed_record(there: Shown, tmp_path: Path) -> None:
    """A verification accepts it, no stream stays open, and a head covers it."""
    which = ids(there)[0]
    size = there.since.size
    done = do(there, "acknowledge", [which])
    assert done.entries == (size,)
    (one,) = recorded(tmp_path / "desk.db")
    assert (one.by, one.finding, one.state) == (identity("reviewer"), which, "acknowledged")
    assert (one.note, one.assignee) == (None, None)
    report = verify_ledger(tmp_path / "desk.db")
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.ledger.checkpoint_size == report.ledger.size
    # Nothing is worth a finding that was not there before.
    assert len(report.findings) == there.tables.number("SELECT count(*) FROM findings")


def test_the_page_knows_at_once(there: Shown) -> None:
    """State, assignee, and what is proven of them, without another verification."""
    which = ids(there)[0]
    do(there, "acknowledge", [which])
    do(there, "assign", [which], assignee=identity("second"))
    row = queries.finding(there.tables, which)
    assert row is not None
    assert (row.review, row.assignee) == ("acknowledged", identity("second"))
    last = there.since.size - 1
    assert there.since.standing.proven.startswith(
        f"2 acts recorded since, checked up to entry {last}"
    )
    assert there.since.standing.proven.endswith("a signed head covers them")
    assert there.since.standing.news == ""
    assert [one.state for one in reviews.history(there.tables, which)] == ["acknowledged"] * 2


def test_another_start_knows_the_same(there: Shown, tmp_path: Path) -> None:
    """What people said is in the ledger, and nowhere else."""
    one, other = ids(there)[:2]
    do(there, "suppress", [one], "known, and paid by hand")
    do(there, "resolve", [other])
    do(there, "reopen", [other])
    again = opened(Source(str(tmp_path / "desk.db")), None, lambda _part, _share: None)
    assert isinstance(again, Shown)
    for which in (one, other):
        assert reviews.history(again.tables, which) == reviews.history(there.tables, which)
        assert queries.finding(again.tables, which) == queries.finding(there.tables, which)
    again.tables.close()


def test_what_is_settled_leaves_the_inbox(there: Shown) -> None:
    """Suppressed and resolved ones are asked for by name."""
    one, other, *rest = ids(there)
    do(there, "suppress", [one], "known")
    do(there, "resolve", [other])
    do(there, "acknowledge", rest[:1])
    plain = Filter.of({})
    assert {row.id for row in queries.findings(there.tables, plain).rows} == set(rest)
    settled = Filter.of({"review": ["suppressed", "resolved"]})
    assert {row.id for row in queries.findings(there.tables, settled).rows} == {one, other}
    assert set(filters.DEFAULTS["review"]) == {"open", "acknowledged"}
    assert "second" not in queries.choices(there.tables)["assignee"]


def test_the_same_again_is_not_recorded(there: Shown, tmp_path: Path) -> None:
    """Of two clicks the second finds it done, whatever the page knew."""
    which = ids(there)[0]
    before = there.since.size
    assert do(there, "resolve", [which], seen=before).entries
    again = do(there, "resolve", [which], seen=before)
    assert (again.entries, again.unchanged) == ((), 1)
    assert "so already" in again.words
    assert len(recorded(tmp_path / "desk.db")) == 1


def test_many_are_one_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One signature, one record for each finding; what is so already is left as it is."""
    there = shown(many(), tmp_path)
    acting.begin(desk_at(tmp_path / "desk.db"))
    which = ids(there)
    do(there, "resolve", which[:1])
    done = do(there, "acknowledge", [*which, which[1]])
    assert (len(done.entries), done.unchanged) == (len(which) - 1, 1)
    assert recorded(tmp_path / "desk.db")[0].state == "resolved"
    monkeypatch.setattr(acting, "_AT_ONCE", 10)
    more = do(there, "suppress", which, "all of one cause")
    assert len(more.entries) == len(which)
    assert len(recorded(tmp_path / "desk.db")) == 2 * len(which)
    assert not there.since.standing.news
    acting.begin(acting.Desk())


def test_suppressing_needs_a_reason(there: Shown) -> None:
    """One that says something."""
    with refused("act.reason"):
        do(there, "suppress", ids(there)[:1], "  ")


@pytest.mark.parametrize("name", ["agent", "boss", "stranger"])
def test_who_is_no_reviewer_is_refused(there: Shown, tmp_path: Path, name: str) -> None:
    """By the ledger's authority, whatever keys the app has."""
    with refused("act.role"):
        do(there, "acknowledge", ids(there)[:1], who=name)
    assert recorded(tmp_path / "desk.db") == []


def test_the_ledger_itself_refuses_whoever_may_not(there: Shown, tmp_path: Path) -> None:
    """Somebody whom the app takes for a reviewer, and whom the ledger does not."""
    liar = replace(person(there, "agent"), roles=("reviewer",))
    with refused("append.not-entitled"):
        acting.act(liar, there, Asked((ids(there)[0],), "resolve", there.since.size))
    assert recorded(tmp_path / "desk.db") == []


def test_without_an_identity_it_is_for_reading(there: Shown, tmp_path: Path) -> None:
    """And without the key of the one that acts, too."""
    acting.begin(acting.Desk(str(tmp_path / "desk.db")))
    with refused("act.reading-only"):
        do(there, "acknowledge", ids(there)[:1])
    acting.begin(desk_at(tmp_path / "desk.db", keys=()))
    with refused("act.role"):
        do(there, "acknowledge", ids(there)[:1])


def test_a_key_that_does_not_fit_is_refused(there: Shown, tmp_path: Path) -> None:
    """Before anything is written, and with whose it should be."""
    held = desk_at(tmp_path / "desk.db")
    acting.begin(replace(held, signers={identity("reviewer"): key_of("agent")}))
    with refused("act.key"):
        do(there, "acknowledge", ids(there)[:1])


def test_what_makes_no_sense_is_refused(there: Shown) -> None:
    """No finding, one that is not in the report, nobody of this ledger, and a novel."""
    which = ids(there)[:1]
    with refused("act.nothing"):
        do(there, "acknowledge", [])
    with refused("act.unknown-finding"):
        do(there, "acknowledge", [*which, "F-0000000000000000"])
    with refused("act.assignee"):
        do(there, "assign", which, assignee=identity("agent"))
    with refused("act.note"):
        do(there, "resolve", which, "x" * 4_001)
    with refused("encoding.surrogate"):
        do(there, "resolve", which, "a surrogate \ud800")


def test_what_another_said_meanwhile_is_not_passed_over(there: Shown, tmp_path: Path) -> None:
    """Who acts on what they saw earlier is told; what was said of other findings is no matter."""
    one, other = ids(there)[:2]
    seen = there.since.size
    do(there, "suppress", [one], "known", who="second", seen=seen)
    with refused("act.changed"):
        do(there, "resolve", [one], seen=seen)
    assert do(there, "resolve", [other], seen=seen).entries
    there.since.read_on()
    assert do(there, "resolve", [one]).entries
    said = [(one.by, one.state) for one in recorded(tmp_path / "desk.db")]
    assert said[0] == (identity("second"), "suppressed")


def test_what_is_not_valid_decides_nothing(tmp_path: Path) -> None:
    """Whoever may not review has no say in what a reviewer signs, who never saw it."""
    forge, path = ledger(), tmp_path / "desk.db"
    there = shown(forge, tmp_path)
    acting.begin(desk_at(path))
    (one, *_) = ids(there)
    forge.submit("agent", forge.make("review", "agent", finding=one, state="resolved"))
    forge.sign_head()
    path.unlink()
    forge.save(path)
    there.since.read_on()
    row = queries.finding(there.tables, one)
    assert row is not None
    assert row.review == "open"
    do(there, "assign", [one], assignee=identity("second"))
    said = [(each.state, each.assignee) for each in recorded(path)]
    assert said == [("open", identity("second"))]
    acting.begin(acting.Desk())
    there.tables.close()


def test_two_reviewers_at_once(there: Shown, tmp_path: Path) -> None:
    """Each finding is taken up by one of them, and nothing is lost or doubled."""
    which = ids(there)
    seen, counted = there.since.size, list[int]()

    def work(who: str) -> None:
        for finding in which:
            counted.append(len(do(there, "acknowledge", [finding], who=who, seen=seen).entries))

    threads = [threading.Thread(target=work, args=(who,)) for who in ("reviewer", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(counted), sum(counted)) == (2 * len(which), len(which))
    assert sorted(one.finding for one in recorded(tmp_path / "desk.db")) == sorted(which)


def test_a_ledger_that_is_held_is_said(
    there: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits in silence, and it is recorded once the other lets go."""
    monkeypatch.setattr(acting, "PATIENCE_SECONDS", 0.3)
    which = ids(there)[:1]
    with closing(sqlite3.connect(tmp_path / "desk.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with refused("act.waiting"):
            do(there, "resolve", which, seen=there.since.size)
        other.execute("ROLLBACK")
    monkeypatch.undo()
    do(there, "resolve", which)
    assert len(recorded(tmp_path / "desk.db")) == 1


def test_a_ledger_that_is_gone_or_cannot_be_written_is_said(there: Shown, tmp_path: Path) -> None:
    """It is not made anew, and nothing of it is in the act's words but what to do."""
    path, which = tmp_path / "desk.db", ids(there)[:1]
    moved = path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(ActError, match=r"desk\.db") as error:
        do(there, "resolve", which, seen=there.since.size)
    assert error.value.code.startswith("store.")
    assert not path.exists()
    moved.rename(path)
    path.write_bytes(b"\xff" * 8192)
    with pytest.raises(ActError) as error:
        do(there, "resolve", which, seen=there.since.size)
    assert error.value.code.startswith("store.")


def test_a_disk_that_is_full_is_said(there: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of what is in the way, with what to do."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "open", full)
    with refused("act.full"):
        do(there, "resolve", ids(there)[:1], seen=there.since.size)


def test_without_the_head_key_the_page_says_what_is_not_covered(
    there: Shown, tmp_path: Path
) -> None:
    """The act is in the ledger all the same: somebody else signs the next head."""
    acting.begin(desk_at(tmp_path / "desk.db", head=False))
    assert do(there, "resolve", ids(there)[:1]).entries
    assert there.since.standing.proven.endswith("no signed head covers them yet")
    assert len(recorded(tmp_path / "desk.db")) == 1
