"""The rollback page, run as Streamlit runs it: the engine's plan, its address, and trouble."""

import shlex
from datetime import datetime
from pathlib import Path

import pytest

from contracts.instants import moment, written
from dashboards import rollbacks, session
from dashboards.asking import Over, RollbackAsked
from replay.blast_radius import blast
from replay.history import AsOf, History
from replay.reports.rollback_words import headline, sentences, tolerated
from replay.rollback_classes import EXECUTED
from replay.rollback_reading import read
from replay.rolled_back import Question, RolledBack, rolled_back
from replay.run_choice import Choice, chosen_acts
from replay.scopes import Scope
from replay.tables import amount
from tests.dashboards.ledgers import broken, empty
from tests.dashboards.replay_visits import column
from tests.dashboards.visits import Visitor, fine, rows, saved, words
from verifier.load import VerifiedLedger

pytestmark = pytest.mark.usefixtures("forgotten_at_last", "patient")

ALL = Choice()
NOW = Question()


def engine(
    asked: tuple[VerifiedLedger, History], choice: Choice = ALL, question: Question = NOW
) -> RolledBack:
    """Return what replay itself says."""
    ledger, _ = asked
    reading = read(ledger, question.as_of)
    acts = chosen_acts(reading.history, choice)
    return rolled_back(reading, ledger.report, acts, question)


def test_the_page_has_the_plan_of_the_engine(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """Its sentences, its sums by currency, its calls in order, what stays, and the conflicts."""
    found = engine(asked_directly)
    app = fine(at_the_till.opens(session.ROLLBACK, ask="yes"))
    shown = words(app)
    for one in (headline(found)[1:], tolerated(found), *sentences(found)):
        assert one in shown
    numbers = [(one.label, str(one.value)) for one in app.metric]
    for currency in ("EUR", "USD"):
        back, stays = found.plan.recovered.micros, found.plan.residual.micros
        assert (f"taken back, {currency}", amount(back.get(currency, 0))) in numbers
        assert (f"stays, {currency}", amount(stays.get(currency, 0))) in numbers
    assert len(found.plan.steps) <= 25
    assert rows(app) == [f"Open entry {found.act(fate).index}" for fate in found.plan.steps]
    assert "C-2" in column(app, "Entity")
    blocked = [str(found.act(fate).index) for fate in found.plan.fates if fate.conflicts]
    assert blocked
    assert set(column(app, "Blocked")) == set(blocked)
    assert [one.value for one in Scope] == list(dict.fromkeys(column(app, "Scope")))
    assert app.get("vega_lite_chart")


def test_a_choice_as_of_then_with_a_scope_is_asked_by_the_address(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """And the command that would propose it is shown with the same choice."""
    question = Question(as_of=AsOf(entry=100), scope=Scope.RUNS, by_target=False)
    found = engine(asked_directly, Choice(version="2.0.0"), question)
    app = fine(
        at_the_till.opens(
            session.ROLLBACK, ask="yes", version="2.0.0", as_of="100", scope="runs", apart="yes"
        )
    )
    assert headline(found)[1:] in words(app)
    called = shlex.split(app.code[-1].value)
    assert called[called.index("--version") + 1] == "2.0.0"
    assert called[called.index("--scope") + 1] == "runs"
    assert called[-4:] == ["--apart", "--record", "--as", "NAME"]
    app.selectbox(key="scope").set_value("chosen").run()
    assert "scope" not in fine(app).query_params
    assert "ask" not in app.query_params
    assert "Then plan it" in words(app)
    app.button(key="ask").click().run()
    assert fine(app).metric


def test_the_slider_counts_as_the_engine_does(
    at_the_till: Visitor, asked_directly: tuple[VerifiedLedger, History]
) -> None:
    """At any moment, also between the points of the curve; it stands in the address."""
    found = engine(asked_directly)
    acts = found.plan.of(EXECUTED)
    times = sorted(act.time for act in acts if act.time is not None)
    at = times[len(times) // 3] + 500_000
    told = blast(acts, at).pulled
    assert told is not None
    app = fine(at_the_till.opens(session.ROLLBACK, ask="yes", pulled=written(moment(at))))
    done = f"{told.done.acts} actions had happened, on {told.entities} entities in {told.runs} runs"
    assert f"{done} ({amount(told.done.micros['EUR'])} EUR" in words(app)
    assert f"{told.prevented.acts} actions would not have" in words(app)
    app.slider(key="pulled").set_value(datetime.fromisoformat("2026-03-01T09:01:00")).run()
    assert fine(app).query_params["pulled"] == "2026-03-01T09:01:00Z"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"as_of": "once"}, "ask.time"),
        ({"param": "reason"}, "rollback.param"),
        ({"incident": "F-none"}, "ask.incident"),
        ({"run": "none"}, "ask.run"),
        ({"scope": "the world", "pulled": "never", "page": "77", "residual": "x"}, ""),
    ],
)
def test_bad_parameters_are_said(at_the_till: Visitor, asked: dict[str, str], code: str) -> None:
    """In words with a code, and what means nothing is passed over."""
    given = dict[str, str | list[str]](asked)
    app = fine(at_the_till.opens(session.ROLLBACK, ask="yes", **given))
    if code:
        assert f"code `{code}`" in words(app)
        assert not app.metric
    else:
        assert app.metric


def test_an_inbox_filter_is_not_said_to_the_command(at_the_till: Visitor) -> None:
    """Which would not know it: the page says so, and plans for those runs alone."""
    app = fine(at_the_till.opens(session.ROLLBACK, ask="yes", inbox="clause=cost&result="))
    assert "left out of it" in words(app)
    assert app.metric or "Nothing" in words(app)


def test_without_actions_it_says_so(visitor: Visitor, tmp_path: Path) -> None:
    """Nothing is asked of an empty ledger, and of a broken one even less."""
    visitor.starts(*saved(empty(), tmp_path))
    assert "there is nothing to undo" in words(fine(visitor.opens(session.ROLLBACK, ask="yes")))
    visitor.starts(broken(tmp_path / "broken.db"))
    app = fine(visitor.opens(session.ROLLBACK, ask="yes"))
    assert app.error[0].value.startswith("**This ledger is broken")


def test_the_command_says_all_that_was_chosen() -> None:
    """Quoted for a shell: what was typed is no part of the command itself."""
    over = Over(model="m'1", prompt="4a", channel="chat", where='action.tool == "pay"', since="x")
    said = rollbacks.command(RollbackAsked(over, params=("reason=it's wrong",)), "a b.db", "t.json")
    words_ = shlex.split(said)
    assert words_[:5] == ["writ", "rollback", "a b.db", "--trust", "t.json"]
    where = words_[words_.index("--where") + 1]
    assert '"m\'1"' in where
    assert 'action.run.prompt.startsWith("4a")' in where
    assert where.endswith('(action.tool == "pay")')
    assert words_[words_.index("--param") + 1] == "reason=it's wrong"
