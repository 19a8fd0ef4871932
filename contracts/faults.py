"""What the models have against a document, as errors with their place and what to do."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.errors import ContractError, did_you_mean
from contracts.markup import Path, Source
from contracts.policies import SharedPolicy
from contracts.vocabulary import PATTERNS

M = TypeVar("M", bound=BaseModel)

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
class Read:
    """A document, its model and its text."""

    model: type[BaseModel]
    document: Mapping[str, Any]
    source: Source

    @property
    def name(self) -> str:
        """What a person calls such a document."""
        return "shared policy" if self.model is SharedPolicy else "contract"


def checked(
    model: type[M], document: Mapping[str, Any], source: Source
) -> tuple[M | None, list[ContractError]]:
    """Read a document by its model.

    Returns:
        The document as the model has it, None where it does not fit; and every error.
    """
    nothing = list(_nothing(document, ()))
    errors = [_no_value(source, path) for path in nothing]
    try:
        read = model.model_validate_json(json.dumps(document))
    except ValidationError as failure:
        found = failure.errors(include_url=False, include_context=True)
        errors += _document_errors(Read(model, document, source), found, set(nothing))
        return None, errors
    return read, errors


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
    read: Read, found: Sequence[ErrorDetails], nothing: set[Path]
) -> Iterator[ContractError]:
    paths = {detail["loc"] for detail in found}
    for detail in found:
        loc = tuple(detail["loc"])
        inner = any(len(path) > len(loc) and path[: len(loc)] == loc for path in paths)
        # A list whose every item is wrong is not also too short, and a null has been reported.
        if loc in nothing or (detail["type"] == "too_short" and inner):
            continue
        yield _document_error(read, loc, detail)


def _document_error(read: Read, loc: Path, detail: ErrorDetails) -> ContractError:
    kind, source = detail["type"], read.source
    if kind == "missing":
        return _missing(read, loc)
    if kind == "extra_forbidden":
        return _unknown_key(read, loc)
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


def _missing(read: Read, loc: Path) -> ContractError:
    key, parent, source = loc[-1], loc[:-1], read.source
    where = f"in `{_dotted(parent)}`" if parent else f"in this {read.name}"
    present: list[str] = list(_member(read.document, parent))
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


def _unknown_key(read: Read, loc: Path) -> ContractError:
    known, source = _keys_of(read.model, loc[:-1]), read.source
    where = f"in `{_dotted(loc[:-1])}`" if loc[:-1] else f"in a {read.name}"
    hint = did_you_mean(str(loc[-1]), known) or f"known here: {', '.join(known)}"
    return source.error(
        "key.unknown",
        f"`{loc[-1]}` is not known {where}; correct or remove it",
        source.key_at(*loc),
        hint,
    )


def _keys_of(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the models know at a path of the document."""
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
