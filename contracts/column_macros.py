"""CEL's macros on terms. A macro's test is made once for each element, by a lambda.

Never by unnesting: a subquery for each row costs many times as much, and loses the order.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from contracts.column_names import fresh
from contracts.column_shapes import BOOL, INT, ListOf
from contracts.column_terms import Term, bound, known_items, truth_sql, where_known, within
from contracts.trees import KIND, Node

Macro = tuple[str, Node | None, Node | None]
"""Its name, its test, and what it gives for each element."""


def macro_of(node: Node) -> Macro | None:
    """Return a macro's name, its test and what it gives for each element."""
    step = node.loop_step.call_expr
    begin = node.accu_init.WhichOneof(KIND)
    if begin == "list_expr":
        return _mapping(step)
    kind = node.accu_init.const_expr.WhichOneof(KIND)
    if kind == "int64_value" and step.function == "_?_:_":
        return "exists_one", step.args[0], None
    names = {("_||_", False): "exists", ("_&&_", True): "all"}
    name = names.get((step.function, node.accu_init.const_expr.bool_value))
    return None if name is None or kind != "bool_value" else (name, step.args[1], None)


def _mapping(step: Node) -> Macro | None:
    if step.function == "_+_":
        return "map", None, step.args[1].list_expr.elements[0]
    if step.function == "_?_:_":
        given = step.args[1].call_expr.args[1].list_expr.elements[0]
        return "map", step.args[0], given
    return None


ORDERLESS: Final = frozenset({"exists", "all", "exists_one"})


def _codes(many: Term, name: str, test: Term, first: int) -> str:
    """Return the list of what a test says of each element: 0 false, 1 an error, 2 true.

    It begins with a number of its own, so that an empty list has a least and a greatest code. `||`
    gives NULL for a list that is NULL; `list_concat` would not.
    """
    code = f"CAST(coalesce(CAST({truth_sql(test)} AS TINYINT) * 2, 1) AS TINYINT)"
    each = f"list_transform({many.sql}, lambda {name}: {code})"
    return f"([CAST({first} AS TINYINT)] || {each})"


def _exists(many: Term, name: str, test: Term) -> Term:
    """Return `exists`: one true decides it, whatever errors there are beside."""
    code = f"list_max({_codes(many, name, test, 0)})"
    return Term(f"CASE {code} WHEN 2 THEN true WHEN 0 THEN false END", BOOL)


def _all(many: Term, name: str, test: Term) -> Term:
    """Return `all`: one false decides it, whatever errors there are beside."""
    code = f"list_min({_codes(many, name, test, 2)})"
    return Term(f"CASE {code} WHEN 2 THEN true WHEN 0 THEN false END", BOOL)


def _exists_one(many: Term, name: str, test: Term) -> Term:
    """Return `exists_one`: it counts, so every error is its own."""
    codes = Term(_codes(many, name, test, 0), ListOf(INT))

    def use(ready: Term) -> Term:
        each = fresh()
        true = f"list_filter({ready.sql}, lambda {each}: {each} = 2)"
        sql = f"CASE WHEN NOT list_contains({ready.sql}, 1) THEN len({true}) = 1 END"
        return Term(sql, BOOL)

    return bound(codes, use)


def filtered(many: Term, name: str, test: Term) -> Term:
    """Return the elements for which a test is true: an error if it is one for any of them."""
    tests = Term(f"list_transform({many.sql}, lambda {name}: {truth_sql(test)})", ListOf(BOOL))

    def use(ready: Term) -> Term:
        item, place = fresh(), fresh()
        kept = f"list_filter({many.sql}, lambda {item}, {place}: {ready.sql}[{place}])"
        known = known_items(ready)
        return where_known([known], replace(many, sql=kept, simple=False))

    return bound(tests, use)


def transformed(many: Term, name: str, each: Term) -> Term:
    """Return what is made of each element: an error if it is one for any of them."""
    sql = f"list_transform({many.sql}, lambda {name}: {each.sql})"
    made = Term(sql, ListOf(each.shape), length=many.length, inner=within([each]), sure=many.sure)
    return made if each.sure else bound(made, known_items)


MACROS: Final[Mapping[str, Callable[[Term, str, Term], Term]]] = {
    "exists": _exists,
    "all": _all,
    "exists_one": _exists_one,
}
