"""Why a rule came out as it did, in words: what is said, what is left out, and what would help."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.comparisons import Comparison, comparison, paths
from contracts.engine import Engine
from contracts.model import Verdict
from contracts.reasons import described, lasting, money
from contracts.results import Explanation
from tests.reference.histories import contract_of, events_of

Line = dict[str, Any]
RUN: Line = {"opened": "r"}
LIMITS: Line = {"by": "params.region", "EU": {"most_micros": 100_000_000}, "default": {"n": 1}}


def why(rule: Line, *lines: Line, **more: Any) -> Explanation:  # noqa: ANN401 - parts of a contract
    """Why the rule came out as it did for the last of some records."""
    engine = Engine(contract_of({"rules": [rule], **more}))
    engine.explain()
    found = [one for event in events_of([RUN, *lines]) for one in engine.observe(event)]
    last = found[-1]
    assert last.verdict is not Verdict.SATISFIED
    assert last.explanation is not None
    return last.explanation


def test_an_amount_above_a_limit_is_told_in_whole_units_with_its_currency_and_case() -> None:
    """What a reviewer wants to read of a limit that was passed."""
    rule = {
        "id": "large",
        "when": "params.total.micros > limits.most_micros",
        "effect": "approve",
        "role": "lead",
    }
    params = {"region": "EU", "total": {"micros": 120_000_000, "currency": "EUR"}}
    found = why(rule, {"action": "a", "params": params}, limits=LIMITS)
    assert found.because == (
        "params.total.micros is 120.00 EUR, more than limits.most_micros for EU, 100.00.",
        "No approval by somebody with the role lead stands before it.",
    )
    assert found.facts == (
        ("params.total.micros", "120.00 EUR"),
        ("limits.most_micros", "100.00"),
    )
    assert found.would == (
        "params.total.micros at most limits.most_micros for EU, 100.00",
        "held, and approved by somebody with the role lead",
    )


def test_what_does_not_decide_is_left_out_with_the_entries_behind_it() -> None:
    """Of two ways to break a rule the one with fewer values is told."""
    facts = {
        "paid": {"count": True, "from": "outcome", "where": "outcome.status == 'ok'"},
        "seen": {"count": True, "from": "observation"},
    }
    rule = {"id": "r", "when": "params.n > 3 || (facts.paid > 0 && facts.seen > 0)"}
    lines: list[Line] = [
        {"observation": "o", "what": "proof"},
        {"action": "a", "params": {"n": 1}},
        {"outcome": "a", "status": "ok"},
    ]
    small = why(rule, *lines, {"action": "b", "params": {"n": 1}}, facts=facts)
    assert [path for path, _ in small.facts] == ["facts.paid", "facts.seen"]
    assert small.entries == (1, 3, 4)
    assert set(small.would) == {"facts.paid at most 0", "facts.seen at most 0"}
    large = why(rule, *lines, {"action": "b", "params": {"n": 9}}, facts=facts)
    assert large.because == ("params.n is 9, more than 3.",)
    assert large.entries == (4,)
    assert large.would == (
        "params.n at most 3 and facts.paid at most 0",
        "params.n at most 3 and facts.seen at most 0",
    )


def test_what_is_cited_is_told_by_its_kind_its_source_and_its_age() -> None:
    """Checks of evidence are told in words, with the observations of that kind alone."""
    asked = (
        'evidence.exists(e, e.kind == "proof" && e.source in ["shop", "bank"] && '
        'timestamp(action.time) - timestamp(e.time) < duration("1s"))'
    )
    rule = {"id": "r", "when": f'evidence.exists(e, e.kind == "proof") && !{asked}'}
    lines: list[Line] = [
        {"observation": "o", "what": "proof", "source": "shop"},
        {"observation": "p", "what": "other", "source": "shop"},
        {"action": "a", "evidence": ["o", "p"]},
    ]
    found = why(rule, *lines)
    cited = "(cited: proof from shop at entry 1, recorded 2s before)"
    assert found.because == (
        f'An observation is cited of kind "proof" {cited}.',
        (
            'No observation is cited of kind "proof", from "shop" or "bank", recorded less than 1s '
            f"before {cited}."
        ),
    )
    # That nothing were cited would satisfy it too, and helps nobody.
    assert found.would == (
        'an observation cited of kind "proof", from "shop" or "bank", recorded less than 1s before',
    )
    assert found.entries == (1, 3)


def test_what_nobody_can_tell_says_why() -> None:
    """What has no value is named with the reason."""
    facts = {"n": {"last": "observation.fields.n", "from": "observation"}}
    rule = {"id": "r", "when": "params.a == 1 && facts.n > 2"}
    found = why(rule, {"action": "a", "params": {"a": 1}}, facts=facts)
    assert found.because == ("Nobody can tell whether facts.n > 2: fact n: no record in this run.",)
    assert found.facts == (("facts.n", "none (fact n: no record in this run)"),)
    assert found.would == ("params.a not 1", "facts.n at most 2")


def test_why_an_approval_lifts_nothing() -> None:
    """Refused, of another call, or never said."""
    rule = {"id": "r", "when": "params.n > 3", "effect": "approve", "role": "lead"}
    held: Line = {"action": "a", "params": {"n": 9}, "decision": "approve"}
    said: Line = {"approval": "s", "of": "a", "verdict": "refuse"}
    again: Line = {"action": "b", "params": {"n": 9}, "resumes": "a"}
    refused = why(rule, held, said, again)
    assert refused.because[1].endswith("said refuse at entry 2.")
    assert refused.entries == (1, 2, 3)
    other = why(rule, held, said, again | {"params": {"n": 8}})
    assert other.because[1] == "It is not the call that was held at entry 1."
    nobody = why(rule, held, again)
    assert nobody.because[1] == "Nobody said a word on what was held at entry 1."


def test_a_guard_is_not_kept_waiting_for_words() -> None:
    """Explanations are made where they are asked for."""
    engine = Engine(contract_of({"rules": [{"id": "r", "when": "params.n > 3"}]}))
    events = events_of([RUN, {"action": "a", "params": {"n": 9}}])
    assert [one.explanation for event in events for one in engine.observe(event)] == [None]


NUMBERS = st.integers(min_value=-2, max_value=2)
SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
PARTS = st.tuples(st.sampled_from(["params.a", "params.b", "params.c"]), SIGNS, NUMBERS).map(
    lambda one: f"{one[0]} {one[1]} {one[2]}"
)
CONDITIONS = st.recursive(
    PARTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda one: f"({one[0]}) {one[1]} ({one[2]})"
        ),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=5,
)
VALUES = st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "c"), NUMBERS))


@settings(max_examples=150)
@given(CONDITIONS, VALUES)
def test_what_is_said_decides_and_nothing_that_is_left_out_matters(
    condition: str, params: dict[str, int]
) -> None:
    """The members that an explanation does not name may be missing: the rule stays violated."""
    rule = {"id": "r", "when": condition}
    if not _violated(rule, params):
        return
    found = why(rule, {"action": "a", "params": params})
    named = {path.removeprefix("params.") for path, _ in found.facts}
    assert _violated(rule, {name: value for name, value in params.items() if name in named})
    assert found.because


def _violated(rule: Line, params: dict[str, int]) -> bool:
    engine = Engine(contract_of({"rules": [rule]}))
    events = events_of([RUN, {"action": "a", "params": params}])
    found = [one for event in events for one in engine.observe(event)]
    return found[-1].verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.x >= b.y + 1", Comparison("a.x", ">=", "b.y + 1")),
        ('a.x in ["in"]', Comparison("a.x", "in", '["in"]')),
        ("a.x.matches('<')", None),
        ("(a.x > 1)", None),
        ("size(a.x > 1 ? b : c) != 2", Comparison("size(a.x > 1 ? b : c)", "!=", "2")),
        ("-1 < a.x", Comparison("-1", "<", "a.x")),
    ],
)
def test_comparisons(text: str, expected: Comparison | None) -> None:
    """Left, sign and right of a part."""
    assert comparison(text) == expected


def test_what_a_part_reads() -> None:
    """The longest selections of variables, and nothing of texts and macros."""
    assert paths("message.content.matches('x') && facts.a.b > run.time") == (
        "message.content",
        "facts.a.b",
        "run.time",
    )
    assert paths("'params.x' == e.kind") == ()


def test_small_words() -> None:
    """Lengths of time, amounts and what is cited."""
    assert [lasting(n) for n in (0, 1_500_000, 3_600_000_000, 90_061_000_000)] == [
        "0s",
        "1.5s",
        "1h",
        "1d 1h",
    ]
    assert money(-20_425_000) == "-20.425"
    assert described("e", "e.x > 1") == "for which e.x > 1"


def test_of_a_fact_is_told_which_records_it_is_taken_from() -> None:
    """A number of some of the outcomes is not called the number of the outcomes."""
    paid = {"count": True, "from": "outcome", "where": 'outcome.status == "ok"'}
    rule = {"id": "r", "when": "facts.paid == 0"}
    lines: list[Line] = [
        {"action": "a"},
        {"outcome": "a", "status": "error"},
        {"action": "b"},
    ]
    found = why(rule, *lines, facts={"paid": paid})
    assert found.because == (
        'facts.paid is 0 (the number of outcomes where outcome.status == "ok" in the same run).',
    )
    long = {**paid, "where": " || ".join(f'outcome.status == "{n}"' for n in "abcd")}
    found = why(rule, *lines, facts={"paid": long})
    assert found.because == (
        "facts.paid is 0 (the number of outcomes that its condition selects in the same run).",
    )


def test_a_value_of_the_rule_itself_is_not_told_twice() -> None:
    """What it was compared with is said, and what that is."""
    modes = {"list": "observation.fields.mode", "from": "observation"}
    rule = {"id": "r", "unless": '!("kill" in facts.modes)'}
    seen: Line = {"observation": "o", "what": "switch", "fields": {"mode": "kill"}}
    found = why(rule, seen, {"action": "a"}, facts={"modes": modes})
    (because,) = found.because
    assert because.startswith('"kill" is one of facts.modes, ["kill"] (')
    assert "observation" in because


def test_two_parts_that_would_be_otherwise_do_not_contradict_each_other() -> None:
    """What one of them changes has no longer the value that it had."""
    rule = {"id": "r", "unless": "params.a == params.b && params.c == params.a"}
    found = why(rule, {"action": "x", "params": {"a": 1, "b": 2, "c": 3}})
    assert found.would == ("params.a exactly params.b, 2 and params.c exactly params.a",)
