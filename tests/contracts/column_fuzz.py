"""Random conditions, typed for the most part, and views that are made to trip an engine."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from contracts.coercion import Value

VARIABLES: Final = ("v", "d", "params", "ghost")
ROWS: Final = 200

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BIG = 2**63 - 1
_INTS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    -7,
    255,
    256,
    257,
    10**6,
    2**53,
    -(2**53) - 1,
    _BIG,
    _BIG - 1,
    -_BIG - 1,
)
_DOUBLES = (0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e308, -1e308, 5e-324, 9.223372036854775e18, 2.0**53)
_TEXTS = (
    "",
    "a",
    "b",
    "ab",
    "aXbX",
    "é",
    "e\u0301",
    "😀",
    "😀b",
    "\uffff",
    "a\nb",
    "A",
    "'",
    '"',
    "1",
)
_TIMES = (
    *(_EPOCH, _EPOCH - timedelta(microseconds=1), _EPOCH + timedelta(microseconds=1)),
    *(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    *(datetime(2024, 2, 29, 12, 30, tzinfo=UTC), datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC)),
)
_SIZES = (0, 0, 1, 1, 2, 2, 3, 3, 5)


def adversarial_rows(seed: int, count: int = ROWS) -> list[dict[str, Value]]:
    """Views with every kind of hole, edge and surprise, the same for the same seed."""
    random = Random(seed)
    rows = [_row(random) for _ in range(count)]
    for size in (0, 1, 256, 257):
        at = random.randrange(count)
        rows[at].setdefault("v", {})["li"] = [random.choice(_INTS) for _ in range(size)]
    return rows


def _row(random: Random) -> dict[str, Value]:
    row: dict[str, Value] = {}
    if random.random() < 0.97:
        row["v"] = _some(random, _FIXED)
    if random.random() < 0.95:
        row["d"] = _some(random, dict.fromkeys(("x", "y", "l", "m", "C", "c"), _any))
    if random.random() < 0.9:
        row["params"] = _some(random, {"n": _int, "s": _text, "l": _any_list, "m": _small_map})
    return row


def _some(random: Random, members: dict[str, Callable[[Random], Value]]) -> dict[str, Value]:
    missing = random.choice((0.0, 0.1, 0.5))
    return {name: make(random) for name, make in members.items() if random.random() >= missing}


def _int(random: Random) -> int:
    return random.choice(_INTS) if random.random() < 0.5 else random.randint(-5, 5)


def _bool(random: Random) -> bool:
    return random.random() < 0.5


def _double(random: Random) -> float:
    return random.choice(_DOUBLES) if random.random() < 0.7 else random.uniform(-5, 5)


def _text(random: Random) -> str:
    return random.choice(_TEXTS)


def _time(random: Random) -> datetime:
    if random.random() < 0.6:
        return random.choice(_TIMES)
    return _EPOCH + timedelta(microseconds=random.randint(-(10**15), 10**16))


def _list_of(make: Callable[[Random], Value]) -> Callable[[Random], Value]:
    return lambda random: [make(random) for _ in range(random.choice(_SIZES))]


def _any_list(random: Random) -> Value:
    return [_any_scalar(random) for _ in range(random.choice(_SIZES))]


def _small_map(random: Random) -> Value:
    return _some(random, {"x": _int, "y": _text, "z": lambda one: _some(one, {"w": _any_scalar})})


def _item(random: Random) -> Value:
    return _some(random, {"k": _text, "n": _int, "q": _any_scalar, "li": _list_of(_int)})


def _any_scalar(random: Random) -> Value:
    makers: tuple[Callable[[Random], Value], ...] = (_int, _int, _double, _text, _time, _bool)
    made = random.choice(makers)
    return made(random) if random.random() < 0.9 else None


def _any(random: Random) -> Value:
    value = random.choice((_any_scalar, _any_scalar, _any_list, _small_map))(random)
    return "" if value is None else value  # a view drops the members that are null


_FIXED: dict[str, Callable[[Random], Value]] = {
    "b": _bool,
    "i": _int,
    "j": _int,
    "f": _double,
    "g": _double,
    "s": _text,
    "r": _text,
    "t": _time,
    "u": _time,
    "li": _list_of(_int),
    "lf": _list_of(_double),
    "ls": _list_of(_text),
    "lr": _list_of(_item),
    "m": _small_map,
}


class Conditions:
    """Random expressions. Most fit their place; some are of another type on purpose."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._own: list[tuple[str, str]] = []
        self._names = 0

    def condition(self, depth: int = 4) -> str:
        """A condition."""
        return self._make("bool", depth).replace("<%", "{").replace("%>", "}")

    def _make(self, kind: str, depth: int) -> str:
        pick = self._random
        if pick.random() < 0.015:
            kind = pick.choice(list(_LEAVES))
        if depth <= 0 or pick.random() < 0.08:
            return self._leaf(kind)
        templates = _SHAPES[kind] if pick.random() < 0.85 else _ANY_SHAPES
        template: str = pick.choice(templates).replace(
            "{any}", "{" + pick.choice(list(_LEAVES)) + "}"
        )
        if "$" in template:
            return self._macro(template, kind, depth)
        return self._filled(template, kind, depth - 1)

    def _filled(self, template: str, kind: str, depth: int) -> str:
        out = ""
        while "{" in template:
            before, rest = template.split("{", 1)
            wanted, template = rest.split("}", 1)
            out += before + self._make(kind if wanted == "same" else wanted, depth)
        return out + template

    def _macro(self, template: str, kind: str, depth: int) -> str:
        pick = self._random
        item, many = pick.choice(
            (("int", "ints"), ("text", "texts"), ("record", "records"), ("dyn", "dyns"))
        )
        if "@same" in template:
            item, many = {"ints": ("int", "ints"), "texts": ("text", "texts")}.get(
                kind, ("record", "records")
            )
        name = f"x{self._names}"
        self._names += 1
        range_ = self._make(many, depth - 2)
        head, tail = template.replace("@same", "").split("$", 1)
        self._own.append((name, item))
        inside = self._filled(tail.replace("#", name), kind, depth - 2)
        self._own.pop()
        return head.replace("@", range_) + inside

    def _leaf(self, kind: str) -> str:
        pick = self._random
        own = [name for name, held in self._own if held == kind]
        records = [name for name, held in self._own if held == "record"]
        if own and pick.random() < 0.6:
            return pick.choice(own)
        if records and pick.random() < 0.6:
            member = {"text": "k", "int": "n", "dyn": "q", "ints": "li"}.get(kind)
            if member:
                return f"{pick.choice(records)}.{member}"
        return pick.choice(_LEAVES[kind])


_LEAVES: dict[str, tuple[str, ...]] = {
    "bool": (
        "v.b",
        "v.b",
        "true",
        "false",
        "has(v.i)",
        "has(d.x)",
        "has(params.s)",
        "has(v.m.z.w)",
    ),
    "int": (
        *("v.i", "v.j", "v.i", "params.n", "v.m.x", "0", "1", "-1", "2", "9223372036854775807"),
        *("-9223372036854775808", "256", "size(v.li)", "v.li[0]", "ghost.x", "d.x"),
    ),
    "double": ("v.f", "v.g", "0.0", "1.5", "-1.0", "100.0", "1e308", "v.lf[0]", "d.y", "-0.0"),
    "text": (
        "v.s",
        "v.r",
        "params.s",
        '""',
        '"a"',
        '"é"',
        '"😀"',
        '"X"',
        "v.m.y",
        "v.ls[0]",
        "d.x",
    ),
    "time": (
        *("v.t", "v.u", 'timestamp("2026-03-01T00:00:00Z")', "timestamp(0)", "d.y"),
        'timestamp("9999-12-31T23:59:59.999999Z")',
    ),
    "span": (
        'duration("1h")',
        'duration("0s")',
        'duration("-90m")',
        'duration("1.5s")',
        "(v.t - v.u)",
    ),
    "ints": ("v.li", "[1, 2, 3]", "[]", "[0]", "v.lr[0].li", "params.l"),
    "texts": ("v.ls", '["a", "b"]', "[v.s]", "params.l"),
    "records": ("v.lr", "v.lr", "d.l"),
    "dyns": ("params.l", "d.l", "v.li", "v.lf", "d.m"),
    "dyn": ("d.x", "d.y", "d.l", "d.m", "d.C", "d.c", "v.m.z.w", "v.m", "params.m", "null", "v.lf"),
    "record": ("v.m", "v.lr[0]", "params.m", "d.m", '<%"x": 1, "y": "a"%>'),
}

_COMPARED = ("==", "!=", "<", "<=", ">", ">=")
_SHAPES: dict[str, tuple[str, ...]] = {
    "bool": (
        *(
            f"({{{kind}}} {sign} {{{kind}}})"
            for kind in ("int", "double", "text", "time", "span")
            for sign in _COMPARED
        ),
        *("({bool} && {bool})", "({bool} || {bool})", "!{bool}", "({bool} ? {bool} : {bool})") * 5,
        *("({int} < {double})", "({int} == {double})", "({double} >= {int})", "({dyn} == {dyn})"),
        *("({dyn} == {any})", "({dyn} < {any})", "({any} in {dyns})", "({int} in {ints})"),
        *(
            "({text} in {texts})",
            "({text} in {record})",
            "({dyn} in {record})",
            "({ints} == {ints})",
        ),
        *("({record} == {record})", "({dyns} == {dyns})", "({texts} != {texts})"),
        *("{text}.startsWith({text})", "{text}.endsWith({text})", "{text}.contains({text})"),
        *('{text}.matches("a.b")', '{text}.matches("^[a-z]*$")', '{dyn}.matches("")'),
        *("@.exists(#, ${bool})", "@.all(#, ${bool})", "@.exists_one(#, ${bool})") * 3,
        *("{record}.exists(k, k == {text})", "{dyn}.all(k, k != {text})", "({int} in [1, {int}])"),
    ),
    "int": (
        *("({int} + {int})", "({int} - {int})", "({int} * {int})", "({int} / {int})") * 2,
        *("({int} % {int})", "-{int}", "size({text})", "size({ints})", "size({record})"),
        *(
            "int({double})",
            "int({dyn})",
            "({bool} ? {int} : {int})",
            "{ints}[{int}]",
            "{text}.indexOf({text})",
        ),
        *("{time}.getFullYear()", "{time}.getMonth()", "{time}.getDate()", "{time}.getHours()"),
        *("{time}.getDayOfYear()", "{time}.getDayOfWeek()", "{time}.getMilliseconds()"),
        *("{span}.getHours()", "{span}.getMinutes()", "{span}.getMilliseconds()", "int({time})"),
        *(
            "size({dyn})",
            "math.greatest({int}, {int})",
            "math.least({int}, {int})",
            "size({records})",
        ),
        *(
            "{time}.getMinutes()",
            "{time}.getSeconds()",
            "{span}.getSeconds()",
            "{time}.getDayOfMonth()",
        ),
    ),
    "double": (
        *("({double} + {double})", "({double} - {double})", "({double} * {double})") * 2,
        *("({double} / {double})", "-{double}", "double({int})", "({bool} ? {double} : {double})"),
        *("math.ceil({double})", "math.floor({double})"),
    ),
    "text": (
        *(
            "({text} + {text})",
            "({bool} ? {text} : {text})",
            "string({int})",
            "{text}.lowerAscii()",
        ),
        *("{text}.charAt({int})", "{text}.substring({int})", "{text}.substring({int}, {int})"),
        *(
            '{text}.replace("X", {text})',
            "{texts}[{int}]",
            "{text}.upperAscii()",
            "{texts}.join('-')",
        ),
        *("string({bool})", '<%"a": {text}, "b": {text}%>[{text}]', '<%"k": {text}%>.k'),
    ),
    "time": (
        "({time} + {span})",
        "({time} - {span})",
        "({bool} ? {time} : {time})",
        "timestamp({int})",
    ),
    "span": (
        "({time} - {time})",
        "({span} + {span})",
        "({span} - {span})",
        "({bool} ? {span} : {span})",
    ),
    "ints": (
        *("({ints} + {ints})", "[{int}, {int}]", "({bool} ? {ints} : {ints})"),
        *("@same@.filter(#, ${bool})", "@.map(#, ${int})", "@.map(#, ${bool}, {int})"),
    ),
    "texts": (
        "[{text}, {text}]",
        "@same@.filter(#, ${bool})",
        "@.map(#, ${text})",
        '{text}.split("X")',
    ),
    "records": ("@same@.filter(#, ${bool})", "({records} + {records})"),
    "dyns": (
        "({dyns} + {dyns})",
        "[{dyn}, {dyn}]",
        "@.map(#, ${dyn})",
        "({bool} ? {dyns} : {dyns})",
    ),
    "dyn": (
        "({dyn} + {dyn})",
        "({bool} ? {dyn} : {any})",
        "{dyns}[{int}]",
        "({bool} ? {int} : {text})",
    ),
    "record": ("({bool} ? {record} : {record})", "{records}[{int}]"),
}
_ANY_SHAPES = (
    "({bool} ? {same} : {same})",
    "({bool} ? {any} : {same})",
    "{dyns}[{int}]",
    "dyn({any})",
)


def conditions(seed: int, count: int) -> list[str]:
    """Random conditions, the same for the same seed."""
    made = Conditions(Random(seed))
    return [made.condition(2 + number % 4) for number in range(count)]
