"""Value: groups add up to the whole, currencies stay apart, and nothing missing becomes a zero."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.history import History, Money
from replay.rates import RateError, Rates, read_rates
from replay.run_choice import Choice, chosen
from replay.value import DIMENSIONS, Calls, attempts, by_tool, grouped, marginal, measured, ratio
from replay.worth import Call, Recorded, Worth, calls, worths
from tests.replay.histories import DAY, Made, eur, histories

NONE = Rates()


def summed(kinds: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add amounts currency by currency."""
    sums: Counter[str] = Counter()
    for kind in kinds:
        for currency, micros in kind.items():
            sums[currency] += micros
    return dict(sorted(sums.items()))


@given(histories(), st.sampled_from(sorted(DIMENSIONS)))
def test_any_grouping_of_runs_adds_up_to_the_whole(history: History, by: str) -> None:
    """Runs, successes, costs and values: nothing is lost, and nothing counted twice."""
    found = worths(history, NONE)
    whole, groups = measured(found), grouped(found, by)
    assert sum(group.runs for group in groups) == whole.runs == len(history.runs)
    assert sum(group.succeeded for group in groups) == whole.succeeded
    assert summed(group.cost for group in groups) == whole.cost
    assert summed(group.values for group in groups) == whole.values
    for kind in Recorded:
        assert sum(group.recorded[kind] for group in groups) == whole.recorded[kind]


@given(histories())
def test_calls_by_tool_and_by_what_became_of_them_add_up_to_the_whole(history: History) -> None:
    """Each call is of one tool and became one thing; what is on no call stands apart."""
    found = worths(history, NONE)
    whole, tools = measured(found), by_tool(found)
    costs = [kind for each in tools.values() for kind in (each.fees, each.shares, each.people)]
    assert summed(costs) == whole.cost
    assert summed(each.values for each in tools.values()) == whole.values
    assert sum(each.count for each in tools.values()) == len(history.acts)
    became = attempts(found)
    assert sum(each.count for each in became.values()) == len(history.acts)
    on_calls = [
        k for name, each in tools.items() if name != "(no call)" for k in (each.fees, each.shares)
    ]
    assert summed(k for each in became.values() for k in (each.fees, each.shares)) == summed(
        on_calls
    )


@given(histories())
def test_currencies_are_never_added_without_a_rate(history: History) -> None:
    """The sum of each currency is that of the amounts recorded in it, to the micro."""
    recorded: Counter[str] = Counter()
    amounts = [spent.money for run in history.runs.values() for spent in run.spent]
    amounts += [act.cost for act in history.acts if act.cost is not None]
    for money in amounts:
        recorded[money.currency] += money.micros
    assert measured(worths(history, NONE)).cost == dict(sorted(recorded.items()))
    joined = measured(worths(history, read_rates(["USD=EUR:0.5"]))).cost
    assert set(joined) <= {"EUR"}
    assert abs(joined.get("EUR", 0) - recorded["EUR"] - recorded["USD"] / 2) <= len(amounts)


@given(histories(), st.randoms())
def test_the_order_in_which_runs_are_read_changes_nothing(
    history: History, shuffle: random.Random
) -> None:
    """Every measure is the same, to the last digit."""
    runs = list(history.runs.values())
    shuffle.shuffle(runs)

    def all_of(found: list[Worth]) -> object:
        return (
            measured(found),
            [grouped(found, by) for by in sorted(DIMENSIONS)],
            by_tool(found),
            attempts(found),
            marginal(found),
        )

    assert all_of(worths(history, NONE)) == all_of(worths(history, NONE, runs))
    found = worths(history, NONE)
    again = list(found)
    shuffle.shuffle(again)
    assert measured(found) == measured(again)


def test_a_runs_own_value_counts_and_its_outcomes_are_only_stated() -> None:
    """Never both: what an outcome moved is not what the run was worth."""
    made = Made()
    run = made.run()
    made.act(run, value=eur(90))
    made.close(run, eur(5))
    other = made.run()
    made.act(other, value=eur(7))
    made.close(other)
    own, from_outcomes = worths(made.history, NONE)
    assert (own.value, own.own, own.stated[0].money) == (eur(5), True, eur(90))
    assert (from_outcomes.value, from_outcomes.own, from_outcomes.stated) == (eur(7), False, ())
    assert measured([own, from_outcomes]).values == {"EUR": 12}


def test_what_was_taken_back_is_worth_nothing_and_no_success() -> None:
    """Neither the action nor the one that takes it back counts."""
    made = Made()
    run = made.run()
    paid = made.act(run, value=eur(9))
    made.close(run)
    repair = made.run()
    made.act(repair, "reverse", value=eur(9), compensates=paid.digest)
    made.close(repair)
    found = worths(made.history, NONE)
    assert [(one.value, one.succeeded) for one in found] == [(None, False), (None, False)]


def test_a_success_is_a_value_above_zero_or_an_executed_action() -> None:
    """A recorded value of zero says no, whatever was executed; reading is no success."""
    made = Made()
    for mode, status, value in (
        ("execute", "ok", None),
        ("read", "ok", None),
        ("execute", "error", None),
        ("execute", "ok", eur(0)),
        ("read", "ok", eur(1)),
    ):
        run = made.run()
        made.act(run, status=status, mode=mode)
        made.close(run, value)
    found = [one.succeeded for one in worths(made.history, NONE)]
    assert found == [True, False, False, False, True]


def test_what_is_not_recorded_is_counted_and_in_no_ratio() -> None:
    """A run without a cost changes no cost per success; a partly recorded one neither."""
    made = Made()
    for number in range(12):
        run = made.run()
        made.message(run, eur(100 + number))
        made.close(run, eur(1000))
    alone = measured(worths(made.history, NONE))
    silent = made.run()
    made.close(silent, eur(1000))
    half = made.run()
    made.message(half, eur(5))
    made.message(half, None)
    made.close(half, eur(1000))
    estimated = made.run()
    made.message(estimated, eur(5))
    made.act(estimated, reserved=(eur(3), None))
    made.close(estimated, eur(1000))
    found = measured(worths(made.history, NONE))
    assert found.recorded == {Recorded.FULL: 12, Recorded.PARTLY: 2, Recorded.NONE: 1}
    assert found.per_success == alone.per_success
    assert found.per_success["EUR"].n == 12
    assert found.left_out == (3, 3)


def test_a_run_in_two_currencies_takes_part_in_no_ratio_without_a_rate() -> None:
    """They stand side by side; a stated rate joins them."""
    made = Made()
    run = made.run()
    made.message(run, eur(1_000_000))
    made.act(run, cost=Money("USD", 1_000_000))
    made.close(run, eur(4_000_000))
    apart = measured(worths(made.history, NONE))
    assert (apart.cost, apart.per_success) == ({"EUR": 1_000_000, "USD": 1_000_000}, {})
    joined = measured(worths(made.history, read_rates(["USD=EUR:0.92"])))
    assert joined.cost == {"EUR": 1_920_000}
    assert joined.per_success["EUR"].value == 1_920_000


def test_a_message_is_shared_by_the_calls_that_it_paid_for() -> None:
    """By its turn where calls say theirs; else the calls since the priced message before."""
    made = Made()
    run = made.run()
    made.message(run, eur(10), turn=3)
    by_turn = [made.act(run, turn=3), made.act(run, turn=3), made.act(run, turn=3)]
    first = made.act(run)
    made.message(run, eur(8), turn=4)
    made.message(run, eur(6), turn=5)
    (worth,) = worths(made.history, NONE)
    shares = [(item.act, item.money.micros) for item in worth.costs]
    assert shares == [
        (by_turn[0].index, 4),
        (by_turn[1].index, 3),
        (by_turn[2].index, 3),
        (first.index, 8),
        (-1, 6),
    ]


def test_calls_are_told_apart_by_what_became_of_them() -> None:
    """A retry that works is a repetition, one that fails a failure, a held one is not repeated."""
    made = Made()
    run = made.run()
    for status, decision, call in (
        ("", "approve", "x"),
        ("error", "allow", "x"),
        ("ok", "allow", "x"),
        ("timeout", "allow", "x"),
        ("ok", "", "y"),
        ("", "deny", "z"),
        ("", "escalate", "z"),
        ("skipped", "allow", "z"),
    ):
        made.act(run, status=status, decision=decision, call=call)
    (worth,) = worths(made.history, NONE)
    assert [kind for _, kind in calls(worth)] == [
        Call.HELD,
        Call.FAILED,
        Call.REPEATED,
        Call.FAILED,
        Call.DONE,
        Call.DENIED,
        Call.ESCALATED,
        Call.OPEN,
    ]


def test_peoples_minutes_cost_what_is_recorded_else_what_is_stated() -> None:
    """A rate prices only minutes that have no cost of their own; without one they are missing."""
    made = Made()
    run = made.run()
    made.people(run, 10, eur(500))
    made.people(run, 4, None)
    assert worths(made.history, NONE)[0].recorded is Recorded.PARTLY
    (worth,) = worths(made.history, read_rates(minute="0.75EUR"))
    assert (worth.recorded, worth.cost) == (Recorded.FULL, eur(500 + 3_000_000))


def test_the_k_th_call_adds_its_cost_and_the_last_one_the_runs_value() -> None:
    """Means are over the runs that say so, not over all."""
    made = Made()
    for calls_, cost, value in ((2, eur(10), eur(100)), (1, None, eur(50)), (1, eur(6), None)):
        run = made.run()
        for _ in range(calls_):
            made.act(run)
        made.message(run, cost)
        made.close(run, value)
    first, second = marginal(worths(made.history, NONE))
    assert (first.runs, first.cost, first.costed) == (3, {"EUR": 11}, {"EUR": 2})
    assert (first.value, first.valued) == ({"EUR": 50}, {"EUR": 2})
    assert (second.runs, second.cost, second.value) == (1, {"EUR": 5}, {"EUR": 100})


def test_few_runs_have_a_ratio_and_no_interval() -> None:
    """Nine runs say what was, and not how sure that is; without a success there is no ratio."""
    pairs = [(100 + n, 1) for n in range(9)]
    assert ratio(pairs).value == 104
    assert ratio(pairs).interval is None
    assert ratio([*pairs, (109, 1)]).interval is not None
    assert ratio([(5, 0)] * 20).value is None


@pytest.mark.parametrize(
    ("rates", "minute", "code"),
    [
        (["USD=EUR"], "", "rate.form"),
        (["USD=EUR:0"], "", "rate.form"),
        (["usd=EUR:1"], "", "rate.form"),
        (["USD=EUR:-1"], "", "rate.form"),
        (["USD=EUR:1", "USD=GBP:1"], "", "rate.twice"),
        (["USD=EUR:1", "EUR=GBP:1"], "", "rate.chain"),
        (["USD=USD:1"], "", "rate.chain"),
        ([], "0.75", "rate.minute"),
        ([], "EUR0.75", "rate.minute"),
    ],
)
def test_a_rate_that_could_be_misread_is_refused(rates: list[str], minute: str, code: str) -> None:
    """By a stable code, and never guessed."""
    with pytest.raises(RateError) as caught:
        read_rates(rates, minute)
    assert caught.value.code == code


def test_runs_are_chosen_as_a_whole() -> None:
    """By one of their actions, by who opened them, by version and by day."""
    made = Made()
    chat = made.run(day=0, version="1", ref="R-1")
    made.act(chat, "pay")
    made.act(chat, "read")
    mail = made.run(day=1, version="2", by="spiffe://acme.example/ai/mail")
    made.act(mail, "read")
    late = made.run(day=None)
    history = made.history

    def tool_is_pay(act: Mapping[str, Any]) -> bool:
        return bool(act["tool"] == "pay")

    def run_is_first(act: Mapping[str, Any]) -> bool:
        return bool(act["run"]["ref"] == "R-1")

    def names(**asked: object) -> list[str]:
        found = chosen(history, Choice(**asked))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return [run.digest for run in found.runs]

    assert names() == [chat.digest, mail.digest, late.digest]
    assert names(where=tool_is_pay) == [chat.digest]
    assert names(where=run_is_first) == [chat.digest]
    assert names(identity="mail") == [mail.digest]
    assert names(identity="ail") == []
    assert names(version="2") == [mail.digest]
    assert names(run="R-1") == [chat.digest]
    assert names(since=DAY) == [mail.digest]
    assert names(until=DAY) == [chat.digest]
    assert chosen(history, Choice(since=0)).timeless == 1
    assert chosen(history, Choice(where=lambda _: None)).undecided == 2
    with pytest.raises(LookupError, match="no run"):
        chosen(history, Choice(run="R-9"))


def test_calls_are_counted_with_what_is_known_of_them() -> None:
    """Priced: with any cost; feeless: called and without a recorded fee."""
    made = Made()
    run = made.run()
    made.act(run, cost=eur(1))
    made.act(run)
    made.act(run, status="", decision="deny")
    found = by_tool(worths(made.history, NONE))["pay"]
    assert found == Calls(count=3, priced=1, executed=2, done=2, feeless=1, fees={"EUR": 1})
