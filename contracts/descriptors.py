"""The types of a contract's conditions, as protobuf messages made at run time.

They serve to check a condition when the contract is read, and nothing else: see
docs/adr/0002-check-typed-evaluate-on-maps.md. What has no exact type is `dyn`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cel_expr_python import cel
from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from contracts.coercion import Value, is_list, is_map, pointed, single_type
from contracts.model import Contract, Limits

PACKAGE = "writ"
DYN = "google.protobuf.Value"
OBJECT = "google.protobuf.Struct"
TIMESTAMP = "google.protobuf.Timestamp"
LIST_OF = "list "

_SCALARS: dict[str, Any] = {
    "int": Field.TYPE_INT64,
    "double": Field.TYPE_DOUBLE,
    "string": Field.TYPE_STRING,
    "bool": Field.TYPE_BOOL,
}
_JSON_SCALARS = {"integer": "int", "number": "double", "string": "string", "boolean": "bool"}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PYTHON_SCALARS: dict[type[object], str] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
}

_PLACE = {"index": "int", "time": TIMESTAMP}
_STRINGS = "string"


def _strings(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, _STRINGS)


RECORD_TYPES: dict[str, dict[str, str]] = {
    "Money": {"currency": "string", "micros": "int"},
    "Tokens": {"input": "int", "output": "int"},
    "Estimate": {"cost": "writ.Money", "value": "writ.Money"},
    "Policy": _strings("name", "version", "digest"),
    "Delegated": {"by": "string", "since": TIMESTAMP, "until": TIMESTAMP},
    "Action": {
        **_strings("tool", "mode", "permission", "call", "call_id", "channel", "idempotency_key"),
        **_strings("resumes", "compensates", "by", "digest", "decision"),
        **_strings("claimed_version", "claimed_digest"),
        **_PLACE,
        "known": "bool",
        "conforms": "bool",
        "target": DYN,
        "turn": "int",
        "estimate": "writ.Estimate",
        "imported": "bool",
        "selected": "list string",
    },
    "Outcome": {
        **_strings("status", "error", "result_digest"),
        **_PLACE,
        "fields": DYN,
        "cost": "writ.Money",
        "value": "writ.Money",
        "tokens": "writ.Tokens",
        "seconds": "double",
    },
    "Observation": {
        **_strings("kind", "source", "observer", "ref", "digest", "run"),
        **_PLACE,
        "self_attested": "bool",
        "fields": DYN,
        "observed_at": TIMESTAMP,
    },
    "Message": {
        **_strings("role", "content"),
        **_PLACE,
        "turn": "int",
        "cost": "writ.Money",
        "tokens": "writ.Tokens",
    },
    "Approval": {
        **_strings("verdict", "rule", "reason", "by"),
        **_PLACE,
        "expires_at": TIMESTAMP,
    },
    "Switch": {
        **_strings("state", "mode", "selector", "reason", "by"),
        **_PLACE,
        "roles": "list string",
    },
    "Run": {
        **_strings("id", "ref", "service", "goal", "channel", "workflow", "domain", "requester"),
        **_strings("parent", "model", "prompt_digest", "outcome"),
        "time": TIMESTAMP,
        "policy": "writ.Policy",
        "attributes": OBJECT,
        "imported": "bool",
        "value": "writ.Money",
    },
    "Identity": {
        **_strings("id", "owner"),
        "registered": "bool",
        "roles": "list string",
        "permissions": "list string",
        "delegated": "writ.Delegated",
    },
}
"""The members of each variable, as docs/spec/contract-language.md lists them under *Views*."""


class TypeBook:
    """The message types of one contract: the records, its limits, and its tools' parameters.

    Attributes:
        members: The types of the members of each message type, by its full name.
        limits: The type of the limits.
        params: The type of each tool's parameters.
    """

    def __init__(self, contract: Contract) -> None:
        self._file = FileDescriptorProto(name="writ.proto", package=PACKAGE, syntax="proto2")
        self._file.dependency.extend(
            one.DESCRIPTOR.name for one in (struct_pb2, timestamp_pb2, duration_pb2)
        )
        self._count = 0
        self.members: dict[str, dict[str, str]] = {}
        for name, members in RECORD_TYPES.items():
            self._add(name, members)
        self.limits = self._limits(contract.limits)
        self.params = {
            name: self._from_schema(tool.schema, tool.schema, frozenset())
            for name, tool in contract.tools.items()
        }
        self.pool = DescriptorPool()
        for one in (struct_pb2, timestamp_pb2, duration_pb2):
            self.pool.AddSerializedFile(one.DESCRIPTOR.serialized_pb)
        self.pool.Add(self._file)

    def cel_type(self, name: str) -> Value:
        """Return CEL's type of a type's name here."""
        if name.startswith(LIST_OF):
            return cel.Type.List(self.cel_type(name.removeprefix(LIST_OF)))
        if name == DYN:
            return cel.Type.DYN
        if name == OBJECT:
            return cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        return getattr(cel.Type, name.upper()) if name in _SCALARS else cel.Type(name)

    # ------------------------------------------------------------------------ making

    def _add(self, name: str, members: Mapping[str, str]) -> str:
        """Add a message type, and return its full name."""
        message = self._file.message_type.add(name=name)
        for number, (member, kind) in enumerate(members.items(), start=1):
            repeated = kind.startswith(LIST_OF)
            inner = kind.removeprefix(LIST_OF)
            # Names that JSON would write alike are told apart by a name of their own.
            field = message.field.add(name=member, number=number, json_name=f"{number}")
            field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if inner in _SCALARS:
                field.type = _SCALARS[inner]
            else:
                field.type = Field.TYPE_MESSAGE
                field.type_name = f".{inner}"
        self.members[f"{PACKAGE}.{name}"] = dict(members)
        return f"{PACKAGE}.{name}"

    def _fresh(self, members: Mapping[str, str]) -> str:
        self._count += 1
        return self._add(f"Type{self._count}", members)

    def _limits(self, limits: Limits) -> str:
        cases = [limits.plain, *(case for one in limits.levels for case in one.cases.values())]
        if limits.default is not None:
            cases.append(limits.default)
        members: dict[str, str] = {}
        for case in cases:
            for name, value in case.items():
                kind = _of_value(value)
                members[name] = kind if members.get(name, kind) == kind else DYN
        named = all(_IDENTIFIER.fullmatch(name) for name in members)
        return self._fresh(members) if named else OBJECT

    def _from_schema(self, schema: Value, root: Value, seen: frozenset[str]) -> str:
        """Return the type of a JSON Schema; `dyn` where it has none that can be named."""
        if not is_map(schema):
            return DYN
        reference = schema.get("$ref")
        if isinstance(reference, str):
            target = None if reference in seen else pointed(root, reference)
            return self._from_schema(target, root, seen | {reference})
        for union in ("anyOf", "oneOf"):
            if branches := schema.get(union):
                others = [one for one in branches if one != {"type": "null"}]
                return self._from_schema(others[0], root, seen) if len(others) == 1 else DYN
        kind = single_type(schema)
        if kind in _JSON_SCALARS:
            return _JSON_SCALARS[kind]
        if kind == "array":
            inner = self._from_schema(schema.get("items"), root, seen)
            # A list of lists has no message type.
            return f"list {DYN if inner.startswith(LIST_OF) else inner}"
        if kind == "object" or (not kind and "properties" in schema):
            return self._object(schema, root, seen)
        return DYN

    def _object(self, schema: Mapping[str, Any], root: Value, seen: frozenset[str]) -> str:
        properties: dict[str, Any] = schema.get("properties") or {}
        if not properties or not all(_IDENTIFIER.fullmatch(name) for name in properties):
            return OBJECT
        return self._fresh(
            {name: self._from_schema(one, root, seen) for name, one in properties.items()}
        )


def _of_value(value: object) -> str:
    """Return the type of a literal of the contract."""
    if is_list(value):
        kinds: Iterable[str] = {_of_value(item) for item in value}
        inner = next(iter(kinds)) if len(set(kinds)) == 1 else DYN
        return f"list {DYN if inner.startswith(LIST_OF) else inner}"
    if is_map(value):
        return OBJECT
    return _PYTHON_SCALARS.get(type(value), DYN)
