"""The pages, run as Streamlit runs them: the right numbers, the address, and never a traceback."""

import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import queries, runs, session
from ledger.testing import build_ledger
from tests.dashboards.ledgers import HOSTILE, broken, desk, empty, hostile, many
from tests.dashboards.visits import (
    Visitor,
    fine,
    follows,
    links,
    markup,
    rows,
    saved,
    strange,
    words,
)
from tests.verifier.forge import Desk, witness_of

pytestmark = pytest.mark.usefixtures("forgotten")

# --------------------------------------------------------------------------- the inbox


def test_the_inbox_shows_what_was_violated(visitor: Visitor, tmp_path: Path) -> None:
    """Verdict, numbers and rows are the verifier's."""
    visitor.starts(*saved(desk(), tmp_path))
    for view in ("incidents", "findings"):
        app = fine(visitor.opens(view=view))
        shown = words(app)
        assert "**1 violation** of 1 rule, in 1 run of 3." in shown
        assert ("1 finding in 1 incident," if view == "incidents" else "1 finding,") in shown
        assert "1 to 1 shown" in shown
        assert "Look first." in shown
        assert rows(app) == ["Open entry 5"]


def test_the_banner_says_what_is_proven(visitor: Visitor, tmp_path: Path) -> None:
    """On every page, in the same words; without a trust file it says that too."""
    path, trust = saved(desk(), tmp_path)
    visitor.starts(path, trust)
    for page in (session.INBOX, session.RUN, session.INTEGRITY):
        shown = words(fine(visitor.opens(page)))
        assert "ledger holds" in shown
        assert "trust: pinned" in shown
        assert "22 entries" in shown
    visitor.starts(path)
    assert "trust: self-asserted" in words(fine(visitor.opens()))


def test_handled_is_asked_for_by_name(visitor: Visitor, tmp_path: Path) -> None:
    """It is a result of its own, and says what was done."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens(result="handled"))
    assert "Held for an approval" in words(app)
    assert rows(app) == ["Open entry 11"]


def test_choices_go_into_the_address_and_come_out_of_it(visitor: Visitor, tmp_path: Path) -> None:
    """What is clicked is what a sent link shows."""
    visitor.starts(*saved(many(), tmp_path))
    app = fine(visitor.opens(view="findings"))
    assert "30 findings, 1 to 25 shown" in words(app)
    app.multiselect(key="channel").select("chat").run()
    assert "15 findings, 1 to 15 shown" in words(fine(app))
    assert app.query_params == {"channel": "chat", "view": "findings"}
    assert _asked(app, 0)["inbox"] == ["channel=chat&view=findings"]
    again = fine(visitor.opens(channel="chat", view="findings"))
    assert rows(again) == rows(app)
    assert again.multiselect(key="channel").value == ["chat"]


def test_pages_are_in_the_address(visitor: Visitor, tmp_path: Path) -> None:
    """And another filter begins at the first page again."""
    visitor.starts(*saved(many(), tmp_path))
    app = fine(visitor.opens(page="2", view="findings"))
    assert "30 findings, 26 to 30 shown" in words(app)
    app.text_input(key="q").input("look").run()
    assert "30 findings, 1 to 25 shown" in words(fine(app))
    assert _asked(app, 0)["inbox"] == ["q=look&view=findings"]
    app.pagination[0].set_value(2).run()
    assert "26 to 30 shown" in words(fine(app))
    assert _asked(app, 0)["inbox"] == ["q=look&view=findings&page=2"]


def test_a_page_of_a_long_run_is_in_the_address(visitor: Visitor, tmp_path: Path) -> None:
    """Without one it is the page of the step that was asked for."""
    forge = Desk()
    run = forge.open_run(ref="long")
    for _ in range(runs.STEPS_SHOWN):
        forge.end(run, forge.act(run, "look", {}))
    forge.close_run(run)
    forge.sign_head()
    visitor.starts(*saved(forge, tmp_path))
    app = fine(visitor.opens(session.RUN, run=run))
    assert "Run opened" in words(app)
    app.pagination[0].set_value(3).run()
    assert app.query_params["steps"] == "3"
    assert "Run closed" in words(fine(app))
    again = fine(visitor.opens(session.RUN, run=run, steps="3"))
    assert "Run closed" in words(again)
    assert "Run opened" not in words(again)
    last = str(len(forge.records) - 1)
    assert "Run closed" in words(fine(visitor.opens(session.RUN, run=run, at=last)))
    assert "Run closed" in words(fine(visitor.opens(session.RUN, run=run, steps="99")))


def test_nothing_found_says_what_to_do(visitor: Visitor, tmp_path: Path) -> None:
    """A filter that keeps nothing can be cleared where one sees it."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens(q="no such words"))
    assert "No finding fits" in words(app)
    app.button(key="clear_list").click().run()
    assert rows(fine(app)) == ["Open entry 5"]
    assert app.query_params == {}


def test_an_empty_ledger_is_no_failure(visitor: Visitor, tmp_path: Path) -> None:
    """Every page says what to do next."""
    visitor.starts(*saved(empty(), tmp_path))
    assert "Nothing is violated or undecidable." in words(fine(visitor.opens()))
    assert "There is no run in this ledger yet." in words(fine(visitor.opens(session.RUN)))
    assert "Holds: 4 entries" in words(fine(visitor.opens(session.INTEGRITY)))


def test_a_ledger_without_contracts_says_so(visitor: Visitor, tmp_path: Path) -> None:
    """Nothing was judged: that is not the same as nothing is wrong."""
    visitor.starts(build_ledger(tmp_path).path)
    assert "No contract is in force in this ledger" in words(fine(visitor.opens()))
    assert "No contract was ever activated" in words(fine(visitor.opens(session.INTEGRITY)))


# ----------------------------------------------------------------------------- the run


def test_a_row_opens_the_run_at_its_step(visitor: Visitor, tmp_path: Path) -> None:
    """With the finding first in words, its step marked, and the way back as it was."""
    visitor.starts(*saved(many(), tmp_path))
    app = fine(visitor.opens(channel="chat", view="findings"))
    run = fine(
        visitor.opens(session.RUN, **_asked(app, 0)),
    )
    shown = words(run)
    assert "finding 1 of 15 in the inbox" in shown
    assert "the rule asks for" in shown
    assert "facts.looked = false" in shown
    follows(run, "Inbox", session.INBOX)
    assert run.query_params == {
        "channel": "chat",
        "view": "findings",
        "selected": _asked(app, 0)["finding"][0],
    }
    assert rows(fine(run)) == rows(app)


def _asked(app: AppTest, place: int) -> dict[str, str | list[str]]:
    return dict([one for one in links(app) if one.label.startswith("Open")][place].asks)


def test_a_run_is_shown_from_its_opening_to_its_end(visitor: Visitor, tmp_path: Path) -> None:
    """Head, steps, decisions with reasons, approvals, and the switch that fell in."""
    visitor.starts(*saved(desk(), tmp_path))
    shown = words(fine(visitor.opens(session.RUN, ref="held-1")))
    for told in (
        "carol@example.com",
        "5.00 EUR",
        "held for an approval under 1.0.0",
        "Needs a lead.",
        "Approval: approved by lead",
        "I know her.",
        "Kill switch engaged by steward",
        "a drill",
        "Run closed",
    ):
        assert told in shown


def test_messages_and_evidence_are_shown(visitor: Visitor, tmp_path: Path) -> None:
    """What was said, what it cost, what was seen and by whom, and who cites it."""
    visitor.starts(*saved(desk(), tmp_path))
    shown = words(fine(visitor.opens(session.RUN, run="fine-1")))
    for told in (
        "The customer says · turn 0 · cost 0.0012 EUR · 10 tokens read, 3 written",
        "Hello.",
        "Evidence order · from orders-db · ref A-1 · observed by agent",
        "cites entry",
        "Outcome: done of look",
    ):
        assert told in shown


def test_runs_can_be_picked(visitor: Visitor, tmp_path: Path) -> None:
    """By search, by having violations, and one after the other."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens(session.RUN))
    assert rows(app) == ["Open run"] * 3
    assert len(rows(fine(visitor.opens(session.RUN, q="portal")))) == 1
    assert len(rows(fine(visitor.opens(session.RUN, violated="yes")))) == 1
    assert "No run fits" in words(fine(visitor.opens(session.RUN, q="nobody")))
    one = fine(visitor.opens(session.RUN, ref="held-1"))
    assert {"Run before", "Run after"} <= {link.label for link in links(one)}


def test_a_run_that_is_not_there_is_said(visitor: Visitor, tmp_path: Path) -> None:
    """An address is anybody's text, also as a name of a run."""
    visitor.starts(*saved(desk(), tmp_path))
    shown = words(fine(visitor.opens(session.RUN, run="$x$ **no**", at="x", finding="F-0")))
    assert "This ledger has no run `$x$ **no**`." in shown


def test_a_finding_without_a_run_is_shown_with_its_entry(visitor: Visitor, tmp_path: Path) -> None:
    """Governance, streams and imports' reference data stand in no run."""
    forge = Desk()
    forge.submit("author", forge.make("stream-close", "author"), number=9)
    forge.sign_head()
    visitor.starts(*saved(forge, tmp_path))
    inbox = fine(visitor.opens(result=""))
    places = [label for label in rows(inbox) if label == "Open entry 4"]
    assert places
    gap = fine(visitor.opens(session.RUN, **_asked(inbox, rows(inbox).index("Open entry 4"))))
    shown = words(gap)
    assert "This entry belongs to no run." in shown
    assert "stream-close" in shown


# --------------------------------------------------------------------------- integrity


def test_integrity_says_what_was_checked(visitor: Visitor, tmp_path: Path) -> None:
    """Verdict, ten steps, sizes, roots, and what is not proven."""
    forge = desk()
    visitor.starts(*saved(forge, tmp_path))
    app = fine(visitor.opens(session.INTEGRITY))
    shown = words(app)
    assert "Holds: 22 entries, all of them under a signed head." in shown
    assert forge.genesis in shown
    assert "that nothing acted around the ledger" in shown
    tables = [frame.value.to_dict("list") for frame in app.dataframe]
    assert any(table.get("person who answers") for table in tables)
    assert any("1.0.0" in table.get("version", ()) for table in tables)


def test_integrity_says_as_of_when_the_ledger_is_complete(visitor: Visitor, tmp_path: Path) -> None:
    """By its witnesses, and with the time that ages are measured against."""
    forge = desk()
    forge.cosign("w.example", int(time.time()))
    path, trust = saved(forge, tmp_path)
    asked = {"witnesses": [str(witness_of("w.example"))], "max_age": 3600}
    trust.write_text(json.dumps({**json.loads(trust.read_text()), **asked}))
    visitor.starts(path, trust)
    shown = words(fine(visitor.opens(session.INTEGRITY)))
    assert "by 1 of 1 witnesses. Ages of cosignatures are of " in shown
    assert "Complete as of " in shown


def test_invalid_entries_are_told_apart_from_the_rest(visitor: Visitor, tmp_path: Path) -> None:
    """They are left out, and every page says so."""
    forge = desk()
    forge.submit("agent", forge.make("action", "agent", run="ab" * 32, tool="look", params={}))
    forge.sign_head()
    visitor.starts(*saved(forge, tmp_path))
    assert "0 submissions and 1 single record" in words(fine(visitor.opens()))
    app = fine(visitor.opens(session.INTEGRITY))
    assert "1 integrity finding" in words(app)
    assert any("integrity.reference" in str(frame.value.values) for frame in app.dataframe)


# ---------------------------------------------------------------------------- trouble


def test_a_broken_ledger_is_announced_everywhere(visitor: Visitor, tmp_path: Path) -> None:
    """Nothing of it is shown but where and why it broke."""
    visitor.starts(broken(tmp_path / "broken.db"))
    for page in (session.INBOX, session.RUN, session.INTEGRITY):
        app = fine(visitor.opens(page, run="fine-1"))
        assert app.error[0].value.startswith("**This ledger is broken at entry 21, step 2.**")
        assert "Hello." not in words(app)
        assert not [label for label in rows(app) if label.startswith("Open")]
    assert "not reached" in words(visitor.opens(session.INTEGRITY))


@pytest.mark.parametrize("content", [None, b"", b"not a database at all, whatever its name says"])
def test_what_is_no_ledger_is_said_on_the_page(
    visitor: Visitor, tmp_path: Path, content: bytes | None
) -> None:
    """With a code, what to do, and a way to try again."""
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    visitor.starts(path)
    app = fine(visitor.opens())
    assert app.error[0].value.startswith("**There is nothing to show")
    assert "code `store.unusable`" in words(app)
    desk().save(tmp_path / "good.db")
    (tmp_path / "good.db").replace(path)
    app.button(key="try_again").click().run()
    assert rows(fine(app)) == ["Open entry 5"]


def test_no_ledger_at_all_is_said(visitor: Visitor) -> None:
    """Somebody started the script by itself."""
    visitor.starts()
    assert "The app was started without a ledger." in words(fine(visitor.opens()))


def test_a_bad_trust_file_is_said(visitor: Visitor, tmp_path: Path) -> None:
    """Missing, or not one: nothing is shown as if there had been none."""
    path, trust = saved(desk(), tmp_path)
    visitor.starts(path, tmp_path / "none.json")
    assert "The trust file cannot be read" in words(fine(visitor.opens()))
    trust.write_text("[]")
    visitor.starts(path, trust)
    assert "not a trust file" in words(fine(visitor.opens()))


def test_growth_is_said_and_verified_on_demand(visitor: Visitor, tmp_path: Path) -> None:
    """New entries are not shown before they were verified."""
    forge = desk()
    path, trust = saved(forge, tmp_path)
    visitor.starts(path, trust)
    app = fine(visitor.opens(view="findings"))
    forge.paid(7, look=False)
    path.unlink()
    forge.save(path)
    app.run()
    assert "4 entries are new since this was verified, and not shown." in words(fine(app))
    assert rows(app) == ["Open entry 5"]
    app.button(key="verify_again").click().run()
    assert rows(fine(app)) == ["Open entry 5", "Open entry 23"]
    assert "new since" not in words(app)


def test_a_ledger_that_goes_away_is_still_shown_as_it_was(visitor: Visitor, tmp_path: Path) -> None:
    """With a word about it: what was verified was read, and nothing is read again."""
    path, trust = saved(desk(), tmp_path)
    visitor.starts(path, trust)
    app = fine(visitor.opens())
    path.unlink()
    app.run()
    assert "can no longer be read" in words(fine(app))
    assert rows(app) == ["Open entry 5"]


def test_another_ledger_in_its_place_is_noticed(visitor: Visitor, tmp_path: Path) -> None:
    """Of the same size or smaller: it is not the one that was verified."""
    path, _ = saved(desk(), tmp_path)
    visitor.starts(path)
    app = fine(visitor.opens())
    path.unlink()
    empty().save(path)
    app.run()
    assert "no longer the one that was verified" in words(fine(app))


def test_damage_during_a_visit_is_no_traceback(visitor: Visitor, tmp_path: Path) -> None:
    """The file is overwritten while somebody looks."""
    path, trust = saved(desk(), tmp_path)
    visitor.starts(path, trust)
    app = fine(visitor.opens())
    path.write_bytes(b"\xff" * 8192)
    app.run()
    assert "can no longer be read" in words(fine(app))


def test_a_ledger_that_is_held_is_said(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program does not let go of it: a page does not wait in silence for that."""
    monkeypatch.setattr(session, "PATIENCE_SECONDS", 0.2)
    path, trust = saved(desk(), tmp_path)
    visitor.starts(path, trust)
    app = fine(visitor.opens())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        assert "another program holds the ledger" in words(fine(app.run()))
        assert rows(app) == ["Open entry 5"]
        session.verify_again()
        assert "code `store.busy`" in words(fine(visitor.opens()))
    app = fine(visitor.opens())
    assert rows(app) == ["Open entry 5"]


def test_a_page_that_fails_says_so_in_words(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is for the log: a visitor sees what to do, and no code."""

    def fails(*_: object) -> None:
        raise RuntimeError("a secret value")

    visitor.starts(*saved(desk(), tmp_path))
    monkeypatch.setattr(queries, "choices", fails)
    app = visitor.opens()
    assert not app.exception
    assert "defect of Writ" in words(app)


def test_hostile_text_is_shown_letter_by_letter(visitor: Visitor, tmp_path: Path) -> None:
    """It stands in elements that take no markup, inside a code span, or escaped; nowhere else."""
    visitor.starts(*saved(hostile(), tmp_path))
    inbox = fine(visitor.opens(result=""))
    listed = fine(visitor.opens(view="findings", result="", review=""))
    run = fine(visitor.opens(session.RUN, ref=HOSTILE))
    integrity = fine(visitor.opens(session.INTEGRITY))
    assert "\n".join(markup(run)).count("<script>") >= 4
    assert any("<script>" in one for one in markup(listed))
    for app in (inbox, listed, run, integrity):
        for kind in (app.markdown, app.caption, app.title, app.header, app.subheader, app.error):
            for one in kind:
                assert "<script>" not in _outside_code(str(one.value)), kind
        for expander in app.expander:
            assert "<script>" not in _outside_code(expander.label)
        assert strange(app) == []
        assert all("<script>" not in link.label for link in links(app))


def _outside_code(text: str) -> str:
    """Return what is left of a Markdown text without its code spans."""
    return re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
