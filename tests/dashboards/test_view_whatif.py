"""The what-if page, run as Streamlit runs it: the engine's flips, its address, and trouble."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import session, whatifs
from dashboards.asking import Over, WhatIfAsked
from dashboards.views import flips
from replay.as_recorded import as_recorded
from replay.cascade import cascade
from replay.flips import Said
from replay.history import History
from replay.reports.whatif_words import headline
from replay.run_choice import Choice, chosen_acts
from replay.whatif import WhatIf, what_if
from tests.dashboards.ledgers import broken, empty
from tests.dashboards.replay_ledgers import text
from tests.dashboards.replay_visits import column
from tests.dashboards.visits import Visitor, fine, links, rows, saved, words
from verifier.load import VerifiedLedger

pytestmark = pytest.mark.usefixtures("forgotten_at_last", "patient")

ALL = Choice()
SWEEP = "policy.limits.large=20..80:4"
LARGE = "policy.limits.large=50"


def engine(
    asked: tuple[VerifiedLedger, History], *sets: str, choice: Choice = ALL, cascading: bool
) -> WhatIf:
    """Return what replay itself says of changes."""
    ledger, history = asked
    made = whatifs.made(history, WhatIfAsked(sets=sets))
    contracts = [one.contract for one in made]
    judged = as_recorded(ledger, history, contracts)
    again = [
        cascade(ledger, history, contract, one)
        for contract, one in zip(contracts, judged.candidates, strict=True)
    ]
    acts = chosen_acts(history, choice)
    cascades = again if cascading else []
    return what_if(history, ledger.report, judged, made, acts, cascades=cascades)


def test_the_page_has_the_flips_of_the_engine(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """Candidates with the best marked, and of one of them each flip with its step."""
    found = engine(asked_directly, SWEEP, cascading=False)
    app = fine(at_the_till.opens(session.WHATIF, set=SWEEP, ask="yes"))
    shown = words(app)
    assert headline(found)[1:] in shown
    assert list(column(app, "Candidate")) == [one.candidate.name for one in found.compared]
    assert list(column(app, "Flips")) == [f"{one.tally.flips:,}" for one in found.compared]
    marked = ["yes" if one.front else "" for one in found.compared]
    assert list(column(app, "Beaten by none")) == marked
    most = max(found.compared, key=lambda one: one.tally.flips)
    assert most.tally.flips > 5
    assert app.selectbox(key="candidate").value == most.candidate.name
    assert rows(app) == [f"Open entry {flip.act.index}" for flip in most.flips]
    assert f"{most.tally.flips:,} actions, 1 to" in shown
    assert shown.count("Needs a lead.") == most.tally.flips
    assert app.get("vega_lite_chart")


def test_another_candidate_and_another_page_stand_in_the_address(
    at_the_till: Visitor,
    asked_directly: tuple[VerifiedLedger, History],
) -> None:
    """One page of flips goes to the browser, and a link opens the same one."""
    found = engine(asked_directly, SWEEP, cascading=False)
    last = found.compared[-1]
    app = fine(
        at_the_till.opens(
            session.WHATIF, set=SWEEP, ask="yes", candidate=last.candidate.name, page="99"
        )
    )
    assert rows(app) == [f"Open entry {flip.act.index}" for flip in last.flips][:25]
    app.selectbox(key="candidate").set_value(found.compared[0].candidate.name).run()
    assert fine(app).query_params["candidate"] == found.compared[0].candidate.name
    assert "page" not in app.query_params
    first = found.compared[0]
    assert rows(app) == [f"Open entry {flip.act.index}" for flip in first.flips][:25]


def test_cascading_and_a_choice_of_actions_are_asked_by_the_address(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """And named in the answer; what is contingent stands apart."""
    choice = Choice(version="2.1.0")
    found = engine(asked_directly, LARGE, choice=choice, cascading=True)
    app = fine(
        at_the_till.opens(session.WHATIF, set=LARGE, ask="yes", mode="cascading", version="2.1.0")
    )
    one = found.compared[0]
    assert one.cascade is not None
    assert "Of version 2.1.0; cascading" in words(app)
    assert rows(app) == [f"Open entry {flip.act.index}" for flip in one.flips]
    assert list(column(app, "Never happened")) == [f"{len(one.cascade.never_happened):,}"]
    assert one.contingent_flips
    app.segmented_control(key="kind").set_value("contingent").run()
    assert rows(fine(app)) == [f"Open entry {flip.act.index}" for flip in one.contingent_flips]
    assert app.query_params["kind"] == "contingent"
    app.segmented_control(key="mode").set_value("as-recorded").run()
    assert "ask" not in fine(app).query_params
    assert "Nothing was judged yet." in words(app)


def test_what_cannot_be_decided_stands_apart(at_the_till: Visitor) -> None:
    """With the reasons, and in no list of what is known to flip."""
    edited = text("3.0.0").replace("params.amount > 1000", "params.missing > 1000")
    app = at_the_till.opens(session.WHATIF)
    edit(app, edited)
    app.button(key="ask").click().run()
    app.segmented_control(key="kind").set_value("undecidable").run()
    shown = words(fine(app))
    assert "cannot be decided" in shown
    assert any("missing" in str(why) for why in column(app, "Why"))
    assert set(rows(app)) <= {link.label for link in links(app)}
    assert rows(app)


def edit(app: AppTest, text: str) -> None:
    """Put a text into the field, and take it as a candidate."""
    area = next(one for one in app.text_area if str(one.key).startswith("text-"))
    area.set_value(text)
    app.button(key="take").click().run()
    fine(app)


def test_an_edited_contract_is_judged_and_stays_in_the_visit(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """Errors come with line and code; a link has the digest, and says that it has no text."""
    app = fine(at_the_till.opens(session.WHATIF))
    edit(app, text().replace("mode: execute", "mode: perform", 1))
    shown = words(app)
    line = text().split("\n").index("    mode: execute") + 1
    assert f"line {line}, column" in shown
    assert "edited" not in app.query_params
    edit(app, text("3.0.0", 50))
    name = app.query_params["edited"]
    app.button(key="ask").click().run()
    found = engine(asked_directly, LARGE, cascading=False)
    assert rows(fine(app)) == [f"Open entry {one.act.index}" for one in found.compared[0].flips]
    assert list(column(app, "Candidate")) == ["till@3.0.0, edited"]
    other = fine(at_the_till.opens(session.WHATIF, edited=str(name), ask="yes"))
    shown = words(other)
    assert "cannot be opened by a link" in shown
    assert "code `whatif.edited`" in shown
    other.button(key="without_edited").click().run()
    assert "edited" not in fine(other).query_params
    assert "Choose a candidate" in words(other)


def test_a_number_of_the_contract_can_be_swept_without_knowing_its_path(
    at_the_till: Visitor,
) -> None:
    """The page lists the numbers; what is added stands in the address."""
    app = fine(at_the_till.opens(session.WHATIF))
    app.selectbox(key="path").set_value("policy.limits.large")
    app.number_input(key="low").set_value(20.0)
    app.number_input(key="high").set_value(80.0)
    app.number_input(key="steps").set_value(4)
    next(one for one in app.button if one.label == "Add").click().run()
    assert fine(app).query_params["set"] == SWEEP


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"set": "nonsense"}, "candidate.form"),
        ({"set": "policy.limits.none=1"}, "candidate.path"),
        ({"set": "policy.limits.large=1..2:900"}, "candidate.sweep"),
        ({"contract": "nobody@1.0.0"}, "candidate.unknown"),
        ({"contract": "ab" * 32}, "candidate.unknown"),
        ({"set": LARGE, "service": "spiffe://nobody"}, "whatif.service"),
        ({"set": LARGE, "until": "later"}, "ask.time"),
        ({"set": LARGE, "mode": "x", "kind": "x", "candidate": "x", "page": "x"}, ""),
    ],
)
def test_bad_parameters_are_said(at_the_till: Visitor, asked: dict[str, str], code: str) -> None:
    """In words with a code, and what means nothing is passed over."""
    given = dict[str, str | list[str]](asked)
    app = fine(at_the_till.opens(session.WHATIF, ask="yes", **given))
    if code:
        assert f"code `{code}`" in words(app)
    else:
        assert rows(app)


def test_a_published_contract_is_a_candidate(at_the_till: Visitor) -> None:
    """By its digest; of those that come with Writ each can be named, whose service it is taken."""
    app = fine(at_the_till.opens(session.WHATIF, contract="refund-decisioning@1.0.0", ask="yes"))
    assert list(column(app, "Candidate")) == ["refund-decisioning@1.0.0"]
    assert rows(app)


def test_without_candidates_or_contracts_it_says_what_to_do(
    visitor: Visitor, tmp_path: Path
) -> None:
    """Nothing is asked of an empty ledger, and of a broken one even less."""
    visitor.starts(*saved(empty(), tmp_path))
    assert "Choose a candidate" in words(fine(visitor.opens(session.WHATIF)))
    app = fine(visitor.opens(session.WHATIF, set="version=1.0.1", ask="yes"))
    assert "which has no run here" in words(app)
    visitor.starts(broken(tmp_path / "broken.db"))
    app = fine(visitor.opens(session.WHATIF, set=LARGE, ask="yes"))
    assert app.error[0].value.startswith("**This ledger is broken")


def test_kinds_name_what_the_engine_says() -> None:
    """A decision that the page has no sign for would be shown without one."""
    assert set(flips.SIGNS) == set(flips.COLOURS) == {str(one) for one in Said}
    assert Over().parameters() == {}
