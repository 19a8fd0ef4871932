"""What the models have against a contract, as errors with their place and what to do."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from contracts.errors import ContractError
from contracts.markup import Source
from contracts.policies import SharedPolicy
from contracts.refusals import Form, Refusing, no_value, nulls
from contracts.vocabulary import PATTERNS

M = TypeVar("M", bound=BaseModel)


def checked(
    model: type[M], document: Mapping[str, Any], source: Source
) -> tuple[M | None, list[ContractError]]:
    """Read a document by its model.

    Returns:
        The document as the model has it, None where it does not fit; and every error.
    """
    nothing = list(nulls(document))
    errors = [no_value(source, path) for path in nothing]
    try:
        read = model.model_validate_json(json.dumps(document))
    except ValidationError as failure:
        found = failure.errors(include_url=False, include_context=True)
        errors += Refusing(source, document, _form(model)).errors(found, set(nothing))
        return None, errors
    return read, errors


def _form(model: type[BaseModel]) -> Form:
    name = "shared policy" if model is SharedPolicy else "contract"
    return Form(model, f"a {name}", f"this {name}", PATTERNS)
