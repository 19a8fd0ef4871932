"""The value page, run as Streamlit runs it: the engine's numbers, its address, and trouble."""

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import session, working
from dashboards.views import waiting
from replay.history import History
from replay.rates import read_rates
from replay.reports.value_words import headline, sentences
from replay.run_choice import Choice, chosen
from replay.tables import amount
from replay.valued import valued
from tests.dashboards.ledgers import broken, empty, hostile
from tests.dashboards.replay_ledgers import till
from tests.dashboards.replay_visits import column
from tests.dashboards.visits import Visitor, fine, saved, words
from verifier.load import VerifiedLedger

pytestmark = pytest.mark.usefixtures("forgotten_at_last", "patient")


def metrics(app: AppTest) -> dict[str, str]:
    """Return the numbers at the top, by what they are."""
    return {one.label: str(one.value) for one in app.metric}


def test_the_page_has_the_numbers_of_the_command(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """Headline, sentences and ratios of two currencies, which are never one number."""
    ledger, history = asked_directly
    runs = chosen(history, Choice())
    found = valued(history, ledger.report, runs, rates=read_rates())
    app = fine(at_the_till.opens(session.VALUE))
    shown = words(app)
    assert headline(found)[1:] in shown
    # The page asks for other groups than the command: what is said of them is theirs.
    for one in sentences(found):
        assert one in shown or "No cost is recorded for any run of" in one
    for currency in ("EUR", "USD"):
        ratio = found.whole.per_success[currency].value
        assert ratio is not None
        assert metrics(app)[f"cost per success, {currency}"] == amount(ratio)
        assert metrics(app)[f"cost, {currency}"] == amount(found.whole.cost[currency])
        assert metrics(app)[f"value, {currency}"] == amount(found.whole.values[currency])
    assert set(column(app, "Version")) == {"2.0.0", "2.1.0"}
    assert len(app.get("vega_lite_chart")) >= 2


def test_what_is_asked_stands_in_the_address(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """Grouping, a minute's price and rates: they come out of it, and go into it."""
    ledger, history = asked_directly
    runs = chosen(history, Choice(version="2.1.0"))
    rates = read_rates(["USD=EUR:0.5"], "0.75EUR")
    found = valued(history, ledger.report, runs, rates=rates)
    app = fine(
        at_the_till.opens(
            session.VALUE, version="2.1.0", minute="0.75EUR", rate="USD=EUR:0.5", by="model"
        )
    )
    assert metrics(app)["cost, EUR"] == amount(found.whole.cost["EUR"])
    assert "cost, USD" not in metrics(app)
    assert set(column(app, "Model")) == {"till-model-2"}
    assert app.text_input(key="minute").value == "0.75EUR"
    app.text_input(key="minute").set_value("1 EUR").run()
    assert fine(app).query_params["minute"] == "1EUR"
    assert app.query_params["rate"] == "USD=EUR:0.5"
    app.text_input(key="over-since").set_value("2026-03-02").run()
    assert fine(app).query_params["since"] == "2026-03-02"
    assert "No run was chosen" in words(app)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"minute": "a lot"}, "rate.minute"),
        ({"rate": "USD"}, "rate.form"),
        ({"since": "yesterday"}, "ask.time"),
        ({"where": "action.tool =="}, "ask.where"),
        ({"run": "no such run"}, "ask.run"),
        ({"incident": "I-none"}, "ask.incident"),
        ({"by": "' OR 1=1", "inbox": "%%%", "page": "-1"}, ""),
    ],
)
def test_bad_parameters_are_said(at_the_till: Visitor, asked: dict[str, str], code: str) -> None:
    """In words with a code, and the rest of the page stays; what means nothing is passed over."""
    app = fine(at_the_till.opens(session.VALUE, **dict[str, str | list[str]](asked)))
    shown = words(app)
    if code:
        assert f"code `{code}`" in shown
        assert not app.metric
    else:
        assert app.metric


def test_only_the_runs_of_the_inbox_are_asked_about(at_the_till: Visitor) -> None:
    """As its filter stands in the address; it can be taken away."""
    app = fine(at_the_till.opens(session.VALUE, inbox="rule=tools.allowed&result="))
    shown = words(app)
    assert "of the findings that the inbox showed" in shown
    assert "the runs of the inbox's findings" in shown
    app.button(key="all_runs").click().run()
    assert "inbox" not in fine(app).query_params
    assert "Of the whole ledger" in words(app)


def test_without_runs_it_says_what_to_do(visitor: Visitor, tmp_path: Path) -> None:
    """An empty ledger is asked nothing."""
    visitor.starts(*saved(empty(), tmp_path))
    assert "There is no run in this ledger yet." in words(fine(visitor.opens(session.VALUE)))


def test_a_broken_ledger_is_asked_nothing(visitor: Visitor, tmp_path: Path) -> None:
    """The banner says why, as everywhere."""
    visitor.starts(broken(tmp_path / "broken.db"))
    app = fine(visitor.opens(session.VALUE, minute="1EUR"))
    assert app.error[0].value.startswith("**This ledger is broken")
    assert not app.metric


def test_a_ledger_that_goes_away_or_grows_is_said(visitor: Visitor, tmp_path: Path) -> None:
    """No answer without a ledger; one that grew is answered as far as the pages show it."""
    forge = till(6)
    path, trust = saved(forge, tmp_path)
    visitor.starts(path, trust)
    fine(visitor.opens())
    before = f"{len(forge.headers)} entries"
    path.rename(tmp_path / "away.db")
    app = fine(visitor.opens(session.VALUE))
    assert "There is no answer." in words(app)
    assert "code `store.unusable`" in words(app)
    forge.paid(5)
    forge.sign_head()
    forge.save(path)
    app.button(key="ask_again-ValueAsked").click().run()
    shown = words(fine(app))
    assert metrics(app)
    assert before in shown
    assert "new since this was verified" in shown
    app.button(key="verify_again").click().run()
    assert "new since this was verified" not in words(fine(app))
    assert before not in words(app)
    assert metrics(app)


def test_a_hostile_ledger_is_shown_letter_by_letter(visitor: Visitor, tmp_path: Path) -> None:
    """What an agent named a channel is no markup, in sentences and in tables."""
    visitor.starts(*saved(hostile(), tmp_path))
    app = fine(visitor.opens(session.VALUE, by="channel"))
    for kind in (app.markdown, app.caption, app.header, app.subheader):
        assert all("<script>" not in str(one.value) for one in kind)
    assert any("<script>" in str(cell) for cell in column(app, "Channel"))


def test_a_long_ledger_is_weighed_on_request(
    at_the_till: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes minutes: nobody waits for them by opening a page."""
    monkeypatch.setattr(working, "LONG", 10)
    app = fine(at_the_till.opens(session.VALUE))
    assert not app.metric
    app.button(key="ask").click().run()
    assert fine(app).metric
    assert app.query_params["ask"] == "yes"


def test_an_answer_under_way_leaves_the_page_usable(
    at_the_till: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line says how far it is; it can be stopped, and asked for again."""
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", 0.0)
    app = fine(at_the_till.opens(session.VALUE))
    if app.button and any(one.key == "stop-ValueAsked" for one in app.button):
        assert "worked out in the background" in words(app)
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", 60.0)
    assert metrics(fine(app.run()))
    assert "streamlit" in sys.modules
