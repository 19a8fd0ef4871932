"""What is asked about: runs as a whole, and actions each by itself."""

import pytest
from hypothesis import given

from contracts.selecting import action_filter
from replay.history import History
from replay.run_choice import Choice, chosen, chosen_acts
from tests.replay.histories import DAY, Made, histories


def test_actions_are_chosen_by_their_own_time_and_identity() -> None:
    """A run is chosen by when it was opened, an action by when it was recorded."""
    made = Made()
    run = made.run(day=0)
    early, late = made.act(run), made.act(run)
    late.by = "spiffe://acme.example/ai/other"
    late.time = 3 * DAY
    assert chosen_acts(made.history, Choice(since=DAY)).acts == (late,)
    assert chosen(made.history, Choice(since=DAY)).runs == ()
    assert chosen_acts(made.history, Choice(identity="other")).acts == (late,)
    assert chosen_acts(made.history, Choice(entries=frozenset({early.index}))).acts == (early,)


def test_a_run_is_chosen_by_the_entries_of_its_actions() -> None:
    """An incident's runs are those that its findings stand in."""
    made = Made()
    first, second = made.run(), made.run()
    made.act(first)
    found = made.act(second)
    assert chosen(made.history, Choice(entries=frozenset({found.index}))).runs == (second,)


def test_what_has_no_time_or_no_answer_is_counted() -> None:
    """Nothing falls out of a selection in silence."""
    made = Made()
    made.act(made.run(day=None))
    assert chosen_acts(made.history, Choice(until=DAY)).timeless == 1
    no_value = chosen_acts(made.history, Choice(where=action_filter("action.cost.micros > 0")))
    assert (no_value.acts, no_value.undecided) == ((), 1)


def test_there_is_no_such_run() -> None:
    """A run that is not there is an error, and no empty answer."""
    with pytest.raises(LookupError, match="there is no run 'x'"):
        chosen_acts(History(), Choice(run="x"))


@given(histories())
def test_the_actions_of_the_chosen_runs_hold_the_chosen_actions(history: History) -> None:
    """Runs by a condition are exactly those with an action by that condition."""
    choice = Choice(where=action_filter('action.tool == "pay"'))
    acts = chosen_acts(history, choice).acts
    assert {act.run for act in acts} == {run.digest for run in chosen(history, choice).runs}
    assert all(act.tool == "pay" for act in acts)
