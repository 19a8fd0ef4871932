"""Every operator and function on every kind of operand: what CEL has no overload for is an error.

CEL's checker never sees the type of a view's member, so what counts is what its evaluator accepts,
and that is more than the language's definition lists.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from contracts.coercion import Value
from tests.contracts.columnwise import Compared, Sides

VALUES: Final[dict[str, tuple[Value, Value]]] = {
    "null": ([None], [None]),
    "bool": (True, False),
    "int": (3, -2),
    "double": (2.5, 1.0),
    "text": ("ab", "b"),
    "time": (datetime(2026, 3, 1, tzinfo=UTC), datetime(1969, 12, 31, 1, tzinfo=UTC)),
    "span": (timedelta(hours=-2), timedelta(microseconds=1)),
    "list": ([1, 2], [2]),
    "texts": (["a", "b"], ["b"]),
    "map": ({"a": 1, "b": 2}, {"b": 2}),
}
LEFT: Final = "v.left"
RIGHT: Final = "v.right"
ONE: Final = (
    *("!{0}", "-{0}", "size({0})", "int({0})", "double({0})", "string({0})", "bool({0})"),
    *("timestamp({0})", "duration({0})", "dyn({0})", "{0}.a", "has({0}.a)", "{0}.lowerAscii()"),
    *("{0}.upperAscii()", "{0}.join()", '{0}.matches("a")', '{0}.split("a")', "{0}[0]"),
    *("{0}.getFullYear()", "{0}.getMonth()", "{0}.getDate()", "{0}.getDayOfMonth()"),
    *("{0}.getDayOfYear()", "{0}.getDayOfWeek()", "{0}.getHours()", "{0}.getMinutes()"),
    *("{0}.getSeconds()", "{0}.getMilliseconds()", "math.ceil({0})", "math.floor({0})"),
    *("math.trunc({0})", "{0}.exists(x, true)", "{0}.all(x, false)", "{0}.exists_one(x, true)"),
    *("{0}.map(x, x)", "{0}.filter(x, true)", "{0} ? 1 : 2", "{0} && true", "{0} || true"),
    *("[{0}]", "[{0}, {0}]", '{{"a": {0}}}', '{{"a": 1}}[{0}]', "[{0}].exists(x, x)"),
    *("{0} == null", "null in [{0}]"),
)
TWO: Final = (
    *("{0} == {1}", "{0} != {1}", "{0} < {1}", "{0} <= {1}", "{0} > {1}", "{0} >= {1}"),
    *("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / {1}", "{0} % {1}", "{0} && {1}", "{0} || {1}"),
    *("{0} in {1}", "{0}[{1}]", "{0}.startsWith({1})", "{0}.endsWith({1})", "{0}.contains({1})"),
    *("{0}.indexOf({1})", "{0}.charAt({1})", "{0}.substring({1})", "{0}.join({1})"),
    *("{0}.join('-')", '{0}.replace("a", {1})', "math.greatest({0}, {1})", "math.least({0}, {1})"),
    *("true ? {0} : {1}", "[[{0}]] == [[{1}]]", '{{"a": {0}}} == {{"a": {1}}}'),
)


def _operand(kind: str, place: str) -> str:
    return f"{place}[0]" if kind == "null" else place  # a view has null in lists only


@pytest.mark.parametrize("left", VALUES)
def test_each_operator_has_the_overloads_that_cel_has(left: str) -> None:
    """For each two kinds, each operator has CEL's value, or an error where CEL has one."""
    for right in VALUES:
        rows = [{"v": {"left": one, "right": two}} for one in VALUES[left] for two in VALUES[right]]
        given = _operand(left, LEFT), _operand(right, RIGHT)
        texts = [text.format(*given) for text in TWO]
        texts += [text.format(given[0]) for text in ONE] if right == left else []
        # The verdict is a bool: of other values it is asked whether they are there.
        asked = [f"[{text}] == [{text}]" for text in texts]
        told = Compared()
        Sides(rows, ("v",)).compare([*texts, *asked], told)
        assert told.differences == []
