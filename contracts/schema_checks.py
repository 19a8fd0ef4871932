"""Whether a value is what a JSON Schema asks for."""

from collections.abc import Mapping

import jsonschema_rs

from contracts.coercion import Value


def _refuse_reference(uri: str) -> Value:
    """Refuse a schema's reference to another document: nothing here may reach a network."""
    raise ValueError(f"{uri}: a schema may only refer to itself")


def validator(schema: Mapping[str, Value]) -> Value:
    """Return the check of a JSON Schema.

    Raises:
        ValueError: It is not a JSON Schema, or refers to another document.
    """
    return jsonschema_rs.validator_for(dict(schema), retriever=_refuse_reference)
