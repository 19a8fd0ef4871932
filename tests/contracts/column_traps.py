"""Conditions that have tripped one engine or the other, with what CEL says of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from contracts.coercion import Value

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE: Final = datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
VIEW: Final[Mapping[str, Value]] = {
    "v": {
        "b": True,
        "i": 2**63 - 1,
        "j": -(2**63),
        "zero": 0,
        "f": 1e308,
        "s": "e\u0301😀",
        "t": NOON,
        "u": BEFORE,
        "li": [1, 2, 3],
        "lr": [{"k": "a", "n": 1}, {"k": "b"}],
        "m": {"x": 1, "y": "a"},
        "none": [],
    },
    "d": {"C": 1, "c": "one", "l": [1, "a", None, 2.0, True], "x": "text", "n": 2**53 + 1},
}
LONG: Final[Mapping[str, Value]] = {"v": {"li": [1] * 200}, "d": {"x": 1, "l": []}}

TRAPS: Final[Mapping[str, bool | None]] = {
    # integers
    "v.i + 1 > 0": None,
    "v.i + 1 > 0 || true": True,
    "v.i * v.i > 0": None,
    "-v.j > 0": None,
    "v.i + v.j == -1": True,
    "v.j / -1 > 0": None,
    "v.j % -1 == 0": None,
    "-7 / 2 == -3 && -7 % 2 == -1": True,
    "1 / v.zero == 1": None,
    "1 % v.zero == 1": None,
    "1 / v.zero == 1 && false": False,
    # doubles
    "0.1 + 0.2 == 0.3": False,
    "100.0 * 1.1 == 110.00000000000001": True,
    "v.f * 10.0 > v.f": True,
    "v.f * 10.0 - v.f * 10.0 == v.f * 10.0 - v.f * 10.0": False,
    "v.f * 10.0 - v.f * 10.0 > 1.0": False,
    "0.0 / 0.0 == v.absent": None,
    "1.0 / 0.0 > v.f": True,
    "0.0 == -0.0": True,
    "int(v.f) > 0": None,
    # types
    "d.x == 1": False,
    "d.x != 1": True,
    "d.x < 1": None,
    "d.x && true": None,
    "d.x && false": False,
    "d.x || true": True,
    "d.C == 1 && d.c == 'one'": True,
    "d.C == 1.0": True,
    "d.n == 9007199254740992.0": True,
    "d.l == [1, 'a', null, 2, true] || true": True,
    "d.l[2] == null": True,
    "1 in d.l && 2 in d.l && null in d.l": True,
    "d.x == 'text' ? true : false": True,
    "d.x ? true : true": None,
    # what is not there
    "has(v.absent)": False,
    "has(v.absent.more)": None,
    "has(v.i.more)": None,
    "v.absent == 1": None,
    "!(v.absent == 1)": None,
    "v.absent == 1 || true": True,
    "v.absent == 1 ? true : true": None,
    "ghost.x == 1": None,
    "has(ghost.x)": None,
    "v.m == {'x': 1, 'y': 'a'}": True,
    "v.m == {'x': 1}": False,
    "size(v.m) == 2 && 'x' in v.m && !('z' in v.m)": True,
    "1 in v.m": False,
    "null in v.m": None,
    "{'a': 1, 'b': v.absent}['a'] == 1": None,
    # lists and macros
    "v.li[-1] == 3": None,
    "v.li[3] == 3": None,
    "v.li[9223372036854775807] == 1": None,
    "v.li[1.0] == 2": True,
    "v.li.exists(x, x / (x - 1) == 2)": True,
    "v.li.exists(x, x / (x - 1) == 9)": None,
    "v.li.all(x, x / (x - 1) == 9)": False,
    "v.li.all(x, x / (x - 1) < 9)": None,
    "v.li.exists_one(x, x / (x - 1) == 2)": None,
    "v.li.exists_one(x, x == 2)": True,
    "v.lr.exists(x, x.n == 1)": True,
    "v.lr.all(x, has(x.n) ? x.n == 1 : x.k == 'b')": True,
    "v.lr.filter(x, x.n == 1).size() == 1": None,
    "v.lr.map(x, x.n).size() == 2": None,
    "v.li.map(x, x > 1, 6 / (x - 1)) == [6, 3]": True,
    "v.li.filter(x, x > 1) == [2, 3]": True,
    "v.none.exists(x, x == 1)": False,
    "v.none.all(x, x == 1)": True,
    "v.none.exists_one(x, x == 1)": False,
    "v.absent.exists(x, true)": None,
    "v.b.exists(x, true)": None,
    "v.li.all(x, v.li.exists(y, y == x))": True,
    "v.li.map(x, v.li.filter(y, y < x)).exists(z, z == [1, 2])": True,
    "v.m.exists(k, k == 'x') && v.m.all(k, has(v.m.x))": True,
    "v.absent in []": None,
    "v.absent in v.none": None,
    # texts and times
    "size(v.s) == 3": True,
    "v.s.startsWith('')": True,
    "v.x.contains('')": None,
    "'a\\nb'.matches('a.b')": False,
    "'abc'.matches('b')": True,
    "'\\uffff' < '😀'": True,
    "'abc'.charAt(3) == ''": True,
    "'abc'.charAt(4) == ''": None,
    "'ÀB'.lowerAscii() == 'Àb'": True,
    "v.t + duration('1h') > v.t": True,
    "timestamp('9999-12-31T23:59:59.999999Z') + duration('0.000001s') > v.t": None,
    "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z') > duration('1s')": None,
    "int(v.u) == -1 && v.u.getHours() == 23 && v.u.getMilliseconds() == 500": True,
    "duration('-1.5s').getMilliseconds() == -500": True,
    "v.t == 'text'": False,
}
BUDGETED: Final = "v.li.all(x, v.li.all(y, true))"
NANOSECOND: Final = "duration('0.000000001s') > duration('0s')"
