"""Conditions over values that nobody may see: undecidable where they read one, and never wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.coercion import Unseen, is_map, plain
from contracts.evaluation import VARIABLES, CelEvaluator, Undecidable, condition, shared_evaluator
from contracts.operations import UNSURE, settled
from contracts.shortcuts import OnlyViews
from contracts.unseen import bare, cut, touches, unseen_in

REASON = "params.email is sealed, and was erased"
HIDDEN = Unseen("ab" * 32, REASON)

# Every way to touch a member, its holder, its list, and its neighbours.
CONDITIONS = (
    'params.email == "x"',
    'params.email != "x"',
    "has(params.email)",
    'has(params.email) && params.email == "x"',
    'has(params.email) && params.email != "x"',
    '!has(params.email) || params.email == "x"',
    'params["email"] == "x"',
    '"email" in params',
    "size(params) > 2",
    'params == {"email": "x"}',
    "params.amount > 5",
    'params.amount > 5 || params.email == "x"',
    'params.amount > 50 && params.email == "x"',
    'params.exists(key, key == "email")',
    "params.all(key, size(key) > 1)",
    'params.lines.exists(line, line.iban == "x")',
    'params.lines.all(line, has(line.iban) && line.iban != "x")',
    "params.lines.all(line, has(line.iban))",
    "params.lines.exists(line, line.amount == 1)",
    "params.lines[0].amount == 1",
    'params.lines[0].iban == "x"',
    "size(params.lines) == 2",
    'params.tags.exists(tag, tag == "a")',
    'params.tags.all(tag, tag == "a")',
    '"a" in params.tags',
    'params.tags[0] == "a"',
    "size(params.tags) == 2",
    "has(params.email.domain)",
    'params.email.domain == "x"',
    'has(params.customer) && params.customer.name == "x"',
    "has(params.customer.name)",
    "size(params.customer) == 1",
    '[params.email, "y"].exists(one, one == "x")',
    '(params.amount > 5 ? "x" : params.email) == "x"',
    '{"a": params.email}["a"] == "x"',
    "type(params.email) == string",
    'params.lines.exists(params, params.iban == "x")',
    'params.lines.map(line, line.iban).exists(one, one == "x")',
    'dyn(params).email == "x"',
)


def params(**hidden: object) -> dict[str, Any]:
    """Return parameters with these values in the places that can be hidden."""
    return {
        "amount": 7,
        "email": hidden["email"],
        "lines": [{"amount": 1, "iban": hidden["iban"]}, {"amount": 2, "iban": "y"}],
        "tags": ["a", hidden["tag"]],
        "customer": hidden["customer"],
    }


PLACES = ("email", "iban", "tag", "customer")
SHOWN = {"email": "x", "iban": "x", "tag": "a", "customer": {"name": "x"}}
answers = st.sampled_from(
    ["x", "y", "a", "", 1, True, {"name": "x"}, {"name": "y", "domain": "x"}, {"domain": "z"}, []]
)


def asked(text: str, value: dict[str, Any]) -> Any:  # noqa: ANN401 - what a condition answers
    """Ask a condition of parameters some of which nobody may see."""
    made = condition(shared_evaluator(), text, 0)
    found = cut(value, "params", made.touches)
    values = {} if found.value is None else {"params": found.value}
    return made.program.run(shared_evaluator().bind(values))


@given(st.sampled_from(CONDITIONS), st.sets(st.sampled_from(PLACES), min_size=1), st.data())
def test_what_is_decided_does_not_hang_on_what_is_hidden(
    text: str, hidden: set[str], data: st.DataObject
) -> None:
    """Where a condition has a value, it has that value whatever stands in the hidden places."""
    found = asked(text, params(**{**SHOWN, **dict.fromkeys(hidden, HIDDEN)}))
    if isinstance(found, Undecidable):
        return
    real = params(**{**SHOWN, **{name: data.draw(answers) for name in hidden}})
    answer = asked(text, real)
    assert isinstance(answer, Undecidable) or answer is found


@given(st.sampled_from(CONDITIONS), st.sets(st.sampled_from(PLACES), min_size=1), st.data())
def test_a_shortcut_decides_no_more_than_that(
    text: str, hidden: set[str], data: st.DataObject
) -> None:
    """What is answered without CEL holds whatever stands in the hidden places, too."""
    made = condition(shared_evaluator(), text, 0)
    value = params(**{**SHOWN, **dict.fromkeys(hidden, HIDDEN)})
    if made.shortcut is None:
        return
    found = settled(made.shortcut(OnlyViews({"params": plain(value)}), None))
    if found is UNSURE:
        return
    real = params(**{**SHOWN, **{name: data.draw(answers) for name in hidden}})
    answer = asked(text, real)
    assert isinstance(answer, Undecidable) or answer is found


@pytest.mark.parametrize(
    ("text", "hidden", "value"),
    [
        ("params.amount > 5", "email", True),
        ('params.amount > 5 || params.email == "x"', "email", True),
        ('params.amount > 50 && params.email == "x"', "email", False),
        ("has(params.email)", "email", True),
        ("params.lines.exists(line, line.amount == 1)", "iban", True),
        ("params.lines.all(line, has(line.iban))", "iban", True),
        ('params.lines[1].iban == "y"', "iban", True),
        ("has(params.customer)", "customer", True),
        ('params.tags.exists(tag, tag == "a")', "email", True),
    ],
)
def test_what_is_not_read_may_be_hidden(text: str, hidden: str, value: object) -> None:
    """A rule that does not hang on the hidden value is decided as ever."""
    assert asked(text, params(**{**SHOWN, hidden: HIDDEN})) is value


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('params.email == "x"', "email"),
        ('params.email != "x"', "email"),
        ('has(params.email) && params.email == "x"', "email"),
        ('"email" in params', "email"),
        ("size(params) > 2", "email"),
        ('params.lines.exists(line, line.iban == "x")', "iban"),
        ('params.tags.all(tag, tag == "a")', "tag"),
        ("has(params.email.domain)", "email"),
        ("type(params.email) == string", "email"),
    ],
)
def test_what_reads_a_hidden_value_is_undecidable(text: str, hidden: str) -> None:
    """Neither equal nor unequal, neither there in part nor counted: nobody can tell."""
    assert isinstance(asked(text, params(**{**SHOWN, hidden: HIDDEN})), Undecidable)


def test_a_condition_without_a_tree_touches_everything() -> None:
    """What cannot be analysed is given nothing that holds a hidden value."""
    assert {one.path for one in touches(None, frozenset(VARIABLES))} == {(v,) for v in VARIABLES}
    found = cut({"email": HIDDEN}, "params", touches(None, frozenset({"params"})))
    assert found.value is None
    assert found.reasons == {"params": REASON}


def test_a_hidden_value_is_no_map_and_looks_like_its_commitment() -> None:
    """Whoever prints it sees the commitment; whoever reads it sees nothing."""
    assert not is_map(HIDDEN)
    assert plain({"a": HIDDEN}) == {"a": {"sealed": "ab" * 32}}
    assert isinstance(plain({"a": HIDDEN})["a"], Unseen)
    assert type(bare([{"a": HIDDEN}])[0]["a"]) is dict
    assert list(unseen_in({"a": [1, HIDDEN]})) == [(("a", "1"), HIDDEN)]


def test_conditions_are_those_of_the_language() -> None:
    """Every condition of this file is one that CEL takes."""
    evaluator = CelEvaluator()
    assert all(evaluator.compile(text).tree() is not None for text in CONDITIONS)
