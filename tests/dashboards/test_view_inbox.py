"""The inbox as Streamlit runs it: incidents, saved views, a line selected, and the first visit."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import guide, incidents, queries, session
from dashboards.filters import Filter
from dashboards.tables import Tables
from tests.dashboards.ledgers import desk, many, tables
from tests.dashboards.test_incidents import worth
from tests.dashboards.visits import Visitor, fine, follows, links, rows, saved, words
from tests.verifier.forge import ORIGIN, SERVICE, Desk
from writ.demo import people

pytestmark = pytest.mark.usefixtures("forgotten")


def press(app: AppTest, key: str) -> AppTest:
    """Press the button that has a key of the keyboard."""
    return fine(app.button(key=f"go-{key}").click().run())


def test_incidents_are_listed_first(visitor: Visitor, tmp_path: Path) -> None:
    """One line for findings that belong together, with what was at stake in each currency."""
    visitor.starts(*saved(worth(), tmp_path))
    (tmp_path / "t").mkdir()
    found = incidents.grouped(tables(worth(), tmp_path / "t"), Filter.of({}))
    app = fine(visitor.opens())
    shown = words(app)
    assert (
        f"{found.findings} findings in {found.total} incidents, 1 to {found.total} shown" in shown
    )
    opens = [f"Open {row.size} findings" for row in found.rows if row.size > 1]
    assert opens
    assert [label for label in rows(app) if "findings" in label] == opens
    largest = max(found.rows, key=lambda row: row.size)
    assert f"{largest.size} findings in {largest.runs} runs" in shown
    assert "EUR + " in shown
    assert " USD" in shown


def test_an_incident_opens_and_is_left_again(visitor: Visitor, tmp_path: Path) -> None:
    """Its findings, and back to where it stands in the list."""
    visitor.starts(*saved(many(), tmp_path))
    app = press(fine(visitor.opens(channel="chat")), "J")
    which = app.query_params["selected"]
    app = fine(follows(app, "Open 30 findings", session.INBOX))
    assert app.query_params == {"channel": "chat", "incident": which}
    shown = words(app)
    assert "15 findings, 1 to 15 shown" in shown
    assert "30 findings in 30 runs" in shown
    app = press(app, "U")
    assert app.query_params == {"channel": "chat", "selected": which}
    assert "15 findings in 1 incident" in words(app)
    assert "15 of them in this choice" in words(app)


def test_a_list_is_gone_through_line_by_line(visitor: Visitor, tmp_path: Path) -> None:
    """Also from one page to the next and back; the address says where one is."""
    visitor.starts(*saved(many(), tmp_path))
    (tmp_path / "t").mkdir()
    chosen = Filter.of({"view": ["findings"]})
    of = tables(many(), tmp_path / "t")
    names = [row.id for page in (1, 2) for row in queries.findings(of, chosen.at_page(page)).rows]
    app = fine(visitor.opens(view="findings", selected=names[23]))
    assert app.button(key="go-K").disabled is False
    app = press(app, "J")
    assert app.query_params["selected"] == names[24]
    app = press(app, "J")
    assert (app.query_params["page"], app.query_params["selected"]) == ("2", "first")
    assert "26 to 30 shown" in words(app)
    app = press(app, "J")
    assert app.query_params["selected"] == names[26]
    app = press(press(app, "K"), "K")
    assert app.query_params["selected"] == "last"
    assert "page" not in app.query_params
    app = fine(follows(app, rows(app)[24], session.RUN))
    assert app.query_params["finding"] == names[24]
    assert "finding 25 of 30 in the inbox" in words(app)
    app = press(app, "J")
    assert app.query_params["finding"] == names[25]
    app = fine(follows(app, "Inbox", session.INBOX))
    assert app.query_params == {"view": "findings", "page": "2", "selected": names[25]}


def test_the_list_is_narrowed_to_a_time(visitor: Visitor, tmp_path: Path) -> None:
    """Typed into two fields; what is no time is said to be none, and narrows nothing."""
    visitor.starts(*saved(many(), tmp_path))
    app = fine(visitor.opens(view="findings"))
    app.text_input(key="since").set_value("2026-03-01T09:01:00Z").run()
    assert app.query_params["since"] == "2026-03-01T09:01:00Z"
    found = re.search(r"(\d+) findings, 1 to", words(fine(app)))
    assert found is not None
    assert 0 < int(found[1]) < 30
    narrowed = app.query_params
    for name in ("until", "since"):
        app.text_input(key=name).set_value("tomorrow").run()
        assert "`tomorrow` is no time in UTC" in words(fine(app))
        assert app.query_params == narrowed
    assert "is no time" not in words(fine(app.run()))
    app.text_input(key="since").set_value("").run()
    assert "since" not in app.query_params
    assert "30 findings" in words(fine(app))


def test_the_ends_of_a_list_are_ends(visitor: Visitor, tmp_path: Path) -> None:
    """No key leads out of it."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens(view="findings"))
    assert [app.button(key=f"go-{key}").disabled for key in "KJ"] == [True, False]
    app = press(app, "J")
    assert [app.button(key=f"go-{key}").disabled for key in "KJ"] == [True, True]
    # What an address selects and is not there selects nothing.
    odd = fine(visitor.opens(view="findings", selected="F-<b>"))
    assert [odd.button(key=f"go-{key}").disabled for key in "KJ"] == [True, False]


def test_the_list_is_of_what_was_asked_for(visitor: Visitor, tmp_path: Path) -> None:
    """Incidents or findings; what is in no incident is listed by itself, and left again."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens())
    app.segmented_control(key="view").set_value("findings").run()
    assert app.query_params == {"view": "findings"}
    assert "1 finding, 1 to 1 shown" in words(fine(app))
    handled = fine(visitor.opens(result="handled"))
    assert handled.segmented_control(key="view").value == "findings"
    handled.segmented_control(key="view").set_value("incidents").run()
    assert handled.query_params == {}
    assert "1 finding in 1 incident" in words(fine(handled))


def test_saved_views_are_links_with_numbers(visitor: Visitor, tmp_path: Path) -> None:
    """The app's own, then those of the file that it was started with; where one is, is told."""
    ledger, trust = saved(desk(), tmp_path)
    file = tmp_path / "views.toml"
    file.write_text('[[view]]\nname = "Of the portal"\nquery = "channel=portal&result="\n')
    visitor.starts(ledger, trust, file)
    app = fine(visitor.opens(result="handled"))
    views = {link.label: link for link in links(app)}
    assert views["To review · 1"].asks == {}
    assert views["Handled · 1"].asks == {"result": ["handled"]}
    assert [label for label, link in views.items() if link.here] == ["Handled · 1"]
    assert views["Of the portal · 1"].asks == {"result": [""], "channel": ["portal"]}
    assert 'query = "result=handled"' not in words(app)
    app.session_state["link"] = True
    assert 'query = "result=handled"' in words(fine(app.run()))
    file.write_text("[[view]]\nname = ':red[x]'\nquery = ''\n")
    shown = words(fine(visitor.opens()))
    assert "The saved views cannot be used: `views.toml, view 1: a name has" in shown


# ------------------------------------------------------------------- the first visit


def incident_after_the_switch() -> Desk:
    """Return a desk at which something is violated after the kill switch was pulled."""
    forge = desk()
    forge.paid(7, look=False)
    forge.sign_head()
    return forge


def test_the_guide_knows_the_demonstration() -> None:
    """By the names that the demonstration founds its ledger with."""
    assert (guide.ORIGIN, guide.SERVICE) == (people.ORIGIN, people.SERVICE)


def test_the_guide_tells_what_is_there(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its steps are read from the ledger, and lead to what they tell of."""
    ledger, trust = saved(incident_after_the_switch(), tmp_path)
    (tmp_path / "t").mkdir()
    of = tables(incident_after_the_switch(), tmp_path / "t")
    assert guide.steps(of) == ()
    monkeypatch.setattr(guide, "ORIGIN", ORIGIN)
    monkeypatch.setattr(guide, "SERVICE", SERVICE)
    assert guide.steps(of) == (), "nothing got through the switch"
    last = incidents.grouped(of, Filter.of({"sort": ["newest"]})).rows[0]
    monkeypatch.setattr(guide, "RULE", last.rule)
    # The rule was broken before the switch as well, by the same agent: that is one incident.
    assert guide.steps(of) == ()

    def met(_tables: Tables, _after: int) -> incidents.IncidentRow:
        return last

    monkeypatch.setattr(guide, "_incident", met)
    stopped, through, one, proven = guide.steps(of)
    assert "pulled the kill switch of the refund service: a drill." in stopped.says
    assert "2 actions got through while nothing was to run, in 2 runs" in through.says
    assert through.asks == {"incident": [last.id]}
    assert one.asks["finding"] == [last.finding]
    assert proven.place is guide.Place.INTEGRITY
    visitor.starts(ledger, trust)
    app = fine(visitor.opens())
    assert "New here?" in words(app)
    assert {"See the record", "Open the incident", "Follow it step by step"} <= {
        link.label for link in links(app)
    }


def test_no_other_ledger_has_a_guide(visitor: Visitor, tmp_path: Path) -> None:
    """Whoever looks at their own ledger is not told a story about another one."""
    visitor.starts(*saved(incident_after_the_switch(), tmp_path))
    assert "New here?" not in words(fine(visitor.opens()))
