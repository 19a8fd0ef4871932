"""Shortcuts answer as CEL does, or not at all."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.coercion import MAX_LIST, Value, is_list
from contracts.evaluation import CelEvaluator, ConditionError, Undecidable
from contracts.instants import for_cel
from contracts.operations import UNSURE, settled
from contracts.shortcuts import MAX_FOLDS, OnlyViews, shortcut
from contracts.trees import tree_of

ROOTS: Final = ("action", "params", "facts", "limits", "evidence")
EVALUATOR: Final = CelEvaluator(ROOTS)
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
Views = Mapping[str, Value]


class Plain(OnlyViews):
    """A frame over plain variables, in which facts and limits are two more of them."""

    def limit(self, name: str, level: int, /) -> Value:
        """A limit, which a condition at level 0 may see."""
        assert level == 0
        return self.part(("limits", name))

    def known(self, name: str, level: int, /) -> Value:
        """A fact, which a condition at level 0 may see."""
        assert level == 0
        return self.part(("facts", name))


def by_cel(text: str, views: Views) -> Value:
    """CEL's answer."""
    bound = {name: for_cel(value) for name, value in views.items()}
    return EVALUATOR.compile(text).run(EVALUATOR.bind(bound))


def quickly(text: str, views: Views) -> Value:
    """The shortcut's answer; `UNSURE` where there is no shortcut."""
    made = shortcut(EVALUATOR.compile(text).tree(), 0, frozenset(ROOTS))
    return UNSURE if made is None else settled(made(Plain(views), None))


def same(left: Value, right: Value) -> bool:
    """Whether two values are equal in type too; NaN is itself, and −0.0 is not 0.0."""
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and repr(left) == repr(right)


# ------------------------------------------------------------------- what is answered

FULL: Final[dict[str, Value]] = {
    "action": {
        "tool": "pay",
        "known": True,
        "at": NOON,
        "later": NOON + timedelta(hours=2),
        "tags": ["a", "b"],
        "mixed": ["a", 1],
        "money": {"currency": "EUR", "micros": 7},
        "big": 2**62,
        "share": 0.5,
    },
    "params": {"amount": 5, "to": "x"},
    "facts": {"count": 3, "seen": False, "targets": ["x", "y"]},
    "limits": {"most": 5},
    "evidence": [
        {"kind": "order", "source": "db", "time": NOON},
        {"kind": "policy", "source": "wiki", "fields": {"version": "7"}},
    ],
}

ANSWERED: Final[Mapping[str, Value]] = {
    'action.tool == "pay"': True,
    'action.tool != "pay"': False,
    '"pay" == action.tool': True,
    "action.known && !facts.seen": True,
    "facts.seen && action.nothing": False,
    "action.known || action.nothing": True,
    "facts.count + 1 >= 4": True,
    "facts.count - 1 < 2": False,
    "facts.count * 2": 6,
    "params.amount > limits.most": False,
    "params.amount <= limits.most": True,
    "action.share * 2.0 > double(facts.count)": False,
    'action.tool in ["pay", "take"]': True,
    "params.amount in [1, 2]": False,
    "params.to in facts.targets": True,
    "has(action.money) ? action.money.micros : 0": 7,
    "has(action.cost) ? action.cost.micros : 0": 0,
    "has(action.money.micros)": True,
    "has(action.money.nothing)": False,
    '{"EUR": action.money.micros}[action.money.currency]': 7,
    "size(facts.targets) + size(action.tool)": 5,
    "action.tags": ["a", "b"],
    "[action.tool, params.to]": ["pay", "x"],
    'evidence.exists(e, e.kind == "policy" && e.source == "wiki")': True,
    'evidence.exists(e, e.kind == "none")': False,
    'evidence.exists(e, has(e.fields) && e.fields.version == "7")': True,
    'evidence.all(e, e.kind != "none")': True,
    'evidence.all(e, e.kind == "order")': False,
    'evidence.exists(action, action.kind == "order")': True,
    'timestamp(action.at) - timestamp("2026-03-01T11:00:00Z") < duration("90m")': True,
    "action.later - action.at": UNSURE,  # a duration is compared, and never the answer
    "action.at": NOON,
    'action.tool.startsWith("p") && action.tool.endsWith("y")': True,
    'action.tool.contains("z")': False,
    'action.tool + "x"': "payx",
}

UNANSWERED: Final = (
    "action.nothing",
    "!action.tool",
    "action.tool == 1",
    "action.tool && action.known",
    "action.known && action.tool",
    "facts.seen || action.tool",
    "action.tool ? 1 : 2",
    "action.nothing || action.known",
    "facts.count == 3.0",
    "facts.count + 0.5",
    "action.big + action.big",
    "action.big - -9223372036854775807",
    "action.big * 2",
    "action.known < true",
    "-facts.count",
    "1u == 1u",
    "null == action.tool",
    'b"x" == b"x"',
    'action.tool.matches("p.*")',
    'action.tool in [1, "pay"]',
    "action.tool in [action.tool]",
    "action.tool in []",
    "params.amount in action.mixed",
    '"a" in action.mixed',
    "action.money in [1]",
    '"micros" in action.money',
    "action.tags[0]",
    'action["tool"]',
    "{1: 2}[1]",
    '{"EUR": action.nothing, "USD": 1}["USD"]',
    '{"EUR": 1}["USD"]',
    '{"EUR": 1}[params.amount]',
    '{"EUR": 1, "EUR": 2}["EUR"]',
    "{params.to: 1}[params.to]",
    "action.money",
    "[1.5]",
    "[action.money]",
    "[action.nothing]",
    "has(facts.count)",
    "has(limits.most)",
    "has(evidence.kind)",
    "has(action.nothing.more)",
    "facts",
    "size(action.known)",
    "double(action.tool)",
    "timestamp(action.tool)",
    'timestamp("2026-03-01T11:00:00.5Z") == action.at',
    'timestamp("2026-02-30T11:00:00Z") == action.at',
    'duration("1.5h") == duration("90m")',
    'duration("99999999h") == duration("1h")',
    "evidence.exists(e, e.nothing)",
    "evidence.exists(e, evidence.exists(f, e == f))",
    'evidence.exists_one(e, e.kind == "order")',
    "evidence.map(e, e.kind)",
    'action.tool.exists(e, e == "p")',
    "math.greatest(1, 2)",
)


@pytest.mark.parametrize(("text", "wanted"), ANSWERED.items())
def test_plain_conditions_are_answered(text: str, wanted: Value) -> None:
    """What contracts mostly say is answered, with CEL's value in CEL's type."""
    found = quickly(text, FULL)
    assert found is wanted or same(found, wanted)
    assert found is UNSURE or same(found, by_cel(text, FULL))


@pytest.mark.parametrize("text", UNANSWERED)
def test_all_else_is_left_to_cel(text: str) -> None:
    """What is missing, mixed, too large or not known is no shortcut's business."""
    assert quickly(text, FULL) is UNSURE


def test_what_is_not_there_is_not_read() -> None:
    """A variable that does not exist makes neither a value nor a `has` of it."""
    for text in ("action.tool", "has(action.tool)", "params.x == 1", "evidence.exists(e, true)"):
        assert quickly(text, {}) is UNSURE
        assert isinstance(by_cel(text, {}), Undecidable)


def test_long_lists_and_many_macros_are_left_to_cel() -> None:
    """CEL has a budget of iterations for a whole expression; a shortcut keeps far from it."""
    many = {"evidence": [{"kind": "a"}] * MAX_LIST}
    text = 'evidence.exists(e, e.kind == "b")'
    assert quickly(text, many) is False
    assert quickly(text, {"evidence": many["evidence"] * 2}) is UNSURE
    parts = [f'evidence.exists(e, e.kind == "{number}")' for number in range(MAX_FOLDS + 1)]
    halves = " || ".join(parts[:8]), " || ".join(parts[8:16])
    assert quickly(f"({halves[0]}) || ({halves[1]})", many) is False
    assert quickly(f"({halves[0]}) || ({halves[1]}) || {parts[16]}", many) is UNSURE
    assert by_cel(f"({halves[0]}) || ({halves[1]}) || {parts[16]}", many) is False


def test_a_tree_that_can_not_be_read_is_none() -> None:
    """Bytes that are no tree are no error: CEL is asked."""
    assert tree_of(b"\xff\xff") is None
    assert shortcut(None, 0, frozenset()) is None


# ---------------------------------------------------------------------- random conditions

LITERALS: Final = (
    *('"a"', '"b"', '"é"', '""', '"\\uffff"'),
    *("0", "1", "-1", "9007199254740991", "9223372036854775807", "0.5", "1.0", "-0.0", "1e308"),
    *("true", "false", 'timestamp("2026-03-01T12:00:00Z")', 'duration("1h")', 'duration("0s")'),
)
VALUES: Final[tuple[Value, ...]] = (
    *("a", "b", "é", "", "\uffff", "😀", "ab"),
    *(0, 1, -1, 2, 2**53 - 1, 2**63 - 1, -(2**63)),
    *(0.0, 0.5, 1.0, 1e308, 2.0**53, True, False),
    *(NOON, NOON + timedelta(hours=1), NOON - timedelta(microseconds=1)),
    *([], ["a"], ["a", "b"], [1, 2], [1, "a"], [True], [1.0], [{"m": 1}, {"m": "a"}]),
    *({}, {"m": 1}, {"m": "a", "n": True}, {"m": {"n": 2}}),
)
MEMBERS: Final = ("m", "n", "o")
HOLDERS: Final = st.dictionaries(st.sampled_from(MEMBERS), st.sampled_from(VALUES), min_size=2)
VIEWS: Final = st.dictionaries(
    st.sampled_from(ROOTS[:4]), HOLDERS, min_size=3
) | st.fixed_dictionaries(
    {
        **dict.fromkeys(ROOTS[:4], HOLDERS),
        "evidence": st.lists(HOLDERS | st.sampled_from(VALUES), max_size=4),
    }
)


def _joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: template.format(*found))


def _selected(holders: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = _joined("{}.{}", holders, st.sampled_from(MEMBERS))
    return one | _joined("{}.{}", one, st.sampled_from(MEMBERS))


def _terms(depth: int, roots: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Conditions, and what stands in them, up to a depth."""
    read = _selected(st.sampled_from(roots))
    base = read | read | st.sampled_from(LITERALS)
    if depth == 0:
        return base
    some = _terms(depth - 1, roots)
    compared = st.sampled_from(("==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "&&", "||"))
    shapes = [
        base,
        st.tuples(some, compared, some).map(lambda found: f"({' '.join(found)})"),
        _joined("!{}", some),
        _joined("has({})", read),
        _joined("({} ? {} : {})", some, some, some),
        _joined("({} in [{}, {}])", some, st.sampled_from(LITERALS), st.sampled_from(LITERALS)),
        _joined("({} in {})", some, some),
        _joined('{{"a": {}, "b": {}}}[{}]', some, some, some),
        _joined("[{}, {}]", some, some),
        _joined("{}({})", st.sampled_from(("size", "double", "timestamp")), some),
        _joined("{}.{}({})", read, st.sampled_from(("startsWith", "contains", "endsWith")), some),
    ]
    if "e" not in roots:
        inner = _terms(depth - 1, (*roots, "e", "e"))
        macro = st.sampled_from(("exists", "all"))
        shapes.append(_joined("{}.{}(e, {})", read | st.just("evidence"), macro, inner))
    return st.one_of(shapes)


@settings(max_examples=5 * settings().max_examples)
@given(text=_terms(2, ROOTS[:4]), views=VIEWS)
def test_a_shortcut_answers_as_cel(text: str, views: Views) -> None:
    """Whatever a shortcut answers, CEL answers too, in the same type."""
    try:
        found = quickly(text, views)
    except ConditionError:
        return  # literals of types that do not fit: CEL refuses the text
    assert found is UNSURE or same(found, by_cel(text, views))
