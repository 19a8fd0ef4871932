"""Random cases for columns: groups of facts, keys of every kind, duties that read facts.

They are made like those of `random_cases`, and have more of what only columns could get wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from hypothesis import strategies as st

from tests.reference.random_cases import (
    LIMITS,
    TOOLS,
    WITH_TOOLS,
    Choices,
    History,
    Line,
    fact,
    rule,
)
from tests.reference.views import Value

KEYS: Final[Mapping[str, Sequence[str]]] = {
    "action": ("params.k", "params.tags", "params.n", "params.ok", "[params.k, params.n]"),
    "outcome": ("params.k", "action.digest", "outcome.fields.n", "params.tags", "params.ok"),
    "observation": ("observation.fields.refs", "observation.fields.n", "observation.ref"),
    "approval": ("params.k", "approval.verdict", "params.tags"),
    "message": ("message.turn", "message.content"),
    "run.opened": ("run.attributes.n", "run.attributes.region"),
    "run.closed": ("run.value.micros", "run.outcome"),
    "switch": ("switch.state", "switch.selector"),
}
ASKED: Final = (
    *("params.k", "params.tags", "params.n", "params.ok", '"true"', "true", "1", '["1", "x"]'),
    *("[params.k, params.n]", "facts.f0", "run.attributes.n", "action.digest", "[]"),
)
KINDS: Final = (1, True, "true", "1", 1.0, "x", 0, False, "", None)
NUMBERS: Final = (1, 1.0, 2, 2.5, 2.0, "2", True, -1, 9_007_199_254_740_991, None)
SHARED: Final = ("over", "by", "at", "within", "reference")


def wide_fact(choices: Choices, number: int, earlier: Sequence[Line]) -> Line:
    """A fact, often of the same scope, key and window as an earlier one."""
    text = fact(choices, number, choices.of(("plain", "windows", "reservations", "keys")))
    source = str(text["from"]).partition(" of ")[0]
    if choices.chance(2):
        text |= {"by": choices.of(KEYS[source]), "at": choices.of(ASKED)}
    if source == "outcome" and {"count", "sum"} & text.keys():
        text |= {"reserve": choices.of(("params.n", "1"))} if choices.chance(2) else {}
    if {"last", "min", "max"} & text.keys():
        text |= {"default": choices.of((0, "x", 1.5, True))} if choices.chance(2) else {}
    text |= {"within": choices.of(("1ms", "1s", "2s", "9d"))} if choices.chance(3) else {}
    if earlier and choices.chance(2):
        shared = choices.of(earlier)
        text = {name: value for name, value in text.items() if name not in SHARED}
        text |= {name: shared[name] for name in SHARED if name in shared}
    if source in WITH_TOOLS and choices.chance(4):
        text["from"] = f"{source} of pay, odd"
    return text


def wide_rule(choices: Choices, number: int, facts: int) -> Line:
    """A rule, as often as not one with `expect`, which may read facts."""
    text = rule(choices, number, facts, choices.of(("plain", "obligations")))
    if "expect" in text:
        expect: Line = dict(text["expect"])
        expect |= {"where": f"facts.f{choices.of(range(facts))} >= 1"} if choices.chance(4) else {}
        expect |= {"by": "params.n", "at": "facts.f0"} if choices.chance(6) else {}
        text["expect"] = expect
    return text


class WideHistory(History):
    """A history whose parameters are of every kind."""

    def _action(self, choices: Choices, name: str, run: str) -> Line:
        text = super()._action(choices, name, run)
        given: Value = dict(text["params"])
        if self.wild and "raw" not in given and not choices.chance(3):
            given |= {"k": choices.of(KINDS), "n": choices.of(NUMBERS)}
            given |= {"tags": [choices.of(KINDS) for _ in range(choices.of((2, 0, 1, 3)))]}
            given |= {"ok": choices.of((True, False, "true"))}
        return text | {"params": given}


def wide_case(facts: list[bytes], rules: list[bytes], records: list[bytes]) -> Line:
    """A contract and a history from bytes."""
    texts: list[Line] = []
    for number, raw in enumerate(facts):
        texts.append(wide_fact(Choices(raw), number, texts))
    some = [wide_rule(Choices(raw), number, len(facts)) for number, raw in enumerate(rules)]
    focus = Choices(records[0][::-1]).of(("plain", "plain", "plain", "reservations"))
    history = WideHistory(focus, wild=records[-1][-1] % 3 > 0)
    for raw in records:
        history.add(raw)
    limits = Choices(records[0]).of(LIMITS)
    named = {f"f{number}": text for number, text in enumerate(texts)}
    contract = {"tools": TOOLS, "limits": limits, "facts": named, "rules": some}
    return {"contract": contract, "history": history.lines}


def wide_cases(longest: int = 24) -> st.SearchStrategy[Line]:
    """Random cases of the kind that only columns could get wrong."""
    word = st.binary(min_size=20, max_size=20)
    return st.builds(
        wide_case,
        st.lists(word, min_size=1, max_size=4),
        st.lists(word, min_size=0, max_size=2),
        st.lists(word, min_size=6, max_size=longest),
    )
