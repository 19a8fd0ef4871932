"""Questions to replay: what goes into an address comes back out of it, and picks what it says."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.asking import (
    OVER,
    AskedError,
    Over,
    RollbackAsked,
    ValueAsked,
    WhatIfAsked,
    key_of,
    micros_of,
)
from replay.history import Act, History
from replay.run_choice import chosen_acts
from replay.scopes import Scope
from tests.dashboards.replay_visits import the_till
from verifier.load import VerifiedLedger

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=12).map(str.strip)
OVERS = st.builds(Over, **dict.fromkeys(OVER, TEXT))
SEVERAL = st.lists(TEXT.filter(bool), unique=True, max_size=3).map(tuple)


def again(parameters: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Return parameters as an address gives them back."""
    return {name: tuple(values) for name, values in parameters.items()}


@given(
    st.one_of(
        st.builds(ValueAsked, OVERS, SEVERAL, TEXT),
        st.builds(WhatIfAsked, OVERS, SEVERAL, SEVERAL, TEXT, st.booleans(), SEVERAL),
        st.builds(RollbackAsked, OVERS, TEXT, st.sampled_from(list(Scope)), st.booleans(), SEVERAL),
    )
)
def test_an_address_asks_what_was_asked(asked: ValueAsked | WhatIfAsked | RollbackAsked) -> None:
    """For every question: the same address, the same answer."""
    back = type(asked).of(again(asked.parameters()))
    assert back == asked
    assert key_of(back) == key_of(asked)


def test_a_question_is_told_from_every_other_one() -> None:
    """By each of its parts, and by the runs that were looked up for it."""
    plain = Over()
    every = [Over.of({name: ("x",)}) for name in OVER]
    every += [plain, Over(runs=frozenset()), Over(runs=frozenset({"a", "b"}))]
    keys = {key_of(ValueAsked(one)) for one in every}
    keys |= {key_of(RollbackAsked(plain)), key_of(WhatIfAsked(plain))}
    keys.add(key_of(WhatIfAsked(plain, text="a", edited="b")))
    assert len(keys) == len(every) + 3


@pytest.mark.parametrize(
    ("over", "wanted"),
    [
        (Over(model="till-model-1"), "model"),
        (Over(channel="email"), "channel"),
        (Over(service="spiffe://nobody"), ""),
        (Over(where='action.tool == "mail"'), "mail"),
        (Over(where="action.value.micros > 80000000"), "large"),
    ],
)
def test_what_narrows_picks_what_it_says(
    asked_directly: tuple[VerifiedLedger, History], over: Over, wanted: str
) -> None:
    """As the history itself has it."""
    ledger, history = asked_directly
    found = {act.index for act in chosen_acts(history, over.choice(ledger.report)).acts}
    tests: dict[str, Callable[[Act], bool]] = {
        "model": lambda act: history.runs[act.run].said("model") == "till-model-1",
        "channel": lambda act: act.channel == "email",
        "": lambda _act: False,
        "mail": lambda act: act.tool == "mail",
        "large": lambda act: act.value is not None and act.value.micros > 80_000_000,
    }
    assert found == {act.index for act in history.acts if tests[wanted](act)}
    assert found or not wanted


def test_an_incident_and_some_runs_are_picked(
    asked_directly: tuple[VerifiedLedger, History],
) -> None:
    """A finding stands at an action or at its outcome; runs are those that were looked up."""
    ledger, history = asked_directly
    acts = {act.index for act in history.acts} | {act.ended for act in history.acts}
    finding = next((one for one in ledger.report.findings if one.index in acts), None)
    if finding is not None:
        chosen = chosen_acts(history, Over(incident=finding.id).choice(ledger.report)).acts
        assert [one for one in chosen if finding.index in {one.index, one.ended}]
    run = history.acts[3].run
    some = chosen_acts(history, Over(runs=frozenset({run})).choice(ledger.report)).acts
    assert {one.run for one in some} == {run}
    assert the_till().records


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "T", "9" * 30, "2026-03-01T09:00:00"])
def test_what_is_no_time_is_said(text: str) -> None:
    """With a code and what to write."""
    with pytest.raises(AskedError) as raised:
        micros_of("since", text)
    assert (raised.value.code, raised.value.do[:5]) == ("ask.time", "Write")
