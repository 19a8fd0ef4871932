"""The reviewer's form on the pages: what it records, what it refuses, and who one is there."""

from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, TextInput

from dashboards import acting, session
from dashboards.opening import Shown, Source, opened
from tests.dashboards.ledgers import HOSTILE
from tests.dashboards.reviewing import PEOPLE, desk_at
from tests.dashboards.visits import Visitor, fine, links, saved, strange, words
from tests.verifier.forge import Desk, identity
from verifier.load import open_ledger

Recorded = list[tuple[str, str, str]]


pytestmark = pytest.mark.usefixtures("forgotten")


@pytest.fixture
def path(visitor: Visitor, tmp_path: Path) -> Path:
    """A ledger with three violations, on which the app is started; nobody acts yet."""
    forge = Desk(roles=PEOPLE)
    for number in range(3):
        run = forge.open_run(ref=f"run-{number}")
        forge.end(run, forge.act(run, "pay", {"amount": 5}))
        forge.close_run(run)
    forge.sign_head()
    ledger, trust = saved(forge, tmp_path)
    visitor.starts(ledger, trust)
    return ledger


def first_finding(visitor: Visitor, number: int = 0) -> AppTest:
    """Open one of the findings."""
    app = fine(visitor.opens(view="findings", sort="oldest"))
    found = [link for link in links(app) if link.label.startswith("Open entry")]
    return fine(visitor.opens(session.RUN, **dict(found[number].asks)))


def button(app: AppTest, label: str) -> Button:
    """Return the button of the form with this label."""
    return next(one for one in app.button if one.label == label)


def note(app: AppTest) -> TextInput:
    """Return the field for a note."""
    return next(one for one in app.text_input if one.label == "Note")


def recorded(path: Path) -> Recorded:
    """Return who said what of findings, as a whole verification finds it."""
    with open_ledger(path) as ledger:
        return [
            (one.record["by"], one.record["state"], one.record.get("note", ""))
            for one in ledger.events()
            if one.record["kind"] == "review"
        ]


def test_a_click_is_a_record(visitor: Visitor, path: Path) -> None:
    """State, history and proof stand on the page at once, and a reload shows the same."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    assert "You act as `reviewer`, reviewer." in words(app)
    note(app).input("**seen** by me")
    button(app, "Acknowledge").click().run()
    shown = words(fine(app))
    assert "Recorded and signed: entry " in shown
    assert "1 act recorded since, checked up to entry" in shown
    assert "a signed head covers them" in shown
    assert "new since" not in shown
    assert note(app).value == ""
    assert button(app, "Acknowledge").disabled
    assert recorded(path) == [(identity("reviewer"), "acknowledged", "**seen** by me")]
    again = first_finding(visitor)
    assert "1 act of reviewers" in [one.label for one in again.expander]
    assert "**seen** by me" in words(again)
    # Its entry is linked, and there to be opened once it was verified with the rest.
    assert any(link.label.startswith("Entry ") for link in links(again))


def test_the_key_is_a(visitor: Visitor, path: Path) -> None:
    """Of one form on the page, and of one button in it."""
    acting.begin(desk_at(path))
    keys = [one.proto.shortcut for one in first_finding(visitor).button]
    assert keys.count("a") == 1


def test_settled_findings_leave_the_inbox(visitor: Visitor, path: Path) -> None:
    """And come back when they are asked for."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    note(app).input("paid back by hand")
    button(app, "Suppress").click().run()
    fine(app)
    assert "2 findings in " in words(fine(visitor.opens()))
    there = words(fine(visitor.opens(review="suppressed", view="findings")))
    assert "1 finding, 1 to 1 shown" in there


def test_suppressing_without_a_reason_is_refused(visitor: Visitor, path: Path) -> None:
    """With what to do about it, and nothing recorded."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    button(app, "Suppress").click().run()
    shown = words(fine(app))
    assert "**Not recorded.**" in shown
    assert "code `act.reason`" in shown
    assert recorded(path) == []


def test_what_fails_keeps_the_note(visitor: Visitor, path: Path) -> None:
    """The ledger goes away under the reviewer's hands: no traceback, and nothing is lost."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    note(app).input("as agreed with Lin")
    kept = path.read_bytes()
    path.unlink()
    button(app, "Resolve").click().run()
    shown = words(fine(app))
    assert "**Not recorded.**" in shown
    assert "can no longer be read" in shown
    assert note(app).value == "as agreed with Lin"
    path.write_bytes(kept)
    button(app, "Resolve").click().run()
    assert "Recorded and signed" in words(fine(app))
    assert recorded(path)[0][1:] == ("resolved", "as agreed with Lin")


def test_assigning(visitor: Visitor, path: Path) -> None:
    """To a reviewer or commander of this ledger, and to nobody again."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    chosen = next(one for one in app.selectbox if one.label == "Assigned to")
    assert set(chosen.options) == {"nobody", "boss", "reviewer", "second", "steward"}
    chosen.select(identity("second")).run()
    button(app, "Assign").click().run()
    assert "assigned to second" in words(fine(app))
    assert "1 finding in 1 incident" in words(fine(visitor.opens(assignee=identity("second"))))


def test_what_is_assigned_to_me_is_a_view(visitor: Visitor, path: Path) -> None:
    """With how many there are; for reading only there is nobody whose they could be."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    chosen = next(one for one in app.selectbox if one.label == "Assigned to")
    chosen.select(identity("reviewer")).run()
    button(app, "Assign").click().run()
    assert "Mine · 1" in [link.label for link in links(fine(visitor.opens()))]
    acting.begin(acting.Desk(str(path)))
    labels = [link.label for link in links(fine(visitor.opens()))]
    assert not any(label.startswith("Mine") for label in labels)


def test_what_is_marked_is_one_act(visitor: Visitor, path: Path) -> None:
    """By a box of each line or a key for the one selected; it is in the address, and goes along."""
    acting.begin(desk_at(path))
    app = fine(visitor.opens(view="findings", sort="oldest", selected="first"))
    ids = [one.asks["finding"][0] for one in links(app) if one.label.startswith("Open entry")]
    assert len(ids) == 3
    assert not [one for one in app.button if one.label == "Unmark all"]
    button(app, "Mark").click().run()
    assert app.query_params["marked"] == ids[0]
    app = fine(visitor.opens(view="findings", sort="oldest", selected="last", marked=[ids[0]]))
    assert "1 finding marked" in words(app)
    button(app, "Mark").click().run()
    assert app.query_params["marked"] == [ids[0], ids[2]]
    shown = words(fine(app))
    assert "2 findings marked" in shown
    ways = [one.asks for one in links(app) if one.label == "Handled · 0"]
    assert [one["marked"] for one in ways] == [[ids[0], ids[2]]]
    (search,) = (one for one in app.text_input if one.key == "q")
    search.input("no such words").run()
    assert "2 findings marked" in words(fine(app))
    note(app).input("all three were one mistake")
    button(app, "Resolve").click().run()
    assert "Recorded and signed: entries" in words(fine(app))
    mine = (identity("reviewer"), "resolved", "all three were one mistake")
    assert recorded(path) == [mine, mine]
    button(app, "Unmark all").click().run()
    assert "marked" not in app.query_params
    assert "findings marked" not in words(fine(app))


def test_an_incident_is_one_act(visitor: Visitor, tmp_path: Path) -> None:
    """All its findings at once, each with a record of its own."""
    forge = Desk(roles=PEOPLE)
    run = forge.open_run(ref="run-1")
    for _ in range(3):
        forge.end(run, forge.act(run, "pay", {"amount": 5}))
    forge.close_run(run)
    forge.sign_head()
    ledger, trust = saved(forge, tmp_path)
    visitor.starts(ledger, trust)
    acting.begin(desk_at(ledger))
    result = opened(Source(str(ledger)), None, lambda _part, _share: None)
    assert isinstance(result, Shown)
    which = result.tables.rows("SELECT id FROM incidents WHERE size = 3")[0][0]
    app = fine(visitor.opens(incident=which))
    assert "all 3 findings of the incident" in words(app)
    button(app, "Acknowledge").click().run()
    assert "Recorded and signed: entries" in words(fine(app))
    assert [one[1] for one in recorded(ledger)] == ["acknowledged"] * 3


@pytest.mark.parametrize(
    ("me", "said"),
    [
        ("", "For reading only: the app was started without --as."),
        ("agent", "You act as `agent`, viewer. You can look at everything, and change nothing."),
        ("boss", "boss is a commander: only a reviewer may do this."),
    ],
)
def test_a_viewer_is_refused(visitor: Visitor, path: Path, me: str, said: str) -> None:
    """The buttons say why, and a click that comes from an earlier page records nothing."""
    acting.begin(desk_at(path))
    before = first_finding(visitor)
    acting.begin(desk_at(path, me, keys=("agent", "boss")))
    app = first_finding(visitor)
    assert said in words(app)
    assert "Nobody signs in: whoever reaches 127.0.0.1" in words(app)
    assert "Reading only." in words(app)
    for label in ("Acknowledge", "Resolve", "Suppress", "Reopen", "Assign"):
        assert button(app, label).disabled
    button(before, "Acknowledge").click().run()
    assert "**Not recorded.**" in words(fine(before))
    assert recorded(path) == []


def test_what_reviewers_write_is_text(visitor: Visitor, path: Path) -> None:
    """A note is anybody's text, too."""
    acting.begin(desk_at(path))
    app = first_finding(visitor)
    note(app).input(HOSTILE)
    button(app, "Resolve").click().run()
    fine(app)
    assert not any("alert(1)" in str(one.value) for one in app.markdown)
    assert "alert(1)" in words(app)
    assert strange(app) == []


class Stranger(dict[str, object]):
    """What Streamlit says of somebody before, and after, they signed in."""

    is_logged_in: bool

    def to_dict(self) -> dict[str, object]:
        """Return what the provider says of them."""
        return dict(self)


def signs_in(monkeypatch: pytest.MonkeyPatch, **claims: object) -> None:
    """Have somebody signed in, or, with no claims, nobody."""
    user = Stranger(claims)
    user.is_logged_in = bool(claims)
    monkeypatch.setattr(st, "user", user)


def test_nobody_sees_anything_before_they_sign_in(
    visitor: Visitor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even whether there is a ledger."""
    acting.begin(replace(desk_at(path, ""), signs_in=True))
    signs_in(monkeypatch)
    for page in (session.INBOX, session.RUN, session.INTEGRITY):
        app = fine(visitor.opens(page))
        assert [one.label for one in app.button] == ["Sign in"]
        assert "desk.db" not in words(app)
        assert not links(app)


def test_who_signed_in_acts_as_themselves(
    visitor: Visitor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under their own identity, with their own key; and who is not known only looks."""
    acting.begin(replace(desk_at(path, "", keys=("reviewer", "second")), signs_in=True))
    signs_in(monkeypatch, sub=identity("second"), email="lin@shop.example")
    app = first_finding(visitor)
    assert "Signed in: `lin@shop.example`, reviewer as `second`." in words(app)
    button(app, "Resolve").click().run()
    assert recorded(path) == [(identity("second"), "resolved", "")]
    signs_in(monkeypatch, sub="77", email="eve@shop.example", email_verified=True)
    app = first_finding(visitor)
    assert "Signed in: `eve@shop.example`, viewer." in words(app)
    assert button(app, "Resolve").disabled
