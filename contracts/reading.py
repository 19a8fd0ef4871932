"""From text to document: every error with its file, line and column, and what to do about it.

Reading takes three steps, and each reports all that it finds: the markup (`contracts.markup`), the
document (this module), and what the document means (`contracts.expansion`). A step is taken only
where the one before found nothing, so that one slip gives one error.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_origin

from jsonschema_rs import ValidationError as SchemaError
from jsonschema_rs import validator_for
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.document import Clauses
from contracts.errors import ContractError, ContractErrors, did_you_mean
from contracts.markup import Path, Source, read_markup
from contracts.vocabulary import PATTERNS

# Characters of a wrong value that an error quotes.
SHOWN: Final = 60
NEEDED: Final = {
    "string_type": "a text is needed here",
    "int_type": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "float_type": "a number is needed here",
    "bool_type": "true or false is needed here",
    "tuple_type": "a list is needed here",
    "dict_type": "keys with values are needed here",
    "model_type": "keys with values are needed here",
    "scalar": "a text, a number, true or false is needed here",
    "string_too_short": "a text is needed here, not an empty one",
    "too_short": "at least one item is needed here",
    "condition_empty": "an expression is needed here, not an empty text",
}


@dataclass(frozen=True, slots=True)
class ContractDocument:
    """A contract as read: what it says, and where.

    Attributes:
        clauses: The document.
        source: The text, and the place of each value.
    """

    clauses: Clauses
    source: Source

    @property
    def digest(self) -> str:
        """The SHA-256 of the text in UTF-8, 64 hex digits: the contract's name in a ledger."""
        return hashlib.sha256(self.source.text.encode()).hexdigest()


def parse_contract(text: str | bytes, name: str = "<contract>") -> ContractDocument:
    """Read a contract's text; nothing is expanded and no condition is checked yet.

    Args:
        text: The YAML, at most 1 MiB; bytes must be UTF-8.
        name: What errors call the text, usually its file name.

    Raises:
        ContractErrors: The text is no contract; it holds every error of the step that failed.
    """
    value, source, errors = read_markup(text, name)
    if not isinstance(value, dict):
        problem = "this is no contract: it must begin with keys such as `contract:` and `version:`"
        raise ContractErrors([*errors, source.error("document.type", problem, source.at())])
    document = cast("dict[str, Any]", value)
    nothing = list(_nothing(document, ()))
    errors += [_no_value(source, path) for path in nothing]
    try:
        clauses = Clauses.model_validate_json(json.dumps(document))
    except ValidationError as failure:
        found = failure.errors(include_url=False, include_context=True)
        errors += _document_errors(source, document, found, set(nothing))
    else:
        errors += _schema_errors(source, clauses)
        if not errors:
            return ContractDocument(clauses, source)
    raise ContractErrors(errors)


def _nothing(value: object, path: Path) -> Iterator[Path]:
    """Paths of nulls; in a tool's parameter schema they are meant, anywhere else forgotten."""
    if value is None:
        yield path
    elif isinstance(value, dict) and not (path[:1] == ("tools",) and path[2:] == ("params",)):
        for key, member in cast("dict[str, object]", value).items():
            yield from _nothing(member, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(cast("list[object]", value)):
            yield from _nothing(item, (*path, number))


def _no_value(source: Source, path: Path) -> ContractError:
    subject = f"`{path[-1]}` has no value" if isinstance(path[-1], str) else "an empty item"
    return source.error("value.empty", f"{subject}; give one, or remove it", source.key_at(*path))


# ------------------------------------------------------------------ what the models found


def _document_errors(
    source: Source, document: object, found: Sequence[ErrorDetails], nothing: set[Path]
) -> Iterator[ContractError]:
    paths = {detail["loc"] for detail in found}
    for detail in found:
        loc = tuple(detail["loc"])
        inner = any(len(path) > len(loc) and path[: len(loc)] == loc for path in paths)
        # A list whose every item is wrong is not also too short, and a null has been reported.
        if loc in nothing or (detail["type"] == "too_short" and inner):
            continue
        yield _document_error(source, document, loc, detail)


def _document_error(
    source: Source, document: object, loc: Path, detail: ErrorDetails
) -> ContractError:
    kind = detail["type"]
    if kind == "missing":
        return _missing(source, document, loc)
    if kind == "extra_forbidden":
        return _unknown_key(source, loc)
    if loc[-1] == "[key]":
        return source.error(
            "key.form", f"`{loc[-2]}` must be {_form(detail)}", source.key_at(*loc[:-1])
        )
    if kind == "literal_error":
        return _wrong_word(source, loc, detail)
    if kind == "string_pattern_mismatch":
        message = f"{_shown(detail['input'])} is not {_form(detail)}"
        return source.error("value.form", message, source.at(*loc))
    return _wrong_type(source, loc, detail)


def _form(detail: ErrorDetails) -> str:
    return PATTERNS.get(detail.get("ctx", {}).get("pattern", ""), "a text that is not empty")


def _missing(source: Source, document: object, loc: Path) -> ContractError:
    key, parent = loc[-1], loc[:-1]
    where = f"in `{_dotted(parent)}`" if parent else "in this contract"
    present: list[str] = list(_member(document, parent))
    return source.error(
        "key.missing",
        f"`{key}` is missing {where}; add it",
        source.key_at(*parent),
        did_you_mean(str(key), present).replace("did you mean", "is it misspelt as"),
    )


def _member(value: Any, path: Path) -> Any:  # noqa: ANN401 - any part of a YAML document
    for step in path:
        value = value[step]
    return value


def _unknown_key(source: Source, loc: Path) -> ContractError:
    known = _keys_of(loc[:-1])
    where = f"in `{_dotted(loc[:-1])}`" if loc[:-1] else "in a contract"
    hint = did_you_mean(str(loc[-1]), known) or f"known here: {', '.join(known)}"
    return source.error(
        "key.unknown",
        f"`{loc[-1]}` is not known {where}; correct or remove it",
        source.key_at(*loc),
        hint,
    )


def _keys_of(path: Path) -> list[str]:
    """The keys that the models know at a path of the document."""
    model: type[BaseModel] = Clauses
    within = False
    for step in path:
        if within:  # a list's position, or a key that the author chose
            within = False
            continue
        known = {info.alias or name: info.annotation for name, info in model.model_fields.items()}
        model = next(_models_in(known[str(step)]), model)
        within = get_origin(known[str(step)]) in {dict, tuple}
    return [info.alias or name for name, info in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - typing's own objects
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(cast("Any", annotation), "__args__", ()):
        yield from _models_in(part)


def _wrong_word(source: Source, loc: Path, detail: ErrorDetails) -> ContractError:
    expected = str(detail.get("ctx", {}).get("expected", "")).replace("'", "`")
    words = [word for word in expected.split("`") if word.strip() not in {"", ",", "or"}]
    given = detail["input"]
    message = f"{_shown(given)} cannot stand here; write {expected.replace('True', '`true`')}"
    hint = did_you_mean(given, words) if isinstance(given, str) else ""
    return source.error("value.word", message, source.at(*loc), hint)


def _wrong_type(source: Source, loc: Path, detail: ErrorDetails) -> ContractError:
    given, kind = detail["input"], detail["type"]
    needed = NEEDED.get(kind) or f"{detail['msg'][:1].lower()}{detail['msg'][1:]}"
    number = isinstance(given, bool | int | float)
    hint = "put it in quotes" if kind == "string_type" and number else ""
    message = f"`{_dotted(loc)}` is {_shown(given)}: {needed}"
    return source.error("value.type", message, source.at(*loc), hint)


def _dotted(path: Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).lstrip(".")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= SHOWN else text[:SHOWN] + '...'}`"


# --------------------------------------------------------------------- parameter schemas


def _schema_errors(source: Source, clauses: Clauses) -> Iterator[ContractError]:
    for name, tool in clauses.tools.items():
        if tool.params is None:
            continue
        path: Path = ("tools", name, "params")
        outside = list(_outside_references(tool.params, path))
        for reference in outside:
            yield source.error(
                "schema.reference",
                "a reference out of this contract; write the schema out, or refer to `#/...`",
                source.at(*reference),
            )
        if not outside:
            yield from _invalid_schema(source, tool.params, path)


def _outside_references(schema: object, path: Path) -> Iterator[Path]:
    """What would make a validator look for a schema in a file or on the network."""
    if isinstance(schema, dict):
        for key, value in cast("dict[str, object]", schema).items():
            if key in {"$ref", "$dynamicRef", "$schema", "$id"} and isinstance(value, str):
                if not value.startswith(
                    ("#", "https://json-schema.org/", "http://json-schema.org/")
                ):
                    yield (*path, key)
            else:
                yield from _outside_references(value, (*path, key))
    elif isinstance(schema, list):
        for number, item in enumerate(cast("list[object]", schema)):
            yield from _outside_references(item, (*path, number))


def _invalid_schema(
    source: Source, schema: Mapping[str, object], path: Path
) -> Iterator[ContractError]:
    try:
        validator_for(dict(schema))
    except SchemaError as error:
        place = source.at(*path, *(step for step in error.instance_path))
        yield source.error("schema.invalid", f"no JSON Schema: {error.message}", place)
