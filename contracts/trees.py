"""The tree of a condition, as CEL's own parser made it.

A compiled expression can be written out as a protocol buffer (`cel.expr.CheckedExpr`). Only what
is read of it here is declared; the numbers are those of CEL's published `syntax.proto`.
Nothing is parsed a second time: what a tree says is what CEL evaluates.
"""

from typing import Any, TypeAlias

from google.protobuf import any_pb2, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

Node: TypeAlias = Any
"""A `cel.expr.Expr`: `WhichOneof("kind")` says which of its members it is."""

PACKAGE = "writ.tree"
KIND = "kind"

# Member: number, type. A type in capitals is a message of this file; `*` marks a list, and what
# stands under `kind` excludes one another.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Tree": {"expr": (4, "Expr")},
    "Expr": {
        "const_expr": (3, "Constant"),
        "ident_expr": (4, "Ident"),
        "select_expr": (5, "Select"),
        "call_expr": (6, "Call"),
        "list_expr": (7, "List"),
        "struct_expr": (8, "Struct"),
        "comprehension_expr": (9, "Fold"),
    },
    "Constant": {
        "null_value": (1, "int64"),
        "bool_value": (2, "bool"),
        "int64_value": (3, "int64"),
        "uint64_value": (4, "uint64"),
        "double_value": (5, "double"),
        "string_value": (6, "string"),
        "bytes_value": (7, "bytes"),
    },
    "Ident": {"name": (1, "string")},
    "Select": {"operand": (1, "Expr"), "field": (2, "string"), "test_only": (3, "bool")},
    "Call": {"target": (1, "Expr"), "function": (2, "string"), "args": (3, "*Expr")},
    "List": {"elements": (1, "*Expr"), "optional_indices": (2, "*int32")},
    "Struct": {"message_name": (1, "string"), "entries": (2, "*Entry")},
    "Entry": {
        "map_key": (3, "Expr"),
        "value": (4, "Expr"),
        "optional_entry": (5, "bool"),
    },
    "Fold": {
        "iter_var": (1, "string"),
        "iter_range": (2, "Expr"),
        "accu_var": (3, "string"),
        "accu_init": (4, "Expr"),
        "loop_condition": (5, "Expr"),
        "loop_step": (6, "Expr"),
        "result": (7, "Expr"),
        "iter_var2": (8, "string"),
    },
}
_EXCLUSIVE = frozenset({"Expr", "Constant"})


def tree_of(written: bytes) -> Node | None:
    """Return the tree of an expression that CEL wrote out, None where it is nested too deep."""
    try:
        tree = _TREE.FromString(any_pb2.Any.FromString(written).value)
    except DecodeError:
        return None
    return tree.expr


def _tree_class() -> Any:  # noqa: ANN401  (a class that is made here)
    file = FileDescriptorProto(name="writ_tree.proto", package=PACKAGE, syntax="proto3")
    for name, members in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in _EXCLUSIVE:
            message.oneof_decl.add(name=KIND)
        for member, (number, kind) in members.items():
            field = message.field.add(name=member, number=number)
            repeated = kind.startswith("*")
            inner = kind.removeprefix("*")
            field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if inner in _MESSAGES:
                field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{inner}"
            else:
                field.type = Field.Type.Value(f"TYPE_{inner.upper()}")
            if name in _EXCLUSIVE:
                field.oneof_index = 0
    pool = DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Tree"))


_TREE = _tree_class()


def names_in(tree: Any) -> frozenset[str]:  # noqa: ANN401 - a node, or none
    """Return every name in a tree that may be that of a member: selected, or said as a text."""
    found: set[str] = set()
    nodes = [] if tree is None else [tree]
    while nodes:
        node = nodes.pop()
        for part, value in node.ListFields():
            if part.name in {"field", "string_value"}:
                found.add(value)
            elif part.message_type is not None:
                nodes.extend([value] if hasattr(value, "ListFields") else value)
    return frozenset(found)
