"""Quick forms: a record's form checked in one go, where that can be said without doubt.

The models of `ledger.records` call Python for each piece of a record. Here their schemas are
written out again without those calls, narrower where a call did what a schema cannot: what is
found well formed here the model would accept too. What is not is asked of the model.
Source: docs/spec/ledger-format.md, *Record*; docs/adr/0014.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from pydantic_core import SchemaValidator

from ledger import records
from ledger.errors import RecordError

Schema = Mapping[str, Any]

_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
# Every moment that matches there is; the others (29 February, years before 1000) are asked.
TIME = rf"[1-9][0-9]{{3}}-{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{6}}Z"
# No segment begins with a dot, so that none is . or ..
_IDENTITY = r"^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$"

# What a validator in Python does, said in a schema. By its name: one without is not guessed at.
_CALLS: Mapping[str, Schema] = {
    "_real_time": {"type": "str", "pattern": f"^{TIME}$", "strict": True},
    "_no_dot_segments": {
        "type": "str",
        "pattern": _IDENTITY,
        "max_length": 2048,
        "strict": True,
    },
}
# Kinds that operation is made of. The others are few, and their models look at more than form.
QUICK: Mapping[str, type[records.AnyRecord]] = {
    "message": records.Message,
    "observation": records.Observation,
    "action": records.Action,
    "approval": records.Approval,
    "outcome": records.Outcome,
    "stream-close": records.StreamClose,
    "review": records.Review,
}
QUICK_RUNS: Mapping[str, type[records.AnyRecord]] = {
    "opened": records.RunOpened,
    "closed": records.RunClosed,
}


class _UnknownError(Exception):
    """A schema holds something that is not known here."""


def well_formed(value: Mapping[str, Any], raw: bytes) -> bool:
    """Return whether this is a record of a known kind, with the fields of one.

    Args:
        value: The record as plain data, read from strict JSON.
        raw: Its bytes.
    """
    kind, phase = value.get("kind"), value.get("phase")
    named = QUICK_RUNS.get(phase) if kind == "run" and isinstance(phase, str) else None
    model = named or (QUICK.get(kind) if isinstance(kind, str) else None)
    # A null is refused in some places and not in others: the model knows them.
    if model is not None and b":null" not in raw:
        check = checker(model)
        if check is not None and check(value):
            return True
    try:
        records.read_record(value)
    except RecordError:
        return False
    return True


@cache
def checker(model: type[records.AnyRecord]) -> Callable[[object], bool] | None:
    """Return what says that a value is in this model's form; None where there is no quick way."""
    schema: Schema = model.__pydantic_core_schema__
    try:
        quick = _quick(schema, {})
    except _UnknownError:
        return None
    return SchemaValidator(cast("Any", quick)).isinstance_python


def _quick(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    """Return a schema that accepts nothing that this one does not, and calls no Python."""
    kind = cast("str", schema["type"])
    if kind == "definitions":
        named = {one["ref"]: one for one in schema["definitions"]}
        return _quick(schema["schema"], {**known, **named})
    if kind == "definition-ref":
        return _quick(known[schema["schema_ref"]], known)
    if kind in {"default", "nullable"}:
        return _quick(schema["schema"], known)
    if kind in {"str", "int", "bool", "literal", "any"}:
        return {**schema, "strict": True} if kind in {"str", "int", "bool"} else schema
    return _made_of_others(kind, schema, known)


def _made_of_others(kind: str, schema: Schema, known: Mapping[str, Schema]) -> Schema:
    if kind == "model":
        return _object(schema["schema"], known)
    if kind == "tuple" and schema.get("variadic_item_index") == 0:
        items = _quick(schema["items_schema"][0], known)
        return {"type": "list", "items_schema": items, "strict": True}
    if kind == "dict":
        return {"type": "dict", "keys_schema": {"type": "str"}, "strict": True}
    if kind == "union":
        return {"type": "union", "choices": [_quick(one, known) for one in schema["choices"]]}
    if kind == "function-after":
        name = cast("str", getattr(schema["function"]["function"], "__name__", ""))
        if name == "_true":
            return {"type": "literal", "expected": [True]}
        if name in _CALLS:
            return _CALLS[name]
    raise _UnknownError(kind)


def _object(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object with these fields and no others."""
    function = schema.get("function", {}).get("function")
    if schema["type"] != "function-before" or function.__name__ != "_refuse_null":
        raise _UnknownError(schema["type"])
    fields = schema["schema"]
    if fields["type"] != "model-fields":
        raise _UnknownError(fields["type"])
    return {
        "type": "typed-dict",
        "extra_behavior": "forbid",
        "strict": True,
        "fields": {
            field.get("validation_alias", name): {
                "type": "typed-dict-field",
                "schema": _quick(field["schema"], known),
                "required": _required(field["schema"]),
            }
            for name, field in fields["fields"].items()
        },
    }


def _required(schema: Schema) -> bool:
    """Return whether a field has to be there; one with a default of its own is, on the wire."""
    return schema["type"] != "default" or schema.get("default") is not None
