"""Histories by hand that columns could get wrong, in the words of the vectors."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.reference.random_cases import Line

T: Final = True
RUN: Final[Line] = {"opened": "r", "t": 0}
OTHER: Final = "spiffe://acme.example/ai/other"


def act(name: str, time: float, **said: Any) -> Line:  # noqa: ANN401 - as JSON
    """An action."""
    return {"action": name, "in": "r", "t": time, **said}


def end(name: str, action: str, time: float, micros: int | None = None) -> Line:
    """An outcome."""
    cost = {} if micros is None else {"cost": {"currency": "EUR", "micros": micros}}
    return {"outcome": name, "of": action, "in": "r", "t": time, **cost}


OF_MANY_SHAPES: Final[Sequence[Any]] = (
    *(1, "1", 1.0, [1], ["1"], {"a": 1}, {"a": "1"}, {"A": [1, "1", dict[str, Any]()]}),
    *(list[Any](), dict[str, Any](), True, [dict[str, Any]()], [[1]], 1, {"a": 1, "b": 2}),
    {"a": 1.0},
)


def acts(values: Sequence[Any], name: str = "n", step: float = 1, **said: Any) -> list[Line]:  # noqa: ANN401
    """Actions whose parameter has these values."""
    return [
        act(f"a{number}", number * step, params={name: value}, **said)
        for number, value in enumerate(values)
    ]


def seen(number: int, time: float, value: int) -> Line:
    """An observation in no run."""
    fields = {"n": value}
    return {"observation": f"o{number}", "in": None, "t": time, "imported": False, "fields": fields}


def fact(source: str, **said: Any) -> Line:  # noqa: ANN401 - as JSON
    """A fact."""
    return {**said, "from": source}


COST: Final = "outcome.cost.micros"
EDGE: Final = (
    "params.n == 1 ? 9223372036854775807 : (params.n == 2 ? -9223372036854775807 - 1 : params.n)"
)
WINDOWED: Final = {"within": "2s"}
REFERENCE: Final = {"within": "2s", "reference": T}
MIXED: Final = [
    act(
        f"a{number}",
        number // 3,
        params={"n": number % 5 or "x", "k": "abc"[number % 3]},
        by=("p", "q")[number % 2],
    )
    for number in range(40)
]
WIDE: Final[Line] = {
    "f0": fact("action", count=T, over="ledger", within="2s"),
    "f1": fact("action", sum="params.n", over="identity", within="3s", unknown="skip"),
    "f2": fact("action", list="params.n", over="ledger", within="2s", by="params.k"),
    "f3": fact("action", max="params.n", over="service", within="1s"),
    "f4": fact("outcome", sum=COST, over="ledger", within="1s", reserve="params.n"),
}
ENDS: Final = [
    *(end("o1", "a3", 14, 4), end("o2", "a39", 15, 5), act("y", 15, params={"n": 1, "k": "a"})),
    *(end("o3", "a39", 15, 5), act("z", 16, params={"n": 2, "k": "a"})),
]
MIXING: Final[list[Line]] = [
    {"opened": "q", "import": "claimed", "at": 3, "t": 20},
    {"action": "m", "in": "q", "t": 20, "at": 1},
]
COUNTED: Final[Line] = {
    "f0": fact("action", count=T, over="ledger"),
    "f1": fact("action", sum="params.n", over="ledger", unknown="skip"),
    "f2": fact("action", sum="params.n", over="identity", by="params.k"),
    "f3": fact("action", seen=T, over="ledger", by="params.n"),
    "f4": fact("action", sum="params.n", over="ledger", where="params.n > 1"),
}
FEW: Final = [{"id": "x", "unless": "facts.f0 + facts.f1 < 20 && facts.f2 < 10"}]
DEEP: Final[dict[str, Any]] = {"a": 1}
for _ in range(29):
    DEEP["a"] = [dict(DEEP)]

Attack = tuple[Line, list[Line]]
ATTACKS: Final[Mapping[str, Attack]] = {
    "outcomes end reservations between the values of a minimum": (
        {"facts": {"f0": fact("outcome", min=COST, default=0, **WINDOWED),
                   "f1": fact("outcome", sum=COST, reserve="1", **WINDOWED)}},
        [RUN, act("a", 1), act("b", 1), end("o1", "a", 1, 1), end("o2", "b", 1, 7), act("c", 6)],
    ),
    "an action without a time is reserved": (
        {"facts": {"f0": fact("action", count=T, within="5s"),
                   "f1": fact("outcome", sum=COST, reserve="1", within="5s")}},
        [{**RUN, "import": "claimed", "at": 0}, act("a", 1), act("b", 2, at=3)],
    ),
    "reference data, asked for by two clocks": (
        {"facts": {"f0": fact("observation", min="observation.fields.n", **REFERENCE),
                   "f1": fact("observation", list="observation.fields.n", **REFERENCE),
                   "f2": fact("observation", last="observation.fields.n", **REFERENCE)}},
        [RUN, {"opened": "q", "import": "claimed", "at": -200, "t": 0}, seen(1, 1, 1),
         seen(2, 5, 5), {"action": "x", "in": "q", "t": 5, "at": -100},
         {"action": "y", "in": "q", "t": 5, "at": 500}, act("c", 6), seen(3, 6, 9),
         {"action": "z", "in": "q", "t": 6.5, "at": 900}, act("d", 6.9), act("e", 7),
         act("f", 7.1), act("g", 9)],
    ),
    "what must follow reads a fact": (
        {"facts": {"f0": fact("message", count=T)},
         "rules": [{"id": "d", "for": "*", "expect": {"from": "outcome", "where": "facts.f0 > 1",
                                                      "until": "run.closed"}}]},
        [RUN, act("a", 1), {"message": "m1", "in": "r", "t": 1},
         {"message": "m2", "in": "r", "t": 2}, end("o", "a", 3), {"closed": "r", "t": 4}],
    ),
    "what must follow has a fact for its key": (
        {"facts": {"f0": fact("message", count=T)},
         "rules": [{"id": "d", "for": "look", "expect": {"from": "outcome", "by": COST,
                                                         "at": "facts.f0", "until": "run.closed"}},
                   {"id": "e", "for": "look", "expect": {"from": "outcome", "by": "facts.f0",
                                                         "at": "1", "until": "run.closed"}}]},
        [RUN, {"message": "m1", "in": "r", "t": 1}, act("a", 1, tool="look"),
         end("o", "a", 3, 1), {"message": "m2", "in": "r", "t": 3}, {"closed": "r", "t": 4}],
    ),
    "a claimed time far ahead forgets nothing": (
        {"facts": {"f0": fact("action", count=T, over="identity", within="5s")}},
        [RUN, {"opened": "q", "import": "claimed", "at": 0, "t": 0}, act("a", 1),
         {"action": "i", "in": "q", "t": 1, "at": 1000, "by": "other"}, act("b", 2), act("c", 3)],
    ),
    "a list of a fact may use up the budget": (
        {"facts": {"f0": fact("action", list="params.n")},
         "rules": [{"id": "b", "unless": "facts.f0.all(x, facts.f0.all(y, x + y >= 0))"}]},
        [RUN, *acts(range(110), step=0)],
    ),
    "a list of the limits may use up the budget": (
        {"limits": {"many": list(range(150))},
         "rules": [{"id": "b", "unless": "limits.many.all(x, limits.many.all(y, x + y >= 0))"}]},
        [RUN, act("a", 1), act("b", 1)],
    ),
    "types differ before a key is an error": (
        {"facts": {"f0": fact("action", min="params.n", by="params.k", within="50s")}},
        [RUN, act("a", 1, params={"n": 1, "k": "x"}), act("b", 1, params={"n": 1.5, "k": "x"}),
         act("c", 1, params={"n": 1}), act("d", 1, params={"n": 1, "k": "x"})],
    ),
    "a count of reservations beyond 64 bits": (
        {"facts": {"f0": fact("outcome", count=T, reserve="9223372036854775807")}},
        [RUN, act("a", 1), act("b", 1), act("c", 2), act("d", 3)],
    ),
    "sums at the edge of 64 bits": (
        {"facts": {"f0": fact("action", sum=EDGE), "f1": fact("action", sum=EDGE, **WINDOWED)}},
        [RUN, *acts((1, 3, 2, 2, 1, 1, 3, 2, 3, 0, -3, 2))],
    ),
    "reservations at the edge of 64 bits": (
        {"facts": {"f0": fact("outcome", sum=COST, reserve=EDGE)}},
        [RUN, *acts((1, 1, 2, 2, 1, 2, 2)), end("o", "a0", 9, 1), end("p", "a3", 9, 1),
         act("z", 10)],
    ),
    "a map with keys of its own": (
        {"facts": {"f0": fact("action", last="{1: params.n}"),
                   "f1": fact("action", list="{true: params.n}")}},
        [RUN, *acts((1, 2, 3))],
    ),
    "names that differ in case only": (
        {"facts": {"A": fact("action", count=T), "a": fact("action", sum="params.X"),
                   "aA": fact("action", last="params.x")},
         "rules": [{"id": "c", "unless": "facts.A == facts.a || facts.aA == params.X || "
                                         "params.Idx == params.idx"}]},
        [RUN, act("a", 1, params={"X": 1, "x": 2, "idx": 1, "Idx": 1}),
         act("b", 1, params={"X": 1, "x": 1, "v1": 3, "t": 2}),
         act("c", 1, params={"X": 3, "x": 2, "idx": 1, "Idx": 2})],
    ),
    "names of tables, of columns and with quotes": (
        {"tools": {"notes": {"mode": "read"}, "it's": {"mode": "read"}},
         "facts": {"f0": fact("action of notes", count=T), "f1": fact("action of it's", count=T),
                   "f2": fact("action", last="params['it\\'s \"x\"']"),
                   "f3": fact("action", last="params.t + params.v1 + params.idx + params.time")},
         "rules": [{"id": "q", "for": ["it's", "notes"], "when": "facts.f1 > 0"}]},
        [RUN, act("a", 1, tool="notes", params={'it\'s "x"': 1, "t": 1, "v1": 2, "idx": 3,
                                                "time": 4}),
         act("b", 1, tool="it's", params={"t": "1", "v1": "2", "idx": "3", "time": "4", "": 2}),
         act("c", 1)],
    ),
    "a map as a whole": (
        {"facts": {"f0": fact("observation", last="observation.fields"),
                   "f1": fact("action", list="params")},
         "rules": [{"id": "a", "unless": "size(facts.f0) > 3"},
                   {"id": "b", "unless": "facts.f0.a == 1 && facts.f0.zz == 2"},
                   {"id": "c", "unless": "facts.f1.exists(p, size(p) == 2)"},
                   {"id": "d", "unless": "'q' in facts.f0"}]},
        [RUN, act("z", 0),
         {"observation": "o1", "in": "r", "t": 1, "fields": {"a": 1, "b": 2, "q": 3, "r": 4}},
         act("a", 1, params={"x": 1, "y": 2}),
         {"observation": "o2", "in": "r", "t": 1, "fields": {"zz": 1, "a": 2}},
         act("b", 1, params={"x": 1}), {"observation": "o3", "in": "r", "t": 1}, act("c", 1)],
    ),
    "lists of 256 and 257": (
        {"facts": {"f0": fact("action", last="params.n"),
                   "f1": fact("action", count=T, by="params.n"),
                   "f3": fact("action", list="params.n")}},
        [RUN, *acts((["repeat", 256, "x"], ["repeat", 257, "x"], [], [[]],
                     [["repeat", 257, 1]], ["x"]), step=0),
         act("z", 1, params={"n": [f"k{number}" for number in range(256)]}),
         act("zz", 1, params={"n": [f"k{number}" for number in range(257)]}), act("zzz", 1)],
    ),
    "more than 256 values": (
        {"facts": {"f2": fact("action", list="params.n"),
                   "f3": fact("action", list="params.n", within="1s")}},
        [RUN, *acts(range(262), step=0.004), act("z", 1.8, params={"n": 2})],
    ),
    "doubles that are no numbers": (
        {"facts": {"f0": fact("action", min="params.n / 0.0"),
                   "f1": fact("action", max="params.n / 0.0"),
                   "f2": fact("action", last="params.n / 0.0"),
                   "f4": fact("action", max="-params.n"),
                   "f5": fact("action", min="params.n / 0.0", unknown="skip", within="3s"),
                   "f6": fact("action", min="-params.n", unknown="skip", within="3s")},
         "rules": [{"id": "i", "unless": "facts.f5 < 0.0"},
                   {"id": "j", "unless": "1.0 / facts.f6 > 0.0"}]},
        [RUN, *acts((0.5, 1.5, -1.5, 0.0, -0.5, 0.0, 1.5))],
    ),
    "times exactly at the edge of a window": (
        {"facts": {"f0": fact("action", count=T, **WINDOWED),
                   "f1": fact("action", list="params.n", **WINDOWED),
                   "f2": fact("action", min="params.n", **WINDOWED),
                   "f3": fact("action", last="params.n", **WINDOWED),
                   "f4": fact("action", sum="params.n", over="ledger", **WINDOWED)}},
        [RUN, *(act(f"a{number}", time, params={"n": 9 - number}) for number, time in enumerate(
            (0, 0, 2, 2, 2.000001, 3.999999, 4, 4, 4.000001, 6, 6, 6.000001)))],
    ),
    "keys of every kind": (
        {"facts": {"f0": fact("action", count=T, by="params.n"),
                   "f1": fact("action", last="params.n", by="params.n", default="none"),
                   "f3": fact("action", count=T, by="[params.n]", at='["1", "true"]')}},
        [RUN, *acts(("1", 1, T, "true", "b:true", "i:1", "s:", "", 0, False, "false", "1", 1, T))],
    ),
    "equal numbers of two types": (
        {"facts": {"f0": fact("action", min="params.n", unknown="skip"),
                   "f1": fact("action", max="params.n", unknown="skip", **WINDOWED),
                   "f2": fact("action", last="params.n"), "f3": fact("action", list="params.n")}},
        [RUN, *acts((1, 1, 1.0, 1.0, 2, 2.5, 2.0, 2, 1, 1, 1, "1", 1, 1, 1, "a", "b"),
                    tool="look")],
    ),
    "values whose shape changes": (
        {"facts": {"f0": fact("action", last="params.n"), "f1": fact("action", list="params.n")},
         "rules": [{"id": "x", "unless": "facts.f0 == params.n"},
                   {"id": "y", "unless": "facts.f1.exists(v, v == params.n)"}]},
        [RUN, *acts(OF_MANY_SHAPES, step=0)],
    ),
    "limits by a fact": (
        {"limits": {"by": "facts.f0", "default": {"most": 1, "L": [1, 2]}, "x": {"most": 3},
                    "y": {"most": "s"}},
         "facts": {"f0": fact("action", last="params.k", default="x"),
                   "f1": fact("action", count=T, where="params.n > limits.most"),
                   "f2": fact("action", sum="limits.most")},
         "rules": [{"id": "x", "unless": "facts.f1 <= limits.most && facts.f1 in limits.L"},
                   {"id": "d", "for": "*", "expect": {
                       "from": "outcome", "where": f"{COST} > limits.most",
                       "until": "run.closed"}}]},
        [RUN, *(act(f"a{number}", number, params={
            "n": number % 4, "k": "xyz"[number % 3] if number != 7 else 1})
            for number in range(12)),
         *(end(f"o{number}", f"a{number}", 12, number) for number in range(10)),
         {"closed": "r", "t": 13}],
    ),
    "outcomes twice, late, and after the close": (
        {"facts": {"f0": fact("outcome", sum=COST, reserve="params.n"),
                   "f1": fact("outcome", count=T, reserve="1", by="params.k"),
                   "f2": fact("outcome of pay", count=T, reserve="1", over="ledger",
                              by="params.tags")},
         "rules": [{"id": "q", "for": "outcome",
                    "unless": "facts.f0 < 5 && facts.f1 < 2 && size(facts.f2) == 1"}]},
        [RUN, act("a", 1, params={"n": 3, "k": "x", "tags": ["x", "y"]}),
         act("b", 1, params={"n": "x", "k": 1, "tags": ["y", "y"]}),
         act("c", 1, params={"n": 1}), end("o1", "a", 2, 5), end("o2", "a", 2, 6),
         {"closed": "r", "t": 3}, end("o3", "b", 4, 2), end("o4", "c", 4, 2),
         act("d", 5, params={"n": 1, "k": "x", "tags": ["y"]}), end("o5", "a", 6),
         end("o6", "d", 7, 1)],
    ),
    "what is forgotten was out of its window": ({"facts": WIDE}, [RUN, *MIXED, *ENDS]),
    "counts and sums put together": (
        {"facts": COUNTED, "rules": FEW}, [RUN, *MIXED, *ENDS]),
    "a run that is closed": (
        {"rules": [{"id": "d", "for": "*", "expect": {"from": "outcome", "until": "run.closed"}}]},
        [RUN, *({"message": f"m{number}", "in": "r", "t": 0} for number in range(3)),
         act("a", 1), {"closed": "r", "t": 1}, end("o", "a", 1), act("b", 1), end("p", "b", 1)],
    ),
    "no record that asks": (
        {"facts": {"f0": fact("message", count=T),
                   "f1": fact("message", sum="message.turn", over="ledger", within="3s")}},
        [RUN, *({"message": f"m{number}", "in": "r", "t": number, "turn": number}
                for number in range(7)), act("a", 7), act("b", 8)],
    ),
    "every record is an error": (
        {"facts": {"f0": fact("action", sum="params.n", where="params.ok", by="params.k",
                              over="ledger"),
                   "f1": fact("action", last="params.n", by="facts.f0"),
                   "f2": fact("outcome", count=T, reserve="params.n", by="params.k")}},
        [RUN, *(act(f"a{number}", number) for number in range(7)), end("o", "a1", 8)],
    ),
    "parameters nested deep": (
        {"facts": {"f0": fact("action", last="params.a"), "f2": fact("action", list="params"),
                   "f1": fact("action", count=T, by="params.a.a.a")},
         "rules": [{"id": "x", "unless": "params.a.a.a.a == 1"}]},
        [RUN, act("a", 1, params=DEEP), act("b", 1, params={"a": 1}),
         act("c", 1, params={"a": {"a": {"a": {"a": 1}}}})],
    ),
    "switches with selectors": (
        {"facts": {"f0": fact("switch", last="switch.state", over="service",
                              by="switch.selector", at="action.selected", default="x")},
         "rules": [{"id": "k", "when": "facts.f0.exists(s, s == 'engaged')"}]},
        [RUN, act("z", 0, params={"n": 1}), {"switch": "s1", "t": 1, "selector": "params.n > 1"},
         act("a", 1, params={"n": 1}), act("b", 2, params={"n": 2}),
         {"switch": "s2", "t": 2, "selector": "params.q == 1"}, {"switch": "s3", "t": 2},
         {"switch": "s4", "t": 2, "selector": "bad cond", "state": "released"},
         act("c", 2, params={"n": 2}),
         {"switch": "s5", "t": 3, "selector": "params.n > 1", "state": "released"},
         act("d", 4, params={"n": 2}),
         {"switch": "s6", "t": 4, "service": OTHER, "selector": "true"}, act("e", 5)],
    ),
}  # fmt: skip
TO_COUNTERS: Final[Mapping[str, Attack]] = {
    "windows": ({"facts": WIDE}, [RUN, *MIXED, *MIXING, *(one | {"t": 20} for one in ENDS)]),
    "counts and sums": (
        {"facts": COUNTED, "rules": FEW},
        [RUN, *MIXED, *MIXING, *(one | {"t": 20} for one in ENDS)],
    ),
}
"""Histories whose clocks mix at last: what columns knew is handed over to the counters."""
