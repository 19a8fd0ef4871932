"""Where a condition hangs on the order of a map, which has none.

A macro over a map goes through its keys in an order that nothing promises. What it answers does not
hang on that (`all`, `exists`), unless it makes a list (`map`, `filter`) and something then asks for
a place in that list, joins it, or holds it against a list.
"""

from collections.abc import Iterator
from typing import Final

from contracts.coercion import Value, is_map, pointed, single_type
from contracts.evaluation import shared_evaluator
from contracts.model import Contract
from contracts.trees import KIND, Node

_ORDERED: Final = frozenset({"_[_]", "join", "_==_", "_!=_"})
_LISTS: Final = frozenset({"evidence"})
_CALLED_FACTS: Final = 2


def order_matters(contract: Contract, tool: str, text: str) -> bool:
    """Return whether a condition on the calls of a tool may hang on the order of a map."""
    tree = shared_evaluator().compile(text).tree() if text else None
    return tree is not None and any(_hangs(contract, tool, node) for node in _nodes(tree))


def _hangs(contract: Contract, tool: str, node: Node) -> bool:
    if node.WhichOneof(KIND) != "call_expr" or node.call_expr.function not in _ORDERED:
        return False
    call = node.call_expr
    asked = [*([call.target] if call.HasField("target") else []), *call.args]
    return any(_made_of_map(contract, tool, one) for one in asked)


def _made_of_map(contract: Contract, tool: str, node: Node) -> bool:
    """Return whether this is a list that a macro made, and not certainly of a list."""
    if node.WhichOneof(KIND) != "comprehension_expr":
        return False
    fold = node.comprehension_expr
    if fold.accu_init.WhichOneof(KIND) != "list_expr":
        return False
    made = fold.iter_range
    if made.WhichOneof(KIND) == "comprehension_expr":
        return _made_of_map(contract, tool, made)
    return not _is_list(contract, tool, made)


def _is_list(contract: Contract, tool: str, node: Node) -> bool:
    if node.WhichOneof(KIND) == "list_expr":
        return True
    steps = _steps(node)
    if (
        not steps
        or steps[0] in _LISTS
        or steps[:2] in {("identity", "roles"), ("identity", "permissions")}
    ):
        return bool(steps)
    if steps[0] == "facts" and len(steps) == _CALLED_FACTS:
        # A fact by a list of keys gives a list; one that gives a map is not told from it here.
        return any(
            fact.name == steps[1] and (fact.aggregate == "list" or bool(fact.by))
            for fact in contract.facts
        )
    return steps[0] == "params" and _schema_is_list(contract, tool, steps[1:])


def _schema_is_list(contract: Contract, tool: str, steps: tuple[str, ...]) -> bool:
    root = contract.tools[tool].schema if tool in contract.tools else None
    schema: Value = root
    for step in steps:
        schema = _member(_member(schema, "properties"), step)
        if isinstance(reference := _member(schema, "$ref"), str):
            schema = pointed(root, reference)
    return is_map(schema) and single_type(schema) == "array"


def _member(holder: Value, name: str) -> Value:
    return holder.get(name) if is_map(holder) else None


def _steps(node: Node) -> tuple[str, ...]:
    kind = node.WhichOneof(KIND)
    if kind == "ident_expr":
        return (str(node.ident_expr.name),)
    if kind == "select_expr":
        before = _steps(node.select_expr.operand)
        return (*before, str(node.select_expr.field)) if before else ()
    return ()


def _nodes(node: Node) -> Iterator[Node]:
    """Yield a node and all within it."""
    yield node
    for part in _within(node):
        yield from _nodes(part)


def _within(node: Node) -> list[Node]:
    kind = node.WhichOneof(KIND)
    if kind == "select_expr":
        return [node.select_expr.operand]
    if kind == "call_expr":
        call = node.call_expr
        return [*([call.target] if call.HasField("target") else []), *call.args]
    if kind == "list_expr":
        return list(node.list_expr.elements)
    if kind == "struct_expr":
        return [entry.value for entry in node.struct_expr.entries]
    if kind == "comprehension_expr":
        return [node.comprehension_expr.iter_range, node.comprehension_expr.loop_step]
    return []
