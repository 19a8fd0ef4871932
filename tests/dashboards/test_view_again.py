"""A run's steps decided again: on its page what the command says, in its place, and when asked."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboards import session, working
from dashboards.answers import Answer
from dashboards.asking import Asked
from dashboards.exports import HTML
from dashboards.preparing import Tell
from dashboards.views import waiting
from dashboards.views.again import AGAIN
from dashboards.views.exporting import OFFER
from ledger.encoding import digest
from replay.entries import Entries
from replay.run_choice import Choice, chosen_acts
from replay.steps import Judged
from replay.timeline import timeline
from tests.dashboards.ledgers import HOSTILE, hostile
from tests.dashboards.replay_ledgers import text
from tests.dashboards.replay_visits import PATIENCE_SECONDS, column
from tests.dashboards.visits import Visitor, fine, links, saved, strange, words
from tests.verifier.forge import SERVICE, Desk, Forge, identity
from verifier.load import open_ledger

pytestmark = pytest.mark.usefixtures("forgotten_at_last", "patient")

ALLOWED: dict[str, Any] = {"effect": "allow", "reasons": []}
NOT_LIFTED = "No approval by somebody with the role refunds-lead stands before it."


class _Uncontracted(Desk):
    """A desk at which nothing was published yet."""

    def __init__(self) -> None:
        Forge.__init__(self)
        self.who = "agent"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two payments under a version that lets both through, and one that does so no more.

    What the guard is said to have decided of the second is wrong.
    """
    forge = Desk()
    forge.publish("2.0.0", text=text())
    run = forge.open_run(ref="two payments", channel="chat")
    for amount in (60, 120):
        act = forge.act(run, "pay", {"amount": amount, "customer": "C-1"}, turn=0, decision=ALLOWED)
        forge.end(run, act)
    forge.act(run, "look", {}, turn=0)
    forge.close_run(run)
    other = forge.open_run(ref="the next run", channel="chat")
    forge.close_run(other)
    forge.publish("2.1.0", text=text("2.1.0", 50))
    forge.sign_head()
    return saved(forge, tmp_path_factory.mktemp("again"))


@pytest.fixture
def at_it(visitor: Visitor, ledger: tuple[Path, Path]) -> Visitor:
    """A visitor of an app on that ledger."""
    visitor.starts(*ledger)
    return visitor


def _pays(ledger: tuple[Path, Path]) -> list[int]:
    with open_ledger(ledger[0]) as opened:
        return [one.index for one in opened.events() if one.record.get("tool") == "pay"]


def _open(app: AppTest, entry: int) -> AppTest:
    """Open what a step was decided on."""
    app.session_state[f"parts-{entry}"] = True
    return fine(app.run())


def test_each_step_is_decided_then_and_now(at_it: Visitor, ledger: tuple[Path, Path]) -> None:
    """As recorded or not, by which rule and why, and under the contract that came later."""
    shown = words(fine(at_it.opens(session.RUN, ref="two payments")))
    kept, wrong = "allowed under 2.0.0, as recorded", "held for an approval under 2.0.0"
    assert f"{kept} · held for an approval under 2.1.0, in force now" in shown
    assert f"{wrong}, and recorded as allowed" in shown
    assert shown.count("recorded wrongly") == 1
    assert shown.count("otherwise now") >= 1
    assert "params.amount is 120, more than limits.large, 100" in shown
    assert NOT_LIFTED in shown
    assert "recorded is not right: scope.large: satisfied recorded" in shown
    assert len(_pays(ledger)) == 2


def test_what_it_was_decided_on_is_what_the_engine_says(
    at_it: Visitor, ledger: tuple[Path, Path]
) -> None:
    """Facts and rules, all of them, and only once somebody opens them."""
    entry = _pays(ledger)[1]
    with open_ledger(ledger[0]) as opened:
        entries = Entries(opened)
        history = entries.history()
        acts = chosen_acts(history, Choice(run="two payments"))
        steps = {one.act.index: one for one in timeline(entries, history, acts).steps}
    then, now = steps[entry].then, steps[entry].now
    assert isinstance(then, Judged)
    assert isinstance(now, Judged)
    app = fine(at_it.opens(session.RUN, ref="two payments"))
    assert not app.dataframe
    app = _open(app, entry)
    both = [*then.rules, *now.rules]
    assert sorted(map(str, column(app, "Rule"))) == sorted(one.rule.id for one in both)
    assert column(app, "Result")[0] == "violated"
    names = list(map(str, column(app, "Fact")))
    assert sorted(names) == sorted(one.name for one in (*then.facts, *now.facts))
    assert set(map(str, column(app, "Under"))) == {"then", "now"}


def test_now_is_what_is_in_force_and_not_what_will_be(visitor: Visitor, tmp_path: Path) -> None:
    """A contract that was activated for next year says nothing of today."""
    forge = Desk()
    forge.publish("2.0.0", text=text())
    run = forge.open_run(ref="a payment")
    forge.act(run, "pay", {"amount": 60, "customer": "C-1"}, turn=0, decision=ALLOWED)
    later = text("2.1.0", 50)
    of = {"service": SERVICE, "version": "2.1.0", "digest": digest(later.encode())}
    forge.submit("author", forge.make("contract", "author", text=later, **of))
    forge.submit(
        "activator",
        forge.make(
            "activation",
            "activator",
            **of,
            approved_by=[identity("activator")],
            effective_at="2027-03-01T09:00:00.000000Z",
        ),
    )
    forge.sign_head()
    visitor.starts(*saved(forge, tmp_path))
    shown = words(fine(visitor.opens(session.RUN, ref="a payment")))
    assert "Decided again: allowed under 2.0.0, as recorded" in shown
    assert "in force now" not in shown


def test_an_action_before_any_contract_has_rules_of_now(visitor: Visitor, tmp_path: Path) -> None:
    """What it is said to be now can be looked at like any other decision."""
    forge = _Uncontracted()
    run = forge.submit("agent", forge.make("run", "agent", phase="opened", service=SERVICE))[0]
    paid = {"run": run, "tool": "pay", "params": {"amount": 60, "customer": "C"}, "turn": 0}
    forge.submit("agent", forge.make("action", "agent", **paid))
    forge.publish("2.0.0", text=text())
    forge.sign_head()
    visitor.starts(*saved(forge, tmp_path))
    app = fine(visitor.opens(session.RUN, run=run))
    shown = words(app)
    assert "no contract was in force · allowed under 2.0.0, in force now" in shown
    (label,) = (one.label for one in app.expander if "rules" in one.label)
    assert "0 rules" not in label
    assert label.endswith("under the contract now in force")


def test_a_long_ledger_is_decided_again_on_request(
    at_it: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a key or a button; the address says so, and on the way to the next run it stays."""
    monkeypatch.setattr(working, "APART", 10)
    app = fine(at_it.opens(session.RUN, ref="two payments"))
    assert "Decided again" not in words(app)
    app.button(key="decide_again").click().run()
    assert "Decided again:" in words(fine(app))
    assert app.query_params[AGAIN] == "yes"
    assert not [one for one in app.button if one.key == "decide_again"]
    (after,) = (link for link in links(app) if link.label == "Run after")
    assert after.asks[AGAIN] == ["yes"]
    assert "Decided again" not in words(fine(at_it.opens(session.RUN, ref="two payments")))


def test_two_questions_of_a_page_may_be_under_way(
    at_it: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each says how far it is, and both can be stopped."""
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", 0.0)
    done = threading.Event()
    ask = working.Bench.ask

    def later(bench: working.Bench, asked: Asked, folder: Path, tell: Tell) -> Answer:
        done.wait(PATIENCE_SECONDS)
        return ask(bench, asked, folder, tell)

    st.cache_resource.clear()
    monkeypatch.setattr(working.Bench, "ask", later)
    try:
        app = fine(at_it.opens(session.RUN, ref="two payments"))
        app.session_state[OFFER] = True
        app.run()
        app.button(key=f"make-{HTML}").click().run()
        keys = [str(one.key) for one in fine(app).button]
        assert len([key for key in keys if key.startswith("stop-")]) == 2
    finally:
        done.set()


def test_an_imported_run_had_no_guard(visitor: Visitor, tmp_path: Path) -> None:
    """What would have been decided is said, and that nobody asked."""
    forge = Desk(imported=True)
    forge.publish("2.0.0", text=text(), imported=True)
    run = forge.open_run(ref="imported")
    forge.end(run, forge.act(run, "pay", {"amount": 120, "customer": "C-1"}, turn=0))
    forge.sign_head()
    visitor.starts(*saved(forge, tmp_path))
    shown = words(fine(visitor.opens(session.RUN, ref="imported")))
    assert "held for an approval under 2.0.0, had the guard been asked" in shown


def test_a_hostile_run_is_decided_again_too(visitor: Visitor, tmp_path: Path) -> None:
    """Whatever an agent wrote: what is derived from it is shown, and is no markup."""
    visitor.starts(*saved(hostile(), tmp_path))
    app = fine(visitor.opens(session.RUN, ref=HOSTILE))
    assert "Decided again" in words(app)
    for line in [one for one in app.expander if "as of then" in one.label]:
        app.session_state[str(line.proto.id)] = True
    labels = [one.label for one in app.expander]
    for said in [*(str(one.value) for one in (*app.markdown, *app.caption)), *labels]:
        # Inside of code, nothing is markup.
        assert "<script>" not in re.sub(r"(`+).+?\1", "", said)
    assert strange(app) == []
